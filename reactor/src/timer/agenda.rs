//! Which of many timers is due first?
//!
//! Deadlines in order, and nothing else: no clock, no lock, no waker. Any timer can be
//! taken out by its id, a small number that the caller chooses: memory is proportional
//! to the greatest.
//!
//! ```text
//!   insert ──▶ comes after the last of a lane?  yes: lanes 0 1 2    O(1)
//!                                               no:  heap           O(log n)
//!   first  ──▶ the first of the four queues' firsts
//!   places ──▶ id: which queue, and where
//! ```
//!
//! A program has many timers and few durations: a timeout for requests, one for idle
//! connections. Timers of one duration are due in the order in which they are set, so a
//! [`Lane`] each holds them as they come. Of the lanes that can take a deadline it
//! goes to the one with the latest end, an empty one last: a long duration does not
//! shut a lane to a shorter one that has one already. What no lane can take goes into
//! the heap, and random deadlines are thus as cheap as in a heap alone, less a few
//! comparisons.
//!
//! Deadlines are plain numbers; equal ones leave in the order in which they came.
//! There is no such thing as a deadline too far away.
//!
//! # Holes
//!
//! A timer taken out of the middle of a lane leaves a hole there. When holes are more
//! than a quarter of a lane, each further one that is made moves the last two timers
//! of the lane into the heap, where they are cheap, being late. So there is no sweep,
//! and memory is bounded by the timers that live.
//!
//! # Rejected
//!
//! * A heap alone: to take out the first of 200,000 sinks the last one nine levels deep,
//!   with a place to write at each, since timers of one duration lie in it sorted:
//!   the worst case, always.
//! * A hierarchical wheel: as cheap to cancel in, cheap to expire from, but either it
//!   rounds deadlines to a tick or it cascades through eleven levels, and it cannot
//!   tell the next deadline without a search: a thread would wake only to cascade.
//! * `BTreeMap`: 49 to 776 ns for an insertion and a removal.
//! * Marking the cancelled and sweeping later: one sweep of a million entries is
//!   a pause of tens of milliseconds.
//! * More lanes: each adds a comparison to every look for the first.

use super::{
    heap::Heap,
    lane::Lane,
    places::{Item, LANES, Place, Places},
};

/// Where the sequence numbers begin: near their wrap-around in debug builds, so
/// that every test crosses it.
const SEQUENCE_FIRST: u32 = if cfg!(debug_assertions) { u32::MAX - 3 } else { 0 };

/// How many timers a new hole moves out of a lane with too many.
const MOVED_PER_HOLE: usize = 2;

/// Ids by deadline.
#[derive(Debug)]
pub(super) struct Agenda {
    lanes: [Lane; LANES],
    heap: Heap,
    places: Places,
    sequence: u32,
    /// How often an id was put in.
    inserted: u64,
}

impl Agenda {
    pub(super) const fn new() -> Self {
        Self {
            lanes: [const { Lane::new() }; LANES],
            heap: Heap::new(),
            places: Places::new(),
            sequence: SEQUENCE_FIRST,
            inserted: 0,
        }
    }

    /// How many ids are in.
    pub(super) fn len(&self) -> usize {
        self.lanes.iter().map(Lane::len).sum::<usize>() + self.heap.len()
    }

    /// How often one was put in.
    pub(super) fn inserted(&self) -> u64 {
        self.inserted
    }

