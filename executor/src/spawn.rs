//! The free functions: for code that runs inside a runtime.

use crate::{
    context::{self, Context},
    inbox::Inbox,
    locals,
    make::Options,
    scheduler::Scheduler,
    task::{
        holders::{self, Reference},
        info::TaskInfo,
        join::{AbortHandle, JoinHandle},
    },
    threads,
};
use std::{
    future::Future,
    panic::Location,
    pin::Pin,
    sync::Arc,
    task::{Context as Cx, Poll},
};
use sync::wait_site::{self, Kind};

/// The scheduler and the inbox of this thread.
fn current(what: &str) -> (Arc<Scheduler>, Option<Arc<Inbox>>) {
    try_current().unwrap_or_else(|| {
        panic!(
            "{what} was called outside a runtime: call it inside `run`, `block_on` or a task, or \
             under `Handle::enter()`"
        )
    })
}

pub(crate) fn try_current() -> Option<(Arc<Scheduler>, Option<Arc<Inbox>>)> {
    context::with(|cx| {
        let cx = cx?;
        Some((scheduler_of(cx)?.arc(), cx.inbox.clone()))
    })
}

fn scheduler_of(cx: &Context) -> Option<&Scheduler> {
    cx.scheduler.downcast_ref()
}

/// Starts a task that runs beside its maker, on any worker.
///
/// The task runs whether or not the handle is awaited, or kept.
///
/// # Panics
///
/// Outside a runtime.
///
/// # Examples
///
/// ```
/// use bowerbird_executor::{Builder, ThreadDriver, spawn};
///
/// let executor = Builder::new_multi_thread().worker_threads(2).build_with(ThreadDriver::new)?;
/// let sum = executor.block_on(async {
///     let (a, b) = (spawn(async { 1 }), spawn(async { 2 }));
///     a.await.unwrap() + b.await.unwrap()
/// });
/// assert_eq!(sum, 3);
/// # Ok::<(), bowerbird_executor::BuildError>(())
/// ```
#[doc(alias = "create_task")]
#[doc(alias = "ensure_future")]
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    spawn_with(Options::here(), future)
}

#[inline]
fn spawn_with<F>(options: Options, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    // The scheduler is borrowed from the context: no count is touched.
    context::with(|cx| {
        if let Some(desk) = cx.and_then(Context::desk) {
            return Scheduler::at(desk).spawn_at(desk, future, options);
        }
        match cx.and_then(scheduler_of) {
            Some(scheduler) => scheduler.spawn(future, options),
            None => {
                drop((options, future));
                drop(current("spawn"));
                unreachable!("a thread inside a runtime can spawn");
            }
        }
    })
}

/// Starts a task on this thread, which need not be `Send`.
///
/// It is polled by this thread only, beside what else that does. A poll that
/// blocks the thread holds all its local tasks up, and nobody can help out, from the
/// first moment on: what is rescued from a thread that blocks is what others may run.
///
/// # Panics
///
/// Outside a runtime, and on threads that run no tasks of their own: those of the
/// blocking pool, and plain ones under `Handle::enter()`.
///
/// # Examples
///
/// ```
/// use bowerbird_executor::{Builder, ThreadDriver, spawn_local};
/// use std::rc::Rc;
///
/// let executor = Builder::new_multi_thread().worker_threads(2).build_with(ThreadDriver::new)?;
/// let shared = Rc::new(7);
/// let theirs = shared.clone();
/// let seven = executor.block_on(async { spawn_local(async move { *theirs }).await.unwrap() });
/// assert_eq!(seven, *shared);
/// # Ok::<(), bowerbird_executor::BuildError>(())
/// ```
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn_local_with(Options::here(), future)
}

fn spawn_local_with<F>(options: Options, future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let (scheduler, inbox) = current("spawn_local");
    match inbox {
        Some(inbox) => scheduler.spawn_local(&inbox, future, options),
        // Destructors that run at the end do so on any thread, and must not behave
        // differently on each.
        None if scheduler.closing.has_begun() => JoinHandle::refused(options.location),
        None => panic!(
            "spawn_local was called on a thread that runs no tasks of its own: call it inside \
             `run`, `block_on` or a task"
        ),
    }
}

/// Runs a closure that blocks on a thread made for that.
///
/// # Errors
///
/// The handle gives a cancelled `JoinError` if the closure was aborted before it
/// started, if the runtime ended first, or if the system has no thread.
///
/// # Panics
///
/// Outside a runtime.
///
/// # Examples
///
/// ```
/// use bowerbird_executor::{Builder, ThreadDriver, spawn_blocking};
///
/// let executor = Builder::new_current_thread().build_with(ThreadDriver::new)?;
/// let read = executor.block_on(async { spawn_blocking(|| 6 * 7).await.unwrap() });
/// assert_eq!(read, 42);
/// # Ok::<(), bowerbird_executor::BuildError>(())
/// ```
#[doc(alias = "to_thread")]
#[doc(alias = "run_in_executor")]
#[track_caller]
pub fn spawn_blocking<C, T>(closure: C) -> JoinHandle<T>
where
    C: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let options = Options::here();
    current("spawn_blocking").0.spawn_blocking(closure, options)
}

