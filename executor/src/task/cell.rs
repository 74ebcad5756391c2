//! The task cell: one allocation, which holds a future and then its output.
//!
//! ```text
//!   ┌──────────────────────────── Header ────────────────────────────┐
//!   │ state │ vtable │ record │ join waker │ join │ woken │ local refs │ S │ stage
//!   └────────────────────────────────────────────────────────────────┘
//!                                              future ─▶ output ─▶ empty
//! ```
//!
//! `S` says how this task is queued: stealable, pinned or blocking. The cell is
//! generic over it and over the future; everybody else goes through the vtable.
//!
//! The rules on which the proofs below rest are the tables "Who may touch what" of
//! [`state`](super::state) (rule S) and [`join_state`](super::join_state) (rule J).

use super::{
    current,
    error::{JoinError, Reason},
    header::{Header, Vtable, Why, let_go},
    holders::{Joiner, Task},
    home::Home,
    info::TaskInfo,
    join_state::{Complete, JoinState},
    record::{Birth, Record},
    state::{Claim, EndPoll, StartPoll, State, Wake},
    stray::{Stray, StrayPanic},
    waker,
};
use crate::{
    contain::caught,
    locals::{self, Scope},
};
use std::{
    alloc::Layout,
    any::Any,
    mem::ManuallyDrop,
    pin::Pin,
    ptr::{self, NonNull},
    sync::Arc,
    task::{Context, Poll},
};
use sync::{
    futurelock::{self, Futurelock},
    shim::{atomic::Ordering::Relaxed, cell::UnsafeCell},
    wait_site,
};

/// How a kind of task is queued, and where its memory goes.
///
/// # Safety
///
/// 1. `home` names the home that the cell's record came from.
/// 2. `schedule` gives the task to somebody who runs it at most once, or keeps
///    it unrun until nobody polls any more.
pub(crate) unsafe trait Schedule: 'static {
    /// What `schedule` needs, copied out of the cell: once the task is queued
    /// the cell may end at any moment.
    type Route: Copy;

    /// Closures of the blocking pool are claimed instead of started.
    const CLAIMED: bool;

    fn home(&self) -> NonNull<Home>;

    fn route(&self) -> Self::Route;

    /// Whether the calling thread keeps what the route leads to alive by itself.
    fn is_local(route: Self::Route) -> bool;

    fn schedule(route: Self::Route, task: Task, why: Why);

    /// The future is gone. On the thread that dropped it.
    fn ended(&self);

    /// Gives the memory of a task back, from any thread.
    ///
    /// # Safety
    ///
    /// 1. `record` came from `home`, which is alive.
    /// 2. Its cell is not used afterwards.
    unsafe fn give_back(home: NonNull<Home>, record: NonNull<Record>);

    /// Reports a panic that nobody else hears of.
    fn stray(home: NonNull<Home>, stray: Stray);

    /// Reports a task that waits for what it was given. Closures never wait.
    fn futurelock(home: NonNull<Home>, task: TaskInfo, futurelock: Futurelock) {
        let _ = (home, task, futurelock);
    }
}

#[repr(C)]
struct Cell<F: Future, S> {
    header: Header,
    schedule: S,
    stage: UnsafeCell<Stage<F>>,
}

enum Stage<F: Future> {
    Future(F),
    Output(Result<F::Output, JoinError>),
    Empty,
}

/// The layout of the cell for a future and a kind.
pub(crate) fn layout<F: Future, S>() -> Layout {
    Layout::new::<Cell<F, S>>()
}

/// Makes a task in memory taken for [`layout`], with `refs` references counted.
///
/// # Safety
///
/// 1. `record` was taken from the home of `schedule` for `layout::<F, S>()`, and
///    is used for nothing else.
/// 2. `F` and its output may be used and dropped on whichever thread `schedule`
///    lets run the task, and the joiner may have the output.
/// 3. What `F` borrows outlives the task's completion.
pub(crate) unsafe fn create<F: Future, S: Schedule>(
    future: F,
    schedule: S,
    record: NonNull<Record>,
    birth: Birth,
    refs: i64,
) -> (Task, Joiner<F::Output>) {
    // SAFETY: records live as long as their home, alive by 1.
    let record_ref = unsafe { record.as_ref() };
    // Relaxed: the record is ours.
    let memory = record_ref.memory.load(Relaxed);
    let cell = NonNull::new(memory.cast::<Cell<F, S>>()).expect("a record taken has memory");
    let header = Header {
        state: State::spawned(refs),
        vtable: const { &vtable::<F, S>() },
        record,
        join_waker: UnsafeCell::new(None),
        join: JoinState::new(),
        self_woken: UnsafeCell::new(false),
        local_refs: UnsafeCell::new(0),
    };
    let stage = UnsafeCell::new(Stage::Future(future));
    // SAFETY: memory of this layout, ours alone, by 1.
    unsafe { cell.write(Cell { header, schedule, stage }) };
    record_ref.be_born(birth);
    let header = cell.cast::<Header>();
    (Task::new(header), Joiner::new(header))
}

