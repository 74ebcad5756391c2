//! Models [`crate::parker`].

use super::outcomes;
use crate::{
    parker::Parker,
    shim::{Arc, cell::UnsafeCell, thread},
};

/// P1: the sleeper sees what the waker wrote.
#[test]
fn edge_p1() {
    let seen = outcomes(|| {
        let shared = Arc::new((Parker::new(), UnsafeCell::new(0_u32)));
        let (mine, theirs) = (shared.clone(), shared);
        let waker = thread::spawn(move || {
            // SAFETY: loom itself fails the model if this races.
            mine.1.with_mut(|cell| unsafe { *cell = 7 });
            mine.0.unpark();
        });
        let sleeper = thread::spawn(move || {
            theirs.0.park();
            // SAFETY: loom itself fails the model if this races.
            theirs.1.with(|cell| unsafe { *cell })
        });
        waker.join().unwrap();
        sleeper.join().unwrap()
    });
    assert_eq!(seen, [7].into());
}

/// Two wakers and two sleeps on one thread: no token is lost, none is made up.
#[test]
fn two_wakers_end_one_or_two_sleeps() {
    let seen = outcomes(|| {
        let parker = Arc::new(Parker::new());
        let (one, two, mine) = (parker.clone(), parker.clone(), parker);
        let first = thread::spawn(move || one.unpark());
        let second = thread::spawn(move || two.unpark());
        let sleeper = thread::spawn(move || {
            mine.park();
            mine
        });
        first.join().unwrap();
        second.join().unwrap();
        let parker = sleeper.join().unwrap();
        parker.park_timeout(std::time::Duration::ZERO)
    });
    assert_eq!(seen, [false, true].into());
}
