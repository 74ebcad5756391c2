//! What is a source ready for, as far as we have heard?
//!
//! One word per source. Events set bits and move the tick on; an operation that
//! met `WouldBlock` clears the bits it had read, unless the tick has moved: then
//! an event came in between, and what it said must stay.
//!
//! ```text
//!   63                                           7   6        5..0
//!  ┌──────────────────────────────────────────────┬──────────┬────────────────┐
//!  │ tick: events so far (wraps)                  │ shutdown │ Ready          │
//!  └──────────────────────────────────────────────┴──────────┴────────────────┘
//! ```
//!
//! One tick serves both directions. An event for one of them thus saves the other
//! from being cleared once, which costs one system call and loses nothing.
//!
//! # Synchronization edges
//!
//! | edge | released by          | acquired by          | what crosses                  |
//! |------|----------------------|----------------------|-------------------------------|
//! | F1   | [`Readiness::set`]   | [`Readiness::read`]  | what was done before the event |
//!
//! # Rejected
//!
//! * A tick per turn of the reactor, shared by all sources: two events of one
//!   turn look alike, and a clear wipes out the second.
//! * No tick, and clearing *before* the operation: two readers of one socket
//!   then take the readiness from each other for good.

use std::{fmt, ops};
use sync::shim::atomic::{
    AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed},
};

/// What a source is ready for: a set.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Ready(u8);

impl Ready {
    /// Nothing.
    pub const EMPTY: Self = Self(0);
    /// Reading will not block.
    pub const READABLE: Self = Self(1);
    /// Writing will not block.
    pub const WRITABLE: Self = Self(1 << 1);
    /// The peer writes no more: reading gives what is left, then the end.
    pub const READ_CLOSED: Self = Self(1 << 2);
    /// The peer reads no more: writing fails.
    pub const WRITE_CLOSED: Self = Self(1 << 3);
    /// Urgent data, or what the kind of file means by it.
    pub const PRIORITY: Self = Self(1 << 4);
    /// An error waits to be read; also makes readable and writable.
    pub const ERROR: Self = Self(1 << 5);
    /// All of it.
    pub const ALL: Self = Self((1 << 6) - 1);

    /// Whether nothing is ready.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether reading would not block, were it only to find the end.
    #[must_use]
    pub const fn is_readable(self) -> bool {
        self.intersects(Self(Self::READABLE.0 | Self::READ_CLOSED.0))
    }

    /// Whether writing would not block, were it only to fail.
    #[must_use]
    pub const fn is_writable(self) -> bool {
        self.intersects(Self(Self::WRITABLE.0 | Self::WRITE_CLOSED.0))
    }

    /// Whether the peer writes no more.
    #[must_use]
    pub const fn is_read_closed(self) -> bool {
        self.intersects(Self::READ_CLOSED)
    }

    /// Whether the peer reads no more.
    #[must_use]
    pub const fn is_write_closed(self) -> bool {
        self.intersects(Self::WRITE_CLOSED)
    }

    /// Whether something urgent came.
    #[must_use]
    pub const fn is_priority(self) -> bool {
        self.intersects(Self::PRIORITY)
    }

    /// Whether an error was reported.
    #[must_use]
    pub const fn is_error(self) -> bool {
        self.intersects(Self::ERROR)
    }

    /// Whether both sets have something in common.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether everything in `other` is also in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl ops::BitOr for Ready {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl ops::BitOrAssign for Ready {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl ops::BitAnd for Ready {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl ops::Sub for Ready {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::READABLE, "readable"),
            (Self::WRITABLE, "writable"),
            (Self::READ_CLOSED, "read closed"),
            (Self::WRITE_CLOSED, "write closed"),
            (Self::PRIORITY, "priority"),
            (Self::ERROR, "error"),
        ];
        let mut set = f.debug_set();
        for (_, name) in names.iter().filter(|(bit, _)| self.intersects(*bit)) {
            set.entry(&format_args!("{name}"));
        }
        set.finish()
    }
}

/// What a registration wants to hear of: never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interest(u8);

