//! What is to be done again and again, and how: the builder.

use super::{
    jitter::Jitter,
    periodic::{self, OnError, Outcome, Overlap, Periodic, Plan},
    rhythm::Rhythm,
};
use reactor::time::{Instant, MissedTickBehavior};
use std::{
    fmt,
    future::{Future, Pending, pending},
    panic::Location,
    sync::Arc,
    time::Duration,
};

/// Does something every `period`, in a task of its own: a builder, see
/// [`Every::spawn`].
///
/// # Panics
///
/// If `period` is zero.
///
/// # Examples
///
/// ```
/// use bowerbird::{runtime::Builder, time::{every, sleep}};
/// use std::time::Duration;
///
/// const SECOND: Duration = Duration::from_secs(1);
///
/// let runtime = Builder::new_current_thread().paused_clock().build()?;
/// let stats = runtime.block_on(async {
///     let beat = every(SECOND).immediate().spawn(|| async { /* say that we are there */ });
///     sleep(9 * SECOND + SECOND / 2).await;
///     beat.stop();
///     let mut beat = beat;
///     (&mut beat).await;
///     beat.stats()
/// });
/// assert_eq!(stats.runs, 10);
/// # Ok::<(), bowerbird::runtime::BuildError>(())
/// ```
#[doc(alias = "periodic")]
#[doc(alias = "cron")]
#[track_caller]
pub fn every(period: Duration) -> Every {
    assert!(
        !period.is_zero(),
        "every({period:?}): the period of what is done again and again must not be zero"
    );
    Every {
        period,
        first: period,
        jitter: Duration::ZERO,
        seed: None,
        missed: MissedTickBehavior::Skip,
        overlap: Overlap::default(),
        on_error: OnError::default(),
        times: u64::MAX,
        until: pending(),
        name: None,
        location: Location::caller(),
    }
}

/// What [`every`] is to do, and how.
///
/// | method                            | says                                 | by default             |
/// |-----------------------------------|--------------------------------------|------------------------|
/// | [`immediate`](Self::immediate), [`delay_first`](Self::delay_first) | when the first run is due | after one period |
/// | [`jitter`](Self::jitter)          | how much later it may be             | not at all             |
/// | [`overlap`](Self::overlap)        | what if the last run still runs      | the tick is skipped    |
/// | [`missed`](Self::missed)          | what about ticks nobody took in time | they are skipped       |
/// | [`on_error`](Self::on_error)      | what a failure does                  | it is reported, no more |
/// | [`times`](Self::times), [`until`](Self::until) | when it ends            | never                  |
/// | [`name`](Self::name)              | how it is called in reports          | where it was made      |
#[must_use = "nothing is done before `spawn`"]
pub struct Every<U = Pending<()>> {
    period: Duration,
    first: Duration,
    jitter: Duration,
    seed: Option<u64>,
    missed: MissedTickBehavior,
    overlap: Overlap,
    on_error: OnError,
    times: u64,
    until: U,
    name: Option<Arc<str>>,
    location: &'static Location<'static>,
}

impl<U> Every<U> {
    /// The first run is due at once. By default it is after one period.
    pub fn immediate(self) -> Self {
        self.delay_first(Duration::ZERO)
    }

    /// The first run is due so long after [`spawn`](Self::spawn).
    pub fn delay_first(self, delay: Duration) -> Self {
        Self { first: delay, ..self }
    }

    /// Each run is up to `bound` later, at random, so that many who do the same do not
    /// all do it at once. Delays do not add up.
    ///
    /// # Panics
    ///
    /// If `bound` is longer than the period: a run would be due after the next one.
    #[track_caller]
    pub fn jitter(self, bound: Duration) -> Self {
        let period = self.period;
        assert!(bound <= period, "a jitter of {bound:?} is longer than the period, {period:?}");
        Self { jitter: bound, ..self }
    }

    /// Where the random delays start from, so that they are the same again.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed: Some(seed), ..self }
    }

    /// What to do about ticks that nobody took in time: because the last run still ran
    /// ([`Overlap::Wait`]), or because the machine was busy. By default
    /// [`MissedTickBehavior::Skip`].
    pub fn missed(self, behavior: MissedTickBehavior) -> Self {
        Self { missed: behavior, ..self }
    }

    /// What to do if the last run still runs. By default [`Overlap::Skip`].
    pub fn overlap(self, overlap: Overlap) -> Self {
        Self { overlap, ..self }
    }

    /// What a run that fails or panics does to the others. By default
    /// [`OnError::Continue`]. It is reported in any case.
    pub fn on_error(self, policy: OnError) -> Self {
        Self { on_error: policy, ..self }
    }

    /// Ends after so many runs.
    pub fn times(self, runs: u64) -> Self {
        Self { times: runs, ..self }
    }

    /// Ends when `stop` is ready, as by [`Periodic::stop`]: a token that is cancelled,
    /// a message, a signal.
    pub fn until<V: Future + Send + 'static>(self, stop: V) -> Every<V> {
        Every {
            period: self.period,
            first: self.first,
            jitter: self.jitter,
            seed: self.seed,
            missed: self.missed,
            overlap: self.overlap,
            on_error: self.on_error,
            times: self.times,
            until: stop,
            name: self.name,
            location: self.location,
        }
    }

    /// Names its tasks in errors, reports and dumps.
    pub fn name(self, name: impl Into<Arc<str>>) -> Self {
        Self { name: Some(name.into()), ..self }
    }
}

impl<U: Future + Send + 'static> Every<U> {
    /// Starts: calls `f` at each tick, and runs what it gives in a task of its own.
    ///
    /// `f` gives a future of nothing, or of a `Result<(), E>`. A run that gives an
    /// error, or panics, is reported to
    /// [`on_unhandled`](crate::runtime::Builder::on_unhandled); the policy of
    /// [`on_error`](Self::on_error) decides whether more follow. Dropping the
    /// [`Periodic`] lets it go on.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn<F, Fut>(self, f: F) -> Periodic
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output: Outcome> + Send + 'static,
    {
        let jitter = Jitter::new(self.jitter, self.seed);
        let first = Instant::now() + self.first;
        let name = self
            .name
            .unwrap_or_else(|| format!("every {:?} at {}", self.period, self.location).into());
        periodic::start(Plan {
            rhythm: Rhythm::new(first, self.period, self.missed, jitter),
            overlap: self.overlap,
            on_error: self.on_error,
            times: self.times,
            name,
            location: self.location,
            until: self.until,
            make: f,
        })
    }
}

impl<U> fmt::Debug for Every<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Every")
            .field("period", &self.period)
            .field("jitter", &self.jitter)
            .field("missed", &self.missed)
            .field("overlap", &self.overlap)
            .field("on_error", &self.on_error)
            .finish_non_exhaustive()
    }
}
