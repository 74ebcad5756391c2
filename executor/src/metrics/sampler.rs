//! Which tasks are watched?
//!
//! A clock costs as much as a poll, so only one push in about [`GAP_MAX`] is watched:
//! the task that is pushed gets a mark, and the time is kept in a [`Stamp`]. The mark
//! goes where the task goes, to a thief or through the runtime's queue, and whoever is
//! about to poll the task finds it: what has passed since is the task's latency, and
//! this poll is the one whose time is taken.
//!
//! ```text
//!     push, not watched     a countdown that does not reach zero
//!     push, watched         stamp := task, now     mark it
//!     poll, not marked      a look at the mark
//!     poll, marked          now − stamp ─▶ latencies;  two times ─▶ poll times
//! ```
//!
//! Each stamp is for one task at a time; while that waits, no other is watched.
//! A worker has one, and one is for all threads outside. Before each poll comes one
//! push, so watching pushes evenly watches polls evenly. The gaps vary, for tasks come
//! in rhythms, too; they are short at the beginning, so that a program which has not
//! done much yet has figures.
//!
//! # Who writes
//!
//! Whoever sets a stamp found it empty, and whoever empties it was given the task: what
//! hands the task over hands the stamp over with it, so all accesses are relaxed. The
//! mark is one bit; which stamp is the task's is found by its address, among a few.
//! That is emptied first and set last: a stamp names no task but the one it is for.
//!
//! # Rejected
//!
//! * A time in each task: memory for all, for the sake of one in hundreds.
//! * The address of the watched task at its worker's desk, compared before each poll:
//!   the same price, and a task that was stolen is not found, though it is just those
//!   that waited for long.
//! * Every n-th poll exactly: n tasks that take turns show the same one each time.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};
use sync::shim::{
    self,
    atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

/// So many pushes are between two that are watched, on average.
const GAP_MAX: u64 = 512;

/// At first one push in `1 + pushes / GROWTH` is watched.
const GROWTH: u64 = 16;

/// How many pushes until the next one that is watched, after so many.
fn gap(pushes: u64) -> u64 {
    let mean = (1 + pushes / GROWTH).min(GAP_MAX);
    // From 1 to twice the mean less one, by the upper bits of a product that runs
    // through all numbers.
    let spread = pushes.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    1 + ((spread * (2 * mean - 1)) >> 32)
}

/// Says which pushes at a desk are watched.
#[derive(Debug)]
pub(crate) struct Sampler {
    left: Cell<u32>,
    pushes: Cell<u64>,
}

impl Sampler {
    pub(crate) fn new() -> Self {
        Self { left: Cell::new(1), pushes: Cell::new(0) }
    }

    /// Counts a push. Whether it is to be watched.
    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        let left = self.left.get() - 1;
        self.left.set(left);
        left == 0
    }

    /// Sets the next gap.
    #[cold]
    pub(crate) fn rewind(&self) {
        let gap = gap(self.pushes.get());
        self.pushes.set(self.pushes.get().wrapping_add(gap));
        self.left.set(gap as u32);
    }
}

/// The same for threads that share one: some counts are lost, and nobody minds.
#[derive(Debug, Default)]
struct SharedSampler {
    pushes: AtomicU64,
    next: AtomicU64,
}

impl SharedSampler {
    /// Counts a push. Whether it is to be watched.
    fn is_due(&self) -> bool {
        // Relaxed, all: a statistic.
        let pushes = self.pushes.load(Relaxed).wrapping_add(1);
        self.pushes.store(pushes, Relaxed);
        let is_due = pushes > self.next.load(Relaxed);
        if is_due {
            self.next.store(pushes.wrapping_add(gap(pushes) - 1), Relaxed);
        }
        is_due
    }
}

/// What is watched outside the workers, and by which clock.
#[derive(Debug)]
pub(crate) struct Sampling {
    began: Instant,
    sampler: SharedSampler,
    pub(crate) outside: Stamp,
}

