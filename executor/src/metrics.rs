//! What the workers count.
//!
//! Each counter has one writer, the thread at the worker's desk, which loads and
//! stores without a read-modify-write. Anybody reads them at any time and gets a
//! figure that was true a moment ago.

use sync::shim::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that one thread at a time counts up.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        // Relaxed, both: a statistic with one writer.
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        // Relaxed: a statistic.
        self.0.load(Relaxed)
    }
}

/// The counters of one worker.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) polls: Counter,
    pub(crate) steals: Counter,
    pub(crate) parks: Counter,
    pub(crate) wakes: Counter,
    pub(crate) budget_yields: Counter,
    pub(crate) events: Counter,
}

/// What one worker has done since the runtime began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerMetrics {
    /// Polls of tasks.
    pub polls: u64,
    /// Successful raids on other workers' queues.
    pub steals: u64,
    /// Sleeps.
    pub parks: u64,
    /// Other workers it woke.
    pub wakes: u64,
    /// Polls that ended because the budget was spent.
    pub budget_yields: u64,
    /// Events it took from the driver.
    pub events: u64,
    /// Tasks in its queue at this moment.
    pub queued: usize,
}

impl Counters {
    pub(crate) fn snapshot(&self, queued: usize) -> WorkerMetrics {
        WorkerMetrics {
            polls: self.polls.get(),
            steals: self.steals.get(),
            parks: self.parks.get(),
            wakes: self.wakes.get(),
            budget_yields: self.budget_yields.get(),
            events: self.events.get(),
            queued,
        }
    }
}

/// A look at a whole runtime.
///
/// # Examples
///
/// ```
/// use bowerbird_executor::{Builder, ThreadDriver};
///
/// let executor = Builder::new_current_thread().build_with(|seats| ThreadDriver::new(seats))?;
/// executor.block_on(async { bowerbird_executor::yield_now().await });
/// let metrics = executor.handle().metrics();
/// assert_eq!(metrics.workers.len(), 1);
/// # Ok::<(), bowerbird_executor::BuildError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Metrics {
    /// Worker by worker; at the end the spare ones that have been needed.
    pub workers: Vec<WorkerMetrics>,
    /// Tasks in the runtime's own queue.
    pub injected: usize,
    /// Workers that sleep.
    pub asleep: usize,
    /// Threads of the blocking pool.
    pub blocking_threads: usize,
    /// Those of them that have no job.
    pub blocking_idle: usize,
    /// Blocking jobs that no thread has started.
    pub blocking_queued: usize,
    /// Blocking jobs that run.
    pub blocking_running: usize,
    /// The most threads the blocking pool has had.
    pub blocking_threads_peak: usize,
    /// Threads it has started since the runtime began.
    pub blocking_threads_started: u64,
    /// Threads that the system refused it.
    pub blocking_starts_failed: u64,
}
