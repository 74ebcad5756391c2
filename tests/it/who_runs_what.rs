//! Which thread runs a task, and which drops it.

use crate::stage::{Door, Opens, Witness, flavors, limited, lock, multi, panic_of, single};
use bowerbird::{
    block_in_place,
    runtime::{Builder, Handle, LocalRuntime, Shutdown},
    spawn, spawn_blocking, spawn_local,
    sync::{Event, oneshot},
    time::{Duration, sleep},
    yield_now,
};
use std::{
    cell::{Cell, RefCell},
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind},
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
            let is_right = |it: &crate::stage::Drop_| {
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

/// A way to get deeper.
#[derive(Clone, Copy, Debug)]
enum Way {
    BlockOn,
    InPlace,
    Blocking,
    Entered,
    OtherRuntime,
}

const WAYS: [Way; 5] = [Way::BlockOn, Way::InPlace, Way::Blocking, Way::Entered, Way::OtherRuntime];

/// Goes along `ways`, and at the end waits for a task.
fn go(home: &Handle, ways: &[Way]) -> u32 {
    let Some((way, rest)) = ways.split_first() else {
        return block_in_place(|| home.block_on(async { spawn(async { 1 }).await.unwrap() }));
    };
    match way {
        Way::BlockOn => Handle::current().block_on(async { go(home, rest) }),
        Way::InPlace => block_in_place(|| go(home, rest)),
        Way::Blocking => {
            let (home, rest) = (home.clone(), rest.to_vec());
            block_in_place(|| {
                let deeper = spawn_blocking(move || go(&home, &rest));
                deeper.join_blocking(None).unwrap().unwrap()
            })
        }
        Way::Entered => {
            let _entered = home.enter();
            go(home, rest)
        }
        Way::OtherRuntime => multi(1).block_on(async { go(home, rest) }),
    }
}

#[test]
fn ways_to_block_nest_on_a_multi_thread_runtime() {
    limited(|| {
        for workers in [1, 2] {
            let runtime = multi(workers);
            let home = runtime.handle().clone();
            for a in WAYS {
                for b in WAYS {
                    for c in WAYS {
                        let ways = [a, b, c];
                        let theirs = home.clone();
                        let task = runtime.spawn(async move { go(&theirs, &ways) });
                        let task = task.join_blocking(Some(Duration::from_secs(10)));
                        let task = task.unwrap_or_else(|_| panic!("a worker hangs in {ways:?}"));
                        assert_eq!(task.unwrap(), 1, "{ways:?}");
                        assert_eq!(home.block_on(async { go(&home, &ways) }), 1, "{ways:?}");
                    }
                }
            }
        }
    });
}

#[test]
fn a_worker_0_may_block_in_all_these_ways() {
    limited(|| {
        for a in WAYS {
            for b in WAYS {
                let out = Builder::new_multi_thread().worker_threads(1).run(async {
                    let home = Handle::current();
                    let inside = go(&home, &[a, b]);
                    inside + spawn(async { 1 }).await.unwrap()
                });
                assert_eq!(out.unwrap(), 2);
            }
        }
    });
}

/// It would wait for its own thread.
#[test]
fn a_current_thread_runtime_refuses_a_block_on_in_its_own_task() {
    limited(|| {
        let runtime = single();
        let handle = runtime.handle().clone();
        let told = runtime.block_on(async {
            let mine = handle.clone();
            let nested = panic_of(|| mine.block_on(async {}));
            let theirs = handle.clone();
            let task = spawn(async move { theirs.block_on(async {}) });
            let in_task = task.await.unwrap_err().into_panic();
            let on_pool = spawn_blocking(move || handle.block_on(async { 7 }));
            assert_eq!(on_pool.await.unwrap(), 7, "there it waits its turn");
            [nested, crate::stage::message(&*in_task)]
        });
        for text in told {
            assert!(text.starts_with("block_on was called inside a task of the same"), "{text}");
        }
    });
}

#[test]
fn the_refusal_sees_through_guards_and_other_runtimes() {
    limited(|| {
        let (runtime, other) = (single(), single());
        let handle = runtime.handle().clone();
        let told = runtime.block_on(async {
            let entered = handle.enter();
            let in_guard = panic_of(|| handle.block_on(async {}));
            drop(entered);
            let in_other = other.block_on(async { panic_of(|| handle.block_on(async {})) });
            [in_guard, in_other]
        });
        for text in told {
            assert!(text.starts_with("block_on was called inside a task of the same"), "{text}");
        }
    });
}

#[test]
fn run_inside_a_task_is_refused() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let told = runtime.block_on(async {
                let _entered = Handle::current().enter();
                let guarded = panic_of(|| bowerbird::run(async {}));
                drop(_entered);
                let plain = panic_of(|| bowerbird::run(async {}));
                assert_eq!(spawn_blocking(|| bowerbird::run(async { 7 })).await.unwrap(), 7);
                [guarded, plain]
            });
            for text in told {
                assert!(text.starts_with("run was called inside a task"), "{text}");
            }
        }
    });
}

