//! Time: real, or standing still.

use crate::stage::{Door, Opens, limited, lock, poll_once};
use bowerbird::{
    gather,
    runtime::{Builder, Handle, Runtime},
    spawn, spawn_blocking, spawn_local,
    sync::Event,
    testing::clock,
    time::{
        Duration, Instant, MissedTickBehavior, interval, interval_at, sleep, sleep_until, timeout,
        timeout_at,
    },
    yield_now,
};
use std::{
    future::{pending, ready},
    sync::{Arc, Mutex, mpsc},
    thread,
};

const HOUR: Duration = Duration::from_secs(3_600);
const SECOND: Duration = Duration::from_secs(1);

/// On each flavor a runtime whose clock stands still.
fn paused() -> [Runtime; 3] {
    crate::stage::flavors().map(|builder| builder.paused_clock().build().unwrap())
}

#[test]
fn a_year_of_sleeps_takes_no_time() {
    limited(|| {
        for runtime in paused() {
            let end = runtime.block_on(async {
                let start = Instant::now();
                for _ in 0..365 {
                    sleep(24 * HOUR).await;
                }
                start.elapsed()
            });
            assert_eq!(end, 365 * 24 * HOUR);
        }
    });
}

#[test]
fn the_clock_stands_still_while_a_task_can_run() {
    limited(|| {
        for runtime in paused() {
            let task = runtime.spawn(async {
                let start = Instant::now();
                let sleeper = spawn(sleep(SECOND));
                for _ in 0..1_000 {
                    yield_now().await;
                    assert_eq!(start.elapsed(), Duration::ZERO);
                }
                sleeper.await.unwrap();
                start.elapsed()
            });
            assert_eq!(runtime.block_on(task).unwrap(), SECOND);
        }
    });
}

#[test]
fn run_may_have_a_paused_clock_too() {
    limited(|| {
        let builder = Builder::new_multi_thread().worker_threads(4).paused_clock();
        let elapsed = builder.run(async {
            let start = Instant::now();
            let tasks: Vec<_> = (1..=100).map(|n| spawn(sleep(n * SECOND))).collect();
            sleep(HOUR).await;
            assert!(tasks.iter().all(|it| it.is_finished()));
            start.elapsed()
        });
        assert_eq!(elapsed.unwrap(), HOUR);
    });
}

