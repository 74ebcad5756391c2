//! Models [`crate::task::raw`]: real cells, in a real home, with a scheduler that
//! is a list behind a lock.
//!
//! Every pair of what can happen to a task at once is run on two threads, and on
//! three with a poll beside it. Then
//! the rest is done on one: what is queued runs, the runtime ends, all that is
//! held is dropped. Whatever the pair did, the future and the output are dropped
//! once, the joiner is woken or told, and the home ends exactly once.
//!
//! The scheduler guards a plain cell: each use reads it, its end writes it. So a
//! scheduler that is used after, or while, it ends is a race, which loom reports; so is
//! a cell whose route is asked for while it ends.

use super::{memory::Memory, outcomes, outcomes_within};
use crate::task::{
    Birth, Home, Nature, Record, Schedule, Stray, Task, Tenant, Why, cell,
    holders::{self, Joiner, Reference},
    info::Id,
    join_state::Join,
};
use std::{
    collections::BTreeSet,
    future::Future,
    panic::Location,
    pin::Pin,
    ptr::NonNull,
    sync::{Arc, Weak},
    task::{Context, Poll, Wake, Waker},
};
use sync::{
    shim::{
        Lock,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
        thread,
    },
    wait_site::Watched,
};

/// Whether a waker knows that it is on a thread which keeps the scheduler.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// It is: it gives its reference up with the wake.
    Local,
    /// It is not: its reference keeps the scheduler during the wake.
    Foreign,
}

pub(super) struct Scheduler {
    pub(super) home: Home,
    pub(super) queue: Lock<Queue>,
    kind: Kind,
    /// Read by every use, written at the end.
    alive: Memory,
    /// Of the one cell there is: read by who asks it for its route, written at its end.
    cell: Memory,
    ledger: Arc<Ledger>,
}

#[derive(Default)]
pub(super) struct Queue {
    tasks: Vec<Task>,
    pub(super) is_closed: bool,
}

/// What happened, each to be counted once. Atomics, but relaxed: they order
/// nothing.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) polls: AtomicU32,
    pub(super) future_drops: AtomicU32,
    pub(super) output_drops: AtomicU32,
    pub(super) joiner_wakes: AtomicU32,
    pub(super) ends: AtomicU32,
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.alive.write(1);
        self.ledger.ends.fetch_add(1, Relaxed);
    }
}

impl Scheduler {
    pub(super) fn new(kind: Kind, ledger: &Arc<Ledger>) -> Arc<Self> {
        Arc::new_cyclic(|this: &Weak<Self>| {
            let home = Home::new(this.as_ptr().cast(), 0, 1);
            let queue = Lock::new(Queue::default());
            let (alive, cell) = (Memory::new(), Memory::new());
            Self { home, queue, kind, alive, cell, ledger: ledger.clone() }
        })
    }

    fn of<'a>(home: NonNull<Home>) -> &'a Self {
        // SAFETY: the caller's cell keeps it, or loom finds out that it does not.
        let owner = unsafe { home.as_ref() }.owner.cast::<Self>();
        // SAFETY: `new` made the home with the scheduler's own address.
        unsafe { &*owner }
    }

    fn queue(&self, task: Task) {
        self.alive.read();
        {
            let mut queue = self.queue.lock();
            if !queue.is_closed {
                queue.tasks.push(task);
            }
        }
        // A real one wakes a sleeper here.
        self.alive.read();
    }

    fn next(&self) -> Option<Task> {
        self.queue.lock().tasks.pop()
    }
}

pub(super) struct Listed<const CLAIMED: bool>;

// SAFETY: 1: the list gives it out once.
unsafe impl<const CLAIMED: bool> Schedule for Listed<CLAIMED> {
    type Route = NonNull<Home>;

    const CLAIMED: bool = CLAIMED;

    fn route(&self, home: NonNull<Home>) -> NonNull<Home> {
        // A real one may look into the cell for it.
        Scheduler::of(home).cell.read();
        home
    }

    fn wake_here(home: NonNull<Home>, _why: Why, wake: impl FnOnce() -> Option<Task>) -> bool {
        Scheduler::of(home).alive.read();
        let is_local = matches!(Scheduler::of(home).kind, Kind::Local);
        if is_local && let Some(task) = wake() {
            Scheduler::of(home).queue(task);
        }
        is_local
    }

    fn schedule(home: NonNull<Home>, task: Task, _why: Why) {
        Scheduler::of(home).queue(task);
    }

    fn ended(&self, home: NonNull<Home>) {
        Scheduler::of(home).alive.read();
    }

