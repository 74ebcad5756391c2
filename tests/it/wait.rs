//! Waiting for some, and what becomes of the others.

use crate::stage::{Witness, flavors, limited, poll_once};
use bowerbird::{
    AllCompleted, FirstCompleted, FirstError, FirstFailure, FirstMatch, JoinHandle, Waited, spawn,
    task::JoinError,
    time::{Duration, Instant, sleep},
    wait, yield_now,
};
use std::{future::pending, pin::pin};

const SECOND: Duration = Duration::from_secs(1);

/// A task that takes so long and gives that.
fn task<T: Send + 'static>(secs: u32, output: T) -> JoinHandle<T> {
    spawn(async move {
        sleep(secs * SECOND).await;
        output
    })
}

/// A task that takes so long and panics.
fn panics<T: Send + 'static>(secs: u32) -> JoinHandle<T> {
    spawn(async move {
        sleep(secs * SECOND).await;
        panic!("on purpose")
    })
}

#[bowerbird::test(clock = "virtual")]
async fn all_are_waited_for_and_their_handles_can_wait_once_more() {
    let start = Instant::now();
    let mut tasks = [task(1, 'a'), task(2, 'b')];
    let waited = wait(tasks.iter_mut(), AllCompleted).await;
    assert_eq!(start.elapsed(), 2 * SECOND);
    assert!(waited.pending.is_empty());
    let outputs: Vec<_> = waited.done.into_iter().map(|(key, it)| (key, it.unwrap())).collect();
    assert_eq!(outputs, [(0, 'a'), (1, 'b')]);
}

#[bowerbird::test(clock = "virtual")]
async fn the_first_one_ends_the_wait() {
    let start = Instant::now();
    let Waited { done, pending } = wait([task(10, 'a'), task(1, 'b')], FirstCompleted).await;
    assert_eq!(start.elapsed(), SECOND);
    assert_eq!((done.len(), done[0].0, pending.len()), (1, 1, 1));
    let [(0, slow)] = <[_; 1]>::try_from(pending).unwrap() else { panic!("it keeps its key") };
    assert_eq!(slow.await.unwrap(), 'a', "it was not cancelled");
    assert_eq!(start.elapsed(), 10 * SECOND);
}

/// Those that are done are in `done`, even if nobody has been told yet.
#[test]
fn a_task_that_is_done_is_never_among_the_pending() {
    limited(|| {
        for builder in flavors() {
            builder.build().unwrap().block_on(async {
                let tasks: Vec<_> = (0..1_000).map(|n| spawn(async move { n })).collect();
                while !tasks.iter().all(JoinHandle::is_finished) {
                    yield_now().await;
                }
                let waited = wait(tasks, FirstCompleted).await;
                assert_eq!((waited.done.len(), waited.pending.len()), (1_000, 0));
            });
        }
    });
}

#[bowerbird::test(clock = "virtual")]
async fn those_done_at_the_same_time_are_done_together() {
    let tasks = (0..5).map(|n| task(if n < 3 { 1 } else { 5 }, n));
    let sleeps = tasks.collect::<Vec<_>>();
    sleep(SECOND).await;
    yield_now().await;
    let waited = wait(sleeps, FirstCompleted).await;
    assert_eq!((waited.done_keys(), waited.pending_keys()), (vec![0, 1, 2], vec![3, 4]));
}

#[bowerbird::test(clock = "virtual")]
async fn the_first_panic_ends_the_wait_and_is_not_raised() {
    let start = Instant::now();
    let waited = wait([task(10, ()), panics(3), task(1, ())], FirstError).await;
    assert_eq!(start.elapsed(), 3 * SECOND);
    assert_eq!((waited.done_keys(), waited.pending_keys()), (vec![2, 1], vec![0]));
    assert!(waited.done[1].1.as_ref().is_err_and(JoinError::is_panic));
}

#[bowerbird::test(clock = "virtual")]
async fn an_error_from_before_the_wait_ends_it_at_once() {
    let fails = panics(0);
    while !fails.is_finished() {
        yield_now().await;
    }
    let start = Instant::now();
    let waited = wait([task(10, ()), fails], FirstError).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!((waited.done_keys(), waited.pending_keys()), (vec![1], vec![0]));
}

#[bowerbird::test(clock = "virtual")]
async fn an_error_does_not_end_a_wait_for_all() {
    let start = Instant::now();
    let waited = wait([task(10, ()), panics(1)], AllCompleted).await;
    assert_eq!(start.elapsed(), 10 * SECOND);
    assert_eq!(waited.done_keys(), [1, 0]);
}

