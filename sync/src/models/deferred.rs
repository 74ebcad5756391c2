//! Models [`crate::deferred`].

use super::outcomes;
use crate::{Deferred, shim::thread, wait_blocking::WaitBlocking};

/// Of one who sets and one who cancels one wins; the other finds it done; and
/// whoever waits gets what the winner left.
#[test]
fn one_outcome_wins_and_reaches_everybody() {
    let seen = outcomes(|| {
        let deferred = Deferred::new();
        let theirs = deferred.clone();
        let setter = thread::spawn(move || {
            let is_ours = theirs.set(7).is_ok();
            assert!(theirs.is_done());
            is_ours
        });
        let theirs = deferred.clone();
        let canceller = thread::spawn(move || {
            let is_ours = theirs.cancel();
            assert!(theirs.try_get().is_some());
            is_ours
        });
        let waiter = thread::spawn(move || deferred.wait_owned().wait_blocking().ok());
        let wins = (setter.join().unwrap(), canceller.join().unwrap());
        (wins, waiter.join().unwrap())
    });
    assert_eq!(seen, [((true, false), Some(7)), ((false, true), None)].into());
}

/// I1: who finds it done has the value, and what was written before it was set.
#[test]
fn edge_i1_of_a_value() {
    let seen = outcomes(|| {
        // loom watches the insides of its own cells only.
        let deferred = Deferred::new();
        let theirs = deferred.clone();
        let setter = thread::spawn(move || {
            let cell = loom::cell::Cell::new(0);
            cell.set(7);
            theirs.set(Watched(cell)).unwrap_or_else(|_| unreachable!());
        });
        let looker = thread::spawn(move || match deferred.try_get() {
            Some(value) => value.unwrap().0.get(),
            None => 0,
        });
        setter.join().unwrap();
        looker.join().unwrap()
    });
    assert_eq!(seen, [0, 7].into());
}

/// A value that is written before it is set and read after.
struct Watched(loom::cell::Cell<u32>);

// SAFETY: loom itself fails the model if the cell races.
unsafe impl Sync for Watched {}
