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
use crate::many::turn::{self, Next, Turn};
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
use sync::{
    coop,
    ready_set::ReadySlab,
    wait_site::{self, Kind},
};

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
        running: ReadySlab::new(),
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
    running: ReadySlab<Attempt<F>>,
    started: usize,
    errors: Vec<(usize, E)>,
    is_over: bool,
    location: &'static Location<'static>,
}

/// An attempt that runs.
struct Attempt<F> {
    index: usize,
    future: Pin<Box<F>>,
}

/// What came of polling those that were woken.
enum Came<O> {
    /// This attempt has ended. There may be more of them.
    Ended(usize, O),
    /// Nobody runs.
    Nobody,
    /// The next wake wakes the task.
    Waiting,
    /// The budget is spent, and the task is woken.
    Interrupted,
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
        let (index, future) = (self.started, Box::pin(attempt()));
        self.running.insert(Attempt { index, future });
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

    /// Polls those that were woken until one of them ends.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Came<Result<T, E>> {
        if self.running.is_empty() {
            return Came::Nobody;
        }
        self.running.register(cx.waker());
        let turn = Turn::begin(&mut self.running);
        loop {
            let number = match turn.next(&mut self.running, cx) {
                Next::Child(number) => number,
                Next::Through => return Came::Waiting,
                Next::Interrupted => return Came::Interrupted,
            };
            let poll = |attempt: &mut Attempt<F>, cx: &mut Context<'_>| {
                attempt.future.as_mut().poll(cx).map(|output| (attempt.index, output))
            };
            let polled = self.running.poll_child(number, poll);
            turn::spend_a_unit(cx);
            if let Poll::Ready((index, output)) = polled {
                drop(self.running.remove(number));
                return Came::Ended(index, output);
            }
        }
    }

    fn run(&mut self, cx: &mut Context<'_>) -> Poll<Result<Won<T, E>, RaceErrors<E>>> {
        if self.started == 0 {
            self.start();
        }
        loop {
            match self.poll_next(cx) {
                Came::Ended(index, Ok(value)) => {
                    return Poll::Ready(Ok(Won { value, index, errors: self.take_errors() }));
                }
                Came::Ended(index, Err(error)) => {
                    self.errors.push((index, error));
                    if index + 1 == self.started {
                        self.start();
                    }
                }
                Came::Nobody => {
                    let errors = self.take_errors().into_iter().map(|(_, error)| error);
                    return Poll::Ready(Err(RaceErrors::new(errors.collect())));
                }
                // Some have not been asked yet whether they are done.
                Came::Interrupted => return Poll::Pending,
                Came::Waiting if self.is_next_due(cx) => self.start(),
                Came::Waiting => {
                    // Over what the timer wrote.
                    wait_site::waiting(Kind::OneOf, self.running.id(), self.location);
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
        self.running = ReadySlab::new();
    }
}

impl<I, F, E> fmt::Debug for Staggering<I, F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Staggering")
            .field("started", &self.started)
            .field("failed", &self.errors.len())
            .field("running", &self.running.len())
            .finish_non_exhaustive()
    }
}
