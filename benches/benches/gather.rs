//! What does it cost to wait for all of several futures, inside one task?

mod operation;

use bowerbird::{gather, task::yield_now};
use bowerbird_bench::runtimes::Bowerbird;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::future::join_all;

/// Is pending once.
async fn child(number: u64) -> u64 {
    yield_now().await;
    number
}

/// Waits for all children, so many times.
macro_rules! all_of {
    ($children:expr, $all:path) => {
        |times| async move {
            for _ in 0..times {
                let outputs = $all((0..$children).map(child).collect::<Vec<_>>()).await;
                assert!(outputs.into_iter().eq(0..$children));
            }
        }
    };
}

fn wait_for_all(criterion: &mut Criterion) {
    for children in [2, 10, 100, 1_000] {
        let mut group = criterion.benchmark_group(format!("gather/{children}"));
        group.throughput(Throughput::Elements(children));
        operation::line::<Bowerbird, _>(&mut group, "gather", all_of!(children, gather));
        operation::line::<Bowerbird, _>(&mut group, "join_all", all_of!(children, join_all));
        group.finish();
    }
}

criterion_group!(benches, wait_for_all);
criterion_main!(benches);
