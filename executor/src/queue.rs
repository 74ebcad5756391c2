//! In which order do tasks run?
//!
//! Three places to wait in, from hot to cold:
//!
//! * the [`Slot`] of a worker: the task that was woken last inside a poll of this
//!   worker. It runs next, with what the waker wrote still in the cache. Nobody is
//!   woken for it.
//! * the deque of a worker: first in, first out; others steal from it.
//! * the [`Injector`] of the runtime: what threads that are not its workers queue.
//!   Workers take from it in batches.
//!
//! A worker that wakes a task pays one read-modify-write for the slot: a store puts the
//! task in, for nobody else does that, and a swap takes it out, for others may.
//!
//! # Rejected
//!
//! * A swap to put a task into an empty slot: 10 ns of a wake, and nothing to swap with.
//! * crossbeam's `Injector`: 33–41 ns for a push and a pop where a `VecDeque`
//!   behind a lock takes 29–34, and the slowest of three in the whole runtime.
//! * Several injectors: with one or two workers there is nothing to shard.
//!
//! # Synchronization edges
//!
//! | edge | released by        | acquired by        | what crosses                   |
//! |------|--------------------|--------------------|--------------------------------|
//! | Q1   | [`Slot::put`]      | [`Slot::take`]     | the task, when a thief takes it |

use crate::task::{Task, header::Header};
use std::collections::VecDeque;
use sync::shim::{
    Lock,
    atomic::{
        AtomicPtr, AtomicUsize,
        Ordering::{AcqRel, Relaxed, Release},
    },
    store_among_rmws,
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
        let task = task.into_raw();
        // Relaxed: nobody but the owner puts anything in, so what it sees empty stays
        // so. A thief that comes late finds either nothing or the newcomer.
        if self.0.load(Relaxed).is_null() {
            // Q1: publishes the task.
            store_among_rmws(&self.0, task, Release);
            return None;
        }
        // Q1: as above. By read-modify-write, since a thief may be at it.
        let before = self.0.swap(task, AcqRel);
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

/// The queue of the runtime, for threads that are not its workers.
#[derive(Debug)]
pub(crate) struct Injector {
    queue: Lock<Queue>,
    /// The queue's length, to look at without the lock.
    len: AtomicUsize,
}

#[derive(Debug)]
struct Queue {
    tasks: VecDeque<Task>,
    is_closed: bool,
}

impl Injector {
    pub(crate) fn new() -> Self {
        let queue = Queue { tasks: VecDeque::new(), is_closed: false };
        Self { queue: Lock::new(queue), len: AtomicUsize::new(0) }
    }

    /// Queues a task. `false`: the runtime is over, and the task was forgotten:
    /// whoever owns its home drops the future.
    pub(crate) fn push(&self, task: Task) -> bool {
        let mut queue = self.queue.lock();
        if !queue.is_closed {
            queue.tasks.push_back(task);
            // Relaxed: a hint; whom it must not deceive, edge D1 of `idle` tells.
            self.len.swap(queue.tasks.len(), Relaxed);
        }
        !queue.is_closed
    }

    /// Takes the oldest task, and moves some more with `keep`: the fair share of
    /// one worker among `workers`, at most `limit`.
    pub(crate) fn take_batch(
        &self,
        workers: usize,
        limit: usize,
        mut keep: impl FnMut(Task),
    ) -> Option<Task> {
        let mut first = None;
        self.move_batch(workers, limit, |task| match first {
            None => first = Some(task),
            Some(_) => keep(task),
        });
        first
    }

    /// As [`take_batch`](Self::take_batch), and moves them all, oldest first.
    pub(crate) fn move_batch(&self, workers: usize, limit: usize, keep: impl FnMut(Task)) {
        if self.is_empty() {
            return;
        }
        let mut queue = self.queue.lock();
        let share = (queue.tasks.len() / workers + 1).min(limit).min(queue.tasks.len());
        queue.tasks.drain(..share).for_each(keep);
        // Relaxed: as in `push`.
        self.len.swap(queue.tasks.len(), Relaxed);
    }

    /// A hint, exact for who has fenced (edge D1 of [`idle`](crate::idle)).
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        // Relaxed: a hint.
        self.len.load(Relaxed)
    }

    /// The runtime is over: forgets what is queued, and all that comes.
    pub(crate) fn close(&self) {
        let mut queue = self.queue.lock();
        queue.is_closed = true;
        queue.tasks.clear();
        // Relaxed: as in `push`.
        self.len.swap(0, Relaxed);
    }
}
