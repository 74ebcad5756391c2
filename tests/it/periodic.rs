//! What is done again and again: when, how often, and what if it goes wrong.

use crate::stage::{Reports, flavors, limited, lock, panic_of, single};
use bowerbird::{
    runtime::{Builder, Runtime},
    sync::{Event, Semaphore},
    testing::clock,
    time::{
        Duration, Instant, MissedTickBehavior, OnError, Overlap, Periodic, PeriodicEnd,
        PeriodicStats, every, sleep, timeout,
    },
    yield_now,
};
use std::{
    future::{Future, pending, ready},
    sync::{Arc, Mutex},
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// When runs began, in seconds from the start.
#[derive(Clone)]
struct Log {
    start: Instant,
    begun: Arc<Mutex<Vec<u64>>>,
}

impl Log {
    fn new() -> Self {
        Self { start: Instant::now(), begun: Arc::default() }
    }

    fn note(&self) {
        lock(&self.begun).push(self.start.elapsed().as_secs());
    }

    /// What notes its beginning and then takes so many seconds.
    fn taking<const N: u64>(&self) -> impl FnMut() -> Run + Send + 'static {
        let log = self.clone();
        move || {
            let log = log.clone();
            Box::pin(async move {
                log.note();
                sleep(Duration::from_secs(N)).await;
            })
        }
    }

    fn begun(&self) -> Vec<u64> {
        lock(&self.begun).clone()
    }
}

type Run = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Stops it and waits for its end.
async fn stopped(mut periodic: Periodic) -> (PeriodicEnd, PeriodicStats) {
    periodic.stop();
    let end = (&mut periodic).await;
    (end, periodic.stats())
}

#[test]
fn runs_come_every_period_without_drift() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.paused_clock().build().unwrap();
            runtime.block_on(async {
                let log = Log::new();
                let periodic = every(10 * SECOND).spawn(log.taking::<3>());
                assert!(periodic.is_running());
                sleep(45 * SECOND).await;
                let (end, stats) = stopped(periodic).await;
                assert_eq!(end, PeriodicEnd::Stopped);
                assert_eq!(log.begun(), [10, 20, 30, 40]);
                assert_eq!((stats.runs, stats.missed, stats.failures), (4, 0, 0));
            });
        }
    });
}

#[bowerbird::test(clock = "virtual")]
async fn the_first_run_comes_when_it_was_asked_for() {
    let (at_once, later) = (Log::new(), Log::new());
    let _first = every(10 * SECOND).immediate().spawn(at_once.taking::<0>());
    let _second = every(10 * SECOND).delay_first(3 * SECOND).spawn(later.taking::<0>());
    sleep(25 * SECOND).await;
    assert_eq!((at_once.begun(), later.begun()), (vec![0, 10, 20], vec![3, 13, 23]));
}

#[bowerbird::test(clock = "virtual")]
async fn a_run_that_takes_too_long_skips_ticks() {
    let log = Log::new();
    let periodic = every(10 * SECOND).immediate().spawn(log.taking::<25>());
    sleep(65 * SECOND).await;
    assert_eq!(periodic.stats().running, 1);
    let (_, stats) = stopped(periodic).await;
    assert_eq!(log.begun(), [0, 30, 60]);
    assert_eq!((stats.runs, stats.missed, stats.running), (3, 4, 0));
}

#[bowerbird::test(clock = "virtual")]
async fn a_run_may_wait_for_the_one_before() {
    for (missed, begun, left_out) in [
        (MissedTickBehavior::Burst, &[0, 25, 50, 75][..], 0),
        (MissedTickBehavior::Skip, &[0, 25, 50, 75], 4),
        (MissedTickBehavior::Delay, &[0, 25, 50, 75], 3),
    ] {
        let log = Log::new();
        let every = every(10 * SECOND).immediate().overlap(Overlap::Wait).missed(missed);
        let periodic = every.spawn(log.taking::<25>());
        sleep(80 * SECOND).await;
        let (_, stats) = stopped(periodic).await;
        assert_eq!(log.begun(), begun, "{missed:?}");
        assert_eq!(stats.missed, left_out, "{missed:?}");
    }
}

