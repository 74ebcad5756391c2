//! Models [`crate::engaged`].

use super::{memory::Memory, outcomes};
use crate::engaged::Engaged;
use std::sync::Arc;
use sync::{
    parker::Parker,
    shim::{
        atomic::{AtomicBool, Ordering::Relaxed},
        thread,
    },
};

struct Runtime {
    engaged: Engaged,
    may_advance: AtomicBool,
    bed: Parker,
    /// Written by whoever is engaged, read by whoever holds the clock.
    work: Memory,
}

/// D3: a clock that may jump from now on is looked at once all is quiet, by the last
/// worker to sleep or by the one that whoever disengages wakes.
#[test]
fn edge_d3() {
    let seen = outcomes(|| {
        let (engaged, may_advance) = (Engaged::new(), AtomicBool::new(false));
        let runtime =
            Arc::new(Runtime { engaged, may_advance, bed: Parker::new(), work: Memory::new() });
        runtime.engaged.engage();
        let (driver, guest) = (runtime.clone(), runtime.clone());
        let driver = thread::spawn(move || {
            driver.may_advance.swap(true, Relaxed);
            driver.bed.unpark();
        });
        let guest = thread::spawn(move || {
            guest.work.write(1);
            guest.engaged.disengage() && guest.may_advance.load(Relaxed)
        });
        let worker = thread::spawn(move || {
            runtime.bed.park();
            let holds = runtime.may_advance.load(Relaxed) && runtime.engaged.try_hold();
            assert!(!holds || runtime.work.read() == 1, "what went on is over, and seen");
            holds
        });
        driver.join().unwrap();
        (guest.join().unwrap(), worker.join().unwrap())
    });
    // Either looks, or both: that costs a needless wake.
    assert_eq!(seen, [(true, false), (false, true), (true, true)].into());
}

/// The clock is held by one, and only while nobody is engaged.
#[test]
fn whoever_holds_the_clock_is_alone() {
    let seen = outcomes(|| {
        let engaged = Arc::new(Engaged::new());
        let holders: Vec<_> = (0..2)
            .map(|_| {
                let engaged = engaged.clone();
                thread::spawn(move || engaged.try_hold())
            })
            .collect();
        holders.into_iter().map(|it| it.join().unwrap()).filter(|it| *it).count()
    });
    assert_eq!(seen, [1].into());
}
