//! What has changed between two runs.
//!
//! A time by itself says little across runs: the machine was another one, or busy. So
//! tokio is the control: what changed is bowerbird's ratio over tokio, which was
//! measured in the same seconds. Counts, such as allocations, need no control.
//!
//! A change is flagged when it is larger than what each of the two runs shows against
//! itself. The control has noise of its own, which nobody has measured: where the ratio
//! has moved and bowerbird's own time has not, it was tokio.

use super::{
    lines::{Rows, is_noise, sections},
    number::{number, percent, size},
    sheet::{Cell, Column, Sheet, Tone, or_dash},
    table::{Style, drawn, heading},
};
use crate::{
    contender::Contender,
    document::{Document, Question, Row},
    header::Header,
    reading::Unit,
};
use std::collections::HashMap;

/// One question that bowerbird has answered twice.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    before: &'a Row,
    after: &'a Row,
}

/// Where it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trend {
    /// Less time, less memory, more throughput.
    Faster,
    /// No more than noise.
    Same,
    /// The other way.
    Slower,
    /// The ratio has moved, and we have not: a busy machine may be hard on tokio alone.
    TokioMoved,
    /// There is no control.
    Unknown,
}

impl Trend {
    /// As it stands in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Same => "same",
            Self::Slower => "slower",
            Self::TokioMoved => "tokio moved",
            Self::Unknown => "no control",
        }
    }

    fn tone(self) -> Tone {
        match self {
            Self::Faster => Tone::Good,
            Self::Slower => Tone::Bad,
            Self::Same => Tone::Plain,
            Self::TokioMoved | Self::Unknown => Tone::Faint,
        }
    }
}

impl<'a> Change<'a> {
    /// What was asked.
    #[must_use]
    pub fn question(&self) -> Question<'a> {
        self.after.question()
    }

    /// How many times better the median is, whatever the machine did.
    #[must_use]
    pub fn of_median(&self) -> f64 {
        let (before, after) = (self.before.median, self.after.median);
        match self.after.unit.is_better_when_higher() {
            _ if before == after => 1.0,
            true => after / before,
            false => before / after,
        }
    }

    /// How many times better the ratio over tokio is.
    #[must_use]
    pub fn of_ratio(&self) -> Option<f64> {
        Some(self.after.ratio_vs_tokio? / self.before.ratio_vs_tokio?)
    }

    /// What is not larger than this is noise.
    #[must_use]
    pub fn noise(&self) -> f64 {
        [self.before, self.after].into_iter().filter_map(|it| it.aa_spread).fold(0.0, f64::max)
    }

    /// Where it went.
    #[must_use]
    pub fn trend(&self) -> Trend {
        let change = match is_count(self.after.unit) {
            true => Some(self.of_median()),
            false => self.of_ratio(),
        };
        let is_noise = |it| is_noise(it, self.noise());
        let has_moved = !is_noise(self.of_median());
        match change {
            None => Trend::Unknown,
            Some(change) if is_noise(change) => Trend::Same,
            Some(_) if !has_moved => Trend::TokioMoved,
            Some(change) if change > 1.0 => Trend::Faster,
            Some(_) => Trend::Slower,
        }
    }
}

/// Whether it does not depend on how fast the machine was.
fn is_count(unit: Unit) -> bool {
    matches!(unit, Unit::HeapBytes | Unit::Allocations | Unit::SystemCalls | Unit::ContextSwitches)
}

/// All that bowerbird has answered in both runs.
#[must_use]
pub fn between<'a>(before: &'a Document, after: &'a Document) -> Vec<Change<'a>> {
    let ours = |it: &&Row| it.runtime == Contender::Bowerbird;
    let old: HashMap<_, _> =
        before.rows.iter().filter(ours).map(|it| (it.question(), it)).collect();
    let sections = sections(after, Rows::Telling);
    let new = sections.iter().flat_map(|it| &it.lines).filter_map(|it| it.ours());
    new.filter_map(|after| Some(Change { before: old.get(&after.question())?, after })).collect()
}

