//! How many may do a thing at once, and who is next?
//!
//! A [`Semaphore`] is `Permits` with a number of permits that may change and
//! guards that give back what they hold. Strictly first come, first served: a
//! small request behind a large one waits.
//!
//! `total` counts the permits there are, held or not. It is raised before permits
//! are added and lowered after they are gone, so it never lies below the truth,
//! and giving back can never exceed what the word of the permits holds.

mod error;
mod permit;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

pub use error::{AcquireError, AddPermitsError, TryAcquireError};
pub use permit::{OwnedSemaphorePermit, SemaphorePermit};

use crate::{
    permits::{Permits, Take},
    shim::atomic::{AtomicUsize, Ordering::Relaxed},
    site::Site,
    wait_blocking::WaitBlocking,
    wait_queue::{Hides, OwnerOf},
    wait_site::Kind,
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// A number of permits, handed out in the order of asking.
///
/// # Examples
///
/// At most two at a time:
///
/// ```
/// use bowerbird_sync::Semaphore;
///
/// # futures::executor::block_on(async {
/// let semaphore = Semaphore::new(2);
/// let first = semaphore.acquire().await?;
/// let second = semaphore.acquire().await?;
/// assert!(semaphore.try_acquire().is_err());
/// drop(first);
/// assert_eq!(semaphore.available_permits(), 1);
/// # drop(second);
/// # Ok::<(), bowerbird_sync::semaphore::AcquireError>(())
/// # }).unwrap();
/// ```
#[doc(alias = "BoundedSemaphore")]
pub struct Semaphore {
    permits: Permits,
    total: AtomicUsize,
    bound: usize,
}

impl Semaphore {
    /// The most permits a semaphore can have.
    pub const MAX_PERMITS: usize = Permits::MAX;

    crate::const_fn! {
        /// A semaphore with `permits` permits, to which more may be added.
        ///
        /// # Panics
        ///
        /// If `permits` exceeds [`MAX_PERMITS`](Self::MAX_PERMITS).
        #[must_use]
        pub const fn new(permits: usize) -> Self {
            assert!(permits <= Self::MAX_PERMITS, "more permits than Semaphore::MAX_PERMITS");
            Self {
                permits: Permits::new(permits),
                total: AtomicUsize::new(permits),
                bound: Self::MAX_PERMITS,
            }
        }
    }

    crate::const_fn! {
        /// A semaphore that starts with `permits` permits and never has more, held
        /// ones included: adding past that is an error, and so is asking for more.
        ///
        /// # Panics
        ///
        /// If `permits` exceeds [`MAX_PERMITS`](Self::MAX_PERMITS).
        ///
        /// # Examples
        ///
        /// ```
        /// use bowerbird_sync::Semaphore;
        ///
        /// let semaphore = Semaphore::bounded(3);
        /// let error = semaphore.add_permits(1).unwrap_err();
        /// assert_eq!(error.to_string(), "cannot add 1 permits to 3: the bound is 3");
        /// assert_eq!(semaphore.forget_permits(1), 1);
        /// assert!(semaphore.add_permits(1).is_ok());
        /// ```
        #[must_use]
        pub const fn bounded(permits: usize) -> Self {
            assert!(permits <= Self::MAX_PERMITS, "more permits than Semaphore::MAX_PERMITS");
            Self {
                permits: Permits::new(permits),
                total: AtomicUsize::new(permits),
                bound: permits,
            }
        }
    }

    /// How many permits nobody holds.
    #[must_use]
    pub fn available_permits(&self) -> usize {
        self.permits.available()
    }

    /// Adds `count` permits, which go to those who wait first.
    ///
    /// # Errors
    ///
    /// If there would be more permits, held ones included, than the bound of a
    /// [`bounded`](Self::bounded) semaphore or [`MAX_PERMITS`](Self::MAX_PERMITS).
    /// Nothing is added then.
    ///
    /// # Panics
    ///
    /// If a waker panics, after everybody who is due was woken.
    #[doc(alias = "release")]
    pub fn add_permits(&self, count: usize) -> Result<(), AddPermitsError> {
        let room = |total: usize| total.checked_add(count).filter(|&sum| sum <= self.bound);
        // Relaxed: a number that is compared with itself; V1 publishes the rest.
        match self.total.fetch_update(Relaxed, Relaxed, room) {
            Ok(_) => {
                self.permits.give(count);
                Ok(())
            }
            Err(total) => Err(AddPermitsError { added: count, total, bound: self.bound }),
        }
    }

    /// Takes up to `count` of the permits nobody holds out of the world. Returns
    /// how many.
    pub fn forget_permits(&self, count: usize) -> usize {
        let gone = self.permits.withdraw(count);
        self.forget(gone);
        gone
    }

    /// `count` permits are gone, and nobody will give them back.
    fn forget(&self, count: usize) {
        // Relaxed: a number that is compared with itself.
        self.total.fetch_sub(count, Relaxed);
    }

    /// Takes one permit, waiting for its turn.
    ///
    /// # Errors
    ///
    /// [`AcquireError::Closed`] once the semaphore is [closed](Self::close).
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.** A permit that was granted and not seen goes to the next
    /// in line.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let semaphore = bowerbird_sync::Semaphore::new(1);
    /// let permit = semaphore.acquire().await?;
    /// assert_eq!(permit.num_permits(), 1);
    /// # Ok::<(), bowerbird_sync::semaphore::AcquireError>(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    #[inline]
    pub fn acquire(&self) -> Acquire<'_> {
        self.acquire_many(1)
    }

    /// Takes `count` permits at once, waiting for its turn. Those who come later
    /// wait as well, also if they want less.
    ///
    /// Nothing (zero permits) is always there.
    ///
    /// # Errors
    ///
    /// [`AcquireError::Closed`] once the semaphore is [closed](Self::close);
    /// [`AcquireError::BeyondBound`] at once if a [`bounded`](Self::bounded)
    /// semaphore can never have so many.
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.** Permits that were granted and not seen go to the next
    /// in line.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let semaphore = bowerbird_sync::Semaphore::bounded(5);
    /// let permit = semaphore.acquire_many(3).await?;
    /// assert_eq!(permit.num_permits(), 3);
    /// assert_eq!(
    ///     semaphore.acquire_many(6).await.unwrap_err().to_string(),
    ///     "6 permits were asked for, and there are never more than 5",
    /// );
    /// # Ok::<(), bowerbird_sync::semaphore::AcquireError>(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    #[inline]
    pub fn acquire_many(&self, count: u32) -> Acquire<'_> {
        let wanted = wide(count);
        let site = Site::new(Kind::Semaphore, &self.permits);
        Acquire { semaphore: self, wanted, take: self.permits.take(wanted, site) }
    }

    /// As [`acquire`](Self::acquire), with a permit that owns the semaphore.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.**
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let semaphore = std::sync::Arc::new(bowerbird_sync::Semaphore::new(1));
    /// let permit = semaphore.clone().acquire_owned().await?;
    /// assert!(std::sync::Arc::ptr_eq(permit.semaphore(), &semaphore));
    /// # Ok::<(), bowerbird_sync::semaphore::AcquireError>(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn acquire_owned(self: Arc<Self>) -> AcquireOwned {
        self.acquire_many_owned(1)
    }

    /// As [`acquire_many`](Self::acquire_many), with a permit that owns the
    /// semaphore.
    ///
    /// # Errors
    ///
    /// As [`acquire_many`](Self::acquire_many).
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.**
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_sync::Semaphore;
    /// use std::sync::Arc;
    ///
    /// # futures::executor::block_on(async {
    /// let semaphore = Arc::new(Semaphore::new(3));
    /// let permit = semaphore.clone().acquire_many_owned(2).await?;
    /// let worker = std::thread::spawn(move || permit.num_permits());
    /// assert_eq!(worker.join().unwrap(), 2);
    /// assert_eq!(semaphore.available_permits(), 3);
    /// # Ok::<(), bowerbird_sync::semaphore::AcquireError>(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn acquire_many_owned(self: Arc<Self>, count: u32) -> AcquireOwned {
        let wanted = wide(count);
        let site = Site::new(Kind::Semaphore, &self.permits);
        let bound = self.bound;
        AcquireOwned { bound, wanted, take: Take::new(OwnerOf(self), wanted, site) }
    }

    /// Takes one permit if it is there and nobody waits.
    ///
    /// # Errors
    ///
    /// If it is not, or the semaphore is closed.
    #[inline]
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `count` permits if they are there and nobody waits.
    ///
    /// # Errors
    ///
    /// If they are not, or the semaphore is closed.
    #[inline]
    pub fn try_acquire_many(&self, count: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        let permits = wide(count);
        self.permits.try_take(permits)?;
        Ok(SemaphorePermit::new(self, permits))
    }

    /// As [`try_acquire`](Self::try_acquire), with a permit that owns the
    /// semaphore.
    ///
    /// # Errors
    ///
    /// If there is none, or the semaphore is closed.
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// As [`try_acquire_many`](Self::try_acquire_many), with a permit that owns
    /// the semaphore.
    ///
    /// # Errors
    ///
    /// If there are too few, or the semaphore is closed.
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        count: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        let permits = wide(count);
        self.permits.try_take(permits)?;
        Ok(OwnedSemaphorePermit::new(self, permits))
    }

    /// Blocks the thread until it has one permit. Not for use inside tasks: see
    /// [`WaitBlocking`].
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    #[track_caller]
    pub fn blocking_acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.blocking_acquire_many(1)
    }

    /// Blocks the thread until it has `count` permits. Not for use inside tasks:
    /// see [`WaitBlocking`].
    ///
    /// # Errors
    ///
    /// As [`acquire_many`](Self::acquire_many).
    #[track_caller]
    pub fn blocking_acquire_many(&self, count: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        match self.try_acquire_many(count) {
            Ok(permit) => Ok(permit),
            Err(_) => self.acquire_many(count).wait_blocking(),
        }
    }

    /// Refuses everybody who waits and everybody who comes. Permits that are held
    /// stay good.
    ///
    /// # Panics
    ///
    /// If a waker panics, after everybody was woken.
    pub fn close(&self) {
        self.permits.close();
    }

    /// Whether [`close`](Self::close) was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }
}

