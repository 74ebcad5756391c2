//! Tests of [`gather`](super::gather) with children that are woken by hand.

use super::{gather, try_gather};
use crate::many::tests::{bench, polls, probe, probes, ready_now};
use proptest::prelude::*;
use std::{
    cell::Cell,
    future::{poll_fn, ready},
    marker::PhantomPinned,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::Ordering::SeqCst,
    task::Poll,
};
use sync::{coop, wait_site};

#[test]
fn outputs_come_in_order_from_every_shape() {
    ready_now(gather(()));
    assert_eq!(ready_now(gather((ready(1),))), (1,));
    assert_eq!(ready_now(gather((ready(1), ready("two"), ready('3')))), (1, "two", '3'));
    assert_eq!(ready_now(gather([ready(1), ready(2)])), [1, 2]);
    assert_eq!(ready_now(gather(vec![ready(1), ready(2)])), [1, 2]);
    let none: [std::future::Ready<u8>; 0] = [];
    assert_eq!(ready_now(gather(none)), [0; 0]);
    assert_eq!(ready_now(gather(Vec::<std::future::Ready<()>>::new())), []);
    let r = ready::<u8>;
    let twelve = (r(0), r(1), r(2), r(3), r(4), r(5), r(6), r(7), r(8), r(9), r(10), r(11));
    assert_eq!(ready_now(gather(twelve)), (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
}

#[test]
fn try_gather_gives_all_values_or_the_first_error() {
    let good = |n: u8| ready(Ok::<u8, &str>(n));
    assert_eq!(ready_now(try_gather((good(1), ready(Ok::<char, &str>('2'))))), Ok((1, '2')));
    assert_eq!(ready_now(try_gather([good(1), good(2)])), Ok([1, 2]));
    assert_eq!(ready_now(try_gather(vec![good(1), good(2)])), Ok(vec![1, 2]));
    let bad = |text: &'static str| ready(Err::<u8, &str>(text));
    assert_eq!(ready_now(try_gather([good(1), bad("a"), bad("b")])), Err("a"));
    assert_eq!(ready_now(try_gather((good(1), bad("a")))), Err("a"));
}

#[test]
fn nothing_happens_until_polled() {
    let (steerings, futures) = probes(3);
    drop(gather(futures));
    assert_eq!(polls(&steerings), 0);
    assert!(steerings.iter().all(|it| it.drops.get() == 1));
}

#[test]
fn a_wake_up_polls_one_child() {
    const COUNT: usize = 10_000;
    let (steerings, futures) = probes(COUNT);
    let mut gathered = bench(gather(futures));
    assert!(gathered.poll().is_pending());
    assert_eq!(polls(&steerings), COUNT);
    for (index, steering) in steerings.iter().enumerate().rev() {
        steering.finish();
        assert_eq!(gathered.woken(), 1);
        match gathered.poll() {
            Poll::Pending => assert_ne!(index, 0),
            Poll::Ready(outputs) => assert!(outputs.into_iter().eq(0..COUNT)),
        }
    }
    assert_eq!(polls(&steerings), 2 * COUNT);
    assert!(steerings.iter().all(|it| it.drops.get() == 1));
}

#[test]
fn a_poll_without_a_wake_up_polls_nobody() {
    let (steerings, futures) = probes(3);
    let mut gathered = bench(gather(futures));
    for _ in 0..5 {
        assert!(gathered.poll().is_pending());
    }
    assert_eq!(polls(&steerings), 3);
}

#[test]
fn the_last_waker_polled_wins() {
    let (steering, future) = probe(());
    let mut gathered = bench(gather((future,)));
    assert!(gathered.poll().is_pending());
    let old = std::mem::take(&mut gathered.count);
    assert!(gathered.poll().is_pending());
    steering.finish();
    assert_eq!((old.take(), gathered.woken()), (0, 1));
    assert!(gathered.poll().is_ready());
}

#[test]
fn children_that_are_always_ready_yield_when_the_budget_is_spent() {
    let mut gathered = bench(gather((0..10_000).map(ready).collect::<Vec<_>>()));
    let mut turns = 0;
    loop {
        let _budget = coop::enter(coop::BUDGET_DEFAULT);
        turns += 1;
        if gathered.poll().is_ready() {
            break;
        }
        assert_eq!(gathered.woken(), 1, "a task that was interrupted is woken");
    }
    assert_eq!(turns, 10_000_usize.div_ceil(coop::BUDGET_DEFAULT as usize));
}

#[test]
fn a_child_that_eats_the_budget_does_not_starve_the_others() {
    let glutton = poll_fn(|cx| {
        while coop::poll_proceed(cx).map(coop::Progress::made).is_ready() {}
        Poll::<()>::Pending
    });
    let (steering, modest) = probe(());
    let mut gathered = bench(gather((glutton, modest)));
    for _ in 0..3 {
        let _budget = coop::enter(10);
        assert!(gathered.poll().is_pending());
    }
    assert!(steering.polls.get() > 0);
}

#[test]
fn a_budget_of_one_reaches_the_innermost_child() {
    let leaf = || poll_fn(|cx| coop::poll_proceed(cx).map(coop::Progress::made));
    let mut gathered = bench(gather([gather([leaf(), leaf()]), gather([leaf(), leaf()])]));
    let turns = (1..100).find(|_| {
        let _budget = coop::enter(1);
        gathered.poll().is_ready()
    });
    assert!(turns.is_some_and(|turns| turns <= 10), "{turns:?}");
}

#[test]
fn a_child_that_wakes_itself_is_polled_once_a_turn() {
    let polls = Cell::new(0);
    let restless = poll_fn(|cx| {
        polls.set(polls.get() + 1);
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    });
    let mut gathered = bench(gather([restless]));
    for turn in 1..10 {
        assert!(gathered.poll().is_pending());
        assert_eq!((polls.get(), gathered.woken() > 0), (turn, true));
    }
}

#[test]
fn what_an_interrupted_turn_left_over_is_polled_with_what_was_woken_since() {
    let (steerings, futures) = probes(4);
    let mut gathered = bench(gather(futures));
    {
        let _budget = coop::enter(2);
        assert!(gathered.poll().is_pending());
    }
    assert_eq!(gathered.woken(), 1);
    steerings[0].finish();
    assert_eq!(gathered.woken(), 1);
    // This poll is the answer to both wake-ups; it makes the turn of the first.
    assert!(gathered.poll().is_pending());
    assert_eq!(polls(&steerings), 4);
    assert_eq!(gathered.woken(), 1, "the second is not forgotten");
    assert!(gathered.poll().is_pending());
    assert_eq!(steerings[0].polls.get(), 2);
}

#[test]
fn the_first_error_drops_the_rest_before_it_returns() {
    let (slow, running) = probe(Ok::<(), &str>(()));
    let (fast, failing) = probe(Err::<(), &str>("no"));
    let (done, kept) = probe(Ok::<(), &str>(()));
    done.ready.set(true);
    let mut gathered = bench(try_gather([running, failing, kept]));
    assert!(gathered.poll().is_pending());
    fast.finish();
    assert_eq!(gathered.poll(), Poll::Ready(Err("no")));
    assert_eq!([slow.drops.get(), fast.drops.get(), done.drops.get()], [1, 1, 1]);
}

#[test]
fn a_future_is_dropped_when_it_is_done() {
    let (steerings, futures) = probes(2);
    steerings[0].ready.set(true);
    let mut gathered = bench(gather(futures));
    assert!(gathered.poll().is_pending());
    assert_eq!((steerings[0].drops.get(), steerings[1].drops.get()), (1, 0));
}

#[test]
fn a_late_wake_of_a_child_that_is_done_changes_nothing() {
    let (steerings, futures) = probes(2);
    let mut gathered = bench(gather(futures));
    assert!(gathered.poll().is_pending());
    let late = steerings[0].waker.borrow().clone().expect("polled");
    steerings[0].finish();
    assert!(gathered.poll().is_pending());
    gathered.woken();
    late.wake_by_ref();
    assert_eq!(gathered.woken(), 0);
    steerings[1].finish();
    assert!(gathered.poll().is_ready());
    drop(gathered);
    late.wake();
}

#[test]
fn a_panic_in_a_poll_ends_all_and_drops_each_once() {
    let (steerings, futures) = probes(3);
    steerings[1].panics_in_poll.set(true);
    let mut gathered = bench(gather(futures));
    assert!(catch_unwind(AssertUnwindSafe(|| gathered.poll())).is_err());
    let again = catch_unwind(AssertUnwindSafe(|| gathered.poll()));
    let message = again.expect_err("it is over").downcast::<String>().expect("a message");
    assert!(message.starts_with("polled after its end: what was called at src/gather/tests.rs"));
    drop(gathered);
    assert!(steerings.iter().all(|it| it.drops.get() == 1));
}

#[test]
fn a_panic_in_the_drop_of_a_child_drops_the_others_once() {
    let (steerings, futures) = probes(3);
    steerings[1].ready.set(true);
    steerings[1].panics_in_drop.set(true);
    let mut gathered = bench(gather(futures));
    assert!(catch_unwind(AssertUnwindSafe(|| gathered.poll())).is_err());
    drop(gathered);
    assert!(steerings.iter().all(|it| it.drops.get() == 1));

    let (steerings, futures) = probes(3);
    steerings[0].panics_in_drop.set(true);
    let mut gathered = bench(gather(futures));
    assert!(gathered.poll().is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(gathered))).is_err());
    assert!(steerings.iter().all(|it| it.drops.get() == 1));
}