impl Sampling {
    pub(crate) fn new() -> Self {
        Self { began: shim::now(), sampler: SharedSampler::default(), outside: Stamp::default() }
    }

    /// How long the runtime runs.
    pub(crate) fn uptime(&self) -> Duration {
        shim::now().saturating_duration_since(self.began)
    }

    /// The same in nanoseconds, and never zero.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.uptime().as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    /// Counts a push by a thread that is not a worker. Whether it is to be watched.
    pub(crate) fn is_due_outside(&self) -> bool {
        self.sampler.is_due()
    }
}

/// Which task is watched, and since when it waits.
#[derive(Debug, Default)]
pub(crate) struct Stamp {
    /// Zero: none is.
    since: AtomicU64,
    task: AtomicUsize,
}

impl Stamp {
    /// For the task at that address, which is not queued yet. `now` is not zero.
    /// `false`: another one is watched.
    pub(crate) fn set(&self, task: usize, now: u64) -> bool {
        // Relaxed, all: see the module.
        let is_ours = self.since.load(Relaxed) == 0
            && self.since.compare_exchange(0, now, Relaxed, Relaxed).is_ok();
        if is_ours {
            self.task.swap(task, Relaxed);
        }
        is_ours
    }

    /// Since when the task at that address waits, which the caller was given; it is
    /// not watched any more. `None`: it has another stamp, or none.
    pub(crate) fn take(&self, task: usize) -> Option<u64> {
        // Relaxed, all: see the module.
        if self.task.load(Relaxed) != task {
            return None;
        }
        self.task.swap(0, Relaxed);
        Some(self.since.swap(0, Relaxed)).filter(|it| *it > 0)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    /// Which of so many pushes are watched.
    fn watched(pushes: u64, mut is_due: impl FnMut() -> bool) -> Vec<u64> {
        (0..pushes).filter(|_| is_due()).collect()
    }

    fn at_a_desk(pushes: u64) -> Vec<u64> {
        let sampler = Sampler::new();
        watched(pushes, || {
            let is_due = sampler.is_due();
            if is_due {
                sampler.rewind();
            }
            is_due
        })
    }

    fn shared(pushes: u64) -> Vec<u64> {
        let sampler = SharedSampler::default();
        watched(pushes, || sampler.is_due())
    }

    #[test]
    fn the_first_pushes_are_watched_and_later_ones_rarely() {
        for all in [at_a_desk(2_000_000), shared(2_000_000)] {
            assert!(all[..8].iter().all(|it| *it < 32), "{:?}", &all[..8]);
            let later = all.iter().filter(|it| **it >= 1_000_000).count() as f64;
            let mean = 1e6 / later;
            assert!((450.0..600.0).contains(&mean), "one in {mean}");
        }
    }

    #[test]
    fn gaps_do_not_follow_a_rhythm() {
        for rhythm in [2, 3, 64, 100, 512] {
            let mut shares = vec![0_u32; rhythm];
            let all = at_a_desk(20_000_000);
            all.iter().for_each(|it| shares[*it as usize % rhythm] += 1);
            let fair = all.len() as f64 / rhythm as f64;
            let most = f64::from(*shares.iter().max().unwrap());
            assert!(most < 2.0 * fair + 10.0, "every {rhythm}th: {most} of {fair}");
            let least = f64::from(*shares.iter().min().unwrap());
            assert!(least > fair / 2.0 - 10.0, "every {rhythm}th: {least} of {fair}");
        }
    }

    #[test]
    fn a_stamp_is_for_one_task_at_a_time() {
        let stamp = Stamp::default();
        assert_eq!(stamp.take(1), None);
        assert!(stamp.set(1, 7));
        assert!(!stamp.set(2, 8));
        assert_eq!(stamp.take(2), None);
        assert_eq!((stamp.take(1), stamp.take(1)), (Some(7), None));
        assert!(stamp.set(2, 9));
    }
}