impl Hides for Semaphore {
    type Primitive = Permits;

    fn primitive(&self) -> &Permits {
        &self.permits
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available", &self.available_permits())
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// No target has fewer than 32 bits to an address here; where one had, it would
/// saturate beyond every bound.
fn wide(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

pin_project! {
    /// The future of [`Semaphore::acquire`] and [`Semaphore::acquire_many`].
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.**
    #[must_use = "futures do nothing unless polled"]
    pub struct Acquire<'a> {
        semaphore: &'a Semaphore,
        wanted: usize,
        #[pin]
        take: Take<&'a Permits>,
    }
}

impl<'a> Future for Acquire<'a> {
    type Output = Result<SemaphorePermit<'a>, AcquireError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let permits = *this.wanted;
        AcquireError::check(permits, this.semaphore.bound)?;
        ready!(this.take.poll(cx))?;
        Poll::Ready(Ok(SemaphorePermit::new(this.semaphore, permits)))
    }
}

impl fmt::Debug for Acquire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("wanted", &self.wanted).finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`Semaphore::acquire_owned`] and
    /// [`Semaphore::acquire_many_owned`].
    ///
    /// # Panics
    ///
    /// If polled again after it was ready.
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.**
    #[must_use = "futures do nothing unless polled"]
    pub struct AcquireOwned {
        wanted: usize,
        bound: usize,
        #[pin]
        take: Take<OwnerOf<Semaphore>>,
    }
}

impl Future for AcquireOwned {
    type Output = Result<OwnedSemaphorePermit, AcquireError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let permits = *this.wanted;
        AcquireError::check(permits, *this.bound)?;
        ready!(this.take.as_mut().poll(cx))?;
        let OwnerOf(semaphore) = this.take.take_holder().expect("it was there a moment ago");
        Poll::Ready(Ok(OwnedSemaphorePermit::new(semaphore, permits)))
    }
}

impl fmt::Debug for AcquireOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireOwned").field("wanted", &self.wanted).finish_non_exhaustive()
    }
}
