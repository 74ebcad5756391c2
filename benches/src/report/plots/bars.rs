//! Ratios over tokio as bars that leave the line at 1: to the right what is better.

use super::axis::Axis;
use super::canvas::{Canvas, Face, name_width, svg};
use super::palette::Ink;
use crate::{
    contender::Contender,
    document::Row,
    report::{
        lines::{Line, Verdict},
        number::{number, size},
    },
};

const WIDTH: i32 = 860;
/// Above and below the bars: the ticks.
const EDGE: i32 = 26;
/// From one bar to the next, and how thick it is.
const BAR: (i32, i32) = (13, 9);
/// Between lines.
const GAP: i32 = 9;
/// For numbers at the right.
const NUMBERS: i32 = 62;
/// A whisker longer than this, beyond the largest median, is cut off.
const ROOM: f64 = 1.3;

/// A line for each of `lines` with a bar for each contender but tokio. None if there is
/// no ratio among them.
#[must_use]
pub fn bars(label: &str, lines: &[&Line<'_>]) -> Option<String> {
    let lines: Vec<_> = lines.iter().copied().filter(|it| !ratios(it).is_empty()).collect();
    let all = || lines.iter().flat_map(|line| ratios(line)).map(|(_, ratio)| ratio);
    let low = all().fold(0.8, f64::min) / ROOM;
    let high = all().fold(1.25, f64::max) * ROOM;
    let names: Vec<_> = lines.iter().map(|line| name(line, &lines)).collect();
    let letters = names.iter().map(|(name, of)| name.chars().count() + of.chars().count() + 1);
    let left = name_width(letters.max()?) + 14;
    let height = 2 * EDGE + lines.iter().map(|it| line_height(it)).sum::<i32>();
    let axis = Axis::new(low, high, (left, WIDTH - NUMBERS));
    Some(svg(label, (WIDTH, height), |canvas| {
        let mut y = EDGE;
        for (index, line) in lines.iter().enumerate() {
            let bottom = y + line_height(line);
            if index % 2 == 0 {
                canvas.fill([(0, y), (WIDTH, bottom)], Ink::Stripe, 1.0);
            }
            y = bottom;
        }
        scale(canvas, &axis, height);
        let mut y = EDGE;
        for (line, name) in lines.iter().zip(&names) {
            draw(canvas, &axis, line, name, y);
            y += line_height(line);
        }
        let equal = axis.at(1.0);
        canvas.line((equal, EDGE - 6), (equal, height - EDGE + 6), Ink::Equal, 1);
    }))
}

/// Everybody's ratio, but tokio's own.
fn ratios<'a>(line: &Line<'a>) -> Vec<(&'a Row, f64)> {
    let others = line.rows().filter(|it| it.runtime != Contender::Tokio);
    let mut ratios: Vec<_> = others.filter_map(|it| Some((it, it.ratio_vs_tokio?))).collect();
    ratios.sort_by_key(|(row, _)| row.runtime);
    ratios
}

fn line_height(line: &Line<'_>) -> i32 {
    BAR.0 * i32::try_from(ratios(line).len()).unwrap_or(0) + GAP
}

/// What the line is called, and what tells it from others of that name.
fn name(line: &Line<'_>, all: &[&Line<'_>]) -> (String, String) {
    let question = line.question;
    let same = || all.iter().map(|it| it.question).filter(|it| it.workload == question.workload);
    let mut of = vec![];
    if same().any(|it| it.size != question.size) {
        of.push(size(question.size));
    }
    if all.iter().any(|it| it.question.workers != question.workers) {
        of.push(format!("{}w", question.workers));
    }
    (question.workload.to_owned(), of.join(" "))
}

fn scale(canvas: &Canvas<'_>, axis: &Axis, height: i32) {
    for (value, name) in axis.ratios() {
        let x = axis.at(value);
        canvas.line((x, EDGE - 4), (x, height - EDGE + 4), Ink::Grid, 1);
        let face = Face::words(Ink::Faint).centered();
        canvas.text((x, EDGE - 14), &format!("{name}×"), face);
        canvas.text((x, height - EDGE + 14), &format!("{name}×"), face);
    }
}

