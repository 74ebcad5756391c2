//! Threads that are no workers, in the middle of everything: handles change hands
//! while tasks end, local tasks are aborted from elsewhere, guests leave work
//! behind, closures wait for each other, and destructors panic at the end.

use super::{
    dawdle, explore,
    instruments::{
        Baton,
        Fate::{Done, Dropped},
        Ledger, build, current_thread, multi,
    },
};
use crate::{AbortHandle, Builder, JoinHandle, spawn, spawn_blocking, spawn_local, yield_now};
use std::{
    future::Future,
    panic::resume_unwind,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
};
use sync::{
    parker::Parker,
    shim::{
        Lock,
        thread::{self, ThreadId},
    },
};

async fn yields(n: usize) {
    for _ in 0..n {
        yield_now().await;
    }
}

/// A poll by a waker that wakes nobody: the next one has to replace it.
fn poll_in_passing<T>(task: &mut JoinHandle<T>) -> bool {
    Pin::new(task).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// A handle is polled by a stranger, then by another who waits, then by a task: the
/// last one is woken. One that is not would wait for ever.
#[test]
fn handles_change_hands_while_their_tasks_end() {
    let seen = explore(|| {
        let (executor, watch) = multi(2);
        let ledger = Ledger::default();
        let handle = executor.handle().clone();
        let strangers: Vec<_> = (0..3_usize)
            .map(|n| {
                let mut task = handle.spawn(ledger.watch(yields(n)));
                let handle = handle.clone();
                thread::spawn(move || {
                    let early = poll_in_passing(&mut task);
                    match n {
                        _ if early => (),
                        0 => task.join_blocking(None).unwrap().unwrap(),
                        1 => {
                            let next = thread::spawn(move || task.join_blocking(None).unwrap());
                            next.join().unwrap().unwrap();
                        }
                        _ => handle.spawn(task).join_blocking(None).unwrap().unwrap().unwrap(),
                    }
                    early
                })
            })
            .collect();
        drop(handle);
        let early: Vec<_> = strangers.into_iter().map(|it| it.join().unwrap()).collect();
        drop(executor);
        watch.wait_for_the_end();
        // One that was found done may end behind the handle's back.
        ledger.fates();
        early
    });
    assert_eq!(seen, [false, true].into());
}

/// Part of a future that must not be dropped on another thread.
struct Pinned(ThreadId);

impl Drop for Pinned {
    fn drop(&mut self) {
        assert_eq!(self.0, thread::current().id(), "a pinned task ends elsewhere");
    }
}

/// Strangers wake and abort local tasks of workers and of a guest, while these run,
/// sleep and leave: each is dropped at home, once.
#[test]
fn strangers_abort_and_wake_local_tasks() {
    let seen = explore(|| {
        let (executor, watch) = multi(1);
        let ledger = Ledger::default();
        let batons: Vec<Baton> = (0..2).map(|_| Baton::default()).collect();
        let stranger = {
            let batons = batons.clone();
            move |abort: AbortHandle, n: usize| {
                let baton = batons[n].clone();
                thread::spawn(move || {
                    baton.pass();
                    dawdle(10);
                    abort.abort();
                })
            }
        };
        let life = |n: usize| {
            let (baton, ledger) = (batons[n].clone(), ledger.clone());
            move || {
                let pinned = Pinned(thread::current().id());
                spawn_local(ledger.watch(async move {
                    let _pinned = pinned;
                    baton.take().await;
                    yields(1).await;
                }))
            }
        };
        let (of_worker, of_guest) = (life(0), life(1));
        let strike = stranger.clone();
        let task = executor.handle().spawn(async move {
            let local = of_worker();
            let thread = strike(local.abort_handle(), 0);
            let is_ok = local.await.is_ok();
            (is_ok, thread)
        });
        let (is_ok, thread) = executor.block_on(async move {
            let local = of_guest();
            let thread = stranger(local.abort_handle(), 1);
            (local.await.is_ok(), thread)
        });
        let (was_ok, other) = task.join_blocking(None).unwrap().unwrap();
        thread.join().unwrap();
        other.join().unwrap();
        drop((executor, batons));
        watch.wait_for_the_end();
        let done = ledger.fates().into_iter().filter(|it| *it == Done).count();
        // An output that is there wins over the abort.
        assert_eq!(done, usize::from(is_ok) + usize::from(was_ok));
        vec![done]
    });
    assert_eq!(seen, [0, 1, 2].into());
}

/// On one thread the next caller runs what the last one left in line, and in the
/// next-task slot.
#[test]
fn what_a_guest_leaves_in_line_the_next_one_runs() {
    let seen = explore(|| {
        let (executor, watch) = current_thread();
        let executor = Arc::new(executor);
        let ledger = Ledger::default();
        let left = Arc::new(Lock::new(vec![]));
        let leavers: Vec<_> = (0..2_usize)
            .map(|n| {
                let (executor, ledger, left) = (executor.clone(), ledger.clone(), left.clone());
                thread::spawn(move || {
                    let tasks = executor.block_on(async {
                        let inner = spawn(ledger.watch(yields(n)));
                        let outer = spawn(ledger.watch(async move { inner.await.unwrap() }));
                        yields(n).await;
                        outer
                    });
                    left.lock().push(tasks);
                })
            })
            .collect();
        leavers.into_iter().for_each(|it| it.join().unwrap());
        let tasks = std::mem::take(&mut *left.lock());
        let unfinished = tasks.iter().filter(|it| !it.is_finished()).count();
        for task in tasks {
            executor.block_on(task).unwrap();
        }
        drop(executor);
        watch.wait_for_the_end();
        assert!(ledger.fates().iter().all(|it| *it == Done));
        vec![unfinished]
    });
    assert!(seen.contains(&2), "{seen:?}");
}

/// As many closures as may run at a time wait for each other, beside short ones of
/// tasks: each gets a thread.
#[test]
fn closures_at_the_cap_that_wait_for_each_other_all_run() {
    let seen = explore(|| {
        let builder = Builder::new_multi_thread().worker_threads(1).max_blocking_threads(2);
        let (executor, watch) = build(builder);
        let ledger = Ledger::default();
        let gates: Arc<[Parker]> = (0..2).map(|_| Parker::new()).collect();
        let short = executor.handle().spawn(ledger.watch(async {
            for _ in 0..2 {
                spawn_blocking(|| ()).await.unwrap();
            }
        }));
        let meeting: Vec<_> = (0..2_usize)
            .map(|n| {
                let gates = gates.clone();
                executor.handle().spawn_blocking(move || {
                    gates[1 - n].unpark();
                    gates[n].park();
                })
            })
            .collect();
        for closure in meeting {
            closure.join_blocking(None).unwrap().unwrap();
        }
        short.join_blocking(None).unwrap().unwrap();
        drop(executor);
        watch.wait_for_the_end();
        ledger.fates()
    });
    assert_eq!(seen, [Done].into());
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        // Without the hook, which would print.
        resume_unwind(Box::new("a bomb"));
    }
}

/// Destructors panic while the runtime ends: all others are dropped all the same,
/// and the end comes.
#[test]
fn destructors_panic_while_the_runtime_ends() {
    let seen = explore(|| {
        let unhandled = Arc::new(AtomicUsize::new(0));
        let theirs = unhandled.clone();
        let builder = Builder::new_multi_thread().worker_threads(2).on_unhandled(move |_| {
            theirs.fetch_add(1, Relaxed);
        });
        let (executor, watch) = build(builder);
        let ledger = Ledger::default();
        for n in 0..6_usize {
            let inner = ledger.watch(std::future::poll_fn(move |_| match n {
                5 => Poll::Ready(()),
                _ => Poll::Pending,
            }));
            drop(executor.handle().spawn(async move {
                let _bomb = (n % 2 == 0).then(|| Bomb);
                inner.await;
            }));
        }
        dawdle(60);
        drop(executor);
        watch.wait_for_the_end();
        // Those that were never polled had no bomb yet.
        assert!(unhandled.load(Relaxed) <= 3);
        ledger.fates()
    });
    assert_eq!(seen, [Done, Dropped].into());
}
