//! The receiving half of a bounded channel.

use super::{
    error::TryRecvError,
    handle::Rx,
    recv::{Recv, RecvMany},
};
use crate::wait_blocking::WaitBlocking;
use futures_core::Stream;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

/// Receives the messages of a bounded channel; made by
/// [`channel()`](super::channel()).
///
/// Also a [`Stream`] of them. Dropping it closes the channel and drops the
/// messages that are left.
pub struct Receiver<T> {
    rx: Rx<T>,
}

impl<T> Receiver<T> {
    pub(super) fn new(rx: Rx<T>) -> Self {
        Self { rx }
    }

    /// Takes the next message. Waits while there is none and somebody can still
    /// send; `None`: nobody can.
    ///
    /// After [`close`](Self::close) that is when no permit is left.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** A message is taken in the poll that returns it.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let (sender, mut receiver) = bowerbird_sync::mpsc::channel(2);
    /// sender.send(1).await.unwrap();
    /// sender.send(2).await.unwrap();
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
    /// let (sender, mut receiver) = bowerbird_sync::mpsc::channel(8);
    /// (0..5).for_each(|n| sender.try_send(n).unwrap());
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
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.try_send(7).unwrap();
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
    /// let (sender, mut receiver) = bowerbird_sync::mpsc::channel(1);
    /// let thread = std::thread::spawn(move || receiver.blocking_recv());
    /// sender.blocking_send(7).unwrap();
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

    /// Lets nobody send any more, except those who hold a permit. What was sent, and
    /// what they send, can still be received.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = bowerbird_sync::mpsc::channel(2);
    /// sender.try_send(1).unwrap();
    /// receiver.close();
    /// assert!(sender.try_send(2).is_err());
    /// assert_eq!((receiver.blocking_recv(), receiver.blocking_recv()), (Some(1), None));
    /// ```
    #[doc(alias = "shutdown")]
    pub fn close(&mut self) {
        self.rx.channel().close();
    }

    /// Whether nobody can send any more, except those who hold a permit: it was
    /// closed, or the last sender was dropped. Messages may be left.
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

    /// How many messages could be sent now, if nobody waits: places that are neither
    /// filled nor reserved.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.rx.channel().room()
    }

    /// How many places the channel has.
    #[doc(alias = "maxsize")]
    #[must_use]
    pub fn max_capacity(&self) -> usize {
        self.rx.channel().capacity()
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

impl<T> Stream for Receiver<T> {
    type Item = T;

    #[track_caller]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_recv(cx)
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("channel", self.rx.channel()).finish()
    }
}
