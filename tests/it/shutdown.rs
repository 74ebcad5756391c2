//! The end of a runtime: bounded, reported, and every future dropped once.

use crate::stage::{
    Door, Opens, Reports, Witness, alone, assert_serves, flavors, limited, lock, multi, single,
};
use bowerbird::{
    block_in_place,
    runtime::{Builder, Flavor, Handle, Runtime, Shutdown},
    spawn, spawn_blocking, spawn_local,
    sync::Event,
    time::{Duration, sleep},
    yield_now,
};
use std::{
    fs,
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    task::Waker,
    thread,
};

/// tokio waits for the closure, for ever if need be.
#[test]
fn a_closure_that_blocks_does_not_hold_the_drop_up_and_is_reported() {
    limited(|| {
        for builder in flavors() {
            let reports = Reports::default();
            let runtime = builder.on_unhandled(reports.hook()).build().unwrap();
            let door = Door::default();
            let opens = Opens(door.clone());
            let (running, is_running) = mpsc::channel();
            let (done, is_done) = mpsc::channel();
            let builder = bowerbird::task::Builder::new().name("long read");
            let entered = runtime.enter();
            let closure = builder.spawn_blocking(move || {
                running.send(()).unwrap();
                door.pass();
                done.send(Handle::try_current().is_some()).unwrap();
                7
            });
            drop(entered);
            is_running.recv().unwrap();
            drop(runtime);
            let texts = reports.texts();
            assert_eq!(texts.len(), 1, "{texts:?}");
            assert!(texts[0].contains("1 blocking closures left running"), "{texts:?}");
            assert!(texts[0].contains("`long read`"), "{texts:?}");
            assert!(!closure.is_finished());
            drop(opens);
            assert!(is_done.recv().unwrap(), "it may use its runtime to the end");
            assert_eq!(closure.join_blocking(None).unwrap().unwrap(), 7);
        }
    });
}

#[test]
fn a_worker_that_does_not_come_back_is_reported_and_cleans_up_later() {
    limited(|| {
        let runtime = multi(2);
        let door = Door::default();
        let opens = Opens(door.clone());
        let (running, is_running) = mpsc::channel();
        let witness = Witness::default();
        let token = witness.token();
        drop(runtime.spawn(async move {
            let _token = token;
            running.send(()).unwrap();
            door.pass();
            yield_now().await;
        }));
        let token = witness.token();
        drop(runtime.spawn(async move {
            let _token = token;
            pending::<()>().await;
        }));
        is_running.recv().unwrap();
        let report = runtime.shutdown(Shutdown::default().workers(Duration::from_millis(20)));
        assert!(!report.is_clean());
        assert_eq!((report.stuck_workers, report.abandoned_blocking), (1, 0));
        assert_eq!(report.unfinished.len(), 2, "{report}");
        assert!(report.to_string().contains("shutdown.rs"), "{report}");
        assert_eq!(witness.count(), 0, "a poll goes on: no future may be touched");
        drop(opens);
        while witness.count() < 2 {
            thread::yield_now();
        }
    });
}

#[test]
fn a_patient_shutdown_waits_for_blocking_closures() {
    limited(|| {
        let runtime = multi(1);
        let door = Door::default();
        let opens = Opens(door.clone());
        let (running, is_running) = mpsc::channel();
        let closure = runtime.spawn_blocking(move || {
            running.send(()).unwrap();
            door.pass();
        });
        is_running.recv().unwrap();
        let opener = thread::spawn(move || drop(opens));
        let report = runtime.shutdown(Shutdown::default().blocking(Duration::MAX));
        assert!(report.is_clean(), "{report}");
        opener.join().unwrap();
        closure.join_blocking(None).unwrap().unwrap();
    });
}

