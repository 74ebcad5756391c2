//! What is a point in time, when a test may own the clock?

use crate::{
    context,
    timer::{
        Moment, Turn,
        clock::{later, sooner},
    },
};
use std::{
    fmt,
    ops::{Add, AddAssign, Sub, SubAssign},
    time::Duration,
};
use sync::shim;

/// A reading of the clock by which timers fire.
///
/// It is a [`std::time::Instant`], and converts to one and back; only
/// [`now`](Self::now) differs, which asks the clock of the thread's reactor. That
/// is the system's, unless a test has paused or advanced it. Arithmetic never
/// panics: it ends at the first and the last time that can be told.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::time::Instant;
/// use std::time::Duration;
///
/// let start = Instant::now();
/// let deadline = start + Duration::from_secs(1);
/// assert_eq!(deadline - start, Duration::from_secs(1));
/// assert_eq!(start - deadline, Duration::ZERO);
/// assert!(start < start + Duration::MAX);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(std::time::Instant);

impl Instant {
    /// The time by the clock of this thread's reactor, or by the system's.
    #[must_use]
    pub fn now() -> Self {
        match context::try_with_current(|reactor, _| reactor.clock().now()) {
            Some(now) => Self(now),
            None => Self(shim::now()),
        }
    }

    /// [`now`](Self::now), and the turn of this thread in which that was, if any.
    pub(super) fn now_and_turn() -> (Self, Option<Turn>) {
        match context::try_with_current(|it, seat| (it.clock().now(), it.turn_of(seat))) {
            Some((now, turn)) => (Self(now), turn),
            None => (Self(shim::now()), None),
        }
    }

    /// Its number.
    #[inline]
    pub(super) fn moment(self) -> Moment {
        Moment::of(self.0)
    }

    /// The inverse of [`moment`](Self::moment).
    pub(super) fn at(moment: Moment) -> Self {
        Self(moment.instant())
    }

    /// The same point in time.
    #[must_use]
    pub const fn from_std(instant: std::time::Instant) -> Self {
        Self(instant)
    }

    /// The same point in time.
    #[must_use]
    pub const fn into_std(self) -> std::time::Instant {
        self.0
    }

    /// How much time has passed since. Zero if this lies ahead.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Self::now().duration_since(*self)
    }

    /// How much later this is than `earlier`. Zero if it is not.
    #[must_use]
    pub fn duration_since(&self, earlier: Self) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// How much later this is than `earlier`, unless it is sooner.
    #[must_use]
    pub fn checked_duration_since(&self, earlier: Self) -> Option<Duration> {
        self.0.checked_duration_since(earlier.0)
    }

    /// The same as [`duration_since`](Self::duration_since), by the name it has
    /// in the standard library.
    #[must_use]
    pub fn saturating_duration_since(&self, earlier: Self) -> Duration {
        self.duration_since(earlier)
    }

    /// This much later, unless no such time can be told.
    #[must_use]
    pub fn checked_add(&self, span: Duration) -> Option<Self> {
        self.0.checked_add(span).map(Self)
    }

    /// This much sooner, unless no such time can be told.
    #[must_use]
    pub fn checked_sub(&self, span: Duration) -> Option<Self> {
        self.0.checked_sub(span).map(Self)
    }

    /// This much later, or the last time that can be told.
    #[must_use]
    pub fn saturating_add(&self, span: Duration) -> Self {
        Self(later(self.0, span))
    }

    /// This much sooner, or the first time that can be told.
    #[must_use]
    pub fn saturating_sub(&self, span: Duration) -> Self {
        Self(sooner(self.0, span))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<std::time::Instant> for Instant {
    fn from(instant: std::time::Instant) -> Self {
        Self(instant)
    }
}

impl From<Instant> for std::time::Instant {
    fn from(instant: Instant) -> Self {
        instant.0
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        self.saturating_add(span)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, span: Duration) {
        *self = *self + span;
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        self.saturating_sub(span)
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, span: Duration) {
        *self = *self - span;
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.duration_since(earlier)
    }
}
