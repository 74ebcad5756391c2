//! A look at a runtime: its tasks, and what it has counted.

use crate::{
    metrics::{Metrics, WorkerMetrics},
    scheduler::Scheduler,
    task::{
        Home,
        info::{Id, TaskInfo},
    },
};
use sync::shim::atomic::Ordering::Relaxed;

impl Scheduler {
    /// All tasks that live at this moment.
    pub(crate) fn tasks(&self) -> Vec<TaskInfo> {
        let mut tasks: Vec<_> = self.homes.iter().flat_map(Home::tasks).collect();
        tasks.sort_by_key(|task| task.id);
        tasks
    }

    /// The task with this id, while it lives.
    pub(crate) fn task(&self, id: Id) -> Option<TaskInfo> {
        self.homes.iter().find_map(|it| it.task(id))
    }

    /// How many reasons of aborted tasks are kept.
    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(crate) fn reasons_count(&self) -> usize {
        self.homes.iter().map(Home::reasons_count).sum()
    }

    pub(crate) fn metrics(&self) -> Metrics {
        let pool = self.pool.metrics();
        let count = |it: fn(&Home) -> u64| self.homes.iter().map(it).sum();
        Metrics {
            uptime: self.sampling.uptime(),
            tasks_spawned: count(|it| it.counts.spawned.get()),
            tasks_alive: self.homes.iter().map(Home::alive).sum(),
            tasks_cancelled: count(|it| it.counts.cancelled()),
            tasks_panicked: count(|it| it.counts.panicked()),
            driver: self.driver.metrics(),
            workers: (0..self.peers().len()).map(|it| self.worker_metrics(it)).collect(),
            // Relaxed, here and below: statistics.
            spares: self.peers().iter().filter(|it| it.is_active.load(Relaxed)).count(),
            injected: self.injector.len(),
            asleep: self.idle.asleep(),
            stalls: self.rescues.stalls.get(),
            rescued_tasks: self.rescues.tasks.get(),
            rescued_events: self.rescues.events.get(),
            spares_started: self.rescues.spares.get(),
            blocking_threads: pool.threads,
            blocking_idle: pool.idle,
            blocking_queued: pool.queued,
            blocking_running: pool.running,
            blocking_cancelled: self.blocking_cancelled.load(Relaxed),
            blocking_threads_peak: pool.threads_peak,
            blocking_threads_started: pool.started_total,
            blocking_starts_failed: pool.starts_failed_total,
        }
    }

    fn worker_metrics(&self, index: usize) -> WorkerMetrics {
        let worker = &self.workers[index];
        let queued = worker.stealer.len() + usize::from(!worker.slot.is_empty());
        WorkerMetrics { is_spare: self.is_spare(index), ..worker.counters.snapshot(queued) }
    }
}
