//! How does one side leave its waker where the other finds it, without a lock?
//!
//! An [`AtomicWaker`] is a slot for one waker and a word of two bits. Whoever
//! sets a bit first opens a *window*: the slot is his until he clears it. Nobody
//! ever waits for a window: who finds one open leaves a note and goes.
//!
//! ```text
//!     register                          wake
//!     ────────                          ────
//!     WAITING ─▶ REGISTERING            WAITING ─▶ WAKING
//!       replace the waker                 take the waker
//!     REGISTERING ─▶ WAITING            WAKING ─▶ WAITING
//!                                       call it
//!
//!     finds WAKING: the wake-up is      finds REGISTERING: sets WAKING, goes;
//!     ours, calls its own waker         the one who registers calls the waker
//! ```
//!
//! The waker is cloned inside the window, after we saw that the slot holds
//! another one. That holds up nobody, and a panic of the clone closes the window
//! and passes on what was noted meanwhile. Old wakers are dropped, and wakers
//! are called, after the window.
//!
//! # Who may touch what
//!
//! | field  | may be touched by                                                |
//! |--------|------------------------------------------------------------------|
//! | `slot` | the thread that led the word from `WAITING` to `REGISTERING` or `WAKING`, until it writes `WAITING` |
//!
//! # Synchronization edges
//!
//! | edge | released by                | acquired by                | what crosses                  |
//! |------|----------------------------|----------------------------|-------------------------------|
//! | A1   | [`AtomicWaker::register`]  | [`AtomicWaker::take`]      | the waker in the slot         |
//! | A2   | [`AtomicWaker::take`]      | [`AtomicWaker::register`]  | the emptied slot              |
//! | A3   | [`AtomicWaker::take`]      | [`AtomicWaker::register`]  | whatever the waker wrote: who registers and then looks sees it, or is woken |
//!
//! # Rejected
//!
//! * Cloning before the window: every second poll would clone for nothing.
//! * Leaving the window to clone, and entering it again: two more RMWs, to keep
//!   user code out of a window for which nobody waits.

use crate::shim::{
    self,
    atomic::{
        AtomicUsize,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
    cell::UnsafeCell,
};
use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, resume_unwind},
    task::Waker,
};

/// No window is open.
const WAITING: usize = 0;
/// A window of `register` is open.
const REGISTERING: usize = 1 << 0;
/// A window of `take` is open; or, beside `REGISTERING`, a wake-up is noted.
const WAKING: usize = 1 << 1;

/// A slot for one waker: one side registers, any side wakes.
///
/// The one who waits calls [`register`](Self::register) and *then* looks at what
/// it waits for; the others first change that, and *then* call
/// [`wake`](Self::wake). So no wake-up is lost.
///
/// Meant for one registering task at a time. When two register at the same time,
/// one of them is woken at once, so that it tries again.
///
/// # Examples
///
/// ```
/// use bowerbird_sync::atomic_waker::AtomicWaker;
/// use futures::{executor::block_on, future::poll_fn};
/// use std::{
///     sync::{Arc, atomic::{AtomicBool, Ordering::Relaxed}},
///     task::Poll,
///     thread,
/// };
///
/// let shared = Arc::new((AtomicWaker::new(), AtomicBool::new(false)));
/// let theirs = shared.clone();
/// let waking = thread::spawn(move || {
///     theirs.1.store(true, Relaxed);
///     theirs.0.wake();
/// });
/// block_on(poll_fn(|cx| {
///     shared.0.register(cx.waker());
///     if shared.1.load(Relaxed) { Poll::Ready(()) } else { Poll::Pending }
/// }));
/// waking.join().unwrap();
/// ```
pub struct AtomicWaker {
    state: AtomicUsize,
    slot: UnsafeCell<Option<Waker>>,
}

