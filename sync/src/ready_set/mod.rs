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
//! | file        | what                                                    |
//! |-------------|---------------------------------------------------------|
//! | `mod.rs`    | the protocol: slots, the list, wakers                   |
//! | `chunks.rs` | slots that are added while wakers of others are out     |
//! | `slab.rs`   | [`ReadySlab`]: children that come and go                |
//!
//! # The life of a slot
//!
//! ```text
//!               pop                    retire
//!    QUEUED ───────────▶ IDLE ─────────────────────▶ RETIRED
//!     ▲  ▲  ◀─────────── ▲ │   (or a wake was faster)  │ │ ▲
//!     │  │  a wake,      │ ╰──────▶ QUEUED             │ │ │
//!     │  │  requeue      ╰──────────── arm ────────────╯ │ │
//!     │  ╰───────────────────────── revive ──────────────╯ │
//!     ╰─────────────────────── pop_retired ────────────────╯
//! ```
//!
//! QUEUED is on the list or in the batch, the others are on neither. A retired slot
//! says `queued` all the same, so a wake of a child that is gone does nothing, and
//! its `next` is the poller's: it may get a new child, without a read-modify-write
//! if that is to be polled at once. A late wake of the child before then polls the
//! new one once for nothing.
//!
//! # Who may touch what
//!
//! | what             | written by                                    | read by    |
//! |------------------|-----------------------------------------------|------------|
//! | `next` of a slot | who set `queued`, until its push; then who    | the poller |
//! |                  | took the list, until it clears `queued`; the  |            |
//! |                  | poller, while the slot is retired             |            |
//! | `parent`         | anybody, under its lock                       |            |
//! | `index`, `list`  | the constructor, before the slot is shared    | anybody    |
//!
//! # Synchronization edges
//!
//! | edge | released by            | acquired by            | what crosses                |
//! |------|------------------------|------------------------|-----------------------------|
//! | G1   | a wake sets `queued`   | [`ReadySet::pop`], `arm` | what the waker's owner wrote, also when the child was queued already |
//! | G2   | a push moves `head`    | [`ReadySet::refill`]   | the `next` of all slots on the list |
//! | G3   | [`ReadySet::pop`] and `arm` clear `queued` | a wake that sets it | the right to write `next` |
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
//! * A set that cannot be emptied of late wakes by its slots, but by a generation in
//!   each waker: a late wake does no harm, and a generation per wake is a word more
//!   to carry and to compare.

mod chunks;
mod slab;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

pub use chunks::Chunks;
pub use slab::ReadySlab;

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
    mem::{self, ManuallyDrop},
    ptr,
    task::{Context, RawWaker, RawWakerVTable, Waker},
};

/// The end of a list.
const END: u32 = u32::MAX;

/// Where the slots of a set live: an array inside the one allocation, a boxed slice
/// beside it, or [`Chunks`] that are added.
///
/// # Safety
///
/// Once the value has come to the place where it stays,
///
/// 1. a slot stays where it is until the value is dropped;
/// 2. [`slot`](Self::slot) gives the same one for the same number, always, and
///    those of [`first`](Self::first) have the numbers from 0 on.
pub unsafe trait Slots: Send + Sync + 'static {
    /// The slots that are there from the start.
    fn first(&mut self) -> &mut [Slot];

    /// The slot of child `index`.
    fn slot(&self, index: usize) -> &Slot;
}

// SAFETY: 1 and 2: the elements of an array.
unsafe impl<const N: usize> Slots for [Slot; N] {
    fn first(&mut self) -> &mut [Slot] {
        self
    }

    fn slot(&self, index: usize) -> &Slot {
        &self[index]
    }
}

// SAFETY: 1 and 2: the elements of a slice, whose box nobody else can reach.
unsafe impl Slots for Box<[Slot]> {
    fn first(&mut self) -> &mut [Slot] {
        self
    }

    fn slot(&self, index: usize) -> &Slot {
        &self[index]
    }
}

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
        self.slots.slot(index as usize)
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

    /// The whole list as a chain, the first pushed in front: its front and back.
    fn take(&self) -> (u32, u32) {
        // Relaxed: the lock of `parent`, taken before, orders this look after the
        // push of everybody who found no waker there.
        if self.head.load(Relaxed) == END {
            return (END, END);
        }
        // G2: sees `next` of all slots on it.
        let back = self.head.swap(END, Acquire);
        let (mut rest, mut front) = (back, END);
        while rest != END {
            let slot = self.slot(rest);
            rest = slot.next();
            slot.set_next(front);
            front = slot.index;
        }
        (front, back)
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
    /// The front of the batch: a chain of slots that are still queued.
    batch: u32,
    /// Its back. Means nothing while it is empty.
    back: u32,
}

