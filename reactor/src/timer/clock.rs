//! What time is it: really, or in a test?
//!
//! A [`Clock`] starts out as the system's monotonic clock and reads it at the
//! cost of one load more. Once it has been paused or advanced it is *virtual*:
//! it says `base`, plus what has really passed since it was last resumed.
//!
//! ```text
//!            pause              resume
//!   real ────────────▶ paused ◀────────▶ running, ahead or behind
//!     └── advance ───────────────────────▶   (never real again)
//! ```
//!
//! It never goes back and never overflows. To change it under threads that sleep
//! is the reactor's business: each must look at its deadline again.

use std::time::{Duration, Instant};
use sync::shim::{
    self, Lock,
    atomic::{AtomicU8, Ordering::Relaxed},
};

const REAL: u8 = 0;
const RUNNING: u8 = 1;
const PAUSED: u8 = 2;

/// Whether a paused clock jumps to the next deadline when all threads sleep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AutoAdvance {
    /// It does: `sleep(an hour)` passes at once.
    #[default]
    On,
    /// It moves by hand only.
    Off,
}

/// The time by which timers fire: the system's, or a test's.
#[derive(Debug)]
pub struct Clock {
    /// Written under the lock only.
    mode: AtomicU8,
    reading: Lock<Reading>,
}

/// What a virtual clock says.
#[derive(Clone, Copy, Debug)]
struct Reading {
    base: Instant,
    /// When, really, it said `base`. `None`: it always does.
    since: Option<Instant>,
    auto_advance: AutoAdvance,
}

impl Reading {
    fn now(&self, real: Instant) -> Instant {
        match self.since {
            None => self.base,
            Some(since) => later(self.base, real.saturating_duration_since(since)),
        }
    }
}

impl Clock {
    /// The system's clock.
    pub(crate) fn real() -> Self {
        let now = shim::now();
        let reading = Reading { base: now, since: Some(now), auto_advance: AutoAdvance::On };
        Self { mode: AtomicU8::new(REAL), reading: Lock::new(reading) }
    }

    /// A clock that stands still from now on.
    pub(crate) fn paused() -> Self {
        let clock = Self::real();
        clock.pause();
        clock
    }

    /// The time by this clock.
    pub fn now(&self) -> Instant {
        // Relaxed: who learns of a pause by other means sees this too, since it
        // was written before; for others there is no before.
        match self.mode.load(Relaxed) {
            REAL => shim::now(),
            _ => self.now_virtual(),
        }
    }

    /// Whether it is the system's: nobody has ever paused or advanced it.
    pub(crate) fn is_real(&self) -> bool {
        // Relaxed: as in `now`.
        self.mode.load(Relaxed) == REAL
    }

    /// Whether the clock stands still.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        // Relaxed: as in `now`.
        self.mode.load(Relaxed) == PAUSED
    }

    /// Whether it jumps when all threads sleep, while paused.
    #[must_use]
    pub fn auto_advance(&self) -> AutoAdvance {
        self.reading.lock().auto_advance
    }

    pub(crate) fn set_auto_advance(&self, auto_advance: AutoAdvance) {
        self.reading.lock().auto_advance = auto_advance;
    }

    /// Stands still. Nothing happens if it does already.
    pub(crate) fn pause(&self) {
        self.change(|now| (PAUSED, now));
    }

    /// Goes on from where it stands. Nothing happens if it goes already.
    pub(crate) fn resume(&self) {
        if self.is_paused() {
            self.change(|now| (RUNNING, now));
        }
    }

    /// Jumps ahead by `span`, or as far as times go.
    pub(crate) fn advance(&self, span: Duration) {
        self.jump(|now| later(now, span));
    }

    /// Jumps ahead to `time`. Nothing happens if that has passed.
    pub(crate) fn advance_to(&self, time: Instant) {
        self.jump(|now| now.max(time));
    }

    fn jump(&self, target: impl FnOnce(Instant) -> Instant) {
        // Relaxed: under the lock.
        self.change(|now| (self.mode.load(Relaxed).max(RUNNING), target(now)));
    }

    /// Makes the clock say something else, `change` being told what it says.
    fn change(&self, change: impl FnOnce(Instant) -> (u8, Instant)) {
        let mut reading = self.reading.lock();
        let real = shim::now();
        // Relaxed: under the lock.
        let now = match self.mode.load(Relaxed) {
            REAL => real,
            _ => reading.now(real),
        };
        let (mode, base) = change(now);
        reading.base = base;
        reading.since = (mode != PAUSED).then_some(real);
        // Relaxed: under the lock; for readers see `now`.
        self.mode.store(mode, Relaxed);
    }

    #[cold]
    fn now_virtual(&self) -> Instant {
        let reading = *self.reading.lock();
        reading.now(shim::now())
    }
}

/// `time` plus `span`, or the farthest time that can be told.
pub(crate) fn later(time: Instant, span: Duration) -> Instant {
    time.checked_add(span).unwrap_or_else(|| step_while(time, Instant::checked_add))
}

/// `time` minus `span`, or the earliest time that can be told.
pub(crate) fn sooner(time: Instant, span: Duration) -> Instant {
    time.checked_sub(span).unwrap_or_else(|| step_while(time, Instant::checked_sub))
}

/// Goes from `time` as far as whole seconds take it: no constant says how far
/// that is.
#[cold]
fn step_while(time: Instant, step: impl Fn(&Instant, Duration) -> Option<Instant>) -> Instant {
    (0..64).rev().fold(time, |time, bit| step(&time, Duration::from_secs(1 << bit)).unwrap_or(time))
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_paused_clock_moves_by_hand_only() {
        let clock = Clock::paused();
        let start = clock.now();
        assert!(clock.is_paused());
        assert_eq!(clock.now(), start);
        clock.advance(SECOND);
        assert_eq!(clock.now(), start + SECOND);
        clock.advance_to(start);
        assert_eq!(clock.now(), start + SECOND, "it never goes back");
        clock.advance_to(start + 2 * SECOND);
        assert_eq!(clock.now(), start + 2 * SECOND);
    }

    #[test]
    fn a_resumed_clock_goes_on_from_where_it_stood() {
        let clock = Clock::paused();
        clock.advance(1000 * SECOND);
        let stood = clock.now();
        clock.resume();
        assert!(!clock.is_paused());
        let one = clock.now();
        let two = clock.now();
        assert!(stood <= one && one <= two && two < stood + 500 * SECOND);
        clock.pause();
        let three = clock.now();
        assert!(two <= three);
        assert_eq!(clock.now(), three);
    }

    #[test]
    fn a_real_clock_can_be_ahead() {
        let clock = Clock::real();
        clock.resume();
        let before = clock.now();
        clock.advance(1000 * SECOND);
        assert!(before + 1000 * SECOND <= clock.now());
        assert!(!clock.is_paused());
    }

    #[test]
    fn there_is_no_end_of_time() {
        let clock = Clock::paused();
        let start = clock.now();
        clock.advance(Duration::MAX);
        let end = clock.now();
        assert!(start < end);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), end);
        clock.resume();
        assert!(end <= clock.now());
        assert!(sooner(start, Duration::MAX) < start);
    }
}
