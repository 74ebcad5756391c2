//! Where does each seat's thread sleep, and who minds the poller?
//!
//! A thread that parks tries to *lead*: one leader at a time sleeps in the poller.
//! The others sleep each on a parker of their own, until their own deadline.
//! Seats are of two kinds. Those of *workers* come first; the last are for *guests*,
//! threads that have little to do with what the poller brings, and that lead only
//! when no worker is there to do it.
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
//! # Why guests hold back
//!
//! What the poller brings is for the tasks of workers, as a rule. With a guest in the
//! poller each event wakes two threads: the guest, which has nothing to do with it,
//! and the worker, from its parker. The guest is the first to park again, so it would
//! stay the leader for good. Therefore a guest sleeps on its parker also when nobody
//! leads, as long as a worker is *up*: on its seat and not on its parker. A worker that
//! is up leads when it next parks, or sees a leader then. So a guest that leads,
//! since no worker was up, does so until the first event for one of them.
//!
//! The guest says PARKER, asks as every follower, and looks at the workers after
//! that. A worker that has meanwhile fallen asleep on its parker saw a leader:
//!
//! ```text
//!     worker                     leader                 guest
//!     ──────                     ──────                 ─────
//!     state = PARKER                                    state = PARKER
//!     ask: somebody, sleep ────▶ resign ───── L4 ─────▶ ask: nobody
//!                                                       a worker up? no: lead
//! ```
//!
//! If the worker asked before the last leader resigned, the guest, which asks after
//! it, sees the worker's PARKER (L4). If it asks later it sees that leader gone, and
//! leads. And a worker that gives up its seat says so before it looks for PARKERs:
//! it finds the guest, or the guest finds it gone (L2).
//!
//! # Synchronization edges
//!
//! | edge | released by          | acquired by             | what crosses                  |
//! |------|----------------------|-------------------------|-------------------------------|
//! | L1   | [`Seats::unpark`]    | [`Seats::get_up`]       | whatever the waker wrote      |
//! | L2   | [`Seats::may_follow`]| [`Seats::succeed`]      | the follower's PARKER; and    |
//! |      |                      |                         | back, that a seat is vacant   |
//! | L3   | [`Seats::leader`]    | [`Seats::lead`]         | the timer set before the look |
//! | L4   | [`Seats::may_follow`]| [`Seats::may_follow`]   | the PARKER of a worker that   |
//! |      |                      |                         | saw a leader                  |
//!
//! # Rejected
//!
//! * Waking a follower whenever the leader leaves: a wake per event, to no avail
//!   when the leader is back within microseconds.
//! * The poller's lock as leadership: a thread that only polls would look like a
//!   leader for a moment, and a follower could go to sleep on that.
//! * Fences: as strong, at the same price, and one word is easier to reason about.
//! * A worker that parks wakes the guest out of the poller and takes its place: the
//!   guest is up again whenever its own future has something to do, so a main future
//!   and a task that wake each other would pay two switches more for each round.
//! * A count of the workers that are up: one more read-modify-write for each sleep on
//!   a parker, to spare a guest a look at a few words.

