//! How does a spare worker come and go? Why, the [watcher](crate::watcher) knows.
//!
//! Its desk lies where all desks lie that nobody sits at. A thread that sits down at it
//! makes it one more worker, and one that stands up takes it away again; a thread that
//! only stands in for the one that sits there does neither.

use crate::{desk::Desk, scheduler::Scheduler};
use sync::shim::atomic::Ordering::Relaxed;

impl Scheduler {
    pub(crate) fn is_spare(&self, index: usize) -> bool {
        self.config.workers <= index
    }

    /// A thread sits at this desk, and counts as engaged.
    pub(crate) fn sat_down(&self, index: usize) {
        if !self.is_spare(index) {
            return;
        }
        let worker = &self.workers[index];
        // Relaxed, all: ordered by the lock under which the desk was taken.
        if !worker.is_active.swap(true, Relaxed) {
            worker.is_wanted.swap(false, Relaxed);
            self.in_use.fetch_max(index + 1, Relaxed);
            self.idle.join();
        }
    }

    /// A thread, which counts as engaged, stands up from this desk, which is in order: it
    /// leaves nothing behind that only somebody at the desk would look for.
    pub(crate) fn stands_up(&self, desk: &Desk) {
        if !self.is_spare(desk.index) {
            return;
        }
        while let Some(task) = desk.local.pop() {
            // Forgotten if the runtime is over, as anywhere.
            let _queued = self.injector.push(task);
        }
        self.wake_for_work();
        // Relaxed: ordered by the lock under which the desk is put down.
        if self.workers[desk.index].is_active.swap(false, Relaxed) {
            self.idle.leave();
        }
    }
}
