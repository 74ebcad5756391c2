//! How does one wait for what happens once?
//!
//! A [`Milestone`] is a flag that is raised once and stays so, with the line of
//! those who wait for it. It is reached in two steps, so that many can be reached
//! under a lock of their owner's before the first waker runs outside it:
//!
//! ```text
//!     who reaches it                  who waits
//!     ──────────────                  ─────────
//!     reach: raise the flag           lock the line
//!                                     look at the flag, stand in line
//!                                     unlock
//!     let_go: lock the line, grant
//! ```
//!
//! A newcomer looks under the lock of the line. If it does not see the flag it is
//! in line before `let_go` has the lock, and is granted.
//!
//! # Synchronization edges
//!
//! | edge | released by          | acquired by                                     | what crosses |
//! |------|----------------------|-------------------------------------------------|--------------|
//! | I1   | [`Milestone::reach`] | [`Milestone::is_reached`], or a newcomer's look | what was done before: the fate of descendants, the value of a `Deferred` |
//!
//! Who waited already crosses W1 of [`wait_queue`](crate::wait_queue).
//!
//! # Rejected
//!
//! * The [`Event`](crate::Event): it can be cleared, so its flag has to be written
//!   under the lock of its own line, which also wakes.

use crate::{
    shim::atomic::{
        AtomicBool,
        Ordering::{Acquire, Release},
    },
    site::Site,
    wait_queue::{Decision, Hold, Primitive, WaitQueue, Waiter},
};
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Something that happens once, with those who wait for it.
#[derive(Debug)]
pub(crate) struct Milestone {
    is_reached: AtomicBool,
    queue: WaitQueue,
}

impl Milestone {
    crate::const_fn! {
        /// Not reached.
        pub(crate) const fn new() -> Self {
            Self { is_reached: AtomicBool::new(false), queue: WaitQueue::new(()) }
        }
    }

    #[inline]
    pub(crate) fn is_reached(&self) -> bool {
        // I1: sees what was done before.
        self.is_reached.load(Acquire)
    }

    /// Raises the flag. Calls no waker: [`let_go`](Self::let_go) has to follow, once
    /// no lock is held.
    #[inline]
    pub(crate) fn reach(&self) {
        // I1: publishes what was done before.
        self.is_reached.store(true, Release);
    }

    /// Lets everybody go who waits. The flag is raised.
    pub(crate) fn let_go(&self) {
        debug_assert!(self.is_reached(), "nobody goes before it is reached");
        self.queue.with(|line| line.grant_all(|()| ()));
    }

    /// Does `work`, raises the flag and lets everybody go, unless that was done
    /// before. Of several who try, one does its work.
    ///
    /// `work` calls no code of others: it runs under the lock of the line.
    pub(crate) fn reach_with(&self, work: impl FnOnce()) {
        self.queue.with(|line| {
            if !self.is_reached() {
                work();
                self.reach();
                line.grant_all(|()| ());
            }
        });
    }
}

impl Primitive for Milestone {
    type State = ();
    type Grant = ();

    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    /// Everybody was let go: there is nothing to pass on.
    fn pass_on(&self, (): ()) {}
}

/// Ready when the milestone is reached; spends one unit of the task's budget, and
/// tells where it waits.
#[inline]
pub(crate) fn poll_at<H: Hold<Target = Milestone>>(
    waiter: Pin<&mut Waiter<H>>,
    site: Site,
    cx: &mut Context<'_>,
) -> Poll<()> {
    let progress = ready!(site.poll_proceed(cx));
    let poll = poll_reached(waiter, cx);
    match poll {
        Poll::Ready(()) => progress.made(),
        Poll::Pending => site.waiting(),
    }
    poll
}

/// Ready when the milestone is reached, whatever is left of the task's budget.
#[inline]
pub(crate) fn poll_reached<H: Hold<Target = Milestone>>(
    mut waiter: Pin<&mut Waiter<H>>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    // Who stands in line has to leave it.
    if !waiter.is_waiting() && waiter.target().is_reached() {
        return Poll::Ready(());
    }
    waiter.as_mut().poll_with(cx, |milestone, _| match milestone.is_reached() {
        true => Decision::Pass(()),
        false => Decision::Wait(()),
    })
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn between_the_two_steps_newcomers_pass_and_others_wait() {
        let milestone = Milestone::new();
        let mut cx = Context::from_waker(Waker::noop());
        let mut early = Box::pin(Waiter::new(&milestone));
        assert!(poll_reached(early.as_mut(), &mut cx).is_pending());
        milestone.reach();
        assert!(poll_reached(Box::pin(Waiter::new(&milestone)).as_mut(), &mut cx).is_ready());
        assert!(poll_reached(early.as_mut(), &mut cx).is_pending(), "in line until it is let go");
        milestone.let_go();
        assert!(poll_reached(early.as_mut(), &mut cx).is_ready());
        assert!(poll_reached(early.as_mut(), &mut cx).is_ready(), "reached for ever");
    }

    #[test]
    fn the_work_is_done_once() {
        let (milestone, mut done) = (Milestone::new(), 0);
        milestone.reach_with(|| done += 1);
        milestone.reach_with(|| done += 1);
        assert!(milestone.is_reached());
        assert_eq!(done, 1);
    }
}
