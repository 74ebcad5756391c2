//! The first to be done, the first to succeed, one after the other.

use crate::stage::{Witness, flavors, limited, panic_of};
use bowerbird::{
    race, race_ok, race_staggered, spawn,
    task::current_abort_handle,
    time::{Duration, Instant, sleep},
    yield_now,
};
use std::{
    cell::RefCell,
    future::{pending, ready},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

const SECOND: Duration = Duration::from_secs(1);

#[bowerbird::test(clock = "virtual")]
async fn the_fastest_wins_and_the_others_are_gone_when_that_is_known() {
    let witness = Witness::default();
    let runner = |secs: u32| {
        let token = witness.token();
        async move {
            let _token = token;
            sleep(secs * SECOND).await;
            secs
        }
    };
    let start = Instant::now();
    assert_eq!(race((1..=100).rev().map(runner).collect::<Vec<_>>()).await, 1);
    assert_eq!((start.elapsed(), witness.count()), (SECOND, 100));
}

#[bowerbird::test(clock = "virtual")]
async fn of_handles_the_losers_run_on() {
    let is_done = Arc::new(AtomicBool::new(false));
    let theirs = is_done.clone();
    let slow = spawn(async move {
        sleep(2 * SECOND).await;
        theirs.store(true, Relaxed);
    });
    race((slow, spawn(sleep(SECOND)))).await.unwrap();
    assert!(!is_done.load(Relaxed));
    sleep(2 * SECOND).await;
    assert!(is_done.load(Relaxed));
}

#[bowerbird::test]
async fn a_borrowed_runner_that_loses_can_be_awaited_later() {
    let mut slow = spawn(async {
        yield_now().await;
        "slow"
    });
    let fast = race((async { (&mut slow).await.unwrap() }, ready("fast"))).await;
    assert_eq!(fast, "fast");
    assert_eq!(slow.await.unwrap(), "slow");
}

#[test]
fn a_runners_panic_comes_out_and_drops_the_rest() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let witness = Witness::default();
            let message = panic_of(|| {
                runtime.block_on(async {
                    let runner = |n: u32| {
                        let token = witness.token();
                        async move {
                            let _token = token;
                            yield_now().await;
                            assert!(n != 3, "runner {n} fell");
                            pending::<()>().await;
                        }
                    };
                    race((0..10).map(runner).collect::<Vec<_>>()).await;
                });
            });
            assert_eq!((message.as_str(), witness.count()), ("runner 3 fell", 10));
        }
    });
}

#[bowerbird::test(clock = "virtual")]
async fn an_error_does_not_win_while_there_is_hope() {
    let fail = |secs: u32| async move {
        sleep(secs * SECOND).await;
        Err::<&str, u32>(secs)
    };
    let good = async {
        sleep(3 * SECOND).await;
        Ok("good")
    };
    assert_eq!(race_ok((fail(1), good, fail(2), fail(60))).await, Ok("good"));
    let errors = race_ok([fail(3), fail(1), fail(2)]).await.unwrap_err();
    assert_eq!(errors.into_vec(), [3, 1, 2]);
}

/// What attempts did, in order: `+` and a number for a start, `!` for an error,
/// `-` for one that was dropped before its end.
#[derive(Default)]
struct Log(RefCell<Vec<String>>);

impl Log {
    fn add(&self, text: String) {
        self.0.borrow_mut().push(text);
    }

    fn text(&self) -> String {
        self.0.borrow().join(" ")
    }

    /// An attempt that takes so long and gives that.
    async fn attempt(&self, n: usize, secs: u32, succeeds: bool) -> Result<usize, String> {
        struct Leaves<'a>(&'a Log, usize, bool);
        impl Drop for Leaves<'_> {
            fn drop(&mut self) {
                if !self.2 {
                    self.0.add(format!("-{}", self.1));
                }
            }
        }

        self.add(format!("+{n}"));
        let mut leaves = Leaves(self, n, false);
        sleep(secs * SECOND).await;
        leaves.2 = true;
        match succeeds {
            true => Ok(n),
            false => {
                self.add(format!("!{n}"));
                Err(format!("error {n}"))
            }
        }
    }
}

/// Attempts that take so long and succeed or not, ten seconds apart at most.
async fn staggered(log: &Log, plan: &[(u32, bool)]) -> Result<(usize, Vec<usize>), Vec<String>> {
    let attempts = plan
        .iter()
        .enumerate()
        .map(|(n, &(secs, succeeds))| move || log.attempt(n, secs, succeeds));
    match race_staggered(attempts, 10 * SECOND).await {
        Ok(won) => {
            assert_eq!(won.value, won.index);
            assert!(won.errors.iter().all(|(n, error)| *error == format!("error {n}")));
            Ok((won.index, won.errors.into_iter().map(|(n, _)| n).collect()))
        }
        Err(errors) => Err(errors.into_vec()),
    }
}

