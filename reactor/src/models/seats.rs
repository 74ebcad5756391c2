//! Models [`crate::seats`]: tokens, leadership and its hand-over.

use super::outcomes;
use crate::seats::{Bed, GetUp, Seats, Unpark};
use std::time::Duration;
use sync::{
    driver::Seat,
    parker::Parker,
    shim::{
        Arc, Lock,
        atomic::{AtomicUsize, Ordering::Relaxed},
        cell::UnsafeCell,
        thread,
    },
};

/// L1: who gets up with a token sees what the waker wrote, wherever it slept.
#[test]
fn edge_l1() {
    let seen = outcomes(|| {
        let shared = Arc::new((Seats::new(1, 0), UnsafeCell::new(0_u32)));
        let (mine, theirs) = (shared.clone(), shared);
        let waker = thread::spawn(move || {
            // SAFETY: loom itself fails the model if this races.
            mine.1.with_mut(|cell| unsafe { *cell = 7 });
            mine.0.unpark(Seat(0))
        });
        let sleeper = thread::spawn(move || {
            // A token that came first, or one that comes during the sleep.
            let has_token = match theirs.0.fall_asleep(Seat(0), Bed::Poller) {
                false => true,
                true => theirs.0.get_up(Seat(0)) == GetUp::Token,
            };
            // SAFETY: loom itself fails the model if this races.
            has_token.then(|| theirs.1.with(|cell| unsafe { *cell }))
        });
        (waker.join().unwrap() == Unpark::WakePoller, sleeper.join().unwrap())
    });
    // Before the sleep, during it, after it.
    assert_eq!(seen, [(false, Some(7)), (true, Some(7)), (false, None)].into());
}

/// A token is never lost: a sleeper on its parker is woken, whenever it comes.
#[test]
fn an_unpark_ends_the_sleep_on_a_parker() {
    let seen = outcomes(|| {
        let seats = Arc::new(Seats::new(1, 0));
        let (mine, theirs) = (seats.clone(), seats);
        let waker = thread::spawn(move || mine.unpark(Seat(0)));
        let sleeper = thread::spawn(move || {
            let mut sleeps = 0;
            while theirs.fall_asleep(Seat(0), Bed::Parker) {
                theirs.sleep(Seat(0), None);
                sleeps += 1;
                if theirs.get_up(Seat(0)) == GetUp::Token {
                    break;
                }
            }
            sleeps
        });
        let Unpark::Nothing = waker.join().unwrap() else { panic!("nobody is in the poller") };
        sleeper.join().unwrap()
    });
    assert_eq!(seen, [0, 1].into());
}

/// L2: a leader that goes for good either is seen to have gone by the follower
/// that is about to sleep, or sees it asleep and wakes it.
#[test]
fn edge_l2() {
    let seen = outcomes(|| {
        let seats = Arc::new(Seats::new(2, 0));
        let (mine, theirs) = (seats.clone(), seats);
        assert!(mine.lead(Seat(0)));
        let leader = thread::spawn(move || {
            mine.resign(Seat(0));
            let Unpark::Nothing = mine.succeed(Seat(0)) else { panic!("nobody is in the poller") };
        });
        let follower = thread::spawn(move || {
            if theirs.lead(Seat(1)) {
                return "led at once";
            }
            assert!(theirs.fall_asleep(Seat(1), Bed::Parker));
            let slept = theirs.may_follow(Seat(1));
            if slept {
                // For ever, if nobody wakes it: loom calls that a deadlock.
                theirs.sleep(Seat(1), None);
            }
            let (GetUp::Token | GetUp::Otherwise) = theirs.get_up(Seat(1));
            assert!(theirs.lead(Seat(1)), "the leader has gone");
            if slept { "slept and led" } else { "stayed up and led" }
        });
        leader.join().unwrap();
        follower.join().unwrap()
    });
    assert_eq!(seen, ["led at once", "slept and led", "stayed up and led"].into());
}

/// L3: a timer set by an outsider is seen by whoever leads after that, or its
/// setter sees the leader.
#[test]
fn edge_l3() {
    let seen = outcomes(|| {
        let shared = Arc::new((Seats::new(1, 0), AtomicUsize::new(0)));
        let (mine, theirs) = (shared.clone(), shared);
        let setter = thread::spawn(move || {
            // Relaxed: it crosses by L3, or not at all.
            mine.1.store(1, Relaxed);
            mine.0.leader().is_some()
        });
        let leader = thread::spawn(move || {
            assert!(theirs.0.lead(Seat(0)));
            // Relaxed: as above.
            theirs.1.load(Relaxed) == 1
        });
        (setter.join().unwrap(), leader.join().unwrap())
    });
    assert_eq!(seen, [(false, true), (true, false), (true, true)].into());
}

