//! The sending half of a bounded channel.

use super::{
    channel::Channel,
    closing::Closed,
    error::{SendError, TrySendError},
    handle::{Tx, WeakTx},
    permit::{Permit, Permits},
    send::{Reserve, ReserveMany, Send, poll_promise},
};
use crate::{site::Site, wait_blocking::WaitBlocking, wait_queue::Waiter, wait_site::Kind};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// Sends messages into a bounded channel; made by [`channel()`](super::channel()).
///
/// Clones send into the same channel. When the last one is dropped the channel
/// ends: the receiver gets what is there, and then `None`.
pub struct Sender<T> {
    tx: Tx<T>,
}

impl<T> Sender<T> {
    pub(super) fn new(tx: Tx<T>) -> Self {
        Self { tx }
    }

    #[track_caller]
    fn site(&self) -> Site {
        Site::new(Kind::MpscSend, self.channel())
    }

    fn channel(&self) -> &Channel<T> {
        self.tx.channel()
    }

    /// Sends `message`, waiting for room. Who came first is served first.
    ///
    /// # Errors
    ///
    /// Gives the message back if the receiver has been closed or dropped. `Ok`
    /// does not say that the message will be looked at: the receiver may be
    /// dropped later.
    ///
    /// # Panics
    ///
    /// The future does, if polled after it has ended.
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.** A dropped future has not sent; its message is dropped
    /// with it. To keep the message, [`reserve`](Self::reserve) first.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use bowerbird_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// let (sent, received) = futures::join!(
    ///     async { (sender.send(1).await, sender.send(2).await) },
    ///     async { (receiver.recv().await, receiver.recv().await) },
    /// );
    /// assert_eq!(sent, (Ok(()), Ok(())));
    /// assert_eq!(received, (Some(1), Some(2)));
    /// # });
    /// ```
    #[doc(alias = "put")]
    #[track_caller]
    pub fn send(&self, message: T) -> Send<'_, T> {
        Send::new(self.channel(), message, self.site())
    }

    /// Sends `message` if there is room and nobody waits for it.
    ///
    /// # Errors
    ///
    /// Gives the message back: [`TrySendError::Full`] if there is no room now,
    /// [`TrySendError::Closed`] if the receiver has been closed or dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_sync::mpsc::{self, TrySendError};
    ///
    /// let (sender, receiver) = mpsc::channel(1);
    /// assert_eq!(sender.try_send(1), Ok(()));
    /// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    /// drop(receiver);
    /// assert_eq!(sender.try_send(3), Err(TrySendError::Closed(3)));
    /// ```
    #[doc(alias = "put_nowait")]
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.channel().try_send(message)
    }

    /// Sends `message`, blocking the thread while there is no room: for code
    /// outside tasks.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = bowerbird_sync::mpsc::channel(1);
    /// let thread = std::thread::spawn(move || (0..3).try_for_each(|n| sender.blocking_send(n)));
    /// let received: Vec<i32> = std::iter::from_fn(|| receiver.blocking_recv()).collect();
    /// assert_eq!(received, [0, 1, 2]);
    /// assert_eq!(thread.join().unwrap(), Ok(()));
    /// ```
    #[track_caller]
    pub fn blocking_send(&self, message: T) -> Result<(), SendError<T>> {
        self.send(message).wait_blocking()
    }

    /// Waits for room and keeps it: the permit sends later, without waiting.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the receiver has been closed or dropped.
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.** Room that was found is passed on.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let (sender, _receiver) = bowerbird_sync::mpsc::channel::<u32>(1);
    /// let permit = sender.reserve().await.unwrap();
    /// assert_eq!(sender.capacity(), 0);
    /// drop(permit);
    /// assert_eq!(sender.capacity(), 1);
    /// # });
    /// ```
    #[track_caller]
    pub fn reserve(&self) -> Reserve<'_, T> {
        Reserve::new(self.channel(), self.site())
    }

    /// Waits for room for `count` messages, all at once.
    ///
    /// Who comes later waits behind this request, even for less.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the receiver has been closed or dropped, or if `count` is
    /// more than [`max_capacity`](Self::max_capacity), for which one would wait for
    /// ever.
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.** Room that was found is passed on.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let (sender, mut receiver) = bowerbird_sync::mpsc::channel(3);
    /// for (permit, n) in sender.reserve_many(2).await.unwrap().zip(1..) {
    ///     permit.send(n);
    /// }
    /// assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(1), Ok(2)));
    /// assert!(sender.reserve_many(4).await.is_err());
    /// # });
    /// ```
    #[track_caller]
    pub fn reserve_many(&self, count: usize) -> ReserveMany<'_, T> {
        ReserveMany::new(self.channel(), count, self.site())
    }

    /// As [`reserve`](Self::reserve), for a permit that owns its sender and so can
    /// be moved anywhere.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the receiver has been closed or dropped.
    ///
    /// # Panics
    ///
    /// The future does, if polled after it has ended.
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.** Room that was found is passed on; the sender is dropped
    /// with the future: clone it to keep one.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let (sender, mut receiver) = bowerbird_sync::mpsc::channel(1);
    /// let permit = sender.reserve_owned().await.unwrap();
    /// let thread = std::thread::spawn(move || permit.send(7));
    /// assert_eq!(receiver.recv().await, Some(7));
    /// let _sender = thread.join().unwrap();
    /// # });
    /// ```
    #[track_caller]
    pub fn reserve_owned(self) -> ReserveOwned<T> {
        let site = self.site();
        ReserveOwned { waiter: Waiter::new(self.tx.channel().clone()), sender: Some(self), site }
    }

    /// Keeps room for one message if there is some and nobody waits for it.
    ///
    /// # Errors
    ///
    /// As for [`try_send`](Self::try_send).
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        self.channel().try_promise(1).map(|()| Permit::new(self.channel()))
    }

    /// Keeps room for `count` messages if there is so much and nobody waits for it.
    ///
    /// # Errors
    ///
    /// As for [`try_send`](Self::try_send).
    pub fn try_reserve_many(&self, count: usize) -> Result<Permits<'_, T>, TrySendError<()>> {
        self.channel().try_promise(count).map(|()| Permits::new(self.channel(), count))
    }

    /// As [`try_reserve`](Self::try_reserve), for a permit that owns its sender.
    ///
    /// # Errors
    ///
    /// As for [`try_send`](Self::try_send), with the sender given back.
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        match self.channel().try_promise(1) {
            Ok(()) => Ok(OwnedPermit { sender: Some(self) }),
            Err(error) => Err(error.map(|()| self)),
        }
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
    /// let (sender, receiver) = bowerbird_sync::mpsc::channel::<u32>(1);
    /// futures::executor::block_on(async {
    ///     futures::join!(sender.closed(), async { drop(receiver) });
    /// });
    /// assert!(sender.is_closed());
    /// ```
    #[track_caller]
    pub fn closed(&self) -> Closed<'_> {
        Closed::new(&self.channel().closing, self.site())
    }

    /// Whether the receiver has been closed or dropped.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.channel().is_closed()
    }

    /// How many messages could be sent now, if nobody else waits: places that are
    /// neither filled nor reserved.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.channel().room()
    }

    /// How many places the channel has.
    #[doc(alias = "maxsize")]
    #[must_use]
    pub fn max_capacity(&self) -> usize {
        self.channel().capacity()
    }

    /// Whether `other` sends into the same channel.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(self.tx.channel(), other.tx.channel())
    }

    /// A handle that does not keep the channel from ending.
    #[must_use = "a downgrade leaves the sender as it is"]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender { tx: self.tx.downgrade() }
    }

    /// How many senders there are, permits that own one included.
    #[must_use]
    pub fn strong_count(&self) -> usize {
        self.channel().strong_count()
    }

    /// How many weak senders there are.
    #[must_use]
    pub fn weak_count(&self) -> usize {
        self.channel().weak_count()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("channel", self.channel()).finish()
    }
}

