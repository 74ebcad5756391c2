//! Threads for closures that block: who runs one, and when does a thread end?
//!
//! A submitter *claims* a thread: it takes the most recently idle one off the
//! list, lays the job at its place and wakes it. Nobody else can take that thread
//! or that job any more. Without an idle thread it starts one. While a thread is on
//! its way already, and at the cap, the job is queued: the next thread to come or to
//! finish takes it, and whoever comes sends for another one first if there is more.
//!
//! ```text
//!    submitter                          thread
//!    ─────────                          ──────
//!    lock                               run a job
//!      claim an idle thread,            lock
//!      or reserve a place,      ┌──▶      take what lies at its place,
//!      or queue the job         │         or the head of the queue,
//!    unlock                     │         or be idle;
//!    wake that thread ──────────┤         is there more? another one is to come
//!    or start one ──────────────┘       unlock
//!                               ▲       wake or start that one ──┐
//!                               └────────────────────────────────┘
//!                                       sleep, for keep-alive at most
//! ```
//!
//! All decisions are made by the [`Roster`], under the one small lock, and come
//! out of it as orders: wake, start, run, sleep, leave. Here they are carried
//! out, with no lock held. Its module states the invariant; it is checked before
//! every unlock in debug builds.
//!
//! What makes this sound is that a claim is under the lock on both sides. A
//! thread whose keep-alive has passed asks once more before it leaves, so a claim
//! either precedes that question and is answered, or finds the thread gone. A
//! wake that comes late, or for a claim that was answered already, ends a sleep
//! without reason, and the thread asks and sleeps again.
//!
//! # Cancelled jobs
//!
//! A job cancelled while it is queued is [withdrawn](Pool::withdraw) with the ticket that
//! its submitter was given, and leaves nothing behind. One that lies at a thread's place
//! already stays there, and its `run` does nothing.
//!
//! # Synchronization edges
//!
//! | edge | released by        | acquired by               | what crosses              |
//! |------|--------------------|---------------------------|---------------------------|
//! | B1   | [`Pool::submit`]   | the thread, when it looks | the job                   |
//! | B2   | the end of a job   | [`Pool::wait_idle`]       | whatever the job wrote    |
//! | B3   | [`Pool::submit`]   | [`Pool::shutdown`], [`Pool::withdraw`] | a job to drop |
//!
//! All three go through the pool's lock. That a sleeper wakes to look is P1 of
//! [`sync::parker`].
//!
//! # Rejected
//!
//! * One condition variable for all threads: twice the latency and ten times the
//!   processor time of one parker per thread, with four threads.
//! * A sharded queue: programs hung, because a job could lie in one shard while
//!   the only idle thread looked at another.
//! * Spinning before sleeping: the workers need the processors.
//! * A wake-up for each job: see [`roster`].
//! * Starting threads under the lock: every submitter would wait for a system
//!   call of 20 to 50 µs, and the hook that names threads would run under it.
//! * Joining the threads at shutdown: thread-locals of a user's may block in
//!   their destructors for as long as they like.

mod queue;
mod roster;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

pub(crate) use queue::Ticket;
pub(crate) use roster::Metrics;

use crate::contain::{caught, drop_contained};
use roster::{Another, Come, Next, Roster, StartFailed, Submit};
use std::{
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};
use sync::{
    parker::Parker,
    shim::{Condvar, Lock, LockGuard, assert_unlocked, now, thread},
};

/// Something that blocks.
pub(crate) trait Job: Send + 'static {
    /// Does it. To drop a job without running it is to cancel it.
    ///
    /// A job contains its own panics. One that escapes is swallowed.
    fn run(self);
}

/// Called on the pool's threads.
pub(crate) type Hook = Arc<dyn Fn() + Send + Sync>;

/// The knobs of a [`Pool`].
#[derive(Clone)]
pub(crate) struct Config {
    /// The most threads at once; not zero.
    pub(crate) threads_max: usize,
    /// How long a thread may be idle before it ends.
    pub(crate) keep_alive: Duration,
    /// The stack of each thread, in bytes; `None` leaves it to the system.
    pub(crate) stack_size: Option<usize>,
    /// The name of the thread at the given place, counted from zero; a thread that
    /// has ended passes its place on. Runs on the submitter's thread. Must not
    /// submit to this pool.
    pub(crate) name: Arc<dyn Fn(usize) -> String + Send + Sync>,
    /// Called on each thread before its first job.
    pub(crate) on_start: Option<Hook>,
    /// Called on each thread after its last job.
    pub(crate) on_stop: Option<Hook>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("threads_max", &self.threads_max)
            .field("keep_alive", &self.keep_alive)
            .field("stack_size", &self.stack_size)
            .finish_non_exhaustive()
    }
}

/// A job that was not accepted, and why.
pub(crate) struct Refused<J> {
    /// The job, untouched.
    pub(crate) job: J,
    /// What was in the way.
    pub(crate) reason: Reason,
}

