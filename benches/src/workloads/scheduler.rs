//! Tasks: their start, their turns, their end.

use super::{Group, Workers, Workload};
use crate::{
    Runtime,
    clock::{self, Stopwatch, Took},
    column::{Column, Failure, Outcome, Setup},
    on_each,
    reading::{Sample, Unit},
};
use std::{
    future::{Future, pending},
    hint,
    pin::Pin,
    sync::{OnceLock, mpsc},
    thread,
    time::Duration,
};

/// The group's part of the table.
pub const WORKLOADS: &[Workload] = &[
    workload(
        "spawn_1000_then_join",
        "a task spawns 1,000 others, then awaits them",
        on_each!(spawn_then_join, languages),
    ),
    workload("spawn_and_await", "a task spawns one and awaits it", on_each!(spawn_and_await))
        .sizes(&[10_000], &[5_000]),
    workload(
        "spawn_outside_idle",
        "a thread spawns a task on an idle runtime, and hears of its end",
        on_each!(spawn_outside_idle),
    )
    .sizes(&[200], &[50]),
    workload(
        "spawn_outside_busy",
        "a thread spawns tasks without a pause, then waits for all: one of them",
        on_each!(spawn_outside_busy),
    )
    .sizes(&[10_000], &[2_000]),
    workload("spawn_chain", "each task spawns the next one", on_each!(spawn_chain)),
    workload("yield_among_200", "one of 200 tasks lets the others run", on_each!(yield_among_200))
        .sizes(&[10_000], &[10_000]),
    workload(
        "ping_pong",
        "spawn a task, two oneshots, wait for its answer and its end",
        on_each!(ping_pong, languages),
    ),
    workload("ring_1000", "a token goes on to the next of 1,000 tasks", on_each!(ring)),
    workload(
        "fan_out_1us",
        "1,000 tasks that compute for 1 us: all of them, over the ideal",
        on_each!(fan_out_1us),
    )
    .workers(Workers::Several),
    workload("fan_out_10us", "200 tasks of 10 us", on_each!(fan_out_10us))
        .sizes(&[200], &[200])
        .workers(Workers::Several),
    workload("fan_out_100us", "50 tasks of 100 us", on_each!(fan_out_100us))
        .sizes(&[50], &[50])
        .workers(Workers::Several),
    workload("fan_out_1ms", "10 tasks of 1 ms", on_each!(fan_out_1ms))
        .sizes(&[10], &[10])
        .workers(Workers::Several),
    workload(
        "skynet",
        "a tree of tasks, ten children each, a million leaves: one leaf",
        on_each!(skynet),
    )
    .sizes(&[1_000_000], &[100_000]),
    workload(
        "main_round_trip",
        "the main future and a task wake each other",
        on_each!(main_round_trip),
    ),
    workload(
        "wake_from_thread",
        "a plain thread and a task wake each other",
        on_each!(wake_from_thread),
    )
    .sizes(&[200], &[50]),
    workload("cancel", "spawn a task, let it wait, end it, wait for its end", on_each!(cancel))
        .sizes(&[10_000], &[5_000]),
    workload("gather_10000", "gather the outputs of 10,000 tasks: one of them", on_each!(gather))
        .sizes(&[10_000], &[10_000]),
    workload(
        "uneven",
        "512 tasks of 2 us, every 16th of 60 us: all of them, over the ideal",
        on_each!(uneven),
    )
    .sizes(&[512], &[512])
    .workers(Workers::Several),
];

const fn workload(
    name: &'static str,
    operation: &'static str,
    open: fn(&Setup) -> Result<Box<dyn Column>, Failure>,
) -> Workload {
    Workload::new(Group::Scheduler, name, operation, open)
}

fn spawn_then_join<R: Runtime>(runtime: &R, tasks: u64) -> Outcome {
    runtime.run(async move {
        let handles: Vec<_> = (0..tasks).map(|number| R::spawn(async move { number })).collect();
        let mut sum = 0;
        for handle in handles {
            sum += R::join(handle).await;
        }
        assert_eq!(sum, sum_below(tasks));
    });
    Outcome::Operations(tasks)
}

fn spawn_and_await<R: Runtime>(runtime: &R, tasks: u64) -> Outcome {
    runtime.run(async move {
        let mut sum = 0;
        for number in 0..tasks {
            sum += R::join(R::spawn(async move { number })).await;
        }
        assert_eq!(sum, sum_below(tasks));
    });
    Outcome::Operations(tasks)
}

/// The thread waits for each by a channel of std, so that workers sleep in between.
fn spawn_outside_idle<R: Runtime>(runtime: &R, tasks: u64) -> Outcome {
    let (tell, told) = mpsc::channel();
    let mut sum = 0;
    for number in 0..tasks {
        let tell = tell.clone();
        R::detach(runtime.spawn_from_outside(async move {
            tell.send(number).expect("the thread listens");
        }));
        sum += told.recv().expect("the task tells");
    }
    assert_eq!(sum, sum_below(tasks));
    Outcome::Operations(tasks)
}

