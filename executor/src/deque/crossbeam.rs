//! The queue of crossbeam-deque (Chase and Lev's, with FIFO order).

use crossbeam_deque::Steal;
use std::fmt;

/// How often a thief tries again after it lost a race. Whoever won took
/// something, so a victim that is lost to this often is in good hands already.
const TRIES_MAX: usize = 4;

/// The owner's side.
pub(crate) struct Worker<T>(crossbeam_deque::Worker<T>);

/// A thief's side.
pub(crate) struct Stealer<T>(crossbeam_deque::Stealer<T>);

impl<T: Send> Worker<T> {
    /// An empty queue.
    pub(crate) fn new_fifo() -> Self {
        Self(crossbeam_deque::Worker::new_fifo())
    }

    /// Adds the youngest.
    #[inline]
    pub(crate) fn push(&self, value: T) {
        self.0.push(value);
    }

    /// Takes the oldest.
    #[inline]
    pub(crate) fn pop(&self) -> Option<T> {
        self.0.pop()
    }

    /// Is nothing here?
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many are here.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// A thief's side of this queue.
    pub(crate) fn stealer(&self) -> Stealer<T> {
        Stealer(self.0.stealer())
    }
}

impl<T: Send> Stealer<T> {
    /// Is nothing there?
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many are there.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes the older half (rounded up), at most `limit` values: returns the
    /// oldest, and moves the others to the end of `dest`, whose owner we are.
    ///
    /// From the thief's own queue it takes one. `None`: nothing there, or others
    /// were faster several times in a row.
    pub(crate) fn steal_batch_and_pop(&self, dest: &Worker<T>, limit: usize) -> Option<T> {
        if limit == 0 {
            return None;
        }
        for _ in 0..TRIES_MAX {
            // Two loads, where a steal would pin crossbeam's epoch.
            if self.0.is_empty() {
                return None;
            }
            match self.0.steal_batch_with_limit_and_pop(&dest.0, limit) {
                Steal::Success(value) => return Some(value),
                Steal::Empty => return None,
                Steal::Retry => (),
            }
        }
        None
    }
}

impl<T> Clone for Stealer<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Worker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("len", &self.0.len()).finish()
    }
}

impl<T> fmt::Debug for Stealer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stealer").field("len", &self.0.len()).finish()
    }
}
