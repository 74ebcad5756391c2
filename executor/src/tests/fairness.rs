//! Who waits for whom, in polls: the table of [`worker`](crate::worker), line by line.
//!
//! The workers of a [`Stage`] are played by one thread, turn by turn, in an order that
//! the test writes: all counts are exact.

use super::*;
use crate::{
    closing::Sit,
    config::{BATCH_MAX, Config, LOOK_MAX, SLOT_RUNS_MAX},
    context::{self, Context as Seated},
    inbox::{self, Inbox},
    scheduler::Scheduler,
    worker::{self, Step},
};

/// Turns between two looks around, at most.
const LOOK: usize = LOOK_MAX as usize;

/// Workers without threads.
struct Stage {
    scheduler: Arc<Scheduler>,
    contexts: Vec<Seated>,
    log: Log,
}

/// Which tasks were polled, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<&'static str>>>);

impl Log {
    fn add(&self, name: &'static str) {
        self.0.lock().unwrap().push(name);
    }

    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// How often, at most, `is_meant` is true in a row.
fn longest_row(log: &[&str], mut is_meant: impl FnMut(&str) -> bool) -> usize {
    log.split(|it| !is_meant(it)).map(<[_]>::len).max().unwrap_or(0)
}

/// Wakes whoever waits at each look.
#[derive(Default)]
struct Ticking {
    waiting: Mutex<Option<Waker>>,
}

impl Driver for Ticking {
    fn attach(&self, _: Seat) {}
    fn detach(&self, _: Seat) {}
    fn park(&self, _: Seat, _: Option<Instant>, _: usize) -> usize {
        unreachable!("the stage never sleeps")
    }
    fn poll(&self, _: Seat, _: usize) -> usize {
        let waker = self.waiting.lock().unwrap().take();
        waker.map(Waker::wake).into_iter().count()
    }
    fn unpark(&self, _: Seat) {}
    fn next_deadline(&self, _: Seat) -> Option<Instant> {
        None
    }
    fn now(&self) -> Instant {
        sync::shim::now()
    }
    fn close(&self) {
        // A waker keeps its task, that its runtime, and that its driver.
        drop(self.waiting.lock().unwrap().take());
    }
}

impl Stage {
    fn new(workers: usize) -> Self {
        Self::with(workers, Arc::new(Ticking::default()))
    }

    fn with(workers: usize, driver: Arc<Ticking>) -> Self {
        let mut config = Config::new(Flavor::MultiThread);
        config.workers = workers;
        let scheduler = Scheduler::new(config, driver);
        let contexts = (0..workers).map(|index| {
            let inbox = Arc::new(Inbox::new(inbox::Place::Parker));
            let context = Seated::new(scheduler.clone(), Some(inbox.clone()));
            let Sit::Down(desk) = scheduler.closing.sit(index, &inbox) else {
                panic!("nobody sits there");
            };
            context.put_desk(desk);
            context
        });
        let contexts = contexts.collect();
        Self { scheduler, contexts, log: Log::default() }
    }

    /// On the thread of a worker, as it were.
    fn as_worker<T>(&self, index: usize, act: impl FnOnce() -> T) -> T {
        // SAFETY: the guard ends with this function, before the context, and in order;
        // no test nests these.
        let _entered = unsafe { context::enter(&self.contexts[index]) };
        act()
    }

    fn turn(&self, index: usize) -> Step {
        self.as_worker(index, || worker::step(&self.scheduler, &self.contexts[index]))
    }

    fn turns(&self, index: usize, count: usize) {
        (0..count).for_each(|_| assert_eq!(self.turn(index), Step::Polled));
    }

    fn queued(&self, index: usize) -> usize {
        self.scheduler.workers[index].stealer.len()
    }

    /// A task of that worker which is always ready.
    fn spinner(&self, index: usize, name: &'static str) {
        let log = self.log.clone();
        self.as_worker(index, || drop(spawn(spin(log, name))));
    }