/// After the first few, the workers have something to do already.
fn spawn_outside_busy<R: Runtime>(runtime: &R, tasks: u64) -> Outcome {
    let handles: Vec<_> =
        (0..tasks).map(|number| runtime.spawn_from_outside(async move { number })).collect();
    let sum: u64 = runtime.block_on(async {
        let mut sum = 0;
        for handle in handles {
            sum += R::join(handle).await;
        }
        sum
    });
    assert_eq!(sum, sum_below(tasks));
    Outcome::Operations(tasks)
}

fn spawn_chain<R: Runtime>(runtime: &R, tasks: u64) -> Outcome {
    fn link<R: Runtime>(
        left: u64,
        done: R::Sender<u64>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            match left {
                0 => R::send(done, 0),
                _ => R::detach(R::spawn(link::<R>(left - 1, done))),
            }
        })
    }
    runtime.run(async move {
        let (done, is_done) = R::oneshot();
        R::detach(R::spawn(link::<R>(tasks, done)));
        assert_eq!(is_done.await, 0);
    });
    Outcome::Operations(tasks)
}

fn yield_among_200<R: Runtime>(runtime: &R, yields: u64) -> Outcome {
    const TASKS: u64 = 200;
    let rounds = yields / TASKS;
    let task = move || async move {
        let mut done = 0;
        for _ in 0..rounds {
            R::yield_now().await;
            done += 1;
        }
        done
    };
    runtime.run(async move {
        let handles: Vec<_> = (0..TASKS).map(|_| R::spawn(task())).collect();
        let mut sum = 0;
        for handle in handles {
            sum += R::join(handle).await;
        }
        assert_eq!(sum, rounds * TASKS);
    });
    Outcome::Operations(rounds * TASKS)
}

fn ping_pong<R: Runtime>(runtime: &R, rounds: u64) -> Outcome {
    runtime.run(async move {
        for number in 0..rounds {
            let (ping, pinged) = R::oneshot();
            let (pong, ponged) = R::oneshot();
            let other = R::spawn(async move { R::send(pong, pinged.await + 1) });
            R::send(ping, number);
            assert_eq!(ponged.await, number + 1);
            R::join(other).await;
        }
    });
    Outcome::Operations(rounds)
}

/// All tasks are there, and have waited, before the token starts.
fn ring<R: Runtime>(runtime: &R, tasks: u64) -> Outcome {
    let took = runtime.run(async move {
        let (first, before) = R::oneshot::<u64>();
        let mut before: Pin<Box<dyn Future<Output = u64> + Send>> = Box::pin(before);
        for _ in 0..tasks {
            let (next, after) = R::oneshot();
            R::detach(R::spawn(async move { R::send(next, before.await + 1) }));
            before = Box::pin(after);
        }
        for _ in 0..100 {
            R::yield_now().await;
        }
        let stopwatch = Stopwatch::start();
        R::send(first, 0);
        assert_eq!(before.await, tasks);
        stopwatch.elapsed()
    });
    Outcome::Timed { operations: tasks, took }
}

fn fan_out_1us<R: Runtime>(runtime: &R, tasks: u64) -> Outcome {
    fan_out(runtime, &vec![Duration::from_micros(1); tasks as usize])
}

fn fan_out_10us<R: Runtime>(runtime: &R, tasks: u64) -> Outcome {
    fan_out(runtime, &vec![Duration::from_micros(10); tasks as usize])
}

fn fan_out_100us<R: Runtime>(runtime: &R, tasks: u64) -> Outcome {
    fan_out(runtime, &vec![Duration::from_micros(100); tasks as usize])
}

fn fan_out_1ms<R: Runtime>(runtime: &R, tasks: u64) -> Outcome {
    fan_out(runtime, &vec![Duration::from_millis(1); tasks as usize])
}

fn uneven<R: Runtime>(runtime: &R, tasks: u64) -> Outcome {
    let task = |number| Duration::from_micros(if number % 16 == 0 { 60 } else { 2 });
    fan_out(runtime, &(0..tasks).map(task).collect::<Vec<_>>())
}

/// Computes for as long as each of `lengths` says, a task each, spawned by one of
/// them. The reading is the time from the first spawn to the end of the last, over
/// that of the same computations without a runtime, divided among the workers, or among
/// the processors if those are fewer.
fn fan_out<R: Runtime>(runtime: &R, lengths: &[Duration]) -> Outcome {
    let steps_per_second = steps_per_second();
    let steps = |length: &Duration| (length.as_secs_f64() * steps_per_second) as u64;
    let amounts: Vec<u64> = lengths.iter().map(steps).collect();
    let serial = {
        let start = clock::now();
        for steps in &amounts {
            hint::black_box(compute(*steps));
        }
        start.elapsed()
    };
    let workers = runtime.workers().min(processors());
    let makespan = runtime.run(async move {
        let start = clock::now();
        let tasks: Vec<_> =
            amounts.iter().map(|&steps| R::spawn(async move { compute(steps) })).collect();
        let results = R::gather(tasks).await;
        let took = start.elapsed();
        assert!(
            results.iter().zip(&amounts).all(|(result, steps)| *result == compute_again(*steps))
        );
        took
    });
    let ideal = serial.as_secs_f64() / workers as f64;
    Outcome::Sample(Sample::of([(Unit::OverIdeal, makespan.as_secs_f64() / ideal)]))
}

