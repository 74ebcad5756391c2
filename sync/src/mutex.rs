//! Who may touch the value, one at a time?
//!
//! A [`Mutex`] is one permit of [`permits`](crate::permits) and a cell. Locking
//! and unlocking are one compare-exchange each while nobody waits; a guard that is
//! dropped while somebody does hands the lock to the one in front.
//!
//! # Who may touch what
//!
//! 1. Who holds the permit may touch the cell: one guard at a time holds it, and
//!    gives it back when it is dropped.
//! 2. A mapped guard holds the permit of the guard it was made of.
//! 3. Who has the mutex exclusively may touch the cell: there are no guards then.
//!
//! The edges are those of the permits: V1 and W1.
//!
//! # Rejected
//!
//! * Poisoning: asynchronous code is cancelled everywhere, so half-done updates
//!   are the normal case, and those who care must handle them anyway.
//! * Unfair unlocking (whoever comes first): more throughput under contention,
//!   nothing that bounds the wait.

use crate::{
    permits::{Permits, Take},
    shim::cell::UnsafeCell,
    site::Site,
    wait_blocking::WaitBlocking,
    wait_queue::{Hides, OwnerOf},
    wait_site::Kind,
};
use pin_project_lite::pin_project;
use std::{
    error::Error,
    fmt,
    future::Future,
    marker::PhantomData,
    mem,
    ops::{Deref, DerefMut},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// A value that one task at a time may touch, in the order of asking.
///
/// The guard may be held across `await`. It is a *fair* lock: a task that was
/// given the lock holds it until it is polled, so a future that waits for a lock
/// must be polled or dropped, never set aside.
///
/// # Examples
///
/// ```
/// use bowerbird_sync::Mutex;
///
/// static HITS: Mutex<u32> = Mutex::new(0);
///
/// # futures::executor::block_on(async {
/// *HITS.lock().await += 1;
/// assert_eq!(*HITS.lock().await, 1);
/// # });
/// ```
#[doc(alias = "Lock")]
pub struct Mutex<T> {
    permits: Permits,
    value: UnsafeCell<T>,
}

// SAFETY: rule 1: one guard at a time reaches the value, on whichever thread it
// is: the value is sent back and forth, never shared by the mutex itself.
unsafe impl<T: Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    crate::const_fn! {
        /// Unlocked.
        pub const fn new(value: T) -> Self {
            Self { permits: Permits::new(1), value: UnsafeCell::new(value) }
        }
    }

    /// Locks, waiting for its turn.
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.** A lock that was granted and not seen goes to the next
    /// in line.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let mutex = bowerbird_sync::Mutex::new(vec![1]);
    /// mutex.lock().await.push(2);
    /// assert_eq!(mutex.into_inner(), [1, 2]);
    /// # });
    /// ```
    #[doc(alias = "acquire")]
    #[track_caller]
    #[inline]
    pub fn lock(&self) -> Lock<'_, T> {
        let site = Site::new(Kind::Mutex, &self.permits);
        Lock { mutex: self, take: self.permits.take(1, site) }
    }

    /// Locks, with a guard that owns the mutex.
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.** A lock that was granted and not seen goes to the next
    /// in line.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_sync::Mutex;
    /// use std::sync::Arc;
    ///
    /// # futures::executor::block_on(async {
    /// let mutex = Arc::new(Mutex::new(1));
    /// let mut guard = mutex.clone().lock_owned().await;
    /// std::thread::spawn(move || *guard += 1).join().unwrap();
    /// assert_eq!(*mutex.lock().await, 2);
    /// # });
    /// ```
    #[track_caller]
    pub fn lock_owned(self: Arc<Self>) -> LockOwned<T> {
        let site = Site::new(Kind::Mutex, &self.permits);
        LockOwned { take: Take::new(OwnerOf(self), 1, site) }
    }

    /// Locks if it is unlocked and nobody waits.
    ///
    /// # Errors
    ///
    /// If it is not.
    #[inline]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        match self.permits.try_take(1) {
            Ok(()) => Ok(MutexGuard { mutex: self, lends: PhantomData }),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// As [`try_lock`](Self::try_lock), with a guard that owns the mutex.
    ///
    /// # Errors
    ///
    /// If it is locked, or others wait.
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        match self.permits.try_take(1) {
            Ok(()) => Ok(OwnedMutexGuard { mutex: self, lends: PhantomData }),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// Blocks the thread until it has the lock. Not for use inside tasks: see
    /// [`WaitBlocking`].
    ///
    /// # Examples
    ///
    /// ```
    /// let mutex = bowerbird_sync::Mutex::new(1);
    /// *mutex.blocking_lock() += 1;
    /// assert_eq!(mutex.into_inner(), 2);
    /// ```
    #[track_caller]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        match self.try_lock() {
            Ok(guard) => guard,
            Err(_) => self.lock().wait_blocking(),
        }
    }

    /// As [`blocking_lock`](Self::blocking_lock), with a guard that owns the
    /// mutex.
    #[track_caller]
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        self.lock_owned().wait_blocking()
    }

    /// Whether somebody holds or waits for the lock. Out of date at once.
    #[doc(alias = "locked")]
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.permits.available() == 0
    }

    /// The value, without locking: nobody else can reach it.
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: rule 3.
        self.value.with_mut(|value| unsafe { &mut *value })
    }

    /// Gives the value back.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T> Hides for Mutex<T> {
    type Primitive = Permits;

    fn primitive(&self) -> &Permits {
        &self.permits
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut it = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => it.field("value", &*guard),
            Err(_) => it.field("value", &format_args!("<locked>")),
        };
        it.finish()
    }
}

