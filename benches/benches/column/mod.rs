//! A workload on all runtimes, with one worker and with two.

use bowerbird_bench::{
    Runtime,
    clock::Clock,
    runtimes::{Bowerbird, Tokio},
    work::Workload,
};
use criterion::{BenchmarkId, Criterion, Throughput};

/// Times `workload` on each: one worker by the processor time of the process, two
/// pinned ones by the wall.
pub(crate) fn compare(criterion: &mut Criterion, workload: Workload) {
    for workers in [1, 2] {
        column::<Tokio>(criterion, workload, workers);
        column::<Bowerbird>(criterion, workload, workers);
    }
}

fn column<R: Runtime>(criterion: &mut Criterion, workload: Workload, workers: usize) {
    let clock = Clock::for_workers(workers);
    let mut group =
        criterion.benchmark_group(format!("{}/{workers}/{}", workload.name(), clock.name()));
    group.throughput(Throughput::Elements(workload.operations()));
    let runtime = R::new(workers);
    group.bench_function(BenchmarkId::from_parameter(R::NAME), |bencher| {
        bencher.iter_custom(|runs| clock.time(|| (0..runs).for_each(|_| workload.run(&runtime))));
    });
    group.finish();
}
