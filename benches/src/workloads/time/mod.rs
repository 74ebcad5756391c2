//! Timers: timeouts, sleeps, ticks.
//!
//! * **`timeout_*`** are what a timeout costs whose time is never up: one that ends
//!   at its first poll needs no timer at all, one that waits needs one.
//! * **`sleep_many`** counts what there is beyond the 50 ms: a sleep needs no processor,
//!   and the time on the wall is that from the first spawn to the end of the last
//!   task, less 50 ms.
//! * **`interval_jitter`** and **`oversleep_*`** are latencies on an idle runtime: how long
//!   after the time that was asked for the task goes on. A sample has few of them, so
//!   it has a median and a longest; all quantiles are those of the samples together.
//!   Between two sleeps the task computes for a while, another one each time: a timer
//!   with ticks would otherwise be asked right after a tick, always. Processor time is
//!   that of a sleep without this: who is in time may not have bought it by spinning.
//! * **`timer_churn`** is what a program does that has many connections, and a timeout
//!   for each that is never up: `churn.rs` says how.
//!
//! tokio's timers have ticks of a millisecond, and its sleeps end at the tick after
//! their time. The others set the system's timer to the deadline itself.

mod churn;
mod timing;

pub use timing::Timing;

use super::{Group, Workers, Workload};
use crate::{
    Runtime,
    clock::{self, Stopwatch, Took},
    column::{Column, Failure, Outcome, Setup},
    on_each,
    reading::{Sample, Unit, latencies, note},
};
use hdrhistogram::Histogram;
use std::{future::ready, time::Duration};

/// The group's part of the table.
pub const WORKLOADS: &[Workload] = &[
    workload("timeout_ready", "a timeout around a future that is ready", on_each!(timeout_ready))
        .sizes(&[100_000], &[20_000])
        .workers(Workers::One),
    workload("timeout_yield", "a timeout around a yield", on_each!(timeout_yield))
        .sizes(&[10_000], &[5_000]),
    workload(
        "sleep_many",
        "tasks sleep for 50 ms, all at once: what one costs beyond the 50 ms",
        on_each!(sleep_many),
    )
    .sizes(&[200_000], &[20_000]),
    workload(
        "interval_jitter",
        "ticks of an interval of 1 ms: how late one is",
        on_each!(interval_jitter),
    )
    .sizes(&[20], &[10]),
    oversleep("oversleep_10us", "a sleep of 10 us: how much longer", on_each!(oversleep_10us)),
    oversleep("oversleep_100us", "a sleep of 100 us: how much longer", on_each!(oversleep_100us)),
    oversleep("oversleep_500us", "a sleep of 500 us: how much longer", on_each!(oversleep_500us)),
    oversleep("oversleep_1ms", "a sleep of 1 ms: how much longer", on_each!(oversleep_1ms)),
    workload("timer_churn", "set a timer and cancel it, while so many others are set", churn::open)
        .sizes(&[1_000_000], &[100_000]),
];

type Open = fn(&Setup) -> Result<Box<dyn Column>, Failure>;

const fn workload(name: &'static str, operation: &'static str, open: Open) -> Workload {
    Workload::new(Group::Time, name, operation, open)
}

const fn oversleep(name: &'static str, operation: &'static str, open: Open) -> Workload {
    workload(name, operation, open).sizes(&[20], &[10])
}

/// A timeout that is not up while anything is measured.
const MINUTE: Duration = Duration::from_secs(60);

fn timeout_ready<R: Timing>(runtime: &R, timeouts: u64) -> Outcome {
    runtime.run(async move {
        for number in 0..timeouts {
            assert_eq!(R::timeout(MINUTE, ready(number)).await, Some(number));
        }
    });
    Outcome::Operations(timeouts)
}

fn timeout_yield<R: Timing>(runtime: &R, timeouts: u64) -> Outcome {
    runtime.run(async move {
        for _ in 0..timeouts {
            assert!(R::timeout(MINUTE, R::yield_now()).await.is_some(), "a minute is long");
        }
    });
    Outcome::Operations(timeouts)
}

fn sleep_many<R: Runtime>(runtime: &R, tasks: u64) -> Outcome {
    const ASKED: Duration = Duration::from_millis(50);
    let took = runtime.run(async move {
        let stopwatch = Stopwatch::start();
        let handles: Vec<_> = (0..tasks)
            .map(|number| {
                R::spawn(async move {
                    R::sleep(ASKED).await;
                    number
                })
            })
            .collect();
        let mut sum = 0;
        for handle in handles {
            sum += R::join(handle).await;
        }
        let took = stopwatch.elapsed();
        assert_eq!(sum, tasks * (tasks - 1) / 2);
        took
    });
    let wall = took.wall.checked_sub(ASKED).expect("no sleep ends early");
    Outcome::Timed { operations: tasks, took: Took { wall, ..took } }
}

