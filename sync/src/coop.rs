//! How long may a task go on without waiting?
//!
//! A task whose every operation is ready at once never returns `Pending`, and so
//! starves its worker. Each poll therefore starts with a budget; each leaf
//! operation spends one unit of it through [`poll_proceed`], and when nothing is
//! left the leaf wakes its task and returns `Pending`: the task goes to the back
//! of the queue. The executor fills the budget up with [`enter`].
//!
//! Outside a task there is no budget and [`poll_proceed`] always lets through, so
//! the leaves work under any executor and from plain threads.
//!
//! A leaf spends only when it makes progress: [`Progress`] gives the unit back on
//! drop unless [`Progress::made`] was called.

use std::{
    cell::Cell,
    future::Future,
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
};

use crate::wait_site::{self, Kind};
use pin_project_lite::pin_project;

/// Units one poll may spend when nobody says otherwise.
///
/// tokio's figure, and for its reason: at 5–50 ns an operation a poll then lasts
/// some microseconds, short beside a system call and long beside a switch.
pub const BUDGET_DEFAULT: u32 = 128;

/// No limit: outside tasks, and inside [`unconstrained`].
const UNLIMITED: u32 = u32::MAX;

crate::thread_local! {
    static LEFT: Cell<u32> = const { Cell::new(UNLIMITED) };
}

/// Fills the budget of this thread until the guard is dropped: around one poll.
#[inline]
#[must_use]
pub fn enter(budget: u32) -> Entered {
    Entered { before: LEFT.try_with(|left| left.replace(budget)).unwrap_or(UNLIMITED) }
}

/// A budget lent to this thread by [`enter`].
#[derive(Debug)]
pub struct Entered {
    before: u32,
}

impl Entered {
    /// Whether the poll has spent everything it had.
    #[inline]
    #[must_use]
    pub fn is_spent(&self) -> bool {
        LEFT.try_with(Cell::get).unwrap_or(UNLIMITED) == 0
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        let _ = LEFT.try_with(|left| left.set(self.before));
    }
}

/// Whether a leaf would be let through.
#[must_use]
pub fn has_budget_remaining() -> bool {
    LEFT.try_with(Cell::get).unwrap_or(UNLIMITED) > 0
}

/// Spends one unit, or wakes the task and returns `Pending` if none is left.
///
/// For authors of leaf futures: call it first, then do the work, then call
/// [`Progress::made`] if the work came to something.
///
/// # Examples
///
/// ```
/// use bowerbird_sync::coop;
/// use std::task::{Context, Poll, Waker};
///
/// let mut cx = Context::from_waker(Waker::noop());
/// let _one_unit = coop::enter(1);
/// let Poll::Ready(progress) = coop::poll_proceed(&mut cx) else { panic!("one unit is left") };
/// progress.made();
/// assert!(coop::poll_proceed(&mut cx).is_pending());
/// ```
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<Progress> {
    let before = LEFT.try_with(Cell::get).unwrap_or(UNLIMITED);
    match before {
        UNLIMITED => Poll::Ready(Progress { before }),
        0 => poll_exhausted(cx),
        left => {
            let _ = LEFT.try_with(|it| it.set(left - 1));
            Poll::Ready(Progress { before })
        }
    }
}

#[cold]
fn poll_exhausted(cx: &mut Context<'_>) -> Poll<Progress> {
    wait_site::waiting(Kind::Budget, 0, Location::caller());
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// One unit of budget, spent on condition that the leaf makes progress.
#[derive(Debug)]
#[must_use = "call `made` when the operation came to something"]
pub struct Progress {
    before: u32,
}

impl Progress {
    /// The operation came to something: the unit stays spent.
    #[inline]
    pub fn made(self) {
        std::mem::forget(self);
    }
}

impl Drop for Progress {
    #[inline]
    fn drop(&mut self) {
        if self.before != UNLIMITED {
            let _ = LEFT.try_with(|left| left.set(self.before));
        }
    }
}

/// Spends one unit of the task's budget: for loops that compute without waiting.
///
/// Ready at once while budget is left, otherwise after one turn of the queue.
///
/// # Cancel safety
///
/// **Strict.** It holds nothing.
///
/// # Examples
///
/// ```
/// # futures::executor::block_on(async {
/// let mut sum = 0_u64;
/// for n in 0..1000 {
///     sum += n;
///     bowerbird_sync::coop::consume_budget().await;
/// }
/// assert_eq!(sum, 499_500);
/// # });
/// ```
#[track_caller]
pub fn consume_budget() -> ConsumeBudget {
    ConsumeBudget { location: Location::caller() }
}

/// The future of [`consume_budget`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct ConsumeBudget {
    location: &'static Location<'static>,
}

impl Future for ConsumeBudget {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let proceed = poll_proceed(cx).map(Progress::made);
        if proceed.is_pending() {
            wait_site::waiting(Kind::Budget, 0, self.location);
        }
        proceed
    }
}

/// Runs `future` without a budget: it may starve its worker.
///
/// For futures that are known to wait often enough by themselves.
///
/// # Cancel safety
///
/// That of `future`: dropping this drops it.
///
/// # Examples
///
/// ```
/// # futures::executor::block_on(async {
/// assert_eq!(bowerbird_sync::coop::unconstrained(async { 7 }).await, 7);
/// # });
/// ```
pub fn unconstrained<F: Future>(future: F) -> Unconstrained<F> {
    Unconstrained { future }
}

pin_project! {
    /// The future of [`unconstrained`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Unconstrained<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _unlimited = enter(UNLIMITED);
        self.project().future.poll(cx)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::{pin::pin, task::Waker};

    fn proceed() -> bool {
        poll_proceed(&mut Context::from_waker(Waker::noop())).map(Progress::made).is_ready()
    }

    #[test]
    fn outside_a_task_nothing_is_limited() {
        assert!((0..10_000).all(|_| proceed()));
    }

    #[test]
    fn a_unit_comes_back_when_nothing_was_done() {
        let _budget = enter(1);
        for _ in 0..10 {
            assert!(poll_proceed(&mut Context::from_waker(Waker::noop())).is_ready());
        }
        assert!(proceed());
        assert!(!proceed());
    }

    #[test]
    fn budgets_nest() {
        let outer = enter(3);
        assert!(proceed());
        {
            let inner = enter(1);
            assert!(proceed() && !proceed());
            assert!(inner.is_spent());
        }
        assert!(proceed() && proceed() && !proceed());
        assert!(outer.is_spent());
    }

    #[test]
    fn unconstrained_ignores_the_budget_and_leaves_it_alone() {
        let _budget = enter(1);
        let work = unconstrained(async { (0..100).all(|_| proceed()) });
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(pin!(work).poll(&mut cx), Poll::Ready(true));
        assert!(proceed());
    }
}
