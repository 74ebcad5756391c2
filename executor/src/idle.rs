//! Who searches, who sleeps, and whom does new work wake?
//!
//! A pusher looks for a sleeper while a worker, having found no work, falls
//! asleep. If each looks before the other has written, the job waits for ever.
//! So each writes first, fences, and looks second:
//!
//! ```text
//!     pusher, from outside            worker
//!     ────────────────────            ──────
//!     push the task                   count itself asleep
//!     fence  ◀────────── D1 ────────▶ fence
//!     anybody asleep? wake one        any task? stay awake
//! ```
//!
//! Whichever fence comes first, the other side's look sees its write. Both may
//! see: that costs a needless wake, never a lost task.
//!
//! A *worker* that pushes to its own queue does not fence: it runs those tasks
//! itself, if nobody else does. It only glances at the count, so that work spreads.
//!
//! # Waking that learns
//!
//! Adding a worker must not slow a program down, and a wake costs both sides 5 to
//! 20 µs, so a sleeper is woken for another worker's backlog when that is likely to
//! pay:
//!
//! * Before each poll with a backlog the worker looks whether somebody sleeps and
//!   nobody searches. A task that is spawned and awaited at once makes no backlog.
//! * Inside a poll that spawns it looks at the 2nd spawn, the 4th, the 8th and so on:
//!   spawning a thousand tasks takes 100 µs, in which others may begin. At the first
//!   it looks only if its last wake was worth while: `spawn` and a long computation
//!   run beside each other, a thousand round trips by themselves.
//! * Who was woken and found less than 20 µs of work dozes instead of sleeping, and
//!   its pusher wakes nobody until that doze is over, unless its own polls turn out to
//!   be long: [`profit`](crate::profit).
//! * Who stays awake, but on raids that bring next to nothing, retires for a doze, too:
//!   [`raids`](crate::raids).
//! * Pushes from outside, and what the driver woke, ask for nobody's profit.
//!
//! | constant                    | because                                              |
//! |-----------------------------|------------------------------------------------------|
//! | 20 µs are worth a wake      | below it a task is done sooner where it is           |
//! | 20 µs, the first doze       | one wrong guess costs a burst no more than one wake  |
//! | 500 µs, the longest         | a doze and a look cost 25 µs: 5 % of a core that has nothing else to do |
//! | 40 µs of backlog, at 0.5 µs a poll | are shared whoever vouches: a wake with profit, twice |
//! | 8 spawns in a poll          | the clock is looked at from the first of them on     |
//! | 4 raids, 8 polls            | less than 20 µs by all of them, less than 8 polls by each: retire |
//!
//! With a virtual clock there is nothing to measure, and every wake counts as worth
//! while.
//!
//! # One searcher
//!
//! One worker searches at a time: one that was woken for work, or one that ran out
//! of it. While there is a searcher nobody else is woken, so a pusher may
//! rely on the searcher and go. Therefore a searcher that found something stops
//! searching, fences, looks whether there is more and if so wakes the next one,
//! before it starts to run (D2); and a searcher that found nothing stops searching
//! *before* its last look, by the same write that counts it asleep (D1).
//!
//! A worker whose last look before sleep finds something joins the search, even if
//! there is a searcher: that one may still be on its way from its bed, and a worker
//! that may neither take what it sees nor sleep would spin until it is there.
//!
//! # The word
//!
//! ```text
//!     63 ────────────── 32 31 ───────────── 0
//!    ┌────────────────────┬──────────────────┐
//!    │ workers asleep     │ workers searching│
//!    └────────────────────┴──────────────────┘
//! ```
//!
//! It changes under the lock of the list of sleepers, except that a worker which
//! starts or stops searching changes it alone. Who looks takes no lock.
//!
//! # Synchronization edges
//!
//! | edge | one side              | other side             | never both              |
//! |------|-----------------------|------------------------|-------------------------|
//! | D1   | [`Idle::work_pushed`] | [`Idle::fall_asleep`]  | miss the other's write  |
//! | D2   | [`Idle::work_pushed`] | [`Idle::stop_search`]  | miss the other's write  |
//!
//! # Rejected
//!
//! * `SeqCst` on the accesses instead of fences: as strong, but loom reads it
//!   as `AcqRel`, so D1 could not be modelled.
//! * Waking a worker for every push: most find nothing and sleep again.
//! * A back-off that the pusher keeps by reading the clock before each poll: 23 ns,
//!   as much as a yield takes. And what it did not share lies behind its next poll,
//!   however long that is, where a doze ends by itself.
//! * A threshold of queue length times mean poll time: it runs exactly those
//!   bursts one after the other whose length it mispredicts.
//! * A lock-free set of sleepers: a wake costs 2 µs and more beside it, and the
//!   list wakes who slept last, with the warmest caches.

