//! How much later than planned, at random?
//!
//! A counter whose value is mixed (splitmix64): eight bytes, any seed will do, and a
//! test that names one sees the same delays again. Not for secrets.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// Random delays below a bound.
#[derive(Clone, Debug)]
pub(super) struct Jitter {
    bound: Duration,
    state: u64,
}

impl Jitter {
    /// Delays below `bound`, of which no seed says which.
    pub(super) fn new(bound: Duration, seed: Option<u64>) -> Self {
        // The keys of the standard library's hash maps are random.
        let state = seed.unwrap_or_else(|| RandomState::new().hash_one(bound));
        Self { bound, state }
    }

    /// The next delay: zero at least, less than the bound unless that is zero.
    pub(super) fn draw(&mut self) -> Duration {
        // 584 years of nanoseconds are enough.
        let bound = u64::try_from(self.bound.as_nanos()).unwrap_or(u64::MAX);
        let scaled = u128::from(self.next()) * u128::from(bound);
        Duration::from_nanos((scaled >> 64) as u64)
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::Jitter;
    use std::time::Duration;

    #[test]
    fn delays_fill_the_range_and_stay_inside() {
        let bound = Duration::from_secs(8);
        for seed in [0, 1, u64::MAX] {
            let mut jitter = Jitter::new(bound, Some(seed));
            let mut eighths = [0; 8];
            for _ in 0..8_000 {
                let delay = jitter.draw();
                assert!(delay < bound);
                eighths[delay.as_secs() as usize] += 1;
            }
            assert!(eighths.iter().all(|it| (800..1_200).contains(it)), "{eighths:?}");
        }
    }

    #[test]
    fn no_bound_is_too_small_or_too_large() {
        assert_eq!(Jitter::new(Duration::ZERO, None).draw(), Duration::ZERO);
        assert_eq!(Jitter::new(Duration::from_nanos(1), None).draw(), Duration::ZERO);
        let mut jitter = Jitter::new(Duration::MAX, Some(7));
        assert!((0..100).any(|_| jitter.draw() > Duration::from_secs(1 << 32)));
    }

    #[test]
    fn a_seed_repeats_itself_and_chance_does_not() {
        let delays = |seed| {
            let mut jitter = Jitter::new(Duration::from_secs(1), seed);
            [(); 8].map(|()| jitter.draw())
        };
        assert_eq!(delays(Some(7)), delays(Some(7)));
        assert_ne!(delays(Some(7)), delays(Some(8)));
        assert_ne!(delays(None), delays(None));
    }
}
