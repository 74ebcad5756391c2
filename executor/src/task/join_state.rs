//! The join word: to whom does a finished task's output go?
//!
//! One join handle and one completer, the thread whose poll came to an end, share
//! the output and the slot for the joiner's waker. Neither ever waits for the
//! other.
//!
//! ```text
//!   bit   4       3       2        1         0
//!     ┌───────┬──────┬────────┬──────────┬─────────┐
//!     │ AGAIN │ GONE │  DONE  │ LOCKED   │ WAKER   │
//!     └───────┴──────┴────────┴──────────┴─────────┘
//!
//!            register          begin, with a copy of the waker
//!     EMPTY ──────────▶ WAKER ────────────────────────────────▶ DONE
//!       │                 │
//!       │                 │ unregister
//!       │                 ▼     register              begin            end
//!       │               AGAIN ─────────▶ AGAIN|WAKER ──────▶ LOCKED ──────▶ DONE
//!       │                 ▲ ◀─────────────┘                     │
//!       │                 │   unregister                        │ detach
//!       │                 │                                     ▼
//!       ├── begin ─▶ DONE ┴ …, likewise                   LOCKED|GONE ─ end ─▶ DONE|GONE
//!       └── detach ─▶ GONE
//! ```
//!
//! WAKER: the slot holds a waker, and the completer may take it. LOCKED: the
//! completer is taking it. DONE: the output is there. GONE: no handle is left.
//! AGAIN: a waker was taken back, so that one in the slot is not the first.
//!
//! Most joiners wait once, with one waker. That one the completer copies before it says
//! DONE, and after that touches the cell no more: one write of the word. See
//! [`waker_slot`](sync::waker_slot) for why the copy is whole.
//!
//! # Who may touch what
//!
//! | what     | joiner                          | completer                         |
//! |----------|---------------------------------|-----------------------------------|
//! | the slot | writes while WAKER and LOCKED are clear | copies while WAKER is set; the copy is its own if the exchange from WAKER succeeds, or after it turned that into LOCKED |
//! | the output, and the cell's end | once it saw DONE | if it saw GONE                  |
//!
//! Whoever gets the output also has to let go of the cell.
//!
//! # Synchronization edges
//!
//! | edge | released by                        | acquired by              | what crosses         |
//! |------|------------------------------------|--------------------------|----------------------|
//! | J1   | [`JoinState::begin`], [`JoinState::end`] | [`JoinState::poll`], [`JoinState::detach`] | the output |
//! | J2   | [`JoinState::register`]            | [`JoinState::begin`]     | the waker            |
//! | J3   | [`JoinState::detach`]              | [`JoinState::begin`], [`JoinState::end`] | the handle's last use |

use sync::shim::atomic::{
    AtomicU8,
    Ordering::{AcqRel, Acquire},
};

/// The atomic word. Transitions are [`Snapshot`]'s; this type publishes them.
#[derive(Debug)]
pub(crate) struct JoinState(AtomicU8);

/// What [`JoinState::begin`] and [`JoinState::end`] tell the completer to do.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Complete {
    /// The output is the joiner's now: do not touch the cell.
    HandedOver,
    /// Likewise, and the waker that was copied is ours: call it.
    Wake,
    /// Take the waker out of the slot, then call [`JoinState::end`].
    TakeWaker,
    /// Nobody wants it: drop the output, let go of the cell.
    Discard,
}

/// What the word tells the joiner.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    /// Not finished; the slot is as it was asked for.
    Pending,
    /// A waker lies in the slot: take it back before you write.
    Registered,
    /// The completer is at the slot this moment: ask again.
    Locked,
    /// The output is the joiner's.
    Done,
}

impl JoinState {
    /// Not finished, nobody waits.
    pub(crate) fn new() -> Self {
        Self(AtomicU8::new(0))
    }

    /// What is there? J1: a joiner that sees DONE may read the output.
    pub(crate) fn poll(&self) -> Join {
        Snapshot(self.0.load(Acquire)).join()
    }

    /// The joiner wrote a waker into the empty slot. J2: publishes it.
    pub(crate) fn register(&self) -> Join {
        self.update(Snapshot::register)
    }

    /// The joiner wants the slot back.
    pub(crate) fn unregister(&self) -> Join {
        self.update(Snapshot::unregister)
    }

    /// The handle goes away, its waker is out of the slot. J3: publishes its
    /// last use. `Done`: the output is left to it.
    pub(crate) fn detach(&self) -> Join {
        self.update(Snapshot::detach)
    }

    /// The output is written. J1: publishes it; J2, J3: sees what the joiner
    /// left. For [`Complete::Wake`] also gives what `copy` copied out of the slot.
    #[inline]
    pub(crate) fn begin<W>(&self, copy: impl Fn() -> W) -> (Complete, Option<W>) {
        // J2, J3: see the waker, and the last use.
        let mut seen = self.0.load(Acquire);
        loop {
            let (next, order) = Snapshot(seen).begin();
            // A detached task's word does not change any more: no need to write it.
            if order == Complete::Discard {
                return (order, None);
            }
            let copied = (order == Complete::Wake).then(&copy);
            match self.0.compare_exchange_weak(seen, next.0, AcqRel, Acquire) {
                Ok(_) => return (order, copied),
                Err(actual) => seen = actual,
            }
        }
    }

    /// The waker is out of the slot. J1: publishes the output.
    pub(crate) fn end(&self) -> Complete {
        self.update(Snapshot::end)
    }

