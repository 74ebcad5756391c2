//! A runtime: an executor that sleeps in a reactor.
//!
//! Most programs need none of this: [`run`](crate::run) and
//! [`#[main]`](crate::main) set a runtime up and end it. Use [`Builder`] to choose
//! how many workers there are, what hears of errors, or on which clock timers run.
//!
//! # Who runs what
//!
//! | call                                    | the calling thread                      |
//! |-----------------------------------------|-----------------------------------------|
//! | [`run`](crate::run), [`Builder::run`]   | is worker 0                             |
//! | [`Runtime::block_on`], multi-thread     | is a guest: polls its own future and local tasks |
//! | [`Runtime::block_on`], current-thread   | runs all tasks, or waits for its turn   |
//! | [`LocalRuntime::block_on`]              | runs all tasks; local ones stay         |
//!
//! A task made by [`spawn_local`](crate::spawn_local) belongs to its thread and is
//! dropped there, before `block_on` or `run` returns.

#[cfg(feature = "serde")]
pub use crate::metrics::SerializableMetrics;
use executor::BuildError as Error;
pub use executor::{
    BuildError, EnterGuard, Flavor, Handle, Histogram, Id, JoinError, Metrics, Shutdown,
    ShutdownReport, Stall, TaskInfo, Turn, Unhandled, WorkerMetrics,
};
use executor::{Executor, JoinHandle, LocalExecutor};
pub use reactor::{Config as ReactorConfig, Reactor};
use std::{fmt, future::Future, sync::Arc, time::Duration};
use sync::driver::Driver;
pub use sync::driver::DriverMetrics;

/// Owns the threads and tasks of a runtime. Dropping it ends them.
///
/// The drop cancels all tasks, waits for each worker to finish the poll it is in,
/// five seconds at most, and 50 ms for blocking closures. What did not end by then
/// goes on by itself and is reported through [`Builder::on_unhandled`]; the drop
/// never hangs on it. Dropped inside one of its own tasks it only starts the
/// shutdown.
///
/// # Examples
///
/// ```
/// use bowerbird::runtime::Runtime;
///
/// let runtime = Runtime::new()?;
/// let task = runtime.spawn(async { 6 * 7 });
/// assert_eq!(runtime.block_on(task).unwrap(), 42);
/// # Ok::<(), bowerbird::runtime::BuildError>(())
/// ```
#[derive(Debug)]
#[doc(alias = "Runner")]
pub struct Runtime {
    executor: Executor,
}

