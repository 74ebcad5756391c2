//! Tables before they are drawn: what stands in each cell, and in which tone.

use super::lines::{Line, Section, Verdict};
use super::number::{number, percent, size};
use crate::{contender::Contender, document::Row};

/// Rows of cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// The columns.
    pub columns: Vec<Column>,
    /// A cell per column in each.
    pub rows: Vec<Vec<Cell>>,
    /// What the marks in cells mean, in their order: `[1]` is the first.
    pub notes: Vec<String>,
}

/// One column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// What stands above it.
    pub name: &'static str,
    /// Whether it has words or numbers.
    pub kind: Kind,
}

/// What a column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Words, which begin on the left.
    Words,
    /// Numbers, which end on the right.
    Numbers,
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// The numbers of the notes to it.
    pub marks: Vec<usize>,
    /// How.
    pub tone: Tone,
}

/// How a cell says what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    Plain,
    /// This is what the table is about.
    Strong,
    /// Something to be glad of.
    Good,
    /// Something to look at.
    Bad,
    /// Beside the point.
    Faint,
}

impl Cell {
    /// One without notes.
    #[must_use]
    pub fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), marks: vec![], tone }
    }
}

impl Column {
    /// With words.
    #[must_use]
    pub const fn words(name: &'static str) -> Self {
        Self { name, kind: Kind::Words }
    }

    /// With numbers.
    #[must_use]
    pub const fn numbers(name: &'static str) -> Self {
        Self { name, kind: Kind::Numbers }
    }
}

impl Sheet {
    /// The table of a group: a line per question, a column per contender.
    #[must_use]
    pub fn of(section: &Section<'_>) -> Self {
        let contenders = section.contenders();
        let has_sizes = has_several_sizes(section);
        let mut columns = vec![Column::words("workload")];
        columns.extend(has_sizes.then_some(Column::numbers("size")));
        columns.extend([Column::numbers("workers"), Column::words("unit")]);
        columns.extend(contenders.iter().map(|it| Column::numbers(it.name())));
        columns.extend([
            Column::numbers("over tokio"),
            Column::words("(min–max)"),
            Column::numbers("A/A"),
            Column::words("verdict"),
        ]);
        let mut sheet = Self { columns, rows: vec![], notes: vec![] };
        for line in &section.lines {
            let row = sheet.row(line, &contenders, has_sizes);
            sheet.rows.push(row);
        }
        sheet
    }

    fn row(&mut self, line: &Line<'_>, contenders: &[Contender], has_sizes: bool) -> Vec<Cell> {
        let question = line.question;
        let mut cells = vec![Cell::new(question.workload, Tone::Plain)];
        cells.extend(has_sizes.then(|| Cell::new(size(question.size), Tone::Plain)));
        cells.push(Cell::new(question.workers.to_string(), Tone::Plain));
        cells.push(Cell::new(question.unit.name(), Tone::Faint));
        cells.extend(contenders.iter().map(|it| self.median(line.of(*it))));
        let verdict = line.verdict();
        let tone = tone(verdict);
        let ours = line.ours();
        let ratio = ours.and_then(|it| it.ratio_vs_tokio);
        let range = ours.and_then(|it| Some((it.ratio_min?, it.ratio_max?)));
        let range = range.map(|(min, max)| format!("({}–{})", number(min), number(max)));
        cells.extend([
            Cell::new(or_dash(ratio.map(number)), tone),
            Cell::new(range.unwrap_or_default(), Tone::Faint),
            Cell::new(or_dash(line.aa_spread().map(percent)), Tone::Faint),
            Cell::new(or_dash(verdict.map(|it| it.name().to_owned())), tone),
        ]);
        cells
    }

    fn median(&mut self, row: Option<&Row>) -> Cell {
        let Some(row) = row else { return Cell::new(or_dash(None), Tone::Faint) };
        let tone = match row.runtime {
            Contender::Bowerbird => Tone::Strong,
            _ => Tone::Plain,
        };
        let marks = row.note.as_ref().map(|note| self.note(row.runtime, note));
        Cell { marks: marks.into_iter().collect(), ..Cell::new(number(row.median), tone) }
    }

    /// The number of a note, which stands there once.
    fn note(&mut self, contender: Contender, note: &str) -> usize {
        let note = format!("{}: {note}", contender.name());
        let known = self.notes.iter().position(|it| *it == note);
        let index = known.unwrap_or_else(|| {
            self.notes.push(note);
            self.notes.len() - 1
        });
        index + 1
    }
}

fn tone(verdict: Option<Verdict>) -> Tone {
    match verdict {
        Some(Verdict::Ahead) => Tone::Good,
        Some(Verdict::Behind) => Tone::Bad,
        Some(Verdict::Level) | None => Tone::Plain,
    }
}

pub(super) fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "–".to_owned())
}

/// Whether a workload was done in more than one size.
fn has_several_sizes(section: &Section<'_>) -> bool {
    let pairs = section.lines.windows(2).map(|it| (it[0].question, it[1].question));
    pairs.into_iter().any(|(one, next)| one.workload == next.workload && one.size != next.size)
}
