//! The future of a group is dropped: cancellation from outside.

use super::{Group, OnDrop, endless, errors, fails, ms, spawn_endless};
use crate::stage::{Reports, Token, Witness, flavors, limited, multi};
use bowerbird::{
    runtime::{Builder, Shutdown},
    shield, spawn,
    sync::Event,
    task::TaskGroup,
    task_group,
    time::{Instant, sleep, timeout},
    yield_now,
};
use std::{
    future::{Future, pending, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::Poll,
};

#[bowerbird::test(clock = "virtual")]
async fn a_drop_aborts_the_children_and_drops_the_body() {
    let (children, body) = (Witness::default(), Witness::default());
    let cut = timeout(
        ms(10),
        task_group(async |g: Group| {
            let _token = body.token();
            spawn_endless(&g, 5, &children);
            pending::<Result<(), _>>().await
        }),
    );
    assert!(cut.await.is_err());
    assert_eq!(body.count(), 1, "at once");
    sleep(ms(1)).await;
    assert_eq!(children.count(), 5, "at their next suspension point");
}

#[bowerbird::test(clock = "virtual")]
async fn a_drop_while_it_waits_for_children_aborts_them() {
    let witness = Witness::default();
    let task = spawn({
        let witness = witness.clone();
        async move {
            task_group(async |g: Group| {
                spawn_endless(&g, 5, &witness);
                Ok(())
            })
            .await
        }
    });
    sleep(ms(10)).await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    sleep(ms(1)).await;
    assert_eq!(witness.count(), 5);
}

#[bowerbird::test(clock = "virtual")]
async fn a_drop_while_children_fail_is_a_cancellation() {
    let task = spawn(task_group(async |g: Group| {
        // Its exit takes time, in which the outer cancellation comes.
        drop(shield(sleep(ms(500))));
        g.spawn(fails(300, "no"));
        pending::<Result<(), _>>().await
    }));
    sleep(ms(400)).await;
    assert!(!task.is_finished());
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
}

/// Polls a group so often, then drops it.
async fn polled<F: Future>(times: usize, future: F) {
    let mut future = pin!(future);
    for _ in 0..times {
        let is_ready = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await;
        if is_ready {
            return;
        }
        yield_now().await;
    }
}

#[test]
fn at_every_await_nothing_is_left_behind() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            for times in 0..12 {
                let witness = Witness::default();
                let tokens = runtime.block_on(async {
                    let made = std::cell::Cell::new(0);
                    polled(
                        times,
                        task_group(async |g: Group| {
                            for step in 0..5 {
                                made.set(made.get() + 1);
                                let token = witness.token();
                                let child = g.spawn(async move {
                                    let _token = token;
                                    for _ in 0..step {
                                        yield_now().await;
                                    }
                                    Ok(())
                                });
                                yield_now().await;
                                if step == 2 {
                                    child.await.unwrap();
                                }
                            }
                            Ok(())
                        }),
                    )
                    .await;
                    while witness.count() < made.get() {
                        yield_now().await;
                    }
                    made.get()
                });
                assert_eq!(witness.count(), tokens);
            }
        }
    });
}

#[bowerbird::test(clock = "virtual")]
async fn an_enclosing_group_waits_for_what_a_dropped_one_leaves() {
    let farewells = Witness::default();
    let start = Instant::now();
    task_group(async |_: Group| {
        let inner = task_group(async |h: Group| {
            for _ in 0..3 {
                let token = farewells.token();
                h.spawn(async move {
                    // Ends 100 ms after its abort.
                    let _farewell = OnDrop::new(move || {
                        drop(shield(async move {
                            sleep(ms(100)).await;
                            drop(token);
                        }));
                    });
                    pending::<Result<(), _>>().await
                });
            }
            pending::<Result<(), _>>().await
        });
        assert!(timeout(ms(10), inner).await.is_err());
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!((farewells.count(), start.elapsed()), (3, ms(110)));
}

#[bowerbird::test(clock = "virtual")]
async fn so_does_one_two_levels_up() {
    let witness = Witness::default();
    let start = Instant::now();
    task_group(async |_: Group| {
        let middle = task_group(async |_: Group| {
            task_group(async |i: Group| {
                let token = witness.token();
                i.spawn(async move {
                    let _farewell = OnDrop::new(move || {
                        drop(shield(async move {
                            sleep(ms(100)).await;
                            drop(token);
                        }));
                    });
                    pending::<Result<(), _>>().await
                });
                pending::<Result<(), _>>().await
            })
            .await
            .map_err(|_| "the innermost")
        });
        assert!(timeout(ms(10), middle).await.is_err());
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!((witness.count(), start.elapsed()), (1, ms(110)));
}

#[test]
fn a_panic_after_the_drop_is_reported_and_an_error_is_not() {
    limited(|| {
        let reports = Reports::default();
        let builder = Builder::new_current_thread().on_unhandled(reports.hook());
        let runtime = builder.build().unwrap();
        runtime.block_on(async {
            let group = task_group(async |g: Group| {
                g.spawn_named("bomb", async {
                    let _bomb = OnDrop::new(|| panic!("too late"));
                    pending::<Result<(), _>>().await
                });
                pending::<Result<(), _>>().await
            });
            polled(2, group).await;
            for _ in 0..3 {
                yield_now().await;
            }
        });
        let reports = reports.texts();
        assert_eq!(reports.len(), 1, "{reports:?}");
        assert!(reports[0].contains("`bomb`") && reports[0].contains("too late"), "{reports:?}");
    });
}

#[test]
fn the_end_of_the_runtime_ends_groups() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let (witness, started) = (Witness::default(), Arc::new(Event::new()));
            let (token, theirs) = (witness.clone(), started.clone());
            drop(runtime.spawn(async move {
                task_group(async |g: Group| {
                    spawn_endless(&g, 10, &token);
                    g.max_concurrency(1);
                    spawn_endless(&g, 10, &token);
                    drop(shield(endless(token.token())));
                    theirs.set();
                    Ok(())
                })
                .await
            }));
            runtime.block_on(started.wait());
            assert!(runtime.shutdown(Shutdown::default()).is_clean());
            assert_eq!(witness.count(), 21);
        }
    });
}

