//! Waking that learns, by a clock that only the tests move: counts are exact.

use super::*;
use std::sync::{Condvar, Mutex, atomic::AtomicU64};

/// A driver whose time stands still until a test moves it. A sleep ends when the worker
/// is unparked, or when the tests end all dozes.
struct Still {
    start: Instant,
    passed_us: AtomicU64,
    /// How many sleeps there were with an end, and are now that nobody has ended.
    dozes: AtomicUsize,
    dozing: AtomicUsize,
    /// For each seat, whether it was unparked since its last sleep.
    unparked: Vec<(Mutex<bool>, Condvar)>,
}

impl Still {
    fn new(seats: usize) -> Arc<Self> {
        Arc::new(Self {
            start: sync::shim::now(),
            passed_us: AtomicU64::new(0),
            dozes: AtomicUsize::new(0),
            dozing: AtomicUsize::new(0),
            unparked: (0..seats).map(|_| Default::default()).collect(),
        })
    }

    fn pass(&self, us: u64) {
        self.passed_us.fetch_add(us, Relaxed);
    }

    fn end_dozes(&self) {
        (0..self.unparked.len()).for_each(|it| self.unpark(Seat(it as u32)));
    }
}

impl Driver for Still {
    fn attach(&self, _: Seat) {}
    fn detach(&self, _: Seat) {}
    fn park(&self, seat: Seat, until: Option<Instant>, _: usize) -> usize {
        let doze = usize::from(until.is_some());
        self.dozes.fetch_add(doze, Relaxed);
        let (unparked, changed) = &self.unparked[seat.0 as usize];
        let mut unparked = unparked.lock().unwrap();
        if !*unparked {
            self.dozing.fetch_add(doze, Relaxed);
            unparked = changed.wait_while(unparked, |it| !*it).unwrap();
            self.dozing.fetch_sub(doze, Relaxed);
        }
        *unparked = false;
        0
    }
    fn poll(&self, _: Seat, _: usize) -> usize {
        0
    }
    fn unpark(&self, seat: Seat) {
        let (unparked, changed) = &self.unparked[seat.0 as usize];
        *unparked.lock().unwrap() = true;
        changed.notify_all();
    }
    fn next_deadline(&self, _: Seat) -> Option<Instant> {
        None
    }
    fn now(&self) -> Instant {
        self.start + Duration::from_micros(self.passed_us.load(Relaxed))
    }
    fn may_advance(&self) -> bool {
        false
    }
    fn close(&self) {}
}

/// Two workers, of which the second dozes: the first has woken it in vain. Runs `body` on
/// the first.
fn beside_a_dozer<T: Send + 'static>(
    body: impl FnOnce(Arc<Still>, Handle) -> T + Send + 'static,
) -> T {
    beside_a_dozer_until(|driver, handle| (body(driver, handle), vec![]))
}

/// The same, and the runtime goes on until the tasks that `body` gives are over.
fn beside_a_dozer_until<T: Send + 'static>(
    body: impl FnOnce(Arc<Still>, Handle) -> (T, Vec<JoinHandle<()>>) + Send + 'static,
) -> T {
    in_time(move || {
        let builder = multi(2).unwatched();
        let driver = Still::new(builder.seats());
        let executor = builder.build(driver.clone()).unwrap();
        let handle = executor.handle().clone();
        let task = executor.handle().spawn(async move {
            loop {
                let before = wakes(&handle);
                if driver.dozing.load(Relaxed) == 0 {
                    drop(spawn(async {}));
                    std::thread::yield_now();
                    continue;
                }
                // What is left of these runs first: who retires does not look at it.
                yield_now().await;
                // Nothing but a wake ends a doze.
                if wakes(&handle) == before {
                    break;
                }
            }
            body(driver, handle)
        });
        let (value, tasks) = executor.block_on(task).unwrap();
        tasks.into_iter().for_each(|it| executor.block_on(it).unwrap());
        value
    })
}

fn wakes(handle: &Handle) -> u64 {
    handle.metrics().workers.iter().map(|it| it.wakes).sum()
}

#[test]
fn while_somebody_vouches_short_tasks_make_no_wake() {
    beside_a_dozer(|driver, handle| {
        let (before, dozes) = (wakes(&handle), driver.dozes.load(Relaxed));
        (0..1000).for_each(|_| drop(spawn(async {})));
        assert_eq!(wakes(&handle), before);
        assert_eq!(driver.dozes.load(Relaxed), dozes);
        assert_eq!(driver.dozing.load(Relaxed), 1);
    });
}

/// The task that is polled here blocks: only the dozer can run the others.
#[test]
fn whoever_vouched_looks_by_itself() {
    beside_a_dozer(|driver, handle| {
        let before = wakes(&handle);
        let done = Arc::new(AtomicUsize::new(0));
        for _ in 0..2 {
            let done = done.clone();
            drop(spawn(async move { done.fetch_add(1, Relaxed) }));
        }
        driver.end_dozes();
        while done.load(Relaxed) < 2 {
            std::thread::yield_now();
        }
        assert_eq!(wakes(&handle), before, "by itself");
    });
}

#[test]
fn what_comes_from_outside_asks_for_nobodys_word() {
    beside_a_dozer(|_, handle| {
        let done = Arc::new(AtomicBool::new(false));
        let theirs = done.clone();
        std::thread::spawn(move || {
            drop(handle.spawn(async move { theirs.store(true, Relaxed) }));
        })
        .join()
        .unwrap();
        while !done.load(Relaxed) {
            std::thread::yield_now();
        }
    });
}

/// Of a burst of tasks that take 100 us each, the first two are polled where they were
/// spawned, and the doze does not end: then the other worker is woken.
#[test]
fn a_burst_of_long_tasks_is_put_off_by_one_of_them() {
    let alone = beside_a_dozer_until(|driver, _| {
        let (begun, helped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let here = std::thread::current().id();
        let alone = Arc::new(AtomicUsize::new(0));
        let burst = (0..20).map(|_| {
            let (driver, begun) = (driver.clone(), begun.clone());
            let (helped, alone) = (helped.clone(), alone.clone());
            spawn(async move {
                if std::thread::current().id() != here {
                    helped.store(true, Relaxed);
                }
                driver.pass(100);
                if begun.fetch_add(1, Relaxed) == 1 {
                    // The second: whoever was woken before it will come.
                    while !helped.load(Relaxed) {
                        std::thread::yield_now();
                    }
                }
                if !helped.load(Relaxed) {
                    alone.fetch_add(1, Relaxed);
                }
            })
        });
        (alone.clone(), burst.collect())
    });
    assert!(alone.load(Relaxed) <= 1, "{alone:?} were run one after the other");
}
