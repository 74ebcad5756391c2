//! What the threads of a runtime share: how tasks are made, queued and ended.
//!
//! # From a wake to a poll
//!
//! | who queues              | where to                    | who is woken               |
//! |-------------------------|-----------------------------|----------------------------|
//! | a worker, waking        | its next-task slot          | nobody                     |
//! | a worker, ending what another task awaits | that one runs next, if its queue is empty; else the end of that | nobody |
//! | a worker, spawning      | the end of its queue        | a sleeper, if [`idle`](crate::idle) thinks it worth while |
//! | a worker, otherwise     | the end of its queue        | nobody: it looks before its next poll |
//! | anybody else            | the runtime's queue         | a sleeper, after a fence   |
//! | for a pinned task       | its thread's inbox          | that thread                |
//!
//! Who awaits one task often awaits its siblings, too, and those lie in the queue. Woken
//! behind them it finds them over: a thousand tasks that are awaited one after another
//! wake their parent once, not a thousand times. The parent waits for one round of the
//! queue, as what it waited for had to. One that runs next needs no slot: the poll is
//! over, so no user code can keep the worker from it, and nobody has to rescue it.
//!
//! Whom a worker wakes for its own backlog is in [`share`](crate::share).
//!
//! The slot also takes what the driver wakes while the worker is busy: a timer that
//! is due does not wait behind ten thousand tasks that are always ready.
//!
//! # What keeps what alive
//!
//! Threads and handles of the runtime hold the scheduler. Tasks do not: a task's
//! cell lies in a [home](crate::task::Home) inside the scheduler, and once the
//! runtime is over each home with cells still out holds the scheduler instead. A
//! waker on a foreign thread keeps its reference to the cell until the task is
//! queued, so the pointers below stay good to the end of each call.