impl Interest {
    /// When reading will not block.
    pub const READABLE: Self = Self(1);
    /// When writing will not block.
    pub const WRITABLE: Self = Self(1 << 1);
    /// When something urgent comes (`EPOLLPRI`); waiters on reading hear of it.
    pub const PRIORITY: Self = Self(1 << 2);
    /// Reading and writing.
    pub const BOTH: Self = Self(Self::READABLE.0 | Self::WRITABLE.0);

    /// Whether it includes reading.
    #[must_use]
    pub const fn is_readable(self) -> bool {
        self.0 & Self::READABLE.0 != 0
    }

    /// Whether it includes writing.
    #[must_use]
    pub const fn is_writable(self) -> bool {
        self.0 & Self::WRITABLE.0 != 0
    }

    /// Whether it includes what is urgent.
    #[must_use]
    pub const fn is_priority(self) -> bool {
        self.0 & Self::PRIORITY.0 != 0
    }

    /// What answers this interest.
    #[must_use]
    pub(crate) fn wanted(self) -> Ready {
        let mut wanted = Ready::EMPTY;
        if self.is_readable() {
            wanted |= Ready::READABLE | Ready::READ_CLOSED;
        }
        if self.is_writable() {
            wanted |= Ready::WRITABLE | Ready::WRITE_CLOSED;
        }
        if self.is_priority() {
            wanted |= Ready::PRIORITY | Ready::READ_CLOSED;
        }
        wanted
    }
}

impl ops::BitOr for Interest {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

const READY_MASK: usize = Ready::ALL.0 as usize;
const SHUTDOWN: usize = 1 << 6;
const TICK_ONE: usize = 1 << 7;

/// Ticks start here: in debug builds the fourth event wraps around.
const TICK_START: usize = if cfg!(debug_assertions) { usize::MAX - 3 * TICK_ONE + 1 } else { 0 };

/// What outlives the data that came before it.
const CLOSED: Ready = Ready(Ready::READ_CLOSED.0 | Ready::WRITE_CLOSED.0);

/// One reading of a [`Readiness`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Snapshot(usize);

impl Snapshot {
    fn new(ready: Ready) -> Self {
        Self(TICK_START & !(READY_MASK | SHUTDOWN)).with(ready)
    }

    fn with(self, ready: Ready) -> Self {
        Self(self.0 | usize::from(ready.0))
    }

    /// What the source was ready for.
    pub(crate) fn ready(self) -> Ready {
        Ready((self.0 & READY_MASK) as u8)
    }

    /// Whether the runtime has ended.
    pub(crate) fn is_shut_down(self) -> bool {
        self.0 & SHUTDOWN != 0
    }

    /// Whether an event came between `seen` and this.
    #[cfg(all(test, loom))]
    pub(crate) fn is_after(self, seen: Self) -> bool {
        self.tick() != seen.tick()
    }

    fn tick(self) -> usize {
        self.0 & !(READY_MASK | SHUTDOWN)
    }

    /// An event came.
    fn set(self, ready: Ready) -> Self {
        Self(self.0.wrapping_add(TICK_ONE)).with(ready)
    }

    /// What was ready in `seen` turned out not to be. An event since then has the
    /// last word.
    fn clear(self, seen: Self, cleared: Ready) -> Self {
        match self.tick() == seen.tick() {
            true => Self(self.0 & !usize::from(cleared.0)),
            false => self,
        }
    }

    /// What was ready in `seen` has been used up. Who has closed stays closed: no
    /// event will say it again.
    fn drain(self, seen: Self, drained: Ready) -> Self {
        self.clear(seen, drained - CLOSED)
    }

    fn shut_down(self) -> Self {
        Self(self.0 | SHUTDOWN)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("ready", &self.ready())
            .field("shut_down", &self.is_shut_down())
            .field("tick", &(self.tick() / TICK_ONE))
            .finish()
    }
}

/// The readiness word of one source.
#[derive(Debug)]
pub(crate) struct Readiness(AtomicUsize);

impl Readiness {
    /// A source that starts out ready for `ready`.
    pub(crate) fn new(ready: Ready) -> Self {
        Self(AtomicUsize::new(Snapshot::new(ready).0))
    }

