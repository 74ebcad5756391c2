//! `scale`: whether the cost of one grows with the number.
//!
//! It is `compare` with the group of that name, and one more table per question, which
//! has the sizes below each other.

use super::{
    Done,
    compare::{self, Common},
};
use bowerbird_bench::{
    contender::Contender,
    document::{Question, Row},
    report::{
        number::{number, size},
        sheet::{Cell, Column, Sheet, Tone},
        table::{self, Style},
    },
    workloads::{Group, named},
};

/// What is compared.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// With whom; without this, with all that can be asked here
    #[arg(long, value_delimiter = ',', value_name = "RUNTIMES")]
    against: Vec<Contender>,
    /// Only workloads whose names contain one of these
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    only: Vec<String>,
    #[command(flatten)]
    common: Common,
}

pub(crate) fn run(args: &Args) -> Done {
    let (only, style) = (args.only.clone(), Style::of_stdout());
    let document = compare::measure(&args.against, vec![Group::Scale], only, &args.common)?;
    println!("{}", table::of(&document, style));
    print!("{}", tables(&document.rows, style));
    compare::keep(&document, &args.common)
}

/// A table per workload, number of workers and unit.
fn tables(rows: &[Row], style: Style) -> String {
    let rows: Vec<&Row> = rows.iter().filter(|it| it.unit.is_telling(it.workers)).collect();
    let mut curves: Vec<Question<'_>> = vec![];
    for row in &rows {
        if !curves.contains(&curve(row)) {
            curves.push(curve(row));
        }
    }
    let mut text = String::new();
    for asked in curves {
        let mut answers: Vec<_> = rows.iter().copied().filter(|it| curve(it) == asked).collect();
        answers.sort_by_key(|it| it.size);
        text += &title(asked, style);
        text += &table::drawn(&sheet(&answers), style);
        text.push('\n');
    }
    text
}

/// The question without its size.
fn curve(row: &Row) -> Question<'_> {
    Question { size: 0, ..row.question() }
}

fn title(curve: Question<'_>, style: Style) -> String {
    let Question { workload, workers, unit, .. } = curve;
    let workers = if workers == 1 { "1 worker".to_owned() } else { format!("{workers} workers") };
    let operation = named(workload).map_or("", |it| it.operation);
    let heading = format!("{workload}, {workers}, {}", unit.name());
    format!("{}{operation}\n\n", table::heading(&heading, style))
}

/// A line per size, and one that says how many times the largest costs the smallest.
/// The rows are in the order of their sizes.
fn sheet(rows: &[&Row]) -> Sheet {
    let has_rows = |it: &Contender| rows.iter().any(|row| row.runtime == *it);
    let contenders: Vec<_> = Contender::ALL.into_iter().filter(has_rows).collect();
    let mut sizes: Vec<u64> = rows.iter().map(|it| it.size).collect();
    sizes.dedup();
    let cost = |contender, size| {
        let row = rows.iter().find(|it| it.runtime == contender && it.size == size);
        row.map(|it| it.median)
    };
    let growth = |contender| {
        let (smallest, largest) = (*sizes.first()?, *sizes.last()?);
        Some(cost(contender, largest)? / cost(contender, smallest)?)
    };
    let line = |name: String, tone, value: &dyn Fn(Contender) -> Option<String>| {
        let cell = |it: &Contender| Cell::new(value(*it).unwrap_or_else(|| "–".to_owned()), tone);
        [Cell::new(name, tone)].into_iter().chain(contenders.iter().map(cell)).collect()
    };
    let mut columns = vec![Column::numbers("size")];
    columns.extend(contenders.iter().map(|it| Column::numbers(it.name())));
    let mut lines: Vec<Vec<Cell>> = sizes
        .iter()
        .map(|&of| line(size(of), Tone::Plain, &|it| cost(it, of).map(number)))
        .collect();
    if sizes.len() > 1 {
        let times = |it| growth(it).map(|times| format!("x {}", number(times)));
        lines.push(line("largest over smallest".to_owned(), Tone::Strong, &times));
    }
    Sheet { columns, rows: lines, notes: vec![] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bowerbird_bench::reading::Unit;

    fn row(workload: &str, runtime: Contender, unit: Unit, size: u64, median: f64) -> Row {
        Row {
            workload: workload.to_owned(),
            group: Group::Scale,
            runtime,
            workers: 1,
            size,
            unit,
            median,
            min: median,
            max: median,
            samples: 1,
            ratio_vs_tokio: None,
            ratio_min: None,
            ratio_max: None,
            aa_spread: None,
            note: None,
        }
    }

    #[test]
    fn sizes_stand_below_each_other_with_what_they_grew() {
        let cpu = Unit::CpuPerOperation;
        let rows = [
            row("scale_tasks", Contender::Bowerbird, cpu, 1_000_000, 150.0),
            row("scale_tasks", Contender::Tokio, cpu, 10, 200.0),
            row("scale_tasks", Contender::Bowerbird, Unit::WallPerOperation, 10, 1.0),
            row("scale_tasks", Contender::Bowerbird, cpu, 10, 100.0),
        ];
        assert_eq!(tables(&rows, Style::Plain), EXPECTED.trim_start());
    }

    const EXPECTED: &str = "
scale_tasks, 1 worker, ns cpu/op

spawn so many tasks, then await them: one of them

                 size  bowerbird  tokio
────────────────────────────────────────
                   10        100    200
                   1M        150      –
largest over smallest     x 1.50      –

";

    #[test]
    fn one_size_does_not_grow() {
        let rows = [row("scale_tasks", Contender::Smol, Unit::WallPerOperation, 10, 1.0)];
        let rows: Vec<_> = rows.iter().map(|it| Row { workers: 2, ..it.clone() }).collect();
        assert!(!tables(&rows, Style::Plain).contains("largest"));
    }
}
