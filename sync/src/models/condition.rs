//! Models [`crate::condition`].

use super::outcomes;
use crate::{Condition, shim::thread, wait_blocking::WaitBlocking};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Locks, waits once, unlocks.
fn wait(condition: &Arc<Condition<u32>>) -> Boxed {
    let condition = condition.clone();
    Box::pin(async move { drop(condition.lock().await.wait().await) })
}

fn poll(future: &mut Boxed) -> Poll<()> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// The value changes between no look and its wait.
#[test]
fn nobody_misses_a_change() {
    let seen = outcomes(|| {
        let condition = Arc::new(Condition::new(0));
        let theirs = condition.clone();
        let changer = thread::spawn(move || {
            let mut value = theirs.blocking_lock();
            *value = 7;
            value.notify_one();
        });
        let waiter = thread::spawn(move || {
            *condition.blocking_lock().wait_while(|it| *it == 0).wait_blocking()
        });
        changer.join().unwrap();
        waiter.join().unwrap()
    });
    assert_eq!(seen, [7].into());
}

/// One is notified while it gives up, having been polled once more, so that it may
/// be waiting for the lock by then: the other who waits hears of it instead.
#[test]
fn a_notification_for_one_who_ends_reaches_the_next() {
    let seen = outcomes(|| {
        let condition = Arc::new(Condition::new(0));
        let (mut first, mut second) = (wait(&condition), wait(&condition));
        assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
        let theirs = condition.clone();
        let notifier = thread::spawn(move || theirs.blocking_lock().notify_one());
        let quitter = thread::spawn(move || poll(&mut first).is_ready());
        notifier.join().unwrap();
        let first = quitter.join().unwrap();
        let second = poll(&mut second).is_ready();
        assert!(condition.try_lock().is_ok());
        (first, second)
    });
    assert_eq!(seen, [(true, false), (false, true)].into());
}

/// The lock is handed to a wait which ends: it does not stay locked.
#[test]
fn a_wait_that_ends_while_it_locks_leaves_the_lock_free() {
    let seen = outcomes(|| {
        let condition = Arc::new(Condition::new(0));
        let mut waiting = wait(&condition);
        assert!(poll(&mut waiting).is_pending());
        let theirs = condition.clone();
        let notifier = thread::spawn(move || {
            let mut value = theirs.blocking_lock();
            value.notify_all();
            *value += 1;
        });
        let quitter = thread::spawn(move || poll(&mut waiting).is_ready());
        notifier.join().unwrap();
        let heard = quitter.join().unwrap();
        let value = *condition.try_lock().unwrap();
        (heard, value)
    });
    assert_eq!(seen, [(false, 1), (true, 1)].into());
}