/// Runs a closure that blocks on this very thread; another thread does this
/// worker's work meanwhile.
///
/// Use it where the closure borrows; otherwise [`spawn_blocking`] is cheaper.
/// Local tasks of this thread wait until the closure returns. On a current-thread
/// runtime, and outside tasks, it just runs the closure. So it does when the
/// system has no thread for the substitute: what waits for this worker then waits for
/// the closure, or for the watcher, which sees a worker that blocks.
///
/// The other thread is one that has done this before, if one is idle: some wait for the
/// next time, for [`thread_keep_alive`](crate::Builder::thread_keep_alive) at most.
///
/// # Examples
///
/// ```
/// use bowerbird_executor::{Builder, ThreadDriver, block_in_place};
///
/// let executor = Builder::new_multi_thread().worker_threads(1).build_with(ThreadDriver::new)?;
/// let task = executor.handle().spawn(async {
///     let words = vec!["a", "b"];
///     block_in_place(|| words.len())
/// });
/// assert_eq!(executor.block_on(task).unwrap(), 2);
/// # Ok::<(), bowerbird_executor::BuildError>(())
/// ```
pub fn block_in_place<T>(closure: impl FnOnce() -> T) -> T {
    let scheduler = context::with_presence(|cx| Some(scheduler_of(cx?)?.arc()));
    match scheduler {
        Some(scheduler) => threads::block_in_place(&scheduler, closure),
        None => closure(),
    }
}

/// Gives the other tasks a turn: goes to the end of the queue.
///
/// # Cancel safety
///
/// **Strict.** It holds nothing.
///
/// # Examples
///
/// ```
/// use bowerbird_executor::{Builder, ThreadDriver, spawn, yield_now};
///
/// let executor = Builder::new_current_thread().build_with(ThreadDriver::new)?;
/// executor.block_on(async {
///     let other = spawn(async {});
///     yield_now().await;
///     assert!(other.is_finished());
/// });
/// # Ok::<(), bowerbird_executor::BuildError>(())
/// ```
#[track_caller]
pub fn yield_now() -> YieldNow {
    YieldNow { has_yielded: false, location: Location::caller() }
}

