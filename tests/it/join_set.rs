//! Sets of tasks: whose result comes when, and what becomes of the others.

use crate::stage::{Door, Opens, Witness, assert_serves, flavors, limited, message, multi, single};
use bowerbird::{
    JoinSet,
    runtime::Builder,
    spawn,
    sync::{Event, Semaphore, oneshot},
    task::{AbortHandle, WaitKind},
    time::{Duration, sleep},
    yield_now,
};
use futures::{FutureExt, Stream, StreamExt};
use std::{
    collections::BTreeSet,
    future::{Future, pending},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
};

/// On a clock that jumps.
fn virtually(test: impl Future<Output = ()>) {
    Builder::new_current_thread().paused_clock().build().unwrap().block_on(test);
}

async fn drain<T>(set: &mut JoinSet<T>) -> Vec<T> {
    let mut outputs = vec![];
    while let Some(result) = set.join_next().await {
        outputs.push(result.unwrap());
    }
    outputs
}

#[bowerbird::test(clock = "virtual")]
async fn results_come_in_the_order_of_completion() {
    let mut set = JoinSet::new();
    for n in [3, 1, 4, 2, 5] {
        set.spawn(async move {
            sleep(Duration::from_secs(n)).await;
            n
        });
    }
    assert_eq!(drain(&mut set).await, [1, 2, 3, 4, 5]);
    // Those that end while nobody waits, too.
    for n in [3, 1, 4, 2, 5] {
        set.spawn(async move {
            sleep(Duration::from_secs(n)).await;
            n
        });
    }
    sleep(Duration::from_secs(10)).await;
    assert_eq!(drain(&mut set).await, [1, 2, 3, 4, 5]);
    assert!(set.is_empty() && set.join_next().await.is_none());
}

#[test]
fn every_task_is_joined_once() {
    limited(|| {
        for builder in flavors() {
            builder.build().unwrap().block_on(async {
                let mut set = JoinSet::new();
                for _ in 0..3 {
                    for n in 0..10_000 {
                        set.spawn(async move {
                            if n % 3 == 0 {
                                yield_now().await;
                            }
                            n
                        });
                        assert_eq!(set.len(), n + 1);
                    }
                    let outputs = drain(&mut set).await;
                    let different: BTreeSet<_> = outputs.iter().collect();
                    assert_eq!((outputs.len(), different.len()), (10_000, 10_000));
                }
            });
        }
    });
}

#[test]
fn tasks_may_be_added_while_others_are_joined() {
    limited(|| {
        for builder in flavors() {
            builder.build().unwrap().block_on(async {
                let mut set = JoinSet::new();
                set.spawn(async {});
                set.spawn(async {});
                for _ in 0..1_000 {
                    set.join_next().await.unwrap().unwrap();
                    assert_eq!(set.len(), 1);
                    set.spawn(async { yield_now().await });
                    assert_eq!(set.len(), 2);
                }
                assert_eq!(drain(&mut set).await.len(), 2);
            });
        }
    });
}

#[test]
fn dropping_a_set_aborts_its_tasks() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let witness = Witness::default();
            runtime.block_on(async {
                let mut set = JoinSet::new();
                for _ in 0..16 {
                    let token = witness.token();
                    set.spawn(async move {
                        let _token = token;
                        pending::<()>().await;
                    });
                }
                yield_now().await;
                assert_eq!(witness.count(), 0);
                drop(set);
                while witness.count() < 16 {
                    yield_now().await;
                }
            });
        }
    });
}

#[test]
fn a_detached_task_runs_on() {
    limited(|| {
        for builder in flavors() {
            builder.build().unwrap().block_on(async {
                let mut set = JoinSet::new();
                let (sender, receiver) = oneshot::channel();
                let gate = Arc::new(Event::new());
                let theirs = gate.clone();
                set.spawn(async move {
                    theirs.wait().await;
                    sender.send(7).unwrap();
                });
                set.detach_all();
                assert!(set.is_empty() && set.join_next().await.is_none());
                drop(set);
                gate.set();
                assert_eq!(receiver.await, Ok(7));
            });
        }
    });
}

