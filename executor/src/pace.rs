//! How often does a busy worker look at the driver and at the runtime's queue?
//!
//! A look costs 100 ns and more, so it is made every so many turns. So many, that
//! about [`AIM`] passes: counted in turns alone, tasks of a millisecond would keep
//! timers, sockets and outside spawns waiting for 60 of them. The clock is read at
//! looks only, and the next interval is made of the last one's length.
//!
//! # Nobody starves
//!
//! Between looks there are from [`LOOK_MIN`] to [`LOOK_MAX`] turns, and a look moves
//! at most half as many tasks from the runtime's queue to the end of the worker's
//! own. Therefore, with an interval of `i` turns:
//!
//! * an outside spawn with `n` others before it is in a worker's own queue after
//!   about `i + 2·n` turns of one worker, behind what was there before;
//! * a task of the own queue with `n` others before it waits for these and for
//!   nothing that came later; and of the turns, outside spawns get at most half: with
//!   `n` tasks that are always ready a round is never longer than about `2·n` turns.
//!
//! Were as many moved as there are turns, a round would grow for ever.
//!
//! # Rejected
//!
//! * The clock at every poll: 23 ns, as much as a whole yield.
//! * Longer intervals for short polls: an empty look spread over 61 turns costs less
//!   than 2 ns already, and the bound in turns is what can be relied on.

use crate::config::{BATCH_MAX, LOOK_MAX, LOOK_MIN};
use std::{
    cell::Cell,
    time::{Duration, Instant},
};

/// What should pass between two looks, about. tokio's figure.
const AIM: Duration = Duration::from_micros(200);

/// When a worker looks next.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Turns until the next look.
    left: Cell<u32>,
    interval: Cell<u32>,
    /// When the last look was. `None`: the worker has slept since.
    looked_at: Cell<Option<Instant>>,
}

impl Pace {
    pub(crate) fn new() -> Self {
        let (left, interval) = (Cell::new(LOOK_MAX), Cell::new(LOOK_MAX));
        Self { left, interval, looked_at: Cell::new(None) }
    }

    /// One turn more. Whether a look is due, which must follow.
    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        let left = self.left.get() - 1;
        self.left.set(left);
        left == 0
    }

    /// How many tasks a look may move, so that what is queued here has its share.
    pub(crate) fn batch(&self) -> usize {
        BATCH_MAX.min(self.interval.get() as usize / 2)
    }

    /// A look was made at this time.
    pub(crate) fn looked(&self, now: Instant) {
        if let Some(before) = self.looked_at.replace(Some(now)) {
            let took = now.saturating_duration_since(before);
            self.interval.set(interval_after(self.interval.get(), took));
        }
        self.left.set(self.interval.get());
    }

    /// The worker sleeps: the time that passes is not that of its turns.
    pub(crate) fn sleep(&self) {
        self.looked_at.set(None);
    }
}

/// How many turns make [`AIM`] if `turns` took so long.
fn interval_after(turns: u32, took: Duration) -> u32 {
    let turns = u128::from(turns) * AIM.as_nanos() / took.as_nanos().max(1);
    // Even, so that half of it is half. Between two constants that fit.
    (turns / 2 * 2).clamp(LOOK_MIN.into(), LOOK_MAX.into()) as u32
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn turns_to_look(pace: &Pace) -> u32 {
        (1..).find(|_| pace.is_due()).unwrap()
    }

    #[test]
    fn long_turns_shorten_the_way_to_the_next_look() {
        let pace = Pace::new();
        let mut now = sync::shim::now();
        pace.looked(now);
        for (turn_us, expected) in [(1, 61), (10, 20), (100, 2), (1000, 2), (1, 61), (5, 40)] {
            now += turns_to_look(&pace) * Duration::from_micros(turn_us);
            pace.looked(now);
            assert_eq!(turns_to_look(&pace), expected, "turns of {turn_us} us");
            // The interval just counted is looked at again, with the same turns.
            now += expected * Duration::from_micros(turn_us);
            pace.looked(now);
        }
    }

    #[test]
    fn sleep_is_not_work() {
        let pace = Pace::new();
        let start = sync::shim::now();
        pace.looked(start);
        turns_to_look(&pace);
        pace.sleep();
        pace.looked(start + Duration::from_secs(1));
        assert_eq!(turns_to_look(&pace), LOOK_MAX);
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_changes_nothing() {
        let pace = Pace::new();
        let now = sync::shim::now() + AIM;
        for now in [now, now, now - AIM, now] {
            pace.looked(now);
            assert!((LOOK_MIN..=LOOK_MAX).contains(&turns_to_look(&pace)));
        }
    }

    /// A round is what lies between two polls of the same task.
    #[test]
    fn outside_spawns_without_end_at_most_double_a_round() {
        for turn in [1, 100, 10_000].map(Duration::from_micros) {
            let pace = Pace::new();
            let mut now = sync::shim::now();
            // Tasks that are always ready have numbers, those from outside end at once.
            let mut queue: std::collections::VecDeque<_> = (0..100).map(Some).collect();
            let mut polled_at = [0_u64; 100];
            for poll in 1..100_000 {
                if pace.is_due() {
                    queue.extend(std::iter::repeat_n(None, pace.batch()));
                    pace.looked(now);
                }
                let task = queue.pop_front().unwrap();
                now += turn;
                if let Some(number) = task {
                    let before: u64 = std::mem::replace(&mut polled_at[number], poll);
                    assert!(poll - before <= 2 * 100 + u64::from(LOOK_MAX), "{turn:?}");
                    queue.push_back(Some(number));
                }
            }
        }
    }
}
