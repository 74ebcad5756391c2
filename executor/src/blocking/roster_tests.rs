//! All rosters of a few threads and jobs, and long random runs of larger ones.

use super::*;
use proptest::prelude::{Strategy, any, proptest};
use std::collections::{BTreeSet, HashSet};

/// A roster, its threads as they see themselves, and what became of each job.
#[derive(Clone, PartialEq, Eq, Hash)]
struct World {
    roster: Roster<usize>,
    threads: Vec<Thread>,
    leaving: usize,
    jobs: Vec<Fate>,
    /// The tickets of those that were queued once.
    tickets: Vec<Option<Ticket>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Thread {
    Gone,
    Starting,
    Running(usize),
    Asleep,
    /// Asleep, with a token in its parker.
    Woken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fate {
    InRoster,
    Running,
    Done,
    Dropped,
    Refused,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Submit,
    Close,
    Arrive(usize),
    StartFailed(usize),
    Finish(usize),
    WakeUp(usize),
    Expire(usize),
    Depart,
    Withdraw(usize),
}

impl World {
    fn new(threads_max: usize) -> Self {
        let threads = vec![Thread::Gone; threads_max];
        Self {
            roster: Roster::new(threads_max),
            threads,
            leaving: 0,
            jobs: vec![],
            tickets: vec![],
        }
    }

    /// What the world outside may do next, at any moment.
    fn steps(&self, jobs_max: usize) -> Vec<Step> {
        let mut steps = vec![];
        if self.jobs.len() < jobs_max {
            steps.push(Step::Submit);
        }
        if !self.roster.closed {
            steps.push(Step::Close);
        }
        if self.leaving > 0 {
            steps.push(Step::Depart);
        }
        for (job, ticket) in self.tickets.iter().enumerate() {
            // Also when it has begun meanwhile, or is over.
            if ticket.is_some() && self.jobs[job] != Fate::Dropped {
                steps.push(Step::Withdraw(job));
            }
        }
        for (index, thread) in self.threads.iter().enumerate() {
            match thread {
                Thread::Gone => (),
                Thread::Starting => steps.extend([Step::Arrive(index), Step::StartFailed(index)]),
                Thread::Running(_) => steps.push(Step::Finish(index)),
                // Also without a token: a parker may wake for nothing.
                Thread::Asleep | Thread::Woken => {
                    steps.extend([Step::WakeUp(index), Step::Expire(index)]);
                }
            }
        }
        steps
    }

    /// Takes one step, and names the order that came of it.
    fn take(&mut self, step: Step) -> &'static str {
        let order = match step {
            Step::Submit => self.submit(),
            Step::Close => self.close(),
            Step::Arrive(index) => self.arrive(index),
            Step::StartFailed(index) => self.start_failed(index),
            Step::Finish(index) => self.finish(index),
            Step::WakeUp(index) => {
                let come = self.roster.wake_up(index);
                self.come(index, come)
            }
            Step::Expire(index) => {
                let come = self.roster.expire(index);
                self.come(index, come)
            }
            Step::Withdraw(job) => {
                let ticket = self.tickets[job].expect("it was queued");
                match self.roster.withdraw(ticket, |it| *it == job) {
                    Some(it) => {
                        assert_eq!(it, job);
                        self.end(job, Fate::InRoster, Fate::Dropped);
                        "withdrawn"
                    }
                    None => "not withdrawn",
                }
            }
            Step::Depart => {
                self.leaving -= 1;
                self.roster.depart();
                "departed"
            }
        };
        self.roster.statistics = Statistics::default();
        self.check(step);
        order
    }

    fn submit(&mut self) -> &'static str {
        let job = self.jobs.len();
        let idle = self.roster.idle.last().copied();
        let order = self.roster.submit(job);
        let mut queued = None;
        let (fate, name) = match order {
            Submit::Wake(index) => {
                assert_eq!(Some(index), idle, "not the most recently idle one");
                self.threads[index] = Thread::Woken;
                (Fate::InRoster, "submit: wake")
            }
            Submit::Start(index) => {
                assert_eq!(self.threads[index], Thread::Gone);
                self.threads[index] = Thread::Starting;
                (Fate::InRoster, "submit: start")
            }
            Submit::Queued(ticket) => {
                queued = Some(ticket);
                (Fate::InRoster, "submit: queued")
            }
            Submit::Wait(back) => {
                assert!(back == job && self.threads.iter().all(|it| *it == Thread::Starting));
                return "submit: wait";
            }
            Submit::Closed(back) => {
                assert!(back == job && self.roster.closed);
                (Fate::Refused, "submit: closed")
            }
        };
        self.jobs.push(fate);
        self.tickets.push(queued);
        name
    }