impl Runtime {
    /// A multi-thread runtime with a worker per core.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn new() -> Result<Self, Error> {
        Builder::new_multi_thread().build()
    }

    /// Runs a future on this thread until it is done. It may borrow, and need not
    /// be `Send`. See [`Handle::block_on`].
    ///
    /// # Panics
    ///
    /// If `future` panics, or inside a task of the same current-thread runtime.
    #[doc(alias = "run_until_complete")]
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.executor.block_on(future)
    }

    /// Starts a task. See [`spawn`](crate::spawn).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle().spawn(future)
    }

    /// Runs a closure on the blocking pool. See
    /// [`spawn_blocking`](crate::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<C, T>(&self, closure: C) -> JoinHandle<T>
    where
        C: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle().spawn_blocking(closure)
    }

    /// A handle to it, for any thread.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        self.executor.handle()
    }

    /// Makes this runtime the calling thread's until the guard is dropped. See
    /// [`Handle::enter`].
    #[must_use = "the runtime is entered until the guard is dropped"]
    pub fn enter(&self) -> EnterGuard {
        self.handle().enter()
    }

    /// Runs what is ready, once, on this thread, and returns: for a thread with a loop
    /// of its own, a window system's or a game's. See the example `gui_loop.rs`.
    ///
    /// If nothing is ready it first waits for events, for `timeout` at most; `None` is
    /// without a limit, zero not at all. It may return earlier. [`Turn`] says what was
    /// done and when the next timer is due; [`Builder::on_wake`] hears when a task
    /// becomes ready before that. A loop that waits for descriptors by itself also waits
    /// for that of the reactor, [`Reactor::poll_fd`].
    ///
    /// Tasks that were ready when the turn began get one poll each. Local tasks that they
    /// spawn end with the turn; those of [`LocalRuntime::turn`] stay. While another
    /// thread is in `block_on`, that one runs the tasks, and a turn does nothing but
    /// wait. Under a paused clock a turn never waits: the clock jumps.
    ///
    /// # Panics
    ///
    /// On a multi-thread runtime, whose workers need no turns. Inside a task of this
    /// runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::{runtime::Builder, time::sleep};
    /// use std::time::Duration;
    ///
    /// let runtime = Builder::new_current_thread().build()?;
    /// let task = runtime.spawn(sleep(Duration::from_millis(2)));
    /// while !task.is_finished() {
    ///     let turn = runtime.turn(Some(Duration::from_millis(16)));
    ///     assert!(turn.next_deadline.is_some() || task.is_finished());
    /// }
    /// # Ok::<(), bowerbird::runtime::BuildError>(())
    /// ```
    #[doc(alias = "run_once")]
    pub fn turn(&self, timeout: Option<Duration>) -> Turn {
        self.executor.turn(allowed(self.handle(), timeout))
    }

    /// Ends the runtime: cancels all tasks, waits as long as told, and reports.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::runtime::{Runtime, Shutdown};
    ///
    /// let runtime = Runtime::new()?;
    /// drop(runtime.spawn(std::future::pending::<()>()));
    /// let report = runtime.shutdown(Shutdown::default());
    /// assert!(report.is_clean());
    /// # Ok::<(), bowerbird::runtime::BuildError>(())
    /// ```
    #[doc(alias = "shutdown_timeout")]
    pub fn shutdown(self, shutdown: Shutdown) -> ShutdownReport {
        self.executor.shutdown(shutdown)
    }
}

/// A runtime on one thread whose local tasks stay alive between calls of
/// [`block_on`](Self::block_on). It stays on the thread that made it.
///
/// # Examples
///
/// ```
/// use bowerbird::runtime::LocalRuntime;
/// use std::rc::Rc;
///
/// let runtime = LocalRuntime::new()?;
/// let shared = Rc::new(7);
/// let theirs = shared.clone();
/// let task = runtime.spawn_local(async move { *theirs });
/// assert_eq!(runtime.block_on(task).unwrap(), *shared);
/// # Ok::<(), bowerbird::runtime::BuildError>(())
/// ```
#[derive(Debug)]
pub struct LocalRuntime {
    executor: LocalExecutor,
}

impl LocalRuntime {
    /// A runtime on this thread.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn new() -> Result<Self, Error> {
        Builder::new_current_thread().build_local()
    }

    /// Starts a task on this thread. It makes progress during
    /// [`block_on`](Self::block_on).
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.executor.spawn_local(future)
    }

    /// Runs a future on this thread until it is done, beside the local tasks.
    ///
    /// # Panics
    ///
    /// If `future` panics; the local tasks stay. Inside a task of this same runtime.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.executor.block_on(future)
    }

    /// Runs what is ready, once, and returns. As [`Runtime::turn`]; local tasks stay
    /// alive between turns.
    ///
    /// # Panics
    ///
    /// Inside a task of this same runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::{runtime::LocalRuntime, yield_now};
    /// use std::time::Duration;
    ///
    /// let runtime = LocalRuntime::new()?;
    /// let task = runtime.spawn_local(yield_now());
    /// assert!(runtime.turn(Some(Duration::ZERO)).has_more);
    /// assert!(!runtime.turn(Some(Duration::ZERO)).has_more);
    /// assert!(task.is_finished());
    /// # Ok::<(), bowerbird::runtime::BuildError>(())
    /// ```
    pub fn turn(&self, timeout: Option<Duration>) -> Turn {
        self.executor.turn(allowed(self.handle(), timeout))
    }

    /// A handle to it, for any thread.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        self.executor.handle()
    }

    /// Ends the runtime. See [`Runtime::shutdown`].
    pub fn shutdown(self, shutdown: Shutdown) -> ShutdownReport {
        self.executor.shutdown(shutdown)
    }
}

