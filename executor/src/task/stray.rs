//! What goes wrong in a task and no join handle tells.

use super::{error::JoinError, info::TaskInfo};
use std::{any::Any, error::Error};

/// What went wrong and no join handle tells.
#[derive(Debug)]
pub(crate) enum Stray {
    /// A task panicked whose handle was dropped.
    Detached(JoinError),
    /// A task gave an error whose handle was given up for a report.
    Failed(TaskInfo, Box<dyn Error + Send + Sync>),
    /// Something else panicked.
    Panicked(StrayPanic, Box<dyn Any + Send>),
}

/// Where a panic came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StrayPanic {
    /// The destructor of a future that had already given its output.
    FutureDrop,
    /// The destructor of an output nobody took.
    OutputDrop,
    /// The waker of the task that joined.
    Waker,
    /// The destructor of a value that the task inherited.
    LocalDrop,
}
