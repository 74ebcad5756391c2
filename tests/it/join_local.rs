//! Sets of tasks that stay on one thread, and single tasks that end with their handle.

use crate::stage::{flavors, limited, panic_of};
use bowerbird::{
    JoinSet, runtime::LocalRuntime, spawn, sync::oneshot, task::AbortOnDrop, yield_now,
};
use std::{future::pending, rc::Rc};

async fn drain<T>(set: &mut JoinSet<T>) -> Vec<T> {
    let mut outputs = vec![];
    while let Some(result) = set.join_next().await {
        outputs.push(result.unwrap());
    }
    outputs
}

fn indices(set: &mut JoinSet<usize>) {
    for n in 0..8 {
        let shared = Rc::new(n);
        set.spawn_local(async move { *shared });
    }
}

fn pending_tasks(set: &mut JoinSet<()>) -> Vec<oneshot::Receiver<()>> {
    let spawn = |_| {
        let (sender, receiver) = oneshot::channel::<()>();
        set.build_task().name("local").spawn_local(async move {
            pending::<()>().await;
            drop(sender);
        });
        receiver
    };
    (0..8).map(spawn).collect()
}

#[test]
fn local_tasks_are_joined() {
    limited(|| {
        for builder in flavors() {
            builder.build().unwrap().block_on(async {
                let mut set = JoinSet::new();
                indices(&mut set);
                assert!(set.try_join_next().is_none());
                assert_eq!(drain(&mut set).await, (0..8).collect::<Vec<_>>());
            });
        }
    });
}

#[test]
fn local_tasks_end_with_the_shutdown_and_with_the_drop_of_their_set() {
    limited(|| {
        for builder in flavors() {
            builder.build().unwrap().block_on(async {
                let mut set = JoinSet::new();
                let receivers = pending_tasks(&mut set);
                assert!(set.try_join_next().is_none());
                set.shutdown().await;
                assert!(set.is_empty());
                for receiver in receivers {
                    assert!(receiver.await.is_err());
                }
                let receivers = pending_tasks(&mut set);
                drop(set);
                for receiver in receivers {
                    assert!(receiver.await.is_err());
                }
            });
        }
    });
}

#[test]
fn a_set_may_have_tasks_of_a_local_runtime() {
    limited(|| {
        let runtime = LocalRuntime::new().unwrap();
        let mut set = JoinSet::new();
        for n in 0..8 {
            let shared = Rc::new(n);
            set.insert(runtime.spawn_local(async move { *shared }));
        }
        assert!(set.try_join_next().is_none());
        let outputs = runtime.block_on(async { drain(&mut set).await });
        assert_eq!(outputs, (0..8).collect::<Vec<_>>());

        set.insert(runtime.spawn_local(pending()));
        runtime.block_on(set.shutdown());
        assert!(set.is_empty());
    });
}

#[test]
fn outside_a_runtime_it_says_so() {
    limited(|| {
        let text = panic_of(|| JoinSet::new().spawn_local(async {}));
        assert!(text.contains("spawn_local was called outside a runtime"), "{text}");
        let text = panic_of(|| JoinSet::new().spawn(async {}));
        assert!(text.contains("spawn was called outside a runtime"), "{text}");
    });
}

#[test]
fn a_task_is_aborted_when_its_handle_is_dropped() {
    limited(|| {
        for builder in flavors() {
            builder.build().unwrap().block_on(async {
                let waiting = || {
                    let (sender, receiver) = oneshot::channel::<bool>();
                    (sender, AbortOnDrop::new(spawn(receiver)))
                };
                let (mut sender, task) = waiting();
                drop(task);
                sender.closed().await;

                let (mut sender, task) = waiting();
                task.abort();
                sender.closed().await;
                assert!(task.await.unwrap_err().is_cancelled());

                let (sender, task) = waiting();
                let task = task.detach();
                yield_now().await;
                sender.send(true).unwrap();
                assert_eq!(task.await.unwrap(), Ok(true));
            });
        }
    });
}
