//! How much came from outside, and how often we went to look.

use sync::shim::atomic::{AtomicU64, Ordering::Relaxed};

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

    pub(crate) fn read(&self, sources: usize) -> Metrics {
        Metrics {
            turns: self.turns.load(Relaxed),
            sleeps: self.sleeps.load(Relaxed),
            events: self.events.load(Relaxed),
            events_stale: self.events_stale.load(Relaxed),
            timers_fired: self.timers_fired.load(Relaxed),
            wakes: self.wakes.load(Relaxed),
            sources,
        }
    }
}

fn add(counter: &AtomicU64, count: usize) {
    if count != 0 {
        // Relaxed: a statistic.
        counter.fetch_add(count as u64, Relaxed);
    }
}

/// What a [`Reactor`](crate::Reactor) has done so far. Counters wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// How often it looked for events or due timers.
    pub turns: u64,
    /// How often a thread went to sleep in it.
    pub sleeps: u64,
    /// Events that came from the poller.
    pub events: u64,
    /// Those among them whose source had gone: they woke nobody.
    pub events_stale: u64,
    /// Timers that were due.
    pub timers_fired: u64,
    /// Wakers called.
    pub wakes: u64,
    /// Sources that are registered now.
    pub sources: usize,
}