/// How long a turn may wait. Under a paused clock the time would never come.
fn allowed(handle: &Handle, timeout: Option<Duration>) -> Option<Duration> {
    let _entered = handle.enter();
    let is_paused = Reactor::try_current().is_some_and(|it| it.clock().is_paused());
    if is_paused { Some(Duration::ZERO) } else { timeout }
}

/// Sets a runtime up.
///
/// # Examples
///
/// ```
/// use bowerbird::runtime::Builder;
///
/// let answer = Builder::new_multi_thread()
///     .worker_threads(2)
///     .thread_name("answers")
///     .run(async { bowerbird::spawn(async { 42 }).await.unwrap() })?;
/// assert_eq!(answer, 42);
/// # Ok::<(), bowerbird::runtime::BuildError>(())
/// ```
#[must_use = "a builder does nothing until it builds"]
pub struct Builder {
    executor: executor::Builder,
    clock: ClockChoice,
    driver: Option<Arc<dyn Driver>>,
}

/// On which clock timers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClockChoice {
    Real,
    Paused,
}

impl Builder {
    /// Workers on threads of their own, one per core.
    pub fn new_multi_thread() -> Self {
        Self::from_executor(executor::Builder::new_multi_thread())
    }

    /// One worker: the thread that calls `block_on`.
    pub fn new_current_thread() -> Self {
        Self::from_executor(executor::Builder::new_current_thread())
    }

    fn from_executor(executor: executor::Builder) -> Self {
        Self { executor, clock: ClockChoice::Real, driver: None }
    }

    pub(crate) fn with(
        mut self,
        change: impl FnOnce(executor::Builder) -> executor::Builder,
    ) -> Self {
        self.executor = change(self.executor);
        self
    }

    /// How many workers. By default as many as the process has cores. A
    /// current-thread runtime has one, whatever is said here.
    pub fn worker_threads(self, workers: usize) -> Self {
        self.with(|it| it.worker_threads(workers))
    }

    /// What the names of threads begin with.
    pub fn thread_name(self, name: impl Into<Arc<str>>) -> Self {
        self.with(|it| it.thread_name(name))
    }

    /// The stack size of threads, in bytes; 64 KiB at least. By default what std uses.
    pub fn thread_stack_size(self, bytes: usize) -> Self {
        self.with(|it| it.thread_stack_size(bytes))
    }

    /// How many threads the blocking pool may have. By default 512.
    pub fn max_blocking_threads(self, threads: usize) -> Self {
        self.with(|it| it.max_blocking_threads(threads))
    }

    /// How long a thread of the blocking pool waits for a job before it ends. By
    /// default ten seconds.
    pub fn thread_keep_alive(self, patience: Duration) -> Self {
        self.with(|it| it.thread_keep_alive(patience))
    }

    /// How many operations a poll may do before it must yield. By default 128.
    pub fn budget(self, operations: u32) -> Self {
        self.with(|it| it.budget(operations))
    }

    /// Where the workers' random choices start from.
    pub fn seed(self, seed: u64) -> Self {
        self.with(|it| it.seed(seed))
    }

    /// Debug mode: finds mistakes at the price of slower waits. By default the
    /// environment variable `BOWERBIRD_DEBUG` decides: `1` turns it on.
    ///
    /// A task that waits for a lock or a semaphore while an earlier wait of its own,
    /// in a future that it keeps and does not poll, has been granted is reported
    /// through [`on_unhandled`](Self::on_unhandled) as
    /// [`Unhandled::Futurelock`].
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::runtime::Builder;
    ///
    /// let runtime = Builder::new_current_thread().debug(true).build()?;
    /// assert!(runtime.handle().is_debug());
    /// # Ok::<(), bowerbird::runtime::BuildError>(())
    /// ```
    #[doc(alias = "set_debug")]
    pub fn debug(self, is_on: bool) -> Self {
        self.with(|it| it.debug(is_on))
    }

    /// Is called on each thread of the runtime when it starts.
    pub fn on_thread_start(self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.with(|it| it.on_thread_start(hook))
    }

