//! What does a lock cost that one thread takes nearly always?
//!
//! A read-modify-write to take it; to let it go, a store. A mutex needs a second
//! read-modify-write, to learn whether somebody sleeps until it is free, and that is a
//! third of what it takes to set a timer and cancel it. Here nobody sleeps until then:
//!
//! ```text
//!   the thread at home ────────────────────────────▶ held ──▶ the value
//!   all others ──▶ crowd, a lock to sleep at, ─────▶
//!                  one of them at a time
//! ```
//!
//! So few threads look at `held`: the one at home and the first of the crowd. Who
//! finds it taken spins, lets others run, and naps, in that order: a holder that has lost
//! its processor gets it back, also from waiters that are of a higher priority.
//!
//! For short work, as under all locks of the insides. Which thread is at home is a guess
//! of the caller's: any number may say that they are, then they only wait worse.
//!
//! # Who may touch the value
//!
//! Whoever changed `held` from false to true, until he writes false.
//!
//! # The last access
//!
//! Who takes the lock may find that nobody else needs it, and free it after he has let it
//! go. So to write false is the last that whoever had it before does to it: the crowd is
//! let go first, and the next of it then waits a moment more at `held`.
//!
//! # Synchronization edges
//!
//! | edge | released by          | acquired by        | what crosses |
//! |------|----------------------|--------------------|--------------|
//! | X1   | [`HomeGuard`]'s drop | `HomeLock::take`   | the value    |
//!
//! A model writes false by an exchange: loom puts a store that has not seen an exchange
//! before it, though it was made after, so that who waits would wait for ever. The
//! language does not: an exchange that comes after the store reads false, and is the next
//! to have the lock; one that comes before it reads true.
//!
//! # Rejected
//!
//! * The byte alone: of many threads that want it all spin.
//! * An exchange at the end, which tells whether somebody sleeps: a mutex.
//! * A fence instead of the exchange (Dekker's way): as dear.

use crate::shim::{
    Held, Lock, LockGuard,
    atomic::{
        AtomicBool,
        Ordering::{Acquire, Relaxed, Release},
    },
    cell::UnsafeCell,
    thread,
};
use std::{
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

/// Looks before others are let run.
const SPINS: u32 = if cfg!(any(loom, shuttle)) { 0 } else { 64 };

/// After so many more, naps. A model has no time.
const YIELDS: u32 = if cfg!(any(loom, shuttle)) { u32::MAX } else { SPINS + 64 };

/// A lock that is cheap for one thread.
///
/// # Examples
///
/// ```
/// use bowerbird_sync::home_lock::HomeLock;
///
/// let lock = HomeLock::new(1);
/// *lock.lock_at_home() += 1;
/// std::thread::scope(|scope| scope.spawn(|| *lock.lock() += 1).join().map(drop)).unwrap();
/// assert_eq!(*lock.lock_at_home(), 3);
/// ```
#[derive(Debug)]
pub struct HomeLock<T> {
    held: AtomicBool,
    crowd: Lock<()>,
    value: UnsafeCell<T>,
}

// SAFETY: one thread at a time reaches the value, as "Who may touch the value" says, so
// that it need only be able to move.
unsafe impl<T: Send> Sync for HomeLock<T> {}

impl<T> HomeLock<T> {
    crate::const_fn! {
        /// Wraps `value`.
        pub const fn new(value: T) -> Self {
            let (held, crowd) = (AtomicBool::new(false), Lock::new(()));
            Self { held, crowd, value: UnsafeCell::new(value) }
        }
    }

    /// Waits until the lock is ours: for the thread that takes it nearly always.
    #[inline]
    pub fn lock_at_home(&self) -> HomeGuard<'_, T> {
        self.take();
        HomeGuard { lock: self, crowd: None, held: Held::new(), value: PhantomData }
    }

    /// Waits until the lock is ours: for all others.
    pub fn lock(&self) -> HomeGuard<'_, T> {
        let crowd = Some(self.crowd.lock());
        self.take();
        HomeGuard { lock: self, crowd, held: Held::new(), value: PhantomData }
    }

    /// X1: sees what was done to the value before.
    #[inline]
    fn take(&self) {
        if self.held.swap(true, Acquire) {
            self.wait();
        }
    }

    #[cold]
    fn wait(&self) {
        let mut looks: u32 = 0;
        loop {
            match looks {
                _ if looks < SPINS => std::hint::spin_loop(),
                _ if looks < YIELDS => thread::yield_now(),
                _ => thread::nap(),
            }
            looks = looks.saturating_add(1);
            if self.looks_free() && !self.held.swap(true, Acquire) {
                return;
            }
        }
    }

    /// Whether an exchange is worth its while. A model exchanges at once: its loads may be
    /// late for ever.
    fn looks_free(&self) -> bool {
        // Relaxed: the exchange decides.
        cfg!(any(loom, shuttle)) || !self.held.load(Relaxed)
    }
}

