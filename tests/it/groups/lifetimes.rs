//! When children start, and when the group is over.

use super::{Failed, Group, awaits, errors, fails, ms, naps, spawn_endless, yields};
use crate::stage::{Witness, flavors, limited};
use bowerbird::{
    sync::Event,
    task::{self, TaskGroup, WaitKind},
    task_group,
    time::{Instant, sleep},
    yield_now,
};
use std::{
    cell::RefCell,
    convert::Infallible,
    error::Error,
    future::{Future, pending},
    pin::pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

#[bowerbird::test(clock = "virtual")]
async fn it_gives_the_bodys_value_when_all_children_have_ended() {
    let start = Instant::now();
    let handles = task_group(async |g: Group| {
        let slow = g.spawn(async {
            sleep(ms(200)).await;
            Ok(11)
        });
        Ok((g.spawn(async { Ok(42) }), slow))
    });
    let (fast, slow) = handles.await.unwrap();
    assert_eq!(start.elapsed(), ms(200));
    assert_eq!((fast.await.unwrap(), slow.await.unwrap()), (42, 11));
}

#[bowerbird::test(clock = "virtual")]
async fn a_body_may_wait_between_its_children() {
    let sum = task_group(async |g: Group| {
        let first = g.spawn(async {
            sleep(ms(100)).await;
            Ok(42)
        });
        sleep(ms(150)).await;
        let second = g.spawn(async { Ok(11) });
        Ok(first.await.unwrap() + second.await.unwrap())
    });
    assert_eq!(sum.await.unwrap(), 53);
}

#[bowerbird::test]
async fn a_group_without_children_gives_what_its_body_gives() {
    assert_eq!(task_group(async |_: Group| Ok(7)).await.unwrap(), 7);
    let error: Failed = task_group(async |_: Group| Err::<(), _>("no")).await.unwrap_err();
    assert_eq!(errors(&error), ["no"]);
    assert!(error.first().task.is_none(), "the body is no child");
}

#[bowerbird::test]
async fn the_body_may_borrow_and_need_not_be_send() {
    let words = vec!["a", "b", "c"];
    let (mut seen, local) = (vec![], Rc::new(1));
    task_group(async |g: Group| {
        for &word in &words {
            let upper = g.spawn(async move { Ok(word.to_uppercase()) });
            seen.push(upper.await.unwrap());
        }
        let _local = local;
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(seen, ["A", "B", "C"]);
}

#[bowerbird::test]
async fn nothing_starts_before_the_first_poll() {
    let calls = AtomicUsize::new(0);
    let group = task_group(|_: Group| {
        calls.fetch_add(1, Relaxed);
        async { Ok(()) }
    });
    yield_now().await;
    assert_eq!(calls.load(Relaxed), 0);
    drop(group);
    assert_eq!(calls.load(Relaxed), 0);
}

#[bowerbird::test(clock = "virtual")]
async fn children_start_others_while_the_group_waits() {
    let ran = Arc::new(AtomicUsize::new(0));
    fn grow(g: &Group, depth: u32, ran: &Arc<AtomicUsize>) {
        let (group, ran) = (g.clone(), ran.clone());
        g.spawn(async move {
            ran.fetch_add(1, Relaxed);
            sleep(ms(10)).await;
            if depth > 0 {
                grow(&group, depth - 1, &ran);
                grow(&group, depth - 1, &ran);
            }
            Ok(())
        });
    }
    task_group(async |g: Group| {
        grow(&g, 5, &ran);
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(ran.load(Relaxed), 63);
}

#[bowerbird::test(clock = "virtual")]
async fn children_that_multiply_end_with_the_first_failure() {
    let heads = Arc::new(AtomicUsize::new(0));
    fn hydra(g: &Group, heads: &Arc<AtomicUsize>) {
        let (group, heads) = (g.clone(), heads.clone());
        g.spawn(async move {
            heads.fetch_add(1, Relaxed);
            sleep(ms(10)).await;
            hydra(&group, &heads);
            hydra(&group, &heads);
            Ok(())
        });
    }
    let error = task_group(async |g: Group| {
        hydra(&g, &heads);
        let heads = heads.clone();
        g.spawn(async move {
            while heads.load(Relaxed) < 10 {
                sleep(ms(15)).await;
            }
            Err::<(), _>("enough")
        });
        Ok(())
    });
    assert_eq!(errors(&error.await.unwrap_err()), ["enough"]);
    assert!(heads.load(Relaxed) >= 10);
}

#[bowerbird::test]
async fn after_the_end_a_spawn_drops_its_future_and_tells_of_a_cancellation() {
    let witness = Witness::default();
    let (kept, value) = task_group(async |g: Group| Ok((g.clone(), 7))).await.unwrap();
    assert_eq!(value, 7);
    let token = witness.token();
    let late = kept.spawn(async move {
        drop(token);
        Ok(())
    });
    assert_eq!(witness.count(), 1, "dropped at once");
    assert!(late.await.unwrap_err().is_cancelled());
    kept.cancelled().await;
    assert!(kept.is_cancelled() && kept.is_empty());
    assert!(kept.start(|_: task::Started<()>| async { Ok(()) }).await.is_err());
    let closure = kept.spawn_blocking(|| Ok(1));
    assert!(closure.await.unwrap_err().is_cancelled());
}

#[bowerbird::test(clock = "virtual")]
async fn while_it_ends_no_child_starts() {
    let (late, polls) = (Witness::default(), Arc::new(AtomicUsize::new(0)));
    let error = task_group(async |g: Group| {
        let (group, token, polls) = (g.clone(), late.token(), polls.clone());
        let stubborn = bowerbird::shield(async move {
            group.cancelled().await;
            let handle = group.spawn(async move {
                polls.fetch_add(1, Relaxed);
                drop(token);
                Ok(())
            });
            assert!(handle.await.unwrap_err().is_cancelled());
        });
        g.spawn(fails(10, "first"));
        stubborn.await.unwrap();
        pending::<Result<(), _>>().await
    });
    let error: Failed = error.await.unwrap_err();
    assert_eq!(errors(&error), ["first"]);
    assert_eq!((late.count(), polls.load(Relaxed)), (1, 0));
}

#[test]
fn a_child_that_was_not_polled_when_the_group_failed_never_is() {
    limited(|| {
        let runtime = crate::stage::single();
        let (polls, witness) = (Arc::new(AtomicUsize::new(0)), Witness::default());
        runtime.block_on(async {
            let error = task_group(async |g: Group| {
                for _ in 0..100 {
                    let (polls, token) = (polls.clone(), witness.token());
                    g.spawn(async move {
                        let _token = token;
                        polls.fetch_add(1, Relaxed);
                        Ok(())
                    });
                }
                Err::<(), _>("no")
            });
            assert_eq!(errors(&error.await.unwrap_err()), ["no"]);
        });
        assert_eq!((polls.load(Relaxed), witness.count()), (0, 100));
    });
}

#[bowerbird::test]
async fn children_have_names_and_places() {
    task_group(async |g: Group| {
        let named = g.spawn_named("ticker", async { Ok(task::current().unwrap()) });
        let line = line!() - 1;
        let info = named.await.unwrap();
        assert_eq!(info.name.as_deref(), Some("ticker"));
        let place = info.spawned_at.unwrap();
        assert_eq!((place.file(), place.line()), (file!(), line));
        Ok(())
    })
    .await
    .unwrap();
}

#[bowerbird::test]
async fn a_group_that_waits_says_so() {
    let (go, line) = (Arc::new(Event::new()), line!() + 3);
    let theirs = go.clone();
    let waiting = bowerbird::spawn(async move {
        task_group(async |g: Group| {
            let theirs = theirs.clone();
            g.spawn(awaits(theirs));
            Ok(())
        })
        .await
        .unwrap();
    });
    let site = loop {
        yield_now().await;
        if let Some(site) = waiting.info().and_then(|it| it.waits_for) {
            break site;
        }
    };
    assert_eq!(site.kind, WaitKind::Group);
    assert_eq!(site.location.map(|it| (it.file(), it.line())), Some((file!(), line)));
    go.set();
    waiting.await.unwrap();
}

#[bowerbird::test(clock = "virtual")]
async fn children_that_ended_are_forgotten() {
    task_group(async |g: Group| {
        for round in 0..10 {
            sleep(ms(100)).await;
            g.spawn(naps(300));
            assert!(g.len() <= 4, "{} in round {round}", g.len());
        }
        sleep(ms(1_000)).await;
        assert!(g.is_empty());
        Ok(())
    })
    .await
    .unwrap();
}

#[test]
fn a_hundred_thousand_children_end_and_one_failure_ends_them() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            runtime.block_on(async {
                let ran = Arc::new(AtomicUsize::new(0));
                task_group(async |g: TaskGroup<Infallible>| {
                    for _ in 0..100_000 {
                        let ran = ran.clone();
                        g.spawn(async move {
                            ran.fetch_add(1, Relaxed);
                            Ok(())
                        });
                    }
                    Ok(())
                })
                .await
                .unwrap();
                assert_eq!(ran.load(Relaxed), 100_000);

                let witness = Witness::default();
                let error = task_group(async |g: Group| {
                    spawn_endless(&g, 100_000, &witness);
                    g.spawn(async { Err::<(), _>("no") });
                    pending::<Result<(), _>>().await
                });
                assert_eq!(errors(&error.await.unwrap_err()), ["no"]);
                assert_eq!(witness.count(), 100_000);
            });
        }
    });
}

#[test]
fn the_end_of_all_children_wakes_the_group_once() {
    limited(|| {
        let runtime = crate::stage::single();
        let _entered = runtime.enter();
        let (go, handle) = (Arc::new(Event::new()), RefCell::new(None));
        let mut group = pin!(task_group(async |g: Group| {
            for _ in 0..1_000 {
                g.spawn(awaits(go.clone()));
            }
            handle.replace(Some(g));
            Ok(())
        }));
        let (count, waker) = crate::stage::Count::waker();
        let mut cx = std::task::Context::from_waker(&waker);
        assert!(group.as_mut().poll(&mut cx).is_pending());
        let handle = handle.take().unwrap();
        runtime.block_on(async {
            go.set();
            while !handle.is_empty() {
                yield_now().await;
            }
        });
        assert_eq!(count.get(), 1);
        assert!(group.as_mut().poll(&mut cx).is_ready());
    });
}

type BoxError = Box<dyn Error + Send + Sync>;

fn assert_send<T: Send>(it: T) -> T {
    it
}

/// Compiles only if the futures of groups are `Send` in every shape.
#[bowerbird::test]
async fn the_future_of_a_group_is_send() {
    async fn helper(g: &TaskGroup<BoxError>, text: &str) -> Result<usize, BoxError> {
        g.spawn(yields());
        yield_now().await;
        Ok(text.len())
    }
    async fn generic<E: Send + 'static, B: Future<Output = Result<u8, E>>>(
        body: impl FnOnce(TaskGroup<E>) -> B,
    ) -> Option<u8> {
        task_group(body).await.ok()
    }
    let spawned = bowerbird::spawn(async {
        let (mut list, text) = (vec![1], String::from("abc"));
        let outcome = task_group(async |g: TaskGroup<BoxError>| {
            list.push(2);
            yield_now().await;
            list.push(helper(&g, &text).await?);
            Ok(text.as_str())
        });
        let text = outcome.await.unwrap();
        yield_now().await;
        (list.len(), text.len())
    });
    assert_eq!(spawned.await.unwrap(), (3, 3));

    let nested = task_group(async |g: TaskGroup<BoxError>| {
        let group = g.clone();
        g.spawn(async move {
            task_group(async |h: TaskGroup<BoxError>| {
                h.spawn(yields());
                group.spawn(async { Ok(()) });
                yield_now().await;
                Ok(())
            })
            .await?;
            Ok(())
        });
        let inner = task_group(async |h: TaskGroup<&'static str>| {
            h.spawn(yields());
            g.until_cancelled(yield_now()).await;
            Ok(3)
        });
        Ok(inner.await?)
    });
    assert_eq!(bowerbird::spawn(nested).await.unwrap().unwrap(), 3);
    assert_eq!(assert_send(generic(async |_: TaskGroup<BoxError>| Ok(1))).await, Some(1));
    assert_eq!(assert_send(generic(|_: Group| async { Err("no") })).await, None);
    assert_send(task_group(async |g| {
        g.spawn(async { Ok::<_, BoxError>(()) });
        Ok(())
    }))
    .await
    .unwrap();

    fn is_sync<T: Send + Sync>() {}
    is_sync::<task::GroupError<BoxError>>();
    is_sync::<TaskGroup<BoxError>>();
}
