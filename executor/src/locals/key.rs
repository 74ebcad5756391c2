//! Keys whose values stay in their scope, and the macro that makes both kinds.

use super::{future::TaskLocalFuture, inherited::Key, scope};
use std::{any::Any, error::Error, fmt, future::Future, marker::PhantomData};

/// Makes statics that have a value of their own in each task.
///
/// A value is set for a future, or for a closure, by `scope`; outside of it there is
/// none. A key is a [`LocalKey`](crate::LocalKey), whose value is seen by that future alone, or
/// after `#[inherit]` an [`InheritedKey`](crate::InheritedKey), whose value, which has to be
/// `Send + Sync`, is also seen by the tasks that are spawned there, and by theirs.
///
/// # Examples
///
/// ```
/// use bowerbird_executor::{Builder, ThreadDriver, spawn, task_local};
///
/// task_local! {
///     /// The request that is being served.
///     #[inherit]
///     pub static REQUEST: u64;
///     static DEPTH: u32;
/// }
///
/// let executor = Builder::new_current_thread().build_with(ThreadDriver::new)?;
/// executor.block_on(REQUEST.scope(7, DEPTH.scope(1, async {
///     assert_eq!((REQUEST.get(), DEPTH.get()), (7, 1));
///     let task = spawn(async { (REQUEST.get(), DEPTH.try_with(|it| *it).is_err()) });
///     assert_eq!(task.await.unwrap(), (7, true));
/// })));
/// assert!(REQUEST.try_with(|_| ()).is_err());
/// # Ok::<(), bowerbird_executor::BuildError>(())
/// ```
///
/// A local whose value cannot be shared is not inherited:
///
/// ```compile_fail
/// bowerbird_executor::task_local! {
///     #[inherit]
///     static SHARED: std::cell::Cell<u32>;
/// }
/// SHARED.sync_scope(std::cell::Cell::new(1), || ());
/// ```
#[doc(alias = "contextvars")]
#[doc(alias = "ContextVar")]
#[macro_export]
macro_rules! task_local {
    () => {};
    (@own ($($seen:tt)*) #[inherit] $($rest:tt)*) => {
        $crate::task_local!(@inherit ($($seen)*) $($rest)*);
    };
    (@$kind:ident ($($seen:tt)*) #[$next:meta] $($rest:tt)*) => {
        $crate::task_local!(@$kind ($($seen)* #[$next]) $($rest)*);
    };
    (@$kind:ident ($($seen:tt)*) $vis:vis static $name:ident: $t:ty) => {
        $crate::task_local!(@$kind ($($seen)*) $vis static $name: $t;);
    };
    (@own ($($seen:tt)*) $vis:vis static $name:ident: $t:ty; $($rest:tt)*) => {
        $($seen)*
        $vis static $name: $crate::LocalKey<$t> = $crate::LocalKey::__new(::core::stringify!($name));
        $crate::task_local!($($rest)*);
    };
    (@inherit ($($seen:tt)*) $vis:vis static $name:ident: $t:ty; $($rest:tt)*) => {
        $($seen)*
        $vis static $name: $crate::InheritedKey<$t> =
            $crate::InheritedKey::__new(::core::stringify!($name));
        $crate::task_local!($($rest)*);
    };
    (@$($rest:tt)*) => {
        ::core::compile_error!(
            "task_local! takes items of the form `#[inherit] pub static NAME: Type;`, the \
             attribute and the visibility as needed, and no value: that is what `scope` is for"
        );
    };
    ($($rest:tt)+) => {
        $crate::task_local!(@own () $($rest)+);
    };
}

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
        TaskLocalFuture::new(self, value, future)
    }

    /// Runs a closure in which the key has this value.
    ///
    /// # Panics
    ///
    /// If `body` does.
    pub fn sync_scope<R>(&'static self, value: T, body: impl FnOnce() -> R) -> R {
        self.within(&value, body)
    }

    pub(super) fn within<R>(&'static self, value: &T, body: impl FnOnce() -> R) -> R {
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