impl<S: Slots> ReadySet<S> {
    /// A set in which every slot is queued, the first one in front, made in the
    /// first poll of `parent`.
    ///
    /// # Panics
    ///
    /// If there are more than four billion slots.
    #[must_use]
    pub fn new(mut slots: S, parent: &Waker) -> Self {
        let len = u32::try_from(slots.first().len()).ok().filter(|len| *len < END);
        let len = len.expect("a combinator has at most 4,294,967,294 children");
        let (head, parent) = (AtomicU32::new(END), Lock::new(Some(parent.clone())));
        let mut list = Arc::new(List { head, parent, slots });
        let back = Arc::as_ptr(&list).cast_mut().cast::<()>();
        let unshared = Arc::get_mut(&mut list).expect("nobody else has it yet");
        for (index, slot) in (0..len).zip(unshared.slots.first()) {
            let next = if index + 1 < len { index + 1 } else { END };
            *slot = Slot::new(index, next, back);
        }
        match len.checked_sub(1) {
            Some(back) => Self { list, batch: 0, back },
            None => Self { list, batch: END, back: END },
        }
    }

    /// The slot for a child that is to be added.
    fn retired(&self, index: usize) -> Slot {
        let index = u32::try_from(index).expect("the numbers of slots fit");
        Slot::new(index, END, Arc::as_ptr(&self.list).cast_mut().cast())
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

    /// Lets go of the waker that [`register`](Self::register) left: nobody waits.
    pub fn unregister(&mut self) {
        let stale = self.list.parent.lock().take();
        shim::assert_unlocked("a waker's drop");
        drop(stale);
    }

    /// Takes what was woken since the last time to the end of the batch that
    /// [`pop`](Self::pop) takes from. Returns whether that is anything.
    ///
    /// Call it once in a poll, or children that wake themselves keep the poll going.
    pub fn refill(&mut self) -> bool {
        let (front, back) = self.list.take();
        if front != END {
            self.append(front, back);
        }
        front != END
    }

    /// Puts a chain of slots, which are ours, at the end of the batch.
    fn append(&mut self, front: u32, back: u32) {
        match self.batch {
            END => self.batch = front,
            _ => self.list.slot(self.back).set_next(front),
        }
        self.back = back;
    }

    /// The next child of the batch.
    #[must_use]
    pub fn peek(&self) -> Option<usize> {
        (self.batch != END).then_some(self.batch as usize)
    }

    /// Takes the next child off the batch: from here on it can be woken again.
    pub fn pop(&mut self) -> Option<usize> {
        let index = self.pop_retired()?;
        self.arm(index);
        Some(index)
    }

    /// Takes the next child off the batch as one that is done: its wakers do nothing
    /// from now on. Nothing is seen of what they wrote.
    pub fn pop_retired(&mut self) -> Option<usize> {
        if self.batch == END {
            return None;
        }
        let slot = self.list.slot(self.batch);
        self.batch = slot.next();
        Some(slot.index as usize)
    }

    /// A retired slot has a child, which is to be polled when it is woken.
    fn arm(&mut self, index: usize) {
        // G1: sees what those wrote who woke the child. G3: gives `next` away.
        self.list.slots.slot(index).queued.swap(false, AcqRel);
    }

    /// A retired slot has a new child: it comes to the end of the batch.
    fn revive(&mut self, index: usize) {
        debug_assert!(!self.has_batch() || self.back as usize != index, "{index} is queued");
        let slot = self.list.slots.slot(index);
        slot.set_next(END);
        self.append(slot.index, slot.index);
    }

    /// Child `index`, popped and not retired since, is to be polled without a wake:
    /// its slot has a new future, say. It comes to the end of the batch, unless a
    /// wake was faster; then it is on the list.
    pub fn requeue(&mut self, index: usize) {
        // Relaxed: nothing crosses. `next` was ours when we cleared `queued`, and is
        // again: nobody has set it since.
        if !self.list.slots.slot(index).queued.swap(true, Relaxed) {
            self.revive(index);
        }
    }

    /// Takes those out of the batch that are not to be kept: their slots are retired.
    fn retain(&mut self, mut is_kept: impl FnMut(usize) -> bool) {
        let mut rest = mem::replace(&mut self.batch, END);
        while rest != END {
            let slot = self.list.slot(rest);
            rest = slot.next();
            if is_kept(slot.index as usize) {
                slot.set_next(END);
                self.append(slot.index, slot.index);
            }
        }
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
        let slot = self.list.slots.slot(index);
        let raw = RawWaker::new(ptr::from_ref(slot).cast(), VTable::<S>::TABLE);
        // SAFETY: obligation 1 of the table: the slot lives in the list that we
        // hold, by those of `Slots`. Obligation 2: this waker owns no reference, so it is never dropped
        // and never given away, only lent to `poll`.
        let waker = ManuallyDrop::new(unsafe { Waker::from_raw(raw) });
        poll(&mut Context::from_waker(&waker))
    }

    /// Child `index` is done: its wakers do nothing from now on.
    ///
    /// Returns whether the slot is retired. If not, it is queued: in the batch, or on
    /// the list because a wake was faster, and will be popped once more. The parent
    /// knows that this child is done.
    pub fn retire(&self, index: usize) -> bool {
        // Relaxed: nothing crosses.
        !self.list.slots.slot(index).queued.swap(true, Relaxed)
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
            .field("has_batch", &self.has_batch())
            .field("has_woken", &self.has_woken())
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
