//! All groups at a glance: a dot per line of the tables.

use super::axis::Axis;
use super::canvas::{Canvas, Face, name_width, svg};
use super::palette::Ink;
use crate::report::{
    lines::{Line, Section, Tally},
    number::number,
};

const WIDTH: i32 = 860;
const EDGE: i32 = 26;
const STRIP: i32 = 40;
const LEFT: i32 = 110;
const NUMBERS: i32 = 62;
/// How many dots go below each other before the next may cover the first.
const LANES: i32 = 5;

/// A strip per group. None if there is no ratio.
#[must_use]
pub fn overview(sections: &[Section<'_>]) -> Option<String> {
    let sections: Vec<_> =
        sections.iter().filter(|it| Tally::of(&it.lines).mean.is_some()).collect();
    let ratios = || sections.iter().flat_map(|it| ratios(it)).map(|it| it.0);
    let longest = sections.iter().map(|it| it.group.name().len()).max()?;
    let left = LEFT.max(name_width(longest) + 20);
    let (low, high) = (ratios().fold(0.8, f64::min), ratios().fold(1.25, f64::max));
    let axis = Axis::new(low / 1.15, high * 1.15, (left, WIDTH - NUMBERS));
    let height = 2 * EDGE + STRIP * i32::try_from(sections.len()).ok()?;
    let label = "bowerbird's ratios over tokio, a dot each, by group";
    Some(svg(label, (WIDTH, height), |canvas| {
        for index in (0..sections.len()).step_by(2) {
            let top = top(index);
            canvas.fill([(0, top), (WIDTH, top + STRIP)], Ink::Stripe, 1.0);
        }
        for (value, name) in axis.ratios() {
            let x = axis.at(value);
            canvas.line((x, EDGE - 4), (x, height - EDGE + 4), Ink::Grid, 1);
            let face = Face::words(Ink::Faint).centered();
            canvas.text((x, height - EDGE + 14), &format!("{name}×"), face);
        }
        let equal = axis.at(1.0);
        canvas.line((equal, EDGE - 8), (equal, height - EDGE + 4), Ink::Equal, 1);
        canvas.text(
            (equal - 8, EDGE - 14),
            "← tokio better",
            Face::words(Ink::Faint).to_the_left(),
        );
        canvas.text((equal + 8, EDGE - 14), "bowerbird better →", Face::words(Ink::Faint));
        let mean = Face::words(Ink::Faint).to_the_left();
        canvas.text((WIDTH - 8, EDGE - 14), "mean", mean);
        for (index, section) in sections.iter().enumerate() {
            strip(canvas, &axis, section, top(index));
        }
    }))
}

fn top(index: usize) -> i32 {
    EDGE + STRIP * i32::try_from(index).unwrap_or(i32::MAX / STRIP / 2)
}

/// bowerbird's ratios, each with the ink of its verdict.
fn ratios(section: &Section<'_>) -> Vec<(f64, Ink)> {
    let of_line =
        |line: &Line<'_>| Some((line.ours()?.ratio_vs_tokio?, Ink::Judged(line.verdict()?)));
    section.lines.iter().filter_map(of_line).collect()
}

fn strip(canvas: &Canvas<'_>, axis: &Axis, section: &Section<'_>, top: i32) {
    let middle = top + STRIP / 2;
    let name = section.group.name();
    canvas.text((axis.pixels().0 - 12, middle), name, Face::name(Ink::Text).to_the_left());
    let mut ratios = ratios(section);
    ratios.sort_by(|one, other| one.0.total_cmp(&other.0));
    for (index, (ratio, ink)) in (0..).zip(ratios) {
        // Neighbours in value are far apart in lanes: 0, 2, 4, 1, 3.
        let lane = index * 2 % LANES - LANES / 2;
        canvas.dot((axis.at(ratio), middle + lane * 5), 4, ink, 0.75);
    }
    if let Some(mean) = Tally::of(&section.lines).mean {
        let x = axis.at(mean);
        canvas.line((x, top + 4), (x, top + STRIP - 4), Ink::Text, 2);
        let face = Face::words(Ink::Text).bold().to_the_left();
        canvas.text((WIDTH - 8, middle), &format!("{}×", number(mean)), face);
    }
}
