//! Models [`crate::vigil`].
//!
//! A call that is lost leaves the watcher asleep, which ends a model as a deadlock.

use super::outcomes;
use crate::{idle::Idle, vigil::Vigil};
use std::sync::Arc;
use sync::shim::{
    atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

struct Runtime {
    idle: Idle,
    vigil: Vigil,
    /// A guest that has said it is awake.
    is_guest_awake: AtomicBool,
}

impl Runtime {
    /// With workers that all sleep.
    fn asleep(workers: usize) -> Arc<Self> {
        let idle = Idle::new(workers);
        (0..workers).for_each(|it| {
            let _ = idle.fall_asleep(it, false);
        });
        let is_guest_awake = AtomicBool::new(false);
        Arc::new(Self { idle, vigil: Vigil::new(), is_guest_awake })
    }

    /// Sleeps if nobody is awake. Says whether it had to.
    fn watch(&self) -> bool {
        let mut was_quiet = false;
        self.vigil.sleep(|| {
            was_quiet = self.idle.all_asleep() && !self.is_guest_awake.load(Relaxed);
            was_quiet
        });
        was_quiet
    }
}

/// U1: a worker that gets up by itself is seen, or calls.
#[test]
fn edge_u1() {
    let seen = outcomes(|| {
        let runtime = Runtime::asleep(1);
        let worker = runtime.clone();
        let worker = thread::spawn(move || {
            let _ = worker.idle.wake_up(0);
            worker.vigil.worker_got_up();
        });
        let watcher = thread::spawn(move || runtime.watch());
        worker.join().unwrap();
        watcher.join().unwrap()
    });
    assert_eq!(seen, [true, false].into());
}

/// U1 where somebody else took the worker off the list: it calls when it is there.
#[test]
fn edge_u1_of_a_worker_that_was_woken() {
    let seen = outcomes(|| {
        let runtime = Runtime::asleep(1);
        let (worker, pusher) = (runtime.clone(), runtime.clone());
        let pusher = thread::spawn(move || {
            let woken = pusher.idle.work_pushed();
            assert_eq!(woken, Some(0));
        });
        let worker = thread::spawn(move || {
            pusher.join().unwrap();
            let _ = worker.idle.wake_up(0);
            worker.vigil.worker_got_up();
        });
        let watcher = thread::spawn(move || runtime.watch());
        worker.join().unwrap();
        watcher.join().unwrap()
    });
    assert_eq!(seen, [true, false].into());
}

/// U2: a guest is on no list, and is seen, or calls.
#[test]
fn edge_u2() {
    let seen = outcomes(|| {
        let runtime = Runtime::asleep(1);
        let guest = runtime.clone();
        let guest = thread::spawn(move || {
            guest.is_guest_awake.store(true, Relaxed);
            guest.vigil.guest_got_up();
        });
        let watcher = thread::spawn(move || runtime.watch());
        guest.join().unwrap();
        watcher.join().unwrap()
    });
    assert_eq!(seen, [true, false].into());
}

/// Two that get up call once, and a token that is left over ends one nap.
#[test]
fn two_get_up() {
    let seen = outcomes(|| {
        let runtime = Runtime::asleep(2);
        let workers: Vec<_> = (0..2)
            .map(|index| {
                let worker = runtime.clone();
                thread::spawn(move || {
                    let _ = worker.idle.wake_up(index);
                    worker.vigil.worker_got_up();
                })
            })
            .collect();
        let watcher = runtime.clone();
        let watcher = thread::spawn(move || watcher.watch());
        workers.into_iter().for_each(|it| it.join().unwrap());
        watcher.join().unwrap()
    });
    assert_eq!(seen, [true, false].into());
}
