//! Timeouts, also such whose deadline moves, and by when the code inside has to be done.

use crate::stage::{Count, Witness, limited, multi, panic_of, poll_once};
use bowerbird::{
    gather, run,
    runtime::Builder,
    spawn,
    sync::{coop, oneshot},
    task::{current_abort_handle, effective_deadline},
    testing::clock,
    time::{
        Duration, Elapsed, Instant, TimeoutScope, sleep, sleep_until, timeout, timeout_at,
        timeout_scope, timeout_scope_at,
    },
    yield_now,
};
use std::{
    cell::Cell,
    future::{Future, pending, poll_fn},
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Wake, Waker},
};

const SECOND: Duration = Duration::from_secs(1);

/// So many seconds from now.
fn ahead(seconds: u32) -> Instant {
    Instant::now() + seconds * SECOND
}

#[bowerbird::test(clock = "virtual")]
async fn a_scope_ends_at_its_deadline() {
    let (start, witness) = (Instant::now(), Witness::default());
    let token = witness.token();
    let result = timeout_scope(SECOND, async |t| {
        let _token = token;
        assert_eq!(t.deadline(), Some(start + SECOND));
        assert!(!t.is_expired());
        sleep(10 * SECOND).await;
    });
    let result: Result<(), Elapsed> = result.await;
    assert_eq!(witness.count(), 1, "the body is dropped before the error is told");
    assert!(result.is_err());
    assert_eq!(start.elapsed(), SECOND);
    assert_eq!(result.unwrap_err().to_string(), "the deadline has elapsed");
}

#[bowerbird::test(clock = "virtual")]
async fn a_scope_at_a_deadline_ends_there() {
    let deadline = ahead(1);
    let result = timeout_scope_at(deadline, async |t| {
        assert_eq!(t.deadline(), Some(deadline));
        pending::<()>().await;
    });
    assert!(result.await.is_err());
    assert_eq!(Instant::now(), deadline);
}

#[bowerbird::test(clock = "virtual")]
async fn a_body_in_time_gives_its_output_and_leaves_no_timer() {
    let start = Instant::now();
    let result = timeout_scope(10 * SECOND, async |t| {
        sleep(SECOND).await;
        assert!(!t.is_expired());
        t.deadline().unwrap() - start
    });
    assert_eq!(result.await, Ok(10 * SECOND));
    assert_eq!(start.elapsed(), SECOND);
    // A timer left behind would be where the clock stops next.
    sleep(100 * SECOND).await;
    assert_eq!(start.elapsed(), 101 * SECOND);
}

#[bowerbird::test(clock = "virtual")]
async fn nothing_begins_before_the_first_poll() {
    let begun = Cell::new(false);
    let scope = timeout_scope(SECOND, async |t| {
        begun.set(true);
        t.deadline()
    });
    sleep(5 * SECOND).await;
    assert!(!begun.get());
    assert_eq!(scope.await, Ok(Some(ahead(1))), "the time counts from the first poll");
}

#[bowerbird::test(clock = "virtual")]
async fn a_scope_without_a_deadline_never_ends() {
    let start = Instant::now();
    let result = timeout_scope(Duration::MAX, async |t| {
        sleep(SECOND).await;
        assert_eq!((t.deadline(), t.is_expired()), (None, false));
        assert_eq!(format!("{t:?}"), "TimeoutScope { left: \"unlimited\" }");
        t.extend(SECOND);
        assert_eq!(t.deadline(), None, "later than never is never");
        sleep(1_000_000 * SECOND).await;
        7
    });
    assert_eq!(result.await, Ok(7));
    assert_eq!(start.elapsed(), 1_000_001 * SECOND);
    let three_centuries = Duration::from_secs(300 * 31_557_600);
    let result = timeout_scope(three_centuries, async |t: &TimeoutScope| t.deadline());
    assert_eq!(result.await, Ok(None), "no clock runs for so long");
}

