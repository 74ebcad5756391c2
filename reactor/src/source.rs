//! Who waits for a source, and when are they woken?
//!
//! A source has its readiness word and, behind a small lock, those who wait: one
//! slot per direction for callers in the style of `poll_read`, and any number of
//! waiters for futures like `readable()`, each with a place of its own.
//!
//! ```text
//!     waiter                             deliverer
//!     ──────                             ─────────
//!     ready? go on                       set the bits
//!     lock                               lock
//!       ready now? unlock, go on           take the wakers that match
//!       leave the waker                  unlock
//!     unlock                             wake them
//! ```
//!
//! Whichever lock comes first, the other side sees what was done before it, so
//! an event between the look and the registration is never lost.
//!
//! # Synchronization edges
//!
//! | edge | released by           | acquired by            | what crosses                |
//! |------|-----------------------|------------------------|-----------------------------|
//! | S1   | lock in `deliver`     | lock in `wait`         | the bits set before         |
//! | S2   | lock in `wait`        | lock in `deliver`      | the waker left              |
//!
//! # Rejected
//!
//! * An atomic waker per direction: it serves one task per direction, so the
//!   waiters need the lock anyway, and beside a system call its 10 ns are lost.
//! * Waking only one waiter: readiness is not a grant, and who was woken may be
//!   dropped.

use crate::{
    readiness::{Interest, Readiness, Ready, Snapshot},
    wakers::Wakers,
};
use slab::Slab;
use std::task::{Context, Waker};
use sync::shim::{self, Lock};

/// Reading or writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl Direction {
    /// What lets an operation of this direction go on.
    pub(crate) fn wanted(self) -> Ready {
        match self {
            Self::Read => Interest::READABLE.wanted(),
            Self::Write => Interest::WRITABLE.wanted(),
        }
    }
}

/// Where a waker is left.
#[derive(Debug)]
pub(crate) enum Place<'a> {
    /// The one slot of a direction: the last who polled is woken.
    Slot(Direction),
    /// A place of one's own, kept under `key` until [`Source::leave`].
    Own { key: &'a mut Option<usize>, wanted: Ready },
}

impl Place<'_> {
    fn wanted(&self) -> Ready {
        match self {
            Self::Slot(direction) => direction.wanted(),
            Self::Own { wanted, .. } => *wanted,
        }
    }
}

#[derive(Debug)]
struct Waiter {
    wanted: Ready,
    /// `None` once woken; the place stays until its owner leaves it.
    waker: Option<Waker>,
}

#[derive(Debug, Default)]
struct Waiters {
    reader: Option<Waker>,
    writer: Option<Waker>,
    others: Slab<Waiter>,
}

impl Waiters {
    /// Leaves `waker` at `place`; what lay there is to be dropped by the caller,
    /// outside the lock.
    fn leave_waker(&mut self, place: &mut Place<'_>, waker: Waker) -> Option<Waker> {
        match place {
            Place::Slot(Direction::Read) => self.reader.replace(waker),
            Place::Slot(Direction::Write) => self.writer.replace(waker),
            Place::Own { key: Some(key), .. } => {
                self.others.get_mut(*key).and_then(|waiter| waiter.waker.replace(waker))
            }
            Place::Own { key, wanted } => {
                **key = Some(self.others.insert(Waiter { wanted: *wanted, waker: Some(waker) }));
                None
            }
        }
    }

    fn gather(&mut self, ready: Ready, wakers: &mut Wakers) {
        if ready.intersects(Direction::Read.wanted()) {
            wakers.extend(self.reader.take());
        }
        if ready.intersects(Direction::Write.wanted()) {
            wakers.extend(self.writer.take());
        }
        if self.others.is_empty() {
            return;
        }
        for (_, waiter) in &mut self.others {
            if ready.intersects(waiter.wanted) {
                wakers.extend(waiter.waker.take());
            }
        }
    }
}

/// Something that becomes ready, and those who wait for it.
#[derive(Debug)]
pub(crate) struct Source {
    readiness: Readiness,
    waiters: Lock<Waiters>,
}

impl Source {
    /// A source that starts out ready for `ready`.
    pub(crate) fn new(ready: Ready) -> Self {
        Self { readiness: Readiness::new(ready), waiters: Lock::new(Waiters::default()) }
    }

    /// What it is ready for.
    pub(crate) fn read(&self) -> Snapshot {
        self.readiness.read()
    }

    /// An event came: sets the bits and gathers the wakers of those who wait for
    /// them, to be woken with no lock held.
    pub(crate) fn deliver(&self, ready: Ready, wakers: &mut Wakers) {
        self.readiness.set(ready);
        // S1: who waits from now on sees the bits. S2: who waits already is seen.
        self.waiters.lock().gather(ready, wakers);
    }

    /// The runtime ends: whoever waits, and whoever comes, hears of it.
    pub(crate) fn shut_down(&self, wakers: &mut Wakers) {
        self.readiness.shut_down();
        // S1, S2: as in `deliver`.
        self.waiters.lock().gather(Ready::ALL, wakers);
    }

    /// An operation met `WouldBlock` after it had seen `seen`.
    pub(crate) fn clear(&self, seen: Snapshot, cleared: Ready) {
        self.readiness.clear(seen, cleared);
    }

