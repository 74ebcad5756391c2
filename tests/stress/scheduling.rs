//! The scheduler under load, from where no task runs: strangers abort, cancel
//! timers, join and leave; threads come and go as guests, nest and block.

use super::{Dice, Entry, Ledger, Watched, rounds};
use bowerbird::{
    block_in_place,
    runtime::{Builder, Handle, Runtime, Shutdown},
    spawn, spawn_blocking, spawn_local,
    sync::{Mutex, Notify, Semaphore},
    task::{AbortHandle, JoinHandle},
    time::{Duration, Instant, Sleep, sleep, timeout},
    yield_now,
};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Barrier, OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread, ThreadId},
};

/// Counts the futures that were dropped elsewhere than on their thread.
#[derive(Clone, Default)]
struct Strays(Arc<AtomicUsize>);

/// Part of a future that must not leave the thread it was made on.
struct AtHome(ThreadId, Strays);

impl Strays {
    fn at_home(&self) -> AtHome {
        AtHome(thread::current().id(), self.clone())
    }

    fn assert_none(&self) {
        assert_eq!(self.0.load(Relaxed), 0, "dropped on another thread");
    }
}

impl Drop for AtHome {
    fn drop(&mut self) {
        if thread::current().id() != self.0 {
            self.1.0.fetch_add(1, Relaxed);
        }
    }
}

/// What the tasks of an abort storm share.
#[derive(Clone, Default)]
struct Storm {
    ledger: Ledger,
    strays: Strays,
    lock: Arc<Mutex<usize>>,
    permits: Arc<OnceLock<Semaphore>>,
    aborts: Arc<OnceLock<Vec<AbortHandle>>>,
}

impl Storm {
    const PERMITS: usize = 3;

    fn permits(&self) -> &Semaphore {
        self.permits.get_or_init(|| Semaphore::new(Self::PERMITS))
    }

    /// Aborts somebody, maybe the caller itself, maybe for the tenth time.
    fn strike(&self, dice: &mut Dice) {
        if let Some(aborts) = self.aborts.get() {
            aborts[dice.below(aborts.len())].abort();
        }
    }

    /// A life that ends by itself, unless it is struck.
    async fn live(self, mut dice: Dice) {
        let _entry = self.ledger.entry();
        for _ in 0..4 {
            let span = Duration::from_micros(dice.below(300) as u64);
            match dice.below(9) {
                0 => yield_now().await,
                1 => {
                    let mut held = self.lock.lock().await;
                    *held += 1;
                    yield_now().await;
                }
                2 => {
                    let _held = self.permits().acquire().await.unwrap();
                    sleep(span).await;
                }
                3 => {
                    let entry = self.ledger.entry();
                    drop(spawn_blocking(move || drop(entry)).await);
                }
                4 => {
                    let entry = self.ledger.entry();
                    let child = spawn(async move {
                        let _entry = entry;
                        yield_now().await;
                    });
                    drop(child.await);
                }
                5 => drop(timeout(span, std::future::pending::<()>()).await),
                6 => {
                    let entry = self.ledger.entry();
                    let at_home = self.strays.at_home();
                    let local = spawn_local(async move {
                        let _held = (entry, at_home);
                        sleep(span).await;
                    });
                    let abort = local.abort_handle();
                    drop(timeout(span, local).await);
                    // From whichever thread the task is on by now.
                    abort.abort();
                }
                7 => self.strike(&mut dice),
                _ => block_in_place(|| self.strike(&mut dice)),
            }
        }
    }
}

