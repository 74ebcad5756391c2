//! What is cheaper than a heap when deadlines come in order?
//!
//! A queue whose items are in order, because only an item that comes after the last
//! one is put in. To put in, to take out the first, and to take out any at all cost
//! the same few nanoseconds, however many there are.
//!
//! ```text
//!     start ─▶ first │ … │ hole │ … │ hole │ … │ last ◀─ push
//! ```
//!
//! An item taken out of the middle leaves a hole. The ends are never holes, so to take
//! out an end takes the holes behind it along. Holes are kept few by the owner of the
//! lane: see [`is_sparse`](Lane::is_sparse).
//!
//! An index stays that of its item: `start` counts what has left in front, and goes
//! round.

use super::places::{INDEX_MASK, Item};
use std::collections::VecDeque;

/// The id of a hole.
const HOLE: u32 = u32::MAX;

/// So many holes are nothing.
const HOLES_FEW: usize = if cfg!(debug_assertions) { 2 } else { 64 };

/// Where indices begin: near their wrap-around in debug builds, so that every test
/// crosses it.
const START: u32 = if cfg!(debug_assertions) { INDEX_MASK - 3 } else { 0 };

#[derive(Debug)]
pub(super) struct Lane {
    items: VecDeque<Item>,
    start: u32,
    holes: usize,
}

impl Lane {
    pub(super) const fn new() -> Self {
        Self { items: VecDeque::new(), start: START, holes: 0 }
    }

    pub(super) fn first(&self) -> Option<&Item> {
        self.items.front()
    }

    /// The last deadline.
    pub(super) fn last_deadline(&self) -> Option<u64> {
        self.items.back().map(|item| item.deadline)
    }

    /// Puts in an item that is not before the last one. Returns its index.
    pub(super) fn push(&mut self, item: Item) -> u32 {
        debug_assert!(self.items.back().is_none_or(|last| !item.is_before(last)));
        let index = self.start.wrapping_add(self.items.len() as u32) & INDEX_MASK;
        self.items.push_back(item);
        index
    }

    pub(super) fn pop_first(&mut self) -> Option<Item> {
        let first = self.items.pop_front()?;
        self.start = self.start.wrapping_add(1) & INDEX_MASK;
        self.trim_first();
        Some(first)
    }

    pub(super) fn pop_last(&mut self) -> Option<Item> {
        let last = self.items.pop_back()?;
        self.trim_last();
        Some(last)
    }

    /// Takes out the item at `index`.
    pub(super) fn remove(&mut self, index: u32) -> Item {
        let at = (index.wrapping_sub(self.start) & INDEX_MASK) as usize;
        let item = self.items[at];
        debug_assert_ne!(item.id, HOLE, "what is taken out is in");
        self.items[at].id = HOLE;
        self.holes += 1;
        self.trim_last();
        self.trim_first();
        item
    }

    /// Whether more than a quarter are holes: the lane is to be shortened. So it is
    /// never much longer than what it holds, and what is trimmed at once is never
    /// more than a third of that.
    pub(super) fn is_sparse(&self) -> bool {
        HOLES_FEW < self.holes && self.items.len() < self.holes * 4
    }

    /// How many items it holds.
    pub(super) fn len(&self) -> usize {
        self.items.len() - self.holes
    }

    /// Items and holes.
    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.items.len()
    }

    fn trim_first(&mut self) {
        while self.items.front().is_some_and(|item| item.id == HOLE) {
            self.items.pop_front();
            self.start = self.start.wrapping_add(1) & INDEX_MASK;
            self.holes -= 1;
        }
    }

    fn trim_last(&mut self) {
        while self.items.back().is_some_and(|item| item.id == HOLE) {
            self.items.pop_back();
            self.holes -= 1;
        }
    }
}
