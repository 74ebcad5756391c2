//! What a handle tells of its task, and a runtime of all its tasks.

use crate::stage::{Count, Door, Opens, flavors, limited, multi, panic_of, poll_once, single};
use bowerbird::{
    runtime::Builder,
    spawn, spawn_blocking, spawn_local,
    sync::Event,
    task::{self, JoinHandle, WaitKind, current},
    time::{Duration, sleep},
    yield_now,
};
use std::{
    collections::HashSet,
    future::{Future, pending, poll_fn},
    pin::Pin,
    sync::{Arc, mpsc},
    task::{Context, Poll, Waker},
};

fn poll<T>(task: &mut JoinHandle<T>, waker: &Waker) -> bool {
    Pin::new(task).poll(&mut Context::from_waker(waker)).is_ready()
}

#[test]
fn the_last_waker_wins() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let event = Arc::new(Event::new());
            let theirs = event.clone();
            let mut task = runtime.spawn(async move { theirs.wait().await });
            let ((first, a), (second, b)) = (Count::waker(), Count::waker());
            for waker in [&a, &a, &b, &a, &b] {
                assert!(!poll(&mut task, waker));
            }
            event.set();
            runtime.block_on(async {
                while !task.is_finished() || second.get() == 0 {
                    yield_now().await;
                }
            });
            assert_eq!((first.get(), second.get()), (0, 1));
            drop((a, b));
            assert_eq!(Arc::strong_count(&first), 1, "the first waker was let go");
            assert!(poll(&mut task, Waker::noop()));
            assert_eq!(Arc::strong_count(&second), 1);
        }
    });
}

#[test]
fn a_handle_can_be_awaited_by_reference_dropped_and_awaited_again() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let output = runtime.block_on(async {
                let event = Arc::new(Event::new());
                let theirs = event.clone();
                let mut task = spawn(async move {
                    theirs.wait().await;
                    7
                });
                for _ in 0..3 {
                    let mut attempt = &mut task;
                    assert!(poll_once(&mut attempt).is_pending());
                }
                event.set();
                (&mut task).await.unwrap()
            });
            assert_eq!(output, 7);
        }
    });
}

#[test]
fn a_poll_after_the_result_says_so() {
    limited(|| {
        let runtime = single();
        runtime.block_on(async {
            let mut task = spawn(async { 7 });
            assert_eq!((&mut task).await.unwrap(), 7);
            assert!(task.is_finished() && task.id().is_none());
            let told = panic_of(|| poll_once(&mut task));
            assert_eq!(told, "a JoinHandle was polled after it gave its result");
        });
    });
}

#[test]
fn a_plain_thread_waits_with_a_limit() {
    limited(|| {
        let runtime = multi(1);
        let event = Arc::new(Event::new());
        let theirs = event.clone();
        let task = runtime.spawn(async move {
            theirs.wait().await;
            7
        });
        let task = task.join_blocking(Some(Duration::ZERO)).expect_err("it cannot be done");
        let task = task.join_blocking(Some(Duration::from_millis(5))).expect_err("nor now");
        assert!(!task.is_finished());
        event.set();
        assert_eq!(task.join_blocking(Some(Duration::MAX)).unwrap().unwrap(), 7);
    });
}

#[test]
fn ids_are_never_used_twice() {
    limited(|| {
        let runtime = multi(4);
        let spawners: Vec<_> = (0..8)
            .map(|_| {
                runtime.spawn(async {
                    let mut ids = vec![current().unwrap().id];
                    for n in 0..500 {
                        let task = spawn(async { current().unwrap().id });
                        let id = task.id().unwrap();
                        assert_eq!(task.await.unwrap(), id);
                        ids.push(id);
                        if n % 50 == 0 {
                            ids.push(spawn_blocking(|| current().unwrap().id).await.unwrap());
                            ids.push(spawn_local(async { current().unwrap().id }).await.unwrap());
                            yield_now().await;
                        }
                    }
                    ids
                })
            })
            .collect();
        let ids: Vec<_> = runtime.block_on(async {
            let mut ids = vec![];
            for spawner in spawners {
                ids.extend(spawner.await.unwrap());
            }
            ids
        });
        assert_eq!(ids.len(), 8 * 521);
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    });
}

