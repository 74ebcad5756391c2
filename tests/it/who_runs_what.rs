//! Which thread runs a task, and which drops it.

use crate::stage::{Door, Opens, Witness, flavors, limited, lock, multi, panic_of, single};
use bowerbird::{
    runtime::{Builder, Handle, LocalRuntime, Shutdown},
    spawn, spawn_local,
    sync::{Event, oneshot},
    time::{Duration, sleep},
    yield_now,
};
use std::{
    cell::{Cell, RefCell},
    future::pending,
    rc::Rc,
    sync::{Arc, Mutex, mpsc},
    thread,
};

#[test]
fn run_makes_the_caller_worker_0() {
    limited(|| {
        let here = thread::current().id();
        let there = Builder::new_multi_thread()
            .worker_threads(1)
            .run(async { spawn(async { thread::current().id() }).await.unwrap() })
            .unwrap();
        assert_eq!(here, there, "the only worker is the caller");
    });
}

#[test]
fn the_main_future_may_borrow_and_need_not_be_send() {
    limited(|| {
        let mut log = vec![];
        let shared = Rc::new(Cell::new(0));
        bowerbird::run(async {
            let theirs = shared.clone();
            spawn_local(async move { theirs.set(7) }).await.unwrap();
            yield_now().await;
            log.push(shared.get());
        });
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            runtime.block_on(async {
                yield_now().await;
                log.push(shared.get());
            });
        }
        assert_eq!(log, [7; 4]);
        assert_eq!(Rc::strong_count(&shared), 1);
    });
}

#[test]
fn a_guest_polls_its_own_future_and_local_tasks_only() {
    limited(|| {
        let runtime = multi(2);
        let door = Door::default();
        let opens = Opens(door.clone());
        let blockers: Vec<_> = (0..1_000)
            .map(|_| {
                let door = door.clone();
                runtime.spawn(async move {
                    door.pass();
                    thread::current().id()
                })
            })
            .collect();
        let here = thread::current().id();
        runtime.block_on(async {
            for _ in 0..200 {
                yield_now().await;
            }
            let local = spawn_local(async {
                yield_now().await;
                thread::current().id()
            });
            assert_eq!(local.await.unwrap(), here);
            sleep(Duration::from_millis(1)).await;
        });
        drop(opens);
        runtime.block_on(async {
            for blocker in blockers {
                assert_ne!(blocker.await.unwrap(), here);
            }
        });
    });
}

#[test]
fn what_a_guest_spawns_goes_to_the_workers() {
    limited(|| {
        let builder = Builder::new_multi_thread().worker_threads(2).thread_name("nest");
        let runtime = builder.build().unwrap();
        let name = runtime.block_on(async {
            spawn(async { thread::current().name().map(str::to_owned) }).await.unwrap()
        });
        let name = name.unwrap();
        assert!(name == "nest-0" || name == "nest-1", "{name}");
    });
}

#[test]
fn local_tasks_are_dropped_on_their_thread_before_block_on_returns() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let witness = Witness::default();
            let mine = witness.clone();
            runtime.block_on(async {
                for _ in 0..10 {
                    let token = mine.token();
                    drop(spawn_local(async move {
                        let _token = token;
                        pending::<()>().await;
                    }));
                }
                yield_now().await;
                // This one is dropped before its first poll.
                let token = mine.token();
                drop(spawn_local(async move { drop(token) }));
            });
            let drops = witness.drops();
            assert_eq!(drops.len(), 11);
            let here = thread::current().id();
            let is_right = |it: &crate::stage::Dropped| {
                it.thread == here && it.runtime == Some(runtime.handle().id())
            };
            assert!(drops.iter().all(is_right), "{drops:?}");
        }
    });
}

#[test]
fn local_tasks_are_dropped_when_main_panics() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let (witness, mine) = (Witness::default(), Cell::new(3));
            let message = panic_of(|| {
                runtime.block_on(async {
                    let token = witness.token();
                    drop(spawn_local(async move {
                        let _token = token;
                        pending::<()>().await;
                    }));
                    yield_now().await;
                    mine.set(4);
                    panic!("main is out of luck");
                })
            });
            assert_eq!(message, "main is out of luck");
            assert_eq!((witness.count(), mine.get()), (1, 4));
            assert_eq!(witness.drops()[0].thread, thread::current().id());
            assert_eq!(runtime.block_on(async { 5 }), 5);
        }
    });
}

