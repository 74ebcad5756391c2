//! The whole runtime under load, for as long as one likes: lost wakes, lost tasks,
//! double drops. Not part of the usual run:
//!
//! ```text
//! BOWERBIRD_STRESS_SECS=60 cargo test --release --test stress -- --ignored --test-threads=1
//! ```
//!
//! Each test runs for that many seconds, ten by default, in rounds; each round has
//! a ledger that must balance, and a limit of time: what takes ten times as long as
//! it should is a hang, and prints the tasks that live.
//!
//! What a round does follows from its number, which is printed when it fails;
//! `BOWERBIRD_STRESS_SEED` is the number of the first one, else chosen by the clock.
//! Threads are not repeated, so a seed brings the same work, not the same schedule.
//!
//! Under AddressSanitizer, with the assertions of debug builds and leaks looked for:
//!
//! ```text
//! RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=target-asan RUST_MIN_STACK=8388608 \
//!   BOWERBIRD_STRESS_SECS=40 cargo test --profile model --target x86_64-unknown-linux-gnu \
//!   --test stress -- --ignored --test-threads=1
//! ```

mod failures;
mod scheduling;

use bowerbird::{
    JoinHandle, block_in_place,
    runtime::{Builder, Handle, Runtime, Shutdown},
    shield, spawn, spawn_blocking, spawn_local,
    sync::{Notify, mpsc},
    task::TaskGroup,
    task_group,
    time::{Duration, Instant, sleep, timeout},
    yield_now,
};
use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    process,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::Waker,
    thread,
    time::SystemTime,
};

/// The longest a round may take.
const ROUND_MAX: Duration = Duration::from_secs(60);

/// Plays rounds until the time is up. A round knows its number, and the handle of
/// its runtime where others can see it.
fn rounds(play: impl Fn(usize, &Watched)) {
    let end = Instant::now() + Duration::from_secs(asked_for("SECS").unwrap_or(10));
    let first = asked_for("SEED").map_or_else(seed, |it| it as usize);
    let mut number = first;
    while Instant::now() < end {
        let watched = Watched::default();
        let watcher = watched.clone().watch(number);
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| play(number, &watched))) {
            eprintln!("BOWERBIRD_STRESS_SEED={number} begins with the round that failed");
            resume_unwind(payload);
        }
        watched.0.is_over.store(true, Relaxed);
        watcher.thread().unpark();
        watcher.join().unwrap();
        number += 1;
    }
    assert!(number > first);
    println!("{} rounds from seed {first}", number - first);
}

/// The number that the environment gives.
fn asked_for(what: &str) -> Option<u64> {
    let text = env::var(format!("BOWERBIRD_STRESS_{what}")).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{what} is no number: {text}")))
}

/// Another one for each run, and short enough to be typed.
fn seed() -> usize {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    now.as_micros() as usize % 1_000_000_000
}

/// What a hang is reported with.
#[derive(Clone, Default)]
struct Watched(Arc<Round>);

#[derive(Default)]
struct Round {
    handles: Mutex<Vec<Handle>>,
    is_over: AtomicBool,
}

impl Watched {
    fn runtime(&self, workers: usize) -> Runtime {
        let runtime = match workers {
            0 => Builder::new_current_thread(),
            _ => Builder::new_multi_thread().worker_threads(workers),
        };
        let runtime = runtime.build().unwrap();
        self.know(runtime.handle());
        runtime
    }

    /// Has this runtime reported, too, if the round hangs.
    fn know(&self, runtime: &Handle) {
        let mut handles = self.0.handles.lock().unwrap_or_else(PoisonError::into_inner);
        handles.push(runtime.clone());
    }

    /// Ends the process if the round hangs: nothing else could.
    fn watch(self, number: usize) -> thread::JoinHandle<()> {
        thread::spawn(move || {
            let end = Instant::now() + ROUND_MAX;
            while !self.0.is_over.load(Relaxed) {
                thread::park_timeout(end.duration_since(Instant::now()));
                if end <= Instant::now() {
                    self.report(number);
                    process::abort();
                }
            }
        })
    }

    fn report(&self, number: usize) {
        eprintln!("BOWERBIRD_STRESS_SEED={number} begins with the round that hangs");
        for handle in self.0.handles.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            eprintln!("{:?}", handle.metrics());
            handle.tasks().iter().for_each(|task| eprintln!("  {task}"));
        }
    }
}

/// How many of something were made, and how many ended.
#[derive(Clone, Debug, Default)]
struct Ledger(Arc<[AtomicUsize; 2]>);

/// One entry: balanced when it is dropped.
struct Entry(Ledger);