#[test]
fn an_abort_handle_ends_its_task_and_no_other() {
    virtually(async {
        let mut set = JoinSet::new();
        let aborts: Vec<AbortHandle> = (0..16)
            .map(|n| {
                set.spawn(async move {
                    sleep(Duration::from_secs(n)).await;
                    n
                })
            })
            .collect();
        aborts.iter().skip(1).step_by(2).for_each(AbortHandle::abort);
        let (mut done, mut cancelled) = (vec![], 0);
        while let Some(result) = set.join_next().await {
            match result {
                Ok(n) => done.push(n),
                Err(error) => cancelled += usize::from(error.is_cancelled()),
            }
        }
        assert_eq!((done, cancelled), ((0..16).step_by(2).collect(), 8));
    });
}

#[test]
fn a_task_that_ended_keeps_its_output_when_all_are_aborted() {
    virtually(async {
        let mut set = JoinSet::new();
        for _ in 0..5 {
            set.spawn(pending());
            set.spawn(sleep(Duration::from_secs(1)));
        }
        sleep(Duration::from_secs(2)).await;
        set.abort_all();
        assert_eq!(set.len(), 10, "they stay to be joined");
        let (mut done, mut cancelled) = (0, 0);
        while let Some(result) = set.join_next().await {
            match result {
                Ok(()) => done += 1,
                Err(error) => cancelled += usize::from(error.is_cancelled()),
            }
        }
        assert_eq!((done, cancelled), (5, 5));
    });
}

#[test]
fn shutdown_waits_until_all_have_ended() {
    limited(|| {
        for builder in flavors() {
            let witness = Witness::default();
            builder.build().unwrap().block_on(async {
                let mut set = JoinSet::new();
                for n in 0..100 {
                    let token = witness.token();
                    set.spawn(async move {
                        let _token = token;
                        if n % 2 == 0 {
                            pending::<()>().await;
                        }
                    });
                }
                let shutdown = set.shutdown();
                drop(shutdown);
                assert_eq!(set.len(), 100, "nothing happens until polled");
                set.shutdown().await;
                assert_eq!((set.len(), witness.count()), (0, 100));
            });
        }
    });
}

#[test]
fn tasks_of_a_runtime_that_is_gone_are_cancelled() {
    limited(|| {
        let mut set = JoinSet::new();
        let handle = {
            let runtime = single();
            set.spawn_on(async { 1 }, runtime.handle());
            set.spawn_blocking_on(|| 1, multi(1).handle());
            runtime.handle().clone()
        };
        // Refused: it was never made, and has no id.
        assert_eq!(set.spawn_on(async { 1 }, &handle).id(), None);
        assert_eq!(set.len(), 3);
        single().block_on(async {
            for _ in 0..3 {
                let result = set.join_next().await.unwrap();
                assert!(result.is_ok_and(|n| n == 1) || set.len() < 3);
            }
            assert!(set.join_next().await.is_none());
        });
    });
}

#[test]
fn join_all_gives_all_outputs() {
    limited(|| {
        for builder in flavors() {
            builder.build().unwrap().block_on(async {
                let mut set: JoinSet<_> = (0..500).map(|n| async move { n }).collect();
                set.extend((500..1_000).map(|n| async move { n }));
                let mut outputs = set.join_all().await;
                outputs.sort_unstable();
                assert_eq!(outputs, (0..1_000).collect::<Vec<_>>());
                assert!(JoinSet::<()>::new().join_all().await.is_empty());
            });
        }
    });
}

