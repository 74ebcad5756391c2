//! Attempts that start one after the other, until one succeeds.
//!
//! ```text
//!   start ──▶ 0 ────────────────────────────▶ lost: dropped
//!             ├─ delay ─┤
//!                       1 ──▶ failed
//!                             2 ────────────────▶ won
//!                             ├─ delay ─┤
//!                                       3 ──────▶ lost: dropped
//! ```
//!
//! The next one starts when the latest has failed, or has run for the delay. That
//! an older one fails starts nobody: its turn to give way has come before.

use super::RaceErrors;
use crate::many::crowd::{Crowd, Next};
use reactor::time::{Sleep, sleep};
use std::{
    fmt,
    future::Future,
    mem,
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use sync::coop;

/// Makes one attempt after the other, each when the one before has failed or has
/// taken longer than `delay`, until one succeeds; the others are dropped.
///
/// `attempts` are functions that give a future, called when its turn has come. They
/// may be any number, also without end. With [`Duration::MAX`] the next one starts
/// only when the one before has failed; with zero all start at once.
///
/// This is how to connect to a host with several addresses ("happy eyeballs"), or
/// to ask a second server when the first is slow.
///
/// # Errors
///
/// If none succeeds, all errors, in the order of the attempts. That of no attempts
/// is empty, and comes at once.
///
/// # Panics
///
/// The future panics if an attempt does, or if it is polled after its end; and if
/// it has to wait on a thread without a reactor.
///
/// # Cancel safety
///
/// **Lossy.** Dropping it drops the attempts that run, and the errors of those that
/// have failed.
///
/// # Examples
///
/// ```
/// use bowerbird::{race_staggered, time::{Instant, sleep}};
/// use std::time::Duration;
///
/// # let runtime = bowerbird::runtime::Builder::new_current_thread().paused_clock().build()?;
/// # runtime.block_on(async {
/// const SECOND: Duration = Duration::from_secs(1);
///
/// let ask = |server: &'static str, secs| async move {
///     sleep(secs * SECOND).await;
///     if server == "broken" { Err("no route") } else { Ok(server) }
/// };
/// let servers = [("slow", 60), ("broken", 2), ("near", 3)];
/// let start = Instant::now();
/// let attempts = servers.map(|(server, secs)| move || ask(server, secs));
/// let won = race_staggered(attempts, 10 * SECOND).await.unwrap();
///
/// assert_eq!((won.value, won.index), ("near", 2));
/// assert_eq!(won.errors, [(1, "no route")]);
/// assert_eq!(start.elapsed(), (10 + 2 + 3) * SECOND);
/// # });
/// # Ok::<(), bowerbird::runtime::BuildError>(())
/// ```
#[doc(alias = "happy_eyeballs")]
#[doc(alias = "staggered_race")]
#[doc(alias = "hedge")]
#[track_caller]
pub fn race_staggered<I, F, T, E>(attempts: I, delay: Duration) -> Staggering<I::IntoIter, F, E>
where
    I: IntoIterator<Item: FnOnce() -> F>,
    F: Future<Output = Result<T, E>>,
{
    Staggering {
        attempts: Some(attempts.into_iter()),
        delay,
        timer: None,
        crowd: Crowd::open(),
        indices: vec![],
        started: 0,
        errors: vec![],
        is_over: false,
        location: Location::caller(),
    }
}

/// What [`race_staggered`] gives: who won, and who failed before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Won<T, E> {
    /// What the winner gave.
    pub value: T,
    /// Which attempt it was.
    pub index: usize,
    /// The errors of those who failed before, by attempt, in their order.
    pub errors: Vec<(usize, E)>,
}

