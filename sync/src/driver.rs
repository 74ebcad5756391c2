//! How do the threads of a runtime sleep, and what wakes them?
//!
//! [`Driver`] is the seam between scheduling and the operating system. An
//! executor knows this trait and nothing else about I/O, timers or clocks; the
//! reactor implements it, and so can anybody's own event loop (a window system,
//! a simulation).
//!
//! A thread that takes part in a runtime sits on a [`Seat`], a small number. A
//! driver keeps one sleeping place per seat, and whatever else it wants to keep
//! per thread without sharing: timers, for one.
//!
//! ```text
//!     executor                               driver
//!     ────────                               ──────
//!     attach(seat)                           this thread's context is mine
//!     loop
//!       nothing to run: park(seat, …) ─────▶ sleep until event, deadline, token
//!                                    ◀────── wake tasks, return
//!       busy: poll(seat, …) now and then ──▶ the same without sleeping
//!     elsewhere: unpark(seat) ─────────────▶ leave a token; end the sleep
//!     detach(seat)
//! ```
//!
//! # Synchronization edges
//!
//! An implementation of `unpark` and `park` provides edge P1 of
//! [`parker`](crate::parker): what a thread wrote before `unpark` is visible to
//! the sleeper after the `park` that took the token.

use crate::{
    parker::Parker,
    shim::{self},
};
use std::{fmt, time::Instant};

/// Where one thread of a runtime sits: an index below the number of seats the
/// driver was built for, or [`Seat::SHARED`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seat(pub u32);

impl Seat {
    /// The seat of threads that came when all others were taken, and of threads
    /// that only want the driver's context (blocking jobs, `Handle::enter`).
    ///
    /// Many threads may be attached to it at once and nobody parks on it; timers
    /// set from here are fired by whichever thread looks after the driver.
    pub const SHARED: Self = Self(u32::MAX);

    /// Its place in an array of seats. `None` for [`Seat::SHARED`].
    #[must_use]
    pub const fn index(self) -> Option<usize> {
        match self.0 {
            u32::MAX => None,
            index => Some(index as usize),
        }
    }
}

impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index() {
            Some(index) => write!(f, "seat {index}"),
            None => f.write_str("the shared seat"),
        }
    }
}

/// A place for threads to sleep, and the sources of what wakes them.
///
/// A method that takes a seat other than [`Seat::SHARED`] is called by the
/// thread attached to it, except where it says otherwise. Wakers are called by
/// `park` and `poll`, on the calling thread, with no lock of the driver held.
pub trait Driver: Send + Sync + 'static {
    /// The calling thread sits down: sets whatever thread-local context the
    /// driver's own types need. Calls nest, also with those of other drivers.
    fn attach(&self, seat: Seat);

    /// The calling thread gets up. Undoes its last [`attach`](Self::attach).
    fn detach(&self, seat: Seat);

    /// Sleeps until somebody calls [`unpark`](Self::unpark), an event comes, a
    /// timer of the seat is due or `until` has passed; may also return early.
    ///
    /// Delivers at most `max` events and returns how many it delivered. A token
    /// that `unpark` left before the call ends it at once.
    fn park(&self, seat: Seat, until: Option<Instant>, max: usize) -> usize;

    /// Delivers what has come, at most `max` events, without sleeping.
    ///
    /// May be called by any thread, also while the seat's own thread parks.
    fn poll(&self, seat: Seat, max: usize) -> usize;

    /// Ends the current or the next [`park`](Self::park) of the seat. From any
    /// thread; calls add up to one token.
    fn unpark(&self, seat: Seat);

    /// When the seat's earliest timer is due; for [`Seat::SHARED`] the earliest of those
    /// that no thread on a seat looks after. From any thread.
    fn next_deadline(&self, seat: Seat) -> Option<Instant>;

    /// The time by this driver's clock.
    fn now(&self) -> Instant;

    /// Whether [`advance_idle`](Self::advance_idle) might do anything: no thread need be
    /// woken to call it if not. A driver for which this becomes true unparks all seats.
    fn may_advance(&self) -> bool {
        true
    }

    /// All threads are about to park and no blocking job is in flight: a virtual
    /// clock may jump to the next deadline. Returns whether it did.
    fn advance_idle(&self) -> bool {
        false
    }

    /// The runtime ends: every registration fails from now on with a
    /// recognisable error, and those who wait for one are woken. Parking and
    /// timers go on working for threads that are still attached.
    fn close(&self);
}

/// A [`Driver`] with no I/O and no timers: its threads sleep until unparked.
///
/// # Examples
///
/// ```
/// use bowerbird_sync::driver::{Driver, Seat, ThreadDriver};
///
/// let driver = ThreadDriver::new(1);
/// let seat = Seat(0);
/// driver.attach(seat);
/// driver.unpark(seat);
/// driver.park(seat, None, usize::MAX); // the token was there already
/// driver.detach(seat);
/// ```
#[derive(Debug)]
pub struct ThreadDriver {
    parkers: Box<[Parker]>,
}

impl ThreadDriver {
    /// A driver for `seats` seats.
    #[must_use]
    pub fn new(seats: usize) -> Self {
        Self { parkers: (0..seats).map(|_| Parker::new()).collect() }
    }

    fn parker(&self, seat: Seat) -> Option<&Parker> {
        let index = seat.index()?;
        debug_assert!(index < self.parkers.len(), "{seat} of {}", self.parkers.len());
        self.parkers.get(index)
    }
}

impl Driver for ThreadDriver {
    fn attach(&self, _seat: Seat) {}

    fn detach(&self, _seat: Seat) {}

    fn park(&self, seat: Seat, until: Option<Instant>, _max: usize) -> usize {
        shim::assert_unlocked("a sleep");
        if let Some(parker) = self.parker(seat) {
            match until {
                None => parker.park(),
                Some(until) => {
                    parker.park_timeout(until.saturating_duration_since(self.now()));
                }
            }
        }
        0
    }

    fn poll(&self, _seat: Seat, _max: usize) -> usize {
        0
    }

    fn unpark(&self, seat: Seat) {
        if let Some(parker) = self.parker(seat) {
            parker.unpark();
        }
    }

    fn next_deadline(&self, _seat: Seat) -> Option<Instant> {
        None
    }

    fn now(&self) -> Instant {
        shim::now()
    }

    fn may_advance(&self) -> bool {
        false
    }

    fn close(&self) {}
}
