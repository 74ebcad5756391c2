//! Has the thread looked at its driver since?

use sync::shim::atomic::{AtomicU32, Ordering::Relaxed};

/// The time between two looks of a thread at its driver. Only good for telling two of
/// them apart, as a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn(u32);

/// Counts the turns of one seat.
#[derive(Debug)]
pub(super) struct Turns(AtomicU32);

impl Turns {
    pub(super) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    pub(super) fn end(&self) {
        // Relaxed, both: others may look for this thread, and a turn that is not
        // counted makes a sleep fire at the next look instead of at once.
        self.0.store(self.0.load(Relaxed).wrapping_add(1), Relaxed);
    }

    pub(super) fn current(&self) -> Turn {
        // Relaxed: as in `end`.
        Turn(self.0.load(Relaxed))
    }
}
