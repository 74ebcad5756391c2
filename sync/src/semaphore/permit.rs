//! What may who holds permits do with them?

use super::Semaphore;
use std::{mem, sync::Arc};

/// Permits of a [`Semaphore`], given back on drop.
///
/// Dropping it panics if a waker does, after everybody who is due was woken.
#[must_use = "the permits are given back at once if this is dropped"]
#[derive(Debug)]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    permits: usize,
}

impl<'a> SemaphorePermit<'a> {
    /// For who has taken `permits` permits, and leaves them to the guard.
    #[inline]
    pub(super) fn new(semaphore: &'a Semaphore, permits: usize) -> Self {
        Self { semaphore, permits }
    }

    /// How many permits it holds.
    #[must_use]
    pub fn num_permits(&self) -> usize {
        self.permits
    }

    /// Never gives the permits back: the semaphore has fewer from now on.
    pub fn forget(mut self) {
        self.semaphore.forget(mem::take(&mut self.permits));
    }

    /// Takes over the permits of `other`.
    ///
    /// # Panics
    ///
    /// If `other` is of another semaphore.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            std::ptr::eq(self.semaphore, other.semaphore),
            "permits of different semaphores cannot be merged"
        );
        self.permits += mem::take(&mut other.permits);
    }

    /// Splits `count` permits off. `None` if it holds fewer.
    pub fn split(&mut self, count: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(count)?;
        Some(Self { semaphore: self.semaphore, permits: count })
    }
}

impl Drop for SemaphorePermit<'_> {
    #[inline]
    fn drop(&mut self) {
        if 0 < self.permits {
            self.semaphore.permits.give(self.permits);
        }
    }
}

/// Permits of a [`Semaphore`] that it owns a share of, given back on drop.
///
/// Dropping it panics if a waker does, after everybody who is due was woken.
#[must_use = "the permits are given back at once if this is dropped"]
#[derive(Debug)]
pub struct OwnedSemaphorePermit {
    semaphore: Arc<Semaphore>,
    permits: usize,
}

impl OwnedSemaphorePermit {
    /// For who has taken `permits` permits, and leaves them to the guard.
    #[inline]
    pub(super) fn new(semaphore: Arc<Semaphore>, permits: usize) -> Self {
        Self { semaphore, permits }
    }

    /// How many permits it holds.
    #[must_use]
    pub fn num_permits(&self) -> usize {
        self.permits
    }

    /// The semaphore it came from.
    #[must_use]
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }

    /// Never gives the permits back: the semaphore has fewer from now on.
    pub fn forget(mut self) {
        self.semaphore.forget(mem::take(&mut self.permits));
    }

    /// Takes over the permits of `other`.
    ///
    /// # Panics
    ///
    /// If `other` is of another semaphore.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            Arc::ptr_eq(&self.semaphore, &other.semaphore),
            "permits of different semaphores cannot be merged"
        );
        self.permits += mem::take(&mut other.permits);
    }

    /// Splits `count` permits off. `None` if it holds fewer.
    pub fn split(&mut self, count: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(count)?;
        Some(Self { semaphore: self.semaphore.clone(), permits: count })
    }
}

impl Drop for OwnedSemaphorePermit {
    fn drop(&mut self) {
        if 0 < self.permits {
            self.semaphore.permits.give(self.permits);
        }
    }
}
