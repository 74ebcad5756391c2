//! What does one hold who has been promised room?

use super::channel::Channel;
use std::{fmt, iter::FusedIterator, mem};

/// Room for one message, which [`Sender::reserve`](super::Sender::reserve) has
/// found. Dropping it gives the room back.
#[must_use = "dropping a permit gives its room back"]
pub struct Permit<'a, T> {
    channel: &'a Channel<T>,
}

impl<'a, T> Permit<'a, T> {
    pub(super) fn new(channel: &'a Channel<T>) -> Self {
        Self { channel }
    }

    /// Sends `message`. Never waits and never fails: if the receiver has been
    /// dropped meanwhile, nobody will look at the message, and it is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let (sender, mut receiver) = bowerbird_sync::mpsc::channel(1);
    /// let permit = sender.reserve().await.unwrap();
    /// assert!(sender.try_send("no room").is_err());
    /// permit.send("reserved");
    /// assert_eq!(receiver.recv().await, Some("reserved"));
    /// # });
    /// ```
    pub fn send(self, message: T) {
        let channel = self.channel;
        mem::forget(self);
        channel.send_promised(message);
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        self.channel.give_back(1);
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("channel", self.channel).finish()
    }
}

/// Room for several messages, which
/// [`Sender::reserve_many`](super::Sender::reserve_many) has found: an iterator of
/// [`Permit`]s. Dropping it gives back what was not taken out of it.
#[must_use = "dropping permits gives their room back"]
pub struct Permits<'a, T> {
    channel: &'a Channel<T>,
    count: usize,
}

impl<'a, T> Permits<'a, T> {
    pub(super) fn new(channel: &'a Channel<T>, count: usize) -> Self {
        Self { channel, count }
    }
}

impl<'a, T> Iterator for Permits<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Permit<'a, T>> {
        self.count = self.count.checked_sub(1)?;
        Some(Permit::new(self.channel))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl<T> ExactSizeIterator for Permits<'_, T> {}
impl<T> FusedIterator for Permits<'_, T> {}

impl<T> Drop for Permits<'_, T> {
    fn drop(&mut self) {
        self.channel.give_back(self.count);
    }
}

impl<T> fmt::Debug for Permits<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permits")
            .field("channel", self.channel)
            .field("count", &self.count)
            .finish()
    }
}
