//! What number has a point in time?

use super::clock::{later, sooner};
use std::time::{Duration, Instant};

/// The deadline that never comes: about 292 years after the origin.
pub(super) const NEVER: u64 = u64::MAX;

/// The number of the origin: deadlines before it have room, too.
const ORIGIN: u64 = 1 << 63;

/// Numbers for points in time: nanoseconds, from one of them on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Era {
    /// What has the number [`ORIGIN`].
    origin: Instant,
}

impl Era {
    pub(super) fn new(origin: Instant) -> Self {
        Self { origin }
    }

    /// The number of `time`, as near as it comes.
    pub(super) fn number(&self, time: Instant) -> u64 {
        let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        match time.checked_duration_since(self.origin) {
            Some(after) => ORIGIN.saturating_add(nanos(after)),
            None => ORIGIN.saturating_sub(nanos(self.origin.saturating_duration_since(time))),
        }
    }

    /// The inverse of [`number`](Self::number).
    pub(super) fn instant(&self, number: u64) -> Instant {
        match number.checked_sub(ORIGIN) {
            Some(after) => later(self.origin, Duration::from_nanos(after)),
            None => sooner(self.origin, Duration::from_nanos(ORIGIN - number)),
        }
    }
}