    /// The earliest deadline.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.first().map(|(_, item)| item.deadline)
    }

    /// Puts `id`, which is not in, under `deadline`.
    pub(super) fn insert(&mut self, id: u32, deadline: u64) {
        debug_assert!(self.places.get(id).is_none(), "{id} is in already");
        self.places.admit(id);
        self.inserted += 1;
        self.put(id, deadline);
    }

    /// Takes `id` out and gives its deadline. `None`: it was not in.
    pub(super) fn remove(&mut self, id: u32) -> Option<u64> {
        let place = self.places.get(id)?;
        self.places.clear(id);
        Some(self.take_out(place).deadline)
    }

    /// Puts `id` under another deadline. `false`: it is not in.
    pub(super) fn update(&mut self, id: u32, deadline: u64) -> bool {
        let Some(place) = self.places.get(id) else { return false };
        self.take_out(place);
        self.put(id, deadline);
        true
    }

    /// Takes out the earliest id if its deadline is `now` or before.
    pub(super) fn pop_due(&mut self, now: u64) -> Option<u32> {
        let (queue, &Item { deadline, id, .. }) = self.first()?;
        if now < deadline {
            return None;
        }
        match self.lanes.get_mut(queue) {
            Some(lane) => drop(lane.pop_first()),
            None => drop(self.heap.remove(0, &mut self.places)),
        }
        self.places.clear(id);
        Some(id)
    }

    /// The earliest of all, and its queue: the number of a lane, or the one after.
    fn first(&self) -> Option<(usize, &Item)> {
        let firsts = self.lanes.iter().map(Lane::first).chain([self.heap.first()]);
        let firsts = firsts.enumerate().filter_map(|(queue, first)| Some((queue, first?)));
        firsts.reduce(|one, two| if two.1.is_before(one.1) { two } else { one })
    }

    fn put(&mut self, id: u32, deadline: u64) {
        let item = Item { deadline, sequence: self.sequence, id };
        self.sequence = self.sequence.wrapping_add(1);
        match self.lane_for(deadline) {
            Some(lane) => {
                let index = self.lanes[lane].push(item);
                self.places.set(id, Place::in_lane(lane, index));
            }
            None => self.heap.push(item, &mut self.places),
        }
    }

    /// The lane that is shut to the fewest deadlines by this one.
    fn lane_for(&self, deadline: u64) -> Option<usize> {
        let ends = self.lanes.iter().map(Lane::last_deadline).enumerate();
        // `None`, an empty lane, is less than any end.
        let open = ends.filter(|(_, end)| end.is_none_or(|end| end <= deadline));
        open.max_by_key(|(_, end)| *end).map(|(lane, _)| lane)
    }

    fn take_out(&mut self, place: Place) -> Item {
        let index = place.index();
        match place.lane() {
            None => self.heap.remove(index as usize, &mut self.places),
            Some(lane) => {
                let item = self.lanes[lane].remove(index);
                self.shorten(lane);
                item
            }
        }
    }

    /// See "Holes".
    fn shorten(&mut self, lane: usize) {
        for _ in 0..MOVED_PER_HOLE {
            let lane = &mut self.lanes[lane];
            if !lane.is_sparse() {
                return;
            }
            if let Some(last) = lane.pop_last() {
                self.heap.push(last, &mut self.places);
            }
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// The same thing, slow and plain.
    #[derive(Default)]
    struct Reference {
        order: BTreeSet<(u64, u64, u32)>,
        keys: BTreeMap<u32, (u64, u64)>,
        sequence: u64,
    }

    impl Reference {
        fn set(&mut self, id: u32, deadline: u64) {
            self.sequence += 1;
            self.keys.insert(id, (deadline, self.sequence));
            self.order.insert((deadline, self.sequence, id));
        }

        fn remove(&mut self, id: u32) -> bool {
            match self.keys.remove(&id) {
                Some((deadline, sequence)) => self.order.remove(&(deadline, sequence, id)),
                None => false,
            }
        }

        fn pop_due(&mut self, now: u64) -> Option<u32> {
            let &(deadline, _, id) = self.order.first()?;
            (deadline <= now).then(|| {
                self.remove(id);
                id
            })
        }
    }

    #[derive(Clone, Debug)]
    enum Op {
        Set(u32, u64),
        Remove(u32),
        Pop(u64),
    }

    fn op() -> impl Strategy<Value = Op> {
        // Few ids and few deadlines, so that they meet; and the extremes.
        let deadline = prop_oneof![0..50_u64, Just(0), Just(u64::MAX), any::<u64>()];
        prop_oneof![
            4 => (0..64_u32, deadline.clone()).prop_map(|(id, at)| Op::Set(id, at)),
            2 => (0..64_u32).prop_map(Op::Remove),
            1 => deadline.prop_map(Op::Pop),
        ]
    }

    proptest! {
        #[test]
        fn it_does_what_a_sorted_set_does(ops in prop::collection::vec(op(), 0..400)) {
            let mut agenda = Agenda::new();
            let mut reference = Reference::default();
            for op in ops {
                match op {
                    Op::Set(id, deadline) => {
                        let was_in = reference.remove(id);
                        reference.set(id, deadline);
                        prop_assert_eq!(agenda.update(id, deadline), was_in);
                        if !was_in {
                            agenda.insert(id, deadline);
                        }
                    }
                    Op::Remove(id) => prop_assert_eq!(agenda.remove(id).is_some(), reference.remove(id)),
                    Op::Pop(now) => prop_assert_eq!(agenda.pop_due(now), reference.pop_due(now)),
                }
                prop_assert_eq!(agenda.len(), reference.order.len());
                let first = reference.order.first().map(|&(deadline, ..)| deadline);
                prop_assert_eq!(agenda.next_deadline(), first);
            }
            while let Some(id) = reference.pop_due(u64::MAX) {
                prop_assert_eq!(agenda.pop_due(u64::MAX), Some(id));
            }
            prop_assert_eq!(agenda.pop_due(u64::MAX), None);
        }
    }

    #[test]
    fn a_million_live_timers_leave_in_order() {
        let count = 1_000_000_u32;
        let mut agenda = Agenda::new();
        let mut random = 1_u64;
        for id in 0..count {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            agenda.insert(id, random);
        }
        for id in (0..count).step_by(2) {
            assert!(agenda.remove(id).is_some());
        }
        let mut last = 0;
        let mut left = 0;
        while let Some(deadline) = agenda.next_deadline() {
            assert!(last <= deadline && agenda.pop_due(deadline).is_some());
            last = deadline;
            left += 1;
        }
        assert_eq!(left, count / 2);
    }

    #[test]
    fn timers_of_one_duration_need_no_heap() {
        let mut agenda = Agenda::new();
        // Three durations, interleaved, as time goes on.
        for now in 0..1_000 {
            for (id, duration) in [(0, 10_000), (1, 50), (2, 700)] {
                agenda.insert(now * 3 + id, u64::from(now) + duration);
            }
        }
        assert_eq!(agenda.heap.len(), 0);
        assert_eq!(agenda.len(), 3_000);
    }

    #[test]
    fn holes_are_bounded_by_what_lives() {
        let mut agenda = Agenda::new();
        let live = 100;
        (0..live).for_each(|id| agenda.insert(id, u64::from(id)));
        // The first stays, so that no hole is ever trimmed in front.
        for turn in 1..10_000 {
            let id = turn % (live - 1) + 1;
            assert!(agenda.remove(id).is_some());
            agenda.insert(id, u64::from(live + turn));
            let places: usize = agenda.lanes.iter().map(Lane::places).sum();
            assert!(places <= 2 * live as usize, "{places}");
        }
        assert_eq!(agenda.len(), live as usize);
        let order: Vec<_> = std::iter::from_fn(|| agenda.pop_due(u64::MAX)).collect();
        assert_eq!((order[0], order.len()), (0, live as usize));
    }

    #[test]
    fn a_million_equal_durations_leave_in_order() {
        let count = 1_000_000_u32;
        let mut agenda = Agenda::new();
        (0..count).for_each(|id| agenda.insert(id, u64::from(id / 2)));
        // Half of them go, in disorder.
        for id in (0..count).filter(|id| id.wrapping_mul(2_654_435_761) >> 31 == 0) {
            assert!(agenda.remove(id).is_some());
        }
        let (mut last, mut left) = (None, agenda.len());
        while let Some(id) = agenda.pop_due(u64::MAX) {
            assert!(last < Some(id));
            (last, left) = (Some(id), left - 1);
        }
        assert_eq!(left, 0);
    }
}