use std::time::Duration;
use sync::{
    driver::Seat,
    parker::Parker,
    shim::atomic::{
        AtomicBool, AtomicUsize,
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
    /// Whether a thread sits there. Written by that thread.
    is_taken: AtomicBool,
    parker: Parker,
}

impl Sleeper {
    fn new() -> Self {
        Self {
            state: AtomicUsize::new(RUNNING),
            is_taken: AtomicBool::new(false),
            parker: Parker::new(),
        }
    }

    /// Whether somebody is there who does not sleep on the parker.
    fn is_up(&self) -> bool {
        // Relaxed, both: L2 and L4 are the asker's; without them it is a guess.
        self.is_taken.load(Relaxed) && self.state.load(Relaxed) != PARKER
    }
}

/// The sleeping places of a reactor.
#[derive(Debug)]
pub(crate) struct Seats {
    sleepers: Box<[Sleeper]>,
    /// How many seats are for workers: the first ones.
    workers: usize,
    /// The index of the seat that leads, or NOBODY. Written by
    /// read-modify-writes only.
    leader: AtomicUsize,
}

impl Seats {
    /// `count` seats, of which the last `guests` are for guests.
    pub(crate) fn new(count: usize, guests: usize) -> Self {
        let sleepers = (0..count).map(|_| Sleeper::new()).collect();
        let workers = count.saturating_sub(guests);
        Self { sleepers, workers, leader: AtomicUsize::new(NOBODY) }
    }

    pub(crate) fn count(&self) -> usize {
        self.sleepers.len()
    }

    /// A thread sits down.
    pub(crate) fn take(&self, seat: Seat) {
        if let Some(sleeper) = self.sleeper(seat) {
            // Relaxed: a guest that does not see it yet leads itself.
            sleeper.is_taken.store(true, Relaxed);
        }
    }

    /// Tries to become the leader. A guest holds back while a worker is up.
    pub(crate) fn lead(&self, seat: Seat) -> bool {
        let Some(index) = seat.index() else { return false };
        if self.is_guest(seat) && self.is_any_worker_up() {
            return false;
        }
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

    /// Whether a follower that is about to sleep on its parker may: somebody leads, or,
    /// to a guest, a worker is up that will.
    pub(crate) fn may_follow(&self, seat: Seat) -> bool {
        if !self.is_guest(seat) {
            // L2, L4: publishes our PARKER to whoever resigns after this. Only a
            // read-modify-write is sure to see a resignation that came before.
            return self.leader.fetch_or(0, Release) != NOBODY;
        }
        // L2: as above. L4: sees the PARKERs of those who counted on a leader that
        // has resigned. L2 again: sees who has given up its seat before.
        let leader = self.leader.fetch_or(0, AcqRel);
        leader != NOBODY || self.is_any_worker_up()
    }

    fn is_guest(&self, seat: Seat) -> bool {
        seat.index().is_some_and(|index| self.workers <= index)
    }

    fn is_any_worker_up(&self) -> bool {
        self.sleepers[..self.workers].iter().any(Sleeper::is_up)
    }

    /// Who leads: asked by somebody who has just set a timer.
    pub(crate) fn leader(&self) -> Option<Seat> {
        // L3: publishes the timer to whoever leads after this. Only a
        // read-modify-write is sure to see who leads already.
        match self.leader.fetch_or(0, Release) {
            NOBODY => None,
            index => Some(seat_at(index)),
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

    /// The seat is given up: if nobody leads, a follower is to.
    pub(crate) fn succeed(&self, seat: Seat) -> Unpark {
        if let Some(sleeper) = self.sleeper(seat) {
            // Relaxed: L2, right below.
            sleeper.is_taken.store(false, Relaxed);
        }
        // L2: every follower that counted on us, as the leader or as a worker that is
        // up, has asked before this, and we see its PARKER; or it asks after this and
        // sees that we have resigned, and gone.
        if self.leader.fetch_or(0, AcqRel) != NOBODY {
            return Unpark::Nothing;
        }
        // Relaxed: those states are seen by L2, and no others matter.
        let follower =
            self.sleepers.iter().position(|sleeper| sleeper.state.load(Relaxed) == PARKER);
        match follower {
            Some(index) => self.unpark(seat_at(index)),
            None => Unpark::Nothing,
        }
    }

    fn sleeper(&self, seat: Seat) -> Option<&Sleeper> {
        let index = seat.index()?;
        debug_assert!(index < self.sleepers.len(), "{seat} of {}", self.sleepers.len());
        self.sleepers.get(index)
    }
}

fn seat_at(index: usize) -> Seat {
    Seat(u32::try_from(index).unwrap_or(u32::MAX))
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_token_outlives_everything_but_its_taking() {
        let seats = Seats::new(1, 0);
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
        let seats = Seats::new(2, 0);
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
        let seats = Seats::new(2, 0);
        assert!(seats.lead(Seat(0)));
        assert!(!seats.lead(Seat(1)));
        assert_eq!(seats.leader(), Some(Seat(0)));
        seats.resign(Seat(0));
        assert_eq!(seats.leader(), None);
        assert!(seats.lead(Seat(1)));
    }

    #[test]
    fn a_leader_that_goes_for_good_wakes_a_follower() {
        let seats = Seats::new(3, 0);
        assert!(seats.fall_asleep(Seat(2), Bed::Parker));
        assert!(seats.lead(Seat(0)));
        assert_eq!(seats.succeed(Seat(1)), Unpark::Nothing);
        seats.resign(Seat(0));
        assert_eq!(seats.succeed(Seat(0)), Unpark::Nothing);
        assert_eq!(seats.get_up(Seat(2)), GetUp::Token);
    }

    #[test]
    fn a_guest_leads_only_when_no_worker_is_up() {
        let seats = Seats::new(2, 1);
        let (worker, guest) = (Seat(0), Seat(1));
        seats.take(guest);
        assert!(seats.lead(guest), "no worker is there");
        seats.resign(guest);
        seats.take(worker);
        assert!(!seats.lead(guest), "the worker will");
        assert!(seats.fall_asleep(guest, Bed::Parker));
        assert!(seats.may_follow(guest));
        assert_eq!(seats.get_up(guest), GetUp::Otherwise);
        assert!(seats.fall_asleep(worker, Bed::Parker));
        assert!(!seats.may_follow(guest), "the worker sleeps, and does not lead");
        assert!(seats.lead(guest));
        assert!(seats.may_follow(worker));
        seats.resign(guest);
        // What an event does to the worker whose task it wakes.
        assert_eq!(seats.unpark(worker), Unpark::Nothing);
        assert!(!seats.lead(guest), "the worker is up");
    }

    #[test]
    fn a_worker_that_goes_for_good_wakes_the_guest_that_counted_on_it() {
        let seats = Seats::new(2, 1);
        let (worker, guest) = (Seat(0), Seat(1));
        seats.take(worker);
        assert!(seats.fall_asleep(guest, Bed::Parker));
        assert!(seats.may_follow(guest));
        assert_eq!(seats.succeed(worker), Unpark::Nothing);
        assert_eq!(seats.get_up(guest), GetUp::Token);
        assert!(seats.lead(guest), "nobody else is there");
    }

    #[test]
    fn nobody_sleeps_on_the_shared_seat() {
        let seats = Seats::new(0, 0);
        assert!(!seats.lead(Seat::SHARED));
        assert!(!seats.fall_asleep(Seat::SHARED, Bed::Parker));
        assert_eq!(seats.unpark(Seat::SHARED), Unpark::Nothing);
        assert_eq!(seats.get_up(Seat::SHARED), GetUp::Otherwise);
    }
}
