//! What a body and its children hold of their group.

use super::{
    blocking,
    child::Child,
    ledger::Ledger,
    roster::{Phase, Roster},
    start::{Start, Started},
    until_cancelled::UntilCancelled,
};
use executor::{JoinHandle, TaskBuilder};
use std::{
    fmt,
    future::{Future, pending},
    sync::Arc,
};
use sync::{Semaphore, event::Wait};

/// The handle of a [`task_group`](super::task_group): starts children and tells the
/// group to end.
///
/// Clones are handles of the same group, for children that start others. A handle
/// does not keep the group open: when it is over, a spawn drops its future and gives
/// a handle that tells of a cancellation.
///
/// # Examples
///
/// ```
/// use bowerbird::{task::TaskGroup, task_group};
///
/// /// Counts the leaves of a tree of which each node has two children.
/// fn count(g: &TaskGroup<String>, depth: u32) -> bowerbird::task::JoinHandle<u32> {
///     let siblings = g.clone();
///     g.spawn(async move {
///         if depth == 0 {
///             return Ok(1);
///         }
///         let (left, right) = (count(&siblings, depth - 1), count(&siblings, depth - 1));
///         let (left, right) = bowerbird::gather((left, right)).await;
///         Ok(left.unwrap() + right.unwrap())
///     })
/// }
///
/// let leaves = bowerbird::run(async {
///     task_group(async |g: TaskGroup<String>| Ok(count(&g, 5).await.unwrap())).await
/// });
/// assert_eq!(leaves.unwrap(), 32);
/// ```
#[doc(alias = "Nursery")]
#[doc(alias = "TaskTracker")]
pub struct TaskGroup<E> {
    roster: Arc<Roster>,
    ledger: Arc<Ledger<E>>,
}

impl<E> TaskGroup<E> {
    pub(super) fn new() -> Self {
        Self { roster: Roster::new(), ledger: Arc::new(Ledger::new()) }
    }

    pub(super) fn roster(&self) -> &Arc<Roster> {
        &self.roster
    }

    pub(super) fn ledger(&self) -> &Arc<Ledger<E>> {
        &self.ledger
    }

    /// Ends the group early, which is no failure: children are aborted, and no new
    /// ones start.
    ///
    /// The body goes on, since the group gives its value. One that runs long looks at
    /// [`cancelled`](Self::cancelled), or wraps what it does in
    /// [`until_cancelled`](Self::until_cancelled). A child that calls this ends at its
    /// next suspension point like all others.
    ///
    /// This never hides a cancellation from outside: that is a drop of the group's
    /// future, which nothing in the group can hold up.
    ///
    /// # Examples
    ///
    /// The first one to find something ends the search:
    ///
    /// ```
    /// use bowerbird::{task::TaskGroup, task_group, sync::Event};
    /// use std::{convert::Infallible, sync::{Arc, Mutex}};
    ///
    /// let found = bowerbird::run(async {
    ///     let found = Arc::new(Mutex::new(None));
    ///     let theirs = found.clone();
    ///     task_group(async move |g: TaskGroup<Infallible>| {
    ///         for place in 0..10 {
    ///             let (group, found) = (g.clone(), theirs.clone());
    ///             g.spawn(async move {
    ///                 if place != 7 {
    ///                     std::future::pending::<()>().await;
    ///                 }
    ///                 *found.lock().unwrap() = Some(place);
    ///                 group.cancel();
    ///                 Ok(())
    ///             });
    ///         }
    ///         Ok(())
    ///     })
    ///     .await
    ///     .unwrap();
    ///     found.lock().unwrap().take()
    /// });
    /// assert_eq!(found, Some(7));
    /// ```
    #[doc(alias = "abort_all")]
    pub fn cancel(&self) {
        self.roster.close(Phase::Cancelled, None);
    }

    /// As [`cancel`](Self::cancel), and says why: to those who ask for the
    /// [`reason`](Self::reason), and to those who await a child.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::{task::TaskGroup, task_group};
    /// use std::convert::Infallible;
    ///
    /// # bowerbird::run(async {
    /// let why = task_group(async |g: TaskGroup<Infallible>| {
    ///     g.cancel_with("the user said so");
    ///     g.cancel_with("the first reason counts");
    ///     Ok(g.reason())
    /// });
    /// assert_eq!(why.await.unwrap().as_deref(), Some("the user said so"));
    /// # });
    /// ```
    pub fn cancel_with(&self, reason: impl Into<Arc<str>>) {
        self.roster.close(Phase::Cancelled, Some(reason.into()));
    }

    /// Why the group takes no more children: what was said to
    /// [`cancel_with`](Self::cancel_with), who failed, or that its future was dropped.
    /// `None`: it is open, nobody said, or it ended by itself.
    ///
    /// Children that are aborted for it give it as the
    /// [reason](executor::JoinError::reason) to whoever awaits their handles.
    #[must_use]
    pub fn reason(&self) -> Option<Arc<str>> {
        self.roster.reason()
    }

