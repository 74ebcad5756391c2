//! What does it cost to start a task and to hear of its end?

mod column;

use criterion::{Criterion, criterion_group, criterion_main};

fn spawn(criterion: &mut Criterion) {
    column::compare(criterion, "spawn_1000_then_join");
    column::compare(criterion, "spawn_and_await");
}

criterion_group!(benches, spawn);
criterion_main!(benches);
