//! The task cell: one block of memory, which holds a future and then its output.
//!
//! ```text
//!   ┌───────────── Record ─────────────┐┌──────────────── Header ────────────────┐
//!   │ generation polls │ id │ from │ wait ││ state │ vtable │ join waker │ small ones │ S │ stage │ locals
//!   └──────────────────────────────────┘└────────────────────────────────────────┘
//!                                                             future ─▶ output ─▶ nothing
//! ```
//!
//! The record stays when the cell goes: see [`home`](super::home). `S` says how this
//! task is queued: stealable, pinned or blocking. The operations here are generic over
//! it and over the future; everybody else goes through the vtable.
//!
//! Where each part lies, [`place`](super::place) knows.
//!
//! The rules on which the proofs below rest are the tables "Who may touch what" of
//! [`state`](super::state) (rule S) and [`join_state`](super::join_state) (rule J).
//!
//! # Cost
//!
//! Of a task that inherits nothing, on a worker, with memory on the free list. RMW:
//! atomic read-modify-writes of the task's words; those of the queues come on top.
//!
//! On its own worker a task in the deque costs 1 more to be taken out, and one in the
//! next-task slot 1; to put it there costs none, and who awaits a task that ended, with
//! an empty queue, lies in neither. So a spawn that is awaited makes five, two of them
//! for the wake of its parent, and one of a thousand that are joined makes two.
//!
//! | step                       | RMW                 | allocations | lines others may have    |
//! |----------------------------|---------------------|-------------|--------------------------|
//! | spawn                      | 0                   | 0           | 0                        |
//! | spawn elsewhere            | 0, and the lock of the shared memory | 0 | that lock's       |
//! | start a poll               | 0; woken meanwhile 1 | 0          | 0                        |
//! | end a poll: pending        | 1                   | 0           | 0                        |
//! | end a poll: woke itself    | 0                   | 0           | 0                        |
//! | wake elsewhere             | 1; outside the runtime, with the waker's end 2 | 0 | the cell's |
//! | clone, drop a waker        | 0 in the task's poll, else 1 | 0  | the cell's, if elsewhere |
//! | join: ready                | 0                   | 0           | the cell's, if it ran elsewhere |
//! | join: wait                 | 1; with another waker than before 2 | 0 | the cell's         |
//! | complete                   | 1; detached 0; with a joiner whose second waker waits 2 | 0 | the cell's |
//! | drop the handle            | 1; over already 0   | 0           | the cell's               |
//! | free                       | 0; with wakers alive 1; elsewhere 1 | 0 | its home's return stack, if elsewhere |

use super::{
    current,
    error::{JoinError, Reason},
    header::{Content, Extras, Header, Vtable, Why, drop_ref},
    holders::{Joiner, Task},
    home::Class,
    info::TaskInfo,
    join_state::{Complete, JoinState},
    place::{Place, Stage},
    record::{Birth, Record},
    schedule::Schedule,
    state::{Claim, EndPoll, Release, StartPoll, State, Wake},
    stray::{Stray, StrayPanic},
    waker,
};
use crate::{
    contain::caught,
    locals::{self, Inherited, Scope},
};
use std::{
    any::Any,
    mem::ManuallyDrop,
    pin::Pin,
    ptr::{self, NonNull},
    sync::Arc,
    task::{Context, Poll},
};
use sync::{
    futurelock,
    shim::cell::UnsafeCell,
    wait_site::{self, Watched},
    waker_slot::WakerSlot,
};

/// The route of a task whose cell is alive.
#[inline]
unsafe fn route<F: Future, S: Schedule>(place: Place<F, S>) -> S::Route {
    // SAFETY: alive, by the caller.
    let this = unsafe { place.get() };
    // SAFETY: as above.
    this.schedule.route(unsafe { place.home() })
}

/// What a new task has that most have not.
fn extras(watched: Watched, locals: Option<&Arc<Inherited>>) -> Extras {
    let watched = if watched == Watched::Yes { Extras::WATCHED } else { Extras::NONE };
    watched.and(if locals.is_some() { Extras::LOCALS } else { Extras::NONE })
}

