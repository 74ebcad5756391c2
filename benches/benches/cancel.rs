//! What does a task cost that is cancelled while it waits?

mod column;

use criterion::{Criterion, criterion_group, criterion_main};

fn cancel(criterion: &mut Criterion) {
    column::compare(criterion, "cancel");
}

criterion_group!(benches, cancel);
criterion_main!(benches);