#[test]
fn join_all_passes_a_panic_on_and_aborts_the_others() {
    virtually(async {
        let mut set = JoinSet::new();
        let witness = Witness::default();
        let token = witness.token();
        set.spawn(async move {
            let _token = token;
            sleep(Duration::from_secs(2)).await;
        });
        set.spawn(async {
            sleep(Duration::from_secs(1)).await;
            panic!("out of berries");
        });
        let panic = spawn(set.join_all()).await.unwrap_err().into_panic();
        assert_eq!(message(&*panic), "out of berries");
        while witness.count() == 0 {
            yield_now().await;
        }

        let mut set = JoinSet::<()>::new();
        set.spawn(pending()).abort();
        let panic = spawn(set.join_all()).await.unwrap_err().into_panic();
        assert!(message(&*panic).contains("was cancelled"));
    });
}

#[test]
fn a_panic_is_a_result_like_others() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            runtime.block_on(async {
                let mut set = JoinSet::new();
                set.build_task().name("crash").spawn(async { panic!("on purpose") });
                set.spawn(async { 1 });
                let (mut outputs, mut texts) = (vec![], vec![]);
                while let Some(result) = set.join_next_with_id().await {
                    match result {
                        Ok((_, output)) => outputs.push(output),
                        Err(error) => texts.push(error.to_string()),
                    }
                }
                assert_eq!(outputs, [1]);
                assert!(matches!(&texts[..], [text] if text.contains("`crash`")
                    && text.contains("tests/it/join_set.rs") && text.contains("on purpose")));
            });
            assert_serves(&runtime);
        }
    });
}

/// A loop over a thousand results that are there does not keep others out.
#[test]
fn joining_spends_the_budget() {
    static SEMAPHORE: Semaphore = Semaphore::new(0);
    limited(|| {
        single().block_on(async {
            let mut set = JoinSet::new();
            for _ in 0..1_000 {
                set.spawn(async { SEMAPHORE.add_permits(1).unwrap() });
            }
            SEMAPHORE.acquire_many(1_000).await.unwrap().forget();
            let (mut count, mut pauses) = (0, 0);
            loop {
                match set.join_next().now_or_never() {
                    Some(Some(result)) => result.unwrap(),
                    Some(None) => break,
                    None => {
                        pauses += 1;
                        yield_now().await;
                        continue;
                    }
                }
                count += 1;
            }
            assert!(count == 1_000 && pauses >= 1, "{count}, {pauses}");
        });
    });
}

#[test]
fn try_join_next_never_waits_and_misses_nothing() {
    limited(|| {
        single().block_on(async {
            let gate = Arc::new(Event::new());
            let mut set = JoinSet::new();
            let mut spawned = BTreeSet::new();
            for _ in 0..1_000 {
                let gate = gate.clone();
                spawned.insert(set.spawn(async move { gate.wait().await }).id().unwrap());
            }
            assert!(set.try_join_next().is_none() && set.try_join_next_with_id().is_none());
            gate.set();
            while set.len() > 500 {
                if set.try_join_next().transpose().unwrap().is_none() {
                    yield_now().await;
                }
            }
            let mut joined = BTreeSet::new();
            while !set.is_empty() {
                match set.try_join_next_with_id() {
                    Some(result) => assert!(joined.insert(result.unwrap().0)),
                    None => yield_now().await,
                }
            }
            assert!(joined.len() == 500 && joined.is_subset(&spawned));
        });
    });
}

