//! Models [`crate::substitutes`].
//!
//! Time stands still, so a keep-alive of zero passes at once and any other never. A call
//! that is lost leaves its substitute asleep, which ends a model as a deadlock.

use super::outcomes;
use crate::substitutes::{Call, Substitutes};
use std::{sync::Arc, time::Duration};
use sync::shim::{
    Lock,
    atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

/// Calls one to desk 0. Says whether one who waited goes there.
fn calls(these: &Substitutes) -> bool {
    match these.call(0) {
        Call::Wake(parker) => {
            parker.unpark();
            true
        }
        Call::Start(_) => {
            these.come(0);
            false
        }
        Call::Nothing => false,
    }
}

/// Z1: whoever is called goes, whoever is not ends, also at the end of its time.
#[test]
fn edge_z1() {
    let seen = outcomes(|| {
        let these = Arc::new(Substitutes::new(1, Duration::ZERO));
        let theirs = these.clone();
        let substitute = thread::spawn(move || theirs.wait());
        let caller = thread::spawn(move || calls(&these));
        let (desk, is_called) = (substitute.join().unwrap(), caller.join().unwrap());
        assert_eq!(desk.is_some(), is_called, "a desk for whom nobody comes, or two");
        is_called
    });
    assert_eq!(seen, [true, false].into());
}

/// Z1 with the end in between: nobody sleeps on.
#[test]
fn edge_z1_at_the_end() {
    let seen = outcomes(|| {
        let these = Arc::new(Substitutes::new(1, Duration::MAX));
        let (theirs, ending) = (these.clone(), these.clone());
        let substitute = thread::spawn(move || theirs.wait());
        let end = thread::spawn(move || ending.end());
        let caller = thread::spawn(move || calls(&these));
        end.join().unwrap();
        let (desk, is_called) = (substitute.join().unwrap(), caller.join().unwrap());
        assert_eq!(desk.is_some(), is_called);
        is_called
    });
    assert_eq!(seen, [true, false].into());
}

/// A desk, and who sits there.
struct Office {
    these: Substitutes,
    is_free: Lock<bool>,
    is_seen: AtomicBool,
}

impl Office {
    /// A substitute that was called before is on its way to it.
    fn with_one_coming() -> Arc<Self> {
        let these = Substitutes::new(1, Duration::MAX);
        assert!(matches!(these.call(0), Call::Start(_)));
        let (is_free, is_seen) = (Lock::new(false), AtomicBool::new(false));
        Arc::new(Self { these, is_free, is_seen })
    }

    /// Comes, and sits down if the desk is free.
    fn comes(&self) {
        self.these.come(0);
        if std::mem::take(&mut *self.is_free.lock()) {
            self.is_seen.swap(true, Relaxed);
        }
    }
}

/// Z2: a worker that puts its desk down, and is told that somebody is on the way, has
/// it found by that one; or it is told to start one.
#[test]
fn edge_z2() {
    let seen = outcomes(|| {
        let office = Office::with_one_coming();
        let theirs = office.clone();
        let substitute = thread::spawn(move || theirs.comes());
        let worker = office.clone();
        let worker = thread::spawn(move || {
            *worker.is_free.lock() = true;
            matches!(worker.these.call(0), Call::Nothing)
        });
        substitute.join().unwrap();
        let was_told = worker.join().unwrap();
        let is_seen = office.is_seen.load(Relaxed);
        assert!(is_seen || !was_told, "nobody sits at the desk");
        (is_seen, was_told)
    });
    assert_eq!(seen, [(true, true), (true, false), (false, false)].into());
}
