//! How does a task wait for a deadline?
//!
//! ```text
//!          first poll that has to wait         fired
//!   IDLE ─────────────────────────────▶ SET ─────────▶ ELAPSED
//!     │ ◀─────────────────────────────── │                ▲
//!     │    the reactor is gone, or reset │                │
//!     ├── deadline passed ───────────────┼────────────────┘
//!     └── deadline never comes ──▶ NEVER
//! ```
//!
//! Nothing is registered before the first poll that has to wait, so what is ready
//! in time costs no timer. Later polls read one word, not the clock: a timer is
//! due when its seat has fired it.
//!
//! The first poll of a sleep that was made in the same turn of its thread, as of one
//! that is awaited at once, does not read the clock either: that costs 23 ns, a quarter
//! of all it takes to set a timer and cancel it, to find out what is already known.
//! If so much time has passed in that turn that the deadline has, the timer that is
//! set nevertheless fires at its end.
//!
//! # What it takes
//!
//! 24 bytes, where a pointer has eight: a deadline, which is a number; a word for the
//! stage above, with what belongs to each; and the call that made it, which is told who
//! asks what a task waits for. With that a task that does nothing but sleep lies in a
//! block of 112 bytes, and its timer takes 48 at most.

use super::Instant;
use crate::{
    context,
    reactor::Reactor,
    timer::{Kept, Leeway, Moment, Pocket, Registration, Reset, Status, Turn, View},
};
use std::{
    future::Future,
    panic::Location,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};
use sync::{
    coop,
    driver::Seat,
    wait_site::{self, Kind},
};

/// Waits until `duration` has passed, counted from this call.
///
/// Exact to what the system can do, some 20 to 80 µs late; never early. Zero is
/// ready at the first poll, [`Duration::MAX`] never.
///
/// # Cancel safety
///
/// **Strict.** Dropping it cancels the timer, on any thread, also when the
/// reactor is gone.
///
/// # Panics
///
/// A poll that has to wait panics on a thread without a reactor.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::{Reactor, time::{Instant, sleep}};
/// use std::time::Duration;
///
/// const HOUR: Duration = Duration::from_secs(3600);
///
/// // With a clock that jumps: this takes no time at all.
/// let reactor = Reactor::builder().paused().build()?;
/// reactor.block_on(async {
///     let start = Instant::now();
///     sleep(HOUR).await;
///     assert_eq!(start.elapsed(), HOUR);
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "delay")]
#[doc(alias = "delay_for")]
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    let (now, turn) = Instant::now_and_turn();
    // Nothing to wait for is ready at the first poll, whenever that is.
    let turn = turn.filter(|_| !duration.is_zero());
    let pocket = Pocket::new(Kept::Idle(Leeway::NONE, turn));
    Sleep { deadline: now.moment().plus(duration), pocket, location: Location::caller() }
}

/// Waits until `deadline`. Ready at the first poll if it has passed.
///
/// For the rest see [`sleep`].
///
/// # Cancel safety
///
/// **Strict.**
///
/// # Panics
///
/// A poll that has to wait panics on a thread without a reactor.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::time::{Instant, sleep_until};
/// use futures::FutureExt;
///
/// let past = Instant::now();
/// assert_eq!(sleep_until(past).now_or_never(), Some(()));
/// ```
#[doc(alias = "delay_until")]
#[doc(alias = "call_at")]
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::new(deadline.moment(), Location::caller())
}

/// The future of [`sleep`] and [`sleep_until`].
///
/// It is [`Unpin`]; the last waker that polled it is the one that is woken.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Sleep {
    deadline: Moment,
    /// What has been done, and the leeway.
    pocket: Pocket,
    location: &'static Location<'static>,
}

/// See "What it takes".
const _: () = assert!(size_of::<Sleep>() <= 3 * size_of::<u64>());

impl Sleep {
    pub(super) fn new(deadline: Moment, location: &'static Location<'static>) -> Self {
        Self { deadline, pocket: Pocket::new(Kept::Idle(Leeway::NONE, None)), location }
    }

