//! Numbers as they are read: three digits, not more than a benchmark knows.

/// A value of any size: `0.042`, `8.20`, `134`, `2714`, `81.3k`.
#[must_use]
pub fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 9_999.5 => digits(value),
        size if size < 999_500.0 => format!("{}k", digits(value / 1e3)),
        size if size < 999_500_000.0 => format!("{}M", digits(value / 1e6)),
        _ => format!("{}G", digits(value / 1e9)),
    }
}

/// How many there are of it: `200`, `10k`, `1M`, `1234`.
#[must_use]
pub fn size(size: u64) -> String {
    match size {
        0 => "0".to_owned(),
        size if size % 1_000_000 == 0 => format!("{}M", size / 1_000_000),
        size if size % 1_000 == 0 => format!("{}k", size / 1_000),
        size => size.to_string(),
    }
}

/// A part of one as a percentage: `3.1%`.
#[must_use]
pub fn percent(part: f64) -> String {
    match part.abs() * 100.0 {
        percent if percent < 9.95 => format!("{:.1}%", part * 100.0),
        _ => format!("{:.0}%", part * 100.0),
    }
}

fn digits(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 0.0095 => format!("{value:.4}"),
        size if size < 0.095 => format!("{value:.3}"),
        size if size < 9.995 => format!("{value:.2}"),
        size if size < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_three_digits_wherever_its_point_is() {
        for (value, text) in [
            (0.0, "0"),
            (0.0042, "0.0042"),
            (0.042, "0.042"),
            (0.42, "0.42"),
            (9.999, "10.0"),
            (99.97, "100"),
            (2714.4, "2714"),
            (9_999.7, "10.0k"),
            (81_300.0, "81.3k"),
            (999_700.0, "1.00M"),
            (2.5e9, "2.50G"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn a_size_is_exact() {
        assert_eq!([0, 200, 10_000, 1_234, 2_000_000].map(size), ["0", "200", "10k", "1234", "2M"]);
    }

    #[test]
    fn a_part_is_a_percentage() {
        assert_eq!([0.0, 0.0314, 0.5, 1.25].map(percent), ["0.0%", "3.1%", "50%", "125%"]);
    }
}
