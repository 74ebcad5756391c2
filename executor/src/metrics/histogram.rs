//! How often did something take how long?
//!
//! Buckets that double: one holds what is below 32 ns, each next one twice the span
//! of the one before, the last all from 34 s on. So a figure read from them is right
//! to a factor of two, and counting costs a shift and an addition.

use super::counter::Counter;
use std::{iter, time::Duration};

const BUCKETS: usize = 32;

/// The first bucket ends at two to this power, in nanoseconds.
const FIRST: u32 = 5;

/// The bucket for a time.
fn index(nanos: u64) -> usize {
    let bits = u64::BITS - (nanos >> FIRST).leading_zeros();
    (bits as usize).min(BUCKETS - 1)
}

/// Where a bucket ends; the last does not.
fn end(index: usize) -> Duration {
    Duration::from_nanos(1 << (FIRST as usize + index))
}

/// Counts times, for one thread at a time.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    counts: [Counter; BUCKETS],
    /// In nanoseconds, as `max`.
    sum: Counter,
    max: Counter,
}

impl Buckets {
    pub(crate) fn add(&self, nanos: u64) {
        self.counts[index(nanos)].add(1);
        self.sum.add(nanos);
        self.max.raise(nanos);
    }

    pub(super) fn snapshot(&self) -> Histogram {
        Histogram {
            counts: std::array::from_fn(|i| self.counts[i].get()),
            sum: self.sum.get(),
            max: self.max.get(),
        }
    }
}

/// How long something took, in buckets that double: `[0, 32 ns)`, `[32 ns, 64 ns)`, …,
/// from 34 s on.
///
/// # Examples
///
/// ```
/// use bowerbird_executor::{Builder, ThreadDriver, spawn, yield_now};
/// use std::time::Duration;
///
/// let executor = Builder::new_current_thread().build_with(ThreadDriver::new)?;
/// executor.block_on(async {
///     let slow = spawn(async { std::thread::sleep(Duration::from_millis(3)) });
///     slow.await.unwrap();
/// });
/// let times = executor.handle().metrics().poll_times();
/// assert!(times.max() >= Duration::from_millis(3), "the first polls are all measured");
/// assert!(times.quantile(0.01).unwrap() <= times.quantile(0.99).unwrap());
/// assert_eq!(times.buckets().map(|it| it.1).sum::<u64>(), times.count());
/// # Ok::<(), bowerbird_executor::BuildError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: [u64; BUCKETS],
    /// In nanoseconds, as `max`.
    sum: u64,
    max: u64,
}

impl Histogram {
    /// How many times it holds.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their sum.
    #[must_use]
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum)
    }

    /// Their mean. `None`: there are none.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        self.sum.checked_div(self.count()).map(Duration::from_nanos)
    }

    /// The longest. Of the difference of two looks: a bound for it.
    #[must_use]
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// What a share `q` of them is not above, between 0 and 1: 0.5 is the median. It is
    /// right to a factor of two, and never too low. `None`: there are none.
    ///
    /// # Panics
    ///
    /// If `q` is not between 0 and 1.
    #[must_use]
    #[doc(alias = "percentile")]
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        assert!((0.0..=1.0).contains(&q), "a quantile is between 0 and 1, which {q} is not");
        let count = self.count();
        let rank = ((q * count as f64).ceil() as u64).clamp(1, count.max(1));
        let mut below = 0;
        let index = self.counts.iter().position(|count| {
            below += count;
            below >= rank
        })?;
        Some(if index == BUCKETS - 1 { self.max() } else { end(index).min(self.max()) })
    }

    /// Where each bucket ends, not included, and how many times are in it, from the
    /// shortest on. The last bucket, of all longer ones, ends at [`Duration::MAX`].
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        let ends = (0..BUCKETS - 1).map(end).chain(iter::once(Duration::MAX));
        ends.zip(self.counts.iter().copied())
    }

    /// Adds what `other` holds.
    pub(super) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }

    /// What came since `earlier`.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let counts: [u64; BUCKETS] =
            std::array::from_fn(|i| self.counts[i].saturating_sub(earlier.counts[i]));
        let max = match counts.iter().rposition(|it| *it > 0) {
            None => 0,
            Some(last) if last == BUCKETS - 1 => self.max,
            Some(last) => self.max.min(1 << (FIRST as usize + last)),
        };
        Self { counts, sum: self.sum.saturating_sub(earlier.sum), max }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn of(times: &[u64]) -> Histogram {
        let buckets = Buckets::default();
        times.iter().for_each(|it| buckets.add(*it));
        buckets.snapshot()
    }

    #[test]
    fn each_time_is_in_the_bucket_that_ends_above_it() {
        let edges = [0, 1, 31, 32, 33, 63, 64, 1_000, 1_000_000, 1 << 35, (1 << 35) - 1, u64::MAX];
        for nanos in edges {
            let histogram = of(&[nanos]);
            let (end, _) = histogram.buckets().find(|it| it.1 > 0).unwrap();
            let time = Duration::from_nanos(nanos);
            assert!(time < end, "{time:?} in the bucket to {end:?}");
            if end != Duration::MAX && nanos >= 32 {
                assert!(time >= end / 2, "{time:?} in the bucket to {end:?}");
            }
        }
        assert_eq!(of(&[1 << 35]).buckets().last().unwrap(), (Duration::MAX, 1));
        assert_eq!(of(&[(1 << 35) - 1]).buckets().last().unwrap(), (Duration::MAX, 0));
    }

    #[test]
    fn a_quantile_is_never_too_low_and_at_most_twice_too_high() {
        let times: Vec<u64> = (1..=1_000).map(|it| it * 100).collect();
        let histogram = of(&times);
        for (q, rank) in [(0.0, 1), (0.5, 500), (0.9, 900), (0.99, 990), (1.0, 1_000)] {
            let (exact, read) = (Duration::from_nanos(rank * 100), histogram.quantile(q).unwrap());
            assert!(exact <= read && read <= exact * 2, "{q}: {exact:?}, read {read:?}");
        }
        assert_eq!(histogram.max(), Duration::from_micros(100));
        assert_eq!(histogram.mean(), Some(Duration::from_nanos(50_050)));
    }

    #[test]
    fn an_empty_one_has_no_figures() {
        let histogram = Histogram::default();
        assert_eq!((histogram.count(), histogram.max()), (0, Duration::ZERO));
        assert_eq!((histogram.quantile(0.5), histogram.mean()), (None, None));
    }

    #[test]
    fn what_came_since_is_what_was_added() {
        let (early, late) = (of(&[40, 5_000]), of(&[40, 5_000, 100, 200]));
        let since = late.since(&early);
        assert_eq!((since.count(), since.sum()), (2, Duration::from_nanos(300)));
        assert_eq!(since.max(), Duration::from_nanos(256), "the end of its last bucket");
        assert_eq!(late.since(&late), Histogram::default());
    }

    #[test]
    fn two_are_one_when_added() {
        let mut both = of(&[1, 100]);
        both.add(&of(&[1_000]));
        assert_eq!(both, of(&[1, 100, 1_000]));
    }

    #[test]
    fn the_longest_times_are_not_cut_off() {
        let histogram = of(&[100_000_000_000]);
        assert_eq!(histogram.quantile(0.5), Some(Duration::from_secs(100)));
    }
}