    unsafe fn give_back(home: NonNull<Home>, record: NonNull<Record>) {
        Scheduler::of(home).alive.read();
        Scheduler::of(home).cell.write(1);
        // SAFETY: 1 and 2 are the caller's.
        unsafe { Home::give_back(home, record) }
    }

    fn stray(_home: NonNull<Home>, stray: Stray) {
        panic!("nothing panics here: {stray:?}");
    }
}

/// Waits until `ready`; leaves its waker where others find it.
pub(super) struct Waits {
    pub(super) ready: Arc<AtomicBool>,
    pub(super) waker: Arc<Lock<Option<Waker>>>,
    /// Written by every poll and by the drop.
    pub(super) memory: Memory,
    pub(super) ledger: Arc<Ledger>,
}

impl Future for Waits {
    type Output = Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        self.memory.add();
        self.ledger.polls.fetch_add(1, Relaxed);
        // Relaxed: T1 brings it.
        if self.ready.load(Relaxed) {
            return Poll::Ready(Output(self.memory.clone(), self.ledger.clone()));
        }
        let waker = cx.waker().clone();
        let before = self.waker.lock().replace(waker);
        drop(before);
        Poll::Pending
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.memory.add();
        self.ledger.future_drops.fetch_add(1, Relaxed);
    }
}

/// What the task gives: its drop is counted, and its memory is the future's.
pub(super) struct Output(Memory, Arc<Ledger>);

impl Drop for Output {
    fn drop(&mut self) {
        self.0.add();
        self.1.output_drops.fetch_add(1, Relaxed);
    }
}

/// The waker of who joins.
pub(super) struct JoinerWaker(pub(super) Arc<Ledger>);

impl Wake for JoinerWaker {
    fn wake(self: Arc<Self>) {
        self.0.joiner_wakes.fetch_add(1, Relaxed);
    }
}

/// One task that was polled once and waits, and everybody who holds it.
pub(super) struct World {
    pub(super) scheduler: Arc<Scheduler>,
    pub(super) tenant: Tenant,
    pub(super) record: NonNull<Record>,
    pub(super) ready: Arc<AtomicBool>,
    pub(super) waker: Option<Waker>,
    pub(super) reference: Option<Reference>,
    pub(super) joiner: Option<Joiner<Output>>,
    pub(super) ledger: Arc<Ledger>,
}

// SAFETY: the record is touched by one thread at a time.
unsafe impl Send for World {}

impl World {
    pub(super) fn new(kind: Kind) -> Self {
        let ledger = Arc::new(Ledger::default());
        let scheduler = Scheduler::new(kind, &ledger);
        let home = NonNull::from(&scheduler.home);
        // SAFETY: 1: the only one. 2: the scheduler outlives it, see `end`.
        let tenant = unsafe { Tenant::new(home) };
        let (ready, waker) = (Arc::new(AtomicBool::new(false)), Arc::new(Lock::new(None)));
        let future = Waits {
            ready: ready.clone(),
            waker: waker.clone(),
            memory: Memory::new(),
            ledger: ledger.clone(),
        };
        let record = tenant.take(cell::class::<Waits, Listed<false>>(None));
        let spawned_at = Location::caller();
        let (id, nature) = (Id::new(1), Nature::Stealable);
        let birth = Birth { id, nature, is_named: false, spawned_at, watched: Watched::No };
        // SAFETY: 1: taken just now. 2: everything is `Send`. 3: nothing is borrowed.
        let (task, joiner) =
            unsafe { cell::create(future, Listed::<false>, record, &birth, None, 0) };
        task.run();
        let waker = waker.lock().take();
        let reference = Some(joiner.reference());
        let joiner = Some(joiner);
        Self { scheduler, tenant, record, ready, waker, reference, joiner, ledger }
    }

