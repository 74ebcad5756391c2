//! Models [`crate::event`].

use super::outcomes;
use crate::{
    Event,
    shim::{cell::UnsafeCell, thread},
    wait_blocking::WaitBlocking,
};
use std::{
    future::Future,
    sync::Arc,
    task::{Context, Waker},
};

/// An event, and a cell that is written before it is set or cleared.
struct Told {
    event: Event,
    cell: UnsafeCell<u32>,
}

// SAFETY: loom itself fails the model if the cell races.
unsafe impl Sync for Told {}

impl Told {
    fn new() -> Arc<Self> {
        Arc::new(Self { event: Event::new(), cell: UnsafeCell::new(0) })
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

/// E1: who sees it set sees what the setter wrote: by asking, and by coming.
#[test]
fn edge_e1() {
    for look in [by_asking, by_coming] {
        let seen = outcomes(move || {
            let told = Told::new();
            let theirs = told.clone();
            let setter = thread::spawn(move || {
                theirs.write();
                theirs.event.set();
            });
            let looker = thread::spawn(move || if look(&told) { told.read() } else { 0 });
            setter.join().unwrap();
            looker.join().unwrap()
        });
        assert_eq!(seen, [0, 7].into());
    }
}

fn by_asking(told: &Arc<Told>) -> bool {
    told.event.is_set()
}

fn by_coming(told: &Arc<Told>) -> bool {
    let mut wait = Box::pin(told.event.wait());
    wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// E2: who sees it cleared sees what the clearer wrote.
#[test]
fn edge_e2() {
    let seen = outcomes(|| {
        let told = Told::new();
        told.event.set();
        let theirs = told.clone();
        let clearer = thread::spawn(move || {
            theirs.write();
            theirs.event.clear();
        });
        let looker = thread::spawn(move || if told.event.is_set() { 0 } else { told.read() });
        clearer.join().unwrap();
        looker.join().unwrap()
    });
    assert_eq!(seen, [0, 7].into());
}

/// Setting races two who come: neither is left behind, and both see the cell.
#[test]
fn nobody_misses_an_event() {
    let seen = outcomes(|| {
        let told = Told::new();
        let waiters = [0, 1].map(|_| {
            let told = told.clone();
            thread::spawn(move || {
                told.event.wait().wait_blocking();
                told.read()
            })
        });
        let setter = thread::spawn(move || {
            told.write();
            told.event.set();
        });
        setter.join().unwrap();
        waiters.map(|it| it.join().unwrap())
    });
    assert_eq!(seen, [[7, 7]].into());
}

/// Set and cleared at once: who was in line goes; who comes meanwhile goes or waits,
/// and leaves no trace if it gives up.
#[test]
fn who_was_in_line_goes_though_it_is_cleared_at_once() {
    let seen = outcomes(|| {
        let event = Arc::new(Event::new());
        let mut early = Box::pin(event.clone().wait_owned());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(early.as_mut().poll(&mut cx).is_pending());
        let (theirs, late) = (event.clone(), event.clone());
        let setter = thread::spawn(move || {
            theirs.set();
            theirs.clear();
        });
        let comer = thread::spawn(move || {
            let mut wait = Box::pin(late.wait());
            let mut cx = Context::from_waker(Waker::noop());
            wait.as_mut().poll(&mut cx).is_ready() || wait.as_mut().poll(&mut cx).is_ready()
        });
        setter.join().unwrap();
        let late = comer.join().unwrap();
        (early.as_mut().poll(&mut cx).is_ready(), late, event.is_set())
    });
    assert_eq!(seen, [(true, false, false), (true, true, false)].into());
}
