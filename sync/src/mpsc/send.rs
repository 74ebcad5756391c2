//! How does one wait for room in a channel?
//!
//! First a look under the lock, for which no waker is cloned; then the line.

use super::{
    channel::{Channel, Request},
    error::{SendError, TrySendError},
    permit::{Permit, Permits},
};
use crate::{
    coop::Progress,
    site::Site,
    wait_queue::{Hold, Waiter},
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Waits for `wanted` places, in line.
pub(super) fn poll_in_line<T, H: Hold<Target = Channel<T>>>(
    waiter: Pin<&mut Waiter<H>>,
    cx: &mut Context<'_>,
    wanted: usize,
    site: &Site,
    progress: Progress,
) -> Poll<Result<(), SendError<()>>> {
    match waiter.poll_with(cx, |_, line| Channel::ask(line, wanted)) {
        Poll::Pending => {
            site.waiting();
            Poll::Pending
        }
        Poll::Ready(request) => {
            progress.made();
            Poll::Ready(match request {
                Request::Gets(_) => Ok(()),
                Request::Asks(_) | Request::Refused => Err(SendError(())),
            })
        }
    }
}

/// Takes `wanted` places at once if it can, otherwise waits for them in line.
pub(super) fn poll_promise<T, H: Hold<Target = Channel<T>>>(
    waiter: Pin<&mut Waiter<H>>,
    cx: &mut Context<'_>,
    channel: &Channel<T>,
    wanted: usize,
    site: &Site,
) -> Poll<Result<(), SendError<()>>> {
    let progress = ready!(site.poll_proceed(cx));
    if !waiter.is_waiting() && channel.try_promise(wanted).is_ok() {
        progress.made();
        return Poll::Ready(Ok(()));
    }
    poll_in_line(waiter, cx, wanted, site, progress)
}

pin_project! {
    /// The future of [`Sender::send`](super::Sender::send).
    #[must_use = "futures do nothing unless polled"]
    pub struct Send<'a, T> {
        channel: &'a Channel<T>,
        #[pin]
        waiter: Waiter<&'a Channel<T>>,
        // `None` once it has ended.
        message: Option<T>,
        site: Site,
    }
}

impl<'a, T> Send<'a, T> {
    pub(super) fn new(channel: &'a Channel<T>, message: T, site: Site) -> Self {
        Self { channel, waiter: Waiter::new(channel), message: Some(message), site }
    }
}

impl<T> Future for Send<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let progress = ready!(this.site.poll_proceed(cx));
        let message = this.message.take().expect("a send was polled after it had ended");
        if this.waiter.is_waiting() {
            *this.message = Some(message);
        } else {
            match this.channel.try_send(message) {
                Ok(()) => {
                    progress.made();
                    return Poll::Ready(Ok(()));
                }
                Err(TrySendError::Closed(message)) => return Poll::Ready(Err(SendError(message))),
                Err(TrySendError::Full(message)) => *this.message = Some(message),
            }
        }
        let promised = ready!(poll_in_line(this.waiter, cx, 1, this.site, progress));
        let message = this.message.take().expect("the message is there until it is sent");
        Poll::Ready(match promised {
            Ok(()) => {
                this.channel.send_promised(message);
                Ok(())
            }
            Err(SendError(())) => Err(SendError(message)),
        })
    }
}

impl<T> fmt::Debug for Send<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Send").field("channel", self.channel).finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`Sender::reserve`](super::Sender::reserve).
    #[must_use = "futures do nothing unless polled"]
    pub struct Reserve<'a, T> {
        channel: &'a Channel<T>,
        #[pin]
        waiter: Waiter<&'a Channel<T>>,
        site: Site,
    }
}

impl<'a, T> Reserve<'a, T> {
    pub(super) fn new(channel: &'a Channel<T>, site: Site) -> Self {
        Self { channel, waiter: Waiter::new(channel), site }
    }
}

impl<'a, T> Future for Reserve<'a, T> {
    type Output = Result<Permit<'a, T>, SendError<()>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let channel = *this.channel;
        poll_promise(this.waiter, cx, channel, 1, this.site).map_ok(|()| Permit::new(channel))
    }
}

impl<T> fmt::Debug for Reserve<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserve").field("channel", self.channel).finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`Sender::reserve_many`](super::Sender::reserve_many).
    #[must_use = "futures do nothing unless polled"]
    pub struct ReserveMany<'a, T> {
        channel: &'a Channel<T>,
        #[pin]
        waiter: Waiter<&'a Channel<T>>,
        count: usize,
        site: Site,
    }
}

impl<'a, T> ReserveMany<'a, T> {
    pub(super) fn new(channel: &'a Channel<T>, count: usize, site: Site) -> Self {
        Self { channel, waiter: Waiter::new(channel), count, site }
    }
}

impl<'a, T> Future for ReserveMany<'a, T> {
    type Output = Result<Permits<'a, T>, SendError<()>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (channel, count) = (*this.channel, *this.count);
        poll_promise(this.waiter, cx, channel, count, this.site)
            .map_ok(|()| Permits::new(channel, count))
    }
}

impl<T> fmt::Debug for ReserveMany<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReserveMany")
            .field("channel", self.channel)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}
