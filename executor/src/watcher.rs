//! Who is stuck in a poll, and what is done about it?
//!
//! A task that blocks its thread, or computes for long, keeps what only this thread
//! looks after from everybody else: the task in its next-task slot, the timers of its
//! seat, the poller, if it has just left that. One thread of the runtime, the
//! watcher, looks at the workers every few milliseconds and moves these things to
//! those who can go on with them.
//!
//! ```text
//!     nap ─▶ look: who is awake, and has not begun a poll since the last look?
//!      ▲       │
//!      │       ├─ overdue timers of whoever is awake: fire them here
//!      │       ├─ stuck: its slot ─▶ the runtime's queue; wake a sleeper, who
//!      │       │         takes that, steals from its queue, leads the poller
//!      │       ├─ all stuck: look into the poller on their behalf, and if there is
//!      │       │         work then, add a spare worker
//!      └───────┴─ nothing for a while: sleep until somebody gets up (vigil)
//! ```
//!
//! # What a heartbeat is
//!
//! The worker's count of polls, which it stores before each one anyway. A worker that
//! does not count as asleep, and whose count was the same a millisecond ago, is
//! *stuck*. That is a hint: the system may have taken its processor, and it may go on
//! in the middle of a rescue. All that a rescue does is sound beside a running owner:
//! the slot is taken by a swap (Q1), deques are for stealing, and
//! [`Driver::poll`](sync::driver::Driver::poll) may be called by any thread.
//!
//! # Spare workers
//!
//! A stuck poll may go on at any moment and push, so its desk cannot be given away. A
//! spare worker has a desk, a seat and a queue of its own, from arrays that are sized
//! when the runtime is built. It is an ordinary worker, except that it comes late and
//! goes:
//!
//! * It comes when all workers are stuck and there is work. From then on
//!   [`idle`](crate::idle) counts it, so that a virtual clock waits for it, too.
//! * It goes at the end of a poll, when for 50 ms there have been more spare workers
//!   than stuck ones. What is queued at its desk goes to the runtime's queue; timers that
//!   are left on its seat are looked after by whoever leads the poller. Local tasks that
//!   were spawned on it keep its thread, without a desk, until they end.
//!
//! # How often it looks
//!
//! | when                                                 | next look after        |
//! |------------------------------------------------------|------------------------|
//! | it was called from its deep sleep                    | 1 ms                   |
//! | somebody sleeps, and an awake one has something that could be stranded; all look stuck | 1 ms |
//! | a timer is due, or soon will be                      | 0.25 ms after its deadline, 1 ms or more from now |
//! | somebody sleeps                                      | 2.5 ms                 |
//! | all are awake, and go on                             | 5 ms                   |
//! | those who are awake have been stuck for long         | a 16th of that, to 10 ms (5 if all are) |
//! | nothing has happened for 50 ms                       | deep sleep             |
//!
//! A nap costs 10–20 µs of a processor. After one that the second or third row has cut
//! short comes one that they do not.
//!
//! # Time
//!
//! Its own is the system's, whatever the driver's clock is. It fires nothing that is
//! not due by the driver's clock, and while it has a task in its hands it counts as
//! engaged, so that a virtual clock does not jump over that task.
//!
//! # What is not rescued
//!
//! * Pinned tasks of the stuck thread: nobody else may run them.
//! * Timers set by a guest, on its own seat: they wake what the guest runs.
//! * A worker that is stuck in somebody's waker, before it counts as awake.
//!
//! # Rejected
//!
//! * A signal to the stuck thread: it interrupts system calls of user code.
//! * A counter of its own as the heartbeat: the count of polls is there.
//! * Looking at the processor time of threads to tell blocked from busy: a task that
//!   computes for long strands others just as well.

use crate::{
    config::HARVEST_BUSY,
    context::{self, Context},
    scheduler::Scheduler,
    stall::{Reports, Sight},
    task::info::Id,
    threads,
};
use std::{
    ops::Range,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};
use sync::{
    driver::Seat,
    shim::{self, atomic::Ordering::Relaxed},
};

