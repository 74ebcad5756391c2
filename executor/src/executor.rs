//! The executor as its owner sees it, and the handle to it.

use crate::{
    config::Flavor,
    context::{self, Context, EnteredShared},
    locals,
    make::Options,
    metrics::Metrics,
    scheduler::Scheduler,
    shutdown::{Shutdown, ShutdownReport},
    spawn,
    task::{error::JoinError, info::TaskInfo, join::JoinHandle},
    thread::{Member, Presence, Wish},
    threads,
    unhandled::Unhandled,
    watcher,
};
use std::{
    fmt,
    future::Future,
    io,
    panic::resume_unwind,
    rc::Rc,
    sync::{Arc, Weak},
};
use sync::{
    driver::{Driver, Seat},
    shim,
};

/// Owns the threads and tasks of a runtime. Dropping it ends them.
///
/// The drop waits for each worker to finish the poll it is in, five seconds at
/// most, and 50 ms for blocking closures; what did not end by then is reported
/// through [`Builder::on_unhandled`](crate::Builder::on_unhandled). It never waits
/// for a closure that blocks on and on. Dropped on one of its own workers it only
/// starts the shutdown.
///
/// # Examples
///
/// ```
/// use bowerbird_executor::{Builder, ThreadDriver};
///
/// let executor = Builder::new_multi_thread().worker_threads(2).build_with(ThreadDriver::new)?;
/// assert_eq!(executor.block_on(async { 7 }), 7);
/// # Ok::<(), bowerbird_executor::BuildError>(())
/// ```
#[derive(Debug)]
pub struct Executor {
    handle: Handle,
    is_down: bool,
}

impl Executor {
    /// An executor whose workers run, all or all but the first.
    pub(crate) fn start(scheduler: Arc<Scheduler>, first: usize) -> io::Result<Self> {
        let this = Self { handle: Handle { scheduler }, is_down: false };
        let scheduler = &this.handle.scheduler;
        if scheduler.config.flavor == Flavor::MultiThread {
            for index in first..scheduler.config.workers {
                threads::start_worker(scheduler, index)?;
            }
            if scheduler.config.has_watcher {
                watcher::start(scheduler);
            }
        }
        Ok(this)
    }

    /// A handle to it, for any thread.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs a future on this thread until it is done; see [`Handle::block_on`].
    ///
    /// # Panics
    ///
    /// As [`Handle::block_on`].
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.handle.block_on(future)
    }

    /// Runs `main` with this thread as worker 0, then ends the executor.
    #[track_caller]
    pub(crate) fn run<F: Future>(self, main: F) -> F::Output {
        let options = Options::here();
        let scheduler = &self.handle.scheduler;
        let presence = Presence::enter(scheduler, Wish::Own(0));
        output_of(run_main(&presence, scheduler, main, options))
    }

    /// Ends the executor: cancels all tasks, waits as long as told, and reports.
    pub fn shutdown(mut self, shutdown: Shutdown) -> ShutdownReport {
        self.is_down = true;
        self.handle.shut_down(shutdown)
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        if self.is_down {
            return;
        }
        let report = self.handle.shut_down(Shutdown::default());
        if !report.is_clean() {
            self.handle.scheduler.config.hooks.report(Unhandled::Shutdown(report));
        }
    }
}

/// An executor whose local tasks stay alive between calls of
/// [`block_on`](Self::block_on). It stays on the thread that made it.
///
/// # Examples
///
/// ```
/// use bowerbird_executor::{Builder, ThreadDriver};
///
/// let executor = Builder::new_current_thread().build_local_with(ThreadDriver::new)?;
/// let task = executor.spawn_local(async { 7 });
/// executor.block_on(async {});
/// assert_eq!(executor.block_on(task).unwrap(), 7);
/// # Ok::<(), bowerbird_executor::BuildError>(())
/// ```
#[derive(Debug)]
pub struct LocalExecutor {
    /// Declared first: dropped before the executor.
    home: LocalHome,
    executor: Executor,
}

/// The thread's membership; its local tasks are dropped with it.
#[derive(Debug)]
struct LocalHome {
    member: Member,
    scheduler: Arc<Scheduler>,
}

impl Drop for LocalHome {
    fn drop(&mut self) {
        let (scheduler, member) = (&self.scheduler, self.member.clone());
        drop(Presence::enter_as(scheduler, member, Wish::None));
    }
}

impl LocalExecutor {
    pub(crate) fn new(executor: Executor) -> Self {
        let scheduler = executor.handle.scheduler.clone();
        let member = Member::of_worker(&scheduler, 0);
        Self { home: LocalHome { member, scheduler }, executor }
    }

