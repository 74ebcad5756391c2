//! Where does each seat's thread sleep, and who minds the poller?
//!
//! A thread that parks tries to *lead*: one leader at a time sleeps in the poller.
//! The others sleep each on a parker of their own, until their own deadline.
//!
//! ```text
//!                 fall_asleep(Parker)  ┌────────┐
//!              ┌──────────────────────▶│ PARKER │──┐
//!   ┌─────────┐│  fall_asleep(Poller)  ├────────┤  │ unpark
//!   │ RUNNING │┴──────────────────────▶│ POLLER │──┤  + end that sleep
//!   └─────────┘                        └────────┘  ▼
//!     ▲  │ unpark                              ┌──────────┐
//!     │  └────────────────────────────────────▶│ NOTIFIED │
//!     │              get_up (from any)         └──────────┘
//!     └─────────────────────────────────────────────┘
//! ```
//!
//! NOTIFIED is the token: it stays until the seat takes it, by falling asleep in
//! vain or by getting up.
//!
//! A busy thread looks into the poller, too, and may gather there the event by which
//! an unpark wanted to end the leader's sleep. So the leader asks once more whether
//! it may sleep when it has the poller for itself ([`is_in_poller`](Seats::is_in_poller)).
//!
//! # When the leader leaves
//!
//! Leaving the poller wakes nobody: it is done once per event, and who leaves has
//! work, or a token, and will poll every so many tasks and park again. A follower
//! relies on that: it sleeps only if it saw a leader, and that leader is still
//! there, or awake on its seat. Only when a seat is given up for good does its
//! thread wake a follower, who then leads: [`succeed`](Seats::succeed).
//!
//! The one word `leader` orders this. A follower first says PARKER, then asks by a
//! read-modify-write; read-modify-writes of one word form one line:
//!
//! ```text
//!     follower                            leader
//!     ────────                            ──────
//!     state = PARKER                      resign: leader = NOBODY
//!     ask: leader?      ◀──── L2 ────▶    … runs its tasks …
//!       nobody: get up and lead           give up the seat: any PARKER?
//!       somebody: sleep                     wake it
//! ```
//!
//! If the follower asks first, the leader resigns after that, in one line with
//! it, and sees PARKER when it looks; otherwise the follower finds nobody. A timer set for the shared
//! seat and a leader falling asleep meet in the same way (L3).
//!
//! # Synchronization edges
//!
//! | edge | released by          | acquired by             | what crosses                  |
//! |------|----------------------|-------------------------|-------------------------------|
//! | L1   | [`Seats::unpark`]    | [`Seats::get_up`]       | whatever the waker wrote      |
//! | L2   | [`Seats::has_leader`]| [`Seats::succeed`]      | the follower's PARKER         |
//! | L3   | [`Seats::leader`]    | [`Seats::lead`]         | the timer set before the look |
//!
//! # Rejected
//!
//! * Waking a follower whenever the leader leaves: a wake per event, to no avail
//!   when the leader is back within microseconds.
//! * The poller's lock as leadership: a thread that only polls would look like a
//!   leader for a moment, and a follower could go to sleep on that.
//! * Fences: as strong, at the same price, and one word is easier to reason about.

use std::time::Duration;
use sync::{
    driver::Seat,
    parker::Parker,
    shim::atomic::{
        AtomicUsize,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
};

const RUNNING: usize = 0;
const PARKER: usize = 1;
const POLLER: usize = 2;
const NOTIFIED: usize = 3;

const NOBODY: usize = usize::MAX;

/// Where a thread falls asleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bed {
    Parker,
    Poller,
}

/// What to do after a token was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Unpark {
    /// The seat's thread sleeps in the poller: end that sleep.
    WakePoller,
    Nothing,
}

/// What ended a sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum GetUp {
    Token,
    Otherwise,
}

/// One seat's thread, and where it sleeps.
#[derive(Debug)]
struct Sleeper {
    state: AtomicUsize,
    parker: Parker,
}

/// The sleeping places of a reactor.
#[derive(Debug)]
pub(crate) struct Seats {
    sleepers: Box<[Sleeper]>,
    /// The index of the seat that leads, or NOBODY. Written by
    /// read-modify-writes only.
    leader: AtomicUsize,
}

