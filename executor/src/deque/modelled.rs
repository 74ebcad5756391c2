//! The queue of the models: a locked `VecDeque`, which loom and shuttle see.

use std::{cell::Cell, collections::VecDeque, fmt, marker::PhantomData};
use sync::shim::{Arc, Lock};

/// The owner's side.
pub(crate) struct Worker<T> {
    queue: Arc<Lock<VecDeque<T>>>,
    /// Not `Sync`, as the real one.
    _owner: PhantomData<Cell<()>>,
}

/// A thief's side.
pub(crate) struct Stealer<T> {
    queue: Arc<Lock<VecDeque<T>>>,
}

impl<T: Send> Worker<T> {
    /// An empty queue.
    pub(crate) fn new_fifo() -> Self {
        Self { queue: Arc::new(Lock::new(VecDeque::new())), _owner: PhantomData }
    }

    /// Adds the youngest.
    pub(crate) fn push(&self, value: T) {
        self.queue.lock().push_back(value);
    }

    /// Takes the oldest.
    pub(crate) fn pop(&self) -> Option<T> {
        self.queue.lock().pop_front()
    }

    /// Is nothing here?
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.lock().is_empty()
    }

    /// How many are here.
    pub(crate) fn len(&self) -> usize {
        self.queue.lock().len()
    }

    /// A thief's side of this queue.
    pub(crate) fn stealer(&self) -> Stealer<T> {
        Stealer { queue: self.queue.clone() }
    }
}

impl<T: Send> Stealer<T> {
    /// Is nothing there?
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.lock().is_empty()
    }

    /// How many are there.
    pub(crate) fn len(&self) -> usize {
        self.queue.lock().len()
    }

    /// Takes the older half (rounded up), at most `limit` values: returns the
    /// oldest, and moves the others to the end of `dest`, whose owner we are.
    ///
    /// From the thief's own queue it takes one. `None`: nothing there.
    pub(crate) fn steal_batch_and_pop(&self, dest: &Worker<T>, limit: usize) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        if Arc::ptr_eq(&self.queue, &dest.queue) {
            return dest.pop();
        }
        let batch: Vec<T> = {
            let mut queue = self.queue.lock();
            let count = queue.len().div_ceil(2).min(limit);
            queue.drain(..count).collect()
        };
        // In between they are in neither queue, as with the real one.
        let mut batch = batch.into_iter();
        let first = batch.next();
        batch.for_each(|value| dest.push(value));
        first
    }
}

impl<T> Clone for Stealer<T> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

impl<T> fmt::Debug for Worker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Stealer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stealer").finish_non_exhaustive()
    }
}
