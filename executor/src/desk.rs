//! What one worker works at: its queue, its memory, its counters.
//!
//! A desk is owned by one thread at a time and is passed on as a whole: a thread
//! that is about to block hands it to a substitute; a thread that leaves a
//! current-thread runtime leaves it for the next. While a thread sits at it, the
//! desk lies in that thread's [context](crate::context), where spawns and wakes
//! find it without an atomic write.

use crate::{
    deque,
    metrics::Sampler,
    pace::Pace,
    profit::Doubt,
    raids::Raids,
    rng::Rng,
    task::{Task, Tenant},
};
use std::{
    cell::{Cell, RefCell},
    fmt,
    time::Instant,
};
use sync::driver::Seat;

/// The place of one worker.
pub(crate) struct Desk {
    pub(crate) seat: Seat,
    /// The worker's number.
    pub(crate) index: usize,
    pub(crate) tenant: Tenant,
    pub(crate) local: deque::Worker<Task>,
    /// Who awaits the task that ended in the poll that ended just now, to be run at
    /// once. Nobody else sees it: it is empty whenever user code runs.
    pub(crate) joiner: Cell<Option<Task>>,
    pub(crate) rng: RefCell<Rng>,
    /// Says which pushes are watched.
    pub(crate) sampler: Sampler,
    /// With which shard of the runtime's queue the next look begins.
    pub(crate) shard: Cell<usize>,
    /// How many tasks in a row came from the next-task slot.
    pub(crate) slot_runs: Cell<u32>,
    /// Whether pinned tasks are looked at before the queue, the next time.
    pub(crate) is_pinned_first: Cell<bool>,
    pub(crate) is_searching: Cell<bool>,
    /// Whether the last look before sleep found something.
    pub(crate) saw_work: Cell<bool>,
    pub(crate) is_asleep: Cell<bool>,
    pub(crate) pace: Pace,
    /// Whether some of what is queued was pushed from outside, or woken by the driver.
    pub(crate) came_from_outside: Cell<bool>,
    /// How many tasks the poll that runs has spawned while somebody slept.
    pub(crate) spawns: Cell<u32>,
    /// Whether its worker may still rely on a look by another.
    pub(crate) doubt: Doubt,
    pub(crate) raids: Raids,
    /// Whom its worker robs no more for a while.
    pub(crate) retires_from: Cell<Option<usize>>,
    /// For whose backlog its worker was woken, and when.
    pub(crate) woken_for: Cell<Option<(usize, Instant)>>,
    /// Who relies on its worker to look by itself, while that sleeps.
    pub(crate) vouched_for: Cell<Option<usize>>,
    /// Until when it sleeps then.
    pub(crate) doze_until: Cell<Option<Instant>>,
    /// Who relied on it: what it finds is found for that one.
    pub(crate) looks_for: Cell<Option<usize>>,
}

impl Desk {
    pub(crate) fn new(index: usize, tenant: Tenant, seed: u64) -> Self {
        Self {
            seat: Seat(u32::try_from(index).expect("the builder limits the workers")),
            index,
            tenant,
            local: deque::Worker::new_fifo(),
            joiner: Cell::new(None),
            rng: RefCell::new(Rng::new(seed)),
            sampler: Sampler::new(),
            shard: Cell::new(index),
            slot_runs: Cell::new(0),
            is_pinned_first: Cell::new(true),
            is_searching: Cell::new(false),
            saw_work: Cell::new(false),
            is_asleep: Cell::new(false),
            pace: Pace::new(),
            came_from_outside: Cell::new(false),
            spawns: Cell::new(0),
            doubt: Doubt::new(),
            raids: Raids::new(),
            retires_from: Cell::new(None),
            woken_for: Cell::new(None),
            vouched_for: Cell::new(None),
            doze_until: Cell::new(None),
            looks_for: Cell::new(None),
        }
    }

    /// The shard of the runtime's queue to look at first, another one each time.
    pub(crate) fn next_shard(&self) -> usize {
        self.shard.replace(self.shard.get().wrapping_add(1))
    }

    /// The worker to try first.
    pub(crate) fn random_below(&self, n: usize) -> usize {
        self.rng.borrow_mut().below(n)
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk")
            .field("index", &self.index)
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}