    /// F1: sees what was done before the event that it shows.
    pub(crate) fn read(&self) -> Snapshot {
        Snapshot(self.0.load(Acquire))
    }

    /// An event came. F1: publishes what was done before it.
    pub(crate) fn set(&self, ready: Ready) {
        self.update(|it| it.set(ready));
    }

    /// See [`Snapshot::clear`].
    pub(crate) fn clear(&self, seen: Snapshot, cleared: Ready) {
        self.update(|it| it.clear(seen, cleared));
    }

    /// See [`Snapshot::drain`].
    pub(crate) fn drain(&self, seen: Snapshot, drained: Ready) {
        self.update(|it| it.drain(seen, drained));
    }

    /// The runtime ends. F1: publishes what was done before that.
    pub(crate) fn shut_down(&self) {
        self.update(Snapshot::shut_down);
    }

    fn update(&self, transition: impl Fn(Snapshot) -> Snapshot) {
        // Relaxed: the exchange fails if it was not the latest.
        let mut seen = self.0.load(Relaxed);
        loop {
            let next = transition(Snapshot(seen)).0;
            // F1, both ends: a setter passes on what the setters before it wrote.
            match self.0.compare_exchange_weak(seen, next, AcqRel, Relaxed) {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn all_sets() -> impl Iterator<Item = Ready> + Clone {
        (0..=Ready::ALL.0).map(Ready)
    }

    fn all_words() -> impl Iterator<Item = Snapshot> {
        let ticks = [0, TICK_ONE, TICK_START, 0_usize.wrapping_sub(TICK_ONE)];
        let open = ticks.into_iter().flat_map(|tick| {
            all_sets().map(move |ready| Snapshot(tick & !(READY_MASK | SHUTDOWN)).with(ready))
        });
        open.flat_map(|word| [word, word.shut_down()])
    }

    #[test]
    fn an_event_adds_bits_and_moves_the_tick() {
        for word in all_words() {
            for ready in all_sets() {
                let next = word.set(ready);
                assert_eq!(next.ready(), word.ready() | ready);
                assert_ne!(next.tick(), word.tick());
                assert_eq!(next.is_shut_down(), word.is_shut_down());
            }
        }
    }

    #[test]
    fn a_clear_takes_what_was_seen_and_a_drain_leaves_what_is_closed() {
        for word in all_words() {
            for cleared in all_sets() {
                let next = word.clear(word, cleared);
                assert_eq!(next.ready(), word.ready() - cleared);
                assert_eq!(word.drain(word, cleared).ready(), word.ready() - (cleared - CLOSED));
                assert_eq!(next.tick(), word.tick());
                assert_eq!(next.is_shut_down(), word.is_shut_down());
            }
        }
    }

    #[test]
    fn a_clear_never_wipes_out_a_newer_event() {
        for word in all_words() {
            for (came, cleared) in all_sets().flat_map(|a| all_sets().map(move |b| (a, b))) {
                let newer = word.set(came);
                assert_eq!(newer.clear(word, cleared), newer);
                assert_eq!(newer.drain(word, cleared), newer);
            }
        }
    }

    #[test]
    fn shut_down_is_final() {
        for word in all_words() {
            let down = word.shut_down();
            for ready in all_sets() {
                assert!(down.is_shut_down());
                assert!(down.set(ready).is_shut_down());
                assert!(down.clear(down, ready).is_shut_down());
            }
        }
    }

    #[test]
    fn ticks_wrap() {
        let mut word = Snapshot::new(Ready::EMPTY);
        for _ in 0..8 {
            let next = word.set(Ready::READABLE);
            assert_eq!(next.ready(), Ready::READABLE);
            assert!(!next.is_shut_down());
            word = next;
        }
    }

    #[test]
    fn an_interest_wants_what_answers_it() {
        assert!(Interest::READABLE.wanted().contains(Ready::READ_CLOSED));
        assert!(!Interest::READABLE.wanted().intersects(Ready::WRITABLE));
        assert!(Interest::BOTH.wanted().contains(Ready::READABLE | Ready::WRITABLE));
        assert_eq!(format!("{:?}", Ready::READABLE | Ready::ERROR), "{readable, error}");
    }
}
