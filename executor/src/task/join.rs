//! What a user holds of a task: to await it, to abort it, to let it go.

use super::{
    error::JoinError,
    holders::{Joiner, Reference},
    info::{Id, TaskInfo},
    join_state::Join,
};
use std::{
    fmt,
    future::Future,
    mem,
    panic::Location,
    pin::Pin,
    ptr,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};
use sync::{
    coop,
    parker::Parker,
    shim,
    wait_site::{self, Kind},
};

/// A task's future result. Awaiting it gives the output, or says why there is
/// none.
///
/// Dropping it lets the task run on: it is *detached*. To end the task, call
/// [`abort`](Self::abort).
///
/// # Errors
///
/// Awaiting it gives a [`JoinError`] if the task was cancelled or panicked.
///
/// # Panics
///
/// If it is polled after it gave its result.
///
/// # Cancel safety
///
/// **Strict.** A handle awaited by reference (`(&mut handle).await`) may be
/// dropped and awaited again.
///
/// # Examples
///
/// ```
/// use bowerbird_executor::{Builder, ThreadDriver};
///
/// let executor = Builder::new_current_thread().build_with(|seats| ThreadDriver::new(seats))?;
/// let sum = executor.block_on(async {
///     let task = bowerbird_executor::spawn(async { 1 + 2 });
///     task.await.unwrap()
/// });
/// assert_eq!(sum, 3);
/// # Ok::<(), bowerbird_executor::BuildError>(())
/// ```
#[doc(alias = "Task")]
pub struct JoinHandle<T> {
    link: Link<T>,
    /// The [`addresses`] of the waker that lies in the task's slot, where it cannot
    /// be looked at. Its own, not those of what it was cloned from: it keeps them
    /// from being used again, while the original's may belong to another task soon.
    registered: (usize, usize),
    /// Where it was last awaited from: the spawn site until then.
    location: &'static Location<'static>,
}

enum Link<T> {
    Task(Joiner<T>),
    /// The runtime had shut down.
    Refused,
    Taken,
}

impl<T> Unpin for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    pub(crate) fn new(joiner: Joiner<T>, location: &'static Location<'static>) -> Self {
        Self { link: Link::Task(joiner), registered: NOBODY, location }
    }

    /// The handle of a task that was never made, since the runtime has shut down.
    pub(crate) fn refused(location: &'static Location<'static>) -> Self {
        Self { link: Link::Refused, registered: NOBODY, location }
    }

    /// Asks the task to end: its future is dropped at its next suspension point,
    /// on a thread that may drop it, and the handle then gives a cancelled
    /// [`JoinError`].
    ///
    /// A task that finishes first keeps its output. A closure on the blocking
    /// pool is cancelled if it has not started: it is dropped here and now, and gives up
    /// its place in the queue. One that runs is told by
    /// [`should_stop`](crate::should_stop).
    #[doc(alias = "cancel")]
    pub fn abort(&self) {
        if let Link::Task(joiner) = &self.link {
            joiner.abort(None);
        }
    }

    /// As [`abort`](Self::abort), and says why: the [`JoinError`] gives the reason
    /// and shows it. The first reason counts.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_executor::{Builder, ThreadDriver, spawn};
    ///
    /// let executor = Builder::new_current_thread().build_with(ThreadDriver::new)?;
    /// executor.block_on(async {
    ///     let task = spawn(std::future::pending::<()>());
    ///     task.abort_with("too slow");
    ///     task.abort_with("too late");
    ///     assert_eq!(task.await.unwrap_err().reason(), Some("too slow"));
    /// });
    /// # Ok::<(), bowerbird_executor::BuildError>(())
    /// ```
    pub fn abort_with(&self, reason: impl Into<Arc<str>>) {
        if let Link::Task(joiner) = &self.link {
            joiner.abort(Some(reason.into()));
        }
    }

    /// A handle that can only abort, and does not keep the output.
    #[must_use]
    pub fn abort_handle(&self) -> AbortHandle {
        let reference = match &self.link {
            Link::Task(joiner) => Some(joiner.reference()),
            Link::Refused | Link::Taken => None,
        };
        AbortHandle { reference }
    }

    /// Whether the task is over: awaiting would not wait.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        match &self.link {
            Link::Task(joiner) => joiner.is_done(),
            Link::Refused | Link::Taken => true,
        }
    }

    /// The task's id. `None` if the runtime refused the task, or the result was
    /// taken.
    #[must_use]
    pub fn id(&self) -> Option<Id> {
        match &self.link {
            Link::Task(joiner) => Some(joiner.id()),
            Link::Refused | Link::Taken => None,
        }
    }

    /// What can be seen of the task. `None` once it is over.
    #[must_use]
    pub fn info(&self) -> Option<TaskInfo> {
        match &self.link {
            Link::Task(joiner) => joiner.look(),
            Link::Refused | Link::Taken => None,
        }
    }

    /// Waits for the task on a plain thread, for at most `timeout`.
    ///
    /// Not for use inside a task: it blocks the thread, and with it a worker.
    ///
    /// # Errors
    ///
    /// Gives the handle back if the time is up.
    pub fn join_blocking(
        mut self,
        timeout: Option<Duration>,
    ) -> Result<Result<T, JoinError>, Self> {
        // Here nothing is gained by letting others have their turn.
        let _unlimited = coop::enter(u32::MAX);
        let parker = Arc::new(Unparker(Parker::new()));
        let waker = Waker::from(parker.clone());
        let mut cx = Context::from_waker(&waker);
        // An unrepresentable deadline is none.
        let deadline = timeout.and_then(|timeout| shim::now().checked_add(timeout));
        loop {
            if let Poll::Ready(result) = Pin::new(&mut self).poll(&mut cx) {
                return Ok(result);
            }
            let Some(deadline) = deadline else {
                parker.0.park();
                continue;
            };
            let left = deadline.saturating_duration_since(shim::now());
            if !parker.0.park_timeout(left) && left.is_zero() {
                return Err(self);
            }
        }
    }

    /// The end that awaits the task, if there is one.
    pub(super) fn into_joiner(self) -> Option<Joiner<T>> {
        match self.link {
            Link::Task(joiner) => Some(joiner),
            Link::Refused | Link::Taken => None,
        }
    }

    /// The result of a task that [is finished](Self::is_finished): for combinators.
    ///
    /// # Panics
    ///
    /// If the result was taken.
    #[doc(hidden)]
    pub fn take_finished(mut self) -> Result<T, JoinError> {
        self.take()
    }

    /// Leaves `waker` to be woken when the task is over: for combinators, which have
    /// a budget and a wait site of their own. Returns whether it is over already;
    /// then nothing is left.
    #[doc(hidden)]
    #[must_use = "a task that is over wakes nobody"]
    pub fn watch(&mut self, waker: &Waker) -> bool {
        let Link::Task(joiner) = &self.link else {
            return true;
        };
        match joiner.look_at_slot() {
            Join::Done => true,
            // Most often this is the first poll.
            Join::Pending => {
                let clone = waker.clone();
                let registered = addresses(&clone);
                let answer = joiner.register_first(clone);
                self.registered = if answer == Join::Done { NOBODY } else { registered };
                answer == Join::Done
            }
            Join::Registered | Join::Locked if self.registered == addresses(waker) => false,
            Join::Registered | Join::Locked => self.watch_again(waker),
        }
    }

    /// A waker lies in the slot already, or lay there until a moment ago.
    #[inline(never)]
    fn watch_again(&mut self, waker: &Waker) -> bool {
        let Link::Task(joiner) = &self.link else {
            return true;
        };
        let clone = waker.clone();
        let registered = addresses(&clone);
        // Whatever comes of it, what lay there is not to be relied on.
        self.registered = NOBODY;
        match joiner.register(clone) {
            Join::Done => return true,
            // The completer is just taking our old waker out: look again soon.
            Join::Locked => waker.wake_by_ref(),
            Join::Pending | Join::Registered => self.registered = registered,
        }
        false
    }

    fn wait(&mut self, cx: &Context<'_>) -> Poll<Result<T, JoinError>> {
        if self.watch(cx.waker()) {
            return Poll::Ready(self.take());
        }
        if let Link::Task(joiner) = &self.link {
            wait_site::waiting(Kind::Join, joiner.address(), self.location);
        }
        Poll::Pending
    }

    fn take(&mut self) -> Result<T, JoinError> {
        match mem::replace(&mut self.link, Link::Taken) {
            Link::Task(joiner) => joiner.take(),
            Link::Refused => Err(JoinError::refused()),
            Link::Taken => panic!("a JoinHandle was polled after it gave its result"),
        }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let progress = std::task::ready!(coop::poll_proceed(cx));
        let result = self.wait(cx);
        if result.is_ready() {
            progress.made();
        }
        result
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("JoinHandle");
        match &self.link {
            Link::Task(joiner) => out.field("id", &joiner.id()),
            Link::Refused => out.field("id", &"refused"),
            Link::Taken => out.field("id", &"taken"),
        };
        out.field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}

