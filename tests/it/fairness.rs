//! Nobody starves, in counts of polls.

use crate::stage::{limited, lock};
use bowerbird::{
    runtime::{Builder, Handle},
    spawn, spawn_local,
    sync::{Event, Notify},
    time::{Duration, sleep, timeout},
    yield_now,
};
use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

/// With one worker, and none that comes to help when the machine is slow, all counts
/// are exact.
fn one_worker() -> [Builder; 2] {
    let alone = Builder::new_multi_thread().worker_threads(1).spare_workers(0);
    [Builder::new_current_thread(), alone]
}

/// Tasks that wake each other for ever: each is always in the next-task slot.
fn ping_pong(polls: &Arc<AtomicUsize>) {
    let notifies = [Arc::new(Notify::new()), Arc::new(Notify::new())];
    for player in [0, 1] {
        let (mine, theirs) = (notifies[player].clone(), notifies[1 - player].clone());
        let polls = polls.clone();
        drop(spawn(async move {
            loop {
                mine.notified().await;
                polls.fetch_add(1, Relaxed);
                theirs.notify_one();
            }
        }));
    }
    notifies[0].notify_one();
}

#[test]
fn two_tasks_that_wake_each_other_do_not_starve_the_rest() {
    limited(|| {
        for builder in one_worker() {
            let runtime = builder.build().unwrap();
            let (polls, streak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let task = runtime.spawn(async move {
                ping_pong(&polls);
                let last = Arc::new(AtomicUsize::new(0));
                let victims: Vec<_> = (0..100)
                    .map(|_| {
                        let (polls, last, streak) = (polls.clone(), last.clone(), streak.clone());
                        spawn(async move {
                            for _ in 0..50 {
                                let now = polls.load(Relaxed);
                                streak.fetch_max(now - last.swap(now, Relaxed), Relaxed);
                                yield_now().await;
                            }
                        })
                    })
                    .collect();
                for victim in victims {
                    victim.await.unwrap();
                }
                (polls.load(Relaxed), streak.load(Relaxed))
            });
            let (polls, streak) = runtime.block_on(task).unwrap();
            assert!(polls > 150, "the two had their share: {polls}");
            assert!(streak <= 6, "three in a row, and one more turn of each: {streak}");
        }
    });
}

#[test]
fn a_task_that_yields_for_ever_starves_neither_tasks_nor_timers() {
    limited(|| {
        for builder in one_worker() {
            let runtime = builder.build().unwrap();
            let polls = Arc::new(AtomicUsize::new(0));
            let theirs = polls.clone();
            let spinner = runtime.spawn(async move {
                loop {
                    theirs.fetch_add(1, Relaxed);
                    yield_now().await;
                }
            });
            let task = runtime.spawn(async move {
                let before = polls.load(Relaxed);
                for _ in 0..100 {
                    spawn(async {}).await.unwrap();
                }
                let during = polls.load(Relaxed) - before;
                sleep(Duration::from_millis(2)).await;
                let late = timeout(Duration::from_millis(1), std::future::pending::<()>()).await;
                assert!(late.is_err());
                during
            });
            let during = runtime.block_on(task).unwrap();
            assert!(during <= 1_000, "{during} polls of another task for a hundred spawns");
            spinner.abort();
        }
    });
}

/// How many operations the eater does between two turns of its neighbour.
fn operations_in_a_row(builder: Builder) -> usize {
    let runtime = builder.build().unwrap();
    let task = runtime.spawn(async {
        let event = Arc::new(Event::new());
        event.set();
        let (row, longest) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (mine, most) = (row.clone(), longest.clone());
        let eater = spawn(async move {
            for _ in 0..2_000 {
                event.wait().await;
                most.fetch_max(mine.fetch_add(1, Relaxed) + 1, Relaxed);
            }
        });
        let neighbour = spawn(async move {
            loop {
                row.store(0, Relaxed);
                yield_now().await;
            }
        });
        eater.await.unwrap();
        neighbour.abort();
        longest.load(Relaxed)
    });
    let longest = runtime.block_on(task).unwrap();
    let yields = runtime.handle().metrics().workers[0].budget_yields;
    assert!(yields >= 2_000 / longest as u64 - 1, "{yields} for rows of {longest}");
    longest
}

#[test]
fn a_task_that_never_waits_yields_after_128_operations() {
    limited(|| {
        for builder in one_worker() {
            assert_eq!(operations_in_a_row(builder), 128);
        }
    });
}

#[test]
fn the_budget_can_be_chosen() {
    limited(|| {
        for builder in one_worker() {
            assert_eq!(operations_in_a_row(builder.budget(10)), 10);
        }
        for builder in one_worker() {
            assert_eq!(operations_in_a_row(builder.budget(1)), 1);
        }
    });
}

#[test]
fn an_unconstrained_future_has_no_budget() {
    limited(|| {
        let runtime = Builder::new_current_thread().build().unwrap();
        let others = runtime.block_on(async {
            let event = Event::new();
            event.set();
            let other = spawn(async {});
            let mine = bowerbird::unconstrained(async {
                for _ in 0..10_000 {
                    event.wait().await;
                }
                other.is_finished()
            });
            mine.await
        });
        assert!(!others, "it never yielded");
    });
}

#[test]
fn work_from_outside_waits_61_turns_at_most() {
    limited(|| {
        for builder in one_worker() {
            let runtime = builder.build().unwrap();
            let task = runtime.spawn(async {
                let (turns, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(vec![])));
                for _ in 0..2 {
                    let turns = turns.clone();
                    drop(spawn(async move {
                        loop {
                            turns.fetch_add(1, Relaxed);
                            yield_now().await;
                        }
                    }));
                }
                for _ in 0..100 {
                    let handle = Handle::current();
                    let (theirs, log) = (turns.clone(), seen.clone());
                    // Joined before this poll goes on, so the count is exact.
                    thread::spawn(move || {
                        let before = theirs.load(Relaxed);
                        drop(handle.spawn(async move {
                            lock(&log).push(theirs.load(Relaxed) - before);
                        }));
                    })
                    .join()
                    .unwrap();
                    for _ in 0..61 {
                        yield_now().await;
                    }
                }
                lock(&seen).clone()
            });
            let seen = runtime.block_on(task).unwrap();
            assert_eq!(seen.len(), 100, "a task was not run within 61 rounds");
            assert!(seen.iter().all(|turns| *turns <= 64), "{seen:?}");
        }
    });
}