#[bowerbird::test(clock = "virtual")]
async fn no_attempts_fail_at_once() {
    assert_eq!(staggered(&Log::default(), &[]).await, Err(vec![]));
}

#[bowerbird::test(clock = "virtual")]
async fn an_attempt_that_succeeds_in_time_is_the_only_one() {
    let (log, start) = (Log::default(), Instant::now());
    assert_eq!(staggered(&log, &[(5, true), (1, true)]).await, Ok((0, vec![])));
    assert_eq!((log.text().as_str(), start.elapsed()), ("+0", 5 * SECOND));
}

#[bowerbird::test(clock = "virtual")]
async fn an_attempt_that_fails_is_followed_at_once() {
    let (log, start) = (Log::default(), Instant::now());
    assert_eq!(staggered(&log, &[(1, false), (2, true)]).await, Ok((1, vec![0])));
    assert_eq!((log.text().as_str(), start.elapsed()), ("+0 !0 +1", 3 * SECOND));
}

#[bowerbird::test(clock = "virtual")]
async fn an_attempt_that_is_slow_is_joined_by_the_next_and_dropped_when_that_succeeds() {
    let (log, start) = (Log::default(), Instant::now());
    assert_eq!(staggered(&log, &[(60, true), (2, true)]).await, Ok((1, vec![])));
    assert_eq!((log.text().as_str(), start.elapsed()), ("+0 +1 -0", 12 * SECOND));
}

#[bowerbird::test(clock = "virtual")]
async fn a_slow_attempt_may_still_win() {
    let log = Log::default();
    assert_eq!(staggered(&log, &[(15, true), (60, true)]).await, Ok((0, vec![])));
    assert_eq!(log.text(), "+0 +1 -1");
}

#[bowerbird::test(clock = "virtual")]
async fn when_no_attempt_succeeds_there_are_all_errors_in_order() {
    let log = Log::default();
    let failed = staggered(&log, &[(15, false), (1, false), (1, false)]).await;
    assert_eq!(failed.unwrap_err(), ["error 0", "error 1", "error 2"]);
    assert_eq!(log.text(), "+0 +1 !1 +2 !2 !0");
}

/// Its time to give way has come before, and the next has the whole delay.
#[bowerbird::test(clock = "virtual")]
async fn an_older_attempt_that_fails_starts_nobody() {
    let (log, start) = (Log::default(), Instant::now());
    let plan = [(12, false), (60, true), (5, true)];
    assert_eq!(staggered(&log, &plan).await, Ok((2, vec![0])));
    assert_eq!((log.text().as_str(), start.elapsed()), ("+0 +1 !0 +2 -1", 25 * SECOND));
}

#[bowerbird::test(clock = "virtual")]
async fn of_two_that_succeed_together_one_wins() {
    let log = Log::default();
    let (winner, errors) = staggered(&log, &[(11, true), (1, true)]).await.unwrap();
    assert!(winner < 2 && errors.is_empty());
}

#[bowerbird::test(clock = "virtual")]
async fn a_staggered_race_that_is_cancelled_drops_its_attempts_and_starts_no_more() {
    let log = Log::default();
    let racing = staggered(&log, &[(60, true), (60, true), (60, true)]);
    assert!(bowerbird::time::timeout(15 * SECOND, racing).await.is_err());
    assert_eq!(log.text(), "+0 +1 -0 -1");
    sleep(60 * SECOND).await;
    assert_eq!(log.text(), "+0 +1 -0 -1");
}

#[bowerbird::test(clock = "virtual")]
async fn attempts_may_be_without_end() {
    let attempts = (0..).map(|n: u32| {
        move || async move {
            yield_now().await;
            if n < 1_000 { Err(n) } else { Ok(n) }
        }
    });
    let won = race_staggered(attempts, Duration::MAX).await.unwrap();
    assert_eq!((won.index, won.errors.len()), (1_000, 1_000));
    assert!(won.errors.into_iter().map(|(_, n)| n).eq(0..1_000));
}

#[bowerbird::test(clock = "virtual")]
async fn without_a_delay_all_attempts_start_together() {
    let log = Log::default();
    let attempts = (0..5).map(|n| {
        let log = &log;
        move || log.attempt(n, 5 - n as u32, true)
    });
    assert_eq!(race_staggered(attempts, Duration::ZERO).await.unwrap().index, 4);
    assert!(log.text().starts_with("+0 +1 +2 +3 +4"), "{}", log.text());
}

#[bowerbird::test(clock = "virtual")]
async fn an_attempt_that_is_a_cancelled_task_is_one_that_failed() {
    let attempts = [true, false].map(|cancels| {
        move || {
            spawn(async move {
                if cancels {
                    current_abort_handle().unwrap().abort();
                    pending::<()>().await;
                }
                7
            })
        }
    });
    let won = race_staggered(attempts, 10 * SECOND).await.unwrap();
    assert_eq!((won.value, won.index), (7, 1));
    assert!(won.errors[0].1.is_cancelled());
}
