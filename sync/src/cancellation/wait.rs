//! How does one wait for a token to be cancelled?

use super::Branch;
use crate::{
    milestone::{self, Milestone},
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
    task::{Context, Poll},
};

pin_project! {
    /// The future of [`CancellationToken::cancelled`](super::CancellationToken::cancelled).
    ///
    /// Polled again after it was ready, it is ready again.
    ///
    /// # Cancel safety
    ///
    /// **Strict.**
    #[doc(alias = "WaitForCancellationFuture")]
    #[must_use = "futures do nothing unless polled"]
    pub struct Cancelled<'a> {
        site: Site,
        #[pin]
        waiter: Waiter<&'a Milestone>,
    }
}

impl<'a> Cancelled<'a> {
    #[track_caller]
    #[inline]
    pub(super) fn new(branch: &'a Branch) -> Self {
        let site = Site::new(Kind::Cancelled, &branch.cancelled);
        Self { site, waiter: Waiter::new(&branch.cancelled) }
    }
}

impl Future for Cancelled<'_> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        milestone::poll_at(this.waiter, *this.site, cx)
    }
}

impl fmt::Debug for Cancelled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancelled").finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`CancellationToken::cancelled_owned`](super::CancellationToken::cancelled_owned).
    ///
    /// Polled again after it was ready, it is ready again.
    ///
    /// # Cancel safety
    ///
    /// **Strict.**
    #[doc(alias = "WaitForCancellationFutureOwned")]
    #[must_use = "futures do nothing unless polled"]
    pub struct CancelledOwned {
        site: Site,
        #[pin]
        waiter: Waiter<OwnerOf<Branch>>,
    }
}

impl CancelledOwned {
    #[track_caller]
    pub(super) fn new(branch: Arc<Branch>) -> Self {
        let site = Site::new(Kind::Cancelled, &branch.cancelled);
        Self { site, waiter: Waiter::new(OwnerOf(branch)) }
    }
}

impl Future for CancelledOwned {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        milestone::poll_at(this.waiter, *this.site, cx)
    }
}

impl fmt::Debug for CancelledOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelledOwned").finish_non_exhaustive()
    }
}
