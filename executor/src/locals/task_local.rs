//! The macro that makes both kinds of keys.

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
