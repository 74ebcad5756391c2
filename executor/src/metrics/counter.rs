//! Counting without a read-modify-write.

use sync::shim::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that one thread at a time counts up.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Gives what it is afterwards.
    #[inline]
    pub(crate) fn add(&self, n: u64) -> u64 {
        // Relaxed, both: a statistic with one writer.
        let sum = self.0.load(Relaxed).wrapping_add(n);
        self.0.store(sum, Relaxed);
        sum
    }

    /// Makes it `n` if it is less.
    pub(super) fn raise(&self, n: u64) {
        if self.get() < n {
            // Relaxed: as in `add`.
            self.0.store(n, Relaxed);
        }
    }

    pub(crate) fn get(&self) -> u64 {
        // Relaxed: a statistic.
        self.0.load(Relaxed)
    }
}