    /// An operation that had seen `seen` has left nothing for the next.
    pub(crate) fn drain(&self, seen: Snapshot, drained: Ready) {
        self.readiness.drain(seen, drained);
    }

    /// What the source is ready for, if anything wanted at `place` or the end of
    /// the runtime is among it; otherwise leaves the waker of `cx` there.
    pub(crate) fn wait(&self, mut place: Place<'_>, cx: &Context<'_>) -> Option<Snapshot> {
        let wanted = place.wanted();
        let answers = |it: &Snapshot| it.is_shut_down() || it.ready().intersects(wanted);
        if let Some(snapshot) = Some(self.read()).filter(answers) {
            return Some(snapshot);
        }
        shim::assert_unlocked("the clone of a waker");
        // Cloned even if its equal lies there already: to look first would take
        // the lock twice in the usual case, in which nothing lies there.
        let waker = cx.waker().clone();
        let mut waiters = self.waiters.lock();
        // S1: an earlier event has set its bits. The waker of another, which may
        // lie in the slot, stays: the event's deliverer takes it.
        let found = Some(self.read()).filter(answers);
        let unused = match found {
            Some(_) => Some(waker),
            // S2: a later event finds the waker.
            None => waiters.leave_waker(&mut place, waker),
        };
        drop(waiters);
        // With the lock free again: wakers are the user's to drop.
        drop(unused);
        found
    }

    /// Gives up the place of one's own under `key`.
    pub(crate) fn leave(&self, key: usize) {
        let waiter = self.waiters.lock().others.try_remove(key);
        shim::assert_unlocked("the drop of a waker");
        drop(waiter);
    }

    /// How many places are taken: for tests that nothing leaks.
    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(crate) fn waiters_count(&self) -> usize {
        let waiters = self.waiters.lock();
        usize::from(waiters.reader.is_some())
            + usize::from(waiters.writer.is_some())
            + waiters.others.len()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::{
        sync::{Arc, Mutex},
        task::Wake,
    };

    #[derive(Default)]
    struct Counter(Mutex<usize>);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            *self.0.lock().unwrap() += 1;
        }
    }

    impl Counter {
        fn count(&self) -> usize {
            *self.0.lock().unwrap()
        }
    }

    fn counter() -> (Arc<Counter>, Waker) {
        let counter = Arc::new(Counter::default());
        (counter.clone(), counter.into())
    }

    fn deliver(source: &Source, ready: Ready) {
        let mut wakers = Wakers::new();
        source.deliver(ready, &mut wakers);
        wakers.wake();
    }

    #[test]
    fn an_event_wakes_its_direction_only() {
        let source = Source::new(Ready::EMPTY);
        let ((reads, reader), (writes, writer)) = (counter(), counter());
        let read = source.wait(Place::Slot(Direction::Read), &Context::from_waker(&reader));
        let write = source.wait(Place::Slot(Direction::Write), &Context::from_waker(&writer));
        assert_eq!((read, write), (None, None));
        deliver(&source, Ready::WRITABLE);
        assert_eq!((reads.count(), writes.count()), (0, 1));
        deliver(&source, Ready::READ_CLOSED);
        assert_eq!((reads.count(), writes.count()), (1, 1));
    }

    #[test]
    fn the_last_waker_of_a_slot_wins() {
        let source = Source::new(Ready::EMPTY);
        let ((first, one), (second, two)) = (counter(), counter());
        for waker in [&one, &two] {
            source.wait(Place::Slot(Direction::Read), &Context::from_waker(waker));
        }
        deliver(&source, Ready::READABLE);
        assert_eq!((first.count(), second.count()), (0, 1));
    }

    #[test]
    fn every_waiter_with_a_place_is_woken() {
        let source = Source::new(Ready::EMPTY);
        let mut keys = [None; 3];
        let (woken, waker) = counter();
        for key in &mut keys {
            let place = Place::Own { key, wanted: Direction::Read.wanted() };
            assert!(source.wait(place, &Context::from_waker(&waker)).is_none());
        }
        deliver(&source, Ready::READABLE);
        assert_eq!(woken.count(), 3);
        for key in keys {
            source.leave(key.unwrap());
        }
        assert_eq!(source.waiters_count(), 0);
    }

    #[test]
    fn the_end_of_the_runtime_reaches_who_waits_and_who_comes() {
        let source = Source::new(Ready::EMPTY);
        let (woken, waker) = counter();
        let cx = Context::from_waker(&waker);
        assert!(source.wait(Place::Slot(Direction::Read), &cx).is_none());
        let mut wakers = Wakers::new();
        source.shut_down(&mut wakers);
        wakers.wake();
        assert_eq!(woken.count(), 1);
        let seen = source.wait(Place::Slot(Direction::Write), &cx);
        assert!(seen.is_some_and(Snapshot::is_shut_down));
    }

    #[test]
    fn a_ready_source_keeps_no_waker() {
        let source = Source::new(Ready::READABLE);
        let (_, waker) = counter();
        assert!(source.wait(Place::Slot(Direction::Read), &Context::from_waker(&waker)).is_some());
        assert_eq!(source.waiters_count(), 0);
    }
}