#[bowerbird::test(clock = "virtual")]
async fn zero_and_the_past_poll_once() {
    let polls = Cell::new(0);
    let count = || {
        poll_fn(|_| {
            polls.set(polls.get() + 1);
            Poll::<()>::Pending
        })
    };
    assert!(timeout_scope(Duration::ZERO, async |_| count().await).await.is_err());
    assert_eq!(polls.replace(0), 1);
    let past = Instant::now() - 11 * SECOND;
    assert!(timeout_scope_at(past, async |_| count().await).await.is_err());
    assert_eq!(polls.replace(0), 1);
    assert!(timeout(Duration::ZERO, count()).await.is_err());
    assert_eq!(polls.replace(0), 1);
    assert!(timeout_at(past, count()).await.is_err());
    assert_eq!(polls.replace(0), 1);
    assert!(timeout_scope(Duration::ZERO, async |_| yield_now().await).await.is_err());
    assert_eq!(timeout_scope(Duration::ZERO, async |_| 7).await, Ok(7), "ready work wins");
    assert_eq!(timeout_scope_at(past, async |t| t.is_expired()).await, Ok(true));
}

#[bowerbird::test(clock = "virtual")]
async fn a_deadline_can_be_put_off_again_and_again() {
    let start = Instant::now();
    let result = timeout_scope(2 * SECOND, async |t| {
        for _ in 0..100 {
            sleep(SECOND).await;
            t.reset(2 * SECOND);
            assert_eq!(t.deadline(), Some(ahead(2)));
        }
        pending::<()>().await;
    });
    assert!(result.await.is_err());
    assert_eq!(start.elapsed(), 102 * SECOND);
}

#[bowerbird::test(clock = "virtual")]
async fn a_deadline_can_be_brought_forward_extended_and_taken_away() {
    let start = Instant::now();
    let sooner = timeout_scope(10 * SECOND, async |t| {
        t.reset_at(start + SECOND);
        pending::<()>().await;
    });
    assert!(sooner.await.is_err());
    assert_eq!(start.elapsed(), SECOND);

    let extended = timeout_scope(SECOND, async |t| {
        t.extend(SECOND);
        t.extend(SECOND);
        pending::<()>().await;
    });
    assert!(extended.await.is_err());
    assert_eq!(start.elapsed(), 4 * SECOND);

    let disabled = timeout_scope(SECOND, async |t| {
        t.disable();
        assert_eq!(t.deadline(), None);
        sleep(10 * SECOND).await;
        t.reset(SECOND);
        pending::<()>().await;
    });
    assert!(disabled.await.is_err());
    assert_eq!(start.elapsed(), 15 * SECOND);
}

#[bowerbird::test(clock = "virtual")]
async fn a_deadline_moved_to_the_past_ends_the_body_where_it_waits() {
    let (start, after) = (Instant::now(), Cell::new(0));
    let result = timeout_scope(10 * SECOND, async |t| {
        sleep(2 * SECOND).await;
        t.reset_at(start);
        assert!(t.is_expired());
        after.set(1);
        yield_now().await;
        after.set(2);
    });
    assert!(result.await.is_err());
    assert_eq!((start.elapsed(), after.get()), (2 * SECOND, 1));
    let result = timeout_scope(10 * SECOND, async |t| {
        t.reset(Duration::ZERO);
        7
    });
    assert_eq!(result.await, Ok(7), "a body that does not wait is done in time");
}

#[bowerbird::test(clock = "virtual")]
async fn a_body_may_move_the_deadline_in_the_poll_at_which_it_fires() {
    let start = Instant::now();
    let result = timeout_scope(SECOND, async |t| {
        sleep(SECOND).await;
        assert!(t.is_expired());
        t.reset(SECOND);
        sleep(SECOND / 2).await;
        7
    });
    assert_eq!(result.await, Ok(7));
    assert_eq!(start.elapsed(), SECOND * 3 / 2);
}

#[bowerbird::test(clock = "virtual")]
async fn a_value_that_is_ready_when_the_deadline_fires_is_not_lost() {
    let deadline = ahead(1);
    let value = async || {
        sleep_until(deadline).await;
        7
    };
    let late = async {
        // Busy for longer than that: everybody's time is up at the same poll.
        clock::advance(5 * SECOND);
        yield_now().await;
    };
    let (a, b, c, ()) = gather((
        timeout_at(deadline, value()),
        timeout_scope_at(deadline, async |_| value().await),
        timeout(SECOND, value()),
        late,
    ))
    .await;
    assert_eq!((a, b, c), (Ok(7), Ok(7), Ok(7)));
}

