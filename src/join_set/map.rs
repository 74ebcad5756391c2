//! Tasks with keys.

use super::{
    AbortOnDrop,
    keys::{Keyed, KeyedTasks, Keys},
};
use executor::{Handle, Id, JoinError, JoinHandle};
use futures_core::Stream;
use std::{
    borrow::Borrow,
    collections::hash_map::RandomState,
    fmt,
    future::Future,
    hash::{BuildHasher, Hash},
    panic::Location,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Tasks with keys, whose results come in the order in which they end.
///
/// A key has one task: to spawn another under it aborts and forgets the one before.
/// Dropping the map aborts all tasks.
///
/// # Examples
///
/// ```
/// use bowerbird::task::JoinMap;
///
/// bowerbird::run(async {
///     let mut map = JoinMap::new();
///     map.spawn("slow", std::future::pending());
///     map.spawn("fast", async { 7 });
///     let (key, result) = map.join_next().await.unwrap();
///     assert_eq!((key, result.unwrap()), ("fast", 7));
///
///     assert!(map.abort("slow"));
///     let (key, result) = map.join_next().await.unwrap();
///     assert!(key == "slow" && result.unwrap_err().is_cancelled());
/// });
/// ```
#[must_use = "dropping it aborts its tasks"]
pub struct JoinMap<K, V, S = RandomState> {
    tasks: KeyedTasks<K, V>,
    keys: Keys,
    hasher: S,
}

impl<K, V> JoinMap<K, V> {
    /// A map without tasks.
    pub fn new() -> Self {
        Self::with_hasher(RandomState::new())
    }

    /// A map without tasks, with room for the hashes of so many keys.
    pub fn with_capacity(tasks: usize) -> Self {
        Self { keys: Keys::with_capacity(tasks), ..Self::new() }
    }
}

impl<K, V, S> JoinMap<K, V, S> {
    /// A map without tasks, whose keys are hashed by `hasher`.
    pub fn with_hasher(hasher: S) -> Self {
        Self { tasks: KeyedTasks::new(), keys: Keys::default(), hasher }
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

    /// The keys, in no particular order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.tasks.iter().map(|member| &member.data.key)
    }

    /// Whether this task is in the map.
    #[must_use]
    pub fn contains_task(&self, id: Id) -> bool {
        self.tasks.iter().any(|member| member.handle.id() == Some(id))
    }

    /// Waits for the next task that ends, and gives its key and result. `None`: there
    /// are no tasks.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** A result is taken out of the map when it is given, and not before.
    #[track_caller]
    pub fn join_next(&mut self) -> JoinNext<'_, K, V, S> {
        JoinNext { map: self, is_registered: false, location: Location::caller() }
    }

    /// The next key and result, if there is one already. `None`: all tasks run, or
    /// there are none.
    #[must_use = "a result that is dropped is lost"]
    pub fn try_join_next(&mut self) -> Option<(K, Result<V, JoinError>)> {
        let (index, member) = self.tasks.take_next()?;
        self.keys.removed(&mut self.tasks, index, &member);
        let (data, result) = member.into_result();
        Some((data.key, result))
    }

    /// Polls for the next result: [`join_next`](Self::join_next) for authors of
    /// futures. After `Pending` the task is woken when there may be one.
    #[track_caller]
    pub fn poll_join_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<(K, Result<V, JoinError>)>> {
        self.poll_at(cx, Location::caller())
    }

    fn poll_at(
        &mut self,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Poll<Option<(K, Result<V, JoinError>)>> {
        let next = ready!(self.tasks.poll_next(cx, location));
        Poll::Ready(next.map(|(index, member)| {
            self.keys.removed(&mut self.tasks, index, &member);
            let (data, result) = member.into_result();
            (data.key, result)
        }))
    }

    /// Asks those tasks to end whose keys `is_meant` says yes to. Their results stay
    /// to be joined.
    pub fn abort_matching(&self, mut is_meant: impl FnMut(&K) -> bool) {
        let meant = self.tasks.iter().filter(|member| is_meant(&member.data.key));
        meant.for_each(|member| member.handle.abort());
    }

    /// Asks all tasks to end. Their results stay to be joined.
    #[doc(alias = "cancel")]
    pub fn abort_all(&self) {
        self.tasks.abort_all();
    }

    /// Lets all tasks run on, and forgets them.
    pub fn detach_all(&mut self) {
        self.keys.clear();
        self.tasks.detach_all();
    }

    /// Asks all tasks to end, and waits until they have. Their results are dropped.
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** What was joined by then is gone; the rest is aborted, and in the map.
    #[track_caller]
    pub fn shutdown(&mut self) -> Shutdown<'_, K, V, S> {
        Shutdown { joining: self.join_next(), has_begun: false }
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> JoinMap<K, V, S> {
    fn find<Q>(&self, key: &Q) -> Option<usize>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.keys.find(&self.tasks, self.hasher.hash_one(key), key)
    }

    /// Whether there is a task under this key.
    #[must_use]
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.find(key).is_some()
    }

    /// Asks the task under this key to end. Its result stays to be joined. Returns
    /// whether there is one.
    pub fn abort<Q>(&mut self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let member = self.find(key).and_then(|index| self.tasks.get(index));
        member.inspect(|it| it.handle.abort()).is_some()
    }

    /// Adds a task that was spawned elsewhere. One that is under this key is aborted
    /// and forgotten, together with its key.
    pub fn insert(&mut self, key: K, task: JoinHandle<V>) {
        // A key's `hash` or `eq` may panic, and the task must not run on without us.
        let task = AbortOnDrop::new(task);
        let hash = self.hasher.hash_one(&key);
        let replaced = self.keys.find(&self.tasks, hash, &key).and_then(|index| {
            let member = self.tasks.remove(index)?;
            member.handle.abort();
            self.keys.removed(&mut self.tasks, index, &member);
            Some(member)
        });
        let data: Keyed<K> = self.keys.link(key, hash);
        let index = self.tasks.insert(task.detach(), data);
        self.keys.added(hash, index);
        // Last: the destructors of a key and an output are not ours.
        drop(replaced);
    }
}