#[test]
fn all_tasks_can_be_listed_with_what_they_wait_for() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let handle = runtime.handle().clone();
            assert!(handle.tasks().is_empty());
            let event = Arc::new(Event::new());
            let theirs = event.clone();
            let tasks = runtime.block_on(async {
                let named = task::Builder::new().name("patient");
                let first = named.spawn(async move { theirs.wait().await });
                let sleeper = task::Builder::new().name("sleeper");
                let second = sleeper.spawn(async { sleep(Duration::from_secs(3_600)).await });
                let local = spawn_local(first);
                let waits = |tasks: &[task::TaskInfo]| {
                    tasks.iter().filter(|it| it.waits_for.is_some()).count()
                };
                // The main task itself does not wait: it looks.
                while waits(&handle.tasks()) < 3 {
                    yield_now().await;
                }
                let tasks = handle.tasks();
                second.abort();
                event.set();
                local.await.unwrap().unwrap();
                tasks
            });
            let names: Vec<_> = tasks.iter().map(|it| it.name.as_deref()).collect();
            let find = |name: &str| tasks.iter().find(|it| it.name.as_deref() == Some(name));
            let (patient, sleeper) = (find("patient").unwrap(), find("sleeper").unwrap());
            assert_eq!(tasks.len(), 4, "{names:?}");
            assert!(tasks.windows(2).all(|it| it[0].id < it[1].id), "in order");
            for (info, kind) in [(patient, WaitKind::Event), (sleeper, WaitKind::Timer)] {
                let spawned = info.spawned_at.unwrap();
                assert!(spawned.file().ends_with("join.rs"), "{spawned}");
                let site = info.waits_for.unwrap();
                assert_eq!(site.kind, kind);
                let line = site.location.unwrap();
                assert_eq!((line.file(), line.line()), (spawned.file(), spawned.line()), "{line}");
            }
            let local = tasks.iter().find(|it| it.is_pinned() && it.name.is_none()).unwrap();
            assert!(!local.is_blocking() && !patient.is_pinned());
            let joins = tasks
                .iter()
                .filter(|it| it.waits_for.is_some_and(|site| site.kind == WaitKind::Join));
            assert_eq!(joins.count(), 1);
            assert!(patient.to_string().starts_with("task `patient` #"), "{patient}");
        }
    });
}

#[test]
fn the_list_is_right_while_tasks_come_and_go() {
    limited(|| {
        let runtime = multi(2);
        let handle = runtime.handle().clone();
        let churn: Vec<_> = (0..4)
            .map(|_| {
                runtime.spawn(async {
                    for n in 0..5_000_u32 {
                        let name = if n % 2 == 0 { "even" } else { "odd" };
                        task::Builder::new().name(name).spawn(yield_now()).await.unwrap();
                    }
                })
            })
            .collect();
        while churn.iter().any(|it| !it.is_finished()) {
            let tasks = handle.tasks();
            // Who looks while tasks come and go may see one and its successor, but
            // none twice.
            assert!(tasks.windows(2).all(|it| it[0].id < it[1].id));
            for task in &tasks {
                let name = task.name.as_deref();
                assert!(matches!(name, None | Some("even" | "odd")), "{task}");
                assert!(task.spawned_at.unwrap().file().ends_with("join.rs"), "{task}");
            }
        }
        churn.into_iter().for_each(|it| it.join_blocking(None).unwrap().unwrap());
        runtime.block_on(async {});
        assert!(handle.tasks().is_empty());
    });
}

#[test]
fn a_closure_on_the_pool_is_listed_too() {
    limited(|| {
        let runtime = multi(1);
        let door = Door::default();
        let opens = Opens(door.clone());
        let (sender, receiver) = mpsc::channel();
        let closure = runtime.spawn_blocking(move || {
            sender.send(current().unwrap().id).unwrap();
            door.pass();
        });
        let id = receiver.recv().unwrap();
        let tasks = runtime.handle().tasks();
        assert_eq!(tasks.iter().map(|it| it.id).collect::<Vec<_>>(), [id]);
        assert!(tasks[0].is_blocking());
        let metrics = runtime.handle().metrics();
        assert_eq!((metrics.blocking_threads, metrics.blocking_idle), (1, 0));
        drop(opens);
        runtime.block_on(closure).unwrap();
    });
}

#[test]
fn polls_are_counted() {
    limited(|| {
        for builder in
            [Builder::new_current_thread(), Builder::new_multi_thread().worker_threads(1)]
        {
            let runtime = builder.build().unwrap();
            let polls = |runtime: &bowerbird::runtime::Runtime| {
                runtime.handle().metrics().workers.iter().map(|it| it.polls).sum::<u64>()
            };
            let before = polls(&runtime);
            let task = runtime.spawn(async {
                for _ in 0..99 {
                    yield_now().await;
                }
                current().unwrap().polls
            });
            let mine = runtime.block_on(task).unwrap();
            assert_eq!(mine, 100);
            let all = polls(&runtime) - before;
            assert!((100..110).contains(&all), "{all}");
        }
    });
}

#[test]
fn a_task_polled_by_nobody_costs_nothing() {
    limited(|| {
        let runtime = multi(2);
        let (sender, receiver) = mpsc::channel();
        let task = runtime.spawn(poll_fn(move |_| {
            sender.send(current().unwrap().polls).unwrap();
            Poll::<()>::Pending
        }));
        assert_eq!(receiver.recv().unwrap(), 1);
        crate::stage::assert_serves(&runtime);
        assert!(receiver.try_recv().is_err(), "one poll, and no wake");
        drop(task);
        drop(runtime.spawn(pending::<()>()));
        assert_eq!(runtime.handle().tasks().len(), 2);
    });
}
