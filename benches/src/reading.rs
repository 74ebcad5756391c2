//! What a sample gives: values with their units.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Unit {
    /// Processor time of the process, per operation.
    #[serde(rename = "ns cpu/op")]
    CpuPerOperation,
    /// Time on the wall, per operation.
    #[serde(rename = "ns wall/op")]
    WallPerOperation,
    /// How many times longer than with processors that lose nothing.
    #[serde(rename = "x ideal")]
    OverIdeal,
    /// The middle of the latencies.
    #[serde(rename = "us p50")]
    P50,
    /// Of a hundred latencies, one is longer.
    #[serde(rename = "us p99")]
    P99,
    /// Of a thousand latencies, one is longer.
    #[serde(rename = "us p99.9")]
    P999,
    /// The longest.
    #[serde(rename = "us max")]
    Max,
    /// Requests, or what stands for them, per second.
    #[serde(rename = "op/s")]
    Throughput,
    /// A million bytes, per second.
    #[serde(rename = "MB/s")]
    Megabytes,
    /// Processor time of the server, per request.
    #[serde(rename = "us server cpu/op")]
    ServerCpu,
    /// System calls of the server, per request.
    #[serde(rename = "server syscalls/op")]
    SystemCalls,
    /// Context switches of the server, per request.
    #[serde(rename = "server switches/op")]
    ContextSwitches,
    /// Bytes asked of the allocator and not given back, per item.
    #[serde(rename = "B heap/item")]
    HeapBytes,
    /// Calls of the allocator, per item.
    #[serde(rename = "allocations/item")]
    Allocations,
    /// Bytes of memory that the process has from the kernel, per item.
    #[serde(rename = "B resident/item")]
    ResidentBytes,
}

impl Unit {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 15] = [
        Self::CpuPerOperation,
        Self::WallPerOperation,
        Self::OverIdeal,
        Self::P50,
        Self::P99,
        Self::P999,
        Self::Max,
        Self::Throughput,
        Self::Megabytes,
        Self::ServerCpu,
        Self::SystemCalls,
        Self::ContextSwitches,
        Self::HeapBytes,
        Self::Allocations,
        Self::ResidentBytes,
    ];

    /// As it stands in tables and in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CpuPerOperation => "ns cpu/op",
            Self::WallPerOperation => "ns wall/op",
            Self::OverIdeal => "x ideal",
            Self::P50 => "us p50",
            Self::P99 => "us p99",
            Self::P999 => "us p99.9",
            Self::Max => "us max",
            Self::Throughput => "op/s",
            Self::Megabytes => "MB/s",
            Self::ServerCpu => "us server cpu/op",
            Self::SystemCalls => "server syscalls/op",
            Self::ContextSwitches => "server switches/op",
            Self::HeapBytes => "B heap/item",
            Self::Allocations => "allocations/item",
            Self::ResidentBytes => "B resident/item",
        }
    }

    /// Whether more of it is better.
    #[must_use]
    pub fn is_better_when_higher(self) -> bool {
        matches!(self, Self::Throughput | Self::Megabytes)
    }

    /// Whether it decides who is ahead. The ends of a distribution rest on few values, and
    /// a context switch is no harm by itself: its price is in the other rows.
    #[must_use]
    pub fn is_judged(self) -> bool {
        !matches!(self, Self::P999 | Self::Max | Self::ContextSwitches)
    }

    /// Whether it is worth a line of a table with so many workers. Processor time
    /// does not run while another program has the processor, so it is the better
    /// clock for one worker. With several workers it hides what matters: one that
    /// waits for the other costs nothing.
    #[must_use]
    pub fn is_telling(self, workers: usize) -> bool {
        match self {
            Self::CpuPerOperation => workers == 1,
            Self::WallPerOperation => workers != 1,
            _ => true,
        }
    }
}

/// A value with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// What is counted.
    pub unit: Unit,
    /// How much of it.
    pub value: f64,
}

impl Reading {
    /// So much of it.
    #[must_use]
    pub fn new(unit: Unit, value: f64) -> Self {
        Self { unit, value }
    }
}

/// What one sample gave.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// One value per unit.
    pub readings: Vec<Reading>,
    /// Latencies in nanoseconds, where each is known.
    pub latencies: Option<Histogram<u64>>,
}

impl Sample {
    /// Of these, without latencies.
    #[must_use]
    pub fn of(readings: impl IntoIterator<Item = (Unit, f64)>) -> Self {
        let reading = |(unit, value)| Reading { unit, value };
        Self { readings: readings.into_iter().map(reading).collect(), latencies: None }
    }

    /// Of latencies: their quantiles, and all of them.
    #[must_use]
    pub fn of_latencies(latencies: Histogram<u64>) -> Self {
        let micros = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
        let mut sample = Self::of([
            (Unit::P50, micros(0.5)),
            (Unit::P99, micros(0.99)),
            (Unit::P999, micros(0.999)),
            (Unit::Max, latencies.max() as f64 / 1e3),
        ]);
        sample.latencies = Some(latencies);
        sample
    }
}

/// A histogram for latencies: three digits, up to ten minutes. With two, a difference of
/// one part in a hundred is none or two, and the A/A of a median is zero.
///
/// # Panics
///
/// Never: the bounds are good ones.
#[must_use]
pub fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000_000, 3).expect("the bounds are good ones")
}

/// Notes a latency.
pub fn note(latencies: &mut Histogram<u64>, latency: Duration) {
    latencies.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_has_one_name() {
        for unit in Unit::ALL {
            let json = serde_json::to_value(unit).expect("a unit can be written");
            assert_eq!(json, unit.name());
        }
    }

    #[test]
    fn latencies_give_their_quantiles() {
        let mut histogram = latencies();
        (1..=100).for_each(|micros| note(&mut histogram, Duration::from_micros(micros)));
        let sample = Sample::of_latencies(histogram);
        let value = |unit| sample.readings.iter().find(|it| it.unit == unit).map(|it| it.value);
        assert!((49.0..=51.0).contains(&value(Unit::P50).expect("it is there")));
        assert!((99.0..=101.0).contains(&value(Unit::Max).expect("it is there")));
    }
}
