//! Which child is polled when?
//!
//! A poll makes one turn: it takes what was woken since the turn before, as one
//! batch, and polls each child of it once. A child that wakes itself meanwhile
//! waits for the next turn, so a child that yields lets other tasks run.
//!
//! Each poll of a child spends a unit of the task's budget, if the child left one.
//! When it is spent the rest of the batch stays, the task is woken, and the next
//! turn is that rest.

use std::task::{Context, Poll};
use sync::{
    coop,
    ready_set::{ReadySet, ReadySlab, Slots},
};

/// Children of whom some were woken.
pub(crate) trait Ready {
    /// Takes what was woken since the last time into the batch.
    fn refill(&mut self);
    /// Whether the batch has children left.
    fn has_batch(&self) -> bool;
    /// Takes the next child off the batch.
    fn pop(&mut self) -> Option<usize>;
    /// Whether something was woken since the last refill.
    fn has_woken(&self) -> bool;
}

impl<S: Slots> Ready for ReadySet<S> {
    fn refill(&mut self) {
        ReadySet::refill(self);
    }

    fn has_batch(&self) -> bool {
        ReadySet::has_batch(self)
    }

    fn pop(&mut self) -> Option<usize> {
        ReadySet::pop(self)
    }

    fn has_woken(&self) -> bool {
        ReadySet::has_woken(self)
    }
}

impl<T> Ready for ReadySlab<T> {
    fn refill(&mut self) {
        ReadySlab::refill(self);
    }

    fn has_batch(&self) -> bool {
        ReadySlab::has_batch(self)
    }

    fn pop(&mut self) -> Option<usize> {
        ReadySlab::pop(self)
    }

    fn has_woken(&self) -> bool {
        ReadySlab::has_woken(self)
    }
}

/// One walk through the children that were woken.
pub(crate) struct Turn {
    /// It goes on with what the turn before left over.
    is_rest: bool,
}

/// Who is next in a turn.
pub(crate) enum Next {
    /// This child is to be polled, and [`spend_a_unit`] to be called after it.
    Child(usize),
    /// All that were woken have been polled.
    Through,
    /// The budget is spent: the task is woken and goes on where it stopped.
    Interrupted,
}

impl Turn {
    /// Takes what was woken. The task's waker is registered.
    pub(crate) fn begin(ready: &mut impl Ready) -> Self {
        let is_rest = ready.has_batch();
        if !is_rest {
            ready.refill();
        }
        Self { is_rest }
    }

    /// As [`begin`](Self::begin), and what the turn before left over comes first.
    pub(crate) fn whole(ready: &mut impl Ready) -> Self {
        ready.refill();
        Self { is_rest: false }
    }

    /// The next child to poll.
    pub(crate) fn next(&self, ready: &mut impl Ready, cx: &mut Context<'_>) -> Next {
        if ready.has_batch() {
            // Only a look: the child comes first, or a budget of one would never reach
            // it.
            let Poll::Ready(look) = coop::poll_proceed(cx) else { return Next::Interrupted };
            drop(look);
            if let Some(index) = ready.pop() {
                return Next::Child(index);
            }
        }
        if self.is_rest && ready.has_woken() {
            // Their wake-up may be the one that led to this poll: ask for another.
            cx.waker().wake_by_ref();
        }
        Next::Through
    }
}

/// Spends a unit for the poll of a child, unless the child spent the last.
pub(crate) fn spend_a_unit(cx: &mut Context<'_>) {
    if coop::has_budget_remaining()
        && let Poll::Ready(progress) = coop::poll_proceed(cx)
    {
        progress.made();
    }
}
