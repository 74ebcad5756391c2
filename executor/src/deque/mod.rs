//! The tasks of one worker, which others may steal.
//!
//! The owner pushes at one end and pops at the other, so tasks run in the order
//! in which they were pushed. A thief takes up to half of them, oldest first, in
//! one go: its own queue gets all but the one it runs at once.
//!
//! ```text
//!              thieves
//!                 │
//!     pop ◀── ┌───┴───────────────┐ ◀── push
//!             │ oldest …  youngest│
//!             └───────────────────┘
//!               both by the owner
//! ```
//!
//! Two implementations with one interface: crossbeam's, which knows nothing of
//! loom and shuttle, and a locked `VecDeque` for these. This is the place where
//! one is chosen:
//!
//! | name                          | contract                                           |
//! |-------------------------------|----------------------------------------------------|
//! | `Worker::new_fifo()`          |                                                    |
//! | `Worker::push(&self, T)`      | owner; grows without limit                         |
//! | `Worker::pop(&self)`          | owner; the oldest                                  |
//! | `{Worker, Stealer}::len`      | exact while nobody else moves anything             |
//! | `{Worker, Stealer}::is_empty` | likewise; two loads, no read-modify-write          |
//! | `Worker::stealer(&self)`      | for another thread, as many as it likes            |
//! | `Stealer::steal_batch_and_pop(&self, &Worker, limit)` | see there                  |
//!
//! A `Worker` is `Send` but not `Sync`: the owner's side has one thread at a
//! time.

#[cfg(not(any(loom, shuttle)))]
mod crossbeam;
#[cfg(any(test, loom, shuttle))]
mod modelled;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

#[cfg(not(any(loom, shuttle)))]
pub(crate) use crossbeam::{Stealer, Worker};
#[cfg(any(loom, shuttle))]
pub(crate) use modelled::{Stealer, Worker};
