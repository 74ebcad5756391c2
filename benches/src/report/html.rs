//! One page with everything, that needs nothing else: no network, no script.

use super::{
    escape::escaped,
    lines::{Line, Rows, Section, Tally, Verdict, sections},
    number::{number, size},
    plots::{
        self,
        palette::{self, Ink},
    },
    sheet::{Cell, Kind, Sheet, Tone},
    table,
};
use crate::{
    contender::Contender,
    document::{Distribution, Document, Question},
    reading::Unit,
    workloads::{Group, Workload, named},
};
use std::{fs, io, path::Path};

const STYLE: &str = include_str!("page.css");

/// Writes the page to a file.
///
/// # Errors
///
/// If the file cannot be written.
pub fn write(document: &Document, path: &Path) -> io::Result<()> {
    fs::write(path, page(document))
}

/// The page.
#[must_use]
pub fn page(document: &Document) -> String {
    let sections = sections(document, Rows::Telling);
    let others = self::sections(document, Rows::Others);
    let mut body = top(document, &sections);
    for section in &sections {
        let other = others.iter().find(|it| it.group == section.group);
        body += &group(document, section, other);
    }
    // What has rows only of the clock that does not tell.
    for other in others.iter().filter(|it| sections.iter().all(|them| them.group != it.group)) {
        body += &format!("<h2>{}</h2>\n{}", other.group.name(), sheet(other));
    }
    body += &missed(document);
    body += HOW_TO_READ;
    let dark = palette::in_the_dark();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>bowerbird-bench {date}</title>\n<style>\n{STYLE}\
         @media (prefers-color-scheme: dark) {{\n{dark}}}\n</style>\n</head>\n\
         <body>\n{body}</body>\n</html>\n",
        date = escaped(&document.header.date),
    )
}

const HOW_TO_READ: &str = "\
<h2 id=\"reading\">How to read this</h2>
<p>A <b>ratio over tokio</b> above 1 means faster or cheaper than tokio. All take turns, some
milliseconds each, and a ratio is that of neighbours: what slows the machine down slows both.
It is the median of the rounds, with the smallest and the largest.</p>
<p><b>A/A</b> is bowerbird against a second bowerbird in the same turns: the band that holds
1 and eight of ten of those ratios, drawn grey behind the bars. Who is not farther ahead than
that, or as many times behind, is <b>level</b>.</p>
<p>With one worker <b>processor time</b> is read, which does not run while another program has
the processor; with several the <b>wall</b> is read, because processor time hides that one waits
for the other. Workers are pinned, those of all runtimes alike: several have a processor each,
one has a processor with all other threads of the process.</p>
";

