//! Timers against a reference, and under real threads.

use super::{Leeway, Moment, Registration, Reset, Status, Timers};
use proptest::prelude::*;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    task::{Wake, Waker},
    time::{Duration, Instant},
};
use sync::shim::{self, thread};

const NS: Duration = Duration::from_nanos(1);

/// A waker that counts.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

fn insert(timers: &Timers, deadline: Instant, waker: Waker) -> Registration {
    timers.insert(Moment::of(deadline), Leeway::NONE, waker).unwrap().0
}

fn fire(timers: &Timers, now: Instant) -> usize {
    let mut wakers = Vec::new();
    let count = timers.fire(now, &mut wakers);
    assert_eq!(wakers.len(), count);
    wakers.into_iter().for_each(Waker::wake);
    count
}

#[derive(Clone, Debug)]
enum Op {
    Insert(i64),
    Cancel(usize),
    CancelElsewhere(usize),
    Reset(usize, i64),
    Exchange(usize),
    Fire(i64),
}

fn op() -> impl Strategy<Value = Op> {
    // Nanoseconds from the beginning: near ones, so that they meet, on both sides
    // of it, and ones that are months away.
    let time = prop_oneof![-20..20_i64, -10_i64.pow(16)..10_i64.pow(16)];
    prop_oneof![
        6 => time.clone().prop_map(Op::Insert),
        2 => any::<usize>().prop_map(Op::Cancel),
        1 => any::<usize>().prop_map(Op::CancelElsewhere),
        2 => (any::<usize>(), time.clone()).prop_map(|(n, at)| Op::Reset(n, at)),
        1 => any::<usize>().prop_map(Op::Exchange),
        2 => time.prop_map(Op::Fire),
    ]
}

/// What a timer should be.
struct Expected {
    deadline: i64,
    registration: Registration,
    probe: Arc<Count>,
    has_fired: bool,
}

/// The timers and what they should be, by number.
struct Trial {
    start: Instant,
    timers: Timers,
    expected: BTreeMap<usize, Expected>,
    count: usize,
}

impl Trial {
    fn new() -> Self {
        // The origin of `timers` lies behind `start`, as that of a paused clock.
        let start = shim::now() - Duration::from_secs(1);
        Self { start, timers: Timers::new(), expected: BTreeMap::new(), count: 0 }
    }

    fn at(&self, nanos: i64) -> Instant {
        match u64::try_from(nanos) {
            Ok(after) => self.start + Duration::from_nanos(after),
            Err(_) => self.start - Duration::from_nanos(nanos.unsigned_abs()),
        }
    }

    fn pick(&self, n: usize) -> Option<usize> {
        self.expected.keys().copied().nth(n % self.expected.len().max(1))
    }

    fn run(&mut self, op: Op) {
        match op {
            Op::Insert(deadline) => {
                let probe = Arc::new(Count::default());
                let waker = probe.clone().into();
                let registration = insert(&self.timers, self.at(deadline), waker);
                let timer = Expected { deadline, registration, probe, has_fired: false };
                self.expected.insert(self.count, timer);
                self.count += 1;
            }
            Op::Cancel(n) => {
                let Some(timer) = self.pick(n).and_then(|n| self.expected.remove(&n)) else {
                    return;
                };
                assert_eq!(timer.registration.cancel().is_none(), timer.has_fired);
                assert_eq!(Arc::strong_count(&timer.probe), 1);
            }
            Op::CancelElsewhere(n) => {
                let Some(timer) = self.pick(n).and_then(|n| self.expected.remove(&n)) else {
                    return;
                };
                let registration = timer.registration;
                let cancelled =
                    std::thread::scope(|scope| scope.spawn(|| registration.cancel()).join());
                assert_eq!(cancelled.unwrap().is_none(), timer.has_fired);
            }
            Op::Reset(n, deadline) => {
                let at = self.at(deadline);
                let Some(timer) = self.pick(n).and_then(|n| self.expected.get_mut(&n)) else {
                    return;
                };
                let is_too_late =
                    timer.registration.reset(Moment::of(at), Leeway::NONE) == Reset::TooLate;
                assert_eq!(is_too_late, timer.has_fired);
                timer.deadline = deadline;
            }
            Op::Exchange(n) => {
                let Some(timer) = self.pick(n).and_then(|n| self.expected.get_mut(&n)) else {
                    return;
                };
                let probe = Arc::new(Count::default());
                let status = timer.registration.poll(&probe.clone().into());
                assert_eq!(status == Status::Fired, timer.has_fired);
                if status == Status::Armed {
                    assert_eq!(Arc::strong_count(&timer.probe), 1, "the one before is dropped");
                    timer.probe = probe;
                }
            }
            Op::Fire(now) => {
                let due = |timer: &&mut Expected| !timer.has_fired && timer.deadline <= now;
                let mut count = 0;
                for timer in self.expected.values_mut().filter(due) {
                    timer.has_fired = true;
                    count += 1;
                }
                assert_eq!(fire(&self.timers, self.at(now)), count);
            }
        }
    }

