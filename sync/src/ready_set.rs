//! Which of its children does a combinator have to poll?
//!
//! A future with many children gives each a waker of its own. Waking one puts
//! its number on a list and wakes the parent once; the parent's next poll takes
//! the whole list and polls those children only. So the cost of `n` children
//! that wake once each is linear, whatever `n`.
//!
//! ```text
//!  ReadySet (one poller) ──▶ List, one allocation ◀── wakers of children (any thread)
//!                            ├─ head ─▶ 7 ─▶ 2 ─▶ END      pushed by a wake
//!                            ├─ parent: the waker of the last poll
//!                            └─ slots: queued? next, own number, the way back
//!
//!     wake(child)                              poll
//!     ───────────                              ────
//!     queued = true; was it? done              register the parent's waker
//!     push on the list                         take the whole list
//!     list was empty? take the parent's        for each: queued = false, poll it
//!       waker and wake it
//! ```
//!
//! No wake is lost: the pusher pushes and then locks `parent`; the poller locks
//! `parent` to register and then looks at the list. Whichever locks second sees
//! what the other did. A pusher that finds no waker there came after another one
//! that took it and is about to wake the parent, whose poll registers first and
//! looks at the list second, and so sees both.
//!
//! Children start out queued, in order, so the first poll polls all of them. A
//! batch keeps the order of the wake-ups, and what a poll leaves of it comes
//! first in the next one: nobody starves.
//!
//! # Who may touch what
//!
//! | what             | written by                                    | read by    |
//! |------------------|-----------------------------------------------|------------|
//! | `next` of a slot | who set `queued`, until its push; then who    | the poller |
//! |                  | took the list, until it clears `queued`       |            |
//! | `parent`         | anybody, under its lock                       |            |
//! | `index`, `list`  | the constructor, before anything is shared    | anybody    |
//!
//! # Synchronization edges
//!
//! | edge | released by            | acquired by            | what crosses                |
//! |------|------------------------|------------------------|-----------------------------|
//! | G1   | a wake sets `queued`   | [`ReadySet::pop`]      | what the waker's owner wrote, also when the child was queued already |
//! | G2   | a push moves `head`    | [`ReadySet::refill`]   | the `next` of all slots on the list |
//! | G3   | [`ReadySet::pop`] clears `queued` | a wake that sets it | the right to write `next` |
//!
//! # Rejected
//!
//! * A bit per child: 10,000 children woken one at a time read 157 words each,
//!   1.6 million in all; with a summary above it, two read-modify-writes per wake
//!   as here, and more to get wrong.
//! * An allocation per child (`Arc` nodes): n more allocations, and a node that
//!   outlives its future has to be handled.
//! * An atomic slot for the parent's waker: two read-modify-writes to write it
//!   and two to take it, which is what the lock costs.

