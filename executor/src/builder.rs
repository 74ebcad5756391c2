//! How an executor is set up.

use crate::{
    config::{Config, Flavor, GUESTS_MAX, STACK_MIN, WORKERS_MAX},
    executor::{Executor, Handle, LocalExecutor},
    scheduler::Scheduler,
    stall::Stall,
    unhandled::Unhandled,
};
use std::{error::Error, fmt, future::Future, io, sync::Arc, time::Duration};
use sync::driver::Driver;

/// Sets an executor up.
///
/// # Examples
///
/// ```
/// use bowerbird_executor::{Builder, ThreadDriver};
///
/// let executor = Builder::new_multi_thread()
///     .worker_threads(2)
///     .thread_name("example")
///     .build_with(ThreadDriver::new)?;
/// assert_eq!(executor.handle().workers(), 2);
/// # Ok::<(), bowerbird_executor::BuildError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it builds"]
pub struct Builder {
    config: Config,
}

impl Builder {
    /// Workers on threads of their own, one per core.
    pub fn new_multi_thread() -> Self {
        Self { config: Config::new(Flavor::MultiThread) }
    }

    /// One worker: the thread that calls `block_on`.
    pub fn new_current_thread() -> Self {
        Self { config: Config::new(Flavor::CurrentThread) }
    }

    /// How many workers. By default as many as the process has cores. A
    /// current-thread executor has one, whatever is said here.
    pub fn worker_threads(mut self, workers: usize) -> Self {
        if self.config.flavor == Flavor::MultiThread {
            self.config.workers = workers;
        }
        self
    }

