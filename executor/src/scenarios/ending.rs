//! The end of the executor, at any moment: every future is dropped once, every
//! handle is told, every thread ends, and so does the scheduler, after its last
//! use and not before.

use super::{
    dawdle, explore,
    instruments::{
        Baton,
        Fate::{Done, Dropped},
        Ledger, current_thread, multi,
    },
};
use crate::{Executor, block_in_place, spawn, spawn_blocking, spawn_local, yield_now};
use std::sync::Arc;
use sync::{
    parker::Parker,
    shim::{Lock, thread},
};

/// Drops the executor at any moment.
fn end(executor: Executor) {
    dawdle(40);
    drop(executor);
}

/// Tasks that wake each other, and strangers that wake them with wakers of their
/// own, while the executor is dropped. Some wakers outlive it.
#[test]
fn strangers_wake_tasks_of_a_runtime_that_ends() {
    let seen = explore(|| {
        let (executor, watch) = multi(2);
        let ledger = Ledger::default();
        let batons: Vec<Baton> = (0..4).map(|_| Baton::default()).collect();
        for n in 0..4 {
            let (mine, next) = (batons[n].clone(), batons[(n + 1) % 4].clone());
            drop(executor.handle().spawn(ledger.watch(async move {
                for _ in 0..2 {
                    mine.take().await;
                    next.pass();
                }
            })));
        }
        let strangers: Vec<_> = (0..2)
            .map(|n| {
                let batons = batons.clone();
                thread::spawn(move || {
                    batons[n].pass();
                    dawdle(20);
                    // For no reason, and perhaps when all is over. Nothing but these
                    // wakers keeps the scheduler then.
                    let late: Vec<_> = batons.iter().filter_map(Baton::steal_waker).collect();
                    drop(batons);
                    dawdle(300);
                    late.into_iter().for_each(|it| it.wake());
                })
            })
            .collect();
        // Wakers that lie in the batons hold their cells, and so the homes.
        drop(batons);
        end(executor);
        let early = watch.is_gone();
        strangers.into_iter().for_each(|it| it.join().unwrap());
        watch.wait_for_the_end();
        ledger.fates();
        vec![early]
    });
    // The last waker may go before the executor, or long after.
    assert_eq!(seen, [false, true].into());
}

/// Abort handles and join handles that outlive the runtime, used while it ends.
#[test]
fn handles_are_used_while_the_runtime_ends() {
    let seen = explore(|| {
        let (executor, watch) = multi(2);
        let ledger = Ledger::default();
        let tasks: Vec<_> =
            (0..4).map(|n| executor.handle().spawn(ledger.watch(yields(n)))).collect();
        let aborts: Vec<_> = tasks.iter().map(|it| it.abort_handle()).collect();
        let aborter = thread::spawn(move || aborts.iter().skip(2).for_each(|it| it.abort()));
        let joiner = thread::spawn(move || {
            let ends = tasks.into_iter().map(|it| it.join_blocking(None).unwrap().is_ok());
            ends.collect::<Vec<_>>()
        });
        end(executor);
        aborter.join().unwrap();
        let ends = joiner.join().unwrap();
        watch.wait_for_the_end();
        let fates = ledger.fates();
        assert!(fates.iter().map(|it| *it == Done).eq(ends), "the handles tell the truth");
        fates
    });
    assert_eq!(seen, [Done, Dropped].into());
}

async fn yields(n: usize) {
    for _ in 0..n {
        yield_now().await;
    }
}

/// A task that drops its own executor only starts the end.
#[test]
fn an_executor_is_dropped_on_its_own_worker() {
    let seen = explore(|| {
        let (executor, watch) = multi(2);
        let ledger = Ledger::default();
        let handle = executor.handle().clone();
        for n in 0..3 {
            drop(handle.spawn(ledger.watch(yields(n))));
        }
        drop(handle.spawn(ledger.watch(std::future::pending::<()>())));
        let mine = ledger.clone();
        drop(handle.spawn(ledger.watch(async move {
            drop(executor);
            // Still here, and able to ask for more.
            drop(spawn(mine.watch(async {})));
            yield_now().await;
            unreachable!("no poll starts after the end");
        })));
        drop(handle);
        watch.wait_for_the_end();
        ledger.fates()
    });
    assert_eq!(seen, [Done, Dropped].into());
}

