//! Where tasks are watched: on their way into a queue, and at their poll.
//!
//! [`metrics`](crate::metrics) says which, and what the figures are. Each worker has a
//! stamp, and one is for all threads outside.

use crate::{context::Context, desk::Desk, metrics::Stamp, scheduler::Scheduler, task::Task};

impl Scheduler {
    /// A task is about to be pushed at this desk.
    #[inline]
    pub(crate) fn watch_at(&self, desk: &Desk, task: Task) -> Task {
        match desk.sampler.is_due() {
            false => task,
            true => self.watch_now(desk, task),
        }
    }

    /// By value, as the above: whose address is taken does not stay in a register.
    #[cold]
    #[inline(never)]
    fn watch_now(&self, desk: &Desk, task: Task) -> Task {
        desk.sampler.rewind();
        self.watch(&self.workers[desk.index].stamp, &task);
        task
    }

    /// A task is about to be pushed by a thread that is not a worker.
    #[inline(never)]
    pub(crate) fn watch_from_outside(&self, task: Task) -> Task {
        if self.sampling.is_due_outside() {
            self.watch(&self.sampling.outside, &task);
        }
        task
    }

    fn watch(&self, stamp: &Stamp, task: &Task) {
        if stamp.set(task.address(), self.sampling.now()) {
            task.mark();
        }
    }

    /// A task will never be polled, which may be one that is watched, and may be over.
    pub(crate) fn forget(&self, task: &Task) {
        self.take_stamp(task);
    }

    /// Runs a task that is watched.
    #[cold]
    pub(crate) fn run_watched(&self, cx: &Context, task: Task, run: impl FnOnce(Task)) {
        let began = self.sampling.now();
        task.unmark();
        let since = self.take_stamp(&task);
        run(task);
        let took = self.sampling.now().saturating_sub(began);
        // A poll in which the desk was lent is not this worker's.
        let Some(desk) = cx.desk() else { return };
        let counters = &self.workers[desk.index].counters;
        counters.times.latencies.add(began.saturating_sub(since.unwrap_or(began)));
        counters.times.polls.add(took);
    }

    fn take_stamp(&self, task: &Task) -> Option<u64> {
        let stamps = self.workers.iter().map(|it| &it.stamp).chain([&self.sampling.outside]);
        stamps.into_iter().find_map(|it| it.take(task.address()))
    }
}
