//! Models [`crate::idle`].
//!
//! A relaxed counter stands for all queues, so that nothing but the fences orders
//! a push and a look.

use super::{outcomes, outcomes_within};
use crate::{
    engaged::Engaged,
    idle::{Asleep, Awake, Idle},
    jump::{self, Hold},
};
use std::sync::Arc;
use sync::{
    parker::Parker,
    shim::{
        atomic::{
            AtomicU32,
            Ordering::{AcqRel, Relaxed},
        },
        thread,
    },
};

struct Runtime {
    idle: Idle,
    /// Tasks queued.
    queued: AtomicU32,
    /// Tasks that are not done.
    left: AtomicU32,
    beds: Vec<Parker>,
}

impl Runtime {
    fn new(workers: usize, tasks: u32) -> Arc<Self> {
        Arc::new(Self {
            idle: Idle::new(workers),
            queued: AtomicU32::new(0),
            left: AtomicU32::new(tasks),
            beds: (0..workers).map(|_| Parker::new()).collect(),
        })
    }

    fn sees_work(&self) -> bool {
        self.queued.load(Relaxed) > 0
    }

    fn take(&self) -> bool {
        self.queued.fetch_update(Relaxed, Relaxed, |it| it.checked_sub(1)).is_ok()
    }

    /// A push from outside. Says whether it woke somebody.
    fn push(&self) -> bool {
        self.queued.fetch_add(1, Relaxed);
        self.wake(self.idle.work_pushed())
    }

    fn wake(&self, worker: Option<usize>) -> bool {
        worker.into_iter().for_each(|it| self.beds[it].unpark());
        worker.is_some()
    }

    /// What a worker does before it runs something.
    fn stop_search(&self) {
        self.idle.stop_search();
        if self.sees_work() {
            self.wake(self.idle.share(Awake::ForWork));
        }
    }

    /// The loop of a worker, until every task is done.
    fn work(&self, worker: usize) {
        let mut is_searching = false;
        loop {
            if self.take() {
                if std::mem::take(&mut is_searching) {
                    self.stop_search();
                }
                // AcqRel in the real thing, by locks; here a number is all there is.
                if self.left.fetch_sub(1, Relaxed) == 1 {
                    self.beds.iter().for_each(Parker::unpark);
                }
            } else if self.left.load(Relaxed) == 0 {
                return;
            } else {
                is_searching = self.sleep(worker, is_searching);
            }
        }
    }

    /// Sleeps, and says whether it is searching now.
    fn sleep(&self, worker: usize, was_searching: bool) -> bool {
        let _ = self.idle.fall_asleep(worker, was_searching);
        if !self.sees_work() && self.left.load(Relaxed) > 0 {
            self.beds[worker].park();
        }
        self.idle.wake_up(worker) != Awake::ByItself
    }
}

/// D1: the pusher finds the sleeper, or the sleeper finds the task, or both.
#[test]
fn edge_d1() {
    let seen = outcomes(|| {
        let runtime = Runtime::new(1, 1);
        let pusher = runtime.clone();
        let pusher = thread::spawn(move || pusher.push());
        let worker = thread::spawn(move || {
            let _ = runtime.idle.fall_asleep(0, false);
            runtime.sees_work()
        });
        (pusher.join().unwrap(), worker.join().unwrap())
    });
    assert_eq!(seen, [(true, false), (false, true), (true, true)].into());
}

/// D1 for the last searcher, who stops searching by the write that counts it
/// asleep.
#[test]
fn edge_d1_of_the_last_searcher() {
    let seen = outcomes(|| {
        let runtime = Runtime::new(2, 1);
        let _ = runtime.idle.fall_asleep(1, false);
        assert!(runtime.idle.start_search());
        let pusher = runtime.clone();
        let pusher = thread::spawn(move || pusher.push());
        let worker = thread::spawn(move || {
            let _ = runtime.idle.fall_asleep(0, true);
            runtime.sees_work()
        });
        (pusher.join().unwrap(), worker.join().unwrap())
    });
    assert_eq!(seen, [(true, false), (false, true), (true, true)].into());
}

/// D2: a pusher that relies on the searcher is seen by it when it stops.
#[test]
fn edge_d2() {
    let seen = outcomes(|| {
        let runtime = Runtime::new(2, 1);
        let _ = runtime.idle.fall_asleep(1, false);
        assert!(runtime.idle.start_search());
        let pusher = runtime.clone();
        let pusher = thread::spawn(move || pusher.push());
        let worker = thread::spawn(move || {
            runtime.idle.stop_search();
            runtime.sees_work()
        });
        (pusher.join().unwrap(), worker.join().unwrap())
    });
    assert_eq!(seen, [(true, false), (false, true), (true, true)].into());
}

/// At most one worker becomes the searcher, of those that ask and those that are
/// woken.
#[test]
fn there_is_one_searcher() {
    let seen = outcomes(|| {
        let runtime = Runtime::new(3, 1);
        let _ = runtime.idle.fall_asleep(2, false);
        let pusher = runtime.clone();
        let pusher = thread::spawn(move || pusher.push());
        let askers: Vec<_> = (0..2)
            .map(|_| {
                let runtime = runtime.clone();
                thread::spawn(move || runtime.idle.start_search())
            })
            .collect();
        let asked = askers.into_iter().map(|it| it.join().unwrap()).filter(|it| *it).count();
        (pusher.join().unwrap(), asked)
    });
    // A wake that makes a searcher and a worker that asks are never both told so.
    assert_eq!(seen, [(true, 0), (false, 1)].into());
}

