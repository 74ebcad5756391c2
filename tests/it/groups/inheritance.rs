//! What children hear of their group's end and of its deadline.

use super::{Group, fails, ms};
use crate::stage::Witness;
use bowerbird::{
    JoinHandle, shield,
    task::{JoinError, effective_deadline},
    task_group,
    time::{Instant, sleep, timeout},
    yield_now,
};
use std::future::pending;

fn stays(g: &Group) -> JoinHandle<()> {
    g.spawn_named("stays", pending())
}

#[track_caller]
fn assert_reason(error: &JoinError, reason: &str) {
    assert_eq!(error.reason(), Some(reason));
    let text = error.to_string();
    assert!(text.ends_with(&format!(" was cancelled: {reason}")), "{text}");
}

#[bowerbird::test(clock = "virtual")]
async fn siblings_of_a_failed_child_are_told_who_failed() {
    let (mut sibling, mut failed, mut group) = (None, None, None);
    let error = task_group(async |g: Group| {
        sibling = Some(stays(&g));
        failed = Some(g.spawn_named("fetch", fails(10, "no")));
        group = Some(g);
        pending::<Result<(), _>>().await
    });
    let error = error.await.unwrap_err();
    let reason = format!("{} failed", error.first().task.as_ref().unwrap());
    assert!(reason.starts_with("task `fetch` #"), "{reason}");
    assert_reason(&sibling.unwrap().await.unwrap_err(), &reason);
    assert_reason(&failed.unwrap().await.unwrap_err(), "its error went to its group");
    let late = group.unwrap().spawn(async { Ok(()) });
    assert_reason(&late.await.unwrap_err(), &reason);
}

#[bowerbird::test(clock = "virtual")]
async fn of_a_panic_too() {
    let (mut sibling, mut bomb, mut closure) = (None, None, None);
    let error = task_group(async |g: Group| {
        sibling = Some(stays(&g));
        yield_now().await;
        bomb = Some(g.spawn(async {
            if true {
                panic!("on purpose");
            }
            Ok(())
        }));
        pending::<Result<(), _>>().await
    });
    assert!(error.await.is_err());
    assert_reason(&bomb.unwrap().await.unwrap_err(), "its panic went to its group");
    let error = sibling.unwrap().await.unwrap_err();
    assert!(error.reason().unwrap().ends_with(" panicked"), "{error}");

    let error = task_group(async |g: Group| {
        closure = Some(g.spawn_blocking(|| Err::<(), _>("no")));
        pending::<Result<(), _>>().await
    });
    assert!(error.await.is_err());
    assert!(closure.unwrap().await.unwrap_err().reason().is_some());
}

#[bowerbird::test(clock = "virtual")]
async fn children_of_a_cancelled_group_are_told_why() {
    task_group(async |g: Group| {
        // One that waits, one that has not been polled.
        let waits = stays(&g);
        yield_now().await;
        let fresh = stays(&g);
        g.cancel_with("the user said so");
        for child in [waits, fresh, stays(&g)] {
            assert_reason(&child.await.unwrap_err(), "the user said so");
        }
        Ok(())
    })
    .await
    .unwrap();
    task_group(async |g: Group| {
        let child = stays(&g);
        yield_now().await;
        g.cancel();
        assert_reason(&child.await.unwrap_err(), "the group was cancelled");
        Ok(())
    })
    .await
    .unwrap();
}

#[bowerbird::test(clock = "virtual")]
async fn those_of_a_group_that_was_dropped_or_is_over_as_well() {
    let (mut child, mut group) = (None, None);
    let cut = timeout(
        ms(10),
        task_group(async |g: Group| {
            child = Some(stays(&g));
            group = Some(g);
            pending::<Result<(), _>>().await
        }),
    );
    assert!(cut.await.is_err());
    let (reason, group) = ("the group's future was dropped", group.unwrap());
    assert_reason(&child.unwrap().await.unwrap_err(), reason);
    assert_reason(&stays(&group).await.unwrap_err(), reason);
    assert_eq!(group.reason().as_deref(), Some(reason));

    let over = task_group(async |g: Group| Ok(g)).await.unwrap();
    assert_reason(&stays(&over).await.unwrap_err(), "the group is over");
}

#[bowerbird::test(clock = "virtual")]
async fn what_somebody_else_said_first_counts() {
    task_group(async |g: Group| {
        let child = stays(&g);
        yield_now().await;
        child.abort_with("not you");
        g.cancel_with("all of you");
        assert_reason(&child.await.unwrap_err(), "not you");
        Ok(())
    })
    .await
    .unwrap();
}

#[bowerbird::test(clock = "virtual")]
async fn children_inherit_the_deadline_of_their_group() {
    let deadline = Some(Instant::now() + ms(500));
    let group = task_group(async |g: Group| {
        let siblings = g.clone();
        let child = g.spawn(async move {
            let at_first = effective_deadline();
            sleep(ms(10)).await;
            let sibling = siblings.spawn(async { Ok(effective_deadline()) }).await;
            let inner = timeout(ms(50), async { effective_deadline() }).await;
            let nested = task_group(async |h: Group| {
                Ok(h.spawn(async { Ok(effective_deadline()) }).await.unwrap())
            });
            Ok((at_first, sibling.unwrap(), inner.unwrap(), nested.await.unwrap()))
        });
        // The children are not limited by what limits their spawn.
        let mut spawned = None;
        let spawn = async { spawned = Some(g.spawn(async { Ok(effective_deadline()) })) };
        timeout(ms(20), spawn).await.unwrap();
        let closure = g.spawn_blocking(|| Ok(effective_deadline()));
        assert_eq!(spawned.unwrap().await.unwrap(), deadline);
        assert_eq!(closure.await.unwrap(), deadline);
        let (at_first, sibling, inner, nested) = child.await.unwrap();
        assert_eq!([at_first, sibling, nested], [deadline; 3]);
        assert!(inner < deadline);
        Ok(())
    });
    timeout(ms(500), group).await.unwrap().unwrap();
}

#[bowerbird::test(clock = "virtual")]
async fn the_deadline_is_the_one_where_the_group_begins_to_run() {
    let start = Instant::now();
    let made =
        task_group(async |g: Group| Ok(g.spawn(async { Ok(effective_deadline()) }).await.unwrap()));
    sleep(ms(10)).await;
    let seen = timeout(ms(100), made).await.unwrap().unwrap();
    assert_eq!(seen, Some(start + ms(110)), "not where it was made");
}

#[bowerbird::test(clock = "virtual")]
async fn without_a_deadline_there_is_none_and_in_a_shield_neither() {
    task_group(async |g: Group| {
        assert_eq!(g.spawn(async { Ok(effective_deadline()) }).await.unwrap(), None);
        Ok(())
    })
    .await
    .unwrap();
    let witness = Witness::default();
    let shielded = timeout(ms(100), async { shield(async { effective_deadline() }).await });
    assert_eq!(shielded.await.unwrap().unwrap(), None, "nothing ends it then");
    let group = task_group(async |g: Group| {
        let token = witness.token();
        g.spawn(async {
            let _token = token;
            Ok(shield(async { effective_deadline() }).await.unwrap())
        })
        .await
        .map_err(|_| "cut")
    });
    assert_eq!(timeout(ms(100), group).await.unwrap().unwrap(), None);
}
