//! What the workers count, and how one looks at it.
//!
//! ```text
//!   counter      counting without a read-modify-write
//!   counters     what one worker counts, what the watcher does, and the ends of tasks
//!   histogram    how often something took how long
//!   sampler      which tasks are watched
//!   display      the table that people read
//! ```
//!
//! Each counter has one writer, the thread at the worker's desk, which loads and
//! stores without a read-modify-write. Anybody reads them at any time and gets a
//! figure that was true a moment ago. No clock is read but for tasks that are
//! [watched](sampler).
//!
//! # What it costs
//!
//! | on the way of    | instructions                                            |
//! |------------------|---------------------------------------------------------|
//! | a push, a poll   | a countdown, two; a look at the mark, four: of about 340 for a yield |
//! | a watched task   | three times of the clock, in one of about 512           |
//! | a spawn          | none: the number from which its id is made is the count |
//! | the end of a task | none, but for those that were cancelled or panicked    |
//!
//! Tasks that live are counted when somebody asks, by their records. What is rare is
//! counted by read-modify-writes: tasks that are cancelled or panic, and rescues.
//!
//! # Rejected
//!
//! * A count of tasks that ended, per worker: about ten instructions per task for a
//!   figure that a look at the records gives.
//! * Two times of the clock around each sleep, for the time a worker is busy: it is as
//!   well known from the polls and the mean of those that were timed.

mod counter;
mod counters;
mod display;
mod histogram;
mod sampler;

pub(crate) use counters::{Counters, Counts, Rescues};
pub use histogram::Histogram;
pub(crate) use sampler::{Sampler, Sampling, Stamp};

use std::time::Duration;
use sync::driver::DriverMetrics;

/// What one worker has done since the runtime began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerMetrics {
    /// Polls of tasks. A worker with many more than the others has the busy tasks; see
    /// whether they are pinned to it.
    pub polls: u64,
    /// How often it looked for work at the others', having none. Many, and few
    /// [`steals`](Self::steals): there is less work than workers.
    pub searches: u64,
    /// Successful raids on other workers' queues, of up to half a queue. Many: tasks are
    /// made on few workers and spread from there, which costs each the cache it was in.
    pub steals: u64,
    /// Tasks it took from the runtime's queue, to which other threads push. Many, beside
    /// [`polls`](Self::polls): tasks are spawned or woken from outside, at the price of a
    /// lock and often of a system call; spawn from inside, where possible. Tasks that
    /// were rescued from a stuck worker come this way, too.
    pub taken: u64,
    /// Sleeps. Nearly as many as [`polls`](Self::polls): it sleeps after each, as is
    /// right for a service with little to do.
    pub parks: u64,
    /// Other workers it woke, each by a system call. Many: work comes in small portions
    /// that spread; fewer workers may be faster.
    pub wakes: u64,
    /// Polls that ended because the budget was spent. Many: tasks have much to do
    /// without waiting, and are made to give others a turn, as is right.
    pub budget_yields: u64,
    /// Events and timers it took from the driver.
    pub events: u64,
    /// Tasks in its queue at this moment. If it stays high, polls are too long or too
    /// many: see the two histograms below.
    pub queued: usize,
    /// Whether it is a spare one, which is there only while others are
    /// [stuck](Metrics::stalls).
    pub is_spare: bool,
    /// How long polls took, of those that were [timed](Metrics#samples). Long ones, of a
    /// millisecond and more, hold up whatever else waits for this worker: move them to
    /// `spawn_blocking`, or let them yield.
    pub poll_times: Histogram,
    /// How long tasks were ready before this worker polled them, of those that were
    /// [watched](Metrics#samples). High, and polls are short: there is more work than
    /// workers. High, and polls are long: those are the reason.
    pub latencies: Histogram,
}

