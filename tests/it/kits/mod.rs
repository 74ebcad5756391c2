//! Tests that every public future has to pass, written once.
//!
//! The futures are listed in [`registry`]; `tests/tidy` fails when a public one is
//! missing there. Each comes as a [`Subject`]: the future in the middle of
//! whatever it needs, a step that brings it nearer to its end, and a check that
//! nothing was lost.

mod cancel;
mod registry;
mod wakers;

use std::{future::Future, pin::Pin, rc::Rc, task::Poll};

/// One public future.
pub(crate) struct Case {
    /// Its path: `crate::module::Type`, as in its file's path.
    pub(crate) future: &'static str,
    /// Makes a new one, never polled, with a world of its own.
    pub(crate) make: fn() -> Subject,
}

/// A future and its world.
pub(crate) struct Subject {
    /// What is tested, its output thrown away.
    pub(crate) future: Pin<Box<dyn Future<Output = ()>>>,
    /// Brings it nearer to its end: a grant, a message, a tick of the clock. May be
    /// called at any time, any number of times, also from inside a waker. A few
    /// calls with polls between them lead to the end.
    pub(crate) step: Rc<dyn Fn()>,
    /// Called when the future is gone, finished or not: panics if something was
    /// lost or left behind. A granted permit is back, a message is still there.
    pub(crate) check: Box<dyn FnOnce()>,
}

impl Subject {
    /// Polls with a waker that does nothing.
    fn poll(&mut self) -> Poll<()> {
        let waker = std::task::Waker::noop();
        self.future.as_mut().poll(&mut std::task::Context::from_waker(waker))
    }

    /// Drops the future and looks what is left.
    fn end(self) {
        let Self { future, step, check } = self;
        drop(future);
        drop(step);
        check();
    }
}

/// Polls and steps that lead any subject to its end: enough for all of them.
const STEPS_MAX: usize = 20;

#[test]
fn every_subject_reaches_its_end() {
    for case in registry::all() {
        let mut subject = (case.make)();
        let is_done = (0..STEPS_MAX).any(|_| {
            let is_done = subject.poll().is_ready();
            (subject.step)();
            is_done
        });
        assert!(is_done, "{} never ends", case.future);
        subject.end();
    }
}