impl<K: Hash + Eq, V: 'static, S: BuildHasher> JoinMap<K, V, S> {
    /// Starts a task under this key. As [`spawn`](fn@crate::spawn).
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn<F>(&mut self, key: K, future: F)
    where
        F: Future<Output = V> + Send + 'static,
        V: Send,
    {
        self.insert(key, executor::spawn(future));
    }

    /// Starts a task under this key, on this runtime. As
    /// [`Handle::spawn`](crate::runtime::Handle::spawn).
    #[track_caller]
    pub fn spawn_on<F>(&mut self, key: K, future: F, handle: &Handle)
    where
        F: Future<Output = V> + Send + 'static,
        V: Send,
    {
        self.insert(key, handle.spawn(future));
    }

    /// Starts a task under this key that stays on this thread. As
    /// [`spawn_local`](crate::spawn_local).
    ///
    /// # Panics
    ///
    /// As [`spawn_local`](crate::spawn_local).
    #[track_caller]
    pub fn spawn_local<F>(&mut self, key: K, future: F)
    where
        F: Future<Output = V> + 'static,
    {
        self.insert(key, executor::spawn_local(future));
    }

    /// Runs a closure that blocks, under this key. As
    /// [`spawn_blocking`](crate::spawn_blocking).
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn_blocking<C>(&mut self, key: K, closure: C)
    where
        C: FnOnce() -> V + Send + 'static,
        V: Send,
    {
        self.insert(key, executor::spawn_blocking(closure));
    }
}

impl<K, V, S: Default> Default for JoinMap<K, V, S> {
    fn default() -> Self {
        Self::with_hasher(S::default())
    }
}

impl<K: fmt::Debug, V, S> fmt::Debug for JoinMap<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinMap ")?;
        f.debug_set().entries(self.keys()).finish()
    }
}

// Keys are moved, never pinned.
impl<K, V, S> Unpin for JoinMap<K, V, S> {}

/// Keys and results, in the order of completion. After `None` there may be more, if
/// more tasks are spawned.
impl<K, V, S> Stream for JoinMap<K, V, S> {
    type Item = (K, Result<V, JoinError>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_join_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

/// The future of [`JoinMap::join_next`].
///
/// # Cancel safety
///
/// **Strict.** A result is taken out of the map when it is given, and not before.
#[must_use = "futures do nothing unless polled"]
pub struct JoinNext<'a, K, V, S> {
    map: &'a mut JoinMap<K, V, S>,
    /// Whether our waker is there.
    is_registered: bool,
    location: &'static Location<'static>,
}

impl<K, V, S> Future for JoinNext<'_, K, V, S> {
    type Output = Option<(K, Result<V, JoinError>)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.is_registered = true;
        let location = self.location;
        let next = ready!(self.map.poll_at(cx, location));
        self.is_registered = false;
        Poll::Ready(next)
    }
}

impl<K, V, S> Drop for JoinNext<'_, K, V, S> {
    fn drop(&mut self) {
        if self.is_registered {
            self.map.tasks.unregister();
        }
    }
}

impl<K, V, S> fmt::Debug for JoinNext<'_, K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinNext").field("len", &self.map.len()).finish_non_exhaustive()
    }
}

/// The future of [`JoinMap::shutdown`].
///
/// # Cancel safety
///
/// **Lossy.** What was joined by then is gone; the rest is aborted, and in the map.
#[must_use = "futures do nothing unless polled"]
pub struct Shutdown<'a, K, V, S> {
    joining: JoinNext<'a, K, V, S>,
    has_begun: bool,
}

impl<K, V, S> Future for Shutdown<'_, K, V, S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.has_begun {
            self.has_begun = true;
            self.joining.map.abort_all();
        }
        while let Some(result) = ready!(Pin::new(&mut self.joining).poll(cx)) {
            drop(result);
        }
        Poll::Ready(())
    }
}

impl<K, V, S> fmt::Debug for Shutdown<'_, K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shutdown").field(&self.joining).finish()
    }
}
