//! Has the thread looked at its driver since?

use sync::shim::atomic::{AtomicU32, Ordering::Relaxed};

/// The time between two looks of a thread at its driver. Only good for telling two of
/// them apart, as a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn(pub(super) u32);

impl Turn {
    /// The bits of it that count: so many fit beside others into a word. Where that has
    /// 32 bits, a turn looks like the one 4096 later, and a sleep that is polled in just
    /// that one fires at its end.
    pub(super) const BITS: u32 = if usize::BITS < 64 { 12 } else { 32 };
}

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
        Turn(self.0.load(Relaxed) << (u32::BITS - Turn::BITS) >> (u32::BITS - Turn::BITS))
    }
}
