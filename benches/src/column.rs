//! A contender with a workload, ready to be sampled.

use crate::{
    clock,
    contender::Contender,
    reading::{Sample, Unit},
    runtime::Runtime,
};
use std::{fmt, time::Duration};

/// How the work is done.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// By whom.
    pub contender: Contender,
    /// With how many threads that run tasks.
    pub workers: usize,
    /// How much of it. What a size means, each workload says.
    pub size: u64,
    /// For how long a sample should go on: long beside a system call and the reading
    /// of a clock, short beside the time slices of a kernel.
    pub sample: Duration,
}

/// A contender that has been set up to do one workload.
pub trait Column {
    /// Does the work once, or as often as a sample needs.
    ///
    /// # Errors
    ///
    /// If it was not done as it should have been.
    fn sample(&mut self) -> Result<Sample, Failure>;
}

/// Why there is no figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The contender has nothing to do this work with, so there is no row.
    NotOffered,
    /// What the contender needs is not on this machine. What that is, and what to do.
    Missing(String),
    /// It was tried, and went wrong.
    Failed(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOffered => f.write_str("not offered"),
            Self::Missing(what) | Self::Failed(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Failure {}

/// What a workload of this process did when it was called once.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// So many operations, all of the call: it is repeated and timed from outside.
    Operations(u64),
    /// So many operations, and how long they took without what was made before and
    /// ended after.
    Timed {
        /// How many.
        operations: u64,
        /// How long, on both clocks.
        took: clock::Took,
    },
    /// Something else than a time per operation.
    Sample(Sample),
}

/// A workload on a runtime of this process, which lives as long as the column.
pub struct Inside<R> {
    runtime: R,
    work: fn(&R, u64) -> Outcome,
    setup: Setup,
    /// Where a call is too short to be timed by itself; known after the first.
    repeat: Option<Repeat>,
}

/// What fills a sample.
#[derive(Clone, Copy, Debug)]
struct Repeat {
    calls: u32,
    /// Of one call.
    operations: u64,
}

impl<R: Runtime> Inside<R> {
    /// Starts the runtime.
    #[must_use]
    pub fn new(setup: &Setup, work: fn(&R, u64) -> Outcome) -> Self {
        Self { runtime: R::new(setup.workers), work, setup: *setup, repeat: None }
    }

    fn call(&self) -> Outcome {
        (self.work)(&self.runtime, self.setup.size)
    }

    /// How many calls fill a sample. Two warm up, unless the first took as long as that.
    fn calibrate(&self, first: Duration) -> u32 {
        let sample = self.setup.sample;
        if first >= 10 * sample {
            return 1;
        }
        self.call();
        self.call();
        let once = clock::time(|| drop(self.call())).wall;
        (sample.as_secs_f64() / once.as_secs_f64().max(1e-9)).ceil().clamp(1.0, 1e9) as u32
    }

    fn timed(&self, repeat: Repeat) -> Sample {
        let took = clock::time(|| (0..repeat.calls).for_each(|_| drop(self.call())));
        per_operation(took, repeat.operations * u64::from(repeat.calls))
    }
}

impl<R: Runtime> Column for Inside<R> {
    fn sample(&mut self) -> Result<Sample, Failure> {
        if let Some(repeat) = self.repeat {
            return Ok(self.timed(repeat));
        }
        let start = clock::now();
        Ok(match self.call() {
            Outcome::Sample(sample) => sample,
            Outcome::Timed { operations, took } => per_operation(took, operations),
            Outcome::Operations(operations) => {
                let repeat = Repeat { calls: self.calibrate(start.elapsed()), operations };
                self.repeat = Some(repeat);
                self.timed(repeat)
            }
        })
    }
}

fn per_operation(took: clock::Took, operations: u64) -> Sample {
    let nanos = |took: Duration| took.as_secs_f64() * 1e9 / operations as f64;
    Sample::of([
        (Unit::CpuPerOperation, nanos(took.cpu)),
        (Unit::WallPerOperation, nanos(took.wall)),
    ])
}

impl<R> fmt::Debug for Inside<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inside").field("setup", &self.setup).finish_non_exhaustive()
    }
}

/// Opens a workload's column: `on_each!(work)` for a `work` that is generic over the
/// runtime, for use as [`Workload::open`](crate::workloads::Workload::open).
/// `on_each!(work, languages)` if the programs of [`languages`](crate::languages) have
/// a function of that name.
#[macro_export]
macro_rules! on_each {
    ($work:ident) => {
        $crate::on_each!(@ $work, |_| Err($crate::column::Failure::NotOffered))
    };
    ($work:ident, languages) => {
        $crate::on_each!(@ $work, |setup| $crate::languages::column(stringify!($work), setup))
    };
    (@ $work:ident, $others:expr) => {
        |setup: &$crate::column::Setup| -> Result<Box<dyn $crate::column::Column>, $crate::column::Failure> {
            use $crate::{column::{Column, Failure, Inside, Setup}, contender::Contender, runtimes::{Bowerbird, Smol, Tokio}};
            let others: fn(&Setup) -> Result<Box<dyn Column>, Failure> = $others;
            Ok(match setup.contender {
                Contender::Bowerbird => Box::new(Inside::new(setup, $work::<Bowerbird>)),
                Contender::Tokio => Box::new(Inside::new(setup, $work::<Tokio>)),
                Contender::Smol => Box::new(Inside::new(setup, $work::<Smol>)),
                _ => return others(setup),
            })
        }
    };
}
