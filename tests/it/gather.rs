//! All outputs, in order, or the first error.

use crate::stage::{Witness, flavors, limited, panic_of};
use bowerbird::{gather, spawn, sync::Event, time::Duration, try_gather, yield_now};
use std::{
    future::{pending, ready},
    sync::Arc,
};

#[test]
fn ten_thousand_spawned_children_come_back_in_order() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let outputs = runtime.block_on(async {
                let children = (0..10_000_u32).map(|n| {
                    spawn(async move {
                        for _ in 0..n % 3 {
                            yield_now().await;
                        }
                        n
                    })
                });
                gather(children.collect::<Vec<_>>()).await
            });
            let outputs: Vec<_> = outputs.into_iter().map(Result::unwrap).collect();
            assert_eq!(outputs, (0..10_000).collect::<Vec<_>>());
        }
    });
}

#[test]
fn ten_thousand_plain_children_share_a_task() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let event = Arc::new(Event::new());
            let outputs = runtime.block_on(async {
                let children = (0..10_000_u32).map(|n| {
                    let event = event.clone();
                    async move {
                        event.wait().await;
                        yield_now().await;
                        n
                    }
                });
                let all = gather(children.collect::<Vec<_>>());
                let opener = async {
                    yield_now().await;
                    event.set();
                };
                gather((all, opener)).await.0
            });
            assert_eq!(outputs, (0..10_000).collect::<Vec<_>>());
        }
    });
}

/// Without that a gather over many that are always ready starves its worker.
#[test]
fn a_gather_of_many_that_are_ready_lets_others_run() {
    limited(|| {
        let runtime = crate::stage::single();
        let others = runtime.block_on(async {
            let event = Event::new();
            event.set();
            let other = spawn(async {});
            let waits = || async {
                event.wait().await;
                other.is_finished()
            };
            gather((0..10_000).map(|_| waits()).collect::<Vec<_>>()).await
        });
        assert!(!others[0] && others[9_999], "the other task had its turn in between");
    });
}

#[test]
fn a_childs_panic_comes_out_and_drops_the_rest() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let witness = Witness::default();
            let message = panic_of(|| {
                runtime.block_on(async {
                    let child = |n: u32| {
                        let token = witness.token();
                        async move {
                            let _token = token;
                            yield_now().await;
                            assert!(n != 3, "child {n} fell");
                            pending::<()>().await;
                        }
                    };
                    gather((0..10).map(child).collect::<Vec<_>>()).await
                })
            });
            assert_eq!((message.as_str(), witness.count()), ("child 3 fell", 10));
            crate::stage::assert_serves(&runtime);
        }
    });
}

#[test]
fn a_spawned_childs_panic_is_an_output_like_others() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let outputs = runtime.block_on(async {
                let child = |n: u32| {
                    spawn(async move {
                        assert!(n != 3, "child {n} fell");
                        n
                    })
                };
                gather([child(1), child(2), child(3), child(4)]).await
            });
            let texts: Vec<_> =
                outputs.into_iter().map(|it| it.map_err(|e| e.is_panic())).collect();
            let Ok(texts) = <[_; 4]>::try_from(texts) else { panic!("four outputs") };
            assert!(matches!(texts, [Ok(1), Ok(2), Err(true), Ok(4)]), "{texts:?}");
        }
    });
}

#[test]
fn the_first_error_drops_the_rest_and_returns_at_once() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let witness = Witness::default();
            let out = runtime.block_on(async {
                let child = |n: u32| {
                    let token = witness.token();
                    async move {
                        let _token = token;
                        yield_now().await;
                        match n {
                            7 => Err(n),
                            _ => pending::<Result<u32, u32>>().await,
                        }
                    }
                };
                let out = try_gather((0..100).map(child).collect::<Vec<_>>()).await;
                assert_eq!(witness.count(), 100, "gone when the error is known");
                out
            });
            assert_eq!(out, Err(7));
        }
    });
}

#[test]
fn nothing_and_one_can_be_gathered() {
    limited(|| {
        let runtime = crate::stage::single();
        runtime.block_on(async {
            assert!(gather(Vec::<std::future::Ready<u8>>::new()).await.is_empty());
            assert_eq!(gather((ready(1),)).await, (1,));
            assert_eq!(gather([ready(1); 1]).await, [1]);
            let none = Vec::<std::future::Ready<Result<u8, u8>>>::new();
            assert_eq!(try_gather(none).await, Ok(vec![]));
        });
    });
}

