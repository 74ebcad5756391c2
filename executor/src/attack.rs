//! What hostile or merely unlucky programs do to an executor.
//!
//! Every test runs under a time limit: what goes wrong here is most often a hang.

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

/// A panic's payload that panics again.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the payload's destructor panics, too");
    }
}

thread_local! {
    static LOCAL: RefCell<Option<Rc<LocalExecutor>>> = const { RefCell::new(None) };
}

#[test]
fn a_local_executor_refuses_to_be_entered_twice() {
    in_time(|| {
        static DEPTH: AtomicUsize = AtomicUsize::new(0);
        let local = Builder::new_current_thread()
            .on_thread_park(|| {
                if DEPTH.fetch_add(1, Relaxed) == 0 {
                    let local = LOCAL.with_borrow(|it| it.clone().unwrap());
                    local.block_on(async {});
                }
            })
            .build_local_with(ThreadDriver::new)
            .unwrap();
        let local = Rc::new(local);
        LOCAL.set(Some(local.clone()));
        let waker = Arc::new(Mutex::new(None::<Waker>));
        let theirs = waker.clone();
        let thread = std::thread::spawn(move || {
            while DEPTH.load(Relaxed) == 0 {
                std::thread::yield_now();
            }
            loop {
                if let Some(waker) = theirs.lock().unwrap().take() {
                    return waker.wake();
                }
                std::thread::yield_now();
            }
        });
        let mut is_first = true;
        local.block_on(poll_fn(|cx| {
            if std::mem::take(&mut is_first) {
                *waker.lock().unwrap() = Some(cx.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(())
        }));
        thread.join().unwrap();
        LOCAL.set(None);
        drop(local);
        assert!(Handle::try_current().is_none(), "the thread is in a runtime that is gone");
    });
}

#[test]
fn a_payload_that_panics_when_dropped_kills_no_worker() {
    in_time(|| {
        let executor = start(multi(1));
        for _ in 0..3 {
            drop(executor.handle().spawn(async { panic_any(Bomb) }));
        }
        struct Explosive;
        impl Drop for Explosive {
            fn drop(&mut self) {
                panic_any(Bomb);
            }
        }
        drop(executor.handle().spawn(async { Explosive }));
        drop(executor.handle().spawn(async {
            let _it = Explosive;
        }));
        still_works(&executor);
        drop(executor.handle().spawn(async {
            let _it = Explosive;
            pending::<()>().await
        }));
        still_works(&executor);
        let report = executor.shutdown(Shutdown::default());
        assert!(report.is_clean(), "{report}");
    });
}

#[test]
fn hooks_that_panic_with_a_bomb_kill_no_worker() {
    in_time(|| {
        let builder = Builder::new_multi_thread()
            .worker_threads(1)
            .on_unhandled(|_| panic_any(Bomb))
            .on_thread_park(|| panic_any(Bomb))
            .on_thread_unpark(|| panic_any(Bomb))
            .on_thread_start(|| panic_any(Bomb))
            .on_thread_stop(|| panic_any(Bomb));
        let executor = start(builder);
        drop(executor.handle().spawn(async { panic!("heard by a hook that panics") }));
        still_works(&executor);
        let report = executor.shutdown(Shutdown::default());
        assert!(report.is_clean(), "{report}");
    });
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

#[test]
fn what_a_hook_wakes_before_sleep_is_run() {
    for is_multi in [true, false] {
        in_time(move || {
            let place = Arc::new(Mutex::new(None::<Waker>));
            let theirs = place.clone();
            let hook = move || {
                let waker = theirs.lock().unwrap().take();
                waker.into_iter().for_each(Waker::wake);
            };
            let builder = match is_multi {
                true => Builder::new_multi_thread().worker_threads(1),
                false => Builder::new_current_thread(),
            };
            let executor = start(builder.on_thread_park(hook));
            let task = executor.handle().spawn(woken_through(place));
            executor.block_on(task).unwrap();
        });
    }
}

#[test]
fn a_local_task_that_a_hook_spawns_before_sleep_is_run() {
    in_time(|| {
        static HAS_RUN: AtomicBool = AtomicBool::new(false);
        static WAKER: Mutex<Option<Waker>> = Mutex::new(None);
        let hook = || {
            let waker = WAKER.lock().unwrap().take();
            if let Some(waker) = waker {
                drop(spawn_local(async move {
                    HAS_RUN.store(true, Relaxed);
                    waker.wake();
                }));
            }
        };
        let executor = start(multi(1).on_thread_park(hook));
        executor.block_on(poll_fn(|cx| {
            if HAS_RUN.load(Relaxed) {
                return Poll::Ready(());
            }
            *WAKER.lock().unwrap() = Some(cx.waker().clone());
            Poll::Pending
        }));
    });
}

#[test]
fn a_join_that_blocks_needs_no_budget() {
    in_time(|| {
        let executor = start(multi(2).budget(1));
        let task = executor.handle().spawn(async {
            let other = spawn(async { 7 });
            coop::consume_budget().await;
            block_in_place(|| other.join_blocking(None).unwrap().unwrap())
        });
        assert_eq!(executor.block_on(task).unwrap(), 7);
    });
}

#[test]
fn block_in_place_has_no_budget() {
    in_time(|| {
        let executor = start(multi(2).budget(1));
        let task = executor.handle().spawn(async {
            let other = spawn(async { 7 });
            coop::consume_budget().await;
            block_in_place(|| futures::executor::block_on(other).unwrap())
        });
        assert_eq!(executor.block_on(task).unwrap(), 7);
    });
}

/// A waker whose clones live elsewhere than itself.
struct Promoted(AtomicBool);

impl Wake for Promoted {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Release);
    }
}

/// On the stack: a pointer to the cell that says which `Promoted` to clone.
static ON_STACK: RawWakerVTable = RawWakerVTable::new(
    |data| {
        // SAFETY: `data` is the cell of the test below, which outlives the waker.
        let cell = unsafe { &*data.cast::<RefCell<Arc<Promoted>>>() };
        let waker = Waker::from(cell.borrow().clone());
        let raw = RawWaker::new(waker.data(), waker.vtable());
        std::mem::forget(waker);
        raw
    },
    |_| {},
    |_| {},
    |_| {},
);

#[test]
fn the_last_waker_is_woken_though_its_clones_live_elsewhere() {
    in_time(|| {
        let executor = single();
        let place = Arc::new(Mutex::new(None::<Waker>));
        let mut task = executor.handle().spawn(woken_through(place.clone()));
        executor.block_on(async {
            while place.lock().unwrap().is_none() {
                yield_now().await;
            }
        });
        let old = Arc::new(Promoted(AtomicBool::new(false)));
        let new = Arc::new(Promoted(AtomicBool::new(false)));
        let cell = RefCell::new(old.clone());
        let raw = RawWaker::new(std::ptr::from_ref(&cell).cast(), &ON_STACK);
        // SAFETY: the table above keeps the contract on this one thread.
        let waker = unsafe { Waker::from_raw(raw) };
        let mut cx = Context::from_waker(&waker);
        assert!(std::pin::Pin::new(&mut task).poll(&mut cx).is_pending());
        // The same place on the stack, but another waker.
        cell.replace(new.clone());
        assert!(std::pin::Pin::new(&mut task).poll(&mut cx).is_pending());
        executor.block_on(async {
            yield_now().await;
            place.lock().unwrap().take().unwrap().wake();
            yield_now().await;
            yield_now().await;
        });
        assert!(task.is_finished());
        assert!(new.0.load(Acquire), "only the old waker was woken");
    });
}

#[test]
fn a_main_future_that_panics_leaves_local_tasks_alone() {
    in_time(|| {
        let local = Builder::new_current_thread().build_local_with(ThreadDriver::new).unwrap();
        let task = local.spawn_local(async {
            yield_now().await;
            yield_now().await;
            7
        });
        let main = catch_unwind(AssertUnwindSafe(|| local.block_on(async { panic!("main") })));
        assert!(main.is_err());
        assert_eq!(local.block_on(task).unwrap(), 7);
    });
}

#[test]
fn an_executor_dropped_by_its_own_worker_waits_for_nobody() {
    in_time(|| {
        let executor = start(multi(1));
        let handle = executor.handle().clone();
        let (done, result) = mpsc::channel();
        drop(handle.clone().spawn(async move {
            let _entered = handle.enter();
            drop(executor);
            done.send(()).unwrap();
        }));
        result.recv_timeout(Duration::from_secs(2)).expect("it waited for itself");
    });
    in_time(|| {
        let executor = start(multi(1));
        let handle = executor.handle().clone();
        let other = single();
        let (done, result) = mpsc::channel();
        drop(handle.spawn(async move {
            other.block_on(async move { drop(executor) });
            done.send(()).unwrap();
        }));
        result.recv_timeout(Duration::from_secs(2)).expect("it waited for itself");
    });
}

#[test]
fn a_nested_block_on_of_a_current_thread_runtime_is_refused_wherever_it_hides() {
    fn refuses(executor: &Executor) {
        let handle = executor.handle().clone();
        let result = catch_unwind(AssertUnwindSafe(|| {
            handle.block_on(async { spawn(async {}).await.unwrap() });
        }));
        assert!(result.is_err(), "it was let in");
    }
    in_time(|| {
        let executor = single();
        executor.block_on(async {
            let _entered = executor.handle().enter();
            refuses(&executor);
        });
    });
    in_time(|| {
        let (executor, other) = (single(), single());
        executor.block_on(async { other.block_on(async { refuses(&executor) }) });
    });
    in_time(|| {
        let executor = Arc::new(single());
        struct Nests(Weak<Executor>, Arc<AtomicBool>);
        impl Drop for Nests {
            fn drop(&mut self) {
                refuses(&self.0.upgrade().unwrap());
                self.1.store(true, Relaxed);
            }
        }
        let dropped = Arc::new(AtomicBool::new(false));
        let nests = Nests(Arc::downgrade(&executor), dropped.clone());
        executor.block_on(async {
            drop(spawn_local(async move {
                let _it = nests;
                pending::<()>().await
            }));
            yield_now().await;
        });
        assert!(dropped.load(Relaxed));
    });
}

#[test]
fn a_thread_that_waits_its_turn_is_not_held_up_by_one_that_blocks() {
    in_time(|| {
        let executor = Arc::new(single());
        let (driving, is_driving) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let place = Arc::new(Mutex::new(None::<Waker>));
        // The first thread drives until it is told to end.
        let first = {
            let (executor, place) = (executor.clone(), place.clone());
            std::thread::spawn(move || {
                executor.block_on(async {
                    let end = woken_through(place);
                    let mut end = std::pin::pin!(end);
                    let mut driving = Some(driving);
                    poll_fn(move |cx| {
                        let poll = end.as_mut().poll(cx);
                        driving.take().into_iter().for_each(|it| it.send(()).unwrap());
                        poll
                    })
                    .await;
                })
            })
        };
        is_driving.recv().unwrap();
        // The second waits its turn; its main blocks in the middle of a poll.
        let (blocking, is_blocking) = mpsc::channel();
        let second = {
            let executor = executor.clone();
            std::thread::spawn(move || {
                executor.block_on(async move {
                    yield_now().await;
                    blocking.send(()).unwrap();
                    released.recv().unwrap();
                })
            })
        };
        is_blocking.recv().unwrap();
        // The third waits for a task that somebody has to run.
        let (parked, is_parked) = mpsc::channel();
        let third = {
            let executor = executor.clone();
            std::thread::spawn(move || {
                executor.block_on(async move {
                    let task = spawn(async move { release.send(()).unwrap() });
                    parked.send(()).unwrap();
                    task.await.unwrap();
                })
            })
        };
        is_parked.recv().unwrap();
        let waker = place.lock().unwrap().take().unwrap();
        waker.wake();
        [first, second, third].into_iter().for_each(|it| it.join().unwrap());
    });
}

/// A driver with one event: whoever parks first after it was armed gets a panic.
struct Panicking {
    inner: ThreadDriver,
    is_armed: AtomicBool,
}

impl Driver for Panicking {
    fn attach(&self, _: Seat) {}
    fn detach(&self, _: Seat) {}
    fn park(&self, seat: Seat, until: Option<Instant>, max: usize) -> usize {
        assert!(!self.is_armed.swap(false, Relaxed), "a waker panics");
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
    fn close(&self) {}
}

#[test]
fn a_waker_that_panics_in_the_driver_kills_no_worker() {
    in_time(|| {
        let builder = multi(1);
        let inner = ThreadDriver::new(builder.seats());
        let driver = Arc::new(Panicking { inner, is_armed: AtomicBool::new(true) });
        let executor = builder.build(driver.clone()).unwrap();
        executor.handle().spawn(async {}).join_blocking(None).unwrap().unwrap();
        while driver.is_armed.load(Relaxed) {
            std::thread::yield_now();
        }
        let task = executor.handle().spawn(async { 7 });
        assert_eq!(task.join_blocking(None).unwrap().unwrap(), 7);
        let report = executor.shutdown(Shutdown::default());
        assert!(report.is_clean(), "{report}");
    });
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

#[test]
fn a_main_future_sleeps_in_the_driver_after_the_runtime_ended() {
    in_time(|| {
        let builder = Builder::new_current_thread();
        let driver = noted(&builder);
        let executor = builder.build(driver.clone()).unwrap();
        let handle = executor.handle().clone();
        let (theirs, began) = (driver.clone(), Arc::new(Parker::new()));
        let begin = began.clone();
        let thread = std::thread::spawn(move || {
            handle.block_on(async {
                begin.unpark();
                // Woken by the end, and then only by a park in the driver.
                let cancelled = spawn(pending::<()>());
                assert!(cancelled.await.unwrap_err().is_cancelled());
                while !theirs.is_closed.load(Relaxed) {
                    yield_now().await;
                }
                sleep_on(&theirs).await;
            });
        });
        began.park();
        drop(executor);
        thread.join().unwrap();
        assert!(!driver.parks.lock().unwrap().is_empty());
    });
}

#[test]
fn a_virtual_clock_jumps_under_a_nested_block_on() {
    for depth in [1, 2, 3] {
        in_time(move || {
            fn nest(driver: &Arc<Noting>, depth: usize) {
                Handle::current().block_on(async {
                    match depth {
                        0 => sleep_on(driver).await,
                        _ => nest(driver, depth - 1),
                    }
                });
            }
            let builder = multi(2);
            let driver = noted(&builder);
            let executor = builder.build(driver.clone()).unwrap();
            let theirs = driver.clone();
            let task = executor.handle().spawn(async move { nest(&theirs, depth) });
            executor.block_on(task).unwrap();
            // The count is in balance: the clock still jumps.
            executor.block_on(sleep_on(&driver));
        });
    }
}

#[test]
fn attachments_are_in_balance() {
    in_time(|| {
        let builder = multi(2);
        let driver = noted(&builder);
        let executor = builder.build(driver.clone()).unwrap();
        let handle = executor.handle().clone();
        executor.block_on(async {
            let _entered = handle.enter();
            let task = spawn(async {
                block_in_place(|| Handle::current().block_on(async { yield_now().await }));
                yield_now().await;
                spawn_blocking(|| ()).await.unwrap();
            });
            task.await.unwrap();
        });
        let report = executor.shutdown(Shutdown::default().blocking(Duration::from_secs(2)));
        assert!(report.is_clean(), "{report}");
        assert!(driver.balance.lock().unwrap().is_empty());
    });
}

#[test]
fn guards_dropped_in_any_order_keep_no_runtime_alive() {
    in_time(|| {
        let builder = Builder::new_current_thread();
        let driver = noted(&builder);
        let weak = Arc::downgrade(&driver);
        let executor = builder.build(driver).unwrap();
        let other = single();
        // Across an await, out of block_on, and crosswise.
        let kept = executor.block_on(async {
            let entered = Handle::current().enter();
            yield_now().await;
            let foreign = other.handle().enter();
            yield_now().await;
            drop(spawn_local(async move {
                yield_now().await;
                drop(foreign);
            }));
            yield_now().await;
            entered
        });
        let (a, b) = (executor.handle().enter(), other.handle().enter());
        let c = executor.handle().enter();
        drop(a);
        assert_eq!(Handle::current().id(), executor.handle().id());
        drop(c);
        assert_eq!(Handle::current().id(), other.handle().id());
        drop(b);
        drop(kept);
        assert!(Handle::try_current().is_none());
        drop(executor);
        assert!(weak.upgrade().is_none(), "something holds the scheduler");
    });
}

#[test]
fn a_guard_of_its_own_runtime_changes_nothing_for_a_task() {
    in_time(|| {
        let executor = start(multi(1));
        let task = executor.handle().spawn(async {
            let handle = Handle::current();
            let before = handle.tasks().len();
            let other = spawn(async {});
            {
                let _entered = handle.enter();
                drop(spawn_local(async {}));
                block_in_place(|| other.join_blocking(None).unwrap().unwrap());
            }
            before
        });
        executor.block_on(task).unwrap();
    });
}

#[test]
fn local_tasks_of_a_substitute_outlive_its_turn() {
    in_time(|| {
        let executor = start(multi(1));
        let handle = executor.handle().clone();
        let (unblock, blocked) = mpsc::channel::<()>();
        let owner = handle.spawn(async move { block_in_place(|| blocked.recv().unwrap()) });
        // This one runs on the substitute.
        let place = Arc::new(Mutex::new(None::<Waker>));
        let theirs = place.clone();
        let task = handle.spawn(async move {
            let local = spawn_local(woken_through(theirs));
            yield_now().await;
            yield_now().await;
            unblock.send(()).unwrap();
            local.await
        });
        owner.join_blocking(None).unwrap().unwrap();
        // The owner has its desk back when it runs this.
        handle.spawn(async {}).join_blocking(None).unwrap().unwrap();
        let waker = place.lock().unwrap().take();
        waker.into_iter().for_each(Waker::wake);
        assert!(task.join_blocking(None).unwrap().unwrap().is_ok(), "it was cancelled");
        let report = executor.shutdown(Shutdown::default());
        assert!(report.is_clean(), "{report}");
    });
}

#[test]
fn local_tasks_of_a_substitute_end_with_the_runtime() {
    in_time(|| {
        let executor = start(multi(1));
        let handle = executor.handle().clone();
        let (unblock, blocked) = mpsc::channel::<()>();
        let owner = handle.spawn(async move { block_in_place(|| blocked.recv().unwrap()) });
        let task = handle.spawn(async move {
            let local = spawn_local(pending::<()>());
            unblock.send(()).unwrap();
            local.await
        });
        owner.join_blocking(None).unwrap().unwrap();
        let report = executor.shutdown(Shutdown::default().workers(Duration::from_secs(2)));
        assert!(report.is_clean(), "{report}");
        let joined = task.join_blocking(None).unwrap();
        assert!(joined.is_err() || joined.unwrap().is_err());
        assert_eq!(handle.tasks().len(), 0);
    });
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
    let end = Instant::now() + Duration::from_millis(1200);
    for _ in 0..3000 {
        round();
        if Instant::now() > end {
            break;
        }
    }
}

#[test]
fn foreign_wakes_and_aborts_race_the_end() {
    in_time(|| {
        again_and_again(|| {
            let live = Arc::new(AtomicUsize::new(0));
            let builder = multi(2);
            let driver = noted(&builder);
            let weak = Arc::downgrade(&driver);
            let executor = builder.build(driver).unwrap();
            let wakers = Arc::new(Mutex::new(Vec::<Waker>::new()));
            let mut aborts = vec![];
            for n in 0..16 {
                let (counted, wakers) = (Counted::new(&live), wakers.clone());
                let task = executor.handle().spawn(poll_fn(move |cx| {
                    let _it = &counted;
                    wakers.lock().unwrap().push(cx.waker().clone());
                    match n % 4 == 0 {
                        true => Poll::Ready(()),
                        false => Poll::<()>::Pending,
                    }
                }));
                aborts.push(task.abort_handle());
                if n % 2 == 0 {
                    drop(task);
                } else {
                    aborts.push(task.abort_handle());
                }
            }
            let handle = executor.handle().clone();
            let counted = Counted::new(&live);
            let threads = [
                std::thread::spawn(move || {
                    for _ in 0..20 {
                        let some = std::mem::take(&mut *wakers.lock().unwrap());
                        some.into_iter().for_each(Waker::wake);
                    }
                }),
                std::thread::spawn(move || {
                    aborts.iter().for_each(AbortHandle::abort);
                }),
                std::thread::spawn(move || {
                    let counted = Arc::new(counted);
                    for _ in 0..20 {
                        let theirs = counted.clone();
                        drop(handle.spawn(async move { drop(theirs) }));
                        let theirs = counted.clone();
                        drop(handle.spawn_blocking(move || drop(theirs)));
                    }
                }),
            ];
            drop(executor);
            threads.into_iter().for_each(|it| it.join().unwrap());
            while live.load(Acquire) > 0 || weak.upgrade().is_some() {
                std::thread::yield_now();
            }
        });
    });
}

#[test]
fn executors_dropped_in_the_middle_of_everything_end() {
    in_time(|| {
        again_and_again(|| {
            let live = Arc::new(AtomicUsize::new(0));
            let builder = multi(2);
            let driver = noted(&builder);
            let weak = Arc::downgrade(&driver);
            let executor = builder.build(driver).unwrap();
            let handle = executor.handle().clone();
            for _ in 0..4 {
                let counted = Counted::new(&live);
                drop(handle.spawn(async move {
                    let _it = counted;
                    loop {
                        block_in_place(|| ());
                        drop(spawn_local(pending::<()>()));
                        spawn(async { yield_now().await }).await.ok();
                    }
                }));
            }
            let guest = {
                let (handle, counted) = (handle.clone(), Counted::new(&live));
                std::thread::spawn(move || {
                    let _it = counted;
                    let _ = catch_unwind(AssertUnwindSafe(|| {
                        handle.block_on(async {
                            while spawn(async {}).await.is_ok() {
                                yield_now().await;
                            }
                        })
                    }));
                })
            };
            drop(handle.spawn(async move {
                block_in_place(|| drop(executor));
            }));
            drop(handle);
            guest.join().unwrap();
            while live.load(Acquire) > 0 || weak.upgrade().is_some() {
                std::thread::yield_now();
            }
        });
    });
}

#[test]
fn destructors_may_do_anything() {
    struct Busy(Handle, Arc<AtomicUsize>);
    impl Drop for Busy {
        fn drop(&mut self) {
            self.1.fetch_sub(1, Relaxed);
            drop(self.0.spawn(async {}));
            drop(self.0.spawn_blocking(|| ()));
            let _ = catch_unwind(AssertUnwindSafe(|| drop(spawn_local(async {}))));
            block_in_place(|| ());
            let _ = catch_unwind(AssertUnwindSafe(|| self.0.block_on(async {})));
            let entered = self.0.enter();
            std::mem::forget(entered);
        }
    }
    in_time(|| {
        again_and_again(|| {
            let live = Arc::new(AtomicUsize::new(0));
            for executor in [start(multi(2)), single()] {
                let handle = executor.handle().clone();
                let busy = || {
                    live.fetch_add(1, Relaxed);
                    Busy(handle.clone(), live.clone())
                };
                let (a, b, c, d) = (busy(), busy(), busy(), busy());
                drop(handle.spawn(async move {
                    let _it = a;
                    pending::<()>().await
                }));
                let task = handle.spawn(async move { b });
                executor.block_on(async move {
                    drop(spawn_local(async move {
                        let _it = c;
                        pending::<()>().await
                    }));
                    drop(task.await);
                    drop(spawn_blocking(move || drop(d)));
                    yield_now().await;
                });
                let _ = executor.shutdown(Shutdown::default());
            }
            while live.load(Acquire) > 0 {
                std::thread::yield_now();
            }
        });
    });
}

#[test]
fn a_pinned_future_is_polled_and_dropped_on_its_thread() {
    struct Here(std::thread::ThreadId, Cell<u32>);
    impl Here {
        fn check(&self) {
            assert_eq!(self.0, std::thread::current().id());
            self.1.set(self.1.get() + 1);
        }
    }
    impl Drop for Here {
        fn drop(&mut self) {
            if self.0 != std::thread::current().id() {
                std::process::abort();
            }
        }
    }
    in_time(|| {
        again_and_again(|| {
            let executor = start(multi(2));
            let tasks: Vec<_> = (0..8)
                .map(|n| {
                    executor.handle().spawn(async move {
                        let here = Here(std::thread::current().id(), Cell::new(0));
                        let local = spawn_local(async move {
                            for _ in 0..5 {
                                here.check();
                                yield_now().await;
                                spawn(async {}).await.ok();
                            }
                            if n % 2 == 0 {
                                pending::<()>().await;
                            }
                        });
                        let abort = local.abort_handle();
                        drop(local);
                        if n % 3 == 0 {
                            block_in_place(|| ());
                        }
                        abort
                    })
                })
                .collect();
            executor.block_on(async {
                for task in tasks {
                    task.await.unwrap().abort();
                }
            });
        });
    });
}
