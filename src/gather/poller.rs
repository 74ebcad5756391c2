//! Which child is polled when?
//!
//! A poll makes one turn: it takes what was woken since the turn before, as one
//! batch, and polls each child of it once. A child that wakes itself meanwhile
//! waits for the next turn, so a child that yields lets other tasks run.
//!
//! Each poll of a child spends a unit of the task's budget, if the child left one.
//! When it is spent the rest of the batch stays, the task is woken, and the next
//! turn is that rest.

use super::{child::Progress, children::Children};
use pin_project_lite::pin_project;
use std::{
    fmt,
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
};
use sync::{
    coop,
    ready_set::ReadySet,
    wait_site::{self, Kind},
};

pin_project! {
    /// The children of one gather, and the list of those to poll.
    pub(crate) struct Poller<C: Children> {
        // `None` after the end.
        #[pin]
        children: Option<C>,
        // Made by the first poll.
        ready: Option<ReadySet<C::Slots>>,
        // How many children are not done.
        left: usize,
        // Also while a poll is under way, so that a panic of a child ends it all.
        is_over: bool,
        location: &'static Location<'static>,
    }
}

/// How a turn through the woken children ended.
enum Turn<S> {
    /// All that were woken have been polled.
    Through,
    /// The budget is spent: the task is woken and goes on where it stopped.
    Interrupted,
    AllDone,
    Stopped(S),
}

impl<C: Children> Poller<C> {
    pub(crate) fn new(children: C, location: &'static Location<'static>) -> Self {
        let left = children.len();
        Self { children: Some(children), ready: None, left, is_over: false, location }
    }

    /// Drops everything it owns before it returns `Ready`.
    pub(crate) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<C>> {
        let mut this = self.project();
        assert!(!*this.is_over, "`gather` polled after its end");
        *this.is_over = true;
        let Some(mut children) = this.children.as_mut().as_pin_mut() else {
            unreachable!("it is over when the children are gone");
        };
        let outcome = match turn(children.as_mut(), this.ready, this.left, cx) {
            Turn::AllDone => Ok(children.take()),
            Turn::Stopped(stop) => Err(stop),
            Turn::Through => {
                let id = this.ready.as_ref().map_or(0, ReadySet::id);
                wait_site::waiting(Kind::OneOf, id, this.location);
                *this.is_over = false;
                return Poll::Pending;
            }
            Turn::Interrupted => {
                *this.is_over = false;
                return Poll::Pending;
            }
        };
        this.children.set(None);
        *this.ready = None;
        Poll::Ready(outcome)
    }
}

/// All that was kept, or what stopped it.
type Outcome<C> = Result<<C as Children>::Kept, <C as Children>::Stop>;

fn turn<C: Children>(
    mut children: Pin<&mut C>,
    ready: &mut Option<ReadySet<C::Slots>>,
    left: &mut usize,
    cx: &mut Context<'_>,
) -> Turn<C::Stop> {
    let ready = match ready {
        Some(ready) => {
            ready.register(cx.waker());
            ready
        }
        None if *left == 0 => return Turn::AllDone,
        None => ready.insert(ReadySet::new(children.slots(), cx.waker())),
    };
    let is_rest = ready.has_batch();
    if !is_rest {
        ready.refill();
    }
    while ready.has_batch() {
        // Only a look: the child comes first, or a budget of one would never reach it.
        let Poll::Ready(look) = coop::poll_proceed(cx) else {
            return Turn::Interrupted;
        };
        drop(look);
        let Some(index) = ready.pop() else { break };
        let polled = ready.poll_child(index, |cx| children.as_mut().poll_child(index, cx));
        spend_a_unit(cx);
        match polled {
            Poll::Pending => continue,
            Poll::Ready(Ok(Progress::WasDone)) => (),
            Poll::Ready(Ok(Progress::Done)) => *left -= 1,
            Poll::Ready(Err(stop)) => return Turn::Stopped(stop),
        }
        ready.retire(index);
        if *left == 0 {
            return Turn::AllDone;
        }
    }
    if is_rest && ready.has_woken() {
        // Their wake-up may be the one that led to this poll: ask for another.
        cx.waker().wake_by_ref();
    }
    Turn::Through
}

/// Spends a unit for the poll of a child, unless the child spent the last.
fn spend_a_unit(cx: &mut Context<'_>) {
    if coop::has_budget_remaining()
        && let Poll::Ready(progress) = coop::poll_proceed(cx)
    {
        progress.made();
    }
}

impl<C: Children> fmt::Debug for Poller<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} left, called at {}", self.left, self.location)
    }
}
