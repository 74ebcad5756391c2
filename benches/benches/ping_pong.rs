//! What does it cost to ask another task and to get its answer?

mod column;

use criterion::{Criterion, criterion_group, criterion_main};

fn ping_pong(criterion: &mut Criterion) {
    column::compare(criterion, "ping_pong");
}

criterion_group!(benches, ping_pong);
criterion_main!(benches);
