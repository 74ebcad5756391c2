//! How does one value reach many who wait for it?
//!
//! A [`Deferred`] is a place for an outcome that is written once, and a milestone
//! that is reached when it is there. Writing and reaching are one step under the lock
//! of those who wait, so of several who set it one wins, and the others find it done.
//!
//! The outcome lies in a `OnceLock`, which gives out references for as long as the
//! handle lives. It orders nothing here: who looks asks the milestone first, and what
//! the setter wrote crosses by I1 or W1.
//!
//! # One type for both sides
//!
//! Whoever has a handle may set it, as in asyncio. That all who might set it are gone
//! can then not be told, since those who wait have handles, too. Who is to set it and
//! might fail on the way (a task that is aborted, a panic) therefore holds a
//! [`CancelOnDrop`]: when that is gone, and nothing was set, those who wait hear of
//! it. Where one sets and one waits, [`oneshot`](crate::oneshot) has a half for each.
//!
//! # Rejected
//!
//! * A setting half that cancels when its last clone is gone: everybody who waits
//!   would have to be careful not to keep one, and a request that two may answer,
//!   or that its waiter may withdraw, needs one on either side.
//! * Callbacks: who waits is a future, in a task if it is to run by itself.
//! * The state of [`oneshot`](crate::oneshot): it has one waiter, by a word for two.

mod error;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod wait;

pub use self::{
    error::{AlreadySet, DeferredError},
    wait::{Wait, WaitOwned},
};

use crate::{milestone::Milestone, wait_queue::Hides};
use std::{
    error::Error,
    fmt,
    future::IntoFuture,
    sync::{Arc, OnceLock},
};

/// A value that is set once, by anybody, with any number who wait for it:
/// `asyncio.Future`.
///
/// Clones are handles of the same value. A handle is awaited by reference, for a
/// reference to the value, or by value, for a clone of it.
///
/// # Examples
///
/// ```
/// use bowerbird_sync::Deferred;
///
/// # futures::executor::block_on(async {
/// let address = Deferred::<String>::new();
/// let (length, copy, ()) = futures::join!(
///     async { address.wait().await.unwrap().len() },
///     address.clone().wait_owned(),
///     async { address.set("127.0.0.1".to_owned()).unwrap() },
/// );
/// assert_eq!((length, copy.unwrap().as_str()), (9, "127.0.0.1"));
/// assert_eq!((&address).await.unwrap(), "127.0.0.1"); // still there
/// # });
/// ```
#[doc(alias = "Future")]
#[doc(alias = "Promise")]
#[doc(alias = "Shared")]
#[doc(alias = "SetOnce")]
#[doc(alias = "create_future")]
pub struct Deferred<T> {
    promised: Arc<Promised<T>>,
}

/// What the handles share.
struct Promised<T> {
    /// Read only after the milestone is reached.
    outcome: OnceLock<Result<T, DeferredError>>,
    done: Milestone,
}

impl<T> Deferred<T> {
    /// Nothing is set.
    #[must_use]
    pub fn new() -> Self {
        let promised = Promised { outcome: OnceLock::new(), done: Milestone::new() };
        Self { promised: Arc::new(promised) }
    }

    /// Sets the value, and wakes all who wait for it.
    ///
    /// # Errors
    ///
    /// [`AlreadySet`] gives `value` back, if it has been set, failed or cancelled
    /// before.
    ///
    /// # Panics
    ///
    /// If a waker panics, after everybody was woken. The value is set.
    ///
    /// # Examples
    ///
    /// ```
    /// let deferred = bowerbird_sync::Deferred::new();
    /// assert_eq!(deferred.set(1), Ok(()));
    /// assert_eq!(deferred.set(2).unwrap_err().into_inner(), 2);
    /// assert_eq!(deferred.try_get().unwrap().unwrap(), &1);
    /// ```
    #[doc(alias = "set_result")]
    pub fn set(&self, value: T) -> Result<(), AlreadySet<T>> {
        self.publish(value, Ok)
    }

    /// Gives an error to all who wait, instead of a value.
    ///
    /// # Errors
    ///
    /// [`AlreadySet`] gives `error` back, if it has been set, failed or cancelled
    /// before.
    ///
    /// # Panics
    ///
    /// If a waker panics, after everybody was woken.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_sync::Deferred;
    /// use std::error::Error;
    ///
    /// let deferred = Deferred::<u32>::new();
    /// deferred.fail("no such host").unwrap();
    /// let error = deferred.try_get().unwrap().unwrap_err();
    /// assert_eq!(error.source().unwrap().to_string(), "no such host");
    /// ```
    #[doc(alias = "set_exception")]
    pub fn fail(
        &self,
        error: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Result<(), AlreadySet<Arc<dyn Error + Send + Sync>>> {
        self.publish(Arc::from(error.into()), |error| Err(DeferredError::Failed(error)))
    }

    /// Tells all who wait that there will be no value. Returns whether this call did
    /// it: `false` if it has been set, failed or cancelled before.
    ///
    /// # Panics
    ///
    /// If a waker panics, after everybody was woken.
    ///
    /// # Examples
    ///
    /// ```
    /// let deferred = bowerbird_sync::Deferred::<u32>::new();
    /// assert!(deferred.cancel());
    /// assert!(!deferred.cancel());
    /// assert!(deferred.set(7).is_err());
    /// ```
    pub fn cancel(&self) -> bool {
        self.publish((), |()| Err(DeferredError::Cancelled)).is_ok()
    }

    /// A guard that [cancels](Self::cancel) when it is dropped, unless there is a
    /// value or an error by then: for who is to set it, and might not come to it.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_sync::Deferred;
    ///
    /// let deferred = Deferred::<u32>::new();
    /// let guard = deferred.cancel_on_drop();
    /// let worker = std::thread::spawn(|| {
    ///     let _guard = guard;
    ///     panic!("before it was set");
    /// });
    /// let answer = futures::executor::block_on(deferred.wait());
    /// assert!(answer.unwrap_err().is_cancelled());
    /// # worker.join().unwrap_err();
    /// ```
    pub fn cancel_on_drop(&self) -> CancelOnDrop<T> {
        CancelOnDrop { deferred: self.clone() }
    }

    /// Whether it has been set, failed or cancelled.
    #[inline]
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.promised.done.is_reached()
    }

