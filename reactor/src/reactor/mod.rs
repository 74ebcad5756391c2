//! One turn: sleep, dispatch, fire.
//!
//! ```text
//!   park(seat)                                        poll(seat)
//!     leader?  yes: sleep in the poller ─┐              the poller, unless
//!              no:  sleep on the parker  │              somebody sleeps in it
//!     gather:  events ──▶ registry ──────┤──▶ wakers     the seat's timers,
//!              due timers ───────────────┘       │       the shared ones
//!     no lock held any more: wake ◀──────────────┘
//! ```
//!
//! Who looks after which timers: the thread on a seat after its own; whoever leads
//! or polls also after the shared ones and after those of seats whose thread has
//! gone and left some behind. A timer that comes first on a seat which is not the
//! caller's own ends the sleep of whoever looks after it.
//!
//! # Under a paused clock
//!
//! Deadlines end no sleep: threads sleep until an event comes or somebody wakes
//! them. When all are about to sleep the executor asks the clock to jump, and all
//! timers that are then due fire at once.

mod config;
mod orphans;

pub use self::config::Config;

use self::orphans::Orphans;
use crate::{
    metrics::{Counters, Harvest},
    poller::{Nap, Poller},
    registry::Registry,
    seats::{Bed, GetUp, Seats, Unpark},
    timer::{AutoAdvance, Clock, Timers, Turn},
    wakers::Wakers,
};
use std::{
    fmt,
    future::Future,
    io,
    net::SocketAddr,
    os::fd::BorrowedFd,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};
use sync::{
    driver::{DriverMetrics, Seat},
    shim::{self, Lock},
};

/// The future of a name being resolved.
pub(crate) type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

type Alarm = Arc<dyn Fn() + Send + Sync>;

type Resolver = Arc<dyn Fn(String, u16) -> Resolving + Send + Sync>;

/// What wakes the tasks of a runtime from outside: events of descriptors, and
/// timers. A cheap handle.
///
/// It is the [`Driver`](sync::driver::Driver) of an executor; sockets and timers
/// belong to the reactor of the thread on which they are made.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::Reactor;
/// use std::time::Duration;
/// use sync::driver::{Driver, Seat};
///
/// let reactor = Reactor::builder().seats(1).build()?;
/// reactor.attach(Seat(0));
/// let until = reactor.now() + Duration::from_millis(1);
/// while reactor.now() < until {
///     reactor.park(Seat(0), Some(until), 64);
/// }
/// reactor.detach(Seat(0));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Reactor {
    parts: Arc<Parts>,
}

struct Parts {
    clock: Clock,
    seats: Seats,
    timers: Box<[Arc<Timers>]>,
    timers_shared: Arc<Timers>,
    orphans: Orphans,
    poller: Arc<dyn Poller>,
    registry: Arc<Registry>,
    resolver: Lock<Option<Resolver>>,
    /// Told of timers for which nobody sleeps.
    alarm: Lock<Option<Alarm>>,
    counters: Counters,
}

impl Drop for Parts {
    /// Whoever still waits hears of the end, as at a `close`.
    fn drop(&mut self) {
        let mut wakers = Wakers::new();
        self.registry.close(&mut wakers);
        drop(wakers);
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor")
            .field("seats", &self.parts.seats.count())
            .field("clock", &self.parts.clock)
            .field("poller", &self.parts.poller)
            .field("metrics", &self.metrics())
            .finish_non_exhaustive()
    }
}

impl Reactor {
    /// A configuration to build one from.
    pub fn builder() -> Config {
        Config::new()
    }

    /// Whether both are handles of one reactor.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.parts, &other.parts)
    }

    /// What it has done so far.
    #[must_use]
    pub fn metrics(&self) -> DriverMetrics {
        let timers = self.all_timers().map(|it| it.counts());
        self.parts.counters.read(self.parts.registry.sources_count(), timers)
    }

    /// Lets `resolve` turn names into addresses: for an address that is a host
    /// and a port, as in `TcpStream::connect("example.org:80")`. The last one set
    /// counts; with none, only literal addresses are understood.
    pub fn set_resolver<F, R>(&self, resolve: F)
    where
        F: Fn(String, u16) -> R + Send + Sync + 'static,
        R: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        let resolver: Resolver = Arc::new(move |host, port| Box::pin(resolve(host, port)));
        let old = self.parts.resolver.lock().replace(resolver);
        shim::assert_unlocked("the drop of a resolver");
        drop(old);
    }

    /// Starts to resolve a name; `None` without a resolver.
    pub(crate) fn resolve(&self, host: &str, port: u16) -> Option<Resolving> {
        let resolver = self.parts.resolver.lock().clone()?;
        shim::assert_unlocked("a resolver");
        Some(resolver(host.to_owned(), port))
    }

    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.parts.registry
    }
}

