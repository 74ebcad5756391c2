//! `cancel`, which is no failure, and hides no cancellation from outside.

use super::{Group, OnDrop, endless, errors, fails, ms, naps, spawn_endless};
use crate::stage::Witness;
use bowerbird::{
    shield, task_group,
    time::{Instant, sleep, timeout},
    yield_now,
};
use std::future::pending;

#[bowerbird::test(clock = "virtual")]
async fn cancel_ends_the_children_and_gives_the_bodys_value() {
    let witness = Witness::default();
    let value = task_group(async |g: Group| {
        spawn_endless(&g, 10, &witness);
        sleep(ms(10)).await;
        g.cancel();
        g.cancel();
        assert!(g.is_cancelled());
        sleep(ms(10)).await; // the body goes on
        assert_eq!(witness.count(), 10);
        Ok(7)
    });
    assert_eq!(value.await.unwrap(), 7);
}

#[bowerbird::test(clock = "virtual")]
async fn cancel_from_a_child_ends_the_caller_too() {
    let (witness, group) = (
        Witness::default(),
        task_group(async |g: Group| {
            let (group, token) = (g.clone(), Witness::default().token());
            let child = g.spawn(async move {
                let _token = token;
                group.cancel();
                yield_now().await;
                unreachable!("it was aborted");
                #[expect(unreachable_code, reason = "gives the child its type")]
                Ok(())
            });
            Ok(child.await.unwrap_err().is_cancelled())
        }),
    );
    assert!(group.await.unwrap());
    assert_eq!(witness.count(), 0);
}

#[bowerbird::test(clock = "virtual")]
async fn before_any_child_and_after_all() {
    let late = task_group(async |g: Group| {
        g.cancel();
        Ok(g.spawn(async { Ok(1) }))
    });
    assert!(late.await.unwrap().await.unwrap_err().is_cancelled());
    let kept = task_group(async |g: Group| Ok(g)).await.unwrap();
    kept.cancel();
    assert!(kept.is_cancelled());
}

#[bowerbird::test(clock = "virtual")]
async fn a_handle_knows_why_the_group_takes_no_more_children() {
    let handle = task_group(async |g: Group| {
        assert_eq!(g.reason(), None);
        Ok(g)
    });
    assert_eq!(handle.await.unwrap().reason(), None, "it ended by itself");

    let (mut handle, mut child) = (None, None);
    let error = task_group(async |g: Group| {
        handle = Some(g.clone());
        child = g.spawn_named("fetch", fails(10, "no")).info();
        pending::<Result<(), _>>().await
    });
    assert_eq!(errors(&error.await.unwrap_err()), ["no"]);
    let reason = handle.unwrap().reason().unwrap();
    assert_eq!(*reason, *format!("{} failed", child.unwrap()));
}

#[bowerbird::test(clock = "virtual")]
async fn a_failure_after_cancel_is_a_failure() {
    let error = task_group(async |g: Group| {
        g.cancel();
        Err::<(), _>("the body")
    });
    assert_eq!(errors(&error.await.unwrap_err()), ["the body"]);

    let error = task_group(async |g: Group| {
        g.spawn(async {
            let _bomb = OnDrop::new(|| panic!("in a destructor"));
            pending::<Result<(), _>>().await
        });
        yield_now().await;
        g.cancel();
        pending::<Result<(), _>>().await // dropped: the group failed after all
    });
    let error = error.await.unwrap_err();
    assert_eq!(error.first().panic().unwrap().message(), Some("in a destructor"));
}

#[bowerbird::test(clock = "virtual")]
async fn until_cancelled_ends_early_and_lets_what_is_ready_win() {
    let start = Instant::now();
    let outcome = task_group(async |g: Group| {
        let group = g.clone();
        g.spawn(async move {
            sleep(ms(20)).await;
            group.cancel();
            Ok(())
        });
        assert_eq!(g.until_cancelled(async { 1 }).await, Some(1));
        let cut = g.until_cancelled(sleep(ms(10_000))).await;
        assert_eq!(g.until_cancelled(async { 2 }).await, Some(2), "ready, so it wins");
        Ok(cut)
    });
    assert_eq!(outcome.await.unwrap(), None);
    assert_eq!(start.elapsed(), ms(20));
}