const fn vtable<F: Future, S: Schedule>() -> Vtable {
    Vtable {
        run: run::<F, S>,
        schedule: schedule::<F, S>,
        is_local: is_local::<F, S>,
        abort: abort::<F, S>,
        cancel: cancel::<F, S>,
        take_output: take_output::<F, S>,
        discard: discard::<F, S>,
        free: free::<F, S>,
        look: look::<F, S>,
        report: report::<F, S>,
    }
}

unsafe fn run<F: Future, S: Schedule>(header: NonNull<Header>) {
    let cell = header.cast::<Cell<F, S>>();
    // SAFETY: a queued task's cell is alive, and its type is the vtable's.
    let this = unsafe { cell.as_ref() };
    let state = &this.header.state;
    if S::CLAIMED {
        if state.claim() == Claim::Lost {
            return;
        }
    } else if state.start_poll() == StartPoll::Cancel {
        // SAFETY: BUSY is ours, by the linear `Task`.
        return unsafe { cancel::<F, S>(header, None) };
    }
    // SAFETY: as above.
    match unsafe { poll(cell) } {
        // SAFETY: as above; the future is gone.
        Poll::Ready(output) => unsafe { complete(cell, output) },
        Poll::Pending if this.header.take_self_woken() => {
            S::schedule(this.schedule.route(), Task::new(header), Why::Yielded);
        }
        Poll::Pending => {
            if this.header.record().wait.is_watched() {
                judge(this);
            }
            let route = this.schedule.route();
            // From here the cell is ours only if we are told so.
            if state.end_poll() == EndPoll::Reschedule {
                S::schedule(route, Task::new(header), Why::Woken);
            }
        }
    }
}

/// Polls the future once; when it is over, also drops it.
unsafe fn poll<F: Future, S: Schedule>(
    cell: NonNull<Cell<F, S>>,
) -> Poll<Result<F::Output, JoinError>> {
    // SAFETY: alive, by the caller's right to poll it.
    let this = unsafe { cell.as_ref() };
    let _current = current::enter(cell.cast());
    let record = this.header.record();
    let locals = record.locals();
    let scope = locals.as_deref().map(Scope::of_task);
    // SAFETY: the guard ends with this function, before the scope and in order.
    let _scope = unsafe { locals::enter(scope.as_ref()) };
    record.begin_poll();
    // SAFETY: the guard ends with this function, in order.
    let _site = unsafe { wait_site::enter(&record.wait) };
    // SAFETY: the waker is not dropped, so it counts as no reference, and it does
    // not outlive the poll except by being cloned.
    let waker = unsafe { ManuallyDrop::new(waker::from_header(cell.cast())) };
    let mut cx = Context::from_waker(&waker);
    let polled = caught(|| {
        this.stage.with_mut(|stage| {
            // SAFETY: rule S: the future is ours while we poll.
            let Stage::Future(future) = (unsafe { &mut *stage }) else {
                unreachable!("a task is polled until it completes, and then no more");
            };
            // SAFETY: the cell does not move until the future was dropped.
            unsafe { Pin::new_unchecked(future) }.poll(&mut cx)
        })
    });
    let output = match polled {
        Ok(Poll::Pending) => return Poll::Pending,
        Ok(Poll::Ready(output)) => Ok(output),
        Err(payload) => {
            home(this).count_panicked();
            Err(JoinError::panicked(info(this), payload))
        }
    };
    // SAFETY: rule S, as above.
    let dropped = unsafe { empty(&this.stage) };
    if let Some(payload) = dropped {
        S::stray(this.schedule.home(), Stray::Panicked(StrayPanic::FutureDrop, payload));
    }
    Poll::Ready(output)
}

/// In debug mode: the task is about to idle. Does it wait for what it has?
#[cold]
fn judge<F: Future, S: Schedule>(cell: &Cell<F, S>) {
    for found in futurelock::judge() {
        S::futurelock(cell.schedule.home(), info(cell), found);
    }
}

/// What is known of the task, for an error.
fn info<F: Future, S: Schedule>(cell: &Cell<F, S>) -> TaskInfo {
    home(cell).info(cell.header.record())
}

