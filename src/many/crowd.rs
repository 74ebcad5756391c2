//! Children that are done one by one, of a fixed number.
//!
//! A place is one slot of a [`ReadySet`] and the child that stands there, pinned with
//! all others in one allocation. Whose children come while others run keeps them in a
//! [`ReadySlab`](sync::ready_set::ReadySlab) instead: `race_staggered`, `JoinSet`,
//! `map_concurrent`, `scope`.
//!
//! # Rejected
//!
//! * The slab for these, too: it moves its children when it grows, so each would have
//!   to be `Unpin`, or in a box of its own.

use super::{
    pinned,
    turn::{self, Turn},
};
use std::{
    fmt,
    future::Future,
    ops::ControlFlow,
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
};
use sync::{
    ready_set::{ReadySet, Slot},
    wait_site::{self, Kind},
};

/// Children that are done one by one.
pub(crate) struct Crowd<F> {
    places: Pin<Box<[Option<F>]>>,
    /// Made by the first walk.
    ready: Option<ReadySet<Box<[Slot]>>>,
    left: usize,
    /// While a walk is under way, so that a panic of a child ends it all.
    is_over: bool,
}

/// How a walk ended.
pub(crate) enum Walk<B> {
    /// The closure broke it off.
    Broken(B),
    /// No child is left.
    Empty,
    /// All that were woken have been polled: the next wake wakes the task.
    Through,
    /// The budget is spent: the task is woken and goes on where it stopped.
    Interrupted,
}

impl<F: Future> Crowd<F> {
    /// A crowd of these.
    pub(crate) fn new(children: impl IntoIterator<Item = F>) -> Self {
        let places: Box<[_]> = children.into_iter().map(Some).collect();
        let left = places.len();
        Self { places: Box::into_pin(places), ready: None, left, is_over: false }
    }

    /// What is left when a crowd was given away: a walk panics.
    pub(crate) fn over() -> Self {
        Self { is_over: true, ..Self::new([]) }
    }

    /// How many children are not done.
    pub(crate) fn len(&self) -> usize {
        self.left
    }

    /// Makes one turn: polls the children that were woken, each once, and gives
    /// the place and the output of each that is done to `each`.
    pub(crate) fn walk<B>(
        &mut self,
        cx: &mut Context<'_>,
        mut each: impl FnMut(usize, F::Output) -> ControlFlow<B>,
    ) -> Walk<B> {
        assert!(!self.is_over, "polled after its end, or after a child of it has panicked");
        if self.left == 0 {
            return Walk::Empty;
        }
        let turn = self.begin(cx);
        self.is_over = true;
        let end = loop {
            match self.step(&turn, cx) {
                Step::Done(place, output) => {
                    if let ControlFlow::Break(value) = each(place, output) {
                        break Walk::Broken(value);
                    }
                    if self.left == 0 {
                        break Walk::Empty;
                    }
                }
                Step::Through => break Walk::Through,
                Step::Interrupted => break Walk::Interrupted,
            }
        };
        self.is_over = false;
        end
    }

    fn begin(&mut self, cx: &Context<'_>) -> Turn {
        let ready = match &mut self.ready {
            Some(ready) => {
                ready.register(cx.waker());
                ready
            }
            None => {
                let slots = self.places.iter().map(|_| Slot::default()).collect();
                self.ready.insert(ReadySet::new(slots, cx.waker()))
            }
        };
        Turn::begin(ready)
    }

    /// Goes on to the next child that is done.
    fn step(&mut self, turn: &Turn, cx: &mut Context<'_>) -> Step<F::Output> {
        let Some(ready) = &mut self.ready else { unreachable!("a turn has begun") };
        loop {
            let place = match turn.next(ready, cx) {
                turn::Next::Child(place) => place,
                turn::Next::Through => return Step::Through,
                turn::Next::Interrupted => return Step::Interrupted,
            };
            let mut at = pinned::element(self.places.as_mut(), place);
            // There is none after a late wake-up of one that has gone.
            let Some(child) = at.as_mut().as_pin_mut() else { continue };
            let polled = ready.poll_child(place, |cx| child.poll(cx));
            turn::spend_a_unit(cx);
            if let Poll::Ready(output) = polled {
                ready.retire(place);
                self.left -= 1;
                at.set(None);
                return Step::Done(place, output);
            }
        }
    }

    /// The next child that is done, with its place; `None` when there is none
    /// left. Notes that the task waits at `location` if it does.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Next<F::Output> {
        match self.walk(cx, |place, output| ControlFlow::Break((place, output))) {
            Walk::Broken(next) => Next::Done(next),
            Walk::Empty => Next::End,
            Walk::Through => {
                self.write_wait_site(location);
                Next::Waiting
            }
            Walk::Interrupted => Next::Interrupted,
        }
    }

    /// Notes that the task waits for one of these.
    pub(crate) fn write_wait_site(&self, location: &'static Location<'static>) {
        let id = self.ready.as_ref().map_or(0, ReadySet::id);
        wait_site::waiting(Kind::OneOf, id, location);
    }
}

/// What [`Crowd::poll_next`] gives.
pub(crate) enum Next<O> {
    Done((usize, O)),
    /// No child is left.
    End,
    /// The task waits for a child.
    Waiting,
    /// The budget is spent, and the task is woken.
    Interrupted,
}

impl<O> Next<O> {
    /// As a stream says it.
    pub(crate) fn into_poll(self) -> Poll<Option<(usize, O)>> {
        match self {
            Self::Done(next) => Poll::Ready(Some(next)),
            Self::End => Poll::Ready(None),
            Self::Waiting | Self::Interrupted => Poll::Pending,
        }
    }
}

/// How far a walk has come.
enum Step<O> {
    /// This child is done. There may be more of them.
    Done(usize, O),
    Through,
    Interrupted,
}

impl<F: Future + Unpin> Crowd<F> {
    /// Those that are not done, with their places, in order.
    pub(crate) fn into_rest(mut self) -> impl Iterator<Item = (usize, F)> {
        // By itself: the task's waker is dropped with it, which may panic, and what
        // a function has made to return leaks when it then unwinds.
        self.ready = None;
        let places = Pin::into_inner(self.places).into_vec().into_iter().enumerate();
        places.filter_map(|(place, child)| Some((place, child?)))
    }
}

impl<F> fmt::Debug for Crowd<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} left", self.left)
    }
}
