//! How long a shutdown waits, and how it went.

use crate::task::info::TaskInfo;
use std::{fmt, time::Duration};

/// How long a shutdown waits.
///
/// # Examples
///
/// ```
/// use bowerbird_executor::Shutdown;
/// use std::time::Duration;
///
/// let patient = Shutdown::default().workers(Duration::from_secs(60));
/// assert_ne!(patient, Shutdown::default());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Shutdown {
    pub(crate) workers: Duration,
    pub(crate) blocking: Duration,
}

impl Default for Shutdown {
    /// Five seconds for workers, which come to a suspension point sooner or never,
    /// and 50 ms for blocking closures, which cannot be made to stop. One that asks
    /// [`should_stop`](crate::should_stop) is told at once.
    fn default() -> Self {
        Self { workers: Duration::from_secs(5), blocking: Duration::from_millis(50) }
    }
}

impl Shutdown {
    /// Waits at most this long for every worker to finish the poll it is in.
    pub fn workers(mut self, patience: Duration) -> Self {
        self.workers = patience;
        self
    }

    /// Waits at most this long for blocking closures that run.
    pub fn blocking(mut self, patience: Duration) -> Self {
        self.blocking = patience;
        self
    }
}

/// How a shutdown went.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[must_use = "it tells what did not end"]
pub struct ShutdownReport {
    /// How many tasks were cancelled.
    pub cancelled: usize,
    /// How many workers did not come back from a poll in time.
    pub stuck_workers: usize,
    /// How many blocking closures were left running.
    pub abandoned_blocking: usize,
    /// The tasks that had not ended when the time was up.
    pub unfinished: Vec<TaskInfo>,
}

impl ShutdownReport {
    /// Whether everything ended in time.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.stuck_workers == 0 && self.abandoned_blocking == 0
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "shutdown: {} tasks cancelled, {} workers stuck in a poll, {} blocking closures left \
             running",
            self.cancelled, self.stuck_workers, self.abandoned_blocking
        )?;
        self.unfinished.iter().try_for_each(|task| write!(f, "\n  not ended: {task}"))
    }
}
