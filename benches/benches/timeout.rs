//! What does it cost to limit the time of something that is ready, or soon?

mod operation;

use bowerbird_bench::{
    Runtime,
    runtimes::{Bowerbird, Tokio},
};
use criterion::{Criterion, criterion_group, criterion_main};
use std::{future::ready, time::Duration};

const LIMIT: Duration = Duration::from_secs(30);

/// A future that is ready: no timer is needed.
macro_rules! around_ready {
    ($timeout:path) => {
        |times| async move {
            for number in 0..times {
                assert_eq!($timeout(LIMIT, ready(number)).await, Ok(number));
            }
        }
    };
}

/// A future that is ready when it is polled again: a timer is set and taken back.
macro_rules! around_yield {
    ($timeout:path, $runtime:ty) => {
        |times| async move {
            for _ in 0..times {
                assert_eq!($timeout(LIMIT, <$runtime>::yield_now()).await, Ok(()));
            }
        }
    };
}

/// The same without a limit.
async fn yields<R: Runtime>(times: u64) {
    for _ in 0..times {
        R::yield_now().await;
    }
}

fn timeout(criterion: &mut Criterion) {
    use bowerbird::time::timeout as ours;
    use tokio::time::timeout as theirs;
    let mut group = criterion.benchmark_group("timeout/ready");
    operation::line::<Bowerbird, _>(&mut group, "bowerbird", around_ready!(ours));
    operation::line::<Tokio, _>(&mut group, "tokio", around_ready!(theirs));
    group.finish();
    let mut group = criterion.benchmark_group("timeout/yield");
    operation::line::<Bowerbird, _>(&mut group, "bowerbird", around_yield!(ours, Bowerbird));
    operation::line::<Tokio, _>(&mut group, "tokio", around_yield!(theirs, Tokio));
    operation::line::<Bowerbird, _>(&mut group, "bowerbird, no limit", yields::<Bowerbird>);
    operation::line::<Tokio, _>(&mut group, "tokio, no limit", yields::<Tokio>);
    group.finish();
}

criterion_group!(benches, timeout);
criterion_main!(benches);
