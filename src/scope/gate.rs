//! Where newcomers wait: what the handles of a scope share with its future.
//!
//! While the future is polled it looks here by itself. While it sleeps, who comes
//! knocks: wakes the waker of the door, which is a member of the scope like the body
//! and the children. Which of the two it is changes under the lock only, so nobody is
//! overlooked.
//!
//! | phase  | a newcomer                           |
//! |--------|--------------------------------------|
//! | AWAKE  | waits: it is taken in in this poll   |
//! | ASLEEP | waits, and knocks                    |
//! | CLOSED | is dropped: cancelled, or at the end |

use std::{fmt, mem, pin::Pin, task::Waker};
use sync::{
    Event,
    shim::{self, Lock},
};

/// The way into a scope.
pub(super) struct Gate<C: ?Sized> {
    hall: Lock<Hall<C>>,
    /// Wakes the scope.
    door: Waker,
    cancelled: Event,
}

struct Hall<C: ?Sized> {
    newcomers: Vec<Pin<Box<C>>>,
    phase: Phase,
}

/// For how many newcomers there is room at first: most scopes need no more.
const FIRST: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Awake,
    Asleep,
    Closed,
}

/// What there is to do before the scope may sleep.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Somebody has come.
    Newcomers,
    /// Nobody has.
    Nobody,
    /// Nobody comes any more, and no child goes on.
    Cancelled,
}

impl<C: ?Sized> Gate<C> {
    pub(super) fn new(door: Waker) -> Self {
        let hall = Hall { newcomers: Vec::new(), phase: Phase::Awake };
        Self { hall: Lock::new(hall), door, cancelled: Event::new() }
    }

    /// Lets a child in, or drops it.
    pub(super) fn enter(&self, child: Pin<Box<C>>) {
        let mut hall = self.hall.lock();
        let knocks = match hall.phase {
            Phase::Closed => {
                drop(hall);
                shim::assert_unlocked("the drop of a child");
                return drop(child);
            }
            before => {
                hall.phase = Phase::Awake;
                before == Phase::Asleep
            }
        };
        if hall.newcomers.capacity() == 0 {
            hall.newcomers.reserve(FIRST);
        }
        hall.newcomers.push(child);
        drop(hall);
        if knocks {
            self.door.wake_by_ref();
        }
    }

    /// No child goes on, and nobody comes in any more.
    pub(super) fn cancel(&self) {
        self.cancelled.set();
        if self.close() {
            self.door.wake_by_ref();
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.is_set()
    }

    /// Drops all newcomers, those that come later, too. Returns whether the scope
    /// slept.
    pub(super) fn close(&self) -> bool {
        let mut hall = self.hall.lock();
        let before = mem::replace(&mut hall.phase, Phase::Closed);
        let newcomers = mem::take(&mut hall.newcomers);
        drop(hall);
        shim::assert_unlocked("the drop of children");
        drop(newcomers);
        before == Phase::Asleep
    }

    /// A poll begins, or goes on: takes the newcomers in exchange for an empty list.
    pub(super) fn swap_newcomers(&self, list: &mut Vec<Pin<Box<C>>>) {
        debug_assert!(list.is_empty(), "a list that is used again is empty");
        let mut hall = self.hall.lock();
        if hall.phase == Phase::Asleep {
            hall.phase = Phase::Awake;
        }
        mem::swap(&mut hall.newcomers, list);
    }

    /// A poll ends. With nobody here newcomers have to knock from now on.
    pub(super) fn fall_asleep(&self) -> Look {
        self.end_poll(Phase::Asleep)
    }

    /// The scope ends. With nobody here nobody comes in from now on.
    pub(super) fn close_if_empty(&self) -> Look {
        self.end_poll(Phase::Closed)
    }

    fn end_poll(&self, next: Phase) -> Look {
        let mut hall = self.hall.lock();
        match (hall.newcomers.is_empty(), hall.phase) {
            (false, _) => Look::Newcomers,
            (true, Phase::Closed) => Look::Cancelled,
            (true, _) => {
                hall.phase = next;
                Look::Nobody
            }
        }
    }
}

impl<C: ?Sized> fmt::Debug for Gate<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (phase, newcomers) = {
            let hall = self.hall.lock();
            (hall.phase, hall.newcomers.len())
        };
        f.debug_struct("Gate").field("phase", &phase).field("newcomers", &newcomers).finish()
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        many::tests::{bench, probe},
        scope::local_scope,
    };
    use executor::yield_now;

    #[test]
    fn who_comes_in_the_middle_of_a_cancellation_is_dropped() {
        let (steering, child) = probe(());
        let mut scope = bench(local_scope(async |s| {
            // What `cancel` does, step by step.
            s.gate.cancelled.set();
            yield_now().await;
            let handle = s.spawn(child);
            yield_now().await;
            s.gate.close();
            assert!(handle.await.is_err());
        }));
        let polls = (1..10).find(|_| scope.poll().is_ready());
        assert!(polls.is_some(), "a child of a cancelled scope holds it up");
        assert_eq!(steering.drops.get(), 1);
    }
}
