//! Models [`crate::blocking`].
//!
//! The pool itself runs here, with loom's threads. Time stands still, so a
//! keep-alive of zero passes at once and any other never. That the counters are
//! true and no job is stranded, the roster checks before every unlock.

use super::{outcomes, outcomes_within};
use crate::blocking::{Config, Job, Pool, Reason, Ticket};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use sync::{
    parker::Parker,
    shim::{
        cell::UnsafeCell,
        thread::{self, JoinHandle, fail_starts_here},
    },
};

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
    /// A job that runs `body`.
    fn job(&self, number: usize, body: impl FnOnce(Fate) + Send + 'static) -> Marked {
        let body = Some(Box::new(body) as _);
        Marked { number, ledger: self.clone(), body, fate: Dropped }
    }

    /// Submits a job that runs `body`, in vain perhaps. `body` hears how it ends. Gives
    /// the ticket of a job that is queued.
    fn submit(
        &self,
        pool: &Arc<Pool<Marked>>,
        number: usize,
        body: impl FnOnce(Fate) + Send + 'static,
    ) -> Option<Ticket> {
        pool.submit(self.job(number, body)).unwrap_or_else(|mut refused| {
            refused.job.fate = match refused.reason {
                Reason::Closed => Closed,
                Reason::NoThread(_) => NoThread,
            };
            None
        })
    }

    /// The fates of the jobs in the order of their numbers: one each.
    fn fates<const N: usize>(&self) -> [Fate; N] {
        let mut ends = self.0.lock().unwrap().clone();
        ends.sort_unstable();
        assert!(ends.iter().map(|end| end.0).eq(0..N), "each ends once: {ends:?}");
        std::array::from_fn(|number| ends[number].1)
    }

    /// The numbers of the jobs in the order in which they ended.
    fn order(&self) -> Vec<usize> {
        self.0.lock().unwrap().iter().map(|end| end.0).collect()
    }
}

/// A job that writes down how it ended.
struct Marked {
    number: usize,
    ledger: Ledger,
    body: Option<Box<dyn FnOnce(Fate) + Send>>,
    fate: Fate,
}

impl Job for Marked {
    fn run(mut self) {
        self.fate = Ran;
    }
}

impl Drop for Marked {
    fn drop(&mut self) {
        if let Some(body) = self.body.take() {
            body(self.fate);
        }
        self.ledger.0.lock().unwrap().push((self.number, self.fate));
    }
}

/// A plain cell that jobs read and write.
#[derive(Clone)]
struct Cell(Arc<Plain>);

struct Plain(UnsafeCell<u32>);

// SAFETY: loom itself fails the model if two threads race for it.
unsafe impl Sync for Plain {}

impl Cell {
    fn new() -> Self {
        Self(Arc::new(Plain(UnsafeCell::new(0))))
    }

    fn write(&self, value: u32) {
        // SAFETY: loom itself fails the model if this races.
        self.0.0.with_mut(|cell| unsafe { *cell = value });
    }

    fn read(&self) -> u32 {
        // SAFETY: loom itself fails the model if this races.
        self.0.0.with(|cell| unsafe { *cell })
    }
}

fn pool(threads_max: usize, keep_alive: Duration) -> Arc<Pool<Marked>> {
    Pool::new(config(threads_max, keep_alive))
}

fn config(threads_max: usize, keep_alive: Duration) -> Config {
    Config {
        threads_max,
        keep_alive,
        stack_size: None,
        name: Arc::new(|_| String::new()),
        on_start: None,
        on_stop: None,
    }
}

fn actor<T: 'static>(
    pool: &Arc<Pool<Marked>>,
    ledger: &Ledger,
    body: impl FnOnce(Arc<Pool<Marked>>, Ledger) -> T + 'static,
) -> JoinHandle<T> {
    let (pool, ledger) = (pool.clone(), ledger.clone());
    thread::spawn(move || body(pool, ledger))
}

/// Waits for the jobs, then for the threads; nothing is left.
fn end(pool: &Pool<Marked>) {
    assert_eq!(pool.wait_idle(Duration::MAX), 0);
    close(pool);
}

/// Ends the pool; nothing is left.
fn close(pool: &Pool<Marked>) {
    pool.shutdown();
    assert_eq!(pool.wait_idle(Duration::MAX), 0);
    let metrics = pool.metrics();
    assert_eq!((metrics.threads, metrics.idle), (0, 0));
    assert_eq!((metrics.queued, metrics.running), (0, 0));
}

