//! Tests of races whose runners are woken by hand.

use super::{race, race_ok, race_staggered};
use crate::many::tests::{bench, polls, probe, probes, ready_now};
use std::{
    future::{Ready, pending, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    task::Poll,
    time::Duration,
};

#[test]
fn every_shape_can_race() {
    assert_eq!(ready_now(race((ready(1),))), 1);
    assert_eq!(ready_now(race((pending(), ready(2), pending()))), 2);
    let (steerings, futures) = probes(3);
    steerings[1].ready.set(true);
    let Ok(futures) = <[_; 3]>::try_from(futures) else { panic!("three") };
    assert_eq!(ready_now(race(futures)), 1);
    let (steerings, futures) = probes(100);
    steerings[77].ready.set(true);
    assert_eq!(ready_now(race(futures)), 77);
    let p = pending::<u8>;
    let twelve = (p(), p(), p(), p(), p(), p(), p(), p(), p(), p(), p(), ready(12));
    assert_eq!(ready_now(race(twelve)), 12);
}

#[test]
fn who_is_done_first_wins_and_the_others_are_dropped_before_that_is_known() {
    let (steerings, futures) = probes(3);
    let mut racing = bench(race(futures));
    assert!(racing.poll().is_pending());
    steerings[2].finish();
    steerings[0].finish();
    assert_eq!(racing.poll(), Poll::Ready(2));
    assert!(steerings.iter().all(|it| it.drops.get() == 1));
    assert_eq!(steerings[0].polls.get(), 1, "it came second");
}

#[test]
fn of_several_that_are_always_ready_each_wins_as_often() {
    let mut wins = [0; 4];
    for _ in 0..4_000 {
        wins[ready_now(race([0, 1, 2, 3].map(ready)))] += 1;
    }
    assert!(wins.iter().all(|it| (800..1_200).contains(it)), "{wins:?}");
    let mut first = 0;
    for _ in 0..1_000 {
        first += ready_now(race_ok((ready(Ok::<_, ()>(1)), ready(Ok(0))))).unwrap_or_default();
    }
    assert!((400..600).contains(&first), "{first}");
}

#[test]
fn a_wake_up_polls_one_runner() {
    const COUNT: usize = 1_000;
    let (steerings, futures) = probes(COUNT);
    let mut racing = bench(race(futures));
    assert!(racing.poll().is_pending());
    for steering in &steerings {
        steering.wake();
        assert_eq!(racing.woken(), 1);
        assert!(racing.poll().is_pending());
    }
    assert_eq!(polls(&steerings), 2 * COUNT);
}

#[test]
fn a_panic_ends_the_race() {
    let (steerings, futures) = probes(3);
    steerings[1].panics_in_poll.set(true);
    let mut racing = bench(race(futures));
    assert!(catch_unwind(AssertUnwindSafe(|| racing.poll())).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| racing.poll())).is_err());
    drop(racing);
    assert!(steerings.iter().all(|it| it.drops.get() == 1));
}

#[test]
fn a_race_of_nobody_is_refused_where_it_is_called() {
    let refused = catch_unwind(|| drop(race(Vec::<Ready<()>>::new())));
    let payload = refused.expect_err("nobody can win");
    assert_eq!(payload.downcast_ref(), Some(&"a race of no futures would never end"));
}

#[test]
fn the_first_success_wins_whoever_failed_before() {
    let (fast, failing) = probe(Err::<u8, &str>("no"));
    let (slow, winning) = probe(Ok::<u8, &str>(7));
    let (never, running) = probe(Ok::<u8, &str>(8));
    let mut racing = bench(race_ok([failing, winning, running]));
    assert!(racing.poll().is_pending());
    fast.finish();
    assert!(racing.poll().is_pending());
    slow.finish();
    assert_eq!(racing.poll(), Poll::Ready(Ok(7)));
    assert_eq!([fast.drops.get(), slow.drops.get(), never.drops.get()], [1, 1, 1]);
}

#[test]
fn when_none_succeeds_there_are_all_errors_in_order() {
    let (steerings, futures): (Vec<_>, Vec<_>) =
        ["a", "b", "c"].map(|text| probe(Err::<(), &str>(text))).into_iter().unzip();
    let mut racing = bench(race_ok(futures));
    assert!(racing.poll().is_pending());
    for steering in steerings.iter().rev() {
        steering.finish();
    }
    let Poll::Ready(Err(errors)) = racing.poll() else { panic!("all have failed") };
    assert_eq!(errors.as_slice(), ["a", "b", "c"]);
    assert_eq!(errors.iter().count(), 3);
    assert_eq!((&errors).into_iter().chain(errors.clone().iter()).count(), 6);
}

#[test]
fn errors_print_all_of_them() {
    let fail = |text: &'static str| ready(Err::<(), _>(std::io::Error::other(text)));
    let errors = ready_now(race_ok((fail("refused"), fail("timed out")))).expect_err("none");
    assert_eq!(errors.to_string(), "none of 2 succeeded: 0: refused; 1: timed out");
    assert_eq!(format!("{errors:#}"), "none of 2 succeeded:\n  0: refused\n  1: timed out");
    let boxed: Box<dyn std::error::Error + Send + Sync> = errors.into();
    assert!(boxed.source().is_none());
    let nothing = ready_now(race_ok(Vec::<Ready<Result<(), u8>>>::new())).expect_err("nothing");
    assert_eq!(nothing.to_string(), "there was nothing to try");
}

#[test]
fn attempts_are_made_one_after_the_other_and_only_as_they_are_needed() {
    let (steerings, futures): (Vec<_>, Vec<_>) =
        (0..3).map(|n| probe(if n == 1 { Ok(n) } else { Err(n) })).unzip();
    let mut made = 0;
    let attempts = futures.into_iter().map(|future| {
        made += 1;
        move || future
    });
    let mut racing = bench(race_staggered(attempts, Duration::MAX));
    steerings[0].ready.set(true);
    steerings[1].ready.set(true);
    let Poll::Ready(Ok(won)) = racing.poll() else { panic!("the second succeeds") };
    assert_eq!((won.value, won.index, won.errors), (1, 1, vec![(0, 0)]));
    assert!(catch_unwind(AssertUnwindSafe(|| racing.poll())).is_err());
    drop(racing);
    assert_eq!(made, 2);
    assert_eq!(steerings[2].polls.get(), 0);
}

#[test]
fn an_attempt_that_panics_ends_the_race_and_drops_each_once() {
    let (steerings, futures) = probes(2);
    steerings[0].panics_in_poll.set(true);
    let attempts = futures.into_iter().map(|future| {
        move || async move {
            future.await;
            Err::<(), ()>(())
        }
    });
    let mut racing = bench(race_staggered(attempts, Duration::MAX));
    assert!(catch_unwind(AssertUnwindSafe(|| racing.poll())).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| racing.poll())).is_err());
    drop(racing);
    assert!(steerings.iter().all(|it| it.drops.get() == 1));
}
