//! One task that is aborted when its handle is dropped.

use executor::{JoinError, JoinHandle};
use std::{
    future::Future,
    ops::Deref,
    pin::Pin,
    task::{Context, Poll},
};

/// A [`JoinHandle`] that aborts its task when it is dropped, instead of letting it
/// run on.
///
/// The methods of the handle are there, too.
///
/// # Cancel safety
///
/// **Lossy.** Dropping it aborts the task. Awaited by reference it is **strict**.
///
/// # Examples
///
/// ```
/// use bowerbird::{spawn, task::AbortOnDrop};
///
/// bowerbird::run(async {
///     let sum = AbortOnDrop::new(spawn(async { 1 + 2 }));
///     assert_eq!(sum.await.unwrap(), 3);
///
///     let task = spawn(std::future::pending::<()>());
///     let abort = task.abort_handle();
///     drop(AbortOnDrop::new(task));
///     assert!(abort.is_aborted());
/// });
/// ```
#[doc(alias = "AbortOnDropHandle")]
#[derive(Debug)]
#[must_use = "dropping it aborts its task"]
pub struct AbortOnDrop<T> {
    /// `None`: detached.
    task: Option<JoinHandle<T>>,
}

impl<T> AbortOnDrop<T> {
    /// Takes over the task.
    pub fn new(task: JoinHandle<T>) -> Self {
        Self { task: Some(task) }
    }

    /// Gives the handle back, with which the task is not aborted any more.
    pub fn detach(mut self) -> JoinHandle<T> {
        self.task.take().expect(HERE)
    }
}

const HERE: &str = "the handle is there until it is detached";

impl<T> Deref for AbortOnDrop<T> {
    type Target = JoinHandle<T>;

    fn deref(&self) -> &JoinHandle<T> {
        self.task.as_ref().expect(HERE)
    }
}

impl<T> From<JoinHandle<T>> for AbortOnDrop<T> {
    fn from(task: JoinHandle<T>) -> Self {
        Self::new(task)
    }
}

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(self.task.as_mut().expect(HERE)).poll(cx)
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