/// A [`HomeLock`] held.
#[derive(Debug)]
pub struct HomeGuard<'a, T> {
    lock: &'a HomeLock<T>,
    crowd: Option<LockGuard<'a, ()>>,
    #[expect(dead_code, reason = "counts, in debug builds")]
    held: Held,
    /// Who shares the guard shares the value.
    value: PhantomData<&'a mut T>,
}

impl<T> Deref for HomeGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the lock is ours as long as we are, and `&self` shares us.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T> DerefMut for HomeGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is ours as long as we are, and `&mut self` is the only way to us.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T> Drop for HomeGuard<'_, T> {
    /// X1: publishes what was done to the value. See "The last access".
    #[inline]
    fn drop(&mut self) {
        drop(self.crowd.take());
        match cfg!(any(loom, shuttle)) {
            false => self.lock.held.store(false, Release),
            true => drop(self.lock.held.swap(false, Release)),
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::static_checks::{implements, is_not};
    use std::{
        cell::Cell,
        panic::{AssertUnwindSafe, catch_unwind},
        rc::Rc,
    };

    const ROUNDS: u32 = 20_000;

    implements!(HomeLock<Cell<u8>>: Send, Sync);
    is_not!(HomeLock<Rc<u8>>: Sync);
    is_not!(HomeGuard<'static, Cell<u8>>: Sync);
    is_not!(HomeGuard<'static, u8>: Send);

    #[test]
    fn one_thread_at_a_time_has_the_value() {
        let lock = HomeLock::new(0);
        let add = |mut guard: HomeGuard<'_, u32>| {
            let seen = *guard;
            std::hint::black_box(&guard);
            *guard = seen + 1;
        };
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| (0..ROUNDS).for_each(|_| add(lock.lock())));
            }
            // Also if two say that they are at home.
            for _ in 0..2 {
                scope.spawn(|| (0..ROUNDS).for_each(|_| add(lock.lock_at_home())));
            }
        });
        assert_eq!(*lock.lock(), 5 * ROUNDS);
    }

    #[test]
    fn who_waits_long_gets_it() {
        let lock = HomeLock::new(());
        let guard = lock.lock();
        std::thread::scope(|scope| {
            let waiters =
                [scope.spawn(|| drop(lock.lock())), scope.spawn(|| drop(lock.lock_at_home()))];
            // Long enough for naps.
            (0..200).for_each(|_| thread::nap());
            assert!(waiters.iter().all(|it| !it.is_finished()));
            drop(guard);
        });
    }

    #[test]
    fn a_panic_lets_it_go() {
        let lock = HomeLock::new(7);
        for take in [HomeLock::lock, HomeLock::lock_at_home] {
            let caught = catch_unwind(AssertUnwindSafe(|| {
                let _guard = take(&lock);
                panic!("while it is held");
            }));
            assert!(caught.is_err());
        }
        assert_eq!(*lock.lock(), 7);
    }
}
