//! Work that shows other languages beside the runtimes.
//!
//! The others that are done in all languages, `spawn_1000_then_join` and `ping_pong`,
//! are in the [`scheduler`](super::scheduler)'s part; which programs do them is told in
//! [`languages`](crate::languages).

use super::{Group, Workload};
use crate::{Runtime, clock, column::Outcome, on_each};
use std::time::Duration;

/// The file's part of the table.
pub const WORKLOADS: &[Workload] = &[Workload::new(
    Group::Time,
    "gather_sleeps",
    "gather 10,000 tasks that sleep 10 ms: one of them (1,000 ns of the wall are sleep)",
    on_each!(gather_sleeps, languages),
)
.sizes(&[10_000], &[10_000])];

fn gather_sleeps<R: Runtime>(runtime: &R, tasks: u64) -> Outcome {
    const SLEEP: Duration = Duration::from_millis(10);
    let start = clock::now();
    runtime.run(async move {
        let nap = |number| async move {
            R::sleep(SLEEP).await;
            number
        };
        let handles = (0..tasks).map(|number| R::spawn(nap(number))).collect();
        assert!(R::gather(handles).await.into_iter().eq(0..tasks));
    });
    assert!(start.elapsed() >= SLEEP, "all of them slept");
    Outcome::Operations(tasks)
}
