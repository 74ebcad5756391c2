//! The ways in which tasks and threads wait for one another.
//!
//! Everything here works under any executor and from plain threads: a future of
//! this crate needs nothing but a waker, and
//! [`WaitBlocking`](wait_blocking::WaitBlocking) makes one out of a thread.
//!
//! # What waits on what
//!
//! ```text
//!     Mutex  Semaphore   Event  Condition  Notify  mpsc    CancellationToken  Deferred
//!        ╲    ╱            │       │  ╲      │    (room)              ╲         ╱
//!        permits           │       │  Mutex  │       │                 milestone
//!           ╲              │       │         │       │                    │
//!            ╰─────────────┴── wait_queue ───┴───────┴────────────────────╯
//!                            a lock and a list          oneshot  mpsc (messages)
//!                                   │                      ╲      ╱
//!                              wake_batch                atomic_waker
//!                                   ╲                  one slot, no lock
//!                                    ╲                      ╱
//!                                     ╰───── a waker ──────╯
//!                                          ╱           ╲
//!                              an executor's task    a thread in a parker
//! ```
//!
//! * Where many wait they stand in a [`wait_queue`]: first come, first granted; a
//!   grant that was not seen is passed on; wakers are called outside the lock.
//! * Where one waits it leaves its waker in a slot.
//! * A thread of a runtime sleeps in a [`driver`]; any other in a [`parker`].
//!
//! Around the waiting: [`coop`], how long one may go on without; [`wait_site`], what
//! a task waits for, and where.
//!
//! # What holds everywhere
//!
//! * Nothing happens until a future is polled. Dropping it undoes everything.
//! * Of several wakers the last one polled with is called. A `try_` method leaves
//!   those of others alone.
//! * No code of others (wakers, destructors, closures) runs under a lock of ours. A
//!   waker that panics costs nobody else a wake-up: see [`wake_batch`].
//! * Each future says what is lost when it is dropped: **Strict** (nothing: drop it
//!   and call again, and nobody can tell), **Loses its place** (in line, nothing
//!   else), **Lossy** (it says what).

#[doc(hidden)]
#[expect(unsafe_code, reason = "a slot which two sides write in turns")]
pub mod atomic_waker;
pub mod cancellation;
pub mod condition;
pub mod coop;
pub mod deferred;
pub mod driver;
pub mod event;
#[doc(hidden)]
pub mod futurelock;
#[doc(hidden)]
#[expect(unsafe_code, reason = "a lock around a cell")]
pub mod home_lock;
#[cfg(all(test, not(shuttle)))]
#[expect(unsafe_code, reason = "wakers made from functions, for tests")]
mod hostile;
#[expect(unsafe_code, reason = "nodes that point at one another, in pinned futures")]
mod list;
mod milestone;
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
#[doc(hidden)]
#[expect(unsafe_code, reason = "a waker, as two words that may be copied while it changes")]
pub mod waker_slot;

pub use cancellation::CancellationToken;
pub use condition::{Condition, ConditionGuard};
pub use deferred::{Deferred, DeferredError};
pub use event::Event;
pub use mutex::{MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};
pub use notify::Notify;
pub use semaphore::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