#[bowerbird::test(clock = "virtual")]
async fn waiting_runs_are_made_up_for_or_not() {
    for (missed, begun) in [
        // One takes 25, the others nothing.
        (MissedTickBehavior::Burst, &[0, 25, 25, 30, 40, 50][..]),
        (MissedTickBehavior::Skip, &[0, 25, 30, 40, 50]),
        (MissedTickBehavior::Delay, &[0, 25, 35, 45, 55]),
    ] {
        let (log, mut is_first) = (Log::new(), true);
        let theirs = log.clone();
        let every = every(10 * SECOND).immediate().overlap(Overlap::Wait).missed(missed);
        let periodic = every.spawn(move || {
            let (log, is_slow) = (theirs.clone(), std::mem::take(&mut is_first));
            async move {
                log.note();
                if is_slow {
                    sleep(25 * SECOND).await;
                }
            }
        });
        sleep(56 * SECOND).await;
        stopped(periodic).await;
        assert_eq!(log.begun(), begun, "{missed:?}");
    }
}

#[bowerbird::test(clock = "virtual")]
async fn runs_may_overlap() {
    let log = Log::new();
    let every = every(10 * SECOND).immediate().overlap(Overlap::Allow);
    let periodic = every.spawn(log.taking::<25>());
    sleep(21 * SECOND).await;
    assert_eq!(periodic.stats().running, 3);
    sleep(1_000 * SECOND).await;
    assert_eq!(periodic.stats().running, 3);
    let (end, stats) = stopped(periodic).await;
    assert_eq!(end, PeriodicEnd::Stopped);
    assert_eq!((stats.runs, stats.missed, stats.running), (103, 0, 0));
    assert_eq!(log.start.elapsed(), 1_045 * SECOND, "the last one has finished");
}

#[bowerbird::test(clock = "virtual")]
async fn a_stop_lets_the_running_one_finish() {
    let log = Log::new();
    let mut periodic = every(10 * SECOND).spawn(log.taking::<5>());
    sleep(11 * SECOND).await;
    periodic.stop();
    yield_now().await;
    assert!(periodic.is_running());
    assert_eq!((&mut periodic).await, PeriodicEnd::Stopped);
    assert_eq!((log.start.elapsed(), log.begun()), (15 * SECOND, vec![10]));
    assert!(!periodic.is_running());
    periodic.stop();
    periodic.abort();
}

#[bowerbird::test(clock = "virtual")]
async fn an_abort_does_not_but_waits_for_its_end() {
    let (start, ended) = (Instant::now(), Arc::new(Event::new()));
    let theirs = ended.clone();
    let mut periodic = every(10 * SECOND).overlap(Overlap::Allow).spawn(move || {
        let ended = theirs.clone();
        async move {
            struct Ends(Arc<Event>);
            impl Drop for Ends {
                fn drop(&mut self) {
                    self.0.set();
                }
            }
            let _ends = Ends(ended);
            pending::<()>().await;
        }
    });
    sleep(35 * SECOND).await;
    assert_eq!(periodic.stats().running, 3);
    periodic.stop();
    periodic.abort();
    assert_eq!((&mut periodic).await, PeriodicEnd::Aborted);
    assert!(ended.is_set());
    assert_eq!((periodic.stats().running, start.elapsed()), (0, 35 * SECOND));
}

#[bowerbird::test(clock = "virtual")]
async fn it_ends_after_so_many_runs() {
    let log = Log::new();
    let periodic = every(10 * SECOND).times(3).spawn(log.taking::<5>());
    assert_eq!(periodic.await, PeriodicEnd::Completed);
    assert_eq!((log.begun(), log.start.elapsed()), (vec![10, 20, 30], 35 * SECOND));
    let none = every(SECOND).immediate().times(0).spawn(|| async { assert_eq!(1, 2, "not once") });
    assert_eq!(none.await, PeriodicEnd::Completed);
}

