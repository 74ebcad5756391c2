//! How does a task do something again and again, in time?
//!
//! Ticks lie `period` apart, counted from the first, not from when the task came
//! to wait for them: no drift adds up. A tick is *missed* when the one after it is
//! due before it has been taken; what then is [`MissedTickBehavior`]'s to say.

use super::{Instant, Sleep};
use futures_core::Stream;
use std::{
    future::Future,
    panic::Location,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use sync::coop;

/// Ticks at once, and then every `period`.
///
/// # Panics
///
/// If `period` is zero.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::{Reactor, time::{Instant, interval}};
/// use std::time::Duration;
///
/// let reactor = Reactor::builder().paused().build()?;
/// reactor.block_on(async {
///     let mut interval = interval(Duration::from_secs(1));
///     let first = interval.tick().await;
///     interval.tick().await;
///     let third = interval.tick().await;
///     assert_eq!(third - first, Duration::from_secs(2));
///     assert_eq!(third, Instant::now());
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Ticks at `start`, and then every `period`.
///
/// # Panics
///
/// If `period` is zero.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::time::{Instant, interval_at};
/// use futures::FutureExt;
/// use std::time::Duration;
///
/// let start = Instant::now();
/// let mut interval = interval_at(start, Duration::from_secs(1));
/// assert_eq!(interval.tick().now_or_never(), Some(start));
/// assert_eq!(interval.period(), Duration::from_secs(1));
/// ```
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(!period.is_zero(), "the period of an interval must not be zero");
    Interval {
        sleep: Sleep::new(start.moment(), Location::caller()),
        period,
        missed_tick_behavior: MissedTickBehavior::default(),
    }
}

/// What an [`Interval`] does about ticks that nobody took in time.
///
/// With a period of 10, and a task that is busy from 15 to 45:
///
/// ```text
///   Burst   0  10  20 30 40  50  60     20, 30, 40 all at 45
///   Delay   0  10  20        55  65     20 at 45, then counted from 45
///   Skip    0  10  20        50  60     20 at 45, then the next multiple
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MissedTickBehavior {
    /// Makes up for them, one right after the other.
    #[default]
    Burst,
    /// Forgets them and counts anew from when the late one is taken.
    Delay,
    /// Forgets them and keeps to the multiples of the period.
    Skip,
}

impl MissedTickBehavior {
    /// When to tick after the tick due at `tick`, which was taken at `now`.
    #[doc(hidden)]
    #[must_use]
    pub fn next(self, tick: Instant, now: Instant, period: Duration) -> Instant {
        let next = tick + period;
        if now < next {
            return next;
        }
        match self {
            Self::Burst => next,
            Self::Delay => now + period,
            Self::Skip => now + (period - rest(now - tick, period)),
        }
    }
}

/// What remains of `span` after as many whole `period`s as fit.
fn rest(span: Duration, period: Duration) -> Duration {
    let nanos = span.as_nanos() % period.as_nanos();
    const SECOND: u128 = 1_000_000_000;
    // Both fit: the remainder is less than `period`.
    Duration::new((nanos / SECOND) as u64, (nanos % SECOND) as u32)
}

/// Ticks, made by [`interval`] and [`interval_at`]. Also a [`Stream`] of them that
/// never ends.
#[derive(Debug)]
pub struct Interval {
    /// Until the next tick.
    sleep: Sleep,
    period: Duration,
    missed_tick_behavior: MissedTickBehavior,
}

impl Interval {
    /// Waits for the next tick and returns when it was due.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** A tick is taken when this is ready, not before.
    ///
    /// # Panics
    ///
    /// A poll that has to wait panics on a thread without a reactor.
    ///
    /// # Examples
    ///
    /// See [`interval`].
    #[track_caller]
    pub fn tick(&mut self) -> Tick<'_> {
        Tick { interval: self, location: Location::caller() }
    }

    /// As [`tick`](Self::tick), for those who write futures by hand.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        let location = self.sleep.location();
        self.poll_tick_at(cx, location)
    }

    fn poll_tick_at(
        &mut self,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Poll<Instant> {
        let progress = ready!(coop::poll_proceed(cx));
        if self.sleep.poll_elapsed(cx).is_pending() {
            self.sleep.write_wait_site(location);
            return Poll::Pending;
        }
        progress.made();
        let tick = self.sleep.deadline();
        self.reset_at(self.missed_tick_behavior.next(tick, Instant::now(), self.period));
        Poll::Ready(tick)
    }

    /// Ticks one period from now, and then every period.
    pub fn reset(&mut self) {
        self.reset_after(self.period);
    }

    /// Ticks at once, and then every period.
    pub fn reset_immediately(&mut self) {
        self.reset_after(Duration::ZERO);
    }

    /// Ticks after `span`, and then every period.
    pub fn reset_after(&mut self, span: Duration) {
        self.reset_at(Instant::now() + span);
    }

    /// Ticks at `start`, and then every period.
    pub fn reset_at(&mut self, start: Instant) {
        Pin::new(&mut self.sleep).reset(start);
    }

    /// How far apart ticks are.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period
    }

    /// What it does about ticks that were missed.
    #[must_use]
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed_tick_behavior
    }

    /// Says what to do about ticks that are missed from now on.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed_tick_behavior = behavior;
    }
}

impl Stream for Interval {
    type Item = Instant;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        self.poll_tick(cx).map(Some)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

/// The future of [`Interval::tick`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Tick<'a> {
    interval: &'a mut Interval,
    location: &'static Location<'static>,
}

impl Future for Tick<'_> {
    type Output = Instant;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Instant> {
        let location = self.location;
        self.interval.poll_tick_at(cx, location)
    }
}
