//! What stands beside what, and who is ahead.

use crate::{
    contender::Contender,
    document::{Document, Question, Row},
    workloads::Group,
};
use std::collections::HashMap;

/// All rows that answer one question.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// The question.
    pub question: Question<'a>,
    /// What it is about.
    pub group: Group,
    rows: Vec<&'a Row>,
}

/// How bowerbird does beside tokio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Better, by more than what it shows against itself.
    Ahead,
    /// The difference is not larger than that.
    Level,
    /// Worse.
    Behind,
}

impl Verdict {
    /// As it stands in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ahead => "ahead",
            Self::Level => "level",
            Self::Behind => "behind",
        }
    }
}

impl<'a> Line<'a> {
    /// What a contender's answer was.
    #[must_use]
    pub fn of(&self, contender: Contender) -> Option<&'a Row> {
        self.rows.iter().copied().find(|it| it.runtime == contender)
    }

    /// bowerbird's answer.
    #[must_use]
    pub fn ours(&self) -> Option<&'a Row> {
        self.of(Contender::Bowerbird)
    }

    /// All answers.
    pub fn rows(&self) -> impl Iterator<Item = &'a Row> {
        self.rows.iter().copied()
    }

    /// What bowerbird shows against itself.
    #[must_use]
    pub fn aa_spread(&self) -> Option<f64> {
        self.rows.iter().find_map(|it| it.aa_spread)
    }

    /// How bowerbird does beside tokio. None if one of them was not asked, or if this unit
    /// decides nothing.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        if !self.question.unit.is_judged() {
            return None;
        }
        let (ours, tokio) = (self.ours()?, self.of(Contender::Tokio)?);
        let is_better_when_higher = self.question.unit.is_better_when_higher();
        let overlap = ours.min <= tokio.max && tokio.min <= ours.max;
        let verdict = match ours.ratio_vs_tokio {
            Some(ratio) if is_noise(ratio, self.aa_spread().unwrap_or(0.0).max(TIE)) => {
                Verdict::Level
            }
            Some(ratio) if ratio > 1.0 => Verdict::Ahead,
            Some(_) => Verdict::Behind,
            // A value of one of the two is zero, or it was measured less often.
            None if overlap => Verdict::Level,
            None if (ours.median > tokio.median) == is_better_when_higher => Verdict::Ahead,
            None => Verdict::Behind,
        };
        Some(verdict)
    }
}

/// Who differs by no more is level, whatever the spread: 120.2 bytes are 120.
const TIE: f64 = 0.005;

/// Whether a ratio is no farther from 1 than noise. To be half as fast is as far as to be
/// twice as fast: a difference alone would let us win by less than we may lose by.
#[must_use]
pub fn is_noise(ratio: f64, noise: f64) -> bool {
    ratio.max(1.0 / ratio) - 1.0 <= noise
}

/// The lines of one group.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    /// The group.
    pub group: Group,
    /// The lines, those of one workload together.
    pub lines: Vec<Line<'a>>,
}

impl Section<'_> {
    /// Who has a row in it.
    #[must_use]
    pub fn contenders(&self) -> Vec<Contender> {
        let is_there = |it: &Contender| self.lines.iter().any(|line| line.of(*it).is_some());
        Contender::ALL.into_iter().filter(is_there).collect()
    }
}

/// Which of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Those that tell.
    Telling,
    /// The others: the wall with one worker, processor time with several.
    Others,
}

/// A section for each group that has such rows.
#[must_use]
pub fn sections(document: &Document, which: Rows) -> Vec<Section<'_>> {
    let lines = lines(document, which);
    let section = |group| {
        let lines: Vec<_> = lines.iter().filter(|it| it.group == group).cloned().collect();
        (!lines.is_empty()).then_some(Section { group, lines })
    };
    Group::ALL.into_iter().filter_map(section).collect()
}

fn lines(document: &Document, which: Rows) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = vec![];
    let mut places: HashMap<Question<'_>, usize> = HashMap::new();
    let mut workloads: HashMap<&str, usize> = HashMap::new();
    let is_telling = |row: &&Row| row.unit.is_telling(row.workers) == (which == Rows::Telling);
    for row in document.rows.iter().filter(is_telling) {
        let question = row.question();
        let place = *places.entry(question).or_insert_with(|| {
            lines.push(Line { question, group: row.group, rows: vec![] });
            lines.len() - 1
        });
        lines[place].rows.push(row);
        let count = workloads.len();
        workloads.entry(question.workload).or_insert(count);
    }
    // Workloads stay in the order of the run, whatever was measured first of each.
    lines.sort_by_key(|it| {
        let Question { workload, size, workers, unit } = it.question;
        (it.group, workloads[workload], size, workers, unit)
    });
    lines
}

/// In how many lines bowerbird is where.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Better than tokio.
    pub ahead: usize,
    /// Not to be told apart.
    pub level: usize,
    /// Worse.
    pub behind: usize,
    /// The geometric mean of the ratios, if there are any.
    pub mean: Option<f64>,
}

impl Tally {
    /// Of these lines.
    #[must_use]
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a Line<'a>>) -> Self {
        let mut tally = Self::default();
        let mut logarithms = vec![];
        for line in lines {
            match line.verdict() {
                Some(Verdict::Ahead) => tally.ahead += 1,
                Some(Verdict::Level) => tally.level += 1,
                Some(Verdict::Behind) => tally.behind += 1,
                None => continue,
            }
            logarithms.extend(line.ours().and_then(|it| it.ratio_vs_tokio).map(f64::ln));
        }
        let mean = (logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp();
        tally.mean = (!logarithms.is_empty()).then_some(mean);
        tally
    }

