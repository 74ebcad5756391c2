//! Who runs what is done again and again, and who hears how it went?
//!
//! One task keeps the rhythm; each run is a task of its own, which nobody awaits. So a
//! panic in a run is reported as that of any task, with its message, and does not
//! reach the rhythm, and runs may overlap, at a cost that does not grow with their
//! number. What the two sides tell each other lies under one small lock:
//!
//! ```text
//!   the rhythm                    Control                     a run
//!   ──────────                    ───────                     ─────
//!   at each tick: count, spawn ─▶ stats, how many run ◀────── failed; over
//!   sleeps until a tick, ◀─────── changed (Notify)
//!   or a change                   order ◀──────────────────── (failed, and that stops)
//!                                   ▲
//!                                   ╰── Periodic::stop, abort
//! ```
//!
//! The rhythm ends when it was told to, or has done its number, and no run is left:
//! who awaits the [`Periodic`] knows that nothing of it runs any more.
//!
//! # Rejected
//!
//! * Runs inside the task of the rhythm: no overlap, and a panic would have to be
//!   caught and told by hand, in other words than those of all other tasks.
//! * Awaiting the handles of the runs: with many at a time each change costs a look at
//!   all of them.

use super::rhythm::Rhythm;
use executor::{AbortHandle, JoinHandle, TaskBuilder, Unhandled, caught, current_task};
use pin_project_lite::pin_project;
use reactor::time::{Instant, Sleep, sleep_until};
use std::{
    any::Any,
    error::Error,
    fmt,
    future::{Future, poll_fn},
    mem,
    panic::{Location, resume_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
};
use sync::{Notify, shim::Lock};

/// What to do at a tick while the last run still runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overlap {
    /// Leaves the tick out.
    #[default]
    Skip,
    /// Waits for the run to end and starts the next one then. What becomes of further
    /// ticks meanwhile is [`MissedTickBehavior`](crate::time::MissedTickBehavior)'s to
    /// say: with `Burst` none is lost.
    #[doc(alias = "Queue")]
    Wait,
    /// Starts another one beside it.
    Allow,
}

/// What a run that fails or panics does to those to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnError {
    /// Nothing.
    #[default]
    Continue,
    /// There are no more. Runs that overlap with it finish.
    Stop,
}

/// What a run gives: nothing, or a `Result` without a value.
#[diagnostic::on_unimplemented(
    message = "a run cannot give `{Self}`",
    note = "what is done again and again gives `()`, or `Result<(), E>` with an error of any kind"
)]
pub trait Outcome {
    /// Why it failed, if it did.
    #[doc(hidden)]
    fn failure(self) -> Option<Failure>;
}

type Failure = Box<dyn Error + Send + Sync>;

impl Outcome for () {
    fn failure(self) -> Option<Failure> {
        None
    }
}

impl<E: Into<Failure>> Outcome for Result<(), E> {
    fn failure(self) -> Option<Failure> {
        self.err().map(Into::into)
    }
}

/// How often it was done, and what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PeriodicStats {
    /// Runs that were started.
    pub runs: u64,
    /// Those of them that run now.
    pub running: usize,
    /// Those of them that gave an error or panicked.
    pub failures: u64,
    /// Ticks without a run: the one before still ran, or nobody took them in time.
    pub missed: u64,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PeriodicEnd {
    /// It was done as often as [`Every::times`](super::Every::times) says.
    Completed,
    /// By [`Periodic::stop`], or by what [`Every::until`](super::Every::until) waits for.
    Stopped,
    /// A run failed, and the policy is [`OnError::Stop`].
    Failed,
    /// By [`Periodic::abort`], or with the runtime: runs may have been cut short.
    Aborted,
}

/// What the rhythm and its runs tell each other.
struct Control {
    state: Lock<State>,
    /// Heard by the rhythm alone.
    changed: Notify,
}

#[derive(Clone, Copy)]
struct State {
    stats: PeriodicStats,
    /// Why there shall be no more runs.
    end: Option<PeriodicEnd>,
}

impl Control {
    fn look(&self) -> State {
        *self.state.lock()
    }