#[bowerbird::test(clock = "virtual")]
async fn it_ends_when_something_else_does() {
    let (log, stop) = (Log::new(), Arc::new(Event::new()));
    let periodic = every(10 * SECOND).until(stop.clone().wait_owned()).spawn(log.taking::<5>());
    sleep(21 * SECOND).await;
    stop.set();
    assert_eq!(periodic.await, PeriodicEnd::Stopped);
    assert_eq!((log.begun(), log.start.elapsed()), (vec![10, 20], 25 * SECOND));
    let never =
        every(SECOND).immediate().until(ready(())).spawn(|| async { assert_eq!(1, 2, "not once") });
    assert_eq!(never.await, PeriodicEnd::Stopped, "it had ended before it began");
}

#[bowerbird::test(clock = "virtual")]
async fn who_lets_go_of_it_lets_it_go_on() {
    let log = Log::new();
    drop(every(10 * SECOND).spawn(log.taking::<0>()));
    sleep(35 * SECOND).await;
    assert_eq!(log.begun(), [10, 20, 30]);
}

#[bowerbird::test(clock = "virtual")]
async fn its_end_may_be_waited_for_in_pieces() {
    let mut periodic = every(10 * SECOND).times(2).spawn(|| async {});
    assert!(timeout(SECOND, &mut periodic).await.is_err());
    assert_eq!(timeout(MINUTE, &mut periodic).await, Ok(PeriodicEnd::Completed));
}

/// A runtime that tells what it is told.
fn reporting() -> (Runtime, Reports) {
    let reports = Reports::default();
    let builder = Builder::new_current_thread().paused_clock().on_unhandled(reports.hook());
    (builder.build().unwrap(), reports)
}

#[test]
fn failures_are_reported_and_change_nothing() {
    limited(|| {
        let (runtime, reports) = reporting();
        runtime.block_on(async {
            let mut n = 0;
            let periodic = every(SECOND).name("backup").times(4).spawn(move || {
                n += 1;
                let n = n;
                assert!(n != 3, "no third time");
                async move {
                    match n {
                        1 => Err("disk full"),
                        2 => panic!("disk gone"),
                        _ => Ok(()),
                    }
                }
            });
            let mut periodic = periodic;
            assert_eq!((&mut periodic).await, PeriodicEnd::Completed);
            assert_eq!((periodic.stats().runs, periodic.stats().failures), (4, 3));
        });
        let texts = reports.texts();
        let expected = ["disk full", "disk gone", "no third time"];
        assert_eq!(texts.len(), 3, "{texts:?}");
        for (text, expected) in texts.iter().zip(expected) {
            assert!(text.contains(expected) && text.contains("`backup`"), "{text}");
        }
    });
}

#[test]
fn a_failure_may_end_it() {
    type Fails = fn() -> Result<(), String>;
    let fails: [(Fails, &str); 2] =
        [(|| Err("disk full".to_owned()), "disk full"), (|| panic!("disk gone"), "disk gone")];
    for (fail, text) in fails {
        limited(move || {
            let (runtime, reports) = reporting();
            let end = runtime.block_on(async {
                let periodic = every(SECOND)
                    .times(1)
                    .on_error(OnError::Stop)
                    .spawn(move || async move { fail() });
                assert_eq!(periodic.await, PeriodicEnd::Failed, "not completed");
                let periodic =
                    every(SECOND).on_error(OnError::Stop).spawn(move || async move { fail() });
                periodic.await
            });
            assert_eq!(end, PeriodicEnd::Failed);
            assert_eq!(reports.texts().len(), 2);
            assert!(reports.texts().iter().all(|it| it.contains(text)));
        });
    }
}

#[test]
fn a_failure_names_where_it_was_made() {
    limited(|| {
        let (runtime, reports) = reporting();
        runtime.block_on(async {
            every(SECOND).times(1).spawn(|| async { Err("disk full") }).await;
        });
        let text = reports.texts().concat();
        assert!(text.contains(&format!("`every 1s at {}:", file!())), "{text}");
    });
}

#[test]
fn what_its_end_waits_for_may_panic_and_that_is_told() {
    limited(|| {
        let text = panic_of(|| {
            single().block_on(async {
                every(SECOND).until(async { panic!("out of tokens") }).spawn(|| async {}).await
            })
        });
        assert_eq!(text, "out of tokens");
    });
}

