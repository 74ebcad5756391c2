//! Why a task has no output.

use super::info::TaskInfo;
use std::{any::Any, error::Error, fmt, sync::Arc};

/// A task ended without an output: it was cancelled, or it panicked.
///
/// # Examples
///
/// ```
/// use bowerbird_executor::{Builder, ThreadDriver};
///
/// let executor = Builder::new_current_thread().build_with(|seats| ThreadDriver::new(seats))?;
/// let task = executor.handle().spawn(async { panic!("out of berries") });
/// let error = executor.block_on(task).unwrap_err();
/// assert!(error.is_panic());
/// assert!(error.to_string().contains("out of berries"));
/// # Ok::<(), bowerbird_executor::BuildError>(())
/// ```
pub struct JoinError(Box<Story>);

struct Story {
    task: Option<TaskInfo>,
    cause: Cause,
}

enum Cause {
    Cancelled(Option<Reason>),
    Panicked(Payload),
}

/// Why a task was cancelled.
pub(super) enum Reason {
    /// As whoever aborted it said.
    Given(Arc<str>),
    /// As the runtime says.
    Ours(&'static str),
}

impl Reason {
    fn as_str(&self) -> &str {
        match self {
            Self::Given(text) => text,
            Self::Ours(text) => text,
        }
    }
}

/// A panic's payload, which is reached by value only.
struct Payload(Box<dyn Any + Send>);

// SAFETY: no method gives out a reference to what is inside, except `message`,
// which reads strings only after it asked for exactly that type, and those are
// `Sync`.
unsafe impl Sync for Payload {}

impl Payload {
    fn message(&self) -> Option<&str> {
        let text = self.0.downcast_ref::<&'static str>().copied();
        text.or_else(|| self.0.downcast_ref::<String>().map(String::as_str))
    }
}

impl JoinError {
    pub(super) fn cancelled(task: TaskInfo, reason: Option<Reason>) -> Self {
        Self(Box::new(Story { task: Some(task), cause: Cause::Cancelled(reason) }))
    }

    /// Of a task that was never made.
    pub(super) fn refused() -> Self {
        Self(Box::new(Story { task: None, cause: Cause::Cancelled(None) }))
    }

    pub(crate) fn panicked(task: TaskInfo, payload: Box<dyn Any + Send>) -> Self {
        Self(Box::new(Story { task: Some(task), cause: Cause::Panicked(Payload(payload)) }))
    }

    /// Whether the task was cancelled before it had an output.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0.cause, Cause::Cancelled(_))
    }

    /// Whether the task panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        !self.is_cancelled()
    }

    /// The panic's payload, for [`resume_unwind`](std::panic::resume_unwind).
    ///
    /// # Panics
    ///
    /// If the task did not panic. See [`try_into_panic`](Self::try_into_panic).
    #[must_use]
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        self.try_into_panic().unwrap_or_else(|error| panic!("not a panic: {error}"))
    }

    /// The panic's payload, if the task panicked.
    ///
    /// # Errors
    ///
    /// Gives the error back if the task was cancelled.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, Self> {
        match self.0.cause {
            Cause::Panicked(payload) => Ok(payload.0),
            Cause::Cancelled(_) => Err(self),
        }
    }

    /// Why the task was cancelled, if that was said: by
    /// [`abort_with`](crate::JoinHandle::abort_with), or by the runtime when it shut
    /// down.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_executor::{Builder, ThreadDriver, spawn};
    ///
    /// let executor = Builder::new_current_thread().build_with(ThreadDriver::new)?;
    /// let task = executor.handle().spawn(std::future::pending::<()>());
    /// task.abort_with("nobody listens");
    /// let error = executor.block_on(task).unwrap_err();
    /// assert_eq!(error.reason(), Some("nobody listens"));
    /// assert!(error.to_string().ends_with("was cancelled: nobody listens"));
    /// # Ok::<(), bowerbird_executor::BuildError>(())
    /// ```
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match &self.0.cause {
            Cause::Cancelled(reason) => reason.as_ref().map(Reason::as_str),
            Cause::Panicked(_) => None,
        }
    }

    /// The task's id, name and spawn site. `None`: it was never spawned, because
    /// the runtime had shut down.
    #[must_use]
    pub fn task(&self) -> Option<&TaskInfo> {
        self.0.task.as_ref()
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.task {
            Some(task) => write!(f, "{} ", task.label())?,
            None => f.write_str("a task that the runtime refused, since it has shut down, ")?,
        }
        match &self.0.cause {
            Cause::Cancelled(None) => f.write_str("was cancelled"),
            Cause::Cancelled(Some(reason)) => write!(f, "was cancelled: {}", reason.as_str()),
            Cause::Panicked(payload) => match payload.message() {
                Some(message) => write!(f, "panicked: {message}"),
                None => f.write_str("panicked"),
            },
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl Error for JoinError {}

impl From<JoinError> for std::io::Error {
    fn from(error: JoinError) -> Self {
        Self::other(error)
    }
}