/// Whatever a task is doing, it may be aborted there, from a plain thread or by a
/// task: it ends once, gives back what it holds, and its handle says so.
#[test]
#[ignore = "takes minutes"]
fn aborts_storm_over_tasks_in_every_state() {
    rounds(|number, watched| {
        let runtime = watched.runtime(number % 4);
        let storm = Storm::default();
        let tasks: Vec<_> =
            (0..200).map(|n| runtime.spawn(storm.clone().live(Dice::new(number, n)))).collect();
        storm.aborts.set(tasks.iter().map(JoinHandle::abort_handle).collect()).ok().unwrap();
        let strangers: Vec<_> = (0..3)
            .map(|n| {
                let (storm, mut dice) = (storm.clone(), Dice::new(number, 1_000 + n));
                thread::spawn(move || {
                    for _ in 0..100 {
                        storm.strike(&mut dice);
                        (0..dice.below(4)).for_each(|_| thread::yield_now());
                    }
                })
            })
            .collect();
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap_or_else(|error| assert!(error.is_cancelled(), "{error}"));
            }
        });
        strangers.into_iter().for_each(|it| it.join().unwrap());
        let report = runtime.shutdown(Shutdown::default().blocking(Duration::MAX));
        assert!(report.is_clean(), "{report}");
        assert!(storm.lock.try_lock().is_ok());
        assert_eq!(storm.permits().available_permits(), Storm::PERMITS);
        storm.strays.assert_none();
        storm.ledger.assert_balanced();
    });
}

/// Goes so many levels down, each in some other way to block, and waits for a task
/// at the bottom.
fn descend(home: &Handle, other: &Handle, mut dice: Dice, depth: usize) -> usize {
    if depth == 0 {
        return block_in_place(|| home.block_on(async { spawn(async { 1 }).await.unwrap() }));
    }
    let (next, depth) = (Dice::new(dice.below(1 << 20), depth), depth - 1);
    match dice.below(6) {
        0 => home.block_on(async { descend(home, other, next, depth) }),
        1 => block_in_place(|| descend(home, other, next, depth)),
        2 => {
            let (home, other) = (home.clone(), other.clone());
            block_in_place(|| {
                let deeper = spawn_blocking(move || descend(&home, &other, next, depth));
                deeper.join_blocking(None).unwrap().unwrap()
            })
        }
        3 => other.block_on(async { descend(home, other, next, depth) }),
        4 => {
            let _entered = home.enter();
            descend(home, other, next, depth)
        }
        _ => {
            let (mine, theirs) = (home.clone(), other.clone());
            home.block_on(async move {
                let deeper = async move {
                    yield_now().await;
                    descend(&mine, &theirs, next, depth)
                };
                spawn_local(deeper).await.unwrap()
            })
        }
    }
}

/// Every way to block inside every other, on workers and on guests, while plain
/// tasks go on.
#[test]
#[ignore = "takes minutes"]
fn ways_to_block_nest_at_random() {
    rounds(|number, watched| {
        let (runtime, other) = (watched.runtime(1 + number % 3), watched.runtime(1));
        let (home, elsewhere) = (runtime.handle().clone(), other.handle().clone());
        let dig = move |n: usize| {
            let (home, elsewhere) = (home.clone(), elsewhere.clone());
            move || descend(&home, &elsewhere, Dice::new(number, n), 1 + n % 5)
        };
        let guests: Vec<_> = (0..3)
            .map(|n| {
                let (handle, dig) = (runtime.handle().clone(), dig(n));
                thread::spawn(move || handle.block_on(async { dig() }))
            })
            .collect();
        let tasks: Vec<_> = (0..12)
            .map(|n| {
                let dig = dig(100 + n);
                runtime.spawn(async move {
                    yield_now().await;
                    dig()
                })
            })
            .collect();
        let plain = runtime.spawn(async {
            for _ in 0..100 {
                yield_now().await;
            }
        });
        for guest in guests {
            assert_eq!(guest.join().unwrap(), 1);
        }
        for task in tasks {
            assert_eq!(task.join_blocking(None).unwrap().unwrap(), 1);
        }
        plain.join_blocking(None).unwrap().unwrap();
        for runtime in [runtime, other] {
            assert!(runtime.shutdown(Shutdown::default()).is_clean());
        }
    });
}

