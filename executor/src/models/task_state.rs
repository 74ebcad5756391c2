//! Models [`crate::task::state`].
//!
//! A plain cell stands for the future: every poll writes it. Whoever is told to
//! queue the task polls it himself, so the word alone has to carry what crosses.

use super::{memory::Memory, outcomes};
use crate::task::state::{Claim, EndPoll, Release, StartPoll, State, Wake};
use std::sync::Arc;
use sync::shim::{
    atomic::{AtomicU32, Ordering::Relaxed},
    thread,
};

/// A task whose future waits for `ready` to reach `enough`.
struct Task {
    state: State,
    future: Memory,
    ready: AtomicU32,
    enough: u32,
    ends: AtomicU32,
    cancels: AtomicU32,
    schedules: AtomicU32,
}

impl Task {
    fn new(enough: u32) -> Arc<Self> {
        Arc::new(Self {
            state: State::spawned(0),
            future: Memory::new(),
            ready: AtomicU32::new(0),
            enough,
            ends: AtomicU32::new(0),
            cancels: AtomicU32::new(0),
            schedules: AtomicU32::new(0),
        })
    }

    /// Polls the BUSY task until it is idle or over.
    fn run(&self) {
        loop {
            let start = self.state.start_poll();
            self.future.add();
            if start == StartPoll::Cancel {
                self.cancels.fetch_add(1, Relaxed);
                return;
            }
            // Relaxed: T1 is what brings the value.
            if self.ready.load(Relaxed) >= self.enough {
                self.ends.fetch_add(1, Relaxed);
                return;
            }
            if self.state.end_poll() == EndPoll::Parked {
                return;
            }
        }
    }

    fn queue(&self, order: Wake) {
        if order == Wake::Schedule {
            self.schedules.fetch_add(1, Relaxed);
            self.run();
        }
    }

    fn wake(&self) {
        self.ready.fetch_add(1, Relaxed);
        self.queue(self.state.wake());
    }

    fn abort(&self) {
        self.queue(self.state.cancel());
    }

    /// How the task ended, and how often it was queued by others.
    fn end(&self) -> (End, u32) {
        let end = match (self.ends.load(Relaxed), self.cancels.load(Relaxed)) {
            (1, 0) => Finished,
            (0, 1) => Cancelled,
            (0, 0) => Waits,
            ends => panic!("a task ended more than once: {ends:?}"),
        };
        (end, self.schedules.load(Relaxed))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Finished,
    Cancelled,
    Waits,
}

use End::{Cancelled, Finished, Waits};

/// Lets each actor act on one task that is about to be polled for the first time.
fn race(enough: u32, actors: &[fn(&Task)]) -> (End, u32) {
    let task = Task::new(enough);
    let actors: Vec<_> = actors
        .iter()
        .map(|actor| {
            let (task, actor) = (task.clone(), *actor);
            thread::spawn(move || actor(&task))
        })
        .collect();
    for actor in actors {
        actor.join().unwrap();
    }
    task.end()
}

/// T1: the poll that a wake leads to sees what the waker wrote, when the wake
/// came during a poll and when it queued the task.
#[test]
fn edge_t1() {
    let seen = outcomes(|| race(1, &[Task::run, Task::wake]));
    assert_eq!(seen, [(Finished, 0), (Finished, 1)].into());
}

/// T2: the next poll, on whichever thread, has the future to itself.
#[test]
fn edge_t2() {
    let seen = outcomes(|| race(2, &[Task::run, Task::wake, Task::wake]));
    assert_eq!(seen, [(Finished, 0), (Finished, 1), (Finished, 2)].into());
}

/// T1, T2: a wake that finds the task woken already publishes all the same.
#[test]
fn two_wakers_queue_an_idle_task_once() {
    let seen = outcomes(|| {
        let task = Task::new(1);
        // Idle: woken by nobody yet.
        task.run();
        let wakers: Vec<_> = (0..2)
            .map(|_| {
                let task = task.clone();
                thread::spawn(move || {
                    task.ready.fetch_add(1, Relaxed);
                    task.state.wake() == Wake::Schedule
                })
            })
            .collect();
        let queued = wakers.into_iter().map(|it| it.join().unwrap()).filter(|it| *it).count();
        let runner = thread::spawn(move || {
            task.run();
            task.end()
        });
        (queued, runner.join().unwrap())
    });
    assert_eq!(seen, [(1, (Finished, 0))].into());
}

/// A task nobody wakes waits; one that is aborted ends, polled or idle.
#[test]
fn an_abort_is_seen_by_a_poll_or_queues_the_task() {
    let seen = outcomes(|| race(1, &[Task::run, Task::abort]));
    assert_eq!(seen, [(Cancelled, 0), (Cancelled, 1)].into());
    assert_eq!(outcomes(|| race(1, &[Task::run])), [(Waits, 0)].into());
}

/// T1 of an abort: whoever drops the future sees what was written before.
#[test]
fn edge_t1_of_an_abort() {
    let seen = outcomes(|| {
        let (task, memory) = (Task::new(1), Memory::new());
        let (theirs, written) = (task.clone(), memory.clone());
        let runner = thread::spawn(move || {
            loop {
                if theirs.state.start_poll() == StartPoll::Cancel {
                    return Some(written.read());
                }
                if theirs.state.end_poll() == EndPoll::Parked {
                    return None;
                }
            }
        });
        let aborter = thread::spawn(move || {
            memory.write(7);
            task.state.cancel() == Wake::Schedule
        });
        (runner.join().unwrap(), aborter.join().unwrap())
    });
    // Told at the start or the end of the poll; or after it, when the aborter queues it.
    assert_eq!(seen, [(Some(7), false), (None, true)].into());
}

/// A finished output wins over an abort, otherwise the task is cancelled: never
/// both, never neither.
#[test]
fn an_abort_races_the_end() {
    let seen = outcomes(|| race(1, &[Task::run, Task::wake, Task::abort]));
    let ends: std::collections::BTreeSet<_> = seen.iter().map(|it| it.0).collect();
    assert_eq!(ends, [Finished, Cancelled].into());
    assert!(seen.iter().all(|it| it.1 <= 2), "{seen:?}");
}

/// Two aborts cancel once.
#[test]
fn two_aborts_cancel_once() {
    let seen = outcomes(|| race(1, &[Task::run, Task::abort, Task::abort]));
    assert_eq!(seen, [(Cancelled, 0), (Cancelled, 1)].into());
}

/// A cell with a counted reference count, and who frees it.
struct Counted {
    state: State,
    cell: Memory,
    frees: AtomicU32,
}

impl Counted {
    fn new(refs: i64) -> Arc<Self> {
        let (cell, frees) = (Memory::new(), AtomicU32::new(0));
        Arc::new(Self { state: State::spawned(refs), cell, frees })
    }

