//! What number has a point in time?
//!
//! An `Instant` takes sixteen bytes, and two of them are compared by halves. A number takes
//! eight, and every sleep keeps one for as long as it lives. All numbers of the program
//! count from one origin, so that they mean the same to whoever has one: a sleep that
//! moves to another thread, the timers of any seat, timers with a leeway.

use super::clock::{later, sooner};
use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};
use sync::shim;

/// The number of the origin: points in time before it have room, too.
const ORIGIN: u64 = 1 << 63;

const SECOND: u64 = 1_000_000_000;

/// What has the number [`ORIGIN`]: when the program first asked for a number.
fn origin() -> Instant {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    *FIRST.get_or_init(shim::now)
}

/// A point in time: nanoseconds, less than 292 years from the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(super) u64);

impl Moment {
    /// Too far away ever to come.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// The number of `time`, as near as it comes.
    pub(crate) fn of(time: Instant) -> Self {
        let origin = origin();
        match time.checked_duration_since(origin) {
            Some(after) => Self(ORIGIN).plus(after),
            None => {
                let before = nanos(origin.saturating_duration_since(time));
                Self(ORIGIN.saturating_sub(before))
            }
        }
    }

    /// So much later.
    pub(crate) fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(nanos(span)))
    }

    /// The inverse of [`of`](Self::of). Of what never comes, the last that can be told.
    pub(crate) fn instant(self) -> Instant {
        match self.0.checked_sub(ORIGIN) {
            _ if self == Self::NEVER => later(origin(), Duration::MAX),
            Some(after) => later(origin(), Duration::from_nanos(after)),
            None => sooner(origin(), Duration::from_nanos(ORIGIN - self.0)),
        }
    }
}

fn nanos(span: Duration) -> u64 {
    span.as_secs().saturating_mul(SECOND).saturating_add(u64::from(span.subsec_nanos()))
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_that_of_one_time() {
        let now = shim::now();
        let spans = [0, 1, 999_999_999, 1_000_000_000, 9_000_000_000_000_000_001];
        for span in spans.map(Duration::from_nanos) {
            for time in [now + span, sooner(now, span)] {
                assert_eq!(Moment::of(time).instant(), time);
            }
            assert_eq!(Moment::of(now).plus(span), Moment::of(now + span));
        }
    }

    #[test]
    fn numbers_end_where_nothing_comes() {
        let now = shim::now();
        let end = later(now, Duration::MAX);
        assert_eq!(Moment::of(end), Moment::NEVER);
        assert_eq!(Moment::of(now).plus(Duration::MAX), Moment::NEVER);
        assert_eq!(Moment::of(Moment::NEVER.instant()), Moment::NEVER);
        assert!(Moment::of(sooner(now, Duration::MAX)) < Moment::of(now));
    }
}
