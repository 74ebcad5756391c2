//! Who gets a job? The pool's decisions, with no thread and no lock in them.
//!
//! A roster has a place for each thread the pool may have. A job lies in the
//! queue or at a place.
//!
//! ```text
//!              submit               arrive            finish, queue empty
//!   VACANT ──────────────▶ STARTING ──────▶ BUSY ───────────────────────▶ IDLE
//!     ▲                       │              ▲                            │ │
//!     │     start_failed      │              │ wake_up, expire     submit │ │
//!     ├───────────────────────┘              ├────────── CLAIMED ◀────────┤ │
//!     │                                      └────────── ROUSED ◀─────────┘ │
//!     │                                                        another one  │
//!     └─────────────────────────────────────────────────────────────────────┘
//!                      expire; or the pool is closed
//! ```
//!
//! # One after the other
//!
//! At most one sleeper is woken at a time, and one thread started. The job of a
//! submitter that finds one *on its way* is queued; whoever comes takes a job and,
//! if there are more, first sends for the next thread. So
//!
//! * a job never waits behind one that blocks: while the queue is not empty somebody is on
//!   their way, until all places are taken. The n-th of a burst begins after n
//!   wake-ups at the latest;
//! * a burst of short jobs is done by the threads that are awake. A wake-up takes longer
//!   than a hundred of them, and waking a thread for each cost more than all of
//!   their work;
//! * it is the pool's threads, not the submitter, which start the threads of a burst.
//!
//! A thread that is roused has been promised no job: those awake may have taken
//! all by the time it comes, and it sleeps again. The first of a burst is handed to a
//! thread of its own, as CLAIMED.
//!
//! # Invariant
//!
//! After every transition, checked in debug builds and over all small rosters:
//!
//! 1. A job in the queue means that no thread is idle, or that a claimed or roused
//!    one is about to look.
//! 2. A job in the queue means that every place is taken, or that the last
//!    start failed, or that somebody is on their way: a thread which was claimed or
//!    roused, or is being started. Each of them looks when it comes.
//! 3. A job in the queue means that a thread exists, which will come for it.
//! 4. The counters say what the places say.
//!
//! 1 and 3 say that nothing is stranded; 2, that no job waits behind a long one
//! while a thread could be had.
//!
//! # A start that fails
//!
//! A start takes time and so happens outside the lock, with its place reserved
//! and its job at that place. If it fails, the job goes to whoever is idle by
//! now, else into the queue, else (no thread exists) back to its submitter. So
//! a job may be queued only while a thread *exists*: a start under way is not
//! enough, because by the time it fails the job's submitter would be gone. Until the
//! first thread has arrived each submitter starts one. When
//! all places are being started and no thread exists, a submitter waits for one
//! of these starts to end ([`Submit::Wait`]).
//!
//! After a failure every submit tries again, and a thread that does arrive sees
//! to the queue which the failures left: it starts a thread for it, which on
//! arrival does the same.
//!
//! # Rejected
//!
//! * A count of idle threads beside the queue, claimed by whoever pops first: it
//!   counted threads that had taken a job already, so nobody started another.
//! * A start that takes the head of the queue instead of its submitter's job: if
//!   it fails, there is nobody left to give that job back to.
//! * A wake-up for each job until the cap: see above.
//! * A thread for every so many queued jobs: some jobs then wait for the end of one that
//!   may wait for them.

#[cfg(all(test, not(any(loom, shuttle))))]
#[path = "roster_tests.rs"]
mod tests;

use super::queue::{Queue, Ticket};