impl Ledger {
    fn entry(&self) -> Entry {
        self.0[0].fetch_add(1, Relaxed);
        Entry(self.clone())
    }

    fn is_balanced(&self) -> bool {
        self.0[0].load(Relaxed) == self.0[1].load(Relaxed)
    }

    #[track_caller]
    fn assert_balanced(&self) {
        let (made, ended) = (self.0[0].load(Relaxed), self.0[1].load(Relaxed));
        assert_eq!(made, ended, "made and ended");
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.0.0[1].fetch_add(1, Relaxed);
    }
}

/// Numbers that differ from round to round, and are the same for the same seed.
fn mixed(n: usize) -> usize {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23) ^ (n >> 3)
}

/// A row of such numbers, another for each player of a round.
struct Dice(usize);

impl Dice {
    fn new(round: usize, player: usize) -> Self {
        Self(mixed(round).wrapping_add(mixed(player + 1)))
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        // The upper half: the lower bits of `mixed` know too little of the others.
        (mixed(self.0) >> 32) % bound
    }
}

#[test]
#[ignore = "takes minutes"]
fn every_task_runs_once_though_all_steal() {
    rounds(|number, watched| {
        let runtime = watched.runtime(1 + number % 8);
        let (ledger, runs) = (Ledger::default(), Arc::new(AtomicUsize::new(0)));
        let spawners: Vec<_> = (0..8)
            .map(|spawner| {
                let (ledger, runs) = (ledger.clone(), runs.clone());
                runtime.spawn(async move {
                    let mut children = vec![];
                    for n in 0..500 {
                        let (entry, runs) = (ledger.entry(), runs.clone());
                        let ledger = ledger.clone();
                        children.push(spawn(async move {
                            let _entry = entry;
                            let turns = mixed(number + n * 31 + spawner) % 4;
                            for _ in 0..turns {
                                yield_now().await;
                            }
                            let entry = ledger.entry();
                            let grandchild = spawn(async move { drop(entry) });
                            if turns & 1 == 0 {
                                grandchild.await.unwrap();
                            }
                            runs.fetch_add(1, Relaxed);
                        }));
                    }
                    for child in children {
                        child.await.unwrap();
                    }
                })
            })
            .collect();
        spawners.into_iter().for_each(|it| it.join_blocking(None).unwrap().unwrap());
        assert!(runtime.shutdown(Shutdown::default()).is_clean());
        assert_eq!(runs.load(Relaxed), 8 * 500);
        ledger.assert_balanced();
    });
}

/// One token goes round rings of tasks, guests and plain threads: a wake that is
/// lost stops its ring.
#[test]
#[ignore = "takes minutes"]
fn no_wake_is_lost_in_rings_across_threads() {
    rounds(|number, watched| {
        let runtime = watched.runtime(number % 4);
        let handle = runtime.handle().clone();
        let rings: Vec<_> = (0..4)
            .map(|ring| {
                let (first, mut input) = mpsc::channel::<usize>(1);
                let entrance = first.clone();
                for n in 0..3 + ring {
                    let (output, next) = mpsc::channel(1);
                    let mut from = std::mem::replace(&mut input, next);
                    drop(runtime.spawn(async move {
                        while let Some(token) = from.recv().await {
                            if mixed(token + n) & 7 == 0 {
                                yield_now().await;
                            }
                            if output.send(token + 1).await.is_err() {
                                return;
                            }
                        }
                    }));
                }
                let handle = handle.clone();
                // A guest, or one who takes turns, closes the ring.
                thread::spawn(move || {
                    handle.block_on(async move {
                        entrance.send(0).await.unwrap();
                        for _ in 0..300 {
                            let token = input.recv().await.unwrap();
                            entrance.send(token).await.unwrap();
                        }
                    });
                })
            })
            .collect();
        rings.into_iter().for_each(|it| it.join().unwrap());
        drop(runtime);
    });
}

