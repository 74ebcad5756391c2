//! The pool with real threads.

use super::*;
use std::{
    panic::resume_unwind,
    sync::{
        Barrier, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
};
use sync::shim::{
    atomic::{AtomicUsize, Ordering::SeqCst},
    thread::{current, fail_starts_here, yield_now},
};

/// A closure as a job.
struct Closure(Box<dyn FnOnce() + Send>);

impl Job for Closure {
    fn run(self) {
        (self.0)();
    }
}

fn job(body: impl FnOnce() + Send + 'static) -> Closure {
    Closure(Box::new(body))
}

/// A job that runs until it is told to end, and says when it has begun.
fn long_job() -> (Closure, Receiver<()>, Sender<()>) {
    let (begun, has_begun) = channel();
    let (end, ends) = channel();
    let body = job(move || {
        begun.send(()).unwrap();
        let _ = ends.recv();
    });
    (body, has_begun, end)
}

fn config(threads_max: usize, keep_alive: Duration) -> Config {
    Config {
        threads_max,
        keep_alive,
        stack_size: None,
        name: Arc::new(|index| format!("blocking-{index}")),
        on_start: None,
        on_stop: None,
    }
}

fn pool(threads_max: usize) -> Arc<Pool<Closure>> {
    Pool::new(config(threads_max, Duration::MAX))
}

/// Ends the pool, whose jobs all end by themselves.
fn end(pool: &Arc<Pool<Closure>>) {
    pool.shutdown();
    assert_eq!(pool.wait_idle(Duration::MAX), 0);
    let Metrics { threads, idle, queued, running, .. } = pool.metrics();
    assert_eq!((threads, idle, queued, running), (0, 0, 0, 0));
}

/// A counter, and a job that increments it.
fn counter() -> (Arc<AtomicUsize>, impl Fn() -> Closure) {
    let ran = Arc::new(AtomicUsize::new(0));
    let theirs = ran.clone();
    let counting = move || {
        let ran = theirs.clone();
        job(move || {
            ran.fetch_add(1, SeqCst);
        })
    };
    (ran, counting)
}

fn wait_until(condition: impl Fn() -> bool) {
    while !condition() {
        yield_now();
    }
}

#[test]
fn a_job_runs_on_a_thread_of_the_pool() {
    let pool = pool(4);
    let (sender, receiver) = channel();
    pool.submit(job(move || sender.send(current().name().map(str::to_owned)).unwrap())).unwrap();
    assert_eq!(receiver.recv().unwrap().as_deref(), Some("blocking-0"));
    end(&pool);
}

#[test]
fn one_job_after_the_other_needs_one_thread() {
    let pool = pool(8);
    for _ in 0..1_000 {
        pool.submit(job(|| ())).unwrap();
        assert_eq!(pool.wait_idle(Duration::MAX), 0);
    }
    let metrics = pool.metrics();
    assert_eq!((metrics.started_total, metrics.threads_peak, metrics.idle), (1, 1, 1));
    end(&pool);
}

#[test]
fn the_most_recently_idle_thread_is_used_first() {
    let pool = pool(3);
    let mut jobs = vec![];
    for _ in 0..3 {
        let (body, has_begun, end) = long_job();
        pool.submit(body).unwrap();
        has_begun.recv().unwrap();
        jobs.push(end);
    }
    // Threads 2, 0, 1 fall idle, in this order.
    for (idle, index) in [(1, 2), (2, 0), (3, 1)] {
        jobs[index].send(()).unwrap();
        wait_until(|| pool.metrics().idle == idle);
    }
    let names = Arc::new(Mutex::new(vec![]));
    let ends: Vec<_> = (0..3)
        .map(|_| {
            let (body, has_begun, end) = long_job();
            let names = names.clone();
            let named = job(move || {
                names.lock().unwrap().push(current().name().unwrap().to_owned());
                body.run();
            });
            pool.submit(named).unwrap();
            has_begun.recv().unwrap();
            end
        })
        .collect();
    assert_eq!(*names.lock().unwrap(), ["blocking-1", "blocking-0", "blocking-2"]);
    drop(ends);
    end(&pool);
}

#[test]
fn a_thread_without_work_ends_after_its_keep_alive() {
    for keep_alive in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(1)] {
        let pool = Pool::new(config(2, keep_alive));
        for started in 1..=3 {
            pool.submit(job(|| ())).unwrap();
            wait_until(|| pool.metrics().threads == 0 && pool.in_flight() == 0);
            assert_eq!(pool.metrics().started_total, started);
        }
        end(&pool);
    }
}

