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
    ready_set::{ReadySet, Slots},
};

/// One walk through the children that were woken.
pub(super) struct Turn {
    /// It goes on with what the turn before left over.
    is_rest: bool,
}

/// How far a turn has come.
pub(super) enum Step<R> {
    /// This child gave something. There may be more of them.
    Done(usize, R),
    /// All that were woken have been polled.
    Through,
    /// The budget is spent: the task is woken and goes on where it stopped.
    Interrupted,
}

impl Turn {
    /// Takes what was woken. The task's waker is registered.
    pub(super) fn begin<S: Slots>(ready: &mut ReadySet<S>) -> Self {
        let is_rest = ready.has_batch();
        if !is_rest {
            ready.refill();
        }
        Self { is_rest }
    }

    /// Polls children until one is ready.
    pub(super) fn step<S: Slots, R>(
        &self,
        ready: &mut ReadySet<S>,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(usize, &mut Context<'_>) -> Poll<R>,
    ) -> Step<R> {
        while ready.has_batch() {
            if !may_go_on(cx) {
                return Step::Interrupted;
            }
            let Some(index) = ready.pop() else { break };
            if let Poll::Ready(output) = poll_one(ready, index, cx, &mut poll) {
                return Step::Done(index, output);
            }
        }
        if self.is_rest && ready.has_woken() {
            // Their wake-up may be the one that led to this poll: ask for another.
            cx.waker().wake_by_ref();
        }
        Step::Through
    }
}

/// Whether there is budget for one more child; if not, the task is woken.
///
/// Only a look: the child comes first, or a budget of one would never reach it.
pub(super) fn may_go_on(cx: &mut Context<'_>) -> bool {
    coop::poll_proceed(cx).map(drop).is_ready()
}

/// Polls child `index` with its own waker.
pub(super) fn poll_one<S: Slots, R>(
    ready: &ReadySet<S>,
    index: usize,
    cx: &mut Context<'_>,
    mut poll: impl FnMut(usize, &mut Context<'_>) -> Poll<R>,
) -> Poll<R> {
    let polled = ready.poll_child(index, |cx| poll(index, cx));
    spend_a_unit(cx);
    polled
}

/// Spends a unit for the poll of a child, unless the child spent the last.
fn spend_a_unit(cx: &mut Context<'_>) {
    if coop::has_budget_remaining()
        && let Poll::Ready(progress) = coop::poll_proceed(cx)
    {
        progress.made();
    }
}
