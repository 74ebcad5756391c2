//! Sets of tasks: results in the order in which they come.
//!
//! [`JoinSet`] has tasks of one output type, [`JoinMap`] has a key for each. Both own
//! their tasks: dropping them aborts what still runs.
//!
//! | file               | what                                                |
//! |--------------------|-----------------------------------------------------|
//! | `mod.rs`           | [`JoinSet`] and the ways to spawn into it           |
//! | `futures.rs`       | what [`JoinSet`]'s methods give to await            |
//! | `map.rs`           | [`JoinMap`]                                         |
//! | `keys.rs`          | which task has a key                                |
//! | `tasks.rs`         | who has ended: what both are made of                |
//! | `abort_on_drop.rs` | one task that is aborted when its handle is dropped |
//!
//! # Rejected
//!
//! * A task wrapped in one that sends its result on a channel: a second cell's worth
//!   of output, and the panic and cancellation that the join handle tells would have
//!   to be told again.
//! * An allocation per task that points back to the set, as tokio's: handles lie in
//!   one slab, and their wakers share one count (`sync/src/ready_set/`).
//! * Watching a handle at the first `join_next` instead of at the spawn: those that
//!   ended by then would come in the order of their spawns.

mod abort_on_drop;
mod futures;
mod keys;
mod map;
mod tasks;

pub use abort_on_drop::AbortOnDrop;
pub use futures::{JoinAll, JoinNext, JoinNextWithId, Shutdown};
pub use map::{JoinMap, JoinNext as MapJoinNext, Shutdown as MapShutdown};

use executor::{AbortHandle, Handle, Id, JoinError, JoinHandle, TaskBuilder};
use futures_core::Stream;
use std::{
    fmt,
    future::Future,
    panic::Location,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tasks::Member;
pub(crate) use tasks::Tasks;

/// Tasks whose results come in the order in which they end.
///
/// Dropping it aborts all of them. See [`JoinMap`] for tasks with keys, and
/// [`gather`](fn@crate::gather) for results in the order of the tasks.
///
/// # Examples
///
/// ```
/// use bowerbird::task::JoinSet;
///
/// bowerbird::run(async {
///     let mut set = JoinSet::new();
///     for n in 1..=4 {
///         set.spawn(async move { n * n });
///     }
///     let mut sum = 0;
///     while let Some(square) = set.join_next().await {
///         sum += square.unwrap();
///     }
///     assert_eq!(sum, 30);
/// });
/// ```
#[doc(alias = "FuturesUnordered")]
#[doc(alias = "TaskSet")]
#[must_use = "dropping it aborts its tasks"]
pub struct JoinSet<T> {
    tasks: Tasks<T, ()>,
}

impl<T> JoinSet<T> {
    /// A set without tasks.
    pub fn new() -> Self {
        Self { tasks: Tasks::new() }
    }

    /// How many tasks there are whose results were not taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether all results were taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a task that was spawned elsewhere. Returns what aborts it.
    pub fn insert(&mut self, task: JoinHandle<T>) -> AbortHandle {
        let abort = task.abort_handle();
        self.tasks.insert(task, ());
        abort
    }

    /// Waits for the next task that ends, and gives its result. `None`: there are no
    /// tasks.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** A result is taken out of the set when it is given, and not before.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::task::JoinSet;
    ///
    /// bowerbird::run(async {
    ///     let mut set = JoinSet::new();
    ///     set.spawn(async { 7 });
    ///     assert_eq!(set.join_next().await.unwrap().unwrap(), 7);
    ///     assert!(set.join_next().await.is_none());
    /// });
    /// ```
    #[doc(alias = "next")]
    #[track_caller]
    pub fn join_next(&mut self) -> JoinNext<'_, T> {
        JoinNext::new(self, Location::caller())
    }

    /// As [`join_next`](Self::join_next), with the task's id. That of a task without
    /// an output is in the error.
    ///
    /// # Cancel safety
    ///
    /// **Strict**, as [`join_next`](Self::join_next).
    #[track_caller]
    pub fn join_next_with_id(&mut self) -> JoinNextWithId<'_, T> {
        JoinNextWithId::new(self, Location::caller())
    }

    /// The next result, if there is one already. `None`: all tasks run, or there are
    /// none.
    #[must_use = "a result that is dropped is lost"]
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.tasks.take_next().map(|(_, member)| member.into_result().1)
    }

    /// As [`try_join_next`](Self::try_join_next), with the task's id.
    #[must_use = "a result that is dropped is lost"]
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        self.tasks.take_next().map(|(_, member)| member.into_result_with_id())
    }

    /// Polls for the next result: [`join_next`](Self::join_next) for authors of
    /// futures. After `Pending` the task is woken when there may be one.
    #[track_caller]
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        self.poll_at(cx, Location::caller()).map(|it| it.map(|member| member.into_result().1))
    }

    /// As [`poll_join_next`](Self::poll_join_next), with the task's id.
    #[track_caller]
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(Id, T), JoinError>>> {
        self.poll_at(cx, Location::caller()).map(|it| it.map(Member::into_result_with_id))
    }

    fn poll_at(
        &mut self,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Poll<Option<Member<T, ()>>> {
        let next = ready!(self.tasks.poll_next(cx, location));
        Poll::Ready(next.map(|(_, member)| member))
    }

    /// Waits for all tasks, and gives their outputs in the order in which they ended.
    ///
    /// # Panics
    ///
    /// The future panics with what a task panics with, or if a task was cancelled; the
    /// others are aborted then.
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** Dropping it aborts the tasks that run, and drops the outputs of the
    /// others. [`join_next`](Self::join_next) keeps them.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::task::JoinSet;
    ///
    /// bowerbird::run(async {
    ///     let set: JoinSet<_> = (0..10).map(|n| async move { n }).collect();
    ///     assert_eq!(set.join_all().await.iter().sum::<i32>(), 45);
    /// });
    /// ```
    #[track_caller]
    pub fn join_all(self) -> JoinAll<T> {
        JoinAll::new(self, Location::caller())
    }

    /// Asks all tasks to end. Their results stay to be joined: cancelled, or what they
    /// had when the request came.
    #[doc(alias = "cancel")]
    pub fn abort_all(&self) {
        self.tasks.abort_all();
    }

    /// Lets all tasks run on, and forgets them.
    pub fn detach_all(&mut self) {
        self.tasks.detach_all();
    }

    /// Asks all tasks to end, and waits until they have. Their results are dropped.
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** What was joined by then is gone; the rest is aborted, and in the set.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::task::JoinSet;
    ///
    /// bowerbird::run(async {
    ///     let mut set = JoinSet::new();
    ///     set.spawn(std::future::pending::<()>());
    ///     set.shutdown().await;
    ///     assert!(set.is_empty());
    /// });
    /// ```
    #[track_caller]
    pub fn shutdown(&mut self) -> Shutdown<'_, T> {
        Shutdown::new(self, Location::caller())
    }
}