#[bowerbird::test(clock = "virtual")]
async fn a_task_that_was_cancelled_is_no_error() {
    let tasks = [task(1, Ok::<(), u8>(())), task(2, Ok(())), task(3, Err(7)), task(9, Ok(()))];
    tasks[0].abort();
    let waited = wait(tasks, FirstFailure).await;
    assert_eq!(waited.done_keys(), [0, 1, 2]);
    assert!(waited.done[0].1.as_ref().is_err_and(JoinError::is_cancelled));

    let tasks = [task(1, ()), task(2, ()), panics(3), task(9, ())];
    tasks[0].abort();
    assert_eq!(wait(tasks, FirstError).await.done_keys(), [0, 1, 2]);

    let tasks = [panics::<Result<(), u8>>(1), task(2, Ok(()))];
    assert_eq!(wait(tasks, FirstFailure).await.done_keys(), [0]);
}

#[bowerbird::test(clock = "virtual")]
async fn the_first_that_matches_ends_the_wait() {
    let tasks = || [task(1, 10), task(2, 20), task(3, 30)];
    let is_20 = |output: &Result<i32, JoinError>| matches!(output, Ok(20));
    assert_eq!(wait(tasks(), FirstMatch(is_20)).await.done_keys(), [0, 1]);
    let waited = wait(tasks(), FirstCompleted).matching(|it| it.as_ref().is_ok_and(|n| *n > 90));
    assert_eq!(waited.await.done_keys(), [0, 1, 2], "nobody does: all are waited for");
}

#[bowerbird::test(clock = "virtual")]
async fn when_time_is_up_nothing_is_raised_and_nothing_cancelled() {
    let start = Instant::now();
    let waited = wait([task(1, 'a'), task(5, 'b')], AllCompleted).timeout(2 * SECOND).await;
    assert_eq!(start.elapsed(), 2 * SECOND);
    assert_eq!((waited.done_keys(), waited.pending_keys()), (vec![0], vec![1]));
    let waited = waited.again(AllCompleted).timeout(60 * SECOND).await;
    assert_eq!((waited.done_keys(), waited.pending_keys()), (vec![0, 1], vec![]));
    assert_eq!(start.elapsed(), 5 * SECOND);
}

#[bowerbird::test(clock = "virtual")]
async fn time_counts_from_the_first_poll() {
    let waiting = wait([task(5, ())], AllCompleted).timeout(2 * SECOND);
    sleep(4 * SECOND).await;
    assert_eq!(waiting.await.done_keys(), [0]);
}

#[bowerbird::test(clock = "virtual")]
async fn whatever_gives_tasks_can_be_waited_for() {
    let from_iterator = wait((1..=3).map(|n| task(n, n)), AllCompleted).await;
    let from_vec = wait(vec![task(1, 1)], AllCompleted).await;
    let mut plain = pin!(sleep(SECOND));
    let from_pinned = wait([plain.as_mut()], AllCompleted).await;
    assert_eq!((from_iterator.done.len(), from_vec.done.len(), from_pinned.done.len()), (3, 1, 1));
}

#[bowerbird::test(clock = "virtual")]
async fn a_cancelled_wait_lets_tasks_run_on_and_drops_futures() {
    let witness = Witness::default();
    let token = witness.token();
    let mut handle = spawn(async move {
        sleep(SECOND).await;
        drop(token);
        7
    });
    drop(wait([&mut handle], FirstCompleted));
    let mut borrowing = Box::pin(wait([&mut handle], FirstCompleted));
    assert!(poll_once(&mut borrowing).is_pending());
    drop(borrowing);
    assert_eq!(handle.await.unwrap(), 7, "the handle waits as before");

    let token = witness.token();
    let detached = spawn(async move {
        sleep(SECOND).await;
        drop(token);
    });
    let mut owning = wait([detached], FirstCompleted);
    assert!(poll_once(&mut owning).is_pending());
    drop(owning);
    assert_eq!(witness.count(), 1);
    sleep(2 * SECOND).await;
    assert_eq!(witness.count(), 2, "a detached task runs on");

    let token = witness.token();
    let plain = Box::pin(async move {
        let _token = token;
        pending::<()>().await;
    });
    let mut owning = wait([plain], FirstCompleted);
    assert!(poll_once(&mut owning).is_pending());
    drop(owning);
    assert_eq!(witness.count(), 3, "a future is dropped");
}

#[test]
fn ten_thousand_tasks_are_done_once_each_whoever_is_first() {
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
                let mut seen = vec![0; 10_000];
                let mut waited = wait(tasks.collect::<Vec<_>>(), FirstCompleted).await;
                loop {
                    for (key, output) in waited.done.drain(..) {
                        assert_eq!(output.unwrap(), key);
                        seen[key] += 1;
                    }
                    if waited.pending.is_empty() {
                        break;
                    }
                    waited = waited.again(AllCompleted).await;
                }
                assert!(seen.iter().all(|times| *times == 1));
            });
        }
    });
}
