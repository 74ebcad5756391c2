//! How are wakers called when they were found under a lock?
//!
//! Whoever grants under a lock collects the wakers in a [`WakeBatch`], lets go
//! of the lock, then wakes. A batch is an array on the stack: nothing is
//! allocated, and one that is full is flushed before more is collected.
//!
//! # When a waker panics
//!
//! Wakers are code of strangers. Every waker of a batch is called, whatever the
//! others do; then the first panic goes on in the caller of [`WakeBatch::wake`],
//! so that somebody hears of it. Later panics are dropped, and so is the first
//! if the thread is unwinding already: that would abort the process. Nobody
//! loses a wake-up to somebody else's panic.
//!
//! # Who may touch what
//!
//! 1. Exactly the slots below `len` hold a waker.
//! 2. A slot is read once: `len` is zero before the first read of a flush.

use crate::shim::{self, thread};
use std::{
    any::Any,
    fmt, mem,
    mem::MaybeUninit,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    task::Waker,
};

/// Wakers gathered under a lock, to be woken outside it.
///
/// Dropping a batch wakes what is in it, so that an unwinding caller loses
/// nobody.
///
/// # Examples
///
/// ```
/// use bowerbird_sync::wake_batch::WakeBatch;
/// use std::task::Waker;
///
/// let mut batch = WakeBatch::new();
/// batch.push(Waker::noop().clone());
/// assert!(!batch.is_full());
/// batch.wake();
/// ```
pub struct WakeBatch {
    wakers: [MaybeUninit<Waker>; Self::CAPACITY],
    len: usize,
    panic: Option<Payload>,
}

type Payload = Box<dyn Any + Send>;

impl WakeBatch {
    /// How many wakers one batch takes: half a kilobyte of stack, and a lock is
    /// taken again once for so many wakers. Models reach the second batch soon.
    pub const CAPACITY: usize = if cfg!(loom) { 2 } else { 32 };

    /// An empty batch.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self { wakers: [const { MaybeUninit::uninit() }; Self::CAPACITY], len: 0, panic: None }
    }

    /// Whether the next [`push`](Self::push) would panic.
    #[inline]
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.len == Self::CAPACITY
    }

    /// Adds a waker. Calls no code of the waker's.
    ///
    /// # Panics
    ///
    /// If the batch is full.
    #[inline]
    pub fn push(&mut self, waker: Waker) {
        self.wakers[self.len].write(waker);
        self.len += 1;
    }

    /// Wakes all, and goes on with the first panic among them.
    ///
    /// Call it with no lock held.
    ///
    /// # Panics
    ///
    /// With what the first panicking waker panicked with, after all were woken.
    #[inline]
    pub fn wake(self) {
        drop(self);
    }

    /// As [`wake`](Self::wake), in place: a batch is large to move.
    #[inline]
    pub(crate) fn finish(&mut self) {
        self.flush();
        if let Some(payload) = self.panic.take() {
            go_on_with(payload);
        }
    }

    /// Wakes all and leaves the batch empty; remembers the first panic.
    #[inline]
    pub(crate) fn flush(&mut self) {
        if 0 < self.len {
            self.flush_slow();
        }
    }

    fn flush_slow(&mut self) {
        shim::assert_unlocked("a waker");
        let len = mem::take(&mut self.len);
        for slot in &self.wakers[..len] {
            // SAFETY: rule 1: it lies below what `len` was. Rule 2: `len` is zero
            // now, so no other flush reads this slot before it is written again.
            let waker = unsafe { slot.assume_init_read() };
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
                match self.panic {
                    None => self.panic = Some(payload),
                    Some(_) => discard(payload),
                }
            }
        }
    }
}

impl Drop for WakeBatch {
    #[inline]
    fn drop(&mut self) {
        self.finish();
    }
}

impl Default for WakeBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WakeBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakeBatch").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cold]
fn go_on_with(payload: Payload) {
    match thread::panicking() {
        true => discard(payload),
        false => resume_unwind(payload),
    }
}

/// Drops what somebody panicked with; its destructor may panic as well.
/// Drops a waker that is not needed any more, by a caller with something in its
/// hand that an unwind would lose: a panic of the destructor ends here.
pub(crate) fn drop_unneeded(waker: Option<Waker>) {
    if let Some(waker) = waker {
        shim::assert_unlocked("the drop of a waker");
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(waker))) {
            discard(payload);
        }
    }
}

#[cold]
fn discard(payload: Payload) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // A destructor that panics with something whose destructor panics: to
        // leak is the only end of this.
        mem::forget(second);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::{
        sync::{Arc, Mutex},
        task::Wake,
    };

    struct Scribe {
        name: usize,
        panics: bool,
        log: Arc<Mutex<Vec<usize>>>,
    }

    impl Wake for Scribe {
        fn wake(self: Arc<Self>) {
            self.log.lock().unwrap().push(self.name);
            if self.panics {
                std::panic::panic_any(self.name);
            }
        }
    }

    fn batch(log: &Arc<Mutex<Vec<usize>>>, panicking: &[usize]) -> WakeBatch {
        let mut batch = WakeBatch::new();
        for name in 0..WakeBatch::CAPACITY {
            let scribe = Scribe { name, panics: panicking.contains(&name), log: log.clone() };
            batch.push(Arc::new(scribe).into());
        }
        assert!(batch.is_full());
        batch
    }

    #[test]
    fn all_are_woken_in_order_and_the_first_panic_goes_on() {
        let log = Arc::default();
        let batch = batch(&log, &[3, 7, 31]);
        let payload = catch_unwind(AssertUnwindSafe(|| batch.wake())).unwrap_err();
        assert_eq!(payload.downcast_ref::<usize>(), Some(&3));
        assert_eq!(*log.lock().unwrap(), (0..WakeBatch::CAPACITY).collect::<Vec<_>>());
    }

    #[test]
    fn an_unwinding_caller_still_wakes_all_and_does_not_abort() {
        let log = Arc::default();
        let batch = batch(&log, &[0, 1]);
        let payload = catch_unwind(AssertUnwindSafe(move || {
            let _batch = batch;
            std::panic::panic_any("the caller's own");
        }))
        .unwrap_err();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"the caller's own"));
        assert_eq!(log.lock().unwrap().len(), WakeBatch::CAPACITY);
    }

    #[test]
    fn a_flushed_batch_can_be_filled_again() {
        let log = Arc::default();
        let mut batch = batch(&log, &[]);
        batch.flush();
        batch.push(Waker::noop().clone());
        batch.wake();
        assert_eq!(log.lock().unwrap().len(), WakeBatch::CAPACITY);
    }
}
