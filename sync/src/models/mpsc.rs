//! Models [`crate::mpsc`].
//!
//! The channel has no edge of its own: what crosses does so under the lock of its
//! line, or with a grant (W1). So each model here is a promise.

use super::outcomes;
use crate::{
    mpsc::{self, Receiver, TryRecvError},
    shim::thread,
    wait_blocking::WaitBlocking,
};
use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
};

/// Counts wakes. Not a loom atomic: what is counted crosses no edge.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

impl Count {
    fn waker(self: &Arc<Self>) -> Waker {
        self.clone().into()
    }

    fn wakes(&self) -> usize {
        self.0.load(Relaxed)
    }
}

/// All that is left in the channel.
fn drain<T>(receiver: &mut Receiver<T>) -> Vec<T> {
    std::iter::from_fn(|| receiver.try_recv().ok()).collect()
}

/// Each message wakes a receiver that waits, and the last sender ends the wait.
#[test]
fn a_receiver_that_waits_gets_every_message_and_the_end() {
    let seen = outcomes(|| {
        let (sender, mut receiver) = mpsc::channel(2);
        let sending = thread::spawn(move || {
            sender.try_send(1).unwrap();
            sender.try_send(2).unwrap();
        });
        let receiving = thread::spawn(move || {
            std::iter::from_fn(|| receiver.blocking_recv()).collect::<Vec<_>>()
        });
        sending.join().unwrap();
        receiving.join().unwrap()
    });
    assert_eq!(seen, [vec![1, 2]].into());
}

/// The last of two senders ends the channel after the messages of both.
#[test]
fn the_end_comes_after_the_messages_of_all_senders() {
    let seen = outcomes(|| {
        let (sender, mut receiver) = mpsc::channel(2);
        let sending = [(1, sender.clone()), (2, sender)]
            .map(|(message, sender)| thread::spawn(move || sender.try_send(message).unwrap()));
        let receiving = thread::spawn(move || {
            std::iter::from_fn(|| receiver.blocking_recv()).collect::<Vec<_>>()
        });
        sending.into_iter().for_each(|it| it.join().unwrap());
        receiving.join().unwrap()
    });
    assert_eq!(seen, [vec![1, 2], vec![2, 1]].into());
}

/// Two wait for room in a channel of one place: both get it, and nothing is lost.
#[test]
fn senders_that_wait_for_room_all_get_it() {
    let seen = outcomes(|| {
        let (sender, mut receiver) = mpsc::channel(1);
        let sending = [(1, sender.clone()), (2, sender)]
            .map(|(message, sender)| thread::spawn(move || sender.blocking_send(message).is_ok()));
        let receiving = thread::spawn(move || {
            std::iter::from_fn(|| receiver.blocking_recv()).collect::<Vec<_>>()
        });
        assert!(sending.into_iter().all(|it| it.join().unwrap()));
        receiving.join().unwrap()
    });
    assert_eq!(seen, [vec![1, 2], vec![2, 1]].into());
}

