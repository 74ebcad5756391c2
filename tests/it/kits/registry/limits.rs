//! Limits of time, and what is done in time: under a clock that only steps move.

use super::{Case, Flag, Subject, tasks, timers};
use bowerbird::{
    JoinHandle,
    task::abort_and_join,
    time::{DelayQueue, Instant, every, sleep, timeout_join, timeout_scope, with_deadline},
};
use std::{
    cell::RefCell,
    future::{Future, pending},
    pin::Pin,
    rc::Rc,
    time::Duration,
};

pub(super) const ALL: &[Case] = &[
    Case { future: "reactor::time::deadline::WithDeadline", make: || scope(Ends::InTime) },
    Case { future: "reactor::time::deadline::WithDeadline", make: || scope(Ends::Late) },
    Case { future: "bowerbird::time::delay_queue::NextExpired", make: next_expired },
    Case { future: "bowerbird::time::join::TimeoutJoin", make: || timed_join(Ends::InTime) },
    Case { future: "bowerbird::time::join::TimeoutJoin", make: || timed_join(Ends::Late) },
    Case { future: "bowerbird::time::join::AbortAndJoin", make: aborting },
    Case { future: "bowerbird::time::periodic::Periodic", make: periodic },
];

const MS: Duration = Duration::from_millis(1);

#[derive(Clone, Copy, PartialEq)]
enum Ends {
    InTime,
    Late,
}

/// Two scopes, one in the other, whose deadlines move.
fn scope(ends: Ends) -> Subject {
    timers::timed(move || async move {
        let deadline = Some(Instant::now() + 10 * MS);
        let scoped = timeout_scope(5 * MS, async |outer| {
            let inner = timeout_scope(2 * MS, async |inner| {
                outer.extend(5 * MS);
                inner.reset_at(Instant::now() + 8 * MS);
                match ends {
                    Ends::InTime => sleep(7 * MS).await,
                    Ends::Late => pending().await,
                }
            });
            inner.await
        });
        let result = with_deadline(deadline, scoped).await;
        // A waker may move the clock.
        assert!(ends == Ends::InTime || !matches!(result, Ok(Ok(()))));
    })
}

/// Values that nobody has heard of are still there.
fn next_expired() -> Subject {
    let stage = timers::Stage::enter();
    let queue = Rc::new(RefCell::new(DelayQueue::new()));
    let heard = Rc::new(RefCell::new(vec![]));
    for n in 1..=2 {
        queue.borrow_mut().insert(n, n * 4 * MS);
    }
    let (theirs, hears) = (queue.clone(), heard.clone());
    #[expect(clippy::await_holding_refcell_ref, reason = "lent to the future, which ends first")]
    let future = Box::pin(async move {
        while let Some(expired) = theirs.borrow_mut().next().await {
            hears.borrow_mut().push(expired.into_inner());
        }
    });
    let clock = stage.clone();
    let step = Rc::new(move || clock.0.advance(3 * MS));
    let check = Box::new(move || {
        let mut queue = queue.borrow_mut();
        assert_eq!(heard.borrow().len() + queue.len(), 2, "a value is lost");
        assert!(heard.borrow().is_sorted());
        queue.clear();
        stage.check();
    });
    Subject { future, step, check }
}

/// A task that takes 10 ms, and one that waits for it: 20 ms, or 5.
fn timed_join(ends: Ends) -> Subject {
    let limit = match ends {
        Ends::InTime => 20 * MS,
        Ends::Late => 5 * MS,
    };
    joined(Aborts::Always, move |task| {
        let joined = timeout_join(limit, task);
        async move {
            let result = joined.await;
            // A waker may move the clock.
            assert!(ends == Ends::InTime || !matches!(result, Ok(Err(_))));
        }
    })
}

/// It is aborted as soon as somebody waits.
fn aborting() -> Subject {
    joined(Aborts::WhenPolled, |task| async move {
        let result = abort_and_join(task, 5 * MS).await;
        assert!(result.is_ok(), "{result:?}");
    })
}

/// Runs all tasks until they wait, and then for some of their time.
fn advance(stage: &tasks::Stage) {
    stage.play(async { sleep(4 * MS).await });
}

/// Whether who is dropped has ended its task, too.
#[derive(Clone, Copy, PartialEq)]
enum Aborts {
    Always,
    WhenPolled,
}

fn joined<F: Future<Output = ()> + 'static>(
    aborts: Aborts,
    make: impl FnOnce(JoinHandle<()>) -> F,
) -> Subject {
    let stage = tasks::Stage::paused();
    let task = stage.runtime.spawn(sleep(10 * MS));
    let (task_ends, polled) = (task.abort_handle(), Flag::default());
    let is_polled = polled.clone();
    let mut inner = Box::pin(make(task));
    let entered = stage.clone();
    let future = Box::pin(std::future::poll_fn(move |cx| {
        is_polled.set();
        let _runtime = entered.runtime.enter();
        Pin::new(&mut inner).as_mut().poll(cx)
    }));
    let theirs = stage.clone();
    let step = Rc::new(move || advance(&theirs));
    let check = Box::new(move || {
        advance(&stage);
        let is_over = task_ends.info().is_none();
        let is_expected = aborts == Aborts::Always || polled.get();
        assert!(is_over || !is_expected, "the task goes on");
    });
    Subject { future, step, check }
}

/// Its end may be waited for again.
fn periodic() -> Subject {
    let stage = tasks::Stage::paused();
    let periodic = {
        let _runtime = stage.runtime.enter();
        every(3 * MS).times(2).spawn(|| async {})
    };
    let (periodic, done) = (Rc::new(RefCell::new(periodic)), Flag::default());
    let (polled, is_done) = (periodic.clone(), done.clone());
    let future = Box::pin(async move {
        std::future::poll_fn(|cx| Pin::new(&mut *polled.borrow_mut()).poll(cx)).await;
        is_done.set();
    });
    let theirs = stage.clone();
    let step = Rc::new(move || advance(&theirs));
    let check = Box::new(move || {
        let mut periodic = periodic.borrow_mut();
        if !done.get() {
            stage.runtime.block_on(&mut *periodic);
        }
        assert_eq!((periodic.stats().runs, periodic.is_running()), (2, false));
    });
    Subject { future, step, check }
}
