//! How does one wait for a value that stays where it is?

use super::{DeferredError, Promised};
use crate::{
    milestone::{self, Milestone},
    shim,
    site::Site,
    wait_queue::{OwnerOf, Waiter},
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

pin_project! {
    /// The future of [`Deferred::wait`](super::Deferred::wait).
    ///
    /// Polled again after it was ready, it is ready again.
    ///
    /// # Cancel safety
    ///
    /// **Strict.**
    #[must_use = "futures do nothing unless polled"]
    pub struct Wait<'a, T> {
        promised: &'a Promised<T>,
        site: Site,
        #[pin]
        waiter: Waiter<&'a Milestone>,
    }
}

impl<'a, T> Wait<'a, T> {
    #[track_caller]
    #[inline]
    pub(super) fn new(promised: &'a Promised<T>) -> Self {
        let site = Site::new(Kind::Deferred, &promised.done);
        Self { promised, site, waiter: Waiter::new(&promised.done) }
    }
}

impl<'a, T> Future for Wait<'a, T> {
    type Output = Result<&'a T, DeferredError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        ready!(milestone::poll_at(this.waiter, *this.site, cx));
        Poll::Ready(this.promised.outcome())
    }
}

impl<T> fmt::Debug for Wait<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`Deferred::wait_owned`](super::Deferred::wait_owned).
    ///
    /// Polled again after it was ready, it is ready again, with another clone.
    ///
    /// # Panics
    ///
    /// As the clone of the value does.
    ///
    /// # Cancel safety
    ///
    /// **Strict.**
    #[must_use = "futures do nothing unless polled"]
    pub struct WaitOwned<T> {
        promised: Arc<Promised<T>>,
        site: Site,
        #[pin]
        waiter: Waiter<OwnerOf<Promised<T>>>,
    }
}

impl<T> WaitOwned<T> {
    #[track_caller]
    pub(super) fn new(promised: Arc<Promised<T>>) -> Self {
        let site = Site::new(Kind::Deferred, &promised.done);
        let waiter = Waiter::new(OwnerOf(promised.clone()));
        Self { promised, site, waiter }
    }
}

impl<T: Clone> Future for WaitOwned<T> {
    type Output = Result<T, DeferredError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        ready!(milestone::poll_at(this.waiter, *this.site, cx));
        shim::assert_unlocked("the clone of a value");
        Poll::Ready(this.promised.outcome().cloned())
    }
}

impl<T> fmt::Debug for WaitOwned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitOwned").finish_non_exhaustive()
    }
}