    /// The value, or why there will be none, if either is known.
    ///
    /// # Errors
    ///
    /// [`DeferredError`], if it was failed or cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// let deferred = bowerbird_sync::Deferred::new();
    /// assert!(deferred.try_get().is_none());
    /// deferred.set(7).unwrap();
    /// assert_eq!(deferred.try_get().unwrap().unwrap(), &7);
    /// ```
    #[doc(alias = "result")]
    #[doc(alias = "exception")]
    #[must_use]
    pub fn try_get(&self) -> Option<Result<&T, DeferredError>> {
        match self.is_done() {
            // I1: sees the outcome.
            true => Some(self.promised.outcome()),
            false => None,
        }
    }

    /// Waits for the value.
    ///
    /// # Errors
    ///
    /// [`DeferredError`], if it was failed or cancelled.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** The value stays where it is.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let deferred = bowerbird_sync::Deferred::new();
    /// deferred.set(vec![7]).unwrap();
    /// assert_eq!(deferred.wait().await.unwrap(), &[7]);
    /// # });
    /// ```
    #[track_caller]
    #[inline]
    pub fn wait(&self) -> Wait<'_, T> {
        Wait::new(&self.promised)
    }

    /// As [`wait`](Self::wait), for a clone of the value, with a future that owns a
    /// handle.
    ///
    /// # Errors
    ///
    /// [`DeferredError`], if it was failed or cancelled.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** The value stays where it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_sync::{Deferred, wait_blocking::WaitBlocking};
    ///
    /// let deferred = Deferred::new();
    /// let wait = deferred.clone().wait_owned();
    /// let waiter = std::thread::spawn(|| wait.wait_blocking());
    /// deferred.set(7).unwrap();
    /// assert_eq!(waiter.join().unwrap().unwrap(), 7);
    /// ```
    #[track_caller]
    pub fn wait_owned(self) -> WaitOwned<T>
    where
        T: Clone,
    {
        WaitOwned::new(self.promised)
    }

    /// Publishes what `wrap` makes of `content`, or gives `content` back. Only moves
    /// it under the lock.
    fn publish<C>(
        &self,
        content: C,
        wrap: impl FnOnce(C) -> Result<T, DeferredError>,
    ) -> Result<(), AlreadySet<C>> {
        let Promised { outcome, done } = &*self.promised;
        let mut content = Some(content);
        // I1, W1: publishes the outcome, and what was done before.
        done.reach_with(|| {
            let was_empty = outcome.set(wrap(content.take().expect("it is taken once"))).is_ok();
            debug_assert!(was_empty, "it is set in one place, before the milestone");
        });
        match content {
            None => Ok(()),
            Some(content) => Err(AlreadySet(content)),
        }
    }
}

impl<T> Promised<T> {
    /// The outcome, when the milestone is reached.
    fn outcome(&self) -> Result<&T, DeferredError> {
        match self.outcome.get().expect("the outcome is there before the milestone") {
            Ok(value) => Ok(value),
            Err(error) => Err(error.clone()),
        }
    }
}

impl<T> Hides for Promised<T> {
    type Primitive = Milestone;

    fn primitive(&self) -> &Milestone {
        &self.done
    }
}

impl<'a, T> IntoFuture for &'a Deferred<T> {
    type Output = Result<&'a T, DeferredError>;
    type IntoFuture = Wait<'a, T>;

    #[track_caller]
    fn into_future(self) -> Wait<'a, T> {
        self.wait()
    }
}

impl<T: Clone> IntoFuture for Deferred<T> {
    type Output = Result<T, DeferredError>;
    type IntoFuture = WaitOwned<T>;

    #[track_caller]
    fn into_future(self) -> WaitOwned<T> {
        self.wait_owned()
    }
}

impl<T> Clone for Deferred<T> {
    fn clone(&self) -> Self {
        Self { promised: self.promised.clone() }
    }
}

impl<T> Default for Deferred<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for Deferred<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Deferred").field(&self.try_get()).finish()
    }
}

/// Cancels a [`Deferred`] when it is dropped, if nothing was set.
///
/// Made by [`Deferred::cancel_on_drop`].
///
/// # Panics
///
/// Its drop does, if a waker panics, after everybody was woken.
#[must_use = "dropped at once, it cancels at once"]
pub struct CancelOnDrop<T> {
    deferred: Deferred<T>,
}

impl<T> CancelOnDrop<T> {
    /// What it cancels: to be set in the end.
    pub fn deferred(&self) -> &Deferred<T> {
        &self.deferred
    }
}

impl<T> Drop for CancelOnDrop<T> {
    fn drop(&mut self) {
        self.deferred.cancel();
    }
}

impl<T: fmt::Debug> fmt::Debug for CancelOnDrop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CancelOnDrop").field(&self.deferred).finish()
    }
}
