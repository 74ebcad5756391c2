//! Models [`crate::inbox`].
//!
//! The tasks are no tasks: an inbox only carries them. A letter that comes while
//! its thread falls asleep and is not noticed ends a model as a deadlock.

use super::{memory::Memory, outcomes};
use crate::{
    inbox::{Inbox, Place},
    task::{Task, header::Header},
};
use std::{ptr, sync::Arc};
use sync::shim::thread;

/// A pointer that nobody follows.
fn task() -> Task {
    let header: *mut Header = ptr::without_provenance_mut(align_of::<Header>());
    // SAFETY: a task that is never run is not looked into.
    unsafe { Task::from_raw(header) }.expect("it is not null")
}

fn inbox() -> Arc<Inbox> {
    Arc::new(Inbox::new(Place::Parker))
}

/// Posts a letter. Says whether it ended a sleep that had begun.
fn post(inbox: &Inbox) -> bool {
    let mut roused = false;
    if let Some(place) = inbox.push(task(), || roused = true) {
        assert_eq!(place, Place::Parker);
        inbox.parker.unpark();
    }
    roused
}

/// As a guest does: sleeps until something came, and takes it. Says how often it
/// was roused by nobody.
fn receive(inbox: &Inbox, expected: usize) -> usize {
    let (mut taken, mut by_itself) = (0, 0);
    while taken < expected {
        inbox.take(|_| taken += 1);
        if taken < expected && inbox.fall_asleep() {
            inbox.parker.park();
            by_itself += usize::from(inbox.wake_up());
        }
    }
    by_itself
}

/// A letter is received, with what its sender wrote, however the thread sleeps.
#[test]
fn a_letter_is_not_slept_through() {
    let seen = outcomes(|| {
        let (inbox, memory) = (inbox(), Memory::new());
        let sender = {
            let (inbox, memory) = (inbox.clone(), memory.clone());
            thread::spawn(move || {
                memory.write(7);
                post(&inbox)
            })
        };
        let receiver = thread::spawn(move || {
            let by_itself = receive(&inbox, 1);
            (by_itself, memory.read())
        });
        (sender.join().unwrap(), receiver.join().unwrap())
    });
    // Who ended the sleep says so, once: the sender if the thread slept, else nobody.
    assert_eq!(seen, [(false, (0, 7)), (true, (0, 7))].into());
}

/// Of two letters the first wakes, and both are taken.
#[test]
fn the_second_letter_relies_on_the_first() {
    let seen = outcomes(|| {
        let inbox = inbox();
        let senders: Vec<_> = (0..2)
            .map(|_| {
                let inbox = inbox.clone();
                thread::spawn(move || post(&inbox))
            })
            .collect();
        let receiver = thread::spawn(move || receive(&inbox, 2));
        let roused = senders.into_iter().map(|it| it.join().unwrap()).filter(|it| *it).count();
        // A token that was left for the first may end the sleep before the second.
        let by_itself = receiver.join().unwrap();
        assert!(by_itself <= 1, "one token too many");
        roused
    });
    assert_eq!(seen, [0, 1, 2].into());
}

/// The thread moves while a letter comes: it looks again before it sleeps.
#[test]
fn a_letter_reaches_a_thread_that_moves() {
    let seen = outcomes(|| {
        let inbox = Arc::new(Inbox::new(Place::Worker { seat: sync::driver::Seat(0), index: 0 }));
        let theirs = inbox.clone();
        let sender = thread::spawn(move || {
            let place = theirs.push(task(), || ()).expect("the first letter");
            if place == Place::Parker {
                theirs.parker.unpark();
            }
            place == Place::Parker
        });
        let receiver = thread::spawn(move || {
            inbox.move_to(Place::Parker);
            let _ = receive(&inbox, 1);
        });
        receiver.join().unwrap();
        sender.join().unwrap()
    });
    assert_eq!(seen, [false, true].into());
}

/// A letter is taken, or forgotten with the others when the inbox closes, or comes
/// too late. Nobody is woken for one that comes too late.
#[test]
fn a_closed_inbox_forgets() {
    let seen = outcomes(|| {
        let inbox = inbox();
        let theirs = inbox.clone();
        let sender = thread::spawn(move || theirs.push(task(), || ()).is_some());
        let owner = thread::spawn(move || {
            let mut taken = 0;
            inbox.take(|_| taken += 1);
            inbox.close();
            assert!(!inbox.has_letters());
            inbox.take(|_| unreachable!("it is closed"));
            taken
        });
        (sender.join().unwrap(), owner.join().unwrap())
    });
    assert_eq!(seen, [(true, 1), (true, 0), (false, 0)].into());
}

/// M1: a thread that leaves finds a task that somebody else made for it, whole; or the
/// maker is told that it came too late. Never both, never neither.
#[test]
fn edge_m1() {
    let seen = outcomes(|| {
        let (inbox, memory) = (inbox(), Memory::new());
        let maker = {
            let (inbox, memory) = (inbox.clone(), memory.clone());
            thread::spawn(move || {
                let key = inbox.reserve()?;
                memory.write(7);
                let is_admitted = inbox.admit(key, ptr::NonNull::dangling());
                if is_admitted {
                    let _ = inbox.push(task(), || ());
                } else {
                    inbox.strike(key);
                }
                Some(is_admitted)
            })
        };
        let leaver = thread::spawn(move || {
            inbox.close();
            let found = inbox.any_living().map(|_| memory.read());
            inbox.take(|_| panic!("a closed inbox carries nothing"));
            found
        });
        (maker.join().unwrap(), leaver.join().unwrap())
    });
    assert_eq!(seen, [(None, None), (Some(false), None), (Some(true), Some(7))].into());
}
