//! One future on one thread, with nothing but a reactor.

use crate::reactor::Reactor;
use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};
use sync::driver::{Driver, Seat};

/// How often a future that never sleeps is polled before events are delivered.
const LOOK_INTERVAL: u32 = 61;

impl Reactor {
    /// Runs `future` on this thread, which takes seat 0 for that time: for tests,
    /// and for programs that want sockets and timers but no tasks.
    ///
    /// A paused clock jumps to the next deadline whenever the future waits.
    ///
    /// # Panics
    ///
    /// When `future` panics. In debug builds, when another thread is on seat 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::Reactor;
    ///
    /// let reactor = Reactor::builder().build()?;
    /// assert_eq!(reactor.block_on(async { 7 }), 7);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.block_on_seat(Seat(0), future)
    }

    /// As [`block_on`](Self::block_on), on any seat.
    pub(crate) fn block_on_seat<F: Future>(&self, seat: Seat, future: F) -> F::Output {
        let _seated = Seated::new(self, seat);
        let mut future = pin!(future);
        let waker = Waker::from(Arc::new(Unpark { reactor: self.clone(), seat }));
        let mut cx = Context::from_waker(&waker);
        let mut turn = 0_u32;
        loop {
            turn = turn.wrapping_add(1);
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return output;
            }
            // A future that wakes itself, or a clock that always jumps, leaves no sleep
            // in which events could come.
            if turn.is_multiple_of(LOOK_INTERVAL) {
                self.poll(seat, usize::MAX);
            }
            if !self.advance_idle() {
                self.park(seat, None, usize::MAX);
            }
        }
    }
}

struct Unpark {
    reactor: Reactor,
    seat: Seat,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.reactor.unpark(self.seat);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.reactor.unpark(self.seat);
    }
}

/// A thread on a seat, also while it unwinds.
struct Seated<'a> {
    reactor: &'a Reactor,
    seat: Seat,
}

impl<'a> Seated<'a> {
    fn new(reactor: &'a Reactor, seat: Seat) -> Self {
        reactor.attach(seat);
        Self { reactor, seat }
    }
}

impl Drop for Seated<'_> {
    fn drop(&mut self) {
        self.reactor.detach(self.seat);
    }
}
