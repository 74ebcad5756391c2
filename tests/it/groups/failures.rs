//! The first failure ends the group; no failure is lost.

use super::{Failed, Group, OnDrop, endless, errors, fails, ms, naps, spawn_endless};
use crate::stage::{Door, Opens, Witness};
use bowerbird::{
    gather, shield,
    sync::{Event, Notify, Semaphore},
    task::TaskGroup,
    task_group,
    time::{Instant, sleep},
    yield_now,
};
use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

#[bowerbird::test(clock = "virtual")]
async fn a_child_that_fails_ends_its_siblings_and_the_body() {
    let (children, body) = (Witness::default(), Witness::default());
    let start = Instant::now();
    let error = task_group(async |g: Group| {
        let _token = body.token();
        spawn_endless(&g, 5, &children);
        g.spawn(fails(100, "no"));
        sleep(ms(10_000)).await;
        unreachable!("the body is dropped");
        #[expect(unreachable_code, reason = "gives the body its type")]
        Ok(())
    });
    assert_eq!(errors(&error.await.unwrap_err()), ["no"]);
    assert_eq!((children.count(), body.count()), (5, 1));
    assert_eq!(start.elapsed(), ms(100));
}

#[bowerbird::test(clock = "virtual")]
async fn a_body_that_fails_ends_its_children() {
    let witness = Witness::default();
    let error = task_group(async |g: Group| {
        let handle = g.spawn(endless(witness.token()));
        sleep(ms(10)).await;
        assert!(!handle.is_finished());
        Err::<(), _>("the body")
    });
    assert_eq!(errors(&error.await.unwrap_err()), ["the body"]);
    assert_eq!(witness.count(), 1);
}

#[bowerbird::test(clock = "virtual")]
async fn a_failure_after_the_body_has_ended_ends_the_rest() {
    let witness = Witness::default();
    let error = task_group(async |g: Group| {
        spawn_endless(&g, 3, &witness);
        g.spawn(fails(10, "late"));
        Ok(7)
    });
    assert_eq!(errors(&error.await.unwrap_err()), ["late"]);
    assert_eq!(witness.count(), 3);
}

#[bowerbird::test]
async fn all_failures_are_kept_in_order_of_happening() {
    // Closures that run cannot be aborted, so each of these gets to fail.
    let (doors, order) = ([(); 3].map(|()| Door::default()), [1, 2, 0]);
    let opens = doors.clone().map(Opens);
    let error = task_group(async |g: Group| {
        let running = Arc::new(Semaphore::new(0));
        for (door, error) in doors.into_iter().zip(["a", "b", "c"]) {
            let running = running.clone();
            g.spawn_blocking(move || {
                running.add_permits(1).unwrap();
                door.pass();
                Err::<(), _>(error)
            });
        }
        running.acquire_many(3).await.unwrap().forget();
        // The body is dropped by the first failure.
        let opens = Arc::new(opens);
        drop(shield(async move {
            for (passed, number) in order.into_iter().enumerate() {
                opens[number].0.open();
                // Left are closures that run, and this task.
                while g.len() > 3 - passed {
                    yield_now().await;
                }
            }
        }));
        pending::<Result<(), _>>().await
    });
    assert_eq!(errors(&error.await.unwrap_err()), ["b", "c", "a"]);
}

#[bowerbird::test(worker_threads = 4)]
async fn failures_at_the_same_moment_are_all_kept() {
    for _ in 0..200 {
        let together = Arc::new(std::sync::Barrier::new(2));
        let error = task_group(async |g: TaskGroup<usize>| {
            for number in 0..2 {
                let together = together.clone();
                g.spawn(async move {
                    // Both are in their last poll: no abort can come between.
                    bowerbird::block_in_place(|| together.wait());
                    Err::<(), _>(number)
                });
            }
            pending::<Result<(), _>>().await
        });
        let error = error.await.unwrap_err();
        let mut numbers: Vec<_> = error.into_iter().filter_map(|it| it.into_error()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1]);
    }
}

#[bowerbird::test(clock = "virtual")]
async fn a_child_that_was_aborted_is_no_failure() {
    let (first, second) = task_group(async |g: Group| {
        let (first, group) = (g.spawn(endless(Witness::default().token())), g.clone());
        sleep(ms(10)).await;
        first.abort();
        sleep(ms(10)).await;
        assert!(!group.is_cancelled());
        Ok((first, group.spawn(async { Ok(11) })))
    })
    .await
    .unwrap();
    assert!(first.await.unwrap_err().is_cancelled());
    assert_eq!(second.await.unwrap(), 11);
}

#[bowerbird::test(clock = "virtual")]
async fn a_child_that_aborts_itself_is_no_failure() {
    let value = task_group(async |g: Group| {
        g.spawn(async {
            bowerbird::task::current_abort_handle().unwrap().abort();
            pending::<Result<(), _>>().await
        });
        Ok(1)
    });
    assert_eq!(value.await.unwrap(), 1);
}

#[bowerbird::test(clock = "virtual")]
async fn who_awaits_a_child_that_failed_is_told_of_a_cancellation() {
    let heard = Arc::new(Mutex::new(None));
    let theirs = heard.clone();
    let error = task_group(async |g: Group| {
        let failing = g.spawn_named("failing", fails(10, "no"));
        // A task outside the group: no failure drops it.
        drop(bowerbird::spawn(async move {
            *theirs.lock().unwrap() = failing.await.err();
        }));
        Ok(())
    });
    assert_eq!(errors(&error.await.unwrap_err()), ["no"]);
    yield_now().await;
    let told = heard.lock().unwrap().take().expect("the handle told");
    assert!(told.is_cancelled());
    assert_eq!(told.task().unwrap().name.as_deref(), Some("failing"));
}

