//! How does work end with its token, and keep what it has finished?
//!
//! The work is asked first: if it is done, it has won, whatever became of the token
//! meanwhile. The token is asked after it, and for nothing: a unit of the task's
//! budget would never be left by work that spends it all. Only before the work has
//! begun, when nothing can be lost, the token comes first.
//!
//! No wait site is written here: what the work waits for says more.
//!
//! # Rejected
//!
//! * To ask the token first, always: an output that is there is thrown away, and
//!   with it what the work had taken out of a channel.

use super::Branch;
use crate::{
    milestone::{self, Milestone},
    wait_queue::{Hold, OwnerOf, Waiter},
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
    /// What both futures are.
    struct Run<H, F>
    where
        H: Hold<Target = Milestone>,
    {
        #[pin]
        waiter: Waiter<H>,
        has_begun: bool,
        // `None` once it was cancelled.
        #[pin]
        work: Option<F>,
    }
}

impl<H: Hold<Target = Milestone>, F: Future> Run<H, F> {
    fn new(holder: H, work: F) -> Self {
        Self { waiter: Waiter::new(holder), has_begun: false, work: Some(work) }
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        let mut this = self.project();
        let work = this.work.as_mut().as_pin_mut();
        let work = work.expect("run_until_cancelled was polled after it had ended");
        if *this.has_begun || !this.waiter.target().is_reached() {
            *this.has_begun = true;
            if let Poll::Ready(output) = work.poll(cx) {
                return Poll::Ready(Some(output));
            }
            if milestone::poll_reached(this.waiter, cx).is_pending() {
                return Poll::Pending;
            }
        }
        // Now, and not when this is dropped: who hears that the work was cancelled
        // may count on its being gone.
        this.work.set(None);
        Poll::Ready(None)
    }
}

pin_project! {
    /// The future of [`CancellationToken::run_until_cancelled`](super::CancellationToken::run_until_cancelled).
    ///
    /// # Panics
    ///
    /// If polled after it was cancelled; after it has ended otherwise, as the future
    /// inside does.
    ///
    /// # Cancel safety
    ///
    /// That of the future inside: dropping this drops it.
    #[must_use = "futures do nothing unless polled"]
    pub struct RunUntilCancelled<'a, F> {
        #[pin]
        run: Run<&'a Milestone, F>,
    }
}

impl<'a, F: Future> RunUntilCancelled<'a, F> {
    pub(super) fn new(branch: &'a Branch, work: F) -> Self {
        Self { run: Run::new(&branch.cancelled, work) }
    }
}

impl<F: Future> Future for RunUntilCancelled<'_, F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().run.poll(cx)
    }
}

impl<F> fmt::Debug for RunUntilCancelled<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunUntilCancelled").finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`CancellationToken::run_until_cancelled_owned`](super::CancellationToken::run_until_cancelled_owned).
    ///
    /// # Panics
    ///
    /// If polled after it was cancelled; after it has ended otherwise, as the future
    /// inside does.
    ///
    /// # Cancel safety
    ///
    /// That of the future inside: dropping this drops it.
    #[must_use = "futures do nothing unless polled"]
    pub struct RunUntilCancelledOwned<F> {
        #[pin]
        run: Run<OwnerOf<Branch>, F>,
    }
}

impl<F: Future> RunUntilCancelledOwned<F> {
    pub(super) fn new(branch: Arc<Branch>, work: F) -> Self {
        Self { run: Run::new(OwnerOf(branch), work) }
    }
}

impl<F: Future> Future for RunUntilCancelledOwned<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().run.poll(cx)
    }
}

impl<F> fmt::Debug for RunUntilCancelledOwned<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunUntilCancelledOwned").finish_non_exhaustive()
    }
}
