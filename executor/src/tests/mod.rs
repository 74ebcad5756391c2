//! What hostile or merely unlucky programs do to an executor.
//!
//! Every test runs under a time limit: what goes wrong here is most often a hang.

mod blocking;
mod contexts;
mod fairness;
mod learning;
mod panics;
mod pinned;
mod reasons;
mod wakes;

use crate::*;
use std::{
    cell::{Cell, RefCell},
    future::{Future, pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind, panic_any},
    rc::Rc,
    sync::{
        Arc, Mutex, Weak,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
        mpsc,
    },
    task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker},
    time::{Duration, Instant},
};
use sync::{
    coop,
    driver::{Driver, Seat},
    parker::Parker,
};

const LIMIT: Duration = Duration::from_secs(4);

/// Runs `body` on a thread of its own, and fails if it takes too long.
fn in_time<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = done.send(catch_unwind(AssertUnwindSafe(body)));
    });
    match result.recv_timeout(LIMIT).expect("it hangs") {
        Ok(value) => value,
        Err(payload) => std::panic::resume_unwind(payload),
    }
}

fn multi(workers: usize) -> Builder {
    Builder::new_multi_thread().worker_threads(workers).on_unhandled(|_| {})
}

fn start(builder: Builder) -> Executor {
    builder.build_with(ThreadDriver::new).unwrap()
}

fn single() -> Executor {
    start(Builder::new_current_thread().on_unhandled(|_| {}))
}

/// Whether the executor still does what it is for.
fn still_works(executor: &Executor) {
    let handle = executor.handle().clone();
    executor.block_on(async move {
        for n in 0..100 {
            assert_eq!(handle.spawn(async move { n }).await.unwrap(), n);
        }
    });
}

thread_local! {
    static LOCAL: RefCell<Option<Rc<LocalExecutor>>> = const { RefCell::new(None) };
    /// Guards that last as long as the thread.
    static KEPT: RefCell<Vec<EnterGuard>> = const { RefCell::new(vec![]) };
}

/// A future that waits to be woken once, and gives its waker away.
fn woken_through(place: Arc<Mutex<Option<Waker>>>) -> impl Future<Output = ()> + Send {
    let mut is_first = true;
    poll_fn(move |cx| {
        if std::mem::take(&mut is_first) {
            *place.lock().unwrap() = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    })
}

/// A waker whose clones live elsewhere than itself.
struct Promoted(AtomicBool);

impl Wake for Promoted {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Release);
    }
}

/// A driver that notes what the threads do.
struct Noting {
    inner: ThreadDriver,
    parks: Mutex<Vec<Seat>>,
    is_closed: AtomicBool,
    jumps: AtomicUsize,
    /// Woken when the clock jumps.
    sleeper: Mutex<Option<Waker>>,
    balance: Mutex<Vec<(std::thread::ThreadId, Seat)>>,
}

impl Noting {
    fn new(seats: usize) -> Self {
        Self {
            inner: ThreadDriver::new(seats),
            parks: Mutex::default(),
            is_closed: AtomicBool::new(false),
            jumps: AtomicUsize::new(0),
            sleeper: Mutex::default(),
            balance: Mutex::default(),
        }
    }
}

impl Driver for Noting {
    fn attach(&self, seat: Seat) {
        self.balance.lock().unwrap().push((std::thread::current().id(), seat));
    }
    fn detach(&self, seat: Seat) {
        let mine = (std::thread::current().id(), seat);
        let mut balance = self.balance.lock().unwrap();
        let place = balance.iter().rposition(|it| *it == mine).expect("never attached");
        balance.remove(place);
    }
    fn park(&self, seat: Seat, until: Option<Instant>, max: usize) -> usize {
        if self.is_closed.load(Relaxed) {
            self.parks.lock().unwrap().push(seat);
            let sleeper = self.sleeper.lock().unwrap().take();
            if let Some(waker) = sleeper {
                waker.wake();
                return 1;
            }
        }
        self.inner.park(seat, until, max)
    }
    fn poll(&self, _: Seat, _: usize) -> usize {
        0
    }
    fn unpark(&self, seat: Seat) {
        self.inner.unpark(seat);
    }
    fn next_deadline(&self, _: Seat) -> Option<Instant> {
        None
    }
    fn now(&self) -> Instant {
        self.inner.now()
    }
    fn advance_idle(&self) -> bool {
        let sleeper = self.sleeper.lock().unwrap().take();
        self.jumps.fetch_add(1, Relaxed);
        sleeper.is_some_and(|it| {
            it.wake();
            true
        })
    }
    fn close(&self) {
        self.is_closed.store(true, Relaxed);
    }
}

fn noted(builder: &Builder) -> Arc<Noting> {
    Arc::new(Noting::new(builder.seats()))
}

/// Sleeps until the driver's clock jumps.
fn sleep_on(driver: &Arc<Noting>) -> impl Future<Output = ()> + Send + use<> {
    let driver = driver.clone();
    let mut is_first = true;
    poll_fn(move |cx| {
        if std::mem::take(&mut is_first) {
            *driver.sleeper.lock().unwrap() = Some(cx.waker().clone());
            return Poll::Pending;
        }
        match *driver.sleeper.lock().unwrap() {
            Some(_) => Poll::Pending,
            None => Poll::Ready(()),
        }
    })
}

/// Counts how many of it live.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(live: &Arc<AtomicUsize>) -> Self {
        live.fetch_add(1, Relaxed);
        Self(live.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Lets `round` be run as often as fits into a second or so.
fn again_and_again(mut round: impl FnMut()) {
    let end = sync::shim::now() + Duration::from_millis(1200);
    for _ in 0..3000 {
        round();
        if sync::shim::now() > end {
            break;
        }
    }
}
