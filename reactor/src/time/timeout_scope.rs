//! How does a block of code end that takes too long, when the code itself knows how
//! long that is?
//!
//! The body gets a [`TimeoutScope`], through which it moves the deadline while it
//! runs. It can do so only from inside its own polls: the reference does not outlive
//! the body, and a waker, which could be called at other times, would have to hold
//! it for `'static`. So whoever moves the deadline wakes nobody: the poll around the
//! body's looks where the deadline is when the body's is over.
//!
//! ```text
//!   poll   ── the limit is pushed: `effective_deadline` sees it
//!          ── the body is polled ────── ready? its output, whatever the clock says
//!          │     └─ t.reset(…): moves the deadline, here and in the limit
//!          ── the limit is popped
//!          ── the deadline has moved? so does the timer
//!          ── it has passed? the body is dropped, `Elapsed`
//! ```
//!
//! # Who may touch what
//!
//! The deadline lies under a lock, which is free but for threads that the body lends
//! the scope to within one poll (`std::thread::scope`). The timer is of the poll.
//!
//! # Rejected
//!
//! * A `Cell` for the deadline: a body that borrows the scope would not be `Send`.
//! * A named future: the body borrows the scope that lies beside it, which takes an
//!   `async` block, or unsafe code.

use super::{
    Elapsed, Instant, Sleep,
    deadline::{self, Limit},
};
use crate::timer::Moment;
use std::{
    fmt,
    future::Future,
    panic::Location,
    pin::{Pin, pin},
    ptr,
    task::{Context, Poll},
    time::Duration,
};
use sync::shim::Lock;

/// Runs `body` for `duration` at most, counted from its first poll; `body` may move
/// that deadline while it runs.
///
/// As [`timeout`](super::timeout()) otherwise: `body` is polled first, so that what
/// is ready is never lost, also when the deadline passes at the same time and also
/// when `duration` is zero. A poll in which the body moves a deadline that has passed
/// into the future comes in time. [`Duration::MAX`] is no deadline.
///
/// Scopes nest, and each ends only by its own deadline. Of several that are over, the
/// innermost gives [`Elapsed`], and its caller decides what that is to those around.
///
/// # Errors
///
/// [`Elapsed`] if the deadline passes first. `body` has been dropped by then.
///
/// # Cancel safety
///
/// That of `body`: dropping this, and the deadline, drop it.
///
/// # Panics
///
/// A poll that has to wait panics on a thread without a reactor.
///
/// # Examples
///
/// A limit for each line, not for all of them:
///
/// ```
/// use bowerbird_reactor::{Reactor, time::{Elapsed, sleep, timeout_scope}};
/// use std::time::Duration;
///
/// const SECOND: Duration = Duration::from_secs(1);
///
/// let reactor = Reactor::builder().paused().build()?;
/// let lines = reactor.block_on(timeout_scope(2 * SECOND, async |t| {
///     let mut lines = vec![];
///     for n in 0..10 {
///         sleep(SECOND).await;
///         lines.push(n);
///         t.reset(2 * SECOND);
///     }
///     lines
/// }))?;
/// assert_eq!(lines.len(), 10);
///
/// let late = reactor.block_on(timeout_scope(2 * SECOND, async |_| sleep(3 * SECOND).await));
/// assert!(late.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "reschedule")]
#[doc(alias = "CancelScope")]
#[doc(alias = "fail_after")]
#[track_caller]
pub fn timeout_scope<R, F>(duration: Duration, body: F) -> impl Future<Output = Result<R, Elapsed>>
where
    F: AsyncFnOnce(&TimeoutScope) -> R,
{
    let location = Location::caller();
    async move {
        let deadline = Instant::now() + duration;
        let scope = TimeoutScope::new(deadline);
        let body = pin!(body(&scope));
        Scoped { body, scope: &scope, sleep: Sleep::new(deadline.moment(), location) }.await
    }
}

