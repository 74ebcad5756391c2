//! Latencies by quantile: the further to the right, the rarer.

use super::curves::{Curve, Scale, draw};
use crate::document::Distribution;

/// What a quantile is drawn by: of how many latencies one is longer. `0.99` is 100.
fn one_of(quantile: f64) -> f64 {
    1.0 / (1.0 - quantile)
}

/// A curve per contender. None if nobody has latencies.
#[must_use]
pub fn quantiles(label: &str, all: &[&Distribution]) -> Option<String> {
    let curve = |it: &&Distribution| Curve {
        contender: it.runtime,
        // The longest of all is no quantile: it has nothing to its right.
        points: it.quantiles.iter().map(|it| (one_of(it.0), it.1)).collect(),
        has_dots: false,
    };
    let quantiles = [
        (0.5, "50%"),
        (0.9, "90%"),
        (0.99, "99%"),
        (0.999, "99.9%"),
        (0.9999, "99.99%"),
        (0.99999, "99.999%"),
    ];
    let ticks = quantiles.map(|(quantile, name)| (one_of(quantile), name.to_owned())).to_vec();
    let x = Scale { name: "quantile", ticks };
    let y = Scale { name: "latency, µs", ticks: vec![] };
    draw(label, all.iter().map(curve).collect(), &x, &y)
}