#[test]
fn polled_after_its_end_it_panics() {
    let mut gathered = bench(gather([ready(1)]));
    assert!(gathered.poll().is_ready());
    assert!(catch_unwind(AssertUnwindSafe(|| gathered.poll())).is_err());
}

#[test]
fn a_task_says_that_it_waits_for_one_of_several() {
    let record = wait_site::Record::new();
    let (_steerings, futures) = probes(2);
    let mut gathered = bench(gather(futures));
    {
        #[expect(unsafe_code, reason = "the guard ends before the record")]
        // SAFETY: the guard is dropped at the end of this block, the record later.
        let _entered = unsafe { wait_site::enter(&record) };
        assert!(gathered.poll().is_pending());
    }
    let site = record.read().expect("something is waited for");
    assert_eq!(site.kind, wait_site::Kind::OneOf);
    assert!(site.location.is_some_and(|it| it.file().ends_with("gather/tests.rs")));
}

#[test]
fn gathers_nest() {
    let (steerings, futures) = probes(4);
    let mut futures = futures.into_iter();
    let mut pair = || gather([futures.next().expect("four"), futures.next().expect("four")]);
    let mut gathered = bench(gather((pair(), pair())));
    assert!(gathered.poll().is_pending());
    for steering in &steerings {
        steering.finish();
        assert_eq!(gathered.woken(), 1);
        if let Poll::Ready(outputs) = gathered.poll() {
            assert_eq!(outputs, ([0, 1], [2, 3]));
        }
    }
    assert_eq!(polls(&steerings), 8);
}

