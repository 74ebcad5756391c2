//! Who is polled, who is chosen, and what becomes of the others.

use super::{now, poll_once};
use bowerbird::{
    runtime::Builder,
    select, spawn,
    sync::{mpsc, oneshot},
    time::sleep,
    yield_now,
};
use std::{
    cell::{Cell, RefCell},
    future::{pending, poll_fn, ready},
    pin::pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};

#[bowerbird::test]
async fn only_the_first_that_is_ready_runs() {
    let count = Cell::new(0);
    let count_up = async |it: i32| {
        count.set(count.get() + 1);
        it
    };
    let chosen = select! { a = count_up(1) => a, b = count_up(2) => b };
    assert_eq!(count.get(), 1);
    assert!(chosen == 1 || chosen == 2);
}

#[bowerbird::test]
async fn a_future_may_own_and_drop_what_is_around() {
    let text = "hello".to_owned();
    let length = select! { n = async { let n = text.len(); drop(text); n } => n };
    assert_eq!(length, 5);
}

#[bowerbird::test]
async fn whoever_is_ready_is_chosen() {
    let (tx, rx) = oneshot::channel();
    let (_never, waits) = oneshot::channel::<u8>();
    tx.send(1).unwrap();
    let one = select! {
        it = rx => it.unwrap(),
        _ = waits => unreachable!(),
    };
    assert_eq!(one, 1);
}

#[bowerbird::test]
async fn channels_are_read_until_all_are_closed() {
    let ((tx1, mut rx1), (tx2, mut rx2)) = (mpsc::channel(1), mpsc::channel(1));
    drop(spawn(async move {
        tx2.send(1).await.unwrap();
        yield_now().await;
        tx1.send(2).await.unwrap();
        tx2.send(3).await.unwrap();
    }));
    let mut messages = vec![];
    loop {
        select! {
            Some(it) = rx1.recv() => messages.push(it),
            Some(it) = rx2.recv() => { messages.push(it); }
            else => break,
        }
    }
    messages.sort_unstable();
    assert_eq!(messages, [1, 2, 3]);
}

#[bowerbird::test]
async fn what_was_lent_goes_on_after_the_select() {
    let ((tx1, mut rx1), (tx2, mut rx2)) = (oneshot::channel(), oneshot::channel());
    tx1.send(1).unwrap();
    tx2.send(2).unwrap();
    let sum = select! {
        a = &mut rx1 => a.unwrap() + rx2.await.unwrap(),
        b = &mut rx2 => b.unwrap() + rx1.await.unwrap(),
    };
    assert_eq!(sum, 3);
}

#[bowerbird::test(clock = "virtual")]
async fn a_loop_with_a_timer_and_a_task_by_reference() {
    let mut task = spawn(async {
        sleep(Duration::from_secs(5)).await;
        7
    });
    let mut ticks = 0;
    let mut tick = pin!(sleep(Duration::from_secs(2)));
    let output = loop {
        select! {
            output = &mut task => break output.unwrap(),
            () = &mut tick => {
                ticks += 1;
                tick.set(sleep(Duration::from_secs(2)));
            }
        }
    };
    assert_eq!((output, ticks), (7, 2));
}

#[bowerbird::test]
async fn handlers_may_use_what_the_futures_borrowed() {
    async fn borrows(_: &mut i32) {}
    async fn gives(value: &mut Vec<i32>) -> &mut i32 {
        value.push(1);
        &mut value[0]
    }
    let mut value = 234;
    select! {
        _ = borrows(&mut value) => {}
        _ = ready(()) => { value += 5; }
        else => { value += 27; }
    }
    assert!(value >= 234);

    let mut list = vec![];
    select! {
        biased;
        it = gives(&mut list) => { *it += 1; list.push(7); }
        _ = ready(()) => list.push(3),
    }
    assert_eq!(list, [2, 7]);
}

/// Says when it is dropped.
struct Noisy<'a>(&'a RefCell<Vec<&'static str>>, &'static str);

impl Drop for Noisy<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().push(self.1);
    }
}

