//! Where does each timer stand?
//!
//! Timers have ids, small numbers that the caller chooses. One word per id says in
//! which of the queues of [`agenda`](super::agenda) the timer is, and where there.
//!
//! ```text
//!     31 30 29 ─────────────────────────── 0
//!    ┌─────┬────────────────────────────────┐
//!    │queue│ index in it                    │    all ones: in none
//!    └─────┴────────────────────────────────┘
//! ```

/// Lanes there are: with the heap as many queues as two bits tell apart.
pub(super) const LANES: usize = 3;

/// The queue that is the heap.
const HEAP: u32 = LANES as u32;

const INDEX_BITS: u32 = 30;

/// Indices that fit; in lanes they go round.
pub(super) const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;

/// Ids there may be: as many as there are indices, less that of [`Place::NONE`].
pub(super) const IDS_MAX: usize = INDEX_MASK as usize;

/// So little room is nothing.
const ROOM_MIN: usize = 16;

const _: () = assert!(size_of::<Item>() == 16 && size_of::<Place>() == 4);

/// A timer in a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) deadline: u64,
    /// Breaks ties. Wraps: only the order among equal deadlines depends on it.
    pub(super) sequence: u32,
    pub(super) id: u32,
}

impl Item {
    pub(super) fn is_before(&self, other: &Self) -> bool {
        // One comparison and no branch in the usual case.
        match self.deadline == other.deadline {
            false => self.deadline < other.deadline,
            true => (self.sequence.wrapping_sub(other.sequence) as i32) < 0,
        }
    }
}

/// Where one timer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u32);

impl Place {
    const NONE: Self = Self(u32::MAX);

    pub(super) fn in_heap(index: usize) -> Self {
        // It fits: ids are distinct and at most `IDS_MAX`.
        Self(HEAP << INDEX_BITS | index as u32)
    }

    /// `index`: see [`INDEX_MASK`].
    pub(super) fn in_lane(lane: usize, index: u32) -> Self {
        debug_assert!(lane < LANES && index <= INDEX_MASK);
        Self((lane as u32) << INDEX_BITS | index)
    }

    /// The lane, or `None`: it is in the heap.
    pub(super) fn lane(self) -> Option<usize> {
        let queue = self.0 >> INDEX_BITS;
        (queue != HEAP).then_some(queue as usize)
    }

    pub(super) fn index(self) -> u32 {
        self.0 & INDEX_MASK
    }
}

/// Makes room for one more, and if there is none, for an eighth more: items are copied
/// eight times as it grows, which costs little beside what is done with them, and no more
/// than a ninth lies empty.
pub(super) fn reserve_an_eighth<T>(items: &mut Vec<T>) {
    if items.len() == items.capacity() {
        items.reserve_exact((items.len() / 8).max(ROOM_MIN));
    }
}

/// The places of all ids.
#[derive(Debug)]
pub(super) struct Places(Vec<Place>);

impl Places {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn get(&self, id: u32) -> Option<Place> {
        self.0.get(id as usize).copied().filter(|place| *place != Place::NONE)
    }

    /// Makes room for `id`.
    pub(super) fn admit(&mut self, id: u32) {
        debug_assert!((id as usize) < IDS_MAX);
        if self.0.len() <= id as usize {
            reserve_an_eighth(&mut self.0);
            self.0.resize(id as usize + 1, Place::NONE);
        }
    }

    /// `id` has been admitted.
    pub(super) fn set(&mut self, id: u32, place: Place) {
        self.0[id as usize] = place;
    }

    pub(super) fn clear(&mut self, id: u32) {
        self.0[id as usize] = Place::NONE;
    }
}