fn draw(canvas: &Canvas<'_>, axis: &Axis, line: &Line<'_>, name: &(String, String), top: i32) {
    let height = line_height(line);
    let middle = top + height / 2;
    if let Some(noise) = line.aa_spread() {
        let (low, high) = (axis.at(1.0 / (1.0 + noise)), axis.at(1.0 + noise));
        canvas.fill([(low, top), (high, top + height)], Ink::Noise, 0.55);
    }
    let left = axis.pixels().0 - 10;
    let of = name_width(name.1.chars().count() + usize::from(!name.1.is_empty()));
    canvas.text((left - of, middle), &name.0, Face::name(Ink::Text).to_the_left());
    canvas.text((left, middle), &name.1, Face::name(Ink::Faint).to_the_left());
    for (index, (row, ratio)) in (0..).zip(ratios(line)) {
        let middle = top + (GAP + BAR.0) / 2 + index * BAR.0;
        let is_ours = row.runtime == Contender::Bowerbird;
        let corners = [(axis.at(1.0), middle - BAR.1 / 2), (axis.at(ratio), middle + BAR.1 / 2)];
        canvas.fill(ordered(corners), Ink::Of(row.runtime), if is_ours { 1.0 } else { 0.8 });
        whisker(canvas, axis, row, middle);
        let face = match line.verdict() {
            Some(Verdict::Behind) if is_ours => Face::words(Ink::Judged(Verdict::Behind)).bold(),
            _ if is_ours => Face::words(Ink::Text).bold(),
            _ => Face::words(Ink::Faint),
        };
        canvas.text((WIDTH - 8, middle), &format!("{}×", number(ratio)), face.to_the_left());
    }
}

fn ordered([one, other]: [(i32, i32); 2]) -> [(i32, i32); 2] {
    [(one.0.min(other.0), one.1), (one.0.max(other.0), other.1)]
}

/// From the smallest ratio to the largest. An end that is off the scale has no cap.
fn whisker(canvas: &Canvas<'_>, axis: &Axis, row: &Row, middle: i32) {
    let (Some(min), Some(max)) = (row.ratio_min, row.ratio_max) else { return };
    canvas.line((axis.at(min), middle), (axis.at(max), middle), Ink::Text, 1);
    for end in [min, max].into_iter().filter(|it| axis.has(*it)) {
        canvas.line((axis.at(end), middle - 2), (axis.at(end), middle + 2), Ink::Text, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        document::{
            Document,
            example::{self, row},
        },
        header::Header,
        reading::Unit,
        report::lines::{Rows, sections},
    };

    fn plot(document: &Document) -> Option<String> {
        let sections = sections(document, Rows::Telling);
        bars("plot", &sections[0].lines.iter().collect::<Vec<_>>())
    }

    #[test]
    fn everybody_but_tokio_has_a_bar_and_a_number() {
        let plot = plot(&example::document()).expect("there are ratios");
        let bars = |who| plot.matches(&format!("fill=\"{}\"", Ink::Of(who).hex())).count();
        assert_eq!(bars(Contender::Bowerbird), 3);
        assert_eq!(bars(Contender::Smol), 3);
        assert_eq!(bars(Contender::Tokio), 0);
        for text in ["spawn_and_await", "ping_pong", "cancel", "6.07×", "0.50×"] {
            assert!(
                plot.contains(&format!("\n{text}\n")) || plot.contains(&format!(">{text}\n")),
                "{text}"
            );
        }
    }

    #[test]
    fn a_bar_is_as_long_as_its_ratio() {
        let width = |ratio| {
            let ours = row("w", Contender::Bowerbird, Unit::P50, 1.0, Some(ratio));
            // It keeps the axis as it is.
            let other = row("w", Contender::Smol, Unit::P50, 1.0, Some(16.0));
            let document = Document { rows: vec![ours, other], ..Document::new(Header::default()) };
            let plot = plot(&document).expect("there are ratios");
            let ink = format!("fill=\"{}\"", Ink::Of(Contender::Bowerbird).hex());
            let bar = plot.lines().find(|it| it.contains(&ink)).expect("there is a bar").to_owned();
            let width = bar.split("width=\"").nth(1).and_then(|it| it.split('"').next());
            width.and_then(|it| it.parse::<i32>().ok()).expect("a bar has a width")
        };
        let [two, four, eight] = [2.0, 4.0, 8.0].map(width);
        assert!(
            (four - 2 * two).abs() <= 1 && (eight - 3 * two).abs() <= 2,
            "{two} {four} {eight}"
        );
    }

    #[test]
    fn nothing_is_drawn_of_what_has_no_ratio() {
        let rows = vec![row("w", Contender::Bowerbird, Unit::P50, 1.0, None)];
        assert_eq!(plot(&Document { rows, ..Document::new(Header::default()) }), None);
    }
}
