//! The executor at work: nothing is lost, nothing runs twice, nobody is forgotten.
//!
//! A task or a thread that nobody wakes ends a scenario as a deadlock.

use super::{
    dawdle, explore,
    instruments::{
        Baton,
        Fate::{Done, Dropped},
        Ledger, build, current_thread, multi,
    },
};
use crate::{Builder, Handle, block_in_place, spawn, spawn_local, yield_now};
use std::{
    cell::Cell,
    panic::resume_unwind,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};
use sync::{
    parker::Parker,
    shim::thread::{self, ThreadId},
};

async fn yields(n: usize) {
    for _ in 0..n {
        yield_now().await;
    }
}

/// Twenty tasks that yield, some of which have children, on several workers.
#[test]
fn a_storm_of_spawns() {
    let seen = explore(|| {
        let (executor, watch) = multi(3);
        let ledger = Ledger::default();
        let mine = ledger.clone();
        let sum = executor.block_on(async move {
            let tasks: Vec<_> = (0..14_usize)
                .map(|n| {
                    let ledger = mine.clone();
                    spawn(mine.watch(async move {
                        yields(n % 3).await;
                        if n % 2 == 0 {
                            n
                        } else {
                            spawn(ledger.watch(async move { n })).await.unwrap()
                        }
                    }))
                })
                .collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, 91);
        let steals: u64 = executor.handle().metrics().workers.iter().map(|it| it.steals).sum();
        drop(executor);
        watch.wait_for_the_end();
        assert!(ledger.fates().iter().all(|it| *it == Done));
        vec![steals > 0]
    });
    assert_eq!(seen, [true, false].into());
}

/// The same from `run`, whose caller is a worker.
#[test]
fn a_storm_of_spawns_in_run() {
    let seen = explore(|| {
        let ledger = Ledger::default();
        let mine = ledger.clone();
        let driver = Arc::new(sync::driver::ThreadDriver::new(3 + 16));
        let builder = Builder::new_multi_thread().worker_threads(3);
        let out = builder.run_with(driver, |_| (), async move {
            let tasks: Vec<_> = (0..12).map(|n| spawn(mine.watch(yields(n % 4)))).collect();
            let local = spawn_local(mine.watch(yields(5)));
            for task in tasks {
                task.await.unwrap();
            }
            local.await.unwrap();
        });
        out.unwrap();
        ledger.fates()
    });
    assert_eq!(seen, [Done].into());
}

/// Tasks in a ring, each of which wakes the next.
#[test]
fn a_ring_of_wakes() {
    let seen = explore(|| {
        let (executor, watch) = multi(3);
        let ledger = Ledger::default();
        let batons: Vec<Baton> = (0..6).map(|_| Baton::default()).collect();
        let tasks: Vec<_> = (0..6)
            .map(|n| {
                let (mine, next) = (batons[n].clone(), batons[(n + 1) % 6].clone());
                executor.handle().spawn(ledger.watch(async move {
                    for _ in 0..3 {
                        mine.take().await;
                        next.pass();
                    }
                }))
            })
            .collect();
        // Two tokens, from outside.
        batons[0].pass();
        batons[3].pass();
        executor.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        drop(executor);
        watch.wait_for_the_end();
        ledger.fates()
    });
    assert_eq!(seen, [Done].into());
}

/// An abort at any moment: the future is dropped once, and the handle says whether
/// it had finished.
#[test]
fn an_abort_at_any_moment() {
    let seen = explore(|| {
        let (executor, watch) = multi(2);
        let ledger = Ledger::default();
        let tasks: Vec<_> =
            (0..6).map(|n| executor.handle().spawn(ledger.watch(yields(n)))).collect();
        let aborts: Vec<_> = tasks.iter().map(|it| it.abort_handle()).collect();
        let aborter = thread::spawn(move || aborts.iter().for_each(|it| it.abort()));
        let results: Vec<_> = executor.block_on(async move {
            let mut results = vec![];
            for task in tasks {
                results.push(if task.await.is_ok() { Done } else { Dropped });
            }
            results
        });
        aborter.join().unwrap();
        drop(executor);
        watch.wait_for_the_end();
        assert_eq!(ledger.fates(), results);
        results
    });
    assert_eq!(seen, [Done, Dropped].into());
}

/// Every task blocks its worker until the next has run: only substitutes can.
#[test]
fn blocks_in_place_are_stood_in_for() {
    let seen = explore(|| {
        let (executor, watch) = multi(2);
        let ledger = Ledger::default();
        let gates: Arc<[Parker]> = (0..5).map(|_| Parker::new()).collect();
        let tasks: Vec<_> = (0..5_usize)
            .map(|n| {
                let gates = gates.clone();
                executor.handle().spawn(ledger.watch(async move {
                    if n > 0 {
                        block_in_place(|| gates[n].park());
                    }
                    yields(1).await;
                    if let Some(next) = gates.get(n + 1) {
                        next.unpark();
                    }
                }))
            })
            .collect();
        executor.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        drop(executor);
        watch.wait_for_the_end();
        ledger.fates()
    });
    assert_eq!(seen, [Done].into());
}

/// After a block the substitute goes, and the worker has its desk again.
#[test]
fn a_worker_comes_back_after_a_block() {
    let seen = explore(|| {
        let (executor, watch) = multi(1);
        let baton = Baton::default();
        let theirs = baton.clone();
        let task = executor.handle().spawn(async move {
            let home = thread::current().id();
            block_in_place(thread::yield_now);
            // The end of the poll in which the desk was lent.
            yield_now().await;
            let mut ends = vec![];
            for _ in 0..3 {
                theirs.take().await;
                ends.push(thread::current().id() == home);
            }
            // On other threads, if at all, before it was on its own again.
            let back = ends.iter().position(|it| *it).unwrap_or(ends.len());
            assert!(ends[back..].iter().all(|it| *it), "it stays: {ends:?}");
            back
        });
        for _ in 0..3 {
            dawdle(100);
            baton.pass();
        }
        let back = task.join_blocking(None).unwrap().unwrap();
        drop(executor);
        watch.wait_for_the_end();
        vec![back]
    });
    assert!(seen.contains(&0) && seen.contains(&1), "{seen:?}");
}

/// A task that just blocks its worker strands nothing that came from outside.
#[test]
fn a_blocked_worker_strands_nobody() {
    let seen = explore(|| {
        let (executor, watch) = multi(2);
        let ledger = Ledger::default();
        let gate = Arc::new(Parker::new());
        let (theirs, opener) = (gate.clone(), gate);
        let blocked = executor.handle().spawn(ledger.watch(async move { theirs.park() }));
        let other = executor.handle().spawn(ledger.watch(async move { opener.unpark() }));
        for task in [blocked, other] {
            task.join_blocking(None).unwrap().unwrap();
        }
        drop(executor);
        watch.wait_for_the_end();
        ledger.fates()
    });
    assert_eq!(seen, [Done].into());
}

/// `block_on` inside tasks, and a block inside that.
#[test]
fn blocks_nest() {
    let seen = explore(|| {
        let (executor, watch) = multi(2);
        let ledger = Ledger::default();
        let mine = ledger.clone();
        let sum = executor.block_on(async move {
            let tasks: Vec<_> = (0..3_usize)
                .map(|n| {
                    let ledger = mine.clone();
                    spawn(mine.watch(async move {
                        let n = block_in_place(|| {
                            Handle::current().block_on(async {
                                let local = spawn_local(ledger.watch(async move { n }));
                                let other = spawn(ledger.watch(yields(1)));
                                let n =
                                    block_in_place(|| block_in_place(|| 1)) + local.await.unwrap();
                                other.await.unwrap();
                                n
                            })
                        });
                        yields(1).await;
                        n
                    }))
                })
                .collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, 6);
        drop(executor);
        watch.wait_for_the_end();
        ledger.fates()
    });
    assert_eq!(seen, [Done].into());
}

/// Three threads take turns as the one worker, and wait for each other's tasks.
#[test]
fn threads_take_turns() {
    let seen = explore(|| {
        let (executor, watch) = current_thread();
        let executor = Arc::new(executor);
        let ledger = Ledger::default();
        let batons: Vec<Baton> = (0..3).map(|_| Baton::default()).collect();
        let threads: Vec<_> = (0..3_usize)
            .map(|n| {
                let (executor, ledger) = (executor.clone(), ledger.clone());
                let (mine, next) = (batons[n].clone(), batons[(n + 1) % 3].clone());
                thread::spawn(move || {
                    for _ in 0..2 {
                        let ledger = ledger.clone();
                        let (mine, next) = (mine.clone(), next.clone());
                        executor.block_on(async move {
                            // Runs on whoever has the turn, perhaps after we left.
                            drop(spawn(ledger.watch(async move {
                                yield_now().await;
                                next.pass();
                            })));
                            let local = spawn_local(ledger.watch(yields(1)));
                            mine.take().await;
                            local.await.unwrap();
                        });
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|it| it.join().unwrap());
        drop(executor);
        watch.wait_for_the_end();
        ledger.fates()
    });
    // A task that passed its baton may be dropped before it returns.
    assert!(seen.contains(&Done), "{seen:?}");
}

/// A task that must not leave its thread.
struct Pinned {
    home: ThreadId,
    _rc: Rc<Cell<usize>>,
}

impl Pinned {
    fn new() -> Self {
        Self { home: thread::current().id(), _rc: Rc::default() }
    }

    fn check(&self) {
        assert_eq!(self.home, thread::current().id(), "a pinned task is elsewhere");
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        self.check();
    }
}

/// Pinned tasks of two guests, woken by workers and by strangers. Those that do
/// not end are dropped on their thread, before `block_on` returns.
#[test]
fn pinned_tasks_stay_on_their_thread() {
    let seen = explore(|| {
        let (executor, watch) = multi(2);
        let executor = Arc::new(executor);
        let ledger = Ledger::default();
        let guests: Vec<_> = (0..2)
            .map(|_| {
                let (executor, ledger) = (executor.clone(), ledger.clone());
                thread::spawn(move || {
                    let (ends, waits) = (Baton::default(), Baton::default());
                    let stranger = {
                        let waits = waits.clone();
                        thread::spawn(move || waits.pass())
                    };
                    let mine = ledger.clone();
                    executor.block_on(async move {
                        let pinned = Pinned::new();
                        let baton = ends.clone();
                        let local = spawn_local(mine.watch(async move {
                            baton.take().await;
                            pinned.check();
                        }));
                        let pinned = Pinned::new();
                        drop(spawn_local(mine.watch(async move {
                            loop {
                                waits.take().await;
                                pinned.check();
                            }
                        })));
                        drop(spawn(async move { ends.pass() }));
                        local.await.unwrap();
                    });
                    stranger.join().unwrap();
                })
            })
            .collect();
        guests.into_iter().for_each(|it| it.join().unwrap());
        drop(executor);
        watch.wait_for_the_end();
        ledger.fates()
    });
    assert_eq!(seen, [Done, Dropped].into());
}

/// A local executor keeps its pinned tasks between two turns, also when they are
/// woken in between.
#[test]
fn local_tasks_wait_for_their_thread() {
    let seen = explore(|| {
        let executor = Builder::new_current_thread()
            .build_local_with(sync::driver::ThreadDriver::new)
            .unwrap();
        let ledger = Ledger::default();
        let (first, second) = (Baton::default(), Baton::default());
        let pinned = Pinned::new();
        let local = {
            let (first, second) = (first.clone(), second.clone());
            executor.spawn_local(ledger.watch(async move {
                first.take().await;
                second.pass();
                pinned.check();
            }))
        };
        let stranger = thread::spawn(move || first.pass());
        executor.block_on(yields(1));
        executor.block_on(second.take());
        executor.block_on(local).unwrap();
        drop(executor.spawn_local(ledger.watch(std::future::pending::<()>())));
        stranger.join().unwrap();
        drop(executor);
        ledger.fates()
    });
    assert_eq!(seen, [Done, Dropped].into());
}

/// Panics end their task and nothing else, and each is told to somebody.
#[test]
fn panics_end_one_task() {
    let seen = explore(|| {
        let unhandled = Arc::new(AtomicUsize::new(0));
        let theirs = unhandled.clone();
        let builder = Builder::new_multi_thread().worker_threads(2).on_unhandled(move |_| {
            theirs.fetch_add(1, Relaxed);
        });
        let (executor, watch) = build(builder);
        let ledger = Ledger::default();
        let handles: Vec<_> = (0..8_usize)
            .map(|n| {
                executor.handle().spawn(ledger.watch(async move {
                    yields(n).await;
                    if n % 2 == 0 {
                        // Without the hook, which would print.
                        resume_unwind(Box::new(n));
                    }
                }))
            })
            .collect();
        let mut panics = 0;
        executor.block_on(async {
            for (n, handle) in handles.into_iter().enumerate() {
                match n {
                    0..4 => panics += usize::from(handle.await.is_err()),
                    // Nobody hears of these but the hook.
                    _ => drop(handle),
                }
            }
        });
        drop(executor);
        watch.wait_for_the_end();
        assert_eq!(panics, 2);
        // A future that panics has not ended well, and is dropped like any other.
        let fates = ledger.fates();
        assert!(fates.iter().step_by(2).all(|it| *it == Dropped), "{fates:?}");
        // A detached task that panics says so, unless the end came first.
        vec![unhandled.load(Relaxed)]
    });
    assert_eq!(seen, [0, 1, 2].into());
}

/// Guests come and go while workers serve all of them.
#[test]
fn guests_come_and_go() {
    let seen = explore(|| {
        let (executor, watch) = multi(2);
        let executor = Arc::new(executor);
        let ledger = Ledger::default();
        let guests: Vec<_> = (0..3_usize)
            .map(|n| {
                let (executor, ledger) = (executor.clone(), ledger.clone());
                thread::spawn(move || {
                    for _ in 0..2 {
                        let ledger = ledger.clone();
                        executor.block_on(async move {
                            let one = spawn(ledger.watch(yields(n)));
                            let two = spawn(ledger.watch(async move {
                                spawn(async { yields(1).await }).await.unwrap();
                            }));
                            one.await.unwrap();
                            two.await.unwrap();
                        });
                    }
                })
            })
            .collect();
        guests.into_iter().for_each(|it| it.join().unwrap());
        drop(executor);
        watch.wait_for_the_end();
        ledger.fates()
    });
    assert_eq!(seen, [Done].into());
}

/// The hook before a sleep may wake a task: the worker does not sleep over it.
#[test]
fn a_hook_before_a_sleep_may_wake() {
    let seen = explore(|| {
        let baton = Baton::default();
        let theirs = baton.clone();
        let builder = Builder::new_multi_thread().worker_threads(1);
        let (executor, watch) = build(builder.on_thread_park(move || theirs.pass()));
        let ledger = Ledger::default();
        let task = executor.handle().spawn(ledger.watch(async move {
            for _ in 0..3 {
                baton.take().await;
            }
        }));
        task.join_blocking(None).unwrap().unwrap();
        drop(executor);
        watch.wait_for_the_end();
        ledger.fates()
    });
    assert_eq!(seen, [Done].into());
}

/// So may it on a guest, for a task of the guest.
#[test]
fn a_hook_before_a_guests_sleep_may_wake() {
    let seen = explore(|| {
        let baton = Baton::default();
        let theirs = baton.clone();
        let builder = Builder::new_multi_thread().worker_threads(1);
        let (executor, watch) = build(builder.on_thread_park(move || theirs.pass()));
        executor.block_on(async move {
            for _ in 0..3 {
                baton.take().await;
            }
        });
        drop(executor);
        watch.wait_for_the_end();
        vec![()]
    });
    assert_eq!(seen, [()].into());
}
