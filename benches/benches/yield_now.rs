//! What does it cost to let others run?

use bowerbird_bench::{Runtime, runtimes::Tokio, work};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const TASKS: u64 = 200;
const ROUNDS: u64 = 50;

fn column<R: Runtime>(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("yield_among_200");
    group.throughput(Throughput::Elements(TASKS * ROUNDS));
    for workers in [1, 2] {
        let runtime = R::new(workers);
        group.bench_function(BenchmarkId::new(R::NAME, workers), |bencher| {
            bencher.iter(|| runtime.run(work::yield_among::<R>(TASKS, ROUNDS)));
        });
    }
    group.finish();
}

criterion_group!(benches, column::<Tokio>);
criterion_main!(benches);
