//! Ends under load: runtimes that start and stop in the middle of everything, and
//! user code that panics wherever it is called.

use super::{Dice, Entry, Ledger, rounds};
use bowerbird::{
    block_in_place,
    runtime::{Builder, Flavor, Handle, Runtime, Shutdown},
    spawn, spawn_blocking, spawn_local,
    sync::Notify,
    task::JoinHandle,
    time::{Duration, sleep, timeout},
    yield_now,
};
use std::{
    future::{Future, pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

/// Wakers that outlive the runtimes of their tasks.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Waker>>>);

impl Kept {
    fn keep(&self, waker: &Waker) {
        let waker = waker.clone();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(waker);
    }

    fn take(&self) -> Vec<Waker> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn some_runtime(dice: &mut Dice) -> Runtime {
    let builder = match dice.below(4) {
        0 => Builder::new_current_thread(),
        workers => Builder::new_multi_thread().worker_threads(workers),
    };
    let keep_alive = Duration::from_micros(dice.below(200) as u64);
    builder.thread_keep_alive(keep_alive).build().unwrap()
}

/// Work of every kind, of which some never ends.
fn fill(runtime: &Runtime, dice: &mut Dice, ledger: &Ledger, kept: &Kept) {
    for n in 0..10 + dice.below(30) {
        let (entry, mut dice) = (ledger.entry(), Dice::new(dice.below(1 << 20), n));
        let (kept, ledger) = (kept.clone(), ledger.clone());
        drop(runtime.spawn(async move {
            let _entry = entry;
            match dice.below(6) {
                0 => {
                    poll_fn(|cx| {
                        kept.keep(cx.waker());
                        Poll::<()>::Pending
                    })
                    .await;
                }
                1 => sleep(Duration::from_secs(3_600)).await,
                2 => drop(timeout(Duration::from_micros(100), pending::<()>()).await),
                3 => {
                    let entry = ledger.entry();
                    drop(spawn_blocking(move || drop(entry)).await);
                }
                4 => block_in_place(thread::yield_now),
                _ => {
                    let entry = ledger.entry();
                    drop(spawn_local(async move { drop(entry) }).await);
                }
            }
            yield_now().await;
        }));
    }
}

/// Ends it in one of the ways there are.
fn end(runtime: Runtime, dice: &mut Dice) {
    match dice.below(6) {
        0 => drop(runtime),
        1 => {
            let report = runtime.shutdown(Shutdown::default().blocking(Duration::MAX));
            assert!(report.is_clean(), "{report}");
        }
        // In a task of its own; on one thread somebody has to run it.
        2 => {
            let handle = runtime.handle().clone();
            let task = handle.spawn(async move {
                drop(runtime);
                yield_now().await;
            });
            drop(match handle.flavor() {
                Flavor::CurrentThread => handle.block_on(task),
                _ => task.join_blocking(None).unwrap(),
            });
        }
        3 => {
            let handle = runtime.handle().clone();
            drop(handle.spawn_blocking(move || drop(runtime)).join_blocking(None));
        }
        4 => {
            let other = Builder::new_multi_thread().worker_threads(1).build().unwrap();
            other.block_on(async { spawn(async { drop(runtime) }).await.unwrap() });
        }
        // Around a guest.
        _ => {
            let handle = runtime.handle().clone();
            let (arrives, arrived) = mpsc::channel();
            let guest = thread::spawn(move || {
                handle.block_on(async {
                    arrives.send(()).unwrap();
                    let task = spawn(pending::<()>());
                    assert!(task.await.unwrap_err().is_cancelled());
                });
            });
            arrived.recv().unwrap();
            drop(runtime);
            guest.join().unwrap();
        }
    }
}

/// Many runtimes start, work and end at the same time, each in some way, while
/// strangers wake what is left of their tasks.
#[test]
#[ignore = "takes minutes"]
fn runtimes_start_and_end_in_the_middle_of_everything() {
    rounds(|number, _| {
        let (ledger, kept) = (Ledger::default(), Kept::default());
        let threads: Vec<_> = (0..4)
            .map(|n| {
                let (ledger, kept) = (ledger.clone(), kept.clone());
                thread::spawn(move || {
                    let mut dice = Dice::new(number, n);
                    for _ in 0..5 {
                        let runtime = some_runtime(&mut dice);
                        fill(&runtime, &mut dice, &ledger, &kept);
                        if dice.below(2) == 0 {
                            let entry = ledger.entry();
                            runtime.block_on(async move {
                                drop(spawn_local(async move {
                                    let _entry = entry;
                                    pending::<()>().await;
                                }));
                                yield_now().await;
                            });
                        }
                        kept.take().iter().for_each(Waker::wake_by_ref);
                        end(runtime, &mut dice);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|it| it.join().unwrap());
        kept.take().into_iter().for_each(Waker::wake);
        // One that a task of its own dropped may still be at it.
        while !ledger.is_balanced() {
            thread::yield_now();
        }
    });
}

/// Panics when it is dropped, unless a panic is under way: two would end the process.
struct Bomb(#[expect(dead_code, reason = "counts")] Entry);

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic_quietly();
        }
    }
}

/// Without the hook, which would print.
fn panic_quietly() -> ! {
    resume_unwind(Box::new("a panic"))
}

/// Panics when it wakes, and now and then when it is dropped.
struct Grenade(AtomicUsize);

impl Wake for Grenade {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
        panic_quietly();
    }
}

fn grenade() -> Waker {
    Waker::from(Arc::new(Grenade(AtomicUsize::new(0))))
}

/// A hook that panics every so many times.
fn trap(every: usize) -> impl Fn() + Send + Sync + 'static {
    let calls = AtomicUsize::new(0);
    move || {
        if calls.fetch_add(1, Relaxed).is_multiple_of(every) {
            panic_quietly();
        }
    }
}

/// A task that goes wrong in some way.
fn go_wrong(handle: &Handle, dice: &mut Dice, ledger: &Ledger, notify: &Arc<Notify>) {
    let (entry, yields) = (ledger.entry(), dice.below(3));
    let lull = async move {
        for _ in 0..yields {
            yield_now().await;
        }
    };
    let task: JoinHandle<()> = match dice.below(8) {
        // In a poll; and the future's parts panic, too, when they are dropped.
        0 => handle.spawn(async move {
            let _entry = entry;
            lull.await;
            panic_quietly();
        }),
        // In the destructor of the future, which is aborted.
        1 => handle.spawn(async move {
            let _bomb = Bomb(entry);
            lull.await;
            pending::<()>().await;
        }),
        // Of the output that nobody takes.
        2 => {
            drop(handle.spawn(async move {
                lull.await;
                Bomb(entry)
            }));
            return;
        }
        // Of the payload.
        3 => handle.spawn(async move {
            lull.await;
            resume_unwind(Box::new(Bomb(entry)));
        }),
        4 => handle.spawn_blocking(move || {
            let _entry = entry;
            panic_quietly();
        }),
        5 => handle.spawn_blocking(move || drop(Bomb(entry))),
        // In wakers of a timer and of a notification.
        6 => {
            let notify = notify.clone();
            handle.spawn(async move {
                let _entry = entry;
                let mut timer = Box::pin(sleep(Duration::from_micros(50)));
                let _ = timer.as_mut().poll(&mut Context::from_waker(&grenade()));
                let mut notified = Box::pin(notify.notified());
                let _ = notified.as_mut().poll(&mut Context::from_waker(&grenade()));
                sleep(Duration::from_micros(100)).await;
            })
        }
        // In the waker of whoever joins.
        _ => {
            let mut task = handle.spawn(async move {
                let _entry = entry;
                lull.await;
            });
            let _ = Pin::new(&mut task).poll(&mut Context::from_waker(&grenade()));
            task
        }
    };
    match dice.below(4) {
        0 => task.abort(),
        1 => drop(task),
        2 => drop(catch_unwind(AssertUnwindSafe(|| {
            drop(task.join_blocking(Some(Duration::from_micros(30))));
        }))),
        _ => {
            let abort = task.abort_handle();
            drop(handle.spawn(async move {
                let task = task.await;
                drop(task);
            }));
            abort.abort();
        }
    }
}

/// Polls, destructors, outputs, payloads, closures, wakers and hooks panic: the
/// runtime serves on, and nothing is dropped twice or never.
#[test]
#[ignore = "takes minutes"]
fn panics_everywhere_break_nothing() {
    rounds(|number, watched| {
        let unheard = Arc::new(AtomicUsize::new(0));
        let (theirs, now_and_then) = (unheard.clone(), trap(50));
        let runtime = Builder::new_multi_thread()
            .worker_threads(1 + number % 3)
            .thread_keep_alive(Duration::from_micros(100))
            .on_thread_start(trap(2))
            .on_thread_stop(trap(2))
            .on_thread_park(trap(5))
            .on_thread_unpark(trap(7))
            .on_unhandled(move |_| {
                theirs.fetch_add(1, Relaxed);
                now_and_then();
            })
            .build()
            .unwrap();
        watched.know(runtime.handle());
        let (ledger, notify) = (Ledger::default(), Arc::new(Notify::new()));
        let strangers: Vec<_> = (0..2)
            .map(|n| {
                let (handle, ledger) = (runtime.handle().clone(), ledger.clone());
                let (notify, mut dice) = (notify.clone(), Dice::new(number, n));
                thread::spawn(move || {
                    for _ in 0..100 {
                        go_wrong(&handle, &mut dice, &ledger, &notify);
                        // Its wakers may panic here, with us.
                        let _ = catch_unwind(AssertUnwindSafe(|| notify.notify_waiters()));
                    }
                })
            })
            .collect();
        strangers.into_iter().for_each(|it| it.join().unwrap());
        let tasks: Vec<_> = (0..200)
            .map(|n| {
                runtime.spawn(async move {
                    yield_now().await;
                    n
                })
            })
            .collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.join_blocking(None).unwrap().unwrap(), n, "it serves on");
        }
        let report = runtime.shutdown(Shutdown::default().blocking(Duration::MAX));
        assert!(report.is_clean(), "{report}");
        ledger.assert_balanced();
        assert!(unheard.load(Relaxed) > 0, "the hook was called");
    });
}