pin_project! {
    /// The future of [`Mutex::lock`].
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.**
    #[must_use = "futures do nothing unless polled"]
    pub struct Lock<'a, T> {
        mutex: &'a Mutex<T>,
        #[pin]
        take: Take<&'a Permits>,
    }
}

impl<'a, T> Future for Lock<'a, T> {
    type Output = MutexGuard<'a, T>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        ready!(this.take.poll(cx)).expect("nobody closes the permits of a mutex");
        Poll::Ready(MutexGuard { mutex: this.mutex, lends: PhantomData })
    }
}

impl<T> fmt::Debug for Lock<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`Mutex::lock_owned`].
    ///
    /// # Panics
    ///
    /// If polled again after it was ready.
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.**
    #[must_use = "futures do nothing unless polled"]
    pub struct LockOwned<T> {
        #[pin]
        take: Take<OwnerOf<Mutex<T>>>,
    }
}

impl<T> Future for LockOwned<T> {
    type Output = OwnedMutexGuard<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut take = self.project().take;
        ready!(take.as_mut().poll(cx)).expect("nobody closes the permits of a mutex");
        let OwnerOf(mutex) = take.take_holder().expect("it was there a moment ago");
        Poll::Ready(OwnedMutexGuard { mutex, lends: PhantomData })
    }
}

impl<T> fmt::Debug for LockOwned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockOwned").finish_non_exhaustive()
    }
}

/// A [`Mutex`] locked: access to its value.
///
/// Dropping it unlocks, and panics if the next one's waker does.
///
/// ```compile_fail
/// // A guard is as shareable as the value.
/// fn shareable<T: Sync>() {}
/// shareable::<bowerbird_sync::MutexGuard<'static, std::cell::Cell<u8>>>();
/// ```
///
/// ```compile_fail
/// // The value cannot outlive the guard.
/// let mutex = bowerbird_sync::Mutex::new(1);
/// let value: &mut i32 = &mut *mutex.try_lock().unwrap();
/// *value += 1;
/// ```
#[clippy::has_significant_drop]
#[must_use = "a mutex is unlocked at once if its guard is dropped"]
pub struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    /// As if it held the exclusive reference it gives out: `Sync` if `T` is.
    lends: PhantomData<&'a mut T>,
}