/// Down to the facts.
fn top(document: &Document, sections: &[Section<'_>]) -> String {
    let date = escaped(&document.header.date);
    let mut top = format!(
        "<h1>Bowerbird beside other runtimes</h1>\n<p class=\"faint\">The same work, in turn. \
         {date}</p>\n"
    );
    top += &tiles(&Tally::of(sections.iter().flat_map(|it| &it.lines)));
    top += &figure("wide", "Every row a dot, by group: how many times better than tokio", || {
        plots::overview(sections)
    });
    top += &losses(sections);
    let links = sections.iter().map(|it| it.group.name()).map(|it| (it, it));
    let links = links.chain([("reading", "how to read this")]);
    let links = links.map(|(id, name)| format!("<a href=\"#{id}\">{name}</a>\n"));
    top += &format!("<nav>\n{}</nav>\n", links.collect::<String>());
    top += "<h2>This run</h2>\n<dl>\n";
    for (name, value) in document.header.facts() {
        let value = match name {
            "command" => format!("<code>{}</code>", escaped(&value)),
            _ => escaped(&value),
        };
        top += &format!("<dt>{name}</dt><dd>{value}</dd>\n");
    }
    top + "</dl>\n"
}

fn tiles(tally: &Tally) -> String {
    let tile = |class: &str, value: String, name: &str| {
        format!("<div class=\"tile {class}\"><b>{value}</b><span>{name}</span></div>\n")
    };
    let mut tiles = String::from("<div class=\"tiles\">\n");
    tiles += &tile("ahead", tally.ahead.to_string(), "rows ahead of tokio");
    tiles += &tile("", tally.level.to_string(), "level");
    tiles += &tile("behind", tally.behind.to_string(), "behind");
    if let Some(mean) = tally.mean {
        tiles += &tile("", format!("{}×", number(mean)), "geometric mean");
    }
    tiles + "</div>\n"
}

/// What a reader should see first, not last.
fn losses(sections: &[Section<'_>]) -> String {
    let lines = sections.iter().flat_map(|it| &it.lines);
    let lost = lines.filter(|it| it.verdict() == Some(Verdict::Behind));
    let name = |line: &Line<'_>| {
        let Question { workload, workers, unit, .. } = line.question;
        let ratio = line.ours().and_then(|it| it.ratio_vs_tokio);
        let ratio = ratio.map(|it| format!(" {}×", number(it))).unwrap_or_default();
        let workload = escaped(workload);
        let of = format!("{}, {workers}w{ratio}", unit.name());
        format!("<a href=\"#{}\"><code>{workload}</code></a> ({of})", line.group.name())
    };
    let names: Vec<_> = lost.map(name).collect();
    match names.as_slice() {
        [] => String::new(),
        some => format!("<p><b>Behind in:</b> {}.</p>\n", some.join(", ")),
    }
}

fn group(document: &Document, section: &Section<'_>, other: Option<&Section<'_>>) -> String {
    let name = section.group.name();
    let summary = table::summary(&Tally::of(&section.lines));
    let mut text = format!("<h2 id=\"{name}\">{name}</h2>\n<p class=\"faint\">{summary}</p>\n");
    text += &key(&section.contenders());
    text += &curves(scaling(section));
    let units = Unit::ALL.into_iter().filter(|it| has(section, *it));
    let is_long = units.clone().count() > UNITS_AT_A_GLANCE;
    let (folded, shown): (Vec<_>, Vec<_>) = units.partition(|it| is_long && is_a_detail(*it));
    let plots =
        |units: Vec<Unit>| units.into_iter().map(|it| bars(section, it)).collect::<String>();
    text += &plots(shown);
    text += &details("more of these", &plots(folded));
    text += &curves(quantiles(document, section.group));
    text += &sheet(section);
    text += &details("what one operation is", &operations(section));
    text + &details("the other clock", &other.map(sheet).unwrap_or_default())
}

/// Of more than so many units, a group shows the telling ones first.
const UNITS_AT_A_GLANCE: usize = 4;

/// Whether another unit tells nearly the same.
fn is_a_detail(unit: Unit) -> bool {
    matches!(unit, Unit::P50 | Unit::P999 | Unit::Max | Unit::ContextSwitches)
}

fn has(section: &Section<'_>, unit: Unit) -> bool {
    section.lines.iter().any(|it| it.question.unit == unit)
}

fn bars(section: &Section<'_>, unit: Unit) -> String {
    let lines: Vec<_> = section.lines.iter().filter(|it| it.question.unit == unit).collect();
    let label = format!("{}: {} over tokio", section.group.name(), unit.name());
    figure("wide", &caption(unit), || plots::bars(&label, &lines))
}

/// The workloads in words. A file may be older than the table of workloads.
fn operations(section: &Section<'_>) -> String {
    let names = unique(section.lines.iter().map(|it| it.question.workload));
    let pair = |it: &Workload| {
        format!("<dt><code>{}</code></dt><dd>{}</dd>\n", it.name, escaped(it.operation))
    };
    match names.into_iter().filter_map(named).map(pair).collect::<String>() {
        none if none.is_empty() => none,
        some => format!("<dl>\n{some}</dl>\n"),
    }
}

/// What is there for those who want to know.
fn details(summary: &str, content: &str) -> String {
    match content {
        "" => String::new(),
        _ => format!("<details><summary>{summary}</summary>\n{content}</details>\n"),
    }
}

/// Whose color is which.
fn key(contenders: &[Contender]) -> String {
    let swatch = |ink: Ink, name: &str| {
        format!(
            "<span><svg viewBox=\"0 0 1 1\" aria-hidden=\"true\"><rect width=\"1\" height=\"1\" \
             fill=\"{}\"/></svg>{name}</span>\n",
            ink.hex(),
        )
    };
    let name = |it: Contender| match it {
        Contender::Tokio => "tokio, at 1×",
        other => other.name(),
    };
    let mut swatches: String =
        contenders.iter().map(|it| swatch(Ink::Of(*it), name(*it))).collect();
    swatches += &swatch(Ink::Noise, "noise (A/A)");
    format!("<div class=\"key\">\n{swatches}</div>\n")
}

/// A plot with its caption, if there is something to plot.
fn figure(class: &str, caption: &str, plot: impl FnOnce() -> Option<String>) -> String {
    let Some(plot) = plot() else { return String::new() };
    format!(
        "<figure><figcaption>{}</figcaption><div class=\"{class}\">{plot}</div></figure>\n",
        escaped(caption)
    )
}

fn curves(figures: Vec<String>) -> String {
    match figures.concat() {
        none if none.is_empty() => none,
        some => format!("<div class=\"curves\">\n{some}</div>\n"),
    }
}

/// Of a group whose subject is many: a plot per workload, number of workers and unit.
fn scaling(section: &Section<'_>) -> Vec<String> {
    if section.group != Group::Scale {
        return vec![];
    }
    fn subject<'a>(line: &Line<'a>) -> Question<'a> {
        Question { size: 0, ..line.question }
    }
    let plot = |it: Question<'_>| {
        let lines: Vec<_> = section.lines.iter().filter(|line| subject(line) == it).collect();
        let caption = format!("{}, {}", it.workload, workers(it.workers));
        figure("", &caption, || plots::scaling(&caption, &lines))
    };
    unique(section.lines.iter().map(subject)).into_iter().map(plot).collect()
}

