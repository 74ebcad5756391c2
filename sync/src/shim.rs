//! The one door to threads, atomics, locks, cells and the clock.
//!
//! Everything concurrent in this workspace comes through here, so whatever we
//! can write we can also model: under `--cfg loom` these names are loom's, under
//! `--cfg shuttle` they are shuttle's, otherwise they are std's at no cost.
//! `tests/tidy.rs` rejects the way around.
//!
//! What is chosen here is fixed when the program is built. What a test wants to
//! swap while it runs (the clock a timer reads, random numbers, the poller) is a
//! run-time value elsewhere: [`Driver::now`](crate::driver::Driver::now), for
//! one.
//!
//! # Locks
//!
//! [`Lock`] is the only mutex of the workspace's insides. It ignores poison (no
//! user code runs under it, so a panic cannot leave half an update behind) and,
//! in debug builds, counts how many of them the thread holds.
//! [`assert_unlocked`] stands in front of every call into user code: polls,
//! drops, wakers, hooks.
//!
//! # Rejected
//!
//! * `parking_lot`: a dependency, and no faster than std's futex mutex here.
//! * Poisoning: with no user code under a lock it can only turn one panic into
//!   many.

pub use imp::{Arc, atomic};

/// Threads: starting, naming, yielding.
pub mod thread {
    pub use super::imp::thread::*;
    use std::{
        cell::Cell,
        io,
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
    };

    /// How many of the next thread starts of this process fail.
    static FAILING_STARTS: AtomicUsize = AtomicUsize::new(0);

    std::thread_local! {
        static FAILING_STARTS_HERE: Cell<usize> = const { Cell::new(0) };
    }

    /// Starts a thread, or says why it cannot.
    ///
    /// # Errors
    ///
    /// What the system says when it has no threads left (`EAGAIN`), or the fault
    /// that [`fail_starts`] and [`fail_starts_here`] ask for.
    pub fn start<T: Send + 'static>(
        name: String,
        stack_size: Option<usize>,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<T>> {
        if takes_a_fault() {
            return Err(io::Error::new(
                io::ErrorKind::WouldBlock,
                "no thread to be had (injected)",
            ));
        }
        let builder = Builder::new().name(name);
        match stack_size {
            Some(bytes) => builder.stack_size(bytes).spawn(body),
            None => builder.spawn(body),
        }
    }

    /// Lets the next `n` thread starts of this process fail: a test's way to the
    /// error path, since a limit of the system does not bind root.
    pub fn fail_starts(n: usize) {
        FAILING_STARTS.swap(n, Relaxed);
    }

    /// Lets the next `n` thread starts made *by this thread* fail.
    pub fn fail_starts_here(n: usize) {
        FAILING_STARTS_HERE.set(n);
    }

    /// Sleeps for a moment, so that threads of a lower priority may run. A model has no
    /// time, and only lets others run.
    pub fn nap() {
        #[cfg(not(any(loom, shuttle)))]
        sleep(std::time::Duration::from_micros(50));
        #[cfg(any(loom, shuttle))]
        yield_now();
    }

    fn takes_a_fault() -> bool {
        let here = FAILING_STARTS_HERE.get();
        FAILING_STARTS_HERE.set(here.saturating_sub(1));
        // Relaxed: a switch of the tests; nothing crosses with it.
        here > 0 || FAILING_STARTS.fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1)).is_ok()
    }
}

/// Cells whose every access is a closure, so that a model can watch it.
pub mod cell {
    pub use super::imp::UnsafeCell;
}

/// The current time of the system's monotonic clock: its only reader.
///
/// In a model it stands still.
pub fn now() -> std::time::Instant {
    imp::now()
}

/// A mutual exclusion lock around data which no user code ever sees.
#[derive(Debug)]
pub struct Lock<T>(imp::Mutex<T>);

impl<T> Lock<T> {
    crate::const_fn! {
        /// Wraps `value`.
        pub const fn new(value: T) -> Self {
            Self(imp::Mutex::new(value))
        }
    }

