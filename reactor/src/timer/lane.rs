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
//!
//! Items lie in blocks, which come and go with them: one that is empty is kept at the end,
//! so that a lane at the edge of a block does not allocate, and a burst of timers gives
//! its memory back. Nothing is ever copied, however long the lane becomes.
//!
//! ```text
//!     index & 63:     …  start ── 63 │ 0 ────── 63 │ 0 ── end  …
//!     blocks:               0        │      1      │     2
//! ```

use super::places::{INDEX_MASK, Item};
use std::collections::VecDeque;

/// The id of a hole.
const HOLE: u32 = u32::MAX;

/// So many holes are nothing.
const HOLES_FEW: usize = if cfg!(debug_assertions) { 2 } else { 64 };

/// Where indices begin: near their wrap-around in debug builds, so that every test
/// crosses it.
const START: u32 = if cfg!(debug_assertions) { INDEX_MASK - 3 } else { 0 };

/// Items that are allocated together: 1 KiB. Fewer in debug builds, so that tests cross
/// the edges.
const BLOCK: usize = if cfg!(debug_assertions) { 16 } else { 64 };

// Indices go round at the edge of a block.
const _: () = assert!((INDEX_MASK as usize + 1).is_multiple_of(BLOCK));

type Block = Box<[Item; BLOCK]>;

#[derive(Debug)]
pub(super) struct Lane {
    /// As many as it takes from the one of `start` to the one of the last item, and up to
    /// two more.
    blocks: VecDeque<Block>,
    start: u32,
    /// Items and holes.
    len: usize,
    holes: usize,
    /// The last deadline, unless there is none: every insertion asks each lane.
    end: u64,
}

impl Lane {
    pub(super) const fn new() -> Self {
        Self { blocks: VecDeque::new(), start: START, len: 0, holes: 0, end: 0 }
    }

    pub(super) fn first(&self) -> Option<&Item> {
        (self.len > 0).then(|| self.at(0))
    }

    fn last(&self) -> Option<&Item> {
        Some(self.at(self.len.checked_sub(1)?))
    }

    /// The last deadline.
    pub(super) fn last_deadline(&self) -> Option<u64> {
        (self.len > 0).then_some(self.end)
    }

    /// Puts in an item that is not before the last one. Returns its index.
    pub(super) fn push(&mut self, item: Item) -> u32 {
        debug_assert!(self.last().is_none_or(|last| !item.is_before(last)));
        let offset = self.len;
        let (block, slot) = self.place(offset);
        if block == self.blocks.len() {
            self.add_block();
        }
        self.blocks[block][slot] = item;
        self.len += 1;
        self.end = item.deadline;
        self.start.wrapping_add(offset as u32) & INDEX_MASK
    }

    pub(super) fn pop_first(&mut self) -> Option<Item> {
        let first = *self.first()?;
        self.drop_first();
        self.trim_first();
        Some(first)
    }

    pub(super) fn pop_last(&mut self) -> Option<Item> {
        let last = *self.last()?;
        self.drop_last();
        Some(last)
    }

    /// Takes out the item at `index`.
    pub(super) fn remove(&mut self, index: u32) -> Item {
        let offset = (index.wrapping_sub(self.start) & INDEX_MASK) as usize;
        let (block, slot) = self.place(offset);
        let item = self.blocks[block][slot];
        debug_assert_ne!(item.id, HOLE, "what is taken out is in");
        if offset + 1 == self.len {
            self.drop_last();
            return item;
        }
        self.blocks[block][slot].id = HOLE;
        self.holes += 1;
        if offset == 0 {
            self.trim_first();
        }
        item
    }

    /// Whether more than a quarter are holes: the lane is to be shortened. So it is
    /// never much longer than what it holds, and what is trimmed at once is never
    /// more than a third of that.
    pub(super) fn is_sparse(&self) -> bool {
        HOLES_FEW < self.holes && self.len < self.holes * 4
    }

    /// How many items it holds.
    pub(super) fn len(&self) -> usize {
        self.len - self.holes
    }

    /// Items and holes.
    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.len
    }

    fn trim_first(&mut self) {
        while self.first().is_some_and(|item| item.id == HOLE) {
            self.drop_first();
            self.holes -= 1;
        }
    }

    /// Where the item lies that is so many behind the first: which block, and where there.
    fn place(&self, offset: usize) -> (usize, usize) {
        let from = self.start as usize % BLOCK + offset;
        (from / BLOCK, from % BLOCK)
    }

    fn at(&self, offset: usize) -> &Item {
        let (block, slot) = self.place(offset);
        &self.blocks[block][slot]
    }

    fn drop_first(&mut self) {
        self.start = self.start.wrapping_add(1) & INDEX_MASK;
        self.len -= 1;
        if (self.start as usize).is_multiple_of(BLOCK) {
            let emptied = self.blocks.pop_front();
            if self.blocks.len() <= self.place(self.len).0 + 1 {
                self.blocks.extend(emptied);
            }
        }
    }

    /// Drops the last, which may be a hole, and the holes before it.
    fn drop_last(&mut self) {
        self.len -= 1;
        while let Some(&Item { deadline, id, .. }) = self.last() {
            self.end = deadline;
            if id != HOLE {
                break;
            }
            self.len -= 1;
            self.holes -= 1;
        }
        self.blocks.truncate(self.place(self.len).0 + 2);
    }

    #[cold]
    fn add_block(&mut self) {
        let none = Item { deadline: 0, sequence: 0, id: HOLE };
        self.blocks.push_back(Box::new([none; BLOCK]));
    }
}