#[bowerbird::test(clock = "virtual")]
async fn a_child_may_be_awaited_by_its_siblings() {
    let sum = task_group(async |g: Group| {
        let first = g.spawn(async {
            sleep(ms(5)).await;
            Ok(1)
        });
        let second = g.spawn(async move { Ok(first.await.unwrap() + 1) });
        Ok(second.await.unwrap())
    });
    assert_eq!(sum.await.unwrap(), 2);
}

#[bowerbird::test(clock = "virtual")]
async fn the_group_waits_for_one_that_will_not_end() {
    let start = Instant::now();
    let error = task_group(async |g: Group| {
        // Dropping it takes time that no await shows: a shielded farewell.
        g.spawn(async {
            let _farewell = OnDrop::new(|| drop(shield(sleep(ms(500)))));
            pending::<Result<(), _>>().await
        });
        g.spawn(fails(100, "no"));
        Ok(())
    });
    assert_eq!(errors(&error.await.unwrap_err()), ["no"]);
    assert_eq!(start.elapsed(), ms(600));
}

#[bowerbird::test(clock = "virtual")]
async fn an_outer_failure_ends_the_inner_group() {
    let witness = Witness::default();
    let error = task_group(async |g: Group| {
        g.spawn(fails(100, "outer"));
        let inner = task_group(async |h: Group| {
            spawn_endless(&h, 3, &witness);
            h.spawn(fails(10_000, "inner"));
            Ok(())
        });
        inner.await.map_err(|_| "the inner group")
    });
    assert_eq!(errors(&error.await.unwrap_err()), ["outer"]);
    assert_eq!(witness.count(), 3, "the outer group waits for what the inner one left");
}

#[bowerbird::test(clock = "virtual")]
async fn an_inner_failure_is_the_bodys_of_the_outer_group() {
    let witness = Witness::default();
    let error = task_group(async |g: TaskGroup<Failed>| {
        let token = witness.token();
        g.spawn(async move {
            let _token = token;
            pending::<Result<(), _>>().await
        });
        task_group(async |h: Group| {
            h.spawn(fails(100, "inner"));
            Ok(())
        })
        .await?;
        Ok(())
    });
    let error = error.await.unwrap_err();
    assert_eq!(error.failures().len(), 1);
    assert_eq!(errors(error.first().error().unwrap()), ["inner"]);
    assert_eq!(witness.count(), 1);
}

#[bowerbird::test(clock = "virtual")]
async fn both_groups_may_fail() {
    let outer_ran = Arc::new(AtomicBool::new(false));
    let ran = outer_ran.clone();
    let error = task_group(async |g: TaskGroup<String>| {
        let gate = Arc::new(Notify::new());
        let opened = gate.clone();
        g.spawn(async move {
            opened.notified().await;
            ran.store(true, Relaxed);
            Err::<(), _>("outer".to_owned())
        });
        let inner = task_group(async |h: Group| {
            gate.notify_one();
            h.spawn(fails(0, "inner"));
            // Both fail in the same turn; which of them is first is all the same.
            pending::<Result<(), _>>().await
        });
        inner.await.map_err(|error| error.first().error().unwrap().to_string())
    });
    let error = error.await.unwrap_err();
    let all: Vec<_> = error.failures().iter().map(|it| it.error().unwrap().as_str()).collect();
    assert!(all.contains(&"outer"), "{all:?}");
    assert!(outer_ran.load(Relaxed));
}

#[bowerbird::test(clock = "virtual")]
async fn the_bodys_value_is_dropped_when_the_group_fails() {
    let witness = Witness::default();
    let outcome = task_group(async |g: Group| {
        g.spawn(fails(10, "no"));
        Ok(witness.token())
    });
    assert_eq!(errors(&outcome.await.map(drop).unwrap_err()), ["no"]);
    assert_eq!(witness.count(), 1);
}

#[bowerbird::test(clock = "virtual")]
async fn a_failure_in_the_poll_in_which_the_body_ends_counts() {
    for _ in 0..10 {
        let go = Arc::new(Event::new());
        let error = task_group(async |g: Group| {
            let theirs = go.clone();
            let child = g.spawn(async move {
                theirs.wait().await;
                Err::<(), _>("no")
            });
            yield_now().await;
            go.set();
            // It has failed when this ends; the body's value comes too late.
            let _: Result<(), _> = child.await;
            Ok(())
        });
        assert_eq!(errors(&error.await.unwrap_err()), ["no"]);
    }
}

#[bowerbird::test(clock = "virtual")]
async fn groups_side_by_side_do_not_see_each_other() {
    let group = |error| {
        task_group(async move |g: Group| {
            g.spawn(fails(10, error));
            sleep(ms(5)).await;
            Ok(1)
        })
    };
    let fine = task_group(async |g: Group| {
        g.spawn(naps(50));
        Ok(2)
    });
    let (a, b, c) = gather((group("a"), fine, group("c"))).await;
    assert_eq!(errors(&a.unwrap_err()), ["a"]);
    assert_eq!(b.unwrap(), 2);
    assert_eq!(errors(&c.unwrap_err()), ["c"]);
}
