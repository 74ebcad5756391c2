//! The two halves of an unbounded channel: one whose room never ends.

use super::{
    closing::Closed,
    error::{SendError, TryRecvError},
    handle::{Rx, Tx, WeakTx},
    recv::{Recv, RecvMany},
};
use crate::{site::Site, wait_blocking::WaitBlocking, wait_site::Kind};
use futures_core::Stream;
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// Sends messages into an unbounded channel; made by
/// [`unbounded_channel()`](super::unbounded_channel()).
///
/// Clones send into the same channel. When the last one is dropped the channel
/// ends: the receiver gets what is there, and then `None`.
pub struct UnboundedSender<T> {
    tx: Tx<T>,
}

impl<T> UnboundedSender<T> {
    pub(super) fn new(tx: Tx<T>) -> Self {
        Self { tx }
    }

    /// Sends `message`. Never waits: as much memory is taken as is needed.
    ///
    /// # Errors
    ///
    /// Gives the message back if the receiver has been closed or dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = bowerbird_sync::mpsc::unbounded_channel();
    /// assert!((0..1000).all(|n| sender.send(n).is_ok()));
    /// assert_eq!((0..1000).map_while(|_| receiver.try_recv().ok()).sum::<i32>(), 499_500);
    /// receiver.close();
    /// assert_eq!(sender.send(7).unwrap_err().into_inner(), 7);
    /// ```
    #[doc(alias = "put_nowait")]
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        // It is never full: there are as many places as there are addresses.
        self.tx.channel().try_send(message).map_err(|error| SendError(error.into_inner()))
    }

    /// Waits until the receiver is closed or dropped.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** It holds nothing but a place among others who are all told.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = bowerbird_sync::mpsc::unbounded_channel::<u32>();
    /// futures::executor::block_on(async {
    ///     futures::join!(sender.closed(), async { drop(receiver) });
    /// });
    /// assert!(sender.is_closed());
    /// ```
    #[track_caller]
    pub fn closed(&self) -> Closed<'_> {
        let channel = &**self.tx.channel();
        Closed::new(&channel.closing, Site::new(Kind::MpscSend, channel))
    }

    /// Whether the receiver has been closed or dropped.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.tx.channel().is_closed()
    }

    /// Whether `other` sends into the same channel.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(self.tx.channel(), other.tx.channel())
    }

    /// A handle that does not keep the channel from ending.
    #[must_use = "a downgrade leaves the sender as it is"]
    pub fn downgrade(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender { tx: self.tx.downgrade() }
    }

    /// How many senders there are.
    #[must_use]
    pub fn strong_count(&self) -> usize {
        self.tx.channel().strong_count()
    }

    /// How many weak senders there are.
    #[must_use]
    pub fn weak_count(&self) -> usize {
        self.tx.channel().weak_count()
    }
}

impl<T> Clone for UnboundedSender<T> {
    fn clone(&self) -> Self {
        Self { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for UnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnboundedSender").field("channel", &**self.tx.channel()).finish()
    }
}

/// An [`UnboundedSender`] that does not keep the channel from ending; made by
/// [`UnboundedSender::downgrade`].
pub struct WeakUnboundedSender<T> {
    tx: WeakTx<T>,
}

impl<T> WeakUnboundedSender<T> {
    /// A sender, if there still is one.
    #[must_use]
    pub fn upgrade(&self) -> Option<UnboundedSender<T>> {
        self.tx.upgrade().map(UnboundedSender::new)
    }

    /// How many senders there are.
    #[must_use]
    pub fn strong_count(&self) -> usize {
        self.tx.channel().strong_count()
    }

    /// How many weak senders there are.
    #[must_use]
    pub fn weak_count(&self) -> usize {
        self.tx.channel().weak_count()
    }
}

impl<T> Clone for WeakUnboundedSender<T> {
    fn clone(&self) -> Self {
        Self { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for WeakUnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakUnboundedSender").finish_non_exhaustive()
    }
}

/// Receives the messages of an unbounded channel; made by
/// [`unbounded_channel()`](super::unbounded_channel()).
///
/// Also a [`Stream`] of them. Dropping it closes the channel and drops the
/// messages that are left.
pub struct UnboundedReceiver<T> {
    rx: Rx<T>,
}

impl<T> UnboundedReceiver<T> {
    pub(super) fn new(rx: Rx<T>) -> Self {
        Self { rx }
    }