#[derive(Default)]
struct CountingWaker(AtomicUsize);

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

type Timer = Pin<Box<Sleep>>;

/// Sets timers, lets strangers have them, and meanwhile waits for some itself.
async fn set_timers(mut dice: Dice, waker: Waker, out: mpsc::Sender<Vec<Timer>>) {
    const TIMERS: usize = 25_000;
    const BATCH: usize = 250;
    for _ in 0..TIMERS / BATCH {
        let timers = (0..BATCH)
            .map(|_| {
                let span = match dice.below(4) {
                    0 => Duration::from_secs(3_600),
                    _ => Duration::from_micros(dice.below(3_000) as u64),
                };
                let mut timer = Box::pin(sleep(span));
                // Some are due already.
                let _ = timer.as_mut().poll(&mut Context::from_waker(&waker));
                timer
            })
            .collect();
        out.send(timers).unwrap();
        match dice.below(8) {
            0 => {
                let (start, span) = (Instant::now(), Duration::from_micros(500));
                sleep(span).await;
                assert!(span <= start.elapsed());
            }
            _ => yield_now().await,
        }
    }
}

/// Timers end elsewhere than where they were set, by the 10^5, while others fire.
#[test]
#[ignore = "takes minutes"]
fn timers_are_cancelled_and_reset_by_strangers() {
    rounds(|number, watched| {
        let runtime = watched.runtime(1 + number % 3);
        let counter = Arc::new(CountingWaker::default());
        let (setters, strangers): (Vec<_>, Vec<_>) = (0..4)
            .map(|n| {
                let (out, timers) = mpsc::channel::<Vec<Timer>>();
                let waker = Waker::from(counter.clone());
                let setter = runtime.spawn(set_timers(Dice::new(number, n), waker, out));
                let mut dice = Dice::new(number, 100 + n);
                // One in two cancels inside a runtime, so that a reset has a home.
                let handle = (n % 2 == 0).then(|| runtime.handle().clone());
                let stranger = thread::spawn(move || {
                    let _entered = handle.as_ref().map(Handle::enter);
                    let mut kept = vec![];
                    for mut timer in timers.iter().flatten() {
                        match dice.below(8) {
                            0 => timer.as_mut().reset(Instant::now() + Duration::from_millis(1)),
                            1 => kept.push(timer),
                            _ => drop(timer),
                        }
                    }
                });
                (setter, stranger)
            })
            .unzip();
        setters.into_iter().for_each(|it| it.join_blocking(None).unwrap().unwrap());
        strangers.into_iter().for_each(|it| it.join().unwrap());
        drop(runtime);
        assert!(counter.0.load(Relaxed) > 0, "some fired");
        assert_eq!(Arc::strong_count(&counter), 1, "no timer kept its waker");
    });
}

/// One visit of a guest: local tasks of its own, one of which never ends, a task
/// for the workers, and a nudge for another guest.
async fn visit(ledger: Ledger, strays: Strays, mut dice: Dice, all: Arc<[Notify]>) {
    let (me, you) = (dice.below(all.len()), dice.below(all.len()));
    let watch = || (ledger.entry(), strays.at_home());
    let held = watch();
    drop(spawn_local(async move {
        let _held = held;
        std::future::pending::<()>().await;
    }));
    let held = watch();
    let theirs = all.clone();
    let local = spawn_local(async move {
        let _held = held;
        theirs[you].notify_one();
        yield_now().await;
    });
    let entry = ledger.entry();
    let task = spawn(async move {
        let _entry = entry;
        yield_now().await;
        all[you].notify_waiters();
        let _ = timeout(Duration::from_micros(100), all[me].notified()).await;
    });
    local.await.unwrap();
    match dice.below(3) {
        0 => task.await.unwrap(),
        1 => task.abort(),
        _ => drop(task),
    }
}

