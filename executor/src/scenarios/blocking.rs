//! [`crate::blocking`] with many jobs, among them long ones.
//!
//! Time stands still, so a keep-alive of zero passes at once and any other never.
//! That the counters are true and no job is stranded, the roster checks before
//! every unlock; a thread or a submitter that is forgotten ends the scenario as a
//! deadlock.

use super::explore;
use crate::blocking::{Config, Job, Pool, Reason};
use shuttle::rand::{Rng, thread_rng};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use sync::{
    parker::Parker,
    shim::thread::{self, fail_starts_here},
};

const JOBS: usize = 20;

/// What became of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Ran,
    Dropped,
    Closed,
    NoThread,
}

use Fate::{Closed, Dropped, NoThread, Ran};

/// Where jobs write how they end: each exactly once.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<Vec<(usize, Fate)>>>);

impl Ledger {
    /// How all of them ended.
    fn fates(&self) -> Vec<Fate> {
        let mut ends = self.0.lock().unwrap().clone();
        ends.sort_unstable();
        assert!(ends.iter().map(|end| end.0).eq(0..JOBS), "each ends once: {ends:?}");
        ends.into_iter().map(|end| end.1).collect()
    }
}

/// A job that writes down how it ended; with a gate it runs until that opens.
struct Marked {
    number: usize,
    ledger: Ledger,
    gate: Option<Arc<Parker>>,
    /// The gate that opens when this job has ended.
    opens: Option<Arc<Parker>>,
    fate: Fate,
}

impl Job for Marked {
    fn run(mut self) {
        if let Some(gate) = &self.gate {
            gate.park();
        }
        thread::yield_now();
        self.fate = Ran;
    }
}

impl Drop for Marked {
    fn drop(&mut self) {
        self.ledger.0.lock().unwrap().push((self.number, self.fate));
        if let Some(gate) = &self.opens {
            gate.unpark();
        }
    }
}

/// One run of the pool.
#[derive(Clone, Copy)]
struct Scenario {
    threads_max: usize,
    keep_alive: Duration,
    /// One job in so many is long.
    long_every: usize,
    submitters: usize,
    opener: Opener,
    ends: Ends,
    faults: Faults,
}

/// Who opens the gates of long jobs.
#[derive(Clone, Copy, PartialEq)]
enum Opener {
    /// A thread that does nothing else.
    Somebody,
    /// The end of the next job, which therefore needs a thread of its own.
    NextJob,
}

#[derive(Clone, Copy, PartialEq)]
enum Ends {
    /// Shut down when all jobs are done.
    WhenDone,
    /// Shut down at any moment.
    AnyTime,
}

#[derive(Clone, Copy, PartialEq)]
enum Faults {
    None,
    /// Some thread starts fail.
    Starts,
}

impl Scenario {
    fn run(self) -> Vec<Fate> {
        let pool = self.pool();
        let ledger = Ledger::default();
        let gates: Vec<Arc<Parker>> = (0..JOBS).map(|_| Arc::default()).collect();
        let mut actors: Vec<_> = (0..self.submitters)
            .map(|first| {
                let (pool, ledger, gates) = (pool.clone(), ledger.clone(), gates.clone());
                thread::spawn(move || self.submit(first, &pool, &ledger, &gates))
            })
            .collect();
        if self.opener == Opener::Somebody {
            // Opens every gate: those of jobs that wait already, and of those to come.
            actors.push(thread::spawn(move || {
                for gate in gates {
                    gate.unpark();
                    thread::yield_now();
                }
            }));
        }
        if self.ends == Ends::AnyTime {
            let closed = pool.clone();
            actors.push(thread::spawn(move || closed.shutdown()));
        }
        for actor in actors {
            actor.join().unwrap();
        }
        assert_eq!(pool.wait_idle(Duration::MAX), 0);
        pool.shutdown();
        assert_eq!(pool.wait_idle(Duration::MAX), 0);
        let metrics = pool.metrics();
        assert_eq!((metrics.threads, metrics.idle, metrics.queued, metrics.running), (0, 0, 0, 0));
        assert!(metrics.threads_peak <= self.threads_max);
        ledger.fates()
    }

