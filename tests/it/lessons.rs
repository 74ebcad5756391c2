//! What went wrong in other runtimes and is not told by any other file here:
//! `docs/reliability.md` says where.

use crate::stage::{Count, Door, assert_serves, flavors, limited, lock, multi, panic_of, single};
use bowerbird::{
    runtime::{Builder, EnterGuard, Handle, LocalRuntime, Runtime, Shutdown},
    spawn, spawn_blocking, spawn_local,
    sync::{Mutex, Notify, Semaphore},
    task::{AbortHandle, JoinError, JoinHandle, JoinSet},
    time::{Duration, Instant, Sleep, sleep},
    yield_now,
};
use futures::Stream;
use std::{
    cell::Cell,
    future::Future,
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    thread,
};

/// A caller that waits for its own future has no business with other tasks: one of
/// them might never come back.
#[test]
fn a_block_on_completes_though_a_thousand_tasks_block() {
    limited(|| {
        let runtime = multi(1);
        let door = Door::default();
        let tasks: Vec<_> = (0..1_000)
            .map(|_| {
                let door = door.clone();
                runtime.spawn(async move { door.pass() })
            })
            .collect();
        assert_eq!(runtime.block_on(async { yields(10).await }), 10);
        assert_eq!(runtime.block_on(async { spawn_local(yields(10)).await.unwrap() }), 10);
        assert!(tasks.iter().all(|it| !it.is_finished()), "they still block");
        door.open();
        tasks.into_iter().for_each(|it| it.join_blocking(None).unwrap().unwrap());
    });
}

async fn yields(n: usize) -> usize {
    for _ in 0..n {
        yield_now().await;
    }
    n
}

/// Hooks of threads may do what tasks do: what they wake and spawn is run, also
/// when the thread is about to sleep or to end.
#[test]
fn every_hook_may_wake_and_spawn() {
    limited(|| {
        for builder in flavors() {
            let (notify, runs) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
            let home = Arc::new(std::sync::Mutex::new(None::<Handle>));
            let hook = || {
                let (notify, runs, home) = (notify.clone(), runs.clone(), home.clone());
                move || {
                    notify.notify_one();
                    let Some(handle) = lock(&home).clone() else { return };
                    // Not one for each: every task would lead to another sleep.
                    if runs.load(Relaxed) < 10 {
                        let runs = runs.clone();
                        drop(handle.spawn(async move {
                            runs.fetch_add(1, Relaxed);
                        }));
                    }
                }
            };
            let builder = builder.on_thread_start(hook()).on_thread_stop(hook());
            let builder = builder.on_thread_park(hook()).on_thread_unpark(hook());
            let runtime = builder.build().unwrap();
            *lock(&home) = Some(runtime.handle().clone());
            runtime.block_on(async {
                for _ in 0..10 {
                    notify.notified().await;
                }
                // Threads of the pool start and stop, too.
                spawn_blocking(|| ()).await.unwrap();
                while runs.load(Relaxed) < 10 {
                    sleep(Duration::from_micros(100)).await;
                }
            });
            assert_serves(&runtime);
            assert!(runtime.shutdown(Shutdown::default()).is_clean());
            // The hooks are the runtime's, and would keep it.
            *lock(&home) = None;
        }
    });
}