    /// A handle to it, for any thread.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.executor.handle
    }

    /// Starts a task on this thread. It makes progress during
    /// [`block_on`](Self::block_on).
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.home.scheduler.spawn_local(&self.home.member.inbox, future, Options::here())
    }

    /// Runs a future on this thread until it is done, beside the local tasks.
    ///
    /// # Panics
    ///
    /// As [`Handle::block_on`].
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let options = Options::here();
        let scheduler = &self.home.scheduler;
        refuse_nested(scheduler, "block_on");
        spawn::block_in_place(|| {
            // Dropped after the presence, also when the future panics.
            let _turns = scheduler.turns_go_on_after();
            let presence = Presence::enter_as(scheduler, self.home.member.clone(), Wish::Turn(0));
            let result = run_main(&presence, scheduler, future, options);
            presence.keep_pinned();
            drop(presence);
            output_of(result)
        })
    }

    /// What makes this thread the one whose local tasks are kept.
    pub(crate) fn member(&self) -> Member {
        self.home.member.clone()
    }

    /// Ends the executor; see [`Executor::shutdown`].
    pub fn shutdown(self, shutdown: Shutdown) -> ShutdownReport {
        let Self { home, executor } = self;
        drop(home);
        executor.shutdown(shutdown)
    }
}

/// Runs the main future of a thread that has come, to its end.
fn run_main<F: Future>(
    presence: &Presence,
    scheduler: &Scheduler,
    main: F,
    options: Options,
) -> Result<F::Output, JoinError> {
    // SAFETY: 1: as below: the main task is over, or dropped with the presence, on this
    // thread, before our caller returns to whoever entered the scopes.
    let main = unsafe { locals::carry(main) };
    let options = Options { locals: None, ..options };
    // What is done here beside `main` has nothing to do with its caller.
    let _outside = locals::outside();
    // SAFETY: 1: the presence is borrowed by our caller, which drops it before
    // anything that `main` borrows can end, and drops its pinned tasks with it,
    // unless the main task is over.
    let pinned = unsafe { scheduler.pin(presence.inbox(), main, options) };
    let Ok((task, handle)) = pinned else {
        panic!("block_on was called on a runtime that has shut down: it runs no more futures");
    };
    presence.queue(task);
    presence.drives(handle.id());
    presence.drive(|| handle.is_finished());
    handle.take_finished()
}

/// The main future's output, or its panic.
fn output_of<T>(result: Result<T, JoinError>) -> T {
    result.unwrap_or_else(|error| resume_unwind(error.into_panic()))
}

/// Whether this thread takes part in that runtime, however deep inside.
fn takes_part(scheduler: &Scheduler) -> bool {
    context::any(|cx| cx.is_of(scheduler.address()) && cx.inbox.is_some())
}

/// A thread of a current-thread runtime would wait for itself: in a task, in the
/// destructor of one, in a hook. Nor can a local executor's thread come twice.
pub(crate) fn refuse_nested(scheduler: &Scheduler, what: &str) {
    let is_inside = takes_part(scheduler);
    assert!(
        !(is_inside && scheduler.config.flavor == Flavor::CurrentThread),
        "{what} was called inside a task of the same current-thread runtime, which would wait \
         for itself: use `.await`, or a multi-thread runtime"
    );
}

/// Reaches a runtime from any thread. Cheap to clone.
///
/// It does not keep the runtime running: after that has shut down, tasks spawned
/// through the handle are refused (their handles give a cancelled `JoinError`).
///
/// # Examples
///
/// ```
/// use bowerbird_executor::{Builder, ThreadDriver};
///
/// let executor = Builder::new_multi_thread().worker_threads(1).build_with(ThreadDriver::new)?;
/// let handle = executor.handle().clone();
/// let thread = std::thread::spawn(move || handle.spawn(async { 7 }).join_blocking(None));
/// assert_eq!(thread.join().unwrap().unwrap().unwrap(), 7);
/// # Ok::<(), bowerbird_executor::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Handle {
    scheduler: Arc<Scheduler>,
}

impl Handle {
    /// The runtime of the calling thread.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[must_use]
    #[doc(alias = "get_running_loop")]
    pub fn current() -> Self {
        Self::try_current().unwrap_or_else(|| {
            panic!(
                "Handle::current was called outside a runtime: call it inside `run`, `block_on` \
                 or a task, or under `Handle::enter()`"
            )
        })
    }