#[test]
fn local_tasks_of_run_are_dropped_before_it_returns() {
    limited(|| {
        let witness = Witness::default();
        bowerbird::run(async {
            let token = witness.token();
            drop(spawn_local(async move {
                let _token = token;
                pending::<()>().await;
            }));
            yield_now().await;
        });
        assert_eq!(witness.count(), 1);
        assert_eq!(witness.drops()[0].thread, thread::current().id());
    });
}

/// RUSTSEC-2021-0072: tokio dropped it on the thread that aborted.
#[test]
fn a_local_task_aborted_elsewhere_is_dropped_at_home() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            for _ in 0..100 {
                let witness = Witness::default();
                let token = witness.token();
                let shared = Rc::new(());
                runtime.block_on(async {
                    let theirs = shared.clone();
                    let task = spawn_local(async move {
                        let _both = (token, theirs);
                        pending::<()>().await;
                    });
                    yield_now().await;
                    let abort = task.abort_handle();
                    let other = thread::spawn(move || abort.abort());
                    assert!(task.await.unwrap_err().is_cancelled());
                    other.join().unwrap();
                });
                assert_eq!(witness.drops()[0].thread, thread::current().id());
                assert_eq!((witness.count(), Rc::strong_count(&shared)), (1, 1));
            }
        }
    });
}

#[test]
fn a_local_task_of_a_worker_is_dropped_by_that_worker() {
    limited(|| {
        let runtime = multi(4);
        let witness = Witness::default();
        let mine = witness.clone();
        let worker = runtime.block_on(async {
            let task = spawn(async move {
                let token = mine.token();
                drop(spawn_local(async move {
                    let _both = (Rc::new(()), token);
                    pending::<()>().await;
                }));
                thread::current().id()
            });
            task.await.unwrap()
        });
        assert!(runtime.shutdown(Shutdown::default()).is_clean());
        assert_eq!(witness.drops().iter().map(|it| it.thread).collect::<Vec<_>>(), [worker]);
    });
}

#[test]
fn on_a_current_thread_runtime_the_next_caller_takes_over() {
    limited(|| {
        let runtime = Arc::new(single());
        let (first_may_leave, go) = (Arc::new(Event::new()), Arc::new(Event::new()));
        let (theirs, leave) = (runtime.clone(), first_may_leave.clone());
        let (is_in, wait_in) = mpsc::channel();
        let first = thread::spawn(move || {
            theirs.block_on(async {
                is_in.send(()).unwrap();
                leave.wait().await;
            });
        });
        wait_in.recv().unwrap();
        // The first thread drives: it runs what the second one spawns, up to here.
        let (theirs, started) = (go.clone(), Arc::new(Mutex::new(vec![])));
        let log = started.clone();
        let task = runtime.spawn(async move {
            lock(&log).push(thread::current().id());
            theirs.wait().await;
            lock(&log).push(thread::current().id());
        });
        let first_id = first.thread().id();
        let (theirs, runs) = (runtime.clone(), started.clone());
        let second = thread::spawn(move || {
            theirs.block_on(async {
                while lock(&runs).is_empty() {
                    yield_now().await;
                }
                first_may_leave.set();
                task.await.unwrap();
            });
        });
        first.join().unwrap();
        go.set();
        let second_id = second.thread().id();
        second.join().unwrap();
        assert_eq!(*lock(&started), [first_id, second_id]);
    });
}

#[test]
fn a_local_runtime_keeps_its_local_tasks() {
    limited(|| {
        let runtime = LocalRuntime::new().unwrap();
        let witness = Witness::default();
        let steps = Rc::new(RefCell::new(vec![]));
        let (log, token) = (steps.clone(), witness.token());
        drop(runtime.spawn_local(async move {
            let _token = token;
            for n in 0.. {
                log.borrow_mut().push(n);
                yield_now().await;
            }
        }));
        assert!(steps.borrow().is_empty(), "it makes progress during block_on");
        for _ in 0..3 {
            let before = steps.borrow().len();
            runtime.block_on(yield_now());
            assert!(steps.borrow().len() > before);
        }
        assert_eq!(witness.count(), 0);
        drop(runtime);
        assert_eq!(witness.drops()[0].thread, thread::current().id());
        assert_eq!((witness.count(), Rc::strong_count(&steps)), (1, 1));
    });
}