/// Whoever only tries takes nobody's place: the waker that was left before is the
/// one that is woken.
#[test]
fn who_only_tries_leaves_wakers_alone() {
    // More turns than a task from outside may have to wait for.
    const LOOKS: usize = 100;
    limited(|| {
        let runtime = single();
        let (count, waker) = Count::waker();
        let mut cx = Context::from_waker(&waker);
        let notify = Arc::new(Notify::new());

        let mut set = JoinSet::new();
        let theirs = notify.clone();
        let _entered = runtime.enter();
        set.spawn(async move { theirs.notified().await });
        assert!(Pin::new(&mut set).poll_next(&mut cx).is_pending());
        assert!(set.try_join_next().is_none() && set.try_join_next_with_id().is_none());
        runtime.block_on(async { yields(LOOKS).await });
        assert_eq!(count.get(), 0);
        notify.notify_one();
        runtime.block_on(async { yields(LOOKS).await });
        assert_eq!(count.get(), 1, "of a set");
        assert!(set.try_join_next().unwrap().is_ok());

        let permits = Semaphore::new(1);
        let held = permits.try_acquire().unwrap();
        let mut acquire = pin!(permits.acquire());
        assert!(acquire.as_mut().poll(&mut cx).is_pending());
        assert!(permits.try_acquire().is_err() && permits.try_acquire_many(1).is_err());
        drop(held);
        assert_eq!(count.get(), 2, "of a semaphore");

        let mutex = Mutex::new(());
        let held = mutex.try_lock().unwrap();
        let mut lock = pin!(mutex.lock());
        assert!(lock.as_mut().poll(&mut cx).is_pending());
        assert!(mutex.try_lock().is_err());
        drop(held);
        assert_eq!(count.get(), 3, "of a mutex");

        let mut task = runtime.spawn(async {});
        assert!(Pin::new(&mut task).poll(&mut cx).is_pending());
        assert!(!task.is_finished());
        runtime.block_on(async { yields(LOOKS).await });
        assert_eq!(count.get(), 4, "of a task");
        assert!(task.is_finished());
    });
}

/// How often workers went to sleep so far.
fn parks(handle: &Handle) -> u64 {
    handle.metrics().workers.iter().map(|it| it.parks).sum()
}

/// How often they do so in a tenth of a second in which nothing happens: here the
/// time that passes is what is tested.
fn parks_while_idle(handle: &Handle) -> u64 {
    let before = parks(handle);
    thread::sleep(Duration::from_millis(100));
    parks(handle) - before
}

/// Timers far away cost nothing while nobody needs them, however many there are.
#[test]
fn a_hundred_thousand_far_timers_wake_nobody() {
    limited(|| {
        // On a busy machine a worker may look stuck; one that is added, and goes, parks.
        let builder = Builder::new_multi_thread().worker_threads(2).spare_workers(0);
        let runtime = builder.build().unwrap();
        let polled = Arc::new(AtomicUsize::new(0));
        for n in 0..100_000 {
            let polled = polled.clone();
            drop(runtime.spawn(async move {
                polled.fetch_add(1, Relaxed);
                sleep(Duration::from_secs(3_600) + Duration::from_micros(n)).await;
            }));
        }
        while polled.load(Relaxed) < 100_000 || runtime.handle().metrics().asleep < 2 {
            thread::yield_now();
        }
        let parks = parks_while_idle(runtime.handle());
        assert!(parks <= 2, "{parks} sleeps");
        drop(runtime);
    });
}