#[test]
fn futures_may_borrow_and_outputs_need_not_be_unpin() {
    let text = String::from("bower");
    let (length, _) = ready_now(gather((async { text.len() }, async { PhantomPinned })));
    assert_eq!(length, text.len());
    fn is_send<T: Send>(_: &T) {}
    fn is_unpin<T: Unpin>(_: &T) {}
    is_send(&gather((async { 1 }, async { 2 })));
    is_unpin(&gather(vec![async { 1 }]));
}

/// One step of a random schedule.
#[derive(Clone, Copy, Debug)]
enum Step {
    Wake(usize),
    Finish(usize),
    Poll(u32),
}

fn steps(children: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..children).prop_map(Step::Wake),
        (0..children).prop_map(Step::Finish),
        (1..8_u32).prop_map(Step::Poll),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    /// Whatever the order of wakes, ends, polls and budgets: a task that polls
    /// when woken and only then reaches the end, and no child is polled more
    /// often than it was woken, once more at the start.
    #[test]
    fn no_wake_is_lost_and_none_is_made_up(steps in steps(5)) {
        let (steerings, futures) = probes(5);
        let mut wakes = [1_usize; 5];
        let mut gathered = bench(gather(futures));
        gathered.count.0.store(1, SeqCst);
        let mut outputs = None;
        let finish_all = (0..5).map(Step::Finish).chain((0..40).map(|_| Step::Poll(3)));
        for step in steps.into_iter().chain(finish_all) {
            match step {
                Step::Wake(child) | Step::Finish(child)
                    if steerings[child].waker.borrow().is_some() =>
                {
                    wakes[child] += 1;
                    steerings[child].ready.set(matches!(step, Step::Finish(_)) || steerings[child].ready.get());
                    steerings[child].wake();
                }
                Step::Finish(child) => steerings[child].ready.set(true),
                Step::Wake(_) => (),
                Step::Poll(budget) => {
                    if outputs.is_none() && gathered.woken() > 0 {
                        let _budget = coop::enter(budget);
                        if let Poll::Ready(all) = gathered.poll() {
                            outputs = Some(all);
                        }
                    }
                }
            }
        }
        prop_assert_eq!(outputs, Some(vec![0, 1, 2, 3, 4]));
        for (steering, wakes) in steerings.iter().zip(wakes) {
            prop_assert!(steering.polls.get() <= wakes);
            prop_assert_eq!(steering.drops.get(), 1);
        }
    }
}