/// Strangers spawn while the runtime ends: the task is refused, dropped or done.
#[test]
fn tasks_are_spawned_while_the_runtime_ends() {
    let seen = explore(|| {
        let (executor, watch) = multi(2);
        let ledger = Ledger::default();
        let spawners: Vec<_> = (0..2)
            .map(|_| {
                let (handle, ledger) = (executor.handle().clone(), ledger.clone());
                thread::spawn(move || {
                    for _ in 0..3 {
                        let mine = ledger.clone();
                        let handle = handle.spawn(ledger.watch(async move {
                            let _ = spawn(mine.watch(yields(1))).await;
                        }));
                        let _ = handle.join_blocking(None).unwrap();
                    }
                })
            })
            .collect();
        end(executor);
        spawners.into_iter().for_each(|it| it.join().unwrap());
        watch.wait_for_the_end();
        ledger.fates()
    });
    assert_eq!(seen, [Done, Dropped].into());
}

/// A runtime ends while workers are blocked in place and substitutes come.
#[test]
fn the_end_comes_while_workers_block() {
    let seen = explore(|| {
        let (executor, watch) = multi(2);
        let ledger = Ledger::default();
        let gates: Arc<[Parker]> = (0..3).map(|_| Parker::new()).collect();
        for n in 0..3_usize {
            let gates = gates.clone();
            drop(executor.handle().spawn(ledger.watch(async move {
                yields(n).await;
                block_in_place(|| gates[n].park());
                yields(n).await;
            })));
        }
        let opener = thread::spawn(move || gates.iter().for_each(Parker::unpark));
        end(executor);
        opener.join().unwrap();
        watch.wait_for_the_end();
        ledger.fates()
    });
    assert_eq!(seen, [Done, Dropped].into());
}

/// A guest waits for a task of a runtime that ends: it is told, and returns.
#[test]
fn a_guest_outlives_the_runtime() {
    let seen = explore(|| {
        let (executor, watch) = multi(2);
        let ledger = Ledger::default();
        let arrived = Arc::new(Parker::new());
        let guest = {
            let (handle, ledger, arrived) =
                (executor.handle().clone(), ledger.clone(), arrived.clone());
            thread::spawn(move || {
                handle.block_on(async move {
                    arrived.unpark();
                    let local = spawn_local(ledger.watch(yields(2)));
                    let other = spawn(ledger.watch(std::future::pending::<()>()));
                    assert!(other.await.unwrap_err().is_cancelled());
                    local.await.unwrap();
                });
            })
        };
        arrived.park();
        end(executor);
        guest.join().unwrap();
        watch.wait_for_the_end();
        ledger.fates()
    });
    assert_eq!(seen, [Done, Dropped].into());
}

/// The same on a current-thread runtime, with another thread that waits its turn.
#[test]
fn threads_that_take_turns_outlive_the_runtime() {
    let seen = explore(|| {
        let (executor, watch) = current_thread();
        let ledger = Ledger::default();
        let arrived: Arc<[Parker]> = (0..2).map(|_| Parker::new()).collect();
        let threads: Vec<_> = (0..2_usize)
            .map(|n| {
                let (handle, ledger, arrived) =
                    (executor.handle().clone(), ledger.clone(), arrived.clone());
                thread::spawn(move || {
                    handle.block_on(async move {
                        arrived[n].unpark();
                        let other = spawn(ledger.watch(std::future::pending::<()>()));
                        assert!(other.await.unwrap_err().is_cancelled());
                    });
                })
            })
            .collect();
        arrived.iter().for_each(Parker::park);
        end(executor);
        threads.into_iter().for_each(|it| it.join().unwrap());
        watch.wait_for_the_end();
        ledger.fates()
    });
    assert_eq!(seen, [Dropped].into());
}

/// Blocking closures before, during and after the end: each runs once or is
/// dropped once, and its handle knows.
#[test]
fn closures_are_queued_while_the_runtime_ends() {
    let seen = explore(|| {
        let (executor, watch) = multi(1);
        let ran = Arc::new(Lock::new(0));
        let ledger = Ledger::default();
        let handle = executor.handle().clone();
        let mine = ledger.clone();
        drop(handle.spawn(ledger.watch(async move {
            let _ = spawn_blocking(|| ()).await;
            drop(spawn_blocking(move || drop(mine)));
        })));
        let spawner = {
            let ran = ran.clone();
            thread::spawn(move || {
                dawdle(40);
                let closures: Vec<_> = (0..3)
                    .map(|_| {
                        let ran = ran.clone();
                        handle.spawn_blocking(move || *ran.lock() += 1)
                    })
                    .collect();
                closures[1].abort();
                let ends = closures.into_iter().map(|it| it.join_blocking(None).unwrap());
                ends.filter(Result::is_ok).count()
            })
        };
        end(executor);
        let told = spawner.join().unwrap();
        watch.wait_for_the_end();
        assert_eq!(told, *ran.lock());
        ledger.fates();
        vec![told]
    });
    assert_eq!(seen, [0, 1, 2, 3].into());
}
