//! What may who borrowed a mutex do with the value?
//!
//! The rules are those of the [parent module](super).

use super::Mutex;
use crate::permits::Permits;
use std::{
    fmt,
    marker::PhantomData,
    mem,
    ops::{Deref, DerefMut},
};

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
/// let mut guard = mutex.try_lock().unwrap();
/// let value = &mut *guard;
/// drop(guard);
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
    /// For who has taken the permit of `mutex`, and leaves it to the guard.
    #[inline]
    pub(super) fn new(mutex: &'a Mutex<T>) -> Self {
        Self { mutex, lends: PhantomData }
    }

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
