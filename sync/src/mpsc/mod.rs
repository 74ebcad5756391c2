//! How do messages get from many tasks to one?
//!
//! One lock decides everything: who gets room, what the next message is, who is
//! told that the channel has ended (see `channel`). Senders wait for room in the
//! order of their coming; room that comes free is promised to the one in front,
//! who may then send even if others try at the same moment. An unbounded channel
//! is one with as many places as there are addresses.
//!
//! Nothing is lost when a future is dropped: a message is taken in the poll that
//! returns it, and room that was promised to a future which is dropped goes to the
//! next in line.
//!
//! # Rejected
//!
//! * A list of blocks without a lock, beside a semaphore for the room: what one lock
//!   decides needs four atomic steps there, and was measured slower.
//! * An `AtomicWaker` for the receiver: two RMWs per message, also when nobody waits.
//! * To put the messages of those who wait into the line, where the receiver takes
//!   them: a `send` that is dropped would not know whether it has sent.

mod channel;
mod closing;
mod error;
mod handle;
mod permit;
mod receiver;
mod recv;
mod send;
mod sender;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod unbounded;

pub use closing::Closed;
pub use error::{SendError, TryRecvError, TrySendError};
pub use permit::{Permit, Permits};
pub use receiver::Receiver;
pub use recv::{Recv, RecvMany};
pub use send::{Reserve, ReserveMany, Send};
pub use sender::{OwnedPermit, ReserveOwned, Sender, WeakSender};
pub use unbounded::{UnboundedReceiver, UnboundedSender, WeakUnboundedSender};

/// A channel that holds up to `capacity` messages: senders wait while it is full.
///
/// Memory is taken as it is needed, not in advance.
///
/// # Panics
///
/// If `capacity` is zero: no message could ever be sent.
///
/// # Examples
///
/// ```
/// let (sender, mut receiver) = bowerbird_sync::mpsc::channel(8);
/// let theirs = sender.clone();
/// let threads = [sender, theirs].map(|it| std::thread::spawn(move || it.blocking_send(21)));
/// let sum: i32 = std::iter::from_fn(|| receiver.blocking_recv()).sum();
/// assert_eq!(sum, 42);
/// # threads.into_iter().for_each(|it| it.join().unwrap().unwrap());
/// ```
#[doc(alias = "Queue")]
#[must_use = "a channel is of no use without its halves"]
#[track_caller]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(
        capacity > 0,
        "mpsc::channel({capacity}) could never hold a message: give it a capacity of at least 1, \
         or use unbounded_channel()"
    );
    let (tx, rx) = handle::open(capacity);
    (Sender::new(tx), Receiver::new(rx))
}

/// A channel that holds as many messages as there is memory: senders never wait.
///
/// A receiver that is slower than its senders lets it grow without end; where that
/// can happen, [`channel()`] makes the senders wait.
///
/// # Examples
///
/// ```
/// let (sender, mut receiver) = bowerbird_sync::mpsc::unbounded_channel();
/// sender.send("hello").unwrap();
/// drop(sender);
/// assert_eq!(receiver.blocking_recv(), Some("hello"));
/// assert_eq!(receiver.blocking_recv(), None);
/// ```
#[doc(alias = "Queue")]
#[must_use = "a channel is of no use without its halves"]
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let (tx, rx) = handle::open(usize::MAX);
    (UnboundedSender::new(tx), UnboundedReceiver::new(rx))
}
