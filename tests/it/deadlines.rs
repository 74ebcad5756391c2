//! By when the code that runs has to be done: what the limits around it say.

use crate::stage::{limited, multi, panic_of, poll_once};
use bowerbird::{
    gather, spawn,
    sync::{Event, Notify},
    task::effective_deadline,
    testing::clock,
    time::{Duration, Instant, sleep, timeout, timeout_at, timeout_scope, with_deadline},
    yield_now,
};
use std::{
    cell::Cell,
    future::{Future, pending},
    pin::Pin,
    sync::Arc,
};

const SECOND: Duration = Duration::from_secs(1);

/// So many seconds from now.
fn ahead(seconds: u32) -> Instant {
    Instant::now() + seconds * SECOND
}

#[bowerbird::test(clock = "virtual")]
async fn the_effective_deadline_is_the_nearest_one_around() {
    assert_eq!(effective_deadline(), None);
    let outer = timeout(5 * SECOND, async {
        assert_eq!(effective_deadline(), Some(ahead(5)));
        let soon = ahead(1);
        let inner = timeout_at(soon, async { effective_deadline() }).await;
        assert_eq!(inner, Ok(Some(soon)));
        let later = timeout(9 * SECOND, async { effective_deadline() }).await;
        assert_eq!(later, Ok(Some(ahead(5))), "an outer one counts, too");
        let endless = timeout(Duration::MAX, async { effective_deadline() }).await;
        assert_eq!(endless, Ok(Some(ahead(5))));
        let deadline = ahead(5);
        sleep(SECOND).await;
        assert_eq!(effective_deadline(), Some(deadline), "it stays where it was");
    });
    outer.await.unwrap();
    assert_eq!(effective_deadline(), None);
    let endless = timeout(Duration::MAX, async { effective_deadline() }).await;
    assert_eq!(endless, Ok(None));
}

#[bowerbird::test(clock = "virtual")]
async fn a_deadline_that_was_asked_for_is_the_one_that_counts() {
    let start = Instant::now();
    let asked = Cell::new(None);
    let limited = timeout(5 * SECOND, async {
        asked.set(effective_deadline());
        clock::advance(SECOND);
        assert_eq!(effective_deadline(), asked.get());
        pending::<()>().await;
    });
    assert!(limited.await.is_err());
    assert_eq!(asked.get(), Some(start + 5 * SECOND));
    assert_eq!(start.elapsed(), 5 * SECOND);
}

#[bowerbird::test(clock = "virtual")]
async fn a_deadline_that_has_moved_counts_where_it_is() {
    let outer = timeout_scope(5 * SECOND, async |t| {
        assert_eq!(effective_deadline(), Some(ahead(5)));
        t.reset(9 * SECOND);
        assert_eq!(effective_deadline(), Some(ahead(9)));
        yield_now().await;
        assert_eq!(effective_deadline(), Some(ahead(9)));
        t.disable();
        assert_eq!(effective_deadline(), None);
        timeout(3 * SECOND, async {
            t.reset(SECOND);
            assert_eq!(effective_deadline(), Some(ahead(1)), "from inside another one");
            t.reset(4 * SECOND);
            assert_eq!(effective_deadline(), Some(ahead(3)));
        })
        .await
        .unwrap();
        assert_eq!(effective_deadline(), Some(ahead(4)));
    });
    outer.await.unwrap();
}

#[bowerbird::test(clock = "virtual")]
async fn branches_of_one_task_have_each_their_own_deadline() {
    let ask = |seconds: u32| async move {
        for _ in 0..3 {
            timeout(seconds * SECOND, async move {
                let deadline = ahead(seconds);
                yield_now().await;
                assert_eq!(effective_deadline(), Some(deadline));
            })
            .await
            .unwrap();
        }
    };
    gather((ask(1), ask(2), ask(3), async { assert_eq!(effective_deadline(), None) })).await;
}

#[bowerbird::test(clock = "virtual")]
async fn a_task_has_no_deadline_but_what_is_handed_on() {
    let all = timeout(5 * SECOND, async {
        let deadline = effective_deadline();
        let (event, theirs) = (Arc::new(Event::new()), Arc::new(Notify::new()));
        let alone = spawn(async { effective_deadline() });
        assert_eq!(alone.await.unwrap(), None);
        let (set, notify) = (event.clone(), theirs.clone());
        let child = spawn(with_deadline(deadline, async move {
            notify.notified().await;
            let nearer = timeout(SECOND, async { effective_deadline() }).await;
            set.set();
            (effective_deadline(), nearer)
        }));
        theirs.notify_one();
        event.wait().await;
        assert_eq!(child.await.unwrap(), (deadline, Ok(Some(ahead(1)))));
    });
    all.await.unwrap();
    assert_eq!(with_deadline(None, async { effective_deadline() }).await, None);
}

#[test]
fn a_runtime_within_a_poll_has_deadlines_of_its_own() {
    limited(|| {
        let (outer, inner) = (multi(1), multi(1));
        let seen = outer.block_on(async move {
            let seen = timeout(5 * SECOND, async {
                let seen = bowerbird::block_in_place(|| {
                    inner.block_on(async {
                        let without = effective_deadline();
                        let within = timeout(9 * SECOND, async { effective_deadline() }).await;
                        (without, within.unwrap().map(|it| it > ahead(8)))
                    })
                });
                assert!(effective_deadline().is_some(), "it is there again");
                seen
            });
            let seen = seen.await.unwrap();
            bowerbird::block_in_place(|| drop(inner));
            seen
        });
        assert_eq!(seen, (None, Some(true)));
    });
}

#[bowerbird::test(clock = "virtual")]
async fn limits_may_lie_in_one_another_however_deep() {
    fn nested(left: u32) -> Pin<Box<dyn Future<Output = Option<Instant>>>> {
        match left {
            0 => Box::pin(async { effective_deadline() }),
            _ => Box::pin(async move { timeout(left * SECOND, nested(left - 1)).await.unwrap() }),
        }
    }
    assert_eq!(nested(20).await, Some(ahead(1)));
    let deep = nested(100).await.unwrap();
    assert!(deep >= ahead(1) && deep <= ahead(100), "the innermost ones are not told");
    assert_eq!(effective_deadline(), None);
}

#[bowerbird::test(clock = "virtual")]
async fn a_panic_leaves_no_deadline_behind() {
    let task = spawn(async {
        let mut limited = Box::pin(timeout(SECOND, async { panic!("on purpose") }));
        let text = panic_of(|| poll_once::<_>(&mut limited).is_ready());
        assert_eq!(text, "on purpose");
        effective_deadline()
    });
    assert_eq!(task.await.unwrap(), None);
}
