//! The ways in which tasks and threads wait for one another.
//!
//! Everything here works under any executor and from plain threads.

#[doc(hidden)]
#[expect(unsafe_code, reason = "a slot which two sides write in turns")]
pub mod atomic_waker;
pub mod condition;
pub mod coop;
pub mod driver;
pub mod event;
#[expect(unsafe_code, reason = "nodes that point at one another, in pinned futures")]
mod list;
#[cfg(all(test, loom))]
#[expect(unsafe_code, reason = "models race on plain cells; loom is the referee")]
mod models;
pub mod mpsc;
#[expect(unsafe_code, reason = "guards: references into a cell, by right of a permit")]
pub mod mutex;
pub mod notify;
pub mod oneshot;
pub mod parker;
mod permits;
#[doc(hidden)]
#[expect(unsafe_code, reason = "one allocation for the wakers of all children")]
pub mod ready_set;
pub mod semaphore;
#[doc(hidden)]
pub mod shim;
mod site;
#[cfg(all(test, not(any(loom, shuttle))))]
mod static_checks;
pub mod wait_blocking;
#[expect(unsafe_code, reason = "the protocol of places in a line: who may touch what")]
pub mod wait_queue;
#[expect(unsafe_code, reason = "a pointer to the current record in a thread-local")]
pub mod wait_site;
#[expect(unsafe_code, reason = "an array of which a part is initialized")]
pub mod wake_batch;

pub use condition::{Condition, ConditionGuard};
pub use event::Event;
pub use mutex::{MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};
pub use notify::Notify;
pub use semaphore::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
