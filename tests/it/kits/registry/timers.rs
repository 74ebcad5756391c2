//! Sleeping, under a clock that only steps move.

use super::{Case, Count, Gate, Subject};
use bowerbird::time::{Instant, interval, sleep, timeout, timeout_at};
use reactor::Reactor;
use std::{
    cell::RefCell,
    future::{Future, pending},
    rc::Rc,
    task::{Context, Waker},
    time::Duration,
};
use sync::driver::{Driver, Seat};

pub(super) const ALL: &[Case] = &[
    Case { future: "reactor::time::sleep::Sleep", make: || timed(|| sleep(10 * MS)) },
    Case {
        future: "reactor::time::timeout::Timeout",
        make: || {
            timed(|| {
                let limited = timeout(10 * MS, pending::<()>());
                async move { assert!(limited.await.is_err()) }
            })
        },
    },
    Case {
        future: "reactor::time::timeout::Timeout",
        make: || {
            timed(|| {
                let limited = timeout_at(Instant::now() + 10 * MS, sleep(9 * MS));
                // Either may be first, if a waker moves the clock.
                async move { limited.await.unwrap_or_default() }
            })
        },
    },
    Case { future: "reactor::time::timeout::Timeout", make: timeout_of_a_gate },
    Case { future: "reactor::time::interval::Tick", make: tick },
];

const MS: Duration = Duration::from_millis(1);

/// This thread on a seat of a reactor of its own, whose clock stands still.
pub(super) struct Stage(pub(super) Reactor);

impl Stage {
    pub(super) fn enter() -> Rc<Self> {
        let reactor = Reactor::builder().paused().build().unwrap();
        reactor.attach(Seat(0));
        Rc::new(Self(reactor))
    }

    /// Delivers what has come.
    pub(super) fn poll(&self) {
        self.0.poll(Seat(0), 64);
    }

    /// Nothing is registered any more.
    pub(super) fn check(&self) {
        assert_eq!(self.0.next_deadline(Seat(0)), None, "a timer is left behind");
        assert_eq!(self.0.metrics().sources, 0, "a descriptor is left behind");
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.0.detach(Seat(0));
    }
}

/// A step moves the clock by less than half of what is to be waited for.
pub(super) fn timed<F: Future<Output = ()> + 'static>(make: impl FnOnce() -> F) -> Subject {
    let stage = Stage::enter();
    let future = Box::pin(make());
    assert_eq!(stage.0.next_deadline(Seat(0)), None, "set before the first poll");
    let theirs = stage.clone();
    Subject {
        future,
        step: Rc::new(move || theirs.0.advance(4 * MS)),
        check: Box::new(move || stage.check()),
    }
}

/// The future inside ends first.
fn timeout_of_a_gate() -> Subject {
    let (stage, gate) = (Stage::enter(), Gate::default());
    let limited = timeout(10 * MS, gate.pass());
    let theirs = gate.clone();
    Subject {
        future: Box::pin(async move { assert!(limited.await.is_ok()) }),
        step: Rc::new(move || theirs.open()),
        check: Box::new(move || {
            assert_eq!(gate.0.waiting.get(), 0);
            stage.check();
        }),
    }
}

/// Ticks that nobody has heard are still due.
fn tick() -> Subject {
    let (stage, ticks) = (Stage::enter(), Count::default());
    let start = Instant::now();
    let interval = Rc::new(RefCell::new(interval(10 * MS)));
    let (theirs, heard) = (interval.clone(), ticks.clone());
    let future = Box::pin(async move {
        for _ in 0..2 {
            theirs.borrow_mut().tick().await;
            heard.add(1);
        }
    });
    let clock = stage.clone();
    let step = Rc::new(move || clock.0.advance(4 * MS));
    let check = Box::new(move || {
        let mut cx = Context::from_waker(Waker::noop());
        while interval.borrow_mut().poll_tick(&mut cx).is_ready() {
            ticks.add(1);
        }
        let due = start.elapsed().as_millis() / 10 + 1;
        assert_eq!(ticks.get() as u128, due, "ticks are lost");
        drop(interval);
        stage.check();
    });
    Subject { future, step, check }
}