/// A poll this long is a stall; also how late a timer may be whose worker is busy.
const STALL: Duration = Duration::from_micros(950);
/// Until a suspicion is looked at again.
const SOON: Duration = Duration::from_millis(1);
/// After a deadline, until somebody looks whether the timer was fired.
const LATE: Duration = Duration::from_micros(250);
/// Between looks while somebody sleeps, who could take over.
const NEXT: Duration = Duration::from_micros(2500);
/// Between looks while all work.
const BUSY: Duration = Duration::from_millis(5);
/// Between looks at a stall that has lasted.
const LONG: Duration = Duration::from_millis(10);
/// So few polls between two looks may be the beginning of a stall.
const FEW: u64 = 5;
/// A thread that was started and has not come for so long is not waited for.
const LOST: Duration = Duration::from_secs(1);
/// How long nothing has to happen before the deep sleep.
const QUIET: Duration = Duration::from_millis(50);

/// Starts the watcher of a runtime. If the system has no thread for it, the runtime
/// works without.
pub(crate) fn start(scheduler: &Arc<Scheduler>) {
    let theirs = scheduler.clone();
    let name = format!("{}-watcher", scheduler.config.thread_name);
    let _without = threads::start_silently(scheduler, name, move || {
        // Wakers are user code, and may ask for their runtime.
        let context = Context::new(theirs.clone(), None);
        let _entered = context::enter_shared(Rc::new(context));
        theirs.driver.attach(Seat::SHARED);
        Rounds::new(&theirs).go();
        theirs.driver.detach(Seat::SHARED);
    });
}

/// What the watcher remembers from look to look.
struct Rounds<'a> {
    scheduler: &'a Arc<Scheduler>,
    workers: Vec<Seen>,
    /// Which workers sleep.
    marks: Vec<bool>,
    /// What was told of them.
    reports: Vec<Reports>,
    /// When the last spare worker was called.
    spare_called: Option<Instant>,
    /// Since when there are more spare workers than stuck ones.
    crowded_since: Option<Instant>,
    /// Since when nothing has happened.
    quiet_since: Instant,
    /// How often anything had engaged, at the last look.
    engagements: usize,
    /// Whether a sleeper was sent to lead in the place of guests that are awake.
    is_guest_covered: bool,
    /// Whether the last nap was cut short.
    was_early: bool,
    /// How many looks there were.
    looks: u32,
    start: Instant,
}

/// One worker.
#[derive(Clone, Copy)]
struct Seen {
    polls: u64,
    /// When that count was first seen, or the worker was last seen asleep.
    since: Instant,
    /// How many polls began between the last two looks.
    progress: u64,
    is: Is,
    /// Whether a sleeper was sent to lead in its place.
    is_covered: bool,
    /// Whether this stall was counted.
    is_counted: bool,
    /// Of a spare worker that has not come yet: when its thread was started.
    called: Option<Instant>,
}

/// Where a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    /// It is a spare one that is not needed.
    Absent,
    Asleep,
    Awake,
}

/// What a look found.
#[derive(Default)]
struct Findings {
    has_sleepers: bool,
    /// Whether everybody is awake and in one long poll.
    are_all_stuck: bool,
    /// Somebody awake is not stuck.
    is_anybody_moving: bool,
    /// The next look should come soon.
    is_suspicious: bool,
    /// The shortest of the stalls.
    stalled_for: Option<Duration>,
}

/// Until the next look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nap {
    For(Duration),
    Deep,
}

impl<'a> Rounds<'a> {
    fn new(scheduler: &'a Arc<Scheduler>) -> Self {
        let now = shim::now();
        let unseen = Seen::new(0, now, 0, Is::Absent);
        let count = scheduler.workers.len();
        Self {
            scheduler,
            workers: vec![unseen; count],
            marks: vec![false; count],
            reports: (0..count).map(|_| Reports::default()).collect(),
            spare_called: None,
            crowded_since: None,
            quiet_since: now,
            engagements: 0,
            is_guest_covered: false,
            was_early: false,
            looks: 0,
            start: now,
        }
    }

