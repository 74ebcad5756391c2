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

    /// What it has counted. By default, nothing.
    fn metrics(&self) -> DriverMetrics {
        DriverMetrics::default()
    }

    /// The runtime ends: every registration fails from now on with a
    /// recognisable error, and those who wait for one are woken. Parking and
    /// timers go on working for threads that are still attached.
    fn close(&self);
}

/// What a [`Driver`] has counted since it was built, and what is true at this moment.
/// Counters wrap. `Display` shows it as two lines.
///
/// # Examples
///
/// ```
/// use bowerbird_sync::driver::DriverMetrics;
///
/// let (mut before, mut after) = (DriverMetrics::default(), DriverMetrics::default());
/// (before.events, after.events, after.timers) = (10, 17, 3);
/// let during = after.since(&before);
/// assert_eq!((during.events, during.timers), (7, 3));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DriverMetrics {
    /// How often it looked for events or due timers.
    pub turns: u64,
    /// How often a thread went to sleep in it.
    pub sleeps: u64,
    /// Events that came from the operating system.
    pub events: u64,
    /// Those among them whose source had gone: they woke nobody. Many: sources are
    /// dropped while much comes in.
    pub events_stale: u64,
    /// Wakers it called.
    pub wakes: u64,
    /// Sources of events that are registered now: sockets, pipes, children. If it grows
    /// for ever, connections are kept that nobody uses.
    pub sources: usize,
    /// Timers that are set now.
    pub timers: usize,
    /// Timers that were set.
    pub timers_set: u64,
    /// Timers that fired, being due.
    pub timers_fired: u64,
    /// Timers that were cancelled before they were due. Most timeouts are.
    pub timers_cancelled: u64,
}

impl DriverMetrics {
    /// What was counted since `earlier`; sources and timers stay as they are here.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            turns: self.turns.wrapping_sub(earlier.turns),
            sleeps: self.sleeps.wrapping_sub(earlier.sleeps),
            events: self.events.wrapping_sub(earlier.events),
            events_stale: self.events_stale.wrapping_sub(earlier.events_stale),
            wakes: self.wakes.wrapping_sub(earlier.wakes),
            sources: self.sources,
            timers: self.timers,
            timers_set: self.timers_set.wrapping_sub(earlier.timers_set),
            timers_fired: self.timers_fired.wrapping_sub(earlier.timers_fired),
            timers_cancelled: self.timers_cancelled.wrapping_sub(earlier.timers_cancelled),
        }
    }
}

impl fmt::Display for DriverMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { turns, sleeps, events, events_stale, sources, .. } = self;
        let Self { timers, timers_set, timers_fired, timers_cancelled, .. } = self;
        writeln!(
            f,
            "driver       {turns} turns, {sleeps} sleeps, {events} events ({events_stale} stale), \
             {sources} sources"
        )?;
        write!(
            f,
            "timers       {timers} set now of {timers_set} ({timers_fired} fired, \
             {timers_cancelled} cancelled)"
        )
    }
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