#[bowerbird::test(clock = "virtual")]
async fn one_who_eats_the_budget_cannot_dodge_a_deadline() {
    let eat = || {
        poll_fn(|cx: &mut Context<'_>| {
            while let Poll::Ready(progress) = coop::poll_proceed(cx) {
                progress.made();
            }
            clock::advance(SECOND);
            Poll::<()>::Pending
        })
    };
    let start = Instant::now();
    assert!(timeout_scope(10 * SECOND, async |_| eat().await).await.is_err());
    assert_eq!(start.elapsed(), 10 * SECOND);
    assert!(timeout_at(ahead(10), eat()).await.is_err());
    assert_eq!(start.elapsed(), 20 * SECOND);
    assert!(timeout(10 * SECOND, eat()).await.is_err());
    assert_eq!(start.elapsed(), 31 * SECOND, "it looks at the clock when it has to wait");
}

#[bowerbird::test(clock = "virtual")]
async fn a_message_in_time_wins_and_one_too_late_does_not() {
    for (sent, is_in_time) in [(90, true), (110, false)] {
        let millis = Duration::from_millis;
        let (sender, receiver) = oneshot::channel();
        spawn(async move {
            sleep(millis(sent)).await;
            // Nobody may listen any more.
            let _ = sender.send(7);
        });
        let result = timeout(millis(100), receiver).await;
        assert_eq!(result.is_ok(), is_in_time);
        assert!(!is_in_time || result.unwrap() == Ok(7));
    }
}

#[bowerbird::test(clock = "virtual")]
async fn each_of_several_ends_by_its_own_deadline_only() {
    let start = Instant::now();
    let seen = Mutex::new(vec![]);
    let note = |what| seen.lock().unwrap().push((what, start.elapsed().as_secs()));
    let outer = timeout_scope(5 * SECOND, async |outer| {
        let inner = timeout_scope(2 * SECOND, async |inner| {
            assert!(inner.deadline() < outer.deadline());
            pending::<()>().await;
        });
        assert!(inner.await.is_err());
        assert!(!outer.is_expired());
        note("inner");
        let inner = timeout_scope(20 * SECOND, async |_| pending::<()>().await);
        let result = inner.await;
        note("never here");
        result
    });
    assert!(outer.await.is_err());
    note("outer");
    assert_eq!(*seen.lock().unwrap(), [("inner", 2), ("outer", 5)]);
}

#[bowerbird::test(clock = "virtual")]
async fn of_several_that_are_over_the_innermost_tells_first() {
    let deadline = ahead(1);
    let outer = timeout_scope_at(deadline, async |outer| {
        let inner = timeout_scope_at(deadline, async |_| pending::<()>().await);
        let result = inner.await;
        (result.is_err(), outer.is_expired())
    });
    assert_eq!(outer.await, Ok((true, true)), "what is ready wins, an error too");
}

#[bowerbird::test(clock = "virtual")]
async fn an_outer_deadline_is_kept_after_a_poll_that_took_too_long() {
    let start = Instant::now();
    let outer = timeout_scope(10 * SECOND, async |_| {
        let inner = timeout_scope(SECOND, async |_| {
            clock::advance(10 * SECOND);
            sleep(SECOND).await;
        });
        assert!(inner.await.is_err());
        sleep(100 * SECOND).await;
    });
    assert!(outer.await.is_err());
    assert_eq!(start.elapsed(), 10 * SECOND);
}

#[bowerbird::test(clock = "virtual")]
async fn an_inner_scope_can_move_the_deadline_of_an_outer_one() {
    let start = Instant::now();
    let outer = timeout_scope(SECOND, async |outer| {
        timeout_scope(SECOND, async |inner| {
            outer.reset(4 * SECOND);
            inner.reset(2 * SECOND);
            assert_eq!(effective_deadline(), Some(start + 2 * SECOND));
            pending::<()>().await;
        })
        .await
        .unwrap_err();
        assert_eq!(start.elapsed(), 2 * SECOND);
        pending::<()>().await;
    });
    assert!(outer.await.is_err());
    assert_eq!(start.elapsed(), 4 * SECOND);
}

#[bowerbird::test(clock = "virtual")]
async fn errors_and_panics_of_the_body_are_its_own() {
    let result = timeout_scope(SECOND, async |_| Err::<(), _>("no such key"));
    assert_eq!(result.await, Ok(Err("no such key")));
    let task = spawn(timeout_scope(SECOND, async |_| -> () { panic!("divided by zero") }));
    let error = task.await.unwrap_err();
    assert!(error.to_string().contains("divided by zero"), "{error}");
}