    /// Writes: no use by anybody else may be unordered with it.
    fn free(&self) {
        self.cell.write(1);
        self.frees.fetch_add(1, Relaxed);
    }

    fn drop_ref(&self) {
        self.cell.read();
        if self.state.drop_ref() == Release::Free {
            self.free();
        }
    }

    /// As the owner of a finished task does.
    fn let_go(&self, local: i32) {
        self.cell.read();
        if self.state.is_last(local) || self.state.merge(local) == Release::Free {
            self.free();
        }
    }
}

/// T3: the last of owner and references frees the cell, once, when all use is
/// over. The reference was cloned on the polling thread, where `local` counts it.
#[test]
fn edge_t3() {
    let seen = outcomes(|| {
        let counted = Counted::new(1);
        let actors: Vec<_> = (0..2)
            .map(|_| {
                let counted = counted.clone();
                thread::spawn(move || counted.drop_ref())
            })
            .collect();
        let owner = counted.clone();
        let owner = thread::spawn(move || owner.let_go(1));
        actors.into_iter().for_each(|it| it.join().unwrap());
        owner.join().unwrap();
        counted.frees.load(Relaxed)
    });
    assert_eq!(seen, [1].into());
}

/// T3, as well: a reference that is given up by a wake, and one that is cloned
/// meanwhile.
#[test]
fn the_last_wake_frees_a_finished_task() {
    let seen = outcomes(|| {
        let counted = Counted::new(1);
        let (theirs, owner) = (counted.clone(), counted.clone());
        let waker = thread::spawn(move || {
            theirs.state.add_ref();
            theirs.drop_ref();
            theirs.cell.read();
            match theirs.state.wake_and_drop() {
                Wake::Free => theirs.free(),
                Wake::Nothing => {}
                Wake::Schedule => panic!("a finished task is queued"),
            }
        });
        let owner = thread::spawn(move || owner.let_go(0));
        waker.join().unwrap();
        owner.join().unwrap();
        counted.frees.load(Relaxed)
    });
    assert_eq!(seen, [1].into());
}

/// T4: whoever cancels a closure, or starts it, has it alone.
#[test]
fn edge_t4() {
    let seen = outcomes(|| {
        let task = Counted::new(0);
        let claim = {
            let task = task.clone();
            thread::spawn(move || {
                let won = task.state.claim() == Claim::Won;
                won.then(|| task.cell.add());
                won
            })
        };
        let cancels: Vec<_> = (0..2)
            .map(|_| {
                let task = task.clone();
                thread::spawn(move || {
                    let won = task.state.cancel_unclaimed() == Claim::Won;
                    won.then(|| task.cell.add());
                    won
                })
            })
            .collect();
        let cancels = cancels.into_iter().map(|it| it.join().unwrap()).filter(|it| *it).count();
        (claim.join().unwrap(), cancels)
    });
    assert_eq!(seen, [(true, 0), (false, 1)].into());
}
