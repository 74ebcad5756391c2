//! How does one wait for a message?

use super::{
    channel::{take, take_many},
    error::TryRecvError,
    handle::Rx,
};
use crate::{site::Site, wait_site::Kind};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

impl<T> Rx<T> {
    #[track_caller]
    pub(super) fn site(&self) -> Site {
        Site::new(Kind::MpscRecv, self.channel())
    }

    pub(super) fn poll_recv(&mut self, cx: &mut Context<'_>, site: &Site) -> Poll<Option<T>> {
        let progress = ready!(site.poll_proceed(cx));
        let (channel, guess) = self.parts();
        let poll = channel.poll_take(cx.waker(), guess, take);
        match poll.is_pending() {
            true => site.waiting(),
            false => progress.made(),
        }
        poll
    }

    /// `Some(0)` is not returned: a limit of zero is asked for by nobody.
    pub(super) fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
        site: &Site,
    ) -> Poll<usize> {
        if limit == 0 {
            return Poll::Ready(0);
        }
        let progress = ready!(site.poll_proceed(cx));
        let (channel, guess) = self.parts();
        let poll = channel.poll_take(cx.waker(), guess, |line| take_many(line, buffer, limit));
        match poll.is_pending() {
            true => site.waiting(),
            false => progress.made(),
        }
        poll.map(Option::unwrap_or_default)
    }

    pub(super) fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.channel().try_recv()
    }

    /// Whether no sender can send any more.
    pub(super) fn is_closed(&self) -> bool {
        self.channel().is_closed() || self.channel().has_lost_senders()
    }
}

/// The future of [`Receiver::recv`](super::Receiver::recv).
#[must_use = "futures do nothing unless polled"]
pub struct Recv<'a, T> {
    rx: &'a mut Rx<T>,
    site: Site,
    /// Whether our waker may lie in the channel.
    waits: bool,
}

impl<'a, T> Recv<'a, T> {
    #[track_caller]
    pub(super) fn new(rx: &'a mut Rx<T>) -> Self {
        let site = rx.site();
        Self { rx, site, waits: false }
    }
}

impl<T> Future for Recv<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = &mut *self;
        let poll = this.rx.poll_recv(cx, &this.site);
        this.waits = poll.is_pending();
        poll
    }
}

impl<T> Drop for Recv<'_, T> {
    fn drop(&mut self) {
        if self.waits {
            self.rx.channel().forget_waker();
        }
    }
}

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv").field("channel", self.rx.channel()).finish_non_exhaustive()
    }
}

/// The future of [`Receiver::recv_many`](super::Receiver::recv_many).
#[must_use = "futures do nothing unless polled"]
pub struct RecvMany<'a, T> {
    rx: &'a mut Rx<T>,
    buffer: &'a mut Vec<T>,
    limit: usize,
    site: Site,
    /// Whether our waker may lie in the channel.
    waits: bool,
}

impl<'a, T> RecvMany<'a, T> {
    #[track_caller]
    pub(super) fn new(rx: &'a mut Rx<T>, buffer: &'a mut Vec<T>, limit: usize) -> Self {
        let site = rx.site();
        Self { rx, buffer, limit, site, waits: false }
    }
}

impl<T> Future for RecvMany<'_, T> {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        let this = &mut *self;
        let poll = this.rx.poll_recv_many(cx, this.buffer, this.limit, &this.site);
        this.waits = poll.is_pending();
        poll
    }
}

impl<T> Drop for RecvMany<'_, T> {
    fn drop(&mut self) {
        if self.waits {
            self.rx.channel().forget_waker();
        }
    }
}

impl<T> fmt::Debug for RecvMany<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvMany")
            .field("channel", self.rx.channel())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