    fn count(&self, change: impl FnOnce(&mut PeriodicStats)) {
        change(&mut self.state.lock().stats);
    }

    /// There shall be no more runs. The first reason counts, but for an abort.
    fn end(&self, why: PeriodicEnd) {
        let mut state = self.state.lock();
        if state.end.is_none() || why == PeriodicEnd::Aborted {
            state.end = Some(why);
        }
        drop(state);
        self.changed.notify_one();
    }

    fn failed(&self, policy: OnError) {
        self.count(|stats| stats.failures += 1);
        match policy {
            OnError::Continue => (),
            OnError::Stop => self.end(PeriodicEnd::Failed),
        }
    }
}

/// Counts as a run until it is dropped.
struct Running(Arc<Control>);

impl Running {
    fn begin(control: &Arc<Control>) -> Self {
        control.count(|stats| {
            stats.runs += 1;
            stats.running += 1;
        });
        Self(control.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.count(|stats| stats.running -= 1);
        self.0.changed.notify_one();
    }
}

pin_project! {
    /// One run: what the user's closure gave.
    struct Run<Fut> {
        #[pin]
        future: Fut,
        policy: OnError,
        // Dropped after the future: then it is over.
        running: Running,
    }
}

impl<Fut: Future<Output: Outcome>> Future for Run<Fut> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let control = &this.running.0;
        let panics = Panics { control, policy: *this.policy };
        let polled = this.future.poll(cx).map(Outcome::failure);
        mem::forget(panics);
        if let Some(error) = ready!(polled) {
            report(error);
            control.failed(*this.policy);
        }
        Poll::Ready(())
    }
}

/// Counts a failure if it is dropped: by a panic of the poll.
struct Panics<'a> {
    control: &'a Control,
    policy: OnError,
}

impl Drop for Panics<'_> {
    fn drop(&mut self) {
        self.control.failed(self.policy);
    }
}

/// Tells who hears of what nobody handles that this task failed.
fn report(error: Failure) {
    // There is one wherever a task is polled.
    if let Some(handle) = executor::Handle::try_current() {
        handle.report_unhandled(Unhandled::failed(current_task(), error));
    }
}

/// All that the builder was told.
pub(super) struct Plan<F, U> {
    pub(super) rhythm: Rhythm,
    pub(super) overlap: Overlap,
    pub(super) on_error: OnError,
    /// How many runs there may be yet.
    pub(super) times: u64,
    pub(super) name: Arc<str>,
    /// Where `every` was called.
    pub(super) location: &'static Location<'static>,
    pub(super) until: U,
    pub(super) make: F,
}

/// Starts the rhythm.
#[track_caller]
pub(super) fn start<F, Fut, U>(plan: Plan<F, U>) -> Periodic
where
    F: FnMut() -> Fut + Send + 'static,
    Fut: Future<Output: Outcome> + Send + 'static,
    U: Future + Send + 'static,
{
    let state = State { stats: PeriodicStats::default(), end: None };
    let control = Arc::new(Control { state: Lock::new(state), changed: Notify::new() });
    let sleep = sleep_until(plan.rhythm.due());
    let task = TaskBuilder::new().name(plan.name.clone()).location(plan.location);
    let task = task.spawn(keep_rhythm(plan, sleep, control.clone()));
    Periodic { control, task }
}

/// What the rhythm waits for.
enum Event {
    /// A look at the control will tell.
    Changed,
    Until,
    Tick,
}