#[bowerbird::test(clock = "virtual")]
async fn an_outer_timeout_during_the_exit_is_not_lost() {
    // The exit takes 100 ms, because of a shield; the timeout comes in its midst.
    let start = Instant::now();
    let outcome = timeout(
        ms(50),
        task_group(async |g: Group| {
            drop(shield(sleep(ms(100))));
            spawn_endless(&g, 3, &Witness::default());
            sleep(ms(10)).await;
            g.cancel();
            Ok(7)
        }),
    );
    assert!(outcome.await.is_err(), "the timeout wins");
    assert_eq!(start.elapsed(), ms(50));

    // At the very moment of the timeout.
    let outcome = timeout(
        ms(50),
        task_group(async |g: Group| {
            drop(shield(sleep(ms(100))));
            sleep(ms(50)).await;
            g.cancel();
            Ok(7)
        }),
    );
    assert!(outcome.await.is_err());
}

#[bowerbird::test(clock = "virtual")]
async fn an_outer_abort_during_the_exit_is_not_lost() {
    let task = bowerbird::spawn(async {
        let value = task_group(async |g: Group| {
            drop(shield(sleep(ms(100))));
            g.cancel();
            Ok(7)
        });
        value.await
    });
    sleep(ms(10)).await;
    assert!(!task.is_finished());
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
}

#[bowerbird::test(clock = "virtual")]
async fn cancel_of_an_inner_group_leaves_the_outer_one_alone() {
    let outer = Witness::default();
    let value = task_group(async |g: Group| {
        let child = g.spawn(endless(outer.token()));
        let inner = task_group(async |h: Group| {
            spawn_endless(&h, 3, &Witness::default());
            h.cancel();
            Ok(1)
        });
        let value = inner.await.unwrap();
        sleep(ms(10)).await;
        assert!(!child.is_finished() && !g.is_cancelled());
        child.abort();
        Ok(value)
    });
    assert_eq!(value.await.unwrap(), 1);
}

#[bowerbird::test(clock = "virtual")]
async fn cancel_of_an_outer_group_ends_the_inner_one_in_a_child() {
    let witness = Witness::default();
    let start = Instant::now();
    task_group(async |g: Group| {
        let theirs = witness.clone();
        g.spawn(async move {
            task_group(async |h: Group| {
                spawn_endless(&h, 3, &theirs);
                Ok(())
            })
            .await
            .map_err(|_| "the inner group")
        });
        g.spawn(naps(5));
        sleep(ms(10)).await;
        g.cancel();
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(witness.count(), 3, "grandchildren have ended, too");
    assert_eq!(start.elapsed(), ms(10));
}

#[bowerbird::test(clock = "virtual")]
async fn a_timeout_in_the_body_is_the_bodys_affair() {
    let value = task_group(async |g: Group| {
        let child = g.spawn(async {
            sleep(ms(100)).await;
            Ok(5)
        });
        let cut = timeout(ms(10), pending::<()>()).await;
        assert!(cut.is_err());
        Ok(child.await.unwrap())
    });
    assert_eq!(value.await.unwrap(), 5);
    let error = task_group(async |g: Group| {
        g.spawn(async { timeout(ms(10), pending::<()>()).await.map_err(|_| "too slow") });
        Ok(())
    });
    assert_eq!(errors(&error.await.unwrap_err()), ["too slow"]);
    let error = timeout(
        ms(20),
        task_group(async |g: Group| {
            g.spawn(fails(10, "in time"));
            pending::<Result<(), _>>().await
        }),
    );
    assert_eq!(errors(&error.await.unwrap().unwrap_err()), ["in time"], "errors win");
}
