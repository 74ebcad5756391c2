//! Which victim does a thief try first?
//!
//! A generator of eight bytes and a nanosecond: a counter with a large odd
//! stride, its value mixed by one wide multiplication (wyrand). The state takes
//! all 2⁶⁴ values in turn whatever it starts from, so no seed is bad, zero
//! included.
//!
//! It is a value, not a global: a simulation seeds it and repeats a run.
//!
//! # Rejected
//!
//! * xorshift: zero is a state it never leaves.

/// Random numbers for spreading load. Not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Rng {
    state: u64,
}

impl Rng {
    /// A generator whose numbers depend on `seed` only. Any seed will do.
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number.
    pub(crate) const fn next_u32(&mut self) -> u32 {
        self.state = self.state.wrapping_add(0xa076_1d64_78bd_642f);
        let product = self.state as u128 * (self.state ^ 0xe703_7ed1_a0b4_28db) as u128;
        let mixed = (product >> 64) as u64 ^ product as u64;
        (mixed >> 32) as u32
    }

    /// A number below `n`, which is neither zero nor above 2³².
    ///
    /// Multiplies instead of dividing: some results are likelier than others by
    /// one part in 2³² / `n`.
    pub(crate) const fn below(&mut self, n: usize) -> usize {
        debug_assert!(0 < n && n as u64 <= 1 << 32, "out of range");
        ((self.next_u32() as u64 * n as u64) >> 32) as usize
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, proptest};

    proptest! {
        #[test]
        fn no_seed_sticks(seed in any::<u64>()) {
            let mut rng = Rng::new(seed);
            let numbers: std::collections::BTreeSet<_> = (0..64).map(|_| rng.next_u32()).collect();
            prop_assert!(numbers.len() > 60, "{} different of 64", numbers.len());
        }

        #[test]
        fn below_is_below(seed in any::<u64>(), n in 1_usize..1 << 20) {
            let mut rng = Rng::new(seed);
            prop_assert!((0..64).all(|_| rng.below(n) < n));
        }
    }

    #[test]
    fn the_worst_seeds_are_as_good_as_any() {
        // Zero; all ones; and those which make one factor of the product zero.
        let stride = 0xa076_1d64_78bd_642f_u64;
        let seeds = [0, u64::MAX, stride.wrapping_neg(), 0xe703_7ed1_a0b4_28db_u64 - stride];
        for seed in seeds {
            let mut rng = Rng::new(seed);
            let mut hits = [0_u32; 8];
            for _ in 0..8_000 {
                hits[rng.below(8)] += 1;
            }
            assert!(hits.iter().all(|it| (800..1_200).contains(it)), "{seed:#x}: {hits:?}");
        }
    }

    #[test]
    fn one_victim_needs_no_choice() {
        assert_eq!(Rng::new(0).below(1), 0);
    }

    #[test]
    fn a_seed_repeats_its_run() {
        let run = |seed| {
            let mut rng = Rng::new(seed);
            [(); 8].map(|()| rng.next_u32())
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }
}