impl Seats {
    pub(crate) fn new(count: usize) -> Self {
        let sleeper = |_| Sleeper { state: AtomicUsize::new(RUNNING), parker: Parker::new() };
        Self { sleepers: (0..count).map(sleeper).collect(), leader: AtomicUsize::new(NOBODY) }
    }

    pub(crate) fn count(&self) -> usize {
        self.sleepers.len()
    }

    /// Tries to become the leader.
    pub(crate) fn lead(&self, seat: Seat) -> bool {
        let Some(index) = seat.index() else { return false };
        // L3: sees the timers set before somebody looked for a leader. Relaxed on
        // failure: it decides nothing, a follower asks again.
        self.leader.compare_exchange(NOBODY, index, Acquire, Relaxed).is_ok()
    }

    /// The leader leaves the poller.
    pub(crate) fn resign(&self, seat: Seat) {
        // Relaxed: a read-modify-write carries on what followers have published
        // before it, and `succeed` acquires that.
        let leader = self.leader.swap(NOBODY, Relaxed);
        debug_assert_eq!(Some(leader), seat.index(), "only the leader resigns");
    }

    /// Whether somebody leads: asked by a follower that is about to sleep.
    pub(crate) fn has_leader(&self) -> bool {
        // L2: publishes our PARKER to whoever resigns after this. Only a
        // read-modify-write is sure to see a resignation that came before.
        self.leader.fetch_or(0, Release) != NOBODY
    }

    /// Who leads: asked by somebody who has just set a timer.
    pub(crate) fn leader(&self) -> Option<Seat> {
        // L3: publishes the timer to whoever leads after this. Only a
        // read-modify-write is sure to see who leads already.
        match self.leader.fetch_or(0, Release) {
            NOBODY => None,
            index => Some(seat(index)),
        }
    }

    /// Says where the seat's thread sleeps from now on. `false`: there was a
    /// token, which is taken.
    #[must_use]
    pub(crate) fn fall_asleep(&self, seat: Seat, bed: Bed) -> bool {
        let Some(sleeper) = self.sleeper(seat) else { return false };
        let asleep = match bed {
            Bed::Parker => PARKER,
            Bed::Poller => POLLER,
        };
        // Relaxed: L2 publishes PARKER; an unpark needs no more than the state.
        match sleeper.state.compare_exchange(RUNNING, asleep, Relaxed, Relaxed) {
            Ok(_) => true,
            Err(state) => {
                debug_assert_eq!(state, NOTIFIED, "two threads on {seat}");
                // L1: sees what the waker wrote.
                sleeper.state.swap(RUNNING, Acquire);
                false
            }
        }
    }

    /// Whether the seat's thread may still go to sleep in the poller, where it is
    /// alone now: no token has come since it fell asleep.
    pub(crate) fn is_in_poller(&self, seat: Seat) -> bool {
        // Relaxed: the poller's lock orders this after every look by which another
        // thread may have gathered the event of a wake; and a token written after
        // this load has its event written after it, too.
        self.sleeper(seat).is_some_and(|it| it.state.load(Relaxed) == POLLER)
    }

    /// Sleeps on the seat's own parker; may end early.
    pub(crate) fn sleep(&self, seat: Seat, timeout: Option<Duration>) {
        let Some(sleeper) = self.sleeper(seat) else { return };
        match timeout {
            None => sleeper.parker.park(),
            Some(timeout) => {
                sleeper.parker.park_timeout(timeout);
            }
        }
    }

    /// The seat's thread is awake. Takes the token, if there is one.
    pub(crate) fn get_up(&self, seat: Seat) -> GetUp {
        let Some(sleeper) = self.sleeper(seat) else { return GetUp::Otherwise };
        // L1: sees what the waker wrote.
        match sleeper.state.swap(RUNNING, Acquire) {
            NOTIFIED => GetUp::Token,
            _ => GetUp::Otherwise,
        }
    }

