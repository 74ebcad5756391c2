//! One turn: sleep, dispatch, fire.

use crate::timer::{Clock, Timers};
use std::sync::Arc;
use sync::driver::Seat;

/// What wakes the tasks of a runtime from outside: a cheap handle.
#[derive(Clone, Debug)]
pub struct Reactor {
    parts: Arc<Parts>,
}

#[derive(Debug)]
struct Parts {
    clock: Clock,
    timers: Box<[Arc<Timers>]>,
    timers_shared: Arc<Timers>,
}

impl Reactor {
    /// Whether both are handles of one reactor.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.parts, &other.parts)
    }

    /// The time by which timers fire.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.parts.clock
    }

    /// The timers that the thread on `seat` looks after. Kept by a sleep while
    /// it is registered, so that it can be cancelled from any thread.
    pub(crate) fn timers(&self, seat: Seat) -> &Arc<Timers> {
        match seat.index().and_then(|index| self.parts.timers.get(index)) {
            Some(timers) => timers,
            None => &self.parts.timers_shared,
        }
    }

    /// A timer was set that is now the earliest of `seat`: a thread that sleeps
    /// for a later one must look again. To be called after the insertion, with
    /// no lock held, unless the caller itself sits on `seat`.
    pub(crate) fn timer_came_first(&self, seat: Seat) {
        let _ = seat;
    }
}
