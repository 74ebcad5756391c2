//! Does anything go on beside the workers?
//!
//! A virtual clock must not jump while a blocking job runs or a thread that is no
//! worker is awake: those *engage*. Whoever disengages last lets a sleeping worker
//! look whether the clock may jump now, and only if the driver's clock might:
//! otherwise every `block_on` would end with the wake of a worker that has nothing
//! to do.
//!
//! The driver may change its mind, and unparks every worker after it has. The last of
//! them to fall asleep again asks whether somebody is engaged, by a
//! read-modify-write, and so does, with its own, whoever disengages:
//!
//! ```text
//!     driver              worker, the last to sleep       engaged thread
//!     ──────              ─────────────────────────       ──────────────
//!     may jump: yes ────▶ unparked
//!                         engaged?       ◀──── D3 ────▶   engaged - 1
//!                           nobody: jump                  was the last one, and
//!                           somebody: sleep               may jump? wake a worker
//! ```
//!
//! If the worker asks first, the thread sees the clock as the worker did.
//!
//! # Synchronization edges
//!
//! | edge | released by            | acquired by            | what crosses               |
//! |------|------------------------|------------------------|----------------------------|
//! | D3   | [`Engaged::try_hold`]  | [`Engaged::disengage`] | that the clock may jump    |

use sync::shim::atomic::{
    AtomicUsize,
    Ordering::{AcqRel, Relaxed},
};

/// Blocking jobs, and threads awake that are not workers.
#[derive(Debug)]
pub(crate) struct Engaged {
    count: AtomicUsize,
    /// How often anything has engaged.
    total: AtomicUsize,
}

impl Engaged {
    pub(crate) fn new() -> Self {
        Self { count: AtomicUsize::new(0), total: AtomicUsize::new(0) }
    }

    /// Something goes on.
    pub(crate) fn engage(&self) {
        // Relaxed, both: the clock looks after it has seen everybody asleep, by
        // locks.
        self.count.fetch_add(1, Relaxed);
        self.total.fetch_add(1, Relaxed);
    }

    /// It is over. Whether that was the last.
    #[must_use]
    pub(crate) fn disengage(&self) -> bool {
        // D3: sees what a worker saw that found us engaged.
        let before = self.count.fetch_sub(1, AcqRel);
        debug_assert!(before > 0, "disengaged more often than engaged");
        before == 1
    }

    /// How many are engaged now, and how often anything has been.
    pub(crate) fn counts(&self) -> (usize, usize) {
        // Relaxed, both: a hint, and exact for who has fenced (U2 of `vigil`).
        (self.count.load(Relaxed), self.total.load(Relaxed))
    }

    /// How often anything has engaged, to compare.
    pub(crate) fn total(&self) -> usize {
        // Acquire and more, by read-modify-write: sees what was going on.
        self.total.fetch_add(0, AcqRel)
    }

    /// Engages if nobody has. `false`: whoever is engaged lets a worker look when it
    /// is over.
    #[must_use]
    pub(crate) fn try_hold(&self) -> bool {
        loop {
            if self.count.compare_exchange(0, 1, AcqRel, Relaxed).is_ok() {
                return true;
            }
            // D3: publishes what we have seen of the clock.
            if self.count.fetch_add(0, AcqRel) > 0 {
                return false;
            }
        }
    }
}