#[test]
fn queued_closures_are_cancelled() {
    limited(|| {
        let builder = Builder::new_multi_thread().worker_threads(1).max_blocking_threads(1);
        let runtime = builder.build().unwrap();
        let door = Door::default();
        let opens = Opens(door.clone());
        let (running, is_running) = mpsc::channel();
        let first = runtime.spawn_blocking(move || {
            running.send(()).unwrap();
            door.pass();
        });
        is_running.recv().unwrap();
        let witness = Witness::default();
        let queued: Vec<_> = (0..100)
            .map(|_| {
                let token = witness.token();
                runtime.spawn_blocking(move || drop(token))
            })
            .collect();
        let report = runtime.shutdown(Shutdown::default().blocking(Duration::ZERO));
        assert_eq!(report.abandoned_blocking, 1, "{report}");
        assert_eq!(witness.count(), 100);
        for task in queued {
            assert!(task.join_blocking(None).unwrap().unwrap_err().is_cancelled());
        }
        drop(opens);
        first.join_blocking(None).unwrap().unwrap();
    });
}

#[test]
fn every_future_is_dropped_once_inside_its_runtime() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let witness = Witness::default();
            let mut handles = vec![];
            for n in 0..1_000 {
                let token = witness.token();
                handles.push(runtime.spawn(async move {
                    let _token = token;
                    match n % 4 {
                        0 => pending().await,
                        1 => sleep(Duration::MAX).await,
                        2 => loop {
                            yield_now().await;
                        },
                        _ => spawn(pending()).await.unwrap(),
                    }
                }));
            }
            runtime.block_on(yield_now());
            let id = runtime.handle().id();
            let report = runtime.shutdown(Shutdown::default());
            assert!(report.is_clean(), "{report}");
            assert!(report.cancelled >= 1_000, "{report}");
            let drops = witness.drops();
            assert_eq!(drops.len(), 1_000);
            assert!(drops.iter().all(|it| it.runtime == Some(id)));
            for handle in handles {
                assert!(handle.join_blocking(None).unwrap().unwrap_err().is_cancelled());
            }
        }
    });
}

/// Does something nasty when it is dropped.
struct Nasty<F: FnMut()>(F);

impl<F: FnMut()> Drop for Nasty<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn destructors_may_spawn_wake_abort_enter_and_panic() {
    limited(|| {
        for builder in flavors() {
            let reports = Reports::default();
            let runtime = builder.on_unhandled(reports.hook()).build().unwrap();
            let witness = Witness::default();
            let wakers = Arc::new(Mutex::new(Vec::<Waker>::new()));
            let others: Vec<_> = (0..50)
                .map(|_| {
                    let wakers = wakers.clone();
                    runtime.spawn(std::future::poll_fn(move |cx| {
                        lock(&wakers).push(cx.waker().clone());
                        std::task::Poll::<()>::Pending
                    }))
                })
                .collect();
            let aborts: Arc<Vec<_>> = Arc::new(others.iter().map(|it| it.abort_handle()).collect());
            for n in 0..60 {
                let (token, wakers) = (witness.token(), wakers.clone());
                let (aborts, handle) = (aborts.clone(), runtime.handle().clone());
                let nasty = Nasty(move || match n % 6 {
                    0 => drop(spawn(async {})),
                    1 => lock(&wakers).iter().for_each(Waker::wake_by_ref),
                    2 => aborts.iter().for_each(|it| it.abort()),
                    3 => drop(spawn_blocking(|| ())),
                    4 => drop((handle.enter(), handle.spawn(pending::<()>()), handle.tasks())),
                    _ => panic!("not even at the end"),
                });
                drop(runtime.spawn(async move {
                    let _both = (token, nasty);
                    pending::<()>().await;
                }));
            }
            runtime.block_on(async {
                while lock(&wakers).len() < 50 {
                    yield_now().await;
                }
            });
            let report = runtime.shutdown(Shutdown::default());
            assert!(report.is_clean(), "{report}");
            assert_eq!(witness.count(), 60);
            for other in others {
                assert!(other.join_blocking(None).unwrap().unwrap_err().is_cancelled());
            }
            // Wakers outlive it all.
            lock(&wakers).drain(..).for_each(Waker::wake);
        }
    });
}

#[test]
fn a_runtime_may_be_dropped_inside_its_own_task() {
    limited(|| {
        for builder in flavors() {
            let runtime = Arc::new(Mutex::new(Some(builder.build().unwrap())));
            let handle = lock(&runtime).as_ref().unwrap().handle().clone();
            let witness = Witness::default();
            let (token, theirs) = (witness.token(), runtime.clone());
            let task = handle.spawn(async move {
                let _token = token;
                let runtime = lock(&theirs).take();
                drop(runtime);
                yield_now().await;
                pending::<()>().await;
            });
            // On a current-thread runtime somebody has to run it; on others the end
            // may come before anybody else does.
            let result = match handle.flavor() {
                Flavor::CurrentThread => handle.block_on(task),
                _ => task.join_blocking(None).unwrap(),
            };
            assert!(result.unwrap_err().is_cancelled());
            assert_eq!(witness.count(), 1);
        }
    });
}

