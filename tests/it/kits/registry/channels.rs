//! Channels: a message is delivered once, or still there, or was never sent.

use super::{Case, Count, Flag, Other, Subject, without_budget};
use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};
use sync::{mpsc, oneshot};

pub(super) const ALL: &[Case] = &[
    Case { future: "sync::oneshot::Receiver", make: oneshot_receiver },
    Case { future: "sync::oneshot::Receiver", make: oneshot_receiver_by_value },
    Case { future: "sync::oneshot::Closed", make: oneshot_closed },
    Case {
        future: "sync::mpsc::send::Send",
        make: || {
            sending(|sender, sent| async move {
                sender.send(Message::new(true)).await.unwrap();
                sent.add(1);
            })
        },
    },
    Case {
        future: "sync::mpsc::send::Reserve",
        make: || {
            sending(|sender, sent| async move {
                let permit = sender.reserve().await.unwrap();
                sent.add(1);
                permit.send(Message::new(true));
            })
        },
    },
    Case {
        future: "sync::mpsc::send::ReserveMany",
        make: || {
            sending(|sender, sent| async move {
                let mut permits = sender.reserve_many(2).await.unwrap();
                sent.add(1);
                permits.next().unwrap().send(Message::new(true));
            })
        },
    },
    Case {
        future: "sync::mpsc::sender::ReserveOwned",
        make: || {
            sending(|sender, sent| {
                let reserve = sender.reserve_owned();
                async move {
                    let permit = reserve.await.unwrap();
                    sent.add(1);
                    permit.send(Message::new(true));
                }
            })
        },
    },
    Case { future: "sync::mpsc::closing::Closed", make: mpsc_closed },
    Case { future: "sync::mpsc::recv::Recv", make: recv },
    Case { future: "sync::mpsc::recv::Recv", make: recv_unbounded },
    Case { future: "sync::mpsc::recv::RecvMany", make: recv_many },
    Case { future: "sync::mpsc::recv::Recv", make: recv_without_budget },
];

/// What is sent: says whether it is the subject's.
#[derive(Debug)]
struct Message {
    is_subjects: bool,
}

impl Message {
    fn new(is_subjects: bool) -> Self {
        Self { is_subjects }
    }
}

/// Polled by reference: what was not received can still be.
fn oneshot_receiver() -> Subject {
    let (sender, receiver) = oneshot::channel();
    let (value, done) = (Rc::new(()), Flag::default());
    let (sender, receiver) = (Cell::new(Some(sender)), Rc::new(RefCell::new(receiver)));
    let (theirs, is_done, polled) = (value.clone(), done.clone(), receiver.clone());
    let sent = Flag::default();
    let is_sent = sent.clone();
    let step = Rc::new(move || {
        if let Some(sender) = sender.take() {
            is_sent.set();
            sender.send(theirs.clone()).unwrap();
        }
    });
    let future = Box::pin(async move {
        poll_fn(|cx| Pin::new(&mut *polled.borrow_mut()).poll(cx)).await.unwrap();
        is_done.set();
    });
    let check = Box::new(move || {
        let is_there = receiver.borrow_mut().try_recv().is_ok();
        assert_eq!(is_there, sent.get() && !done.get(), "the value is lost");
        drop(receiver);
        assert_eq!(Rc::strong_count(&value), 1, "the value leaks");
    });
    Subject { future, step, check }
}

/// Dropped, it refuses the value.
fn oneshot_receiver_by_value() -> Subject {
    let (sender, receiver) = oneshot::channel();
    let value = Rc::new(());
    let (sender, theirs) = (Cell::new(Some(sender)), value.clone());
    let step = Rc::new(move || {
        if let Some(sender) = sender.take() {
            // An error if the future is gone.
            drop(sender.send(theirs.clone()));
        }
    });
    let future = Box::pin(async move { drop(receiver.await) });
    let check = Box::new(move || assert_eq!(Rc::strong_count(&value), 1, "the value leaks"));
    Subject { future, step, check }
}

/// A step drops the receiver.
fn oneshot_closed() -> Subject {
    let (sender, receiver) = oneshot::channel();
    let sender = Rc::new(RefCell::new(Some(sender)));
    let receiver = Rc::new(Cell::new(Some(receiver)));
    let (theirs, dropped) = (sender.clone(), receiver.clone());
    let future = Box::pin(async move {
        theirs.borrow_mut().as_mut().unwrap().closed().await;
    });
    let step = Rc::new(move || drop(dropped.take()));
    let check = Box::new(move || {
        let sender = sender.take().unwrap();
        match receiver.take() {
            Some(mut receiver) => {
                sender.send(7).unwrap();
                assert_eq!(receiver.try_recv(), Ok(7));
            }
            None => assert_eq!(sender.send(7), Err(7)),
        }
    });
    Subject { future, step, check }
}

/// The channel has room for two, and is full. A step receives one message.
fn sending<F: Future<Output = ()> + 'static>(
    make: impl FnOnce(mpsc::Sender<Message>, Count) -> F,
) -> Subject {
    let (sender, receiver) = mpsc::channel(2);
    for _ in 0..2 {
        sender.try_send(Message::new(false)).unwrap();
    }
    let received = Received { receiver: RefCell::new(receiver), subjects: Count::default() };
    let (received, sent) = (Rc::new(received), Count::default());
    let future = Box::pin(make(sender.clone(), sent.clone()));
    let theirs = sender.clone();
    let other = Other::new(async move { drop(theirs.reserve().await) });
    let step = {
        let (received, other, sender) = (received.clone(), other.clone(), sender.clone());
        Rc::new(move || {
            other.is_served();
            if !received.take_one() {
                // Called back while it receives, or nothing there: touch the channel.
                let _ = sender.try_reserve();
            }
        })
    };
    let check = Box::new(move || {
        while received.take_one() {}
        assert!(other.is_served(), "the next in line is not served");
        while received.take_one() {}
        assert_eq!(received.subjects.get(), sent.get(), "a message is lost, or sent by nobody");
        assert_eq!(sender.capacity(), sender.max_capacity(), "room is lost");
        assert_eq!(sender.try_reserve_many(2).unwrap().len(), 2);
    });
    Subject { future, step, check }
}