/// The latencies of a group's workloads: a plot per workload, size and number of workers.
fn quantiles(document: &Document, group: Group) -> Vec<String> {
    let is_ours = |it: &&Distribution| {
        document.rows.iter().any(|row| row.group == group && row.workload == it.workload)
    };
    let subject = |it: &Distribution| (it.workload.clone(), it.size, it.workers);
    let all: Vec<_> = document.distributions.iter().filter(is_ours).collect();
    let plot = |it: (String, u64, usize)| {
        let some: Vec<_> = all.iter().copied().filter(|all| subject(all) == it).collect();
        let has_sizes = all.iter().any(|other| other.workload == it.0 && other.size != it.1);
        let size = if has_sizes { format!(", size {}", size(it.1)) } else { String::new() };
        let caption = format!("Latency: {}{size}, {}", it.0, workers(it.2));
        figure("", &caption, || plots::quantiles(&caption, &some))
    };
    unique(all.iter().map(|it| subject(it))).into_iter().map(plot).collect()
}

/// Each once, in their order.
fn unique<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    all.fold(vec![], |mut seen, it| {
        if !seen.contains(&it) {
            seen.push(it);
        }
        seen
    })
}

fn workers(count: usize) -> String {
    match count {
        1 => "1 worker".to_owned(),
        count => format!("{count} workers"),
    }
}

fn caption(unit: Unit) -> String {
    let what = match unit {
        Unit::CpuPerOperation => "Processor time per operation, 1 worker",
        Unit::WallPerOperation => "Time per operation, several workers",
        Unit::OverIdeal => "Time over that of processors which lose nothing",
        Unit::P50 => "Latency, median",
        Unit::P99 => "Latency, one of 100 is longer",
        Unit::P999 => "Latency, one of 1,000 is longer",
        Unit::Max => "Latency, the longest",
        Unit::Throughput => "Operations per second",
        Unit::Megabytes => "Megabytes per second",
        Unit::ServerCpu => "Processor time of the server per request",
        Unit::SystemCalls => "System calls of the server per request",
        Unit::ContextSwitches => "Context switches of the server per request",
        Unit::HeapBytes => "Heap per item",
        Unit::Allocations => "Allocations per item",
        Unit::ResidentBytes => "Resident memory per item",
    };
    format!("{what}: how many times better than tokio")
}

fn sheet(section: &Section<'_>) -> String {
    let sheet = Sheet::of(section);
    let class = |kind| if kind == Kind::Numbers { " class=\"number\"" } else { "" };
    let mut text = String::from("<div class=\"table\"><table>\n<thead><tr>");
    for column in &sheet.columns {
        text += &format!("<th{}>{}</th>", class(column.kind), escaped(column.name));
    }
    text += "</tr></thead>\n<tbody>\n";
    for row in &sheet.rows {
        let cells =
            sheet.columns.iter().zip(row).map(|(column, it)| cell(column.name, column.kind, it));
        text += &format!("<tr>{}</tr>\n", cells.collect::<String>());
    }
    text += "</tbody></table></div>\n";
    if !sheet.notes.is_empty() {
        let notes = sheet.notes.iter().map(|it| format!("<li>{}</li>\n", escaped(it)));
        text += &format!("<ol class=\"notes\">\n{}</ol>\n", notes.collect::<String>());
    }
    text
}