#[test]
fn a_join_that_is_dropped_loses_nothing_and_leaves_no_waker() {
    limited(|| {
        single().block_on(async {
            let gate = Arc::new(Event::new());
            let theirs = gate.clone();
            let mut set = JoinSet::new();
            set.spawn(async move { theirs.wait().await });
            let (count, waker) = crate::stage::Count::waker();
            {
                let mut join = pin!(set.join_next());
                assert!(join.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            }
            drop(waker);
            assert_eq!(Arc::strong_count(&count), 1, "the waker was let go");
            gate.set();
            yield_now().await;
            assert_eq!(count.get(), 0, "nobody waited");
            assert!(set.join_next().await.unwrap().is_ok());
        });
    });
}

#[test]
fn the_last_waker_wins() {
    limited(|| {
        single().block_on(async {
            let gate = Arc::new(Event::new());
            let theirs = gate.clone();
            let mut set = JoinSet::new();
            set.spawn(async move { theirs.wait().await });
            let ((first, a), (second, b)) =
                (crate::stage::Count::waker(), crate::stage::Count::waker());
            for waker in [&a, &b, &a, &b] {
                assert!(set.poll_join_next(&mut Context::from_waker(waker)).is_pending());
            }
            gate.set();
            yield_now().await;
            assert_eq!((first.get(), second.get()), (0, 1));
            assert!(set.poll_join_next(&mut Context::from_waker(Waker::noop())).is_ready());
        });
    });
}

#[test]
fn a_set_is_a_stream() {
    limited(|| {
        single().block_on(async {
            let mut set: JoinSet<_> = (0..10).map(|n| async move { n }).collect();
            assert_eq!(set.size_hint(), (10, Some(10)));
            let mut sum = 0;
            while let Some(result) = set.next().await {
                sum += result.unwrap();
            }
            assert_eq!((sum, set.size_hint()), (45, (0, Some(0))));
        });
    });
}

#[test]
fn a_task_spawned_elsewhere_can_be_added() {
    limited(|| {
        for builder in flavors() {
            builder.build().unwrap().block_on(async {
                let task = spawn(async { 7 });
                while !task.is_finished() {
                    yield_now().await;
                }
                let mut set = JoinSet::new();
                let abort = set.insert(task);
                assert!(!abort.is_aborted());
                set.insert(spawn(pending())).abort();
                let results = [set.join_next().await, set.join_next().await];
                let [Some(Ok(7)), Some(Err(error))] = results else { panic!("{results:?}") };
                assert!(error.is_cancelled());
            });
        }
    });
}

#[test]
fn closures_that_block_are_joined_too() {
    limited(|| {
        for builder in flavors() {
            builder.build().unwrap().block_on(async {
                let mut set = JoinSet::new();
                set.spawn_blocking(|| 1);
                set.build_task().name("two").spawn_blocking(|| 2);
                let mut outputs = drain(&mut set).await;
                outputs.sort_unstable();
                assert_eq!(outputs, [1, 2]);
            });
        }
    });
}

#[test]
fn a_destructor_that_panics_costs_no_other_task() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("a bomb");
            }
        }
    }
    limited(|| {
        single().block_on(async {
            let mut set = JoinSet::new();
            for _ in 0..2 {
                let task = spawn(async { Bomb });
                while !task.is_finished() {
                    yield_now().await;
                }
                set.insert(task);
            }
            let witness = Witness::default();
            let token = witness.token();
            set.spawn(async move {
                let _token = token;
                pending().await
            });
            // The outputs are dropped with the set, and each of them throws.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(set)));
            while witness.count() == 0 {
                yield_now().await;
            }
        });
    });
}

#[test]
fn a_dump_says_where_a_set_is_joined() {
    limited(|| {
        let runtime = single();
        runtime.block_on(async {
            let gate = Arc::new(Event::new());
            let theirs = gate.clone();
            let task = spawn(async move {
                let mut set = JoinSet::new();
                set.spawn(async move { theirs.wait().await });
                set.join_next().await.unwrap().unwrap();
            });
            yield_now().await;
            let site = task.info().and_then(|it| it.waits_for).unwrap();
            assert_eq!(site.kind, WaitKind::OneOf);
            assert!(site.location.is_some_and(|it| it.file().ends_with("join_set.rs")));
            gate.set();
            task.await.unwrap();
        });
    });
}

#[test]
fn tasks_that_end_while_they_are_joined_are_not_missed() {
    limited(|| {
        let runtime = multi(4);
        for _ in 0..200 {
            runtime.block_on(async {
                let mut set = JoinSet::new();
                let door = Door::default();
                let opens = Opens(door.clone());
                for n in 0..4 {
                    let door = door.clone();
                    set.spawn_blocking(move || {
                        door.pass();
                        n
                    });
                }
                drop(opens);
                let mut outputs = drain(&mut set).await;
                outputs.sort_unstable();
                assert_eq!(outputs, [0, 1, 2, 3]);
            });
        }
    });
}