/// The end of a channel at which messages are counted.
struct Received {
    receiver: RefCell<mpsc::Receiver<Message>>,
    subjects: Count,
}

impl Received {
    /// Whether there was one. Not if it is called from within.
    fn take_one(&self) -> bool {
        let Ok(mut receiver) = self.receiver.try_borrow_mut() else { return false };
        match receiver.try_recv() {
            Ok(message) => {
                self.subjects.add(usize::from(message.is_subjects));
                true
            }
            Err(_) => false,
        }
    }
}

/// A step drops the receiver.
fn mpsc_closed() -> Subject {
    let (sender, receiver) = mpsc::channel::<u32>(1);
    let (receiver, closed) = (Cell::new(Some(receiver)), Flag::default());
    let theirs = sender.clone();
    let future = Box::pin(async move { theirs.closed().await });
    let other = sender.clone();
    let other = Other::new(async move { other.closed().await });
    let (is_closed, waiting) = (closed.clone(), other.clone());
    let step = Rc::new(move || {
        waiting.is_served();
        is_closed.set();
        drop(receiver.take());
    });
    let check = Box::new(move || {
        // Without a step, the receiver went with it.
        let _ = closed.get();
        assert!(sender.is_closed());
        assert!(other.is_served(), "the other is not told");
    });
    Subject { future, step, check }
}

/// A step sends a number, counting from zero.
fn receiving<F: Future<Output = ()> + 'static>(
    send: impl Fn(usize) + 'static,
    drain: impl FnOnce(&mut Vec<usize>) + 'static,
    make: impl FnOnce(Rc<RefCell<Vec<usize>>>) -> F,
) -> Subject {
    let (sent, received) = (Count::default(), Rc::default());
    let future = Box::pin(make(Rc::clone(&received)));
    let count = sent.clone();
    let step = Rc::new(move || {
        let number = count.get();
        count.add(1);
        send(number);
    });
    let check = Box::new(move || {
        let mut all = received.take();
        drain(&mut all);
        assert!(all.iter().copied().eq(0..sent.get()), "{all:?} of {}", sent.get());
    });
    Subject { future, step, check }
}

/// More than all steps of a test can fill.
const ROOM: usize = 1000;

fn recv() -> Subject {
    let (sender, receiver) = mpsc::channel(ROOM);
    let receiver = Rc::new(RefCell::new(receiver));
    let theirs = receiver.clone();
    let send = move |number| sender.try_send(number).unwrap();
    let drain = move |all: &mut Vec<usize>| {
        all.extend(std::iter::from_fn(|| receiver.borrow_mut().try_recv().ok()));
    };
    receiving(send, drain, |received| async move {
        let number = theirs.borrow_mut().recv().await.unwrap();
        received.borrow_mut().push(number);
    })
}

fn recv_unbounded() -> Subject {
    let (sender, receiver) = mpsc::unbounded_channel();
    let receiver = Rc::new(RefCell::new(receiver));
    let theirs = receiver.clone();
    let send = move |number| sender.send(number).unwrap();
    let drain = move |all: &mut Vec<usize>| {
        all.extend(std::iter::from_fn(|| receiver.borrow_mut().try_recv().ok()));
    };
    receiving(send, drain, |received| async move {
        let number = theirs.borrow_mut().recv().await.unwrap();
        received.borrow_mut().push(number);
    })
}

fn recv_many() -> Subject {
    let (sender, receiver) = mpsc::channel(ROOM);
    let receiver = Rc::new(RefCell::new(receiver));
    let theirs = receiver.clone();
    let send = move |number| sender.try_send(number).unwrap();
    let drain = move |all: &mut Vec<usize>| {
        all.extend(std::iter::from_fn(|| receiver.borrow_mut().try_recv().ok()));
    };
    receiving(send, drain, |received| async move {
        // Straight into the list that is looked at: nothing may lie elsewhere.
        let (mut receiver, mut received) = (theirs.borrow_mut(), received.borrow_mut());
        assert!(matches!(receiver.recv_many(&mut received, 3).await, 1..=3));
    })
}

/// A message is there, but no budget: the message must stay.
fn recv_without_budget() -> Subject {
    let (sender, receiver) = mpsc::channel(1);
    sender.try_send(7).unwrap();
    let (receiver, done) = (Rc::new(RefCell::new(receiver)), Flag::default());
    let (theirs, is_done) = (receiver.clone(), done.clone());
    let subject = without_budget(async move {
        assert_eq!(theirs.borrow_mut().recv().await, Some(7));
        is_done.set();
    });
    let check = Box::new(move || {
        let mut cx = Context::from_waker(Waker::noop());
        drop(sender);
        let left = receiver.borrow_mut().poll_recv(&mut cx);
        assert_eq!(left, Poll::Ready((!done.get()).then_some(7)));
    });
    Subject { check, ..subject }
}
