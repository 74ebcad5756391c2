//! Was it worth while to wake a worker?
//!
//! Whoever is woken for the backlog of another worker, its *pusher*, measures how
//! long that keeps it busy. The answers are kept here, with the pusher: one that
//! makes many tasks too short to be worth a wake does not spoil it for another.
//!
//! ```text
//!     pusher                     word            the worker it woke
//!     ──────                     ────            ──────────────────
//!     backlog, a sleeper: wake ──────────────▶   searches, runs what it finds,
//!                                                finds no more
//!                       level 0 ◀─────────────── ≥ 20 µs: sleeps
//!             level + 1, VOUCHED ◀────────────── < 20 µs: sleeps, but looks around
//!     backlog, VOUCHED: wakes                    by itself after 20 µs · 2^level
//!     nobody for it                                │
//!                      no VOUCHED ◀────────────────┘ gets up, for whatever reason
//! ```
//!
//! So a wake that is not made is not forgotten: somebody has said when it will look
//! instead, and does, also if the pusher is in one poll for a second by then. If that
//! look finds something, it is measured as a wake is; if it finds nothing, the
//! worker sleeps until it is woken, and the runtime is idle without a tick.
//!
//! # What a doze is not good enough for
//!
//! A doze of 500 µs is short beside a millisecond of work and long beside what a burst
//! of tasks takes. So the pusher *doubts*: while it relies on somebody's word it looks
//! at the clock after 1, 2, 4 … 32 polls with a backlog, and every 32. If its polls were
//! long, 0.5 µs each or more, and at that rate the backlog takes 40 µs or more, it wakes
//! somebody at once. A poll that spawns 8 tasks or more, and a sleep, begin this anew:
//! what the polls were like before says nothing about what comes.
//!
//! | a burst, after wakes in vain                    | others begin, at the latest after |
//! |-------------------------------------------------|-----------------------------------|
//! | while nobody's word stands                      | one wake                          |
//! | of 8 tasks or more, spawned in one poll         | the first of them, and one wake   |
//! | of 2 to 7, or woken rather than spawned         | the doze: 500 µs; sooner if a look at the clock is due |
//! | of one, whose spawner goes on for long          | the watcher's next look: 2.5 ms, and 1 ms |
//!
//! # What is promised
//!
//! A wake that is not made is put off, by time and never by a count alone. A task in
//! the queue of a worker that is awake is run by that worker; or the worker looks whom
//! to wake before its next poll; or whoever vouched looks, at the time it said; or, if
//! both were mistaken, since the word is relaxed, the [watcher](crate::watcher) finds
//! the worker in one poll for long and its queue not empty. What came from outside is
//! never put off: its wakes do not ask here.
//!
//! # The word
//!
//! ```text
//!     31 ───────── 1 bit ─────────┬──────── 30 … 0
//!    ┌────────────────────────────┬───────────────┐
//!    │ VOUCHED: somebody looks    │ level         │
//!    └────────────────────────────┴───────────────┘
//! ```
//!
//! VOUCHED is set by the worker that will look, and only it clears it. All is
//! relaxed: the word decides whom to wake for tasks which the pusher runs itself if
//! nobody else does, and it looks again before each poll. A stale look costs a wake
//! or delays one by a poll.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};
use sync::shim::atomic::{AtomicU32, Ordering::Relaxed};

/// Who was kept busy for as long was woken with profit. A wake costs the two workers
/// 5 to 20 µs of processor time.
pub(crate) const WORTH_A_WAKE: Duration = Duration::from_micros(20);
/// After how long a worker looks by itself that was woken in vain for the first time.
const DOZE_MIN: Duration = Duration::from_micros(20);
/// And at most. A core that looks every 500 µs spends a twentieth on it.
const DOZE_MAX: Duration = Duration::from_micros(500);
/// At this level a doze is as long as it gets.
const LEVEL_MAX: u32 = 5;

/// A poll that spawns so many begins something new: what is known of the length of
/// polls is forgotten.
pub(crate) const BURST: u32 = 8;
/// Polls shorter than this are better off where they are, however many.
const POLL_MIN: Duration = Duration::from_nanos(500);
/// A backlog this long is worth a wake whatever was learnt: a wake with profit, and
/// as much again for the pusher.
const BACKLOG_MIN: Duration = Duration::from_micros(40);
/// After how many polls at most the pusher looks at the clock.
const STEP_MAX: u64 = 32;

const VOUCHED: u32 = 1 << 31;

/// What came of the wakes that one worker made for its backlog.
#[derive(Debug)]
pub(crate) struct Profit(AtomicU32);

impl Profit {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Whether somebody will look at the backlog by itself.
    #[inline]
    pub(crate) fn is_vouched(&self) -> bool {
        // Relaxed: see the header.
        self.0.load(Relaxed) & VOUCHED != 0
    }

    /// Whether the last wake that anybody answered for was worth while, or there was
    /// none.
    #[inline]
    pub(crate) fn is_likely(&self) -> bool {
        // Relaxed: see the header.
        self.0.load(Relaxed) == 0
    }

    /// A worker that was woken was kept busy.
    pub(crate) fn was_worth_it(&self) {
        // Relaxed: see the header.
        self.0.fetch_and(VOUCHED, Relaxed);
    }