    /// How many lines were judged.
    #[must_use]
    pub fn judged(&self) -> usize {
        self.ahead + self.level + self.behind
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        document::example::{self, row},
        header::Header,
        reading::Unit,
    };

    fn verdict(rows: Vec<Row>) -> Option<Verdict> {
        let document = Document { rows, ..Document::new(Header::default()) };
        sections(&document, Rows::Telling)[0].lines[0].verdict()
    }

    #[test]
    fn a_difference_counts_if_it_is_larger_than_that_to_oneself() {
        let rows = |ratio| {
            let ours = row("w", Contender::Bowerbird, Unit::P50, 5.0, Some(ratio));
            let ours = Row { aa_spread: Some(0.1), ..ours };
            verdict(vec![ours, row("w", Contender::Tokio, Unit::P50, 9.0, Some(1.0))])
        };
        assert_eq!(rows(1.2), Some(Verdict::Ahead));
        assert_eq!(rows(1.05), Some(Verdict::Level));
        assert_eq!(rows(0.95), Some(Verdict::Level));
        assert_eq!(rows(0.8), Some(Verdict::Behind));
    }

    #[test]
    fn counts_that_are_printed_alike_are_level() {
        let rows = |ratio| {
            let ours = row("w", Contender::Bowerbird, Unit::P50, 5.0, Some(ratio));
            let ours = Row { aa_spread: Some(0.0), ..ours };
            verdict(vec![ours, row("w", Contender::Tokio, Unit::P50, 5.0, Some(1.0))])
        };
        assert_eq!((rows(0.998), rows(1.002)), (Some(Verdict::Level), Some(Verdict::Level)));
        assert_eq!((rows(0.99), rows(1.01)), (Some(Verdict::Behind), Some(Verdict::Ahead)));
    }

    #[test]
    fn what_rests_on_few_values_decides_nothing() {
        let of = |who, ratio| row("w", who, Unit::Max, 5.0, Some(ratio));
        let rows = vec![of(Contender::Bowerbird, 9.0), of(Contender::Tokio, 1.0)];
        assert_eq!(verdict(rows), None);
    }

    #[test]
    fn behind_is_as_near_as_ahead() {
        assert!(is_noise(2.0, 1.0) && is_noise(0.5, 1.0));
        assert!(!is_noise(2.1, 1.0) && !is_noise(1.0 / 2.1, 1.0));
        assert!(!is_noise(0.2, 1.5), "five times slower is no noise of twice as slow");
    }

    #[test]
    fn without_a_ratio_those_that_overlap_are_level() {
        let unit = Unit::SystemCalls;
        let zero_once = |who, median| Row { min: 0.0, ..row("w", who, unit, median, None) };
        let rows = vec![zero_once(Contender::Bowerbird, 0.01), zero_once(Contender::Tokio, 0.011)];
        assert_eq!(verdict(rows), Some(Verdict::Level));
    }

    #[test]
    fn where_there_is_no_ratio_the_medians_decide() {
        let rows = |unit, ours, tokio| {
            verdict(vec![
                row("w", Contender::Bowerbird, unit, ours, None),
                row("w", Contender::Tokio, unit, tokio, None),
            ])
        };
        assert_eq!(rows(Unit::Allocations, 0.0, 2.0), Some(Verdict::Ahead));
        assert_eq!(rows(Unit::Allocations, 2.0, 0.0), Some(Verdict::Behind));
        assert_eq!(rows(Unit::Throughput, 0.0, 2.0), Some(Verdict::Behind));
        assert_eq!(verdict(vec![row("w", Contender::Tokio, Unit::P50, 1.0, None)]), None);
    }

    #[test]
    fn lines_of_a_workload_stand_together() {
        let of = |workload, workers| Row {
            workers,
            ..row(workload, Contender::Tokio, Unit::P50, 1.0, None)
        };
        let rows = vec![of("a", 2), of("b", 1), of("a", 1)];
        let document = Document { rows, ..Document::new(Header::default()) };
        let sections = sections(&document, Rows::Telling);
        let lines = sections[0].lines.iter().map(|it| (it.question.workload, it.question.workers));
        assert_eq!(lines.collect::<Vec<_>>(), [("a", 1), ("a", 2), ("b", 1)]);
    }

    #[test]
    fn each_row_is_in_one_section() {
        let document = example::document();
        let both = [Rows::Telling, Rows::Others].map(|which| {
            let sections = sections(&document, which);
            sections.iter().flat_map(|it| &it.lines).map(|it| it.rows.len()).sum::<usize>()
        });
        assert_eq!(both[0] + both[1], document.rows.len());
        assert!(both[1] > 0, "the other clock has rows, too");
    }

    #[test]
    fn the_mean_of_twice_and_half_is_one() {
        let rows = [("a", 2.0), ("b", 0.5)].into_iter().flat_map(|(workload, ratio)| {
            let row = |who, ratio| row(workload, who, Unit::P50, 1.0, Some(ratio));
            [row(Contender::Bowerbird, ratio), row(Contender::Tokio, 1.0)]
        });
        let document = Document { rows: rows.collect(), ..Document::new(Header::default()) };
        let tally = Tally::of(&sections(&document, Rows::Telling)[0].lines);
        assert_eq!((tally.ahead, tally.level, tally.behind), (1, 0, 1));
        assert!((tally.mean.expect("there are ratios") - 1.0).abs() < 1e-9);
    }
}
