//! Room for a waker that another thread may copy while its owner takes it back.
//!
//! Who hands something over under one word, and wakes who waits for it, must have the
//! waker *before* that word says so: afterwards the memory in which the waker lies may
//! be gone. Who takes it out first has to lock the slot, and so writes the word twice.
//!
//! ```text
//!     owner                              the other side
//!     ─────                              ──────────────
//!     put                                sees "a waker, the first one"
//!     word: a waker, the first one       copy
//!     …                                  word: as seen → done          it is theirs
//!     word: no waker, not the first any more
//!     take it back, put another          …the exchange fails: the copy is nothing
//! ```
//!
//! So the slot is two relaxed atomics, and a copy is no waker until the exchange of the
//! word says so. That the exchange tells the truth rests on the word: "the first one"
//! never comes back once it was left, so a word that is as it was seen was so all the
//! time, and the copy is whole. For a second waker the word says something else, and
//! the other side locks the slot.
//!
//! Used by [`oneshot`](crate::oneshot) and by the join word of the executor, whose
//! edges these are.
//!
//! # Rejected
//!
//! * A counter in the word instead of "the first one": it wraps around, and hardly
//!   anybody waits with two wakers in turns.

use crate::shim::atomic::{AtomicPtr, Ordering::Relaxed};
use std::{
    mem::ManuallyDrop,
    ptr,
    task::{RawWakerVTable, Waker},
};

/// The two words of a waker, or nothing. It drops nothing.
#[derive(Debug)]
pub struct WakerSlot {
    data: AtomicPtr<()>,
    vtable: AtomicPtr<RawWakerVTable>,
}

/// What lay in a slot. It is no waker, and drops nothing.
#[derive(Clone, Copy, Debug)]
#[must_use = "a waker that is not called, or dropped, is leaked"]
pub struct Words {
    data: *const (),
    vtable: *const RawWakerVTable,
}

impl WakerSlot {
    crate::const_fn! {
        /// An empty one.
        pub const fn new() -> Self {
            Self {
                data: AtomicPtr::new(ptr::null_mut()),
                vtable: AtomicPtr::new(ptr::null_mut()),
            }
        }
    }

    /// Puts a waker in, over whatever lay there. For who owns the slot by its word.
    #[inline]
    pub fn put(&self, waker: Waker) {
        let waker = ManuallyDrop::new(waker);
        // Relaxed, both: published by the word.
        self.data.store(waker.data().cast_mut(), Relaxed);
        self.vtable.store(ptr::from_ref(waker.vtable()).cast_mut(), Relaxed);
    }

    /// What lies there. For anybody who may look at the slot's memory.
    #[inline]
    pub fn copy(&self) -> Words {
        // Relaxed, both: seen by the word; a mixture is not used.
        let (data, vtable) = (self.data.load(Relaxed), self.vtable.load(Relaxed));
        Words { data, vtable }
    }

    /// Whether `waker` lies there. For who owns the slot, or has left its waker there.
    #[inline]
    #[must_use]
    pub fn holds(&self, waker: &Waker) -> bool {
        let Words { data, vtable } = self.copy();
        ptr::eq(data, waker.data()) && ptr::eq(vtable, waker.vtable())
    }
}

impl Default for WakerSlot {
    fn default() -> Self {
        Self::new()
    }
}

impl Words {
    /// What the waker calls its data.
    #[inline]
    #[must_use]
    pub fn data(self) -> *const () {
        self.data
    }

    /// Whether the waker is one of those with this table.
    #[inline]
    #[must_use]
    pub fn is_of(self, vtable: &'static RawWakerVTable) -> bool {
        ptr::eq(self.vtable, vtable)
    }

    /// The waker.
    ///
    /// # Safety
    ///
    /// 1. These are the words of one waker that was put in, which the caller owns, and
    ///    this is called once for it.
    #[inline]
    #[must_use]
    pub unsafe fn into_waker(self) -> Waker {
        // SAFETY: `put` stored the address of a table that is 'static, by 1.
        let vtable: &'static RawWakerVTable = unsafe { &*self.vtable };
        // SAFETY: by 1: the two are those of a waker that `put` forgot.
        unsafe { Waker::new(self.data, vtable) }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::{sync::Arc, task::Wake};

    struct Nothing;

    impl Wake for Nothing {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn a_waker_comes_out_as_it_went_in() {
        let count = Arc::new(Nothing);
        let waker = Waker::from(count.clone());
        let slot = WakerSlot::new();
        assert!(!slot.holds(&waker));
        slot.put(waker.clone());
        assert!(slot.holds(&waker) && !slot.holds(Waker::noop()));
        // SAFETY: put in above, and taken out once.
        let back = unsafe { slot.copy().into_waker() };
        assert!(back.will_wake(&waker));
        drop((back, waker));
        assert_eq!(Arc::strong_count(&count), 1, "none is left behind");
    }
}