    fn go(&mut self) {
        let scheduler = self.scheduler;
        let mut nap = Nap::For(SOON);
        while !scheduler.closing.has_begun() {
            match nap {
                Nap::For(span) => scheduler.vigil.nap(span),
                Nap::Deep => {
                    scheduler.vigil.sleep(|| self.is_quiet());
                    self.quiet_since = self.now();
                    nap = Nap::For(SOON);
                    continue;
                }
            }
            self.looks = self.looks.wrapping_add(1);
            nap = self.look(self.now());
        }
    }

    /// In a scenario, where time stands still, each look comes some time later.
    fn now(&self) -> Instant {
        match cfg!(shuttle) {
            true => self.start + NEXT * self.looks,
            false => shim::now(),
        }
    }

    /// Whether there is nobody to watch, and nobody has come since the last look.
    fn is_quiet(&self) -> bool {
        let scheduler = self.scheduler;
        scheduler.idle.all_asleep()
            && !scheduler.closing.has_begun()
            && scheduler.engagements().1 == self.engagements
    }

    fn look(&mut self, now: Instant) -> Nap {
        self.note(now);
        let found = self.find(now);
        self.rescue(now, &found);
        self.cover_guests(&found);
        if let Some(threshold) = self.scheduler.stalls_reported {
            self.report(now, threshold);
        }
        self.nap(now, &found)
    }

    /// Writes down who is where.
    fn note(&mut self, now: Instant) {
        let scheduler = self.scheduler;
        scheduler.idle.mark_sleepers(&mut self.marks);
        for (index, seen) in self.workers.iter_mut().enumerate() {
            let worker = &scheduler.workers[index];
            let polls = worker.counters.polls.get();
            let is = match self.marks[index] {
                true => Is::Asleep,
                // Relaxed: a hint.
                false if scheduler.is_spare(index) && !worker.is_active.load(Relaxed) => Is::Absent,
                false => Is::Awake,
            };
            let progress = polls.wrapping_sub(seen.polls);
            if progress > 0 || is == Is::Awake {
                self.quiet_since = now;
            }
            let called = seen.called.filter(|_| is == Is::Absent);
            if progress > 0 || is != Is::Awake || seen.is != Is::Awake {
                *seen = Seen { called, ..Seen::new(polls, now, progress, is) };
            }
        }
    }

    fn find(&self, now: Instant) -> Findings {
        let has_sleepers = self.workers.iter().any(|it| it.is == Is::Asleep);
        let is_anybody_moving = self.awake().any(|(_, it)| !it.is_stuck(now));
        let stalled_for = self.awake().map(|(_, it)| now - it.since).min();
        let is_suspicious = match has_sleepers {
            // What an awake one has could be stranded, and somebody could take it.
            true => self.awake().any(|(index, it)| !it.is_stuck(now) && self.has_tasks(index)),
            // Long polls all around: perhaps the last ones for a while.
            false => self.awake().all(|(_, it)| it.progress < FEW) && stalled_for < Some(BUSY),
        };
        let are_all_stuck = !has_sleepers && !is_anybody_moving;
        Findings { has_sleepers, are_all_stuck, is_anybody_moving, is_suspicious, stalled_for }
    }

    fn awake(&self) -> impl Iterator<Item = (usize, &Seen)> {
        self.workers.iter().enumerate().filter(|(_, it)| it.is == Is::Awake)
    }

    /// Whether tasks wait for this worker, where a stall would strand them.
    fn has_tasks(&self, index: usize) -> bool {
        let worker = &self.scheduler.workers[index];
        !worker.slot.is_empty() || !worker.stealer.is_empty()
    }

    fn rescue(&mut self, now: Instant, found: &Findings) {
        let is_anybody_there = !found.are_all_stuck || !self.spares().is_empty();
        for index in 0..self.workers.len() {
            let seen = self.workers[index];
            if seen.is != Is::Awake {
                continue;
            }
            self.serve_timers(index);
            if !seen.is_stuck(now) {
                continue;
            }
            self.count(index);
            if is_anybody_there {
                self.free_tasks(index);
                // Whoever led the poller and left it to be stuck leads no more: who
                // wakes and finds nothing sleeps again as the leader.
                if found.has_sleepers && !seen.is_covered {
                    self.scheduler.wake_for_work();
                }
                self.workers[index].is_covered = true;
            }
        }
        if found.are_all_stuck {
            // Nobody else looks after the poller.
            self.look_at_driver(Seat(0));
            if self.scheduler.sees_work() {
                self.call_spare(now);
            }
        }
        self.send_spare_home(now);
    }