/// Threads visit a runtime, with or without workers of its own, and leave no local
/// task behind.
#[test]
#[ignore = "takes minutes"]
fn guests_come_and_go_and_take_their_local_tasks_along() {
    rounds(|number, watched| {
        let runtime = watched.runtime(number % 4);
        let (ledger, strays) = (Ledger::default(), Strays::default());
        let all: Arc<[Notify]> = (0..6).map(|_| Notify::new()).collect();
        let guests: Vec<_> = (0..6)
            .map(|n| {
                let (handle, ledger) = (runtime.handle().clone(), ledger.clone());
                let (strays, all) = (strays.clone(), all.clone());
                thread::spawn(move || {
                    let mut dice = Dice::new(number, n);
                    for v in 0..20 {
                        let next = Dice::new(dice.below(1 << 20), v);
                        if dice.below(4) == 0 {
                            let _entered = handle.enter();
                            let entry = ledger.entry();
                            drop(spawn(async move { drop(entry) }));
                        }
                        let visit = visit(ledger.clone(), strays.clone(), next, all.clone());
                        handle.block_on(visit);
                    }
                })
            })
            .collect();
        guests.into_iter().for_each(|it| it.join().unwrap());
        assert!(runtime.shutdown(Shutdown::default()).is_clean());
        strays.assert_none();
        ledger.assert_balanced();
    });
}

fn small_pool(watched: &Watched, dice: &mut Dice, threads: usize) -> Runtime {
    let keep_alive = Duration::from_micros(dice.below(300) as u64);
    let builder = Builder::new_multi_thread().worker_threads(1);
    let runtime = builder.max_blocking_threads(threads).thread_keep_alive(keep_alive).build();
    let runtime = runtime.unwrap();
    watched.know(runtime.handle());
    runtime
}

/// As many closures as there may be threads wait for each other, again and again,
/// in a flood of short ones: if one of them gets no thread, none of them ends.
#[test]
#[ignore = "takes minutes"]
fn a_pool_at_its_cap_gives_every_closure_a_thread() {
    rounds(|number, watched| {
        let mut dice = Dice::new(number, 0);
        let threads = 1 + dice.below(6);
        let runtime = small_pool(watched, &mut dice, threads);
        let (ledger, runs) = (Ledger::default(), Arc::new(AtomicUsize::new(0)));
        let floods: Vec<_> = (0..2)
            .map(|n| {
                let (handle, ledger, runs) =
                    (runtime.handle().clone(), ledger.clone(), runs.clone());
                let mut dice = Dice::new(number, 1 + n);
                thread::spawn(move || flood(&handle, &ledger, &runs, &mut dice))
            })
            .collect();
        for _ in 0..20 {
            let gate = Arc::new(Barrier::new(threads));
            let meeting: Vec<_> = (0..threads)
                .map(|_| {
                    let gate = gate.clone();
                    runtime.spawn_blocking(move || gate.wait().is_leader())
                })
                .collect();
            let leaders = meeting.into_iter().map(|it| it.join_blocking(None).unwrap().unwrap());
            assert_eq!(leaders.filter(|it| *it).count(), 1);
        }
        let told: usize = floods.into_iter().map(|it| it.join().unwrap()).sum();
        let report = runtime.shutdown(Shutdown::default().blocking(Duration::MAX));
        assert!(report.is_clean(), "{report}");
        assert_eq!(told, runs.load(Relaxed), "the handles tell the truth");
        ledger.assert_balanced();
    });
}

/// Short closures, of which some are aborted: how many ran, as their handles tell.
fn flood(handle: &Handle, ledger: &Ledger, runs: &Arc<AtomicUsize>, dice: &mut Dice) -> usize {
    let mut told = 0;
    for _ in 0..40 {
        let closures: Vec<_> = (0..1 + dice.below(8))
            .map(|_| {
                let (entry, runs): (Entry, _) = (ledger.entry(), runs.clone());
                handle.spawn_blocking(move || {
                    let _entry = entry;
                    runs.fetch_add(1, Relaxed);
                })
            })
            .collect();
        if dice.below(3) == 0 {
            closures[dice.below(closures.len())].abort();
        }
        let results = closures.into_iter().map(|it| it.join_blocking(None).unwrap());
        told += results.filter(Result::is_ok).count();
    }
    told
}