    /// Whether the group takes no more children: it was cancelled, somebody failed, or
    /// it is over.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.roster.closed.is_set()
    }

    /// Waits until the group takes no more children: until it is cancelled, somebody
    /// fails, or it is over.
    ///
    /// # Cancel safety
    ///
    /// **Strict.**
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::{task::TaskGroup, task_group};
    /// use std::convert::Infallible;
    ///
    /// # bowerbird::run(async {
    /// task_group(async |g: TaskGroup<Infallible>| {
    ///     let group = g.clone();
    ///     g.spawn(async move { Ok(group.cancel()) });
    ///     g.cancelled().await;
    ///     assert!(g.is_cancelled());
    ///     Ok(())
    /// })
    /// .await
    /// .unwrap();
    /// # });
    /// ```
    #[track_caller]
    pub fn cancelled(&self) -> Wait<'_> {
        self.roster.closed.wait()
    }

    /// Waits for `future`, but no longer than the group is open. `None`: it was
    /// [cancelled](Self::cancelled), and `future` is dropped.
    ///
    /// # Cancel safety
    ///
    /// That of `future`.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::{task::TaskGroup, task_group};
    /// use std::convert::Infallible;
    ///
    /// # bowerbird::run(async {
    /// let outcome = task_group(async |g: TaskGroup<Infallible>| {
    ///     let group = g.clone();
    ///     g.spawn(async move { Ok(group.cancel()) });
    ///     Ok(g.until_cancelled(std::future::pending::<()>()).await)
    /// });
    /// assert_eq!(outcome.await.unwrap(), None);
    /// # });
    /// ```
    #[doc(alias = "run_until_cancelled")]
    #[track_caller]
    pub fn until_cancelled<F: Future>(&self, future: F) -> UntilCancelled<'_, F> {
        UntilCancelled::new(future, self.roster.closed.wait())
    }

    /// Lets at most `children` of those that are spawned from now on run at a time. The
    /// others wait before their first poll, first come, first served.
    ///
    /// Called again, it starts a new count: those spawned before keep theirs.
    ///
    /// # Panics
    ///
    /// If `children` is 0, with which none would ever run, or more than
    /// [`Semaphore::MAX_PERMITS`].
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::{task::TaskGroup, task_group, yield_now};
    /// use std::{convert::Infallible, sync::atomic::{AtomicUsize, Ordering::Relaxed}};
    ///
    /// static RUNNING: AtomicUsize = AtomicUsize::new(0);
    ///
    /// # bowerbird::run(async {
    /// task_group(async |g: TaskGroup<Infallible>| {
    ///     g.max_concurrency(2);
    ///     for _ in 0..10 {
    ///         g.spawn(async {
    ///             assert!(RUNNING.fetch_add(1, Relaxed) < 2);
    ///             yield_now().await;
    ///             RUNNING.fetch_sub(1, Relaxed);
    ///             Ok(())
    ///         });
    ///     }
    ///     Ok(())
    /// })
    /// .await
    /// .unwrap();
    /// # });
    /// ```
    #[track_caller]
    pub fn max_concurrency(&self, children: usize) {
        assert!(children > 0, "max_concurrency({children}): no child would ever run");
        self.roster.limit(Semaphore::new(children));
    }

    /// How many tasks the group waits for: those that wait for their turn, those that
    /// were aborted and have not ended, shielded ones. A closure that runs on the
    /// blocking pool counts beside the child that waits for it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.roster.len()
    }

    /// Whether there is no task to wait for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<E: Send + 'static> TaskGroup<E> {
    /// Starts a child, a task of its own on any worker.
    ///
    /// An error it gives, or a panic, goes to the group, which ends all the others.
    /// Whoever awaits the handle is then told that the child was cancelled, and why.
    /// Aborting the handle ends the child and is no failure. Dropping it changes
    /// nothing: the group waits in any case.
    ///
    /// In a group that takes no more children the future is dropped at once, and the
    /// handle tells of a cancellation.
    ///
    /// A body that awaits the handle of a child that fails is dropped there, as a rule. On
    /// another worker it may see the handle's error first; if it fails of that, its failure
    /// follows the child's in the group's error.
    ///
    /// Of a child that never gives `Ok`, the compiler wants to know what it would be:
    /// `g.spawn::<(), _>(…)`. One that spawns children of its own kind does so through a
    /// function that is not `async`, as in the example of [`TaskGroup`].
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::{task::TaskGroup, task_group};
    /// use std::num::ParseIntError;
    ///
    /// # bowerbird::run(async {
    /// let sum = task_group(async |g: TaskGroup<ParseIntError>| {
    ///     let (a, b) = (g.spawn(async { "1".parse::<u32>() }), g.spawn(async { "2".parse::<u32>() }));
    ///     Ok(a.await.unwrap() + b.await.unwrap())
    /// });
    /// assert_eq!(sum.await.unwrap(), 3);
    /// # });
    /// ```
    #[doc(alias = "create_task")]
    #[doc(alias = "start_soon")]
    #[track_caller]
    pub fn spawn<T, F>(&self, future: F) -> JoinHandle<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.spawn_as(TaskBuilder::new(), future)
    }

    /// As [`spawn`](Self::spawn), with a name for errors and dumps.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::{task::TaskGroup, task_group};
    ///
    /// # bowerbird::run(async {
    /// let outcome = task_group(async |g: TaskGroup<&str>| {
    ///     g.spawn_named("fetch", async { Err::<(), _>("no route to host") });
    ///     Ok(())
    /// });
    /// let text = outcome.await.unwrap_err().to_string();
    /// assert!(text.contains(" task `fetch` #") && text.ends_with(": no route to host"));
    /// # });
    /// ```
    #[track_caller]
    pub fn spawn_named<T, F>(&self, name: impl Into<Arc<str>>, future: F) -> JoinHandle<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.spawn_as(TaskBuilder::new().name(name), future)
    }

    #[track_caller]
    fn spawn_as<T, F>(&self, builder: TaskBuilder, future: F) -> JoinHandle<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        match self.roster.admit() {
            Some(admission) => builder.spawn(Child::new(future, admission, self.ledger.clone())),
            None => {
                drop(future);
                let task = builder.spawn(pending());
                task.abort_with(self.roster.farewell());
                task
            }
        }
    }

    /// Starts a child that is a closure which blocks, on the blocking pool.
    ///
    /// As [`spawn`](Self::spawn), but a closure that has started cannot be aborted: the
    /// group waits until it returns. Those that have not started are dropped.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::{task::TaskGroup, task_group};
    ///
    /// # bowerbird::run(async {
    /// let size = task_group(async |g: TaskGroup<std::io::Error>| {
    ///     let read = g.spawn_blocking(|| std::fs::read("Cargo.toml"));
    ///     Ok(read.await.map_or(0, |bytes| bytes.len()))
    /// });
    /// assert!(size.await.unwrap() > 0);
    /// # });
    /// ```
    #[track_caller]
    pub fn spawn_blocking<T, C>(&self, closure: C) -> JoinHandle<T>
    where
        T: Send + 'static,
        C: FnOnce() -> Result<T, E> + Send + 'static,
    {
        self.spawn(blocking::run(closure, self.roster.clone(), self.ledger.clone()))
    }

    /// Starts a child that says when it is ready, and waits for that: a server that
    /// listens, a connection that is made.
    ///
    /// The child starts at the call. It calls [`Started::set`], and goes on; the future
    /// gives what it set, and the child's handle. Dropping the future before that
    /// aborts the child.
    ///
    /// # Errors
    ///
    /// [`NotStarted`](super::NotStarted) if the child ends, or drops what it was given,
    /// before it is ready. If that was a failure, the group has it as well.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** Dropping the future before its end aborts the child.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::{net::{TcpListener, TcpStream}, task::TaskGroup, task_group};
    ///
    /// # bowerbird::run(async {
    /// task_group(async |g: TaskGroup<std::io::Error>| {
    ///     let server = g.start(async |started| {
    ///         let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///         started.set(listener.local_addr()?);
    ///         listener.accept().await
    ///     });
    ///     let (address, server) = server.await?;
    ///     TcpStream::connect(address).await?;
    ///     assert!(server.await.is_ok());
    ///     Ok(())
    /// })
    /// .await
    /// .unwrap();
    /// # });
    /// ```
    #[track_caller]
    pub fn start<V, T, C, F>(&self, child: C) -> Start<V, T>
    where
        V: Send + 'static,
        T: Send + 'static,
        C: FnOnce(Started<V>) -> F,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.start_as(TaskBuilder::new(), child)
    }

    /// As [`start`](Self::start), with a name for errors and dumps.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** Dropping the future before its end aborts the child.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::{task::TaskGroup, task_group};
    ///
    /// # bowerbird::run(async {
    /// let error = task_group(async |g: TaskGroup<std::io::Error>| {
    ///     let server = g.start_named("server", async |started| {
    ///         started.set(80);
    ///         Err::<(), _>(std::io::ErrorKind::AddrInUse.into())
    ///     });
    ///     let (port, _server) = server.await?;
    ///     Ok(port)
    /// })
    /// .await
    /// .unwrap_err();
    /// assert!(error.to_string().contains("task `server` #"));
    /// # });
    /// ```
    #[track_caller]
    pub fn start_named<V, T, C, F>(&self, name: impl Into<Arc<str>>, child: C) -> Start<V, T>
    where
        V: Send + 'static,
        T: Send + 'static,
        C: FnOnce(Started<V>) -> F,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.start_as(TaskBuilder::new().name(name), child)
    }

    #[track_caller]
    fn start_as<V, T, C, F>(&self, builder: TaskBuilder, child: C) -> Start<V, T>
    where
        V: Send + 'static,
        T: Send + 'static,
        C: FnOnce(Started<V>) -> F,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let (started, ready) = sync::oneshot::channel();
        let task = self.spawn_as(builder, child(Started::new(started)));
        Start::new(task, ready)
    }
}

impl<E> Clone for TaskGroup<E> {
    fn clone(&self) -> Self {
        Self { roster: self.roster.clone(), ledger: self.ledger.clone() }
    }
}

impl<E> fmt::Debug for TaskGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskGroup")
            .field("phase", &self.roster.phase())
            .field("tasks", &self.len())
            .finish_non_exhaustive()
    }
}