    fn pool(self) -> Arc<Pool<Marked>> {
        let faults = self.faults;
        let name = move |_| {
            let fails = faults == Faults::Starts && thread_rng().gen_range(0..3) == 0;
            fail_starts_here(usize::from(fails));
            String::new()
        };
        Pool::new(Config {
            threads_max: self.threads_max,
            keep_alive: self.keep_alive,
            stack_size: None,
            name: Arc::new(name),
            on_start: None,
            on_stop: None,
        })
    }

    fn submit(
        self,
        first: usize,
        pool: &Arc<Pool<Marked>>,
        ledger: &Ledger,
        gates: &[Arc<Parker>],
    ) {
        for number in (first..JOBS).step_by(self.submitters) {
            let gate = (number % self.long_every == 0).then(|| gates[number].clone());
            let opens = match self.opener {
                Opener::Somebody => None,
                Opener::NextJob => number.checked_sub(1).map(|it| gates[it].clone()),
            };
            let job = Marked { number, ledger: ledger.clone(), gate, opens, fate: Dropped };
            if let Err(mut refused) = pool.submit(job) {
                refused.job.fate = match refused.reason {
                    Reason::Closed => Closed,
                    Reason::NoThread(_) => NoThread,
                };
            }
        }
    }
}

const BASE: Scenario = Scenario {
    threads_max: 2,
    keep_alive: Duration::MAX,
    long_every: 3,
    submitters: 2,
    opener: Opener::Somebody,
    ends: Ends::WhenDone,
    faults: Faults::None,
};

#[test]
fn long_jobs_at_the_cap_strand_nobody() {
    let seen = explore(|| BASE.run());
    assert_eq!(seen, [Ran].into());
}

/// Seven jobs wait each for the next one, so none may be queued behind them while
/// there could be an eighth thread.
#[test]
fn long_jobs_below_the_cap_keep_nobody_waiting() {
    for keep_alive in [Duration::ZERO, Duration::MAX] {
        let scenario =
            Scenario { threads_max: 8, keep_alive, opener: Opener::NextJob, submitters: 3, ..BASE };
        assert_eq!(explore(move || scenario.run()), [Ran].into());
    }
}

#[test]
fn threads_that_end_all_the_time_strand_nobody() {
    let seen = explore(|| Scenario { keep_alive: Duration::ZERO, submitters: 4, ..BASE }.run());
    assert_eq!(seen, [Ran].into());
}

#[test]
fn a_shutdown_at_any_moment_ends_each_job_once() {
    let seen = explore(|| Scenario { ends: Ends::AnyTime, ..BASE }.run());
    assert_eq!(seen, [Ran, Dropped, Closed].into());
}

#[test]
fn a_shutdown_among_threads_that_end_all_the_time() {
    let scenario = Scenario { ends: Ends::AnyTime, keep_alive: Duration::ZERO, ..BASE };
    assert_eq!(explore(move || scenario.run()), [Ran, Dropped, Closed].into());
}

#[test]
fn starts_that_fail_strand_nobody() {
    let scenario = Scenario { faults: Faults::Starts, threads_max: 4, submitters: 3, ..BASE };
    assert_eq!(explore(move || scenario.run()), [Ran, NoThread].into());
}

#[test]
fn everything_at_once() {
    let scenario = Scenario {
        threads_max: 3,
        keep_alive: Duration::ZERO,
        long_every: 2,
        submitters: 4,
        opener: Opener::Somebody,
        ends: Ends::AnyTime,
        faults: Faults::Starts,
    };
    assert_eq!(explore(move || scenario.run()), [Ran, Dropped, Closed, NoThread].into());
}
