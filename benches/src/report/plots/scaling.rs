//! What one costs when there are many: a flat curve is a good one.

use super::curves::{Curve, Scale, draw};
use crate::{contender::Contender, report::lines::Line};

/// A curve per contender over the sizes of one workload, whose lines these are. None if
/// it was done in one size only.
#[must_use]
pub fn scaling(label: &str, lines: &[&Line<'_>]) -> Option<String> {
    let [first, _, ..] = lines else { return None };
    let curve = |contender| {
        let point = |line: &&Line<'_>| {
            line.of(contender).map(|row| (line.question.size as f64, row.median))
        };
        Curve { contender, points: lines.iter().filter_map(point).collect(), has_dots: true }
    };
    let curves: Vec<_> = Contender::ALL.into_iter().map(curve).collect();
    let x = Scale { name: "how many", ticks: vec![] };
    let y = Scale { name: first.question.unit.name(), ticks: vec![] };
    draw(label, curves, &x, &y)
}
