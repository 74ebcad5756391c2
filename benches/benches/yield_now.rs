//! What does it cost to let others run?

mod column;

use criterion::{Criterion, criterion_group, criterion_main};

fn yield_now(criterion: &mut Criterion) {
    column::compare(criterion, "yield_among_200");
}

criterion_group!(benches, yield_now);
criterion_main!(benches);
