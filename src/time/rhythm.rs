//! When is the next of many runs due?
//!
//! Ticks lie a period apart, each is due a little later, at random. What is late is
//! late against that; what comes after a late one is [`MissedTickBehavior`]'s to say.
//!
//! ```text
//!   tick            tick            tick            tick
//!   ├──▶ due        ├─▶ due         ├────▶ due      ├▶ due
//!                                        ╰─ taken here: in time
//! ```

use super::jitter::Jitter;
use reactor::time::{Instant, MissedTickBehavior};
use std::time::Duration;

/// The times of the runs to come.
#[derive(Debug)]
pub(super) struct Rhythm {
    period: Duration,
    missed: MissedTickBehavior,
    jitter: Jitter,
    tick: Instant,
    due: Instant,
}

impl Rhythm {
    pub(super) fn new(
        first: Instant,
        period: Duration,
        missed: MissedTickBehavior,
        mut jitter: Jitter,
    ) -> Self {
        let due = first + jitter.draw();
        Self { period, missed, jitter, tick: first, due }
    }

    /// When the next run is due.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Goes on to the run after the one that is due, which is taken `now`. Returns how
    /// many ticks were passed over.
    pub(super) fn take(&mut self, now: Instant) -> u64 {
        let taken = self.tick + (now - self.due);
        let next = self.missed.next(self.tick, taken, self.period);
        let periods = (next - self.tick).as_nanos() / self.period.as_nanos();
        self.tick = next;
        self.due = next + self.jitter.draw();
        u64::try_from(periods).unwrap_or(u64::MAX).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::{Jitter, Rhythm};
    use reactor::time::{Instant, MissedTickBehavior};
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    fn rhythm(missed: MissedTickBehavior, jitter: Duration) -> (Instant, Rhythm) {
        let start = Instant::now();
        (start, Rhythm::new(start, 10 * SECOND, missed, Jitter::new(jitter, Some(1))))
    }

    #[test]
    fn in_time_nothing_is_passed_over_and_nothing_drifts() {
        use MissedTickBehavior::{Burst, Delay, Skip};
        for missed in [Burst, Delay, Skip] {
            let (start, mut rhythm) = rhythm(missed, Duration::ZERO);
            for n in 0..100 {
                assert_eq!(rhythm.due(), start + n * 10 * SECOND);
                assert_eq!(rhythm.take(rhythm.due()), 0);
            }
        }
    }

    #[test]
    fn a_late_one_is_followed_by_what_was_asked_for() {
        let next = |missed| {
            let (start, mut rhythm) = rhythm(missed, Duration::ZERO);
            let passed = rhythm.take(start + 34 * SECOND);
            (rhythm.due() - start, passed)
        };
        assert_eq!(next(MissedTickBehavior::Burst), (10 * SECOND, 0));
        assert_eq!(next(MissedTickBehavior::Delay), (44 * SECOND, 3));
        assert_eq!(next(MissedTickBehavior::Skip), (40 * SECOND, 3));
    }

    #[test]
    fn delays_do_not_add_up_and_make_nothing_late() {
        let (start, mut rhythm) = rhythm(MissedTickBehavior::Delay, 10 * SECOND);
        for n in 0..1_000 {
            let delay = rhythm.due() - (start + n * 10 * SECOND);
            assert!(delay < 10 * SECOND);
            assert_eq!(rhythm.take(rhythm.due()), 0);
        }
    }

    #[test]
    fn a_period_without_end_comes_to_no_harm() {
        let start = Instant::now();
        let jitter = Jitter::new(Duration::ZERO, None);
        let mut rhythm = Rhythm::new(start, Duration::MAX, MissedTickBehavior::Skip, jitter);
        for _ in 0..3 {
            assert_eq!(rhythm.take(rhythm.due()), 0);
        }
    }
}
