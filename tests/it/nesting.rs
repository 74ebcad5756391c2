//! Blocking where one should not: it works, or is refused with advice.

use crate::stage::{assert_serves, flavors, limited, message, multi, panic_of, single};
use bowerbird::{
    block_in_place,
    runtime::{Builder, Handle, Shutdown},
    spawn, spawn_blocking, spawn_local,
    time::Duration,
    yield_now,
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

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
            [nested, message(&*in_task)]
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
        let barrier = Arc::new(Barrier::new(100));
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
        assert_serves(&runtime);
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
        assert_serves(&runtime);
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
            let error = runtime.block_on(task).unwrap_err();
            assert!(error.to_string().ends_with("panicked: two"), "{error}");
        }
        assert_serves(&runtime);
    });
}

/// Threads of this process whose names begin so.
fn threads_named(start: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|it| std::fs::read_to_string(it.ok()?.path().join("comm")).ok());
    names.filter(|it| it.starts_with(start)).count()
}

#[test]
fn threads_that_stood_in_do_so_again_and_not_too_many_stay() {
    limited(|| {
        let started = Arc::new(AtomicUsize::new(0));
        let theirs = started.clone();
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .spare_workers(0)
            .thread_name("again")
            .on_thread_start(move || {
                theirs.fetch_add(1, Relaxed);
            })
            .build()
            .unwrap();
        for _ in 0..1_000 {
            let task = runtime.spawn(async {
                let (say, said) = mpsc::channel();
                drop(spawn(async move { say.send(()).unwrap() }));
                block_in_place(|| said.recv().unwrap());
            });
            runtime.block_on(task).unwrap();
        }
        assert_serves(&runtime);
        let few = started.load(Relaxed);
        assert!(few < 100, "{few} threads were started for a thousand blocks");
        let barrier = Arc::new(Barrier::new(50));
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let barrier = barrier.clone();
                runtime.spawn(async move { block_in_place(|| barrier.wait().is_leader()) })
            })
            .collect();
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
        while threads_named("again-sub") > 4 {
            // Two at the desks, perhaps, and two that wait.
            thread::yield_now();
        }
        drop(runtime);
        while threads_named("again-") > 0 {
            // The last word of a thread comes before the system has seen its end.
            thread::yield_now();
        }
    });
}

/// One that waits for the next desk ends after its time.
#[test]
fn threads_that_stood_in_do_not_stay_for_ever() {
    limited(|| {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("brief")
            .thread_keep_alive(Duration::from_millis(1))
            .build()
            .unwrap();
        runtime.block_on(runtime.spawn(async { block_in_place(|| ()) })).unwrap();
        while threads_named("brief-sub") > 0 {
            thread::yield_now();
        }
        assert_serves(&runtime);
    });
}

/// Pinned tasks, a substitute's too, block in the middle of everything.
#[test]
fn pinned_tasks_may_block_in_all_these_ways() {
    limited(|| {
        let runtime = multi(2);
        let home = runtime.handle().clone();
        for a in WAYS {
            for b in WAYS {
                let (mine, theirs) = (home.clone(), home.clone());
                let pinned = home.spawn_pinned(1, move || async move { go(&mine, &[a, b]) });
                let local = runtime.spawn(async move {
                    // On a thread that stands in, or not.
                    let locals = [theirs.clone(), theirs].map(|it| {
                        spawn_local(async move {
                            let inside = go(&it, &[a, b]);
                            yield_now().await;
                            inside
                        })
                    });
                    let mut sum = 0;
                    for local in locals {
                        sum += local.await.unwrap();
                    }
                    sum
                });
                assert_eq!(runtime.block_on(pinned).unwrap(), 1, "{a:?}, {b:?}");
                assert_eq!(runtime.block_on(local).unwrap(), 2, "{a:?}, {b:?}");
            }
        }
        assert_serves(&runtime);
    });
}

/// No thread is to be had, at any of the places where one is asked for.
#[test]
fn all_ways_to_block_do_without_threads() {
    limited(|| {
        let runtime = multi(2);
        let home = runtime.handle().clone();
        for fails in 1..4 {
            for ways in [
                [Way::InPlace, Way::InPlace],
                [Way::BlockOn, Way::InPlace],
                [Way::InPlace, Way::Entered],
            ] {
                let theirs = home.clone();
                let task = home.spawn(async move {
                    sync::shim::thread::fail_starts_here(fails);
                    let out = go(&theirs, &ways);
                    sync::shim::thread::fail_starts_here(0);
                    yield_now().await;
                    out
                });
                assert_eq!(runtime.block_on(task).unwrap(), 1, "{ways:?}");
            }
        }
        assert_serves(&runtime);
    });
}

/// The end comes while some block, others stand in for them, and others wait to.
#[test]
fn a_runtime_ends_while_tasks_block_in_place() {
    limited(|| {
        for round in 0..50 {
            let runtime = multi(2);
            let (begun, has_begun) = mpsc::channel();
            for _ in 0..4 {
                let begun = begun.clone();
                drop(runtime.spawn(async move {
                    for _ in 0..round {
                        block_in_place(|| ());
                    }
                    begun.send(()).unwrap();
                    loop {
                        block_in_place(|| ());
                        Handle::current().block_on(yield_now());
                        yield_now().await;
                    }
                }));
            }
            for _ in 0..4 {
                has_begun.recv().unwrap();
            }
            let report = runtime.shutdown(Shutdown::default());
            assert_eq!(report.stuck_workers, 0, "{report}");
        }
    });
}
