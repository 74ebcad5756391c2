//! Who holds a channel, and as what?
//!
//! A [`Tx`] counts as a sender, a [`WeakTx`] does not, an [`Rx`] is the receiver.
//! They share one allocation; the last of any kind frees it.
//!
//! # Why the counts need no edge
//!
//! Whoever counts the senders down to zero must tell the receiver so after all
//! messages of the others. Those were sent under the channel's lock, before their
//! senders counted down. If the last one had the lock before such a message, its
//! count would come before that sender's, and would not have been the last.

use super::channel::{Channel, Guess};
use crate::shim::atomic::Ordering::Relaxed;
use std::sync::Arc;

/// A channel held by one who may send: the channel ends when none is left.
#[derive(Debug)]
pub(super) struct Tx<T>(Arc<Channel<T>>);

/// A channel held by one who may become a sender while there is another.
#[derive(Debug)]
pub(super) struct WeakTx<T>(Arc<Channel<T>>);

/// A channel held by its receiver.
#[derive(Debug)]
pub(super) struct Rx<T> {
    channel: Arc<Channel<T>>,
    guess: Guess,
}

/// A new channel with `capacity` places.
pub(super) fn open<T>(capacity: usize) -> (Tx<T>, Rx<T>) {
    let channel = Arc::new(Channel::new(capacity));
    (Tx(channel.clone()), Rx { channel, guess: Guess::new() })
}

impl<T> Tx<T> {
    #[inline]
    pub(super) fn channel(&self) -> &Arc<Channel<T>> {
        &self.0
    }

    pub(super) fn downgrade(&self) -> WeakTx<T> {
        // Relaxed: a statistic.
        self.0.weak_senders.fetch_add(1, Relaxed);
        WeakTx(self.0.clone())
    }
}

impl<T> Clone for Tx<T> {
    fn clone(&self) -> Self {
        // Relaxed: there is one already. It cannot overflow before the `Arc` does.
        self.0.senders.fetch_add(1, Relaxed);
        Self(self.0.clone())
    }
}

impl<T> Drop for Tx<T> {
    fn drop(&mut self) {
        // Relaxed: the lock orders what the others have sent; see above.
        if self.0.senders.fetch_sub(1, Relaxed) == 1 {
            self.0.end_senders();
        }
    }
}

impl<T> WeakTx<T> {
    pub(super) fn channel(&self) -> &Arc<Channel<T>> {
        &self.0
    }

    pub(super) fn upgrade(&self) -> Option<Tx<T>> {
        let more = |count: usize| if count == 0 { None } else { Some(count + 1) };
        // Relaxed: the count says no more than that one is there.
        self.0.senders.fetch_update(Relaxed, Relaxed, more).ok()?;
        Some(Tx(self.0.clone()))
    }
}

impl<T> Clone for WeakTx<T> {
    fn clone(&self) -> Self {
        // Relaxed: a statistic.
        self.0.weak_senders.fetch_add(1, Relaxed);
        Self(self.0.clone())
    }
}

impl<T> Drop for WeakTx<T> {
    fn drop(&mut self) {
        // Relaxed: a statistic.
        self.0.weak_senders.fetch_sub(1, Relaxed);
    }
}

impl<T> Rx<T> {
    #[inline]
    pub(super) fn channel(&self) -> &Channel<T> {
        &self.channel
    }

    /// The channel, and the guess that goes with the next poll.
    #[inline]
    pub(super) fn parts(&mut self) -> (&Channel<T>, &mut Guess) {
        (&self.channel, &mut self.guess)
    }
}

impl<T> Drop for Rx<T> {
    fn drop(&mut self) {
        self.channel.end_receiver();
    }
}
