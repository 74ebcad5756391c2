//! Tasks that are waited for so long and no longer, and closures that are called later.

use crate::stage::{Door, Opens, Reports, Witness, flavors, limited, lock, multi};
use bowerbird::{
    JoinHandle, block_in_place,
    runtime::{Builder, Runtime, Shutdown},
    spawn, spawn_blocking,
    sync::{Event, oneshot},
    task::{self, abort_and_join},
    time::{Duration, Instant, call_at, call_later, sleep, timeout, timeout_join},
    yield_now,
};
use std::{
    future::pending,
    sync::{Arc, Mutex, mpsc},
};

const SECOND: Duration = Duration::from_secs(1);

/// A task that is being polled until the door is open, and then gives 7.
async fn busy(runtime: &Runtime, door: &Door) -> JoinHandle<u32> {
    let (door, begun) = (door.clone(), Arc::new(Event::new()));
    let theirs = begun.clone();
    let task = runtime.spawn(async move {
        theirs.set();
        door.pass();
        7
    });
    begun.wait().await;
    task
}

#[bowerbird::test(clock = "virtual")]
async fn a_task_in_time_gives_its_output() {
    let start = Instant::now();
    let done = spawn(async { "done" });
    yield_now().await;
    assert!(done.is_finished());
    assert_eq!(timeout_join(Duration::ZERO, done).await.unwrap().unwrap(), "done");
    let task = spawn(async { "done" });
    assert_eq!(timeout_join(Duration::MAX, task).await.unwrap().unwrap(), "done");
    let (sender, receiver) = oneshot::channel();
    call_later(SECOND, move || sender.send("ok").unwrap());
    let task = spawn(receiver);
    assert_eq!(timeout_join(2 * SECOND, task).await.unwrap().unwrap(), Ok("ok"));
    assert_eq!(start.elapsed(), SECOND);
}

#[bowerbird::test(clock = "virtual")]
async fn a_task_that_takes_too_long_has_ended_when_that_is_told() {
    for limit in [Duration::ZERO, SECOND] {
        let (start, witness) = (Instant::now(), Witness::default());
        let token = witness.token();
        let task = spawn(async move {
            let _token = token;
            sleep(10 * SECOND).await;
        });
        yield_now().await;
        assert!(timeout_join(limit, task).await.is_err());
        assert_eq!(witness.count(), 1, "its destructors have run");
        assert_eq!(start.elapsed(), limit);
    }
}

#[bowerbird::test(clock = "virtual")]
async fn a_task_without_time_is_never_started() {
    let witness = Witness::default();
    let token = witness.token();
    let task = spawn(async move {
        let _token = token;
        unreachable!("its first poll comes after ours");
    });
    assert!(timeout_join(Duration::ZERO, task).await.is_err());
    assert_eq!(witness.count(), 1);
}

#[test]
fn one_that_finishes_while_it_is_aborted_gives_its_output() {
    limited(|| {
        let (runtime, door) = (multi(2), Door::default());
        let _opens = Opens(door.clone());
        runtime.block_on(async {
            let task = busy(&runtime, &door).await;
            let (witness, is_waiting) = (task.abort_handle(), door.clone());
            let joined = spawn(timeout_join(Duration::from_millis(1), task));
            while !witness.is_aborted() {
                sleep(Duration::from_millis(1)).await;
            }
            assert!(!joined.is_finished(), "it waits for the end, not for the abort");
            is_waiting.open();
            assert_eq!(joined.await.unwrap().unwrap().unwrap(), 7);
        });
    });
}

#[bowerbird::test(clock = "virtual")]
async fn a_panic_while_it_is_aborted_is_told() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in the cleanup");
        }
    }
    let task = spawn(async {
        let _bomb = Bomb;
        pending::<()>().await;
    });
    yield_now().await;
    let error = timeout_join(SECOND, task).await.unwrap().unwrap_err();
    assert!(error.is_panic() && error.to_string().contains("in the cleanup"), "{error}");
}

#[bowerbird::test(clock = "virtual")]
async fn a_failure_of_the_task_is_not_a_timeout() {
    let task = spawn(async { panic!("on purpose") });
    assert!(timeout_join(SECOND, task).await.unwrap().unwrap_err().is_panic());
    let task = spawn(pending::<()>());
    task.abort();
    assert!(timeout_join(SECOND, task).await.unwrap().unwrap_err().is_cancelled());
}

#[bowerbird::test(clock = "virtual")]
async fn who_stops_waiting_aborts_the_task() {
    for limit in [Duration::MAX, 60 * SECOND] {
        let witness = Witness::default();
        let token = witness.token();
        let task = spawn(async move {
            let _token = token;
            pending::<()>().await;
        });
        let waits = spawn(timeout_join(limit, task));
        yield_now().await;
        waits.abort();
        assert!(waits.await.unwrap_err().is_cancelled());
        yield_now().await;
        assert_eq!(witness.count(), 1);
    }
    let task = spawn(pending::<()>());
    let aborted = task.abort_handle();
    drop(timeout_join(SECOND, task));
    assert!(aborted.is_aborted(), "also if it was never polled");
}