/// A [`Sender`] that does not keep the channel from ending; made by
/// [`Sender::downgrade`].
///
/// # Examples
///
/// ```
/// let (sender, mut receiver) = bowerbird_sync::mpsc::channel(1);
/// let weak = sender.downgrade();
/// weak.upgrade().unwrap().try_send(1).unwrap();
/// drop(sender);
/// assert!(weak.upgrade().is_none());
/// assert_eq!((receiver.blocking_recv(), receiver.blocking_recv()), (Some(1), None));
/// ```
pub struct WeakSender<T> {
    tx: WeakTx<T>,
}

impl<T> WeakSender<T> {
    /// A sender, if there still is one.
    #[must_use]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.tx.upgrade().map(Sender::new)
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

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        Self { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`Sender::reserve_owned`].
    #[must_use = "futures do nothing unless polled"]
    pub struct ReserveOwned<T> {
        #[pin]
        waiter: Waiter<Arc<Channel<T>>>,
        // `None` once it has ended.
        sender: Option<Sender<T>>,
        site: Site,
    }
}

impl<T> Future for ReserveOwned<T> {
    type Output = Result<OwnedPermit<T>, SendError<()>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let sender = this.sender.as_ref().expect("a reservation was polled after it had ended");
        let promised = ready!(poll_promise(this.waiter, cx, sender.channel(), 1, this.site));
        let sender = this.sender.take();
        Poll::Ready(promised.map(|()| OwnedPermit { sender }))
    }
}

impl<T> fmt::Debug for ReserveOwned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReserveOwned").field("sender", &self.sender).finish_non_exhaustive()
    }
}

/// Room for one message, with the sender that sends it: found by
/// [`Sender::reserve_owned`]. Dropping it gives the room back and drops the sender.
#[must_use = "dropping a permit gives its room back"]
pub struct OwnedPermit<T> {
    /// `None` once it is used up.
    sender: Option<Sender<T>>,
}

impl<T> OwnedPermit<T> {
    /// Sends `message`, as [`Permit::send`] does, and gives the sender back.
    pub fn send(mut self, message: T) -> Sender<T> {
        let sender = self.take_sender();
        sender.channel().send_promised(message);
        sender
    }

    /// Gives up the room, and the sender back.
    pub fn release(mut self) -> Sender<T> {
        let sender = self.take_sender();
        sender.channel().give_back(1);
        sender
    }

    fn take_sender(&mut self) -> Sender<T> {
        self.sender.take().expect("a permit has its sender until it is used up")
    }

    /// Whether `other` is for the same channel.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        matches!((&self.sender, &other.sender), (Some(it), Some(other)) if it.same_channel(other))
    }

    /// Whether `sender` sends into the same channel.
    #[must_use]
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        self.sender.as_ref().is_some_and(|it| it.same_channel(sender))
    }
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(sender) = &self.sender {
            sender.channel().give_back(1);
        }
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").field("sender", &self.sender).finish()
    }
}