impl<'a, T> MutexGuard<'a, T> {
    /// Narrows the guard to a part of the value.
    ///
    /// An associated function, since a method would hide one of the value's.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_sync::{Mutex, MutexGuard};
    ///
    /// let mutex = Mutex::new((1, "two"));
    /// let mut first = MutexGuard::map(mutex.try_lock().unwrap(), |it| &mut it.0);
    /// *first += 1;
    /// drop(first);
    /// assert_eq!(mutex.into_inner(), (2, "two"));
    /// ```
    pub fn map<U: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut T) -> &mut U,
    ) -> MappedMutexGuard<'a, U> {
        let value: *mut U = part(&mut this);
        MappedMutexGuard { permits: this.into_permits(), value, lends: PhantomData }
    }

    /// Narrows the guard to a part of the value, if it is there.
    ///
    /// # Errors
    ///
    /// The guard, if `part` returns `None`.
    pub fn filter_map<U: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<MappedMutexGuard<'a, U>, Self> {
        match part(&mut this).map(|it| -> *mut U { it }) {
            None => Err(this),
            Some(value) => {
                Ok(MappedMutexGuard { permits: this.into_permits(), value, lends: PhantomData })
            }
        }
    }

    /// The mutex it locks.
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.mutex
    }

    /// Rule 2: leaves the permit to the caller.
    fn into_permits(self) -> &'a Permits {
        let permits = &self.mutex.permits;
        mem::forget(self);
        permits
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: rule 1, and the reference borrows the guard.
        self.mutex.value.with(|value| unsafe { &*value })
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: rule 1, and the reference borrows the guard exclusively.
        self.mutex.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.permits.give(1);
    }
}

impl<T: fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A [`Mutex`] locked, by a guard that owns a share of it.
///
/// Dropping it unlocks, and panics if the next one's waker does.
///
/// ```compile_fail
/// // A guard is as shareable as the value.
/// fn shareable<T: Sync>() {}
/// shareable::<bowerbird_sync::OwnedMutexGuard<std::cell::Cell<u8>>>();
/// ```
#[clippy::has_significant_drop]
#[must_use = "a mutex is unlocked at once if its guard is dropped"]
pub struct OwnedMutexGuard<T> {
    mutex: Arc<Mutex<T>>,
    /// As if it held the value: `Sync` if `T` is.
    lends: PhantomData<T>,
}

impl<T> OwnedMutexGuard<T> {
    /// Narrows the guard to a part of the value.
    ///
    /// An associated function, since a method would hide one of the value's.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_sync::{Mutex, OwnedMutexGuard};
    /// use std::sync::Arc;
    ///
    /// let mutex = Arc::new(Mutex::new([1, 2]));
    /// let guard = mutex.clone().try_lock_owned().unwrap();
    /// let mut last = OwnedMutexGuard::map(guard, |it| &mut it[1]);
    /// *last += 1;
    /// drop(last);
    /// assert_eq!(*mutex.try_lock().unwrap(), [1, 3]);
    /// ```
    pub fn map<U: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut T) -> &mut U,
    ) -> OwnedMappedMutexGuard<T, U> {
        let value: *mut U = part(&mut this);
        OwnedMappedMutexGuard { guard: this, value }
    }

    /// Narrows the guard to a part of the value, if it is there.
    ///
    /// # Errors
    ///
    /// The guard, if `part` returns `None`.
    pub fn filter_map<U: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<OwnedMappedMutexGuard<T, U>, Self> {
        match part(&mut this).map(|it| -> *mut U { it }) {
            None => Err(this),
            Some(value) => Ok(OwnedMappedMutexGuard { guard: this, value }),
        }
    }

    /// The mutex it locks.
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        &this.mutex
    }
}

impl<T> Deref for OwnedMutexGuard<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: rule 1, and the reference borrows the guard.
        self.mutex.value.with(|value| unsafe { &*value })
    }
}

impl<T> DerefMut for OwnedMutexGuard<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: rule 1, and the reference borrows the guard exclusively.
        self.mutex.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T> Drop for OwnedMutexGuard<T> {
    fn drop(&mut self) {
        self.mutex.permits.give(1);
    }
}

impl<T: fmt::Debug> fmt::Debug for OwnedMutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for OwnedMutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A [`Mutex`] locked: access to a part of its value.
///
/// Dropping it unlocks, and panics if the next one's waker does.
#[clippy::has_significant_drop]
#[must_use = "a mutex is unlocked at once if its guard is dropped"]
pub struct MappedMutexGuard<'a, U: ?Sized> {
    permits: &'a Permits,
    /// A pointer, since the guard may be moved into a function that drops it: an
    /// exclusive reference would claim to be alone until that function returns.
    value: *mut U,
    lends: PhantomData<&'a mut U>,
}