/// Where the task's memory comes from.
fn home<F: Future, S: Schedule>(cell: &Cell<F, S>) -> &Home {
    // SAFETY: the home is alive as long as the cell.
    unsafe { cell.schedule.home().as_ref() }
}

/// What whoever aborted the task gave as the reason. What was written before the
/// cancellation is seen with it.
fn given_reason<F: Future, S: Schedule>(cell: &Cell<F, S>) -> Option<Reason> {
    if !cell.header.state.is_cancelled() {
        return None;
    }
    home(cell).reason(cell.header.record()).map(Reason::Given)
}

/// Drops what is in the stage, and gives back what that panicked with.
///
/// The stage is the caller's.
unsafe fn empty<F: Future>(stage: &UnsafeCell<Stage<F>>) -> Option<Box<dyn Any + Send>> {
    stage.with_mut(|stage| {
        // SAFETY: the stage is the caller's; it is overwritten before anybody
        // else can look, also when the destructor panics.
        let payload = caught(|| unsafe { ptr::drop_in_place(stage) }).err();
        // SAFETY: as above; what was there is dropped.
        unsafe { stage.write(Stage::Empty) };
        payload
    })
}

/// Drops the future of a task that nobody else polls, and completes it. `reason`
/// counts if nobody who aborted it gave one.
unsafe fn cancel<F: Future, S: Schedule>(header: NonNull<Header>, reason: Option<&'static str>) {
    let cell = header.cast::<Cell<F, S>>();
    // SAFETY: the caller has the right to poll, so the cell is alive.
    let this = unsafe { cell.as_ref() };
    let info = info(this);
    let payload = {
        let _current = current::enter(header.cast());
        let locals = this.header.record().locals();
        let scope = locals.as_deref().map(Scope::of_task);
        // SAFETY: the guard ends with this block, before the scope and in order.
        let _scope = unsafe { locals::enter(scope.as_ref()) };
        // SAFETY: rule S: the future is ours.
        unsafe { empty(&this.stage) }
    };
    this.header.take_self_woken();
    let error = match payload {
        Some(payload) => {
            home(this).count_panicked();
            JoinError::panicked(info, payload)
        }
        None => {
            home(this).count_cancelled();
            JoinError::cancelled(info, given_reason(this).or(reason.map(Reason::Ours)))
        }
    };
    // SAFETY: as above; the future is gone.
    unsafe { complete(cell, Err(error)) };
}

/// The task is over: stores the output and finds out whose it is.
unsafe fn complete<F: Future, S: Schedule>(
    cell: NonNull<Cell<F, S>>,
    output: Result<F::Output, JoinError>,
) {
    // SAFETY: the caller has the right to poll, so the cell is alive until the
    // join word gives it away below.
    let this = unsafe { cell.as_ref() };
    // SAFETY: rule J: the output is the completer's until the word says DONE.
    this.stage.with_mut(|stage| unsafe { stage.write(Stage::Output(output)) });
    this.schedule.ended();
    let home = this.schedule.home();
    if this.header.record().has_locals() {
        drop_locals::<S>(home, this.header.record());
    }
    // SAFETY: alive as long as the cell.
    unsafe { home.as_ref() }.bury(this.header.record());
    let mut waker = None;
    let mut order = this.header.join.begin();
    if order == Complete::TakeWaker {
        // Rule J: LOCKED is ours.
        waker = this.header.take_join_waker();
        order = this.header.join.end();
    }
    if order == Complete::Discard {
        // SAFETY: rule J: GONE, so the output and the cell are ours.
        unsafe { discard::<F, S>(cell.cast()) };
    }
    let Some(waker) = waker else { return };
    if let Err(payload) = caught(|| waker.wake()) {
        S::stray(home, Stray::Panicked(StrayPanic::Waker, payload));
    }
}

/// Lets go of what a task inherited that is over.
#[cold]
fn drop_locals<S: Schedule>(home: NonNull<Home>, record: &Record) {
    if let Some(Err(payload)) = record.take_locals().map(|it| caught(|| drop(it))) {
        S::stray(home, Stray::Panicked(StrayPanic::LocalDrop, payload));
    }
}

/// Drops the output of a finished task, of which the caller is the owner.
unsafe fn discard<F: Future, S: Schedule>(header: NonNull<Header>) {
    let cell = header.cast::<Cell<F, S>>();
    // SAFETY: the owner's cell is alive.
    let this = unsafe { cell.as_ref() };
    let home = this.schedule.home();
    let stage = this.stage.with_mut(|stage| {
        // SAFETY: rule J: the output is the owner's.
        unsafe { stage.replace(Stage::Empty) }
    });
    let stray = match stage {
        Stage::Output(Err(error)) if error.is_panic() => Some(Stray::Detached(error)),
        stage => caught(|| drop(stage)).err().map(|it| Stray::Panicked(StrayPanic::OutputDrop, it)),
    };
    if let Some(stray) = stray {
        S::stray(home, stray);
    }
    // SAFETY: the caller is the owner, and does not use it again.
    unsafe { let_go(header) };
}