/// The size of the cell for a future and a kind, given what the task inherits.
#[inline]
pub(crate) fn class<F: Future, S: Schedule>(locals: Option<&Arc<Inherited>>) -> Class {
    match locals {
        None => const { Class::of(Place::<F, S>::LAYOUT) },
        Some(_) => const { Class::of(Place::<F, S>::with_locals()) },
    }
}

/// Makes a task in memory taken for [`class`], with `refs` references counted.
///
/// # Safety
///
/// 1. `record` was taken from a home for `class::<F, S>(locals)`, and is used for
///    nothing else.
/// 2. `F` and its output may be used and dropped on whichever thread `schedule`
///    lets run the task, and the joiner may have the output.
/// 3. What `F` borrows outlives the task's completion.
#[inline]
pub(crate) unsafe fn create<F: Future, S: Schedule>(
    future: F,
    schedule: S,
    record: NonNull<Record>,
    birth: &Birth,
    locals: Option<Arc<Inherited>>,
    refs: i64,
) -> (Task, Joiner<F::Output>) {
    let place = Place::<F, S>::at(record);
    let header = Header {
        state: State::spawned(refs),
        vtable: const { &vtable::<F, S>() },
        join_waker: WakerSlot::new(),
        join: JoinState::new(),
        extras: extras(birth.watched, locals.as_ref()),
        content: UnsafeCell::new(Content::Future),
        self_woken: UnsafeCell::new(false),
        local_refs: UnsafeCell::new(0),
    };
    if let Some(locals) = locals {
        // SAFETY: memory of this layout, ours alone, by 1. So in all that follows.
        unsafe { place.locals().write(Arc::into_raw(locals)) };
    }
    let stage = UnsafeCell::new(Stage::<F> { future: ManuallyDrop::new(future) });
    match Place::<F, S>::IS_BOXED {
        // SAFETY: as above.
        true => unsafe { place.spot().cast().write(Box::into_raw(Box::new(stage))) },
        // SAFETY: as above.
        false => unsafe { place.spot().write(stage) },
    }
    // SAFETY: as above.
    unsafe { place.header().write(header) };
    // SAFETY: as above.
    unsafe { place.schedule().write(schedule) };
    // SAFETY: records live as long as their home, alive by 1.
    unsafe { record.as_ref() }.be_born(birth);
    (Task::new(place.header()), Joiner::new(place.header()))
}

/// How the task is queued that lives with this record.
///
/// # Safety
///
/// 1. It was made with an `S`, and its cell is alive for `'a`.
pub(crate) unsafe fn kind<'a, S: Schedule>(record: NonNull<Record>) -> &'a S {
    // The kind lies where it does whatever the future is.
    let place = Place::<std::future::Ready<()>, S>::at(record);
    // SAFETY: by 1.
    unsafe { place.schedule().as_ref() }
}