#[bowerbird::test(clock = "virtual")]
async fn a_cancelled_wait_does_not_go_on_with_a_value_that_is_there() {
    let reached = Arc::new(Event::new());
    let theirs = reached.clone();
    let waits = spawn(async move {
        timeout_join(100 * SECOND, spawn(async {})).await.unwrap().unwrap();
        sleep(SECOND).await;
        theirs.set();
    });
    yield_now().await;
    waits.abort();
    assert!(waits.await.unwrap_err().is_cancelled());
    sleep(2 * SECOND).await;
    assert!(!reached.is_set());
}

#[bowerbird::test(clock = "virtual")]
async fn a_plain_timeout_leaves_the_task_alone() {
    let mut task = spawn(async {
        sleep(2 * SECOND).await;
        7
    });
    assert!(timeout(SECOND, &mut task).await.is_err());
    assert_eq!(timeout(2 * SECOND, &mut task).await.unwrap().unwrap(), 7);
}

#[bowerbird::test(clock = "virtual")]
async fn an_aborted_task_is_joined() {
    let witness = Witness::default();
    let token = witness.token();
    let task = spawn(async move {
        let _token = token;
        pending::<()>().await;
    });
    yield_now().await;
    let start = Instant::now();
    let error = abort_and_join(task, SECOND).await.unwrap().unwrap_err();
    assert!(error.is_cancelled());
    assert_eq!((witness.count(), start.elapsed()), (1, Duration::ZERO));
    let done = spawn(async { 7 });
    yield_now().await;
    assert_eq!(abort_and_join(done, Duration::ZERO).await.unwrap().unwrap(), 7);
}

#[test]
fn a_task_that_does_not_end_comes_back() {
    limited(|| {
        let (runtime, door) = (multi(2), Door::default());
        let _opens = Opens(door.clone());
        runtime.block_on(async {
            let task = busy(&runtime, &door).await;
            let id = task.id();
            let still = abort_and_join(task, Duration::from_millis(5)).await.unwrap_err();
            assert_eq!(still.task().map(|it| it.id), id);
            let text = still.to_string();
            assert!(text.contains("has not ended 5ms after it was aborted"), "{text}");
            assert!(text.contains(file!()) && text.contains("in the middle of a poll"), "{text}");
            door.open();
            assert_eq!(still.into_handle().await.unwrap(), 7);
        });
    });
}

#[test]
fn a_closure_that_does_not_end_comes_back() {
    limited(|| {
        let (runtime, door) = (multi(1), Door::default());
        let _opens = Opens(door.clone());
        runtime.block_on(async {
            let (theirs, begun) = (door.clone(), Arc::new(Event::new()));
            let set = begun.clone();
            let task = spawn_blocking(move || {
                set.set();
                theirs.pass();
                7
            });
            begun.wait().await;
            let still = abort_and_join(task, Duration::from_millis(5)).await.unwrap_err();
            assert!(
                still.to_string().ends_with("a closure that has started cannot be interrupted")
            );
            door.open();
            assert_eq!(still.into_handle().await.unwrap(), 7);
        });
    });
}

#[test]
fn one_behind_a_blocked_thread_tells_what_it_waited_for() {
    limited(|| {
        let (runtime, door) = (multi(2), Door::default());
        let _opens = Opens(door.clone());
        let handle = runtime.handle().clone();
        let (sender, receiver) = mpsc::channel();
        let theirs = door.clone();
        // Local tasks of a thread that blocks: nobody else may touch them.
        let guest = std::thread::spawn(move || {
            handle.block_on(async move {
                let local = task::Builder::new().name("local").spawn_local(sleep(60 * SECOND));
                yield_now().await;
                sender.send(local).unwrap();
                theirs.pass();
            });
        });
        let local = receiver.recv().unwrap();
        let still = runtime.block_on(abort_and_join(local, Duration::from_millis(5)));
        let text = still.unwrap_err().to_string();
        assert!(text.contains("`local`") && text.contains("waits for Timer"), "{text}");
        door.open();
        guest.join().unwrap();
    });
}

#[bowerbird::test(clock = "virtual")]
async fn nothing_is_aborted_before_the_first_poll() {
    let task = spawn(async {
        yield_now().await;
        7
    });
    let aborted = task.abort_handle();
    drop(abort_and_join(task, SECOND));
    assert!(!aborted.is_aborted());
}

