//! Bad moments: what a runtime does when a program blocks its threads, crowds them,
//! leaves them or locks itself out.
//!
//! A [`Situation`] is a function, generic over the runtime, that brings the moment
//! about and answers [`Question`]s about it, each of them a line of the table. Some
//! have a target that bowerbird shall meet.
//!
//! | file             | situations                                              |
//! |------------------|---------------------------------------------------------|
//! | `blocked.rs`     | R1, R2, R5: a task blocks its thread, or all do         |
//! | `timers.rs`      | R3, R8: short sleeps; a ticker in a crowd               |
//! | `shutdown.rs`    | R4: a drop while a blocking closure runs                |
//! | `main_future.rs` | R6: what it costs that `main` is not a task             |
//! | `futurelock.rs`  | R7: a task that waits for what it was given             |
//! | `finding.rs`     | answers of a process of its own, which may hang or die  |
//! | `table.rs`       | the table                                               |
//!
//! All times are those of the wall. Promises about bad moments are the worst of
//! several trials, prices are medians; each question says which. Runtimes are new in
//! each trial, and their workers are pinned, if there are several.
//!
//! # Rejected
//!
//! *All in one process*, as the first version was: a runtime that deadlocks stops the
//! table, and threads that one leaves behind are in the way of the next.

/// Observes a situation: `on_runtime!(observe)` for an `observe` that is generic over
/// the runtime, for use as [`Situation::observe`].
macro_rules! on_runtime {
    ($observe:ident) => {
        |runtime: $crate::contender::Contender| {
            use $crate::{
                contender::Contender,
                runtimes::{Bowerbird, Smol, Tokio},
            };
            match runtime {
                Contender::Bowerbird => Some($observe::<Bowerbird>()),
                Contender::Tokio => Some($observe::<Tokio>()),
                Contender::Smol => Some($observe::<Smol>()),
                _ => None,
            }
        }
    };
}

pub mod blocked;
pub mod finding;
pub mod futurelock;
mod main_future;
mod shutdown;
pub mod table;
mod timers;

use crate::contender::Contender;
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// Those that can be brought into all situations.
pub const RUNTIMES: [Contender; 3] = [Contender::Bowerbird, Contender::Tokio, Contender::Smol];

/// A moment that a program gets into.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// Its name in tables and on the command line.
    pub id: &'static str,
    /// What is asked about it.
    pub questions: &'static [Question],
    /// Brings a runtime of this process into it. The result is an answer per
    /// question; none if the contender is not one of [`RUNTIMES`].
    pub observe: fn(Contender) -> Option<Vec<Answer>>,
}

/// All situations, in the order of their names.
#[must_use]
pub fn all() -> Vec<Situation> {
    let files = [
        blocked::SITUATIONS,
        timers::SITUATIONS,
        shutdown::SITUATIONS,
        main_future::SITUATIONS,
        futurelock::SITUATIONS,
    ];
    let mut all = files.concat();
    all.sort_by_key(|it| it.id);
    all
}

/// The situation with that name, in capitals or not.
#[must_use]
pub fn named(id: &str) -> Option<Situation> {
    all().into_iter().find(|it| it.id.eq_ignore_ascii_case(id))
}

/// What is asked about a situation.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// The situation, and what of it.
    pub text: &'static str,
    /// What the answer counts.
    pub unit: Unit,
    /// What bowerbird's answer shall be, where that was promised.
    pub target: Option<Target>,
}

impl Question {
    /// One without a target.
    const fn new(text: &'static str, unit: Unit) -> Self {
        Self { text, unit, target: None }
    }

    const fn at_most(mut self, most: f64) -> Self {
        self.target = Some(Target::AtMost(most));
        self
    }

    const fn at_least(mut self, least: f64) -> Self {
        self.target = Some(Target::AtLeast(least));
        self
    }

    /// The target as it stands in tables.
    #[must_use]
    pub fn target(&self) -> Option<String> {
        // A target is shorter than a measurement: no digits for their own sake.
        self.target.map(|it| match it {
            Target::AtMost(most) => format!("≤ {most}{}", self.unit),
            Target::AtLeast(least) => format!("≥ {least}{}", self.unit),
        })
    }

    /// Whether the target is met by this answer.
    #[must_use]
    pub fn holds(&self, value: f64) -> Option<bool> {
        self.target.map(|it| match it {
            Target::AtMost(most) => value <= most,
            Target::AtLeast(least) => value >= least,
        })
    }
}

/// What an answer shall be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

/// What an answer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Thousandths of a second.
    Millis,
    /// Millionths of a second.
    Micros,
    /// How many times as long.
    Times,
    /// Whole things of this name.
    Count(&'static str),
}

impl Unit {
    /// As it stands in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Millis => "ms",
            Self::Micros => "us",
            Self::Times => "times",
            Self::Count(what) => what,
        }
    }

    /// A value as it stands in tables.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Millis => format!("{value:.1}{self}"),
            Self::Times => format!("{value:.2}{self}"),
            Self::Micros | Self::Count(_) => format!("{value:.0}{self}"),
        }
    }
}

/// What stands behind a number in tables, where the question does not tell.
impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Millis => " ms",
            Self::Micros => " µs",
            Self::Times | Self::Count(_) => "",
        })
    }
}

/// What was observed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// In the question's unit.
    pub value: f64,
    /// What to say instead of the bare value.
    pub text: Option<String>,
}

impl Answer {
    fn of(value: f64) -> Self {
        Self { value, text: None }
    }

    fn said(value: f64, text: impl Into<String>) -> Self {
        Self { value, text: Some(text.into()) }
    }

    fn millis(duration: Duration) -> Self {
        Self::of(duration.as_secs_f64() * 1e3)
    }

    fn micros(duration: Duration) -> Self {
        Self::of(duration.as_secs_f64() * 1e6)
    }
}

/// The longest of several trials.
fn worst(trials: impl IntoIterator<Item = Duration>) -> Duration {
    trials.into_iter().max().expect("there is a trial")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn situations_are_those_of_the_documents_in_order() {
        let ids: Vec<_> = all().iter().map(|it| it.id).collect();
        assert_eq!(ids, ["R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8"]);
        assert!(named("r7").is_some_and(|it| it.id == "R7"));
        assert!(named("R9").is_none());
    }

    #[test]
    fn only_runtimes_are_observed() {
        for situation in all() {
            assert!((situation.observe)(Contender::Raw).is_none(), "{}", situation.id);
        }
    }

    #[test]
    fn targets_are_told_and_kept() {
        let most = Question::new("", Unit::Millis).at_most(8.0);
        assert_eq!(most.target().as_deref(), Some("≤ 8 ms"));
        assert_eq!((most.holds(8.0), most.holds(8.1)), (Some(true), Some(false)));
        let least = Question::new("", Unit::Count("sites")).at_least(2.0);
        assert_eq!(least.target().as_deref(), Some("≥ 2"));
        assert_eq!((least.holds(2.0), least.holds(1.0)), (Some(true), Some(false)));
        assert_eq!(Question::new("", Unit::Times).holds(1.0), None);
    }

    #[test]
    fn values_are_shown_with_their_units() {
        assert_eq!(Unit::Millis.show(505.16), "505.2 ms");
        assert_eq!(Unit::Micros.show(75.4), "75 µs");
        assert_eq!(Unit::Times.show(1.0), "1.00");
        assert_eq!(Unit::Count("sites").show(2.0), "2");
    }
}
