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
    /// How often a sample calls the work; zero until the first has told.
    calls: u32,
}

impl<R: Runtime> Inside<R> {
    /// Starts the runtime.
    #[must_use]
    pub fn new(setup: &Setup, work: fn(&R, u64) -> Outcome) -> Self {
        Self { runtime: R::new(setup.workers), work, setup: *setup, calls: 0 }
    }

    fn call(&self) -> Outcome {
        (self.work)(&self.runtime, self.setup.size)
    }

    /// How many calls fill a sample, tried after two that warm up.
    fn calibrate(&self) -> u32 {
        self.call();
        self.call();
        let once = clock::time(|| drop(self.call())).wall.as_secs_f64();
        (self.setup.sample.as_secs_f64() / once.max(1e-9)).ceil().clamp(1.0, 1e9) as u32
    }
}

impl<R: Runtime> Column for Inside<R> {
    fn sample(&mut self) -> Result<Sample, Failure> {
        let (operations, took) = match self.call() {
            Outcome::Sample(sample) => return Ok(sample),
            Outcome::Timed { operations, took } => (operations, took),
            Outcome::Operations(operations) => {
                if self.calls == 0 {
                    self.calls = self.calibrate();
                }
                let took = clock::time(|| (0..self.calls).for_each(|_| drop(self.call())));
                (operations * u64::from(self.calls), took)
            }
        };
        let nanos = |took: Duration| took.as_secs_f64() * 1e9 / operations as f64;
        Ok(Sample::of([
            (Unit::CpuPerOperation, nanos(took.cpu)),
            (Unit::WallPerOperation, nanos(took.wall)),
        ]))
    }
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