    /// Adds a worker. A thread needs some time to come; the next one is called when that
    /// has passed, and all are stuck again or still. One that is on its way is not called
    /// again.
    fn call_spare(&mut self, now: Instant) {
        let is_due = self.spare_called.is_none_or(|it| now.saturating_duration_since(it) >= BUSY);
        let spare = self.spares().find(|it| self.workers[*it].can_be_called(now));
        if let Some(index) = spare.filter(|_| is_due) {
            self.spare_called = Some(now);
            // Without a thread all wait for one of the stuck, as they would anyway.
            let started = threads::call_substitute(self.scheduler, index).is_ok();
            self.workers[index].called = started.then_some(now);
            self.scheduler.rescues.spares.add(u64::from(started));
        }
    }

    /// Lets a spare worker go, if for some time there have been more than workers that
    /// are stuck. It finishes the poll it is in.
    fn send_spare_home(&mut self, now: Instant) {
        let at_work = || self.spares().filter(|it| self.is_at_work(*it));
        let stuck = || self.regular().filter(|it| self.workers[*it].is_stuck(now)).count();
        let Some(last) = at_work().next_back().filter(|_| stuck() < at_work().count()) else {
            self.crowded_since = None;
            return;
        };
        let since = *self.crowded_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= QUIET {
            self.crowded_since = None;
            // Relaxed: the unpark carries it.
            self.scheduler.workers[last].is_wanted.swap(true, Relaxed);
            self.scheduler.idle.get_up(last);
            self.scheduler.unpark(last);
        }
    }

    /// Whether a spare worker is there and has not been told to go.
    fn is_at_work(&self, index: usize) -> bool {
        // Relaxed: only the watcher sets it.
        self.workers[index].is != Is::Absent
            && !self.scheduler.workers[index].is_wanted.load(Relaxed)
    }

    fn regular(&self) -> Range<usize> {
        0..self.scheduler.config.workers
    }

    fn spares(&self) -> Range<usize> {
        self.scheduler.config.workers..self.workers.len()
    }

    /// One more stall, if it was not seen before.
    fn count(&mut self, index: usize) {
        let seen = &mut self.workers[index];
        if !seen.is_counted {
            seen.is_counted = true;
            self.scheduler.rescues.stalls.add(1);
        }
    }

    /// What waits for a stuck worker goes to others.
    fn free_tasks(&mut self, index: usize) {
        let worker = &self.scheduler.workers[index];
        if !worker.slot.is_empty() {
            self.while_engaged(|it| {
                let Some(task) = worker.slot.take() else { return };
                it.rescues.tasks.add(1);
                it.pass_on(task);
            });
        }
        if !worker.stealer.is_empty() {
            self.scheduler.wake_for_work();
        }
    }

    /// Fires what is overdue on the seat of a worker that is awake: at once if that
    /// begins few polls, since it may be stuck.
    fn serve_timers(&mut self, index: usize) {
        let patience = if self.workers[index].progress < FEW { Duration::ZERO } else { STALL };
        if self.lateness(seat(index)).is_some_and(|it| it >= patience) {
            self.look_at_driver(seat(index));
        }
    }

    /// By how much the seat's earliest timer is late, if it is.
    fn lateness(&self, seat: Seat) -> Option<Duration> {
        let driver = &self.scheduler.driver;
        let deadline = driver.next_deadline(seat)?;
        driver.now().checked_duration_since(deadline)
    }

    fn look_at_driver(&mut self, seat: Seat) {
        let events = self.while_engaged(|it| it.harvest(|driver| driver.poll(seat, HARVEST_BUSY)));
        self.scheduler.rescues.events.add(events as u64);
    }

