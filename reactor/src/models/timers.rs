//! Models [`crate::timer`]: insert, cancel, fire, reset, and the end of a seat.

use super::outcomes;
use crate::timer::{Leeway, Moment, Registration, Reset, Status, Timers};
use std::{
    sync::Arc as Plain,
    task::{Wake, Waker},
    time::{Duration, Instant},
};
use sync::{
    parker::Parker,
    shim::{
        self, Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
        cell::UnsafeCell,
        thread,
    },
};

const SECOND: Duration = Duration::from_secs(1);

/// A waker whose wake reads what its maker wrote.
struct Probe {
    written: UnsafeCell<u32>,
    woken: AtomicUsize,
}

// SAFETY: that `written` does not race is what the models show.
unsafe impl Sync for Probe {}
// SAFETY: it owns nothing of a thread's.
unsafe impl Send for Probe {}

impl Probe {
    /// A probe and a waker for it.
    fn new() -> (Plain<Self>, Waker) {
        let probe = Plain::new(Self { written: UnsafeCell::new(0), woken: AtomicUsize::new(0) });
        // SAFETY: loom itself fails the model if this races.
        probe.written.with_mut(|cell| unsafe { *cell = 7 });
        (probe.clone(), Waker::from(probe))
    }

    fn woken(&self) -> usize {
        self.woken.load(Relaxed)
    }
}

impl Wake for Probe {
    fn wake(self: Plain<Self>) {
        // SAFETY: loom itself fails the model if this races.
        assert_eq!(self.written.with(|cell| unsafe { *cell }), 7);
        self.woken.fetch_add(1, Relaxed);
    }
}

fn fire(timers: &Timers, now: Instant) {
    let mut wakers = Vec::new();
    timers.fire(now, &mut wakers);
    wakers.into_iter().for_each(Waker::wake);
}

fn insert(timers: &Timers, deadline: Instant, waker: Waker) -> Registration {
    timers.insert(Moment::of(deadline), Leeway::NONE, waker).unwrap().0
}

/// Y1: who fires wakes by the waker of the last exchange, and sees it whole; if
/// it fires during the exchange, the sleeper is told.
#[test]
fn edge_y1() {
    let seen = outcomes(|| {
        let now = shim::now();
        let timers = Arc::new(Timers::new());
        let (one, first) = Probe::new();
        let mut registration = insert(&timers, now, first);
        let theirs = timers.clone();
        let sleeper = thread::spawn(move || {
            let (two, second) = Probe::new();
            let status = registration.poll(&second);
            (two, status, registration)
        });
        let firer = thread::spawn(move || fire(&theirs, now));
        let (two, status, registration) = sleeper.join().unwrap();
        firer.join().unwrap();
        drop((registration, timers));
        (one.woken(), two.woken(), status)
    });
    let expected = [(1, 0, Status::Fired), (0, 1, Status::Armed), (0, 0, Status::Fired)];
    assert_eq!(seen, expected.into());
}

/// Y2: who finds the timer fired sees what led to it.
#[test]
fn edge_y2() {
    let seen = outcomes(|| {
        let now = shim::now();
        let timers = Arc::new(Timers::new());
        let (_, waker) = Probe::new();
        let registration = insert(&timers, now, waker);
        let (clock, _) = Probe::new();
        let (mine, theirs) = (clock.clone(), timers.clone());
        let firer = thread::spawn(move || {
            // SAFETY: loom itself fails the model if this races.
            mine.written.with_mut(|cell| unsafe { *cell = 8 });
            fire(&theirs, now);
        });
        let sleeper = thread::spawn(move || match registration.status() {
            // SAFETY: loom itself fails the model if this races.
            Status::Fired => clock.written.with(|cell| unsafe { *cell }),
            _ => 0,
        });
        firer.join().unwrap();
        let seen = sleeper.join().unwrap();
        drop(timers);
        seen
    });
    assert_eq!(seen, [0, 8].into());
}

/// Y3: a node that another thread has returned is used again only after its
/// waker has been taken.
#[test]
fn edge_y3() {
    let seen = outcomes(|| {
        let later = shim::now() + SECOND;
        let timers = Arc::new(Timers::new());
        let ((one, first), (_, second), (_, third)) = (Probe::new(), Probe::new(), Probe::new());
        let returned = insert(&timers, later, first);
        let other = insert(&timers, later, second);
        let theirs = timers.clone();
        let canceller = thread::spawn(move || drop(returned.cancel().unwrap()));
        let setter = thread::spawn(move || insert(&theirs, later, third));
        canceller.join().unwrap();
        let third = setter.join().unwrap();
        let nodes = timers.nodes();
        drop((third, other, timers));
        (nodes, Plain::strong_count(&one))
    });
    // A chunk has two nodes in models: the third timer got that of the first, or
    // came too early for it.
    assert_eq!(seen, [(2, 1), (4, 1)].into());
}

/// Y4: who fires sees the waker as it was made, or not at all.
#[test]
fn edge_y4() {
    let seen = outcomes(|| {
        let now = shim::now();
        let timers = Arc::new(Timers::new());
        let (mine, theirs) = (timers.clone(), timers.clone());
        let sleeper = thread::spawn(move || {
            let (probe, waker) = Probe::new();
            (probe, insert(&mine, now, waker))
        });
        let firer = thread::spawn(move || fire(&theirs, now));
        let (probe, registration) = sleeper.join().unwrap();
        firer.join().unwrap();
        let status = registration.status();
        drop((registration, timers));
        (probe.woken(), status)
    });
    assert_eq!(seen, [(0, Status::Armed), (1, Status::Fired)].into());
}

