//! What does it cost to start a task and to hear of its end?

mod column;

use bowerbird_bench::work::Workload;
use criterion::{Criterion, criterion_group, criterion_main};

fn spawn(criterion: &mut Criterion) {
    column::compare(criterion, Workload::SpawnThenJoin);
    column::compare(criterion, Workload::SpawnAndAwait);
}

criterion_group!(benches, spawn);
criterion_main!(benches);