    /// Leaves a token, and ends the sleep if that is on a parker.
    pub(crate) fn unpark(&self, seat: Seat) -> Unpark {
        let Some(sleeper) = self.sleeper(seat) else { return Unpark::Nothing };
        // L1: publishes what the caller wrote, also where a token lies already.
        match sleeper.state.swap(NOTIFIED, AcqRel) {
            PARKER => {
                // If it has got up meanwhile it will find this at its next sleep
                // and wake for no reason, once.
                sleeper.parker.unpark();
                Unpark::Nothing
            }
            POLLER => Unpark::WakePoller,
            _ => Unpark::Nothing,
        }
    }

    /// A seat is given up: if nobody leads, a follower is to.
    pub(crate) fn succeed(&self) -> Unpark {
        // L2: we have resigned before, so we see the PARKER of every follower that
        // counted on us.
        if self.leader.load(Acquire) != NOBODY {
            return Unpark::Nothing;
        }
        // Relaxed: those states are seen by L2, and no others matter.
        let follower =
            self.sleepers.iter().position(|sleeper| sleeper.state.load(Relaxed) == PARKER);
        match follower {
            Some(index) => self.unpark(seat(index)),
            None => Unpark::Nothing,
        }
    }

    fn sleeper(&self, seat: Seat) -> Option<&Sleeper> {
        let index = seat.index()?;
        debug_assert!(index < self.sleepers.len(), "{seat} of {}", self.sleepers.len());
        self.sleepers.get(index)
    }
}

fn seat(index: usize) -> Seat {
    Seat(u32::try_from(index).unwrap_or(u32::MAX))
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_token_outlives_everything_but_its_taking() {
        let seats = Seats::new(1);
        for bed in [Bed::Parker, Bed::Poller] {
            assert_eq!(seats.unpark(Seat(0)), Unpark::Nothing);
            assert_eq!(seats.unpark(Seat(0)), Unpark::Nothing);
            assert!(!seats.fall_asleep(Seat(0), bed), "the token ends it");
            assert!(seats.fall_asleep(Seat(0), bed), "and is gone");
            assert_eq!(seats.get_up(Seat(0)), GetUp::Otherwise);
        }
    }

    #[test]
    fn an_unpark_ends_the_sleep_where_it_takes_place() {
        let seats = Seats::new(2);
        assert!(seats.fall_asleep(Seat(0), Bed::Poller));
        assert!(seats.fall_asleep(Seat(1), Bed::Parker));
        assert_eq!(seats.unpark(Seat(0)), Unpark::WakePoller);
        assert_eq!(seats.unpark(Seat(1)), Unpark::Nothing);
        seats.sleep(Seat(1), None);
        assert_eq!(seats.get_up(Seat(0)), GetUp::Token);
        assert_eq!(seats.get_up(Seat(1)), GetUp::Token);
    }

    #[test]
    fn there_is_one_leader() {
        let seats = Seats::new(2);
        assert!(seats.lead(Seat(0)));
        assert!(!seats.lead(Seat(1)));
        assert_eq!(seats.leader(), Some(Seat(0)));
        seats.resign(Seat(0));
        assert_eq!(seats.leader(), None);
        assert!(seats.lead(Seat(1)));
    }

    #[test]
    fn a_leader_that_goes_for_good_wakes_a_follower() {
        let seats = Seats::new(3);
        assert!(seats.fall_asleep(Seat(2), Bed::Parker));
        assert!(seats.lead(Seat(0)));
        assert_eq!(seats.succeed(), Unpark::Nothing);
        seats.resign(Seat(0));
        assert_eq!(seats.succeed(), Unpark::Nothing);
        assert_eq!(seats.get_up(Seat(2)), GetUp::Token);
    }

    #[test]
    fn nobody_sleeps_on_the_shared_seat() {
        let seats = Seats::new(0);
        assert!(!seats.lead(Seat::SHARED));
        assert!(!seats.fall_asleep(Seat::SHARED, Bed::Parker));
        assert_eq!(seats.unpark(Seat::SHARED), Unpark::Nothing);
        assert_eq!(seats.get_up(Seat::SHARED), GetUp::Otherwise);
    }
}