/// Tasks from outside that wait for each other, one for each worker: if a worker
/// sleeps while one of them is queued, none of them ends.
#[test]
#[ignore = "takes minutes"]
fn no_worker_sleeps_while_a_task_from_outside_waits() {
    rounds(|number, watched| {
        let workers = 1 + number % 6;
        let runtime = watched.runtime(workers);
        for n in 0..50 {
            let gate = Arc::new(Barrier::new(workers));
            let meeting: Vec<_> = (0..workers)
                .map(|_| {
                    let gate = gate.clone();
                    runtime.spawn(async move { gate.wait().is_leader() })
                })
                .collect();
            let leaders = meeting.into_iter().map(|it| it.join_blocking(None).unwrap().unwrap());
            assert_eq!(leaders.filter(|it| *it).count(), 1);
            // Now and then all fall asleep first.
            while n % 7 == 0 && runtime.handle().metrics().asleep < workers {
                thread::yield_now();
            }
        }
        assert!(runtime.shutdown(Shutdown::default()).is_clean());
    });
}

/// Wakes a plain thread.
struct ThreadWaker(Thread);

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls on a plain thread, now with one waker, now with another.
fn poll_to_the_end<F: Future + Unpin>(mut future: F, dice: &mut Dice) -> F::Output {
    loop {
        for _ in 0..dice.below(3) {
            let other = Waker::from(Arc::new(CountingWaker::default()));
            let polled = Pin::new(&mut future).poll(&mut Context::from_waker(&other));
            if let Poll::Ready(output) = polled {
                return output;
            }
        }
        let mine = Waker::from(Arc::new(ThreadWaker(thread::current())));
        match Pin::new(&mut future).poll(&mut Context::from_waker(&mine)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Handles are polled here and there with ever other wakers, while their tasks end:
/// the last waker is woken, and every output goes to one place.
#[test]
#[ignore = "takes minutes"]
fn handles_go_from_thread_to_thread_while_tasks_end() {
    rounds(|number, watched| {
        let runtime = watched.runtime(1 + number % 3);
        let ledger = Ledger::default();
        let strangers: Vec<_> = (0..4)
            .map(|n| {
                let (handle, ledger) = (runtime.handle().clone(), ledger.clone());
                let mut dice = Dice::new(number, n);
                thread::spawn(move || {
                    for _ in 0..150 {
                        let (entry, yields) = (ledger.entry(), dice.below(4));
                        let output = ledger.entry();
                        let mut task = handle.spawn(async move {
                            let _entry = entry;
                            for _ in 0..yields {
                                yield_now().await;
                            }
                            output
                        });
                        let first = Waker::from(Arc::new(CountingWaker::default()));
                        let polled = Pin::new(&mut task).poll(&mut Context::from_waker(&first));
                        if polled.is_ready() {
                            continue;
                        }
                        match dice.below(5) {
                            0 => drop(task),
                            1 => task.abort(),
                            2 => drop(task.join_blocking(Some(Duration::from_micros(20)))),
                            3 => {
                                let follower = handle.spawn(task);
                                drop(poll_to_the_end(follower, &mut dice).unwrap().unwrap());
                            }
                            _ => drop(poll_to_the_end(task, &mut dice).unwrap()),
                        }
                    }
                })
            })
            .collect();
        strangers.into_iter().for_each(|it| it.join().unwrap());
        assert!(runtime.shutdown(Shutdown::default()).is_clean());
        ledger.assert_balanced();
    });
}
