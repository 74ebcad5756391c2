//! How does the [watcher](crate::watcher) sleep, and who ends its deep sleep?
//!
//! While something happens the watcher naps for some milliseconds at a time. When
//! nothing has for a while it sleeps until called, so that an idle runtime makes no
//! system call. Whoever leaves sleep first calls it, and nobody pays for that but
//! the one who finds the flag set:
//!
//! ```text
//!     watcher                             a thread that gets up
//!     ───────                             ─────────────────────
//!     is_deep = true                      count itself awake
//!     all asleep?   ◀──── U1, U2 ────▶    is_deep? call
//!       no: nap
//!       yes: park
//! ```
//!
//! # Synchronization edges
//!
//! | edge | one side          | other side                  | never both              |
//! |------|-------------------|-----------------------------|-------------------------|
//! | U1   | [`Vigil::sleep`]  | [`Vigil::worker_got_up`]    | miss the other's write  |
//! | U2   | [`Vigil::sleep`]  | [`Vigil::guest_got_up`]     | miss the other's write  |
//!
//! U1 is carried by the lock of [`idle`](crate::idle), which both sides take between
//! their write and their look: it costs a worker one load. Guests are not on that
//! list; U2 is a pair of fences, 8 ns beside a sleep.
//!
//! # Rejected
//!
//! * The waker of a sleeper calls the watcher: the sleeper, which is slow already,
//!   can do it as well.
//! * A bit in the word of `idle`: the lock orders it without another meaning of that
//!   word.

use std::time::Duration;
use sync::{
    parker::Parker,
    shim::{
        atomic::{
            AtomicBool,
            Ordering::{Relaxed, SeqCst},
            fence,
        },
        thread,
    },
};

/// The watcher's bed.
#[derive(Debug)]
pub(crate) struct Vigil {
    parker: Parker,
    /// Whether the watcher wants to be called.
    is_deep: AtomicBool,
}

impl Vigil {
    pub(crate) fn new() -> Self {
        Self { parker: Parker::new(), is_deep: AtomicBool::new(false) }
    }

    /// Sleeps for so long, or until the end.
    pub(crate) fn nap(&self, span: Duration) {
        match cfg!(shuttle) {
            // No sleep of a scenario ends by itself.
            true => thread::yield_now(),
            false => drop(self.parker.park_timeout(span)),
        }
    }

    /// Sleeps until called, unless `is_quiet` says, by looking once more, that
    /// somebody is awake. U1, U2, the watcher's side.
    pub(crate) fn sleep(&self, is_quiet: impl FnOnce() -> bool) {
        // Relaxed: what crosses does so by U1 and U2.
        self.is_deep.swap(true, Relaxed);
        fence(SeqCst);
        if is_quiet() {
            self.parker.park();
        }
        // Relaxed: a call that comes too late leaves a token, which ends one nap.
        self.is_deep.swap(false, Relaxed);
    }

    /// A worker is awake, and has said so under the lock of `idle`. U1, its side.
    #[inline]
    pub(crate) fn worker_got_up(&self) {
        // Relaxed, both: that lock orders the load; one of many calls is enough.
        if self.is_deep.load(Relaxed) && self.is_deep.swap(false, Relaxed) {
            self.parker.unpark();
        }
    }

    /// A guest is awake, and has said so. U2, its side.
    pub(crate) fn guest_got_up(&self) {
        fence(SeqCst);
        self.worker_got_up();
    }

    /// The runtime ends.
    pub(crate) fn end(&self) {
        self.parker.unpark();
    }
}
