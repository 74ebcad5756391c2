//! What the attribute macros hand over: plain data.
//!
//! Reached only through the code that `#[main]` and `#[test]` write, and no part
//! of the public interface.

use std::time::Duration;

/// The options of `#[main]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MainConfig {
    /// At least 1. `None`: one per core.
    pub worker_threads: Option<usize>,
    /// On which threads tasks run.
    pub flavor: Flavor,
    /// `None`: as the environment says.
    pub debug: Option<bool>,
}

/// On which threads tasks run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// On the calling thread and others.
    MultiThread,
    /// On the calling thread only.
    CurrentThread,
}

/// The options of `#[test]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestConfig {
    /// The test's path, for reports.
    pub name: &'static str,
    /// At least 1. `None`: the calling thread only.
    pub worker_threads: Option<usize>,
    /// Whether time stands still, and jumps when all tasks wait.
    pub clock_virtual: bool,
    /// `None`: [`TestConfig::TIMEOUT_DEFAULT`].
    pub timeout: Option<Duration>,
    /// Of the runtime's random choices. `None`: by chance.
    pub seed: Option<u64>,
}

impl TestConfig {
    /// How long a test may take when it does not say: long enough for a slow
    /// machine, short enough to wait for.
    pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);
}

/// A duration as the options write it: `"250ms"`, `"10s"`, `"2m"`.
///
/// # Panics
///
/// If `text` is anything else, or zero; the macros call it in a constant, so this
/// is an error at compile time.
#[must_use]
pub const fn duration(text: &str) -> Duration {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut number = 0_u64;
    while at < bytes.len() && bytes[at].is_ascii_digit() {
        let digit = (bytes[at] - b'0') as u64;
        let Some(tens) = number.checked_mul(10) else { panic!("a duration this long is none") };
        let Some(sum) = tens.checked_add(digit) else { panic!("a duration this long is none") };
        number = sum;
        at += 1;
    }
    assert!(number > 0, "a duration is a number above zero and a unit, as in \"10s\"");
    let milliseconds = match bytes.split_at(at).1 {
        b"ms" => Some(number),
        b"s" => number.checked_mul(1_000),
        b"m" => number.checked_mul(60_000),
        _ => panic!("a duration ends with its unit: \"ms\", \"s\" or \"m\""),
    };
    match milliseconds {
        Some(milliseconds) => Duration::from_millis(milliseconds),
        None => panic!("a duration this long is none"),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;
    use std::{panic::catch_unwind, time::Duration};

    #[test]
    fn durations_have_a_number_and_a_unit() {
        assert_eq!(duration("250ms"), Duration::from_millis(250));
        assert_eq!(duration("10s"), Duration::from_secs(10));
        assert_eq!(duration("2m"), Duration::from_secs(120));
    }

    #[test]
    fn anything_else_is_refused() {
        let long = format!("{}s", u64::MAX);
        for text in ["", "10", "s", "0s", "1h", "1.5s", "-1s", " 1s", "1s ", "1 s", "1µs", &long] {
            assert!(catch_unwind(|| duration(text)).is_err(), "{text:?}");
        }
    }
}
