//! Rows with ratios.
//!
//! A ratio above 1 means faster or cheaper than tokio. It is the median of the ratios
//! of neighbours, tokio's value over this one's (or the other way round, where more is
//! better). `aa_spread` is what bowerbird shows against itself: the width of the band
//! in which 1 and eight of ten of its ratios lie. A difference that is not larger is noise.

use crate::{
    contender::Contender,
    measure::Measured,
    reading::Unit,
    spread::Spread,
    workloads::{Group, Workload},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One workload on one contender, in one unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The workload's name.
    pub workload: String,
    /// What it is about.
    pub group: Group,
    /// Who did it.
    pub runtime: Contender,
    /// With how many threads that run tasks.
    pub workers: usize,
    /// How much of it.
    pub size: u64,
    /// What the values count.
    pub unit: Unit,
    /// The value in the middle.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// How many values there are.
    pub samples: usize,
    /// How many times better than tokio: the median over the rounds. None if tokio
    /// was not asked, or a value is zero.
    pub ratio_vs_tokio: Option<f64>,
    /// The smallest ratio of a round.
    pub ratio_min: Option<f64>,
    /// The largest.
    pub ratio_max: Option<f64>,
    /// How far apart bowerbird's ratios to itself lie. None if it was not asked.
    pub aa_spread: Option<f64>,
    /// What a reader should know about this row.
    pub note: Option<String>,
}

/// What all contenders were asked, and in which unit they answered. Rows with the same
/// question stand in one line of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question<'a> {
    /// The workload's name.
    pub workload: &'a str,
    /// How much of it.
    pub size: u64,
    /// With how many threads that run tasks.
    pub workers: usize,
    /// What the values count.
    pub unit: Unit,
}

impl Row {
    /// What it answers.
    #[must_use]
    pub fn question(&self) -> Question<'_> {
        let Self { workload, size, workers, unit, .. } = self;
        Question { workload, size: *size, workers: *workers, unit: *unit }
    }

    /// Whether its values are numbers that a file can hold.
    pub(super) fn is_finite(&self) -> bool {
        let ratios = [self.ratio_vs_tokio, self.ratio_min, self.ratio_max, self.aa_spread];
        let values = [self.median, self.min, self.max];
        values.into_iter().chain(ratios.into_iter().flatten()).all(f64::is_finite)
    }
}

impl fmt::Display for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { workload, size, workers, unit } = self;
        write!(f, "{workload} (size {size}, {workers} workers, {})", unit.name())
    }
}

/// The latencies behind rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// The workload's name.
    pub workload: String,
    /// Who did it.
    pub runtime: Contender,
    /// With how many threads that run tasks.
    pub workers: usize,
    /// How much of it.
    pub size: u64,
    /// Pairs of a quantile and of the latency in microseconds.
    pub quantiles: Vec<(f64, f64)>,
}

/// A row that there is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// The workload's name.
    pub workload: String,
    /// Who could not do it.
    pub runtime: Contender,
    /// With how many threads that run tasks.
    pub workers: usize,
    /// How much of it.
    pub size: u64,
    /// What happened, and what to do if something can be done.
    pub what: String,
}

/// What is known of one workload with so many workers in one size.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Part {
    /// A row per contender and unit.
    pub rows: Vec<Row>,
    /// The latencies behind them.
    pub distributions: Vec<Distribution>,
    /// Who did not do it.
    pub missed: Vec<Missed>,
}

impl Part {
    /// Of what was measured.
    #[must_use]
    pub fn of(workload: &Workload, workers: usize, size: u64, measured: &[Measured]) -> Self {
        let mut part = Self::default();
        for it in measured {
            let (name, runtime) = (workload.name.to_owned(), it.contender);
            if let Some(trouble) = &it.trouble {
                let what = trouble.what.clone();
                let missed = Missed { workload: name, runtime, workers, size, what };
                // bowerbird's two columns may have the same trouble, or only one has any.
                if !part.missed.contains(&missed) {
                    part.missed.push(missed);
                }
                continue;
            }
            if it.again {
                continue;
            }
            for unit in Unit::ALL {
                part.rows.extend(row(workload, workers, size, unit, it, measured));
            }
            if !it.quantiles.is_empty() {
                let quantiles = it.quantiles.clone();
                part.distributions.push(Distribution {
                    workload: name,
                    runtime,
                    workers,
                    size,
                    quantiles,
                });
            }
        }
        part
    }
}

fn row(
    workload: &Workload,
    workers: usize,
    size: u64,
    unit: Unit,
    it: &Measured,
    all: &[Measured],
) -> Option<Row> {
    let values = values(it, unit);
    let spread = (!values.is_empty()).then(|| Spread::of(values.iter().copied()))?;
    let tokio = all.iter().find(|it| it.contender == Contender::Tokio);
    let ratio = tokio.and_then(|tokio| ratios(unit, it, tokio)).map(Spread::of);
    Some(Row {
        workload: workload.name.to_owned(),
        group: workload.group,
        runtime: it.contender,
        workers,
        size,
        unit,
        median: spread.median,
        min: spread.min,
        max: spread.max,
        samples: values.len(),
        ratio_vs_tokio: ratio.map(|it| it.median),
        ratio_min: ratio.map(|it| it.min),
        ratio_max: ratio.map(|it| it.max),
        aa_spread: against_itself(unit, all),
        note: workload.note(it.contender).map(str::to_owned),
    })
}

