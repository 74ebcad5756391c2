//! How do senders learn that the receiver is closed?
//!
//! They stand in a line of their own, since in that of the channel they would
//! stand in the way of those who wait for room.

use crate::{
    site::Site,
    wait_queue::{Decision, Primitive, WaitQueue, Waiter},
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Where senders wait for the receiver to close. The state: whether it has.
#[derive(Debug)]
pub(super) struct Closing(WaitQueue<bool, ()>);

impl Primitive for Closing {
    type State = bool;
    type Grant = ();

    fn queue(&self) -> &WaitQueue<bool, ()> {
        &self.0
    }

    fn pass_on(&self, (): ()) {}
}

impl Closing {
    pub(super) fn new() -> Self {
        Self(WaitQueue::new(false))
    }

    /// Closes when the guard is dropped.
    pub(super) fn close_later(&self) -> CloseLater<'_> {
        CloseLater(self)
    }

    fn close(&self) {
        self.0.with(|line| {
            *line.state() = true;
            line.grant_all(|()| ());
        });
    }
}

/// Closes when it is dropped.
pub(super) struct CloseLater<'a>(&'a Closing);

impl Drop for CloseLater<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

pin_project! {
    /// The future of [`Sender::closed`](super::Sender::closed).
    #[must_use = "futures do nothing unless polled"]
    pub struct Closed<'a> {
        #[pin]
        waiter: Waiter<&'a Closing>,
        site: Site,
    }
}

impl<'a> Closed<'a> {
    pub(super) fn new(closing: &'a Closing, site: Site) -> Self {
        Self { waiter: Waiter::new(closing), site }
    }
}

impl Future for Closed<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let progress = ready!(this.site.poll_proceed(cx));
        let poll = this.waiter.poll_with(cx, |_, line| match *line.state() {
            true => Decision::Pass(()),
            false => Decision::Wait(()),
        });
        match poll {
            Poll::Pending => this.site.waiting(),
            Poll::Ready(()) => progress.made(),
        }
        poll
    }
}

impl fmt::Debug for Closed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closed").finish_non_exhaustive()
    }
}
