//! What one worker counts, what the watcher does, and the ends of tasks.

use super::{WorkerMetrics, counter::Counter, histogram::Buckets};
use sync::shim::atomic::{AtomicU64, Ordering::Relaxed};

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
    /// Elsewhere, so that it takes a shift to find a worker's counters.
    pub(crate) times: Box<Times>,
}

/// The times of tasks that were watched.
#[derive(Debug, Default)]
pub(crate) struct Times {
    pub(crate) polls: Buckets,
    /// How long they had been ready before.
    pub(crate) latencies: Buckets,
}

/// What the memory of a worker's tasks counts.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Tasks made: the tenant's.
    pub(crate) spawned: Counter,
    cancelled: AtomicU64,
    panicked: AtomicU64,
}

impl Counts {
    /// A task was cancelled, on any thread.
    pub(crate) fn add_cancelled(&self) {
        // Relaxed, here and below: a statistic.
        self.cancelled.fetch_add(1, Relaxed);
    }

    pub(crate) fn cancelled(&self) -> u64 {
        self.cancelled.load(Relaxed)
    }

    /// A task has panicked, on any thread.
    pub(crate) fn add_panicked(&self) {
        self.panicked.fetch_add(1, Relaxed);
    }

    pub(crate) fn panicked(&self) -> u64 {
        self.panicked.load(Relaxed)
    }
}

/// What the [watcher](crate::watcher) counts, which is one thread.
#[derive(Debug, Default)]
pub(crate) struct Rescues {
    pub(crate) stalls: Counter,
    pub(crate) tasks: Counter,
    pub(crate) events: Counter,
    pub(crate) spares: Counter,
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
            is_spare: false,
            poll_times: self.times.polls.snapshot(),
            latencies: self.times.latencies.snapshot(),
        }
    }
}
