//! The tasks that were started and whose outputs are not taken.

use crate::many::crowd::{Crowd, Next};
use executor::{JoinError, JoinHandle};
use std::{
    collections::VecDeque,
    future::Future,
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
};
use sync::wait_site::{self, Kind};

/// A task that ends when nobody wants its output any more.
#[derive(Debug)]
pub(super) struct Task<T> {
    handle: JoinHandle<T>,
}

impl<T> Task<T> {
    pub(super) fn of(handle: JoinHandle<T>) -> Self {
        Self { handle }
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.handle).poll(cx)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// The tasks, and whose output comes next.
#[derive(Debug)]
pub(super) enum Running<T> {
    /// That of the task in front.
    InOrder(VecDeque<Task<T>>),
    /// That of the task that is done first.
    Unordered(Crowd<Task<T>>),
}

/// What [`Running::poll_next`] gives.
pub(super) enum Polled<T> {
    Done(Result<T, JoinError>),
    /// There is no task.
    Empty,
    Pending,
}

impl<T> Running<T> {
    pub(super) fn in_order() -> Self {
        Self::InOrder(VecDeque::new())
    }

    pub(super) fn into_unordered(self) -> Self {
        match self {
            Self::InOrder(tasks) => {
                let mut crowd = Crowd::open();
                for task in tasks {
                    crowd.insert(task);
                }
                Self::Unordered(crowd)
            }
            Self::Unordered(crowd) => Self::Unordered(crowd),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::InOrder(tasks) => tasks.len(),
            Self::Unordered(crowd) => crowd.len(),
        }
    }

    pub(super) fn push(&mut self, task: Task<T>) {
        match self {
            Self::InOrder(tasks) => tasks.push_back(task),
            Self::Unordered(crowd) => {
                crowd.insert(task);
            }
        }
    }

    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Polled<T> {
        match self {
            Self::InOrder(tasks) => poll_front(tasks, cx, location),
            Self::Unordered(crowd) => match crowd.poll_next(cx, location) {
                Next::Done((_, result)) => Polled::Done(result),
                Next::End => Polled::Empty,
                Next::Waiting | Next::Interrupted => Polled::Pending,
            },
        }
    }
}

fn poll_front<T>(
    tasks: &mut VecDeque<Task<T>>,
    cx: &mut Context<'_>,
    location: &'static Location<'static>,
) -> Polled<T> {
    let Some(front) = tasks.front_mut() else { return Polled::Empty };
    let Poll::Ready(result) = Pin::new(&mut *front).poll(cx) else {
        // Where the stream was made tells more than where the task was spawned.
        wait_site::waiting(Kind::OneOf, std::ptr::from_ref(front).addr(), location);
        return Polled::Pending;
    };
    tasks.pop_front();
    Polled::Done(result)
}
