//! Columns in turn, until the time is up.
//!
//! A round samples every column once, within some milliseconds, so that whatever
//! slows the machine down slows all of them; a ratio is that of one round's
//! neighbours. bowerbird has two columns: what the second shows against the first is
//! what the same code shows against itself.
//!
//! Whoever comes right after its own kind finds caches and an allocator as it needs them,
//! and the first of a round may have it better than the last. So the order is another
//! one each round, until everybody has been everywhere and after everybody else.
//!
//! A column that fails says why and drops out; the others go on.

use crate::{
    clock,
    column::{Column, Failure, Setup},
    contender::Contender,
    elsewhere::Elsewhere,
    pin,
    reading::{Reading, latencies},
    workloads::{Group, Place, Workload},
};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::{
    any::Any,
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

/// How long to go on.
#[derive(Clone, Debug)]
pub struct Plan {
    /// With how many threads that run tasks.
    pub workers: usize,
    /// How much work.
    pub size: u64,
    /// No new round after this, unless there have been too few.
    pub budget: Duration,
    /// At least so many rounds, and at most so many.
    pub rounds: RangeInclusive<usize>,
    /// How long a sample should go on.
    pub sample: Duration,
}

/// What became of one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Whose it is.
    pub contender: Contender,
    /// Whether it is bowerbird's second one.
    pub again: bool,
    /// The readings of each round; none if it failed.
    pub samples: Vec<Vec<Reading>>,
    /// Quantiles of the latencies of all rounds, in microseconds.
    pub quantiles: Vec<(f64, f64)>,
    /// Why there are no figures.
    pub trouble: Option<Trouble>,
}

/// Why there are no figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Whether it was never tried, for want of something on this machine.
    pub is_missing: bool,
    /// What happened, and what to do if something can be done.
    pub what: String,
}

struct Running {
    measured: Measured,
    column: Option<Box<dyn Column>>,
    latencies: Histogram<u64>,
}

/// Measures `workload` on those of `contenders` that offer it, bowerbird twice.
#[must_use]
pub fn measure(workload: &Workload, contenders: &[Contender], plan: &Plan) -> Vec<Measured> {
    match workload.group {
        // Servers have a place of their own, apart from their clients.
        Group::Io => in_turn(workload, contenders, plan),
        _ => pin::together(plan.workers, || in_turn(workload, contenders, plan)),
    }
}

fn in_turn(workload: &Workload, contenders: &[Contender], plan: &Plan) -> Vec<Measured> {
    let again = contenders.contains(&Contender::Bowerbird).then_some((Contender::Bowerbird, true));
    let all = contenders.iter().map(|&contender| (contender, false)).chain(again);
    let mut columns: Vec<_> =
        all.filter_map(|(contender, again)| open(workload, plan, contender, again)).collect();
    // Warms up, and finds out how much is a sample.
    columns.iter_mut().for_each(|it| drop(it.sample()));
    let start = clock::now();
    let (&least, &most) = (plan.rounds.start(), plan.rounds.end());
    let mut rounds = 0;
    while rounds < least || rounds < most && start.elapsed() < plan.budget {
        for index in order(rounds, columns.len()) {
            if let Some((readings, latencies)) = columns[index].sample() {
                columns[index].measured.samples.push(readings);
                columns[index].add(latencies);
            }
        }
        rounds += 1;
    }
    columns.into_iter().map(Running::finish).collect()
}

/// The order of a round: a Latin square of Williams. The first row goes 0, n − 1, 1, n − 2, 2,
/// …, the others the same way from other starts. In n rounds each column is once at each
/// place, and once right after each other one. If n is odd that takes 2n rounds, of
/// which every other one goes backwards.
fn order(round: usize, columns: usize) -> Vec<usize> {
    let is_odd = !columns.is_multiple_of(2);
    let start = if is_odd { round / 2 } else { round };
    let step = |turn: usize| if turn.is_multiple_of(2) { turn / 2 } else { columns - 1 - turn / 2 };
    let mut order: Vec<_> = (0..columns).map(|turn| (start + step(turn)) % columns).collect();
    if is_odd && !round.is_multiple_of(2) {
        order.reverse();
    }
    order
}

