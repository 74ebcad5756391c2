//! Children that come and go: a [`ReadySet`] whose slots are used again.
//!
//! An entry per slot. A child that is taken out while its slot is queued leaves it
//! as LEAVING: the slot is on a list that cannot be searched, and becomes free when
//! it is popped. Before a slab grows of which half is LEAVING, it takes those out of
//! the list: so its size is bounded by that of its children, also if nobody pops.
//!
//! ```text
//!             insert               remove, slot not queued
//!     FREE ───────────▶ HERE ──────────────────────────────▶ FREE
//!                        │                                     ▲
//!                        ╰── remove, slot queued ─▶ LEAVING ───╯ pop
//! ```
//!
//! A slot of a free entry is retired, so late wakes do not reach it; one of an entry
//! that is used again may be reached by a late wake of the child before, which polls
//! the new one once for nothing.

use super::{Chunks, ReadySet};
use std::{
    fmt, mem,
    task::{Context, Waker},
};

/// Children, with a number and a waker for each, and the list of those to poll.
///
/// # Examples
///
/// ```
/// use bowerbird_sync::ready_set::ReadySlab;
///
/// let mut slab = ReadySlab::new();
/// let (a, b) = (slab.insert("a"), slab.insert("b"));
/// assert_eq!((slab.pop(), slab.pop(), slab.pop()), (Some(a), Some(b), None));
///
/// let waker = slab.poll_child(b, |child, cx| {
///     assert_eq!(*child, "b");
///     cx.waker().clone()
/// });
/// assert_eq!(slab.remove(a), Some("a"));
/// waker.wake();
/// assert!(slab.refill());
/// assert_eq!((slab.pop(), slab.pop(), slab.len()), (Some(b), None, 1));
/// ```
pub struct ReadySlab<T> {
    set: ReadySet<Chunks>,
    entries: Vec<Entry<T>>,
    /// The first free entry.
    free: Option<usize>,
    /// How many children are here.
    len: usize,
    /// How many entries are LEAVING.
    leaving: usize,
    /// How many slots the set has: no fewer than there are entries.
    slots: usize,
}

enum Entry<T> {
    Here(T),
    Leaving,
    Free { next: Option<usize> },
}

impl<T> ReadySlab<T> {
    /// No children.
    #[must_use]
    pub fn new() -> Self {
        let (set, entries) = (ReadySet::growing(), Vec::new());
        Self { set, entries, free: None, len: 0, leaving: 0, slots: 0 }
    }

    /// How many children there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a child to be polled: at the end of the batch. Returns its number.
    pub fn insert(&mut self, child: T) -> usize {
        let index = self.place(child);
        self.set.revive(index);
        index
    }

    /// Adds a child to be polled when it is woken. Returns its number.
    pub fn insert_idle(&mut self, child: T) -> usize {
        let index = self.place(child);
        self.set.arm(index);
        index
    }

    /// Puts a child where there is room: its slot is retired.
    fn place(&mut self, child: T) -> usize {
        if self.free.is_none() && self.entries.len() == self.slots {
            self.make_room();
        }
        self.len += 1;
        let entry = Entry::Here(child);
        if let Some(index) = self.free {
            match mem::replace(&mut self.entries[index], entry) {
                Entry::Free { next } => self.free = next,
                _ => unreachable!("what is on the list of free entries is free"),
            }
            return index;
        }
        let index = self.entries.len();
        self.entries.push(entry);
        index
    }

    /// All entries are in use: frees those that can be, or adds more.
    fn make_room(&mut self) {
        if self.slots > 0 && self.slots <= 2 * self.leaving {
            self.reclaim();
        }
        if self.free.is_none() {
            let added = self.set.grow();
            self.entries.reserve_exact(added.len());
            self.slots = added.end;
        }
    }

    /// Frees the entries of those who left while their slots were queued.
    fn reclaim(&mut self) {
        self.set.refill();
        let Self { set, entries, free, leaving, .. } = self;
        set.retain(|index| {
            let is_leaving = matches!(entries[index], Entry::Leaving);
            if is_leaving {
                *leaving -= 1;
                entries[index] = Entry::Free { next: free.replace(index) };
            }
            !is_leaving
        });
    }

    /// Takes child `index` out, if it is here. Its wakers do nothing from now on.
    pub fn remove(&mut self, index: usize) -> Option<T> {
        let entry = self.entries.get_mut(index)?;
        if !matches!(entry, Entry::Here(_)) {
            return None;
        }
        let child = mem::replace(entry, Entry::Leaving);
        self.len -= 1;
        self.leaving += 1;
        if self.set.retire(index) {
            self.release(index);
        }
        match child {
            Entry::Here(child) => Some(child),
            _ => unreachable!("it was here"),
        }
    }

    /// Takes the child out that [`peek`](Self::peek) shows, without looking what its
    /// wakers wrote.
    pub fn remove_front(&mut self) -> Option<T> {
        let index = self.peek()?;
        self.set.pop_retired();
        let child = mem::replace(&mut self.entries[index], Entry::Leaving);
        self.len -= 1;
        self.leaving += 1;
        self.release(index);
        match child {
            Entry::Here(child) => Some(child),
            _ => unreachable!("what is shown is here"),
        }
    }