/// How many workers can compute at the same time.
fn processors() -> usize {
    thread::available_parallelism().map_or(usize::MAX, usize::from)
}

/// Multiplies so many times.
fn compute(steps: u64) -> u64 {
    (0..steps).fold(1, |value: u64, _| hint::black_box(value.wrapping_mul(3)))
}

/// What [`compute`] gives, without computing as long.
fn compute_again(steps: u64) -> u64 {
    let (mut result, mut factor, mut left) = (1_u64, 3_u64, steps);
    while left > 0 {
        if left % 2 == 1 {
            result = result.wrapping_mul(factor);
        }
        factor = factor.wrapping_mul(factor);
        left /= 2;
    }
    result
}

/// How many steps of [`compute`] this machine makes.
fn steps_per_second() -> f64 {
    static RATE: OnceLock<f64> = OnceLock::new();
    const STEPS: u64 = 100_000;
    *RATE.get_or_init(|| {
        let once = || {
            let start = clock::now();
            compute(STEPS);
            start.elapsed()
        };
        // The fastest of several: others may have the processor now and then.
        let fastest = (0..20).map(|_| once()).min().unwrap_or_default();
        STEPS as f64 / fastest.as_secs_f64()
    })
}

fn skynet<R: Runtime>(runtime: &R, leaves: u64) -> Outcome {
    fn branch<R: Runtime>(first: u64, leaves: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
        Box::pin(async move {
            if leaves == 1 {
                return first;
            }
            let part = leaves / 10;
            let branches: Vec<_> =
                (0..10).map(|number| R::spawn(branch::<R>(first + number * part, part))).collect();
            let mut sum = 0;
            for branch in branches {
                sum += R::join(branch).await;
            }
            sum
        })
    }
    assert_eq!(runtime.run(branch::<R>(0, leaves)), sum_below(leaves));
    Outcome::Operations(leaves)
}

/// The program is run as the attribute macro for `main` runs it, on a thread of its
/// own: a program pins the thread that runs it.
fn main_round_trip<R: Runtime>(runtime: &R, rounds: u64) -> Outcome {
    let workers = runtime.workers();
    let program = || R::run_program(workers, round_trips::<R>(rounds));
    let took = thread::scope(|scope| scope.spawn(program).join().expect("the program ends"));
    Outcome::Timed { operations: rounds, took }
}

/// The caller and one other task wake each other, `rounds` times. How long that
/// takes, without what is made before and ended after.
pub async fn round_trips<R: Runtime>(rounds: u64) -> Took {
    let channels = || (0..rounds).map(|_| R::oneshot::<u64>()).unzip::<_, _, Vec<_>, Vec<_>>();
    let (pings, pinged) = channels();
    let (pongs, ponged) = channels();
    let other = R::spawn(async move {
        for (pinged, pong) in pinged.into_iter().zip(pongs) {
            R::send(pong, pinged.await + 1);
        }
    });
    let stopwatch = Stopwatch::start();
    for ((ping, ponged), number) in pings.into_iter().zip(ponged).zip(0..) {
        R::send(ping, number);
        assert_eq!(ponged.await, number + 1);
    }
    let took = stopwatch.elapsed();
    R::join(other).await;
    took
}

fn wake_from_thread<R: Runtime>(runtime: &R, rounds: u64) -> Outcome {
    let (pings, pinged): (Vec<_>, Vec<_>) = (0..rounds).map(|_| R::oneshot::<u64>()).unzip();
    let (pong, ponged) = mpsc::channel();
    let task = runtime.spawn_from_outside(async move {
        for pinged in pinged {
            pong.send(pinged.await + 1).expect("the thread listens");
        }
    });
    let stopwatch = Stopwatch::start();
    for (ping, number) in pings.into_iter().zip(0..) {
        R::send(ping, number);
        assert_eq!(ponged.recv(), Ok(number + 1));
    }
    let took = stopwatch.elapsed();
    runtime.block_on(R::join(task));
    Outcome::Timed { operations: rounds, took }
}

fn cancel<R: Runtime>(runtime: &R, tasks: u64) -> Outcome {
    runtime.run(async move {
        for _ in 0..tasks {
            let task = R::spawn(pending::<()>());
            R::yield_now().await;
            R::cancel(task).await;
        }
    });
    Outcome::Operations(tasks)
}

fn gather<R: Runtime>(runtime: &R, tasks: u64) -> Outcome {
    runtime.run(async move {
        let handles = (0..tasks).map(|number| R::spawn(async move { number })).collect();
        let outputs = R::gather(handles).await;
        assert!(outputs.into_iter().eq(0..tasks));
    });
    Outcome::Operations(tasks)
}

fn sum_below(count: u64) -> u64 {
    count * (count - 1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_computation_is_as_long_as_asked_and_its_result_is_known() {
        for steps in [0, 1, 2, 7, 1_000] {
            assert_eq!(compute(steps), compute_again(steps));
        }
    }
}
