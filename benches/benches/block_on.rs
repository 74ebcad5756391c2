//! What does it cost to go into a runtime from outside, and back?
//!
//! By the wall: threads wait for each other.

use bowerbird_bench::{
    Runtime,
    runtimes::{Bowerbird, Smol, Tokio},
};
use criterion::{Criterion, criterion_group, criterion_main};
use futures_lite::future;
use std::hint::black_box;

/// Into the runtime, with nothing to do there.
fn in_and_out<R: Runtime>(criterion: &mut Criterion) {
    let runtime = R::new(2);
    criterion.benchmark_group("block_on/nothing").bench_function(R::NAME, |bencher| {
        bencher.iter(|| runtime.block_on(async { black_box(1) }));
    });
}

/// For a task that a worker runs: two threads wake each other.
fn for_a_task<R: Runtime>(criterion: &mut Criterion) {
    let runtime = R::new(2);
    criterion.benchmark_group("block_on/task").bench_function(R::NAME, |bencher| {
        bencher.iter(|| {
            let task = runtime.spawn_from_outside(async { black_box(1) });
            assert_eq!(runtime.block_on(R::join(task)), 1);
        });
    });
}

fn block_on(criterion: &mut Criterion) {
    in_and_out::<Bowerbird>(criterion);
    in_and_out::<Tokio>(criterion);
    in_and_out::<Smol>(criterion);
    criterion.benchmark_group("block_on/nothing").bench_function("no runtime", |bencher| {
        bencher.iter(|| future::block_on(async { black_box(1) }));
    });
    for_a_task::<Bowerbird>(criterion);
    for_a_task::<Tokio>(criterion);
    for_a_task::<Smol>(criterion);
}

criterion_group!(benches, block_on);
criterion_main!(benches);