fn open(workload: &Workload, plan: &Plan, contender: Contender, again: bool) -> Option<Running> {
    let setup = Setup { contender, workers: plan.workers, size: plan.size, sample: plan.sample };
    // What is done apart is opened here, too: that tells whether it can be done at all.
    let opened = caught(|| (workload.open)(&setup)).map(|here| match workload.place {
        Place::Here => here,
        Place::Apart => Box::new(Elsewhere::this_program(workload, &setup)),
    });
    let mut running = Running {
        measured: Measured { contender, again, samples: vec![], quantiles: vec![], trouble: None },
        column: None,
        latencies: latencies(),
    };
    match opened {
        Ok(column) => running.column = Some(column),
        Err(Failure::NotOffered) => return None,
        Err(failure) => running.fail(failure),
    }
    Some(running)
}

impl Running {
    fn sample(&mut self) -> Option<(Vec<Reading>, Option<Histogram<u64>>)> {
        let column = self.column.as_mut()?;
        match caught(|| column.sample()) {
            Ok(sample) => Some((sample.readings, sample.latencies)),
            Err(failure) => {
                self.fail(failure);
                None
            }
        }
    }

    fn add(&mut self, latencies: Option<Histogram<u64>>) {
        if let Some(latencies) = latencies {
            self.latencies.add(latencies).expect("all histograms have the same bounds");
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.column = None;
        self.measured.samples.clear();
        let is_missing = matches!(failure, Failure::Missing(_));
        self.measured.trouble = Some(Trouble { is_missing, what: failure.to_string() });
    }

    fn finish(mut self) -> Measured {
        if !self.latencies.is_empty() && self.measured.trouble.is_none() {
            self.measured.quantiles = self
                .latencies
                .iter_quantiles(2)
                .map(|it| (it.quantile(), it.value_iterated_to() as f64 / 1e3))
                .collect();
        }
        self.measured
    }
}

/// Calls it; a panic is a failure of this column and not of all.
fn caught<T>(call: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|payload| {
        Err(Failure::Failed(format!("panicked: {}", message(payload.as_ref()))))
    })
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Sample, Unit};

    const PLAN: Plan = Plan {
        workers: 1,
        size: 1,
        budget: Duration::ZERO,
        rounds: 3..=9,
        sample: Duration::from_micros(1),
    };

    /// Fails in the manner of its contender.
    struct Actor(Contender, u32);

    impl Column for Actor {
        fn sample(&mut self) -> Result<Sample, Failure> {
            self.1 += 1;
            match self.0 {
                Contender::Tokio if self.1 == 3 => panic!("the sum is 7"),
                Contender::Smol => Err(Failure::Failed("no answer".to_owned())),
                _ => Ok(Sample::of([(Unit::CpuPerOperation, f64::from(self.1))])),
            }
        }
    }

    fn open(setup: &Setup) -> Result<Box<dyn Column>, Failure> {
        match setup.contender {
            Contender::Raw => Err(Failure::NotOffered),
            Contender::Go => Err(Failure::Missing("install it".to_owned())),
            contender => Ok(Box::new(Actor(contender, 0))),
        }
    }

    #[test]
    fn everybody_is_everywhere_and_after_everybody_else() {
        for columns in 1..9 {
            let rounds = if columns % 2 == 1 { 2 * columns } else { columns };
            let times = rounds / columns;
            let orders: Vec<_> = (0..rounds).map(|it| order(it, columns)).collect();
            let pairs = || orders.iter().flat_map(|it| it.windows(2));
            for one in 0..columns {
                for place in 0..columns {
                    assert_eq!(orders.iter().filter(|it| it[place] == one).count(), times);
                }
                for other in (0..columns).filter(|it| *it != one) {
                    assert_eq!(pairs().filter(|it| **it == [one, other]).count(), times);
                }
            }
        }
    }

    #[test]
    fn who_fails_says_why_and_the_others_go_on() {
        let workload = Workload::new(Group::Scheduler, "w", "one", open);
        let all = [
            Contender::Bowerbird,
            Contender::Tokio,
            Contender::Smol,
            Contender::Raw,
            Contender::Go,
        ];
        let measured = measure(&workload, &all, &PLAN);
        let told: Vec<_> = measured
            .iter()
            .map(|it| {
                let trouble = it.trouble.as_ref().map(|it| (it.is_missing, it.what.as_str()));
                (it.contender, it.again, it.samples.len(), trouble)
            })
            .collect();
        let expected = [
            (Contender::Bowerbird, false, 3, None),
            (Contender::Tokio, false, 0, Some((false, "panicked: the sum is 7"))),
            (Contender::Smol, false, 0, Some((false, "no answer"))),
            (Contender::Go, false, 0, Some((true, "install it"))),
            (Contender::Bowerbird, true, 3, None),
        ];
        assert_eq!(told, expected);
    }
}
