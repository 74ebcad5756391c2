//! One child of a scope, with where its output goes.

use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};
use sync::oneshot::Sender;

pin_project! {
    /// A future whose output goes to a handle.
    pub(super) struct Child<F: Future> {
        #[pin]
        future: F,
        // `None` after the end.
        handle: Option<Sender<F::Output>>,
    }
}

impl<F: Future> Child<F> {
    pub(super) fn new(future: F, handle: Sender<F::Output>) -> Self {
        Self { future, handle: Some(handle) }
    }
}

impl<F: Future> Future for Child<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let output = ready!(this.future.poll(cx));
        // Nobody wants an output whose handle is gone.
        let unwanted = this.handle.take().map(|handle| handle.send(output));
        drop(unwanted);
        Poll::Ready(())
    }
}
