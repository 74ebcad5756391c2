//! A reactor as the driver of an executor.
//!
//! Only a translation: [`reactor`](crate::reactor) has the mechanism,
//! [`context`] the thread's place in it.

use crate::{context, reactor::Reactor, slack};
use std::time::Instant;
use sync::driver::{Driver, DriverMetrics, Seat};

impl Driver for Reactor {
    fn attach(&self, seat: Seat) {
        let outer = context::own_seat(self);
        context::push(self.clone(), seat);
        if seat != Seat::SHARED {
            slack::minimize();
            self.sit_down(seat, outer);
        }
    }

    fn detach(&self, seat: Seat) {
        if seat != Seat::SHARED {
            self.get_up(seat);
            slack::restore();
        }
        context::pop(self, seat);
        if seat != Seat::SHARED {
            self.turn_back(context::own_seat(self));
        }
    }

    fn park(&self, seat: Seat, until: Option<Instant>, max: usize) -> usize {
        self.park_on(seat, until, max)
    }

    fn poll(&self, seat: Seat, max: usize) -> usize {
        self.poll_for(seat, max)
    }

    fn unpark(&self, seat: Seat) {
        self.interrupt(seat);
    }

    fn next_deadline(&self, seat: Seat) -> Option<Instant> {
        match seat {
            Seat::SHARED => self.next_deadline_of_nobody(),
            seat => self.timers(seat).next_deadline(),
        }
    }

    fn now(&self) -> Instant {
        self.clock().now()
    }

    fn may_advance(&self) -> bool {
        self.clock().is_paused()
    }

    fn advance_idle(&self) -> bool {
        self.jump_to_next_deadline()
    }

    fn metrics(&self) -> DriverMetrics {
        self.metrics()
    }

    fn close(&self) {
        self.end_registrations();
    }
}
