//! How does a plain thread wait for what tasks wait for?
//!
//! [`WaitBlocking`] polls a future on the calling thread, which sleeps in
//! between: one adapter instead of a blocking twin for every operation.
//!
//! # Rejected
//!
//! * A parker kept per thread: wakers of futures past would leave tokens in it,
//!   and beside a sleep of some microseconds the allocation is not seen.

use crate::{coop, parker::Parker, shim};
use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

/// Waiting for a future by blocking the thread.
///
/// It is there for all futures, and meant for those of this crate: they need no
/// executor and no reactor. Inside a task it blocks the worker that the wake-up
/// may need, which is the caller's fault; the executor's `block_in_place` makes
/// it good.
///
/// # Examples
///
/// ```
/// use bowerbird_sync::{Event, wait_blocking::WaitBlocking};
/// use std::{sync::Arc, thread, time::Duration};
///
/// let event = Arc::new(Event::new());
/// assert_eq!(event.wait().wait_blocking_timeout(Duration::ZERO), None);
///
/// let theirs = event.clone();
/// let setter = thread::spawn(move || theirs.set());
/// event.wait().wait_blocking();
/// assert!(event.is_set());
/// setter.join().unwrap();
/// ```
pub trait WaitBlocking: Future + Sized {
    /// Blocks the thread until the future is ready.
    ///
    /// The poll budget of the task, if this is inside one, does not apply.
    ///
    /// # Panics
    ///
    /// As the future does. Nothing of ours is held meanwhile.
    #[doc(alias = "block_on")]
    fn wait_blocking(self) -> Self::Output {
        let sleeper = Arc::new(Sleeper(Parker::new()));
        let waker = Waker::from(sleeper.clone());
        let mut cx = Context::from_waker(&waker);
        // Nobody would fill the budget up while we sleep.
        let mut future = pin!(coop::unconstrained(self));
        loop {
            match future.as_mut().poll(&mut cx) {
                Poll::Ready(output) => return output,
                Poll::Pending => sleeper.0.park(),
            }
        }
    }

    /// Blocks the thread until the future is ready, or `timeout` has passed:
    /// `None`, and the future is dropped.
    ///
    /// Polls at least once, and once more after the time has passed, so what is
    /// ready is returned even if `timeout` is zero. A timeout beyond the end of
    /// the clock is no timeout.
    ///
    /// # Panics
    ///
    /// As the future does. Nothing of ours is held meanwhile.
    fn wait_blocking_timeout(self, timeout: Duration) -> Option<Self::Output> {
        let Some(deadline) = shim::now().checked_add(timeout) else {
            return Some(self.wait_blocking());
        };
        let sleeper = Arc::new(Sleeper(Parker::new()));
        let waker = Waker::from(sleeper.clone());
        let mut cx = Context::from_waker(&waker);
        let mut future = pin!(coop::unconstrained(self));
        loop {
            // Asked before the poll: what came in time is found by the last poll.
            let left = deadline.saturating_duration_since(shim::now());
            match future.as_mut().poll(&mut cx) {
                Poll::Ready(output) => return Some(output),
                Poll::Pending if left.is_zero() => return None,
                Poll::Pending => sleeper.0.park_timeout(left),
            };
        }
    }
}

impl<F: Future> WaitBlocking for F {}

/// The thread that sleeps in a [`WaitBlocking`].
struct Sleeper(Parker);

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::{future::poll_fn, thread};

    #[test]
    fn a_thread_is_woken_by_another() {
        let mut waker = None;
        let mut starter = Some(thread::spawn(|| 7));
        let output = poll_fn(|cx| match starter.take() {
            None => Poll::Ready(waker.take().map(|it: thread::JoinHandle<()>| it.join())),
            Some(thread) => {
                assert_eq!(thread.join().unwrap(), 7);
                let ours = cx.waker().clone();
                waker = Some(thread::spawn(move || ours.wake()));
                Poll::Pending
            }
        })
        .wait_blocking();
        assert!(output.unwrap().is_ok());
    }

    #[test]
    fn zero_time_polls_once_and_gives_up() {
        let mut polls = 0;
        let never = poll_fn(|_| {
            polls += 1;
            Poll::<()>::Pending
        });
        assert_eq!(never.wait_blocking_timeout(Duration::ZERO), None);
        assert_eq!(polls, 1);
        assert_eq!(async { 1 }.wait_blocking_timeout(Duration::ZERO), Some(1));
    }

    #[test]
    fn endless_time_is_no_timeout() {
        assert_eq!(async { 1 }.wait_blocking_timeout(Duration::MAX), Some(1));
    }

    #[test]
    fn a_spent_budget_does_not_hang_a_thread() {
        let _spent = coop::enter(0);
        coop::consume_budget().wait_blocking();
    }
}
