//! What may who owns a share of a mutex do with the value?
//!
//! The rules are those of the [parent module](super).

use super::Mutex;
use std::{
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
    sync::Arc,
};

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
    lends: PhantomData<Box<T>>,
}

impl<T> OwnedMutexGuard<T> {
    /// For who has taken the permit of `mutex`, and leaves it to the guard.
    #[inline]
    pub(super) fn new(mutex: Arc<Mutex<T>>) -> Self {
        Self { mutex, lends: PhantomData }
    }

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