    /// Takes the next message. Waits while there is none and somebody can still
    /// send; `None`: nobody can.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** A message is taken in the poll that returns it.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let (sender, mut receiver) = bowerbird_sync::mpsc::unbounded_channel();
    /// sender.send(1).unwrap();
    /// sender.send(2).unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.recv().await, Some(1));
    /// assert_eq!(receiver.recv().await, Some(2));
    /// assert_eq!(receiver.recv().await, None);
    /// # });
    /// ```
    #[doc(alias = "get")]
    #[track_caller]
    pub fn recv(&mut self) -> Recv<'_, T> {
        Recv::new(&mut self.rx)
    }

    /// Moves the messages there are, at most `limit`, to the end of `buffer`, and
    /// returns how many. Waits as [`recv`](Self::recv) does; zero: nobody can send
    /// any more, or `limit` is zero.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** Messages are taken in the poll that returns.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let (sender, mut receiver) = bowerbird_sync::mpsc::unbounded_channel();
    /// (0..5).for_each(|n| sender.send(n).unwrap());
    /// let mut buffer = vec![];
    /// assert_eq!(receiver.recv_many(&mut buffer, 3).await, 3);
    /// assert_eq!(receiver.recv_many(&mut buffer, 3).await, 2);
    /// assert_eq!(buffer, [0, 1, 2, 3, 4]);
    /// # });
    /// ```
    #[track_caller]
    pub fn recv_many<'a>(&'a mut self, buffer: &'a mut Vec<T>, limit: usize) -> RecvMany<'a, T> {
        RecvMany::new(&mut self.rx, buffer, limit)
    }

    /// Takes the next message if there is one.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] if there is none now,
    /// [`TryRecvError::Disconnected`] if there will be none any more.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_sync::mpsc::{self, TryRecvError};
    ///
    /// let (sender, mut receiver) = mpsc::unbounded_channel();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(7).unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    /// ```
    #[doc(alias = "get_nowait")]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.rx.try_recv()
    }

    /// Takes the next message, blocking the thread while there is none: for code
    /// outside tasks.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = bowerbird_sync::mpsc::unbounded_channel();
    /// let thread = std::thread::spawn(move || receiver.blocking_recv());
    /// sender.send(7).unwrap();
    /// assert_eq!(thread.join().unwrap(), Some(7));
    /// ```
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Option<T> {
        self.recv().wait_blocking()
    }

    /// As [`recv_many`](Self::recv_many), blocking the thread while there is no
    /// message.
    #[track_caller]
    pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        self.recv_many(buffer, limit).wait_blocking()
    }

    /// As [`recv`](Self::recv), for futures written by hand. Of several tasks the
    /// last one that polled is woken.
    #[track_caller]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let site = self.rx.site();
        self.rx.poll_recv(cx, &site)
    }

    /// As [`recv_many`](Self::recv_many), for futures written by hand.
    #[track_caller]
    pub fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        let site = self.rx.site();
        self.rx.poll_recv_many(cx, buffer, limit, &site)
    }

    /// Lets nobody send any more. What was sent can still be received.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = bowerbird_sync::mpsc::unbounded_channel();
    /// sender.send(1).unwrap();
    /// receiver.close();
    /// assert!(sender.send(2).is_err());
    /// assert_eq!((receiver.blocking_recv(), receiver.blocking_recv()), (Some(1), None));
    /// ```
    #[doc(alias = "shutdown")]
    pub fn close(&mut self) {
        self.rx.channel().close();
    }

    /// Whether nobody can send any more: it was closed, or the last sender was
    /// dropped. Messages may be left.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.rx.is_closed()
    }

    /// Whether there is no message now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages there are now.
    #[doc(alias = "qsize")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.rx.channel().len()
    }

    /// How many senders there are.
    #[must_use]
    pub fn sender_strong_count(&self) -> usize {
        self.rx.channel().strong_count()
    }

    /// How many weak senders there are.
    #[must_use]
    pub fn sender_weak_count(&self) -> usize {
        self.rx.channel().weak_count()
    }
}

impl<T> Stream for UnboundedReceiver<T> {
    type Item = T;

    #[track_caller]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_recv(cx)
    }
}

impl<T> fmt::Debug for UnboundedReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnboundedReceiver").field("channel", self.rx.channel()).finish()
    }
}