    /// Does what nobody did, and ends the runtime. Says how the task ended.
    fn end(mut self, wakers: Vec<Waker>) -> End {
        while let Some(task) = self.scheduler.next() {
            task.run();
        }
        self.scheduler.queue.lock().is_closed = true;
        // A task that is over was dropped: by relaxed counts, after all joins.
        let finished = self.ledger.future_drops.load(Relaxed) == 1;
        if !finished {
            // SAFETY: 1: it lives, and nobody polls any more. 2: it is `Send`.
            unsafe { holders::cancel_in(self.record, "the end") };
        }
        let output = self.joiner.take().map(|joiner| {
            assert!(joiner.is_done(), "it has ended");
            joiner.take().map(drop).is_ok()
        });
        let Self { scheduler, tenant, reference, ledger, .. } = self;
        // The only owner: whoever gives the last cell back ends the scheduler.
        tenant.close(scheduler);
        drop(reference);
        drop(wakers);
        let count = |it: &AtomicU32| it.load(Relaxed);
        assert_eq!(count(&ledger.future_drops), 1, "the future is dropped once");
        assert!(count(&ledger.output_drops) <= 1, "so is the output");
        assert_eq!(count(&ledger.ends), 1, "the home ends once");
        if output == Some(true) {
            assert_eq!(count(&ledger.output_drops), 1);
        }
        match (finished, count(&ledger.output_drops)) {
            (true, 1) => Finished,
            (true, _) => Cancelled,
            (false, _) => Waited,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// Its output came.
    Finished,
    /// Somebody aborted it.
    Cancelled,
    /// Only the end of the runtime ended it.
    Waited,
}

use End::{Cancelled, Finished, Waited};

/// What one thread does to the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// Lets it be ready, and wakes it by a waker that is used up.
    Wake,
    /// The same, by a waker that is kept until the runtime is over.
    WakeByRef,
    /// Drops the last waker.
    DropWaker,
    Abort,
    /// Drops the handle: detached.
    Detach,
    /// Leaves a waker in the handle.
    Register,
    /// The same, and drops the handle.
    Leave,
    /// Is a worker.
    Run,
}

use Act::{Abort, Detach, DropWaker, Leave, Register, Run, WakeByRef};

impl Act {
    const ALL: [Self; 8] = [Act::Wake, WakeByRef, DropWaker, Abort, Detach, Register, Leave, Run];

    /// What it takes out of the world and does on a thread of its own. What it
    /// gives back is dropped at the end, by one thread.
    fn body(self, world: &mut World) -> Box<dyn FnOnce() -> Kept + Send> {
        let ready = world.ready.clone();
        match self {
            Self::Wake => {
                let waker = world.waker.clone().expect("the future left it");
                Box::new(move || {
                    ready.swap(true, Relaxed);
                    waker.wake();
                    Kept::Nothing
                })
            }
            WakeByRef => {
                let waker = world.waker.clone().expect("the future left it");
                Box::new(move || {
                    ready.swap(true, Relaxed);
                    waker.wake_by_ref();
                    Kept::Waker(waker)
                })
            }
            DropWaker => {
                let waker = world.waker.take();
                Box::new(move || {
                    // Beside a poll, which may clone at the same time.
                    drop(waker.clone());
                    drop(waker);
                    Kept::Nothing
                })
            }
            Abort => {
                let reference = world.reference.clone().expect("made with the world");
                Box::new(move || {
                    reference.abort(None);
                    drop(reference);
                    Kept::Nothing
                })
            }
            Detach => {
                let joiner = world.joiner.take();
                Box::new(move || {
                    drop(joiner);
                    Kept::Nothing
                })
            }
            Register | Leave => self.join_body(world),
            Run => {
                let home = Sent(NonNull::from(&world.scheduler.home));
                Box::new(move || {
                    let home = home;
                    while let Some(task) = Scheduler::of(home.0).next() {
                        task.run();
                    }
                    Kept::Nothing
                })
            }
        }
    }

