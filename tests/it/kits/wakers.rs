//! Polled with wakers that do what wakers may do and none should.

use super::{STEPS_MAX, Subject, registry};
use std::{
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
    rc::Rc,
    task::{Context, Poll, RawWaker, RawWakerVTable, Waker},
    thread,
};

/// What a waker does besides what it should.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Nothing,
    /// Calls back into what clones, calls or drops it.
    Reenters,
    Panics,
    ReentersAndPanics,
}

impl Act {
    const ALL: [Self; 4] = [Self::Nothing, Self::Reenters, Self::Panics, Self::ReentersAndPanics];
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Vice {
    on_clone: Act,
    on_wake: Act,
    on_drop: Act,
}

impl Vice {
    const NONE: Self =
        Self { on_clone: Act::Nothing, on_wake: Act::Nothing, on_drop: Act::Nothing };

    fn panics(self) -> bool {
        let is_panic = |act| matches!(act, Act::Panics | Act::ReentersAndPanics);
        [self.on_clone, self.on_wake, self.on_drop].into_iter().any(is_panic)
    }
}

/// Which data the clone of a waker has.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Identity {
    /// That of the original, so that they are equal.
    Kept,
    /// Its own: no waker is equal to any other.
    Fresh,
    /// Its own; that of the original is used again for the next waker.
    Reused,
}

/// The owner of a waker is a part of its data.
const OWNERS: usize = 100;

thread_local! {
    static VICE: Cell<Vice> = const { Cell::new(Vice::NONE) };
    static IDENTITY: Cell<Identity> = const { Cell::new(Identity::Fresh) };
    static OWNER: Cell<usize> = const { Cell::new(0) };
    static SERIAL: Cell<usize> = const { Cell::new(1) };
    static STEP: RefCell<Option<Rc<dyn Fn()>>> = const { RefCell::new(None) };
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// Wakers that live.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    /// The owners who were woken.
    static WOKEN: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// The data of all that are reused.
const REUSED: *const () = ptr::without_provenance(1);

static TABLE: RawWakerVTable = RawWakerVTable::new(
    |data| {
        act(VICE.get().on_clone);
        LIVE.set(LIVE.get() + 1);
        let data = match IDENTITY.get() {
            Identity::Kept => data,
            Identity::Fresh | Identity::Reused => fresh(owner(data)),
        };
        RawWaker::new(data, &TABLE)
    },
    |data| {
        LIVE.set(LIVE.get() - 1);
        woken(data);
    },
    woken,
    |_| {
        LIVE.set(LIVE.get() - 1);
        act(VICE.get().on_drop);
    },
);

fn owner(data: *const ()) -> usize {
    match data == REUSED {
        true => OWNER.get(),
        false => data.addr() % OWNERS,
    }
}

/// The data is a number, which nobody follows.
fn fresh(owner: usize) -> *const () {
    SERIAL.set(SERIAL.get() + 1);
    ptr::without_provenance(SERIAL.get() * OWNERS + owner)
}

fn woken(data: *const ()) {
    WOKEN.with_borrow_mut(|woken| woken.push(owner(data)));
    act(VICE.get().on_wake);
}

fn act(act: Act) {
    let reenters = matches!(act, Act::Reenters | Act::ReentersAndPanics);
    if reenters && DEPTH.get() < 3 {
        DEPTH.set(DEPTH.get() + 1);
        let _depth = Depth;
        if let Some(step) = STEP.with_borrow(Clone::clone) {
            // A second panic while one is under way would end the process.
            let stepped = catch_unwind(AssertUnwindSafe(|| step()));
            assert!(stepped.is_ok() || VICE.get().panics(), "a panic out of nowhere");
        }
    }
    let panics = matches!(act, Act::Panics | Act::ReentersAndPanics);
    if panics && !thread::panicking() {
        panic!("a hostile waker");
    }
}

struct Depth;

impl Drop for Depth {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

#[expect(unsafe_code, reason = "only a raw waker can be hostile in every way")]
fn waker(owner: usize) -> Waker {
    OWNER.set(owner);
    LIVE.set(LIVE.get() + 1);
    let data = match IDENTITY.get() {
        Identity::Kept | Identity::Fresh => fresh(owner),
        Identity::Reused => REUSED,
    };
    // SAFETY: the functions of the table never follow the data, and keep no state
    // but in thread-locals; what the contract says of threads is kept, since these
    // tests have one.
    unsafe { Waker::from_raw(RawWaker::new(data, &TABLE)) }
}

/// Polls and steps until the end, each poll with a new waker. Panics of the waker
/// may come out of a poll, a step, or a drop of the future: whatever is left must
/// be whole.
fn drive(mut subject: Subject, vice: Vice) {
    VICE.set(vice);
    STEP.set(Some(subject.step.clone()));
    let driven = catch_unwind(AssertUnwindSafe(|| {
        for _ in 0..STEPS_MAX {
            let waker = waker(0);
            let poll = subject.future.as_mut().poll(&mut Context::from_waker(&waker));
            if poll == Poll::Ready(()) {
                break;
            }
            (subject.step)();
        }
    }));
    assert!(driven.is_ok() || vice.panics(), "a panic out of nowhere");
    let Subject { future, step, check } = subject;
    let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
    // From here on wakers behave: the world must go on for others.
    VICE.set(Vice::NONE);
    STEP.take();
    step();
    drop(step);
    check();
}

fn every_future_survives(vices: impl Iterator<Item = Vice>) {
    for vice in vices {
        for case in registry::all() {
            for identity in [Identity::Kept, Identity::Fresh, Identity::Reused] {
                IDENTITY.set(identity);
                let before = LIVE.get();
                let _scene = Scene(format!("{}: {vice:?}, {identity:?}", case.future));
                drive((case.make)(), vice);
                assert_eq!(LIVE.get(), before, "wakers kept or dropped twice");
            }
        }
    }
}

/// Says what was played when it broke.
struct Scene(String);

impl Drop for Scene {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("in {}", self.0);
        }
    }
}

