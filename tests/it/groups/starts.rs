//! `start`: children that say when they are ready.

use super::{Group, endless, errors, ms, naps};
use crate::stage::Witness;
use bowerbird::{
    task::Started,
    task_group,
    time::{Instant, sleep, timeout},
};
use std::{error::Error, future::pending};

#[bowerbird::test(clock = "virtual")]
async fn it_gives_the_value_when_the_child_is_ready_and_the_child_goes_on() {
    let start = Instant::now();
    let sum = task_group(async |g: Group| {
        let child = g.start(|started: Started<u32>| async move {
            sleep(ms(10)).await;
            started.set(40);
            sleep(ms(10)).await;
            Ok(2)
        });
        let (value, child) = child.await.unwrap();
        assert_eq!(start.elapsed(), ms(10));
        Ok(value + child.await.unwrap())
    });
    assert_eq!(sum.await.unwrap(), 42);
    assert_eq!(start.elapsed(), ms(20));
}

#[bowerbird::test(clock = "virtual")]
async fn a_child_that_ends_unready_is_heard_of() {
    task_group(async |g: Group| {
        let line = line!() + 1;
        let child = g.start(|_: Started<()>| naps(10));
        let error = child.await.map(drop).unwrap_err();
        assert_eq!(error.task().unwrap().spawned_at.unwrap().line(), line);
        let text = error.to_string();
        assert!(text.ends_with(") ended before it said that it was ready"), "{text}");
        assert!(error.source().is_none());
        Ok(())
    })
    .await
    .unwrap();
}

#[bowerbird::test(clock = "virtual")]
async fn one_that_fails_unready_fails_the_group() {
    let error = task_group(async |g: Group| {
        let child = g.start(|started: Started<()>| async {
            let _started = started;
            Err::<(), _>("no port")
        });
        child.await.map(drop).map_err(|_| "the body heard")?;
        Ok(())
    });
    let error = error.await.unwrap_err();
    assert_eq!(errors(&error)[0], "no port", "{error}");
}

#[bowerbird::test(clock = "virtual")]
async fn one_that_fails_later_fails_the_group() {
    let error = task_group(async |g: Group| {
        let child = g.start(|started: Started<()>| async {
            started.set(());
            sleep(ms(10)).await;
            Err::<(), _>("later")
        });
        child.await.unwrap();
        pending::<Result<(), _>>().await
    });
    assert_eq!(errors(&error.await.unwrap_err()), ["later"]);
}

#[bowerbird::test(clock = "virtual")]
async fn who_stops_waiting_aborts_the_child() {
    let witness = Witness::default();
    task_group(async |g: Group| {
        let token = witness.token();
        let child = g.start(|started: Started<()>| async {
            let _started = started;
            endless(token).await
        });
        assert!(timeout(ms(10), child).await.is_err());
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(witness.count(), 1, "otherwise the group would wait for ever");
}

#[bowerbird::test(clock = "virtual")]
async fn a_group_that_was_cancelled_starts_nobody() {
    task_group(async |g: Group| {
        g.cancel();
        let child = g.start(|started: Started<()>| async {
            started.set(());
            Ok(())
        });
        assert!(child.await.is_err());
        Ok(())
    })
    .await
    .unwrap();
}