/// The addresses of no waker.
const NOBODY: (usize, usize) = (0, 0);

/// Two wakers that live and have the same are one and the same.
fn addresses(waker: &Waker) -> (usize, usize) {
    (waker.data().addr(), ptr::from_ref(waker.vtable()).addr())
}

/// Wakes a plain thread that waits for a task.
struct Unparker(Parker);

impl Wake for Unparker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Aborts a task, from anywhere and as often as one likes.
///
/// # Examples
///
/// ```
/// use bowerbird_executor::{Builder, ThreadDriver};
///
/// let executor = Builder::new_current_thread().build_with(|seats| ThreadDriver::new(seats))?;
/// executor.block_on(async {
///     let task = bowerbird_executor::spawn(std::future::pending::<()>());
///     task.abort_handle().abort();
///     assert!(task.await.unwrap_err().is_cancelled());
/// });
/// # Ok::<(), bowerbird_executor::BuildError>(())
/// ```
#[derive(Clone)]
pub struct AbortHandle {
    reference: Option<Reference>,
}

impl AbortHandle {
    pub(crate) fn of(reference: Reference) -> Self {
        Self { reference: Some(reference) }
    }

    /// Asks the task to end. See [`JoinHandle::abort`].
    pub fn abort(&self) {
        if let Some(reference) = &self.reference {
            reference.abort(None);
        }
    }

    /// Asks the task to end, and says why. See [`JoinHandle::abort_with`].
    pub fn abort_with(&self, reason: impl Into<Arc<str>>) {
        if let Some(reference) = &self.reference {
            reference.abort(Some(reason.into()));
        }
    }

    /// Whether anybody asked the task to end.
    #[must_use]
    pub fn is_aborted(&self) -> bool {
        self.reference.as_ref().is_none_or(Reference::is_cancelled)
    }

    /// The task's id. `None` if the runtime refused the task.
    #[must_use]
    pub fn id(&self) -> Option<Id> {
        self.reference.as_ref().map(|it| it.id())
    }

    /// What can be seen of the task. `None` once it is over.
    #[must_use]
    pub fn info(&self) -> Option<TaskInfo> {
        self.reference.as_ref().and_then(Reference::look)
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("id", &self.id()).finish_non_exhaustive()
    }
}
