//! What goes on although nobody waits for it, and who waits all the same.

use super::{Group, OnDrop, errors, fails, ms};
use crate::stage::{Reports, Witness, limited};
use bowerbird::{
    gather,
    runtime::{Builder, Shutdown},
    shield, spawn, task_group,
    time::{Instant, sleep, timeout},
    yield_now,
};
use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

/// A task that takes 100 ms, and says whether it came to its end.
fn commit() -> (Arc<AtomicBool>, impl Future<Output = u32> + Send + 'static) {
    let done = Arc::new(AtomicBool::new(false));
    let theirs = done.clone();
    let work = async move {
        sleep(ms(100)).await;
        theirs.store(true, Relaxed);
        7
    };
    (done, work)
}

#[bowerbird::test(clock = "virtual")]
async fn it_gives_the_output() {
    assert_eq!(shield(async { 42 }).await.unwrap(), 42);
    assert_eq!(shield(gather((async { 1 }, async { 2 }))).await.unwrap(), (1, 2));
    let (a, b) = gather((shield(async { 1 }), shield(async { 2 }))).await;
    assert_eq!((a.unwrap(), b.unwrap()), (1, 2));
}

#[bowerbird::test(clock = "virtual")]
async fn it_starts_at_the_call_and_outlives_its_waiter() {
    let (done, work) = commit();
    let waiting = shield(work);
    yield_now().await;
    drop(waiting);
    sleep(ms(100)).await;
    assert!(done.load(Relaxed));

    let (done, work) = commit();
    let waiter = spawn(async { shield(work).await });
    sleep(ms(10)).await;
    waiter.abort();
    assert!(waiter.await.unwrap_err().is_cancelled());
    sleep(ms(100)).await;
    assert!(done.load(Relaxed));
}

#[bowerbird::test(clock = "virtual")]
async fn one_that_is_aborted_tells() {
    let witness = Witness::default();
    let token = witness.token();
    let shielded = shield(async move {
        let _token = token;
        pending::<()>().await;
    });
    yield_now().await;
    shielded.abort_handle().abort();
    assert!(shielded.await.unwrap_err().is_cancelled());
    assert_eq!(witness.count(), 1);
}

#[test]
fn a_panic_goes_to_the_waiter_or_is_reported_once() {
    limited(|| {
        let reports = Reports::default();
        let builder = Builder::new_current_thread().paused_clock().on_unhandled(reports.hook());
        let runtime = builder.build().unwrap();
        runtime.block_on(async {
            let error = shield(async { panic!("heard") }).await.unwrap_err();
            assert!(error.is_panic());
            drop(shield(async {
                sleep(ms(10)).await;
                panic!("unheard")
            }));
            sleep(ms(20)).await;
        });
        let reports = reports.texts();
        assert_eq!(reports.len(), 1, "{reports:?}");
        assert!(reports[0].contains("unheard"), "{reports:?}");
    });
}

#[test]
fn the_end_of_the_runtime_ends_it() {
    limited(|| {
        let runtime = Builder::new_current_thread().build().unwrap();
        let witness = Witness::default();
        let token = witness.token();
        runtime.block_on(async {
            drop(shield(async move {
                let _token = token;
                pending::<()>().await;
            }));
            yield_now().await;
        });
        assert!(runtime.shutdown(Shutdown::default()).is_clean());
        assert_eq!(witness.count(), 1);
    });
}

#[bowerbird::test(clock = "virtual")]
async fn a_group_waits_for_what_its_body_shields() {
    let (done, work) = commit();
    let value = task_group(async |_: Group| {
        drop(shield(work));
        Ok(1)
    });
    assert_eq!(value.await.unwrap(), 1);
    assert!(done.load(Relaxed));
}

#[bowerbird::test(clock = "virtual")]
async fn a_group_that_fails_or_is_cancelled_waits_too() {
    let (done, work) = commit();
    let error = task_group(async |g: Group| {
        g.spawn(async {
            shield(work).await.unwrap();
            unreachable!("it was aborted meanwhile");
            #[expect(unreachable_code, reason = "gives the child its type")]
            Ok(())
        });
        g.spawn(fails(10, "no"));
        Ok(())
    });
    assert_eq!(errors(&error.await.unwrap_err()), ["no"]);
    assert!(done.load(Relaxed));

    let (done, work) = commit();
    task_group(async |g: Group| {
        g.spawn(async { shield(work).await.map_err(|_| "cut") });
        sleep(ms(10)).await;
        g.cancel();
        Ok(())
    })
    .await
    .unwrap();
    assert!(done.load(Relaxed));
}

#[bowerbird::test(clock = "virtual")]
async fn in_a_destructor_it_belongs_to_the_group_as_well() {
    for is_in_body in [true, false] {
        let (done, work) = commit();
        let farewell = OnDrop::new(move || drop(shield(work)));
        let error = task_group(async |g: Group| {
            let endless = async move {
                let _farewell = farewell;
                pending::<Result<(), _>>().await
            };
            g.spawn(fails(10, "no"));
            match is_in_body {
                true => endless.await,
                false => g.spawn(endless).await.map_err(|_| "the sibling"),
            }
        });
        assert_eq!(errors(&error.await.unwrap_err()), ["no"]);
        assert!(done.load(Relaxed));
    }
}

#[bowerbird::test(clock = "virtual")]
async fn the_innermost_group_waits() {
    let start = Instant::now();
    task_group(async |g: Group| {
        let (_, work) = commit();
        let inner = task_group(async |_: Group| {
            drop(shield(work));
            Ok(())
        });
        inner.await.unwrap();
        assert_eq!(start.elapsed(), ms(100), "the inner group did");
        let (done, work) = commit();
        drop(shield(work));
        assert_eq!((g.len(), done.load(Relaxed)), (1, false), "now it is the outer one's");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(start.elapsed(), ms(200));
}

#[bowerbird::test(clock = "virtual")]
async fn a_shield_in_a_shield_and_in_a_plain_task() {
    let start = Instant::now();
    let (done, work) = commit();
    task_group(async |_: Group| {
        drop(shield(async {
            sleep(ms(10)).await;
            drop(shield(work));
        }));
        Ok(())
    })
    .await
    .unwrap();
    assert!(done.load(Relaxed));
    assert_eq!(start.elapsed(), ms(110));

    // A task that is no child is in no group, wherever it was spawned.
    let (done, work) = commit();
    task_group(async |_: Group| {
        spawn(async { drop(shield(work)) }).await.unwrap();
        Ok(())
    })
    .await
    .unwrap();
    assert!(!done.load(Relaxed));
}

#[test]
fn a_runtime_inside_a_child_is_not_in_its_group() {
    limited(|| {
        let runtime = Builder::new_current_thread().build().unwrap();
        let inner = Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            task_group(async |g: Group| {
                g.spawn(async move {
                    inner.block_on(async {
                        drop(shield(pending::<()>()));
                    });
                    // Else the group would wait for a task of a runtime that is gone.
                    drop(shield(async {}));
                    bowerbird::block_in_place(move || drop(inner));
                    Ok(())
                });
                Ok(())
            })
            .await
            .unwrap();
        });
    });
}

#[bowerbird::test(clock = "virtual")]
async fn a_timeout_around_a_shield_cuts_the_wait_only() {
    let (done, work) = commit();
    task_group(async |_: Group| {
        assert!(timeout(ms(10), shield(work)).await.is_err());
        assert!(!done.load(Relaxed));
        Ok(())
    })
    .await
    .unwrap();
    assert!(done.load(Relaxed));
}
