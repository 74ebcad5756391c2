//! Work on many items: its order, its bounds, its end.

use crate::stage::{Witness, flavors, limited, multi, panic_of, poll_once, single};
use bowerbird::{
    map_concurrent, map_concurrent_stream, spawn,
    sync::{Event, mpsc},
    task::current_abort_handle,
    time::{Duration, Instant, sleep},
    yield_now,
};
use futures::{Stream, StreamExt, stream::FusedStream};
use std::{
    cell::Cell,
    collections::BTreeSet,
    future::{pending, ready},
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

const SECOND: Duration = Duration::from_secs(1);

/// Yields so often that tasks end in another order than they began.
async fn jumbled(n: usize) -> usize {
    for _ in 0..(n * 7) % 5 {
        yield_now().await;
    }
    n
}

#[test]
fn outputs_come_in_the_order_of_the_items() {
    limited(|| {
        for builder in flavors() {
            builder.build().unwrap().block_on(async {
                let outputs: Vec<_> = map_concurrent(0..1_000, 7, jumbled).collect().await;
                assert!(outputs.into_iter().eq(0..1_000));
            });
        }
    });
}

#[test]
fn without_order_each_output_comes_once() {
    limited(|| {
        for builder in flavors() {
            builder.build().unwrap().block_on(async {
                let outputs: Vec<_> =
                    map_concurrent(0..1_000, 7, jumbled).unordered().collect().await;
                assert_eq!(outputs.len(), 1_000);
                assert!(outputs.into_iter().collect::<BTreeSet<_>>().into_iter().eq(0..1_000));
            });
        }
    });
}

#[bowerbird::test(clock = "virtual")]
async fn in_order_a_slow_task_holds_up_the_others_and_without_it_does_not() {
    let secs = [5_u32, 1, 1, 1];
    let after = |secs: u32| async move {
        sleep(secs * SECOND).await;
        secs
    };
    let start = Instant::now();
    let mut in_order = map_concurrent(secs, 2, after);
    assert_eq!(in_order.next().await, Some(5));
    assert_eq!(start.elapsed(), 5 * SECOND);
    drop(in_order);

    let start = Instant::now();
    let mut unordered = map_concurrent(secs, 2, after).unordered();
    assert_eq!(unordered.next().await, Some(1));
    assert_eq!(unordered.next().await, Some(1));
    assert_eq!(start.elapsed(), 2 * SECOND);
    assert_eq!(unordered.next().await, Some(1));
    assert_eq!(unordered.next().await, Some(5));
    assert_eq!(unordered.next().await, None);
    assert_eq!(start.elapsed(), 5 * SECOND);
    assert!(unordered.is_terminated());
}

#[test]
fn tasks_run_on_several_cores_at_once() {
    limited(|| {
        multi(4).block_on(async {
            // Each blocks its thread until all three are there.
            let barrier = Arc::new(Barrier::new(3));
            let meet = |_| {
                let barrier = barrier.clone();
                async move { barrier.wait().is_leader() }
            };
            let leaders: Vec<_> = map_concurrent(0..3, 3, meet).collect().await;
            assert_eq!(leaders.into_iter().filter(|it| *it).count(), 1);
        });
    });
}

#[test]
fn never_more_than_the_limit_are_started_and_not_taken() {
    for limit in [1, 2, 7] {
        for unordered in [false, true] {
            limited(move || {
                multi(4).block_on(async {
                    let (asked, running) = (Cell::new(0), Arc::new(AtomicUsize::new(0)));
                    let items = (0..200).inspect(|_| asked.set(asked.get() + 1));
                    let work = |n| {
                        let running = running.clone();
                        async move {
                            let now = running.fetch_add(1, Relaxed) + 1;
                            jumbled(n).await;
                            running.fetch_sub(1, Relaxed);
                            now
                        }
                    };
                    let mut outputs = map_concurrent(items, limit, work);
                    if unordered {
                        outputs = outputs.unordered();
                    }
                    assert_eq!(asked.get(), 0, "nothing happens until polled");
                    let mut taken = 0;
                    while let Some(now) = outputs.next().await {
                        taken += 1;
                        assert!(now <= limit, "{now} ran at once");
                        assert!(asked.get() <= taken + limit, "{} asked for", asked.get());
                        // A consumer that is slow.
                        yield_now().await;
                    }
                    assert_eq!(taken, 200);
                });
            });
        }
    }
}

#[bowerbird::test(clock = "virtual")]
async fn tasks_run_while_the_consumer_is_busy() {
    let start = Instant::now();
    let mut outputs = map_concurrent(0..4, 1, |n| async move {
        sleep(SECOND).await;
        n
    });
    while outputs.next().await.is_some() {
        sleep(SECOND).await;
    }
    assert_eq!(start.elapsed(), 5 * SECOND, "one second to fill, then side by side");
}

#[test]
fn a_limit_of_zero_is_refused_where_it_is_given() {
    let message = panic_of(|| map_concurrent(0..3, 0, ready));
    assert_eq!(message, "the limit of `map_concurrent` must be 1 or more, and is 0");
    let message = panic_of(|| map_concurrent_stream(futures::stream::empty::<u8>(), 0, ready));
    assert!(message.contains("is 0"), "{message}");
}

#[test]
fn a_limit_beyond_all_bounds_costs_nothing() {
    limited(|| {
        single().block_on(async {
            let outputs = map_concurrent(0..100, usize::MAX, jumbled);
            assert!(outputs.collect::<Vec<_>>().await.into_iter().eq(0..100));
            let outputs = map_concurrent(0..100, usize::MAX, jumbled).unordered();
            assert_eq!(outputs.collect::<BTreeSet<_>>().await.len(), 100);
        });
    });
}

#[bowerbird::test]
async fn of_nothing_there_is_nothing() {
    assert_eq!(map_concurrent(0..0_usize, 3, jumbled).next().await, None);
    let mut unordered = map_concurrent(0..0_usize, 3, jumbled).unordered();
    assert_eq!((unordered.next().await, unordered.next().await), (None, None));
}

#[test]
fn dropping_it_aborts_what_runs_and_starts_no_more() {
    for unordered in [false, true] {
        limited(move || {
            for builder in flavors() {
                let runtime = builder.build().unwrap();
                let witness = Witness::default();
                runtime.block_on(async {
                    let work = |n| {
                        let token = witness.token();
                        async move {
                            let _token = token;
                            if n > 0 {
                                pending::<()>().await;
                            }
                        }
                    };
                    let mut outputs = map_concurrent(0..100, 5, work);
                    if unordered {
                        outputs = outputs.unordered();
                    }
                    outputs.next().await.unwrap();
                    drop(outputs);
                    // One that was done, and the five after it.
                    while witness.count() < 6 {
                        yield_now().await;
                    }
                });
                drop(runtime);
                assert_eq!(witness.count(), 6);
            }
        });
    }
}

#[test]
fn a_panic_of_a_task_goes_on_in_who_takes_its_output() {
    for unordered in [false, true] {
        limited(move || {
            for builder in flavors() {
                let runtime = builder.build().unwrap();
                let taken = Cell::new(0);
                let message = panic_of(|| {
                    runtime.block_on(async {
                        let work = |n| async move {
                            assert!(n != 3, "item {n} is bad");
                            if n > 3 {
                                pending::<()>().await;
                            }
                        };
                        let mut outputs = map_concurrent(0..10, 2, work);
                        if unordered {
                            outputs = outputs.unordered();
                        }
                        while outputs.next().await.is_some() {
                            taken.set(taken.get() + 1);
                        }
                    });
                });
                assert_eq!(message, "item 3 is bad");
                // In order it comes when its turn has come.
                assert!(taken.get() <= 3 && (unordered || taken.get() == 3));
                crate::stage::assert_serves(&runtime);
            }
        });
    }
}

#[test]
fn a_task_that_cancelled_itself_is_not_passed_over_in_silence() {
    limited(|| {
        let message = panic_of(|| {
            single().block_on(async {
                let work = |n| async move {
                    if n == 1 {
                        current_abort_handle().unwrap().abort();
                        pending::<()>().await;
                    }
                };
                map_concurrent(0..3, 1, work).collect::<Vec<_>>().await
            })
        });
        assert!(message.starts_with("there is no output: "), "{message}");
        assert!(message.contains("`map_concurrent`"), "{message}");
        assert!(message.contains("(tests/it/map_concurrent.rs:"), "the user's call: {message}");
        assert!(message.ends_with("was cancelled"), "{message}");
    });
}

#[bowerbird::test(clock = "virtual")]
async fn the_first_error_aborts_the_rest() {
    let witness = Witness::default();
    let work = |n: u32| {
        let token = witness.token();
        async move {
            let _token = token;
            sleep((10 - n) * SECOND).await;
            if n == 0 { Ok(n) } else { Err(n) }
        }
    };
    let start = Instant::now();
    let in_order = map_concurrent(0..10, 3, work).try_collect::<Vec<_>>().await;
    assert_eq!((in_order, start.elapsed()), (Err(1), 10 * SECOND));
    let start = Instant::now();
    let unordered = map_concurrent(0..10, 3, work).unordered().try_collect::<Vec<_>>().await;
    assert_eq!((unordered, start.elapsed()), (Err(2), 8 * SECOND));
    let good = map_concurrent(0..1, 3, work).try_collect::<Vec<_>>().await;
    assert_eq!(good, Ok(vec![0]));
}

#[bowerbird::test]
async fn a_stream_can_be_the_source_and_is_asked_only_when_there_is_room() {
    let (sender, mut receiver) = mpsc::channel(1);
    let sent = Arc::new(AtomicUsize::new(0));
    let counts = sent.clone();
    let sending = spawn(async move {
        for n in 0..50 {
            sender.send(n).await.unwrap();
            counts.fetch_add(1, Relaxed);
        }
    });
    let event = Arc::new(Event::new());
    let gate = event.clone();
    let source = futures::stream::poll_fn(move |cx| receiver.poll_recv(cx));
    let mut outputs = map_concurrent_stream(source, 4, move |n| {
        let gate = gate.clone();
        async move {
            gate.wait().await;
            n
        }
    });
    for _ in 0..100 {
        assert!(poll_once(&mut outputs.next()).is_pending());
        yield_now().await;
    }
    assert_eq!(sent.load(Relaxed), 5, "four run, and one waits in the channel");
    event.set();
    for n in 0..50 {
        assert_eq!(outputs.next().await, Some(n));
    }
    assert_eq!(outputs.next().await, None);
    sending.await.unwrap();
}

#[bowerbird::test]
async fn it_is_a_stream_like_others() {
    let doubled = map_concurrent(0..10, 3, |n| async move { 2 * n });
    assert_eq!(doubled.size_hint(), (10, Some(10)));
    let sums = StreamExt::map(doubled.unordered(), |n| n + 1).collect::<BTreeSet<_>>().await;
    assert!(sums.into_iter().eq((0..10).map(|n| 2 * n + 1)));
}

#[test]
fn outside_a_runtime_it_says_so() {
    let message = panic_of(|| {
        futures::executor::block_on(map_concurrent(0..3, 1, jumbled).collect::<Vec<_>>())
    });
    assert!(message.contains("spawn was called outside a runtime"), "{message}");
}
