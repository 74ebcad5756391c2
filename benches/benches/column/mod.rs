//! Workloads of the table, a column for each runtime.

use bowerbird_bench::{
    column::{Column, Failure, Setup},
    contender::Contender,
    reading::Unit,
    workloads,
};
use criterion::Criterion;
use std::time::Duration;

/// Times a workload on each runtime: with one worker by the processor time of the
/// process, with two pinned ones by the wall. What criterion calls an iteration is
/// all of the workload, and the time it shows is that of one operation.
pub(crate) fn compare(criterion: &mut Criterion, name: &str) {
    let workload = workloads::named(name).expect("it is in the table");
    for workers in [1, 2].into_iter().filter(|it| workload.workers.fits(*it)) {
        let (clock, unit) = match workers {
            1 => ("cpu", Unit::CpuPerOperation),
            _ => ("wall", Unit::WallPerOperation),
        };
        let mut group = criterion.benchmark_group(format!("{name}/{workers}/{clock}"));
        for contender in [Contender::Bowerbird, Contender::Tokio, Contender::Smol] {
            let size = workload.sizes[0];
            let setup = Setup { contender, workers, size, sample: Duration::ZERO };
            let mut column = match (workload.open)(&setup) {
                Ok(column) => column,
                Err(Failure::NotOffered) => continue,
                Err(failure) => panic!("{name}: {failure}"),
            };
            group.bench_function(contender.name(), |bencher| {
                bencher.iter_custom(|calls| (0..calls).map(|_| once(&mut *column, unit)).sum());
            });
        }
        group.finish();
    }
}

/// How long an operation took.
fn once(column: &mut dyn Column, unit: Unit) -> Duration {
    let sample = column.sample().expect("the work is done");
    let reading = sample.readings.iter().find(|it| it.unit == unit).expect("it was timed");
    Duration::from_secs_f64(reading.value / 1e9)
}
