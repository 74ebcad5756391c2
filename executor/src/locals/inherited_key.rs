//! Keys whose values are handed on to what is spawned in their scope.

use super::{
    inherited::{Inherited, Key, Value},
    key::AccessError,
    scope,
};
use pin_project_lite::pin_project;
use std::{
    any::Any,
    fmt,
    future::Future,
    marker::PhantomData,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// A static with a value of its own in each [`scope`](Self::scope), which all that is
/// spawned there shares. Made by [`task_local!`](crate::task_local) after `#[inherit]`.
///
/// It is inherited by tasks and closures that the scope's future spawns, in whatever
/// way: on this runtime or, by a handle, on another one; local or not; on the blocking
/// pool. They see the value that the key has at the call, until they end, and a new
/// scope in one of them hides it there and from then on. The value is dropped with
/// the last of them. [`TaskBuilder::inherit_none`](crate::TaskBuilder::inherit_none)
/// spawns without.
///
/// # Examples
///
/// ```
/// use bowerbird_executor::{Builder, ThreadDriver, spawn, spawn_blocking, task_local};
///
/// task_local! {
///     #[inherit]
///     static TRACE: String;
/// }
///
/// let executor = Builder::new_current_thread().build_with(ThreadDriver::new)?;
/// executor.block_on(TRACE.scope("trace 7".to_owned(), async {
///     let child = spawn(async {
///         let grandchild = spawn_blocking(|| TRACE.get());
///         grandchild.await.unwrap()
///     });
///     assert_eq!(child.await.unwrap(), "trace 7");
/// }));
/// # Ok::<(), bowerbird_executor::BuildError>(())
/// ```
pub struct InheritedKey<T: 'static> {
    name: &'static str,
    value: PhantomData<fn() -> T>,
}

impl<T: Send + Sync + 'static> InheritedKey<T> {
    #[doc(hidden)]
    #[must_use]
    pub const fn __new(name: &'static str) -> Self {
        Self { name, value: PhantomData }
    }

    /// A future in whose polls, and in whose drop, the key has this value; and so it
    /// has in all that the future spawns.
    ///
    /// The future's output is not part of it: that is dropped where it was awaited.
    ///
    /// # Cancel safety
    ///
    /// That of `future`.
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> InheritedFuture<T, F> {
        InheritedFuture {
            key: self,
            value: Arc::new(value),
            built: None,
            outer: None,
            future: Some(future),
        }
    }

    /// Runs a closure in which the key has this value, and all that it spawns.
    ///
    /// # Panics
    ///
    /// If `body` does.
    pub fn sync_scope<R>(&'static self, value: T, body: impl FnOnce() -> R) -> R {
        let outer = scope::inherited();
        let value: Value = Arc::new(value);
        let inherited = Inherited::with(outer.as_deref(), Key::of(self), value);
        scope::with_inherited(&Arc::new(inherited), body)
    }

    /// Calls `look` with the value that the key has here.
    ///
    /// # Panics
    ///
    /// Where the key has none.
    #[track_caller]
    pub fn with<R>(&'static self, look: impl FnOnce(&T) -> R) -> R {
        match self.try_with(look) {
            Ok(result) => result,
            Err(error) => panic!("{error}"),
        }
    }

    /// Calls `look` with the value that the key has here, if it has one.
    ///
    /// # Errors
    ///
    /// [`AccessError`] where the key has none.
    pub fn try_with<R>(&'static self, look: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        scope::find_inherited(Key::of(self), |value| {
            let value = value.and_then(|it| (&**it as &dyn Any).downcast_ref::<T>());
            value.map(look).ok_or(AccessError { name: self.name })
        })
    }

    /// A clone of the value that the key has here.
    ///
    /// # Panics
    ///
    /// Where the key has none.
    #[must_use]
    #[track_caller]
    pub fn get(&'static self) -> T
    where
        T: Clone,
    {
        self.with(T::clone)
    }
}

impl<T: 'static> fmt::Debug for InheritedKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InheritedKey").field(&self.name).finish()
    }
}

pin_project! {
    /// A future for which an inherited task-local has a value. See
    /// [`InheritedKey::scope`].
    ///
    /// # Panics
    ///
    /// If it is polled after it gave its output.
    ///
    /// # Cancel safety
    ///
    /// That of the future inside, which is also dropped in the scope.
    pub struct InheritedFuture<T: 'static, F> {
        key: &'static InheritedKey<T>,
        value: Value,
        // What is inherited inside, and what it was built from: it is built at the
        // first poll, and again where the future is polled inside other scopes.
        built: Option<Arc<Inherited>>,
        outer: Option<Arc<Inherited>>,
        #[pin]
        future: Option<F>,
    }

    impl<T: 'static, F> PinnedDrop for InheritedFuture<T, F> {
        fn drop(this: Pin<&mut Self>) {
            if this.future.is_some() {
                let mut this = this.project();
                let built = built_here(Key::of(*this.key), this.value, this.outer, this.built);
                scope::with_inherited(built, || this.future.set(None));
            }
        }
    }
}

/// What is inherited inside a future that is polled, or dropped, here. `built` is what
/// was for `outer`.
fn built_here<'a>(
    key: Key,
    value: &Value,
    outer: &mut Option<Arc<Inherited>>,
    built: &'a mut Option<Arc<Inherited>>,
) -> &'a Arc<Inherited> {
    let here = scope::inherited();
    let is_same = here.as_ref().map(Arc::as_ptr) == outer.as_ref().map(Arc::as_ptr);
    if !is_same {
        // Both are replaced before a value ends, whose destructor may panic.
        let before = (built.take(), mem::replace(outer, here));
        drop(before);
    }
    built.get_or_insert_with(|| Arc::new(Inherited::with(outer.as_deref(), key, value.clone())))
}

impl<T: 'static, F: Future> Future for InheritedFuture<T, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let built = built_here(Key::of(*this.key), this.value, this.outer, this.built);
        scope::with_inherited(built, || {
            let Some(future) = this.future.as_mut().as_pin_mut() else {
                panic!("an InheritedFuture was polled after it gave its output");
            };
            let polled = future.poll(cx);
            if polled.is_ready() {
                this.future.set(None);
            }
            polled
        })
    }
}

impl<T: 'static, F> fmt::Debug for InheritedFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InheritedFuture").field("key", self.key).finish_non_exhaustive()
    }
}
