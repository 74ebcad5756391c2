//! What does it cost to ask another task and to get its answer?

use bowerbird_bench::{Runtime, runtimes::Tokio, work};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const ROUNDS: u64 = 1_000;

fn column<R: Runtime>(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ping_pong");
    group.throughput(Throughput::Elements(ROUNDS));
    for workers in [1, 2] {
        let runtime = R::new(workers);
        group.bench_function(BenchmarkId::new(R::NAME, workers), |bencher| {
            bencher.iter(|| runtime.run(work::ping_pong::<R>(ROUNDS)));
        });
    }
    group.finish();
}

criterion_group!(benches, column::<Tokio>);
criterion_main!(benches);
