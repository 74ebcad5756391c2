//! Models [`crate::milestone`].

use super::outcomes;
use crate::{
    milestone::{Milestone, poll_reached},
    shim::{cell::UnsafeCell, thread},
    wait_blocking::WaitBlocking,
    wait_queue::Waiter,
};
use std::{
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
};

/// A milestone, and a cell that is written before it is reached.
struct Told {
    milestone: Milestone,
    cell: UnsafeCell<u32>,
}

// SAFETY: loom itself fails the model if the cell races.
unsafe impl Sync for Told {}

impl Told {
    fn new() -> Arc<Self> {
        Arc::new(Self { milestone: Milestone::new(), cell: UnsafeCell::new(0) })
    }

    fn write(&self) {
        // SAFETY: loom itself fails the model if this races.
        self.cell.with_mut(|cell| unsafe { *cell = 7 });
    }

    fn read(&self) -> u32 {
        // SAFETY: loom itself fails the model if this races.
        self.cell.with(|cell| unsafe { *cell })
    }
}

/// I1: who finds it reached sees what was done before: by asking, and by coming
/// before anybody was let go.
#[test]
fn edge_i1() {
    for look in [by_asking, by_coming] {
        let seen = outcomes(move || {
            let told = Told::new();
            let theirs = told.clone();
            let teller = thread::spawn(move || {
                theirs.write();
                theirs.milestone.reach();
            });
            let looker = thread::spawn(move || if look(&told) { told.read() } else { 0 });
            teller.join().unwrap();
            looker.join().unwrap()
        });
        assert_eq!(seen, [0, 7].into());
    }
}

fn by_asking(told: &Told) -> bool {
    told.milestone.is_reached()
}

fn by_coming(told: &Told) -> bool {
    let waiter = pin!(Waiter::new(&told.milestone));
    poll_reached(waiter, &mut Context::from_waker(Waker::noop())).is_ready()
}

/// Reaching it races two who come: neither is left behind between the two steps.
#[test]
fn nobody_misses_a_milestone() {
    let seen = outcomes(|| {
        let told = Told::new();
        let waiters = [0, 1].map(|_| {
            let told = told.clone();
            thread::spawn(move || {
                let mut waiter = pin!(Waiter::new(&told.milestone));
                poll_fn(|cx| poll_reached(waiter.as_mut(), cx)).wait_blocking();
                told.read()
            })
        });
        let teller = thread::spawn(move || {
            told.write();
            told.milestone.reach();
            told.milestone.let_go();
        });
        teller.join().unwrap();
        waiters.map(|it| it.join().unwrap())
    });
    assert_eq!(seen, [[7, 7]].into());
}
