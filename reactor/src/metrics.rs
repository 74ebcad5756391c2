//! How much came from outside, and how often we went to look.

use sync::{
    driver::DriverMetrics,
    shim::atomic::{AtomicU64, Ordering::Relaxed},
};

/// The counters of one reactor. Added to once per turn, not once per event.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    turns: AtomicU64,
    sleeps: AtomicU64,
    events: AtomicU64,
    events_stale: AtomicU64,
    timers_fired: AtomicU64,
    wakes: AtomicU64,
}

/// What one turn came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Harvest {
    /// Events from the poller.
    pub(crate) events: usize,
    /// Those among them that belonged to nobody any more.
    pub(crate) events_stale: usize,
    /// Timers that were due.
    pub(crate) timers_fired: usize,
}

impl Harvest {
    /// What a driver reports as delivered.
    pub(crate) fn delivered(self) -> usize {
        self.events + self.timers_fired
    }
}

impl Counters {
    /// The poller was asked; with `sleep`, a thread went to sleep there.
    pub(crate) fn add_turn(&self, harvest: Harvest) {
        // Relaxed, here and below: statistics; nothing crosses with them.
        self.turns.fetch_add(1, Relaxed);
        add(&self.events, harvest.events);
        add(&self.events_stale, harvest.events_stale);
        add(&self.timers_fired, harvest.timers_fired);
    }

    /// A thread sleeps, in the poller or on its parker.
    pub(crate) fn add_sleep(&self) {
        self.sleeps.fetch_add(1, Relaxed);
    }

    /// So many wakers were called.
    pub(crate) fn add_wakes(&self, count: usize) {
        add(&self.wakes, count);
    }

    /// `timers`: of each who has some, how many are set and how many ever were.
    pub(crate) fn read(
        &self,
        sources: usize,
        timers: impl Iterator<Item = (usize, u64)>,
    ) -> DriverMetrics {
        let (timers, set) = timers.fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        let mut metrics = DriverMetrics::default();
        metrics.turns = self.turns.load(Relaxed);
        metrics.sleeps = self.sleeps.load(Relaxed);
        metrics.events = self.events.load(Relaxed);
        metrics.events_stale = self.events_stale.load(Relaxed);
        metrics.wakes = self.wakes.load(Relaxed);
        metrics.sources = sources;
        metrics.timers = timers;
        metrics.timers_set = set;
        metrics.timers_fired = self.timers_fired.load(Relaxed);
        // Those that are neither set nor fired: nobody counts at a cancellation, which
        // may be on any thread.
        let ended = set.saturating_sub(timers as u64);
        metrics.timers_cancelled = ended.saturating_sub(metrics.timers_fired);
        metrics
    }
}

fn add(counter: &AtomicU64, count: usize) {
    if count != 0 {
        // Relaxed: a statistic.
        counter.fetch_add(count as u64, Relaxed);
    }
}