#[test]
#[ignore = "takes minutes"]
fn runtimes_end_while_strangers_wake_and_spawn() {
    rounds(|number, watched| {
        let runtime = watched.runtime(number % 5);
        let (ledger, stop) = (Ledger::default(), Arc::new(AtomicBool::new(false)));
        let wakers = Arc::new(Mutex::new(Vec::<Waker>::new()));
        for _ in 0..32 {
            let (entry, wakers) = (ledger.entry(), wakers.clone());
            drop(runtime.spawn(async move {
                let _entry = entry;
                std::future::poll_fn(|cx| {
                    let mut wakers = wakers.lock().unwrap();
                    wakers.push(cx.waker().clone());
                    let keep = wakers.len().saturating_sub(64);
                    let old: Vec<_> = wakers.drain(..keep).collect();
                    drop(wakers);
                    drop(old);
                    std::task::Poll::<()>::Pending
                })
                .await;
            }));
        }
        let strangers: Vec<_> = (0..3)
            .map(|n| {
                let (handle, stop) = (runtime.handle().clone(), stop.clone());
                let (ledger, wakers) = (ledger.clone(), wakers.clone());
                thread::spawn(move || {
                    while !stop.load(Relaxed) {
                        let some = wakers.lock().unwrap().clone();
                        some.iter().skip(n).step_by(3).for_each(Waker::wake_by_ref);
                        let entry = ledger.entry();
                        let task = handle.spawn(async move {
                            let _entry = entry;
                            sleep(Duration::from_millis(1)).await;
                        });
                        if some.len() % 2 == 0 {
                            task.abort();
                        }
                        let entry = ledger.entry();
                        drop(handle.spawn_blocking(move || drop(entry)));
                    }
                })
            })
            .collect();
        (0..mixed(number) % 64).for_each(|_| thread::yield_now());
        let report = runtime.shutdown(Shutdown::default().blocking(Duration::MAX));
        stop.store(true, Relaxed);
        strangers.into_iter().for_each(|it| it.join().unwrap());
        assert!(report.is_clean(), "{report}");
        wakers.lock().unwrap().drain(..).for_each(Waker::wake);
        ledger.assert_balanced();
    });
}