async fn keep_rhythm<F, Fut, U>(
    plan: Plan<F, U>,
    sleep: Sleep,
    control: Arc<Control>,
) -> PeriodicEnd
where
    F: FnMut() -> Fut + Send + 'static,
    Fut: Future<Output: Outcome> + Send + 'static,
    U: Future + Send + 'static,
{
    let Plan { mut rhythm, overlap, on_error, mut times, name, location, until, mut make } = plan;
    let (mut sleep, mut until) = (pin!(sleep), pin!(until));
    let mut runs = Runs::default();
    loop {
        let State { stats, end } = control.look();
        if end == Some(PeriodicEnd::Aborted) {
            runs.abort();
        }
        let is_ending = end.is_some() || times == 0;
        if is_ending && stats.running == 0 {
            return end.unwrap_or(PeriodicEnd::Completed);
        }
        let may_tick = overlap != Overlap::Wait || stats.running == 0;
        let mut changed = pin!(control.changed.notified());
        let event = poll_fn(|cx| {
            if changed.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Event::Changed);
            }
            if is_ending {
                return Poll::Pending;
            }
            if until.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Event::Until);
            }
            match may_tick {
                true => sleep.as_mut().poll(cx).map(|()| Event::Tick),
                false => Poll::Pending,
            }
        });
        match event.await {
            Event::Changed => (),
            Event::Until => control.end(PeriodicEnd::Stopped),
            Event::Tick => {
                let mut missed = rhythm.take(Instant::now());
                sleep.as_mut().reset(rhythm.due());
                if overlap == Overlap::Skip && control.look().stats.running > 0 {
                    missed = missed.saturating_add(1);
                } else {
                    times -= 1;
                    let task = TaskBuilder::new().name(name.clone()).location(location);
                    runs.add(run(task, &mut make, &control, on_error), stats.running);
                }
                control.count(|stats| stats.missed = stats.missed.saturating_add(missed));
            }
        }
    }
}

/// Starts one run.
fn run<F, Fut>(
    task: TaskBuilder,
    make: &mut F,
    control: &Arc<Control>,
    policy: OnError,
) -> AbortHandle
where
    F: FnMut() -> Fut,
    Fut: Future<Output: Outcome> + Send + 'static,
{
    let running = Running::begin(control);
    match caught(make) {
        Ok(future) => task.spawn(Run { future, policy, running }).abort_handle(),
        Err(panic) => task.spawn(broken(panic, policy, running)).abort_handle(),
    }
}

/// A run whose making panicked. It panics where the run would have.
async fn broken(panic: Box<dyn Any + Send>, policy: OnError, running: Running) {
    running.0.failed(policy);
    resume_unwind(panic)
}

/// The runs there may be.
#[derive(Default)]
struct Runs(Vec<AbortHandle>);

impl Runs {
    /// Adds one; so many others run.
    fn add(&mut self, run: AbortHandle, running: usize) {
        // Now and then, so that each costs the same on average.
        if self.0.len() > 2 * running {
            self.0.retain(|it| it.info().is_some());
        }
        self.0.push(run);
    }

    fn abort(&mut self) {
        self.0.drain(..).for_each(|it| it.abort());
    }
}

impl Drop for Runs {
    fn drop(&mut self) {
        // Those that are over do not mind.
        self.abort();
    }
}

/// Something that is done again and again: see [`every`](super::every()).
///
/// Awaiting it waits for its end: then no run is left. Dropping it lets it go on until
/// the runtime ends.
///
/// # Panics
///
/// Awaiting it panics if the future given to [`Every::until`](super::Every::until)
/// did. Those of the runs are reported, not told here.
///
/// # Cancel safety
///
/// **Strict.** Awaited by reference it may be dropped and awaited again.
pub struct Periodic {
    control: Arc<Control>,
    task: JoinHandle<PeriodicEnd>,
}

impl Periodic {
    /// There shall be no more runs. One that runs finishes.
    pub fn stop(&self) {
        self.control.end(PeriodicEnd::Stopped);
    }

    /// There shall be no more runs, and one that runs is aborted.
    #[doc(alias = "cancel")]
    pub fn abort(&self) {
        self.control.end(PeriodicEnd::Aborted);
    }

    /// Whether it goes on: there may be more runs, or one has not finished.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.task.is_finished()
    }

    /// What it has done so far.
    #[must_use]
    pub fn stats(&self) -> PeriodicStats {
        self.control.look().stats
    }
}

impl Future for Periodic {
    type Output = PeriodicEnd;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<PeriodicEnd> {
        Poll::Ready(match ready!(Pin::new(&mut self.task).poll(cx)) {
            Ok(end) => end,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_cancelled) => PeriodicEnd::Aborted,
            },
        })
    }
}

impl fmt::Debug for Periodic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Periodic").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