    /// The runtime of the calling thread, if it is in one.
    #[must_use]
    pub fn try_current() -> Option<Self> {
        spawn::try_current().map(|(scheduler, _)| Self { scheduler })
    }

    /// Makes this runtime the calling thread's until the guard is dropped, for
    /// code that spawns, or uses the driver's types, on a thread of its own.
    #[must_use = "the runtime is entered until the guard is dropped"]
    pub fn enter(&self) -> EnterGuard {
        let is_inside = context::with(|cx| {
            cx.is_some_and(|cx| cx.is_of(self.scheduler.address()) && cx.inbox.is_some())
        });
        if is_inside {
            // A task of this runtime: it loses neither its desk nor its local tasks.
            return EnterGuard { entered: None };
        }
        let context = Rc::new(Context::new(self.scheduler.clone(), None));
        let entered = context::enter_shared(context);
        self.scheduler.driver.attach(Seat::SHARED);
        EnterGuard { entered: Some((entered, self.scheduler.driver.clone())) }
    }

    /// Gives `what` to who hears of unhandled errors: for combinators, which are the
    /// last to know of some.
    #[doc(hidden)]
    pub fn report_unhandled(&self, what: Unhandled) {
        shim::assert_unlocked("reporting what nobody handles");
        self.scheduler.config.hooks.report(what);
    }