fn values(measured: &Measured, unit: Unit) -> Vec<f64> {
    let readings = measured.samples.iter().flatten();
    readings.filter(|it| it.unit == unit).map(|it| it.value).collect()
}

/// How many times better `one` is than `other`, round by round. None if they were not
/// both measured in each, or if a value is zero where the other's is not.
fn ratios(unit: Unit, one: &Measured, other: &Measured) -> Option<Vec<f64>> {
    let (one, other) = (values(one, unit), values(other, unit));
    if one.is_empty() || one.len() != other.len() {
        return None;
    }
    let ratio = |(one, other): (f64, f64)| match unit.is_better_when_higher() {
        _ if one == other => 1.0,
        true => one / other,
        false => other / one,
    };
    let ratios: Vec<f64> = one.into_iter().zip(other).map(ratio).collect();
    ratios.iter().all(|it| it.is_finite() && *it > 0.0).then_some(ratios)
}

/// The width of the band that holds 1 and eight of ten ratios of bowerbird to itself. Where
/// all of them lie close together but not at 1, that is no more real than where they are
/// far apart: so it is with what is counted only once for each column.
fn against_itself(unit: Unit, all: &[Measured]) -> Option<f64> {
    let column =
        |again| all.iter().find(|it| it.contender == Contender::Bowerbird && it.again == again);
    let mut ratios = ratios(unit, column(false)?, column(true)?)?;
    ratios.sort_by(f64::total_cmp);
    let at = |part: f64| ratios[((ratios.len() - 1) as f64 * part).round() as usize];
    Some(at(0.9).max(1.0) - at(0.1).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{column::Failure, measure::Trouble, reading::Reading};

    const WORKLOAD: Workload =
        Workload::new(Group::Scheduler, "w", "one", |_| Err(Failure::NotOffered));

    fn measured(contender: Contender, again: bool, unit: Unit, values: &[f64]) -> Measured {
        let samples = values.iter().map(|it| vec![Reading::new(unit, *it)]).collect();
        Measured { contender, again, samples, quantiles: vec![], trouble: None }
    }

    #[test]
    fn a_ratio_above_one_is_better_in_every_unit() {
        for (unit, ours) in [(Unit::CpuPerOperation, 10.0), (Unit::Throughput, 90.0)] {
            let all = [
                measured(Contender::Bowerbird, false, unit, &[ours; 3]),
                measured(Contender::Tokio, false, unit, &[30.0; 3]),
                measured(Contender::Bowerbird, true, unit, &[ours; 3]),
            ];
            let part = Part::of(&WORKLOAD, 1, 1, &all);
            let ratios: Vec<_> = part.rows.iter().map(|it| it.ratio_vs_tokio).collect();
            assert_eq!(ratios, [Some(3.0), Some(1.0)]);
            assert_eq!(part.rows[0].aa_spread, Some(0.0));
        }
    }

    #[test]
    fn a_second_column_that_always_differs_is_noise_too() {
        let unit = Unit::SystemCalls;
        let all = [
            measured(Contender::Bowerbird, false, unit, &[2.0; 3]),
            measured(Contender::Bowerbird, true, unit, &[2.5; 3]),
        ];
        assert_eq!(Part::of(&WORKLOAD, 1, 1, &all).rows[0].aa_spread, Some(0.25));
    }

    #[test]
    fn trouble_of_either_column_is_told_once() {
        let trouble = |again, what: &str| Measured {
            trouble: Some(Trouble { is_missing: false, what: what.to_owned() }),
            samples: vec![],
            ..measured(Contender::Bowerbird, again, Unit::P50, &[])
        };
        let missed = |all: &[Measured]| -> Vec<_> {
            Part::of(&WORKLOAD, 1, 1, all).missed.into_iter().map(|it| it.what).collect()
        };
        let well = measured(Contender::Bowerbird, false, Unit::P50, &[1.0]);
        assert_eq!(missed(&[well, trouble(true, "the sum is 7")]), ["the sum is 7"]);
        assert_eq!(missed(&[trouble(false, "7"), trouble(true, "7")]), ["7"]);
        assert_eq!(missed(&[trouble(false, "7"), trouble(true, "8")]), ["7", "8"]);
    }

    #[test]
    fn a_ratio_is_that_of_neighbours() {
        let unit = Unit::CpuPerOperation;
        let all = [
            measured(Contender::Bowerbird, false, unit, &[1.0, 10.0, 100.0]),
            measured(Contender::Tokio, false, unit, &[2.0, 20.0, 200.0]),
        ];
        let part = Part::of(&WORKLOAD, 1, 1, &all);
        let ours = &part.rows[0];
        assert_eq!((ours.ratio_min, ours.ratio_max), (Some(2.0), Some(2.0)));
        assert_eq!(ours.aa_spread, None, "nothing was compared with itself");
    }

    #[test]
    fn zero_is_no_ratio_unless_both_are() {
        let unit = Unit::Allocations;
        let all = [
            measured(Contender::Bowerbird, false, unit, &[0.0]),
            measured(Contender::Tokio, false, unit, &[2.0]),
        ];
        assert_eq!(Part::of(&WORKLOAD, 1, 1, &all).rows[0].ratio_vs_tokio, None);
        let all = [all[0].clone(), measured(Contender::Tokio, false, unit, &[0.0])];
        assert_eq!(Part::of(&WORKLOAD, 1, 1, &all).rows[0].ratio_vs_tokio, Some(1.0));
    }
}
