//! How do tasks stand in line, and how does one leave the line unharmed?
//!
//! A [`WaitQueue`] is a lock around a primitive's state and the line of those who
//! wait. It knows nothing of permits or flags: a [`Primitive`] decides, under the
//! lock, who passes and who is granted what; the queue keeps the order, carries
//! the grant to the waiter, wakes it outside the lock and sees to it that a grant
//! is never lost.
//!
//! ```text
//!                 poll: decide → Wait                grant
//!        ┌─────┐ ───────────────────▶ ┌────────┐ ──────────────▶ ┌─────────┐
//!        │ OUT │                      │ QUEUED │                 │ GRANTED │
//!        └─────┘ ◀─────────────────── └────────┘ ─┐            ▲ └─────────┘
//!          ▲ ▲       drop: `cancelled`   grant,   │            │      │
//!          │ │                    the batch full  ▼            │      │
//!          │ │                              ┌─────────┐  woken │      │
//!          │ └────────── poll or drop ───── │ LEAVING │ ───────┘      │
//!          │                                └─────────┘               │
//!          └── poll: takes the grant ── drop: `pass_on` ──────────────┘
//! ```
//!
//! However many waiters one operation grants, it grants them in one critical
//! section: nobody can come between the first and the last. Only the waking is
//! done in batches, and who is granted but not yet woken stands in a second list,
//! LEAVING, from which it may depart by itself.
//!
//! # Who may touch what
//!
//! 1. | status  | the grant and the waker belong to     | the node is in    |
//!    |---------|---------------------------------------|-------------------|
//!    | OUT     | the waiter                            | no list           |
//!    | QUEUED  | who holds the lock                    | `waiting`         |
//!    | LEAVING | who holds the lock                    | `leaving`         |
//!    | GRANTED | the waiter                            | no list           |
//!
//! 2. The status is written under the lock, except by the waiter from GRANTED to
//!    OUT. Under the lock it is therefore known; without, OUT and GRANTED are
//!    final until the waiter itself acts.
//! 3. The granter's last access to a node is the store of GRANTED: from then on
//!    the waiter may end.
//! 4. "The waiter" is who holds the [`Waiter`] exclusively, pinned.
//! 5. The queue a waiter stands in outlives the waiter: it hangs from the
//!    [`Primitive`] that the [`Hold`] of the waiter keeps alive, shared and in its
//!    place, so the reference that `Primitive::queue` gave stays good for as long.
//!
//! # Synchronization edges
//!
//! | edge | released by        | acquired by              | what crosses                   |
//! |------|--------------------|--------------------------|--------------------------------|
//! | W1   | a grant            | the waiter's look at its status | the grant, and whatever the granter wrote before |
//!
//! # Rejected
//!
//! * Looking at the own status under the lock: costs every granted waiter a lock
//!   (17 ns) that W1 saves.
//! * Granting in batches with the lock released in between: a `notify_one` that
//!   comes between two batches of a `notify_waiters` would go to somebody who has
//!   been notified already, and be lost.
//! * A waker slot that is locked by itself (`AtomicWaker` per node): saves the lock
//!   when a future is polled again with another waker, which is rare.

mod hold;
mod line;
mod place;
mod primitive;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod waiter;

pub use hold::Hold;
pub(crate) use hold::{Hides, OwnerOf};
pub use line::{Locked, WaitQueue};
pub use primitive::{Decision, Primitive};
pub use waiter::Waiter;
