//! How long may one wait for a task's end, and what if that is not enough?
//!
//! A `timeout` around a handle lets go of the task and leaves it to itself. Here the
//! task is aborted and its end is waited for, so that what it held is free again when
//! the wait is over: its destructors have run.
//!
//! ```text
//!   timeout_join     wait ── the time is up ──▶ abort ──▶ wait, without a limit
//!   abort_and_join   abort ──▶ wait ── the time is up ──▶ the handle comes back
//! ```
//!
//! An abort takes hold where the task waits. One that does not wait (a loop without
//! an `await`, a closure on the blocking pool that has started) ends when it ends:
//! that is what the second of them is for.

use crate::join_set::AbortOnDrop;
use executor::{JoinError, JoinHandle, TaskInfo};
use reactor::time::{Elapsed, Timeout, timeout};
use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

/// Waits for a task, for `duration` at most; then aborts it and waits until it has
/// ended.
///
/// So it may take longer than `duration`, by as much as the task takes to reach a
/// point at which it waits, and to run its destructors. The time counts from the first
/// poll. To wait for a limited time and let the task run on, use
/// [`timeout`]`(duration, &mut handle)`; to limit the cleanup,
/// too, [`abort_and_join`].
///
/// # Errors
///
/// [`Elapsed`] if the task was aborted for want of time. A task that finishes while
/// it is being aborted gives its output, and one that panics then its panic: as ever,
/// in a [`JoinError`].
///
/// # Cancel safety
///
/// **Lossy.** Dropping it aborts the task, also before its first poll, and waits for
/// nothing. To keep the task, use `timeout` with `&mut handle`.
///
/// # Panics
///
/// A poll that has to wait panics on a thread without a reactor.
///
/// # Examples
///
/// ```
/// use bowerbird::{runtime::Builder, spawn, time::{sleep, timeout_join}};
/// use std::time::Duration;
///
/// const SECOND: Duration = Duration::from_secs(1);
///
/// let runtime = Builder::new_current_thread().paused_clock().build()?;
/// runtime.block_on(async {
///     let quick = spawn(async { 7 });
///     assert_eq!(timeout_join(SECOND, quick).await.unwrap().unwrap(), 7);
///     let slow = spawn(sleep(2 * SECOND));
///     assert!(timeout_join(SECOND, slow).await.is_err());
/// });
/// # Ok::<(), bowerbird::runtime::BuildError>(())
/// ```
#[doc(alias = "wait_for")]
#[track_caller]
pub fn timeout_join<T>(duration: Duration, handle: JoinHandle<T>) -> TimeoutJoin<T> {
    TimeoutJoin { handle: timeout(duration, AbortOnDrop::new(handle)), stage: Stage::Waits }
}

/// The future of [`timeout_join`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct TimeoutJoin<T> {
    handle: Timeout<AbortOnDrop<T>>,
    stage: Stage,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waits,
    HasAborted,
}

impl<T> Future for TimeoutJoin<T> {
    type Output = Result<Result<T, JoinError>, Elapsed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.stage == Stage::Waits {
            match ready!(Pin::new(&mut self.handle).poll(cx)) {
                Ok(result) => return Poll::Ready(Ok(result)),
                Err(_) => {
                    self.handle.get_ref().abort();
                    self.stage = Stage::HasAborted;
                }
            }
        }
        let result = ready!(Pin::new(self.handle.get_mut()).poll(cx));
        Poll::Ready(match result {
            Err(error) if error.is_cancelled() => Err(Elapsed::new()),
            result => Ok(result),
        })
    }
}

/// Aborts a task and waits until it has ended, for `limit` at most.
///
/// When this is ready with `Ok`, the task's destructors have run.
///
/// # Errors
///
/// [`StillRunning`], with the handle, if the task has not ended by then: it is in the
/// middle of a poll that goes on and on, waits for a thread that is, or is a blocking
/// closure that has started. It stays aborted.
///
/// # Cancel safety
///
/// **Lossy.** Dropping it drops the handle: the task stays aborted, and its result is
/// lost. Before its first poll nothing is aborted.
///
/// # Panics
///
/// A poll that has to wait panics on a thread without a reactor.
///
/// # Examples
///
/// ```
/// use bowerbird::{run, spawn, task::abort_and_join};
/// use std::{future::pending, time::Duration};
///
/// let result = run(async {
///     let task = spawn(pending::<()>());
///     abort_and_join(task, Duration::from_secs(5)).await
/// });
/// let error = result.expect("it ends at once").unwrap_err();
/// assert!(error.is_cancelled());
/// ```
#[doc(alias = "cancel")]
#[track_caller]
pub fn abort_and_join<T>(handle: JoinHandle<T>, limit: Duration) -> AbortAndJoin<T> {
    AbortAndJoin { handle: Some(timeout(limit, handle)), limit, stage: Stage::Waits }
}

/// The future of [`abort_and_join`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct AbortAndJoin<T> {
    /// `None` when it is over.
    handle: Option<Timeout<JoinHandle<T>>>,
    limit: Duration,
    stage: Stage,
}

impl<T> Future for AbortAndJoin<T> {
    type Output = Result<Result<T, JoinError>, StillRunning<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let handle = this.handle.as_mut().expect("polled after it was ready");
        if this.stage == Stage::Waits {
            handle.get_ref().abort();
            this.stage = Stage::HasAborted;
        }
        let joined = ready!(Pin::new(handle).poll(cx));
        let handle = this.handle.take().expect("it was just polled").into_inner();
        Poll::Ready(joined.map_err(|_elapsed| {
            let task = handle.info();
            StillRunning { handle, task, limit: this.limit }
        }))
    }
}

/// A task has not ended, although it was aborted: see [`abort_and_join`].
pub struct StillRunning<T> {
    handle: JoinHandle<T>,
    task: Option<TaskInfo>,
    limit: Duration,
}

impl<T> StillRunning<T> {
    /// The task's handle, to wait on.
    #[must_use]
    pub fn into_handle(self) -> JoinHandle<T> {
        self.handle
    }

    /// The task, and what it waited for when the time was up. `None` if it has ended
    /// at that very moment.
    #[must_use]
    pub fn task(&self) -> Option<&TaskInfo> {
        self.task.as_ref()
    }
}

impl<T> fmt::Display for StillRunning<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.task {
            Some(task) => write!(f, "{task}, ")?,
            None => f.write_str("a task ")?,
        }
        write!(f, "has not ended {:?} after it was aborted", self.limit)?;
        match &self.task {
            Some(task) if task.is_blocking() => {
                f.write_str(": a closure that has started cannot be interrupted")
            }
            Some(task) if task.waits_for.is_none() => {
                f.write_str(": it is in the middle of a poll, or behind one that blocks its thread")
            }
            _ => Ok(()),
        }
    }
}

impl<T> fmt::Debug for StillRunning<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StillRunning({self})")
    }
}

impl<T> Error for StillRunning<T> {}
