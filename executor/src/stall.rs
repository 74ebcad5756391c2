//! What is told of a task that keeps its worker.

use crate::task::info::{Id, TaskInfo};
use std::{fmt, time::Duration};

/// A task has been in one poll for long: it blocks its thread, or computes.
///
/// Given to the hook of [`Builder::on_stall`](crate::Builder::on_stall), when the time
/// is over that [`stall_threshold`](crate::Builder::stall_threshold) says, and once more
/// when the poll has ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stall {
    /// The task, with the call that spawned it; its `waits_for` is what the poll has
    /// found pending so far.
    pub task: TaskInfo,
    /// Which worker it keeps.
    pub worker: usize,
    /// For how long, as far as the watcher has seen: a few milliseconds less than in
    /// truth, or more if it is over.
    pub duration: Duration,
    /// Whether the poll has ended.
    pub is_over: bool,
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { task, worker, duration, is_over } = self;
        match is_over {
            false => write!(
                f,
                "{task} has kept worker {worker} for {duration:?} in one poll: if it blocks, use \
                 `spawn_blocking` or `block_in_place`; if it computes, yield now and then"
            ),
            true => write!(
                f,
                "{} kept worker {worker} for {duration:?} in one poll, which is over",
                task.label()
            ),
        }
    }
}

/// What the watcher tells of one worker, from look to look.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    /// Told, and not over.
    told: Option<Stall>,
}

/// What the watcher sees of a worker that is awake.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sight {
    pub(crate) worker: usize,
    /// The task that it polls. `None`: the watcher does not know, or it is another poll.
    pub(crate) task: Option<Id>,
    /// For how long its count of polls has been what it is.
    pub(crate) lasts: Duration,
    /// Whether the count has changed since the last look, or the worker sleeps.
    pub(crate) is_new: bool,
}

impl Reports {
    /// What is to be told after this look; `look_at` finds the task while it lives.
    pub(crate) fn after(
        &mut self,
        sight: Sight,
        threshold: Duration,
        look_at: impl FnOnce(Id) -> Option<TaskInfo>,
    ) -> Option<Stall> {
        if sight.is_new {
            return self.told.take().map(|it| Stall { is_over: true, ..it });
        }
        if let Some(told) = &mut self.told {
            told.duration = sight.lasts;
            return None;
        }
        if sight.lasts < threshold {
            return None;
        }
        let task = look_at(sight.task?)?;
        let Sight { worker, lasts: duration, .. } = sight;
        self.told = Some(Stall { task, worker, duration, is_over: false });
        self.told.clone()
    }
}
