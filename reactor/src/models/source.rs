//! Models [`crate::readiness`] and [`crate::source`]: events against waits and
//! clears.

use super::outcomes;
use crate::{
    readiness::{Readiness, Ready},
    source::{Direction, Place, Source},
    wakers::Wakers,
};
use std::{
    sync::Arc as Plain,
    task::{Context, Wake, Waker},
};
use sync::shim::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
    cell::UnsafeCell,
    thread,
};

/// Counts its wakes.
struct Probe(AtomicUsize);

impl Wake for Probe {
    fn wake(self: Plain<Self>) {
        // Relaxed: read after the threads were joined.
        self.0.fetch_add(1, Relaxed);
    }
}

fn deliver(source: &Source, ready: Ready) {
    let mut wakers = Wakers::new();
    source.deliver(ready, &mut wakers);
    wakers.wake();
}

/// F1: who sees an event sees what was done before it.
#[test]
fn edge_f1() {
    let seen = outcomes(|| {
        let shared = Arc::new((Readiness::new(Ready::EMPTY), UnsafeCell::new(0_u32)));
        let (mine, theirs) = (shared.clone(), shared);
        let deliverer = thread::spawn(move || {
            // SAFETY: loom itself fails the model if this races.
            mine.1.with_mut(|cell| unsafe { *cell = 7 });
            mine.0.set(Ready::READABLE);
        });
        let reader = thread::spawn(move || {
            let is_ready = theirs.0.read().ready().is_readable();
            // SAFETY: loom itself fails the model if this races.
            is_ready.then(|| theirs.1.with(|cell| unsafe { *cell }))
        });
        deliverer.join().unwrap();
        reader.join().unwrap()
    });
    assert_eq!(seen, [None, Some(7)].into());
}

/// A clear never wipes out an event that came after what it saw.
#[test]
fn a_clear_loses_no_event() {
    let seen = outcomes(|| {
        let readiness = Arc::new(Readiness::new(Ready::READABLE));
        let (mine, theirs, after) = (readiness.clone(), readiness.clone(), readiness);
        let deliverer = thread::spawn(move || mine.set(Ready::READABLE));
        let reader = thread::spawn(move || {
            let seen = theirs.read();
            theirs.clear(seen, Ready::READABLE);
            seen
        });
        deliverer.join().unwrap();
        let seen = reader.join().unwrap();
        let now = after.read();
        // Cleared only by a reader who had seen the event itself.
        (now.ready().is_readable(), now.is_after(seen))
    });
    assert_eq!(seen, [(true, true), (false, false)].into());
}

/// S1: a waiter that comes after the event finds it.
#[test]
fn edge_s1() {
    let seen = outcomes(|| wait_against(|source| deliver(source, Ready::READABLE)));
    // (found at once, woken): both is a wake-up for no reason, neither would be
    // a lost one.
    assert_eq!(seen, [(false, 1), (true, 0)].into());
}

/// S2: a deliverer that comes after two waiters finds the wakers of both.
#[test]
fn edge_s2() {
    let seen = outcomes(|| {
        let source = Arc::new(Source::new(Ready::EMPTY));
        let (one, two, mine) = (source.clone(), source.clone(), source);
        let waiter = |source: Arc<Source>, direction: Direction, probe: Plain<Probe>| {
            move || {
                let waker = Waker::from(probe);
                let place = Place::Slot(direction);
                source.wait(place, &Context::from_waker(&waker)).is_some()
            }
        };
        let reader = Plain::new(Probe(AtomicUsize::new(0)));
        let writer = Plain::new(Probe(AtomicUsize::new(0)));
        let first = thread::spawn(waiter(one, Direction::Read, reader.clone()));
        let second = thread::spawn(waiter(two, Direction::Write, writer.clone()));
        let both = Ready::READABLE | Ready::WRITABLE;
        let deliverer = thread::spawn(move || deliver(&mine, both));
        let found = (first.join().unwrap(), second.join().unwrap());
        deliverer.join().unwrap();
        // Found or woken, each of them, and never both.
        (found.0 as usize + reader.0.load(Relaxed), found.1 as usize + writer.0.load(Relaxed))
    });
    assert_eq!(seen, [(1, 1)].into());
}

/// The same for the end of the runtime.
#[test]
fn the_end_is_not_missed() {
    let seen = outcomes(|| {
        wait_against(|source| {
            let mut wakers = Wakers::new();
            source.shut_down(&mut wakers);
            wakers.wake();
        })
    });
    assert_eq!(seen, [(false, 1), (true, 0)].into());
}

fn wait_against(event: impl FnOnce(&Source) + Send + 'static) -> (bool, usize) {
    let source = Arc::new(Source::new(Ready::EMPTY));
    let (mine, theirs) = (source.clone(), source);
    let probe = Plain::new(Probe(AtomicUsize::new(0)));
    let waker = Waker::from(probe.clone());
    let deliverer = thread::spawn(move || event(&mine));
    let waiter = thread::spawn(move || {
        let mut key = None;
        let place = Place::Own { key: &mut key, wanted: Direction::Read.wanted() };
        let found = theirs.wait(place, &Context::from_waker(&waker)).is_some();
        (theirs, key, found)
    });
    deliverer.join().unwrap();
    let (source, key, found) = waiter.join().unwrap();
    if let Some(key) = key {
        source.leave(key);
    }
    (found, probe.0.load(Relaxed))
}

/// Two waiters in one slot: the last is woken, and nobody is in between.
#[test]
fn two_waiters_of_one_slot_and_an_event() {
    let seen = outcomes(|| {
        let source = Arc::new(Source::new(Ready::EMPTY));
        let probe = Plain::new(Probe(AtomicUsize::new(0)));
        let waiter = |source: Arc<Source>, waker: Waker| {
            move || {
                let place = Place::Slot(Direction::Read);
                source.wait(place, &Context::from_waker(&waker)).is_some()
            }
        };
        let (one, two, mine) = (source.clone(), source.clone(), source);
        let first = thread::spawn(waiter(one, probe.clone().into()));
        let second = thread::spawn(waiter(two, probe.clone().into()));
        let deliverer = thread::spawn(move || deliver(&mine, Ready::READABLE));
        let found = (first.join().unwrap(), second.join().unwrap());
        deliverer.join().unwrap();
        (found, probe.0.load(Relaxed))
    });
    let none = ((false, false), 1);
    assert_eq!(seen, [none, ((true, false), 1), ((false, true), 1), ((true, true), 0)].into());
}
