//! What is pinned to a worker runs on that worker's thread and on no other, or not at all.

use super::*;
use std::thread::ThreadId;

fn here() -> ThreadId {
    std::thread::current().id()
}

fn name_here() -> String {
    std::thread::current().name().unwrap_or_default().to_owned()
}

/// Says on which thread it is dropped.
struct Dropped(mpsc::Sender<ThreadId>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.send(here());
    }
}

#[test]
fn each_worker_runs_what_is_pinned_to_it() {
    in_time(|| {
        let executor = start(multi(3).thread_name("pins"));
        // Enough for workers to steal from each other meanwhile.
        let others: Vec<_> = (0..100).map(|_| executor.handle().spawn(yield_now())).collect();
        let tasks: Vec<_> = (0..30)
            .map(|n| {
                executor.handle().spawn_pinned(n % 3, move || async move {
                    let own = Rc::new(here());
                    for _ in 0..10 {
                        yield_now().await;
                        assert_eq!(here(), *own);
                    }
                    (n % 3, name_here())
                })
            })
            .collect();
        executor.block_on(async {
            for task in tasks {
                let (worker, name) = task.await.unwrap();
                assert_eq!(name, format!("pins-{worker}"));
            }
            for other in others {
                other.await.unwrap();
            }
        });
    });
}

#[test]
fn worker_zero_of_run_is_its_caller() {
    in_time(|| {
        let early = Arc::new(Mutex::new(None));
        let theirs = early.clone();
        let caller = here();
        let builder = multi(2);
        let driver = Arc::new(ThreadDriver::new(builder.seats()));
        // Spawned before that thread has come.
        let before = move |handle: &Handle| {
            *theirs.lock().unwrap() = Some(handle.spawn_pinned(0, || async { here() }));
        };
        let main = async move {
            let task = early.lock().unwrap().take().unwrap();
            let other = Handle::current().spawn_pinned(1, || async { here() });
            (task.await.unwrap(), other.await.unwrap())
        };
        let (zero, one) = builder.run_with(driver, before, main).unwrap();
        assert!(zero == caller && one != caller);
    });
}

#[test]
fn a_current_thread_runtime_keeps_it_for_whoever_comes_next() {
    in_time(|| {
        let executor = single();
        let task = executor.handle().spawn_pinned(0, || async { here() });
        assert!(!task.is_finished());
        assert_eq!(executor.block_on(task).unwrap(), here());
        // Spawned on another thread while this one is there.
        let handle = executor.handle().clone();
        let thread = executor.block_on(async {
            let (sender, receiver) = mpsc::channel();
            std::thread::spawn(move || {
                sender.send(handle.spawn_pinned(0, || async { here() })).unwrap();
            });
            receiver.recv().unwrap().await.unwrap()
        });
        assert_eq!(thread, here());
    });
}

#[test]
fn it_ends_with_the_call_in_which_it_runs() {
    in_time(|| {
        let executor = single();
        let (dropped, drops) = mpsc::channel();
        let guard = Dropped(dropped);
        let make = move || async move {
            let _guard = guard;
            pending::<()>().await;
        };
        let task = executor.handle().spawn_pinned(0, make);
        executor.block_on(yield_now());
        assert_eq!(drops.recv().unwrap(), here());
        let error = executor.block_on(task).unwrap_err();
        assert_eq!(error.reason(), Some("its thread left the runtime"));
    });
}

#[test]
fn that_of_a_local_executor_stays() {
    in_time(|| {
        let executor = Builder::new_current_thread().build_local_with(ThreadDriver::new).unwrap();
        let handle = executor.handle().clone();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let make = || async {
                yield_now().await;
                yield_now().await;
                here()
            };
            sender.send(handle.spawn_pinned(0, make)).unwrap();
        });
        let task = receiver.recv().unwrap();
        executor.block_on(async {});
        executor.block_on(yield_now());
        assert_eq!(executor.block_on(task).unwrap(), here());
    });
}

#[test]
fn whoever_takes_turns_is_told_of_it() {
    in_time(|| {
        let (woken, wakes) = mpsc::channel();
        let hook = move || woken.send(()).unwrap_or(());
        let executor = start(Builder::new_current_thread().on_wake(hook));
        for _ in 0..2 {
            let _ = executor.turn(Some(Duration::ZERO));
            while wakes.try_recv().is_ok() {}
            let handle = executor.handle().clone();
            let spawn = move || handle.spawn_pinned(0, || async { here() });
            let task = std::thread::spawn(spawn).join().unwrap();
            wakes.recv().unwrap();
            assert_eq!(executor.turn(Some(Duration::ZERO)).polls, 1);
            assert_eq!(task.join_blocking(None).unwrap().unwrap(), here());
        }
    });
}

#[test]
fn a_panic_is_its_handles() {
    in_time(|| {
        let executor = start(multi(2));
        let handle = executor.handle();
        let early = handle.spawn_pinned(1, || -> std::future::Ready<()> { panic_any("early") });
        let late = handle.spawn_pinned(1, || async { panic_any("late") });
        for (task, message) in [(early, "early"), (late, "late")] {
            let payload = executor.block_on(task).unwrap_err().into_panic();
            assert_eq!(payload.downcast_ref(), Some(&message));
        }
        still_works(&executor);
        let task = executor.handle().spawn_pinned(1, || async { 7 });
        assert_eq!(executor.block_on(task).unwrap(), 7);
    });
}