/// Time.
impl Reactor {
    /// The time by which timers fire.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.parts.clock
    }

    /// Stops the clock: from now on it moves by [`advance`](Self::advance), and,
    /// if it [auto-advances](AutoAdvance), when all threads sleep.
    pub fn pause(&self) {
        self.parts.clock.pause();
        self.interrupt_all();
    }

    /// Lets a paused clock go on.
    pub fn resume(&self) {
        self.parts.clock.resume();
        self.interrupt_all();
    }

    /// Says whether a paused clock jumps when all threads sleep.
    pub fn set_auto_advance(&self, auto_advance: AutoAdvance) {
        self.parts.clock.set_auto_advance(auto_advance);
        self.interrupt_all();
    }

    /// Moves the clock ahead by `span` and wakes everybody whose time has come.
    pub fn advance(&self, span: Duration) {
        self.parts.clock.advance(span);
        self.fire_all();
        // A clock that runs has brought the deadlines of sleepers nearer.
        self.interrupt_all();
    }

    /// The timers that the thread on `seat` looks after. Kept by a sleep while
    /// it is registered, so that it can be cancelled from any thread.
    pub(crate) fn timers(&self, seat: Seat) -> &Arc<Timers> {
        match seat.index().and_then(|index| self.parts.timers.get(index)) {
            Some(timers) => timers,
            None => &self.parts.timers_shared,
        }
    }

    /// Which turn of the thread on `seat` this is. `None`: turns do not tell how
    /// late it is, under a clock that may jump and on the seat of many threads.
    pub(crate) fn turn_of(&self, seat: Seat) -> Option<Turn> {
        let is_own = seat != Seat::SHARED && self.parts.clock.is_real();
        is_own.then(|| self.timers(seat).turn())
    }

    /// A timer was set that is now the earliest of the shared seat: a thread that
    /// sleeps for a later one must look again. To be called after the insertion, with
    /// no lock held: it may call user code.
    pub(crate) fn shared_timer_came_first(&self) {
        if self.interrupt_leader() {
            return;
        }
        // Whoever leads next sees the timer; who that is, and when, may be up to the
        // user, whose loop sleeps by a deadline that it was told before.
        let alarm = self.parts.alarm.lock().clone();
        shim::assert_unlocked("the alarm");
        if let Some(alarm) = alarm {
            alarm();
        }
    }

    /// Has `alarm` called when a timer is set that is due before all others and nobody
    /// sleeps for: a loop that takes turns with the reactor is to look at the
    /// [deadline](sync::driver::Driver::next_deadline) again. By whoever sets it, on
    /// that thread. It should do no more than tell that loop.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::{Reactor, time::sleep};
    /// use futures::FutureExt;
    /// use std::{sync::mpsc, time::Duration};
    ///
    /// let reactor = Reactor::builder().build()?;
    /// let (tell, told) = mpsc::channel();
    /// reactor.set_alarm(move || tell.send(()).unwrap());
    /// let _here = reactor.enter();
    /// assert!(sleep(Duration::from_secs(60)).now_or_never().is_none());
    /// assert!(told.try_recv().is_ok());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_alarm(&self, alarm: impl Fn() + Send + Sync + 'static) {
        let old = self.parts.alarm.lock().replace(Arc::new(alarm));
        shim::assert_unlocked("the drop of an alarm");
        drop(old);
    }

    pub(crate) fn jump_to_next_deadline(&self) -> bool {
        let clock = &self.parts.clock;
        if !clock.is_paused() || clock.auto_advance() != AutoAdvance::On {
            return false;
        }
        let Some(earliest) = self.all_timers().filter_map(|it| it.next_deadline()).min() else {
            return false;
        };
        clock.advance_to(earliest);
        self.fire_all();
        true
    }

    fn all_timers(&self) -> impl Iterator<Item = &Arc<Timers>> {
        self.parts.timers.iter().chain([&self.parts.timers_shared])
    }

    fn fire_all(&self) {
        let (now, mut wakers) = (self.parts.clock.now(), Wakers::new());
        let fired = self.all_timers().map(|it| it.fire(now, wakers.as_mut_vec())).sum();
        self.finish(Harvest { timers_fired: fired, ..Harvest::default() }, wakers);
    }
}