#[bowerbird::test]
async fn all_futures_are_dropped_in_order_before_the_handler_runs() {
    let log = RefCell::new(vec![]);
    let waits = async |name| {
        let _noisy = Noisy(&log, name);
        pending::<()>().await;
    };
    let done = async |name| drop(Noisy(&log, name));
    let refuses = async |name| {
        let noisy = Noisy(&log, name);
        move || drop(noisy)
    };
    select! {
        biased;
        _ = waits("first") => {}
        _ = waits("second") => {}
        _ = done("chosen") => log.borrow_mut().push("handler"),
        it = refuses("not asked") => it(),
    }
    assert_eq!(log.take(), ["chosen", "first", "second", "handler"]);

    // The handler has the output for itself, until its end.
    select! { _noisy = ready(Noisy(&log, "output")) => log.borrow_mut().push("handler") }
    assert_eq!(log.take(), ["handler", "output"]);
}

#[bowerbird::test]
async fn an_output_that_does_not_match_is_dropped_and_the_branch_disabled() {
    let log = RefCell::new(vec![]);
    select! {
        biased;
        (_noisy, 1) = ready((Noisy(&log, "refused"), 2)) => unreachable!(),
        _ = async {} => log.borrow_mut().push("handler"),
    }
    assert_eq!(log.take(), ["refused", "handler"]);
}

#[test]
fn a_branch_that_did_not_match_is_not_polled_again() {
    let (tx, rx) = oneshot::channel();
    let mut was_polled = false;
    let fragile = poll_fn(|_| {
        assert!(!was_polled, "polled after its end");
        was_polled = true;
        Poll::Ready(None::<()>)
    });
    let mut select = pin!(async {
        select! {
            Some(()) = fragile => unreachable!(),
            it = rx => it.unwrap(),
        }
    });
    assert!(poll_once(select.as_mut()).is_pending());
    assert!(poll_once(select.as_mut()).is_pending());
    tx.send(1).unwrap();
    assert_eq!(poll_once(select.as_mut()), Poll::Ready(1));
}

#[test]
fn a_branch_whose_condition_is_false_is_made_and_not_polled() {
    let (tx, rx) = oneshot::channel();
    let made = Cell::new(false);
    let make = || {
        made.set(true);
        poll_fn(|_| -> Poll<()> { panic!("polled") })
    };
    let mut select = pin!(async {
        select! {
            _ = make(), if false => unreachable!(),
            _ = rx => (),
        }
    });
    assert!(poll_once(select.as_mut()).is_pending());
    assert!(made.get());
    tx.send(()).unwrap();
    assert!(poll_once(select.as_mut()).is_ready());
}

#[bowerbird::test]
async fn conditions_are_asked_before_any_future_is_made() {
    let log = RefCell::new(vec![]);
    let note = |name| {
        log.borrow_mut().push(name);
        true
    };
    select! {
        biased;
        _ = ready(note("future 0")), if note("condition 0") => {}
        _ = ready(note("future 1")), if !note("condition 1") => {}
    }
    assert_eq!(log.take(), ["condition 0", "condition 1", "future 0", "future 1"]);
}

#[bowerbird::test]
async fn conditions_join_two() {
    let ((tx1, mut rx1), (tx2, mut rx2)) = (oneshot::channel(), oneshot::channel());
    drop(spawn(async move {
        tx1.send(123).unwrap();
        yield_now().await;
        tx2.send(456).unwrap();
    }));
    let (mut a, mut b) = (None, None);
    while a.is_none() || b.is_none() {
        select! {
            it = &mut rx1, if a.is_none() => a = Some(it.unwrap()),
            it = &mut rx2, if b.is_none() => b = Some(it.unwrap())
        }
    }
    assert_eq!((a, b), (Some(123), Some(456)));
}

#[bowerbird::test]
async fn a_timer_may_be_disabled() {
    select! {
        _ = sleep(Duration::from_millis(10)), if false => panic!("it is disabled"),
        _ = async { 1 } => {}
    }
    select! {
        biased;
        _ = sleep(Duration::from_millis(10)), if false => panic!("it is disabled"),
        _ = async { 1 } => {}
    }
}

#[test]
#[should_panic(expected = "all branches of this `select!` are disabled, and there is no `else`")]
fn without_else_all_disabled_is_a_panic() {
    now(async {
        select! {
            Some(()) = ready(None) => (),
            _ = pending::<()>(), if false => (),
        }
    });
}

#[bowerbird::test]
async fn else_runs_when_the_last_branch_is_disabled() {
    let which = select! {
        Some(it) = async { yield_now().await; None } => it,
        1 = ready(2) => 1,
        else => 7,
    };
    assert_eq!(which, 7);
}

