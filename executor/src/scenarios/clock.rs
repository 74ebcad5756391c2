//! A virtual clock: it jumps when everybody sleeps and nothing is going on, and
//! at no other time.
//!
//! A clock that does not jump when it should ends a scenario as a deadlock.

use super::{
    explore,
    instruments::{Baton, Fate::Done, Ledger, Watched},
};
use crate::{Builder, Executor, spawn, spawn_blocking, spawn_local, yield_now};
use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Instant,
};
use sync::{
    driver::{Driver, Seat, ThreadDriver},
    shim::{Lock, thread},
};

/// What a clock and those who watch it share.
#[derive(Clone, Default)]
struct Clock {
    timers: Arc<Lock<VecDeque<Baton>>>,
    /// Polls and closures that are under way.
    busy: Arc<AtomicUsize>,
}

impl Clock {
    /// Sleeps until the clock jumps for us: once for everybody who sleeps.
    async fn sleep(&self) {
        let baton = Baton::default();
        self.timers.lock().push_back(baton.clone());
        baton.take().await;
    }

    fn watch<F>(&self, ledger: &Ledger, future: F) -> Busy<F> {
        Busy { future: ledger.watch(future), clock: self.clone() }
    }

    fn while_busy<T>(&self, body: impl FnOnce() -> T) -> T {
        self.busy.fetch_add(1, Relaxed);
        let result = body();
        thread::yield_now();
        self.busy.fetch_sub(1, Relaxed);
        result
    }
}

/// A future whose polls are no time for a jump.
struct Busy<F> {
    future: Watched<F>,
    clock: Clock,
}

impl<F: Future> Future for Busy<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let clock = self.clock.clone();
        clock.while_busy(|| Pin::new(&mut self.future).poll(cx))
    }
}

struct VirtualDriver {
    inner: ThreadDriver,
    clock: Clock,
}

impl Driver for VirtualDriver {
    fn attach(&self, seat: Seat) {
        self.inner.attach(seat);
    }

    fn detach(&self, seat: Seat) {
        self.inner.detach(seat);
    }

    fn park(&self, seat: Seat, until: Option<Instant>, max: usize) -> usize {
        self.inner.park(seat, until, max)
    }

    fn poll(&self, seat: Seat, max: usize) -> usize {
        self.inner.poll(seat, max)
    }

    fn unpark(&self, seat: Seat) {
        self.inner.unpark(seat);
    }

    fn next_deadline(&self, seat: Seat) -> Option<Instant> {
        self.inner.next_deadline(seat)
    }

    fn now(&self) -> Instant {
        self.inner.now()
    }

    fn advance_idle(&self) -> bool {
        assert_eq!(self.clock.busy.load(Relaxed), 0, "the clock jumps while somebody works");
        let due = self.clock.timers.lock().pop_front();
        due.iter().for_each(Baton::pass);
        due.is_some()
    }

    fn close(&self) {
        self.inner.close();
    }
}

fn build(builder: Builder, clock: &Clock) -> Executor {
    let clock = clock.clone();
    builder.build_with(|seats| VirtualDriver { inner: ThreadDriver::new(seats), clock }).unwrap()
}

/// Sleeps twice, and does some other work in between.
async fn live(clock: Clock, n: usize) {
    clock.sleep().await;
    if n.is_multiple_of(2) {
        let theirs = clock.clone();
        spawn_blocking(move || theirs.while_busy(thread::yield_now)).await.unwrap();
    } else {
        yield_now().await;
    }
    clock.sleep().await;
}

fn run(builder: fn() -> Builder, guests: usize) -> Vec<super::instruments::Fate> {
    let (clock, ledger) = (Clock::default(), Ledger::default());
    let executor = Arc::new(build(builder(), &clock));
    let threads: Vec<_> = (0..guests)
        .map(|_| {
            let (executor, clock, ledger) = (executor.clone(), clock.clone(), ledger.clone());
            thread::spawn(move || {
                let main = {
                    let (clock, ledger) = (clock.clone(), ledger.clone());
                    async move {
                        let local = spawn_local(clock.watch(&ledger, live(clock.clone(), 1)));
                        let tasks: Vec<_> = (0..3)
                            .map(|n| spawn(clock.watch(&ledger, live(clock.clone(), n))))
                            .collect();
                        clock.sleep().await;
                        for task in tasks {
                            task.await.unwrap();
                        }
                        local.await.unwrap();
                    }
                };
                executor.block_on(clock.watch(&ledger, main));
            })
        })
        .collect();
    threads.into_iter().for_each(|it| it.join().unwrap());
    drop(executor);
    ledger.fates()
}

#[test]
fn the_clock_jumps_when_workers_and_a_guest_sleep() {
    let seen = explore(|| run(|| Builder::new_multi_thread().worker_threads(2), 1));
    assert_eq!(seen, [Done].into());
}

#[test]
fn the_clock_jumps_when_workers_and_guests_sleep() {
    let seen = explore(|| run(|| Builder::new_multi_thread().worker_threads(1), 2));
    assert_eq!(seen, [Done].into());
}

#[test]
fn the_clock_jumps_on_one_thread() {
    let seen = explore(|| run(Builder::new_current_thread, 1));
    assert_eq!(seen, [Done].into());
}

#[test]
fn the_clock_jumps_for_threads_that_take_turns() {
    let seen = explore(|| run(Builder::new_current_thread, 2));
    assert_eq!(seen, [Done].into());
}

#[test]
fn the_clock_jumps_over_nothing_that_a_watcher_moves() {
    let seen = explore(|| run(|| Builder::new_multi_thread().worker_threads(2).watched(), 1));
    assert_eq!(seen, [Done].into());
}