#[test]
fn also_under_a_guard_and_inside_another_runtime() {
    limited(|| {
        let reports = Reports::default();
        for n in 0..2 {
            let builder = Builder::new_multi_thread().worker_threads(1);
            let runtime = builder.on_unhandled(reports.hook()).build().unwrap();
            let handle = runtime.handle().clone();
            let task = handle.spawn(async move {
                let other = multi(1);
                match n {
                    0 => {
                        let _entered = other.enter();
                        drop(runtime);
                    }
                    _ => other.block_on(async { drop(runtime) }),
                }
            });
            task.join_blocking(None).unwrap().unwrap();
        }
        assert!(reports.texts().is_empty(), "it waited for itself: {:?}", reports.texts());
    });
}

#[test]
fn a_runtime_may_be_dropped_on_its_pool_and_in_a_task_of_another() {
    limited(|| {
        let outer = multi(1);
        let inner = multi(2);
        drop(inner.spawn(pending::<()>()));
        outer.block_on(async { spawn(async move { drop(inner) }).await.unwrap() });
        let inner = single();
        outer.block_on(async { drop(inner) });
        let (reports, own) = (Reports::default(), Builder::new_multi_thread().worker_threads(1));
        let own = own.on_unhandled(reports.hook()).build().unwrap();
        let handle = own.handle().clone();
        let task = handle.spawn_blocking(move || drop(own));
        task.join_blocking(None).unwrap().unwrap();
        let texts = reports.texts();
        assert!(texts.iter().all(|it| it.contains("1 blocking closures")), "{texts:?}");
    });
}

#[test]
fn a_guest_goes_on_when_the_runtime_ends_around_it() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let handle = runtime.handle().clone();
            let (is_in, wait_in) = mpsc::channel();
            let event = Arc::new(Event::new());
            let theirs = event.clone();
            let guest = thread::spawn(move || {
                handle.block_on(async {
                    let victim = spawn(pending::<()>());
                    is_in.send(()).unwrap();
                    let cancelled = victim.await.unwrap_err().is_cancelled();
                    let refused = spawn(async {}).await.unwrap_err();
                    theirs.wait().await;
                    sleep(Duration::from_millis(1)).await;
                    let local = spawn_local(async { 1 }).await;
                    (cancelled, refused.task().is_none(), local.is_ok())
                })
            });
            wait_in.recv().unwrap();
            drop(runtime);
            event.set();
            let (cancelled, refused, _) = guest.join().unwrap();
            assert!(cancelled && refused);
        }
    });
}

#[test]
fn nothing_starts_after_the_end() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let handle = runtime.handle().clone();
            drop(runtime);
            let ran = Arc::new(AtomicBool::new(false));
            let (a, b) = (ran.clone(), ran.clone());
            let task = handle.spawn(async move { a.store(true, Relaxed) });
            let closure = handle.spawn_blocking(move || b.store(true, Relaxed));
            for handle in [task, closure] {
                let error = handle.join_blocking(None).unwrap().unwrap_err();
                assert!(error.is_cancelled() && error.task().is_none());
            }
            assert!(!ran.load(Relaxed));
            assert!(handle.tasks().is_empty());
            let _ = handle.metrics();
        }
    });
}

