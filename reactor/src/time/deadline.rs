//! By when does the code that runs now have to be done?
//!
//! A future that limits another one ([`timeout`](super::timeout()),
//! [`timeout_scope`](super::timeout_scope()), [`with_deadline`]) pushes its limit on
//! a stack of the thread around each poll of that other one, and pops it after. What
//! [`effective_deadline`] gives is the nearest of those that belong to the task
//! which asks.
//!
//! ```text
//!   stack of the thread                 asked in here
//!   ───────────────────                 ─────────────
//!   task 1: at 12:00                    task 2: 11:45, the nearer of two; the
//!   task 2: 5 minutes ─▶ 11:50          other two are the limits of the task
//!   task 2: at 11:45                    in whose poll this executor runs
//! ```
//!
//! A limit that is a duration counts from the first look at the clock. Most are
//! never asked, and their futures are ready before they have to wait: they cost no
//! such look. Whoever asks first looks, and the limit is a point in time from then
//! on, also for the future that pushed it.
//!
//! # Who may touch what
//!
//! The stack is of its thread. An entry is pushed and popped by the poll of one
//! future, in the manner of a call.
//!
//! # Rejected
//!
//! * One value, the minimum, saved and restored by each poll: half the cost, but
//!   a scope that moves its deadline cannot take the old one out of it.
//! * A list of frames on the stacks of the polls: unsafe code, and no faster.
//! * A `Vec`, which has no end: a thread-local with a destructor, and with checks at
//!   each push and pop, took 20 ns of each poll instead of 2.
//! * A field of the task: the reactor knows no tasks, and the limits of two
//!   branches of a `gather` are not those of their task.

use super::Instant;
use crate::timer::Moment;
use pin_project_lite::pin_project;
use std::{
    cell::Cell,
    future::{Future, IntoFuture},
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use sync::wait_site;

/// By when something has to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    At(Moment),
    /// So long after somebody first looks.
    After(Duration),
    Never,
}

impl Limit {
    pub(super) fn at(deadline: Option<Instant>) -> Self {
        deadline.map_or(Self::Never, |deadline| Self::At(deadline.moment()))
    }

    /// When that is. A duration counts from now, for good.
    fn deadline(&mut self) -> Option<Instant> {
        if let Self::After(duration) = *self {
            *self = Self::At(Instant::now().moment().plus(duration));
        }
        match *self {
            Self::At(Moment::NEVER) | Self::After(_) | Self::Never => None,
            Self::At(deadline) => Some(Instant::at(deadline)),
        }
    }
}

/// How many limits of a thread are known at a time. Those inside of more than that
/// many end what they limit all the same, they are only not told.
const DEPTH_MAX: usize = 32;

/// Cells, each for itself: whoever wants the limit does not wait for the rest.
struct Entry {
    /// The task in whose poll it was pushed.
    task: Cell<usize>,
    /// Who pushed it, for [`amend`].
    owner: Cell<usize>,
    limit: Cell<Limit>,
}

impl Entry {
    const fn none() -> Self {
        Self { task: Cell::new(0), owner: Cell::new(NOBODY), limit: Cell::new(Limit::Never) }
    }
}

struct Stack {
    /// How many there are, known or not.
    depth: Cell<usize>,
    entries: [Entry; DEPTH_MAX],
}

impl Stack {
    /// Those that are known, the innermost first.
    fn known(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().take(self.depth.get()).rev()
    }
}

sync::thread_local! {
    static STACK: Stack = const {
        Stack { depth: Cell::new(0), entries: [const { Entry::none() }; DEPTH_MAX] }
    };
}

