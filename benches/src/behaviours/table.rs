//! The table: a line per question, a column per runtime.

use super::finding::Finding;
use crate::contender::Contender;
use comfy_table::{Cell, Color, ContentArrangement, Table, presets};
use std::fmt::Write;

/// Where it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// On a terminal: as wide as that is, and in color.
    Terminal,
    /// In a file or a pipe: Markdown.
    Text,
}

/// A table of all findings, which come in the order of its lines.
#[must_use]
pub fn table(findings: &[Finding], runtimes: &[Contender], medium: Medium) -> String {
    let mut table = Table::new();
    match medium {
        Medium::Terminal => table
            .load_style(presets::UTF8_FULL_CONDENSED)
            .set_content_arrangement(ContentArrangement::Dynamic),
        Medium::Text => table.load_style(presets::ASCII_MARKDOWN).force_no_tty(),
    };
    let names = runtimes.iter().map(|it| it.name());
    table.set_header(["", "situation"].into_iter().chain(names).chain(["target", "holds"]));
    let mut lines: Vec<(&str, &str)> = vec![];
    for finding in findings {
        if !lines.contains(&(finding.id, finding.situation)) {
            lines.push((finding.id, finding.situation));
        }
    }
    for (id, situation) in lines {
        let of_line = |it: &&Finding| it.id == id && it.situation == situation;
        let found: Vec<_> = findings.iter().filter(of_line).collect();
        table.add_row(line(&found, runtimes));
    }
    table.to_string()
}

/// All findings have the same question.
fn line(findings: &[&Finding], runtimes: &[Contender]) -> Vec<Cell> {
    let first = findings[0];
    let about = |runtime| findings.iter().find(|it| it.runtime == runtime);
    let answer = |runtime: &Contender| match about(*runtime) {
        Some(Finding { value: Some(_), text, .. }) => Cell::new(text),
        Some(_) => Cell::new("failed"),
        None => Cell::new(""),
    };
    let holds = about(Contender::Bowerbird).and_then(|it| it.holds);
    let holds = match holds {
        None => Cell::new(""),
        Some(true) => Cell::new("yes").fg(Color::Green),
        Some(false) => Cell::new("no").fg(Color::Red),
    };
    let mut cells = vec![Cell::new(first.id), Cell::new(first.situation)];
    cells.extend(runtimes.iter().map(answer));
    cells.push(Cell::new(first.target.as_deref().unwrap_or("")));
    cells.push(holds);
    cells
}

/// A line for each situation and runtime that gave no answer, and why.
#[must_use]
pub fn troubles(findings: &[Finding]) -> String {
    let mut text = String::new();
    let mut told = vec![];
    for finding in findings.iter().filter(|it| it.value.is_none()) {
        let who = (finding.id, finding.runtime);
        if !told.contains(&who) {
            told.push(who);
            writeln!(text, "{} on {} failed: {}", who.0, who.1.name(), finding.text)
                .expect("a string has room");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behaviours::{self, Answer, finding::findings};

    fn both() -> Vec<Finding> {
        let r4 = behaviours::named("R4").expect("it is there");
        let answers = Ok(vec![Answer::of(2.0), Answer::of(0.0)]);
        let mut all = findings(&r4, Contender::Bowerbird, answers);
        all.extend(findings(&r4, Contender::Tokio, Err("died".to_owned())));
        all
    }

    #[test]
    fn each_question_is_a_line_and_holds_is_about_bowerbird() {
        let runtimes = [Contender::Bowerbird, Contender::Tokio];
        let table = table(&both(), &runtimes, Medium::Text);
        let lines: Vec<Vec<_>> =
            table.lines().map(|it| it.split('|').map(str::trim).collect()).collect();
        assert_eq!(lines.len(), 4, "{table}");
        assert_eq!(lines[0][1..7], ["", "situation", "bowerbird", "tokio", "target", "holds"]);
        assert_eq!(lines[2][3..7], ["2.0 ms", "failed", "≤ 100 ms", "yes"]);
        assert_eq!(lines[3][3..7], ["0", "failed", "≥ 1", "no"]);
    }

    #[test]
    fn a_trouble_is_told_once() {
        assert_eq!(troubles(&both()), "R4 on tokio failed: died\n");
    }
}
