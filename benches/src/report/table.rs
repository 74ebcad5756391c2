//! Tables of text: for a terminal, and for a document.

use super::lines::{Rows, Tally, sections};
use super::number::{number, size};
use super::sheet::{Cell, Kind, Sheet, Tone};
use crate::{
    contender::Contender,
    document::{Document, Missed},
};
use comfy_table::{
    Attribute, Cell as Drawn, CellAlignment, Color, LineStyle, Table, TableStyle, presets,
};
use std::{
    env,
    fmt::Write as _,
    io::{IsTerminal, stdout},
};

/// For whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// For a file, or for another program.
    Plain,
    /// For a terminal.
    Colored,
    /// For a document.
    Markdown,
}

impl Style {
    /// Colors if standard output is a terminal and `NO_COLOR` is not set.
    #[must_use]
    pub fn of_stdout() -> Self {
        let is_refused = env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
        match stdout().is_terminal() && !is_refused {
            true => Self::Colored,
            false => Self::Plain,
        }
    }
}

/// A table per group, and what was missed.
#[must_use]
pub fn of(document: &Document, style: Style) -> String {
    let sections = sections(document, Rows::Telling);
    let mut text = String::new();
    for section in &sections {
        text += &heading(section.group.name(), style);
        text += &drawn(&Sheet::of(section), style);
        text += &format!("\n{}\n\n", summary(&Tally::of(&section.lines)));
    }
    if !document.missed.is_empty() {
        text += &heading("not measured", style);
        for line in missed(&document.missed) {
            let line = if style == Style::Markdown { line.replace('<', "&lt;") } else { line };
            text += &format!("- {line}\n");
        }
        text.push('\n');
    }
    text += LEGEND;
    text
}

/// How to read it.
const LEGEND: &str = "\
over tokio: how many times better than tokio, the median of the rounds (smallest–largest).
A/A: how far bowerbird's ratios to itself lie apart; who is not farther ahead or behind is level.
";

/// The title of a table.
#[must_use]
pub fn heading(name: &str, style: Style) -> String {
    match style {
        Style::Plain => format!("{name}\n\n"),
        Style::Colored => format!("\x1b[1m{name}\x1b[0m\n\n"),
        Style::Markdown => format!("### {name}\n\n"),
    }
}

/// How often bowerbird is where.
#[must_use]
pub fn summary(tally: &Tally) -> String {
    let Tally { ahead, level, behind, mean } = tally;
    if tally.judged() == 0 {
        return "tokio was not asked".to_owned();
    }
    let mean = mean.map(|it| format!("; geometric mean {}", number(it))).unwrap_or_default();
    format!("ahead of tokio in {ahead}, level in {level}, behind in {behind}{mean}")
}

/// One line per contender and reason.
#[must_use]
pub fn missed(all: &[Missed]) -> Vec<String> {
    let mut reasons: Vec<(Contender, &str, Vec<&Missed>)> = vec![];
    for it in all {
        match reasons.iter_mut().find(|reason| (reason.0, reason.1) == (it.runtime, &*it.what)) {
            Some(reason) => reason.2.push(it),
            None => reasons.push((it.runtime, &it.what, vec![it])),
        }
    }
    let line = |(contender, what, places): (Contender, &str, Vec<&Missed>)| {
        format!("{}: {what} ({})", contender.name(), where_missed(&places))
    };
    reasons.into_iter().map(line).collect()
}

/// What fails once is told exactly; what fails everywhere, by names.
fn where_missed(places: &[&Missed]) -> String {
    if let [Missed { workload, workers, size: count, .. }] = places {
        return format!("{workload}, workers {workers}, size {}", size(*count));
    }
    let mut names: Vec<&str> = vec![];
    for it in places {
        if !names.contains(&&*it.workload) {
            names.push(&it.workload);
        }
    }
    names.join(", ")
}

/// A sheet with its notes.
#[must_use]
pub fn drawn(sheet: &Sheet, style: Style) -> String {
    let mut table = Table::new();
    table.load_style(match style {
        Style::Markdown => presets::ASCII_MARKDOWN,
        Style::Plain | Style::Colored => RULED,
    });
    match style {
        Style::Colored => table.enforce_styling(),
        Style::Plain | Style::Markdown => table.force_no_tty(),
    };
    table.set_header(sheet.columns.iter().map(|it| it.name));
    for row in &sheet.rows {
        table.add_row(row.iter().map(cell));
    }
    for (column, drawn) in sheet.columns.iter().zip(table.column_iter_mut()) {
        if style != Style::Markdown {
            drawn.set_padding((0, 1));
        }
        if column.kind == Kind::Numbers {
            drawn.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = table.trim_fmt() + "\n";
    for (index, note) in sheet.notes.iter().enumerate() {
        let separator = if index == 0 || style == Style::Markdown { "\n" } else { "" };
        writeln!(text, "{separator}[{}] {note}", index + 1).expect("a string takes everything");
    }
    text
}

/// One line below the names.
const RULED: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

fn cell(cell: &Cell) -> Drawn {
    let marks: String = cell.marks.iter().map(|mark| format!("[{mark}]")).collect();
    let drawn = Drawn::new(marks + &cell.text);
    match cell.tone {
        Tone::Plain => drawn,
        Tone::Strong => drawn.add_attribute(Attribute::Bold),
        Tone::Good => drawn.fg(Color::Green),
        Tone::Bad => drawn.fg(Color::Red).add_attribute(Attribute::Bold),
        Tone::Faint => drawn.add_attribute(Attribute::Dim),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::example;

    #[test]
    fn a_table_says_who_is_ahead_and_where_we_lose() {
        let text = of(&example::document(), Style::Plain);
        assert_eq!(text, EXPECTED.trim_start());
    }

    const EXPECTED: &str = "
scheduler

workload         workers  unit       bowerbird  tokio    smol  over tokio  (min–max)     A/A  verdict
──────────────────────────────────────────────────────────────────────────────────────────────────────
spawn_and_await        1  ns cpu/op       54.0    328  [1]450        6.07  (5.47–6.68)  3.1%  ahead
ping_pong              1  ns cpu/op        340    331  [1]500        0.97  (0.88–1.07)  3.1%  level
cancel                 1  ns cpu/op        900    450  [1]610        0.50  (0.45–0.55)  3.1%  behind

[1] smol: oneshots of futures

ahead of tokio in 1, level in 1, behind in 1; geometric mean 1.44

not measured

- uvloop: uvloop is not installed: pip install uvloop (ping_pong)

over tokio: how many times better than tokio, the median of the rounds (smallest–largest).
A/A: how far bowerbird's ratios to itself lie apart; who is not farther ahead or behind is level.
";
}