/// A busy thread that looks into the poller takes no wake from the leader: with its
/// event gathered by the wrong one, the leader finds the token before it sleeps.
#[test]
fn a_look_takes_no_wake_from_the_leader() {
    /// The poller: its lock, and the event of a wake, which is gathered once.
    struct Poller {
        inside: Lock<()>,
        event: Parker,
    }
    let seen = outcomes(|| {
        let poller = Poller { inside: Lock::new(()), event: Parker::new() };
        let shared = Arc::new((Seats::new(1, 0), poller));
        let (mine, theirs, busy) = (shared.clone(), shared.clone(), shared);
        let waker = thread::spawn(move || {
            if mine.0.unpark(Seat(0)) == Unpark::WakePoller {
                mine.1.event.unpark();
            }
        });
        let looker = thread::spawn(move || {
            let inside = busy.1.inside.try_lock();
            inside.is_some_and(|_inside| busy.1.event.park_timeout(Duration::ZERO))
        });
        let leader = thread::spawn(move || {
            if !theirs.0.fall_asleep(Seat(0), Bed::Poller) {
                return true;
            }
            let inside = theirs.1.inside.lock();
            if theirs.0.is_in_poller(Seat(0)) {
                theirs.1.event.park();
            }
            drop(inside);
            theirs.0.get_up(Seat(0)) == GetUp::Token
        });
        waker.join().unwrap();
        (looker.join().unwrap(), leader.join().unwrap())
    });
    // The event was gathered by the looker or was not; the token is always taken.
    assert_eq!(seen, [(false, true), (true, true)].into());
}

/// L2, for guests: a worker on which a guest counts and that gives up its seat finds
/// the guest asleep, or the guest finds it gone.
#[test]
fn a_guest_counts_on_no_worker_that_is_gone() {
    let seen = outcomes(|| {
        let seats = Arc::new(Seats::new(2, 1));
        let (mine, theirs) = (seats.clone(), seats);
        mine.take(Seat(0));
        let worker = thread::spawn(move || {
            let Unpark::Nothing = mine.succeed(Seat(0)) else { panic!("nobody is in the poller") };
        });
        let guest = thread::spawn(move || {
            if theirs.lead(Seat(1)) {
                return "led at once";
            }
            assert!(theirs.fall_asleep(Seat(1), Bed::Parker));
            let slept = theirs.may_follow(Seat(1));
            if slept {
                // For ever, if nobody wakes it: loom calls that a deadlock.
                theirs.sleep(Seat(1), None);
            }
            let (GetUp::Token | GetUp::Otherwise) = theirs.get_up(Seat(1));
            assert!(theirs.lead(Seat(1)), "the worker has gone");
            if slept { "slept and led" } else { "stayed up and led" }
        });
        worker.join().unwrap();
        guest.join().unwrap()
    });
    assert_eq!(seen, ["led at once", "slept and led", "stayed up and led"].into());
}

/// L4: a guest that was the leader counts on no worker that sleeps because it saw
/// that: one of the two is up, or the worker leads.
#[test]
fn edge_l4() {
    let seen = outcomes(|| {
        let seats = Arc::new(Seats::new(2, 1));
        let (mine, theirs) = (seats.clone(), seats);
        assert!(mine.lead(Seat(1)), "no worker is there yet");
        mine.take(Seat(0));
        let worker = thread::spawn(move || {
            if mine.lead(Seat(0)) {
                return "leads";
            }
            assert!(mine.fall_asleep(Seat(0), Bed::Parker));
            if mine.may_follow(Seat(0)) { "sleeps" } else { "stays up" }
        });
        let guest = thread::spawn(move || {
            theirs.resign(Seat(1));
            assert!(theirs.fall_asleep(Seat(1), Bed::Parker));
            if theirs.may_follow(Seat(1)) { "sleeps" } else { "stays up" }
        });
        (worker.join().unwrap(), guest.join().unwrap())
    });
    let expected = [
        ("leads", "sleeps"),
        ("sleeps", "stays up"),
        ("stays up", "sleeps"),
        ("stays up", "stays up"),
    ];
    assert_eq!(seen, expected.into());
}
