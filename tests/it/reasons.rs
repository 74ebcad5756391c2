//! Who ends a task may say why, and whoever awaits it is told.

use crate::stage::{Door, Opens, flavors, limited, multi, single};
use bowerbird::{
    runtime::{Builder, Shutdown},
    spawn, spawn_blocking, spawn_local, task, yield_now,
};
use std::{future::pending, sync::mpsc, thread};

#[test]
fn the_error_tells_task_place_and_reason() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let error = runtime.block_on(async {
                let task = task::Builder::new().name("crawler").spawn(pending::<()>());
                yield_now().await;
                task.abort_with("robots.txt says no");
                task.await.unwrap_err()
            });
            assert_eq!(error.reason(), Some("robots.txt says no"));
            let text = error.to_string();
            assert!(text.starts_with("task `crawler` #"), "{text}");
            assert!(text.contains("reasons.rs:"), "{text}");
            assert!(text.ends_with(") was cancelled: robots.txt says no"), "{text}");
        }
    });
}

#[test]
fn without_a_reason_there_is_none() {
    limited(|| {
        let error = single().block_on(async {
            let task = spawn(pending::<()>());
            task.abort();
            task.await.unwrap_err()
        });
        assert_eq!(error.reason(), None);
        assert!(error.to_string().ends_with(") was cancelled"), "{error}");
    });
}

#[test]
fn the_first_reason_counts() {
    limited(|| {
        let reason = single().block_on(async {
            let task = spawn(pending::<()>());
            task.abort();
            task.abort_handle().abort_with("first");
            task.abort_with(String::from("second"));
            task.abort();
            task.await.unwrap_err().reason().map(str::to_owned)
        });
        assert_eq!(reason.as_deref(), Some("first"));
    });
}

#[test]
fn a_task_that_finishes_first_keeps_its_output() {
    limited(|| {
        let output = single().block_on(async {
            let task = spawn(async { 7 });
            while !task.is_finished() {
                yield_now().await;
            }
            task.abort_with("too late");
            task.await.unwrap()
        });
        assert_eq!(output, 7);
    });
}

#[test]
fn a_panic_of_a_destructor_wins_over_the_reason() {
    struct Breaks;
    impl Drop for Breaks {
        fn drop(&mut self) {
            panic!("a shard");
        }
    }
    limited(|| {
        let error = single().block_on(async {
            let breaks = Breaks;
            let task = spawn(async move {
                let _breaks = breaks;
                pending::<()>().await;
            });
            task.abort_with("no longer needed");
            task.await.unwrap_err()
        });
        assert!(error.is_panic() && error.reason().is_none(), "{error}");
        assert!(error.to_string().ends_with("panicked: a shard"), "{error}");
    });
}

#[test]
fn local_tasks_and_closures_that_wait_are_told_it_too() {
    limited(|| {
        let runtime = Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            let local = spawn_local(pending::<()>());
            let there = local.abort_handle();
            thread::spawn(move || there.abort_with("from afar")).join().unwrap();
            assert_eq!(local.await.unwrap_err().reason(), Some("from afar"));

            let door = Door::default();
            let opens = Opens(door.clone());
            let (running, is_running) = mpsc::channel();
            let first = spawn_blocking(move || {
                running.send(()).unwrap();
                door.pass();
            });
            is_running.recv().unwrap();
            let second = spawn_blocking(|| {});
            second.abort_with("the queue is long");
            assert_eq!(second.await.unwrap_err().reason(), Some("the queue is long"));
            first.abort_with("it runs already");
            drop(opens);
            first.await.unwrap();
        });
    });
}

#[test]
fn a_task_may_give_the_reason_of_its_own_end() {
    limited(|| {
        let error = single().block_on(async {
            let task = spawn(async {
                task::current_abort_handle().unwrap().abort_with("I give up");
                pending::<()>().await;
            });
            task.await.unwrap_err()
        });
        assert_eq!(error.reason(), Some("I give up"));
    });
}

#[test]
fn the_end_of_the_runtime_is_a_reason() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.max_blocking_threads(1).build().unwrap();
            let door = Door::default();
            let opens = Opens(door.clone());
            let (running, is_running) = mpsc::channel();
            let busy = runtime.spawn_blocking(move || {
                running.send(()).unwrap();
                door.pass();
            });
            is_running.recv().unwrap();
            let queued = runtime.spawn_blocking(|| {});
            let (plain, told) = (runtime.spawn(pending::<()>()), runtime.spawn(pending::<()>()));
            // Nobody polls it before the end on a current-thread runtime.
            told.abort_with("said before");
            let _report = runtime.shutdown(Shutdown::default());
            drop(opens);
            let reason = |task: bowerbird::JoinHandle<()>| {
                let error = task.join_blocking(None).unwrap().unwrap_err();
                error.reason().map(str::to_owned)
            };
            assert_eq!(reason(plain).as_deref(), Some("its runtime shut down"));
            assert_eq!(reason(queued).as_deref(), Some("its runtime shut down"));
            assert_eq!(reason(told).as_deref(), Some("said before"));
            busy.join_blocking(None).unwrap().unwrap();
        }
    });
}

#[test]
fn a_local_task_whose_thread_leaves_is_told_so() {
    limited(|| {
        let runtime = multi(1);
        let (hand_over, handed) = mpsc::channel();
        runtime.block_on(async { hand_over.send(spawn_local(pending::<()>())).unwrap() });
        let local = handed.recv().unwrap();
        let error = local.join_blocking(None).unwrap().unwrap_err();
        assert_eq!(error.reason(), Some("its thread left the runtime"));
    });
}

#[test]
fn a_refused_task_has_none() {
    limited(|| {
        let runtime = single();
        let handle = runtime.handle().clone();
        drop(runtime);
        let task = handle.spawn(async {});
        task.abort_with("refused anyway");
        let error = task.join_blocking(None).unwrap().unwrap_err();
        assert_eq!(error.reason(), None);
        assert!(error.to_string().contains("refused"), "{error}");
    });
}
