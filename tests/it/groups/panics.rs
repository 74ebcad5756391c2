//! Panics of everything that may panic, which never leave a group hanging.

use super::{Failed, Group, OnDrop, errors, ms, spawn_endless};
use crate::stage::{Witness, flavors, limited, panic_of};
use bowerbird::{task::TaskGroup, task_group, time::sleep, yield_now};
use std::future::pending;

fn bomb(text: &'static str) -> OnDrop<impl FnOnce()> {
    OnDrop::new(move || panic!("{text}"))
}

fn messages<E>(error: &bowerbird::task::GroupError<E>) -> Vec<&str> {
    error.failures().iter().filter_map(|it| it.panic()?.message()).collect()
}

#[test]
fn of_a_child_ends_the_group() {
    limited(|| {
        for builder in flavors() {
            let (runtime, witness) = (builder.build().unwrap(), Witness::default());
            runtime.block_on(async {
                let error = task_group(async |g: Group| {
                    spawn_endless(&g, 3, &witness);
                    g.spawn_named("crash", async {
                        yield_now().await;
                        if true {
                            panic!("on purpose");
                        }
                        Ok(())
                    });
                    pending::<Result<(), _>>().await
                });
                let error = error.await.unwrap_err();
                assert_eq!(messages(&error), ["on purpose"]);
                let task = error.first().task.as_ref().unwrap();
                assert_eq!(task.name.as_deref(), Some("crash"));
            });
            assert_eq!(witness.count(), 3);
        }
    });
}

#[bowerbird::test(clock = "virtual")]
async fn of_the_body_waits_for_the_children() {
    let witness = Witness::default();
    let error = task_group(async |g: Group| {
        spawn_endless(&g, 3, &witness);
        yield_now().await;
        if true {
            panic!("the body");
        }
        Ok(())
    });
    let error = error.await.unwrap_err();
    assert_eq!((messages(&error), witness.count()), (vec!["the body"], 3));
    assert!(error.first().task.is_none());
    assert_eq!(panic_of(|| error.resume_panic()), "the body");
}

#[bowerbird::test]
async fn of_the_closure_that_makes_the_body() {
    let error: Failed = task_group(|_: Group| {
        if true {
            panic!("no body");
        }
        async { Ok(()) }
    })
    .await
    .unwrap_err();
    assert_eq!(messages(&error), ["no body"]);
}

#[bowerbird::test(clock = "virtual")]
async fn of_a_childs_destructor() {
    // After its value, after its error, after its panic, and at an abort.
    let error = task_group(async |g: Group| {
        let held = bomb("after its value");
        g.spawn(async move {
            std::future::poll_fn(|_| std::task::Poll::Ready(())).await;
            let _held = &held;
            Ok(1)
        });
        sleep(ms(10)).await;
        Ok(())
    });
    // The locals of an async block are dropped in its last poll.
    assert_eq!(messages(&error.await.unwrap_err()), ["after its value"]);

    struct Bombs<O>(Option<O>, #[expect(dead_code, reason = "for its drop")] OnDrop<fn()>);
    impl<O: Unpin> Future for Bombs<O> {
        type Output = O;
        fn poll(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<O> {
            std::task::Poll::Ready(self.0.take().expect("on purpose"))
        }
    }
    let last: fn() = || panic!("at the end");
    let error = task_group(async |g: Group| {
        g.spawn(Bombs(Some(Ok(1)), OnDrop::new(last)));
        Ok(())
    });
    assert_eq!(messages(&error.await.unwrap_err()), ["at the end"]);
    let error = task_group(async |g: Group| {
        g.spawn(Bombs(Some(Err::<(), _>("no")), OnDrop::new(last)));
        Ok(())
    });
    let error = error.await.unwrap_err();
    assert_eq!((errors(&error), messages(&error)), (vec!["no"], vec!["at the end"]));
    let error = task_group(async |g: Group| {
        g.spawn(Bombs(None::<Result<(), _>>, OnDrop::new(last)));
        Ok(())
    });
    assert_eq!(messages(&error.await.unwrap_err()), ["on purpose", "at the end"]);
    let error = task_group(async |g: Group| {
        g.spawn(Bombs(Some(Ok(bomb("the value"))), OnDrop::new(last)));
        Ok(())
    });
    assert_eq!(messages(&error.await.unwrap_err()), ["at the end", "the value"]);
}

#[bowerbird::test(clock = "virtual")]
async fn of_destructors_at_the_end_are_failures_too() {
    let error = task_group(async |g: Group| {
        for _ in 0..2 {
            g.spawn(async {
                let _bomb = bomb("aborted");
                pending::<Result<(), _>>().await
            });
        }
        let _bomb = bomb("the body");
        g.spawn(super::fails(10, "first"));
        pending::<Result<(), _>>().await
    });
    let error = error.await.unwrap_err();
    assert_eq!(errors(&error), ["first"]);
    let mut all = messages(&error);
    all.sort_unstable();
    assert_eq!(all, ["aborted", "aborted", "the body"]);
}

#[bowerbird::test(clock = "virtual")]
async fn of_the_destructor_of_a_value_that_nobody_gets() {
    let error = task_group(async |g: Group| {
        g.spawn(super::fails(10, "first"));
        Ok(bomb("the value"))
    });
    let error = error.await.map(drop).unwrap_err();
    assert_eq!((errors(&error), messages(&error)), (vec!["first"], vec!["the value"]));
}

#[bowerbird::test(clock = "virtual")]
async fn of_the_destructor_of_an_error_is_its_holders_affair() {
    let error = task_group(async |g: TaskGroup<OnDrop<fn()>>| {
        let last: fn() = || panic!("the error");
        g.spawn(async move { Err::<(), _>(OnDrop::new(last)) });
        Ok(())
    });
    let error = error.await.unwrap_err();
    assert_eq!(panic_of(|| drop(error)), "the error");
    yield_now().await;
}

#[bowerbird::test(clock = "virtual")]
async fn of_a_payload_that_panics() {
    let error = task_group(async |g: Group| {
        g.spawn(async {
            let last: fn() = || panic!("the payload");
            if true {
                std::panic::panic_any(OnDrop::new(last));
            }
            Ok(())
        });
        Ok(())
    });
    let error = error.await.unwrap_err();
    assert_eq!(error.first().panic().unwrap().message(), None);
    assert_eq!(panic_of(|| drop(error)), "the payload");
}

#[test]
fn leave_the_runtime_whole() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            runtime.block_on(async {
                for _ in 0..100 {
                    let error = task_group(async |g: Group| {
                        g.max_concurrency(2);
                        for _ in 0..20 {
                            g.spawn(async {
                                yield_now().await;
                                if true {
                                    panic!("on purpose");
                                }
                                Ok(())
                            });
                        }
                        Ok(())
                    });
                    assert!(!error.await.unwrap_err().failures().is_empty());
                }
            });
            crate::stage::assert_serves(&runtime);
        }
    });
}