    /// Starts a task on this runtime. As [`spawn`](fn@crate::spawn).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.scheduler.spawn(future, Options::here())
    }

    /// Runs a closure on this runtime's blocking pool. As
    /// [`spawn_blocking`](crate::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<C, T>(&self, closure: C) -> JoinHandle<T>
    where
        C: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.scheduler.spawn_blocking(closure, Options::here())
    }

    /// Starts a task that need not be `Send` on the thread of worker number `worker`,
    /// counted from zero: `make` is called there and makes its future, which is polled
    /// and dropped by that thread only, as those of [`spawn_local`](crate::spawn_local)
    /// are.
    ///
    /// For what belongs to one thread: a connection that is not `Send`, a shard per core.
    /// While that thread blocks, also in [`block_in_place`](crate::block_in_place), the
    /// task waits: other threads take over the worker's other tasks, not this one.
    ///
    /// A current-thread runtime has one worker: whoever is in `block_on`, and the first
    /// to come if several threads are. If nobody is, the task waits for the next one, and
    /// ends with that call at the latest. That of a
    /// [`LocalExecutor`] is its thread, whose tasks stay.
    ///
    /// # Errors
    ///
    /// The handle gives a cancelled `JoinError` if the thread left the runtime first,
    /// and that of a panic if `make` panics.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_executor::{Builder, ThreadDriver, yield_now};
    /// use std::{cell::Cell, rc::Rc};
    ///
    /// let executor = Builder::new_multi_thread().worker_threads(2).build_with(ThreadDriver::new)?;
    /// let handle = executor.handle();
    /// let shards: Vec<_> = (0..handle.workers())
    ///     .map(|worker| {
    ///         handle.spawn_pinned(worker, move || async move {
    ///             let count = Rc::new(Cell::new(worker));
    ///             yield_now().await;
    ///             count.replace(7)
    ///         })
    ///     })
    ///     .collect();
    /// for (worker, shard) in shards.into_iter().enumerate() {
    ///     assert_eq!(executor.block_on(shard).unwrap(), worker);
    /// }
    /// # Ok::<(), bowerbird_executor::BuildError>(())
    /// ```
    #[doc(alias = "LocalPoolHandle")]
    #[doc(alias = "spawn_local_on")]
    #[doc(alias = "spawn_on_worker")]
    #[track_caller]
    pub fn spawn_pinned<C, F>(&self, worker: usize, make: C) -> JoinHandle<F::Output>
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        self.scheduler.spawn_pinned(worker, make, Options::here())
    }

    /// Runs a future on this thread until it is done. It may borrow, and need not
    /// be `Send`.
    ///
    /// On a multi-thread runtime this thread is a guest: it polls `future` and the
    /// local tasks that are spawned here, and nothing else; what is spawned goes to
    /// the workers. On a current-thread runtime this thread runs all its tasks,
    /// unless another thread already does, whose place it then takes in turn.
    /// Local tasks are cancelled and dropped before the call returns.
    ///
    /// Inside a task of a multi-thread runtime another thread takes over this
    /// worker's other work meanwhile, as in
    /// [`block_in_place`](crate::block_in_place). Waiting there for a local task of
    /// this same thread waits for ever, and is
    /// [told of](crate::Unhandled::HeldUp): such a task is not polled in the middle of
    /// another one's poll.
    ///
    /// # Panics
    ///
    /// If `future` panics; if the runtime has shut down; inside a task of the same
    /// current-thread runtime.
    #[doc(alias = "run_until_complete")]
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let options = Options::here();
        let scheduler = &self.scheduler;
        refuse_nested(scheduler, "block_on");
        spawn::block_in_place(|| {
            let wish = match scheduler.config.flavor {
                Flavor::CurrentThread => Wish::Turn(0),
                Flavor::MultiThread => Wish::None,
            };
            // Dropped after the presence, also when the future panics.
            let _turns = scheduler.turns_go_on_after();
            let presence = Presence::enter(scheduler, wish);
            output_of(run_main(&presence, scheduler, future, options))
        })
    }

    /// Tells whose loop takes turns that one is due, by
    /// [`on_wake`](crate::Builder::on_wake): for drivers that learn of something while
    /// nobody sleeps in them.
    #[doc(hidden)]
    pub fn turn_is_due(&self) {
        self.scheduler.tell_that_a_turn_is_due();
    }

    /// A handle that does not keep the runtime's memory.
    #[must_use]
    pub fn downgrade(&self) -> WeakHandle {
        WeakHandle { scheduler: Arc::downgrade(&self.scheduler) }
    }

    /// What the runtime has counted.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.scheduler.metrics()
    }

    /// Every task that lives at this moment, in the order of their ids.
    #[must_use]
    #[doc(alias = "all_tasks")]
    pub fn tasks(&self) -> Vec<TaskInfo> {
        self.scheduler.tasks()
    }

    /// How many workers the runtime has.
    #[must_use]
    #[doc(alias = "num_workers")]
    #[doc(alias = "worker_count")]
    pub fn workers(&self) -> usize {
        self.scheduler.config.workers
    }

    /// What kind of runtime this is.
    #[must_use]
    pub fn flavor(&self) -> Flavor {
        self.scheduler.config.flavor
    }

    /// Whether it is in [debug mode](crate::Builder::debug).
    #[must_use]
    #[doc(alias = "get_debug")]
    pub fn is_debug(&self) -> bool {
        self.scheduler.watch.is_some()
    }

    /// What the names of the runtime's threads begin with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.scheduler.config.thread_name
    }

    /// A number that no other runtime of this process has while this one lives.
    #[must_use]
    pub fn id(&self) -> usize {
        self.scheduler.address().addr()
    }

    pub(crate) fn scheduler(&self) -> &Arc<Scheduler> {
        &self.scheduler
    }

    fn shut_down(&self, shutdown: Shutdown) -> ShutdownReport {
        let scheduler = &self.scheduler;
        let is_own = takes_part(scheduler);
        {
            // Destructors may ask for their runtime.
            let _entered = self.enter();
            scheduler.begin_end();
        }
        if is_own {
            // This worker is part of what would have to be waited for.
            return ShutdownReport::default();
        }
        let (cancelled, stuck_workers) = scheduler.closing.wait(shutdown.workers);
        let abandoned_blocking = scheduler.wait_blocking(shutdown.blocking);
        let unfinished = match stuck_workers + abandoned_blocking {
            0 => vec![],
            _ => scheduler.tasks(),
        };
        ShutdownReport { cancelled, stuck_workers, abandoned_blocking, unfinished }
    }
}

/// Reaches a runtime while that exists: for what the runtime itself holds.
#[derive(Clone, Debug)]
pub struct WeakHandle {
    scheduler: Weak<Scheduler>,
}

impl WeakHandle {
    /// The handle, if the runtime's memory is still there.
    #[must_use]
    pub fn upgrade(&self) -> Option<Handle> {
        self.scheduler.upgrade().map(|scheduler| Handle { scheduler })
    }
}

/// A thread that [entered](Handle::enter) a runtime.
pub struct EnterGuard {
    /// `None`: the thread was in it already.
    entered: Option<(EnteredShared, Arc<dyn Driver>)>,
}

impl Drop for EnterGuard {
    fn drop(&mut self) {
        if let Some((_, driver)) = &self.entered {
            driver.detach(Seat::SHARED);
        }
    }
}

impl fmt::Debug for EnterGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnterGuard").finish_non_exhaustive()
    }
}

/// `run` inside a task would wait for a runtime on a thread of another one.
pub(crate) fn refuse_inside_a_task() {
    let is_inside = context::any(|cx| cx.is_polling.get());
    assert!(
        !is_inside,
        "run was called inside a task: the program has a runtime already; await the future, or \
         use `spawn_blocking` to call code that needs a runtime of its own"
    );
}