/// For a loop that waits for descriptors by itself.
impl Reactor {
    /// A descriptor that becomes readable when there are events to deliver: the next
    /// [`poll`](sync::driver::Driver::poll), [`park`](sync::driver::Driver::park) or
    /// turn of the runtime delivers them. `None`: the events come from a script.
    ///
    /// Timers are not behind it; their next deadline is known, and
    /// [`make_readable`](Self::make_readable) is for all else.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::Reactor;
    ///
    /// let reactor = Reactor::builder().build()?;
    /// assert!(reactor.poll_fd().is_some());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        self.parts.poller.descriptor()
    }

    /// Makes the descriptor readable, until events are next delivered. From any thread.
    pub fn make_readable(&self) {
        self.parts.poller.wake();
    }
}

/// Threads.
impl Reactor {
    /// Ends the current or the next sleep of the seat.
    pub(crate) fn interrupt(&self, seat: Seat) {
        let unpark = self.parts.seats.unpark(seat);
        self.follow(unpark);
    }

    fn follow(&self, unpark: Unpark) {
        match unpark {
            Unpark::WakePoller => self.parts.poller.wake(),
            Unpark::Nothing => {}
        }
    }

    /// `false`: nobody leads.
    fn interrupt_leader(&self) -> bool {
        let leader = self.parts.seats.leader();
        leader.map(|leader| self.interrupt(leader)).is_some()
    }

    fn interrupt_all(&self) {
        for index in 0..self.parts.seats.count() {
            // Seats are counted in `u32`s.
            self.interrupt(Seat(index as u32));
        }
    }

    /// A thread takes the seat. What it looks after on `outer`, a seat it has already,
    /// waits until it comes back there: others are not to count on it meanwhile.
    pub(crate) fn sit_down(&self, seat: Seat, outer: Option<Seat>) {
        if let Some(outer) = outer {
            let unpark = self.parts.seats.succeed(outer);
            self.follow(unpark);
        }
        self.parts.orphans.adopt(seat);
        self.parts.seats.take(seat);
    }

    /// A thread that has got up is back on the seat it had before.
    pub(crate) fn turn_back(&self, outer: Option<Seat>) {
        if let Some(outer) = outer {
            self.parts.seats.take(outer);
        }
    }

    /// The seat's thread goes: what it looked after must find somebody else.
    pub(crate) fn get_up(&self, seat: Seat) {
        if self.timers(seat).next_deadline().is_some() {
            self.parts.orphans.add(seat);
            self.interrupt_leader();
        }
        let unpark = self.parts.seats.succeed(seat);
        self.follow(unpark);
    }

    /// Sleeps until an event, a token, a due timer or `until`.
    pub(crate) fn park_on(&self, seat: Seat, until: Option<Instant>, max: usize) -> usize {
        shim::assert_unlocked("a sleep");
        debug_assert_ne!(seat, Seat::SHARED, "nobody parks on the shared seat");
        let mut wakers = Wakers::new();
        let harvest = match self.parts.seats.lead(seat) {
            true => self.park_in_poller(seat, until, max, &mut wakers),
            false => self.park_on_parker(seat, until, &mut wakers),
        };
        self.finish(harvest, wakers)
    }

    /// The leader's sleep. Resigns before anything is woken: whom we wake may
    /// want to lead, and a waker may panic.
    fn park_in_poller(
        &self,
        seat: Seat,
        until: Option<Instant>,
        max: usize,
        wakers: &mut Wakers,
    ) -> Harvest {
        let mut harvest = Harvest::default();
        while self.parts.seats.fall_asleep(seat, Bed::Poller) {
            // After `lead` and after `fall_asleep`: a timer set since then ends
            // the sleep by a token.
            let deadline = self.leader_deadline(seat, until);
            self.parts.counters.add_sleep();
            let may_sleep = || self.parts.seats.is_in_poller(seat);
            harvest = self.turn(self.nap(deadline), &may_sleep, max, wakers);
            let got_up = self.parts.seats.get_up(seat);
            harvest.timers_fired = self.fire(seat, wakers);
            // A long sleep comes in two steps, and a wake that came too late for
            // the last leader ends the sleep of the next: neither is for those
            // who called us.
            let is_over = deadline.is_some_and(|at| at <= self.parts.clock.now());
            if got_up == GetUp::Token || 0 < harvest.delivered() || is_over {
                break;
            }
        }
        self.parts.seats.resign(seat);
        harvest
    }