/// Moves the output to `target`, an `Option<Result<F::Output, JoinError>>`, and
/// lets go.
unsafe fn take_output<F: Future, S: Schedule>(header: NonNull<Header>, target: *mut ()) {
    let cell = header.cast::<Cell<F, S>>();
    // SAFETY: the owner's cell is alive.
    let this = unsafe { cell.as_ref() };
    let stage = this.stage.with_mut(|stage| {
        // SAFETY: rule J: the output is the owner's.
        unsafe { stage.replace(Stage::Empty) }
    });
    let Stage::Output(output) = stage else {
        unreachable!("a finished task has an output until it is taken");
    };
    // SAFETY: `target` is of this type and may be written, by the caller.
    unsafe { target.cast::<Option<Result<F::Output, JoinError>>>().write(Some(output)) };
    // SAFETY: the caller is the owner, and does not use it again.
    unsafe { let_go(header) };
}

unsafe fn free<F: Future, S: Schedule>(header: NonNull<Header>) {
    let cell = header.cast::<Cell<F, S>>();
    let (record, home) = {
        // SAFETY: freed once, so alive until now.
        let this = unsafe { cell.as_ref() };
        if this.header.state.is_cancelled() {
            // SAFETY: the home is alive as long as the cell. T3: whoever gave a
            // reason held a reference, or the join, so it is there by now.
            unsafe { this.schedule.home().as_ref() }.forget_reason(this.header.record());
        }
        (this.header.record, this.schedule.home())
    };
    // SAFETY: nobody holds the cell any more; the stage is empty, so no user code
    // runs here.
    unsafe { ptr::drop_in_place(cell.as_ptr()) };
    let layout = layout::<F, S>();
    if super::home::class_of(layout) == 0 {
        // SAFETY: class 0 was allocated with this layout.
        unsafe { std::alloc::dealloc(cell.as_ptr().cast(), layout) };
    }
    // SAFETY: 1: by the obligations of `create`; 2: freed just now.
    unsafe { S::give_back(home, record) };
}

unsafe fn schedule<F: Future, S: Schedule>(header: NonNull<Header>, why: Why) {
    // SAFETY: the caller keeps the cell alive until the route is copied.
    let route = unsafe { header.cast::<Cell<F, S>>().as_ref() }.schedule.route();
    S::schedule(route, Task::new(header), why);
}

unsafe fn is_local<F: Future, S: Schedule>(header: NonNull<Header>) -> bool {
    // SAFETY: the caller holds a reference.
    S::is_local(unsafe { header.cast::<Cell<F, S>>().as_ref() }.schedule.route())
}

unsafe fn look<F: Future, S: Schedule>(header: NonNull<Header>) -> Option<TaskInfo> {
    // SAFETY: the caller keeps the cell alive.
    let this = unsafe { header.cast::<Cell<F, S>>().as_ref() };
    // SAFETY: the home is alive as long as the cell.
    unsafe { this.schedule.home().as_ref() }.look(this.header.record())
}

unsafe fn report<F: Future, S: Schedule>(header: NonNull<Header>, stray: Stray) {
    // SAFETY: the caller holds a reference.
    S::stray(unsafe { header.cast::<Cell<F, S>>().as_ref() }.schedule.home(), stray);
}

/// Asks for the end of a task of which the caller holds a reference or the join.
///
/// A reason is left before that is visible, so that whoever cancels the task finds
/// it, and stays until the cell is freed: the task may be over already.
unsafe fn abort<F: Future, S: Schedule>(header: NonNull<Header>, reason: Option<Arc<str>>) {
    // SAFETY: the caller keeps the cell alive.
    let this = unsafe { header.cast::<Cell<F, S>>().as_ref() };
    let state = &this.header.state;
    if let Some(reason) = reason {
        // SAFETY: the home is alive as long as the cell.
        unsafe { this.schedule.home().as_ref() }.add_reason(this.header.record(), reason);
    }
    if S::CLAIMED {
        if state.cancel_unclaimed() == Claim::Won {
            // SAFETY: T4: the closure is ours and never starts.
            unsafe { cancel::<F, S>(header, None) };
        }
    } else if state.cancel() == Wake::Schedule {
        // SAFETY: the caller keeps the cell alive.
        unsafe { schedule::<F, S>(header, Why::Cancelled) };
    }
}
