//! Which child comes first, where it matters who does?
//!
//! Of several that are ready at once the first one polled wins a race. So races
//! start at a child drawn anew each time, and go round from there.
//!
//! The numbers are those of a counter with a large odd stride, mixed by one wide
//! multiplication; each thread has its own, and starts where all others did, so
//! that a test on one thread repeats itself.

use std::cell::Cell;

sync::thread_local! {
    static STATE: Cell<u64> = const { Cell::new(0) };
}

/// A number below `count`, which is not zero.
pub(crate) fn draw(count: usize) -> usize {
    // On a thread that is about to end, whose variables are gone, the first one.
    let state = STATE.try_with(|state| {
        let next = state.get().wrapping_add(0xa076_1d64_78bd_642f);
        state.set(next);
        next
    });
    let state = u128::from(state.unwrap_or(0));
    let product = state * (state ^ 0xe703_7ed1_a0b4_28db);
    let mixed = (product >> 64) as u64 ^ product as u64;
    // The high half of the product: below `count` by construction.
    ((u128::from(mixed) * count as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::draw;

    #[test]
    fn every_start_is_as_likely() {
        let mut hits = [0_u32; 5];
        for _ in 0..5_000 {
            hits[draw(5)] += 1;
        }
        assert!(hits.iter().all(|it| (800..1_200).contains(it)), "{hits:?}");
        assert_eq!(draw(1), 0);
    }
}