    fn check(&self) {
        for timer in self.expected.values() {
            assert_eq!(timer.probe.0.load(Relaxed), usize::from(timer.has_fired));
            assert_eq!(timer.registration.status() == Status::Fired, timer.has_fired);
        }
        let armed = || self.expected.values().filter(|timer| !timer.has_fired);
        let first = armed().map(|timer| timer.deadline).min();
        assert_eq!(self.timers.next_deadline(), first.map(|first| self.at(first)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn timers_do_what_a_list_does(ops in prop::collection::vec(op(), 0..120)) {
        let mut trial = Trial::new();
        for op in ops {
            trial.run(op);
            trial.check();
        }
        let armed = trial.expected.values().filter(|timer| !timer.has_fired).count();
        prop_assert_eq!(trial.timers.counts().0, armed);
    }
}

#[test]
fn deadlines_beyond_reach_never_come() {
    let timers = Timers::new();
    let now = shim::now();
    let far = super::clock::later(now, Duration::MAX);
    assert!(Moment::of(far) == Moment::NEVER);
    assert!(timers.insert(Moment::of(far), Leeway::NONE, Waker::noop().clone()).is_err());
    let long_ago = super::clock::sooner(now, Duration::MAX);
    let registration = insert(&timers, long_ago, Waker::noop().clone());
    assert!(timers.next_deadline().is_some_and(|next| next <= shim::now()));
    assert_eq!(fire(&timers, now), 1);
    drop(registration);
    let years = Duration::from_secs(291 * 31_557_600);
    let registration = insert(&timers, now + years, Waker::noop().clone());
    assert_eq!(timers.next_deadline(), Some(now + years));
    assert_eq!(fire(&timers, now + years - NS), 0);
    assert_eq!(fire(&timers, far), 1);
    drop(registration);
}

#[test]
fn equal_deadlines_fire_in_the_order_in_which_they_were_set() {
    struct Note(usize, mpsc::Sender<usize>);
    impl Wake for Note {
        fn wake(self: Arc<Self>) {
            self.1.send(self.0).unwrap();
        }
    }
    let timers = Timers::new();
    let now = shim::now();
    let (tx, rx) = mpsc::channel();
    let registrations: Vec<_> =
        (0..1000).map(|n| insert(&timers, now, Arc::new(Note(n, tx.clone())).into())).collect();
    assert_eq!(fire(&timers, now), 1000);
    assert!(rx.try_iter().eq(0..1000));
    drop(registrations);
}

#[test]
fn nodes_are_used_again_whoever_returns_them() {
    let timers = Timers::new();
    let later = shim::now() + Duration::from_secs(3600);
    for _ in 0..100 {
        let registrations: Vec<_> =
            (0..64).map(|_| insert(&timers, later, Waker::noop().clone())).collect();
        std::thread::scope(|scope| scope.spawn(|| drop(registrations)).join()).unwrap();
    }
    assert_eq!(timers.nodes(), 64);
    fire(&timers, shim::now());
    assert_eq!((timers.counts().0, timers.next_deadline()), (0, None));
}

#[test]
fn under_threads_every_timer_is_fired_or_cancelled_once() {
    const ROUNDS: usize = 20_000;
    let timers = Arc::new(Timers::new());
    let (now, count) = (shim::now(), Arc::new(Count::default()));
    let (tx, rx) = mpsc::sync_channel::<Registration>(64);
    let canceller = thread::start("canceller".into(), None, move || {
        rx.into_iter().filter_map(Registration::cancel).count()
    });
    let theirs = timers.clone();
    let (stop, stopped) = mpsc::channel::<()>();
    let firer = thread::start("firer".into(), None, move || {
        while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
            fire(&theirs, now);
        }
    });
    let (mut cancelled_here, mut seen_fired) = (0, 0);
    for round in 0..ROUNDS {
        let waker: Waker = count.clone().into();
        let mut registration = insert(&timers, now, waker);
        if round % 5 == 0 {
            let status = registration.poll(&count.clone().into());
            seen_fired += usize::from(status == Status::Fired);
        }
        match round % 3 {
            0 => cancelled_here += registration.cancel().into_iter().count(),
            _ => tx.send(registration).unwrap(),
        }
    }
    drop(tx);
    let cancelled_there = canceller.unwrap().join().unwrap();
    drop(stop);
    firer.unwrap().join().unwrap();
    // A timer that fires while its waker is exchanged wakes nobody: the poll says
    // so at once.
    let ended = count.0.load(Relaxed) + cancelled_here + cancelled_there;
    assert!((ROUNDS - seen_fired..=ROUNDS).contains(&ended), "{ended}");
    fire(&timers, now);
    assert_eq!(timers.counts().0, 0);
    drop(timers);
    assert_eq!(Arc::strong_count(&count), 1, "no waker is left behind");
}