#[test]
fn a_waker_may_be_equal_to_no_other() {
    every_future_survives([Vice::NONE].into_iter());
}

#[test]
fn a_waker_may_call_back() {
    let acts = [Act::Nothing, Act::Reenters];
    every_future_survives(vices(&acts));
}

#[test]
fn a_waker_may_panic() {
    every_future_survives(vices(&[Act::Nothing, Act::Panics]));
}

#[test]
fn a_waker_may_call_back_and_panic() {
    every_future_survives(vices(&Act::ALL));
}

/// All with these acts.
fn vices(acts: &[Act]) -> impl Iterator<Item = Vice> {
    acts.iter().flat_map(move |&on_clone| {
        acts.iter().flat_map(move |&on_wake| {
            acts.iter().map(move |&on_drop| Vice { on_clone, on_wake, on_drop })
        })
    })
}

/// The waker of the last poll is called, and no earlier one has to be.
#[test]
fn a_pending_future_wakes_whoever_polled_it_last() {
    for case in registry::all() {
        let mut subject = (case.make)();
        for _ in 0..STEPS_MAX {
            WOKEN.take();
            let waker = waker(0);
            if subject.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                break;
            }
            (subject.step)();
            // Whoever can go on has been told so, by the step or by the poll itself.
            let woken = !WOKEN.take().is_empty();
            let ready = subject.poll().is_ready();
            assert!(woken || !ready, "{}: ready, but nobody was told", case.future);
            if ready {
                break;
            }
        }
        subject.end();
    }
}

/// Polled by one task and then by another, it wakes the other only.
#[test]
fn the_last_waker_polled_wins() {
    for identity in [Identity::Kept, Identity::Fresh, Identity::Reused] {
        IDENTITY.set(identity);
        for case in registry::all() {
            for steps_before in 0..3 {
                only_the_last_is_woken((case.make)(), steps_before, case.future);
            }
        }
    }
}

fn only_the_last_is_woken(mut subject: Subject, steps_before: usize, name: &str) {
    for _ in 0..steps_before {
        if subject.poll().is_ready() {
            return subject.end();
        }
        (subject.step)();
    }
    for owner in [1, 2, 1, 2] {
        WOKEN.take();
        let waker = waker(owner);
        if subject.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            drop(waker);
            return subject.end();
        }
    }
    for _ in 0..STEPS_MAX {
        (subject.step)();
        if WOKEN.with_borrow(|woken| woken.contains(&2)) {
            break;
        }
    }
    let woken = WOKEN.take();
    assert!(!woken.contains(&1), "{name}: a task was woken that has given it away");
    assert!(woken.contains(&2), "{name}: nobody was told");
    subject.end();
}