#[test]
fn block_in_place_borrows_and_lets_the_others_work() {
    limited(|| {
        let builders = [
            Builder::new_multi_thread().worker_threads(1),
            Builder::new_multi_thread().worker_threads(2),
        ];
        for builder in builders {
            let runtime = builder.build().unwrap();
            let task = runtime.spawn(async {
                let mut words = vec!["a"];
                let (sender, receiver) = mpsc::channel();
                // It waits for a task which needs this very worker.
                drop(spawn(async move { sender.send("b").unwrap() }));
                block_in_place(|| words.push(receiver.recv().unwrap()));
                words
            });
            assert_eq!(runtime.block_on(task).unwrap(), ["a", "b"]);
        }
    });
}

#[test]
fn a_hundred_tasks_may_block_in_place_at_once() {
    limited(|| {
        let runtime = multi(2);
        let barrier = Arc::new(std::sync::Barrier::new(100));
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let barrier = barrier.clone();
                runtime.spawn(async move { block_in_place(|| barrier.wait().is_leader()) })
            })
            .collect();
        let leaders = runtime.block_on(async {
            let mut leaders = 0;
            for task in tasks {
                leaders += usize::from(task.await.unwrap());
            }
            leaders
        });
        assert_eq!(leaders, 1);
        crate::stage::assert_serves(&runtime);
    });
}

#[test]
fn worker_0_may_block_in_place() {
    limited(|| {
        let out = Builder::new_multi_thread().worker_threads(1).run(async {
            let here = thread::current().id();
            let local = spawn_local(async { thread::current().id() });
            let (sender, receiver) = mpsc::channel();
            drop(spawn(async move { sender.send(thread::current().id()).unwrap() }));
            let there = block_in_place(|| receiver.recv().unwrap());
            assert_ne!(there, here, "a substitute runs it");
            assert_eq!(local.await.unwrap(), here, "which does not touch local tasks");
            // The desk comes back: the only worker is this thread again.
            let mut back = spawn(async { thread::current().id() }).await.unwrap();
            while back != here {
                yield_now().await;
                back = spawn(async { thread::current().id() }).await.unwrap();
            }
        });
        out.unwrap();
    });
}

#[test]
fn block_in_place_does_without_a_substitute() {
    limited(|| {
        let runtime = multi(1);
        let task = runtime.spawn(async {
            sync::shim::thread::fail_starts_here(1);
            let out = block_in_place(|| 7);
            sync::shim::thread::fail_starts_here(0);
            yield_now().await;
            out + spawn(async { 1 }).await.unwrap()
        });
        assert_eq!(runtime.block_on(task).unwrap(), 8);
        crate::stage::assert_serves(&runtime);
    });
}

#[test]
fn block_in_place_may_panic() {
    limited(|| {
        let runtime = multi(1);
        for _ in 0..10 {
            let task = runtime.spawn(async {
                let caught = catch_unwind(AssertUnwindSafe(|| block_in_place(|| panic!("one"))));
                assert!(caught.is_err());
                yield_now().await;
                block_in_place(|| panic!("two"))
            });
            let error = runtime.block_on(task).map(|()| ()).unwrap_err();
            assert!(error.to_string().ends_with("panicked: two"), "{error}");
        }
        crate::stage::assert_serves(&runtime);
    });
}