    /// What is moved here is in nobody's queue for a moment, in which no virtual clock
    /// must jump.
    fn while_engaged<T>(&mut self, work: impl FnOnce(&Scheduler) -> T) -> T {
        self.scheduler.engage();
        self.engagements = self.engagements.wrapping_add(1);
        let result = work(self.scheduler);
        self.scheduler.disengage();
        result
    }

    /// Tells whose task has been in one poll for too long, and whose is no more.
    fn report(&mut self, now: Instant, threshold: Duration) {
        let scheduler = self.scheduler;
        for (worker, (seen, reports)) in self.workers.iter().zip(&mut self.reports).enumerate() {
            // Relaxed: a hint, and the look at the count after it leaves out those whose
            // poll began since the look that found this one long.
            let polled = scheduler.workers[worker].polled.load(Relaxed);
            let is_same = scheduler.workers[worker].counters.polls.get() == seen.polls;
            let sight = Sight {
                worker,
                task: (polled > 0 && is_same).then(|| Id::new(polled)),
                lasts: now.saturating_duration_since(seen.since),
                is_new: !seen.is_stuck(now),
            };
            if let Some(stall) = reports.after(sight, threshold, |id| scheduler.task(id)) {
                shim::assert_unlocked("a report of a stall");
                scheduler.config.hooks.report_stall(stall);
            }
        }
    }

    /// A guest that led the poller, and has been awake since the last look, leads no
    /// more. Which one it is, and whether it led, nobody knows: a sleeper is sent
    /// once. Blocking closures count as guests here.
    fn cover_guests(&mut self, found: &Findings) {
        let (engaged, engagements) = self.scheduler.engagements();
        if engagements != self.engagements {
            self.engagements = engagements;
            self.is_guest_covered = false;
            self.quiet_since = self.now();
        } else if engaged > 0 && found.has_sleepers && !self.is_guest_covered {
            self.is_guest_covered = true;
            self.scheduler.wake_for_work();
        }
    }

    fn nap(&mut self, now: Instant, found: &Findings) -> Nap {
        let longest = match found.stalled_for {
            // All sleep.
            None if self.may_sleep(now) => return Nap::Deep,
            None => NEXT,
            _ if found.is_anybody_moving && !found.has_sleepers => BUSY,
            _ if found.is_anybody_moving => NEXT,
            Some(stalled_for) => {
                let longest = if found.are_all_stuck { BUSY } else { LONG };
                (stalled_for / 16).clamp(NEXT, longest)
            }
        };
        // Every second look at most is early: most suspicions are of those who work.
        let span = if self.was_early { longest } else { self.soonest(found).min(longest) };
        self.was_early = span < longest;
        Nap::For(span)
    }

    /// When a look might find something to do: at a suspicion, or when the next timer
    /// would be overdue. Whoever sleeps for that timer wakes before.
    fn soonest(&self, found: &Findings) -> Duration {
        let driver = &self.scheduler.driver;
        let present = self.workers.iter().enumerate().filter(|(_, it)| it.is != Is::Absent);
        let deadline = present.filter_map(|(index, _)| driver.next_deadline(seat(index))).min();
        match deadline {
            _ if found.is_suspicious => SOON,
            Some(it) => it.saturating_duration_since(driver.now()).saturating_add(LATE).max(SOON),
            None => Duration::MAX,
        }
    }

    /// Whether nothing has happened for long enough, and no spare worker is to go home.
    fn may_sleep(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.quiet_since) >= QUIET
            && self.spares().all(|it| self.workers[it].is == Is::Absent)
    }
}

impl Seen {
    fn new(polls: u64, since: Instant, progress: u64, is: Is) -> Self {
        Self { polls, since, progress, is, is_covered: false, is_counted: false, called: None }
    }

    fn is_stuck(&self, now: Instant) -> bool {
        self.is == Is::Awake && now.saturating_duration_since(self.since) >= STALL
    }

    /// Of a spare worker: whether it is not there, nor on its way.
    fn can_be_called(&self, now: Instant) -> bool {
        let is_due = |it| now.saturating_duration_since(it) >= LOST;
        self.is == Is::Absent && self.called.is_none_or(is_due)
    }
}

fn seat(index: usize) -> Seat {
    Seat(u32::try_from(index).expect("the builder limits the workers"))
}
