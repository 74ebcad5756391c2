//! Tokens and deferred values between tasks: who is told, when, and what dumps say.

use crate::stage::{flavors, limited};
use bowerbird::{
    gather,
    runtime::Handle,
    spawn,
    sync::{CancellationToken, Deferred, mpsc},
    task::{Builder, WaitKind},
    time::{Duration, sleep, timeout},
    yield_now,
};
use std::panic::Location;

#[test]
fn cancelling_a_root_ends_the_tasks_of_all_descendants() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            runtime.block_on(async {
                let root = CancellationToken::new();
                let tasks: Vec<_> = (0..100)
                    .map(|number| {
                        let token = if number % 2 == 0 { root.clone() } else { root.child_token() };
                        let token = token.child_token();
                        spawn(async move {
                            token.cancelled().await;
                            token.reason()
                        })
                    })
                    .collect();
                yield_now().await;
                root.cancel_with("shutdown");
                for reason in gather(tasks).await {
                    assert_eq!(reason.unwrap().as_deref(), Some("shutdown"));
                }
            });
        }
    });
}

#[test]
fn a_deferred_value_reaches_tasks_on_all_workers() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            runtime.block_on(async {
                let answer = Deferred::new();
                let tasks: Vec<_> = (0..100).map(|_| spawn(answer.clone().into_future())).collect();
                let early = answer.clone();
                let setter = spawn(async move { early.set(42) });
                for value in gather(tasks).await {
                    assert_eq!(value.unwrap().unwrap(), 42);
                }
                assert_eq!(setter.await.unwrap(), Ok(()));
                assert_eq!(answer.set(43).unwrap_err().into_inner(), 43);
            });
        }
    });
}

#[bowerbird::test]
async fn a_task_that_panics_before_it_sets_cancels_who_waits() {
    let answer = Deferred::<u32>::new();
    let guard = answer.cancel_on_drop();
    let task = spawn(async move {
        let _guard = guard;
        yield_now().await;
        panic!("on the way");
    });
    assert!((&answer).await.unwrap_err().is_cancelled());
    assert!(task.await.unwrap_err().is_panic());

    let answer = Deferred::<u32>::new();
    let guard = answer.cancel_on_drop();
    let task = spawn(async move {
        let _guard = guard;
        std::future::pending::<()>().await;
    });
    task.abort();
    assert!(answer.await.unwrap_err().is_cancelled());
}

#[bowerbird::test(clock = "virtual")]
async fn a_message_that_comes_with_the_cancellation_is_not_lost() {
    let (sender, mut receiver) = mpsc::channel(1);
    let token = CancellationToken::new();
    let theirs = token.clone();
    spawn(async move {
        sleep(Duration::from_millis(1)).await;
        theirs.cancel();
        sender.send(7).await.unwrap();
    });
    // Both have come when it is polled again.
    assert_eq!(token.run_until_cancelled(receiver.recv()).await, Some(Some(7)));
    assert_eq!(token.run_until_cancelled(receiver.recv()).await, None);
}

#[bowerbird::test(clock = "virtual")]
async fn a_timeout_of_work_that_is_cancelled_in_time_does_not_elapse() {
    let token = CancellationToken::new();
    let theirs = token.clone();
    spawn(async move {
        sleep(Duration::from_secs(1)).await;
        theirs.cancel_with("enough");
    });
    let work = token.run_until_cancelled(sleep(Duration::from_secs(3)));
    assert_eq!(timeout(Duration::from_secs(2), work).await, Ok(None));
    let late = Deferred::<u32>::new();
    assert!(timeout(Duration::from_secs(2), late.wait()).await.is_err());
    late.set(7).unwrap();
    assert_eq!(late.await.unwrap(), 7);
}

#[bowerbird::test]
async fn a_dump_says_which_token_and_which_value_a_task_waits_for() {
    let (token, value) = (CancellationToken::new(), Deferred::<u32>::new());
    let here = Location::caller();
    let (waited, theirs) = (token.clone(), value.clone());
    let tasks = [
        Builder::new().name("token").spawn(async move { waited.cancelled().await }),
        Builder::new().name("value").spawn(async move { drop((&theirs).await) }),
    ];
    let site = |name: &str| {
        let infos = Handle::current().tasks();
        infos.iter().find(|it| it.name.as_deref() == Some(name))?.waits_for
    };
    for (name, kind, lines) in [("token", WaitKind::Cancelled, 3), ("value", WaitKind::Deferred, 4)]
    {
        while site(name).is_none() {
            yield_now().await;
        }
        let site = site(name).unwrap();
        let location = site.location.unwrap();
        assert_eq!(site.kind, kind);
        assert_eq!((location.file(), location.line()), (here.file(), here.line() + lines));
    }
    token.cancel();
    value.cancel();
    for task in tasks {
        task.await.unwrap();
    }
}
