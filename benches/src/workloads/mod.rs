//! The work, a file per group, and the table of all of it.

pub mod accepting;
pub mod blocking;
pub mod io;
pub mod languages;
pub mod memory;
pub mod scale;
pub mod scheduler;
pub mod sync;
pub mod time;
pub mod waiting;

use crate::column::{Column, Failure, Setup};
use crate::contender::Contender;
use serde::{Deserialize, Serialize};

/// What a workload is about.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Tasks: their start, their turns, their end.
    Scheduler,
    /// Locks, signals and channels.
    Sync,
    /// Timers.
    Time,
    /// Sockets.
    Io,
    /// Closures that block, and files.
    Blocking,
    /// What it takes of memory.
    Memory,
    /// The cost of one when there are many.
    Scale,
}

impl Group {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 7] = [
        Self::Scheduler,
        Self::Sync,
        Self::Time,
        Self::Io,
        Self::Blocking,
        Self::Memory,
        Self::Scale,
    ];

    /// As it stands in tables, in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scheduler => "scheduler",
            Self::Sync => "sync",
            Self::Time => "time",
            Self::Io => "io",
            Self::Blocking => "blocking",
            Self::Memory => "memory",
            Self::Scale => "scale",
        }
    }
}

/// Where a workload is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the process that measures, in turn with the others.
    Here,
    /// In a process of its own for each sample, because what one leaves behind would
    /// be counted against the next.
    Apart,
}

/// One thing to do.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Its name in tables, in files and on the command line: words with underscores.
    pub name: &'static str,
    /// What it is about.
    pub group: Group,
    /// What one operation, or one item, is.
    pub operation: &'static str,
    /// The sizes to do it in, one table line each: usually one.
    pub sizes: &'static [u64],
    /// The same for a quick look.
    pub quick_sizes: &'static [u64],
    /// Where it is done.
    pub place: Place,
    /// Whether there is something to see with one worker, with several, or both.
    pub workers: Workers,
    /// Sets a contender up to do it.
    pub open: fn(&Setup) -> Result<Box<dyn Column>, Failure>,
    /// What a reader should know about a contender's row, such as whose lock it is.
    pub notes: &'static [(Contender, &'static str)],
}

/// With how many workers a workload is worth doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workers {
    /// With any number.
    Any,
    /// With one: more of them change nothing.
    One,
    /// With several: it is about them.
    Several,
}

impl Workers {
    /// Whether so many are worth it.
    #[must_use]
    pub fn fits(self, workers: usize) -> bool {
        match self {
            Self::Any => true,
            Self::One => workers == 1,
            Self::Several => workers > 1,
        }
    }
}

impl Workload {
    /// One that is done here, with any number of workers, in one size.
    #[must_use]
    pub const fn new(
        group: Group,
        name: &'static str,
        operation: &'static str,
        open: fn(&Setup) -> Result<Box<dyn Column>, Failure>,
    ) -> Self {
        Self {
            name,
            group,
            operation,
            sizes: &[1_000],
            quick_sizes: &[1_000],
            place: Place::Here,
            workers: Workers::Any,
            open,
            notes: &[],
        }
    }

    /// In these sizes.
    #[must_use]
    pub const fn sizes(mut self, full: &'static [u64], quick: &'static [u64]) -> Self {
        self.sizes = full;
        self.quick_sizes = quick;
        self
    }

    /// In a process of its own for each sample.
    #[must_use]
    pub const fn apart(mut self) -> Self {
        self.place = Place::Apart;
        self
    }

    /// With so many workers only.
    #[must_use]
    pub const fn workers(mut self, workers: Workers) -> Self {
        self.workers = workers;
        self
    }

    /// With notes about the rows of contenders.
    #[must_use]
    pub const fn notes(mut self, notes: &'static [(Contender, &'static str)]) -> Self {
        self.notes = notes;
        self
    }

    /// The note about a contender's row. One that is empty is none.
    #[must_use]
    pub fn note(&self, contender: Contender) -> Option<&'static str> {
        self.notes.iter().find(|it| it.0 == contender).map(|it| it.1).filter(|it| !it.is_empty())
    }
}

/// All workloads, in the order of tables.
pub fn all() -> impl Iterator<Item = &'static Workload> {
    [
        scheduler::WORKLOADS,
        sync::WORKLOADS,
        time::WORKLOADS,
        languages::WORKLOADS,
        io::WORKLOADS,
        blocking::WORKLOADS,
        memory::WORKLOADS,
        scale::WORKLOADS,
    ]
    .into_iter()
    .flatten()
}

/// The one with that name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Workload> {
    all().find(|it| it.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::HashSet, time::Duration};

    #[test]
    fn names_are_unique_and_groups_are_in_order() {
        let names: HashSet<_> = all().map(|it| it.name).collect();
        assert_eq!(names.len(), all().count());
        assert!(all().is_sorted_by_key(|it| it.group), "a table begins a group once");
    }

    /// What does not run here and now, such as a server, has tests of its own.
    #[test]
    fn every_runtime_does_all_the_work_that_is_done_here() {
        for workload in all().filter(|it| it.place == Place::Here && it.group != Group::Io) {
            for contender in [Contender::Bowerbird, Contender::Tokio, Contender::Smol] {
                for workers in [1, 2].into_iter().filter(|it| workload.workers.fits(*it)) {
                    let size = *workload.quick_sizes.first().expect("a workload has a size");
                    let setup =
                        Setup { contender, workers, size, sample: Duration::from_micros(1) };
                    match (workload.open)(&setup) {
                        Ok(mut column) => {
                            let sample = column.sample().expect("the work is done");
                            assert!(!sample.readings.is_empty(), "{}: no readings", workload.name);
                        }
                        Err(Failure::NotOffered) => {}
                        Err(failure) => panic!("{}: {failure}", workload.name),
                    }
                }
            }
        }
    }
}
