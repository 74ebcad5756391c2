use super::*;
use crate::hostile::panicking_clone;
use proptest::prelude::*;
use std::{
    marker::PhantomPinned,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Wake, Waker},
};

/// Counts its drops.
#[derive(Debug, Clone)]
struct Message(Arc<AtomicUsize>);

impl Drop for Message {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

fn counting() -> (Arc<Count>, Waker) {
    let count = Arc::new(Count::default());
    (count.clone(), count.into())
}

fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

#[test]
fn a_waiting_receiver_is_woken_once_by_the_last_waker() {
    let ((first, first_waker), (second, second_waker)) = (counting(), counting());
    let (sender, mut receiver) = channel();
    assert!(poll(&mut receiver, &first_waker).is_pending());
    assert!(poll(&mut receiver, &second_waker).is_pending());
    assert!(poll(&mut receiver, &second_waker).is_pending());
    sender.send(7).unwrap();
    assert_eq!((first.0.load(Relaxed), second.0.load(Relaxed)), (0, 1));
    assert_eq!(poll(&mut receiver, &first_waker), Poll::Ready(Ok(7)));
    drop((first_waker, second_waker));
    assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 1));
}

#[test]
fn try_recv_leaves_the_waker_alone() {
    let (count, waker) = counting();
    let (sender, mut receiver) = channel();
    assert!(poll(&mut receiver, &waker).is_pending());
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    sender.send(7).unwrap();
    assert_eq!(count.0.load(Relaxed), 1);
}

#[test]
fn a_value_sent_before_close_is_received_and_one_sent_after_comes_back() {
    let (sender, mut receiver) = channel();
    sender.send(1).unwrap();
    receiver.close();
    assert_eq!(poll(&mut receiver, Waker::noop()), Poll::Ready(Ok(1)));

    let (sender, mut receiver) = channel();
    receiver.close();
    receiver.close();
    assert_eq!(sender.send(2), Err(2));
    assert_eq!(poll(&mut receiver, Waker::noop()), Poll::Ready(Err(RecvError)));
}

#[test]
fn a_closed_receiver_never_waits() {
    let (sender, mut receiver) = channel::<u32>();
    receiver.close();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    assert!(receiver.is_terminated());
    drop(sender);
    let (_sender, mut receiver) = channel::<u32>();
    receiver.close();
    assert_eq!(poll(&mut receiver, Waker::noop()), Poll::Ready(Err(RecvError)));
}

#[test]
fn close_and_drop_wake_the_sender() {
    for drops in [false, true] {
        let (count, waker) = counting();
        let (mut sender, mut receiver) = channel::<u32>();
        assert!(sender.poll_closed(&mut Context::from_waker(&waker)).is_pending());
        match drops {
            true => drop(receiver),
            false => receiver.close(),
        }
        assert_eq!(count.0.load(Relaxed), 1);
        assert!(sender.is_closed());
        assert!(sender.poll_closed(&mut Context::from_waker(&waker)).is_ready());
    }
}

#[test]
fn a_dropped_closed_takes_its_waker_back() {
    let (count, waker) = counting();
    let (mut sender, receiver) = channel::<u32>();
    let mut closed = sender.closed();
    assert!(poll(&mut closed, &waker).is_pending());
    drop((closed, waker));
    assert_eq!(Arc::strong_count(&count), 1);
    drop(receiver);
    assert_eq!(count.0.load(Relaxed), 0);
}

#[test]
fn a_send_after_waiting_for_closed_forgets_that_waker() {
    let (count, waker) = counting();
    let (mut sender, receiver) = channel();
    assert!(sender.poll_closed(&mut Context::from_waker(&waker)).is_pending());
    sender.send(7).unwrap();
    drop((receiver, waker));
    assert_eq!((Arc::strong_count(&count), count.0.load(Relaxed)), (1, 0));
}

#[test]
fn a_poll_after_the_end_panics_and_says_why() {
    let (sender, mut receiver) = channel::<u32>();
    drop(sender);
    assert_eq!(poll(&mut receiver, Waker::noop()), Poll::Ready(Err(RecvError)));
    let panic = catch_unwind(AssertUnwindSafe(|| poll(&mut receiver, Waker::noop()))).unwrap_err();
    let message = panic.downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(message.contains("polled after it had ended"), "{message}");
}

#[test]
fn a_panicking_waker_loses_no_value() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("wake");
        }
    }
    let (sender, mut receiver) = channel();
    assert!(poll(&mut receiver, &Arc::new(Panics).into()).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| sender.send(7))).is_err());
    assert_eq!(receiver.try_recv(), Ok(7));
}

#[test]
fn a_panicking_clone_keeps_the_waker_before_it() {
    let (count, waker) = counting();
    let (sender, mut receiver) = channel();
    assert!(poll(&mut receiver, &waker).is_pending());
    let hostile = panicking_clone();
    assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut receiver, &hostile))).is_err());
    sender.send(7).unwrap();
    assert_eq!((count.0.load(Relaxed), receiver.try_recv()), (1, Ok(7)));
}

#[test]
fn a_panicking_destructor_of_the_value_wakes_the_sender_all_the_same() {
    #[derive(Debug)]
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("drop");
        }
    }
    let (sender, receiver) = channel();
    sender.send(Panics).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(receiver))).is_err());
}