fn cell(column: &str, kind: Kind, cell: &Cell) -> String {
    let mut classes = vec![];
    classes.extend((column == "workload").then_some("workload"));
    classes.extend((kind == Kind::Numbers).then_some("number"));
    classes.extend(match cell.tone {
        Tone::Plain => None,
        Tone::Strong => Some("strong"),
        Tone::Good => Some("good"),
        Tone::Bad => Some("bad"),
        Tone::Faint => Some("faint"),
    });
    let class = match classes.as_slice() {
        [] => String::new(),
        some => format!(" class=\"{}\"", some.join(" ")),
    };
    let marks: String = cell.marks.iter().map(|mark| format!("<sup>{mark}</sup>")).collect();
    format!("<td{class}>{marks}{}</td>", escaped(&cell.text))
}

fn missed(document: &Document) -> String {
    if document.missed.is_empty() {
        return String::new();
    }
    let lines = table::missed(&document.missed);
    let lines = lines.iter().map(|it| format!("<li>{}</li>\n", escaped(it)));
    let lines: String = lines.collect();
    format!("<h2 id=\"missed\">Not measured</h2>\n<ul class=\"missed\">\n{lines}</ul>\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{
        Row,
        example::{self, row},
    };

    #[test]
    fn the_page_has_every_row() {
        let document = example::document();
        let page = page(&document);
        let lines = [Rows::Telling, Rows::Others].map(|which| {
            let sections = sections(&document, which);
            sections.iter().map(|it| it.lines.len()).sum::<usize>()
        });
        assert_eq!(page.matches("<tr><td").count(), lines[0] + lines[1]);
        for row in &document.rows {
            assert!(page.contains(&format!(">{}</td>", row.workload)), "{}", row.workload);
            assert!(page.contains(&format!("{}</td>", number(row.median))), "{}", row.median);
        }
        for missed in table::missed(&document.missed) {
            assert!(page.contains(&escaped(&missed)), "{missed}");
        }
    }

    #[test]
    fn the_page_has_a_plot_of_each_kind() {
        let mut document = example::document();
        for size in [10, 100, 1000] {
            let group = Group::Scale;
            let row = row("tasks", Contender::Tokio, Unit::CpuPerOperation, 50.0, Some(1.0));
            let ours = Row { runtime: Contender::Bowerbird, ..row.clone() };
            document.rows.extend([row, ours].map(|it| Row { size, group, ..it }));
        }
        let page = page(&document);
        for label in [
            "bowerbird&#39;s ratios over tokio",
            "scheduler: ns cpu/op over tokio",
            "Latency: spawn_and_await, 1 worker",
            "tasks, 1 worker",
        ] {
            assert!(page.contains(&format!("<svg role=\"img\" aria-label=\"{label}")), "{label}");
        }
    }

    #[test]
    fn nothing_of_a_document_is_taken_for_html() {
        let bad = "<script>alert('\"&')</script>";
        let mut document = example::document();
        document.header.command = bad.to_owned();
        for row in &mut document.rows {
            row.workload = bad.to_owned();
            row.note = Some(bad.to_owned());
        }
        document.distributions[0].workload = bad.to_owned();
        document.missed[0].what = bad.to_owned();
        let page = page(&document);
        assert!(!page.contains("<script"), "a tag came through");
        assert!(page.contains("&lt;script&gt;"));
    }

    #[test]
    fn the_page_needs_no_network() {
        let page = page(&example::document());
        // The name of a vocabulary, which nobody opens.
        assert_eq!(page.matches("http").count(), page.matches("xmlns=\"http").count());
        for outside in ["src=", "url(", "@import", "<link"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn an_empty_document_is_a_page_too() {
        let page = page(&Document::new(crate::header::Header::default()));
        assert!(page.ends_with("</body>\n</html>\n"));
        assert!(!page.contains("NaN"));
    }
}