    /// Is called on each thread of the runtime before it ends.
    pub fn on_thread_stop(self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.with(|it| it.on_thread_stop(hook))
    }

    /// Is called before a thread sleeps for want of work. It may spawn and wake.
    pub fn on_thread_park(self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.with(|it| it.on_thread_park(hook))
    }

    /// Is called after a thread slept.
    pub fn on_thread_unpark(self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.with(|it| it.on_thread_unpark(hook))
    }

    /// Hears of errors that no handle tells: panics of detached tasks, panics in
    /// destructors and wakers, what a drop of the runtime could not end. Without it
    /// they go to stderr, or to `tracing` with the feature of that name.
    #[doc(alias = "set_exception_handler")]
    pub fn on_unhandled(self, hook: impl Fn(&Unhandled) + Send + Sync + 'static) -> Self {
        self.with(|it| it.on_unhandled(hook))
    }

    /// Starts with the clock paused: time stands still while any task can run, and
    /// jumps to the next deadline when all wait. See
    /// [`testing::clock`](crate::testing::clock).
    #[doc(alias = "start_paused")]
    pub fn paused_clock(mut self) -> Self {
        self.clock = ClockChoice::Paused;
        self
    }

    /// Is called when a thread of the runtime is to wake up, or is to get its next
    /// [turn](Runtime::turn), because there is something for it to run: by whoever wakes
    /// a task, on that thread. A `block_on` of a current-thread runtime calls it when it
    /// ends, for what it leaves behind. It may be called more often than that.
    ///
    /// It is to end the sleep of a loop which is not the runtime's, by an event of that
    /// loop, and should do no more: it delays a wake. Such a loop takes its first turn
    /// without being told.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::runtime::Builder;
    /// use std::{sync::mpsc, time::Duration};
    ///
    /// let (turn_is_due, events) = mpsc::channel();
    /// let runtime = Builder::new_current_thread()
    ///     .on_wake(move || turn_is_due.send(()).unwrap_or(()))
    ///     .build()?;
    /// assert_eq!(runtime.turn(Some(Duration::ZERO)).polls, 0);
    /// let handle = runtime.handle().clone();
    /// std::thread::spawn(move || handle.spawn(async {}));
    /// events.recv().unwrap();
    /// assert_eq!(runtime.turn(Some(Duration::ZERO)).polls, 1);
    /// # Ok::<(), bowerbird::runtime::BuildError>(())
    /// ```
    pub fn on_wake(self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.with(|it| it.on_wake(hook))
    }

    /// Sleeps in an event loop of one's own instead of the reactor: whatever implements
    /// [`Driver`]. See the example `poll_loop.rs`.
    ///
    /// It must have as many seats as [`seats`](Self::seats) says once the number of
    /// workers is set. The clock is the driver's, so
    /// [`paused_clock`](Self::paused_clock) says nothing here.
    ///
    /// Sockets and timers of this crate need a [`Reactor`]; under a driver without one
    /// they panic and say so. A driver that wants them to work has a reactor inside, with
    /// as many seats, and calls it in each of its own methods; one that is nothing but a
    /// reactor is good, too. Names are resolved by what
    /// [`Reactor::set_resolver`] was given, and literal addresses without.
    ///
    /// # Examples
    ///
    /// A driver that counts how often its threads sleep:
    ///
    /// ```
    /// use bowerbird::{
    ///     runtime::{Builder, Reactor},
    ///     sync::driver::{Driver, Seat},
    ///     time::sleep,
    /// };
    /// use std::{
    ///     sync::{Arc, atomic::{AtomicUsize, Ordering::Relaxed}},
    ///     time::{Duration, Instant},
    /// };
    ///
    /// struct Counting { reactor: Reactor, sleeps: Arc<AtomicUsize> }
    ///
    /// impl Driver for Counting {
    ///     fn park(&self, seat: Seat, until: Option<Instant>, max: usize) -> usize {
    ///         self.sleeps.fetch_add(1, Relaxed);
    ///         self.reactor.park(seat, until, max)
    ///     }
    ///     fn attach(&self, seat: Seat) { self.reactor.attach(seat) }
    ///     fn detach(&self, seat: Seat) { self.reactor.detach(seat) }
    ///     fn poll(&self, seat: Seat, max: usize) -> usize { self.reactor.poll(seat, max) }
    ///     fn unpark(&self, seat: Seat) { self.reactor.unpark(seat) }
    ///     fn next_deadline(&self, seat: Seat) -> Option<Instant> { self.reactor.next_deadline(seat) }
    ///     fn now(&self) -> Instant { self.reactor.now() }
    ///     fn advance_idle(&self) -> bool { self.reactor.advance_idle() }
    ///     fn close(&self) { self.reactor.close() }
    /// }
    ///
    /// let builder = Builder::new_current_thread();
    /// let reactor = Reactor::builder().seats(builder.seats()).build()?;
    /// let sleeps = Arc::new(AtomicUsize::new(0));
    /// let driver = Counting { reactor, sleeps: sleeps.clone() };
    /// builder.driver(driver).run(sleep(Duration::from_millis(1)))?;
    /// assert!(sleeps.load(Relaxed) >= 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "set_event_loop_policy")]
    #[doc(alias = "loop_factory")]
    pub fn driver(mut self, driver: impl Driver) -> Self {
        self.driver = Some(Arc::new(driver));
        self
    }

