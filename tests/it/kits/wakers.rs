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

/// What is wrong with a waker.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Vice {
    /// Equal to no other, not even to its clone.
    NeverEqual,
    /// Calls back into what wakes it.
    Reenters,
    PanicsInClone,
    PanicsInWake,
    PanicsInDrop,
}

thread_local! {
    static VICE: Cell<Vice> = const { Cell::new(Vice::NeverEqual) };
    static IDENTITY: Cell<usize> = const { Cell::new(1) };
    static STEP: RefCell<Option<Rc<dyn Fn()>>> = const { RefCell::new(None) };
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// Wakers that live.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static WAKES: Cell<usize> = const { Cell::new(0) };
}

static TABLE: RawWakerVTable = RawWakerVTable::new(
    |_| {
        panic_if(Vice::PanicsInClone);
        raw()
    },
    |_| {
        LIVE.set(LIVE.get() - 1);
        woken();
    },
    |_| woken(),
    |_| {
        LIVE.set(LIVE.get() - 1);
        panic_if(Vice::PanicsInDrop);
    },
);

/// The data is a number, which nobody follows.
fn raw() -> RawWaker {
    LIVE.set(LIVE.get() + 1);
    IDENTITY.set(IDENTITY.get() + 1);
    RawWaker::new(ptr::without_provenance(IDENTITY.get()), &TABLE)
}

fn woken() {
    WAKES.set(WAKES.get() + 1);
    panic_if(Vice::PanicsInWake);
    if VICE.get() == Vice::Reenters && DEPTH.get() < 3 {
        DEPTH.set(DEPTH.get() + 1);
        let step = STEP.with_borrow(Clone::clone);
        if let Some(step) = step {
            step();
        }
        DEPTH.set(DEPTH.get() - 1);
    }
}

fn panic_if(vice: Vice) {
    // A second panic while one is under way would end the process.
    if VICE.get() == vice && !thread::panicking() {
        panic!("a hostile waker");
    }
}

#[expect(unsafe_code, reason = "only a raw waker can be hostile in every way")]
fn waker() -> Waker {
    // SAFETY: the functions of the table never follow the data, and keep no state
    // but in thread-locals; what the contract says of threads is kept, since these
    // tests have one.
    unsafe { Waker::from_raw(raw()) }
}

/// Polls and steps until the end, each poll with a new waker. Panics of the waker
/// may come out of a poll, a step, or a drop of the future: whatever is left must
/// be whole.
fn drive(mut subject: Subject, vice: Vice) {
    VICE.set(vice);
    STEP.set(Some(subject.step.clone()));
    let driven = catch_unwind(AssertUnwindSafe(|| {
        for _ in 0..STEPS_MAX {
            let waker = waker();
            let poll = subject.future.as_mut().poll(&mut Context::from_waker(&waker));
            if poll == Poll::Ready(()) {
                break;
            }
            (subject.step)();
        }
    }));
    STEP.take();
    let is_hostile = !matches!(vice, Vice::NeverEqual | Vice::Reenters);
    assert!(driven.is_ok() || is_hostile, "a panic out of nowhere");
    let Subject { future, step, check } = subject;
    let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
    // From here on wakers behave: the world must go on for others.
    VICE.set(Vice::NeverEqual);
    step();
    drop(step);
    check();
}

fn every_future_survives(vice: Vice) {
    for case in registry::ALL {
        let before = LIVE.get();
        drive((case.make)(), vice);
        assert_eq!(LIVE.get(), before, "{}: wakers kept or dropped twice", case.future);
    }
}

#[test]
fn a_waker_may_be_equal_to_no_other() {
    every_future_survives(Vice::NeverEqual);
}

#[test]
fn a_waker_may_call_back() {
    every_future_survives(Vice::Reenters);
}

#[test]
fn a_waker_may_panic_when_cloned() {
    every_future_survives(Vice::PanicsInClone);
}

#[test]
fn a_waker_may_panic_when_called() {
    every_future_survives(Vice::PanicsInWake);
}

#[test]
fn a_waker_may_panic_when_dropped() {
    every_future_survives(Vice::PanicsInDrop);
}

/// The waker of the last poll is called, and no earlier one has to be.
#[test]
fn a_pending_future_wakes_whoever_polled_it_last() {
    for case in registry::ALL {
        let mut subject = (case.make)();
        VICE.set(Vice::NeverEqual);
        for _ in 0..STEPS_MAX {
            let before = WAKES.get();
            let waker = waker();
            if subject.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                break;
            }
            (subject.step)();
            // Whoever can go on has been told so, by the step or by the poll itself.
            let woken = WAKES.get() > before;
            let ready = subject.poll().is_ready();
            assert!(woken || !ready, "{}: ready, but nobody was told", case.future);
            if ready {
                break;
            }
        }
        subject.end();
    }
}
