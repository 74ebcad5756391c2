//! Many workloads, each measured in a process of its own.
//!
//! A process per workload: what one leaves behind, a crash or a hang included, does not
//! reach the next. If one does not end well, each contender is tried alone, and those
//! that fail are left out when the others are measured together again. A failure that
//! does not come back is told as well.

use crate::{
    clock,
    contender::Contender,
    document::{Missed, Part},
    measure::{Measured, Plan},
    program::{self, output_within},
    workloads::{Group, Workload, all},
};
use std::{os::unix::process::CommandExt, time::Duration};

/// What is measured, and how thoroughly.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Beside bowerbird.
    pub against: Vec<Contender>,
    /// The groups.
    pub groups: Vec<Group>,
    /// Of the groups, only the workloads whose names contain one of these; all if
    /// there are none.
    pub only: Vec<String>,
    /// With so many workers, in turn.
    pub workers: Vec<usize>,
    /// How thoroughly.
    pub pace: Pace,
}

/// How thoroughly something is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Pace {
    /// All of a workload's sizes, some seconds each.
    Full,
    /// Smaller sizes, half a second each.
    Quick,
}

/// One workload with so many workers in one size.
#[derive(Clone, Copy, Debug)]
pub struct Set {
    /// What is done.
    pub workload: &'static Workload,
    /// With how many threads that run tasks.
    pub workers: usize,
    /// How much of it.
    pub size: u64,
}

impl Pace {
    /// The rounds of one set.
    #[must_use]
    pub fn plan(self, workers: usize, size: u64) -> Plan {
        let (budget, sample, rounds) = match self {
            Self::Full => (Duration::from_secs(4), Duration::from_millis(5), 5..=51),
            Self::Quick => (Duration::from_millis(300), Duration::from_millis(3), 3..=11),
        };
        Plan { workers, size, budget, sample, rounds }
    }

    /// When a set is given up: much later than any that works.
    fn limit(self) -> Duration {
        match self {
            Self::Full => Duration::from_secs(180),
            Self::Quick => Duration::from_secs(60),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Quick => "quick",
        }
    }
}

impl Campaign {
    /// The sets, in the order of tables.
    #[must_use]
    pub fn sets(&self) -> Vec<Set> {
        let is_asked = |it: &&'static Workload| {
            let is_named = self.only.iter().any(|name| it.name.contains(name.as_str()));
            self.groups.contains(&it.group) && (self.only.is_empty() || is_named)
        };
        let mut sets = vec![];
        for workload in all().filter(is_asked) {
            let sizes = match self.pace {
                Pace::Full => workload.sizes,
                Pace::Quick => workload.quick_sizes,
            };
            for &workers in self.workers.iter().filter(|it| workload.workers.fits(**it)) {
                sets.extend(sizes.iter().map(|&size| Set { workload, workers, size }));
            }
        }
        sets
    }

    /// Measures one set. How long it took is the other result.
    #[must_use]
    pub fn measure(&self, set: Set) -> (Part, Duration) {
        let start = clock::now();
        let bowerbird = [Contender::Bowerbird];
        let contenders = bowerbird.iter().chain(&self.against).copied().collect();
        let part = part(set, contenders, |some| self.together(set, some));
        (part, start.elapsed())
    }

    fn together(&self, set: Set, contenders: &[Contender]) -> Result<Vec<Measured>, String> {
        let names: Vec<_> = contenders.iter().map(|it| it.name()).collect();
        let mut command = program::this_program();
        command
            .args(["measure", set.workload.name, "--contenders", &names.join(",")])
            .args(["--workers", &set.workers.to_string(), "--size", &set.size.to_string()])
            .args(["--pace", self.pace.name()])
            // What it starts is killed with it.
            .process_group(0);
        let output = output_within(&mut command, self.pace.limit())?;
        serde_json::from_str(output.trim())
            .map_err(|error| format!("printed no measurements: {error}"))
    }
}

