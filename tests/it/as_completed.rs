//! Outputs in the order in which they come.

use crate::stage::{flavors, limited};
use bowerbird::{
    as_completed, spawn,
    time::{Duration, Instant, sleep, timeout},
    yield_now,
};
use futures::{StreamExt, stream::FusedStream};
use std::future::{Ready, ready};

const SECOND: Duration = Duration::from_secs(1);

async fn after<T>(secs: u32, output: T) -> T {
    sleep(secs * SECOND).await;
    output
}

#[bowerbird::test(clock = "virtual")]
async fn outputs_come_as_they_are_done_each_with_the_key_of_its_future() {
    let start = Instant::now();
    let mut completed = as_completed([after(3, 'a'), after(1, 'b'), after(2, 'c')]);
    for (seconds, expected) in [(1, (1, 'b')), (2, (2, 'c')), (3, (0, 'a'))] {
        assert_eq!(completed.len(), 4 - seconds as usize);
        assert_eq!(completed.next().await, Some(expected));
        assert_eq!(start.elapsed(), seconds * SECOND);
    }
    assert!(completed.is_empty() && completed.is_terminated());
    assert_eq!(completed.next().await, None);
    assert_eq!(completed.next().await, None, "and ever after");
}

/// Whoever takes a while between one output and the next misses none.
#[bowerbird::test(clock = "virtual")]
async fn the_futures_run_beside_one_another_and_wait_to_be_taken() {
    let start = Instant::now();
    let mut completed = as_completed([spawn(after(1, 'a')), spawn(after(1, 'b'))]);
    let (first, _) = completed.next().await.unwrap();
    sleep(5 * SECOND).await;
    let (second, _) = completed.next().await.unwrap();
    assert_eq!((first + second, start.elapsed()), (1, 6 * SECOND));
}

#[bowerbird::test(clock = "virtual")]
async fn an_iteration_can_be_broken_off_and_resumed() {
    let mut completed = as_completed((0..10).map(|n| after(n, n)));
    let mut seen = vec![];
    while let Some((_, n)) = completed.next().await {
        seen.push(n);
        if n == 4 {
            break;
        }
    }
    while let Some((_, n)) = completed.next().await {
        seen.push(n);
    }
    assert!(seen.into_iter().eq(0..10));
}

#[bowerbird::test(clock = "virtual")]
async fn a_next_that_is_dropped_loses_nothing() {
    let mut completed = as_completed([after(2, ())]);
    assert!(timeout(SECOND, completed.next()).await.is_err());
    assert_eq!(completed.next().await, Some((0, ())));
}

#[bowerbird::test(clock = "virtual")]
async fn when_time_is_up_there_is_one_error_and_the_rest_can_be_had_back() {
    let start = Instant::now();
    let mut completed =
        as_completed([after(9, 'a'), after(1, 'b'), after(2, 'c')]).timeout(5 * SECOND);
    assert_eq!(completed.next().await, Some(Ok((1, 'b'))));
    assert_eq!(completed.next().await, Some(Ok((2, 'c'))));
    assert!(completed.next().await.unwrap().is_err());
    assert_eq!(start.elapsed(), 5 * SECOND);
    assert_eq!(completed.next().await, None);
    assert!(completed.is_terminated());
    assert_eq!(completed.into_inner().next().await, Some((0, 'a')));
}

#[bowerbird::test(clock = "virtual")]
async fn a_limit_that_is_not_reached_changes_nothing() {
    let completed = as_completed([after(2, 'a'), after(1, 'b')]).timeout(5 * SECOND);
    assert_eq!(completed.collect::<Vec<_>>().await, [Ok((1, 'b')), Ok((0, 'a'))]);
}

#[bowerbird::test(clock = "virtual")]
async fn what_is_ready_comes_also_when_there_is_no_time() {
    let mut completed = as_completed((0..1_000).map(ready)).timeout(Duration::ZERO);
    for n in 0..1_000 {
        assert_eq!(completed.next().await, Some(Ok((n, n))));
    }
    assert_eq!(completed.next().await, None);
}

#[bowerbird::test]
async fn of_nothing_there_is_nothing() {
    assert_eq!(as_completed(Vec::<Ready<u8>>::new()).next().await, None);
    let mut limited = as_completed(Vec::<Ready<u8>>::new()).timeout(Duration::ZERO);
    assert_eq!(limited.next().await, None);
}

#[bowerbird::test]
async fn handles_that_are_borrowed_are_there_afterwards() {
    let mut tasks = [spawn(async { 1 }), spawn(async { 2 })];
    let ids = tasks.each_ref().map(|it| it.id());
    let mut completed = as_completed(tasks.iter_mut());
    let (key, output) = completed.next().await.unwrap();
    assert_eq!(output.unwrap(), key + 1);
    drop(completed);
    let other = 1 - key;
    assert_eq!(tasks[other].id(), ids[other]);
    assert_eq!((&mut tasks[other]).await.unwrap(), other + 1);
}

#[test]
fn ten_thousand_spawned_tasks_come_once_each() {
    limited(|| {
        for builder in flavors() {
            builder.build().unwrap().block_on(async {
                let tasks = (0..10_000_usize).map(|n| {
                    spawn(async move {
                        for _ in 0..n % 3 {
                            yield_now().await;
                        }
                        n
                    })
                });
                let mut seen = vec![false; 10_000];
                let mut completed = as_completed(tasks.collect::<Vec<_>>());
                while let Some((key, output)) = completed.next().await {
                    assert_eq!(output.unwrap(), key);
                    assert!(!std::mem::replace(&mut seen[key], true), "{key} came twice");
                }
                assert!(seen.into_iter().all(|it| it));
            });
        }
    });
}

/// Without that, a loop over many that are ready starves its worker.
#[test]
fn a_loop_over_many_that_are_ready_lets_others_run() {
    limited(|| {
        crate::stage::single().block_on(async {
            let other = spawn(async {});
            let mut completed = as_completed((0..10_000).map(ready));
            let mut taken = 0;
            while !other.is_finished() {
                assert!(completed.next().await.is_some());
                taken += 1;
            }
            assert!(taken < 1_000, "the other task had its turn after {taken}");
        });
    });
}