/// How many are slower.
#[must_use]
pub fn slower(changes: &[Change<'_>]) -> usize {
    count(changes, Trend::Slower)
}

fn count(changes: &[Change<'_>], trend: Trend) -> usize {
    changes.iter().filter(|it| it.trend() == trend).count()
}

/// A line per change, what the runs differ in, and how many went where.
#[must_use]
pub fn table(before: &Header, after: &Header, changes: &[Change<'_>], style: Style) -> String {
    let mut text = heading("before → after", style);
    for difference in differences(before, after) {
        text += &format!("- {difference}\n");
    }
    text += "\n";
    text += &drawn(&sheet(changes), style);
    let [slower, faster, same, tokio, unknown] =
        [Trend::Slower, Trend::Faster, Trend::Same, Trend::TokioMoved, Trend::Unknown]
            .map(|it| count(changes, it));
    text += &format!("\n{slower} slower, {faster} faster, {same} within noise");
    if tokio > 0 {
        text += &format!(", {tokio} where tokio moved");
    }
    if unknown > 0 {
        text += &format!(", {unknown} without tokio as a control");
    }
    text + "\n\n" + LEGEND
}

const LEGEND: &str = "\
better: how many times the second run is better, by itself and relative to tokio.
noise: what a run shows against itself, the larger of the two. slower: or larger, or more.
tokio moved: the ratio is another one, and our median is not.
";

/// In what the runs differ, other than when they were.
fn differences(before: &Header, after: &Header) -> Vec<String> {
    let known = |header: &Header| {
        let facts = header.facts().into_iter().filter(|it| !["date", "versions"].contains(&it.0));
        let facts = facts.map(|(name, value)| (name.to_owned(), value));
        facts.chain(header.versions.iter().cloned()).collect::<Vec<_>>()
    };
    let old: HashMap<_, _> = known(before).into_iter().collect();
    let difference = |(name, new): (String, String)| {
        let old = old.get(&name)?;
        (*old != new).then(|| format!("{name}: {old} → {new}"))
    };
    known(after).into_iter().filter_map(difference).collect()
}

fn sheet(changes: &[Change<'_>]) -> Sheet {
    let columns = vec![
        Column::words("workload"),
        Column::numbers("size"),
        Column::numbers("workers"),
        Column::words("unit"),
        Column::numbers("median"),
        Column::words("better"),
        Column::numbers("over tokio"),
        Column::words("better"),
        Column::numbers("noise"),
        Column::words("verdict"),
    ];
    Sheet { columns, rows: changes.iter().map(cells).collect(), notes: vec![] }
}

fn cells(change: &Change<'_>) -> Vec<Cell> {
    let Change { before, after } = change;
    let question = change.question();
    let trend = change.trend();
    let ratio = |row: &Row| or_dash(row.ratio_vs_tokio.map(number));
    let times = |it: f64| if it.is_finite() { format!("×{}", number(it)) } else { or_dash(None) };
    vec![
        Cell::new(question.workload, Tone::Plain),
        Cell::new(size(question.size), Tone::Plain),
        Cell::new(question.workers.to_string(), Tone::Plain),
        Cell::new(question.unit.name(), Tone::Faint),
        Cell::new(format!("{} → {}", number(before.median), number(after.median)), Tone::Plain),
        Cell::new(times(change.of_median()), Tone::Faint),
        Cell::new(format!("{} → {}", ratio(before), ratio(after)), Tone::Plain),
        Cell::new(or_dash(change.of_ratio().map(times)), trend.tone()),
        Cell::new(percent(change.noise()), Tone::Faint),
        Cell::new(trend.name(), trend.tone()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::example::{self, row};

    fn trend(unit: Unit, before: (f64, f64), after: (f64, f64)) -> Trend {
        let run = |(median, ratio)| Document {
            rows: vec![
                Row {
                    aa_spread: Some(0.05),
                    ..row("w", Contender::Bowerbird, unit, median, Some(ratio))
                },
                row("w", Contender::Tokio, unit, median * ratio, Some(1.0)),
            ],
            ..Document::new(Header::default())
        };
        let (before, after) = (run(before), run(after));
        between(&before, &after)[0].trend()
    }

    #[test]
    fn tokio_is_the_control_of_times() {
        let unit = Unit::CpuPerOperation;
        assert_eq!(trend(unit, (100.0, 3.0), (300.0, 1.0)), Trend::Slower);
        assert_eq!(trend(unit, (300.0, 1.0), (100.0, 3.0)), Trend::Faster);
        assert_eq!(trend(unit, (100.0, 3.0), (300.0, 3.0)), Trend::Same, "a slow machine");
        assert_eq!(trend(unit, (100.0, 3.0), (104.0, 2.9)), Trend::Same, "less than noise");
        assert_eq!(trend(unit, (100.0, 1.0), (105.2, 0.951)), Trend::Slower, "as 1.051 is faster");
        assert_eq!(trend(unit, (100.0, 9.0), (101.0, 3.0)), Trend::TokioMoved);
    }

    #[test]
    fn counts_need_no_control() {
        assert_eq!(trend(Unit::Allocations, (1.0, 3.0), (2.0, 3.0)), Trend::Slower);
        assert_eq!(trend(Unit::Allocations, (0.0, 1.0), (2.0, 1.0)), Trend::Slower);
        assert_eq!(trend(Unit::Allocations, (0.0, 1.0), (0.0, 1.0)), Trend::Same);
    }

    #[test]
    fn without_tokio_nothing_is_said() {
        let mut before = example::document();
        before.rows.iter_mut().for_each(|it| it.ratio_vs_tokio = None);
        let changes = between(&before, &before);
        assert!(changes.iter().all(|it| it.trend() == Trend::Unknown));
    }

    #[test]
    fn two_runs_are_told_line_by_line() {
        let (before, mut after) = (example::document(), example::document());
        after.header.commit = "abcdef0".to_owned();
        after.header.versions[0].1 = "1.55.0".to_owned();
        for row in &mut after.rows {
            if (row.runtime, &*row.workload) == (Contender::Bowerbird, "spawn_and_await") {
                row.median += 200.0;
                row.ratio_vs_tokio = Some(328.0 / row.median);
            }
        }
        let changes = between(&before, &after);
        let text = table(&before.header, &after.header, &changes, Style::Plain);
        assert_eq!(text, EXPECTED.trim_start());
        assert_eq!(slower(&changes), 1);
        assert_eq!(slower(&between(&before, &before)), 0);
    }

    const EXPECTED: &str = "
before → after

- tokio: 1.54.1 → 1.55.0

workload         size  workers  unit           median  better   over tokio  better  noise  verdict
───────────────────────────────────────────────────────────────────────────────────────────────────
spawn_and_await    1k        1  ns cpu/op  54.0 → 254  ×0.21   6.07 → 1.29  ×0.21    3.1%  slower
ping_pong          1k        1  ns cpu/op   340 → 340  ×1.00   0.97 → 0.97  ×1.00    3.1%  same
cancel             1k        1  ns cpu/op   900 → 900  ×1.00   0.50 → 0.50  ×1.00    3.1%  same

1 slower, 0 faster, 2 within noise

better: how many times the second run is better, by itself and relative to tokio.
noise: what a run shows against itself, the larger of the two. slower: or larger, or more.
tokio moved: the ratio is another one, and our median is not.
";
}