    /// The slot is retired, and nobody is in its entry.
    fn release(&mut self, index: usize) {
        debug_assert!(matches!(self.entries[index], Entry::Leaving), "{index} is in use");
        self.leaving -= 1;
        self.entries[index] = Entry::Free { next: self.free.replace(index) };
    }

    /// The next child of the batch.
    pub fn peek(&mut self) -> Option<usize> {
        loop {
            let index = self.set.peek()?;
            if let Entry::Here(_) = self.entries[index] {
                return Some(index);
            }
            self.set.pop_retired();
            self.release(index);
        }
    }

    /// Takes the next child off the batch: from here on it can be woken again.
    pub fn pop(&mut self) -> Option<usize> {
        self.peek()?;
        self.set.pop()
    }

    /// Child `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&T> {
        match self.entries.get(index)? {
            Entry::Here(child) => Some(child),
            Entry::Leaving | Entry::Free { .. } => None,
        }
    }

    /// Child `index`.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        match self.entries.get_mut(index)? {
            Entry::Here(child) => Some(child),
            Entry::Leaving | Entry::Free { .. } => None,
        }
    }

    /// All children with their numbers, in the order of these.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        let numbered = self.entries.iter().enumerate();
        numbered.filter_map(|(index, entry)| match entry {
            Entry::Here(child) => Some((index, child)),
            Entry::Leaving | Entry::Free { .. } => None,
        })
    }

    /// No number of a child is as large as this.
    #[must_use]
    pub fn numbers_end(&self) -> usize {
        self.entries.len()
    }

    /// Calls `poll` with child `index` and its waker.
    ///
    /// # Panics
    ///
    /// If there is no such child.
    pub fn poll_child<R>(
        &mut self,
        index: usize,
        poll: impl FnOnce(&mut T, &mut Context<'_>) -> R,
    ) -> R {
        match self.entries.get_mut(index) {
            Some(Entry::Here(child)) => self.set.poll_child(index, |cx| poll(child, cx)),
            _ => panic!("there is no child {index}"),
        }
    }

    /// As [`ReadySet::register`]: first thing in a poll, or before a last
    /// [`refill`](Self::refill).
    pub fn register(&mut self, parent: &Waker) {
        self.set.register(parent);
    }

    /// As [`ReadySet::unregister`].
    pub fn unregister(&mut self) {
        self.set.unregister();
    }

    /// As [`ReadySet::refill`].
    pub fn refill(&mut self) -> bool {
        self.set.refill()
    }

    /// As [`ReadySet::has_woken`].
    #[must_use]
    pub fn has_woken(&self) -> bool {
        self.set.has_woken()
    }

    /// As [`ReadySet::has_batch`]; what is left may have been taken out.
    #[must_use]
    pub fn has_batch(&self) -> bool {
        self.set.has_batch()
    }

    /// As [`ReadySet::id`].
    #[must_use]
    pub fn id(&self) -> usize {
        self.set.id()
    }
}

