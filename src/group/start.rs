//! A child that says when it is ready.

use executor::{JoinHandle, TaskInfo};
use std::{
    error::Error,
    fmt,
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use sync::oneshot::{Receiver, Sender};

/// With this a child of [`TaskGroup::start`](super::TaskGroup::start) says that it is
/// ready.
#[doc(alias = "task_status")]
pub struct Started<V> {
    ready: Sender<V>,
}

impl<V> Started<V> {
    pub(super) fn new(ready: Sender<V>) -> Self {
        Self { ready }
    }

    /// It is ready; who waits for that gets `value`.
    ///
    /// If nobody waits any more, `value` is dropped: the child was aborted then.
    pub fn set(self, value: V) {
        drop(self.ready.send(value));
    }
}

impl<V> fmt::Debug for Started<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Started").finish_non_exhaustive()
    }
}

/// The future of [`TaskGroup::start`](super::TaskGroup::start).
///
/// # Cancel safety
///
/// **Lossy.** Dropping it before its end aborts the child.
#[must_use = "dropping it aborts the child"]
pub struct Start<V, T> {
    /// `None`: given away with the result.
    child: Option<JoinHandle<T>>,
    task: Option<TaskInfo>,
    ready: Receiver<V>,
}

impl<V, T> Start<V, T> {
    pub(super) fn new(child: JoinHandle<T>, ready: Receiver<V>) -> Self {
        // What it waits for when this is read is something else.
        let task = child.info().map(|mut task| {
            task.waits_for = None;
            task
        });
        Self { child: Some(child), task, ready }
    }
}

impl<V, T> Unpin for Start<V, T> {}

impl<V, T> Future for Start<V, T> {
    type Output = Result<(V, JoinHandle<T>), NotStarted>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ready = ready!(Pin::new(&mut self.ready).poll(cx));
        let child = self.child.take().expect("a `Start` was polled after it gave its result");
        Poll::Ready(match ready {
            Ok(value) => Ok((value, child)),
            Err(_) => Err(NotStarted { task: self.task.take().map(Box::new) }),
        })
    }
}

impl<V, T> Drop for Start<V, T> {
    fn drop(&mut self) {
        if let Some(child) = &self.child {
            child.abort();
        }
    }
}

impl<V, T> fmt::Debug for Start<V, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start").field("child", &self.child).finish_non_exhaustive()
    }
}

/// A child of [`TaskGroup::start`](super::TaskGroup::start) ended before it was ready.
#[derive(Clone, Debug)]
pub struct NotStarted {
    task: Option<Box<TaskInfo>>,
}

impl NotStarted {
    /// The child. `None` if it was over before anybody could look at it.
    #[must_use]
    pub fn task(&self) -> Option<&TaskInfo> {
        self.task.as_deref()
    }
}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.task {
            Some(task) => write!(f, "{task} ended before it said that it was ready"),
            None => f.write_str("a task ended before it said that it was ready"),
        }
    }
}

impl Error for NotStarted {}

impl From<NotStarted> for io::Error {
    fn from(error: NotStarted) -> Self {
        Self::other(error)
    }
}
