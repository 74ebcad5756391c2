//! What a runtime must have so that those who wait can be counted: a lock, and a signal
//! to many.
//!
//! The signal is a semaphore without permits, because that is the one which all have. A
//! permit per waiter wakes them all.

use crate::Runtime;
use std::future::Future;

/// A runtime with the primitives of its own users.
pub trait Waiting: Runtime {
    /// A lock that tasks wait for.
    type Mutex: Send + Sync + 'static;

    /// Permits that tasks wait for.
    type Semaphore: Send + Sync + 'static;

    /// A lock that nobody holds.
    fn mutex() -> Self::Mutex;

    /// The lock's own future, without anything around it.
    fn lock(mutex: &'static Self::Mutex) -> impl Future<Output: Send> + Send + 'static;

    /// No permits.
    fn semaphore() -> Self::Semaphore;

    /// Takes a permit out of the world.
    fn acquire(semaphore: &Self::Semaphore) -> impl Future<Output = ()> + Send;

    /// Adds permits.
    fn release(semaphore: &Self::Semaphore, permits: u64);
}
