//! Each knob of an executor, its default, and the reason for the default.

use crate::{
    blocking,
    contain::{caught, drop_contained},
    stall::Stall,
    unhandled::Unhandled,
};
use std::{
    env, fmt,
    io::{self, Write},
    sync::Arc,
    time::Duration,
};
use sync::coop;

/// Workers at most: seats are counted in 32 bits, and nobody has more cores.
pub(crate) const WORKERS_MAX: usize = 1 << 12;
/// The smallest stack that a thread of the runtime may be given, in bytes: room for
/// the loop of a worker, built without optimizations, and a small future.
pub(crate) const STACK_MIN: usize = 64 * 1024;
/// Threads that may sleep in the driver while they run a future of their own
/// beside the workers. Those that come later park by themselves.
pub(crate) const GUESTS_MAX: usize = 16;
/// Spare workers at most, unless the program says how many.
pub(crate) const SPARES_MAX: usize = 8;
/// Every how many turns a busy worker looks at the driver and at the queue of the
/// runtime, at most. tokio's figure: 107 ns for an empty look, spread over 61 polls.
pub(crate) const LOOK_MAX: u32 = 61;
/// And at least: one task from outside for one of the worker's own.
pub(crate) const LOOK_MIN: u32 = 2;
/// Events a busy worker takes in at one look, so that it does not hoard.
pub(crate) const HARVEST_BUSY: usize = 256;
/// Events a worker takes in that has nothing else to do.
pub(crate) const HARVEST_IDLE: usize = 1024;
/// Tasks taken from the next-task slot in a row, before the queue has its turn.
pub(crate) const SLOT_RUNS_MAX: u32 = 3;
/// Tasks moved at most by one steal, or from the queue of the runtime.
pub(crate) const BATCH_MAX: usize = 32;

/// What turns debug mode on where the program does not say.
const DEBUG_VARIABLE: &str = "BOWERBIRD_DEBUG";

/// Whether the runtime has worker threads of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flavor {
    /// One worker: the thread in `block_on`.
    CurrentThread,
    /// One worker per core, or as many as the builder was told.
    MultiThread,
}

/// A callback without arguments.
pub(crate) type Hook = Arc<dyn Fn() + Send + Sync>;

/// A callback that hears of unhandled errors.
type UnhandledHook = Arc<dyn Fn(&Unhandled) + Send + Sync>;

/// A callback that hears of tasks that keep their worker.
type StallHook = Arc<dyn Fn(&Stall) + Send + Sync>;

/// What users may watch.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) thread_start: Option<Hook>,
    pub(crate) thread_stop: Option<Hook>,
    pub(crate) thread_park: Option<Hook>,
    pub(crate) thread_unpark: Option<Hook>,
    pub(crate) wake: Option<Hook>,
    pub(crate) unhandled: Option<UnhandledHook>,
    pub(crate) stall: Option<StallHook>,
}

impl Hooks {
    /// Tells who wants to hear of unhandled errors, or stderr. A hook that panics
    /// is contained, and so is a panic's payload that does when it is dropped here.
    pub(crate) fn report(&self, what: Unhandled) {
        // A stderr that is closed is no reason to panic.
        let tell = |text: &str| drop(writeln!(io::stderr(), "bowerbird: {text}{what}"));
        match self.unhandled.as_ref().map(|hook| caught(|| hook(&what))) {
            None => tell(""),
            Some(Ok(())) => {}
            Some(Err(payload)) => {
                tell("the on_unhandled hook panicked on: ");
                drop_contained(payload);
            }
        }
        drop_contained(what);
    }

    /// Tells of a stall: who wants to hear of them, or in debug mode, where that is
    /// the mistake of the task, who hears of unhandled errors.
    pub(crate) fn report_stall(&self, stall: Stall) {
        match self.stall.as_ref().map(|hook| caught(|| hook(&stall))) {
            None if stall.is_over => {}
            None => self.report(Unhandled::Stalled(stall)),
            Some(Ok(())) => {}
            Some(Err(payload)) => drop_contained(payload),
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}

/// How an executor behaves.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) flavor: Flavor,
    pub(crate) workers: usize,
    pub(crate) budget: u32,
    pub(crate) thread_name: Arc<str>,
    pub(crate) thread_stack_size: Option<usize>,
    pub(crate) blocking_threads_max: usize,
    pub(crate) thread_keep_alive: Duration,
    pub(crate) seed: u64,
    /// Debug mode. `None`: as the environment says.
    pub(crate) debug: Option<bool>,
    /// After how long in one poll a task is reported.
    pub(crate) stall_threshold: Duration,
    /// How many workers may be added while all are stuck. `None`: as many as there are
    /// workers, up to a limit.
    pub(crate) spares: Option<usize>,
    /// Whether a multi-thread runtime has a watcher.
    pub(crate) has_watcher: bool,
    pub(crate) hooks: Hooks,
}

impl Config {
    pub(crate) fn new(flavor: Flavor) -> Self {
        Self {
            flavor,
            workers: match flavor {
                Flavor::CurrentThread => 1,
                Flavor::MultiThread => num_cpus::get(),
            },
            budget: coop::BUDGET_DEFAULT,
            thread_name: "bowerbird".into(),
            thread_stack_size: None,
            // tokio's figure: threads that block cost memory, not time.
            blocking_threads_max: 512,
            thread_keep_alive: Duration::from_secs(10),
            seed: 0,
            debug: None,
            stall_threshold: Duration::from_millis(100),
            spares: None,
            // A model that is not about the watcher is to fail without its help.
            has_watcher: !cfg!(any(loom, shuttle)),
            hooks: Hooks::default(),
        }
    }

    /// Whether it is to be in debug mode.
    pub(crate) fn is_debug(&self) -> bool {
        self.debug.unwrap_or_else(|| env::var_os(DEBUG_VARIABLE).is_some_and(|it| it == "1"))
    }

    /// After how long in one poll a task is reported, if anybody wants to hear of it.
    pub(crate) fn stalls_reported(&self) -> Option<Duration> {
        (self.hooks.stall.is_some() || self.is_debug()).then_some(self.stall_threshold)
    }

    /// The knobs of the blocking pool.
    pub(crate) fn blocking(&self) -> blocking::Config {
        let name = self.thread_name.clone();
        blocking::Config {
            threads_max: self.blocking_threads_max,
            keep_alive: self.thread_keep_alive,
            stack_size: self.thread_stack_size,
            name: Arc::new(move |n| format!("{name}-blocking-{n}")),
            on_start: self.hooks.thread_start.clone(),
            on_stop: self.hooks.thread_stop.clone(),
        }
    }

    /// How many workers there can be at most, with those that are added while others
    /// are stuck. Only a watcher adds any.
    pub(crate) fn desks(&self) -> usize {
        let has_watcher = self.has_watcher && self.flavor == Flavor::MultiThread;
        let wished = self.spares.unwrap_or(self.workers.min(SPARES_MAX)).min(WORKERS_MAX);
        self.workers + if has_watcher { wished } else { 0 }
    }

    /// How many seats the driver must have.
    pub(crate) fn seats(&self) -> usize {
        self.desks() + GUESTS_MAX
    }
}