impl AtomicWaker {
    crate::const_fn! {
        /// An empty slot.
        #[must_use]
        pub const fn new() -> Self {
            Self { state: AtomicUsize::new(WAITING), slot: UnsafeCell::new(None) }
        }
    }

    /// Leaves `waker` for the next [`wake`](Self::wake), in place of the one that
    /// is there. Clones it only if that one would wake another task.
    ///
    /// If somebody wakes at the same time, calls a waker at once.
    ///
    /// # Panics
    ///
    /// Passes on panics of the waker's functions; the slot stays usable and no
    /// wake-up is lost.
    pub fn register(&self, waker: &Waker) {
        // A2, A3: sees the slot as the last `take` left it, and what it wrote.
        match self.state.compare_exchange(WAITING, REGISTERING, Acquire, Acquire) {
            Ok(_) => self.replace(waker),
            // It is being woken, or somebody else registers: try again.
            Err(_) => waker.wake_by_ref(),
        }
    }

    /// Takes the waker out and calls it.
    ///
    /// Publishes what the caller wrote to the next one who registers.
    ///
    /// # Panics
    ///
    /// Passes on panics of the waker.
    pub fn wake(&self) {
        if let Some(waker) = self.take() {
            shim::assert_unlocked("a waker");
            waker.wake();
        }
    }

    /// Takes the waker out: for callers that hold a lock, and call it later.
    ///
    /// `None` also while somebody registers: then that one calls the waker.
    #[must_use = "the wake-up is in the caller's hands"]
    pub fn take(&self) -> Option<Waker> {
        // A1: sees the waker. A3: publishes what the caller wrote, also when
        // somebody else's window is open.
        if self.state.fetch_or(WAKING, AcqRel) != WAITING {
            return None;
        }
        // SAFETY: we led the word from WAITING to WAKING, so the slot is ours.
        let waker = self.slot.with_mut(|slot| unsafe { (*slot).take() });
        // A2: publishes the emptied slot.
        self.state.fetch_and(!WAKING, Release);
        waker
    }

    /// What happens inside the window of `register`, and after it.
    fn replace(&self, waker: &Waker) {
        // SAFETY: REGISTERING is set by us, so the slot is ours.
        let old = self.slot.with(|slot| unsafe { &*slot }.as_ref().map(|it| it.will_wake(waker)));
        if old == Some(true) {
            return wake(self.close_window());
        }
        match catch_unwind(AssertUnwindSafe(|| waker.clone())) {
            Ok(new) => {
                // SAFETY: as above.
                let old = self.slot.with_mut(|slot| unsafe { (*slot).replace(new) });
                wake(self.close_window());
                drop(old);
            }
            Err(panic) => self.give_up(panic),
        }
    }

    /// Ends the window of `register`. Returns the waker if a wake-up was noted.
    fn close_window(&self) -> Option<Waker> {
        // A1: publishes the waker. Relaxed on failure: the slot is still ours, and
        // what the others wrote is acquired below.
        if self.state.compare_exchange(REGISTERING, WAITING, Release, Relaxed).is_ok() {
            return None;
        }
        // SAFETY: REGISTERING is still set by us, so the slot is ours.
        let waker = self.slot.with_mut(|slot| unsafe { (*slot).take() });
        // A1: publishes the emptied slot. A3: sees what all who woke wrote, so that
        // whoever we are about to wake sees it, too.
        self.state.swap(WAITING, AcqRel);
        waker
    }