#[test]
fn a_closure_is_called_once_at_its_time() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.paused_clock().build().unwrap();
            runtime.block_on(async {
                let (start, calls) = (Instant::now(), Arc::new(Mutex::new(vec![])));
                let note = |what: &'static str| {
                    let calls = calls.clone();
                    move || lock(&calls).push((what, start.elapsed()))
                };
                let later = call_later(2 * SECOND, note("later"));
                let soon = call_later(SECOND, note("soon"));
                let past = call_at(start - SECOND, note("past"));
                let never = call_later(Duration::MAX, note("never"));
                assert_eq!((soon.when(), past.when()), (start + SECOND, start - SECOND));
                assert!(!soon.is_done());
                sleep(3 * SECOND).await;
                assert!(later.is_done() && soon.is_done() && past.is_done());
                assert!(!never.is_done() && !never.is_cancelled());
                let expected = [("past", 0), ("soon", 1), ("later", 2)];
                let expected = expected.map(|(what, seconds)| (what, seconds * SECOND));
                assert_eq!(*lock(&calls), expected);
            });
        }
    });
}

#[bowerbird::test(clock = "virtual")]
async fn a_call_is_not_made_inside_of_the_one_that_asks_for_it() {
    let called = Arc::new(Event::new());
    let theirs = called.clone();
    call_later(Duration::ZERO, move || theirs.set());
    assert!(!called.is_set());
    called.wait().await;
}

#[bowerbird::test(clock = "virtual")]
async fn a_call_that_is_cancelled_in_time_is_never_made() {
    let witness = Witness::default();
    let token = witness.token();
    let timer = call_later(SECOND, move || {
        let _token = &token;
        unreachable!("it was cancelled");
    });
    let other = timer.clone();
    assert!(timer.cancel() && timer.cancel(), "it stays cancelled");
    assert!(other.is_cancelled() && !other.is_done());
    yield_now().await;
    assert_eq!(witness.count(), 1, "the closure does not stay until its time");
    sleep(2 * SECOND).await;
    let made = call_later(SECOND, || ());
    sleep(2 * SECOND).await;
    assert!(!made.cancel(), "too late");
    assert!(made.is_done() && !made.is_cancelled());
}

#[test]
fn a_call_that_has_begun_goes_on() {
    limited(|| {
        let (runtime, door) = (multi(2), Door::default());
        let _opens = Opens(door.clone());
        runtime.block_on(async {
            let (theirs, begun) = (door.clone(), Arc::new(Event::new()));
            let set = begun.clone();
            let timer = call_later(Duration::ZERO, move || {
                set.set();
                theirs.pass();
            });
            begun.wait().await;
            assert!(!timer.cancel());
            assert!(!timer.is_done() && !timer.is_cancelled());
            door.open();
            while !timer.is_done() {
                yield_now().await;
            }
        });
    });
}

#[bowerbird::test(clock = "virtual")]
async fn a_call_may_cancel_others_and_ask_for_more() {
    let (sender, receiver) = oneshot::channel();
    let victim = call_later(2 * SECOND, || unreachable!("it was cancelled"));
    let theirs = victim.clone();
    call_later(SECOND, move || {
        assert!(theirs.cancel());
        call_later(SECOND, move || sender.send(Instant::now()).unwrap());
    });
    let start = Instant::now();
    assert_eq!(receiver.await.unwrap() - start, 2 * SECOND);
    assert!(victim.is_cancelled());
}

#[test]
fn what_a_call_panics_with_is_reported() {
    limited(|| {
        let reports = Reports::default();
        let builder = Builder::new_current_thread().paused_clock().on_unhandled(reports.hook());
        let runtime = builder.build().unwrap();
        runtime.block_on(async {
            let timer = call_later(SECOND, || panic!("on purpose"));
            sleep(2 * SECOND).await;
            assert!(timer.is_done());
        });
        let texts = reports.texts();
        assert_eq!(texts.len(), 1, "{texts:?}");
        assert!(texts[0].contains("on purpose") && texts[0].contains(file!()), "{texts:?}");
    });
}

#[test]
fn a_call_that_the_runtime_does_not_live_to_make_is_cancelled() {
    limited(|| {
        let (runtime, witness) = (multi(1), Witness::default());
        let token = witness.token();
        let timer = runtime.block_on(async move { call_later(60 * SECOND, move || drop(token)) });
        assert!(runtime.shutdown(Shutdown::default()).is_clean());
        assert!(timer.is_cancelled() && !timer.is_done());
        assert_eq!(witness.count(), 1);
    });
}

#[bowerbird::test(worker_threads = 2)]
async fn calls_and_cancels_race_to_one_outcome() {
    for _ in 0..200 {
        let called = Arc::new(Event::new());
        let theirs = called.clone();
        let timer = call_later(Duration::from_micros(50), move || theirs.set());
        let was_in_time = block_in_place(|| timer.cancel());
        match was_in_time {
            true => assert!(!called.is_set()),
            false => called.wait().await,
        }
        yield_now().await;
        assert_eq!(called.is_set(), !was_in_time);
    }
}