    /// Lets it end later than its deadline, by `slack` at most: together with other
    /// timers, if there are any whose time is near, so that the thread wakes once for
    /// all of them.
    ///
    /// For what need not be exact, of which there is much: polling, refreshing, idle
    /// connections. However many timers have a slack of `s`, they wake a thread no more
    /// than twice in each `s`. A deadline that has passed at the first poll is over at
    /// once, as without it. More than an hour counts as about an hour; less than a
    /// microsecond as none. It stays through a [`reset`](Self::reset), and counts from
    /// the next one if the sleep has been polled.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::{Reactor, time::{Instant, sleep}};
    /// use std::time::Duration;
    ///
    /// let reactor = Reactor::builder().paused().build()?;
    /// reactor.block_on(async {
    ///     let start = Instant::now();
    ///     sleep(Duration::from_secs(60)).slack(Duration::from_secs(5)).await;
    ///     let passed = start.elapsed().as_secs();
    ///     assert!((60..=65).contains(&passed));
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "coalesce")]
    #[doc(alias = "tolerance")]
    #[doc(alias = "leeway")]
    pub fn slack(self, slack: Duration) -> Self {
        self.with_leeway(Leeway::at_most(slack))
    }

    pub(super) fn with_leeway(mut self, leeway: Leeway) -> Self {
        self.pocket.set_leeway(leeway);
        self
    }

    /// When it is over. If that never comes, the last time that can be told.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        Instant::at(self.deadline)
    }

    /// As [`deadline`](Self::deadline), for those who only compare.
    #[inline]
    pub(super) fn moment(&self) -> Moment {
        self.deadline
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_elapsed(&self) -> bool {
        if self.pocket.is_elapsed() || self.pocket.is_never() {
            return self.pocket.is_elapsed();
        }
        match self.pocket.timer() {
            Some(timer) if timer.status() == Status::Fired => true,
            // It may take its time until the end of the slack.
            Some(timer) if timer.leeway() != Leeway::NONE => false,
            _ => self.deadline <= Instant::now().moment(),
        }
    }

    /// Starts again with another deadline, over or not.
    ///
    /// A task that waits already is woken at the new deadline and need not poll
    /// this again, or at once if that never comes. (Except where the sleep before was
    /// over: nobody waits for that.) Costs about as much as one half of a new sleep.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::time::{Instant, sleep};
    /// use std::{pin::pin, time::Duration};
    ///
    /// let mut sleep = pin!(sleep(Duration::from_secs(3600)));
    /// let now = Instant::now();
    /// sleep.as_mut().reset(now);
    /// assert_eq!(sleep.deadline(), now);
    /// assert!(sleep.is_elapsed());
    /// ```
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        self.get_mut().reset_to(deadline.moment());
    }

    pub(super) fn reset_to(&mut self, deadline: Moment) {
        self.deadline = deadline;
        let leeway = self.pocket.leeway();
        let kept = self.pocket.take();
        self.pocket = Pocket::new(Kept::Idle(leeway, None));
        match kept {
            Kept::Set(registration) => self.reset_timer(registration, leeway),
            Kept::Never(_, waker) => self.set_or_wake(waker),
            Kept::Idle(..) | Kept::Elapsed(_) => (),
        }
    }

    /// Carries the waker of a timer over to the new deadline.
    fn reset_timer(&mut self, mut registration: Registration, leeway: Leeway) {
        let mut to_tell = None;
        let moved = context::try_with_current(|reactor, seat| {
            let timers = reactor.timers(seat);
            if !timers.owns(&registration) || self.deadline == Moment::NEVER {
                return false;
            }
            match registration.reset(self.deadline, leeway) {
                Reset::TooLate => return false,
                Reset::CameFirst => to_tell = whom_to_tell(reactor, seat),
                Reset::Later => (),
            }
            true
        });
        if moved == Some(true) {
            self.pocket = Pocket::new(Kept::Set(registration));
            tell(to_tell);
            return;
        }
        // Set on another seat, or fired: what has fired has woken the task.
        if let Some(waker) = registration.cancel() {
            self.set_or_wake(waker);
        }
    }

    /// Sets the timer here, or has the task poll and set it where that is.
    fn set_or_wake(&mut self, waker: Waker) {
        let leeway = self.pocket.leeway();
        let mut waker = Some(waker);
        let mut to_tell = None;
        context::try_with_current(|reactor, seat| {
            if self.deadline <= Moment::of(reactor.clock().now()) {
                return;
            }
            if let Some(taken) = waker.take() {
                match set(reactor, seat, (self.deadline, leeway), taken) {
                    Ok((kept, whom)) => (self.pocket, to_tell) = (Pocket::new(kept), whom),
                    Err(unused) => waker = Some(unused),
                }
            }
        });
        tell(to_tell);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// As [`poll`](Future::poll), for those who account for the budget and write
    /// the wait site themselves.
    #[inline]
    pub(super) fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.pocket.view() {
            View::Set(registration) => match registration.poll(cx.waker()) {
                Status::Armed => Poll::Pending,
                Status::Fired => self.elapse(),
                // Its reactor is gone; this thread may have another.
                Status::Orphaned => self.poll_idle(Instant::now(), cx),
            },
            View::Idle(Some(turn)) => self.poll_in_turn(turn, cx),
            View::Idle(None) => self.poll_idle(Instant::now(), cx),
            View::Elapsed => Poll::Ready(()),
            View::Never(waker) => {
                if !waker.will_wake(cx.waker()) {
                    *waker = cx.waker().clone();
                }
                Poll::Pending
            }
        }
    }

    /// Sets the timer, unless it is `now` too late for that.
    pub(super) fn poll_idle(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<()> {
        match self.deadline <= now.moment() {
            true => self.elapse(),
            false => self.set_timer(cx),
        }
    }

    /// Sets the timer if this is still the turn in which the deadline was ahead.
    fn poll_in_turn(&mut self, turn: Turn, cx: &mut Context<'_>) -> Poll<()> {
        let timer = (self.deadline, self.pocket.leeway());
        // Cloned before: the context calls no user code.
        let waker = cx.waker().clone();
        let set =
            context::try_with_current(|reactor, seat| match reactor.turn_of(seat) == Some(turn) {
                true => Ok(set(reactor, seat, timer, waker)),
                false => Err(waker),
            });
        match set {
            Some(Ok(set)) => self.keep(set),
            Some(Err(_)) | None => self.poll_idle(Instant::now(), cx),
        }
    }

    fn set_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timer = (self.deadline, self.pocket.leeway());
        // Cloned before: the context calls no user code.
        let waker = cx.waker().clone();
        let set = context::with_current_at(self.location, |reactor, seat| {
            set(reactor, seat, timer, waker)
        });
        self.keep(set)
    }

    /// Keeps the timer that was set, or the waker of who waits for what never comes.
    #[inline]
    fn keep(&mut self, set: Result<(Kept, Option<Reactor>), Waker>) -> Poll<()> {
        let (kept, to_tell) = match set {
            Err(waker) => (Kept::Never(self.pocket.leeway(), waker), None),
            Ok(set) => set,
        };
        self.pocket = Pocket::new(kept);
        tell(to_tell);
        Poll::Pending
    }

    /// As [`poll_elapsed`](Self::poll_elapsed), with another deadline from now on.
    pub(super) fn poll_moved(&mut self, deadline: Moment, cx: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        if deadline <= now.moment() || deadline == Moment::NEVER {
            // A timer that is set would only wake for nothing.
            let pocket = Pocket::new(Kept::Idle(self.pocket.leeway(), None));
            *self = Self { deadline, pocket, location: self.location };
            return self.poll_idle(now, cx);
        }
        self.reset_to(deadline);
        self.poll_elapsed(cx)
    }

    fn elapse(&mut self) -> Poll<()> {
        self.pocket = Pocket::new(Kept::Elapsed(self.pocket.leeway()));
        Poll::Ready(())
    }

    /// The call that made it.
    pub(super) fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Says what the task waits for.
    pub(super) fn write_wait_site(&self, location: &'static Location<'static>) {
        let object = self.pocket.timer().map_or(0, Registration::object);
        wait_site::waiting(Kind::Timer, object, location);
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let progress = ready!(coop::poll_proceed(cx));
        match self.poll_elapsed(cx) {
            Poll::Ready(()) => {
                progress.made();
                Poll::Ready(())
            }
            Poll::Pending => {
                self.write_wait_site(self.location);
                Poll::Pending
            }
        }
    }
}

/// Sets a timer for a time from a deadline on, on `seat`. Gives also [whom to
/// tell](tell); or the waker back, if that time never comes.
fn set(
    reactor: &Reactor,
    seat: Seat,
    (deadline, leeway): (Moment, Leeway),
    waker: Waker,
) -> Result<(Kept, Option<Reactor>), Waker> {
    let timers = reactor.timers(seat);
    let (registration, came_first) = timers.insert(deadline, leeway, waker)?;
    let to_tell = came_first.then(|| whom_to_tell(reactor, seat)).flatten();
    Ok((Kept::Set(registration), to_tell))
}

/// The earliest deadline of `seat` has moved. The thread of a seat of its own is
/// this one, so it is awake; who sleeps for the shared seat must look again. To be
/// told when the context is free again.
fn whom_to_tell(reactor: &Reactor, seat: Seat) -> Option<Reactor> {
    (seat == Seat::SHARED).then(|| reactor.clone())
}

#[inline]
fn tell(reactor: Option<Reactor>) {
    if let Some(reactor) = reactor {
        reactor.shared_timer_came_first();
    }
}