use crate::shim::{
    self, Arc, Lock,
    atomic::{
        AtomicBool, AtomicPtr, AtomicU32,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
    cell::UnsafeCell,
};
use std::{
    fmt,
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr,
    task::{Context, RawWaker, RawWakerVTable, Waker},
};

/// The end of a list.
const END: u32 = u32::MAX;

/// Where the slots of a set live: an array inside the one allocation, or a boxed
/// slice beside it.
pub trait Slots: AsRef<[Slot]> + AsMut<[Slot]> + Send + Sync + 'static {}

impl<S: AsRef<[Slot]> + AsMut<[Slot]> + Send + Sync + 'static> Slots for S {}

/// The place of one child.
#[derive(Debug)]
pub struct Slot {
    queued: AtomicBool,
    next: UnsafeCell<u32>,
    index: u32,
    /// The `List<S>` this slot is a part of: what a waker counts its reference on.
    list: AtomicPtr<()>,
}

// SAFETY: `next` is the only field without synchronization of its own, and has one
// owner at a time by "Who may touch what".
unsafe impl Sync for Slot {}

impl Default for Slot {
    fn default() -> Self {
        Self::new(0, END, ptr::null_mut())
    }
}

impl Slot {
    fn new(index: u32, next: u32, list: *mut ()) -> Self {
        let (queued, list) = (AtomicBool::new(true), AtomicPtr::new(list));
        Self { queued, next: UnsafeCell::new(next), index, list }
    }

    fn next(&self) -> u32 {
        // SAFETY: called by the poller alone, on slots it took off the list (G2)
        // and whose `queued` it has not cleared.
        self.next.with(|next| unsafe { *next })
    }

    fn set_next(&self, value: u32) {
        // SAFETY: called by the thread that set `queued` before it pushes (G3), and
        // by the poller on slots it took (G2).
        self.next.with_mut(|next| unsafe { *next = value });
    }

    fn list<S>(&self) -> *const List<S> {
        // Relaxed: written before the slot was shared.
        self.list.load(Relaxed).cast_const().cast()
    }
}

/// What the poller and the wakers of its children share.
struct List<S> {
    head: AtomicU32,
    parent: Lock<Option<Waker>>,
    slots: S,
}

impl<S: Slots> List<S> {
    fn slot(&self, index: u32) -> &Slot {
        &self.slots.as_ref()[index as usize]
    }

    fn wake(&self, slot: &Slot) {
        // G1: publishes what the caller wrote; always a write, so that it does so
        // when the child is queued already. G3: `next` is ours.
        if slot.queued.swap(true, AcqRel) {
            return;
        }
        if self.push(slot) {
            let parent = self.parent.lock().take();
            shim::assert_unlocked("the waker of a combinator");
            if let Some(parent) = parent {
                parent.wake();
            }
        }
    }

    /// Whether the list was empty.
    fn push(&self, slot: &Slot) -> bool {
        // Relaxed: what is compared with; nothing is read through it.
        let mut head = self.head.load(Relaxed);
        loop {
            slot.set_next(head);
            // G2: publishes `next`. Relaxed on failure: as the load above.
            match self.head.compare_exchange_weak(head, slot.index, Release, Relaxed) {
                Ok(_) => return head == END,
                Err(seen) => head = seen,
            }
        }
    }

    /// The whole list, the first pushed in front.
    fn take(&self) -> u32 {
        // Relaxed: the lock of `parent`, taken before, orders this look after the
        // push of everybody who found no waker there.
        if self.head.load(Relaxed) == END {
            return END;
        }
        // G2: sees `next` of all slots on it.
        let mut rest = self.head.swap(END, Acquire);
        let mut front = END;
        while rest != END {
            let slot = self.slot(rest);
            rest = slot.next();
            slot.set_next(front);
            front = slot.index;
        }
        front
    }
}

/// The children of one combinator that are to be polled, with a waker for each.
///
/// # Examples
///
/// ```
/// use bowerbird_sync::ready_set::{ReadySet, Slot};
/// use std::task::Waker;
///
/// let mut set = ReadySet::new([Slot::default(), Slot::default()], Waker::noop());
/// assert_eq!((set.pop(), set.pop(), set.pop()), (Some(0), Some(1), None));
///
/// let waker = set.poll_child(1, |cx| cx.waker().clone());
/// waker.wake();
/// assert!(set.refill());
/// assert_eq!((set.pop(), set.pop()), (Some(1), None));
/// ```
pub struct ReadySet<S: Slots> {
    list: Arc<List<S>>,
    /// The front of the batch taken last: a chain of slots that are still queued.
    batch: u32,
}

impl<S: Slots> ReadySet<S> {
    /// A set in which every slot is queued, the first one in front, made in the
    /// first poll of `parent`.
    ///
    /// # Panics
    ///
    /// If there are more than four billion slots.
    #[must_use]
    pub fn new(slots: S, parent: &Waker) -> Self {
        let len = u32::try_from(slots.as_ref().len()).ok().filter(|len| *len < END);
        let len = len.expect("a combinator has at most 4,294,967,294 children");
        let (head, parent) = (AtomicU32::new(END), Lock::new(Some(parent.clone())));
        let mut list = Arc::new(List { head, parent, slots });
        let back = Arc::as_ptr(&list).cast_mut().cast::<()>();
        let unshared = Arc::get_mut(&mut list).expect("nobody else has it yet");
        for (index, slot) in (0..len).zip(unshared.slots.as_mut()) {
            let next = if index + 1 < len { index + 1 } else { END };
            *slot = Slot::new(index, next, back);
        }
        Self { list, batch: if len == 0 { END } else { 0 } }
    }

    /// A number that no other set has at the same time.
    #[must_use]
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.list).addr()
    }

    /// Makes `parent` the waker to wake: first thing in every later poll.
    pub fn register(&mut self, parent: &Waker) {
        // Relaxed: a hint. A list with something on it means that a wake has taken
        // the waker which stood here, or will.
        if self.list.head.load(Relaxed) == END && self.is_registered(parent) {
            return;
        }
        shim::assert_unlocked("a waker's clone");
        let fresh = parent.clone();
        let stale = self.list.parent.lock().replace(fresh);
        drop(stale);
    }

    fn is_registered(&self, parent: &Waker) -> bool {
        self.list.parent.lock().as_ref().is_some_and(|it| it.will_wake(parent))
    }

    /// Takes what was woken since the last time, as the batch to
    /// [`pop`](Self::pop) from. Returns whether that is anything.
    ///
    /// Call it once in a poll, when the batch before is used up.
    pub fn refill(&mut self) -> bool {
        debug_assert_eq!(self.batch, END, "the batch before has to be popped first");
        self.batch = self.list.take();
        self.batch != END
    }

    /// Takes the next child off the batch: from here on it can be woken again.
    pub fn pop(&mut self) -> Option<usize> {
        if self.batch == END {
            return None;
        }
        let slot = self.list.slot(self.batch);
        self.batch = slot.next();
        // G1: sees what those wrote who woke the child. G3: gives `next` away.
        slot.queued.swap(false, AcqRel);
        Some(slot.index as usize)
    }

    /// Whether something was woken since the last [`refill`](Self::refill).
    ///
    /// After [`register`](Self::register) a `false` means that the next wake will
    /// wake the parent.
    #[must_use]
    pub fn has_woken(&self) -> bool {
        // Relaxed: as in `List::take`.
        self.list.head.load(Relaxed) != END
    }

    /// Whether the batch has children left.
    #[must_use]
    pub fn has_batch(&self) -> bool {
        self.batch != END
    }

    /// Calls `poll` with the waker of child `index`.
    pub fn poll_child<R>(&self, index: usize, poll: impl FnOnce(&mut Context<'_>) -> R) -> R {
        let slot = &self.list.slots.as_ref()[index];
        let raw = RawWaker::new(ptr::from_ref(slot).cast(), VTable::<S>::TABLE);
        // SAFETY: obligation 1 of the table: the slot lives in the list that we
        // hold. Obligation 2: this waker owns no reference, so it is never dropped
        // and never given away, only lent to `poll`.
        let waker = ManuallyDrop::new(unsafe { Waker::from_raw(raw) });
        poll(&mut Context::from_waker(&waker))
    }

    /// Child `index`, just popped, is done: its wakers do nothing from now on.
    pub fn retire(&self, index: usize) {
        // Relaxed: nothing crosses. If a wake was faster the slot is on the list
        // and will be popped; the parent knows that this child is done.
        self.list.slots.as_ref()[index].queued.swap(true, Relaxed);
    }
}