#[test]
fn a_local_runtime_can_be_woken_from_elsewhere_between_its_block_ons() {
    limited(|| {
        let runtime = LocalRuntime::new().unwrap();
        let (sender, receiver) = oneshot::channel();
        let task = runtime.spawn_local(async move { receiver.await.unwrap() });
        runtime.block_on(yield_now());
        thread::spawn(move || sender.send(7).unwrap()).join().unwrap();
        assert_eq!(runtime.block_on(task).unwrap(), 7);
        let handle = runtime.handle().clone();
        let stealable = thread::spawn(move || handle.spawn(async { 8 })).join().unwrap();
        assert_eq!(runtime.block_on(stealable).unwrap(), 8);
    });
}

#[test]
fn a_local_runtime_keeps_its_local_tasks_when_block_on_panics() {
    limited(|| {
        let runtime = LocalRuntime::new().unwrap();
        let witness = Witness::default();
        let (token, event) = (witness.token(), Rc::new(Event::new()));
        let theirs = event.clone();
        let task = runtime.spawn_local(async move {
            let _token = token;
            theirs.wait().await;
            7
        });
        assert_eq!(panic_of(|| runtime.block_on(async { panic!("no more") })), "no more");
        assert_eq!(witness.count(), 0);
        event.set();
        assert_eq!(runtime.block_on(task).unwrap(), 7);
        assert_eq!(witness.count(), 1);
    });
}

#[test]
fn a_handle_works_on_any_thread() {
    limited(|| {
        let runtime = multi(2);
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let handle = runtime.handle().clone();
                thread::spawn(move || {
                    assert!(Handle::try_current().is_none());
                    let spawned = handle.spawn(async move { n }).join_blocking(None);
                    let blocked = handle.spawn_blocking(move || n).join_blocking(None);
                    let sum = spawned.unwrap().unwrap() + blocked.unwrap().unwrap();
                    let entered = handle.enter();
                    let task = spawn(async move { sum });
                    assert_eq!(Handle::current().id(), handle.id());
                    drop(entered);
                    assert!(Handle::try_current().is_none());
                    handle.block_on(task).unwrap()
                })
            })
            .collect();
        let sums: Vec<_> = threads.into_iter().map(|it| it.join().unwrap()).collect();
        assert_eq!(sums, (0..8).map(|n| 2 * n).collect::<Vec<_>>());
    });
}

#[test]
fn runtimes_nest_and_the_innermost_counts() {
    limited(|| {
        let (outer, inner, third) = (multi(1), single(), multi(2));
        let ids = [outer.handle(), inner.handle(), third.handle()].map(Handle::id);
        let here = || Handle::current().id();
        outer.block_on(async {
            assert_eq!(here(), ids[0]);
            inner.block_on(async {
                assert_eq!(here(), ids[1]);
                let there = third.block_on(async { spawn(async move { here() }).await.unwrap() });
                assert_eq!(there, ids[2]);
                assert_eq!(spawn(async move { here() }).await.unwrap(), ids[1]);
            });
            assert_eq!(here(), ids[0]);
            let entered = third.enter();
            assert_eq!(here(), ids[2]);
            drop(entered);
            assert_eq!(spawn(async move { here() }).await.unwrap(), ids[0]);
        });
        assert!(Handle::try_current().is_none());
    });
}

#[test]
fn enter_guards_may_be_dropped_in_any_order() {
    limited(|| {
        let (a, b) = (multi(1), multi(1));
        let (first, second) = (a.enter(), b.enter());
        drop(first);
        assert_eq!(Handle::current().id(), b.handle().id());
        drop(second);
        assert!(Handle::try_current().is_none());
        assert_eq!(a.block_on(async { spawn(async { 1 }).await.unwrap() }), 1);
    });
}

#[test]
fn an_enter_guard_kept_beyond_its_poll_changes_nothing_for_others() {
    limited(|| {
        let (a, b) = (multi(1), Builder::new_current_thread().paused_clock().build().unwrap());
        let (id_a, id_b) = (a.handle().id(), b.handle().id());
        let other = b.handle().clone();
        let task = a.block_on(async {
            // Local, since a guard stays on its thread.
            let task = spawn_local(async move {
                let entered = other.enter();
                let inside = Handle::current().id();
                yield_now().await;
                let after = Handle::current().id();
                drop(entered);
                (inside, after, Handle::current().id())
            });
            yield_now().await;
            assert_eq!(Handle::current().id(), id_a);
            assert!(!bowerbird::testing::clock::is_paused(), "nor for timers");
            task.await
        });
        assert_eq!(task.unwrap(), (id_b, id_a, id_a));
    });
}