impl<J> fmt::Debug for Refused<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused").field("reason", &self.reason).finish_non_exhaustive()
    }
}

/// Why a job was not accepted.
#[derive(Debug)]
pub(crate) enum Reason {
    /// The pool was shut down.
    Closed,
    /// The pool has no thread, and the system gives it none.
    NoThread(io::Error),
}

/// Threads for jobs that block.
///
/// Its threads keep the pool alive, so its owner ends it with
/// [`shutdown`](Self::shutdown). Without, idle threads end after their keep-alive.
pub(crate) struct Pool<J> {
    config: Config,
    crew: Lock<Crew<J>>,
    /// Signalled after every step, while anybody watches.
    changed: Condvar,
}

/// What the lock protects.
struct Crew<J> {
    roster: Roster<J>,
    /// Where the thread of each place sleeps. A place's next thread inherits it,
    /// perhaps with a token in it.
    parkers: Vec<Arc<Parker>>,
    /// Threads that wait for `changed`.
    watchers: usize,
}

impl<J> Crew<J> {
    fn parker(&mut self, index: usize) -> Arc<Parker> {
        if index == self.parkers.len() {
            self.parkers.push(Arc::default());
        }
        self.parkers[index].clone()
    }
}

impl<J: Job> Pool<J> {
    /// A pool without a thread: the first job starts the first.
    pub(crate) fn new(config: Config) -> Arc<Self> {
        let roster = Roster::new(config.threads_max);
        Arc::new(Self {
            config,
            crew: Lock::new(Crew { roster, parkers: Vec::new(), watchers: 0 }),
            changed: Condvar::new(),
        })
    }

    /// Has `job` run by one of the threads, as soon as one is to be had.
    ///
    /// Never runs it on the caller's thread. Jobs begin roughly in the order in
    /// which they were submitted. Gives the ticket of a job that was queued.
    ///
    /// # Errors
    ///
    /// Gives the job back when the pool was shut down, and when it has no thread
    /// and none can be started. If only *another* thread cannot be started, the job
    /// is queued for those that exist.
    pub(crate) fn submit(self: &Arc<Self>, job: J) -> Result<Option<Ticket>, Refused<J>> {
        assert_unlocked("a submit");
        let mut job = job;
        let mut crew = self.crew.lock();
        loop {
            // B1, B3: the job crosses by this lock.
            match crew.roster.submit(job) {
                Submit::Wake(index) => {
                    self.unlock_and_wake(crew, index);
                    return Ok(None);
                }
                Submit::Start(index) => return self.unlock_and_start(crew, index),
                Submit::Queued(ticket) => {
                    self.unlock(crew);
                    return Ok(Some(ticket));
                }
                Submit::Wait(back) => {
                    job = back;
                    crew = self.watch(crew, None);
                }
                Submit::Closed(job) => return Err(Refused { job, reason: Reason::Closed }),
            }
        }
    }

    /// Takes a queued job back, if no thread has begun it yet. `is_it` tells whether a
    /// job is the one of this ticket, whose place may be another's by now.
    pub(crate) fn withdraw(&self, ticket: Ticket, is_it: impl FnOnce(&J) -> bool) -> Option<J> {
        // B3: sees what the job's submitter wrote.
        self.step(|roster| roster.withdraw(ticket, is_it))
    }

    /// How many jobs are not done: queued and running. A job that wakes somebody
    /// counts until after the wake.
    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(crate) fn in_flight(&self) -> usize {
        self.crew.lock().roster.in_flight()
    }

    /// The pool at this moment.
    pub(crate) fn metrics(&self) -> Metrics {
        self.crew.lock().roster.metrics()
    }

    /// Closes the pool: drops the jobs that nobody has begun, refuses new ones, and
    /// lets each thread end after the job it runs. Does not wait; a second time it
    /// does nothing.
    pub(crate) fn shutdown(&self) {
        assert_unlocked("the drop of a job");
        let mut crew = self.crew.lock();
        // B3: sees what the jobs' submitters wrote.
        let close = crew.roster.close();
        let sleepers: Vec<_> = close.sleepers.into_iter().map(|it| crew.parker(it)).collect();
        self.unlock(crew);
        for sleeper in sleepers {
            sleeper.unpark();
        }
        for job in close.jobs {
            contain(|| drop(job));
        }
    }

    /// Waits until no job is in flight and, once the pool is shut down, until its
    /// threads have run their last hook; for `timeout` at most. Returns how many
    /// jobs are in flight then: after a shutdown, those that still run.
    ///
    /// A job that calls this waits for itself.
    pub(crate) fn wait_idle(&self, timeout: Duration) -> usize {
        let deadline = now().checked_add(timeout);
        let mut crew = self.crew.lock();
        // B2: sees what the finished jobs wrote.
        while !crew.roster.is_quiet() && deadline.is_none_or(|it| now() < it) {
            crew = self.watch(crew, deadline);
        }
        crew.roster.in_flight()
    }