/// The future of [`race_staggered`].
///
/// # Cancel safety
///
/// **Lossy.** Drops the attempts that run, and the errors of those that failed.
#[must_use = "futures do nothing unless polled"]
pub struct Staggering<I, F, E> {
    /// Those not started; `None` when there are none.
    attempts: Option<I>,
    delay: Duration,
    /// Until the next one starts; `None` when it is to start at once, or when there
    /// is none.
    timer: Option<Sleep>,
    crowd: Crowd<Pin<Box<F>>>,
    /// Which attempt stands at each place.
    indices: Vec<usize>,
    started: usize,
    errors: Vec<(usize, E)>,
    is_over: bool,
    location: &'static Location<'static>,
}

/// Attempts are pinned in boxes of their own, and iterators are never pinned.
impl<I, F, E> Unpin for Staggering<I, F, E> {}

impl<I, F, T, E> Staggering<I, F, E>
where
    I: Iterator<Item: FnOnce() -> F>,
    F: Future<Output = Result<T, E>>,
{
    /// Starts the next attempt, if there is one.
    fn start(&mut self) {
        self.timer = None;
        let Some(attempts) = &mut self.attempts else { return };
        let Some(attempt) = attempts.next() else {
            self.attempts = None;
            return;
        };
        let is_last = attempts.size_hint().1 == Some(0);
        let place = self.crowd.insert(Box::pin(attempt()));
        if self.indices.len() <= place {
            self.indices.resize(place + 1, 0);
        }
        self.indices[place] = self.started;
        self.started += 1;
        self.timer = (!is_last).then(|| sleep(self.delay));
    }

    /// Whether the latest attempt has run for the delay.
    fn is_next_due(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(timer) = &mut self.timer else { return false };
        // An attempt that eats the budget does not hold up the next one.
        let _unlimited = coop::enter(u32::MAX);
        Pin::new(timer).poll(cx).is_ready()
    }

    fn run(&mut self, cx: &mut Context<'_>) -> Poll<Result<Won<T, E>, RaceErrors<E>>> {
        if self.started == 0 {
            self.start();
        }
        loop {
            match self.crowd.poll_next(cx, self.location) {
                Next::Done((place, Ok(value))) => {
                    let index = self.indices[place];
                    return Poll::Ready(Ok(Won { value, index, errors: self.take_errors() }));
                }
                Next::Done((place, Err(error))) => {
                    let index = self.indices[place];
                    self.errors.push((index, error));
                    if index + 1 == self.started {
                        self.start();
                    }
                }
                Next::End => {
                    let errors = self.take_errors().into_iter().map(|(_, error)| error);
                    return Poll::Ready(Err(RaceErrors::new(errors.collect())));
                }
                // Some have not been asked yet whether they are done.
                Next::Interrupted => return Poll::Pending,
                Next::Waiting if self.is_next_due(cx) => self.start(),
                Next::Waiting => {
                    // Over what the timer wrote.
                    self.crowd.write_wait_site(self.location);
                    return Poll::Pending;
                }
            }
        }
    }

    /// The errors, in the order of the attempts.
    fn take_errors(&mut self) -> Vec<(usize, E)> {
        let mut errors = mem::take(&mut self.errors);
        errors.sort_by_key(|(index, _)| *index);
        errors
    }
}

impl<I, F, T, E> Future for Staggering<I, F, E>
where
    I: Iterator<Item: FnOnce() -> F>,
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<Won<T, E>, RaceErrors<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.is_over, "polled after its end: the race called at {}", self.location);
        // Also while a poll is under way: a panic ends it.
        self.is_over = true;
        let polled = self.run(cx);
        match polled.is_pending() {
            true => self.is_over = false,
            false => self.end(),
        }
        polled
    }
}

impl<I, F, E> Staggering<I, F, E>
where
    F: Future,
{
    /// Drops all that was not used, and all who lost.
    fn end(&mut self) {
        self.timer = None;
        self.attempts = None;
        self.crowd = Crowd::open();
    }
}

impl<I, F, E> fmt::Debug for Staggering<I, F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Staggering")
            .field("started", &self.started)
            .field("failed", &self.errors.len())
            .field("running", &self.crowd)
            .finish_non_exhaustive()
    }
}