#[test]
fn the_pool_goes_with_its_last_thread() {
    let pool = Pool::new(config(2, Duration::ZERO));
    pool.submit(job(|| ())).unwrap();
    let watch = Arc::downgrade(&pool);
    drop(pool);
    wait_until(|| watch.strong_count() == 0);
}

#[test]
fn the_hooks_surround_the_jobs_of_each_thread() {
    let log = Arc::new(Mutex::new(vec![]));
    let say = |what: &'static str| {
        let log = log.clone();
        move || log.lock().unwrap().push((what, current().name().unwrap().to_owned()))
    };
    let mut config = config(1, Duration::MAX);
    config.on_start = Some(Arc::new(say("start")));
    config.on_stop = Some(Arc::new(say("stop")));
    let pool = Pool::new(config);
    pool.submit(job(say("job"))).unwrap();
    pool.submit(job(say("job"))).unwrap();
    assert_eq!(pool.wait_idle(Duration::MAX), 0);
    end(&pool);
    let log = log.lock().unwrap();
    assert!(log.iter().all(|(_, name)| name == "blocking-0"));
    let order: Vec<_> = log.iter().map(|(what, _)| *what).collect();
    assert_eq!(order, ["start", "job", "job", "stop"]);
}

/// A panic without the message of the panic hook.
fn panic_quietly() {
    resume_unwind(Box::new("on purpose"));
}

/// A payload whose destructor panics with another one.
struct Bomb(usize);

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.0 > 0 {
            resume_unwind(Box::new(Self(self.0 - 1)));
        }
    }
}

#[test]
fn a_thread_survives_the_panics_of_its_jobs_and_hooks() {
    let mut config = config(1, Duration::MAX);
    config.on_start = Some(Arc::new(panic_quietly));
    config.on_stop = Some(Arc::new(panic_quietly));
    let pool = Pool::new(config);
    pool.submit(job(panic_quietly)).unwrap();
    pool.submit(job(|| resume_unwind(Box::new(Bomb(3))))).unwrap();
    let (ran, counting) = counter();
    pool.submit(counting()).unwrap();
    assert_eq!(pool.wait_idle(Duration::MAX), 0);
    assert_eq!((ran.load(SeqCst), pool.metrics().started_total), (1, 1));
    end(&pool);
}

#[test]
fn without_a_thread_and_none_to_be_had_the_job_comes_back() {
    let pool = pool(4);
    let (sender, receiver) = channel();
    fail_starts_here(1);
    let refused = pool.submit(job(move || sender.send(7).unwrap())).unwrap_err();
    assert!(matches!(&refused.reason, Reason::NoThread(error)
        if error.kind() == io::ErrorKind::WouldBlock));
    assert_eq!((pool.in_flight(), pool.metrics().starts_failed_total), (0, 1));
    // The job is as good as new, and so is the pool.
    pool.submit(refused.job).unwrap();
    assert_eq!(receiver.recv().unwrap(), 7);
    end(&pool);
}

