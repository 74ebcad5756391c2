//! What is reported when there is nobody to give an error to.

use crate::{
    contain::drop_contained,
    shutdown::ShutdownReport,
    task::{Stray, StrayPanic, error::JoinError, info::TaskInfo},
};
use std::{any::Any, error::Error, fmt};

/// Something went wrong and no handle will tell.
///
/// Given to the hook of [`Builder::on_unhandled`](crate::Builder::on_unhandled),
/// and without one written to stderr.
#[derive(Debug)]
#[non_exhaustive]
pub enum Unhandled {
    /// A task panicked, and its handle had been dropped.
    TaskPanicked(JoinError),
    /// A task gave an error, and its handle had been given up by
    /// [`detach_reporting`](crate::JoinHandle::detach_reporting).
    Failed {
        /// Which task, as it was when the handle was given up.
        task: TaskInfo,
        /// What it gave.
        error: Box<dyn Error + Send + Sync>,
    },
    /// A destructor or a waker panicked. What it was, and the panic's message.
    Contained(&'static str, String),
    /// A blocking closure was cancelled because the system has no thread for it.
    /// What the system said.
    NoThread(String),
    /// A runtime that was dropped could not end all it had started.
    Shutdown(ShutdownReport),
}

impl fmt::Display for Unhandled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TaskPanicked(error) => write!(f, "{error}, and nobody awaits it"),
            Self::Failed { task, error } => {
                write!(f, "{} failed, and nobody awaits it: {error}", task.label())
            }
            Self::Contained(what, message) => write!(f, "{what} panicked: {message}"),
            Self::NoThread(error) => write!(
                f,
                "a blocking closure was cancelled: no thread could be started ({error}); raise \
                 the limit of threads, or spawn fewer"
            ),
            Self::Shutdown(report) => write!(f, "{report}"),
        }
    }
}

impl Unhandled {
    pub(crate) fn from_stray(stray: Stray) -> Self {
        let (what, payload) = match stray {
            Stray::Detached(error) => return Self::TaskPanicked(error),
            Stray::Failed(task, error) => return Self::Failed { task, error },
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
    /// What user code panicked with that nobody awaits.
    pub(crate) fn contained(what: &'static str, payload: Box<dyn Any + Send>) -> Self {
        let message = message(&*payload);
        drop_contained(payload);
        Self::Contained(what, message)
    }
}

/// What a panic said.
pub(crate) fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&'static str>().map(|it| (*it).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "with a payload that is not text".to_owned())
}
