//! A future that does not outlive its group's openness.

use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use sync::event::Wait;

pin_project! {
    /// The future of [`TaskGroup::until_cancelled`](super::TaskGroup::until_cancelled).
    ///
    /// # Cancel safety
    ///
    /// That of the future in it.
    #[must_use = "futures do nothing unless polled"]
    pub struct UntilCancelled<'a, F> {
        #[pin]
        future: F,
        #[pin]
        closed: Wait<'a>,
    }
}

impl<'a, F> UntilCancelled<'a, F> {
    pub(super) fn new(future: F, closed: Wait<'a>) -> Self {
        Self { future, closed }
    }
}

impl<F: Future> Future for UntilCancelled<'_, F> {
    type Output = Option<F::Output>;

    /// A future that is ready wins.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.future.poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => this.closed.poll(cx).map(|()| None),
        }
    }
}

impl<F> fmt::Debug for UntilCancelled<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntilCancelled").finish_non_exhaustive()
    }
}