/// By when the code that runs now has to be done: the nearest deadline of the
/// timeouts around it. `None` if there is none.
///
/// For clients that can tell the other side how long they are going to wait: a
/// query with a time limit, a request with a deadline header. What counts are the
/// [`timeout`](super::timeout()), [`timeout_at`](super::timeout_at) and
/// [`timeout_scope`](super::timeout_scope()) inside which this call is made, in the
/// same task; a deadline that was moved counts where it is now. The deadline may
/// have passed. A task that is spawned starts without one. Only children of a task
/// group inherit that of the group, since they end with it: the one that counted when
/// it began to run.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::{Reactor, time::{Instant, effective_deadline, timeout}};
/// use std::time::Duration;
///
/// let reactor = Reactor::builder().paused().build()?;
/// reactor.block_on(async {
///     assert_eq!(effective_deadline(), None);
///     let inner = timeout(Duration::from_secs(9), async { effective_deadline() });
///     let deadline = timeout(Duration::from_secs(5), inner).await??;
///     assert_eq!(deadline, Some(Instant::now() + Duration::from_secs(5)));
///     Ok::<(), bowerbird_reactor::time::Elapsed>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "current_effective_deadline")]
#[must_use]
pub fn effective_deadline() -> Option<Instant> {
    let task = wait_site::task();
    let nearest = STACK.try_with(|stack| {
        let ours = stack.known().take_while(|entry| entry.task.get() == task);
        let deadlines = ours.filter_map(|entry| {
            let mut limit = entry.limit.get();
            let deadline = limit.deadline();
            entry.limit.set(limit);
            deadline
        });
        deadlines.min()
    });
    // A thread that is being torn down has no limits.
    nearest.unwrap_or_default()
}

/// Tells the code inside `future` that `deadline` counts for it: see
/// [`effective_deadline`]. It does not end `future` then; somebody else does.
///
/// For what spawns tasks on behalf of a task and ends them with it.
///
/// # Cancel safety
///
/// That of `future`.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::time::{Instant, effective_deadline, with_deadline};
///
/// # futures::executor::block_on(async {
/// let now = Instant::now();
/// let child = with_deadline(Some(now), async { effective_deadline() });
/// assert_eq!(child.await, Some(now));
/// # });
/// ```
#[doc(hidden)]
pub fn with_deadline<F: IntoFuture>(
    deadline: Option<Instant>,
    future: F,
) -> WithDeadline<F::IntoFuture> {
    WithDeadline { future: future.into_future(), limit: Limit::at(deadline) }
}

pin_project! {
    /// The future of [`with_deadline`].
    #[doc(hidden)]
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct WithDeadline<F> {
        #[pin]
        future: F,
        limit: Limit,
    }
}

impl<F: Future> Future for WithDeadline<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = enter(*this.limit, NOBODY);
        this.future.poll(cx)
    }
}

/// Runs `code`, to which `deadline` counts: [`with_deadline`] for what is no future.
#[doc(hidden)]
#[inline]
pub fn by_deadline<R>(deadline: Option<Instant>, code: impl FnOnce() -> R) -> R {
    let _entered = deadline.map(|deadline| enter(Limit::At(deadline.moment()), NOBODY));
    code()
}

/// The owner of entries that are not amended.
pub(super) const NOBODY: usize = 0;

/// Lets `limit` count for what runs until the guard is gone: around one poll.
#[inline]
pub(super) fn enter(limit: Limit, owner: usize) -> Entered {
    let task = wait_site::task();
    let depth = STACK.try_with(|stack| {
        let depth = stack.depth.get();
        if let Some(entry) = stack.entries.get(depth) {
            entry.task.set(task);
            entry.owner.set(owner);
            entry.limit.set(limit);
        }
        stack.depth.set(depth + 1);
        depth
    });
    Entered { depth: depth.unwrap_or(usize::MAX), not_send: PhantomData }
}

/// The entry that `owner` pushed on this thread has another limit from now on.
pub(super) fn amend(owner: usize, limit: Limit) {
    let _ = STACK.try_with(|stack| {
        if let Some(entry) = stack.known().find(|entry| entry.owner.get() == owner) {
            entry.limit.set(limit);
        }
    });
}

/// An entry on the stack of this thread.
#[derive(Debug)]
pub(super) struct Entered {
    /// What was there before it.
    depth: usize,
    not_send: PhantomData<*const ()>,
}

impl Entered {
    /// Takes the entry off and says what has become of its limit: a duration may be
    /// a point in time. `None` if it is not known.
    #[inline]
    pub(super) fn leave(self) -> Option<Limit> {
        let known = STACK.try_with(|stack| Some(stack.entries.get(self.depth)?.limit.get()));
        known.ok().flatten()
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        // A thread that is being torn down has none.
        let _ = STACK.try_with(|stack| stack.depth.set(self.depth));
    }
}