/// B1: a job sees what its submitter wrote, on a new thread, on one that was idle
/// and on one that was busy.
#[test]
fn edge_b1() {
    let seen = outcomes(|| {
        let (pool, ledger) = (pool(1, Duration::MAX), Ledger::default());
        let owner = actor(&pool, &ledger, |pool, ledger| {
            let submit = |number: usize| {
                let cell = Cell::new();
                move |pool: &Arc<Pool<Marked>>, ledger: &Ledger| {
                    cell.write(7);
                    let theirs = cell;
                    ledger.submit(pool, number, move |_| assert_eq!(theirs.read(), 7));
                }
            };
            let (one, two) = (submit(0), submit(1));
            let other = actor(&pool, &ledger, move |pool, ledger| two(&pool, &ledger));
            one(&pool, &ledger);
            other.join().unwrap();
            end(&pool);
            (ledger.fates(), pool.metrics().started_total)
        });
        owner.join().unwrap()
    });
    assert_eq!(seen, [([Ran, Ran], 1)].into());
}

/// B2: whoever has waited for the jobs sees what they wrote.
#[test]
fn edge_b2() {
    let seen = outcomes(|| {
        let (pool, ledger) = (pool(1, Duration::ZERO), Ledger::default());
        let owner = actor(&pool, &ledger, |pool, ledger| {
            let cells = [Cell::new(), Cell::new()];
            for (number, cell) in cells.iter().cloned().enumerate() {
                ledger.submit(&pool, number, move |_| cell.write(7));
            }
            assert_eq!(pool.wait_idle(Duration::MAX), 0);
            let values = cells.map(|cell| cell.read());
            close(&pool);
            (values, pool.metrics().started_total)
        });
        owner.join().unwrap()
    });
    assert_eq!(seen, [([7, 7], 1), ([7, 7], 2)].into());
}

/// B3: whoever shuts down and drops a job sees what its submitter wrote; and a
/// submit that races a shutdown comes before or after it.
#[test]
fn edge_b3() {
    let seen = outcomes(|| {
        let (pool, ledger) = (pool(1, Duration::MAX), Ledger::default());
        let owner = actor(&pool, &ledger, |pool, ledger| {
            let submitter = actor(&pool, &ledger, |pool, ledger| {
                let cell = Cell::new();
                cell.write(7);
                ledger.submit(&pool, 0, move |_| assert_eq!(cell.read(), 7));
            });
            pool.shutdown();
            submitter.join().unwrap();
            close(&pool);
            ledger.fates()
        });
        owner.join().unwrap()
    });
    assert_eq!(seen, [[Ran], [Dropped], [Closed]].into());
}

/// A thread whose keep-alive passes while it is being claimed stays, or is gone
/// and replaced.
#[test]
fn a_claim_races_the_keep_alive() {
    let seen = outcomes(|| {
        let (pool, ledger) = (pool(1, Duration::ZERO), Ledger::default());
        let owner = actor(&pool, &ledger, |pool, ledger| {
            let other = actor(&pool, &ledger, |pool, ledger| ledger.submit(&pool, 0, |_| ()));
            ledger.submit(&pool, 1, |_| ());
            other.join().unwrap();
            end(&pool);
            (ledger.fates(), pool.metrics().started_total)
        });
        owner.join().unwrap()
    });
    assert_eq!(seen, [([Ran, Ran], 1), ([Ran, Ran], 2)].into());
}

/// At the cap jobs are queued, and one thread runs them all, in order.
#[test]
fn at_the_cap_jobs_wait_their_turn() {
    let seen = outcomes(|| {
        let (pool, ledger) = (pool(1, Duration::MAX), Ledger::default());
        let owner = actor(&pool, &ledger, |pool, ledger| {
            let other = actor(&pool, &ledger, |pool, ledger| ledger.submit(&pool, 2, |_| ()));
            ledger.submit(&pool, 0, |_| ());
            ledger.submit(&pool, 1, |_| ());
            other.join().unwrap();
            end(&pool);
            let metrics = pool.metrics();
            (ledger.fates(), ledger.order(), metrics.started_total, metrics.threads_peak)
        });
        owner.join().unwrap()
    });
    let expected = [[2, 0, 1], [0, 2, 1], [0, 1, 2]].map(|it| ([Ran; 3], it.to_vec(), 1, 1));
    assert_eq!(seen, expected.into());
}

/// A thread that has just been claimed counts as idle no more: a job that waits
/// for another one, submitted meanwhile, does not keep it from a thread.
#[test]
fn a_long_job_does_not_strand_the_next() {
    let seen = outcomes_within(2, || {
        let (pool, ledger) = (pool(2, Duration::MAX), Ledger::default());
        let owner = actor(&pool, &ledger, |pool, ledger| {
            let gate = Arc::new(Parker::new());
            let theirs = gate.clone();
            ledger.submit(&pool, 0, |_| ());
            assert_eq!(pool.wait_idle(Duration::MAX), 0);
            let other = actor(&pool, &ledger, |pool, ledger| {
                ledger.submit(&pool, 1, move |_| theirs.park());
            });
            ledger.submit(&pool, 2, move |_| gate.unpark());
            other.join().unwrap();
            end(&pool);
            (ledger.fates(), pool.metrics().started_total)
        });
        owner.join().unwrap()
    });
    assert_eq!(seen, [([Ran; 3], 1), ([Ran; 3], 2)].into());
}