/// A timer that was dropped wakes nobody: not its task, and its worker at most once.
#[test]
fn timers_that_were_dropped_wake_nobody() {
    limited(|| {
        let runtime = multi(1);
        let (count, waker) = Count::waker();
        let task = runtime.spawn(async move {
            let start = Instant::now();
            for n in 0..1_000_u64 {
                let mut timer = Box::pin(sleep(Duration::from_micros(20_000 + n * 50)));
                assert!(timer.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            }
            start.elapsed()
        });
        let took = task.join_blocking(None).unwrap().unwrap();
        while runtime.handle().metrics().asleep < 1 {
            thread::yield_now();
        }
        let parks = parks_while_idle(runtime.handle());
        assert!(parks <= 2, "{parks} sleeps after timers that took {took:?}");
        assert_eq!(count.get(), 0);
    });
}

/// A panic of the main future is told at once, whatever a task does meanwhile, and
/// the end is waited for no longer than was asked for.
#[test]
fn a_panic_of_main_beside_a_task_that_never_yields() {
    limited(|| {
        let runtime = multi(1);
        let (door, inside) = (Door::default(), Arc::new(AtomicUsize::new(0)));
        let (theirs, arrives) = (door.clone(), inside.clone());
        let task = runtime.spawn(async move {
            arrives.store(1, Relaxed);
            theirs.pass();
            7
        });
        let told = panic_of(|| {
            runtime.block_on(async {
                while inside.load(Relaxed) == 0 {
                    yield_now().await;
                }
                panic!("of main");
            });
        });
        assert_eq!(told, "of main");
        let report = runtime.shutdown(Shutdown::default().workers(Duration::from_millis(20)));
        assert_eq!(report.stuck_workers, 1, "{report}");
        door.open();
        // It was in its last poll, and finished it.
        assert_eq!(task.join_blocking(None).unwrap().unwrap(), 7);
    });
}

/// Fails to compile if the type implements the trait: `which` is ambiguous then.
macro_rules! assert_not {
    ($type:ty: $trait:path) => {
        const _: fn() = || {
            trait Which<A> {
                fn which() {}
            }
            impl<T: ?Sized> Which<()> for T {}
            struct Implemented;
            impl<T: ?Sized + $trait> Which<Implemented> for T {}
            let _ = <$type as Which<_>>::which;
        };
    };
}

/// Who may go where, of all that the scheduler hands out, and who may not.
#[test]
fn handles_go_where_what_they_carry_may_go() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    fn unpin<T: Unpin>() {}
    type SyncOnly = std::sync::MutexGuard<'static, ()>;
    send::<Runtime>();
    sync::<Runtime>();
    send::<Handle>();
    sync::<Handle>();
    send::<Builder>();
    send::<AbortHandle>();
    sync::<AbortHandle>();
    send::<JoinError>();
    sync::<JoinError>();
    send::<JoinHandle<Cell<u8>>>();
    unpin::<JoinHandle<std::marker::PhantomPinned>>();
    send::<JoinSet<Cell<u8>>>();
    send::<Sleep>();
    sync::<Sleep>();
    assert_not!(LocalRuntime: Send);
    assert_not!(LocalRuntime: Sync);
    assert_not!(EnterGuard: Send);
    assert_not!(JoinHandle<Rc<u8>>: Send);
    assert_not!(JoinHandle<Rc<u8>>: Sync);
    assert_not!(JoinHandle<SyncOnly>: Send);
    assert_not!(JoinSet<Rc<u8>>: Send);
}

/// A thread that goes away right after it spawned strands nothing: neither in its
/// queue nor in its next-task slot.
#[test]
fn what_a_guest_leaves_in_line_is_run_by_others() {
    limited(|| {
        let runtime = Arc::new(single());
        for _ in 0..100 {
            let (here, there) = (runtime.clone(), runtime.clone());
            let task = Arc::new(std::sync::Mutex::new(None));
            let theirs = task.clone();
            // Leaves at once, with the tasks unpolled.
            let guest = thread::spawn(move || {
                here.block_on(async move {
                    let inner = spawn(yields(2));
                    *lock(&theirs) = Some(spawn(async move { inner.await.unwrap() }));
                });
            });
            guest.join().unwrap();
            let task = lock(&task).take().unwrap();
            let second = thread::spawn(move || there.block_on(task).unwrap());
            assert_eq!(second.join().unwrap(), 2);
        }
    });
}

/// A wake of a task that was woken already is followed by a poll, too, which sees
/// what was written before it.
#[test]
fn the_last_of_many_wakes_is_followed_by_a_poll() {
    limited(|| {
        let runtime = multi(2);
        for n in 0..500 {
            let (value, place) = (Arc::new(AtomicUsize::new(0)), Arc::new(OnceLock::new()));
            let (theirs, here) = (value.clone(), place.clone());
            let task = runtime.spawn(std::future::poll_fn(move |cx: &mut Context<'_>| {
                let _: &Waker = here.get_or_init(|| cx.waker().clone());
                match theirs.load(Relaxed) {
                    8 => Poll::Ready(()),
                    _ => Poll::Pending,
                }
            }));
            let strangers: Vec<_> = (0..2)
                .map(|_| {
                    let (value, place) = (value.clone(), place.clone());
                    thread::spawn(move || {
                        let waker = loop {
                            match place.get() {
                                Some(waker) => break waker,
                                None => thread::yield_now(),
                            }
                        };
                        for _ in 0..4 {
                            // Relaxed: the wake publishes it.
                            value.fetch_add(1, Relaxed);
                            waker.wake_by_ref();
                        }
                    })
                })
                .collect();
            strangers.into_iter().for_each(|it| it.join().unwrap());
            task.join_blocking(Some(Duration::from_secs(20)))
                .unwrap_or_else(|_| panic!("{n}"))
                .unwrap();
        }
    });
}
