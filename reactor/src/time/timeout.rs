//! How does a future end that takes too long?
//!
//! The future comes first, always: what is ready wins over a deadline that has
//! passed, and a future that is ready at its first poll never costs a timer, nor
//! a look at the clock, unless it asks for the deadline (`deadline.rs`). The
//! deadline is looked at outside the poll budget, so a future that eats all of it
//! cannot dodge the timeout.

use super::{
    Instant, Sleep,
    deadline::{self, Entered, Limit, NOBODY},
};
use crate::timer::Leeway;
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::{Future, IntoFuture},
    io,
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// Runs `future` for `duration` at most, counted from its first poll.
///
/// Ready work wins: `future` is polled at least once, also when `duration` is
/// zero, and its output counts even if the deadline has passed meanwhile. The
/// clock is looked at when the first poll has to wait, or asks for the
/// [`effective_deadline`](super::effective_deadline): a first poll that goes on and
/// on is not counted. With [`timeout_scope`](super::timeout_scope()) it is.
///
/// # Errors
///
/// [`Elapsed`] if the deadline passes first. `future` is dropped with the
/// `Timeout`, or taken back by [`Timeout::into_inner`].
///
/// # Cancel safety
///
/// That of `future`: dropping this, and the deadline, drop it. The timer is
/// cancelled (**strict**).
///
/// # Panics
///
/// A poll that has to wait panics on a thread without a reactor.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::{Reactor, time::timeout};
/// use std::{future::{pending, ready}, time::Duration};
///
/// let reactor = Reactor::builder().paused().build()?;
/// reactor.block_on(async {
///     assert_eq!(timeout(Duration::ZERO, ready(7)).await, Ok(7));
///     assert!(timeout(Duration::from_secs(5), pending::<()>()).await.is_err());
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "wait_for")]
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    let timer = Timer::After(duration, Leeway::NONE, Location::caller());
    Timeout { future: future.into_future(), timer }
}

/// Runs `future` until `deadline` at most.
///
/// For the rest see [`timeout`].
///
/// # Errors
///
/// [`Elapsed`] if the deadline passes first.
///
/// # Cancel safety
///
/// That of `future`.
///
/// # Panics
///
/// A poll that has to wait panics on a thread without a reactor.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::time::{Instant, timeout_at};
/// use futures::FutureExt;
/// use std::future::pending;
///
/// let past = Instant::now();
/// assert!(timeout_at(past, pending::<()>()).now_or_never().unwrap().is_err());
/// ```
#[doc(alias = "wait_for")]
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    let timer = Timer::At(Sleep::new(deadline.moment(), Location::caller()));
    Timeout { future: future.into_future(), timer }
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        timer: Timer,
    }
}

/// What tells that the time is up.
#[derive(Debug)]
enum Timer {
    /// So long after the first poll, which has not been, and how much later.
    After(Duration, Leeway, &'static Location<'static>),
    At(Sleep),
}

impl Timer {
    #[inline]
    fn limit(&self) -> Limit {
        match self {
            Self::After(duration, ..) => Limit::After(*duration),
            Self::At(sleep) => Limit::At(sleep.moment()),
        }
    }

    /// The poll of the future is over, in which our limit was known.
    #[inline]
    fn poll(&mut self, entered: Entered, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::At(sleep) => {
                drop(entered);
                sleep.poll_elapsed(cx)
            }
            Self::After(duration, leeway, location) => {
                let now = Instant::now();
                // Somebody may have asked for the deadline: then it stays there.
                let deadline = match entered.leave() {
                    Some(Limit::At(deadline)) => deadline,
                    _ => now.moment().plus(*duration),
                };
                let mut sleep = Sleep::new(deadline, location).with_leeway(*leeway);
                let elapsed = sleep.poll_idle(now, cx);
                *self = Self::At(sleep);
                elapsed
            }
        }
    }
}

impl<F> Timeout<F> {
    /// Lets it end later than its deadline, by `slack` at most, together with other
    /// timers: see [`Sleep::slack`].
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::{Reactor, time::{Instant, timeout}};
    /// use std::{future::pending, time::Duration};
    ///
    /// let reactor = Reactor::builder().paused().build()?;
    /// reactor.block_on(async {
    ///     let start = Instant::now();
    ///     let idle = timeout(Duration::from_secs(60), pending::<()>());
    ///     assert!(idle.slack(Duration::from_secs(5)).await.is_err());
    ///     assert!((60..=65).contains(&start.elapsed().as_secs()));
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub fn slack(mut self, slack: Duration) -> Self {
        self.timer = match self.timer {
            Timer::After(duration, _, location) => {
                Timer::After(duration, Leeway::at_most(slack), location)
            }
            Timer::At(sleep) => Timer::At(sleep.slack(slack)),
        };
        self
    }

    /// The future inside.
    pub fn get_ref(&self) -> &F {
        &self.future
    }

    /// The future inside.
    pub fn get_mut(&mut self) -> &mut F {
        &mut self.future
    }

    /// The future inside, freed of its timeout.
    pub fn into_inner(self) -> F {
        self.future
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let entered = deadline::enter(this.timer.limit(), NOBODY);
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        // The wait site stays what the future wrote: it tells more.
        this.timer.poll(entered, cx).map(|()| Err(Elapsed(())))
    }
}

/// The deadline passed before the future was ready.
///
/// It converts to an [`io::Error`] of kind [`TimedOut`](io::ErrorKind::TimedOut).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "TimeoutError")]
pub struct Elapsed(());

impl Elapsed {
    /// For the other futures that have a deadline.
    #[doc(hidden)]
    #[must_use]
    pub fn new() -> Self {
        Self(())
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the deadline has elapsed")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> Self {
        Self::new(io::ErrorKind::TimedOut, elapsed)
    }
}