use crate::{
    blocking::{Job, Pool},
    closing::{Closing, Desks, Duty},
    config::{Config, Flavor},
    contain::{caught, drop_contained},
    context::{self, Context},
    deque,
    desk::Desk,
    engaged::Engaged,
    idle::Idle,
    inbox::{Inbox, Place},
    injector::Injector,
    metrics::{Counters, Rescues, Sampling, Stamp},
    profit::Profit,
    queue::Slot,
    roll::Roll,
    substitutes::Substitutes,
    task::{
        Home, Task, Tenant, Why,
        holders::{self, Reference},
        info::Id,
    },
    unhandled::Unhandled,
    vigil::Vigil,
};
use std::{
    fmt,
    ptr::NonNull,
    sync::{Arc, Weak},
    time::Duration,
};
use sync::{
    driver::{Driver, Seat},
    futurelock::Watch,
    shim::{
        Lock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

/// Why tasks are cancelled that live when their runtime ends.
const SHUT_DOWN: &str = "its runtime shut down";

/// One runtime.
pub(crate) struct Scheduler {
    this: Weak<Self>,
    pub(crate) config: Config,
    pub(crate) driver: Arc<dyn Driver>,
    /// Those that are always there, then the spare ones.
    pub(crate) workers: Box<[Worker]>,
    /// How many of them have ever been at work.
    pub(crate) in_use: AtomicUsize,
    pub(crate) injector: Injector,
    pub(crate) idle: Idle,
    pub(crate) vigil: Vigil,
    pub(crate) sampling: Sampling,
    pub(crate) rescues: Rescues,
    /// Closures cancelled that nobody had begun.
    pub(crate) blocking_cancelled: AtomicU64,
    pub(crate) substitutes: Substitutes,
    pub(crate) closing: Closing,
    pub(crate) pool: Arc<Pool<BlockingJob>>,
    /// One for each worker, and the last for everybody else. A `Vec`, since a `Box`
    /// would claim on each move that nobody points into it.
    pub(crate) homes: Vec<Home>,
    /// Memory for tasks which are made elsewhere than at a desk. `None`: the end
    /// has begun.
    pub(crate) shared: Lock<Option<Tenant>>,
    /// After how long in one poll a task is reported. `None`: not at all.
    pub(crate) stalls_reported: Option<Duration>,
    /// In debug mode: who stands in the lines of which locks.
    pub(crate) watch: Option<Arc<Watch>>,
    /// Seats for guests.
    pub(crate) guest_seats: Lock<Vec<Seat>>,
    /// What keeps a virtual clock from jumping.
    pub(crate) engaged: Engaged,
}

/// What others see of one worker. On cache lines of its own.
#[repr(align(128))]
pub(crate) struct Worker {
    pub(crate) slot: Slot,
    pub(crate) stealer: deque::Stealer<Task>,
    pub(crate) counters: Counters,
    /// What its wakes for its own backlog were worth.
    pub(crate) profit: Profit,
    /// The id of the task that it polls, if stalls are reported.
    pub(crate) polled: AtomicU64,
    /// Of a spare worker: whether it is one now.
    pub(crate) is_active: AtomicBool,
    /// Of the task that this worker watches.
    pub(crate) stamp: Stamp,
    /// Whether the thread with the older right to its desk waits for it, or it is not
    /// needed any more.
    pub(crate) is_wanted: AtomicBool,
    /// Its own thread, for pinned tasks.
    pub(crate) roll: Roll,
}

impl Scheduler {
    /// A scheduler at whose desks nobody sits yet.
    pub(crate) fn new(config: Config, driver: Arc<dyn Driver>) -> Arc<Self> {
        Arc::new_cyclic(|this: &Weak<Self>| {
            let owner = this.as_ptr().cast::<()>();
            let count = config.desks();
            let stride = u32::try_from(count + 1).expect("the builder limits the workers");
            let homes: Vec<_> = (0..stride).map(|i| Home::new(owner, i, stride)).collect();
            let mut tenants = homes.iter().map(|home| {
                // SAFETY: 1: one for each home. 2: the homes do not move, and
                // desks are dropped before the scheduler, or with it.
                unsafe { Tenant::new(NonNull::from(home)) }
            });
            let desks: Vec<_> = tenants
                .by_ref()
                .take(count)
                .enumerate()
                .map(|(index, it)| Box::new(Desk::new(index, it, seed(&config, index))))
                .collect();
            let shared = Lock::new(tenants.next());
            let guests = (count..config.seats()).rev().map(|i| Seat(i as u32));
            Self {
                this: this.clone(),
                pool: Pool::new(config.blocking()),
                driver,
                workers: desks.iter().map(|it| Worker::new(it, config.flavor)).collect(),
                injector: Injector::new(config.workers),
                idle: Idle::with_spares(config.workers, count - config.workers),
                in_use: AtomicUsize::new(config.workers),
                vigil: Vigil::new(),
                sampling: Sampling::new(),
                rescues: Rescues::default(),
                blocking_cancelled: AtomicU64::new(0),
                substitutes: Substitutes::new(count, config.thread_keep_alive),
                closing: Closing::new(desks),
                shared,
                homes,
                guest_seats: Lock::new(guests.collect()),
                engaged: Engaged::new(),
                stalls_reported: config.stalls_reported(),
                watch: config.is_debug().then(Arc::default),
                config,
            }
        })
    }

    /// The scheduler that a home belongs to.
    ///
    /// # Safety
    ///
    /// 1. `home` is one of a scheduler's, which stays alive for `'a`.
    pub(crate) unsafe fn of<'a>(home: NonNull<Home>) -> &'a Self {
        // SAFETY: alive, and in a scheduler, by 1.
        let owner = unsafe { home.as_ref() }.owner.cast::<Self>();
        // SAFETY: `new` made the home with the scheduler's own address.
        unsafe { &*owner }
    }

    /// The scheduler of a desk.
    #[inline]
    pub(crate) fn at(desk: &Desk) -> &Self {
        // SAFETY: 1: the desk's memory is a home of its scheduler, and a desk is dropped
        // before that, or with it.
        unsafe { Self::of(desk.tenant.home()) }
    }

    pub(crate) fn address(&self) -> *const () {
        std::ptr::from_ref(self).cast()
    }

    /// One more owner.
    pub(crate) fn arc(&self) -> Arc<Self> {
        self.this.upgrade().expect("somebody owns a scheduler that is in use")
    }

    // ── queueing tasks ────────────────────────────────────────────────────────

    /// Queues a stealable task, where the table above says.
    pub(crate) fn queue(&self, task: Task, why: Why) {
        context::with(|cx| {
            let cx = cx.filter(|cx| cx.is_of(self.address()));
            match cx.and_then(Context::desk) {
                Some(desk) => self.queue_here(desk, task, why),
                None => self.inject(task),
            }
        });
    }

    /// Queues a task at this thread's own desk.
    #[inline]
    pub(crate) fn queue_here(&self, desk: &Desk, task: Task, why: Why) {
        let task = self.watch_at(desk, task);
        match why {
            Why::Woken => {
                if let Some(displaced) = self.workers[desk.index].slot.put(task) {
                    desk.local.push(displaced);
                }
            }
            Why::Joined if desk.local.is_empty() => {
                let before = desk.joiner.replace(Some(task));
                debug_assert!(before.is_none(), "one task ends in a poll");
                before.into_iter().for_each(|it| desk.local.push(it));
            }
            Why::Spawned => self.push_spawned(desk, task),
            Why::Joined | Why::Yielded | Why::Cancelled => desk.local.push(task),
        }
    }

    /// Queues a task that was spawned at this thread's own desk.
    #[inline]
    pub(crate) fn queue_spawned(&self, desk: &Desk, task: Task) {
        let task = self.watch_at(desk, task);
        self.push_spawned(desk, task);
    }

    #[inline]
    fn push_spawned(&self, desk: &Desk, task: Task) {
        desk.local.push(task);
        self.share_spawned(desk);
    }

    /// Queues a task from outside.
    fn inject(&self, task: Task) {
        let task = self.watch_from_outside(task);
        self.pass_on(task);
    }

    /// Gives a task to all workers, which was pushed before, or is pushed just now.
    pub(crate) fn pass_on(&self, task: Task) {
        if self.injector.push(task) {
            self.wake_for_work();
        }
    }

    /// Wakes a sleeper for work that came from outside, if nobody searches.
    pub(crate) fn wake_for_work(&self) {
        if let Some(worker) = self.idle.work_pushed() {
            self.unpark(worker);
        }
    }

    pub(crate) fn unpark(&self, worker: usize) {
        self.unpark_at(Seat(worker as u32));
    }

    /// Ends the sleep on that seat, or tells whose loop it is that a turn is due.
    fn unpark_at(&self, seat: Seat) {
        self.driver.unpark(seat);
        self.tell_that_a_turn_is_due();
    }

    pub(crate) fn tell_that_a_turn_is_due(&self) {
        if let Some(hook) = &self.config.hooks.wake
            && let Err(payload) = caught(|| hook())
        {
            drop_contained(payload);
        }
    }

    /// For a thread that is about to drive a current-thread runtime for a while: when it
    /// has left, whoever takes turns has what is ready to run, and timers to learn of.
    pub(crate) fn turns_go_on_after(&self) -> impl Drop {
        struct Tell<'a>(&'a Scheduler);

        impl Drop for Tell<'_> {
            fn drop(&mut self) {
                if self.0.config.flavor == Flavor::CurrentThread {
                    self.0.tell_that_a_turn_is_due();
                }
            }
        }

        Tell(self)
    }

    /// Queues a pinned task, on its own thread or in its inbox.
    pub(crate) fn queue_pinned(&self, inbox: &Inbox, task: Task) {
        let task = context::with(|cx| {
            let own = cx.filter(|cx| cx.inbox.as_deref().is_some_and(|it| std::ptr::eq(it, inbox)));
            match own {
                Some(cx) => {
                    let task = match cx.desk() {
                        Some(desk) => self.watch_at(desk, task),
                        None => task,
                    };
                    cx.pinned.borrow_mut().push_back(task);
                    None
                }
                None => Some(task),
            }
        });
        let Some(task) = task else { return };
        if let Some(place) = inbox.push(task, || self.engage()) {
            self.wake_at(place, &inbox.parker)
        }
    }

    /// Ends a thread's sleep, wherever that is.
    pub(crate) fn wake_at(&self, place: Place, parker: &sync::parker::Parker) {
        match place {
            Place::Worker { seat, index } => {
                self.idle.get_up(index);
                self.unpark_at(seat);
            }
            Place::Guest(seat) => self.unpark_at(seat),
            Place::Parker => parker.unpark(),
        }
    }

    /// Makes `cx` this thread's innermost context again, after user code ran: a guard
    /// of another runtime may have been kept.
    #[inline]
    pub(crate) fn restore(&self, cx: &Context) {
        if context::restore(cx) {
            self.reattach(cx);
        }
    }

    /// Makes the seat of `cx` the innermost one for the driver, too.
    #[cold]
    fn reattach(&self, cx: &Context) {
        let seat = cx.place.get().seat();
        self.driver.detach(seat);
        self.driver.attach(seat);
    }

    /// The workers whose queues may hold something.
    #[inline]
    pub(crate) fn peers(&self) -> &[Worker] {
        // Relaxed: a spare worker sees its own write; who misses it for a moment misses
        // a backlog whose owner runs it, or is looked at by the watcher.
        &self.workers[..self.in_use.load(Relaxed)]
    }

    /// Whether there is work for a worker somewhere: the last look before sleep.
    pub(crate) fn sees_work(&self) -> bool {
        !self.injector.is_empty() || self.peers().iter().any(|it| !it.stealer.is_empty())
    }

    // ── the driver ────────────────────────────────────────────────────────────

    /// Lets the driver deliver what has come. Wakers are user code, and the driver
    /// may be: what they panic with is reported, and ends no worker.
    pub(crate) fn harvest(&self, deliver: impl FnOnce(&dyn Driver) -> usize) -> usize {
        caught(|| deliver(&*self.driver)).unwrap_or_else(|payload| {
            let what = "a waker that the driver called";
            self.config.hooks.report(Unhandled::contained(what, payload));
            0
        })
    }

    // ── the end ───────────────────────────────────────────────────────────────

    /// Begins the end, and finishes it if nobody is polling.
    pub(crate) fn begin_end(&self) {
        self.injector.close();
        let (duty, waiting) = self.closing.begin();
        for index in 0..self.workers.len() {
            self.idle.get_up(index);
            self.unpark(index);
        }
        waiting.iter().for_each(|it| self.wake_at(it.place(), &it.parker));
        self.vigil.end();
        self.substitutes.end();
        self.do_duty(duty);
    }

    /// Drops every future that is left, and closes all. Once, when nobody polls.
    fn finish_end(&self, desks: Desks) {
        // No task is made from here on, and those that were made are whole.
        let shared = self.shared.lock().take();
        self.injector.close();
        let mut cancelled = 0;
        for home in &self.homes {
            for record in home.stealable() {
                // SAFETY: 1: `stealable` lists living tasks, each is listed once,
                // and all pollers have left (C1). A destructor may end other
                // tasks only by cancelling, which needs a poll. 2: they are `Send`.
                unsafe { holders::cancel_in(record, SHUT_DOWN) };
                cancelled += 1;
            }
        }
        for inbox in self.workers.iter().filter_map(|it| it.roll.end()) {
            cancelled += Self::cancel_expected(&inbox);
        }
        self.pool.shutdown();
        self.driver.close();
        for tenant in desks.into_iter().map(|it| it.tenant).chain(shared) {
            tenant.close(self.arc());
        }
        self.closing.finish(cancelled);
    }

    /// Why pinned tasks are cancelled whose thread leaves.
    pub(crate) fn why_pinned_end(&self) -> &'static str {
        match self.closing.has_begun() {
            true => SHUT_DOWN,
            false => "its thread left the runtime",
        }
    }

    /// Cancels what waits for a thread that never came. Gives how many that were.
    fn cancel_expected(inbox: &Inbox) -> usize {
        inbox.close();
        let mut cancelled = 0;
        while let Some(record) = inbox.any_living() {
            // SAFETY: 1: an admitted task is whole, and lives until this thread cancels
            // it: nobody else has the inbox, or will. 2: nobody has polled it, so it is
            // a closure, and `Send`.
            unsafe { holders::cancel_in(record, SHUT_DOWN) };
            cancelled += 1;
        }
        cancelled
    }

    /// Does what leaving a desk, or beginning the end, asks for.
    pub(crate) fn do_duty(&self, duty: Duty) {
        match duty {
            Duty::Go => {}
            Duty::Wake(next) => {
                next.iter().for_each(|it| self.wake_at(it.place(), &it.parker));
            }
            Duty::Finish(desks) => self.finish_end(desks),
        }
    }

    /// Waits for the end of blocking jobs. Gives how many run on.
    pub(crate) fn wait_blocking(&self, patience: Duration) -> usize {
        self.pool.wait_idle(patience)
    }
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Worker {
    fn new(desk: &Desk, flavor: Flavor) -> Self {
        let place = match flavor {
            // It is being started, and looks before it sleeps.
            Flavor::MultiThread => Place::Parker,
            // Whoever takes turns is to take one.
            Flavor::CurrentThread => Place::Worker { seat: desk.seat, index: desk.index },
        };
        Self {
            roll: Roll::new(desk.index, place),
            slot: Slot::new(),
            stealer: desk.local.stealer(),
            counters: Counters::default(),
            profit: Profit::new(),
            polled: AtomicU64::new(0),
            is_active: AtomicBool::new(false),
            stamp: Stamp::default(),
            is_wanted: AtomicBool::new(false),
        }
    }
}

