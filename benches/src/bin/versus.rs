//! How many times faster than tokio? Ratios, and what they are worth.
//!
//! ```text
//! cargo run --release -p bowerbird-bench --bin versus
//! ```
//!
//! Each measurement is a triple, tokio, bowerbird and another tokio, in one process
//! within some milliseconds, so that whatever slows the machine down slows all
//! three. A row is the median of the ratios with the smallest and the largest. The
//! row below it is tokio over the other tokio: a difference that is not larger than
//! what this row shows is noise.

use bowerbird_bench::{
    Runtime,
    clock::Clock,
    runtimes::{Bowerbird, Tokio},
    spread::Spread,
    work::Workload,
};
use std::time::Duration;

const TRIPLES: u32 = 51;
/// Long beside a system call and the reading of a clock, short beside the time
/// slices of a kernel.
const SAMPLE: Duration = Duration::from_millis(5);

fn main() {
    println!("tokio's time over bowerbird's, median of {TRIPLES} pairs (smallest–largest)\n");
    println!("| workload | workers | clock | tokio ns | bowerbird ns | ratio |");
    println!("|---|---|---|---|---|---|");
    for workload in Workload::ALL {
        for workers in [1, 2] {
            compare(workload, workers);
        }
    }
}

fn compare(workload: Workload, workers: usize) {
    let clock = Clock::for_workers(workers);
    let (tokio, again) = (Tokio::new(workers), Tokio::new(workers));
    let bowerbird = Bowerbird::new(workers);
    let warm_up = sample(clock, workload, &tokio, 10).as_secs_f64() / 10.0;
    sample(clock, workload, &bowerbird, 10);
    sample(clock, workload, &again, 10);
    let runs = (SAMPLE.as_secs_f64() / warm_up).ceil() as u32;
    let triple = |number| match number % 2 {
        0 => {
            let tokio = sample(clock, workload, &tokio, runs);
            let bowerbird = sample(clock, workload, &bowerbird, runs);
            [tokio, bowerbird, sample(clock, workload, &again, runs)]
        }
        // The other way round: the first of three may have it better or worse.
        _ => {
            let again = sample(clock, workload, &again, runs);
            let bowerbird = sample(clock, workload, &bowerbird, runs);
            [sample(clock, workload, &tokio, runs), bowerbird, again]
        }
    };
    let triples: Vec<_> = (0..TRIPLES).map(triple).collect();
    let operations = f64::from(runs) * workload.operations() as f64;
    let nanos = |which: usize| {
        let each = triples.iter().map(|it| it[which].as_secs_f64() * 1e9 / operations);
        Spread::of(each).median
    };
    let over = |which: usize| {
        Spread::of(triples.iter().map(|it| it[0].as_secs_f64() / it[which].as_secs_f64()))
    };
    let (name, clock) = (workload.name(), clock.name());
    let (tokio, bowerbird, again) = (nanos(0), nanos(1), nanos(2));
    println!("| {name} | {workers} | {clock} | {tokio:.0} | {bowerbird:.0} | {} |", over(1));
    println!("| … tokio again | {workers} | {clock} | {tokio:.0} | {again:.0} | {} |", over(2));
}

fn sample<R: Runtime>(clock: Clock, workload: Workload, runtime: &R, runs: u32) -> Duration {
    clock.time(|| (0..runs).for_each(|_| workload.run(runtime)))
}