#[test]
#[ignore = "takes minutes"]
fn workers_come_and_go_while_tasks_block_in_place() {
    rounds(|number, watched| {
        let runtime = watched.runtime(1 + number % 4);
        let (ledger, notify) = (Ledger::default(), Arc::new(Notify::new()));
        let tasks: Vec<_> = (0..64)
            .map(|n| {
                let (entry, notify) = (ledger.entry(), notify.clone());
                runtime.spawn(async move {
                    let _entry = entry;
                    for round in 0..8 {
                        match mixed(number + n * 8 + round) % 5 {
                            0 => block_in_place(thread::yield_now),
                            1 => block_in_place(|| Handle::current().block_on(yield_now())),
                            2 => spawn_local(yield_now()).await.unwrap(),
                            3 => block_in_place(|| block_in_place(|| notify.notify_one())),
                            _ => {
                                let one = spawn(async { 1 });
                                assert_eq!(
                                    block_in_place(|| one.join_blocking(None)).unwrap().unwrap(),
                                    1
                                );
                            }
                        }
                        yield_now().await;
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|it| it.join_blocking(None).unwrap().unwrap());
        assert!(runtime.shutdown(Shutdown::default()).is_clean());
        ledger.assert_balanced();
    });
}

#[test]
#[ignore = "takes minutes"]
fn timers_fire_or_are_cancelled_and_never_early() {
    rounds(|number, watched| {
        let runtime = watched.runtime(number % 4);
        let ledger = Ledger::default();
        let tasks: Vec<_> = (0..256)
            .map(|n| {
                let entry = ledger.entry();
                runtime.spawn(async move {
                    let _entry = entry;
                    for round in 0..8 {
                        let span =
                            Duration::from_micros((mixed(number + n * 8 + round) % 3_000) as u64);
                        let start = Instant::now();
                        match n % 3 {
                            0 => sleep(span).await,
                            1 => drop(timeout(span, std::future::pending::<()>()).await),
                            _ => {
                                // Cancelled, mostly, and on another worker.
                                let long = spawn(sleep(Duration::from_secs(3_600)));
                                sleep(span).await;
                                long.abort();
                                assert!(long.await.unwrap_err().is_cancelled());
                            }
                        }
                        assert!(span <= start.elapsed(), "early by {:?}", span - start.elapsed());
                    }
                })
            })
            .collect();
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        drop(runtime);
        ledger.assert_balanced();
    });
}

#[test]
#[ignore = "takes minutes"]
fn closures_run_once_or_are_dropped_while_runtimes_end() {
    rounds(|number, watched| {
        let builder = Builder::new_multi_thread().worker_threads(1 + number % 2);
        let threads = 1 + mixed(number) % 6;
        let keep_alive = Duration::from_micros((mixed(number + 1) % 500) as u64);
        let runtime =
            builder.max_blocking_threads(threads).thread_keep_alive(keep_alive).build().unwrap();
        watched.know(runtime.handle());
        let ledger = Ledger::default();
        let tasks: Vec<_> = (0..32)
            .map(|n| {
                let ledger = ledger.clone();
                runtime.spawn(async move {
                    for round in 0..16 {
                        let entry = ledger.entry();
                        let closure = spawn_blocking(move || {
                            drop(entry);
                            round
                        });
                        match mixed(number + n + round) % 4 {
                            0 => closure.abort(),
                            1 => drop(closure),
                            _ => assert_eq!(closure.await.unwrap_or(round), round),
                        }
                    }
                })
            })
            .collect();
        if number % 2 == 0 {
            tasks.into_iter().for_each(|it| it.join_blocking(None).unwrap().unwrap());
        }
        let report = runtime.shutdown(Shutdown::default().blocking(Duration::MAX));
        assert!(report.is_clean(), "{report}");
        ledger.assert_balanced();
    });
}

/// Trees of groups whose children fail, panic, cancel, are aborted, outlive timeouts
/// and shield what they leave: when the outermost group is over, nothing is left.
#[test]
#[ignore = "takes minutes"]
fn groups_leave_nothing_behind() {
    rounds(|number, watched| {
        let runtime = watched.runtime(number % 5);
        let ledger = Ledger::default();
        for tree in 0..20 {
            let (ledger, seed) = (ledger.clone(), mixed(number * 20 + tree));
            let outcome = runtime.block_on(task_group(async |g: TaskGroup<usize>| {
                if seed & 1 == 0 {
                    g.max_concurrency(1 + seed % 7);
                }
                grow(&g, 4, seed, &ledger);
                Ok(())
            }));
            ledger.assert_balanced();
            drop(outcome);
        }
        assert!(runtime.shutdown(Shutdown::default()).is_clean());
    });
}

/// Starts some children, of which some start groups of their own.
fn grow(g: &TaskGroup<usize>, depth: usize, seed: usize, ledger: &Ledger) {
    for child in 0..3 {
        let (group, ledger, seed) = (g.clone(), ledger.clone(), mixed(seed + child));
        let entry = ledger.entry();
        let handle = g.spawn(async move {
            let _entry = entry;
            for _ in 0..seed % 3 {
                yield_now().await;
            }
            if depth > 0 {
                grow(&group, depth - 1, seed, &ledger);
                let inner = task_group(async |h: TaskGroup<usize>| {
                    grow(&h, depth - 1, mixed(seed), &ledger);
                    yield_now().await;
                    Ok(())
                });
                // Errors of inner groups stay inside.
                let _ = timeout(Duration::from_micros((seed % 300) as u64), inner).await;
            }
            let entry = ledger.entry();
            let goodbye = shield(async move {
                yield_now().await;
                drop(entry);
            });
            match seed % 97 {
                0 => return Err(seed),
                1 => resume_unwind(Box::new(seed)),
                2 => group.cancel(),
                3 => drop(goodbye.await),
                _ => (),
            }
            Ok(())
        });
        if seed % 11 == 0 {
            handle.abort();
        }
    }
}

/// So many of them, or as many as `BOWERBIRD_STRESS_TASKS` says.
const PARKED: usize = 10_000_000;

/// Parks tasks, aborts every second one, and lets the end of the runtime cancel the rest.
/// Says how long each part took.
fn park_and_cancel(tasks: usize) -> [Duration; 3] {
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let spawned = Instant::now();
    let handles = runtime.block_on(runtime.spawn(async move {
        let mut handles = Vec::with_capacity(tasks / 2);
        for number in 0..tasks {
            let task = spawn(std::future::pending::<()>());
            if number % 2 == 0 {
                handles.push(task);
            }
            if number % 1_000 == 0 {
                yield_now().await;
            }
        }
        handles
    }));
    let aborted = Instant::now();
    let ends = runtime.block_on(runtime.spawn(async move {
        let handles = handles.unwrap();
        handles.iter().for_each(JoinHandle::abort);
        let mut ends = 0;
        for task in handles {
            ends += usize::from(task.await.unwrap_err().is_cancelled());
        }
        ends
    }));
    assert_eq!(ends.unwrap(), tasks.div_ceil(2));
    let over = Instant::now();
    drop(runtime);
    [aborted - spawned, over - aborted, over.elapsed()]
}

#[test]
#[ignore = "takes minutes"]
fn parked_tasks_are_spawned_and_cancelled_in_linear_time() {
    let tasks = env::var("BOWERBIRD_STRESS_TASKS").ok().and_then(|it| it.parse().ok());
    let tasks = tasks.unwrap_or(PARKED);
    let each = |tasks: usize| {
        let parts = park_and_cancel(tasks).map(|it| it.as_nanos() as f64 / tasks as f64);
        println!("{tasks} tasks: spawned, aborted, ended in {parts:.0?} ns each");
        parts
    };
    let (few, many) = (each(tasks / 10), each(tasks));
    for (few, many) in few.into_iter().zip(many) {
        // Ten times as many, and each at most four times as long: not a square.
        assert!(many <= 4.0 * few + 200.0, "{few:.0} ns, then {many:.0} ns");
    }
}
