//! How does one value get from one task to another?
//!
//! A channel is one allocation which its two halves share without a count: a word
//! says which of them is done, waits, or is gone, and the last to go frees it
//! (see `state` for the word, `channel` for who may touch what).
//!
//! | step                               | RMWs |
//! |------------------------------------|------|
//! | send, nobody waits                 | 1    |
//! | send, the receiver waits           | 1; with another waker than its first 2 |
//! | receive, the value is there        | 0    |
//! | receive, wait                      | 1    |
//! | drop of the half that is left over | 0    |
//!
//! The receiver must not free the channel before the sender has read the waker out of
//! it. So the sender reads it before it says that there is a value, as long as it is the
//! receiver's first: [`waker_slot`](crate::waker_slot) has the argument. A later one
//! costs a second RMW, which says that it was read.
//!
//! # Rejected
//!
//! * An `Arc`: two more RMWs per channel.
//! * To spin while the other side is in between: nobody knows for how long.

#[expect(unsafe_code, reason = "a value and two wakers which two halves pass on, by one word")]
mod channel;
mod state;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

use self::{
    channel::{Half, Receives, Sends},
    state::Side,
};
use crate::{
    coop::{self, Progress},
    wait_blocking::WaitBlocking,
    wait_site::{self, Kind},
};
use futures_core::FusedFuture;
use std::{
    fmt,
    future::Future,
    panic::Location,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// A channel for one value.
///
/// # Examples
///
/// ```
/// use bowerbird_sync::oneshot;
///
/// let (sender, receiver) = oneshot::channel();
/// let thread = std::thread::spawn(move || sender.send(6 * 7));
/// assert_eq!(futures::executor::block_on(receiver), Ok(42));
/// assert_eq!(thread.join().unwrap(), Ok(()));
/// ```
#[doc(alias = "Future")]
#[doc(alias = "create_future")]
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = channel::halves();
    let location = Location::caller();
    (Sender { half: sender }, Receiver { half: Some(receiver), location })
}

/// The half that sends the value. Dropping it ends the channel without one.
///
/// Made by [`channel()`].
#[derive(Debug)]
pub struct Sender<T> {
    half: Half<T, Sends>,
}

impl<T> Sender<T> {
    /// Sends `value`. Never waits: the channel has room for it.
    ///
    /// # Errors
    ///
    /// Gives `value` back if the receiver has been closed or dropped. `Ok` does
    /// not say that the value will be looked at: the receiver may be dropped
    /// later.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = bowerbird_sync::oneshot::channel();
    /// drop(receiver);
    /// assert_eq!(sender.send("unwanted"), Err("unwanted"));
    /// ```
    #[doc(alias = "set_result")]
    pub fn send(self, value: T) -> Result<(), T> {
        self.half.deliver(value)
    }

    /// Whether the receiver has been closed or dropped, so that nobody wants the
    /// value any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.half.seen().is_done(Side::Receiver)
    }

    /// Waits until the receiver is closed or dropped.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** It holds nothing but a waker.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_sync::oneshot;
    ///
    /// let (mut sender, receiver) = oneshot::channel::<u32>();
    /// futures::executor::block_on(async {
    ///     futures::join!(sender.closed(), async { drop(receiver) });
    /// });
    /// assert!(sender.is_closed());
    /// ```
    #[doc(alias = "cancelled")]
    #[track_caller]
    pub fn closed(&mut self) -> Closed<'_, T> {
        Closed { sender: self, location: Location::caller() }
    }

    /// As [`closed`](Self::closed), for futures written by hand: ready when the
    /// receiver is closed or dropped, otherwise the last task that asked is woken
    /// when that happens.
    #[track_caller]
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_closed_at(cx, Location::caller())
    }

    fn poll_closed_at(
        &mut self,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Poll<()> {
        let progress = ready!(poll_proceed(cx, location));
        if self.half.poll_other(cx).is_pending() {
            wait_site::waiting(Kind::OneshotClosed, self.half.id(), location);
            return Poll::Pending;
        }
        progress.made();
        Poll::Ready(())
    }
}

/// The future of [`Sender::closed`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Closed<'a, T> {
    sender: &'a mut Sender<T>,
    location: &'static Location<'static>,
}

impl<T> Future for Closed<'_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let location = self.location;
        self.sender.poll_closed_at(cx, location)
    }
}

impl<T> Drop for Closed<'_, T> {
    fn drop(&mut self) {
        self.sender.half.forget_waker();
    }
}

