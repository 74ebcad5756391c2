//! Debug mode: tasks that wait for what they were given are reported, others are not.

use crate::stage::limited;
use bowerbird::{
    gather,
    runtime::{Builder, Handle, Unhandled},
    select, spawn,
    sync::{Event, Mutex, Semaphore},
    task,
    time::{sleep, timeout},
    yield_now,
};
use futures::{StreamExt, stream::FuturesUnordered};
use std::{
    env,
    future::{Future, pending, poll_fn},
    panic::Location,
    pin::{Pin, pin},
    process::Command,
    sync::{Arc, Mutex as StdMutex},
    task::Poll,
    time::Duration,
};

/// What a runtime reported.
#[derive(Clone, Default)]
struct Reports {
    all: Arc<StdMutex<Vec<Report>>>,
    came: Arc<Event>,
}

#[derive(Clone, Debug)]
struct Report {
    text: String,
    task: Option<Arc<str>>,
    granted: &'static Location<'static>,
    waiting: &'static Location<'static>,
}

impl Reports {
    fn hear(&self, what: &Unhandled) {
        let Unhandled::Futurelock { task, granted, waiting } = what else { panic!("{what}") };
        self.all.lock().unwrap().push(Report {
            text: what.to_string(),
            task: task.name.clone(),
            granted: granted.location.unwrap(),
            waiting: waiting.location.unwrap(),
        });
        self.came.set();
    }

    fn take(&self) -> Vec<Report> {
        std::mem::take(&mut self.all.lock().unwrap())
    }
}

/// Runtimes in debug mode, one after the other, and what they report.
fn in_debug_mode<F: Future<Output = ()>>(test: impl Fn(Reports) -> F + Send + 'static) {
    limited(move || {
        let builders = [
            Builder::new_current_thread().paused_clock(),
            Builder::new_multi_thread().worker_threads(2),
        ];
        for builder in builders {
            let reports = Reports::default();
            let theirs = reports.clone();
            let builder = builder.debug(true).on_unhandled(move |what| theirs.hear(what));
            builder.build().unwrap().block_on(test(reports.clone()));
            assert!(reports.take().is_empty(), "reported after the test");
        }
    });
}

/// A lock that another task holds until the event.
async fn held(lock: &Arc<Mutex<u32>>) -> Arc<Event> {
    let (lock, free) = (lock.clone(), Arc::new(Event::new()));
    let guard = lock.lock_owned().await;
    let until = free.clone();
    drop(spawn(async move {
        until.wait().await;
        drop(guard);
    }));
    free
}

