//! What is reported when there is nobody to give an error to.

use crate::{
    contain::drop_contained,
    shutdown::ShutdownReport,
    stall::Stall,
    task::{Stray, StrayPanic, error::JoinError, info::TaskInfo},
};
use std::{any::Any, error::Error, fmt};
use sync::{futurelock::Futurelock, wait_site::WaitSite};

/// Something went wrong and no handle will tell.
///
/// Given to the hook of [`Builder::on_unhandled`](crate::Builder::on_unhandled),
/// and without one written to stderr.
#[derive(Debug)]
#[non_exhaustive]
pub enum Unhandled {
    /// A task panicked, and its handle had been dropped.
    TaskPanicked(JoinError),
    /// A task gave an error that nobody awaits: its handle had been given up by
    /// [`detach_reporting`](crate::JoinHandle::detach_reporting), or it ran for
    /// something that goes on.
    Failed {
        /// Which task, if it was one.
        task: Option<TaskInfo>,
        /// What it gave.
        error: Box<dyn Error + Send + Sync>,
    },
    /// A destructor or a waker panicked. What it was, and the panic's message.
    Contained(&'static str, String),
    /// A blocking closure was cancelled because the system has no thread for it.
    /// What the system said.
    NoThread(String),
    /// In debug mode: a task waits for a lock or a semaphore, and an earlier wait of
    /// its own in the same line, which it does not poll any more, was granted. Drop
    /// the future that holds the grant, or poll it, before waiting anew: in a
    /// `select!`, give it by value.
    Futurelock {
        /// The task.
        task: TaskInfo,
        /// The call that was granted what it asked for.
        granted: WaitSite,
        /// The call that waits.
        waiting: WaitSite,
    },
    /// In debug mode, unless [`Builder::on_stall`](crate::Builder::on_stall) says who is
    /// to hear of it: a task blocks its worker, or computes for long.
    Stalled(Stall),
    /// A `block_on` inside a task sleeps, and a task that is bound to the same thread has
    /// been ready for [`Builder::stall_threshold`](crate::Builder::stall_threshold): it
    /// cannot run before the call returns. If the call waits for that task, it never
    /// does. Use `.await`, or start the task with `spawn`. Told once for each call.
    HeldUp {
        /// The future of the `block_on`; it was spawned at that call.
        block_on: TaskInfo,
        /// The task that is ready.
        task: TaskInfo,
    },
    /// A runtime that was dropped could not end all it had started.
    Shutdown(ShutdownReport),
}

impl fmt::Display for Unhandled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TaskPanicked(error) => write!(f, "{error}, and nobody awaits it"),
            Self::Failed { task: Some(task), error } => {
                write!(f, "{} failed, and nobody awaits it: {error}", task.label())
            }
            Self::Failed { task: None, error } => write!(f, "a task failed: {error}"),
            Self::Contained(what, message) => write!(f, "{what} panicked: {message}"),
            Self::NoThread(error) => write!(
                f,
                "a blocking closure was cancelled: no thread could be started ({error}); raise \
                 the limit of threads, or spawn fewer"
            ),
            Self::Futurelock { task, granted, waiting } => write!(
                f,
                "{task}, although the same {:?} was granted to {}, a future that the task keeps \
                 and does not poll: drop that before waiting at {}, or give it by value to the \
                 `select!` that polled it",
                granted.kind,
                Place(granted),
                Place(waiting),
            ),
            Self::Stalled(stall) => write!(f, "{stall}"),
            Self::HeldUp { block_on, task } => write!(
                f,
                "block_on inside a task, {block_on}, keeps {} from running, which is ready and \
                 bound to the same thread: if it waits for that task, it waits for ever; use \
                 `.await`, or start that task with `spawn`",
                task.label()
            ),
            Self::Shutdown(report) => write!(f, "{report}"),
        }
    }
}

impl Unhandled {
    pub(crate) fn from_stray(stray: Stray) -> Self {
        let (what, payload) = match stray {
            Stray::Detached(error) => return Self::TaskPanicked(error),
            Stray::Failed(task, error) => return Self::Failed { task: Some(task), error },
            Stray::Panicked(what, payload) => (what, payload),
        };
        let what = match what {
            StrayPanic::FutureDrop => "the destructor of a finished future",
            StrayPanic::OutputDrop => "the destructor of an output nobody took",
            StrayPanic::Waker => "the waker of a joining task",
            StrayPanic::LocalDrop => "the destructor of a task-local's value",
        };
        Self::contained(what, payload)
    }
}

impl Unhandled {
    /// That the task which runs here failed.
    #[doc(hidden)]
    #[must_use]
    pub fn failed(task: Option<TaskInfo>, error: Box<dyn Error + Send + Sync>) -> Self {
        Self::Failed { task, error }
    }

    /// A task that waits for what it was given.
    pub(crate) fn futurelock(task: TaskInfo, found: Futurelock) -> Self {
        Self::Futurelock { task, granted: found.granted, waiting: found.waiting }
    }

    /// What user code panicked with that nobody awaits.
    pub(crate) fn contained(what: &'static str, payload: Box<dyn Any + Send>) -> Self {
        let message = message(&*payload);
        drop_contained(payload);
        Self::Contained(what, message)
    }
}

/// Where in the program.
struct Place<'a>(&'a WaitSite);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.location {
            Some(location) => write!(f, "{location}"),
            None => f.write_str("an unknown place"),
        }
    }
}

/// What a panic said.
pub(crate) fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&'static str>().map(|it| (*it).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "with a payload that is not text".to_owned())
}