    /// A follower's sleep.
    fn park_on_parker(&self, seat: Seat, until: Option<Instant>, wakers: &mut Wakers) -> Harvest {
        if !self.parts.seats.fall_asleep(seat, Bed::Parker) {
            return Harvest::default();
        }
        // Nobody leads any more, or will: our caller parks again, and we shall.
        if self.parts.seats.may_follow(seat) {
            let deadline = earliest(until, self.timers(seat).next_deadline());
            self.parts.counters.add_sleep();
            match self.nap(deadline) {
                Nap::No => {}
                Nap::For(left) => self.parts.seats.sleep(seat, Some(left)),
                Nap::Forever => self.parts.seats.sleep(seat, None),
            }
        }
        // A token is for our caller: it ends the sleep, that is all.
        let (GetUp::Token | GetUp::Otherwise) = self.parts.seats.get_up(seat);
        Harvest { timers_fired: self.fire(seat, wakers), ..Harvest::default() }
    }

    /// Delivers what has come, on behalf of `seat`.
    pub(crate) fn poll_for(&self, seat: Seat, max: usize) -> usize {
        shim::assert_unlocked("a turn of the reactor");
        let mut wakers = Wakers::new();
        let mut harvest = self.turn(Nap::No, &|| false, max, &mut wakers);
        harvest.timers_fired = self.fire(seat, &mut wakers);
        self.finish(harvest, wakers)
    }

    /// The runtime ends.
    pub(crate) fn end_registrations(&self) {
        let mut wakers = Wakers::new();
        self.parts.registry.close(&mut wakers);
        self.finish(Harvest::default(), wakers);
    }

    /// Asks the poller and gathers who waited for its events.
    fn turn(
        &self,
        nap: Nap,
        may_sleep: &dyn Fn() -> bool,
        max: usize,
        wakers: &mut Wakers,
    ) -> Harvest {
        let (registry, mut events_stale) = (&self.parts.registry, 0);
        let result = self.parts.poller.turn(nap, may_sleep, max, &mut |token, ready| {
            if !registry.dispatch(token, ready, wakers) {
                events_stale += 1;
            }
        });
        // The poller fails only if its descriptor was closed behind our back or
        // memory is corrupt: to go on would mean to spin in silence.
        let events = result.unwrap_or_else(|error| panic!("the poller failed: {error}"));
        Harvest { events, events_stale, timers_fired: 0 }
    }

    /// Gathers who waited for a time that has come: on `seat`, on the shared seat
    /// and on those that nobody else looks after.
    fn fire(&self, seat: Seat, wakers: &mut Wakers) -> usize {
        let (mut fired, mut now) = (0, None);
        let mut fire = |timers: &Timers| {
            // Without timers the clock need not be read.
            if timers.next_deadline().is_some() {
                let now = *now.get_or_insert_with(|| self.parts.clock.now());
                fired += timers.fire(now, wakers.as_mut_vec());
            }
        };
        fire(&self.parts.timers_shared);
        if seat != Seat::SHARED {
            self.timers(seat).end_turn();
            fire(self.timers(seat));
        }
        self.parts.orphans.for_each(|seat| fire(self.timers(seat)));
        fired
    }

    fn leader_deadline(&self, seat: Seat, until: Option<Instant>) -> Option<Instant> {
        let own = earliest(until, self.timers(seat).next_deadline());
        earliest(own, self.next_deadline_of_nobody())
    }

    /// When the earliest timer is due that no thread on a seat looks after.
    pub(crate) fn next_deadline_of_nobody(&self) -> Option<Instant> {
        let mut deadline = self.parts.timers_shared.next_deadline();
        let orphans = &self.parts.orphans;
        orphans.for_each(|it| deadline = earliest(deadline, self.timers(it).next_deadline()));
        deadline
    }

    /// How long a thread with this deadline sleeps.
    fn nap(&self, deadline: Option<Instant>) -> Nap {
        match deadline {
            None => Nap::Forever,
            Some(deadline) => {
                match deadline.saturating_duration_since(self.parts.clock.now()) {
                    // Also under a paused clock: it may have jumped between a
                    // look at the time and the insertion of a timer.
                    Duration::ZERO => Nap::No,
                    _ if self.parts.clock.is_paused() => Nap::Forever,
                    left => Nap::For(left),
                }
            }
        }
    }

    /// Wakes everybody, with no lock held.
    fn finish(&self, harvest: Harvest, wakers: Wakers) -> usize {
        self.parts.counters.add_turn(harvest);
        self.parts.counters.add_wakes(wakers.len());
        wakers.wake();
        harvest.delivered()
    }
}

fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