    /// Two tasks of that worker of which each wakes the other, for ever: one is always
    /// in the next-task slot.
    fn pair(&self, index: usize, name: &'static str) {
        let wakers = Arc::new(Mutex::new([None::<Waker>, None]));
        for me in 0..2 {
            let (wakers, log) = (wakers.clone(), self.log.clone());
            let player = poll_fn(move |cx| {
                log.add(name);
                let mut wakers = wakers.lock().unwrap();
                wakers[me] = Some(cx.waker().clone());
                let other = wakers[1 - me].take();
                drop(wakers);
                other.into_iter().for_each(Waker::wake);
                Poll::<()>::Pending
            });
            self.as_worker(index, || drop(spawn(player)));
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for context in &self.contexts {
            context.pinned.borrow_mut().clear();
            let record = || context.inbox.as_ref().and_then(|it| it.any_living());
            while let Some(record) = record() {
                // SAFETY: 1: it lives, and nobody polls: no turn runs. 2: this thread
                // made it.
                unsafe { task::holders::cancel_in(record, "the stage ends") };
            }
            let desk = context.take_desk().expect("it sits until here");
            self.scheduler.do_duty(self.scheduler.closing.stand(desk));
        }
        self.scheduler.begin_end();
    }
}

async fn spin(log: Log, name: &'static str) {
    loop {
        log.add(name);
        yield_now().await;
    }
}

#[test]
fn a_pair_in_the_slot_runs_three_times_in_a_row_before_the_queue() {
    for workers in [1, 2] {
        let stage = Stage::new(workers);
        stage.spinner(0, "spinner");
        stage.pair(0, "pair");
        // Until one of the two waits for the other.
        stage.turns(0, 10);
        stage.log.take();
        stage.turns(0, 1_000);
        let log = stage.log.take();
        let row = longest_row(&log, |it| it == "pair");
        assert_eq!(row, SLOT_RUNS_MAX as usize + 1, "three, and the one put into the queue");
        let spinner = log.iter().filter(|it| **it == "spinner").count();
        assert!(spinner >= 190, "{spinner} of 1,000");
    }
}

#[test]
fn pairs_on_two_workers_starve_neither_queue() {
    // Turns are drawn, so work is stolen to and fro: whatever else is in a worker's
    // queue before its turn, a pair has no more than its row.
    let mut rng = rng::Rng::new(7);
    for _ in 0..50 {
        let stage = Stage::new(2);
        for (index, name) in ["pair 0", "pair 1"].into_iter().enumerate() {
            stage.pair(index, name);
            (0..3).for_each(|_| stage.spinner(index, "spinner"));
            stage.turns(index, 10);
        }
        stage.log.take();
        let mut rows = [("", 0); 2];
        for _ in 0..2_000 {
            let index = rng.below(2);
            let had = stage.queued(index);
            let _ = stage.turn(index);
            let row = &mut rows[index];
            *row = match stage.log.take()[..] {
                [name] if name.starts_with("pair") && had > 0 => {
                    (name, if row.0 == name { row.1 + 1 } else { 1 })
                }
                _ => ("", 0),
            };
            assert!(row.1 <= SLOT_RUNS_MAX + 1, "{row:?} at {index}");
        }
    }
}

#[test]
fn all_that_is_ready_runs_once_before_anything_runs_twice() {
    let stage = Stage::new(1);
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    names.iter().for_each(|name| stage.spinner(0, name));
    stage.turns(0, 7 * 100);
    for round in stage.log.take().chunks(7) {
        assert_eq!(round, names);
    }
}

#[test]
fn pinned_tasks_and_the_queue_take_turns() {
    let stage = Stage::new(1);
    for (count, name) in [(5, "pinned"), (50, "stealable")] {
        for _ in 0..count {
            let log = stage.log.clone();
            stage.as_worker(0, || match name {
                "pinned" => drop(spawn_local(spin(log, name))),
                _ => drop(spawn(spin(log, name))),
            });
        }
    }
    stage.turns(0, 1_000);
    let log = stage.log.take();
    assert_eq!(longest_row(&log, |it| it == "pinned"), 1);
    assert_eq!(longest_row(&log, |it| it == "stealable"), 1);
}

#[test]
fn a_pair_in_the_slot_does_not_starve_pinned_tasks() {
    let stage = Stage::new(1);
    let log = stage.log.clone();
    stage.as_worker(0, || drop(spawn_local(spin(log, "pinned"))));
    stage.pair(0, "pair");
    stage.turns(0, 1_000);
    let row = longest_row(&stage.log.take(), |it| it == "pair");
    assert!(row <= 2 * (SLOT_RUNS_MAX as usize + 1), "{row}");
}

#[test]
fn work_from_outside_is_taken_every_61_turns() {
    let stage = Stage::new(1);
    stage.spinner(0, "spinner");
    for round in 0..100 {
        stage.turns(0, round % 7);
        stage.log.take();
        let log = stage.log.clone();
        drop(stage.scheduler.spawn(async move { log.add("guest") }, make::Options::here()));
        stage.turns(0, LOOK + 1);
        assert!(stage.log.take().contains(&"guest"), "round {round}");
    }
}

#[test]
fn a_flood_from_outside_does_not_starve_local_work() {
    for workers in [1, 2] {
        let stage = Stage::new(workers);
        stage.spinner(0, "spinner");
        let flood = || {
            let log = stage.log.clone();
            let guest = async move { log.add("guest") };
            drop(stage.scheduler.spawn(guest, make::Options::here()));
        };
        (0..1_000).for_each(|_| flood());
        for _ in 0..5_000 {
            flood();
            stage.turns(0, 1);
        }
        let row = longest_row(&stage.log.take(), |it| it == "guest");
        assert!(row <= LOOK_MAX as usize / 2, "{row} of outside between two polls of ours");
        assert!(row >= BATCH_MAX / 2, "there was a flood: {row}");
    }
}

#[test]
fn the_driver_is_asked_every_61_turns_and_what_it_wakes_runs_next() {
    // Ten thousand tasks are always ready; one waits for the driver again and again.
    let driver = Arc::new(Ticking::default());
    let stage = Stage::with(1, driver.clone());
    (0..10_000).for_each(|_| stage.spinner(0, "spinner"));
    let (log, mut is_first) = (stage.log.clone(), true);
    let ticker = poll_fn(move |cx| {
        if !std::mem::take(&mut is_first) {
            log.add("tick");
        }
        *driver.waiting.lock().unwrap() = Some(cx.waker().clone());
        Poll::<()>::Pending
    });
    stage.as_worker(0, || drop(spawn(ticker)));
    stage.turns(0, 10_001);
    stage.log.take();
    stage.turns(0, 100 * LOOK);
    let log = stage.log.take();
    assert!(log.iter().filter(|it| **it == "tick").count() >= 99);
    assert!(longest_row(&log, |it| it == "spinner") < LOOK);
}

#[test]
fn each_poll_has_the_whole_budget() {
    let stage = Stage::new(1);
    let rows = Arc::new(Mutex::new(vec![]));
    let theirs = rows.clone();
    let eater = poll_fn(move |cx| {
        let mut row = 0;
        loop {
            match coop::poll_proceed(cx) {
                Poll::Ready(progress) => progress.made(),
                Poll::Pending => break,
            }
            row += 1;
        }
        theirs.lock().unwrap().push(row);
        Poll::<()>::Pending
    });
    stage.as_worker(0, || drop(spawn(eater)));
    stage.turns(0, 50);
    assert_eq!(*rows.lock().unwrap(), vec![coop::BUDGET_DEFAULT; 50]);
    let yields = stage.scheduler.metrics().workers[0].budget_yields;
    assert_eq!(yields, 50);
}

#[test]
fn what_lies_in_the_queue_of_a_stuck_worker_is_taken_by_another() {
    let stage = Stage::new(2);
    // Worker 0 takes no turn.
    for _ in 0..100 {
        let log = stage.log.clone();
        stage.as_worker(0, || drop(spawn(async move { log.add("task") })));
    }
    let mut turns = 0;
    while stage.log.0.lock().unwrap().len() < 100 {
        let _ = stage.turn(1);
        turns += 1;
        assert!(turns < 250, "one turn each, and one of sleep where it finds nothing");
    }
    assert!(stage.scheduler.metrics().workers[1].steals >= 4);
}

#[test]
fn a_task_that_is_moved_is_watched_since_its_push_and_once() {
    let stage = Stage::new(2);
    let (scheduler, log) = (&stage.scheduler, stage.log.clone());
    // The first push at a desk is watched. It lies in the slot, as if it had been woken.
    stage.as_worker(0, || drop(spawn(async move { log.add("task") })));
    let task = stage.contexts[0].desk().unwrap().local.pop().unwrap();
    assert!(task.is_marked());
    assert!(scheduler.workers[0].slot.put(task).is_none());
    std::thread::sleep(Duration::from_millis(2));
    // As the watcher does it.
    scheduler.pass_on(scheduler.workers[0].slot.take().unwrap());
    while stage.log.0.lock().unwrap().is_empty() {
        let _ = stage.turn(1);
    }
    let latencies = &scheduler.metrics().workers[1].latencies;
    assert!(latencies.count() == 1 && latencies.max() >= Duration::from_millis(2));
    let is_free = |stamp: &metrics::Stamp| stamp.set(1, 1);
    assert!(is_free(&scheduler.workers[0].stamp) && is_free(&scheduler.sampling.outside));
}
