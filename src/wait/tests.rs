//! Tests of waits for futures that are woken by hand.

use super::{AllCompleted, FirstCompleted, FirstError, FirstMatch, Waited, wait};
use crate::many::tests::{Steering, bench, polls, probe, probes};
use std::{
    future::{Future, Ready, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};
use sync::coop;

/// Probes that may move, since their boxes may not.
fn boxed(count: usize) -> (Vec<Rc<Steering>>, Vec<Pin<Box<impl Future<Output = usize>>>>) {
    let (steerings, futures) = probes(count);
    (steerings, futures.into_iter().map(Box::pin).collect())
}

fn ended<T>(poll: Poll<T>) -> T {
    match poll {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("pending"),
    }
}

#[test]
fn the_first_ends_the_wait_and_the_others_are_given_back() {
    let (steerings, futures) = boxed(3);
    let mut waiting = bench(wait(futures, FirstCompleted));
    assert!(waiting.poll().is_pending());
    steerings[1].finish();
    let waited = ended(waiting.poll());
    assert_eq!(waited.done, [(1, 1)]);
    assert_eq!(waited.pending_keys(), [0, 2]);
    assert!(steerings.iter().map(|it| it.drops.get()).eq([0, 1, 0]));
    let again = catch_unwind(AssertUnwindSafe(|| waiting.poll()));
    assert!(again.is_err(), "it is over");
    drop(waited);
    assert!(steerings.iter().all(|it| it.drops.get() == 1));
}

#[test]
fn all_that_are_found_done_together_are_in_done_in_the_order_of_their_wakes() {
    let (steerings, futures) = boxed(5);
    let mut waiting = bench(wait(futures, FirstCompleted));
    assert!(waiting.poll().is_pending());
    for index in [3, 0, 4] {
        steerings[index].finish();
    }
    let waited = ended(waiting.poll());
    assert_eq!(waited.done_keys(), [3, 0, 4]);
    assert_eq!(waited.pending_keys(), [1, 2]);
}

#[test]
fn keys_outlive_every_wait() {
    let (steerings, futures) = boxed(6);
    for steering in &steerings[..2] {
        steering.ready.set(true);
    }
    let mut waited = ended(bench(wait(futures, FirstCompleted)).poll());
    assert_eq!(waited.done_keys(), [0, 1]);
    for index in [4, 2] {
        let Waited { done, pending } = waited;
        let mut waiting = bench(Waited { done, pending }.again(FirstCompleted));
        assert!(waiting.poll().is_pending());
        steerings[index].finish();
        waited = ended(waiting.poll());
    }
    assert_eq!(waited.done, [(0, 0), (1, 1), (4, 4), (2, 2)], "nothing was lost");
    assert_eq!(waited.pending_keys(), [3, 5]);
}

#[test]
fn what_was_done_before_does_not_end_a_wait_again() {
    let (steerings, futures) = boxed(2);
    steerings[0].ready.set(true);
    let waited = ended(bench(wait(futures, FirstCompleted)).poll());
    let mut waiting = bench(waited.again(FirstCompleted));
    assert!(waiting.poll().is_pending());
    steerings[1].finish();
    assert_eq!(ended(waiting.poll()).done_keys(), [0, 1]);
}

#[test]
fn a_wake_up_polls_one() {
    const COUNT: usize = 1_000;
    let (steerings, futures) = boxed(COUNT);
    let mut waiting = bench(wait(futures, AllCompleted));
    assert!(waiting.poll().is_pending());
    for (index, steering) in steerings.iter().enumerate() {
        steering.finish();
        assert_eq!(waiting.woken(), 1);
        assert_eq!(waiting.poll().is_ready(), index + 1 == COUNT);
    }
    assert_eq!(polls(&steerings), 2 * COUNT);
}

#[test]
fn nobody_is_waited_for_not_at_all() {
    let waited = ended(bench(wait(Vec::<Ready<()>>::new(), FirstCompleted)).poll());
    assert_eq!((waited.done.len(), waited.pending.len()), (0, 0));
    let waited = ended(bench(waited.again(AllCompleted)).poll());
    assert_eq!((waited.done.len(), waited.pending.len()), (0, 0));
}

#[test]
fn the_first_error_ends_the_wait_and_a_success_does_not() {
    let (good, succeeds) = probe(Ok::<u8, u8>(1));
    let (bad, fails) = probe(Err::<u8, u8>(2));
    let (_late, runs) = probe(Ok::<u8, u8>(3));
    let futures = [succeeds, fails, runs].map(Box::pin);
    let mut waiting = bench(wait(futures, FirstError));
    assert!(waiting.poll().is_pending());
    good.finish();
    assert!(waiting.poll().is_pending());
    bad.finish();
    let waited = ended(waiting.poll());
    assert_eq!(waited.done, [(0, Ok(1)), (1, Err(2))]);
    assert_eq!(waited.pending_keys(), [2]);
}

#[test]
fn without_an_error_all_are_waited_for() {
    let waited = ended(bench(wait([1, 2].map(|n| ready(Ok::<u8, u8>(n))), FirstError)).poll());
    assert_eq!(waited.done, [(0, Ok(1)), (1, Ok(2))]);
}

#[test]
fn the_first_that_matches_ends_the_wait() {
    let (steerings, futures) = boxed(4);
    steerings[0].ready.set(true);
    let mut waiting = bench(wait(futures, FirstCompleted).matching(|n| *n == 2));
    assert!(waiting.poll().is_pending());
    steerings[2].finish();
    let waited = ended(waiting.poll());
    assert_eq!((waited.done_keys(), waited.pending_keys()), (vec![0, 2], vec![1, 3]));
    let waited = ended(bench(wait([1, 2].map(ready), FirstMatch(|n: &u8| *n == 1))).poll());
    assert_eq!(waited.done_keys(), [0, 1]);
}

#[test]
fn no_time_at_all_asks_everybody_once() {
    let (steerings, futures) = boxed(1_000);
    steerings[999].ready.set(true);
    let mut waiting = bench(wait(futures, AllCompleted).timeout(Duration::ZERO));
    let waited = loop {
        let _budget = coop::enter(coop::BUDGET_DEFAULT);
        if let Poll::Ready(waited) = waiting.poll() {
            break waited;
        }
        assert_eq!(waiting.woken(), 1, "interrupted, not waiting");
    };
    assert_eq!((waited.done_keys(), waited.pending.len()), (vec![999], 999));
    assert_eq!(polls(&steerings), 1_000);
}

#[test]
fn a_wait_for_many_that_are_ready_yields_when_the_budget_is_spent() {
    let mut waiting = bench(wait((0..10_000).map(ready), AllCompleted));
    let mut turns = 0;
    let waited = loop {
        let _budget = coop::enter(coop::BUDGET_DEFAULT);
        turns += 1;
        if let Poll::Ready(waited) = waiting.poll() {
            break waited;
        }
        assert_eq!(waiting.woken(), 1);
    };
    assert_eq!(waited.done.len(), 10_000);
    assert_eq!(turns, 10_000_usize.div_ceil(coop::BUDGET_DEFAULT as usize));
}

#[test]
fn what_is_borrowed_stays_as_it_was() {
    let (steerings, mut futures) = boxed(3);
    {
        let mut waiting = bench(wait(futures.iter_mut(), FirstCompleted));
        assert!(waiting.poll().is_pending());
    }
    assert!(steerings.iter().all(|it| it.drops.get() == 0));
    steerings[0].ready.set(true);
    let waited = ended(bench(wait(futures.iter_mut(), FirstCompleted)).poll());
    assert_eq!(waited.done, [(0, 0)]);
    drop(waited);
    assert!(steerings.iter().all(|it| it.drops.get() == 0));
}

#[test]
fn a_panic_ends_the_wait_and_drops_each_once() {
    let (steerings, futures) = boxed(3);
    steerings[1].panics_in_poll.set(true);
    let mut waiting = bench(wait(futures, AllCompleted));
    assert!(catch_unwind(AssertUnwindSafe(|| waiting.poll())).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| waiting.poll())).is_err());
    drop(waiting);
    assert!(steerings.iter().all(|it| it.drops.get() == 1));
}

#[test]
fn it_is_send_if_its_tasks_are_and_prints() {
    fn is_send<T: Send>(_: &T) {}
    let waiting = wait([ready(1)], FirstCompleted);
    is_send(&waiting);
    assert!(format!("{waiting:?}").starts_with("Wait(0 done, 1 left, called at src/wait/tests.rs"));
    let waited = ended(bench(waiting).poll());
    assert_eq!(format!("{waited:?}"), "Waited { done: [(0, 1)], pending: [] }");
}