#[bowerbird::test(clock = "virtual")]
async fn a_panic_of_a_destructor_that_the_deadline_runs_is_told() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in the cleanup");
        }
    }
    let task = spawn(timeout_scope(SECOND, async |_| {
        let _bomb = Bomb;
        pending::<()>().await;
    }));
    let error = task.await.unwrap_err();
    assert!(error.is_panic() && error.to_string().contains("in the cleanup"), "{error}");
}

#[bowerbird::test(clock = "virtual")]
async fn an_abort_is_not_a_timeout() {
    let task = spawn(timeout_scope(10 * SECOND, async |_| {
        current_abort_handle().unwrap().abort();
        pending::<()>().await;
    }));
    let start = Instant::now();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(start.elapsed(), Duration::ZERO);
    // Nor does a timeout cancel the task it is in.
    let task = spawn(async {
        assert!(timeout_scope(SECOND, async |_| pending::<()>().await).await.is_err());
        yield_now().await;
        7
    });
    assert_eq!(task.await.unwrap(), 7);
}

#[bowerbird::test(clock = "virtual")]
async fn a_timeout_serves_in_cleanup_after_a_timeout() {
    let start = Instant::now();
    let outer = timeout_scope(SECOND, async |_| pending::<()>().await);
    assert!(outer.await.is_err());
    let cleanup = timeout_scope(SECOND, async |_| pending::<()>().await);
    assert!(cleanup.await.is_err());
    assert_eq!(start.elapsed(), 2 * SECOND);
}

#[test]
fn a_scope_moves_with_its_task_and_may_borrow() {
    fn is_send<T: Send>(it: T) -> T {
        it
    }
    limited(|| {
        let runtime = multi(4);
        let task = runtime.spawn(is_send(async {
            let mut words = vec!["a".to_owned()];
            let count = &mut words;
            let inner = timeout_scope(10 * SECOND, async move |outer: &TimeoutScope| {
                for _ in 0..100 {
                    outer.reset(10 * SECOND);
                    timeout_scope(10 * SECOND, async |inner| {
                        outer.extend(SECOND);
                        inner.extend(SECOND);
                        count.push(format!("{:?}", outer.is_expired()));
                        yield_now().await;
                    })
                    .await
                    .unwrap();
                }
            });
            inner.await.unwrap();
            words.len()
        }));
        assert_eq!(runtime.block_on(task).unwrap(), 101);
    });
}

#[test]
fn a_thread_that_borrows_the_scope_may_move_its_deadline() {
    limited(|| {
        let result = run(timeout_scope(Duration::from_secs(3600), async |t| {
            std::thread::scope(|threads| {
                threads.spawn(|| t.reset(Duration::ZERO));
            });
            pending::<()>().await;
        }));
        assert!(result.is_err());
    });
}

#[bowerbird::test(clock = "virtual")]
async fn a_scope_wakes_its_task_no_more_often_than_need_be() {
    let (count, waker) = Count::waker();
    let mut scope = pin!(timeout_scope(10 * SECOND, async |t| {
        t.disable();
        yield_now().await;
        t.reset(SECOND);
        yield_now().await;
        t.disable();
        pending::<()>().await;
    }));
    for _ in 0..3 {
        assert!(scope.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(count.get(), 2, "those of the yields");
    sleep(100 * SECOND).await;
    assert_eq!(count.get(), 2, "no timer is left");
}

#[test]
fn who_has_to_wait_without_a_reactor_is_named() {
    let mut scope = Box::pin(timeout_scope(SECOND, async |_| pending::<()>().await));
    let line = line!() - 1;
    let text = panic_of(|| poll_once(&mut scope));
    assert!(text.contains(&format!("{}:{line}", file!())), "{text}");
    let mut ready = Box::pin(timeout_scope(SECOND, async |_| 7));
    assert_eq!(poll_once(&mut ready), Poll::Ready(Ok(7)));
}

#[test]
fn a_foreign_waker_that_panics_does_not_stop_the_clock() {
    struct Bomb;
    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {
            panic!("a foreign waker");
        }
    }
    limited(|| {
        let builder = Builder::new_current_thread().paused_clock().on_unhandled(|_| ());
        let runtime = builder.build().unwrap();
        let mut foreign = {
            let _runtime = runtime.enter();
            Box::pin(sleep(SECOND))
        };
        let waker = Waker::from(Arc::new(Bomb));
        runtime.block_on(async {
            assert!(foreign.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            sleep(2 * SECOND).await;
        });
    });
}