use sync::shim::{
    Lock,
    atomic::{
        AtomicU64,
        Ordering::{Relaxed, SeqCst},
        fence,
    },
};

const SEARCHING: u64 = 1;
const ASLEEP: u64 = 1 << 32;

/// Which workers sleep and whether one searches.
#[derive(Debug)]
pub(crate) struct Idle {
    word: AtomicU64,
    beds: Lock<Beds>,
}

#[derive(Debug)]
struct Beds {
    /// Who sleeps, by worker index; the one that fell asleep last at the end.
    sleepers: Vec<usize>,
    /// How many workers there are: all of whom may sleep.
    active: usize,
    /// For each worker what it is when it gets up.
    awake: Vec<Awake>,
}

/// How a worker falls asleep.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asleep {
    /// Others are awake.
    OneOfSome,
    /// Everybody sleeps now.
    TheLast,
}

/// What a worker is when it is awake again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Awake {
    /// Somebody woke it for work from outside: it is the searcher.
    ForWork,
    /// This worker woke it for its backlog: likewise.
    ToShare(usize),
    /// It got up by itself.
    ByItself,
}

impl Idle {
    /// `workers` workers, all awake.
    #[cfg(test)]
    pub(crate) fn new(workers: usize) -> Self {
        Self::with_spares(workers, 0)
    }

    /// `workers` workers, all awake, and room for some who may come later.
    pub(crate) fn with_spares(workers: usize, spares: usize) -> Self {
        let beds = Beds {
            sleepers: Vec::with_capacity(workers + spares),
            active: workers,
            awake: vec![Awake::ByItself; workers + spares],
        };
        Self { word: AtomicU64::new(0), beds: Lock::new(beds) }
    }

    /// A spare worker comes, awake. Its thread must count as engaged meanwhile.
    pub(crate) fn join(&self) {
        self.beds.lock().active += 1;
    }

    /// A spare worker that is awake goes. Its thread must count as engaged, so that
    /// whoever has to look at the clock does so when that is over.
    pub(crate) fn leave(&self) {
        self.beds.lock().active -= 1;
    }

    /// After a push from outside: the worker to wake, if any. D1, D2, the pusher's
    /// side. The caller must unpark it.
    #[must_use]
    pub(crate) fn work_pushed(&self) -> Option<usize> {
        fence(SeqCst);
        self.wake_one(Awake::ForWork)
    }

    /// A worker's own look at whether its backlog should be shared: no fence, it
    /// misses a worker that falls asleep this moment, and looks again soon.
    #[must_use]
    pub(crate) fn share(&self, why: Awake) -> Option<usize> {
        self.wake_one(why)
    }

    fn wake_one(&self, awake: Awake) -> Option<usize> {
        // Relaxed: ordered by the fence of D1 where that matters.
        if !wants_a_wake(self.word.load(Relaxed)) {
            return None;
        }
        let mut beds = self.beds.lock();
        // Sleepers come and go under the lock, but a worker that starts to search
        // does not ask for it: only the exchange tells who of us two is the one.
        // Relaxed, both: under the lock; what crosses does so by D1.
        let change = |word| wants_a_wake(word).then(|| word + SEARCHING - ASLEEP);
        self.word.fetch_update(Relaxed, Relaxed, change).ok()?;
        let worker = beds.sleepers.pop().expect("the word counts the list");
        beds.awake[worker] = awake;
        Some(worker)
    }

    /// A worker that ran out of work asks to search. `false`: another one does.
    #[must_use]
    pub(crate) fn start_search(&self) -> bool {
        // Relaxed, both: a right that is given and taken by one word alone.
        let word = self.word.load(Relaxed);
        word.is_multiple_of(ASLEEP)
            && self.word.compare_exchange(word, word + SEARCHING, Relaxed, Relaxed).is_ok()
    }