    /// A worker that was woken was not. How long it dozes, after which it looks by
    /// itself: until then the pusher relies on it. `None`: it does on somebody else.
    pub(crate) fn vouch(&self) -> Option<Duration> {
        let change = |word: u32| match word & VOUCHED {
            0 => Some(VOUCHED | (word + 1).min(LEVEL_MAX)),
            _ => None,
        };
        // Relaxed, both: see the header.
        let level = self.0.fetch_update(Relaxed, Relaxed, change).ok()?;
        Some((DOZE_MIN * (1 << level)).min(DOZE_MAX))
    }

    /// Whoever vouched is awake.
    pub(crate) fn redeem(&self) {
        // Relaxed: see the header.
        let before = self.0.fetch_and(!VOUCHED, Relaxed);
        debug_assert!(before & VOUCHED != 0, "nobody vouched");
    }
}

/// What a pusher that relies on another one's word knows of its own polls.
#[derive(Debug)]
pub(crate) struct Doubt {
    /// At which count of polls it looks at the clock.
    due: Cell<u64>,
    /// After how many it does next.
    step: Cell<u64>,
    /// When it looked last, and what the count was. `None`: it has slept, or begun
    /// something new, since.
    looked: Cell<Option<(Instant, u64)>>,
}

impl Doubt {
    pub(crate) fn new() -> Self {
        Self { due: Cell::new(0), step: Cell::new(1), looked: Cell::new(None) }
    }

    /// The polls to come may be of another kind.
    pub(crate) fn renew(&self) {
        self.due.set(0);
        self.step.set(1);
        self.looked.set(None);
    }

    /// Whether the pusher is to look at the clock, after so many polls in all.
    #[inline]
    pub(crate) fn is_due(&self, polls: u64) -> bool {
        self.due.get() <= polls
    }

    /// It looks. Whether `backlog` tasks as long as those since the last look are too
    /// long to rely on anybody.
    pub(crate) fn looked(&self, now: Instant, polls: u64, backlog: usize) -> bool {
        let step = self.step.replace((2 * self.step.get()).min(STEP_MAX));
        self.due.set(polls + step);
        let Some((before, polls_before)) = self.looked.replace(Some((now, polls))) else {
            return false;
        };
        let took = now.saturating_duration_since(before);
        let count = u32::try_from(polls - polls_before).unwrap_or(u32::MAX).max(1);
        let backlog = u32::try_from(backlog).unwrap_or(u32::MAX);
        let poll = took / count;
        POLL_MIN <= poll && BACKLOG_MIN <= poll.saturating_mul(backlog)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    /// After how many polls of this length a backlog of this size is not put off any
    /// longer; none of the first thousand: `None`.
    fn doubted_after(doubt: &Doubt, poll: Duration, backlog: usize) -> Option<u64> {
        let mut now = sync::shim::now();
        (0..1000).find(|polls| {
            let is_doubted = doubt.is_due(*polls) && doubt.looked(now, *polls, backlog);
            now += poll;
            is_doubted
        })
    }

    #[test]
    fn long_tasks_are_put_off_by_one_poll() {
        for (poll_us, backlog) in [(1, 999), (10, 199), (100, 49), (100, 1), (1000, 9)] {
            let poll = Duration::from_micros(poll_us);
            assert_eq!(doubted_after(&Doubt::new(), poll, backlog), Some(1), "{poll:?}");
        }
    }

    #[test]
    fn short_tasks_are_put_off_as_long_as_somebody_vouches() {
        for (poll_ns, backlog) in [(40, 200), (100, 10_000), (2000, 8)] {
            let poll = Duration::from_nanos(poll_ns);
            assert_eq!(doubted_after(&Doubt::new(), poll, backlog), None, "{poll:?}");
        }
    }

    #[test]
    fn the_clock_is_looked_at_ever_more_rarely_until_something_begins() {
        let doubt = Doubt::new();
        let now = sync::shim::now();
        let looks = |from: u64, to: u64| {
            let is_due = |polls: &u64| doubt.is_due(*polls);
            let looks = (from..to).filter(is_due).inspect(|it| assert!(!doubt.looked(now, *it, 9)));
            looks.collect::<Vec<_>>()
        };
        assert_eq!(looks(0, 100), [0, 1, 3, 7, 15, 31, 63, 95]);
        doubt.renew();
        assert_eq!(looks(100, 110), [100, 101, 103, 107]);
    }

    #[test]
    fn each_wake_in_vain_doubles_the_doze() {
        let profit = Profit::new();
        let dozes: Vec<_> = (0..7)
            .map(|_| {
                let doze = profit.vouch().unwrap().as_micros();
                assert!(profit.is_vouched() && !profit.is_likely());
                profit.redeem();
                assert!(!profit.is_vouched() && !profit.is_likely());
                doze
            })
            .collect();
        assert_eq!(dozes, [20, 40, 80, 160, 320, 500, 500]);
    }

    #[test]
    fn one_worker_at_a_time_vouches() {
        let profit = Profit::new();
        assert_eq!(profit.vouch(), Some(DOZE_MIN));
        assert_eq!(profit.vouch(), None);
        profit.redeem();
        assert_eq!(profit.vouch(), Some(2 * DOZE_MIN), "that of nobody did not count");
    }

    #[test]
    fn profit_makes_the_next_wake_likely() {
        let profit = Profit::new();
        assert!(profit.is_likely());
        profit.vouch().unwrap();
        profit.was_worth_it();
        assert!(profit.is_vouched(), "another one's word stands");
        profit.redeem();
        assert!(profit.is_likely());
        assert_eq!(profit.vouch(), Some(DOZE_MIN));
    }
}