#[test]
fn strangers_may_spawn_wake_and_abort_meanwhile() {
    limited(|| {
        for round in 0..60 {
            let workers = 1 + round % 3;
            let runtime = multi(workers);
            let (made, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let stop = Arc::new(AtomicBool::new(false));
            let strangers: Vec<_> = (0..3)
                .map(|_| {
                    let (handle, stop) = (runtime.handle().clone(), stop.clone());
                    let (made, ended) = (made.clone(), ended.clone());
                    thread::spawn(move || {
                        let mut kept = vec![];
                        while !stop.load(Relaxed) {
                            made.fetch_add(1, Relaxed);
                            let ended = ended.clone();
                            let counts = Nasty(move || {
                                ended.fetch_add(1, Relaxed);
                            });
                            let task = handle.spawn(async move {
                                let _counts = counts;
                                loop {
                                    yield_now().await;
                                }
                            });
                            kept.push(task.abort_handle());
                            if kept.len() > 8 {
                                kept.remove(0).abort();
                            }
                            kept.iter().rev().take(1).for_each(|it| drop(it.info()));
                        }
                    })
                })
                .collect();
            while made.load(Relaxed) < 50 {
                thread::yield_now();
            }
            let report = runtime.shutdown(Shutdown::default());
            assert!(report.is_clean(), "{report}");
            stop.store(true, Relaxed);
            strangers.into_iter().for_each(|it| it.join().unwrap());
            assert_eq!(made.load(Relaxed), ended.load(Relaxed), "each future is dropped once");
        }
    });
}

#[test]
fn tasks_that_block_in_place_at_the_end_are_waited_for() {
    limited(|| {
        let runtime = multi(2);
        let door = Door::default();
        let opens = Opens(door.clone());
        let (running, is_running) = mpsc::channel();
        let finished = Arc::new(AtomicUsize::new(0));
        for _ in 0..8 {
            let (door, running, finished) = (door.clone(), running.clone(), finished.clone());
            drop(runtime.spawn(async move {
                block_in_place(|| {
                    running.send(()).unwrap();
                    door.pass();
                });
                finished.fetch_add(1, Relaxed);
            }));
        }
        (0..8).for_each(|_| is_running.recv().unwrap());
        let closer = thread::spawn(move || runtime.shutdown(Shutdown::default()));
        drop(opens);
        let report = closer.join().unwrap();
        assert!(report.is_clean(), "{report}");
        assert_eq!(finished.load(Relaxed), 8, "a poll that began is not cut short");
    });
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// That as many threads and descriptors are there as before. A thread leaves the
/// list a moment after it has said so, and is the last to hold the descriptors.
#[track_caller]
fn assert_back_to(before: (usize, usize)) {
    let now = || (threads(), descriptors());
    let is_back = (0..100_000).any(|_| {
        thread::yield_now();
        now() == before
    });
    assert!(is_back, "before: {before:?}, now: {:?}", now());
}

#[test]
fn five_hundred_runtimes_leave_no_thread_and_no_descriptor() {
    alone("shutdown::five_hundred_runtimes_leave_no_thread_and_no_descriptor", || {
        let one = |n: usize| {
            let runtime: Runtime = match n % 3 {
                0 => single(),
                workers => multi(workers),
            };
            let task = runtime.spawn(async { spawn_blocking(|| 1).await.unwrap() });
            drop(runtime.spawn(sleep(Duration::MAX)));
            assert_eq!(runtime.block_on(task).unwrap(), 1);
            assert!(runtime.shutdown(Shutdown::default()).is_clean());
        };
        let before = (threads(), descriptors());
        (0..500).for_each(one);
        assert_back_to(before);
    });
}

#[test]
fn five_hundred_runs_leave_no_thread_and_no_descriptor() {
    alone("shutdown::five_hundred_runs_leave_no_thread_and_no_descriptor", || {
        let one = |n: usize| {
            let builder = Builder::new_multi_thread().worker_threads(1 + n % 3);
            let out = builder.run(async {
                drop(spawn(pending::<()>()));
                block_in_place(|| 1) + spawn(async { 1 }).await.unwrap()
            });
            assert_eq!(out.unwrap(), 2);
        };
        let before = (threads(), descriptors());
        (0..500).for_each(one);
        assert_back_to(before);
    });
}

#[test]
fn a_runtime_that_was_never_used_ends_as_well() {
    limited(|| {
        for builder in flavors() {
            assert!(builder.build().unwrap().shutdown(Shutdown::default()).is_clean());
        }
        let runtime = multi(2);
        assert_serves(&runtime);
        let zero = Shutdown::default().workers(Duration::ZERO).blocking(Duration::ZERO);
        // Too short to wait for anybody, and still no hang.
        let _ = runtime.shutdown(zero);
    });
}