#[test]
fn everybody_wakes_exactly_at_the_deadline_and_in_order() {
    limited(|| {
        for runtime in paused() {
            let log = Arc::new(Mutex::new(vec![]));
            runtime.block_on(async {
                let start = Instant::now();
                let tasks: Vec<_> = (0..500_u64)
                    .map(|n| {
                        let span = Duration::from_millis(1 + (n * 7_919) % 1_000);
                        let log = log.clone();
                        spawn(async move {
                            sleep_until(start + span).await;
                            assert_eq!(start.elapsed(), span, "neither early nor late");
                            lock(&log).push(span);
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await.unwrap();
                }
            });
            let log = lock(&log).clone();
            assert_eq!(log.len(), 500);
            assert!(log.is_sorted(), "{log:?}");
        }
    });
}

#[test]
fn a_guests_timers_and_the_workers_timers_share_the_clock() {
    limited(|| {
        for runtime in paused() {
            runtime.block_on(async {
                let start = Instant::now();
                let theirs = spawn(async move {
                    sleep(2 * SECOND).await;
                    start.elapsed()
                });
                let local = spawn_local(async move {
                    sleep(3 * SECOND).await;
                    start.elapsed()
                });
                sleep(SECOND).await;
                assert_eq!(start.elapsed(), SECOND);
                assert_eq!(theirs.await.unwrap(), 2 * SECOND);
                assert_eq!(local.await.unwrap(), 3 * SECOND);
            });
        }
    });
}

#[test]
fn a_blocking_closure_keeps_the_clock_from_jumping() {
    limited(|| {
        for runtime in paused() {
            let (door, handle) = (Door::default(), runtime.handle().clone());
            let opens = Opens(door.clone());
            let (asleep, is_asleep) = mpsc::channel();
            let closure = runtime.spawn_blocking(move || {
                let start = Instant::now();
                // Everybody is asleep now and then; a clock that may jump has by then.
                let everybody = |handle: &Handle| handle.metrics().asleep == handle.workers();
                let mut rounds = 0;
                while rounds < 1_000 {
                    rounds += u32::from(everybody(&handle));
                    thread::yield_now();
                }
                assert_eq!(start.elapsed(), Duration::ZERO);
                asleep.send(()).unwrap();
                door.pass();
            });
            let opener = thread::spawn(move || {
                is_asleep.recv().unwrap();
                drop(opens);
            });
            runtime.block_on(async {
                let start = Instant::now();
                sleep(HOUR).await;
                assert!(closure.is_finished(), "it jumped over a closure that runs");
                assert_eq!(start.elapsed(), HOUR);
                closure.await.unwrap();
            });
            opener.join().unwrap();
        }
    });
}

#[test]
fn a_closures_end_lets_the_clock_jump() {
    limited(|| {
        for runtime in paused() {
            let start = runtime.block_on(async {
                let start = Instant::now();
                for _ in 0..100 {
                    let (a, _) = gather((spawn_blocking(|| 7), sleep(SECOND))).await;
                    assert_eq!(a.unwrap(), 7);
                }
                start
            });
            runtime.block_on(async { assert_eq!(start.elapsed(), 100 * SECOND) });
        }
    });
}

#[test]
fn the_clock_can_be_moved_by_hand() {
    limited(|| {
        for runtime in paused() {
            runtime.block_on(async {
                assert!(clock::is_paused());
                let start = Instant::now();
                let task = spawn(sleep(HOUR));
                clock::advance(HOUR);
                task.await.unwrap();
                assert!(start.elapsed() >= HOUR && start.elapsed() <= 2 * HOUR);
                clock::resume();
                assert!(!clock::is_paused());
                sleep(Duration::from_millis(1)).await;
                clock::pause();
                let now = Instant::now();
                assert!(now > start + HOUR);
                yield_now().await;
                assert_eq!(Instant::now(), now);
            });
        }
    });
}

#[test]
fn what_lies_in_the_past_is_ready_at_once() {
    limited(|| {
        for runtime in paused() {
            runtime.block_on(async {
                sleep(HOUR).await;
                let now = Instant::now();
                sleep(Duration::ZERO).await;
                sleep_until(now).await;
                sleep_until(now - HOUR).await;
                sleep_until(now - Duration::MAX).await;
                assert!(timeout_at(now - HOUR, pending::<()>()).await.is_err());
                assert_eq!(timeout_at(now - HOUR, ready(7)).await, Ok(7));
                assert_eq!(Instant::now(), now);
            });
        }
    });
}

#[test]
fn what_lies_beyond_all_time_never_comes() {
    limited(|| {
        for runtime in paused() {
            runtime.block_on(async {
                let mut never = Box::pin(sleep(Duration::MAX));
                assert!(poll_once(&mut never).is_pending());
                sleep(1_000 * HOUR).await;
                assert!(poll_once(&mut never).is_pending());
                assert_eq!(timeout(Duration::MAX, ready(7)).await, Ok(7));
                let limited = timeout(Duration::MAX, sleep(SECOND)).await;
                assert_eq!(limited, Ok(()));
                let mut for_ever = interval(Duration::MAX);
                for_ever.tick().await;
                assert!(poll_once(&mut for_ever.tick()).is_pending());
                assert!(timeout(HOUR, sleep(Duration::MAX)).await.is_err());
            });
        }
    });
}

#[test]
fn a_timeout_of_zero_polls_once() {
    limited(|| {
        for runtime in paused() {
            runtime.block_on(async {
                assert_eq!(timeout(Duration::ZERO, ready(7)).await, Ok(7));
                let event = Event::new();
                assert!(timeout(Duration::ZERO, event.wait()).await.is_err());
                event.set();
                assert_eq!(timeout(Duration::ZERO, event.wait()).await, Ok(()));
            });
        }
    });
}

#[test]
fn a_timeout_ends_at_its_deadline_and_drops_what_it_limits() {
    limited(|| {
        for runtime in paused() {
            runtime.block_on(async {
                let start = Instant::now();
                let witness = crate::stage::Witness::default();
                let token = witness.token();
                let work = async move {
                    let _token = token;
                    sleep(2 * SECOND).await;
                };
                assert!(timeout(SECOND, work).await.is_err());
                assert_eq!((start.elapsed(), witness.count()), (SECOND, 1));
                assert_eq!(timeout(2 * SECOND, sleep(SECOND)).await, Ok(()));
                assert_eq!(start.elapsed(), 2 * SECOND);
                let nested = timeout(SECOND, timeout(2 * SECOND, pending::<()>()));
                assert!(nested.await.is_err());
                assert_eq!(start.elapsed(), 3 * SECOND);
            });
        }
    });
}

/// tokio's did not, once.
#[test]
fn a_timeout_fires_though_the_work_eats_the_budget() {
    limited(|| {
        for builder in crate::stage::flavors() {
            let runtime = builder.build().unwrap();
            let task = runtime.spawn(async {
                let event = Event::new();
                event.set();
                let eater = async {
                    loop {
                        event.wait().await;
                    }
                };
                timeout(Duration::from_millis(10), eater).await
            });
            assert!(runtime.block_on(task).unwrap().is_err());
        }
    });
}

#[test]
fn an_interval_ticks_at_once_and_keeps_to_its_period() {
    limited(|| {
        for runtime in paused() {
            runtime.block_on(async {
                let start = Instant::now();
                let mut interval = interval(SECOND);
                for n in 0..10 {
                    assert_eq!(interval.tick().await, start + n * SECOND);
                    assert_eq!(start.elapsed(), n * SECOND);
                }
                // A little late is no reason to shift the next one.
                sleep(SECOND / 2).await;
                assert_eq!(interval.tick().await, start + 10 * SECOND);
            });
        }
    });
}

#[test]
fn ticks_that_were_missed_are_made_up_for_delayed_or_skipped() {
    limited(|| {
        let expected = [
            (MissedTickBehavior::Burst, [10, 20, 30, 40, 50]),
            (MissedTickBehavior::Delay, [10, 45, 55, 65, 75]),
            (MissedTickBehavior::Skip, [10, 40, 50, 60, 70]),
        ];
        for runtime in paused() {
            for (behavior, due) in expected {
                let ticks = runtime.block_on(async {
                    let start = Instant::now();
                    let mut interval = interval_at(start, 10 * SECOND);
                    interval.set_missed_tick_behavior(behavior);
                    interval.tick().await;
                    sleep(35 * SECOND).await;
                    let mut ticks = vec![];
                    for _ in 0..5 {
                        ticks.push((interval.tick().await - start).as_secs());
                    }
                    ticks
                });
                assert_eq!(ticks, due, "{behavior:?}");
            }
        }
    });
}

#[test]
fn a_dropped_sleep_keeps_nobody_waiting() {
    limited(|| {
        for runtime in paused() {
            runtime.block_on(async {
                let start = Instant::now();
                for _ in 0..100 {
                    let mut long = Box::pin(sleep(HOUR));
                    assert!(poll_once(&mut long).is_pending());
                    drop(long);
                }
                sleep(2 * HOUR).await;
                assert_eq!(start.elapsed(), 2 * HOUR);
            });
        }
    });
}

#[test]
fn two_runtimes_have_clocks_of_their_own() {
    limited(|| {
        let still = Builder::new_current_thread().paused_clock().build().unwrap();
        let other = Builder::new_multi_thread().worker_threads(1).paused_clock().build().unwrap();
        still.block_on(async {
            let start = Instant::now();
            other.block_on(sleep(HOUR));
            assert_eq!(start.elapsed(), Duration::ZERO);
            sleep(SECOND).await;
            assert_eq!(start.elapsed(), SECOND);
        });
    });
}

#[test]
fn on_a_real_clock_a_timer_is_never_early() {
    limited(|| {
        for builder in crate::stage::flavors() {
            let runtime = builder.build().unwrap();
            runtime.block_on(async {
                let sleeps = (0..50_u64).map(|n| {
                    spawn(async move {
                        let span = Duration::from_micros(n * 100);
                        let before = Instant::now();
                        sleep(span).await;
                        assert!(before.elapsed() >= span);
                    })
                });
                for task in sleeps.collect::<Vec<_>>() {
                    task.await.unwrap();
                }
            });
        }
    });
}