/// The interval lives as long as the sample: each has another place among the ticks of
/// a timer that has some.
fn interval_jitter<R: Timing>(runtime: &R, ticks: u64) -> Outcome {
    const PERIOD: Duration = Duration::from_millis(1);
    let (late, cpu) = runtime.run(async move {
        let mut late = latencies();
        let stopwatch = Stopwatch::start();
        let start = clock::now() + PERIOD;
        let mut interval = R::interval_at(start, PERIOD);
        let mut expected = start;
        for _ in 0..ticks {
            let due = R::tick(&mut interval).await;
            let now = clock::now();
            assert_eq!(due, expected);
            expected += PERIOD;
            note(&mut late, now.checked_duration_since(due).expect("no tick comes early"));
        }
        (late, stopwatch.elapsed().cpu)
    });
    Outcome::Sample(few(late, cpu))
}

fn oversleep_10us<R: Runtime>(runtime: &R, sleeps: u64) -> Outcome {
    lateness(runtime, sleeps, Duration::from_micros(10))
}

fn oversleep_100us<R: Runtime>(runtime: &R, sleeps: u64) -> Outcome {
    lateness(runtime, sleeps, Duration::from_micros(100))
}

fn oversleep_500us<R: Runtime>(runtime: &R, sleeps: u64) -> Outcome {
    lateness(runtime, sleeps, Duration::from_micros(500))
}

fn oversleep_1ms<R: Runtime>(runtime: &R, sleeps: u64) -> Outcome {
    lateness(runtime, sleeps, Duration::from_millis(1))
}

/// How much longer than `asked` each of so many sleeps is.
fn lateness<R: Runtime>(runtime: &R, sleeps: u64, asked: Duration) -> Outcome {
    let (late, cpu) = runtime.run(async move {
        let (mut late, mut cpu) = (latencies(), Duration::ZERO);
        for number in 0..sleeps {
            compute_between(number);
            let stopwatch = Stopwatch::start();
            R::sleep(asked).await;
            let took = stopwatch.elapsed();
            note(&mut late, took.wall.checked_sub(asked).expect("no sleep ends early"));
            cpu += took.cpu;
        }
        (late, cpu)
    });
    Outcome::Sample(few(late, cpu))
}

/// Computes before the sleep with that number: for another part of a millisecond each
/// time, so that sleeps begin anywhere between two ticks of a timer that has some.
pub(crate) fn compute_between(number: u64) {
    compute_for(pause(number));
}

/// How long to compute before a sleep.
fn pause(number: u64) -> Duration {
    // Steps by the golden ratio lie evenly, however many they are.
    const STEP: u64 = 618_034;
    Duration::from_nanos(number * STEP % 1_000_000)
}

fn compute_for(duration: Duration) {
    let start = clock::now();
    while start.elapsed() < duration {}
}

/// Of few latencies, among which the hundredth part is nobody, and the processor
/// time of them all.
fn few(latencies: Histogram<u64>, cpu: Duration) -> Sample {
    let each = cpu.as_secs_f64() * 1e9 / latencies.len() as f64;
    let mut sample = Sample::of_latencies(latencies);
    sample.readings.retain(|it| matches!(it.unit, Unit::P50 | Unit::Max));
    sample.readings.extend(Sample::of([(Unit::CpuPerOperation, each)]).readings);
    sample
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_reach_every_part_of_a_millisecond() {
        let mut tenths: Vec<_> = (0..20).map(|it| pause(it).as_micros() / 100).collect();
        tenths.sort_unstable();
        tenths.dedup();
        assert_eq!(tenths, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn a_few_latencies_have_a_median_a_longest_and_their_processor_time() {
        let mut late = latencies();
        [10, 20, 30].into_iter().for_each(|it| note(&mut late, Duration::from_micros(it)));
        let sample = few(late, Duration::from_nanos(600));
        let units: Vec<_> = sample.readings.iter().map(|it| it.unit).collect();
        assert_eq!(units, [Unit::P50, Unit::Max, Unit::CpuPerOperation]);
        assert_eq!(sample.readings[2].value, 200.0);
    }
}
