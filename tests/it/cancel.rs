//! Abort, at every moment of a task's life; and what is not an abort.

use crate::stage::{Door, Opens, Witness, flavors, limited, multi, single};
use bowerbird::{
    runtime::Builder, spawn, spawn_blocking, spawn_local, sync::Event, task::AbortHandle, yield_now,
};
use std::{
    future::pending,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

#[test]
fn before_the_first_poll() {
    limited(|| {
        let runtime = single();
        let (witness, polls) = (Witness::default(), Arc::new(AtomicUsize::new(0)));
        runtime.block_on(async {
            let (token, theirs) = (witness.token(), polls.clone());
            let task = spawn(async move {
                let _token = token;
                theirs.fetch_add(1, Relaxed);
            });
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        });
        assert_eq!((witness.count(), polls.load(Relaxed)), (1, 0));
    });
}

#[test]
fn while_it_waits() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let witness = Witness::default();
            runtime.block_on(async {
                let (token, event) = (witness.token(), Arc::new(Event::new()));
                let started = event.clone();
                let task = spawn(async move {
                    let _token = token;
                    started.set();
                    pending::<()>().await;
                });
                event.wait().await;
                task.abort();
                task.abort();
                let error = task.await.unwrap_err();
                assert!(error.is_cancelled() && !error.is_panic());
                assert_eq!(witness.count(), 1, "dropped before the handle tells");
            });
            assert_eq!(witness.drops()[0].runtime, Some(runtime.handle().id()));
        }
    });
}

#[test]
fn while_it_runs_it_ends_at_its_next_await() {
    limited(|| {
        let runtime = multi(1);
        let (reached, after) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (running, is_running) = mpsc::channel();
        let door = Door::default();
        let opens = Opens(door.clone());
        let (theirs, beyond) = (reached.clone(), after.clone());
        let task = runtime.spawn(async move {
            running.send(()).unwrap();
            door.pass();
            theirs.fetch_add(1, Relaxed);
            yield_now().await;
            beyond.fetch_add(1, Relaxed);
        });
        is_running.recv().unwrap();
        task.abort();
        assert!(!task.is_finished());
        drop(opens);
        assert!(runtime.block_on(task).unwrap_err().is_cancelled());
        assert_eq!((reached.load(Relaxed), after.load(Relaxed)), (1, 0));
    });
}

#[test]
fn an_output_that_is_there_wins() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            runtime.block_on(async {
                let task = spawn(async { 7 });
                while !task.is_finished() {
                    yield_now().await;
                }
                task.abort();
                assert_eq!(task.await.unwrap(), 7);
            });
        }
    });
}

#[test]
fn a_poll_that_finishes_after_the_abort_keeps_its_output() {
    limited(|| {
        let runtime = multi(1);
        let (running, is_running) = mpsc::channel();
        let door = Door::default();
        let opens = Opens(door.clone());
        let task = runtime.spawn(async move {
            running.send(()).unwrap();
            door.pass();
            7
        });
        is_running.recv().unwrap();
        task.abort();
        drop(opens);
        assert_eq!(runtime.block_on(task).unwrap(), 7);
    });
}

#[test]
fn a_closure_in_the_queue_is_cancelled_and_one_that_runs_is_not() {
    limited(|| {
        let builder = Builder::new_multi_thread().worker_threads(1).max_blocking_threads(1);
        let runtime = builder.build().unwrap();
        let (running, is_running) = mpsc::channel();
        let (door, witness) = (Door::default(), Witness::default());
        let opens = Opens(door.clone());
        let first = runtime.spawn_blocking(move || {
            running.send(()).unwrap();
            door.pass();
            7
        });
        is_running.recv().unwrap();
        let token = witness.token();
        let second = runtime.spawn_blocking(move || drop(token));
        first.abort();
        second.abort();
        let second = runtime.block_on(second);
        assert!(second.unwrap_err().is_cancelled(), "while the first still runs");
        assert_eq!(witness.count(), 1);
        drop(opens);
        assert_eq!(runtime.block_on(first).unwrap(), 7);
        assert_eq!(runtime.block_on(runtime.spawn_blocking(|| 8)).unwrap(), 8);
    });
}

#[test]
fn from_many_threads_at_once() {
    limited(|| {
        let runtime = multi(2);
        for _ in 0..200 {
            let witness = Witness::default();
            let token = witness.token();
            let task = runtime.spawn(async move {
                let _token = token;
                loop {
                    yield_now().await;
                }
            });
            let barrier = Arc::new(Barrier::new(3));
            let threads: Vec<_> = (0..3)
                .map(|_| {
                    let (abort, barrier) = (task.abort_handle(), barrier.clone());
                    thread::spawn(move || {
                        barrier.wait();
                        abort.abort();
                    })
                })
                .collect();
            let result: Result<(), _> = runtime.block_on(task);
            assert!(result.unwrap_err().is_cancelled());
            assert_eq!(witness.count(), 1);
            threads.into_iter().for_each(|it| it.join().unwrap());
        }
    });
}