/// One who waits is dropped while room is being promised: the next one gets it.
#[test]
fn room_promised_to_one_who_is_dropped_goes_to_the_next() {
    let seen = outcomes(|| {
        let (sender, mut receiver) = mpsc::channel(1);
        sender.try_send(0).unwrap();
        let counts = [0, 1].map(|_| Arc::new(Count::default()));
        let [first, mut second] = [0, 1].map(|index| {
            let mut reserve = Box::pin(sender.clone().reserve_owned());
            let waker = counts[index].waker();
            assert!(reserve.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            reserve
        });
        let dropping = thread::spawn(move || drop(first));
        let receiving = thread::spawn(move || (receiver.try_recv(), receiver));
        dropping.join().unwrap();
        let (received, _receiver) = receiving.join().unwrap();
        let poll = second.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!((received, poll.map(|it| it.is_ok())), (Ok(0), Poll::Ready(true)));
        counts.map(|it| it.wakes())
    });
    // The first was woken for nothing, or had left before.
    assert_eq!(seen, [[1, 1], [0, 1]].into());
}

/// A `recv` is dropped while a message comes: the message is there for the next.
#[test]
fn a_message_for_a_recv_that_is_dropped_is_not_lost() {
    let seen = outcomes(|| {
        let (sender, mut receiver) = mpsc::channel(1);
        let count = Arc::new(Count::default());
        let waker = count.waker();
        let sending = thread::spawn(move || sender.try_send(1).is_ok());
        let receiving = thread::spawn(move || {
            let first = pin!(receiver.recv()).poll(&mut Context::from_waker(&waker));
            (first, drain(&mut receiver), receiver)
        });
        assert!(sending.join().unwrap());
        let (first, then, mut receiver) = receiving.join().unwrap();
        let last = drain(&mut receiver);
        (first, then, last, count.wakes())
    });
    assert_eq!(
        seen,
        [
            (Poll::Ready(Some(1)), vec![], vec![], 0),
            (Poll::Pending, vec![1], vec![], 0),
            (Poll::Pending, vec![1], vec![], 1),
            (Poll::Pending, vec![], vec![1], 0),
        ]
        .into()
    );
}

/// Close against a send that waits: it gets its message back or has sent it.
#[test]
fn close_ends_a_send_that_waits_and_loses_nothing() {
    let seen = outcomes(|| {
        let (sender, mut receiver) = mpsc::channel(1);
        sender.try_send(0).unwrap();
        let sending = thread::spawn(move || sender.blocking_send(1).map_err(|it| it.0));
        let receiving = thread::spawn(move || {
            let first = receiver.try_recv().unwrap();
            receiver.close();
            let rest = std::iter::from_fn(|| receiver.blocking_recv());
            [first].into_iter().chain(rest).collect::<Vec<_>>()
        });
        (sending.join().unwrap(), receiving.join().unwrap())
    });
    assert_eq!(seen, [(Ok(()), vec![0, 1]), (Err(1), vec![0])].into());
}

/// After close the end waits for a permit, and hears when it is dropped.
#[test]
fn the_end_after_close_waits_for_permits() {
    let seen = outcomes(|| {
        let (sender, mut receiver) = mpsc::channel::<u32>(2);
        let one = sender.clone().try_reserve_owned().unwrap();
        let two = sender.try_reserve_owned().unwrap();
        let dropping = thread::spawn(move || drop(one));
        let sending = thread::spawn(move || drop(two.send(2)));
        let receiving = thread::spawn(move || {
            receiver.close();
            std::iter::from_fn(|| receiver.blocking_recv()).collect::<Vec<_>>()
        });
        dropping.join().unwrap();
        sending.join().unwrap();
        receiving.join().unwrap()
    });
    assert_eq!(seen, [vec![2]].into());
}

/// A request for many places is dropped while they are promised to it, after
/// close: the receiver hears that nothing will come.
#[test]
fn a_queued_request_that_is_dropped_after_close_ends_the_wait() {
    let seen = outcomes(|| {
        let (sender, mut receiver) = mpsc::channel(2);
        sender.try_send(0).unwrap();
        let requesting = thread::spawn(move || {
            let mut request = Box::pin(sender.reserve_many(2));
            let mut cx = Context::from_waker(Waker::noop());
            let waited = request.as_mut().poll(&mut cx).is_pending();
            drop(request);
            // Keeps the sender until the end: only close can end the channel.
            (waited, sender)
        });
        let receiving = thread::spawn(move || {
            let first = receiver.try_recv();
            receiver.close();
            (first, receiver.blocking_recv())
        });
        let received = receiving.join().unwrap();
        let (waited, _sender) = requesting.join().unwrap();
        (waited, received)
    });
    assert_eq!(seen, [(false, (Ok(0), None)), (true, (Ok(0), None))].into());
}

/// The receiver is dropped while messages come: each is given back or dropped.
#[test]
fn a_dropped_receiver_leaves_no_message_behind() {
    let seen = outcomes(|| {
        let (sender, receiver) = mpsc::channel(2);
        let message = Arc::new(());
        let (theirs, other) = (message.clone(), sender.clone());
        let sending = thread::spawn(move || sender.try_send(theirs).is_ok());
        let dropping = thread::spawn(move || drop(receiver));
        let sent = sending.join().unwrap();
        dropping.join().unwrap();
        // `other` keeps the channel: whatever is left would be in it.
        let counted = Arc::strong_count(&message);
        drop(other);
        (sent, counted)
    });
    assert_eq!(seen, [(false, 1), (true, 1)].into());
}

/// All who wait for the receiver to close hear of it.
#[test]
fn closed_is_heard_by_all() {
    let seen = outcomes(|| {
        let (sender, receiver) = mpsc::channel::<u32>(1);
        let waiting = [sender.clone(), sender].map(|sender| {
            thread::spawn(move || {
                sender.closed().wait_blocking();
                sender.is_closed()
            })
        });
        let dropping = thread::spawn(move || drop(receiver));
        dropping.join().unwrap();
        waiting.into_iter().all(|it| it.join().unwrap())
    });
    assert_eq!(seen, [true].into());
}

/// A weak sender becomes one, or the channel has ended: never half of it.
#[test]
fn an_upgrade_races_the_end() {
    let seen = outcomes(|| {
        let (sender, mut receiver) = mpsc::channel(1);
        let weak = sender.downgrade();
        let dropping = thread::spawn(move || drop(sender));
        let upgrading = thread::spawn(move || match weak.upgrade() {
            Some(sender) => sender.try_send(1).is_ok(),
            None => false,
        });
        dropping.join().unwrap();
        let sent = upgrading.join().unwrap();
        (sent, receiver.try_recv(), receiver.try_recv())
    });
    let ended = Err(TryRecvError::Disconnected);
    assert_eq!(seen, [(true, Ok(1), ended), (false, ended, ended)].into());
}

/// Length, emptiness and end agree while another sends, closes and drops.
#[test]
fn the_end_is_seen_only_when_nothing_is_left() {
    let seen = outcomes(|| {
        let (sender, mut receiver) = mpsc::channel(1);
        let sending = thread::spawn(move || sender.try_send(1).is_ok());
        let receiving = thread::spawn(move || {
            let len = receiver.len();
            let first = receiver.try_recv();
            assert!(len == 0 || first == Ok(1));
            (first, drain(&mut receiver), receiver)
        });
        assert!(sending.join().unwrap());
        let (first, then, mut receiver) = receiving.join().unwrap();
        (first, then, drain(&mut receiver))
    });
    let empty = Err(TryRecvError::Empty);
    assert_eq!(
        seen,
        [(Ok(1), vec![], vec![]), (empty, vec![1], vec![]), (empty, vec![], vec![1])].into()
    );
}
