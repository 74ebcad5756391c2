//! What the group needs of a runtime: something to wait with, one of each kind.
//!
//! A kind is a trait of what the work calls; a runtime names the types. The values
//! are numbers everywhere: what is compared is the waiting and not what is carried.
//! Futures are those of the library wherever it hands them out as they are needed,
//! so that nothing is measured but the library.
//!
//! Where an ecosystem has no such thing the runtime names another's, and a note
//! beside the name tells the reader: the two lines are neighbors, so that they go
//! together when there is one. Where nothing was ever made for an ecosystem, the kind
//! has a trait of its own ([`Watches`]) which the runtime does not have.

use crate::Runtime;
use std::{
    future::Future,
    ops::{Deref, DerefMut},
};

/// A runtime, and what its users wait with.
pub trait Primitives: Runtime {
    /// A lock for one.
    type Mutex: Mutex;
    /// A lock for one writer or several readers.
    type RwLock: RwLock;
    /// Whose the lock is, if it is not the runtime's.
    const RW_LOCK_NOTE: &'static str = "";
    /// So many may, and others wait.
    type Semaphore: Semaphore;
    /// A signal without a value.
    type Signal: Signal;
    /// A channel to one receiver, with so much room.
    type Bounded: Sender;
    /// A channel to one receiver, with room for all.
    type Unbounded: UnboundedSender;
    /// A channel whose receivers share the messages.
    type Mpmc: Sender<Receiver: Clone>;
    /// Whose the channel is, if it is not the runtime's.
    const MPMC_NOTE: &'static str = "";
    /// A channel whose receivers get every message.
    type Broadcast: Broadcast;
    /// Whose the channel is, if it is not the runtime's.
    const BROADCAST_NOTE: &'static str = "";
    /// Where so many tasks meet.
    type Barrier: Barrier;
    /// Whose the barrier is, if it is not the runtime's.
    const BARRIER_NOTE: &'static str = "";
}

/// A runtime whose users can watch a value.
pub trait Watches: Runtime {
    /// A value that can be watched.
    type Watch: Watch;
    /// Whose it is, if it is not the runtime's.
    const WATCH_NOTE: &'static str = "";
}

/// A lock for one.
pub trait Mutex: Send + Sync + 'static {
    /// Has the lock until its drop.
    type Guard<'a>: DerefMut<Target = u64> + Send;

    /// One around zero.
    fn zero() -> Self;

    /// Waits for the lock.
    fn lock(&self) -> impl Future<Output = Self::Guard<'_>> + Send;
}

/// A lock for one writer or several readers.
pub trait RwLock: Send + Sync + 'static {
    /// Has the lock, with other readers.
    type ReadGuard<'a>: Deref<Target = u64> + Send;
    /// Has the lock, alone.
    type WriteGuard<'a>: DerefMut<Target = u64> + Send;

    /// One around zero.
    fn zero() -> Self;

    /// Waits until it can be read.
    fn read(&self) -> impl Future<Output = Self::ReadGuard<'_>> + Send;

    /// Waits until it can be written.
    fn write(&self) -> impl Future<Output = Self::WriteGuard<'_>> + Send;
}

/// So many may, and others wait.
pub trait Semaphore: Send + Sync + 'static {
    /// Gives the permit back in its drop.
    type Permit<'a>: Send;

    /// One with so many permits.
    fn of(permits: usize) -> Self;

    /// Waits for a permit.
    fn acquire(&self) -> impl Future<Output = Self::Permit<'_>> + Send;

    /// How many permits nobody has.
    fn available(&self) -> usize;
}

/// A signal without a value.
pub trait Signal: Send + Sync + 'static {
    /// One that nobody has given.
    fn silent() -> Self;

    /// Listens. The future is there when the signal is given after this call.
    fn listen(&self) -> impl Future<Output = ()> + Send;

    /// Gives the signal to one who listens.
    fn notify(&self);
}

/// The sending end of a channel with limited room.
pub trait Sender: Clone + Send + Sync + 'static {
    /// The other end.
    type Receiver: Receiver;

    /// A channel with so much room.
    fn bounded(capacity: usize) -> (Self, Self::Receiver);

    /// Waits for room, and sends.
    fn send(&self, message: u64) -> impl Future<Output = ()> + Send;
}

/// The sending end of a channel that has always room.
pub trait UnboundedSender: Clone + Send + Sync + 'static {
    /// The other end.
    type Receiver: Receiver;

    /// A channel.
    fn unbounded() -> (Self, Self::Receiver);

    /// Sends.
    fn send(&self, message: u64);
}

/// The receiving end of a channel.
pub trait Receiver: Send + 'static {
    /// Waits for a message. The future is none when all senders are gone.
    fn receive(&mut self) -> impl Future<Output = Option<u64>> + Send;
}

/// The sending end of a channel whose receivers get every message.
pub trait Broadcast: Sized + Send + Sync + 'static {
    /// One of the other ends. What it gives is complete: a message that it missed is
    /// a panic.
    type Receiver: Receiver;

    /// A channel that keeps so many messages, with so many receivers.
    fn to(receivers: usize, capacity: usize) -> (Self, Vec<Self::Receiver>);

    /// Sends.
    fn send(&self, message: u64) -> impl Future<Output = ()> + Send;
}

/// A value that can be watched.
pub trait Watch: Sized + Send + Sync + 'static {
    /// One who looks at the value.
    type Watcher: Watcher;

    /// One that is zero, and one who has seen that.
    fn zero() -> (Self, Self::Watcher);

    /// Replaces the value.
    fn set(&self, value: u64);
}

/// One who looks at a value.
pub trait Watcher: Clone + Send + 'static {
    /// Waits until there is a value that it has not seen. The future is the newest.
    fn changed(&mut self) -> impl Future<Output = u64> + Send;
}

/// Where so many tasks meet, again and again.
pub trait Barrier: Send + Sync + 'static {
    /// One for so many.
    fn of(tasks: usize) -> Self;

    /// Waits until all are there. The future tells whether this one leads: one of
    /// them does.
    fn wait(&self) -> impl Future<Output = bool> + Send;
}
