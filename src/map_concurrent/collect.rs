//! All outputs of a stream in one collection.

use futures_core::Stream;
use pin_project_lite::pin_project;
use std::{
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

const OVER: &str = "polled after its end: a `collect` of `map_concurrent`";

pin_project! {
    /// The future of [`MapConcurrent::collect`](super::MapConcurrent::collect).
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** Aborts what runs, and drops the outputs collected.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Collect<S, C> {
        // `None` after the end.
        #[pin]
        stream: Option<S>,
        collection: C,
    }
}

impl<S, C: Default> Collect<S, C> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream: Some(stream), collection: C::default() }
    }
}

impl<S: Stream, C: Default + Extend<S::Item>> Future for Collect<S, C> {
    type Output = C;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C> {
        let mut this = self.project();
        let mut stream = this.stream.as_mut().as_pin_mut().expect(OVER);
        while let Some(output) = ready!(stream.as_mut().poll_next(cx)) {
            this.collection.extend([output]);
        }
        this.stream.set(None);
        Poll::Ready(mem::take(this.collection))
    }
}

pin_project! {
    /// The future of [`MapConcurrent::try_collect`](super::MapConcurrent::try_collect).
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** Aborts what runs, and drops the values collected.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct TryCollect<S, C> {
        // `None` after the end.
        #[pin]
        stream: Option<S>,
        collection: C,
    }
}

impl<S, C: Default> TryCollect<S, C> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream: Some(stream), collection: C::default() }
    }
}

impl<S, C, T, E> Future for TryCollect<S, C>
where
    S: Stream<Item = Result<T, E>>,
    C: Default + Extend<T>,
{
    type Output = Result<C, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<C, E>> {
        let mut this = self.project();
        let mut stream = this.stream.as_mut().as_pin_mut().expect(OVER);
        let end = loop {
            match ready!(stream.as_mut().poll_next(cx)) {
                Some(Ok(value)) => this.collection.extend([value]),
                Some(Err(error)) => break Err(error),
                None => break Ok(mem::take(this.collection)),
            }
        };
        this.stream.set(None);
        Poll::Ready(end)
    }
}
