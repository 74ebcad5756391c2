//! What one worker counts.

use super::{WorkerMetrics, histogram::Buckets};
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

/// The counters of one worker.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) polls: Counter,
    pub(crate) searches: Counter,
    pub(crate) steals: Counter,
    pub(crate) taken: Counter,
    pub(crate) parks: Counter,
    pub(crate) wakes: Counter,
    pub(crate) budget_yields: Counter,
    pub(crate) events: Counter,
    /// Of the tasks that were watched.
    pub(crate) poll_times: Buckets,
    /// How long they had been ready before.
    pub(crate) latencies: Buckets,
}

impl Counters {
    pub(crate) fn snapshot(&self, queued: usize) -> WorkerMetrics {
        WorkerMetrics {
            polls: self.polls.get(),
            searches: self.searches.get(),
            steals: self.steals.get(),
            taken: self.taken.get(),
            parks: self.parks.get(),
            wakes: self.wakes.get(),
            budget_yields: self.budget_yields.get(),
            events: self.events.get(),
            queued,
            poll_times: self.poll_times.snapshot(),
            latencies: self.latencies.snapshot(),
        }
    }
}