/// A seed of its own for each worker.
fn seed(config: &Config, index: usize) -> u64 {
    config.seed.wrapping_add((index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// A closure queued on the blocking pool. Dropping it cancels the closure.
///
/// It holds the scheduler: a closure that runs may use its runtime.
#[derive(Debug)]
pub(crate) struct BlockingJob {
    pub(crate) task: Option<Task>,
    pub(crate) reference: Reference,
    pub(crate) scheduler: Arc<Scheduler>,
}

impl BlockingJob {
    /// Whether it is the closure of this task.
    pub(crate) fn is(&self, id: Id) -> bool {
        self.reference.id() == id
    }

    /// Somebody else has cancelled it.
    pub(crate) fn forget(mut self) {
        self.task = None;
    }
}

impl Job for BlockingJob {
    fn run(mut self) {
        let Some(task) = self.task.take() else { return };
        let context = Context::new(self.scheduler.clone(), None);
        // SAFETY: the guard ends with this function, before the context.
        let _entered = unsafe { context::enter(&context) };
        self.scheduler.driver.attach(Seat::SHARED);
        task.run();
        self.scheduler.driver.detach(Seat::SHARED);
    }
}

impl Drop for BlockingJob {
    fn drop(&mut self) {
        if self.task.is_some() {
            // Closures that wait are dropped at the end; before it, only those are for
            // which there is no thread.
            let reason = match self.scheduler.closing.has_begun() {
                true => SHUT_DOWN,
                false => "the system has no thread for it",
            };
            self.reference.abort(Some(reason.into()));
        }
        self.scheduler.disengage();
    }
}