/// The places of all threads, and the jobs that wait for one.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
pub(super) struct Roster<J> {
    threads_max: usize,
    places: Vec<Place<J>>,
    /// The places of no thread.
    vacant: Vec<usize>,
    /// The places of idle, unclaimed threads; the most recently idle one is last.
    idle: Vec<usize>,
    queue: Queue<J>,
    /// Jobs at a place, which no thread has picked up yet.
    handed: usize,
    /// Jobs that run.
    running: usize,
    /// Places whose thread has not arrived yet.
    starting: usize,
    /// Threads that were claimed or roused and have not looked yet.
    stirring: usize,
    /// Threads which gave up their place and run their last hook.
    leaving: usize,
    closed: bool,
    start_failed: bool,
    statistics: Statistics,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
enum Place<J> {
    /// No thread.
    Vacant,
    /// A thread is being started, for this job if there is one.
    Starting(Option<J>),
    /// The thread sleeps and anybody may claim it.
    Idle,
    /// The thread sleeps, or stirs, and this job is its next.
    Claimed(J),
    /// The thread sleeps, or stirs, and will look at the queue.
    Roused,
    /// The thread runs a job.
    Busy,
}

/// What happened so far. Decides nothing.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
struct Statistics {
    started_total: u64,
    starts_failed_total: u64,
    threads_peak: usize,
}

/// What the submitter has to do.
#[derive(Debug)]
#[must_use]
#[cfg_attr(test, derive(PartialEq, Eq))]
pub(super) enum Submit<J> {
    /// Wake the thread of this place: the job lies there.
    Wake(usize),
    /// Start the thread of this place: the job lies there.
    Start(usize),
    /// Nothing: a thread will come for the job.
    Queued(Ticket),
    /// Submit again once a start has ended.
    Wait(J),
    /// Give up: the pool is closed.
    Closed(J),
}

/// What remains to do after a start that failed.
#[derive(Debug)]
#[must_use]
#[cfg_attr(test, derive(PartialEq, Eq))]
pub(super) enum StartFailed<J> {
    /// Wake the thread of this place: the job lies there now.
    Wake(usize),
    /// Nothing: the job is queued.
    Queued(Ticket),
    /// Nothing: there is no job (any more).
    Nothing,
    /// No thread exists: give the job back.
    Refuse(J),
}

/// What a thread has to do next.
#[derive(Debug)]
#[must_use]
#[cfg_attr(test, derive(PartialEq, Eq))]
pub(super) enum Next<J> {
    /// Run this job, then ask [`Roster::finish`].
    Run(J),
    /// Sleep until woken, then ask [`Roster::wake_up`]; after long enough,
    /// [`Roster::expire`].
    Sleep,
    /// End, saying [`Roster::depart`] last of all. The place is somebody else's.
    Leave,
}

/// What a thread that comes has to do.
#[derive(Debug)]
#[must_use]
#[cfg_attr(test, derive(PartialEq, Eq))]
pub(super) struct Come<J> {
    /// Its own next step.
    pub(super) next: Next<J>,
    /// First, it sends for another one.
    pub(super) another: Option<Another>,
}

/// Who else is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Another {
    /// The thread of this place, which sleeps.
    Wake(usize),
    /// A new one, for this place.
    Start(usize),
}

/// What whoever closes the pool has to do.
#[derive(Debug)]
#[must_use]
pub(super) struct Close<J> {
    /// Drop these, oldest first: nobody has begun to run them.
    pub(super) jobs: Vec<J>,
    /// Wake the threads of these places: they are to leave.
    pub(super) sleepers: Vec<usize>,
}

/// The pool at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Metrics {
    /// Threads that exist, busy and idle.
    pub(crate) threads: usize,
    /// Threads that sleep and have no job.
    pub(crate) idle: usize,
    /// Jobs that no thread has begun.
    pub(crate) queued: usize,
    /// Jobs that run.
    pub(crate) running: usize,
    /// Threads started since the pool was made.
    pub(crate) started_total: u64,
    /// Thread starts that failed since the pool was made.
    pub(crate) starts_failed_total: u64,
    /// The most threads that existed at once.
    pub(crate) threads_peak: usize,
}

impl<J> Roster<J> {
    /// No thread, no job.
    pub(super) fn new(threads_max: usize) -> Self {
        debug_assert!(threads_max > 0, "a pool of no threads can run nothing");
        Self {
            threads_max,
            places: Vec::new(),
            vacant: Vec::new(),
            idle: Vec::new(),
            queue: Queue::new(),
            handed: 0,
            running: 0,
            starting: 0,
            stirring: 0,
            leaving: 0,
            closed: false,
            start_failed: false,
            statistics: Statistics::default(),
        }
    }

    /// A new job: to the thread that fell idle last, or to a new one; into the queue if
    /// somebody is on their way who sees to that, or if there can be no more threads.
    pub(super) fn submit(&mut self, job: J) -> Submit<J> {
        if self.closed {
            return Submit::Closed(job);
        }
        if self.threads_existing() == 0 {
            return match self.is_short() {
                true => Submit::Start(self.reserve(Some(job))),
                false => Submit::Wait(job),
            };
        }
        match self.send_for_another() {
            Some(Another::Wake(index)) => {
                self.places[index] = Place::Claimed(job);
                self.handed += 1;
                Submit::Wake(index)
            }
            Some(Another::Start(index)) => {
                self.places[index] = Place::Starting(Some(job));
                self.handed += 1;
                Submit::Start(index)
            }
            None => Submit::Queued(self.queue.push(job)),
        }
    }

    /// Takes a queued job back, if it is still there.
    pub(super) fn withdraw(&mut self, ticket: Ticket, is_it: impl FnOnce(&J) -> bool) -> Option<J> {
        self.queue.withdraw(ticket, is_it)
    }