impl WorkerMetrics {
    /// How long it polled: its number of polls times the mean of those that were timed.
    /// Close to the time that has passed: this worker is at its limit. An estimate: if the
    /// system interrupts a poll that is timed, that counts for hundreds.
    #[must_use]
    pub fn busy(&self) -> Duration {
        let mean = self.poll_times.mean().unwrap_or_default();
        Duration::from_secs_f64(mean.as_secs_f64() * self.polls as f64)
    }

    /// What it has done since `earlier`. What is true of one moment stays.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            polls: self.polls.saturating_sub(earlier.polls),
            searches: self.searches.saturating_sub(earlier.searches),
            steals: self.steals.saturating_sub(earlier.steals),
            taken: self.taken.saturating_sub(earlier.taken),
            parks: self.parks.saturating_sub(earlier.parks),
            wakes: self.wakes.saturating_sub(earlier.wakes),
            budget_yields: self.budget_yields.saturating_sub(earlier.budget_yields),
            events: self.events.saturating_sub(earlier.events),
            queued: self.queued,
            is_spare: self.is_spare,
            poll_times: self.poll_times.since(&earlier.poll_times),
            latencies: self.latencies.since(&earlier.latencies),
        }
    }
}

/// A look at a whole runtime.
///
/// `Display` shows it as a table. Rates need two looks: [`since`](Self::since).
/// A look writes nothing that the runtime's threads read often; it takes some locks for
/// a moment, and reads a word for each task that lives or has lived at once.
///
/// # Samples
///
/// The two histograms of each worker are of a sample: of the first tasks that become
/// ready about each, then fewer, in the end one of about 512, at irregular distances.
/// Of such a task it is noted how long it was ready before it was polled, and how long
/// that poll took. At any moment one task per worker is watched at most.
///
/// # Examples
///
/// ```
/// use bowerbird_executor::{Builder, ThreadDriver, spawn, yield_now};
///
/// let executor = Builder::new_current_thread().build_with(ThreadDriver::new)?;
/// let before = executor.handle().metrics();
/// executor.block_on(async {
///     let task = spawn(async { yield_now().await });
///     task.await.unwrap();
/// });
/// let during = executor.handle().metrics().since(&before);
/// assert!(during.workers[0].polls >= 2);
/// assert!((during.tasks_spawned, during.tasks_alive) == (2, 0));
/// assert!(during.latencies().max() <= during.uptime);
/// println!("{during}");
/// # Ok::<(), bowerbird_executor::BuildError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// How long it is since the runtime was built, by the system's clock. In a difference:
    /// how long was between the two looks.
    pub uptime: Duration,
    /// Worker by worker. At the end, those of the spare ones that have ever been needed:
    /// a spare worker that comes again goes on counting where it was.
    pub workers: Vec<WorkerMetrics>,
    /// Spare workers that are there at this moment.
    pub spares: usize,
    /// Tasks and blocking closures that were spawned, and main futures.
    pub tasks_spawned: u64,
    /// Those of them that are not over. If it grows for ever, tasks wait for something
    /// that does not come: `Handle::tasks` says for what.
    pub tasks_alive: usize,
    /// Tasks that ended because they were cancelled.
    pub tasks_cancelled: u64,
    /// Tasks that ended by a panic.
    pub tasks_panicked: u64,
    /// Tasks in the runtime's own queue, which other threads have woken or spawned. If it
    /// stays high, all workers are busy.
    pub injected: usize,
    /// Workers that sleep, of those that are there.
    pub asleep: usize,
    /// How often a worker was found stuck: in one poll for a millisecond and more. What
    /// is over before anybody looks is not seen. Many: use `spawn_blocking`, or yield;
    /// `Builder::on_stall` tells which tasks they are. Only a multi-thread runtime has a
    /// watcher, who counts this and the next three.
    pub stalls: u64,
    /// Tasks that were taken from a stuck worker, which had woken them just before.
    pub rescued_tasks: u64,
    /// Events and timers that were taken from the driver in the place of a worker that
    /// was late for them.
    pub rescued_events: u64,
    /// How often a spare worker was started, since all others were stuck.
    pub spares_started: u64,
    /// Threads of the blocking pool.
    pub blocking_threads: usize,
    /// Those of them that have no job.
    pub blocking_idle: usize,
    /// Blocking jobs that no thread has started. If it stays high, the pool is at its
    /// limit: allow it more threads, or let fewer jobs come.
    pub blocking_queued: usize,
    /// Blocking jobs that run.
    pub blocking_running: usize,
    /// The most threads the blocking pool has had.
    pub blocking_threads_peak: usize,
    /// Threads it has started since the runtime began. If it grows fast, let threads live
    /// longer: `thread_keep_alive`.
    pub blocking_threads_started: u64,
    /// Blocking jobs that were cancelled before they began.
    pub blocking_cancelled: u64,
    /// Threads that the system refused it. Any is one too many: a limit of the system is
    /// reached.
    pub blocking_starts_failed: u64,
    /// What the driver has counted: timers, sources of events.
    pub driver: DriverMetrics,
}