#[bowerbird::test]
async fn biased_asks_in_the_written_order() {
    let (_never, rx1) = oneshot::channel::<i32>();
    for _ in 0..50 {
        let rx1 = async { pending::<()>().await };
        let it = select! {
            biased;
            _ = rx1 => unreachable!(),
            it = ready(2) => it,
            _ = ready(3) => unreachable!(),
        };
        assert_eq!(it, 2);
    }
    let mut polls = vec![];
    let mut rx1 = pin!(rx1);
    select! {
        biased;
        _ = &mut rx1 => {}
        _ = poll_fn(|_| { polls.push(1); Poll::<()>::Pending }) => {}
        _ = ready(()) => {}
    }
    assert_eq!(polls, [1]);
}

#[bowerbird::test]
async fn biased_with_conditions_goes_through_all() {
    let (mut one, mut two, mut three) =
        (pin!(async {}), pin!(async { yield_now().await }), pin!(async { yield_now().await }));
    let mut count = 0_u8;
    loop {
        select! {
            biased;
            _ = &mut two, if count < 2 => {
                count += 1;
                assert_eq!(count, 2);
            }
            _ = &mut three, if count < 3 => {
                count += 1;
                assert_eq!(count, 3);
            }
            _ = &mut one, if count < 1 => {
                count += 1;
                assert_eq!(count, 1);
            }
            else => break,
        }
    }
    assert_eq!(count, 3);
}

#[bowerbird::test]
async fn each_ready_branch_is_chosen_about_equally_often() {
    let mut hits = [0; 4];
    for _ in 0..3_000 {
        select! {
            _ = ready(()) => hits[0] += 1,
            _ = ready(()), if false => hits[1] += 1,
            _ = ready(()) => hits[2] += 1,
            _ = ready(()) => hits[3] += 1,
        }
    }
    assert_eq!(hits[1], 0);
    assert!([0, 2, 3].iter().all(|&it| (850..1_150).contains(&hits[it])), "{hits:?}");
}

#[test]
fn a_seed_repeats_all_choices() {
    async fn pick() -> u32 {
        select! {
            it = ready(0) => it,
            it = ready(1) => it,
            it = ready(2) => it,
            it = ready(3) => it,
            it = ready(4) => it,
            it = ready(5) => it,
            it = ready(6) => it,
            it = ready(7) => it,
        }
    }
    let picks = async || {
        let mut picks = vec![];
        for _ in 0..20 {
            picks.push(pick().await);
        }
        picks
    };
    let on_one = |seed| {
        let runtime = Builder::new_current_thread().seed(seed).build().unwrap();
        runtime.block_on(picks())
    };
    assert_eq!(on_one(7), on_one(7));
    assert_ne!(on_one(7), on_one(8));
    let on_worker = |seed| {
        let builder = Builder::new_multi_thread().worker_threads(1).seed(seed);
        builder.run(async { spawn(async move { picks().await }).await.unwrap() }).unwrap()
    };
    assert_eq!(on_worker(7), on_worker(7));
}

#[bowerbird::test]
async fn a_loop_that_is_always_ready_starves_nobody() {
    let turns = Rc::new(Cell::new(0));
    let counter = turns.clone();
    let neighbour = bowerbird::spawn_local(async move {
        loop {
            counter.set(counter.get() + 1);
            yield_now().await;
        }
    });
    for _ in 0..10_000 {
        select! {
            _ = ready(()) => {}
            _ = async {} => {}
        }
    }
    for _ in 0..10_000 {
        select! { 1 = ready(2) => {}, else => {} }
    }
    // 128 operations a poll.
    assert!(turns.get() > 100, "{}", turns.get());
    neighbour.abort();
}

#[test]
fn a_spent_budget_is_respected() {
    use bowerbird::sync::coop;
    let select = || async {
        select! {
            biased;
            () = bowerbird::consume_budget() => {}
            () = ready(()) => {}
        }
    };
    let _budget = coop::enter(3);
    // Each spends a unit for the operation, and one for the choice if it is left.
    assert!(poll_once(pin!(select())).is_ready());
    assert!(poll_once(pin!(select())).is_ready());
    assert!(poll_once(pin!(select())).is_pending());
}