#[test]
fn by_itself() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            runtime.block_on(async {
                let (sender, receiver) = bowerbird::sync::oneshot::channel::<AbortHandle>();
                let after = Arc::new(AtomicUsize::new(0));
                let beyond = after.clone();
                let task = spawn(async move {
                    let mine = receiver.await.unwrap();
                    mine.abort();
                    assert!(mine.is_aborted());
                    yield_now().await;
                    beyond.fetch_add(1, Relaxed);
                });
                sender.send(task.abort_handle()).unwrap();
                assert!(task.await.unwrap_err().is_cancelled());
                assert_eq!(after.load(Relaxed), 0);
            });
        }
    });
}

/// Aborts when it is dropped.
struct Aborts(Option<AbortHandle>);

impl Drop for Aborts {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(|it| it.abort());
    }
}

#[test]
fn from_the_destructor_of_another_task_and_its_own() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            runtime.block_on(async {
                let victim = spawn(pending::<()>());
                let aborts = Aborts(Some(victim.abort_handle()));
                let killer = spawn(async move {
                    let _aborts = aborts;
                    pending::<()>().await;
                });
                killer.abort();
                assert!(killer.await.unwrap_err().is_cancelled());
                assert!(victim.await.unwrap_err().is_cancelled());

                let (sender, receiver) = bowerbird::sync::oneshot::channel::<AbortHandle>();
                let own = spawn(async move {
                    let _aborts = Aborts(Some(receiver.await.unwrap()));
                    7
                });
                sender.send(own.abort_handle()).unwrap();
                assert_eq!(own.await.unwrap(), 7, "it was over when its locals were dropped");
            });
        }
    });
}

#[test]
fn after_the_end_of_the_runtime() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let idle = runtime.spawn(pending::<()>());
            let done = runtime.spawn(async { 7 });
            runtime.block_on(async {
                while !done.is_finished() {
                    yield_now().await;
                }
            });
            let handles = [idle.abort_handle(), done.abort_handle()];
            drop(runtime);
            handles.iter().for_each(AbortHandle::abort);
            idle.abort();
            let idle = idle.join_blocking(None).unwrap();
            assert!(idle.unwrap_err().is_cancelled());
            assert_eq!(done.join_blocking(None).unwrap().unwrap(), 7);
            handles.iter().for_each(AbortHandle::abort);
        }
    });
}

#[test]
fn an_abort_handle_outlives_its_task() {
    limited(|| {
        let runtime = multi(2);
        let handles: Vec<_> = runtime.block_on(async {
            let mut handles = vec![];
            for _ in 0..1_000 {
                let task = spawn(async {});
                handles.push(task.abort_handle());
                task.await.unwrap();
            }
            handles
        });
        let ids: std::collections::HashSet<_> = handles.iter().map(|it| it.id().unwrap()).collect();
        assert_eq!(ids.len(), 1_000);
        for handle in &handles {
            handle.abort();
            assert!(handle.info().is_none(), "{:?}", handle.info());
        }
        // None of those aborts hit a task that lives where the old ones lay.
        crate::stage::assert_serves(&runtime);
        drop(runtime);
        handles.iter().for_each(AbortHandle::abort);
    });
}

#[test]
fn of_a_task_that_the_runtime_refused() {
    limited(|| {
        let runtime = multi(1);
        let handle = runtime.handle().clone();
        drop(runtime);
        let witness = Witness::default();
        let token = witness.token();
        let task = handle.spawn(async move { drop(token) });
        assert_eq!(witness.count(), 1, "dropped at once");
        assert!(task.is_finished() && task.id().is_none());
        task.abort();
        let abort = task.abort_handle();
        abort.abort();
        assert!(abort.is_aborted());
        let error = task.join_blocking(None).unwrap().unwrap_err();
        assert!(error.is_cancelled() && error.task().is_none());
        assert!(error.to_string().contains("refused"), "{error}");
    });
}

#[test]
fn a_dropped_handle_detaches_a_hundred_thousand_times() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let (ran, all) = (Arc::new(AtomicUsize::new(0)), Arc::new(Event::new()));
            runtime.block_on(async {
                for n in 0..100_000 {
                    let (ran, all) = (ran.clone(), all.clone());
                    drop(spawn(async move {
                        if n % 7 == 0 {
                            yield_now().await;
                        }
                        if ran.fetch_add(1, Relaxed) + 1 == 100_000 {
                            all.set();
                        }
                    }));
                }
                all.wait().await;
            });
            assert_eq!(ran.load(Relaxed), 100_000);
        }
    });
}

#[test]
fn a_detached_closure_and_a_detached_local_task_run_on() {
    limited(|| {
        let runtime = multi(1);
        let (sender, receiver) = mpsc::channel();
        let theirs = sender.clone();
        runtime.block_on(async {
            drop(spawn_blocking(move || theirs.send(1).unwrap()));
            drop(spawn_local(async move {
                yield_now().await;
                sender.send(2).unwrap();
            }));
            let mut seen: Vec<u32> = vec![];
            while seen.len() < 2 {
                seen.extend(receiver.try_recv());
                yield_now().await;
            }
            seen.sort_unstable();
            assert_eq!(seen, [1, 2]);
        });
    });
}