    /// The thread of this place could not be started.
    pub(super) fn start_failed(&mut self, index: usize) -> StartFailed<J> {
        let job = self.end_start(index);
        self.start_failed = true;
        self.statistics.starts_failed_total += 1;
        self.vacate(index);
        let Some(job) = job else {
            return StartFailed::Nothing;
        };
        if self.threads_existing() == 0 {
            return StartFailed::Refuse(job);
        }
        if let Some(index) = self.rouse() {
            self.places[index] = Place::Claimed(job);
            self.handed += 1;
            return StartFailed::Wake(index);
        }
        StartFailed::Queued(self.queue.push(job))
    }

    /// The thread of this place is here, and runs.
    pub(super) fn arrive(&mut self, index: usize) -> Come<J> {
        let job = self.end_start(index);
        self.start_failed = false;
        self.statistics.started_total += 1;
        self.statistics.threads_peak = self.statistics.threads_peak.max(self.threads_existing());
        let next = match job {
            Some(job) => self.run(index, job),
            None => self.look_for_work(index),
        };
        self.come(next)
    }

    /// The thread of this place has run its job.
    pub(super) fn finish(&mut self, index: usize) -> Next<J> {
        debug_assert!(matches!(self.places[index], Place::Busy), "thread {index} ran no job");
        self.running -= 1;
        self.look_for_work(index)
    }

    /// The thread of this place was woken, perhaps for nothing.
    pub(super) fn wake_up(&mut self, index: usize) -> Come<J> {
        let next = self.stir(index).unwrap_or_else(|| match self.closed {
            true => self.leave(index),
            false => Next::Sleep,
        });
        self.come(next)
    }

    /// The thread of this place has been idle for long enough. It may have been
    /// claimed a moment ago, and then it stays.
    pub(super) fn expire(&mut self, index: usize) -> Come<J> {
        let next = self.stir(index).unwrap_or_else(|| self.leave(index));
        self.come(next)
    }

    /// A thread that was told to leave is done with everything.
    pub(super) fn depart(&mut self) {
        self.leaving -= 1;
    }

    /// No more jobs. Those that run are let run.
    pub(super) fn close(&mut self) -> Close<J> {
        self.closed = true;
        let mut jobs = Vec::with_capacity(self.handed + self.queue.len());
        for (index, place) in self.places.iter_mut().enumerate() {
            *place = match std::mem::replace(place, Place::Idle) {
                Place::Claimed(job) => {
                    jobs.push(job);
                    self.idle.push(index);
                    Place::Idle
                }
                Place::Roused => {
                    self.idle.push(index);
                    Place::Idle
                }
                Place::Starting(job) => {
                    jobs.extend(job);
                    Place::Starting(None)
                }
                other => other,
            };
        }
        jobs.extend(std::iter::from_fn(|| self.queue.pop()));
        self.handed = 0;
        self.stirring = 0;
        Close { jobs, sleepers: self.idle.clone() }
    }

    /// Jobs that are not done: queued, handed to a thread, or running.
    pub(super) fn in_flight(&self) -> usize {
        self.queue.len() + self.handed + self.running
    }

    /// Is nothing left to wait for: no job and, once closed, no thread?
    pub(super) fn is_quiet(&self) -> bool {
        self.in_flight() == 0 && (!self.closed || self.threads() + self.leaving == 0)
    }

    pub(super) fn metrics(&self) -> Metrics {
        Metrics {
            threads: self.threads_existing(),
            idle: self.idle.len(),
            queued: self.queue.len() + self.handed,
            running: self.running,
            started_total: self.statistics.started_total,
            starts_failed_total: self.statistics.starts_failed_total,
            threads_peak: self.statistics.threads_peak,
        }
    }

    /// Debug builds: panics if the invariant does not hold. The caller is about to
    /// unlock.
    pub(super) fn check(&self) {
        debug_assert_eq!(self.breach(), None);
    }