/// One fires, another thread cancels: exactly one of them has the waker.
#[test]
fn a_timer_is_fired_or_cancelled_elsewhere() {
    let seen = outcomes(|| {
        let now = shim::now();
        let timers = Arc::new(Timers::new());
        let (probe, waker) = Probe::new();
        let registration = insert(&timers, now, waker);
        let theirs = timers.clone();
        let canceller = thread::spawn(move || registration.cancel().is_some());
        let firer = thread::spawn(move || fire(&theirs, now));
        let cancelled = canceller.join().unwrap();
        firer.join().unwrap();
        fire(&timers, now);
        assert_eq!(timers.counts().0, 0);
        drop(timers);
        (probe.woken(), cancelled, Plain::strong_count(&probe))
    });
    assert_eq!(seen, [(0, true, 1), (1, false, 1)].into());
}

/// The same on the thread that set it.
#[test]
fn a_timer_is_fired_or_cancelled_at_home() {
    let seen = outcomes(|| {
        let now = shim::now();
        let timers = Arc::new(Timers::new());
        let (mine, theirs) = (timers.clone(), timers.clone());
        let (probe, waker) = Probe::new();
        let sleeper = thread::spawn(move || insert(&mine, now, waker).cancel().is_some());
        let firer = thread::spawn(move || fire(&theirs, now));
        let cancelled = sleeper.join().unwrap();
        firer.join().unwrap();
        drop(timers);
        (probe.woken(), cancelled, Plain::strong_count(&probe))
    });
    assert_eq!(seen, [(0, true, 1), (1, false, 1)].into());
}

/// One fires while another puts the deadline off: the sleeper is woken, or the
/// reset counts.
#[test]
fn a_timer_is_fired_or_reset() {
    let seen = outcomes(|| {
        let now = shim::now();
        let timers = Arc::new(Timers::new());
        let (probe, waker) = Probe::new();
        let mut registration = insert(&timers, now, waker);
        let theirs = timers.clone();
        let sleeper = thread::spawn(move || {
            let reset = registration.reset(Moment::of(now + SECOND), Leeway::NONE);
            (reset == Reset::TooLate, registration)
        });
        let firer = thread::spawn(move || fire(&theirs, now));
        let (too_late, registration) = sleeper.join().unwrap();
        firer.join().unwrap();
        let woken = probe.woken();
        fire(&timers, now + SECOND);
        let status = registration.status();
        drop((registration, timers));
        (too_late, woken, probe.woken(), status)
    });
    assert_eq!(seen, [(true, 1, 1, Status::Fired), (false, 0, 1, Status::Fired)].into());
}

/// A deadline earlier than the one for which a thread sleeps gets through to it.
#[test]
fn an_earlier_deadline_ends_the_sleep_for_a_later_one() {
    let seen = outcomes(|| {
        let now = shim::now();
        let shared = Arc::new((Timers::new(), Parker::new()));
        let (_, waker) = Probe::new();
        let later = insert(&shared.0, now + SECOND, waker);
        let (mine, theirs) = (shared.clone(), shared.clone());
        let (probe, waker) = Probe::new();
        let setter = thread::spawn(move || {
            let (registration, came_first) =
                mine.0.insert(Moment::of(now), Leeway::NONE, waker).unwrap();
            assert!(came_first);
            mine.1.unpark();
            registration
        });
        let sleeper = thread::spawn(move || {
            while theirs.0.next_deadline() != Some(now) {
                theirs.1.park();
            }
            fire(&theirs.0, now);
        });
        let registration = setter.join().unwrap();
        sleeper.join().unwrap();
        drop((registration, later, shared));
        probe.woken()
    });
    assert_eq!(seen, [1].into());
}

/// Two set timers on the seat that threads share: the earliest is never later
/// than either.
#[test]
fn the_earliest_of_two_is_told() {
    let seen = outcomes(|| {
        let now = shim::now();
        let timers = Arc::new(Timers::new());
        let setters = [1, 2].map(|seconds| {
            let timers = timers.clone();
            thread::spawn(move || {
                let deadline = now + seconds * SECOND;
                let (registration, came_first) =
                    timers.insert(Moment::of(deadline), Leeway::NONE, Probe::new().1).unwrap();
                assert!(timers.next_deadline().unwrap() <= deadline);
                (registration, came_first)
            })
        });
        let [(one, first), (two, second)] = setters.map(|it| it.join().unwrap());
        assert_eq!(timers.next_deadline(), Some(now + SECOND));
        drop((one, two, timers));
        (first, second)
    });
    assert_eq!(seen, [(true, false), (true, true)].into());
}

/// The seat ends while a sleeper cancels: the waker is called or given back, and
/// the ledger goes with the last of them.
#[test]
fn a_seat_ends_under_a_cancellation() {
    let seen = outcomes(|| {
        let now = shim::now();
        let timers = Timers::new();
        let ((one, first), (two, second)) = (Probe::new(), Probe::new());
        let sleepers = [insert(&timers, now, first), insert(&timers, now, second)];
        let ender = thread::spawn(move || drop(timers));
        let cancellers = sleepers.map(|it| thread::spawn(move || it.cancel().is_some()));
        ender.join().unwrap();
        let cancelled = cancellers.map(|it| it.join().unwrap());
        assert_eq!([&one, &two].map(Plain::strong_count), [1, 1]);
        [&one, &two].map(|it| it.woken()).into_iter().zip(cancelled).collect::<Vec<_>>()
    });
    let (woken, cancelled) = ((1, false), (0, true));
    let expected = [
        vec![woken, woken],
        vec![woken, cancelled],
        vec![cancelled, woken],
        vec![cancelled, cancelled],
    ];
    assert_eq!(seen, expected.into());
}