impl<S: Slots> Drop for ReadySet<S> {
    fn drop(&mut self) {
        // The wakers of children may live long; the parent's must not with them.
        let parent = self.list.parent.lock().take();
        drop(parent);
    }
}

impl<S: Slots> fmt::Debug for ReadySet<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadySet")
            .field("len", &self.list.slots.as_ref().len())
            .field("has_batch", &self.has_batch())
            .finish_non_exhaustive()
    }
}

/// The functions of a child's waker. Its data is a pointer to the child's
/// [`Slot`], and whoever makes such a waker owes that
///
/// 1. the slot is part of a `List<S>` in an [`Arc`], alive while the waker is;
/// 2. the waker owns one reference of that `Arc`, or is never dropped.
struct VTable<S>(PhantomData<S>);

impl<S: Slots> VTable<S> {
    const TABLE: &'static RawWakerVTable =
        &RawWakerVTable::new(Self::clone, Self::wake, Self::wake_by_ref, Self::drop);

    unsafe fn clone(data: *const ()) -> RawWaker {
        // SAFETY: obligation 1, for the length of this call.
        let slot = unsafe { &*data.cast::<Slot>() };
        // SAFETY: obligation 1; the pointer is what `Arc::as_ptr` gave.
        unsafe { Arc::increment_strong_count(slot.list::<S>()) };
        RawWaker::new(data, Self::TABLE)
    }

    unsafe fn wake(data: *const ()) {
        // SAFETY: obligation 1: `list` below keeps it alive.
        let slot = unsafe { &*data.cast::<Slot>() };
        // SAFETY: obligation 2: the reference is ours, and goes on unwind too.
        let list = unsafe { Arc::from_raw(slot.list::<S>()) };
        list.wake(slot);
    }