/// Polls once: to stand in line.
async fn come<F: Future>(mut future: Pin<&mut F>) {
    poll_fn(|cx| {
        assert!(future.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}

/// What the RFD shows: a branch by reference keeps its place in the line, and the
/// handler of another stands behind it.
#[test]
fn a_branch_that_keeps_its_place_while_a_handler_locks_is_reported() {
    in_debug_mode(async |reports| {
        let lock = Arc::new(Mutex::new(0));
        let free = held(&lock).await;
        let (mine, is_stuck) = (lock.clone(), Arc::new(Event::new()));
        let stuck = is_stuck.clone();
        let task = task::Builder::new().name("stuck").spawn(async move {
            let mut first = pin!(mine.lock());
            select! {
                _ = &mut first => unreachable!(),
                () = sleep(Duration::from_millis(1)) => {
                    stuck.set();
                    *mine.lock().await += 1;
                }
            }
        });
        is_stuck.wait().await;
        // The grant comes while the task waits: it wakes the task, and that poll tells.
        free.set();
        reports.came.wait().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        let [report] = &reports.take()[..] else { panic!("once") };
        assert_eq!(report.task.as_deref(), Some("stuck"));
        assert!(report.granted.file().ends_with("debug.rs"));
        assert!(report.waiting.line() > report.granted.line() + 3);
        for part in ["`stuck`", "Mutex", "drop that", "by value"] {
            assert!(report.text.contains(part), "{part}: {}", report.text);
        }
        for place in [report.granted, report.waiting] {
            assert!(report.text.contains(&place.to_string()), "{place}: {}", report.text);
        }
    });
}

#[test]
fn so_is_one_that_was_granted_before_the_handler_locks() {
    in_debug_mode(async |reports| {
        let lock = Arc::new(Mutex::new(0));
        let guard = lock.lock().await;
        let mine = lock.clone();
        let go = Arc::new(Event::new());
        let (theirs, is_in_line) = (go.clone(), Arc::new(Event::new()));
        let in_line = is_in_line.clone();
        let task = spawn(async move {
            let mut first = pin!(mine.lock());
            come(first.as_mut()).await;
            in_line.set();
            theirs.wait().await;
            drop(mine.lock().await);
        });
        is_in_line.wait().await;
        // Granted, and the wake-up is over, when the drop returns.
        drop(guard);
        go.set();
        reports.came.wait().await;
        task.abort();
        assert!(task.await.is_err());
        assert_eq!(reports.take().len(), 1);
    });
}

#[test]
fn a_pair_is_reported_once_and_every_pair() {
    in_debug_mode(async |reports| {
        let permits = Arc::new(Semaphore::new(0));
        let (mine, is_in_line) = (permits.clone(), Arc::new(Event::new()));
        let in_line = is_in_line.clone();
        let task = spawn(async move {
            let (mut first, mut second) = (pin!(mine.acquire()), pin!(mine.acquire()));
            come(first.as_mut()).await;
            come(second.as_mut()).await;
            in_line.set();
            let third = pin!(mine.acquire_many(3));
            let mut rounds = pin!(async {
                for _ in 0..100 {
                    sleep(Duration::from_micros(10)).await;
                }
                pending::<()>().await;
            });
            // Polled again and again.
            select! { _ = third => {}, () = &mut rounds => {} }
        });
        is_in_line.wait().await;
        permits.add_permits(2).unwrap();
        while reports.all.lock().unwrap().len() < 2 {
            sleep(Duration::from_millis(1)).await;
        }
        sleep(Duration::from_millis(20)).await;
        task.abort();
        assert!(task.await.is_err());
        let found = reports.take();
        assert_eq!(found.len(), 2, "{found:?}");
        assert_ne!(found[0].granted, found[1].granted);
        assert!(found[0].text.contains("Semaphore"), "{}", found[0].text);
    });
}

#[test]
fn branches_by_value_and_dropped_futures_are_not_reported() {
    in_debug_mode(async |reports| {
        for is_dropped in [true, false] {
            let lock = Arc::new(Mutex::new(0));
            let free = held(&lock).await;
            let (mine, is_behind) = (lock.clone(), Arc::new(Event::new()));
            let behind = is_behind.clone();
            let task = spawn(async move {
                if is_dropped {
                    let mut first = Some(Box::pin(mine.lock()));
                    select! {
                        _ = first.as_mut().unwrap() => unreachable!(),
                        () = sleep(Duration::from_millis(1)) => {
                            first.take();
                            behind.set();
                            *mine.lock().await += 1;
                        }
                    }
                }
                select! {
                    mut it = mine.lock() => *it += 1,
                    () = sleep(Duration::from_millis(1)) => {
                        behind.set();
                        *mine.lock().await += 1;
                    }
                }
                let late = timeout(Duration::from_secs(60), mine.lock()).await;
                *late.unwrap() += 1;
            });
            is_behind.wait().await;
            free.set();
            task.await.unwrap();
            assert!(*lock.lock().await >= 2);
        }
        assert!(reports.take().is_empty());
    });
}

/// Children that are polled when they are woken, in every way there is.
#[test]
fn what_combinators_hold_is_not_reported() {
    in_debug_mode(async |reports| {
        let lock = Arc::new(Mutex::new(0));
        let touch = async |lock: Arc<Mutex<u32>>| {
            let mut guard = lock.lock().await;
            yield_now().await;
            *guard += 1;
        };
        let tasks = (0..4).map(|_| {
            let lock = lock.clone();
            spawn(async move {
                for round in 0..50 {
                    gather((touch(lock.clone()), touch(lock.clone()))).await;
                    gather((0..40).map(|_| touch(lock.clone())).collect::<Vec<_>>()).await;
                    futures::join!(touch(lock.clone()), touch(lock.clone()));
                    let mut many: FuturesUnordered<_> =
                        (0..3).map(|_| touch(lock.clone())).collect();
                    while many.next().await.is_some() {}
                    let (mut a, mut b) = (pin!(touch(lock.clone())), pin!(touch(lock.clone())));
                    let (mut is_a, mut is_b) = (false, false);
                    while !(is_a && is_b) {
                        select! {
                            () = &mut a, if !is_a => is_a = true,
                            () = &mut b, if !is_b => is_b = true,
                            () = yield_now(), if round % 2 == 0 => yield_now().await,
                        }
                    }
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert_eq!(*lock.lock().await, 4 * 50 * 49);
        assert!(reports.take().is_empty(), "{:?}", reports.take());
    });
}

#[test]
fn without_debug_mode_nothing_is_reported() {
    limited(|| {
        let reports = Reports::default();
        let theirs = reports.clone();
        let builder = Builder::new_current_thread().debug(false).paused_clock();
        let runtime = builder.on_unhandled(move |what| theirs.hear(what)).build().unwrap();
        runtime.block_on(async {
            let lock = Arc::new(Mutex::new(0));
            let free = held(&lock).await;
            let mut first = pin!(lock.lock());
            come(first.as_mut()).await;
            free.set();
            assert!(timeout(Duration::from_secs(1), lock.lock()).await.is_err());
        });
        assert!(!runtime.handle().is_debug());
        assert!(reports.take().is_empty());
    });
}

#[test]
fn the_program_and_the_environment_turn_it_on() {
    let is_debug = |is_on| {
        let runtime = Builder::new_current_thread().debug(is_on).build().unwrap();
        runtime.block_on(async { Handle::current().is_debug() })
    };
    assert!(is_debug(true) && !is_debug(false));
    let in_environment = |value: Option<&str>| {
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(["--exact", "debug::says_whether_it_is_on", "--ignored", "--nocapture"]);
        match value {
            Some(value) => child.env("BOWERBIRD_DEBUG", value),
            None => child.env_remove("BOWERBIRD_DEBUG"),
        };
        let said = child.output().unwrap();
        String::from_utf8(said.stdout).unwrap()
    };
    assert!(in_environment(Some("1")).contains("debug mode: true"));
    assert!(in_environment(Some("0")).contains("debug mode: false"));
    assert!(in_environment(None).contains("debug mode: false"));
}

#[test]
#[ignore = "run by another test, with an environment"]
fn says_whether_it_is_on() {
    let runtime = Builder::new_current_thread().build().unwrap();
    println!("debug mode: {}", runtime.handle().is_debug());
}

#[bowerbird::main(flavor = "current_thread", debug = true)]
async fn main_in_debug_mode() -> bool {
    Handle::current().is_debug()
}

#[test]
fn so_does_the_attribute() {
    assert!(main_in_debug_mode());
}