#[test]
fn with_a_thread_and_no_other_to_be_had_the_job_waits() {
    let pool = pool(4);
    let (body, has_begun, end_it) = long_job();
    pool.submit(body).unwrap();
    has_begun.recv().unwrap();
    let (sender, receiver) = channel();
    fail_starts_here(2);
    for number in 0..2 {
        let sender = sender.clone();
        pool.submit(job(move || sender.send(number).unwrap())).unwrap();
    }
    let metrics = pool.metrics();
    assert_eq!((metrics.threads, metrics.queued, metrics.starts_failed_total), (1, 2, 2));
    end_it.send(()).unwrap();
    assert_eq!((receiver.recv().unwrap(), receiver.recv().unwrap()), (0, 1));
    end(&pool);
}

#[test]
fn a_start_that_succeeds_makes_up_for_those_that_failed() {
    let pool = pool(4);
    let jobs: Vec<_> = (0..4).map(|_| long_job()).collect();
    let mut ends = vec![];
    let mut begun = vec![];
    for (number, (body, has_begun, end)) in jobs.into_iter().enumerate() {
        // The second and the third get no thread, and nobody will finish to take them.
        fail_starts_here(usize::from(number == 1 || number == 2));
        pool.submit(body).unwrap();
        if number == 0 {
            has_begun.recv().unwrap();
        }
        begun.push(has_begun);
        ends.push(end);
    }
    for has_begun in &begun[1..] {
        has_begun.recv().unwrap();
    }
    let metrics = pool.metrics();
    assert_eq!((metrics.threads, metrics.running, metrics.queued), (4, 4, 0));
    drop(ends);
    end(&pool);
}

#[test]
fn a_start_made_by_the_pool_may_fail_too() {
    let mut config = config(3, Duration::MAX);
    // Of the starts 0 to 2, all but the first two made by a submitter fail.
    let starts = AtomicUsize::new(0);
    config.name = Arc::new(move |index| {
        let number = starts.fetch_add(1, SeqCst);
        fail_starts_here(usize::from(number == 1 || number == 3));
        format!("blocking-{index}")
    });
    let pool = Pool::new(config);
    let (mut begun, mut ends) = (vec![], vec![]);
    for _ in 0..3 {
        let (body, has_begun, end) = long_job();
        pool.submit(body).unwrap();
        begun.push(has_begun);
        ends.push(end);
        if begun.len() == 1 {
            begun[0].recv().unwrap();
        }
    }
    // 0: started. 1: failed, queued. 2: started, and starts one for the queue (3),
    // which fails; so the second job waits for whoever finishes first.
    begun[2].recv().unwrap();
    wait_until(|| pool.metrics().starts_failed_total == 2);
    assert_eq!((pool.metrics().threads, pool.metrics().queued), (2, 1));
    ends[0].send(()).unwrap();
    begun[1].recv().unwrap();
    drop(ends);
    end(&pool);
}

#[test]
fn a_name_that_cannot_be_had_is_a_start_that_failed() {
    let names: [fn(usize) -> String; 2] = [|_| "\0".into(), |_| resume_unwind(Box::new(Bomb(2)))];
    for name in names {
        let mut config = config(2, Duration::MAX);
        config.name = Arc::new(name);
        let pool = Pool::new(config);
        let refused = pool.submit(job(|| ())).unwrap_err();
        assert!(matches!(refused.reason, Reason::NoThread(_)));
        assert_eq!(pool.in_flight(), 0);
        end(&pool);
    }
}

#[test]
fn a_closed_pool_gives_the_job_back() {
    let pool = pool(1);
    end(&pool);
    let (sender, receiver) = channel();
    let refused = pool.submit(job(move || sender.send(7).unwrap())).unwrap_err();
    assert!(matches!(refused.reason, Reason::Closed));
    assert_eq!(format!("{refused:?}"), "Refused { reason: Closed, .. }");
    refused.job.run();
    assert_eq!(receiver.recv().unwrap(), 7);
    end(&pool);
}