/// A sleeper that gets up by itself is not counted twice.
#[test]
fn a_wake_races_a_worker_that_gets_up() {
    let seen = outcomes(|| {
        let runtime = Runtime::new(1, 1);
        let _ = runtime.idle.fall_asleep(0, false);
        let (pusher, worker) = (runtime.clone(), runtime.clone());
        let pusher = thread::spawn(move || pusher.push());
        let other = runtime.clone();
        let other = thread::spawn(move || other.idle.get_up(0));
        let worker = thread::spawn(move || worker.idle.wake_up(0));
        other.join().unwrap();
        let ends = (pusher.join().unwrap(), worker.join().unwrap() != Awake::ByItself);
        assert_eq!(runtime.idle.asleep(), 0);
        ends
    });
    // Picked by the pusher, and so the searcher, exactly if it slept.
    assert_eq!(seen, [(true, true), (false, false)].into());
}

/// With workers that really sleep: no task is left while all do. A lost one ends
/// the model as a deadlock. Bound 2: the parkers' locks make it large.
#[test]
fn no_task_is_left_while_all_sleep() {
    let seen = outcomes_within(2, || {
        let runtime = Runtime::new(1, 2);
        let worker = runtime.clone();
        let worker = thread::spawn(move || worker.work(0));
        let pushers: Vec<_> = (0..2)
            .map(|_| {
                let runtime = runtime.clone();
                thread::spawn(move || runtime.push())
            })
            .collect();
        pushers.into_iter().for_each(|it| assert!(it.join().is_ok()));
        worker.join().unwrap();
        runtime.left.load(Relaxed)
    });
    assert_eq!(seen, [0].into());
}

/// The same with two workers, of whom the first wakes the second. Bound 1: two
/// parkers.
#[test]
fn two_sleepers_share_the_work() {
    let seen = outcomes_within(1, || {
        let runtime = Runtime::new(2, 2);
        let workers: Vec<_> = (0..2)
            .map(|index| {
                let worker = runtime.clone();
                thread::spawn(move || worker.work(index))
            })
            .collect();
        let pusher = runtime.clone();
        let pusher = thread::spawn(move || {
            pusher.push();
            pusher.push();
        });
        pusher.join().unwrap();
        workers.into_iter().for_each(|it| it.join().unwrap());
        runtime.left.load(Relaxed)
    });
    assert_eq!(seen, [0].into());
}

/// A virtual clock beside spare workers: what `Scheduler` does with those who sleep and
/// those who are engaged, without the rest of it.
struct Clock {
    idle: Idle,
    engaged: Engaged,
    /// How often the clock jumped, or somebody was told to see whether it may.
    looks: AtomicU32,
    /// What a spare worker does now.
    spare: AtomicU32,
}

/// It has come, and is awake.
const HERE: u32 = 1;
/// It is about to fall asleep.
const SLEEPY: u32 = 2;

impl Clock {
    fn new() -> Arc<Self> {
        let number = || AtomicU32::new(0);
        let idle = Idle::with_spares(1, 1);
        Arc::new(Self { idle, engaged: Engaged::new(), looks: number(), spare: number() })
    }

    fn fall_asleep(&self, worker: usize) {
        if self.idle.fall_asleep(worker, false) != Asleep::TheLast {
            return;
        }
        let before = self.spare.fetch_add(0, AcqRel);
        match jump::hold(&self.engaged, &self.idle) {
            Hold::Ours => {
                let after = self.spare.fetch_add(0, AcqRel);
                assert!((before, after) != (HERE, HERE), "a jump over what is awake");
                self.looks.fetch_add(1, Relaxed);
                let _ = self.engaged.disengage();
            }
            Hold::SomebodyIsAwake => self.disengage(),
            Hold::SomebodyIsEngaged => {}
        }
    }

    fn disengage(&self) {
        if self.engaged.disengage() && self.idle.all_asleep() {
            self.looks.fetch_add(1, Relaxed);
        }
    }

    fn is_now(&self, what: u32) {
        self.spare.swap(what, AcqRel);
    }
}

/// A spare worker that comes while the last one falls asleep: the clock does not jump
/// over its work, and does when both sleep.
#[test]
fn the_clock_waits_for_a_spare_worker_that_comes() {
    let seen = outcomes(|| {
        let clock = Clock::new();
        let worker = clock.clone();
        let worker = thread::spawn(move || worker.fall_asleep(0));
        let spare = clock.clone();
        let spare = thread::spawn(move || {
            spare.engaged.engage();
            spare.idle.join();
            spare.disengage();
            spare.is_now(HERE);
            spare.is_now(SLEEPY);
            spare.fall_asleep(1);
        });
        worker.join().unwrap();
        spare.join().unwrap();
        assert!(clock.idle.all_asleep());
        clock.looks.load(Relaxed)
    });
    // Before the spare worker came, too, if the other one was asleep by then.
    assert_eq!(seen, [1, 2].into());
}

/// A spare worker that goes while the other one falls asleep: somebody sees to the
/// clock after that.
#[test]
fn the_clock_does_not_wait_for_a_spare_worker_that_went() {
    let seen = outcomes(|| {
        let clock = Clock::new();
        clock.idle.join();
        let worker = clock.clone();
        let worker = thread::spawn(move || worker.fall_asleep(0));
        let spare = clock.clone();
        let spare = thread::spawn(move || {
            spare.engaged.engage();
            spare.idle.leave();
            spare.disengage();
        });
        worker.join().unwrap();
        spare.join().unwrap();
        assert!(clock.idle.all_asleep());
        clock.looks.load(Relaxed)
    });
    // Both, if the one falls asleep while the other looks whether it does.
    assert_eq!(seen, [1, 2].into());
}