/// One of two starts fails: its job comes back, or the other's thread runs it.
#[test]
fn a_failed_start_leaves_its_job_to_a_thread_that_exists() {
    let seen = outcomes(|| {
        fail_starts_here(1);
        let (pool, ledger) = (pool(2, Duration::MAX), Ledger::default());
        let owner = actor(&pool, &ledger, |pool, ledger| {
            let other = actor(&pool, &ledger, |pool, ledger| ledger.submit(&pool, 0, |_| ()));
            ledger.submit(&pool, 1, |_| ());
            other.join().unwrap();
            end(&pool);
            ledger.fates()
        });
        owner.join().unwrap()
    });
    assert_eq!(seen, [[Ran, Ran], [Ran, NoThread], [NoThread, Ran]].into());
}

/// The only place is being started, in vain: whoever waited for that start makes
/// its own.
#[test]
fn a_failed_start_at_the_cap_strands_nobody() {
    let seen = outcomes(|| {
        fail_starts_here(1);
        let (pool, ledger) = (pool(1, Duration::MAX), Ledger::default());
        let owner = actor(&pool, &ledger, |pool, ledger| {
            let other = actor(&pool, &ledger, |pool, ledger| ledger.submit(&pool, 0, |_| ()));
            ledger.submit(&pool, 1, |_| ());
            other.join().unwrap();
            end(&pool);
            (ledger.fates(), pool.metrics().starts_failed_total)
        });
        owner.join().unwrap()
    });
    assert_eq!(seen, [([Ran, NoThread], 1), ([NoThread, Ran], 1)].into());
}

/// A start fails and its job is queued behind one that is waiting for it. The
/// next thread that does start sees to it.
#[test]
fn a_thread_that_arrives_sees_to_what_failed_starts_left() {
    let seen = outcomes_within(2, || {
        let (pool, ledger) = (pool(3, Duration::MAX), Ledger::default());
        let owner = actor(&pool, &ledger, |pool, ledger| {
            let gates = [Arc::new(Parker::new()), Arc::new(Parker::new())];
            let [one, two] = gates.clone();
            ledger.submit(&pool, 0, move |_| one.park());
            fail_starts_here(1);
            ledger.submit(&pool, 1, move |_| gates.iter().for_each(|it| it.unpark()));
            ledger.submit(&pool, 2, move |_| two.park());
            end(&pool);
            ledger.fates()
        });
        owner.join().unwrap()
    });
    assert_eq!(seen, [[Ran, Ran, Ran], [Ran, NoThread, Ran]].into());
}

/// A shutdown while a job runs and another waits: the first runs to its end, the
/// second runs or is dropped, and the thread is gone when the wait is over.
#[test]
fn a_shutdown_waits_for_what_runs() {
    let seen = outcomes(|| {
        let (pool, ledger) = (pool(1, Duration::MAX), Ledger::default());
        let owner = actor(&pool, &ledger, |pool, ledger| {
            let (begun, goes_on) = (Arc::new(Parker::new()), Arc::new(Parker::new()));
            let (theirs, theirs_too) = (begun.clone(), goes_on.clone());
            ledger.submit(&pool, 0, move |_| {
                theirs.unpark();
                theirs_too.park();
            });
            begun.park();
            ledger.submit(&pool, 1, |_| ());
            let releaser = actor(&pool, &ledger, move |_, _| goes_on.unpark());
            close(&pool);
            releaser.join().unwrap();
            ledger.fates()
        });
        owner.join().unwrap()
    });
    assert_eq!(seen, [[Ran, Ran], [Ran, Dropped]].into());
}

/// A shutdown takes a job back from a thread that has been claimed for it but has
/// not come for it yet.
#[test]
fn a_shutdown_races_a_claim() {
    let seen = outcomes(|| {
        let (pool, ledger) = (pool(1, Duration::MAX), Ledger::default());
        let owner = actor(&pool, &ledger, |pool, ledger| {
            ledger.submit(&pool, 0, |_| ());
            assert_eq!(pool.wait_idle(Duration::MAX), 0);
            let other = actor(&pool, &ledger, |pool, ledger| ledger.submit(&pool, 1, |_| ()));
            close(&pool);
            other.join().unwrap();
            (ledger.fates(), pool.metrics().started_total)
        });
        owner.join().unwrap()
    });
    assert_eq!(seen, [([Ran, Ran], 1), ([Ran, Dropped], 1), ([Ran, Closed], 1)].into());
}

