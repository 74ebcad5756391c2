//! Whose turn is it to be joined?
//!
//! Tasks that are waited for, each with what its owner knows of it. Each handle is
//! watched from the start with the waker of its slot, so a task that ends puts its
//! number on the list of the ended: results come in the order of completion, whether
//! or not somebody waits at that moment, and a wake-up looks at one task.
//!
//! ```text
//!     insert ─▶ slab ◀─ number of an ended task ─ its worker
//!                 │
//!                 ╰─▶ take_next: the front of the list, if it is really over
//! ```
//!
//! A number on the list is a hint. That of a task which is not over, left by a late
//! wake of the one before in the same slot, is watched again.

use executor::{Id, JoinError, JoinHandle};
use std::{
    fmt, mem,
    panic::Location,
    task::{Context, Poll, ready},
};
use sync::{
    coop,
    ready_set::ReadySlab,
    wait_site::{self, Kind},
};

/// Tasks and what is known of them. Dropping it aborts them.
pub(crate) struct Tasks<T, D> {
    slab: ReadySlab<Member<T, D>>,
}

/// A task and what is known of it.
#[derive(Debug)]
pub(crate) struct Member<T, D> {
    pub(crate) handle: JoinHandle<T>,
    pub(crate) data: D,
}

impl<T, D> Member<T, D> {
    /// The result of a task that is over.
    pub(crate) fn into_result(self) -> (D, Result<T, JoinError>) {
        (self.data, self.handle.take_finished())
    }

    /// The same, with the id of a task that has an output.
    pub(crate) fn into_result_with_id(self) -> Result<(Id, T), JoinError> {
        let id = self.handle.id();
        let output = self.handle.take_finished()?;
        Ok((id.expect("a task that was refused has no output"), output))
    }
}

impl<T, D> Tasks<T, D> {
    pub(crate) fn new() -> Self {
        Self { slab: ReadySlab::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// Adds a task. Returns its number.
    pub(crate) fn insert(&mut self, handle: JoinHandle<T>, data: D) -> usize {
        let index = self.slab.insert_idle(Member { handle, data });
        self.watch(index);
        index
    }

    /// The number of a task goes on the list when it is over, or at once.
    fn watch(&mut self, index: usize) {
        self.slab.poll_child(index, |member, cx| {
            if member.handle.watch(cx.waker()) {
                cx.waker().wake_by_ref();
            }
        });
    }

    /// Takes out the task that ended first.
    pub(crate) fn take_next(&mut self) -> Option<(usize, Member<T, D>)> {
        self.take_from_batch().or_else(|| {
            // Once: a watch may put numbers on the list, too.
            self.slab.refill();
            self.take_from_batch()
        })
    }

    fn take_from_batch(&mut self) -> Option<(usize, Member<T, D>)> {
        while let Some(index) = self.slab.peek() {
            let is_over = self.slab.get(index).is_some_and(|it| it.handle.is_finished());
            if is_over {
                return self.slab.remove_front().map(|member| (index, member));
            }
            self.slab.pop();
            self.watch(index);
        }
        None
    }

    /// Waits for the next task that ends. `None`: there are no tasks.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Poll<Option<(usize, Member<T, D>)>> {
        if self.slab.is_empty() {
            return Poll::Ready(None);
        }
        let progress = ready!(coop::poll_proceed(cx));
        let next = self.take_next().or_else(|| {
            // Nobody has ended yet: whoever does from here on wakes us.
            self.slab.register(cx.waker());
            self.take_next()
        });
        if next.is_some() {
            progress.made();
            return Poll::Ready(next);
        }
        wait_site::waiting(Kind::OneOf, self.slab.id(), location);
        Poll::Pending
    }

    /// Nobody waits any more.
    pub(crate) fn unregister(&mut self) {
        self.slab.unregister();
    }

    /// Takes task `index` out, over or not.
    pub(crate) fn remove(&mut self, index: usize) -> Option<Member<T, D>> {
        self.slab.remove(index)
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Member<T, D>> {
        self.slab.get(index)
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut Member<T, D>> {
        self.slab.get_mut(index)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Member<T, D>> {
        self.slab.iter().map(|(_, member)| member)
    }

    pub(crate) fn abort_all(&self) {
        self.iter().for_each(|member| member.handle.abort());
    }

    /// Lets them all run on.
    pub(crate) fn detach_all(&mut self) {
        drop(mem::take(&mut self.slab));
    }
}

impl<T, D> Drop for Tasks<T, D> {
    fn drop(&mut self) {
        self.abort_all();
    }
}

impl<T, D> fmt::Debug for Tasks<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").field("len", &self.len()).finish_non_exhaustive()
    }
}
