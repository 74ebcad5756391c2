//! Plain memory on which models race, with loom as the referee.

use std::sync::Arc;
use sync::shim::cell::UnsafeCell;

/// A number that is no atomic.
#[derive(Clone, Debug)]
pub(super) struct Memory(Arc<UnsafeCell<u32>>);

// SAFETY: loom itself fails the model if two threads race for it.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    #[expect(clippy::arc_with_non_send_sync, reason = "loom finds out who races")]
    pub(super) fn new() -> Self {
        Self(Arc::new(UnsafeCell::new(0)))
    }

    pub(super) fn write(&self, value: u32) {
        // SAFETY: loom itself fails the model if this races.
        self.0.with_mut(|cell| unsafe { *cell = value });
    }

    pub(super) fn read(&self) -> u32 {
        // SAFETY: loom itself fails the model if this races.
        self.0.with(|cell| unsafe { *cell })
    }

    /// One more: a read and a write.
    pub(super) fn add(&self) {
        // SAFETY: loom itself fails the model if this races.
        self.0.with_mut(|cell| unsafe { *cell += 1 });
    }
}