    /// The clone panicked: what was in the slot stays there, and if a wake-up was
    /// noted meanwhile it is passed on to that one.
    #[cold]
    fn give_up(&self, panic: Box<dyn Any + Send>) -> ! {
        let noted = self.close_window();
        // One panic is reported, the first.
        let _ = catch_unwind(AssertUnwindSafe(|| wake(noted)));
        resume_unwind(panic)
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

// SAFETY: a `Waker` is `Send`, and the slot is touched only inside a window,
// which one thread at a time has open; A1 and A2 order the windows.
unsafe impl Send for AtomicWaker {}
// SAFETY: as above; no reference to the slot's inside leaves this file.
unsafe impl Sync for AtomicWaker {}

impl UnwindSafe for AtomicWaker {}
impl RefUnwindSafe for AtomicWaker {}

impl Default for AtomicWaker {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for AtomicWaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AtomicWaker").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::{
        cell::RefCell,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::Relaxed},
        },
        task::{RawWaker, RawWakerVTable, Wake},
    };

    #[derive(Default)]
    struct Count {
        wakes: AtomicUsize,
    }

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.wakes.fetch_add(1, Relaxed);
        }
    }

    fn counting() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (count.clone(), count.into())
    }

    thread_local! {
        static ON_CLONE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
    }

    /// A waker whose clone runs what `ON_CLONE` holds.
    fn hostile() -> Waker {
        const TABLE: RawWakerVTable = RawWakerVTable::new(
            |data| {
                if let Some(run) = ON_CLONE.take() {
                    run();
                }
                RawWaker::new(data, &TABLE)
            },
            |_| (),
            |_| (),
            |_| (),
        );
        // SAFETY: the functions ignore their data, so any pointer will do.
        unsafe { Waker::new(std::ptr::null(), &TABLE) }
    }

    #[test]
    fn the_last_waker_wins_and_the_one_before_is_dropped() {
        let ((first, first_waker), (second, second_waker)) = (counting(), counting());
        let slot = AtomicWaker::new();
        slot.register(&first_waker);
        drop(first_waker);
        assert_eq!(Arc::strong_count(&first), 2);
        slot.register(&second_waker);
        assert_eq!(Arc::strong_count(&first), 1);
        slot.wake();
        slot.wake();
        assert_eq!((first.wakes.load(Relaxed), second.wakes.load(Relaxed)), (0, 1));
        assert_eq!(Arc::strong_count(&second), 2);
    }

    #[test]
    fn the_same_waker_is_not_cloned_again() {
        let (count, waker) = counting();
        let slot = AtomicWaker::new();
        slot.register(&waker);
        slot.register(&waker);
        assert_eq!(Arc::strong_count(&count), 3);
    }

    #[test]
    fn a_waker_left_behind_is_dropped_with_the_slot() {
        let (count, waker) = counting();
        let slot = AtomicWaker::new();
        slot.register(&waker);
        drop((slot, waker));
        assert_eq!(Arc::strong_count(&count), 1);
    }

    #[test]
    fn a_panic_of_the_clone_closes_the_window_and_keeps_the_old_waker() {
        let (count, waker) = counting();
        let slot = AtomicWaker::new();
        slot.register(&waker);
        ON_CLONE.set(Some(Box::new(|| panic!("clone"))));
        assert!(catch_unwind(|| slot.register(&hostile())).is_err());
        slot.wake();
        assert_eq!(count.wakes.load(Relaxed), 1);
    }

    #[test]
    fn a_wake_up_noted_before_the_clone_panics_is_passed_on() {
        let (count, waker) = counting();
        let slot = Arc::new(AtomicWaker::new());
        slot.register(&waker);
        let theirs = slot.clone();
        ON_CLONE.set(Some(Box::new(move || {
            theirs.wake();
            panic!("clone");
        })));
        assert!(catch_unwind(|| slot.register(&hostile())).is_err());
        assert_eq!(count.wakes.load(Relaxed), 1);
    }

    #[test]
    fn a_clone_may_register_and_wake_at_the_same_slot() {
        let (count, waker) = counting();
        let slot = Arc::new(AtomicWaker::new());
        let theirs = slot.clone();
        ON_CLONE.set(Some(Box::new(move || {
            theirs.register(&waker);
            theirs.wake();
        })));
        slot.register(&hostile());
        // The inner registration found a window open and was told to try again.
        assert_eq!(count.wakes.load(Relaxed), 1);
        assert!(slot.take().is_none());
    }
}
