//! Is it worth while to steal?
//!
//! A worker that stays awake on what it steals is not thereby of use: of tasks that
//! pass messages each raid brings one or two, which run for a microsecond, wake their
//! partners over there, and are gone. Both workers then wait for the other's cache
//! lines, and two are slower than one. So a worker looks back at its raids, and *retires*
//! if a few in a row brought little:
//!
//! ```text
//!     out of work ─▶ the last raid brought 8 polls? ── yes ──▶ begin to count anew, raid
//!                        │ no
//!                        ▼
//!                    the 5th such time? ── no ──▶ raid
//!                        │ yes
//!                        ▼
//!                    all that took 20 µs? ── yes ──▶ begin to count anew, raid
//!                        │ no
//!                        ▼
//!                    doze, and vouch for whom it robbed last (profit)
//! ```
//!
//! Eight polls, since a raid on a long queue brings up to 32 tasks: those who spawn
//! thousands of short ones get through them sooner with two. 20 µs, since that is worth a
//! wake: tasks of 5 µs that come one by one are run beside each other.
//!
//! # Why nothing is left behind
//!
//! Who retires does so instead of asking to search, so it is no searcher on whom a pusher
//! relies. Its last look before sleep sees the runtime's queue, as anybody's (D1 of
//! [`idle`](crate::idle)); it disregards the queues of others, each of which is somebody's
//! who is awake. And it sleeps for the time of a doze only: without one, since another
//! vouches already, or by a clock that may stand still, nobody retires.

use crate::profit::WORTH_A_WAKE;
use std::{cell::Cell, time::Instant};

/// A raid that brings so many polls is worth its while, however short they are.
const POLLS_MIN: u64 = 8;
/// So many poor ones are looked at together.
const RAIDS: u32 = 4;

/// What the last raids of a worker brought.
#[derive(Debug)]
pub(crate) struct Raids {
    /// Poor ones in a row, the one that may follow included.
    poor: Cell<u32>,
    /// When the first of them began.
    since: Cell<Option<Instant>>,
    /// How often the worker had polled when it made the last raid, and on whom.
    last: Cell<Option<(u64, usize)>>,
}

impl Raids {
    pub(crate) fn new() -> Self {
        Self { poor: Cell::new(0), since: Cell::new(None), last: Cell::new(None) }
    }

    /// A raid brought something.
    pub(crate) fn robbed(&self, victim: usize, polls: u64) {
        self.last.set(Some((polls, victim)));
    }

    /// The worker, which has polled so often, is about to raid. Gives whom it robbed last
    /// if it should rather retire.
    pub(crate) fn are_in_vain(&self, polls: u64, now: impl FnOnce() -> Instant) -> Option<usize> {
        let (polls_before, victim) = self.last.get()?;
        if POLLS_MIN <= polls.wrapping_sub(polls_before) {
            self.poor.set(0);
            return None;
        }
        let poor = self.poor.get() + 1;
        self.poor.set(poor);
        match poor {
            1 => self.since.set(Some(now())),
            _ if poor <= RAIDS => {}
            _ => {
                self.poor.set(0);
                let took = now().saturating_duration_since(self.since.get()?);
                return (took < WORTH_A_WAKE).then_some(victim);
            }
        }
        None
    }

    /// The worker sleeps: what comes after is something else.
    pub(crate) fn sleep(&self) {
        self.poor.set(0);
        self.last.set(None);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::time::Duration;

    /// In which of twenty raids a worker retires that gets so many polls of this length
    /// by each.
    fn retires_at(polls_each: u64, poll: Duration) -> Option<u32> {
        let raids = Raids::new();
        let (mut polls, mut now) = (0, sync::shim::now());
        (0..20).find(|_| {
            let is_over = raids.are_in_vain(polls, || now) == Some(3);
            raids.robbed(3, polls);
            polls += polls_each;
            now += poll * u32::try_from(polls_each).unwrap();
            is_over
        })
    }

    #[test]
    fn who_gets_little_by_each_raid_retires() {
        assert_eq!(retires_at(1, Duration::from_micros(1)), Some(5));
        assert_eq!(retires_at(7, Duration::from_nanos(100)), Some(5));
    }

    #[test]
    fn who_gets_much_goes_on() {
        assert_eq!(retires_at(8, Duration::from_nanos(20)), None, "many tasks");
        assert_eq!(retires_at(1, Duration::from_micros(5)), None, "long tasks");
    }

    #[test]
    fn sleep_begins_a_new_count() {
        let raids = Raids::new();
        let now = sync::shim::now();
        for polls in 0..20 {
            raids.robbed(1, polls);
            assert_eq!(raids.are_in_vain(polls + 1, || now), None);
            if polls % 4 == 3 {
                raids.sleep();
            }
        }
    }
}