    /// With [`begin`](Self::begin), the only place that writes the word.
    fn update<A>(&self, step: impl Fn(Snapshot) -> (Snapshot, A)) -> A {
        let mut seen = self.0.load(Acquire);
        loop {
            let (next, order) = step(Snapshot(seen));
            match self.0.compare_exchange_weak(seen, next.0, AcqRel, Acquire) {
                Ok(_) => return order,
                Err(actual) => seen = actual,
            }
        }
    }
}

/// One value of the word. Its methods are the whole state machine, and pure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Snapshot(u8);

const WAKER: u8 = 1 << 0;
const LOCKED: u8 = 1 << 1;
const DONE: u8 = 1 << 2;
const GONE: u8 = 1 << 3;
const AGAIN: u8 = 1 << 4;

impl Snapshot {
    fn join(self) -> Join {
        debug_assert!(!self.has(GONE), "a detached handle asks: {self:?}");
        match () {
            () if self.has(DONE) => Join::Done,
            () if self.has(LOCKED) => Join::Locked,
            () if self.has(WAKER) => Join::Registered,
            () => Join::Pending,
        }
    }

    fn register(self) -> (Self, Join) {
        debug_assert!(!self.has(WAKER) && !self.has(LOCKED), "the slot is taken: {self:?}");
        match self.has(DONE) {
            true => (self, Join::Done),
            false => (self.with(WAKER), Join::Pending),
        }
    }

    fn unregister(self) -> (Self, Join) {
        match self.join() {
            Join::Registered => (self.without(WAKER).with(AGAIN), Join::Pending),
            other => (self, other),
        }
    }

    fn detach(self) -> (Self, Join) {
        debug_assert!(!self.has(WAKER), "a waker was left behind: {self:?}");
        match self.has(DONE) {
            true => (self, Join::Done),
            false => (self.with(GONE), Join::Pending),
        }
    }

    fn begin(self) -> (Self, Complete) {
        debug_assert!(!self.has(DONE) && !self.has(LOCKED), "completed twice: {self:?}");
        match () {
            () if self.has(GONE) => (self, Complete::Discard),
            () if self.has(WAKER) && self.has(AGAIN) => {
                (self.without(WAKER).with(LOCKED), Complete::TakeWaker)
            }
            () if self.has(WAKER) => (self.without(WAKER).with(DONE), Complete::Wake),
            () => (self.with(DONE), Complete::HandedOver),
        }
    }

    fn end(self) -> (Self, Complete) {
        debug_assert!(self.has(LOCKED), "nothing was begun: {self:?}");
        let next = self.without(LOCKED).with(DONE);
        match self.has(GONE) {
            true => (next, Complete::Discard),
            false => (next, Complete::HandedOver),
        }
    }

    const fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    const fn with(self, flag: u8) -> Self {
        Self(self.0 | flag)
    }

    const fn without(self, flag: u8) -> Self {
        Self(self.0 & !flag)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Every word that the transitions reach from the empty one, with `true` for
    /// those in which the output has an owner.
    fn reachable() -> BTreeSet<u8> {
        let mut words = BTreeSet::from([0]);
        let mut fresh = vec![Snapshot(0)];
        while let Some(state) = fresh.pop() {
            let mut next = vec![];
            if !state.has(GONE) {
                next.push(state.unregister().0);
                if !state.has(WAKER) {
                    next.push(state.detach().0);
                    if !state.has(LOCKED) {
                        next.push(state.register().0);
                    }
                }
            }
            if state.has(LOCKED) {
                next.push(state.end().0);
            } else if !state.has(DONE) {
                next.push(state.begin().0);
            }
            fresh.extend(next.into_iter().filter(|it| words.insert(it.0)));
        }
        words
    }

    #[test]
    fn the_word_takes_these_values_and_no_others() {
        let first = [0, WAKER, DONE, GONE];
        let again = [0, WAKER, LOCKED, DONE, GONE, LOCKED | GONE, DONE | GONE];
        let named = first.into_iter().chain(again.map(|it| it | AGAIN));
        assert_eq!(reachable(), named.collect());
    }

    #[test]
    fn a_waker_is_copied_only_if_it_is_the_first() {
        let (registered, _) = Snapshot(0).register();
        assert_eq!(registered.begin().1, Complete::Wake);
        let (taken_back, _) = registered.unregister();
        let (again, _) = taken_back.register();
        assert_eq!(again.begin().1, Complete::TakeWaker);
        for word in reachable().into_iter().filter(|it| it & AGAIN != 0).map(Snapshot) {
            assert_ne!(word.0, registered.0, "a word that was left never comes back");
        }
    }

    #[test]
    fn the_output_gets_exactly_one_owner() {
        // Before completion, and with nobody in the middle of it.
        for word in [0, WAKER, GONE, AGAIN, AGAIN | WAKER, AGAIN | GONE] {
            let (next, order) = Snapshot(word).begin();
            match order {
                Complete::Discard => assert!(next.has(GONE) && !next.has(DONE)),
                Complete::HandedOver | Complete::Wake => {
                    assert_eq!(next.detach().1, Join::Done);
                }
                Complete::TakeWaker => {
                    assert_eq!(next.end().1, Complete::HandedOver);
                    assert_eq!(next.detach().0.end().1, Complete::Discard);
                }
            }
        }
    }
}