#[test]
fn a_shutdown_drops_what_waits_and_lets_run_what_runs() {
    let pool = pool(1);
    let (body, has_begun, end_it) = long_job();
    pool.submit(body).unwrap();
    has_begun.recv().unwrap();
    let value = Arc::new(());
    for _ in 0..10 {
        let value = value.clone();
        pool.submit(job(move || drop(value))).unwrap();
    }
    assert_eq!(pool.in_flight(), 11);
    pool.shutdown();
    assert_eq!(Arc::strong_count(&value), 1);
    assert_eq!(pool.wait_idle(Duration::ZERO), 1);
    assert_eq!(pool.wait_idle(Duration::from_millis(1)), 1);
    end_it.send(()).unwrap();
    end(&pool);
}

#[test]
fn a_dropped_job_may_panic_and_use_the_pool() {
    struct Reenters(Arc<Pool<Closure>>, Arc<AtomicUsize>);
    impl Drop for Reenters {
        fn drop(&mut self) {
            let refused = self.0.submit(job(|| ())).unwrap_err();
            assert!(matches!(refused.reason, Reason::Closed));
            self.0.shutdown();
            assert_eq!(self.0.in_flight(), 1);
            self.1.fetch_add(1, SeqCst);
            panic_quietly();
        }
    }
    let pool = pool(1);
    let (body, has_begun, end_it) = long_job();
    pool.submit(body).unwrap();
    has_begun.recv().unwrap();
    let drops = Arc::new(AtomicUsize::new(0));
    for _ in 0..3 {
        let guard = Reenters(pool.clone(), drops.clone());
        pool.submit(job(move || drop(guard))).unwrap();
    }
    pool.shutdown();
    assert_eq!(drops.load(SeqCst), 3);
    drop(end_it);
    end(&pool);
}

#[test]
fn a_job_may_submit_and_shut_down() {
    let pool = pool(2);
    let (sender, receiver) = channel();
    let inner = pool.clone();
    let outer = job(move || {
        let again = inner.clone();
        let last = job(move || {
            again.shutdown();
            sender.send(again.wait_idle(Duration::from_millis(1))).unwrap();
        });
        inner.submit(last).unwrap();
    });
    pool.submit(outer).unwrap();
    // The last one waited in vain for itself, and perhaps for the other.
    assert!((1..=2).contains(&receiver.recv().unwrap()));
    end(&pool);
}

/// Three megabytes overflow the two that threads have by default.
#[test]
fn the_stack_is_as_large_as_asked_for() {
    let mut config = config(1, Duration::MAX);
    config.stack_size = Some(16 << 20);
    let pool = Pool::new(config);
    let (sender, receiver) = channel();
    let deep = job(move || {
        let array = std::hint::black_box([1_u8; 3 << 20]);
        sender.send(array.len()).unwrap();
    });
    pool.submit(deep).unwrap();
    assert_eq!(receiver.recv().unwrap(), 3 << 20);
    end(&pool);
}

#[test]
fn a_hundred_thousand_queued_jobs_drain() {
    let pool = pool(4);
    let gate = Arc::new(Barrier::new(5));
    for _ in 0..4 {
        let gate = gate.clone();
        let wait = job(move || {
            gate.wait();
        });
        pool.submit(wait).unwrap();
    }
    let (ran, counting) = counter();
    for _ in 0..100_000 {
        pool.submit(counting()).unwrap();
    }
    wait_until(|| pool.metrics().running == 4);
    assert_eq!(pool.metrics().queued, 100_000);
    gate.wait();
    assert_eq!(pool.wait_idle(Duration::MAX), 0);
    assert_eq!(ran.load(SeqCst), 100_000);
    assert_eq!(pool.metrics().threads_peak, 4);
    end(&pool);
}

/// Counts what becomes of it.
struct Counted {
    ran: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
    is_counted: bool,
}

impl Job for Counted {
    fn run(mut self) {
        self.ran.fetch_add(1, SeqCst);
        self.is_counted = true;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if !self.is_counted {
            self.dropped.fetch_add(1, SeqCst);
        }
    }
}