    /// Waits for something to change, or for the deadline.
    fn watch<'a>(
        &self,
        mut crew: LockGuard<'a, Crew<J>>,
        deadline: Option<Instant>,
    ) -> LockGuard<'a, Crew<J>> {
        crew.watchers += 1;
        let mut crew = match deadline {
            Some(it) => self.changed.wait_timeout(crew, it.saturating_duration_since(now())),
            None => self.changed.wait(crew),
        };
        crew.watchers -= 1;
        crew
    }

    /// Every transition ends here.
    fn unlock(&self, crew: LockGuard<'_, Crew<J>>) {
        crew.roster.check();
        let watched = crew.watchers > 0;
        drop(crew);
        if watched {
            self.changed.notify_all();
        }
    }

    fn unlock_and_wake(&self, mut crew: LockGuard<'_, Crew<J>>, index: usize) {
        let sleeper = crew.parker(index);
        self.unlock(crew);
        sleeper.unpark();
    }

    /// Starts the thread of a reserved place, or takes the reservation back.
    fn unlock_and_start(
        self: &Arc<Self>,
        mut crew: LockGuard<'_, Crew<J>>,
        index: usize,
    ) -> Result<Option<Ticket>, Refused<J>> {
        let parker = crew.parker(index);
        self.unlock(crew);
        let Err(error) = self.start(index, parker) else {
            return Ok(None);
        };
        let mut crew = self.crew.lock();
        let order = crew.roster.start_failed(index);
        match order {
            StartFailed::Wake(index) => self.unlock_and_wake(crew, index),
            StartFailed::Queued(ticket) => {
                self.unlock(crew);
                return Ok(Some(ticket));
            }
            StartFailed::Nothing => self.unlock(crew),
            StartFailed::Refuse(job) => {
                self.unlock(crew);
                return Err(Refused { job, reason: Reason::NoThread(error) });
            }
        }
        Ok(None)
    }

    /// A panic in here (of the naming hook; of std, which accepts no zero byte in
    /// a name) is a start that failed, or the place would be lost.
    fn start(self: &Arc<Self>, index: usize, parker: Arc<Parker>) -> io::Result<()> {
        assert_unlocked("the naming of a thread");
        let started = catch_unwind(AssertUnwindSafe(|| {
            let name = (self.config.name)(index);
            let pool = self.clone();
            thread::start(name, self.config.stack_size, move || pool.work(index, &parker))
        }));
        match started {
            Ok(result) => result.map(drop),
            Err(payload) => {
                contain(|| drop(payload));
                Err(io::Error::other("the name of a new thread panicked"))
            }
        }
    }
}

/// The life of a thread.
impl<J: Job> Pool<J> {
    fn work(self: Arc<Self>, index: usize, parker: &Parker) {
        let mut next = self.come(|roster| roster.arrive(index));
        self.call(self.config.on_start.as_ref());
        loop {
            next = match next {
                Next::Run(job) => {
                    assert_unlocked("a job");
                    contain(|| job.run());
                    // B2: publishes what the job wrote.
                    self.step(|roster| roster.finish(index))
                }
                Next::Sleep => self.sleep(index, parker),
                Next::Leave => break,
            };
        }
        self.call(self.config.on_stop.as_ref());
        self.step(Roster::depart);
    }

    /// A transition of a thread that comes, which may have to send for another one.
    fn come(self: &Arc<Self>, transition: impl FnOnce(&mut Roster<J>) -> Come<J>) -> Next<J> {
        let mut crew = self.crew.lock();
        // B1: sees what the job's submitter wrote.
        let Come { next, another } = transition(&mut crew.roster);
        match another {
            Some(Another::Wake(index)) => self.unlock_and_wake(crew, index),
            Some(Another::Start(index)) => {
                let started = self.unlock_and_start(crew, index);
                debug_assert!(started.is_ok(), "this start had no job that could come back");
            }
            None => self.unlock(crew),
        }
        next
    }

    /// Sleeps until there is something else to do.
    fn sleep(self: &Arc<Self>, index: usize, parker: &Parker) -> Next<J> {
        let deadline = now().checked_add(self.config.keep_alive);
        loop {
            let next = match parker.park_until(deadline) {
                true => self.come(|roster| roster.wake_up(index)),
                false => self.come(|roster| roster.expire(index)),
            };
            if !matches!(next, Next::Sleep) {
                return next;
            }
        }
    }

    /// One transition of a thread. B1: sees what the job's submitter wrote.
    fn step<R>(&self, transition: impl FnOnce(&mut Roster<J>) -> R) -> R {
        let mut crew = self.crew.lock();
        let order = transition(&mut crew.roster);
        self.unlock(crew);
        order
    }

    fn call(&self, hook: Option<&Hook>) {
        if let Some(hook) = hook {
            assert_unlocked("a hook");
            contain(|| hook());
        }
    }
}

impl<J> fmt::Debug for Pool<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Runs user code whose panic is nobody's: a thread of the pool outlives it.
fn contain(code: impl FnOnce()) {
    if let Err(payload) = caught(code) {
        drop_contained(payload);
    }
}