impl<T> Default for ReadySlab<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for ReadySlab<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadySlab").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet, VecDeque};

    fn waker<T>(slab: &mut ReadySlab<T>, index: usize) -> Waker {
        slab.poll_child(index, |_, cx| cx.waker().clone())
    }

    fn drain<T>(slab: &mut ReadySlab<T>) -> Vec<usize> {
        std::iter::from_fn(|| slab.pop()).collect()
    }

    #[test]
    fn children_come_and_go_and_numbers_are_used_again() {
        let mut slab = ReadySlab::new();
        let numbers: Vec<_> = (0..100).map(|n| slab.insert(n)).collect();
        assert_eq!(drain(&mut slab), numbers);
        for index in (0..100).step_by(2) {
            assert_eq!(slab.remove(numbers[index]), Some(index));
            assert_eq!(slab.remove(numbers[index]), None);
        }
        let end = slab.numbers_end();
        (0..50).for_each(|n| _ = slab.insert(1_000 + n));
        assert_eq!((slab.len(), slab.numbers_end()), (100, end));
        assert_eq!(drain(&mut slab).len(), 50);
        assert_eq!(slab.iter().filter(|(_, n)| **n >= 1_000).count(), 50);
    }

    #[test]
    fn an_idle_child_is_polled_when_woken_and_not_before() {
        let mut slab = ReadySlab::new();
        let index = slab.insert_idle("a");
        assert!(slab.pop().is_none() && !slab.refill());
        waker(&mut slab, index).wake();
        assert!(slab.refill());
        assert_eq!((slab.peek(), slab.remove_front()), (Some(index), Some("a")));
        assert!(slab.is_empty() && slab.pop().is_none());
    }

    #[test]
    fn the_slot_of_a_child_that_left_while_queued_is_free_when_popped() {
        let mut slab = ReadySlab::new();
        let (a, b) = (slab.insert("a"), slab.insert("b"));
        // In the batch, and on the list.
        assert_eq!(slab.remove(a), Some("a"));
        assert_eq!(slab.pop(), Some(b));
        waker(&mut slab, b).wake();
        assert_eq!(slab.remove(b), Some("b"));
        assert!(slab.is_empty());

        let c = slab.insert("c");
        assert_eq!(c, a, "the first was popped");
        assert!(slab.refill());
        assert_eq!(drain(&mut slab), [c]);
        assert_eq!(slab.insert("d"), b, "and now the second");
    }

    #[test]
    fn a_late_wake_of_a_child_that_is_gone_does_nothing() {
        let mut slab = ReadySlab::new();
        let a = slab.insert("a");
        assert_eq!(slab.pop(), Some(a));
        let late = waker(&mut slab, a);
        assert_eq!(slab.remove(a), Some("a"));
        late.wake_by_ref();
        assert!(!slab.refill());

        assert_eq!(slab.insert_idle("b"), a);
        late.wake();
        assert!(slab.refill(), "it polls the next one for nothing");
        assert_eq!(drain(&mut slab), [a]);
    }

    #[test]
    fn who_leaves_while_queued_makes_room_also_if_nobody_pops() {
        let mut slab = ReadySlab::new();
        let kept: Vec<_> = (0..10).map(|n| slab.insert(n)).collect();
        for n in 0..10_000 {
            let index = slab.insert_idle(n);
            waker(&mut slab, index).wake();
            assert_eq!(slab.remove(index), Some(n));
        }
        assert!(slab.numbers_end() <= 48, "{} entries for 11 children", slab.numbers_end());
        assert_eq!(drain(&mut slab), kept, "nobody else was lost, nor is the order");
    }

    #[test]
    fn a_waker_may_outlive_the_slab() {
        let mut slab = ReadySlab::new();
        let wakers: Vec<_> = (0..100)
            .map(|n| {
                let index = slab.insert_idle(n);
                waker(&mut slab, index)
            })
            .collect();
        drop(slab);
        wakers.into_iter().for_each(Waker::wake);
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Insert,
        InsertIdle,
        Remove(usize),
        Wake(usize),
        Refill,
        Pop,
        RemoveFront,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            Just(Step::Insert),
            Just(Step::InsertIdle),
            (0..40_usize).prop_map(Step::Remove),
            (0..40_usize).prop_map(Step::Wake),
            Just(Step::Refill),
            Just(Step::Pop),
            Just(Step::RemoveFront),
        ]
    }

    proptest! {
        /// Against queues that are searched.
        #[test]
        fn it_does_what_a_simple_one_does(steps in proptest::collection::vec(step(), 0..400)) {
            let mut slab = ReadySlab::new();
            let (mut list, mut batch) = (VecDeque::new(), VecDeque::new());
            let mut children = BTreeMap::new();
            let mut left = BTreeSet::new();
            for (name, step) in steps.into_iter().enumerate() {
                let end = slab.numbers_end();
                let is_full = [16, 48].contains(&end) && children.len() + left.len() == end;
                let inserts = matches!(step, Step::Insert | Step::InsertIdle);
                if inserts && is_full && end <= 2 * left.len() {
                    batch.append(&mut list);
                    batch.retain(|it| !left.remove(it));
                }
                match step {
                    Step::Insert => {
                        let index = slab.insert(name);
                        prop_assert!(!children.contains_key(&index) && !left.contains(&index));
                        children.insert(index, name);
                        batch.push_back(index);
                    }
                    Step::InsertIdle => {
                        let index = slab.insert_idle(name);
                        prop_assert!(!children.contains_key(&index) && !left.contains(&index));
                        children.insert(index, name);
                    }
                    Step::Remove(index) => {
                        prop_assert_eq!(slab.remove(index), children.remove(&index));
                        if list.contains(&index) || batch.contains(&index) {
                            left.insert(index);
                        }
                    }
                    Step::Wake(index) if children.contains_key(&index) => {
                        waker(&mut slab, index).wake();
                        if !list.contains(&index) && !batch.contains(&index) {
                            list.push_back(index);
                        }
                    }
                    Step::Wake(_) => (),
                    Step::Refill => {
                        prop_assert_eq!(slab.refill(), !list.is_empty());
                        batch.append(&mut list);
                    }
                    Step::Pop | Step::RemoveFront => {
                        while batch.front().is_some_and(|it| left.remove(it)) {
                            batch.pop_front();
                        }
                        let front = batch.pop_front();
                        if matches!(step, Step::Pop) {
                            prop_assert_eq!(slab.pop(), front);
                        } else {
                            let child = front.and_then(|it| children.remove(&it));
                            prop_assert_eq!(slab.remove_front(), child);
                        }
                    }
                }
                prop_assert_eq!(slab.len(), children.len());
                let here: BTreeMap<_, _> = slab.iter().map(|(index, name)| (index, *name)).collect();
                prop_assert_eq!(&here, &children);
            }
        }
    }
}
