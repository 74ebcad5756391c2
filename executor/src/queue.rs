//! In which order do tasks run?
//!
//! Three places to wait in, from hot to cold:
//!
//! * the [`Slot`] of a worker: the task that was woken last inside a poll of this
//!   worker. It runs next, with what the waker wrote still in the cache. Nobody is
//!   woken for it.
//! * the deque of a worker: first in, first out; others steal from it.
//! * the [injector](crate::injector) of the runtime: what threads that are not its
//!   workers queue. Workers take from it in batches.
//!
//! # Synchronization edges
//!
//! | edge | released by        | acquired by        | what crosses                   |
//! |------|--------------------|--------------------|--------------------------------|
//! | Q1   | [`Slot::put`]      | [`Slot::take`]     | the task, when a thief takes it |

use crate::task::{Task, header::Header};
use sync::shim::atomic::{
    AtomicPtr,
    Ordering::{AcqRel, Relaxed},
};

/// Room for the one task that is to run next.
#[derive(Debug)]
pub(crate) struct Slot(AtomicPtr<Header>);

impl Slot {
    pub(crate) fn new() -> Self {
        Self(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// Puts a task in, for the owner. Gives back the one that lay there.
    ///
    /// The newcomer displaces: it is what was woken by the poll that runs now.
    #[must_use]
    pub(crate) fn put(&self, task: Task) -> Option<Task> {
        // Q1: publishes the task. By read-modify-write, since a thief may be at it.
        let before = self.0.swap(task.into_raw(), AcqRel);
        // SAFETY: 1: the slot holds what `into_raw` gave, and this swap took it out.
        unsafe { Task::from_raw(before) }
    }

    /// Takes the task out: for the owner, and for a thief when the owner is stuck.
    pub(crate) fn take(&self) -> Option<Task> {
        // Relaxed: most often there is nothing, and a load is cheaper than a swap.
        if self.0.load(Relaxed).is_null() {
            return None;
        }
        // Q1: sees the task.
        let task = self.0.swap(std::ptr::null_mut(), AcqRel);
        // SAFETY: 1: the slot holds what `into_raw` gave, and this swap took it out.
        unsafe { Task::from_raw(task) }
    }

    /// Whether there is one. A hint for anybody but the owner.
    pub(crate) fn is_empty(&self) -> bool {
        // Relaxed: the owner sees its own writes, others get a hint.
        self.0.load(Relaxed).is_null()
    }
}
