//! Slots that are added while the wakers of others are out.
//!
//! A waker points to its slot, so no slot ever moves. They live in chunks, each
//! twice as long as the one before: chunk `k` has the numbers from `FIRST * (2^k - 1)`
//! on, so number and place are each computed from the other. The chunks go when the
//! set and all wakers have gone.
//!
//! Only the poller follows a number to its slot and adds chunks; a waker has the
//! address. So nothing crosses between threads here: a [`OnceLock`] is what lets the
//! table of chunks be written while wakers share the list it is a part of.
//!
//! # Rejected
//!
//! * Slots linked by address: no table, but an `unsafe` dereference per step, where
//!   now an index is checked.
//! * Chunks with a count of their own: those that are empty could be freed early, but
//!   each wake would go through one more pointer.

use super::{ReadySet, Slot, Slots};
use std::{fmt, ops::Range, sync::OnceLock, task::Waker};

/// How many slots the first chunk has.
const FIRST: usize = if cfg!(loom) { 1 } else { 16 };

/// So many chunks have all the numbers there are.
const CHUNKS: usize = if cfg!(loom) { 3 } else { 28 };

/// Slots in chunks; none at first.
#[derive(Default)]
pub struct Chunks {
    table: [OnceLock<Box<[Slot]>>; CHUNKS],
}

impl Chunks {
    /// How many slots the chunks before this one have.
    fn start(chunk: usize) -> usize {
        FIRST * ((1 << chunk) - 1)
    }

    fn chunk_of(index: usize) -> usize {
        (index / FIRST + 1).ilog2() as usize
    }
}

// SAFETY: 1: a chunk is never taken out of its cell, and a boxed slice stays where it
// is when the cell moves. 2: the place is computed from the number, the cell is
// written once, and there are none at first.
unsafe impl Slots for Chunks {
    fn first(&mut self) -> &mut [Slot] {
        &mut []
    }

    fn slot(&self, index: usize) -> &Slot {
        let chunk = Self::chunk_of(index);
        let slots = self.table[chunk].get().expect("a number comes from a chunk that is there");
        &slots[index - Self::start(chunk)]
    }
}

impl ReadySet<Chunks> {
    /// A set without slots, to which they are [added](Self::grow).
    pub(super) fn growing() -> Self {
        Self::new(Chunks::default(), Waker::noop())
    }

    /// Adds slots, retired ones. Returns their numbers.
    ///
    /// # Panics
    ///
    /// If there are four billion already.
    pub(super) fn grow(&mut self) -> Range<usize> {
        let table = &self.list.slots.table;
        let chunk = table.iter().position(|it| it.get().is_none());
        let chunk = chunk.expect("a set has at most 4,294,967,280 children");
        let numbers = Chunks::start(chunk)..Chunks::start(chunk + 1);
        let slots = numbers.clone().map(|index| self.retired(index)).collect();
        let added = table[chunk].set(slots);
        debug_assert!(added.is_ok(), "only the poller adds chunks");
        numbers
    }
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chunks = self.table.iter().take_while(|it| it.get().is_some()).count();
        f.debug_struct("Chunks").field("slots", &Self::start(chunks)).finish()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn number_and_place_are_each_others_inverse() {
        let mut index = 0;
        for chunk in 0..12 {
            for at in Chunks::start(chunk)..Chunks::start(chunk + 1) {
                assert_eq!((at, Chunks::chunk_of(at)), (index, chunk));
                index += 1;
            }
        }
        assert_eq!(Chunks::start(CHUNKS) as u64, u64::from(u32::MAX) - 15);
    }

    #[test]
    fn a_set_grows_and_its_slots_stay_where_they_are() {
        let mut set = ReadySet::growing();
        assert_eq!((set.grow(), set.peek()), (0..16, None));
        let before = std::ptr::from_ref(set.list.slots.slot(15));
        assert_eq!((set.grow(), set.grow()), (16..48, 48..112));
        assert_eq!(std::ptr::from_ref(set.list.slots.slot(15)), before);
        for index in [40, 3, 111] {
            set.revive(index);
        }
        assert_eq!(std::iter::from_fn(|| set.pop()).collect::<Vec<_>>(), [40, 3, 111]);
    }
}