    /// Blocks the thread until the lock is ours.
    pub fn lock(&self) -> LockGuard<'_, T> {
        let guard = self.0.lock().unwrap_or_else(|poison| poison.into_inner());
        held::add();
        LockGuard { guard: Some(guard) }
    }

    /// Takes the lock if it is free.
    pub fn try_lock(&self) -> Option<LockGuard<'_, T>> {
        use std::sync::TryLockError;
        let guard = match self.0.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poison)) => poison.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        held::add();
        Some(LockGuard { guard: Some(guard) })
    }

    /// The value, with no lock taken: nobody else can reach it.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(|poison| poison.into_inner())
    }

    /// Gives the value back.
    pub fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(|poison| poison.into_inner())
    }
}

impl<T: Default> Default for Lock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// A [`Lock`] held.
#[derive(Debug)]
pub struct LockGuard<'a, T> {
    /// `None` only while a [`Condvar`] has it.
    guard: Option<imp::MutexGuard<'a, T>>,
}

impl<T> std::ops::Deref for LockGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.guard.as_ref().expect("a guard in a condvar is not reachable")
    }
}

impl<T> std::ops::DerefMut for LockGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.guard.as_mut().expect("a guard in a condvar is not reachable")
    }
}

impl<T> Drop for LockGuard<'_, T> {
    fn drop(&mut self) {
        if self.guard.is_some() {
            held::sub();
        }
    }
}

/// A condition variable for [`Lock`].
#[derive(Debug)]
pub struct Condvar(imp::Condvar);

impl Condvar {
    crate::const_fn! {
        /// Nobody waits yet.
        pub const fn new() -> Self {
            Self(imp::Condvar::new())
        }
    }

    /// Lets go of the lock, sleeps, and takes it again. May wake for no reason.
    pub fn wait<'a, T>(&self, mut guard: LockGuard<'a, T>) -> LockGuard<'a, T> {
        let taken = guard.guard.take().expect("a guard in a condvar is not reachable");
        let back = self.0.wait(taken).unwrap_or_else(|poison| poison.into_inner());
        LockGuard { guard: Some(back) }
    }

    /// As [`wait`](Self::wait), for `timeout` at most. A model never times out.
    pub fn wait_timeout<'a, T>(
        &self,
        mut guard: LockGuard<'a, T>,
        timeout: std::time::Duration,
    ) -> LockGuard<'a, T> {
        let taken = guard.guard.take().expect("a guard in a condvar is not reachable");
        let (back, _) =
            self.0.wait_timeout(taken, timeout).unwrap_or_else(|poison| poison.into_inner());
        LockGuard { guard: Some(back) }
    }

    /// Wakes one sleeper.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes all sleepers.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

/// Debug builds: panics if this thread holds a [`Lock`] while it is about to
/// call user code, named by `what`.
#[inline]
pub fn assert_unlocked(what: &str) {
    debug_assert!(held::count() == 0, "{what} would run under {} internal lock(s)", held::count());
}

/// Counts as a [`Lock`] held by this thread, for locks of another make.
#[derive(Debug)]
pub struct Held(());

impl Held {
    /// One more from now on.
    #[inline]
    #[expect(clippy::new_without_default, reason = "nobody holds a lock by default")]
    pub fn new() -> Self {
        held::add();
        Self(())
    }
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        held::sub();
    }
}

/// How many locks this thread holds: counted in debug builds only.
mod held {
    use std::cell::Cell;

    crate::thread_local! {
        static COUNT: Cell<usize> = const { Cell::new(0) };
    }

    #[inline]
    pub(super) fn add() {
        if cfg!(debug_assertions) {
            let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        }
    }

    #[inline]
    pub(super) fn sub() {
        if cfg!(debug_assertions) {
            let _ = COUNT.try_with(|count| count.set(count.get().saturating_sub(1)));
        }
    }

    pub(super) fn count() -> usize {
        COUNT.try_with(Cell::get).unwrap_or(0)
    }
}

/// Stores into an atomic on which others do read-modify-writes.
///
/// In a model of loom's it is one itself: loom 0.7 lets a read-modify-write read what
/// was there before a plain store, and still come after it, which no machine does.
#[inline]
#[cfg(not(loom))]
pub fn store_among_rmws<T>(place: &atomic::AtomicPtr<T>, value: *mut T, order: atomic::Ordering) {
    place.store(value, order);
}