#[test]
fn a_gather_waits_as_long_as_its_slowest() {
    limited(|| {
        let runtime =
            bowerbird::runtime::Builder::new_current_thread().paused_clock().build().unwrap();
        runtime.block_on(async {
            let start = bowerbird::time::Instant::now();
            let sleeps = (1..=100).map(|n| bowerbird::time::sleep(Duration::from_secs(n)));
            gather(sleeps.collect::<Vec<_>>()).await;
            assert_eq!(start.elapsed(), Duration::from_secs(100));
        });
    });
}

#[bowerbird::test(clock = "virtual")]
async fn the_order_is_that_of_the_arguments_whoever_is_done_first() {
    let after = |secs: u64| async move {
        bowerbird::time::sleep(Duration::from_secs(secs)).await;
        secs
    };
    assert_eq!(gather((after(3), after(1), after(2))).await, (3, 1, 2));
    let tasks = [3, 1, 2].map(|secs| spawn(after(secs)));
    assert_eq!(gather(tasks).await.map(Result::unwrap), [3, 1, 2]);
}

#[test]
fn who_cancels_the_parent_cancels_the_children() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let witness = Witness::default();
            runtime.block_on(async {
                let tokens: Vec<_> = (0..10).map(|_| witness.token()).collect();
                let parent = spawn(async move {
                    let child = |token| async move {
                        let _token = token;
                        pending::<()>().await;
                    };
                    gather((gather(tokens.into_iter().map(child).collect::<Vec<_>>()), async {}))
                        .await
                });
                yield_now().await;
                parent.abort();
                assert!(parent.await.unwrap_err().is_cancelled());
            });
            assert_eq!(witness.count(), 10);
        }
    });
}

/// A gather owns futures; a handle is a future that waits for a task.
#[bowerbird::test(clock = "virtual")]
async fn who_cancels_a_gather_of_handles_lets_their_tasks_run_on() {
    let witness = Witness::default();
    let token = witness.token();
    let child = spawn(async move {
        let _token = token;
        bowerbird::time::sleep(Duration::from_secs(2)).await;
    });
    let second = Duration::from_secs(1);
    assert!(bowerbird::time::timeout(second, gather([child])).await.is_err());
    assert_eq!(witness.count(), 0);
    bowerbird::time::sleep(2 * second).await;
    assert_eq!(witness.count(), 1);
}

#[bowerbird::test(clock = "virtual")]
async fn a_childs_own_cancellation_is_an_output_and_the_others_run_on() {
    let second = Duration::from_secs(1);
    let tasks = [2, 3, 4].map(|secs| spawn(bowerbird::time::sleep(secs * second)));
    tasks[1].abort();
    let start = bowerbird::time::Instant::now();
    let outputs = gather(tasks).await.map(|it| it.is_err_and(|e| e.is_cancelled()));
    assert_eq!((outputs, start.elapsed()), ([false, true, false], 4 * second));
}

#[bowerbird::test(clock = "virtual")]
async fn a_child_that_fails_ends_a_try_gather_and_leaves_tasks_of_handles_running() {
    let second = Duration::from_secs(1);
    let witness = Witness::default();
    let token = witness.token();
    let slow = spawn(async move {
        let _token = token;
        bowerbird::time::sleep(3 * second).await;
    });
    let fails = spawn(async move {
        bowerbird::time::sleep(second).await;
        panic!("on purpose");
    });
    let start = bowerbird::time::Instant::now();
    let error = try_gather([slow, fails]).await.unwrap_err();
    assert!(error.is_panic());
    assert_eq!((start.elapsed(), witness.count()), (second, 0));
    bowerbird::time::sleep(3 * second).await;
    assert_eq!(witness.count(), 1);
}

/// All errors and all values, in order: what asyncio calls `return_exceptions`.
#[bowerbird::test]
async fn errors_are_outputs_like_others_unless_one_tries() {
    let outputs = gather([ready(Ok(1)), ready(Err("no")), ready(Ok(3))]).await;
    assert_eq!(outputs, [Ok(1), Err("no"), Ok(3)]);
}

#[bowerbird::test(clock = "virtual")]
async fn a_failure_that_came_first_is_not_lost_to_a_cancellation_that_came_later() {
    let second = Duration::from_secs(1);
    let fails = async {
        bowerbird::time::sleep(second).await;
        Err::<(), _>("no")
    };
    let gathered = bowerbird::time::timeout(second, try_gather((fails, pending())));
    assert_eq!(gathered.await, Ok(Err::<((), ()), _>("no")), "what is ready wins");
}