/// The half that receives the value: a future of it.
///
/// Made by [`channel()`]. Dropping it refuses the value, and drops one that was
/// sent already.
///
/// # Errors
///
/// The future ends with [`RecvError`] when the sender was dropped without sending,
/// or [`close`](Self::close) came before the value.
///
/// # Panics
///
/// If polled after it has ended.
///
/// # Cancel safety
///
/// **Strict** by reference: polling `&mut receiver` and dropping the borrow loses
/// nothing. Dropping the receiver itself refuses the value.
#[must_use = "futures do nothing unless polled"]
pub struct Receiver<T> {
    /// `None` once it has ended.
    half: Option<Half<T, Receives>>,
    /// Where the channel was made: what a dump can say of a bare `.await`.
    location: &'static Location<'static>,
}

impl<T> Receiver<T> {
    /// Takes the value if it is there. Does not touch a waker left by a poll.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] if it may still come, [`TryRecvError::Closed`] if it
    /// never will: the sender or this half is closed, or it was taken already.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_sync::oneshot::{self, TryRecvError};
    ///
    /// let (sender, mut receiver) = oneshot::channel();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(7).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        match &self.half {
            Some(half) if !has_ended(half) => Err(TryRecvError::Empty),
            _ => self.finish().ok_or(TryRecvError::Closed),
        }
    }

    /// Waits for the value by blocking the thread: for code outside tasks.
    ///
    /// # Errors
    ///
    /// [`RecvError`] as for the future.
    ///
    /// # Panics
    ///
    /// If the value, or its absence, was reported already.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = bowerbird_sync::oneshot::channel();
    /// let thread = std::thread::spawn(move || receiver.blocking_recv());
    /// sender.send(7).unwrap();
    /// assert_eq!(thread.join().unwrap(), Ok(7));
    /// ```
    pub fn blocking_recv(self) -> Result<T, RecvError> {
        self.wait_blocking()
    }

    /// Refuses the value from now on. One that was sent before can still be
    /// received.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_sync::oneshot;
    ///
    /// let (sender, mut receiver) = oneshot::channel();
    /// receiver.close();
    /// assert_eq!(sender.send(7), Err(7));
    /// assert!(receiver.try_recv().is_err());
    /// ```
    pub fn close(&mut self) {
        if let Some(half) = &mut self.half {
            half.close();
        }
    }

    /// Whether it has ended: the value or its absence was reported, and a poll
    /// would panic.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.half.is_none()
    }

    /// Whether there is no value to be received now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.half.as_ref().is_some_and(|half| half.seen().has_value())
    }

    fn finish(&mut self) -> Option<T> {
        self.half.take().and_then(Half::take)
    }
}

/// Spends one unit of the task's budget at `location`.
fn poll_proceed(cx: &mut Context<'_>, location: &'static Location<'static>) -> Poll<Progress> {
    let proceed = coop::poll_proceed(cx);
    if proceed.is_pending() {
        wait_site::waiting(Kind::Budget, 0, location);
    }
    proceed
}

/// Whether there is nothing to wait for: the sender has sent or was dropped, or
/// we refuse whatever may come.
fn has_ended<T>(half: &Half<T, Receives>) -> bool {
    let seen = half.seen();
    seen.is_done(Side::Sender) || seen.is_done(Side::Receiver)
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let location = self.location;
        let progress = ready!(poll_proceed(cx, location));
        let half = self.half.as_mut().expect("a oneshot::Receiver was polled after it had ended");
        if !has_ended(half) && half.poll_other(cx).is_pending() {
            wait_site::waiting(Kind::OneshotRecv, half.id(), location);
            return Poll::Pending;
        }
        progress.made();
        Poll::Ready(self.finish().ok_or(RecvError))
    }
}

impl<T> FusedFuture for Receiver<T> {
    fn is_terminated(&self) -> bool {
        self.half.is_none()
    }
}

// The value lies in the channel, not in the halves, and is moved, never pinned.
impl<T> Unpin for Sender<T> {}
impl<T> Unpin for Receiver<T> {}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("half", &self.half).finish()
    }
}

/// The channel was closed, and no value will come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecvError;

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the oneshot channel was closed without a value")
    }
}

impl std::error::Error for RecvError {}

/// Why [`Receiver::try_recv`] has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TryRecvError {
    /// It has not been sent yet.
    Empty,
    /// It will never come.
    Closed,
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the oneshot channel holds no value yet",
            Self::Closed => "the oneshot channel was closed without a value",
        })
    }
}

impl std::error::Error for TryRecvError {}