impl<T: 'static> JoinSet<T> {
    /// Starts a task in the set. As [`spawn`](fn@crate::spawn).
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[doc(alias = "create_task")]
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(executor::spawn(future))
    }

    /// Starts a task in the set, on this runtime. As
    /// [`Handle::spawn`](crate::runtime::Handle::spawn).
    #[track_caller]
    pub fn spawn_on<F>(&mut self, future: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn(future))
    }

    /// Starts a task in the set that stays on this thread. As
    /// [`spawn_local`](crate::spawn_local).
    ///
    /// # Panics
    ///
    /// As [`spawn_local`](crate::spawn_local).
    #[track_caller]
    pub fn spawn_local<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(executor::spawn_local(future))
    }

    /// Runs a closure that blocks, in the set. As
    /// [`spawn_blocking`](crate::spawn_blocking).
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn_blocking<C>(&mut self, closure: C) -> AbortHandle
    where
        C: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(executor::spawn_blocking(closure))
    }

    /// Runs a closure that blocks, in the set, on this runtime's pool.
    #[track_caller]
    pub fn spawn_blocking_on<C>(&mut self, closure: C, handle: &Handle) -> AbortHandle
    where
        C: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn_blocking(closure))
    }

    /// Starts a task with a name.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::task::JoinSet;
    ///
    /// bowerbird::run(async {
    ///     let mut set = JoinSet::<()>::new();
    ///     set.build_task().name("crash").spawn(async { panic!("on purpose") });
    ///     let error = set.join_next().await.unwrap().unwrap_err();
    ///     assert!(error.to_string().contains("`crash`"));
    /// });
    /// ```
    pub fn build_task(&mut self) -> Builder<'_, T> {
        Builder { set: self, builder: TaskBuilder::new() }
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// The results, in the order of completion. After `None` there may be more, if more
/// tasks are spawned.
impl<T> Stream for JoinSet<T> {
    type Item = Result<T, JoinError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_join_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl<T: Send + 'static, F> Extend<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
{
    /// Spawns each.
    fn extend<I: IntoIterator<Item = F>>(&mut self, futures: I) {
        futures.into_iter().for_each(|future| drop(self.spawn(future)));
    }
}

impl<T: Send + 'static, F> FromIterator<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
{
    /// Spawns each.
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        let mut set = Self::new();
        set.extend(futures);
        set
    }
}

/// Starts a task with a name in a [`JoinSet`]: see
/// [`build_task`](JoinSet::build_task).
#[derive(Debug)]
#[must_use = "a builder does nothing until it spawns"]
pub struct Builder<'a, T> {
    set: &'a mut JoinSet<T>,
    builder: TaskBuilder,
}

impl<T: 'static> Builder<'_, T> {
    /// Names the task in errors, reports and dumps.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.builder = self.builder.name(name);
        self
    }

    /// As [`JoinSet::spawn`].
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.set.insert(self.builder.spawn(future))
    }

    /// As [`JoinSet::spawn_on`].
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        let _entered = handle.enter();
        self.spawn(future)
    }

    /// As [`JoinSet::spawn_local`].
    ///
    /// # Panics
    ///
    /// As [`spawn_local`](crate::spawn_local).
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.set.insert(self.builder.spawn_local(future))
    }

    /// As [`JoinSet::spawn_blocking`].
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn_blocking<C>(self, closure: C) -> AbortHandle
    where
        C: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.set.insert(self.builder.spawn_blocking(closure))
    }
}