/// Stores into an atomic on which others do read-modify-writes.
#[inline]
#[cfg(loom)]
pub fn store_among_rmws<T>(place: &atomic::AtomicPtr<T>, value: *mut T, order: atomic::Ordering) {
    place.swap(value, order);
}

/// A `const fn` under std, a plain one where loom or shuttle build the value.
#[doc(hidden)]
#[macro_export]
#[cfg(not(any(loom, shuttle)))]
macro_rules! const_fn {
    ($(#[$attr:meta])* $vis:vis const fn $($rest:tt)*) => {
        $(#[$attr])* $vis const fn $($rest)*
    };
}

/// A `const fn` under std, a plain one where loom or shuttle build the value.
#[doc(hidden)]
#[macro_export]
#[cfg(any(loom, shuttle))]
macro_rules! const_fn {
    ($(#[$attr:meta])* $vis:vis const fn $($rest:tt)*) => {
        $(#[$attr])* $vis fn $($rest)*
    };
}

/// `std::thread_local!` with a constant initializer, or the model's own.
#[doc(hidden)]
#[macro_export]
#[cfg(not(any(loom, shuttle)))]
macro_rules! thread_local {
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = const { $init:expr };) => {
        std::thread_local! { $(#[$attr])* $vis static $name: $t = const { $init }; }
    };
}

/// `std::thread_local!` with a constant initializer, or the model's own.
#[doc(hidden)]
#[macro_export]
#[cfg(loom)]
macro_rules! thread_local {
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = const { $init:expr };) => {
        $crate::shim::loom::thread_local! { $(#[$attr])* $vis static $name: $t = $init; }
    };
}

/// `std::thread_local!` with a constant initializer, or the model's own.
#[doc(hidden)]
#[macro_export]
#[cfg(shuttle)]
macro_rules! thread_local {
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = const { $init:expr };) => {
        $crate::shim::shuttle::thread_local! { $(#[$attr])* $vis static $name: $t = $init; }
    };
}

#[cfg(loom)]
pub use loom;
#[cfg(shuttle)]
pub use shuttle;

#[cfg(not(any(loom, shuttle)))]
mod imp {
    pub use std::sync::{Arc, atomic};
    pub(super) use std::{
        sync::{Condvar, Mutex, MutexGuard},
        thread,
    };

    #[expect(clippy::disallowed_methods, reason = "the one reader of the system's clock")]
    pub(super) fn now() -> std::time::Instant {
        std::time::Instant::now()
    }

    pub use super::plain_cell::UnsafeCell;
}

#[cfg(shuttle)]
mod imp {
    pub use super::plain_cell::UnsafeCell;
    pub use shuttle::sync::{Arc, atomic};
    pub(super) use shuttle::{
        sync::{Condvar, Mutex, MutexGuard},
        thread,
    };

    pub(super) use super::frozen_clock::now;
}

#[cfg(loom)]
mod imp {
    pub(super) use super::frozen_clock::now;
    pub use loom::{
        cell::UnsafeCell,
        sync::{Arc, atomic},
    };
    pub(super) use loom::{
        sync::{Condvar, Mutex, MutexGuard},
        thread,
    };
}

/// A clock that stands still, for models: time is not what they explore.
#[cfg(any(loom, shuttle))]
mod frozen_clock {
    use std::{sync::OnceLock, time::Instant};

    pub(super) fn now() -> Instant {
        static START: OnceLock<Instant> = OnceLock::new();
        #[expect(clippy::disallowed_methods, reason = "read once, then frozen")]
        *START.get_or_init(Instant::now)
    }
}

/// loom's interface to [`std::cell::UnsafeCell`], at no cost.
#[cfg(not(loom))]
mod plain_cell {
    /// A cell whose every access is a closure, so that a model can watch it.
    #[derive(Debug, Default)]
    #[repr(transparent)]
    pub struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        /// Wraps `value`.
        pub const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        /// Reads through a shared pointer.
        #[inline]
        pub fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
            read(self.0.get())
        }

        /// Writes through an exclusive pointer.
        #[inline]
        pub fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
            write(self.0.get())
        }

        /// Gives the value back.
        pub fn into_inner(self) -> T {
            self.0.into_inner()
        }
    }
}