/// Runs `body` until `deadline` at most, which `body` may move while it runs.
///
/// For the rest see [`timeout_scope`](timeout_scope()).
///
/// # Errors
///
/// [`Elapsed`] if the deadline passes first. `body` has been dropped by then.
///
/// # Cancel safety
///
/// That of `body`.
///
/// # Panics
///
/// A poll that has to wait panics on a thread without a reactor.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::{Reactor, time::{Instant, sleep, timeout_scope_at}};
/// use std::time::Duration;
///
/// let reactor = Reactor::builder().paused().build()?;
/// let done = reactor.block_on(async {
///     timeout_scope_at(Instant::now(), async |t| {
///         t.disable();
///         sleep(Duration::from_secs(3600)).await;
///     })
///     .await
/// });
/// assert!(done.is_ok());
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "fail_at")]
#[track_caller]
pub fn timeout_scope_at<R, F>(
    deadline: Instant,
    body: F,
) -> impl Future<Output = Result<R, Elapsed>>
where
    F: AsyncFnOnce(&TimeoutScope) -> R,
{
    let location = Location::caller();
    async move {
        let scope = TimeoutScope::new(deadline);
        let body = pin!(body(&scope));
        Scoped { body, scope: &scope, sleep: Sleep::new(deadline.moment(), location) }.await
    }
}

/// The deadline of a [`timeout_scope`](timeout_scope()), as its body sees it.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::{Reactor, time::{Instant, timeout_scope}};
/// use std::time::Duration;
///
/// const SECOND: Duration = Duration::from_secs(1);
///
/// let reactor = Reactor::builder().paused().build()?;
/// let in_time = reactor.block_on(timeout_scope(SECOND, async |t| {
///     t.extend(SECOND);
///     assert_eq!(t.deadline(), Some(Instant::now() + 2 * SECOND));
///     t.reset(Duration::ZERO);
///     assert!(t.is_expired());
///     std::future::pending::<()>().await;
/// }));
/// assert!(in_time.is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TimeoutScope {
    deadline: Lock<Instant>,
}

impl TimeoutScope {
    fn new(deadline: Instant) -> Self {
        Self { deadline: Lock::new(deadline) }
    }

    /// The time is up so long from now.
    #[doc(alias = "reschedule")]
    pub fn reset(&self, duration: Duration) {
        self.reset_at(Instant::now() + duration);
    }

    /// The time is up at `deadline`, or at once if that has passed: at the next
    /// point at which the body waits.
    #[doc(alias = "reschedule")]
    pub fn reset_at(&self, deadline: Instant) {
        *self.deadline.lock() = deadline;
        self.announce(deadline);
    }

    /// The time is up so much later. Does nothing to a deadline that never comes.
    pub fn extend(&self, duration: Duration) {
        let mut held = self.deadline.lock();
        *held += duration;
        let deadline = *held;
        drop(held);
        self.announce(deadline);
    }

    /// The time is never up, until another deadline is set.
    pub fn disable(&self) {
        self.reset(Duration::MAX);
    }

    /// When the time is up. `None` if never.
    #[doc(alias = "when")]
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let deadline = *self.deadline.lock();
        (deadline.moment() != Moment::NEVER).then_some(deadline)
    }

    /// Whether the deadline has passed: the body ends when it waits next.
    #[doc(alias = "expired")]
    #[must_use]
    pub fn is_expired(&self) -> bool {
        let deadline = *self.deadline.lock();
        deadline <= Instant::now()
    }

    /// Those who ask within this poll are told.
    fn announce(&self, deadline: Instant) {
        deadline::amend(self.address(), Limit::At(deadline.moment()));
    }

    /// No other scope has it while this one lives.
    fn address(&self) -> usize {
        ptr::from_ref(self).addr()
    }
}

impl fmt::Debug for TimeoutScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("TimeoutScope");
        match self.deadline() {
            None => out.field("left", &"unlimited"),
            Some(deadline) => out.field("left", &(deadline - Instant::now())),
        };
        out.finish()
    }
}

/// The body and its timer.
struct Scoped<'a, B> {
    body: Pin<&'a mut B>,
    scope: &'a TimeoutScope,
    sleep: Sleep,
}

impl<B: Future> Future for Scoped<'_, B> {
    type Output = Result<B::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let entered = deadline::enter(Limit::At(this.sleep.moment()), this.scope.address());
        if let Poll::Ready(output) = this.body.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        drop(entered);
        let deadline = this.scope.deadline.lock().moment();
        // The wait site stays what the body wrote: it tells more.
        let elapsed = match deadline == this.sleep.moment() {
            true => this.sleep.poll_elapsed(cx),
            false => this.sleep.poll_moved(deadline, cx),
        };
        elapsed.map(|()| Err(Elapsed::new()))
    }
}
