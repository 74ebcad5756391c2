//! Keys whose values stay in their scope.

use super::{inherited::Key, scope};
use pin_project_lite::pin_project;
use std::{
    any::Any,
    error::Error,
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

/// A static with a value of its own in each [`scope`](Self::scope), which tasks
/// spawned there do not see. Made by [`task_local!`](crate::task_local).
///
/// # Examples
///
/// ```
/// use bowerbird_executor::task_local;
///
/// task_local! {
///     static USER: String;
/// }
///
/// let length = USER.sync_scope("ada".to_owned(), || USER.with(String::len));
/// assert_eq!(length, 3);
/// ```
pub struct LocalKey<T: 'static> {
    name: &'static str,
    value: PhantomData<fn() -> T>,
}

impl<T: 'static> LocalKey<T> {
    #[doc(hidden)]
    #[must_use]
    pub const fn __new(name: &'static str) -> Self {
        Self { name, value: PhantomData }
    }

    /// A future in whose polls, and in whose drop, the key has this value.
    ///
    /// Inner scopes of the same key hide it. The future's output is not part of it:
    /// that is dropped where it was awaited.
    ///
    /// # Cancel safety
    ///
    /// That of `future`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bowerbird_executor::{Builder, ThreadDriver, task_local, yield_now};
    /// task_local! {
    ///     static DEPTH: u32;
    /// }
    ///
    /// # let executor = Builder::new_current_thread().build_with(ThreadDriver::new)?;
    /// executor.block_on(DEPTH.scope(1, async {
    ///     let inner = DEPTH.scope(DEPTH.get() + 1, async {
    ///         yield_now().await;
    ///         DEPTH.get()
    ///     });
    ///     assert_eq!(inner.await, 2);
    ///     assert_eq!(DEPTH.get(), 1);
    /// }));
    /// # Ok::<(), bowerbird_executor::BuildError>(())
    /// ```
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> TaskLocalFuture<T, F> {
        TaskLocalFuture { key: self, value: Some(value), future: Some(future) }
    }

    /// Runs a closure in which the key has this value.
    ///
    /// # Panics
    ///
    /// If `body` does.
    pub fn sync_scope<R>(&'static self, value: T, body: impl FnOnce() -> R) -> R {
        self.within(&value, body)
    }

    fn within<R>(&'static self, value: &T, body: impl FnOnce() -> R) -> R {
        scope::with_value(Key::of(self), value, body)
    }

    /// Calls `look` with the value that the key has here.
    ///
    /// # Panics
    ///
    /// Outside the key's scopes.
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
    /// [`AccessError`] outside the key's scopes.
    pub fn try_with<R>(&'static self, look: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        scope::find(Key::of(self), |value| {
            let value = value.and_then(<dyn Any>::downcast_ref::<T>);
            value.map(look).ok_or(AccessError { name: self.name })
        })
    }

    /// A clone of the value that the key has here.
    ///
    /// # Panics
    ///
    /// Outside the key's scopes.
    #[must_use]
    #[track_caller]
    pub fn get(&'static self) -> T
    where
        T: Clone,
    {
        self.with(T::clone)
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalKey").field(&self.name).finish()
    }
}

/// A task-local was looked at outside its scopes.
///
/// # Examples
///
/// ```
/// # use bowerbird_executor::task_local;
/// task_local! {
///     static DEPTH: u32;
/// }
/// let error = DEPTH.try_with(|it| *it).unwrap_err();
/// assert!(error.to_string().contains("`DEPTH`"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessError {
    pub(super) name: &'static str,
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name;
        write!(f, "the task-local `{name}` has no value here: set one with `{name}.scope(..)`")
    }
}

impl Error for AccessError {}

pin_project! {
    /// A future for which a task-local has a value. See [`LocalKey::scope`].
    ///
    /// # Panics
    ///
    /// If it is polled after it gave its output, or after its value was taken.
    ///
    /// # Cancel safety
    ///
    /// That of the future inside, which is also dropped in the scope.
    pub struct TaskLocalFuture<T: 'static, F> {
        key: &'static LocalKey<T>,
        value: Option<T>,
        #[pin]
        future: Option<F>,
    }

    impl<T: 'static, F> PinnedDrop for TaskLocalFuture<T, F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(value) = this.value
                && this.future.is_some()
            {
                this.key.within(value, || this.future.set(None));
            }
        }
    }
}

impl<T: 'static, F> TaskLocalFuture<T, F> {
    /// Takes the value out; the future cannot be polled any more. `None`: it was
    /// taken already.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bowerbird_executor::{Builder, ThreadDriver, task_local};
    /// use std::{cell::Cell, pin::pin};
    ///
    /// task_local! {
    ///     static COUNT: Cell<u32>;
    /// }
    ///
    /// # let executor = Builder::new_current_thread().build_with(ThreadDriver::new)?;
    /// executor.block_on(async {
    ///     let mut counting = pin!(COUNT.scope(Cell::new(0), async {
    ///         COUNT.with(|it| it.set(it.get() + 1));
    ///     }));
    ///     counting.as_mut().await;
    ///     assert_eq!(counting.as_mut().take_value(), Some(Cell::new(1)));
    ///     assert_eq!(counting.take_value(), None);
    /// });
    /// # Ok::<(), bowerbird_executor::BuildError>(())
    /// ```
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.project().value.take()
    }
}

impl<T: 'static, F: Future> Future for TaskLocalFuture<T, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let Some(value) = this.value else {
            panic!("a TaskLocalFuture was polled after its value was taken");
        };
        this.key.within(value, || {
            let Some(future) = this.future.as_mut().as_pin_mut() else {
                panic!("a TaskLocalFuture was polled after it gave its output");
            };
            let polled = future.poll(cx);
            if polled.is_ready() {
                this.future.set(None);
            }
            polled
        })
    }
}

impl<T: 'static, F> fmt::Debug for TaskLocalFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskLocalFuture").field("key", self.key).finish_non_exhaustive()
    }
}