/// Whoever has waited for a closed pool sees what its threads' last hooks did,
/// those of threads included whose keep-alive had passed before.
#[test]
fn the_last_hook_comes_before_the_end_of_the_wait() {
    for keep_alive in [Duration::ZERO, Duration::MAX] {
        let seen = outcomes(move || {
            let stops = Arc::new(Mutex::new(0));
            let theirs = stops.clone();
            let hook = move || {
                thread::yield_now();
                *theirs.lock().unwrap() += 1;
            };
            let config = Config { on_stop: Some(Arc::new(hook)), ..config(1, keep_alive) };
            let (pool, ledger) = (Pool::new(config), Ledger::default());
            let owner = actor(&pool, &ledger, move |pool, ledger| {
                ledger.submit(&pool, 0, |_| ());
                end(&pool);
                let stops = *stops.lock().unwrap();
                (ledger.fates(), stops)
            });
            owner.join().unwrap()
        });
        assert_eq!(seen, [([Ran], 1)].into());
    }
}

/// Two shutdowns and a thread that falls idle, or whose keep-alive passes: it
/// leaves once.
#[test]
fn two_shutdowns_end_a_thread_once() {
    for keep_alive in [Duration::ZERO, Duration::MAX] {
        let seen = outcomes(move || {
            let (pool, ledger) = (pool(1, keep_alive), Ledger::default());
            let owner = actor(&pool, &ledger, |pool, ledger| {
                ledger.submit(&pool, 0, |_| ());
                let other = actor(&pool, &ledger, |pool, _| close(&pool));
                close(&pool);
                other.join().unwrap();
                ledger.fates()
            });
            owner.join().unwrap()
        });
        assert_eq!(seen, [[Ran], [Dropped]].into());
    }
}

/// A shutdown while a thread is being started, in vain perhaps: the job is
/// dropped, or comes back, once.
#[test]
fn a_shutdown_races_a_start_that_fails() {
    let seen = outcomes(|| {
        fail_starts_here(1);
        let (pool, ledger) = (pool(1, Duration::MAX), Ledger::default());
        let owner = actor(&pool, &ledger, |pool, ledger| {
            let other = actor(&pool, &ledger, |pool, ledger| ledger.submit(&pool, 0, |_| ()));
            close(&pool);
            other.join().unwrap();
            ledger.fates()
        });
        owner.join().unwrap()
    });
    assert_eq!(seen, [[Dropped], [Closed], [NoThread]].into());
}

/// Whoever comes wakes the next before it runs its own job, which may wait for the one
/// that would otherwise stay in the queue.
#[test]
fn whoever_comes_wakes_the_next() {
    let seen = outcomes_within(1, || {
        let (pool, ledger) = (pool(2, Duration::MAX), Ledger::default());
        let owner = actor(&pool, &ledger, |pool, ledger| {
            let wait_and_open = |first: usize| {
                let gate = Arc::new(Parker::new());
                let theirs = gate.clone();
                ledger.submit(&pool, first, move |_| theirs.park());
                ledger.submit(&pool, first + 1, move |_| gate.unpark());
                assert_eq!(pool.wait_idle(Duration::MAX), 0);
            };
            wait_and_open(0);
            wait_and_open(2);
            close(&pool);
            ledger.fates()
        });
        owner.join().unwrap()
    });
    assert_eq!(seen, [[Ran; 4]].into());
}

/// A job is withdrawn, or runs, and whoever withdraws it sees what its submitter wrote
/// (B3); its thread does not wait for what is gone.
#[test]
fn a_withdrawal_races_the_thread() {
    let seen = outcomes(|| {
        let (pool, ledger) = (pool(1, Duration::MAX), Ledger::default());
        let owner = actor(&pool, &ledger, |pool, ledger| {
            ledger.submit(&pool, 0, |_| ());
            let cell = Cell::new();
            cell.write(7);
            let ticket = ledger.submit(&pool, 1, move |_| assert_eq!(cell.read(), 7));
            let withdrawer = actor(&pool, &ledger, move |pool, _| {
                let job = ticket.and_then(|it| pool.withdraw(it, |job| job.number == 1));
                job.is_some()
            });
            let is_withdrawn = withdrawer.join().unwrap();
            end(&pool);
            (ledger.fates(), is_withdrawn)
        });
        owner.join().unwrap()
    });
    assert_eq!(seen, [([Ran, Ran], false), ([Ran, Dropped], true)].into());
}
