//! Which of many deadlines comes first, in whatever order they come?
//!
//! A heap with four children per node. Who owns it knows where in it each id stands
//! ([`Places`]), so that any id can be taken out.
//!
//! ```text
//!   items   0 │ 1  2  3  4 │ 5  6  7  8 │ 9 …       children of n: 4n+1 … 4n+4
//! ```

use super::places::{Item, Place, Places, reserve_an_eighth};

/// Children per node: a step down compares one more cache line, not four.
const ARITY: usize = 4;

/// Items by deadline.
#[derive(Debug)]
pub(super) struct Heap {
    items: Vec<Item>,
}

impl Heap {
    pub(super) const fn new() -> Self {
        Self { items: Vec::new() }
    }

    /// How many items it holds.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn first(&self) -> Option<&Item> {
        self.items.first()
    }

    pub(super) fn push(&mut self, item: Item, places: &mut Places) {
        reserve_an_eighth(&mut self.items);
        self.items.push(item);
        self.rise(self.items.len() - 1, item, places);
    }

    /// Takes out the item at `index`, whose place is its owner's to clear. The last
    /// one fills the gap.
    pub(super) fn remove(&mut self, index: usize, places: &mut Places) -> Item {
        let taken = self.items[index];
        let last = self.items.pop().expect("the heap holds what is taken");
        if index < self.items.len() {
            self.settle(index, last, places);
        }
        taken
    }

    /// Puts `item` at `index` or wherever from there it belongs.
    fn settle(&mut self, index: usize, item: Item, places: &mut Places) {
        match index > 0 && item.is_before(&self.items[(index - 1) / ARITY]) {
            true => self.rise(index, item, places),
            false => self.sink(index, item, places),
        }
    }

    /// Moves the hole at `index` up until `item` fits into it.
    fn rise(&mut self, mut index: usize, item: Item, places: &mut Places) {
        while index > 0 {
            let parent = (index - 1) / ARITY;
            if !item.is_before(&self.items[parent]) {
                break;
            }
            self.put(index, self.items[parent], places);
            index = parent;
        }
        self.put(index, item, places);
    }

    /// Moves the hole at `index` down until `item` fits into it.
    fn sink(&mut self, mut index: usize, item: Item, places: &mut Places) {
        while let Some(child) = self.first_child(index) {
            if !self.items[child].is_before(&item) {
                break;
            }
            self.put(index, self.items[child], places);
            index = child;
        }
        self.put(index, item, places);
    }

    /// The child of `index` that comes before its siblings.
    fn first_child(&self, index: usize) -> Option<usize> {
        let start = index * ARITY + 1;
        let end = (start + ARITY).min(self.items.len());
        let mut first = start;
        for child in start + 1..end {
            if self.items[child].is_before(&self.items[first]) {
                first = child;
            }
        }
        (start < end).then_some(first)
    }

    fn put(&mut self, index: usize, item: Item, places: &mut Places) {
        self.items[index] = item;
        places.set(item.id, Place::in_heap(index));
    }
}
