//! Polls a fixed number of children until all are done, or one says stop.

use super::{
    child::Progress,
    children::Children,
    turn::{self, Next, Turn},
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
};
use sync::{
    ready_set::ReadySet,
    wait_site::{self, Kind},
};

pin_project! {
    /// The children of one combinator, and the list of those to poll.
    pub(crate) struct Poller<C: Children> {
        // `None` after the end.
        #[pin]
        children: Option<C>,
        // Made by the first poll.
        ready: Option<ReadySet<C::Slots>>,
        // How many children are not done.
        left: usize,
        // The child that is polled first; the others follow round.
        first: usize,
        // Also while a poll is under way, so that a panic of a child ends it all.
        is_over: bool,
        location: &'static Location<'static>,
    }
}

/// How a poll ended.
enum End<S> {
    Waiting,
    /// Woken, and goes on where it stopped.
    Interrupted,
    AllDone,
    Stopped(S),
}

impl<C: Children> Poller<C> {
    /// Polls the children in order at first.
    pub(crate) fn in_order(children: C, location: &'static Location<'static>) -> Self {
        let left = children.len();
        Self { children: Some(children), ready: None, left, first: 0, is_over: false, location }
    }

    /// Polls child `first` at first, and the others round from there.
    pub(crate) fn starting_at(
        first: usize,
        children: C,
        location: &'static Location<'static>,
    ) -> Self {
        Self { first, ..Self::in_order(children, location) }
    }

    /// Drops everything it owns before it returns `Ready`.
    pub(crate) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<C>> {
        let mut this = self.project();
        assert!(!*this.is_over, "polled after its end: what was called at {}", this.location);
        *this.is_over = true;
        let Some(mut children) = this.children.as_mut().as_pin_mut() else {
            unreachable!("it is over when the children are gone");
        };
        let outcome = match turn(children.as_mut(), this.ready, this.left, *this.first, cx) {
            End::AllDone => Ok(children.take()),
            End::Stopped(stop) => Err(stop),
            End::Waiting => {
                let id = this.ready.as_ref().map_or(0, ReadySet::id);
                wait_site::waiting(Kind::OneOf, id, this.location);
                *this.is_over = false;
                return Poll::Pending;
            }
            End::Interrupted => {
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
pub(crate) type Outcome<C> = Result<<C as Children>::Kept, <C as Children>::Stop>;

fn turn<C: Children>(
    mut children: Pin<&mut C>,
    ready: &mut Option<ReadySet<C::Slots>>,
    left: &mut usize,
    first: usize,
    cx: &mut Context<'_>,
) -> End<C::Stop> {
    let ready = match ready {
        Some(ready) => {
            ready.register(cx.waker());
            ready
        }
        None if *left == 0 => return End::AllDone,
        None => ready.insert(ReadySet::new(children.slots(), cx.waker())),
    };
    let count = children.len();
    // Neither is above `count`, and a `Vec` that long does not exist.
    let child_of = |slot: usize| match slot + first {
        child if child < count => child,
        child => child - count,
    };
    let turn = Turn::begin(ready);
    loop {
        let slot = match turn.next(ready, cx) {
            Next::Child(slot) => slot,
            Next::Through => return End::Waiting,
            Next::Interrupted => return End::Interrupted,
        };
        let child = child_of(slot);
        let polled = ready.poll_child(slot, |cx| children.as_mut().poll_child(child, cx));
        turn::spend_a_unit(cx);
        match polled {
            Poll::Pending => continue,
            Poll::Ready(Err(stop)) => return End::Stopped(stop),
            Poll::Ready(Ok(Progress::WasDone)) => (),
            Poll::Ready(Ok(Progress::Done)) => *left -= 1,
        }
        ready.retire(slot);
        if *left == 0 {
            return End::AllDone;
        }
    }
}

impl<C: Children> fmt::Debug for Poller<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} left, called at {}", self.left, self.location)
    }
}