    /// What is wrong with this roster?
    fn breach(&self) -> Option<&'static str> {
        let waiting = !self.queue.is_empty();
        let ignored = !self.idle.is_empty() && self.stirring == 0;
        let excused = self.start_failed || self.starting + self.stirring > 0;
        let short = self.is_short() && !excused;
        let rules = [
            (waiting && ignored, "a job is queued while a thread is idle"),
            (waiting && short, "a job is queued while a thread could be started"),
            (waiting && self.threads_existing() == 0, "a job is queued and no thread exists"),
            (self.closed && self.handed + self.queue.len() > 0, "a job outlives the closing"),
            (self.threads() > self.threads_max, "too many threads"),
            (!self.counters_are_true(), "a counter lies"),
        ];
        rules.into_iter().find_map(|(broken, rule)| broken.then_some(rule))
    }

    fn counters_are_true(&self) -> bool {
        let count = |is: fn(&Place<J>) -> bool| self.places.iter().filter(|it| is(it)).count();
        let listed = self.idle.iter().all(|it| matches!(self.places[*it], Place::Idle));
        let handed = count(|it| matches!(it, Place::Claimed(_) | Place::Starting(Some(_))));
        let stirring = count(|it| matches!(it, Place::Claimed(_) | Place::Roused));
        listed
            && self.idle.len() == count(|it| matches!(it, Place::Idle))
            && self.vacant.len() == count(|it| matches!(it, Place::Vacant))
            && self.starting == count(|it| matches!(it, Place::Starting(_)))
            && self.running == count(|it| matches!(it, Place::Busy))
            && self.handed == handed
            && self.stirring == stirring
            && self.stirring <= 1
    }

    /// Threads that hold a place, arrived or not.
    fn threads(&self) -> usize {
        self.places.len() - self.vacant.len()
    }

    /// Threads that have arrived.
    fn threads_existing(&self) -> usize {
        self.threads() - self.starting
    }

    /// Whether there may be one more.
    fn is_short(&self) -> bool {
        self.threads() < self.threads_max
    }

    /// Takes a place for a thread that will be started.
    fn reserve(&mut self, job: Option<J>) -> usize {
        self.starting += 1;
        self.handed += usize::from(job.is_some());
        let place = Place::Starting(job);
        match self.vacant.pop() {
            Some(index) => {
                self.places[index] = place;
                index
            }
            None => {
                self.places.push(place);
                self.places.len() - 1
            }
        }
    }

    /// A start has succeeded or failed; its job, unless the pool was closed. The
    /// caller gives the place its next state.
    fn end_start(&mut self, index: usize) -> Option<J> {
        let Place::Starting(job) = std::mem::replace(&mut self.places[index], Place::Busy) else {
            unreachable!("thread {index} was not being started");
        };
        self.starting -= 1;
        self.handed -= usize::from(job.is_some());
        job
    }

    /// Sends for one more thread, unless one is on its way already.
    fn send_for_another(&mut self) -> Option<Another> {
        if !self.idle.is_empty() {
            return self.rouse().map(Another::Wake);
        }
        let is_due = self.is_short() && self.starting + self.stirring == 0;
        is_due.then(|| Another::Start(self.reserve(None)))
    }

    /// Picks the idle thread that is to look, unless one is about to.
    fn rouse(&mut self) -> Option<usize> {
        let index = if self.stirring == 0 { self.idle.pop() } else { None }?;
        debug_assert!(matches!(self.places[index], Place::Idle), "thread {index} is not idle");
        self.places[index] = Place::Roused;
        self.stirring += 1;
        Some(index)
    }

    /// A thread that was on its way is here, and first sees to what it leaves.
    fn come(&mut self, next: Next<J>) -> Come<J> {
        let another = if self.queue.is_empty() { None } else { self.send_for_another() };
        Come { next, another }
    }

    /// What there is for the sleeping thread of this place. `None`: nothing, and it is
    /// idle as before.
    fn stir(&mut self, index: usize) -> Option<Next<J>> {
        match std::mem::replace(&mut self.places[index], Place::Idle) {
            Place::Claimed(job) => {
                self.stirring -= 1;
                self.handed -= 1;
                Some(self.run(index, job))
            }
            Place::Roused => {
                self.stirring -= 1;
                Some(self.look_for_work(index))
            }
            _ if self.queue.is_empty() => None,
            // It comes of itself, before whoever was sent for.
            _ => {
                self.strike(index);
                Some(self.look_for_work(index))
            }
        }
    }

    fn run(&mut self, index: usize, job: J) -> Next<J> {
        self.places[index] = Place::Busy;
        self.running += 1;
        Next::Run(job)
    }

    /// The thread of this place has nothing to do.
    fn look_for_work(&mut self, index: usize) -> Next<J> {
        if self.closed {
            return self.leave(index);
        }
        if let Some(job) = self.queue.pop() {
            return self.run(index, job);
        }
        self.places[index] = Place::Idle;
        self.idle.push(index);
        Next::Sleep
    }

    fn leave(&mut self, index: usize) -> Next<J> {
        self.strike(index);
        self.vacate(index);
        self.leaving += 1;
        Next::Leave
    }

    /// Takes this thread off the list of idle ones, if it is there.
    fn strike(&mut self, index: usize) {
        // Whoever expires has been idle for longest, and stands near the front.
        if let Some(at) = self.idle.iter().position(|it| *it == index) {
            self.idle.remove(at);
        }
    }

    fn vacate(&mut self, index: usize) {
        self.places[index] = Place::Vacant;
        self.vacant.push(index);
        if self.threads_existing() == 0 {
            // With the last thread goes the room that a burst of jobs has taken.
            self.queue = Queue::new();
        }
    }
}