/// Of two thousand from outside, the one with `n` others before it waits for about `2·n`
/// turns, and tasks that are always ready have about every other turn meanwhile.
#[test]
fn outside_spawns_and_own_tasks_share_the_turns() {
    const OWN: usize = 50;
    const OUTSIDE: usize = 2000;
    // What was queued before, twice, and an interval or two.
    const ROUND_MAX: usize = 2 * (OWN + 1) + 2 * 61;

    limited(|| {
        for builder in one_worker() {
            let runtime = builder.build().unwrap();
            let task = runtime.spawn(async {
                let turns = Arc::new(AtomicUsize::new(0));
                let (gap_max, begun) =
                    (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(vec![])));
                for _ in 0..OWN {
                    let (turns, gap_max) = (turns.clone(), gap_max.clone());
                    drop(spawn(async move {
                        let mut before = None;
                        loop {
                            let now = turns.fetch_add(1, Relaxed);
                            gap_max.fetch_max(before.map_or(0, |it| now - it), Relaxed);
                            before = Some(now);
                            yield_now().await;
                        }
                    }));
                }
                let (handle, theirs, log) = (Handle::current(), turns.clone(), begun.clone());
                // Joined before this poll goes on, so all are there at once.
                thread::spawn(move || {
                    for _ in 0..OUTSIDE {
                        let (turns, log) = (theirs.clone(), log.clone());
                        drop(handle.spawn(async move {
                            lock(&log).push(turns.fetch_add(1, Relaxed));
                        }));
                    }
                })
                .join()
                .unwrap();
                let start = turns.load(Relaxed);
                while lock(&begun).len() < OUTSIDE {
                    yield_now().await;
                }
                let waits: Vec<_> = lock(&begun).iter().map(|turn| turn - start).collect();
                (waits, gap_max.load(Relaxed))
            });
            let (waits, gap_max) = runtime.block_on(task).unwrap();
            for (n, wait) in waits.into_iter().enumerate() {
                assert!(wait <= n * 21 / 10 + ROUND_MAX, "the {n}th waited for {wait} turns");
            }
            assert!(gap_max <= ROUND_MAX, "an own task waited for {gap_max} turns");
        }
    });
}

#[test]
fn a_main_future_that_only_yields_lets_outside_spawns_run() {
    limited(|| {
        for builder in one_worker() {
            let waits = builder.run(async {
                let mut waits = vec![];
                for _ in 0..100 {
                    let (handle, done) = (Handle::current(), Arc::new(AtomicUsize::new(0)));
                    let theirs = done.clone();
                    // Joined before this poll goes on, so the count is exact.
                    thread::spawn(move || {
                        drop(handle.spawn(async move { theirs.store(1, Relaxed) }));
                    })
                    .join()
                    .unwrap();
                    let mut turns = 0;
                    while done.load(Relaxed) == 0 {
                        turns += 1;
                        yield_now().await;
                    }
                    waits.push(turns);
                }
                waits
            });
            let waits = waits.unwrap();
            assert!(waits.iter().all(|turns| *turns <= 64), "{waits:?}");
        }
    });
}

/// Two workers. The first learns that it wakes the second in vain; what it then leaves
/// behind a long poll is found all the same.
#[test]
fn a_backlog_behind_a_long_poll_is_found_after_wakes_in_vain() {
    limited(|| {
        let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
        for _ in 0..20 {
            let task = runtime.spawn(async {
                for _ in 0..200 {
                    let pair = [spawn(async {}), spawn(async {})];
                    for task in pair {
                        task.await.unwrap();
                    }
                }
                let found = Arc::new(AtomicUsize::new(0));
                for _ in 0..2 {
                    let found = found.clone();
                    drop(spawn(async move { found.fetch_add(1, Relaxed) }));
                }
                while found.load(Relaxed) < 2 {
                    thread::sleep(Duration::from_millis(1));
                    // Looks again, for a glance may miss a worker that falls asleep.
                    drop(spawn(async {}));
                }
            });
            runtime.block_on(task).unwrap();
        }
    });
}

#[test]
fn local_tasks_and_others_take_turns() {
    limited(|| {
        for builder in one_worker() {
            let out = builder.run(async {
                let stealable = Arc::new(AtomicUsize::new(0));
                let local = Rc::new(Cell::new(0_usize));
                for _ in 0..10 {
                    let count = stealable.clone();
                    drop(spawn(async move {
                        loop {
                            count.fetch_add(1, Relaxed);
                            yield_now().await;
                        }
                    }));
                }
                let count = local.clone();
                let mine = spawn_local(async move {
                    while count.get() < 1_000 {
                        count.set(count.get() + 1);
                        yield_now().await;
                    }
                });
                mine.await.unwrap();
                stealable.load(Relaxed)
            });
            let others = out.unwrap();
            assert!((900..=1_200).contains(&others), "{others} polls of others for 1,000 of ours");
        }
    });
}