// SAFETY: rules 1 and 2: it is an exclusive reference to the part, and permits,
// which any thread may give back.
unsafe impl<U: ?Sized + Send> Send for MappedMutexGuard<'_, U> {}
// SAFETY: a shared guard gives out shared references to the part.
unsafe impl<U: ?Sized + Sync> Sync for MappedMutexGuard<'_, U> {}

impl<'a, U: ?Sized> MappedMutexGuard<'a, U> {
    /// Narrows the guard to a part of the part.
    pub fn map<V: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut U) -> &mut V,
    ) -> MappedMutexGuard<'a, V> {
        let value: *mut V = part(&mut this);
        let permits = this.permits;
        mem::forget(this);
        MappedMutexGuard { permits, value, lends: PhantomData }
    }
}

impl<U: ?Sized> Deref for MappedMutexGuard<'_, U> {
    type Target = U;

    #[inline]
    fn deref(&self) -> &U {
        // SAFETY: rule 2: the part came from an exclusive borrow of the value; the
        // reference borrows the guard.
        unsafe { &*self.value }
    }
}

impl<U: ?Sized> DerefMut for MappedMutexGuard<'_, U> {
    #[inline]
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: rule 2: the part came from an exclusive borrow of the value; the
        // reference borrows the guard exclusively.
        unsafe { &mut *self.value }
    }
}

impl<U: ?Sized> Drop for MappedMutexGuard<'_, U> {
    fn drop(&mut self) {
        self.permits.give(1);
    }
}

impl<U: ?Sized + fmt::Debug> fmt::Debug for MappedMutexGuard<'_, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<U: ?Sized + fmt::Display> fmt::Display for MappedMutexGuard<'_, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A [`Mutex`] locked, by a guard that owns a share of it: access to a part of its
/// value.
///
/// Dropping it unlocks, and panics if the next one's waker does.
///
/// ```compile_fail
/// // The part is given out exclusively, so its type cannot be shortened.
/// use bowerbird_sync::mutex::OwnedMappedMutexGuard;
///
/// fn shorten<'a>(
///     it: OwnedMappedMutexGuard<(), &'static str>,
/// ) -> OwnedMappedMutexGuard<(), &'a str> {
///     it
/// }
/// ```
#[must_use = "a mutex is unlocked at once if its guard is dropped"]
pub struct OwnedMappedMutexGuard<T, U: ?Sized> {
    guard: OwnedMutexGuard<T>,
    /// Points into the value behind `guard`.
    value: *mut U,
}

// SAFETY: it is the guard, whose share of the mutex may be the last and drop the
// value here, and an exclusive reference to the part.
unsafe impl<T: Send, U: ?Sized + Send> Send for OwnedMappedMutexGuard<T, U> {}
// SAFETY: a shared guard gives out shared references to the part, and shows
// nothing of the rest.
unsafe impl<T: Send, U: ?Sized + Sync> Sync for OwnedMappedMutexGuard<T, U> {}

impl<T, U: ?Sized> OwnedMappedMutexGuard<T, U> {
    /// Narrows the guard to a part of the part.
    pub fn map<V: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut U) -> &mut V,
    ) -> OwnedMappedMutexGuard<T, V> {
        let value: *mut V = part(&mut this);
        OwnedMappedMutexGuard { guard: this.guard, value }
    }

    /// The mutex it locks.
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        &this.guard.mutex
    }
}

impl<T, U: ?Sized> Deref for OwnedMappedMutexGuard<T, U> {
    type Target = U;

    #[inline]
    fn deref(&self) -> &U {
        // SAFETY: rule 1: `guard` is held, and not used otherwise; the part came
        // from an exclusive borrow of it. The reference borrows us.
        unsafe { &*self.value }
    }
}

impl<T, U: ?Sized> DerefMut for OwnedMappedMutexGuard<T, U> {
    #[inline]
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: rule 1: `guard` is held, and not used otherwise; the part came
        // from an exclusive borrow of it. The reference borrows us exclusively.
        unsafe { &mut *self.value }
    }
}

