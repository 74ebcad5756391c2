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

use super::Instant;
use crate::{
    context,
    reactor::Reactor,
    timer::{Registration, Reset, Status},
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
    Sleep::new(Instant::now() + duration, Location::caller())
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
    Sleep::new(deadline, Location::caller())
}

/// The future of [`sleep`] and [`sleep_until`].
///
/// It is [`Unpin`]; the last waker that polled it is the one that is woken.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Sleep {
    deadline: Instant,
    stage: Stage,
    location: &'static Location<'static>,
}

#[derive(Debug)]
enum Stage {
    /// No timer is set.
    Idle,
    Set(Registration),
    Elapsed,
    /// The deadline is too far away ever to come. Who waits all the same, for another.
    Never(Waker),
}

impl Sleep {
    pub(super) fn new(deadline: Instant, location: &'static Location<'static>) -> Self {
        Self { deadline, stage: Stage::Idle, location }
    }

    /// When it is over.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_elapsed(&self) -> bool {
        match &self.stage {
            Stage::Elapsed => true,
            Stage::Set(registration) if registration.status() == Status::Fired => true,
            Stage::Idle | Stage::Set(_) => self.deadline <= Instant::now(),
            Stage::Never(_) => false,
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
        let this = self.get_mut();
        this.deadline = deadline;
        match std::mem::replace(&mut this.stage, Stage::Idle) {
            Stage::Set(registration) => this.reset_timer(registration),
            Stage::Never(waker) => this.set_or_wake(waker),
            Stage::Idle | Stage::Elapsed => (),
        }
    }

    /// Carries the waker of a timer over to the new deadline.
    fn reset_timer(&mut self, mut registration: Registration) {
        let moved = context::try_with_current(|reactor, seat| {
            let timers = reactor.timers(seat);
            if !timers.owns(&registration) || timers.is_never(self.deadline.into_std()) {
                return false;
            }
            match registration.reset(self.deadline.into_std()) {
                Reset::TooLate => return false,
                Reset::CameFirst => announce_first(reactor, seat),
                Reset::Later => (),
            }
            true
        });
        if moved == Some(true) {
            self.stage = Stage::Set(registration);
            return;
        }
        // Set on another seat, or fired: what has fired has woken the task.
        if let Some(waker) = registration.cancel() {
            self.set_or_wake(waker);
        }
    }

    /// Sets the timer here, or has the task poll and set it where that is.
    fn set_or_wake(&mut self, waker: Waker) {
        let mut waker = Some(waker);
        context::try_with_current(|reactor, seat| {
            if self.deadline.into_std() <= reactor.clock().now() {
                return;
            }
            if let Some(taken) = waker.take() {
                match set(reactor, seat, self.deadline, taken) {
                    Ok(stage) => self.stage = stage,
                    Err(unused) => waker = Some(unused),
                }
            }
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// As [`poll`](Future::poll), for those who account for the budget and write
    /// the wait site themselves.
    #[inline]
    pub(super) fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.stage {
            Stage::Set(registration) => match registration.poll(cx.waker()) {
                Status::Armed => Poll::Pending,
                Status::Fired => self.elapse(),
                // Its reactor is gone; this thread may have another.
                Status::Orphaned => self.poll_idle(Instant::now(), cx),
            },
            Stage::Idle => self.poll_idle(Instant::now(), cx),
            Stage::Elapsed => Poll::Ready(()),
            Stage::Never(waker) => {
                if !waker.will_wake(cx.waker()) {
                    *waker = cx.waker().clone();
                }
                Poll::Pending
            }
        }
    }

    /// Sets the timer, unless it is `now` too late for that.
    pub(super) fn poll_idle(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if self.deadline <= now {
            return self.elapse();
        }
        // Cloned before: the context calls no user code.
        let waker = cx.waker().clone();
        let set = context::with_current_at(self.location, |reactor, seat| {
            set(reactor, seat, self.deadline, waker)
        });
        self.stage = set.unwrap_or_else(Stage::Never);
        Poll::Pending
    }

    /// As [`poll_elapsed`](Self::poll_elapsed), with another deadline from now on.
    pub(super) fn poll_moved(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        if deadline <= now || !comes(deadline) {
            // A timer that is set would only wake for nothing.
            *self = Self::new(deadline, self.location);
            return self.poll_idle(now, cx);
        }
        Pin::new(&mut *self).reset(deadline);
        self.poll_elapsed(cx)
    }

    fn elapse(&mut self) -> Poll<()> {
        self.stage = Stage::Elapsed;
        Poll::Ready(())
    }

    /// The call that made it.
    pub(super) fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Says what the task waits for.
    pub(super) fn write_wait_site(&self, location: &'static Location<'static>) {
        let object = match &self.stage {
            Stage::Set(registration) => registration.object(),
            _ => 0,
        };
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

/// Whether `deadline` is not too far away ever to come.
pub(super) fn comes(deadline: Instant) -> bool {
    let is_never = context::try_with_current(|reactor, seat| {
        reactor.timers(seat).is_never(deadline.into_std())
    });
    !is_never.unwrap_or_else(|| deadline == Instant::now() + Duration::MAX)
}

/// Sets a timer for `deadline` on `seat`. Gives the waker back if that never
/// comes.
fn set(reactor: &Reactor, seat: Seat, deadline: Instant, waker: Waker) -> Result<Stage, Waker> {
    let (registration, came_first) = reactor.timers(seat).insert(deadline.into_std(), waker)?;
    if came_first {
        announce_first(reactor, seat);
    }
    Ok(Stage::Set(registration))
}

/// The earliest deadline of `seat` has moved. The thread of a seat of its own is
/// this one, so it is awake; who sleeps for the shared seat must look again.
fn announce_first(reactor: &Reactor, seat: Seat) {
    if seat == Seat::SHARED {
        reactor.timer_came_first(seat);
    }
}