    fn close(&mut self) -> &'static str {
        let Close { jobs, sleepers } = self.roster.close();
        for job in jobs {
            self.end(job, Fate::InRoster, Fate::Dropped);
        }
        for index in sleepers {
            self.threads[index] = Thread::Woken;
        }
        "closed"
    }

    fn arrive(&mut self, index: usize) -> &'static str {
        let come = self.roster.arrive(index);
        self.come(index, come)
    }

    fn come(&mut self, index: usize, come: Come<usize>) -> &'static str {
        let Come { next, another } = come;
        let order = self.follow(index, next);
        match another {
            None => order,
            Some(Another::Start(other)) => {
                assert_eq!(self.threads[other], Thread::Gone);
                self.threads[other] = Thread::Starting;
                "come: start another"
            }
            Some(Another::Wake(other)) => {
                assert_eq!(self.threads[other], Thread::Asleep);
                self.threads[other] = Thread::Woken;
                "come: wake another"
            }
        }
    }

    fn start_failed(&mut self, index: usize) -> &'static str {
        let job = match &self.roster.places[index] {
            Place::Starting(job) => *job,
            other => unreachable!("{other:?}"),
        };
        let order = self.roster.start_failed(index);
        self.threads[index] = Thread::Gone;
        match order {
            StartFailed::Queued(ticket) => {
                self.tickets[job.expect("something was queued")] = Some(ticket);
                "start failed: queued"
            }
            StartFailed::Wake(index) => {
                self.threads[index] = Thread::Woken;
                "start failed: wake"
            }
            StartFailed::Nothing => "start failed: nothing",
            StartFailed::Refuse(job) => {
                let exists = |it: &Thread| !matches!(it, Thread::Gone | Thread::Starting);
                assert!(!self.threads.iter().any(exists), "a thread exists");
                self.end(job, Fate::InRoster, Fate::Refused);
                "start failed: refuse"
            }
        }
    }

    fn finish(&mut self, index: usize) -> &'static str {
        let Thread::Running(job) = self.threads[index] else { unreachable!("it runs nothing") };
        self.end(job, Fate::Running, Fate::Done);
        let next = self.roster.finish(index);
        self.follow(index, next)
    }

    fn follow(&mut self, index: usize, next: Next<usize>) -> &'static str {
        let (thread, name) = match next {
            Next::Run(job) => {
                self.end(job, Fate::InRoster, Fate::Running);
                (Thread::Running(job), "run")
            }
            Next::Sleep => (Thread::Asleep, "sleep"),
            Next::Leave => {
                self.leaving += 1;
                (Thread::Gone, "leave")
            }
        };
        self.threads[index] = thread;
        name
    }

    fn end(&mut self, job: usize, from: Fate, to: Fate) {
        assert_eq!(self.jobs[job], from, "job {job} cannot be {to:?}");
        self.jobs[job] = to;
    }

    fn check(&self, step: Step) {
        assert_eq!(self.roster.breach(), None, "after {step:?}: {:?}", self.roster);
        let count = |fate| self.jobs.iter().filter(|it| **it == fate).count();
        let (waiting, running) = (count(Fate::InRoster), count(Fate::Running));
        assert_eq!(self.roster.in_flight(), waiting + running, "after {step:?}");
        let asleep = |it: &&Thread| matches!(it, Thread::Asleep | Thread::Woken);
        assert_eq!(
            self.threads.iter().filter(asleep).count(),
            self.roster.idle.len() + self.claimed().count(),
            "after {step:?}"
        );
        assert!(self.claimed().all(|it| self.threads[it] == Thread::Woken), "no wake: {step:?}");
        let woken = |it: &usize| self.threads[*it] == Thread::Woken;
        assert!(!self.roster.closed || self.roster.idle.iter().all(woken), "no wake: {step:?}");
    }

    fn claimed(&self) -> impl Iterator<Item = usize> {
        let places = self.roster.places.iter().enumerate();
        places.filter_map(|(index, it)| {
            matches!(it, Place::Claimed(_) | Place::Roused).then_some(index)
        })
    }

    /// If from now on threads do what they are told and nobody else does anything,
    /// then every job ends, and a closed pool is left by all.
    fn check_that_it_drains(mut self) {
        let patient = |it: &Step| {
            matches!(it, Step::Arrive(_) | Step::Finish(_) | Step::Depart | Step::WakeUp(_))
        };
        // A thread that sleeps without a token stays asleep.
        let stirs = |world: &Self, it: &Step| match it {
            Step::WakeUp(index) => world.threads[*index] == Thread::Woken,
            _ => true,
        };
        while let Some(step) = self.steps(0).into_iter().find(|it| patient(it) && stirs(&self, it))
        {
            self.take(step);
        }
        assert_eq!(self.roster.in_flight(), 0, "stranded: {:?}", self.roster);
        assert!(!self.roster.closed || self.roster.is_quiet(), "left behind: {:?}", self.roster);
    }
}