impl<T, U: ?Sized + fmt::Debug> fmt::Debug for OwnedMappedMutexGuard<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T, U: ?Sized + fmt::Display> fmt::Display for OwnedMappedMutexGuard<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The mutex is locked, or others wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TryLockError(());

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the mutex is locked")
    }
}

impl Error for TryLockError {}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        task::Waker,
        thread,
    };

    fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
        future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn the_lock_is_handed_over_in_order_and_nobody_barges_in() {
        let mutex = Mutex::new(0);
        let held = mutex.try_lock().unwrap();
        let (mut first, mut second) = (Box::pin(mutex.lock()), Box::pin(mutex.lock()));
        assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
        drop(held);
        assert!(mutex.try_lock().is_err(), "it belongs to the first");
        assert!(poll(&mut second).is_pending());
        let Poll::Ready(guard) = poll(&mut first) else { panic!("it is the first's turn") };
        drop(guard);
        assert!(poll(&mut second).is_ready());
    }

    #[test]
    fn a_lock_that_was_granted_and_not_seen_goes_on() {
        let mutex = Mutex::new(0);
        let held = mutex.try_lock().unwrap();
        let (mut first, mut second) = (Box::pin(mutex.lock()), Box::pin(mutex.lock()));
        assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
        drop(held);
        drop(first);
        assert!(poll(&mut second).is_ready());
        assert!(mutex.try_lock().is_ok());
    }

    #[test]
    fn a_mapping_that_panics_unlocks() {
        let mutex = Arc::new(Mutex::new(7));
        let guard = mutex.try_lock().unwrap();
        let panic = catch_unwind(AssertUnwindSafe(|| {
            let _ = MutexGuard::map(guard, |_| -> &mut u8 { std::panic::panic_any("part") });
        }));
        assert!(panic.is_err());
        let guard = mutex.clone().try_lock_owned().unwrap();
        assert!(OwnedMutexGuard::filter_map(guard, |_| None::<&mut u8>).is_err());
        assert!(!mutex.is_locked());
    }

    #[test]
    fn a_mapped_guard_holds_the_lock_until_it_is_dropped() {
        let mutex = Arc::new(Mutex::new(vec![1, 2, 3]));
        let slice = MutexGuard::map(mutex.try_lock().unwrap(), |it| &mut it[..]);
        let mut last = MappedMutexGuard::map(slice, |it| it.last_mut().unwrap());
        *last = 4;
        assert!(mutex.is_locked());
        drop(last);
        let owned = OwnedMutexGuard::map(mutex.clone().try_lock_owned().unwrap(), |it| &mut it[..]);
        let first = OwnedMappedMutexGuard::map(owned, |it| &mut it[0]);
        thread::spawn(move || drop(first)).join().unwrap();
        assert_eq!(*mutex.try_lock().unwrap(), [1, 2, 4]);
    }

    #[test]
    fn a_panicking_holder_unlocks_and_does_not_poison() {
        let mutex = Mutex::new(1);
        let panic = catch_unwind(AssertUnwindSafe(|| {
            let _guard = mutex.try_lock().unwrap();
            std::panic::panic_any("holder");
        }));
        assert!(panic.is_err());
        assert_eq!(*mutex.try_lock().unwrap(), 1);
    }

    #[test]
    fn threads_and_tasks_share_it() {
        const EACH: usize = 1000;
        let mutex = Arc::new(Mutex::new(0));
        let threads: Vec<_> = (0..4)
            .map(|which| {
                let mutex = mutex.clone();
                thread::spawn(move || {
                    for _ in 0..EACH {
                        match which % 2 {
                            0 => *mutex.blocking_lock() += 1,
                            _ => *mutex.clone().lock_owned().wait_blocking() += 1,
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(*mutex.try_lock().unwrap(), 4 * EACH);
    }

    #[test]
    fn it_shows_its_value_unless_it_is_locked() {
        let mutex = Mutex::from(5);
        assert_eq!(format!("{mutex:?}"), "Mutex { value: 5 }");
        let guard = mutex.try_lock().unwrap();
        assert_eq!(format!("{mutex:?} {guard} {guard:?}"), "Mutex { value: <locked> } 5 5");
        assert_eq!(mutex.try_lock().unwrap_err().to_string(), "the mutex is locked");
    }
}
