//! Everything that needs a runtime, in every place: it works, or says what is wrong.

use crate::stage::{limited, multi, panic_of, poll_once};
use bowerbird::{
    block_in_place,
    runtime::{Builder, Handle, Runtime},
    spawn, spawn_blocking, spawn_local,
    task::current,
    time::{Duration, sleep},
    yield_now,
};
use std::{
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
    thread,
};

/// Something to do, by name; gives what came of it.
type Deed = (&'static str, fn() -> String);

/// What is done in each place.
const DEEDS: [Deed; 10] = [
    ("spawn", || seen(spawn(async {}).id().is_some())),
    ("spawn_local", || seen(spawn_local(async {}).id().is_some())),
    ("spawn_blocking", || seen(spawn_blocking(|| ()).id().is_some())),
    ("block_on", || format!("{}", Handle::current().block_on(async { 7 }))),
    ("block_in_place", || format!("{}", block_in_place(|| 7))),
    ("run", || format!("{}", bowerbird::run(async { 7 }))),
    ("Handle::current", || seen(Handle::current().id() != 0)),
    ("task::current", || seen(current().is_some())),
    ("sleep", || format!("{:?}", poll_once(&mut sleep(Duration::from_secs(3_600))))),
    ("a runtime of its own", || format!("{}", multi(1).block_on(async { 7 }))),
];

fn seen(is_there: bool) -> String {
    if is_there { "yes" } else { "no" }.to_owned()
}

/// Does everything, and notes what came of it: the start of the panic message, up
/// to the colon, if it panics.
fn table() -> String {
    let mut text = String::new();
    for (name, deed) in DEEDS {
        let outcome = catch_unwind(AssertUnwindSafe(deed)).unwrap_or_else(|payload| {
            let said = crate::stage::message(&*payload);
            // Where the call is made is not for this table.
            let said = said.split(" at tests").next().unwrap_or_default().to_owned();
            format!("panic: {}", said.split(": ").next().unwrap_or_default())
        });
        text += &format!("{name}: {outcome}\n");
    }
    text
}

#[track_caller]
fn assert_table(place: &str, table: &str, expected: &[&str; DEEDS.len()]) {
    let expected: String =
        DEEDS.iter().zip(expected).map(|(it, out)| format!("{}: {out}\n", it.0)).collect();
    assert_eq!(table, expected, "{place}");
}

const NESTED_RUN: &str = "panic: run was called inside a task";

/// Inside a task of a multi-thread runtime everything works but `run`.
const IN_TASK: [&str; 10] =
    ["yes", "yes", "yes", "7", "7", NESTED_RUN, "yes", "yes", "Pending", "7"];

#[test]
fn outside() {
    limited(|| {
        assert_table(
            "outside",
            &table(),
            &[
                "panic: spawn was called outside a runtime",
                "panic: spawn_local was called outside a runtime",
                "panic: spawn_blocking was called outside a runtime",
                "panic: Handle::current was called outside a runtime",
                "7",
                "7",
                "panic: Handle::current was called outside a runtime",
                "no",
                "panic: there is no reactor on this thread for the call",
                "7",
            ],
        );
    });
}

#[test]
fn in_a_task_of_a_worker() {
    limited(|| {
        for workers in [1, 4] {
            let task = multi(workers).block_on(async { spawn(async { table() }).await });
            assert_table("worker", &task.unwrap(), &IN_TASK);
        }
    });
}

#[test]
fn in_the_main_future_of_a_guest() {
    limited(|| {
        assert_table("guest", &multi(2).block_on(async { table() }), &IN_TASK);
        let local = multi(2).block_on(async { spawn_local(async { table() }).await });
        assert_table("local task of a guest", &local.unwrap(), &IN_TASK);
    });
}

#[test]
fn in_the_main_future_of_run() {
    limited(|| assert_table("run", &bowerbird::run(async { table() }), &IN_TASK));
}

#[test]
fn in_a_task_of_a_current_thread_runtime() {
    limited(|| {
        let mut expected = IN_TASK;
        expected[3] = "panic: block_on was called inside a task of the same current-thread \
                       runtime, which would wait for itself";
        let runtime = Builder::new_current_thread().build().unwrap();
        assert_table("main", &runtime.block_on(async { table() }), &expected);
        let task = runtime.block_on(async { spawn(async { table() }).await });
        assert_table("task", &task.unwrap(), &expected);
    });
}

/// A closure on the pool has no tasks of its own, and may run another program.
const ON_POOL: [&str; 10] = [
    "yes",
    "panic: spawn_local was called on a thread that runs no tasks of its own",
    "yes",
    "7",
    "7",
    "7",
    "yes",
    "yes",
    "Pending",
    "7",
];

#[test]
fn on_the_blocking_pool() {
    limited(|| {
        let table = multi(2).block_on(async { spawn_blocking(table).await });
        assert_table("pool", &table.unwrap(), &ON_POOL);
    });
}

#[test]
fn under_an_enter_guard() {
    limited(|| {
        let runtime = multi(2);
        let _entered = runtime.enter();
        let mut expected = ON_POOL;
        expected[7] = "no";
        assert_table("entered", &table(), &expected);
    });
}

/// Sends the table from a destructor.
struct Tells(mpsc::Sender<String>);

impl Drop for Tells {
    fn drop(&mut self) {
        // Whoever asked is gone if the test failed.
        let _ = self.0.send(table());
    }
}

#[test]
fn in_the_destructor_of_a_task_that_is_done() {
    limited(|| {
        let (sender, receiver) = mpsc::channel();
        let tells = Tells(sender);
        multi(1).block_on(async { spawn(async move { drop(tells) }).await.unwrap() });
        assert_table("drop in a poll", &receiver.recv().unwrap(), &IN_TASK);
    });
}

#[test]
fn in_the_destructor_of_a_task_that_is_aborted() {
    limited(|| {
        let (sender, receiver) = mpsc::channel();
        let tells = Tells(sender);
        multi(1).block_on(async {
            let task = spawn(async move {
                let _tells = tells;
                pending::<()>().await;
            });
            yield_now().await;
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        });
        assert_table("drop by an abort", &receiver.recv().unwrap(), &IN_TASK);
    });
}

/// What code finds whose runtime has ended.
const AT_THE_END: [&str; 10] = [
    "no",
    "no",
    "no",
    "panic: block_on was called on a runtime that has shut down",
    "7",
    "7",
    "yes",
    "no",
    "Pending",
    "7",
];

#[test]
fn in_the_destructor_of_a_task_that_the_end_cancels() {
    limited(|| {
        for builder in crate::stage::flavors() {
            let runtime: Runtime = builder.build().unwrap();
            let (sender, receiver) = mpsc::channel();
            let tells = Tells(sender);
            let started = runtime.spawn(async move {
                let _tells = tells;
                pending::<()>().await;
            });
            runtime.block_on(yield_now());
            drop(runtime);
            drop(started);
            // As in any destructor of a task, what is dropped can be told.
            let mut expected = AT_THE_END;
            expected[7] = "yes";
            assert_table("drop at the end", &receiver.recv().unwrap(), &expected);
        }
    });
}

#[test]
fn after_the_end() {
    limited(|| {
        for builder in crate::stage::flavors() {
            let runtime = builder.build().unwrap();
            let handle = runtime.handle().clone();
            drop(runtime);
            let other = thread::spawn(move || {
                let _entered = handle.enter();
                table()
            });
            assert_table("after the end", &other.join().unwrap(), &AT_THE_END);
        }
    });
}

#[test]
fn the_messages_say_what_to_do_instead() {
    limited(|| {
        let outside = panic_of(|| spawn(async {}));
        assert_eq!(
            outside,
            "spawn was called outside a runtime: call it inside `run`, `block_on` or a task, or \
             under `Handle::enter()`"
        );
        let line = line!() + 1;
        let outside = panic_of(|| poll_once(&mut sleep(Duration::from_secs(1))));
        assert!(outside.contains(&format!("{}:{line}", file!())), "{outside}");
        assert!(outside.contains("Handle::enter()"), "{outside}");
        let runtime = multi(1);
        let pool = runtime.spawn_blocking(|| panic_of(|| spawn_local(async {})));
        let pool = pool.join_blocking(None).unwrap().unwrap();
        assert!(pool.ends_with("call it inside `run`, `block_on` or a task"), "{pool}");
    });
}
