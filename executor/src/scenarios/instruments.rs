//! What the scenarios of the executor watch it with.

use crate::{Builder, Executor};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    time::Instant,
};
use sync::{
    driver::{Driver, Seat, ThreadDriver},
    parker::Parker,
    shim::{Lock, thread},
};

/// How a future ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// It was polled to its end.
    Done,
    /// It was dropped before.
    Dropped,
}

/// Where futures write how they end: each exactly once.
///
/// Its locks are std's: nothing happens under them that shuttle sees.
#[derive(Clone, Default)]
pub(super) struct Ledger(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    made: usize,
    ends: Vec<(usize, Fate)>,
}

impl Ledger {
    /// Watches `future`.
    pub(super) fn watch<F>(&self, future: F) -> Watched<F> {
        let mut entries = self.0.lock().unwrap();
        let number = entries.made;
        entries.made += 1;
        Watched { future: Box::pin(future), number, fate: Fate::Dropped, ledger: self.clone() }
    }

    /// How all of them ended.
    pub(super) fn fates(&self) -> Vec<Fate> {
        let entries = self.0.lock().unwrap();
        let mut ends = entries.ends.clone();
        ends.sort_unstable();
        assert!(ends.iter().map(|it| it.0).eq(0..entries.made), "each ends once: {ends:?}");
        ends.into_iter().map(|it| it.1).collect()
    }
}

/// A future that says how it ends, and is polled by one thread at a time.
pub(super) struct Watched<F> {
    future: Pin<Box<F>>,
    number: usize,
    fate: Fate,
    ledger: Ledger,
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        assert_eq!(self.fate, Fate::Dropped, "polled after its end");
        let polled = self.future.as_mut().poll(cx);
        if polled.is_ready() {
            self.fate = Fate::Done;
        }
        polled
    }
}

impl<F> Drop for Watched<F> {
    fn drop(&mut self) {
        self.ledger.0.lock().unwrap().ends.push((self.number, self.fate));
    }
}

/// A token that one side leaves and the other, a task, takes.
#[derive(Clone, Default)]
pub(super) struct Baton(Arc<Lock<(usize, Option<Waker>)>>);

impl Baton {
    pub(super) fn pass(&self) {
        let waker = {
            let mut inside = self.0.lock();
            inside.0 += 1;
            inside.1.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Waits for a token, and takes it.
    pub(super) fn take(&self) -> impl Future<Output = ()> + Send + use<> {
        let this = self.clone();
        std::future::poll_fn(move |cx| {
            let waker = cx.waker().clone();
            let mut inside = this.0.lock();
            if inside.0 > 0 {
                inside.0 -= 1;
                drop(inside);
                return Poll::Ready(());
            }
            let before = inside.1.replace(waker);
            drop(inside);
            drop(before);
            Poll::Pending
        })
    }

    /// The waker of the task that waits, if one does: it may outlive everything.
    pub(super) fn steal_waker(&self) -> Option<Waker> {
        self.0.lock().1.take()
    }
}

/// Says when the driver, and with it the scheduler that owned it, has ended.
#[derive(Clone, Default)]
pub(super) struct Watch {
    is_gone: Arc<AtomicBool>,
    gone: Arc<Parker>,
    inside: Arc<AtomicUsize>,
}

impl Watch {
    /// Waits for the end of the scheduler. If it was leaked that is a deadlock.
    pub(super) fn wait_for_the_end(&self) {
        self.gone.park();
        assert!(self.is_gone.load(Relaxed));
    }

    pub(super) fn is_gone(&self) -> bool {
        self.is_gone.load(Relaxed)
    }
}

/// A driver without I/O that notices when it is used after its end, or while it
/// ends.
struct WatchedDriver {
    inner: ThreadDriver,
    watch: Watch,
}

impl WatchedDriver {
    fn enter<T>(&self, call: impl FnOnce(&ThreadDriver) -> T) -> T {
        let watch = self.watch.clone();
        watch.inside.fetch_add(1, Relaxed);
        assert!(!watch.is_gone(), "a driver is used after its end");
        let result = call(&self.inner);
        // Whoever could end it now gets the chance.
        thread::yield_now();
        assert!(!watch.is_gone(), "a driver ends while it is used");
        watch.inside.fetch_sub(1, Relaxed);
        result
    }
}

impl Drop for WatchedDriver {
    fn drop(&mut self) {
        assert_eq!(self.watch.inside.load(Relaxed), 0, "a driver ends while it is used");
        self.watch.is_gone.store(true, Relaxed);
        self.watch.gone.unpark();
    }
}

impl Driver for WatchedDriver {
    fn attach(&self, seat: Seat) {
        self.enter(|it| it.attach(seat));
    }

    fn detach(&self, seat: Seat) {
        self.enter(|it| it.detach(seat));
    }

    fn park(&self, seat: Seat, until: Option<Instant>, max: usize) -> usize {
        self.enter(|it| it.park(seat, until, max))
    }

    fn poll(&self, seat: Seat, max: usize) -> usize {
        self.enter(|it| it.poll(seat, max))
    }

    fn unpark(&self, seat: Seat) {
        self.enter(|it| it.unpark(seat));
    }

    fn next_deadline(&self, seat: Seat) -> Option<Instant> {
        self.inner.next_deadline(seat)
    }

    fn now(&self) -> Instant {
        self.inner.now()
    }

    fn close(&self) {
        self.enter(ThreadDriver::close);
    }
}

/// An executor with a watched driver.
pub(super) fn build(builder: Builder) -> (Executor, Watch) {
    let watch = Watch::default();
    let theirs = watch.clone();
    let driver = |seats| WatchedDriver { inner: ThreadDriver::new(seats), watch: theirs };
    (builder.build_with(driver).unwrap(), watch)
}

/// One with so many workers.
pub(super) fn multi(workers: usize) -> (Executor, Watch) {
    build(Builder::new_multi_thread().worker_threads(workers))
}

pub(super) fn current_thread() -> (Executor, Watch) {
    build(Builder::new_current_thread())
}
