//! One operation, in a task of a runtime with one worker.

use bowerbird_bench::{Runtime, clock::Stopwatch};
use criterion::{BenchmarkGroup, measurement::WallTime};
use std::future::Future;

/// Adds a line for `work`, which does an operation so many times. The clock is the
/// processor time of the process, and the way into the task is not counted.
pub(crate) fn line<R: Runtime, F: Future<Output = ()> + Send + 'static>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    work: impl Fn(u64) -> F,
) {
    let runtime = R::new(1);
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|times| {
            let work = work(times);
            runtime.run(async {
                let stopwatch = Stopwatch::start();
                work.await;
                stopwatch.elapsed().cpu
            })
        });
    });
}
