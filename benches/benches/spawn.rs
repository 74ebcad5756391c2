//! What does it cost to start a task and to hear of its end?

use bowerbird_bench::{Runtime, runtimes::Tokio, work};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const TASKS: u64 = 1_000;

fn column<R: Runtime>(criterion: &mut Criterion) {
    for workers in [1, 2] {
        let runtime = R::new(workers);
        let mut group = criterion.benchmark_group("spawn_then_join");
        group.throughput(Throughput::Elements(TASKS));
        group.bench_function(BenchmarkId::new(R::NAME, workers), |bencher| {
            bencher.iter(|| runtime.run(work::spawn_then_join::<R>(TASKS)));
        });
        group.finish();
        let mut group = criterion.benchmark_group("spawn_and_await");
        group.throughput(Throughput::Elements(TASKS));
        group.bench_function(BenchmarkId::new(R::NAME, workers), |bencher| {
            bencher.iter(|| runtime.run(work::spawn_and_await::<R>(TASKS)));
        });
        group.finish();
    }
}

criterion_group!(benches, column::<Tokio>);
criterion_main!(benches);