/// Measures them together; if that does not end well, without those that fail alone.
fn part(
    set: Set,
    mut contenders: Vec<Contender>,
    together: impl Fn(&[Contender]) -> Result<Vec<Measured>, String>,
) -> Part {
    let mut missed = vec![];
    let mut measured = together(&contenders);
    if let Err(first) = &measured {
        contenders.retain(|&contender| {
            let alone = together(&[contender]).map_err(|what| set.missed(contender, what));
            alone.map_err(|it| missed.push(it)).is_ok()
        });
        let again = together(&contenders);
        if missed.is_empty() && again.is_ok() {
            // Whose fault it was nobody knows: until somebody looks, ours.
            let what = format!("{first} (once, and not when it was tried again)");
            missed.push(set.missed(Contender::Bowerbird, what));
        }
        measured = again;
    }
    let mut part = match measured {
        Ok(measured) => Part::of(set.workload, set.workers, set.size, &measured),
        Err(what) => {
            missed.extend(contenders.into_iter().map(|it| set.missed(it, what.clone())));
            Part::default()
        }
    };
    part.missed.extend(missed);
    part
}

impl Set {
    fn missed(self, runtime: Contender, what: String) -> Missed {
        let workload = self.workload.name.to_owned();
        Missed { workload, runtime, workers: self.workers, size: self.size, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Reading, Unit};
    use std::cell::Cell;

    fn campaign(only: &[&str], workers: &[usize]) -> Campaign {
        Campaign {
            against: vec![],
            groups: vec![Group::Scheduler],
            only: only.iter().map(|it| (*it).to_owned()).collect(),
            workers: workers.to_vec(),
            pace: Pace::Quick,
        }
    }

    #[test]
    fn a_set_is_a_workload_with_workers_that_fit_it() {
        let names = |it: Campaign| -> Vec<_> {
            it.sets().into_iter().map(|it| (it.workload.name, it.workers)).collect()
        };
        assert_eq!(names(campaign(&["ping"], &[1, 2])), [("ping_pong", 1), ("ping_pong", 2)]);
        assert_eq!(names(campaign(&["fan_out_1us"], &[1, 2])), [("fan_out_1us", 2)]);
        assert_eq!(names(campaign(&["no such"], &[1, 2])), []);
    }

    fn measured(contender: Contender) -> Measured {
        let samples = vec![vec![Reading::new(Unit::CpuPerOperation, 1.0)]];
        Measured { contender, again: false, samples, quantiles: vec![], trouble: None }
    }

    #[test]
    fn one_that_crashes_does_not_cost_the_others_their_rows() {
        let set = campaign(&["ping"], &[1]).sets()[0];
        let all = vec![Contender::Bowerbird, Contender::Tokio, Contender::Smol];
        let part = part(set, all, |some| match some.contains(&Contender::Smol) {
            true => Err("signal: 11".to_owned()),
            false => Ok(some.iter().copied().map(measured).collect()),
        });
        let runtimes: Vec<_> = part.rows.iter().map(|it| it.runtime).collect();
        assert_eq!(runtimes, [Contender::Bowerbird, Contender::Tokio]);
        assert_eq!(part.missed, [set.missed(Contender::Smol, "signal: 11".to_owned())]);
    }

    #[test]
    fn a_failure_that_does_not_come_back_is_told() {
        let set = campaign(&["ping"], &[1]).sets()[0];
        let tries = Cell::new(0);
        let part = part(set, vec![Contender::Bowerbird, Contender::Tokio], |some| {
            tries.set(tries.get() + 1);
            match tries.get() {
                1 => Err("signal: 11".to_owned()),
                _ => Ok(some.iter().copied().map(measured).collect()),
            }
        });
        assert_eq!((part.rows.len(), part.missed.len()), (2, 1));
        assert!(part.missed[0].what.starts_with("signal: 11"), "{:?}", part.missed);
    }

    #[test]
    fn those_that_only_fail_together_are_all_missed() {
        let set = campaign(&["ping"], &[1]).sets()[0];
        let all = vec![Contender::Bowerbird, Contender::Tokio];
        let part = part(set, all, |some| match some {
            [one] => Ok(vec![measured(*one)]),
            _ => Err("still running".to_owned()),
        });
        assert_eq!((part.rows.len(), part.missed.len()), (0, 2));
    }
}