    unsafe fn wake_by_ref(data: *const ()) {
        // SAFETY: obligation 1, for the length of this call.
        let slot = unsafe { &*data.cast::<Slot>() };
        // SAFETY: obligation 1, for the length of this call.
        let list = unsafe { &*slot.list::<S>() };
        list.wake(slot);
    }

    unsafe fn drop(data: *const ()) {
        // SAFETY: obligation 1: alive until the reference is given back below.
        let list = unsafe { (*data.cast::<Slot>()).list::<S>() };
        // SAFETY: obligation 2: the reference is ours.
        unsafe { Arc::decrement_strong_count(list) };
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::atomic::{AtomicUsize, Ordering::SeqCst},
        task::Wake,
    };

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    fn slots<const N: usize>() -> [Slot; N] {
        std::array::from_fn(|_| Slot::default())
    }

    fn drain<S: Slots>(set: &mut ReadySet<S>) -> Vec<usize> {
        std::iter::from_fn(|| set.pop()).collect()
    }

    fn waker<S: Slots>(set: &ReadySet<S>, index: usize) -> Waker {
        set.poll_child(index, |cx| cx.waker().clone())
    }

    #[test]
    fn children_start_in_order_and_come_back_in_the_order_of_their_wakes() {
        let mut set = ReadySet::new(slots::<4>(), Waker::noop());
        assert_eq!(drain(&mut set), [0, 1, 2, 3]);
        for index in [2, 0, 2, 3] {
            waker(&set, index).wake();
        }
        assert!(set.refill());
        assert_eq!(drain(&mut set), [2, 0, 3]);
        assert!(!set.refill());
    }

    #[test]
    fn many_wakes_wake_the_parent_once() {
        let count = Arc::new(Count::default());
        let parent = Waker::from(count.clone());
        let mut set = ReadySet::new(slots::<3>(), Waker::noop());
        drain(&mut set);
        for round in 1..=3 {
            set.register(&parent);
            assert!(set.refill() == (round > 1));
            drain(&mut set);
            (0..3).for_each(|index| waker(&set, index).wake());
            assert_eq!(count.0.load(SeqCst), round);
        }
    }

    #[test]
    fn the_last_parent_wins_and_none_is_kept() {
        let (old, new) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let mut set = ReadySet::new(slots::<1>(), Waker::noop());
        drain(&mut set);
        set.register(&Waker::from(old.clone()));
        set.register(&Waker::from(new.clone()));
        let child = waker(&set, 0);
        child.wake_by_ref();
        assert_eq!((old.0.load(SeqCst), new.0.load(SeqCst)), (0, 1));

        set.register(&Waker::from(new.clone()));
        drop(set);
        assert_eq!(Arc::strong_count(&new), 1, "a child's waker keeps no parent alive");
        child.wake();
    }

    #[test]
    fn a_retired_child_wakes_nobody() {
        let count = Arc::new(Count::default());
        let mut set = ReadySet::new(slots::<2>(), Waker::noop());
        set.register(&Waker::from(count.clone()));
        let child = waker(&set, 0);
        assert_eq!(set.pop(), Some(0));
        set.retire(0);
        child.wake();
        assert_eq!(count.0.load(SeqCst), 0);
        assert_eq!(drain(&mut set), [1]);
        assert!(!set.refill());
    }

    #[test]
    fn a_parent_that_panics_leaves_the_set_whole() {
        struct Panics;
        impl Wake for Panics {
            fn wake(self: Arc<Self>) {
                panic!("a hostile waker");
            }
        }
        let mut set = ReadySet::new(slots::<1>(), Waker::noop());
        drain(&mut set);
        set.register(&Waker::from(Arc::new(Panics)));
        let child = waker(&set, 0);
        assert!(catch_unwind(AssertUnwindSafe(|| child.wake())).is_err());
        assert!(set.refill());
        assert_eq!(drain(&mut set), [0]);
        assert_eq!(Arc::strong_count(&set.list), 1, "the wake gave its reference back");
    }

    #[test]
    fn an_empty_set_is_empty() {
        let mut set = ReadySet::new(Box::<[Slot]>::default(), Waker::noop());
        assert!(!set.refill());
        assert_eq!(set.pop(), None);
    }
}