/// Visits every world that can be reached, and returns every order ever given.
fn explore(threads_max: usize, jobs_max: usize) -> BTreeSet<&'static str> {
    let start = World::new(threads_max);
    let (mut seen, mut orders) = (HashSet::from([start.clone()]), BTreeSet::new());
    let mut open = vec![start];
    while let Some(world) = open.pop() {
        for step in world.steps(jobs_max) {
            let mut next = world.clone();
            orders.insert(next.take(step));
            if seen.insert(next.clone()) {
                next.clone().check_that_it_drains();
                open.push(next);
            }
        }
    }
    assert!(seen.len() > 100, "only {} worlds", seen.len());
    orders
}

/// Every order there is.
const ORDERS: [&str; 18] = [
    "closed",
    "come: start another",
    "come: wake another",
    "departed",
    "leave",
    "not withdrawn",
    "run",
    "sleep",
    "start failed: nothing",
    "start failed: queued",
    "start failed: refuse",
    "start failed: wake",
    "submit: closed",
    "submit: queued",
    "submit: start",
    "submit: wait",
    "submit: wake",
    "withdrawn",
];

#[test]
fn the_invariant_holds_in_every_roster_of_one_thread() {
    let orders = explore(1, 5);
    let impossible =
        ["come: start another", "come: wake another", "start failed: queued", "start failed: wake"];
    assert_eq!(orders, ORDERS.into_iter().filter(|it| !impossible.contains(it)).collect());
}

#[test]
fn the_invariant_holds_in_every_roster_of_two_threads() {
    assert_eq!(explore(2, 5), ORDERS.into());
}

#[test]
fn the_invariant_holds_in_every_roster_of_three_threads() {
    assert_eq!(explore(3, 4), ORDERS.into());
}

proptest! {
    #[test]
    fn the_invariant_holds_over_long_runs(
        threads_max in 1..6_usize,
        choices in proptest::collection::vec(any::<usize>().prop_map(|it| it >> 1), 0..400),
    ) {
        let mut world = World::new(threads_max);
        for (number, choice) in choices.into_iter().enumerate() {
            let steps = world.steps(300);
            // Closing ends the interesting part, so it comes late.
            let steps: Vec<_> =
                steps.into_iter().filter(|it| number > 350 || !matches!(it, Step::Close)).collect();
            world.take(steps[choice % steps.len()]);
        }
        world.check_that_it_drains();
    }
}

#[test]
fn the_statistics_count() {
    let mut roster = Roster::new(2);
    assert_eq!(roster.submit('a'), Submit::Start(0));
    assert_eq!(roster.submit('b'), Submit::Start(1));
    assert_eq!(roster.submit('c'), Submit::Wait('c'));
    assert_eq!(roster.arrive(0).next, Next::Run('a'));
    assert_eq!(roster.submit('c'), Submit::Queued(Ticket(0)));
    assert_eq!(roster.start_failed(1), StartFailed::Queued(Ticket(1)));
    let metrics = roster.metrics();
    assert_eq!((metrics.threads, metrics.idle), (1, 0));
    assert_eq!((metrics.queued, metrics.running), (2, 1));
    assert_eq!((metrics.started_total, metrics.starts_failed_total), (1, 1));
    assert_eq!(metrics.threads_peak, 1);
}

#[test]
fn room_taken_by_a_burst_is_given_back_with_the_last_thread() {
    let mut roster = Roster::new(1);
    assert_eq!(roster.submit(0), Submit::Start(0));
    assert_eq!(roster.arrive(0).next, Next::Run(0));
    for job in 1..1_000 {
        assert!(matches!(roster.submit(job), Submit::Queued(_)));
    }
    while roster.finish(0) != Next::Sleep {}
    assert!(roster.queue.capacity() >= 999);
    assert_eq!(roster.expire(0).next, Next::Leave);
    assert_eq!(roster.queue.capacity(), 0);
}

/// Idle threads are many, jobs more: who comes sends for the next, and nobody else does.
#[test]
fn a_burst_wakes_one_thread_at_a_time() {
    let mut roster = Roster::new(8);
    for job in 0..8 {
        // Without a thread each submitter starts one; afterwards each thread the next.
        assert_eq!(roster.submit(job), Submit::Start(job));
    }
    for index in 0..8 {
        assert_eq!(roster.arrive(index), Come { next: Next::Run(index), another: None });
    }
    for index in 0..8 {
        assert_eq!(roster.finish(index), Next::Sleep);
    }
    assert_eq!(roster.submit(100), Submit::Wake(7));
    for job in 101..1_000 {
        assert!(matches!(roster.submit(job), Submit::Queued(_)));
    }
    let first = roster.wake_up(7);
    assert_eq!(first, Come { next: Next::Run(100), another: Some(Another::Wake(6)) });
    // Those awake take what there is, while the next one stirs.
    for job in 101..500 {
        assert_eq!(roster.finish(7), Next::Run(job));
    }
    let second = roster.wake_up(6);
    assert_eq!(second, Come { next: Next::Run(500), another: Some(Another::Wake(5)) });
    for job in 501..1_000 {
        assert_eq!(roster.finish(7), Next::Run(job));
    }
    // It was promised nothing.
    assert_eq!(roster.wake_up(5), Come { next: Next::Sleep, another: None });
}