#[test]
fn a_waker_may_receive_in_its_wake() {
    struct Receives(std::sync::Mutex<Option<Receiver<u32>>>, AtomicUsize);
    impl Wake for Receives {
        fn wake(self: Arc<Self>) {
            let value = self.0.lock().unwrap().take().unwrap().try_recv().unwrap();
            self.1.swap(value as usize, Relaxed);
        }
    }
    let (sender, mut receiver) = channel();
    let task = Arc::new(Receives(std::sync::Mutex::new(None), AtomicUsize::new(0)));
    assert!(poll(&mut receiver, &task.clone().into()).is_pending());
    *task.0.lock().unwrap() = Some(receiver);
    sender.send(7).unwrap();
    assert_eq!(task.1.load(Relaxed), 7);
}

#[test]
fn a_wait_and_a_spent_budget_are_told() {
    let (sender, mut receiver) = channel();
    let record = wait_site::Record::new();
    {
        let _budget = coop::enter(1);
        #[expect(unsafe_code, reason = "lends a record to this thread")]
        // SAFETY: the guard ends with this block, before the record.
        let _guard = unsafe { wait_site::enter(&record) };
        assert!(poll(&mut receiver, Waker::noop()).is_pending());
        assert_eq!(record.read().map(|it| it.kind), Some(Kind::OneshotRecv));
        assert_eq!(record.read().and_then(|it| it.location).map(|it| it.file()), Some(file!()));
        sender.send(7).unwrap();
        let Poll::Ready(progress) = coop::poll_proceed(&mut Context::from_waker(Waker::noop()))
        else {
            panic!("waiting costs no budget")
        };
        progress.made();
        assert!(poll(&mut receiver, Waker::noop()).is_pending());
        assert_eq!(record.read().map(|it| it.kind), Some(Kind::Budget));
        assert_eq!(record.read().and_then(|it| it.location).map(|it| it.file()), Some(file!()));
    }
    assert_eq!(poll(&mut receiver, Waker::noop()), Poll::Ready(Ok(7)));
}

#[test]
fn the_halves_are_send_and_sync_as_the_value_is_send() {
    use crate::static_checks::{implements, is_not};
    implements!(Sender<std::cell::Cell<u8>>: Send, Sync, Unpin);
    implements!(Receiver<std::cell::Cell<u8>>: Send, Sync, Unpin);
    implements!(Closed<'static, std::cell::Cell<u8>>: Send, Sync, Unpin);
    implements!(Receiver<PhantomPinned>: Unpin);
    implements!(Sender<PhantomPinned>: Unpin);
    is_not!(Sender<Rc<u8>>: Send);
    is_not!(Sender<Rc<u8>>: Sync);
    is_not!(Receiver<Rc<u8>>: Send);
    is_not!(Receiver<Rc<u8>>: Sync);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Poll(bool),
    TryRecv,
    Close,
    DropReceiver,
    PollClosed(bool),
    CancelClosed,
    Send,
    DropSender,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<bool>().prop_map(Step::Poll),
        Just(Step::TryRecv),
        Just(Step::Close),
        Just(Step::DropReceiver),
        any::<bool>().prop_map(Step::PollClosed),
        Just(Step::CancelClosed),
        Just(Step::Send),
        Just(Step::DropSender),
    ]
}

proptest! {
    /// Whatever is called in whatever order, the value is somewhere and is dropped
    /// once, and no waker stays behind.
    #[test]
    fn the_value_is_dropped_once_and_no_waker_stays(steps in prop::collection::vec(step(), 0..12)) {
        let drops = Arc::new(AtomicUsize::new(0));
        let wakers = [counting(), counting()];
        let (sender, receiver) = channel();
        let (mut sender, mut receiver) = (Some(sender), Some(receiver));
        let (mut sent, mut back, mut got, mut open) = (0, 0, 0, true);
        for step in steps {
            match step {
                Step::Poll(which) => {
                    let Some(receiver) = receiver.as_mut().filter(|it| !it.is_terminated()) else {
                        continue;
                    };
                    match poll(receiver, &wakers[usize::from(which)].1) {
                        Poll::Ready(result) => got += usize::from(result.is_ok()),
                        Poll::Pending => prop_assert!(open && sender.is_some()),
                    }
                }
                Step::TryRecv => {
                    if let Some(receiver) = &mut receiver {
                        got += usize::from(receiver.try_recv().is_ok());
                    }
                }
                Step::Close => {
                    if let Some(receiver) = &mut receiver {
                        receiver.close();
                        open = false;
                    }
                }
                Step::DropReceiver => {
                    receiver = None;
                    open = false;
                }
                Step::PollClosed(which) => {
                    if let Some(sender) = &mut sender {
                        let mut cx = Context::from_waker(&wakers[usize::from(which)].1);
                        prop_assert_eq!(sender.poll_closed(&mut cx).is_pending(), open);
                    }
                }
                Step::CancelClosed => {
                    if let Some(sender) = &mut sender {
                        let mut closed = sender.closed();
                        prop_assert_eq!(poll(&mut closed, &wakers[0].1).is_pending(), open);
                    }
                }
                Step::Send => {
                    if let Some(sender) = sender.take() {
                        let result = sender.send(Message(drops.clone()));
                        prop_assert_eq!(result.is_ok(), open);
                        sent += 1;
                        back += usize::from(result.is_err());
                    }
                }
                Step::DropSender => sender = None,
            }
        }
        let pending = usize::from(receiver.as_ref().is_some_and(|it| !it.is_empty()));
        let before = drops.load(Relaxed);
        prop_assert!(before + pending <= sent && back + got <= sent);
        drop((sender, receiver));
        prop_assert_eq!(drops.load(Relaxed), sent);
        for (count, waker) in wakers {
            drop(waker);
            prop_assert_eq!(Arc::strong_count(&count), 1);
        }
    }
}
