//! Logarithmic scales: what is twice as much is as far away wherever it stands.

/// From values to pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    pixels: (i32, i32),
}

impl Axis {
    /// From the smaller to the larger of the values, which are above zero, drawn from one
    /// pixel to the other.
    pub(super) fn new(low: f64, high: f64, pixels: (i32, i32)) -> Self {
        Self { low, high: high.max(low * 1.001), pixels }
    }

    /// Whether it has a place for the value.
    pub(super) fn has(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// The place of a value. What is off the scale is at its end.
    pub(super) fn at(&self, value: f64) -> i32 {
        let part = (value.clamp(self.low, self.high) / self.low).ln() / (self.high / self.low).ln();
        let (start, end) = self.pixels;
        start + (f64::from(end - start) * part).round() as i32
    }

    /// Where it starts and where it ends.
    pub(super) fn pixels(&self) -> (i32, i32) {
        self.pixels
    }

    /// Ratios: powers of two, but not more than a few; some others if there would be
    /// hardly any. Each with its name: `1/2`, `1`, `1.5`.
    pub(super) fn ratios(&self) -> Vec<(f64, String)> {
        const NEAR_ONE: [f64; 10] = [0.3, 0.5, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 3.0];
        if self.high / self.low < 7.0 {
            return NEAR_ONE
                .into_iter()
                .filter(|it| self.has(*it))
                .map(|it| (it, tick(it)))
                .collect();
        }
        let all: Vec<i32> = (-40..=40).filter(|it| self.has(2f64.powi(*it))).collect();
        let step = i32::try_from(all.len() / 9 + 1).unwrap_or(1);
        let name = |power: i32| match power {
            ..0 => format!("1/{}", tick(2f64.powi(-power))),
            _ => tick(2f64.powi(power)),
        };
        let some = all.into_iter().filter(|it| it % step == 0);
        some.map(|it| (2f64.powi(it), name(it))).collect()
    }

    /// Powers of ten; and 2 and 5 of each if they alone would be few.
    pub(super) fn decades(&self) -> Vec<f64> {
        let powers = (-15..=15).map(|it| 10f64.powi(it));
        let steps: &[f64] = match self.high / self.low {
            range if range < 400.0 => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        let all = powers.flat_map(|power| steps.iter().map(move |step| step * power));
        all.filter(|it| self.has(*it)).collect()
    }
}

/// A tick's value: `0.5`, `10`, `2k`.
pub(super) fn tick(value: f64) -> String {
    let (scaled, suffix) = match value {
        value if value < 1e3 => (value, ""),
        value if value < 1e6 => (value / 1e3, "k"),
        value if value < 1e9 => (value / 1e6, "M"),
        value => (value / 1e9, "G"),
    };
    // Ticks are 1, 2 or 5 times a power of ten, so this has no digits too many but those
    // that a power is short of exact.
    format!("{}{suffix}", (scaled * 1e9).round() / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_twice_as_much_is_as_far_away() {
        let axis = Axis::new(1.0, 8.0, (100, 400));
        assert_eq!([1.0, 2.0, 4.0, 8.0].map(|it| axis.at(it)), [100, 200, 300, 400]);
        assert_eq!([0.1, 100.0].map(|it| axis.at(it)), [100, 400]);
        assert_eq!(axis.decades(), [1.0, 2.0, 5.0]);
    }

    #[test]
    fn ratios_below_one_are_fractions() {
        let names = |low, high| {
            let ticks = Axis::new(low, high, (0, 1)).ratios();
            ticks.into_iter().map(|it| it.1).collect::<Vec<_>>()
        };
        assert_eq!(names(0.2, 4.1), ["1/4", "1/2", "1", "2", "4"]);
        assert_eq!(names(0.75, 1.6), ["0.8", "0.9", "1", "1.2", "1.5"]);
        assert_eq!(names(0.9, 1e6).len(), 7, "not each of twenty doublings");
    }

    #[test]
    fn an_axis_may_lead_upwards() {
        assert_eq!(Axis::new(1.0, 100.0, (200, 0)).at(10.0), 100);
    }

    #[test]
    fn ticks_have_no_digits_too_many() {
        assert_eq!([0.25, 1.0, 20.0, 5e4, 1e6].map(tick), ["0.25", "1", "20", "50k", "1M"]);
    }
}
