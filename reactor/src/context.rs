//! Which reactor serves this thread, and from which seat?
//!
//! A stack per thread: [`Driver::attach`](sync::driver::Driver::attach) pushes,
//! `detach` takes away, the topmost entry counts. Sockets and timers look here
//! when they register, never later: they keep what they found.
//!
//! # The line of modules
//!
//! ```text
//!   net, async_fd ──▶ time ──▶ context ──▶ reactor ──▶ { registry, seats, timer }
//! ```
//!
//! `timer` (clock, wheel, one [`Timers`](crate::timer::Timers) per seat) knows
//! neither this module nor the reactor; `time` (the futures: sleep, interval,
//! timeout) asks here for the timers of its seat. In one module they would form
//! a cycle with this one.
//!
//! # Rejected
//!
//! * One entry instead of a stack: a `block_on` inside a guard of another
//!   runtime would lose the outer one.

use crate::reactor::Reactor;
use std::{cell::RefCell, panic::Location};
use sync::driver::Seat;

sync::thread_local! {
    static STACK: RefCell<Vec<(Reactor, Seat)>> = const { RefCell::new(Vec::new()) };
}

/// Runs `f` with the reactor and the seat of this thread.
///
/// `f` must not call user code nor attach to a reactor: the stack is borrowed.
///
/// # Panics
///
/// When the thread is attached to no reactor, naming the caller.
#[track_caller]
pub(crate) fn with_current<R>(f: impl FnOnce(&Reactor, Seat) -> R) -> R {
    with_current_at(Location::caller(), f)
}

/// As [`with_current`], for futures: the panic names the call that made them.
#[track_caller]
pub(crate) fn with_current_at<R>(
    location: &'static Location<'static>,
    f: impl FnOnce(&Reactor, Seat) -> R,
) -> R {
    match try_with_current(f) {
        Some(result) => result,
        None => no_reactor(location),
    }
}

/// As [`with_current`]; `None` when the thread is attached to no reactor.
pub(crate) fn try_with_current<R>(f: impl FnOnce(&Reactor, Seat) -> R) -> Option<R> {
    STACK
        .try_with(|stack| stack.borrow().last().map(|(reactor, seat)| f(reactor, *seat)))
        .ok()
        .flatten()
}

#[cold]
#[track_caller]
fn no_reactor(location: &Location<'_>) -> ! {
    panic!(
        "there is no reactor on this thread for the call at {location}; call it inside \
         `bowerbird::run`, a runtime's task, or under `Handle::enter()`"
    )
}

/// The thread sits down.
pub(crate) fn push(reactor: Reactor, seat: Seat) {
    // A thread that is being torn down has no context to keep.
    let _ = STACK.try_with(|stack| stack.borrow_mut().push((reactor, seat)));
}

/// The thread gets up: undoes its last [`push`] of the same reactor and seat.
pub(crate) fn pop(reactor: &Reactor, seat: Seat) {
    let popped = STACK.try_with(|stack| {
        let mut stack = stack.borrow_mut();
        let index = stack.iter().rposition(|(it, at)| it.is_same(reactor) && *at == seat)?;
        Some(stack.remove(index))
    });
    // Dropped with the stack free again: it may be the last handle.
    drop(popped);
}

/// The innermost seat of its own that this thread has with `reactor`.
pub(crate) fn own_seat(reactor: &Reactor) -> Option<Seat> {
    let own = |(it, seat): &&(Reactor, Seat)| *seat != Seat::SHARED && it.is_same(reactor);
    let found = STACK.try_with(|stack| Some(stack.borrow().iter().rev().find(own)?.1));
    found.ok().flatten()
}

impl Reactor {
    /// The reactor that serves this thread.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn current() -> Self {
        with_current(|reactor, _| reactor.clone())
    }

    /// The reactor that serves this thread, if there is one.
    #[must_use]
    pub fn try_current() -> Option<Self> {
        try_with_current(|reactor, _| reactor.clone())
    }

    /// Makes this the reactor of the current thread until the guard is dropped,
    /// for threads that take no seat: sockets and timers may be made here.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::Reactor;
    ///
    /// let reactor = Reactor::builder().seats(1).build()?;
    /// assert!(Reactor::try_current().is_none());
    /// let guard = reactor.enter();
    /// assert!(Reactor::try_current().is_some());
    /// drop(guard);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use = "the thread leaves the reactor when the guard is dropped"]
    pub fn enter(&self) -> EnterGuard {
        push(self.clone(), Seat::SHARED);
        EnterGuard { reactor: self.clone(), _here: std::marker::PhantomData }
    }
}

/// A thread's stay with a [`Reactor`], made by [`Reactor::enter`].
///
/// Guards of one thread may be dropped in any order.
#[derive(Debug)]
pub struct EnterGuard {
    reactor: Reactor,
    /// The context belongs to this thread, so the guard may not leave it.
    _here: std::marker::PhantomData<*const ()>,
}

impl Drop for EnterGuard {
    fn drop(&mut self) {
        pop(&self.reactor, Seat::SHARED);
    }
}
