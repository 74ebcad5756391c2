//! Closures that block, and files.
//!
//! * **`blocking_round_trip`** has one closure at a time, so it is the way to a thread of
//!   the pool and back. Its latencies are those of single closures.
//! * **`blocking_queued`** has all of them at once: what the pool does about many, with
//!   as many threads as its authors found right.
//! * **`small_files`** reads with 16 tasks, each its own file again and again. The files
//!   are in the system's cache, so it is the way there and back once more, with two or
//!   three system calls at its end.
//!
//! Each runtime has the pool and the limits that it starts with. Processor time is
//! that of all threads, those of the pool among them.
//!
//! With several workers the threads of the pools are pinned in turn, too, as a hook for
//! starting threads does it; smol has none, and its pool's threads stay where the worker
//! is that started them. So a round trip may have its closure on one processor and
//! its task on another, and is then two wake-ups across, which take several times as
//! long as the rest: look at the smallest and the largest value there, not at
//! the median alone. With one worker all threads are on one processor.

mod files;

pub use files::Files;

use super::{Group, Workload};
use crate::{
    Runtime,
    clock::{self, Stopwatch},
    column::{Column, Failure, Outcome, Setup},
    contender::Contender,
    on_each,
    reading::{Sample, Unit, latencies, note},
};
use files::{Folder, contents};
use std::time::Duration;

/// The group's part of the table.
pub const WORKLOADS: &[Workload] = &[
    workload(
        "blocking_round_trip",
        "a closure for the pool, awaited, one at a time",
        on_each!(blocking_round_trip),
    )
    .notes(POOLS),
    workload(
        "blocking_queued",
        "closures for the pool, all at once: one of them",
        on_each!(blocking_queued),
    )
    .sizes(&[10_000], &[2_000])
    .notes(POOLS),
    workload("small_files", "16 tasks read files of 4 KiB: one file", on_each!(small_files))
        .sizes(&[1_600], &[800])
        .notes(POOLS),
];

const POOLS: &[(Contender, &str)] =
    &[(Contender::Smol, "its pool belongs to the process, and is not pinned by a hook")];

const fn workload(
    name: &'static str,
    operation: &'static str,
    open: fn(&Setup) -> Result<Box<dyn Column>, Failure>,
) -> Workload {
    Workload::new(Group::Blocking, name, operation, open)
}

fn blocking_round_trip<R: Runtime>(runtime: &R, closures: u64) -> Outcome {
    let (latencies, took) = runtime.run(async move {
        let mut latencies = latencies();
        let stopwatch = Stopwatch::start();
        for number in 0..closures {
            let start = clock::now();
            let output = R::spawn_blocking(move || number + 1).await;
            note(&mut latencies, start.elapsed());
            assert_eq!(output, number + 1);
        }
        (latencies, stopwatch.elapsed())
    });
    let nanos = |took: Duration| took.as_secs_f64() * 1e9 / closures as f64;
    let mut sample = Sample::of_latencies(latencies);
    let times =
        [(Unit::CpuPerOperation, nanos(took.cpu)), (Unit::WallPerOperation, nanos(took.wall))];
    sample.readings.extend(Sample::of(times).readings);
    Outcome::Sample(sample)
}

fn blocking_queued<R: Runtime>(runtime: &R, closures: u64) -> Outcome {
    runtime.run(async move {
        let outputs: Vec<_> =
            (0..closures).map(|number| R::spawn_blocking(move || number)).collect();
        let mut sum = 0;
        for output in outputs {
            sum += output.await;
        }
        assert_eq!(sum, closures * (closures - 1) / 2);
    });
    Outcome::Operations(closures)
}

fn small_files<R: Files>(runtime: &R, reads: u64) -> Outcome {
    const READERS: u64 = 16;
    const BYTES: usize = 4_096;
    let folder = Folder::with_files(READERS, BYTES);
    let each = reads / READERS;
    let reader = |number| {
        let (path, expected) = (folder.file(number), contents(number, BYTES));
        async move {
            for _ in 0..each {
                assert!(R::read(&path).await == expected, "{} has changed", path.display());
            }
        }
    };
    let readers: Vec<_> = (0..READERS).map(reader).collect();
    let took = runtime.run(async move {
        let stopwatch = Stopwatch::start();
        let tasks: Vec<_> = readers.into_iter().map(R::spawn).collect();
        assert_eq!(R::gather(tasks).await.len() as u64, READERS);
        stopwatch.elapsed()
    });
    Outcome::Timed { operations: each * READERS, took }
}
