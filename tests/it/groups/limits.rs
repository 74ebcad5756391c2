//! How many children run at a time, and closures on the blocking pool.

use super::{Group, errors, fails, ms, naps, spawn_endless};
use crate::stage::{Door, Opens, Witness, flavors, limited, message, panic_of};
use bowerbird::{shield, task_group, time::sleep, yield_now};
use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

#[test]
fn no_more_than_so_many_run_at_a_time() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            runtime.block_on(async {
                task_group(async |g: Group| {
                    g.max_concurrency(3);
                    for _ in 0..300 {
                        let (running, most) = (running.clone(), most.clone());
                        g.spawn(async move {
                            most.fetch_max(running.fetch_add(1, Relaxed) + 1, Relaxed);
                            yield_now().await;
                            running.fetch_sub(1, Relaxed);
                            Ok(())
                        });
                    }
                    Ok(())
                })
                .await
                .unwrap();
            });
            assert!((1..=3).contains(&most.load(Relaxed)), "{most:?}");
        }
    });
}

#[bowerbird::test(clock = "virtual")]
async fn they_take_turns_in_the_order_of_their_spawns() {
    let order = Arc::new(Mutex::new(vec![]));
    task_group(async |g: Group| {
        g.max_concurrency(2);
        for number in 0..20 {
            let order = order.clone();
            g.spawn(async move {
                order.lock().unwrap().push(number);
                sleep(ms(10)).await;
                Ok(())
            });
        }
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(*order.lock().unwrap(), (0..20).collect::<Vec<_>>());
}

#[bowerbird::test(clock = "virtual")]
async fn one_that_is_aborted_in_line_costs_nobody_a_turn() {
    let witness = Witness::default();
    let value = task_group(async |g: Group| {
        g.max_concurrency(1);
        let first = g.spawn(naps(10));
        let second = g.spawn(super::endless(witness.token()));
        let third = g.spawn(async { Ok(3) });
        sleep(ms(5)).await;
        second.abort();
        first.await.unwrap();
        Ok(third.await.unwrap())
    });
    assert_eq!(value.await.unwrap(), 3);
    assert_eq!(witness.count(), 1);
}

#[bowerbird::test(clock = "virtual")]
async fn a_failure_ends_those_in_line_unpolled() {
    let (polls, witness) = (Arc::new(AtomicUsize::new(0)), Witness::default());
    let error = task_group(async |g: Group| {
        g.max_concurrency(1);
        g.spawn(fails(10, "no"));
        for _ in 0..1_000 {
            let (polls, token) = (polls.clone(), witness.token());
            g.spawn(async move {
                let _token = token;
                polls.fetch_add(1, Relaxed);
                Ok(())
            });
        }
        Ok(())
    });
    assert_eq!(errors(&error.await.unwrap_err()), ["no"]);
    assert_eq!((polls.load(Relaxed), witness.count()), (0, 1_000));
}

#[bowerbird::test(clock = "virtual")]
async fn shielded_tasks_take_no_turn() {
    task_group(async |g: Group| {
        g.max_concurrency(1);
        g.spawn(async {
            shield(async {}).await.unwrap();
            Ok(())
        });
        Ok(())
    })
    .await
    .unwrap();
}

#[bowerbird::test]
async fn room_for_none_is_refused() {
    let error = task_group(async |g: Group| {
        g.max_concurrency(0);
        Ok(())
    });
    let error = error.await.unwrap_err();
    let panic = error.first().panic().unwrap().message().unwrap();
    assert_eq!(panic, "max_concurrency(0): no child would ever run");
    let text = panic_of(|| error.resume_panic());
    assert!(text.contains("(0)"), "{text}");
}

#[bowerbird::test]
async fn a_closure_is_a_child() {
    let sum = task_group(async |g: Group| {
        let tasks = [1, 2, 3].map(|n| g.spawn_blocking(move || Ok(n)));
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        Ok(sum)
    });
    assert_eq!(sum.await.unwrap(), 6);

    let witness = Witness::default();
    let error = task_group(async |g: Group| {
        spawn_endless(&g, 2, &witness);
        g.spawn_blocking(|| Err::<(), _>("no"));
        pending::<Result<(), _>>().await
    });
    let (error, line) = (error.await.unwrap_err(), line!() - 3);
    assert_eq!((errors(&error), witness.count()), (vec!["no"], 2));
    assert_eq!(error.first().task.as_ref().unwrap().spawned_at.unwrap().line(), line);

    let error = task_group(async |g: Group| {
        g.spawn_blocking(|| -> Result<(), &'static str> { std::panic::panic_any("a closure") });
        Ok(())
    });
    let failure = error.await.unwrap_err().into_failures().remove(0);
    let bowerbird::task::FailureKind::Panicked(panic) = failure.kind else { unreachable!() };
    assert_eq!(message(&*panic.into_payload()), "a closure");
}

#[test]
fn the_group_waits_for_a_closure_that_runs_and_hears_its_failure() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.max_blocking_threads(1).build().unwrap();
            let (door, witness) = (Door::default(), Witness::default());
            let opens = Opens(door.clone());
            runtime.block_on(async {
                let (running, is_running) = bowerbird::sync::oneshot::channel();
                let error = task_group(async |g: Group| {
                    let child = g.spawn_blocking(move || {
                        running.send(()).unwrap();
                        door.pass();
                        Err::<(), _>("at last")
                    });
                    is_running.await.unwrap();
                    let token = witness.token();
                    // There is one thread: this one never starts.
                    g.spawn_blocking(move || {
                        drop(token);
                        unreachable!("it was dropped in the queue");
                        #[expect(unreachable_code, reason = "gives the closure its type")]
                        Ok(())
                    });
                    yield_now().await;
                    g.cancel();
                    assert!(child.await.unwrap_err().is_cancelled());
                    while witness.count() == 0 {
                        yield_now().await;
                    }
                    opens.0.open();
                    Ok(())
                });
                assert_eq!(errors(&error.await.unwrap_err()), ["at last"]);
            });
            assert_eq!(witness.count(), 1);
        }
    });
}

#[test]
fn a_closure_that_never_starts_may_fail_in_its_destructor() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.max_blocking_threads(1).build().unwrap();
            let door = Door::default();
            let opens = Opens(door.clone());
            runtime.block_on(async {
                let (running, is_running) = bowerbird::sync::oneshot::channel();
                let hog = bowerbird::spawn_blocking(move || {
                    running.send(()).unwrap();
                    door.pass();
                });
                is_running.await.unwrap();
                let error = task_group(async |g: Group| {
                    let bomb = super::OnDrop::new(|| panic!("in the queue"));
                    g.spawn_blocking(move || {
                        let _bomb = bomb;
                        Ok(())
                    });
                    yield_now().await;
                    g.cancel();
                    Ok(())
                });
                let error = error.await.unwrap_err();
                assert_eq!(error.first().panic().unwrap().message(), Some("in the queue"));
                opens.0.open();
                hog.await.unwrap();
            });
        }
    });
}
