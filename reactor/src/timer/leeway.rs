//! How much later than its deadline may a timer fire, so that others fire with it?
//!
//! A timer with a leeway may fire anywhere in a window. It chooses the *roundest* time
//! in there: the one whose number of nanoseconds ends in the most binary zeros.
//!
//! ```text
//!     grid of 2ⁿ      ┊        ┊        ┊        ┊        ┊
//!     timer 1            └──window──────┘▲
//!     timer 2         └──window──────┘▲  │            both choose the same
//!                                     └──┘ point of the coarsest grid that has one
//! ```
//!
//! A window of `s` has a point of each grid that is not coarser than `s`, so whatever
//! timers of that leeway there are, they fire at no more than two times per `s`: the
//! thread wakes that often, and no more, for any number of them. Timers of other tasks,
//! and with other leeways, share those times, since the points of a coarse grid are
//! points of the finer ones. And the time depends on nothing but the window, so that no
//! timer has to look at another.
//!
//! # Rejected
//!
//! * To fire with the last timer that is due within the window: the longest possible
//!   delay, and a search at each insertion.
//! * To let the thread sleep longer: the leeway of the earliest timer alone would
//!   count, and the deadline by which it sleeps would be no timer's.

use std::time::Duration;

/// The leeway of a timer, in microseconds: at most 71 minutes. Every sleep keeps one, so
/// it takes two bytes, of which the upper five bits say how often the others are doubled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leeway(u16);

/// The bits that are doubled: what is lost is less than a thousandth.
const DIGITS: u32 = 11;

impl Leeway {
    /// As exact as can be.
    pub(crate) const NONE: Self = Self(0);

    /// Never more than `slack`.
    pub(crate) fn at_most(slack: Duration) -> Self {
        let micros = u32::try_from(slack.as_micros()).unwrap_or(u32::MAX);
        let doubled = (u32::BITS - micros.leading_zeros()).saturating_sub(DIGITS);
        // Both fit: at most eleven bits are left, and 32 - 11 takes five.
        Self((micros >> doubled | doubled << DIGITS) as u16)
    }

    /// It as a number that [`from_bits`](Self::from_bits) understands.
    pub(super) fn to_bits(self) -> u16 {
        self.0
    }

    pub(super) fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    fn micros(self) -> u32 {
        let digits = u32::from(self.0) & ((1 << DIGITS) - 1);
        digits << (self.0 >> DIGITS)
    }

    /// When, in nanoseconds, a timer fires whose deadline is `at`, and that fires before
    /// `end`.
    pub(super) fn choose(self, at: u64, end: u64) -> u64 {
        match self {
            Self::NONE => at,
            some => {
                let span = u64::from(some.micros()) * 1_000;
                roundest(at, at.saturating_add(span).min(end - 1))
            }
        }
    }
}

/// The number from `first` to `last`, both included, that ends in the most zeros.
fn roundest(first: u64, last: u64) -> u64 {
    debug_assert!(first <= last);
    let Some(before) = first.checked_sub(1) else { return 0 };
    // Up to their highest difference both are alike; there `last` has a one, and so
    // has what is sought, with zeros after it.
    let zeros = (before ^ last).ilog2();
    last >> zeros << zeros
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn nothing_in_the_window_is_rounder(first in 0..5_000_u64, width in 0..300_u64) {
            let last = first + width;
            let rounder = |it: &u64| if *it == 0 { u32::MAX } else { it.trailing_zeros() };
            let expected = (first..=last).max_by_key(rounder).unwrap();
            prop_assert_eq!(roundest(first, last), expected);
        }

        #[test]
        fn a_timer_fires_within_its_window(at: u64, micros: u32) {
            prop_assume!(at < u64::MAX);
            let leeway = Leeway::at_most(Duration::from_micros(u64::from(micros)));
            prop_assert!(leeway.micros() <= micros && micros - leeway.micros() <= micros / 1_000);
            let chosen = leeway.choose(at, u64::MAX);
            prop_assert!(at <= chosen && chosen < u64::MAX);
            prop_assert!(chosen - at <= u64::from(micros) * 1_000);
        }
    }

    #[test]
    fn windows_of_one_width_end_at_two_times_per_width() {
        let leeway = Leeway::at_most(Duration::from_micros(100));
        let width = 100_000;
        let span = 50 * width;
        let times: BTreeSet<_> =
            (0..span).step_by(37).map(|at| leeway.choose(at, u64::MAX)).collect();
        assert!(times.len() as u64 <= 2 * span / width + 2, "{}", times.len());
    }

    #[test]
    fn a_leeway_is_never_more_than_what_was_granted() {
        assert_eq!(Leeway::at_most(Duration::from_nanos(999)), Leeway::NONE);
        assert_eq!(Leeway::at_most(Duration::from_micros(7)).micros(), 7);
        assert_eq!(Leeway::at_most(Duration::from_micros(2_047)).micros(), 2_047);
        assert_eq!(Leeway::at_most(Duration::from_micros(4_099)).micros(), 4_096);
        assert_eq!(Leeway::at_most(Duration::MAX).micros(), 0x7ff << 21);
    }
}
