//! Who may touch the value, one at a time?
//!
//! A [`Mutex`] is one permit of `permits` and a cell. Locking
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

mod guard;
mod owned_guard;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

pub use guard::{MappedMutexGuard, MutexGuard};
pub use owned_guard::{OwnedMappedMutexGuard, OwnedMutexGuard};

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
            Ok(()) => Ok(MutexGuard::new(self)),
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
            Ok(()) => Ok(OwnedMutexGuard::new(self)),
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
        Poll::Ready(MutexGuard::new(this.mutex))
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
        Poll::Ready(OwnedMutexGuard::new(mutex))
    }
}

impl<T> fmt::Debug for LockOwned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockOwned").finish_non_exhaustive()
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