    /// A worker that saw work searches, whoever else does.
    pub(crate) fn join_search(&self) {
        // Relaxed: as in `start_search`.
        self.word.fetch_add(SEARCHING, Relaxed);
    }

    /// A searcher found something. The caller must look for more work, and wake
    /// the next worker if there is any. D2, the searcher's side.
    pub(crate) fn stop_search(&self) {
        // Relaxed: as in `start_search`; what crosses does so by D2.
        let before = self.word.fetch_sub(SEARCHING, Relaxed);
        debug_assert!(!before.is_multiple_of(ASLEEP), "nobody searched");
        fence(SeqCst);
    }

    /// Before sleep: the caller must look for work once more, and call
    /// [`wake_up`](Self::wake_up) if it finds any. D1, the worker's side.
    pub(crate) fn fall_asleep(&self, worker: usize, was_searching: bool) -> Asleep {
        let is_last = {
            let mut beds = self.beds.lock();
            debug_assert!(!beds.sleepers.contains(&worker), "worker {worker} sleeps already");
            beds.sleepers.push(worker);
            beds.awake[worker] = Awake::ByItself;
            let change = if was_searching { ASLEEP - SEARCHING } else { ASLEEP };
            // Relaxed: under the lock; what crosses does so by D1.
            self.word.fetch_add(change, Relaxed);
            beds.sleepers.len() == beds.active
        };
        fence(SeqCst);
        match is_last {
            true => Asleep::TheLast,
            false => Asleep::OneOfSome,
        }
    }

    /// After sleep, for whatever reason it ended, or when that last look found
    /// something.
    pub(crate) fn wake_up(&self, worker: usize) -> Awake {
        let mut beds = self.beds.lock();
        self.remove(&mut beds, worker);
        beds.awake[worker]
    }

    /// Takes a worker off the list that is wanted for work of its own. The caller
    /// must unpark it.
    pub(crate) fn get_up(&self, worker: usize) {
        self.remove(&mut self.beds.lock(), worker);
    }

    fn remove(&self, beds: &mut Beds, worker: usize) {
        if let Some(place) = beds.sleepers.iter().position(|it| *it == worker) {
            beds.sleepers.remove(place);
            // Relaxed: under the lock.
            self.word.fetch_sub(ASLEEP, Relaxed);
        }
    }

    /// Whether everybody sleeps.
    pub(crate) fn all_asleep(&self) -> bool {
        let beds = self.beds.lock();
        beds.sleepers.len() == beds.active
    }

    /// Marks who sleeps at this moment, by worker index.
    pub(crate) fn mark_sleepers(&self, marks: &mut [bool]) {
        marks.fill(false);
        self.beds.lock().sleepers.iter().for_each(|it| marks[*it] = true);
    }

    /// How many sleep: a statistic.
    pub(crate) fn asleep(&self) -> usize {
        // Relaxed: a statistic.
        (self.word.load(Relaxed) / ASLEEP) as usize
    }
}

/// Somebody sleeps and nobody searches.
fn wants_a_wake(word: u64) -> bool {
    word >= ASLEEP && word.is_multiple_of(ASLEEP)
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_slept_last_is_woken_first() {
        let idle = Idle::new(3);
        assert_eq!(idle.fall_asleep(0, false), Asleep::OneOfSome);
        assert_eq!(idle.fall_asleep(2, false), Asleep::OneOfSome);
        assert_eq!(idle.work_pushed(), Some(2));
        assert_eq!(idle.work_pushed(), None, "one searcher at a time");
        assert_eq!(idle.wake_up(2), Awake::ForWork);
        idle.stop_search();
        assert_eq!(idle.share(Awake::ToShare(1)), Some(0));
        assert_eq!(idle.wake_up(0), Awake::ToShare(1));
    }

    #[test]
    fn nobody_is_woken_when_nobody_sleeps() {
        let idle = Idle::new(2);
        assert_eq!(idle.work_pushed(), None);
        assert!(idle.start_search());
        assert!(!idle.start_search());
        assert_eq!(idle.fall_asleep(0, true), Asleep::OneOfSome);
        assert_eq!(idle.fall_asleep(1, false), Asleep::TheLast);
        assert!(idle.all_asleep());
        assert_eq!(idle.wake_up(0), Awake::ByItself);
        assert_eq!(idle.asleep(), 1);
    }
}
