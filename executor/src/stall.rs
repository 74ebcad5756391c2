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

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::task::info::Nature;

    const MILLI: Duration = Duration::from_millis(1);

    fn info(id: Id) -> TaskInfo {
        TaskInfo {
            id,
            name: None,
            spawned_at: None,
            waits_for: None,
            polls: 1,
            nature: Nature::Stealable,
        }
    }

    /// What is told after looks at task 7, which has been in its poll for so many
    /// milliseconds; none: in a new one.
    fn told(reports: &mut Reports, lasts: Option<u32>) -> Option<(Duration, bool)> {
        let sight = Sight {
            worker: 3,
            task: Some(Id::new(7)),
            lasts: MILLI * lasts.unwrap_or(0),
            is_new: lasts.is_none(),
        };
        let stall = reports.after(sight, MILLI * 10, |id| Some(info(id)))?;
        assert_eq!((stall.task.id, stall.worker), (Id::new(7), 3));
        Some((stall.duration, stall.is_over))
    }

    #[test]
    fn a_stall_is_told_of_at_its_threshold_once_and_when_it_is_over() {
        let mut reports = Reports::default();
        for _ in 0..2 {
            assert_eq!(told(&mut reports, Some(9)), None);
            assert_eq!(told(&mut reports, Some(10)), Some((MILLI * 10, false)));
            assert_eq!(told(&mut reports, Some(25)), None);
            assert_eq!(told(&mut reports, None), Some((MILLI * 25, true)));
            assert_eq!(told(&mut reports, None), None);
        }
    }

    /// It ended between the looks at the count and at the task, or it is not known.
    #[test]
    fn nothing_is_told_of_a_task_that_is_not_there() {
        let sight = Sight { worker: 0, task: Some(Id::new(7)), lasts: MILLI * 20, is_new: false };
        let mut reports = Reports::default();
        assert!(reports.after(sight, MILLI, |_| None).is_none());
        let unknown = Sight { task: None, ..sight };
        assert!(reports.after(unknown, MILLI, |_| panic!("which one?")).is_none());
        let over = Sight { is_new: true, ..sight };
        assert!(reports.after(over, MILLI, |_| None).is_none(), "nor that it is over");
    }

    #[test]
    fn that_a_stall_is_over_is_told_of_a_task_that_has_ended() {
        let mut reports = Reports::default();
        assert!(told(&mut reports, Some(10)).is_some());
        let over = Sight { worker: 3, task: None, lasts: MILLI, is_new: true };
        let stall = reports.after(over, MILLI, |_| None).unwrap();
        assert!(stall.is_over && stall.task.id == Id::new(7) && stall.duration == MILLI * 10);
    }
}
