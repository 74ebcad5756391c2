//! A curve for each contender, on two logarithmic scales.

use super::axis::{Axis, tick};
use super::canvas::{Canvas, Face, svg};
use super::palette::Ink;
use crate::contender::Contender;

const SIZE: (i32, i32) = (460, 290);
const LEFT: i32 = 62;
/// For the names at the ends of the curves.
const RIGHT: i32 = 80;
const TOP: i32 = 12;
const BOTTOM: i32 = 44;
/// Between the names of curves that end close together.
const NAMES_APART: i32 = 15;

/// Points of one contender, from left to right.
pub(super) struct Curve {
    pub(super) contender: Contender,
    pub(super) points: Vec<(f64, f64)>,
    /// Whether the points were measured one by one, and are to be seen.
    pub(super) has_dots: bool,
}

/// What stands beside an axis.
pub(super) struct Scale<'a> {
    pub(super) name: &'a str,
    /// Values with their names; none: powers of ten.
    pub(super) ticks: Vec<(f64, String)>,
}

/// All curves in one plot. None if there is nothing to draw.
pub(super) fn draw(
    label: &str,
    mut curves: Vec<Curve>,
    x: &Scale<'_>,
    y: &Scale<'_>,
) -> Option<String> {
    for curve in &mut curves {
        curve.points.retain(|(x, y)| [x, y].iter().all(|it| it.is_finite() && **it > 0.0));
    }
    curves.retain(|it| !it.points.is_empty());
    let points = || curves.iter().flat_map(|it| it.points.iter().copied());
    let (low, high) = range(points().map(|it| it.0))?;
    let across = Axis::new(low, high, (LEFT, SIZE.0 - RIGHT));
    let (low, high) = range(points().map(|it| it.1))?;
    // A flat curve is drawn flat, and not as the noise in it.
    let (low, high) = (low.min(high / 4.0) / 1.15, high * 1.15);
    let up = Axis::new(low, high, (SIZE.1 - BOTTOM, TOP));
    Some(svg(label, SIZE, |canvas| {
        scales(canvas, &across, &up, x, y);
        for curve in &curves {
            let places = curve.points.iter().map(|it| (across.at(it.0), up.at(it.1)));
            let places: Vec<_> = places.collect();
            if curve.has_dots {
                places.iter().for_each(|it| canvas.dot(*it, 3, Ink::Of(curve.contender), 1.0));
            }
            canvas.path(places, Ink::Of(curve.contender), 2);
        }
        names(canvas, &curves, &across, &up);
    }))
}

fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |range, value| {
        let (low, high) = range.unwrap_or((value, value));
        Some((value.min(low), value.max(high)))
    })
}

fn scales(canvas: &Canvas<'_>, across: &Axis, up: &Axis, x: &Scale<'_>, y: &Scale<'_>) {
    let (left, right) = across.pixels();
    let (bottom, top) = up.pixels();
    for (value, name) in ticks(across, x) {
        canvas.line((across.at(value), bottom), (across.at(value), top), Ink::Grid, 1);
        canvas.text((across.at(value), bottom + 13), &name, Face::words(Ink::Faint).centered());
    }
    for (value, name) in ticks(up, y) {
        canvas.line((left, up.at(value)), (right, up.at(value)), Ink::Grid, 1);
        canvas.text((left - 7, up.at(value)), &name, Face::words(Ink::Faint).to_the_left());
    }
    canvas.line((left, bottom), (right, bottom), Ink::Equal, 1);
    let middle = ((left + right) / 2, SIZE.1 - 10);
    canvas.text(middle, x.name, Face::words(Ink::Text).centered());
    canvas.text((11, (top + bottom) / 2), y.name, Face::words(Ink::Text).centered().upward());
}

fn ticks(axis: &Axis, scale: &Scale<'_>) -> Vec<(f64, String)> {
    match scale.ticks.as_slice() {
        [] => axis.decades().into_iter().map(|it| (it, tick(it))).collect(),
        some => some.iter().filter(|it| axis.has(it.0)).cloned().collect(),
    }
}

/// Names at the ends of curves, moved apart where they would cover each other.
fn names(canvas: &Canvas<'_>, curves: &[Curve], across: &Axis, up: &Axis) {
    let mut names: Vec<_> =
        curves.iter().filter_map(|it| Some((it.contender, up.at(it.points.last()?.1)))).collect();
    names.sort_by_key(|it| it.1);
    let mut above = i32::MIN / 2;
    for (_, y) in &mut names {
        *y = (*y).max(above + NAMES_APART);
        above = *y;
    }
    // Those at the bottom have nowhere to go but up again.
    let mut below = up.pixels().0 + NAMES_APART;
    for (contender, y) in names.iter_mut().rev() {
        *y = (*y).min(below - NAMES_APART);
        below = *y;
        let ours = *contender == Contender::Bowerbird;
        let face = Face::words(Ink::Of(*contender));
        let at = (across.pixels().1 + 7, *y);
        canvas.text(at, contender.name(), if ours { face.bold() } else { face });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: &[&[(f64, f64)]]) -> Option<String> {
        let curve = |(contender, points): (Contender, &&[(f64, f64)])| Curve {
            contender,
            points: points.to_vec(),
            has_dots: true,
        };
        let scale = |name| Scale { name, ticks: vec![] };
        let curves = Contender::ALL.into_iter().zip(points).map(curve).collect();
        draw("plot", curves, &scale("x"), &scale("y"))
    }

    /// The heights of the names at the right.
    fn heights(plot: &str) -> Vec<i32> {
        let right = format!("<text x=\"{}\" y=\"", SIZE.0 - RIGHT + 7);
        let names = plot.lines().filter_map(|it| it.strip_prefix(&right));
        names
            .map(|it| it.split('"').next().and_then(|it| it.parse().ok()).expect("a number"))
            .collect()
    }

    #[test]
    fn names_do_not_cover_each_other() {
        let plot = plot(&[[(1.0, 5.0), (9.0, 5.0)].as_slice(); 7]).expect("there are points");
        let mut heights = heights(&plot);
        heights.sort_unstable();
        assert_eq!(heights.len(), 7);
        assert!(heights.windows(2).all(|it| it[1] - it[0] >= NAMES_APART), "{heights:?}");
        assert!(heights.iter().all(|it| (0..=SIZE.1 - BOTTOM).contains(it)), "{heights:?}");
    }

    #[test]
    fn what_has_no_place_on_a_logarithmic_scale_is_left_out() {
        let plot = plot(&[&[(1.0, 0.0), (2.0, 5.0), (f64::INFINITY, 5.0)], &[(1.0, 0.0)]]);
        let plot = plot.expect("there is a point");
        assert_eq!((plot.matches("<circle").count(), heights(&plot).len()), (1, 1));
        assert!(!plot.contains("NaN"));
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert_eq!(plot(&[&[]]), None);
        assert_eq!(plot(&[]), None);
    }
}