#[test]
fn an_abort_before_it_began_drops_the_closure_on_its_thread() {
    in_time(|| {
        let executor = start(multi(2));
        let (go, goes) = mpsc::channel::<()>();
        let busy = executor.handle().spawn_pinned(1, move || async move {
            let _ = goes.recv();
            here()
        });
        let (dropped, drops) = mpsc::channel();
        let guard = Dropped(dropped);
        let waiting = executor.handle().spawn_pinned(1, move || {
            let _guard = guard;
            async { unreachable!("it was aborted") }
        });
        waiting.abort_with("not needed");
        drop(go);
        let thread = executor.block_on(busy).unwrap();
        let error = executor.block_on::<JoinHandle<()>>(waiting).unwrap_err();
        assert!(error.is_cancelled() && error.reason() == Some("not needed"));
        assert_eq!(drops.recv().unwrap(), thread);
    });
}

#[test]
fn the_end_drops_the_future_on_its_thread() {
    in_time(|| {
        let executor = start(multi(2));
        let (dropped, drops) = mpsc::channel();
        let (begun, begins) = mpsc::channel();
        let guard = Dropped(dropped);
        let task = executor.handle().spawn_pinned(1, move || async move {
            let _guard = Rc::new(guard);
            begun.send(here()).unwrap();
            pending::<()>().await;
        });
        let thread = begins.recv().unwrap();
        drop(executor);
        assert_eq!(drops.recv().unwrap(), thread);
        let error = task.join_blocking(None).unwrap().unwrap_err();
        assert_eq!(error.reason(), Some("its runtime shut down"));
    });
}

#[test]
fn the_end_cancels_what_waits_for_a_thread_that_never_came() {
    in_time(|| {
        let executor = single();
        let (dropped, drops) = mpsc::channel();
        let guard = Dropped(dropped);
        let task = executor.handle().spawn_pinned(0, move || {
            let _guard = guard;
            async { unreachable!("nobody was there") }
        });
        let handle = executor.handle().clone();
        let report = executor.shutdown(Shutdown::default());
        assert!(report.cancelled == 1 && report.is_clean());
        assert_eq!(drops.recv().unwrap(), here());
        let ended: Result<(), _> = task.join_blocking(None).unwrap();
        assert_eq!(ended.unwrap_err().reason(), Some("its runtime shut down"));
        // And what comes afterwards is refused.
        let late = handle.spawn_pinned(0, || async {}).join_blocking(None).unwrap();
        assert!(late.unwrap_err().is_cancelled());
    });
}

#[test]
fn there_are_as_many_workers_as_it_says() {
    in_time(|| {
        let executor = start(multi(2));
        assert_eq!(executor.handle().workers(), 2);
        let spawn = || executor.handle().spawn_pinned(2, || async {});
        let payload = catch_unwind(AssertUnwindSafe(spawn)).unwrap_err();
        let message = payload.downcast_ref::<String>().unwrap();
        assert!(message.contains("no worker 2: this runtime has 2"), "{message}");
    });
}

#[test]
fn it_waits_while_its_thread_blocks_and_the_worker_goes_on() {
    in_time(|| {
        let executor = start(multi(1));
        let handle = executor.handle();
        let (unblock, blocks) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        let blocked = handle.spawn_pinned(0, move || async move {
            block_in_place(|| {
                begun.send(()).unwrap();
                let _ = blocks.recv();
            });
            here()
        });
        begins.recv().unwrap();
        let pinned = handle.spawn_pinned(0, || async { here() });
        // The substitute runs what may be stolen, and leaves this alone.
        executor.block_on(handle.spawn(yield_now())).unwrap();
        assert!(!pinned.is_finished());
        drop(unblock);
        let thread = executor.block_on(blocked).unwrap();
        assert_eq!(executor.block_on(pinned).unwrap(), thread);
    });
}

#[test]
fn it_has_its_builders_name_and_is_seen() {
    in_time(|| {
        let executor = single();
        let builder = TaskBuilder::new().name("shard");
        let task = executor.block_on(async move {
            let task = builder.spawn_pinned(0, || async { current_task().unwrap() });
            let tasks = Handle::current().tasks();
            let named = |it: &&TaskInfo| it.name.as_deref() == Some("shard");
            assert!(tasks.iter().find(named).is_some_and(TaskInfo::is_pinned));
            task.await.unwrap()
        });
        assert_eq!(task.name.as_deref(), Some("shard"));
    });
}

/// Each ends once, whether it comes before, during or after the end of its runtime.
#[test]
fn none_is_lost_while_its_runtime_ends() {
    for round in 0..100 {
        in_time(move || {
            let executor = match round % 2 {
                0 => single(),
                _ => start(multi(2)),
            };
            let count = Arc::new(());
            let spawners: Vec<_> = (0..2)
                .map(|n| {
                    let (handle, count) = (executor.handle().clone(), count.clone());
                    std::thread::spawn(move || {
                        let spawn = |i: usize| {
                            let (count, worker) = (count.clone(), (i + n) % handle.workers());
                            handle.spawn_pinned(worker, move || async move {
                                yield_now().await;
                                drop(count);
                            })
                        };
                        (0..20).map(spawn).collect::<Vec<_>>()
                    })
                })
                .collect();
            executor.block_on(yield_now());
            drop(executor);
            for task in spawners.into_iter().flat_map(|it| it.join().unwrap()) {
                if let Err(error) = task.join_blocking(None).unwrap() {
                    assert!(error.is_cancelled());
                }
            }
            assert_eq!(Arc::strong_count(&count), 1, "every closure is gone");
        });
    }
}