impl Metrics {
    /// What was counted since `earlier`, a look at the same runtime. What is true of one
    /// moment, as the lengths of queues, stays as it is here.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_executor::{Builder, ThreadDriver, spawn};
    ///
    /// let executor = Builder::new_current_thread().build_with(ThreadDriver::new)?;
    /// executor.block_on(async { spawn(async {}).await.unwrap() });
    /// let first = executor.handle().metrics();
    /// executor.block_on(async { spawn(async {}).await.unwrap() });
    /// let second = executor.handle().metrics();
    /// assert_eq!((second.tasks_spawned, second.since(&first).tasks_spawned), (4, 2));
    /// # Ok::<(), bowerbird_executor::BuildError>(())
    /// ```
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let nothing = WorkerMetrics::default();
        let before = |index| earlier.workers.get(index).unwrap_or(&nothing);
        let workers = self.workers.iter().enumerate().map(|(i, it)| it.since(before(i)));
        Self {
            uptime: self.uptime.saturating_sub(earlier.uptime),
            workers: workers.collect(),
            tasks_spawned: self.tasks_spawned.saturating_sub(earlier.tasks_spawned),
            tasks_cancelled: self.tasks_cancelled.saturating_sub(earlier.tasks_cancelled),
            tasks_panicked: self.tasks_panicked.saturating_sub(earlier.tasks_panicked),
            stalls: self.stalls.saturating_sub(earlier.stalls),
            rescued_tasks: self.rescued_tasks.saturating_sub(earlier.rescued_tasks),
            rescued_events: self.rescued_events.saturating_sub(earlier.rescued_events),
            spares_started: self.spares_started.saturating_sub(earlier.spares_started),
            blocking_cancelled: self.blocking_cancelled.saturating_sub(earlier.blocking_cancelled),
            blocking_threads_started: self
                .blocking_threads_started
                .saturating_sub(earlier.blocking_threads_started),
            blocking_starts_failed: self
                .blocking_starts_failed
                .saturating_sub(earlier.blocking_starts_failed),
            driver: self.driver.since(&earlier.driver),
            ..self.clone()
        }
    }

    /// Polls of tasks, by all workers.
    #[must_use]
    pub fn polls(&self) -> u64 {
        self.workers.iter().map(|it| it.polls).sum()
    }

    /// How long polls took, on all workers, of those that were timed.
    #[must_use]
    pub fn poll_times(&self) -> Histogram {
        self.all(|it| &it.poll_times)
    }

    /// How long tasks were ready before they were polled, of those that were watched.
    #[must_use]
    pub fn latencies(&self) -> Histogram {
        self.all(|it| &it.latencies)
    }

    fn all(&self, part: impl Fn(&WorkerMetrics) -> &Histogram) -> Histogram {
        let mut sum = Histogram::default();
        self.workers.iter().for_each(|it| sum.add(part(it)));
        sum
    }
}