/// Threads that end all the time, failing starts, and a shutdown in the middle.
#[test]
fn every_job_runs_once_or_is_dropped_once_under_fire() {
    const SUBMITTERS: usize = 4;
    const JOBS: usize = 2_000;
    for round in 0..4 {
        let pool = Pool::new(config(3, Duration::from_micros(round * 5)));
        let (ran, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let refused = AtomicUsize::new(0);
        thread::scope(|scope| {
            for submitter in 0..SUBMITTERS {
                let (pool, refused, ran, dropped) = (&pool, &refused, &ran, &dropped);
                scope.spawn(move || {
                    for number in 0..JOBS {
                        fail_starts_here(usize::from(number % 3 == 0));
                        let (ran, dropped) = (ran.clone(), dropped.clone());
                        let job = Counted { ran, dropped, is_counted: false };
                        if let Err(mut back) = pool.submit(job) {
                            refused.fetch_add(1, SeqCst);
                            back.job.is_counted = true;
                        }
                        if submitter == 0 && number == JOBS / 2 {
                            pool.shutdown();
                        }
                    }
                });
            }
        });
        assert_eq!(pool.wait_idle(Duration::MAX), 0);
        let ended = ran.load(SeqCst) + dropped.load(SeqCst) + refused.load(SeqCst);
        assert_eq!(ended, SUBMITTERS * JOBS);
        assert!(pool.metrics().threads_peak <= 3);
    }
}

/// Jobs that wait for one another, and a thread that has just been claimed, counted
/// idle no more: this hung a pool that counted it.
#[test]
fn jobs_parked_on_channels_strand_nobody() {
    const ROUNDS: usize = 2_000;
    let pool = pool(2);
    for round in 0..ROUNDS {
        // Somebody is idle, or is just falling idle, or is just being claimed.
        pool.submit(job(|| ())).unwrap();
        if round % 3 == 0 {
            assert_eq!(pool.wait_idle(Duration::MAX), 0);
        }
        let (open, opens) = channel();
        let (begun, has_begun) = channel();
        let waits = job(move || {
            opens.recv().unwrap();
            begun.send(()).unwrap();
        });
        let theirs = pool.clone();
        let other = thread::spawn(move || theirs.submit(waits).map(drop).unwrap());
        pool.submit(job(move || open.send(()).unwrap())).unwrap();
        other.join().unwrap();
        has_begun.recv_timeout(Duration::from_secs(20)).expect("a job was lost");
    }
    assert!(pool.metrics().threads_peak <= 2);
    end(&pool);
}

#[test]
fn each_of_a_burst_that_waits_for_all_begins() {
    for round in 0..20 {
        let pool = pool(32);
        let gate = Arc::new(Barrier::new(32));
        // At first there are no threads, later they are idle.
        for _ in 0..=round % 3 {
            for _ in 0..32 {
                let gate = gate.clone();
                let wait = job(move || {
                    gate.wait();
                });
                pool.submit(wait).unwrap();
            }
            assert_eq!(pool.wait_idle(Duration::MAX), 0);
        }
        assert_eq!(pool.metrics().threads_peak, 32);
        end(&pool);
    }
}

#[test]
fn a_withdrawn_job_leaves_nothing_behind() {
    let pool = pool(1);
    let (body, has_begun, end_it) = long_job();
    assert_eq!(pool.submit(body).unwrap(), None);
    has_begun.recv().unwrap();
    let (ran, counting) = counter();
    let tickets: Vec<_> = (0..3).map(|_| pool.submit(counting()).unwrap().unwrap()).collect();
    assert!(pool.withdraw(tickets[1], |_| true).is_some());
    assert!(pool.withdraw(tickets[1], |_| true).is_none());
    assert!(pool.withdraw(tickets[2], |_| false).is_none());
    assert_eq!(pool.in_flight(), 3);
    end_it.send(()).unwrap();
    assert_eq!(pool.wait_idle(Duration::MAX), 0);
    assert_eq!(ran.load(SeqCst), 2);
    assert!(pool.withdraw(tickets[0], |_| true).is_none());
    end(&pool);
}
