//! Workers that block, and a watcher that takes from them what others can do, at any
//! moment: also from those who go on just then.
//!
//! A task that nobody rescues ends a scenario as a deadlock.

use super::{
    dawdle, explore,
    instruments::{
        Baton,
        Fate::{Done, Dropped},
        Ledger, Watch, build,
    },
};
use crate::{Builder, Executor, block_in_place, spawn, spawn_local, yield_now};
use std::sync::Arc;
use sync::{parker::Parker, shim::thread};

fn watched(workers: usize) -> (Executor, Watch) {
    build(Builder::new_multi_thread().worker_threads(workers).watched())
}

async fn yields(n: usize) {
    for _ in 0..n {
        yield_now().await;
    }
}

/// Each of some tasks wakes another, and blocks until that has run.
fn blockers(executor: &Executor, ledger: &Ledger, count: usize) {
    let tasks: Vec<_> = (0..count)
        .flat_map(|_| {
            let (baton, gate) = (Baton::default(), Arc::new(Parker::new()));
            let (mine, opener) = (baton.clone(), gate.clone());
            let waiter = executor.handle().spawn(ledger.watch(async move {
                mine.take().await;
                opener.unpark();
            }));
            let blocked = executor.handle().spawn(ledger.watch(async move {
                yields(1).await;
                baton.pass();
                gate.park();
                yields(1).await;
            }));
            [waiter, blocked]
        })
        .collect();
    for task in tasks {
        task.join_blocking(None).unwrap().unwrap();
    }
}

/// What lies in the slot of a worker that blocks is run by the other one.
#[test]
fn a_slot_is_rescued() {
    let seen = explore(|| {
        let (executor, watch) = watched(2);
        let ledger = Ledger::default();
        blockers(&executor, &ledger, 1);
        drop(executor);
        watch.wait_for_the_end();
        ledger.fates()
    });
    assert_eq!(seen, [Done].into());
}

/// All workers block at times: spare ones come, and go.
#[test]
fn spare_workers_come_and_go() {
    let seen = explore(|| {
        let (executor, watch) = watched(1);
        let ledger = Ledger::default();
        blockers(&executor, &ledger, 1);
        blockers(&executor, &ledger, 1);
        drop(executor);
        watch.wait_for_the_end();
        ledger.fates()
    });
    assert_eq!(seen, [Done].into());
}

/// What was spawned on a spare worker and is bound to it ends there, or with it.
#[test]
fn local_tasks_of_a_spare_worker_stay() {
    let seen = explore(|| {
        let (executor, watch) = watched(1);
        let ledger = Ledger::default();
        let gate = Arc::new(Parker::new());
        let (opener, theirs) = (gate.clone(), ledger.clone());
        let blocked = executor.handle().spawn(ledger.watch(async move {
            let other = spawn(theirs.clone().watch(async move {
                drop(spawn_local(theirs.watch(yields(3))));
                opener.unpark();
                yields(1).await;
            }));
            gate.park();
            other.await.unwrap();
        }));
        blocked.join_blocking(None).unwrap().unwrap();
        drop(executor);
        watch.wait_for_the_end();
        ledger.fates()
    });
    assert_eq!(seen, [Done, Dropped].into());
}

/// Rescues of those who need none: nothing is lost, nothing runs twice.
#[test]
fn busy_workers_are_disturbed_by_nobody() {
    let seen = explore(|| {
        let (executor, watch) = watched(2);
        let ledger = Ledger::default();
        let batons: Vec<Baton> = (0..4).map(|_| Baton::default()).collect();
        let tasks: Vec<_> = (0..4)
            .map(|n| {
                let (mine, next) = (batons[n].clone(), batons[(n + 1) % 4].clone());
                executor.handle().spawn(ledger.watch(async move {
                    for _ in 0..3 {
                        mine.take().await;
                        next.pass();
                        block_in_place(|| dawdle(3));
                    }
                }))
            })
            .collect();
        batons[0].pass();
        batons[2].pass();
        for task in tasks {
            task.join_blocking(None).unwrap().unwrap();
        }
        drop(executor);
        watch.wait_for_the_end();
        ledger.fates()
    });
    assert_eq!(seen, [Done].into());
}

/// The end comes while the watcher is at work, or asleep.
#[test]
fn the_end_comes_at_any_moment() {
    let seen = explore(|| {
        let (executor, watch) = watched(2);
        let ledger = Ledger::default();
        for n in 0..4 {
            drop(executor.handle().spawn(ledger.watch(async move {
                dawdle(4);
                yields(n).await;
            })));
        }
        dawdle(200);
        thread::yield_now();
        drop(executor);
        watch.wait_for_the_end();
        ledger.fates()
    });
    assert_eq!(seen, [Done, Dropped].into());
}