#[test]
fn it_ends_with_its_runtime() {
    limited(|| {
        let runtime = Builder::new_current_thread().paused_clock().build().unwrap();
        let periodic = {
            let _runtime = runtime.enter();
            every(Duration::from_millis(1)).immediate().spawn(pending::<()>)
        };
        runtime.block_on(sleep(Duration::from_millis(20)));
        assert_eq!((periodic.stats().running, periodic.is_running()), (1, true));
        drop(runtime);
        assert_eq!((periodic.is_running(), periodic.stats().running), (false, 0));
        assert_eq!(single().block_on(periodic), PeriodicEnd::Aborted);
    });
}

#[bowerbird::test(clock = "virtual")]
async fn delays_are_random_bounded_and_repeatable() {
    let delays = async |seed| {
        let start = Instant::now();
        let begun = Arc::new(Mutex::new(vec![]));
        let theirs = begun.clone();
        let every = every(10 * SECOND).immediate().jitter(4 * SECOND).seed(seed).times(100);
        let end = every.spawn(move || {
            lock(&theirs).push(start.elapsed());
            ready(())
        });
        end.await;
        let begun = lock(&begun).clone();
        let ticks = begun.iter().zip(0..).map(|(it, n): (&Duration, u32)| *it - n * 10 * SECOND);
        ticks.collect::<Vec<_>>()
    };
    let (one, same, other) = (delays(1).await, delays(1).await, delays(2).await);
    assert!(one.len() == 100 && one.iter().all(|it| *it < 4 * SECOND), "{one:?}");
    assert!(one.iter().any(|it| *it > 3 * SECOND) && one.iter().any(|it| *it < SECOND));
    assert_eq!(one, same);
    assert_ne!(one, other);
}

#[bowerbird::test(clock = "virtual")]
async fn ticks_in_a_time_that_nobody_had_are_skipped() {
    let log = Log::new();
    let periodic = every(10 * SECOND).spawn(log.taking::<0>());
    yield_now().await;
    clock::advance(45 * SECOND);
    sleep(10 * SECOND).await;
    let (_, stats) = stopped(periodic).await;
    assert_eq!(log.begun(), [45, 50]);
    assert_eq!((stats.runs, stats.missed), (2, 3));
}

#[bowerbird::test(clock = "virtual")]
async fn a_thousand_runs_at_a_time_cost_no_more_each() {
    let gate = Arc::new(Semaphore::new(0));
    let theirs = gate.clone();
    let every = every(Duration::from_millis(1)).overlap(Overlap::Allow).times(1_000);
    let mut periodic = every.spawn(move || {
        let gate = theirs.clone();
        async move { drop(gate.acquire().await) }
    });
    sleep(2 * SECOND).await;
    assert_eq!(periodic.stats().running, 1_000);
    gate.add_permits(1).unwrap();
    assert_eq!((&mut periodic).await, PeriodicEnd::Completed);
    assert_eq!(periodic.stats().runs, 1_000);
}

#[test]
fn impossible_rhythms_are_refused_and_named() {
    let text = panic_of(|| every(Duration::ZERO));
    assert!(text.contains("every(0ns)"), "{text}");
    let text = panic_of(|| every(SECOND).jitter(2 * SECOND));
    assert_eq!(text, "a jitter of 2s is longer than the period, 1s");
}

#[bowerbird::test(clock = "virtual")]
async fn runs_show_the_line_where_they_were_asked_for() {
    let seen = Arc::new(Mutex::new(vec![]));
    let theirs = seen.clone();
    let line = line!() + 1;
    let periodic = every(SECOND).times(2).spawn(move || {
        let seen = theirs.clone();
        async move { lock(&seen).push(bowerbird::task::current().unwrap().spawned_at) }
    });
    assert_eq!(periodic.await, PeriodicEnd::Completed);
    let seen = lock(&seen);
    let places: Vec<_> = seen.iter().map(|at| (at.unwrap().file(), at.unwrap().line())).collect();
    assert_eq!(places, [(file!(), line); 2]);
}
