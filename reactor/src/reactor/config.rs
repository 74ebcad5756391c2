//! What does a reactor look like before it is one?

use super::{Orphans, Parts, Reactor};
use crate::{
    metrics::Counters,
    poller::{Poller, scripted::Scripted, system::System},
    registry::Registry,
    seats::Seats,
    timer::{Clock, Timers},
};
use std::{io, sync::Arc};
use sync::shim::Lock;

/// How a [`Reactor`] is built.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::Reactor;
///
/// let reactor = Reactor::builder().seats(4).paused().build()?;
/// assert!(reactor.clock().is_paused());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a configuration does nothing until `build`"]
pub struct Config {
    seats: usize,
    guests: usize,
    is_paused: IsPaused,
    scripted: Option<Scripted>,
}

#[derive(Clone, Copy, Debug)]
enum IsPaused {
    No,
    Yes,
}

impl Config {
    pub(super) fn new() -> Self {
        Self { seats: 1, guests: 0, is_paused: IsPaused::No, scripted: None }
    }

    /// How many threads may sleep in it at a time: 1 unless said otherwise.
    pub fn seats(mut self, count: usize) -> Self {
        self.seats = count;
        self
    }

    /// How many of the seats, the last ones, are for guests: threads whose own share
    /// in what the reactor wakes is small, such as the caller of a `block_on`. They mind
    /// it only when none of the others is there to do so. None unless said otherwise.
    pub fn guests(mut self, count: usize) -> Self {
        self.guests = count;
        self
    }

    /// Starts with the clock paused.
    #[doc(alias = "start_paused")]
    pub fn paused(mut self) -> Self {
        self.is_paused = IsPaused::Yes;
        self
    }

    /// Takes its events from a script instead of the operating system.
    pub fn scripted(mut self, script: &Scripted) -> Self {
        self.scripted = Some(script.clone());
        self
    }

    /// Builds the reactor.
    ///
    /// # Errors
    ///
    /// When the operating system has no descriptors left.
    pub fn build(self) -> io::Result<Reactor> {
        let poller: Arc<dyn Poller> = match self.scripted {
            Some(script) => Arc::new(script),
            None => Arc::new(System::new()?),
        };
        let clock = match self.is_paused {
            IsPaused::Yes => Clock::paused(),
            IsPaused::No => Clock::real(),
        };
        let timers = || Arc::new(Timers::new());
        let parts = Parts {
            clock,
            seats: Seats::new(self.seats, self.guests),
            timers: (0..self.seats).map(|_| timers()).collect(),
            timers_shared: timers(),
            orphans: Orphans::default(),
            registry: Arc::new(Registry::new(poller.clone())),
            poller,
            resolver: Lock::new(None),
            alarm: Lock::new(None),
            counters: Counters::default(),
        };
        Ok(Reactor { parts: Arc::new(parts) })
    }
}
