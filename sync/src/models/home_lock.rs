//! Models [`crate::home_lock`]: two threads, since a third that spins would run for ever.

use super::outcomes;
use crate::{
    home_lock::{HomeGuard, HomeLock},
    shim::{Arc, thread},
};

type Take = fn(&HomeLock<u32>) -> HomeGuard<'_, u32>;

const AT_HOME: Take = |lock| lock.lock_at_home();
const ELSEWHERE: Take = |lock| lock.lock();

/// X1: who has it sees what the one before did, and nobody has it meanwhile (the cell of
/// a model says so), whether one is at home, or both, or none.
#[test]
fn edge_x1() {
    for takes in [[AT_HOME, ELSEWHERE], [AT_HOME, AT_HOME], [ELSEWHERE, ELSEWHERE]] {
        let seen = outcomes(move || {
            let lock = Arc::new(HomeLock::new(0));
            let adders = takes.map(|take| {
                let lock = lock.clone();
                thread::spawn(move || {
                    let mut guard = take(&lock);
                    *guard += 1;
                    *guard
                })
            });
            adders.map(|it| it.join().unwrap())
        });
        assert_eq!(seen, [[1, 2], [2, 1]].into());
    }
}

/// The last to have it frees it: the one before has done with it, at home or elsewhere.
#[test]
fn who_has_it_last_may_free_it() {
    for takes in [[AT_HOME, ELSEWHERE], [ELSEWHERE, ELSEWHERE]] {
        let seen = outcomes(move || {
            let lock = Box::into_raw(Box::new(HomeLock::new(2))).expose_provenance();
            let leavers = takes.map(|take| {
                thread::spawn(move || {
                    let lock = std::ptr::with_exposed_provenance_mut::<HomeLock<u32>>(lock);
                    // SAFETY: nobody has freed it who has not seen that we left.
                    let mut left = take(unsafe { &*lock });
                    *left -= 1;
                    let is_last = *left == 0;
                    drop(left);
                    if is_last {
                        // SAFETY: the other has left.
                        drop(unsafe { Box::from_raw(lock) });
                    }
                    is_last
                })
            });
            leavers.map(|it| it.join().unwrap())
        });
        assert_eq!(seen, [[false, true], [true, false]].into());
    }
}
