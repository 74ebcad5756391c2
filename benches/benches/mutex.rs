//! What does a lock cost that nobody else wants?

mod operation;

use bowerbird_bench::runtimes::{Bowerbird, Smol, Tokio};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

/// Counts under a lock, and checks the count.
macro_rules! count_under {
    ($mutex:path) => {
        |times| async move {
            let counter = $mutex(0);
            for _ in 0..times {
                *black_box(&counter).lock().await += 1;
            }
            assert_eq!(counter.into_inner(), times);
        }
    };
}

/// The same for a lock that blocks its thread.
async fn count_under_std(times: u64) {
    let counter = std::sync::Mutex::new(0);
    for _ in 0..times {
        *black_box(&counter).lock().expect("nobody panics") += 1;
    }
    assert_eq!(counter.into_inner().expect("nobody panics"), times);
}

fn mutex(criterion: &mut Criterion) {
    use bowerbird::sync::Mutex as Ours;
    use tokio::sync::Mutex as Theirs;
    let mut group = criterion.benchmark_group("mutex");
    operation::line::<Bowerbird, _>(&mut group, "bowerbird", count_under!(Ours::new));
    operation::line::<Tokio, _>(&mut group, "tokio", count_under!(Theirs::new));
    operation::line::<Smol, _>(&mut group, "async-lock", count_under!(async_lock::Mutex::new));
    operation::line::<Bowerbird, _>(&mut group, "std", count_under_std);
    group.finish();
}

criterion_group!(benches, mutex);
criterion_main!(benches);
