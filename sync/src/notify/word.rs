//! What is in the one word of a `Notify`, and what may become of it?
//!
//! The edges are those of the [parent module](super).

use crate::shim::atomic::{
    AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed},
};

/// A notification nobody has taken.
pub(super) const PERMIT: usize = 1;
/// Somebody waits: the word is written only under the lock of the line.
pub(super) const LINE: usize = 2;
/// One call of `notify_waiters`.
const CALL: usize = 4;

/// What the word says, and what may become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Snapshot(usize);

/// What a notifier is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Deliver {
    /// Nothing: the word says it.
    Done,
    /// Tell the line, under its lock.
    InLine,
}

/// What a newcomer finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Arrival {
    /// It was notified.
    Notified,
    /// It is to wait.
    Wait,
}

impl Snapshot {
    /// Calls are compared for equality only, so their count may wrap; under debug
    /// assertions it soon does.
    const START: Self = match cfg!(debug_assertions) {
        true => Self(0_usize.wrapping_sub(2 * CALL)),
        false => Self(0),
    };

    pub(super) const fn calls(self) -> usize {
        self.0 / CALL
    }

    pub(super) const fn has(self, flag: usize) -> bool {
        self.0 & flag != 0
    }

    pub(super) const fn without(self, flag: usize) -> Self {
        Self(self.0 & !flag)
    }

    pub(super) fn notify(self) -> (Option<Self>, Deliver) {
        match self.has(LINE) {
            true => (None, Deliver::InLine),
            false => (Some(Self(self.0 | PERMIT)), Deliver::Done),
        }
    }

    pub(super) fn call(self) -> (Option<Self>, Deliver) {
        match self.has(LINE) {
            true => (None, Deliver::InLine),
            false => (Some(Self(self.0.wrapping_add(CALL))), Deliver::Done),
        }
    }

    /// For one who was made after `calls` calls, and does not wait.
    pub(super) fn take(self, calls: usize) -> (Option<Self>, Arrival) {
        match self.calls() == calls {
            false => (None, Arrival::Notified),
            true if self.has(PERMIT) => (Some(self.without(PERMIT)), Arrival::Notified),
            true => (None, Arrival::Wait),
        }
    }

    /// For one who was made after `calls` calls, and waits if it must.
    pub(super) fn arrive(self, calls: usize) -> (Option<Self>, Arrival) {
        match self.take(calls) {
            (_, Arrival::Wait) => (Some(Self(self.0 | LINE)), Arrival::Wait),
            other => other,
        }
    }
}

/// The word, shared.
#[derive(Debug)]
pub(super) struct Word(AtomicUsize);

impl Word {
    crate::const_fn! {
        /// No permit, nobody in line.
        pub(super) const fn new() -> Self {
            Self(AtomicUsize::new(Snapshot::START.0))
        }
    }

    /// N1, N2, both ends: the only compare-exchange of this file. It writes also
    /// what is there already: a second permit publishes what its giver wrote. It
    /// acquires as the load does: what it replaces may be such a second permit.
    #[inline]
    pub(super) fn update<R>(&self, step: impl Fn(Snapshot) -> (Option<Snapshot>, R)) -> R {
        let mut seen = self.0.load(Acquire);
        loop {
            let (next, result) = step(Snapshot(seen));
            let Some(next) = next else { return result };
            match self.0.compare_exchange_weak(seen, next.0, AcqRel, Acquire) {
                Ok(_) => return result,
                Err(word) => seen = word,
            }
        }
    }

    /// For the eye, or where a value too old does no harm.
    pub(super) fn glance(&self) -> Snapshot {
        // Relaxed: so say the callers.
        Snapshot(self.0.load(Relaxed))
    }

    /// Whether one who was made after `calls` calls has been notified: N1, N2.
    #[inline]
    pub(super) fn take(&self, calls: usize) -> bool {
        self.update(|seen| seen.take(calls)) == Arrival::Notified
    }
}