/// The future of [`yield_now`].
///
/// # Cancel safety
///
/// **Strict.** It holds nothing.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct YieldNow {
    has_yielded: bool,
    location: &'static Location<'static>,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<()> {
        if self.has_yielded {
            return Poll::Ready(());
        }
        self.has_yielded = true;
        wait_site::waiting(Kind::Yield, 0, self.location);
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// The task that this thread runs at this moment. `None` outside tasks.
///
/// # Examples
///
/// ```
/// use bowerbird_executor::{Builder, TaskBuilder, ThreadDriver, current_task};
///
/// let executor = Builder::new_current_thread().build_with(ThreadDriver::new)?;
/// executor.block_on(async {
///     let task = TaskBuilder::new().name("ticker").spawn(async { current_task().unwrap() });
///     assert_eq!(task.await.unwrap().name.as_deref(), Some("ticker"));
/// });
/// assert!(current_task().is_none());
/// # Ok::<(), bowerbird_executor::BuildError>(())
/// ```
#[must_use]
pub fn current_task() -> Option<TaskInfo> {
    holders::current().as_ref().and_then(Reference::look)
}

/// Whether the closure that runs here should come to its end: its handle was
/// [aborted](JoinHandle::abort), or the end of its runtime has begun.
///
/// A closure on the blocking pool, or in [`block_in_place`], cannot be stopped from
/// outside: one that takes long asks now and then, and returns. That is cheap enough
/// for every round of a loop: two loads. What it returns is its handle's output, as if
/// nobody had aborted it.
///
/// In a task it says the same of the task, before the next suspension point at which
/// that would end. Outside a runtime nobody asks for anything: `false`.
///
/// # Examples
///
/// ```
/// use bowerbird_executor::{Builder, ThreadDriver, should_stop, spawn_blocking};
/// use std::sync::mpsc;
///
/// let executor = Builder::new_current_thread().build_with(ThreadDriver::new)?;
/// let rounds = executor.block_on(async {
///     let (begun, has_begun) = mpsc::channel();
///     let search = spawn_blocking(move || {
///         let mut rounds = 0_u64;
///         while !should_stop() {
///             rounds += 1;
///             let _ = begun.send(());
///         }
///         rounds
///     });
///     has_begun.recv().unwrap();
///     search.abort();
///     search.await.unwrap()
/// });
/// assert!(rounds > 0 && !should_stop());
/// # Ok::<(), bowerbird_executor::BuildError>(())
/// ```
#[doc(alias = "check_cancelled")]
#[doc(alias = "interrupted")]
#[doc(alias = "is_cancellation_requested")]
#[doc(alias = "is_cancelled")]
#[doc(alias = "is_interrupted")]
#[doc(alias = "stop_requested")]
#[must_use]
pub fn should_stop() -> bool {
    let has_ended = |cx: &Context| scheduler_of(cx).is_some_and(|it| it.closing.has_begun());
    holders::is_current_cancelled() || context::with(|cx| cx.is_some_and(has_ended))
}

/// A handle that aborts the task which this thread runs at this moment. `None`
/// outside tasks.
///
/// A task that aborts itself and then returns `Pending` is dropped at once, and
/// its handle gives a cancelled error.
///
/// # Examples
///
/// ```
/// use bowerbird_executor::{Builder, ThreadDriver, current_abort_handle, spawn};
///
/// let executor = Builder::new_current_thread().build_with(ThreadDriver::new)?;
/// executor.block_on(async {
///     let task = spawn(async {
///         current_abort_handle().unwrap().abort();
///         std::future::pending::<()>().await;
///     });
///     assert!(task.await.unwrap_err().is_cancelled());
/// });
/// # Ok::<(), bowerbird_executor::BuildError>(())
/// ```
#[must_use]
pub fn current_abort_handle() -> Option<AbortHandle> {
    holders::current().map(AbortHandle::of)
}

/// Starts tasks with a name.
///
/// # Examples
///
/// ```
/// use bowerbird_executor::{Builder, TaskBuilder, ThreadDriver};
///
/// let executor = Builder::new_current_thread().build_with(ThreadDriver::new)?;
/// executor.block_on(async {
///     let task = TaskBuilder::new().name("crash").spawn(async { panic!("on purpose") });
///     let error = task.await.unwrap_err();
///     assert!(error.to_string().contains("`crash`"));
/// });
/// # Ok::<(), bowerbird_executor::BuildError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until it spawns"]
pub struct TaskBuilder {
    name: Option<Arc<str>>,
    inherits: Inherits,
    /// Where the task says it was spawned, if not where the builder's method is called.
    location: Option<&'static Location<'static>>,
}

/// Which task-locals a task inherits.
#[derive(Clone, Copy, Debug, Default)]
enum Inherits {
    #[default]
    All,
    None,
}

impl TaskBuilder {
    /// No name yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the task in errors, reports and dumps.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Without the values of [inherited](crate::InheritedKey) task-locals, for tasks
    /// that have nothing to do with what is going on here.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bowerbird_executor::{Builder, TaskBuilder, ThreadDriver, task_local};
    /// task_local! {
    ///     #[inherit]
    ///     static TRACE: u64;
    /// }
    ///
    /// # let executor = Builder::new_current_thread().build_with(ThreadDriver::new)?;
    /// executor.block_on(TRACE.scope(7, async {
    ///     let sweeper = TaskBuilder::new().inherit_none();
    ///     let seen = sweeper.spawn(async { TRACE.try_with(|it| *it).ok() });
    ///     assert_eq!(seen.await.unwrap(), None);
    /// }));
    /// # Ok::<(), bowerbird_executor::BuildError>(())
    /// ```
    pub fn inherit_none(mut self) -> Self {
        self.inherits = Inherits::None;
        self
    }

    /// The task says that it was spawned here: for combinators that spawn for their
    /// callers.
    #[doc(hidden)]
    pub fn location(mut self, location: &'static Location<'static>) -> Self {
        self.location = Some(location);
        self
    }

    #[track_caller]
    fn options(self) -> Options {
        let locals = match self.inherits {
            Inherits::All => locals::inherited(),
            Inherits::None => None,
        };
        let location = self.location.unwrap_or(Location::caller());
        Options { name: self.name, location, locals }
    }

    /// As [`spawn`](fn@crate::spawn).
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        spawn_with(self.options(), future)
    }

    /// As [`spawn_local`].
    ///
    /// # Panics
    ///
    /// As [`spawn_local`].
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        spawn_local_with(self.options(), future)
    }

    /// As [`Handle::spawn_pinned`](crate::Handle::spawn_pinned), on this runtime.
    ///
    /// # Panics
    ///
    /// Outside a runtime, and if there is no such worker.
    #[track_caller]
    pub fn spawn_pinned<C, F>(self, worker: usize, make: C) -> JoinHandle<F::Output>
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let options = self.options();
        current("spawn_pinned").0.spawn_pinned(worker, make, options)
    }

    /// As [`spawn_blocking`].
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn_blocking<C, T>(self, closure: C) -> JoinHandle<T>
    where
        C: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let options = self.options();
        current("spawn_blocking").0.spawn_blocking(closure, options)
    }
}
