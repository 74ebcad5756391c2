//! What a [`JoinSet`]'s methods give to await.

use super::JoinSet;
use executor::{Id, JoinError};
use std::{
    fmt,
    future::Future,
    panic::{Location, resume_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
};

/// A set whose caller waits: until it is dropped.
struct Waiting<'a, T> {
    set: &'a mut JoinSet<T>,
    /// Whether our waker is there.
    is_registered: bool,
    location: &'static Location<'static>,
}

impl<'a, T> Waiting<'a, T> {
    fn new(set: &'a mut JoinSet<T>, location: &'static Location<'static>) -> Self {
        Self { set, is_registered: false, location }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<super::Member<T, ()>>> {
        self.is_registered = true;
        let next = ready!(self.set.poll_at(cx, self.location));
        self.is_registered = false;
        Poll::Ready(next)
    }
}

impl<T> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        if self.is_registered {
            self.set.tasks.unregister();
        }
    }
}

/// The future of [`JoinSet::join_next`].
///
/// # Cancel safety
///
/// **Strict.** A result is taken out of the set when it is given, and not before.
#[must_use = "futures do nothing unless polled"]
pub struct JoinNext<'a, T> {
    waiting: Waiting<'a, T>,
}

impl<'a, T> JoinNext<'a, T> {
    pub(super) fn new(set: &'a mut JoinSet<T>, location: &'static Location<'static>) -> Self {
        Self { waiting: Waiting::new(set, location) }
    }
}

impl<T> Future for JoinNext<'_, T> {
    type Output = Option<Result<T, JoinError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.waiting.poll(cx).map(|it| it.map(|member| member.into_result().1))
    }
}

/// The future of [`JoinSet::join_next_with_id`].
///
/// # Cancel safety
///
/// **Strict**, as [`JoinNext`].
#[must_use = "futures do nothing unless polled"]
pub struct JoinNextWithId<'a, T> {
    waiting: Waiting<'a, T>,
}

impl<'a, T> JoinNextWithId<'a, T> {
    pub(super) fn new(set: &'a mut JoinSet<T>, location: &'static Location<'static>) -> Self {
        Self { waiting: Waiting::new(set, location) }
    }
}

impl<T> Future for JoinNextWithId<'_, T> {
    type Output = Option<Result<(Id, T), JoinError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.waiting.poll(cx).map(|it| it.map(super::Member::into_result_with_id))
    }
}

/// The future of [`JoinSet::shutdown`].
///
/// # Cancel safety
///
/// **Lossy.** What was joined by then is gone; the rest is aborted, and in the set.
#[must_use = "futures do nothing unless polled"]
pub struct Shutdown<'a, T> {
    waiting: Waiting<'a, T>,
    has_begun: bool,
}

impl<'a, T> Shutdown<'a, T> {
    pub(super) fn new(set: &'a mut JoinSet<T>, location: &'static Location<'static>) -> Self {
        Self { waiting: Waiting::new(set, location), has_begun: false }
    }
}

impl<T> Future for Shutdown<'_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.has_begun {
            self.has_begun = true;
            self.waiting.set.abort_all();
        }
        while let Some(member) = ready!(self.waiting.poll(cx)) {
            drop(member);
        }
        Poll::Ready(())
    }
}

/// The future of [`JoinSet::join_all`].
///
/// # Cancel safety
///
/// **Lossy.** Dropping it aborts the tasks that run, and drops the outputs of the
/// others.
#[must_use = "futures do nothing unless polled"]
pub struct JoinAll<T> {
    /// `None` after the end.
    set: Option<JoinSet<T>>,
    outputs: Vec<T>,
    location: &'static Location<'static>,
}

// Outputs are moved, never pinned.
impl<T> Unpin for JoinAll<T> {}

impl<T> JoinAll<T> {
    pub(super) fn new(set: JoinSet<T>, location: &'static Location<'static>) -> Self {
        Self { set: Some(set), outputs: Vec::new(), location }
    }

    /// Aborts the others, drops the outputs, and panics.
    fn fail(&mut self, error: JoinError) -> ! {
        self.set = None;
        self.outputs.clear();
        match error.try_into_panic() {
            Ok(payload) => resume_unwind(payload),
            Err(error) => panic!("`join_all`: {error}"),
        }
    }
}

impl<T> Future for JoinAll<T> {
    type Output = Vec<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Vec<T>> {
        let this = &mut *self;
        loop {
            let set = this.set.as_mut().expect("`join_all` polled after its end");
            this.outputs.reserve(set.len());
            let Some(member) = ready!(set.poll_at(cx, this.location)) else {
                this.set = None;
                return Poll::Ready(std::mem::take(&mut this.outputs));
            };
            match member.into_result().1 {
                Ok(output) => this.outputs.push(output),
                Err(error) => this.fail(error),
            }
        }
    }
}

impl<T> fmt::Debug for JoinNext<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JoinNext").field(&self.waiting.set).finish()
    }
}

impl<T> fmt::Debug for JoinNextWithId<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JoinNextWithId").field(&self.waiting.set).finish()
    }
}

impl<T> fmt::Debug for Shutdown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shutdown").field(&self.waiting.set).finish()
    }
}

impl<T> fmt::Debug for JoinAll<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("JoinAll");
        out.field("set", &self.set).field("outputs", &self.outputs.len()).finish()
    }
}