#[test]
fn a_handle_outlives_the_runtime() {
    limited(|| {
        let runtime = multi(2);
        let group = runtime.block_on(task_group(async |g: Group| Ok(g))).unwrap();
        drop(runtime);
        group.cancel();
        assert!(group.is_empty() && group.is_cancelled());
    });
}

#[bowerbird::test(clock = "virtual")]
async fn children_of_a_dropped_group_start_no_others() {
    let polled_late = Arc::new(AtomicBool::new(false));
    let theirs = polled_late.clone();
    let cut = timeout(
        ms(10),
        task_group(async |g: Group| {
            let group = g.clone();
            g.spawn(async move {
                let _last = OnDrop::new(move || {
                    drop(group.spawn(async move {
                        theirs.store(true, Relaxed);
                        Ok(())
                    }));
                });
                pending::<Result<(), _>>().await
            });
            pending::<Result<(), _>>().await
        }),
    );
    assert!(cut.await.is_err());
    sleep(ms(10)).await;
    assert!(!polled_late.load(Relaxed));
}

#[bowerbird::test(clock = "virtual")]
async fn a_group_in_an_aborted_task_ends_its_children() {
    let witness = Witness::default();
    let theirs = witness.clone();
    let error = task_group(async |g: Group| {
        g.spawn(async move {
            let inner = task_group(async |h: Group| {
                spawn_endless(&h, 4, &theirs);
                Ok(())
            });
            inner.await.map_err(|_| "inner")
        });
        g.spawn(fails(10, "outer"));
        Ok(())
    });
    assert_eq!(errors(&error.await.unwrap_err()), ["outer"]);
    assert_eq!(witness.count(), 4);
}

#[bowerbird::test(clock = "virtual")]
async fn a_child_may_abort_the_task_of_its_parent() {
    for is_in_first_poll in [true, false] {
        let witness = Witness::default();
        let theirs = witness.clone();
        let parent = spawn(async move {
            let me = bowerbird::task::current_abort_handle().unwrap();
            task_group(async |g: Group| {
                spawn_endless(&g, 3, &theirs);
                g.spawn(async move {
                    if !is_in_first_poll {
                        yield_now().await;
                    }
                    me.abort();
                    pending::<Result<(), _>>().await
                });
                Ok(())
            })
            .await
        });
        assert!(parent.await.unwrap_err().is_cancelled());
        sleep(ms(1)).await;
        assert_eq!(witness.count(), 3);
    }
}

#[bowerbird::test(clock = "virtual")]
async fn an_outer_abort_while_an_inner_group_fails() {
    let task = spawn(task_group(async |g: Group| {
        g.spawn(endless(Witness::default().token()));
        let inner = task_group(async |h: Group| {
            for _ in 0..5 {
                h.spawn(fails(100, "inner"));
            }
            drop(shield(sleep(ms(50))));
            pending::<Result<(), _>>().await
        });
        inner.await.map_err(|_| "the inner group")
    }));
    sleep(ms(100)).await;
    task.abort();
    // Either came first; neither is lost, and nothing hangs.
    match task.await {
        Ok(outcome) => assert_eq!(errors(&outcome.unwrap_err()), ["the inner group"]),
        Err(error) => assert!(error.is_cancelled()),
    }
}

#[bowerbird::test(clock = "virtual")]
async fn nothing_keeps_a_group_alive_that_is_over() {
    let witness = Witness::default();
    // Values, errors and handles that know one another.
    let outcome = task_group(async |g: TaskGroup<Token>| {
        let (group, token) = (g.clone(), witness.token());
        let child = g.spawn(async move { Ok((group, token)) });
        let (group, token) = (g.clone(), witness.token());
        g.spawn(async move {
            drop(child.await);
            drop(group);
            Err::<(), _>(token)
        });
        pending::<Result<(), _>>().await
    });
    let error = outcome.await.unwrap_err();
    sleep(ms(1)).await;
    assert_eq!(witness.count(), 1);
    drop(error);
    assert_eq!(witness.count(), 2);
}