    /// How many seats a driver must have: one for each worker, and some for guests.
    #[must_use]
    pub fn seats(&self) -> usize {
        self.executor.seats()
    }

    /// Builds a runtime.
    ///
    /// # Errors
    ///
    /// [`BuildError`]: an impossible number of workers, no thread, or no file
    /// descriptor to be had.
    pub fn build(self) -> Result<Runtime, Error> {
        let (executor, driver, reactor) = self.parts()?;
        let executor = executor.build(driver)?;
        connect(reactor, executor.handle());
        Ok(Runtime { executor })
    }

    /// Builds a current-thread runtime whose local tasks outlive `block_on`.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    ///
    /// # Panics
    ///
    /// If the builder is one for a multi-thread runtime.
    pub fn build_local(self) -> Result<LocalRuntime, Error> {
        let (executor, driver, reactor) = self.parts()?;
        let executor = executor.build_local(driver)?;
        connect(reactor, executor.handle());
        Ok(LocalRuntime { executor })
    }

    /// Runs a program: the calling thread becomes worker 0 and runs `main`, which
    /// need not be `Send`; the runtime ends with it. On a current-thread runtime it
    /// is the only worker.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    ///
    /// # Panics
    ///
    /// If `main` panics. Inside a task, which has a runtime already.
    #[track_caller]
    pub fn run<F: Future>(self, main: F) -> Result<F::Output, Error> {
        let (executor, driver, reactor) = self.parts()?;
        executor.run_with(driver, |handle| connect(reactor, handle), main)
    }

    fn parts(self) -> Result<Parts, Error> {
        let executor = crate::report::default_hook(self.executor);
        if let Some(driver) = self.driver {
            return Ok((executor, driver, None));
        }
        // A wrong number of workers is refused before descriptors are opened.
        executor.check()?;
        let config = Reactor::builder().seats(executor.seats()).guests(executor.guests());
        let config = match self.clock {
            ClockChoice::Real => config,
            ClockChoice::Paused => config.paused(),
        };
        let reactor = config.build().map_err(Error::Driver)?;
        Ok((executor, Arc::new(reactor.clone()), Some(reactor)))
    }
}

/// What a runtime is built of; no reactor if the driver is the user's.
type Parts = (executor::Builder, Arc<dyn Driver>, Option<Reactor>);

/// Lets the reactor resolve names on the executor's blocking pool, and tell a loop that
/// takes turns of timers.
fn connect(reactor: Option<Reactor>, handle: &Handle) {
    if let Some(reactor) = reactor {
        let handle = handle.downgrade();
        let theirs = handle.clone();
        reactor.set_alarm(move || {
            if let Some(handle) = theirs.upgrade() {
                handle.turn_is_due();
            }
        });
        reactor.set_resolver(move |host, port| crate::resolve::resolve(handle.clone(), host, port));
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("executor", &self.executor)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}