const fn vtable<F: Future, S: Schedule>() -> Vtable {
    Vtable {
        run: run::<F, S>,
        schedule: schedule::<F, S>,
        wake_and_drop: wake_and_drop::<F, S>,
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
    let place = Place::<F, S>::of(header);
    // SAFETY: a queued task's cell is alive, and its type is the vtable's.
    let this = unsafe { place.get() };
    let state = &this.header.state;
    if S::CLAIMED {
        if state.claim() == Claim::Lost {
            return;
        }
    } else if state.start_poll() == StartPoll::Cancel {
        // SAFETY: BUSY is ours, by the linear `Task`.
        return unsafe { cancel::<F, S>(header, None) };
    }
    let polled = {
        // SAFETY: as above: the right to poll covers what the task inherited.
        let borrowed = unsafe { borrow_locals(place) };
        let (locals, scope);
        let entered = match borrowed {
            None => None,
            Some(it) => {
                locals = it;
                scope = Scope::of_task(&locals);
                Some(&scope)
            }
        };
        // SAFETY: as above.
        unsafe { poll(place, entered) }
    };
    match polled {
        // SAFETY: as above; the future is gone.
        Poll::Ready(output) => unsafe { complete(place, output, Why::Joined) },
        Poll::Pending if this.header.take_self_woken() => {
            // SAFETY: as above.
            S::schedule(unsafe { route(place) }, Task::new(header), Why::Yielded);
        }
        Poll::Pending => {
            if this.header.extras.has(Extras::WATCHED) {
                // SAFETY: as above.
                unsafe { judge(place) };
            }
            // SAFETY: as above.
            let route = unsafe { route(place) };
            // From here the cell is ours only if we are told so.
            if state.end_poll() == EndPoll::Reschedule {
                S::schedule(route, Task::new(header), Why::Woken);
            }
        }
    }
}

/// What the task inherits, to whoever runs it, which must not drop it.
#[inline]
unsafe fn borrow_locals<F: Future, S: Schedule>(
    place: Place<F, S>,
) -> Option<ManuallyDrop<Arc<Inherited>>> {
    // SAFETY: the caller runs the task.
    if !unsafe { place.get() }.header.extras.has(Extras::LOCALS) {
        return None;
    }
    // SAFETY: rule S: as the future.
    let locals = unsafe { place.locals().read() };
    // SAFETY: `create` stored the pointer of an `Arc`, whose count is not given up
    // before `drop_locals`, and here not at all.
    (!locals.is_null()).then(|| ManuallyDrop::new(unsafe { Arc::from_raw(locals) }))
}

/// Polls the future once; when it is over, also drops it.
#[inline]
unsafe fn poll<F: Future, S: Schedule>(
    place: Place<F, S>,
    scope: Option<&Scope<'_>>,
) -> Poll<Result<F::Output, JoinError>> {
    // SAFETY: alive, by the caller's right to poll it.
    let this = unsafe { place.get() };
    let header = place.header();
    let _current = current::enter(header.cast());
    // SAFETY: the guard ends with this function, before the scope and in order.
    let _scope = unsafe { locals::enter(scope) };
    this.record.begin_poll();
    // SAFETY: the guard ends with this function, in order.
    let _site = unsafe { wait_site::enter(&this.record.wait) };
    // SAFETY: the waker is not dropped, so it counts as no reference, and it does
    // not outlive the poll except by being cloned.
    let waker = unsafe { ManuallyDrop::new(waker::from_header(header)) };
    let mut cx = Context::from_waker(&waker);
    // SAFETY: alive, as above.
    let stage = unsafe { place.stage() };
    let polled = caught(|| {
        stage.with_mut(|stage| {
            // SAFETY: rule S: a task is polled until it completes, so the future is
            // there, and ours while we poll.
            let future = unsafe { &mut *stage.cast::<F>() };
            // SAFETY: the stage does not move until the future was dropped.
            unsafe { Pin::new_unchecked(future) }.poll(&mut cx)
        })
    });
    let output = match polled {
        Ok(Poll::Pending) => return Poll::Pending,
        Ok(Poll::Ready(output)) => Ok(output),
        Err(payload) => {
            // SAFETY: alive, as above.
            unsafe { place.home_ref() }.counts.add_panicked();
            // SAFETY: as above.
            Err(JoinError::panicked(unsafe { place.info() }, payload))
        }
    };
    // SAFETY: rule S, as above.
    if let Some(payload) = unsafe { empty(place) } {
        // SAFETY: alive, as above.
        let home = unsafe { place.home() };
        S::stray(home, Stray::Panicked(StrayPanic::FutureDrop, payload));
    }
    Poll::Ready(output)
}

/// In debug mode: the task is about to idle. Does it wait for what it has?
#[cold]
unsafe fn judge<F: Future, S: Schedule>(place: Place<F, S>) {
    for found in futurelock::judge() {
        // SAFETY: the caller has the right to poll, so the cell is alive.
        let home = unsafe { place.home() };
        // SAFETY: as above.
        S::futurelock(home, unsafe { place.info() }, found);
    }
}

/// What whoever aborted the task gave as the reason. What was written before the
/// cancellation is seen with it.
unsafe fn given_reason<F: Future, S: Schedule>(place: Place<F, S>) -> Option<Reason> {
    // SAFETY: alive, by the caller's right to poll.
    let this = unsafe { place.get() };
    if !this.header.state.is_cancelled() {
        return None;
    }
    // SAFETY: as above.
    unsafe { place.home_ref() }.reason(&this.record).map(Reason::Given)
}

/// Drops the future, or the output, and gives back what that panicked with.
///
/// The stage is the caller's.
unsafe fn empty<F: Future, S: Schedule>(place: Place<F, S>) -> Option<Box<dyn Any + Send>> {
    // SAFETY: the stage is the caller's; said before the destructor runs, so that
    // nothing is dropped twice when it panics.
    let content = unsafe { place.set(Content::Nothing) };
    // SAFETY: as above.
    let stage = unsafe { place.stage() };
    stage.with_mut(|stage| match content {
        // SAFETY: as above, and that is what was in it.
        Content::Future => caught(|| unsafe { stage.cast::<F>().drop_in_place() }).err(),
        // SAFETY: likewise.
        Content::Output => caught(|| unsafe {
            stage.cast::<Result<F::Output, JoinError>>().drop_in_place();
        })
        .err(),
        Content::Nothing => None,
    })
}

/// Takes the output out of a stage that is the caller's, where it is.
unsafe fn take<F: Future, S: Schedule>(place: Place<F, S>) -> Result<F::Output, JoinError> {
    // SAFETY: the stage is the caller's.
    let content = unsafe { place.set(Content::Nothing) };
    assert!(content == Content::Output, "a finished task has an output until it is taken");
    // SAFETY: as above.
    let stage = unsafe { place.stage() };
    // SAFETY: as above: the output was there, and nobody takes it again.
    stage.with_mut(|stage| unsafe { stage.cast::<Result<F::Output, JoinError>>().read() })
}

/// Drops the future of a task that nobody else polls, and completes it. `reason`
/// counts if nobody who aborted it gave one.
unsafe fn cancel<F: Future, S: Schedule>(header: NonNull<Header>, reason: Option<&'static str>) {
    let place = Place::<F, S>::of(header);
    // SAFETY: the caller has the right to poll, so the cell is alive.
    let this = unsafe { place.get() };
    // SAFETY: as above.
    let info = unsafe { place.info() };
    let payload = {
        let _current = current::enter(header.cast());
        // SAFETY: as above: the right to poll covers what it inherited.
        let locals = unsafe { borrow_locals(place) };
        let scope = locals.as_deref().map(Scope::of_task);
        // SAFETY: the guard ends with this block, before the scope and in order.
        let _scope = unsafe { locals::enter(scope.as_ref()) };
        // SAFETY: rule S: the future is ours.
        unsafe { empty(place) }
    };
    this.header.take_self_woken();
    let error = match payload {
        Some(payload) => {
            // SAFETY: as above.
            unsafe { place.home_ref() }.counts.add_panicked();
            JoinError::panicked(info, payload)
        }
        None => {
            // SAFETY: as above.
            unsafe { place.home_ref() }.counts.add_cancelled();
            // SAFETY: as above.
            let given = unsafe { given_reason(place) };
            JoinError::cancelled(info, given.or(reason.map(Reason::Ours)))
        }
    };
    // SAFETY: as above; the future is gone. The caller may be in the poll of another.
    unsafe { complete(place, Err(error), Why::Woken) };
}

/// The task is over: stores the output and finds out whose it is. Wakes who awaits it,
/// for the reason `why`, and does nothing more.
#[inline(always)]
unsafe fn complete<F: Future, S: Schedule>(
    place: Place<F, S>,
    output: Result<F::Output, JoinError>,
    why: Why,
) {
    // SAFETY: the caller has the right to poll, so the cell is alive until the
    // join word gives it away below.
    let this = unsafe { place.get() };
    // SAFETY: as above.
    let stage = unsafe { place.stage() };
    let output = ManuallyDrop::new(output);
    // SAFETY: rule J: the output is the completer's until the word says DONE.
    stage.with_mut(|stage| unsafe { stage.write(Stage { output }) });
    // SAFETY: as above.
    unsafe { place.set(Content::Output) };
    // SAFETY: as above.
    let home = unsafe { place.home() };
    this.schedule.ended(home);
    if this.header.extras.has(Extras::LOCALS) {
        // SAFETY: as above.
        unsafe { drop_locals(place) };
    }
    // SAFETY: alive as long as the cell.
    unsafe { home.as_ref() }.bury(&this.record);
    let (mut order, mut waker) = this.header.join.begin(|| this.header.join_waker.copy());
    if order == Complete::TakeWaker {
        // Rule J: LOCKED is ours, and with it the waker.
        waker = Some(this.header.join_waker.copy());
        order = this.header.join.end();
    }
    if order == Complete::Discard {
        // SAFETY: rule J: GONE, so the output and the cell are ours.
        unsafe { discard::<F, S>(place.header()) };
    }
    let Some(waker) = waker else { return };
    // SAFETY: 1: rule J: the joiner put it in, and the word gave it to us alone.
    if let Err(payload) = caught(|| unsafe { waker::wake_joiner(waker, why) }) {
        S::stray(home, Stray::Panicked(StrayPanic::Waker, payload));
    }
}

/// Lets go of what a task inherited that is over, and is the caller's.
#[cold]
unsafe fn drop_locals<F: Future, S: Schedule>(place: Place<F, S>) {
    // SAFETY: the task is the caller's, and over.
    let locals = unsafe { borrow_locals(place) };
    // SAFETY: rule S: nobody looks again but the owner, who then finds null.
    unsafe { place.locals().write(ptr::null()) };
    let Some(locals) = locals.map(ManuallyDrop::into_inner) else { return };
    if let Err(payload) = caught(|| drop(locals)) {
        // SAFETY: the cell is the caller's.
        S::stray(unsafe { place.home() }, Stray::Panicked(StrayPanic::LocalDrop, payload));
    }
}

/// Drops the output of a finished task, of which the caller is the owner.
unsafe fn discard<F: Future, S: Schedule>(header: NonNull<Header>) {
    let place = Place::<F, S>::of(header);
    // SAFETY: the owner's cell is alive.
    let home = unsafe { place.home() };
    // SAFETY: rule J: the output is the owner's.
    let stray = match unsafe { take(place) } {
        Err(error) if error.is_panic() => Some(Stray::Detached(error)),
        output => {
            caught(|| drop(output)).err().map(|it| Stray::Panicked(StrayPanic::OutputDrop, it))
        }
    };
    if let Some(stray) = stray {
        S::stray(home, stray);
    }
    // SAFETY: the caller is the owner, and does not use it again.
    unsafe { let_go::<F, S>(header) };
}

/// Moves the output to `target`, an `Option<Result<F::Output, JoinError>>`, and
/// lets go.
unsafe fn take_output<F: Future, S: Schedule>(header: NonNull<Header>, target: *mut ()) {
    // SAFETY: the owner's cell is alive, and by rule J the output is the owner's.
    let output = unsafe { take(Place::<F, S>::of(header)) };
    // SAFETY: `target` is of this type and may be written, by the caller.
    unsafe { target.cast::<Option<Result<F::Output, JoinError>>>().write(Some(output)) };
    // SAFETY: the caller is the owner, and does not use it again.
    unsafe { let_go::<F, S>(header) };
}

/// Lets go of a finished task. The caller is its owner and does not use it again.
unsafe fn let_go<F: Future, S: Schedule>(header: NonNull<Header>) {
    // SAFETY: the owner's cell is alive.
    let this = unsafe { header.as_ref() };
    let local = this.local();
    if this.state.is_last(local) || this.state.merge(local) == Release::Free {
        // SAFETY: T3: no reference is left, and the owner lets go.
        unsafe { free::<F, S>(header) };
    }
}

/// Ends a cell that nobody holds any more. Its stage is empty, so no user code runs.
unsafe fn free<F: Future, S: Schedule>(header: NonNull<Header>) {
    let place = Place::<F, S>::of(header);
    // SAFETY: freed once, so alive until now.
    let home = unsafe { place.home() };
    {
        // SAFETY: as above.
        let this = unsafe { place.get() };
        if this.header.state.is_cancelled() {
            // SAFETY: the home is alive as long as the cell. T3: whoever gave a
            // reason held a reference, or the join, so it is there by now.
            unsafe { home.as_ref() }.forget_reason(&this.record);
        }
    }
    if Place::<F, S>::IS_BOXED {
        // SAFETY: `create` put the pointer of a box there.
        let stage = unsafe { place.spot().cast::<*mut UnsafeCell<Stage<F>>>().read() };
        // SAFETY: likewise, and it is freed once.
        drop(unsafe { Box::from_raw(stage) });
    }
    // SAFETY: as above. The record stays.
    unsafe { place.schedule().drop_in_place() };
    // SAFETY: as above.
    unsafe { header.drop_in_place() };
    // SAFETY: 1: by the obligations of `create`; 2: freed just now.
    unsafe { S::give_back(home, place.record()) };
}

unsafe fn schedule<F: Future, S: Schedule>(header: NonNull<Header>, why: Why) {
    // SAFETY: the caller keeps the cell alive until the route is copied.
    let route = unsafe { route(Place::<F, S>::of(header)) };
    S::schedule(route, Task::new(header), why);
}

/// Wakes a task that this thread does not poll, and gives the caller's reference up.
unsafe fn wake_and_drop<F: Future, S: Schedule>(header: NonNull<Header>, why: Why) {
    let place = Place::<F, S>::of(header);
    // SAFETY: alive, by the caller's reference.
    let state = &unsafe { place.get() }.header.state;
    // SAFETY: as above.
    let route = unsafe { route(place) };
    let wake = || match state.wake_and_drop() {
        Wake::Nothing => None,
        // It is idle, so alive until somebody runs it, and nobody can before it is
        // queued.
        Wake::Schedule => Some(Task::new(header)),
        Wake::Free => {
            // SAFETY: T3: the last reference to a task its owner let go of.
            unsafe { free::<F, S>(header) };
            None
        }
    };
    if S::wake_here(route, why, wake) {
        return;
    }
    // A foreign waker keeps its reference until the task is queued: it is what keeps
    // the scheduler alive meanwhile.
    if state.wake() == Wake::Schedule {
        S::schedule(route, Task::new(header), why);
    }
    // SAFETY: given up here.
    unsafe { drop_ref(header) };
}

unsafe fn look<F: Future, S: Schedule>(header: NonNull<Header>) -> Option<TaskInfo> {
    let place = Place::<F, S>::of(header);
    // SAFETY: the caller keeps the cell alive.
    let this = unsafe { place.get() };
    // SAFETY: as above.
    unsafe { place.home_ref() }.look(&this.record)
}

unsafe fn report<F: Future, S: Schedule>(header: NonNull<Header>, stray: Stray) {
    // SAFETY: the caller holds a reference.
    S::stray(unsafe { Place::<F, S>::of(header).home() }, stray);
}

/// Asks for the end of a task of which the caller holds a reference or the join.
///
/// A reason is left before that is visible, so that whoever cancels the task finds
/// it, and stays until the cell is freed: the task may be over already.
unsafe fn abort<F: Future, S: Schedule>(header: NonNull<Header>, reason: Option<Arc<str>>) {
    let place = Place::<F, S>::of(header);
    // SAFETY: the caller keeps the cell alive.
    let this = unsafe { place.get() };
    let state = &this.header.state;
    if let Some(reason) = reason {
        // SAFETY: as above.
        unsafe { place.home_ref() }.add_reason(&this.record, reason);
    }
    if S::CLAIMED {
        if state.cancel_unclaimed() == Claim::Won {
            // SAFETY: T4: the closure is ours and never starts.
            let cancel = || unsafe { cancel::<F, S>(header, None) };
            // SAFETY: the caller keeps the cell alive.
            this.schedule.withdraw(unsafe { place.home() }, this.record.id(), cancel);
        }
    } else if state.cancel() == Wake::Schedule {
        // SAFETY: the caller keeps the cell alive.
        unsafe { schedule::<F, S>(header, Why::Cancelled) };
    }
}
