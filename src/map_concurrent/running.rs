//! The tasks that were started and whose outputs are not taken.

use crate::join_set::{AbortOnDrop, Tasks};
use executor::{JoinError, JoinHandle};
use std::{
    collections::VecDeque,
    future::Future,
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
};
use sync::wait_site::{self, Kind};

/// The tasks, and whose output comes next.
#[derive(Debug)]
pub(super) enum Running<T> {
    /// That of the task in front.
    InOrder(VecDeque<AbortOnDrop<T>>),
    /// That of the task that is done first.
    Unordered(Tasks<T, ()>),
}

impl<T> Running<T> {
    pub(super) fn in_order() -> Self {
        Self::InOrder(VecDeque::new())
    }

    pub(super) fn into_unordered(self) -> Self {
        let Self::InOrder(before) = self else { return self };
        let mut tasks = Tasks::new();
        for task in before {
            tasks.insert(task.detach(), ());
        }
        Self::Unordered(tasks)
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::InOrder(tasks) => tasks.len(),
            Self::Unordered(tasks) => tasks.len(),
        }
    }

    pub(super) fn push(&mut self, task: JoinHandle<T>) {
        match self {
            Self::InOrder(tasks) => tasks.push_back(task.into()),
            Self::Unordered(tasks) => drop(tasks.insert(task, ())),
        }
    }

    /// The next result. `None`: there is no task.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Poll<Option<Result<T, JoinError>>> {
        match self {
            Self::InOrder(tasks) => poll_front(tasks, cx, location),
            Self::Unordered(tasks) => {
                let next = tasks.poll_next(cx, location);
                next.map(|next| next.map(|(_, member)| member.into_result().1))
            }
        }
    }
}

fn poll_front<T>(
    tasks: &mut VecDeque<AbortOnDrop<T>>,
    cx: &mut Context<'_>,
    location: &'static Location<'static>,
) -> Poll<Option<Result<T, JoinError>>> {
    let Some(front) = tasks.front_mut() else { return Poll::Ready(None) };
    let Poll::Ready(result) = Pin::new(&mut *front).poll(cx) else {
        // Where the stream was made tells more than where the task was spawned.
        wait_site::waiting(Kind::OneOf, std::ptr::from_ref(front).addr(), location);
        return Poll::Pending;
    };
    tasks.pop_front();
    Poll::Ready(Some(result))
}