    fn join_body(self, world: &mut World) -> Box<dyn FnOnce() -> Kept + Send> {
        let joiner = world.joiner.take().expect("one act uses it");
        let waker = Arc::new(JoinerWaker(world.ledger.clone()));
        Box::new(move || {
            let answer = joiner.register(Waker::from(waker.clone()));
            if self == Leave {
                drop(joiner);
                return Kept::Left(waker);
            }
            let is_kept = Arc::strong_count(&waker) == 2;
            assert!(answer != Join::Done || !is_kept, "a waker nobody needs is dropped");
            Kept::Joiner(joiner, answer)
        })
    }
}

struct Sent(NonNull<Home>);

// SAFETY: homes are for all threads.
unsafe impl Send for Sent {}

enum Kept {
    Nothing,
    Waker(Waker),
    Joiner(Joiner<Output>, Join),
    Left(Arc<JoinerWaker>),
}

/// All acts at once, on a task that waits; if one is a worker's, on one that was
/// woken already and is queued.
fn at_once<const N: usize>(kind: Kind, acts: [Act; N]) -> End {
    let mut world = World::new(kind);
    if acts.contains(&Run) {
        // By the world's own reference: nothing is used up.
        world.waker.as_ref().expect("the future left it").wake_by_ref();
    }
    let bodies = acts.map(|act| act.body(&mut world));
    let kept = bodies.map(thread::spawn).map(|it| it.join().unwrap());
    // One thread does the rest: itself an actor.
    thread::spawn(move || the_rest(world, kept)).join().unwrap()
}

fn the_rest<const N: usize>(world: World, kept: [Kept; N]) -> End {
    let (mut world, mut wakers, mut registered) = (world, vec![], None);
    for it in kept {
        match it {
            Kept::Nothing => {}
            Kept::Waker(waker) => wakers.push(waker),
            Kept::Joiner(joiner, answer) => {
                world.joiner = Some(joiner);
                registered = Some(answer);
            }
            // Though the cell is still there.
            Kept::Left(waker) => assert_eq!(Arc::strong_count(&waker), 1, "a waker was left"),
        }
    }
    wakers.extend(world.waker.take());
    let ledger = world.ledger.clone();
    let end = world.end(wakers);
    if let Some(answer) = registered {
        // In the slot, and woken once; or told that it need not wait.
        let wakes = ledger.joiner_wakes.load(Relaxed);
        assert_eq!(wakes, u32::from(answer == Join::Pending), "{answer:?}");
    }
    end
}

/// Whether two acts do not need the same thing of which there is one.
fn is_possible([one, two]: [Act; 2]) -> bool {
    let joins = |act: Act| matches!(act, Detach | Register | Leave);
    let is_used_up = joins(one) && joins(two) || one == two && matches!(one, DropWaker | Run);
    !is_used_up
}

fn pairs() -> impl Iterator<Item = [Act; 2]> {
    let all = Act::ALL.into_iter().enumerate();
    // `DropWaker` comes after those that clone it.
    all.flat_map(|(place, one)| Act::ALL[place..].iter().map(move |two| [one, *two]))
        .filter(|acts| is_possible(*acts))
}

/// What comes of it. There is a poll beside them if one of the acts is `Run`.
fn expected(acts: &[Act]) -> BTreeSet<End> {
    let wakes = acts.iter().any(|it| matches!(it, Act::Wake | WakeByRef));
    match (wakes, acts.contains(&Abort)) {
        // Ready in a poll that was not told of the abort, or too late.
        (true, true) if acts.contains(&Run) => [Finished, Cancelled].into(),
        (_, true) => [Cancelled].into(),
        (true, false) => [Finished].into(),
        (false, false) => [Waited].into(),
    }
}

fn check_pairs(kind: Kind) {
    for acts in pairs() {
        let seen = outcomes(move || at_once(kind, acts));
        assert_eq!(seen, expected(&acts), "{acts:?}");
    }
}

#[test]
fn all_pairs_with_foreign_wakers() {
    check_pairs(Kind::Foreign);
}

#[test]
fn all_pairs_with_local_wakers() {
    check_pairs(Kind::Local);
}

/// Pairs beside a worker. Bound 2: three threads.
fn check_pairs_beside_a_poll(kind: Kind, which: fn(Act) -> bool) {
    let pairs = pairs().filter(|acts| !acts.contains(&Run));
    for [one, two] in pairs.filter(|acts| acts.iter().any(|it| which(*it))) {
        let acts = [one, two, Run];
        let seen = outcomes_within(2, move || at_once(kind, acts));
        assert_eq!(seen, expected(&acts), "{acts:?}");
    }
}

#[test]
fn wakes_beside_a_poll_with_foreign_wakers() {
    check_pairs_beside_a_poll(Kind::Foreign, |act| act == Act::Wake);
}

#[test]
fn wakes_beside_a_poll_with_local_wakers() {
    check_pairs_beside_a_poll(Kind::Local, |act| act == Act::Wake);
}

#[test]
fn wakes_by_reference_beside_a_poll() {
    check_pairs_beside_a_poll(Kind::Local, |act| act == WakeByRef);
}

#[test]
fn ends_of_wakers_beside_a_poll() {
    check_pairs_beside_a_poll(Kind::Local, |act| act == DropWaker);
}

#[test]
fn ends_of_handles_beside_a_poll() {
    check_pairs_beside_a_poll(Kind::Local, |act| matches!(act, Detach | Register | Leave));
}

/// A poll that ends lets go of the cell: somebody else wakes the task at that moment, runs
/// it to its end, and frees it. Nobody holds it but its waker.
#[test]
fn a_task_ends_elsewhere_right_after_a_poll() {
    let seen = outcomes(|| {
        let mut world = World::new(Kind::Local);
        world.waker.as_ref().expect("the future left it").wake_by_ref();
        drop((world.joiner.take(), world.reference.take()));
        let [first, second] = [Run, Run].map(|act| act.body(&mut world));
        let waker = world.waker.take().expect("the future left it");
        let ready = world.ready.clone();
        let first = thread::spawn(first);
        let second = thread::spawn(move || {
            ready.swap(true, Relaxed);
            waker.wake();
            second()
        });
        drop((first.join().unwrap(), second.join().unwrap()));
        thread::spawn(move || world.end(vec![])).join().unwrap()
    });
    assert_eq!(seen, [Finished].into());
}