    /// What the names of threads begin with.
    pub fn thread_name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.config.thread_name = name.into();
        self
    }

    /// The stack size of threads, in bytes; 64 KiB at least. By default what std uses.
    pub fn thread_stack_size(mut self, bytes: usize) -> Self {
        self.config.thread_stack_size = Some(bytes);
        self
    }

    /// How many threads the blocking pool may have. By default 512.
    pub fn max_blocking_threads(mut self, threads: usize) -> Self {
        self.config.blocking_threads_max = threads;
        self
    }

    /// How long a thread of the blocking pool waits for a job before it ends. By
    /// default ten seconds.
    pub fn thread_keep_alive(mut self, patience: Duration) -> Self {
        self.config.thread_keep_alive = patience;
        self
    }

    /// How many workers may be added, one after the other, while every worker is stuck
    /// in a poll that blocks or computes for long, so that sockets, timers and other
    /// tasks go on. They leave when they are not needed any more. By default as many as
    /// there are workers, at most 8. Set it before [`seats`](Self::seats) is asked for.
    pub fn spare_workers(mut self, workers: usize) -> Self {
        self.config.spares = Some(workers);
        self
    }

    /// How many operations a poll may do before it must yield. By default 128.
    pub fn budget(mut self, operations: u32) -> Self {
        self.config.budget = operations;
        self
    }

    /// Where the workers' random numbers start from.
    pub fn seed(mut self, seed: u64) -> Self {
        self.config.seed = seed;
        self
    }

    /// Debug mode: finds mistakes at the price of slower waits. By default the
    /// environment variable `BOWERBIRD_DEBUG` decides: `1` turns it on.
    ///
    /// A task that waits for a lock or a semaphore while an earlier wait of its own,
    /// in a future that it keeps and does not poll, has been granted is reported
    /// through [`on_unhandled`](Self::on_unhandled) as
    /// [`Unhandled::Futurelock`].
    pub fn debug(mut self, is_on: bool) -> Self {
        self.config.debug = Some(is_on);
        self
    }

    /// Is called on each thread of the runtime when it starts.
    pub fn on_thread_start(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.config.hooks.thread_start = Some(Arc::new(hook));
        self
    }

    /// Is called on each thread of the runtime before it ends.
    pub fn on_thread_stop(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.config.hooks.thread_stop = Some(Arc::new(hook));
        self
    }

    /// Is called before a thread sleeps for want of work. It may spawn and wake.
    pub fn on_thread_park(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.config.hooks.thread_park = Some(Arc::new(hook));
        self
    }

    /// Is called after a thread slept.
    pub fn on_thread_unpark(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.config.hooks.thread_unpark = Some(Arc::new(hook));
        self
    }

    /// Is called when a thread of the runtime is to wake up, or is to get its next
    /// [`turn`](crate::Executor::turn), because there is something for it to run: by
    /// whoever wakes a task, on that thread. A `block_on` of a current-thread runtime
    /// calls it when it ends, for what it leaves behind. It may be called more often
    /// than that.
    ///
    /// It is to end the sleep of a loop which is not the runtime's, by an event of that
    /// loop, and should do no more: it delays a wake. Such a loop takes its first turn
    /// without being told.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_executor::{Builder, ThreadDriver};
    /// use std::{sync::mpsc, thread, time::Duration};
    ///
    /// enum Event { TurnIsDue }
    /// let (events, queue) = mpsc::channel();
    /// let executor = Builder::new_current_thread()
    ///     .on_wake(move || events.send(Event::TurnIsDue).unwrap_or(()))
    ///     .build_with(ThreadDriver::new)?;
    /// assert!(!executor.turn(Some(Duration::ZERO)).has_more);
    /// let handle = executor.handle().clone();
    /// let task = thread::spawn(move || handle.spawn(async { 7 })).join().unwrap();
    /// let Event::TurnIsDue = queue.recv().unwrap();
    /// assert_eq!(executor.turn(Some(Duration::ZERO)).polls, 1);
    /// assert!(task.is_finished());
    /// # Ok::<(), bowerbird_executor::BuildError>(())
    /// ```
    pub fn on_wake(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.config.hooks.wake = Some(Arc::new(hook));
        self
    }

    /// Hears of errors that no handle tells. Without it they go to stderr.
    #[doc(alias = "set_exception_handler")]
    pub fn on_unhandled(mut self, hook: impl Fn(&Unhandled) + Send + Sync + 'static) -> Self {
        self.config.hooks.unhandled = Some(Arc::new(hook));
        self
    }

    /// Hears of tasks of a multi-thread runtime that keep their worker in one poll for
    /// longer than [`stall_threshold`](Self::stall_threshold) says: on a thread that
    /// looks after all workers, so it should be quick. Without it they are told of in
    /// debug mode only, as [`Unhandled::Stalled`].
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_executor::{Builder, ThreadDriver};
    /// use std::{sync::mpsc, time::Duration};
    ///
    /// let (tell, told) = mpsc::channel();
    /// let executor = Builder::new_multi_thread()
    ///     .worker_threads(1)
    ///     .stall_threshold(Duration::from_millis(5))
    ///     .on_stall(move |stall| tell.send(stall.task.id).unwrap_or(()))
    ///     .build_with(ThreadDriver::new)?;
    /// let (end, ended) = mpsc::channel::<()>();
    /// let task = executor.handle().spawn(async move { ended.recv().unwrap() });
    /// assert_eq!(Some(told.recv().unwrap()), task.id());
    /// end.send(()).unwrap();
    /// # Ok::<(), bowerbird_executor::BuildError>(())
    /// ```
    #[doc(alias = "slow_callback_duration")]
    pub fn on_stall(mut self, hook: impl Fn(&Stall) + Send + Sync + 'static) -> Self {
        self.config.hooks.stall = Some(Arc::new(hook));
        self
    }

    /// After how long in one poll a task is a [`Stall`]. By default 100 ms. It is told
    /// of a few milliseconds later.
    pub fn stall_threshold(mut self, threshold: Duration) -> Self {
        self.config.stall_threshold = threshold;
        self
    }

    /// Builds an executor that sleeps in what `driver` makes for a number of seats.
    ///
    /// # Errors
    ///
    /// [`BuildError`]: zero workers or blocking threads, a budget of zero, more
    /// workers than anybody has cores, or no thread to be had.
    pub fn build_with<D: Driver>(
        self,
        driver: impl FnOnce(usize) -> D,
    ) -> Result<Executor, BuildError> {
        let driver = Arc::new(driver(self.seats()));
        self.build(driver)
    }

    /// Builds an executor that sleeps in `driver`, which must have
    /// [`seats`](Self::seats) seats.
    ///
    /// # Errors
    ///
    /// As [`build_with`](Self::build_with).
    pub fn build(self, driver: Arc<dyn Driver>) -> Result<Executor, BuildError> {
        self.start(driver, 0)
    }

    /// Builds a current-thread executor whose local tasks outlive `block_on`.
    ///
    /// # Errors
    ///
    /// As [`build_with`](Self::build_with).
    ///
    /// # Panics
    ///
    /// If the builder is one for a multi-thread executor.
    pub fn build_local(self, driver: Arc<dyn Driver>) -> Result<LocalExecutor, BuildError> {
        assert!(
            self.config.flavor == Flavor::CurrentThread,
            "a local executor runs on one thread: use Builder::new_current_thread()"
        );
        self.start(driver, 0).map(LocalExecutor::new)
    }

    /// As [`build_local`](Self::build_local), with a driver that `driver` makes.
    ///
    /// # Errors
    ///
    /// As [`build_with`](Self::build_with).
    pub fn build_local_with<D: Driver>(
        self,
        driver: impl FnOnce(usize) -> D,
    ) -> Result<LocalExecutor, BuildError> {
        let driver = Arc::new(driver(self.seats()));
        self.build_local(driver)
    }

    /// Runs a program: the calling thread becomes worker 0 and runs `main`, which
    /// need not be `Send`; the executor ends with it. `before` is given the handle
    /// before `main` starts.
    ///
    /// # Errors
    ///
    /// As [`build_with`](Self::build_with).
    ///
    /// # Panics
    ///
    /// If `main` panics, or inside another runtime's task.
    #[track_caller]
    pub fn run_with<F: Future>(
        self,
        driver: Arc<dyn Driver>,
        before: impl FnOnce(&Handle),
        main: F,
    ) -> Result<F::Output, BuildError> {
        crate::executor::refuse_inside_a_task();
        let executor = self.start(driver, 1)?;
        before(executor.handle());
        Ok(executor.run(main))
    }

    /// Whether [`on_stall`](Self::on_stall) was called.
    #[must_use]
    pub fn has_stall_hook(&self) -> bool {
        self.config.hooks.stall.is_some()
    }

    /// Whether [`on_unhandled`](Self::on_unhandled) was called.
    #[must_use]
    pub fn has_unhandled_hook(&self) -> bool {
        self.config.hooks.unhandled.is_some()
    }

    /// A scenario about the watcher says so.
    #[cfg(shuttle)]
    pub(crate) fn watched(mut self) -> Self {
        self.config.has_watcher = true;
        self
    }

    /// A test that counts what workers do by themselves says so.
    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(crate) fn unwatched(mut self) -> Self {
        self.config.has_watcher = false;
        self
    }

    fn start(self, driver: Arc<dyn Driver>, first: usize) -> Result<Executor, BuildError> {
        self.check()?;
        Executor::start(Scheduler::new(self.config, driver), first).map_err(BuildError::NoThread)
    }

    /// How many of the [`seats`](Self::seats), the last ones, are for guests.
    #[must_use]
    pub fn guests(&self) -> usize {
        GUESTS_MAX
    }

    /// How many seats the driver must have: one for each worker, and some for those
    /// that may be added and for guests.
    #[must_use]
    pub fn seats(&self) -> usize {
        self.config.seats()
    }

    /// Whether what was asked for is possible, as far as that can be told before
    /// threads are started.
    ///
    /// # Errors
    ///
    /// As [`build_with`](Self::build_with), except for threads.
    pub fn check(&self) -> Result<(), BuildError> {
        let config = &self.config;
        match () {
            () if config.workers == 0 || config.workers > WORKERS_MAX => {
                Err(BuildError::Workers(config.workers))
            }
            () if config.blocking_threads_max == 0 => Err(BuildError::BlockingThreads),
            () if config.budget == 0 => Err(BuildError::Budget),
            () if config.thread_stack_size.is_some_and(|bytes| bytes < STACK_MIN) => {
                Err(BuildError::StackSize(config.thread_stack_size.unwrap_or_default()))
            }
            () if config.thread_name.contains('\0') => {
                Err(BuildError::ThreadName(config.thread_name.clone()))
            }
            () => Ok(()),
        }
    }
}

/// Why an executor could not be built.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// So many workers are not possible.
    Workers(usize),
    /// No thread for blocking closures.
    BlockingThreads,
    /// No operation per poll.
    Budget,
    /// A stack of so many bytes is too small.
    StackSize(usize),
    /// No thread can have a name with a zero byte in it.
    ThreadName(Arc<str>),
    /// The system gave no thread.
    NoThread(io::Error),
    /// The system gave no driver: no file descriptor, most likely.
    Driver(io::Error),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workers(0) => f.write_str(
                "worker_threads(0): a multi-thread runtime needs at least one worker; for none \
                 beside the caller use Builder::new_current_thread()",
            ),
            Self::Workers(n) => {
                write!(f, "worker_threads({n}): at most {WORKERS_MAX} are possible")
            }
            Self::BlockingThreads => {
                f.write_str("max_blocking_threads(0): spawn_blocking needs at least one thread")
            }
            Self::Budget => f.write_str("budget(0): a poll must be able to do one operation"),
            Self::ThreadName(name) => {
                write!(f, "thread_name({name:?}): no thread can have a zero byte in its name")
            }
            Self::StackSize(bytes) => {
                write!(f, "thread_stack_size({bytes}): a thread needs {STACK_MIN} bytes at least")
            }
            Self::NoThread(error) => write!(
                f,
                "a worker thread could not be started ({error}): ask for fewer workers, or raise \
                 the limit of threads"
            ),
            Self::Driver(error) => write!(
                f,
                "the reactor could not be opened ({error}): close files, or raise the limit of \
                 open ones"
            ),
        }
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoThread(error) | Self::Driver(error) => Some(error),
            _ => None,
        }
    }
}

impl From<BuildError> for io::Error {
    fn from(error: BuildError) -> Self {
        let kind = match &error {
            BuildError::NoThread(error) | BuildError::Driver(error) => error.kind(),
            _ => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}
