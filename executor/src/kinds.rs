//! The three kinds of tasks: who may run them, and how each is queued.
//!
//! | kind          | made by          | runs on                   | queued                    |
//! |---------------|------------------|---------------------------|---------------------------|
//! | [`Stealable`] | `spawn`          | any worker                | as [`scheduler`](crate::scheduler) says |
//! | [`Pinned`]    | `spawn_local`, `spawn_pinned`, `block_on` | its thread | there, or in its inbox |
//! | [`OnPool`]    | `spawn_blocking` | a thread of the blocking pool | once, by hand         |

use crate::{
    blocking::Ticket,
    context::{self, Context},
    inbox::Inbox,
    scheduler::{BlockingJob, Scheduler},
    task::{Home, Record, Schedule, Stray, Task, Why, info::TaskInfo},
    unhandled::Unhandled,
};
use std::{ptr::NonNull, sync::Arc};
use sync::futurelock::Futurelock;

/// A task that any worker may run.
pub(crate) struct Stealable {
    pub(crate) home: NonNull<Home>,
}

// SAFETY: 1: `make` passes the record's own home. 2: queues give each task to one
// worker, once; closed ones forget it.
unsafe impl Schedule for Stealable {
    type Route = NonNull<Home>;

    const CLAIMED: bool = false;

    fn home(&self) -> NonNull<Home> {
        self.home
    }

    fn route(&self) -> NonNull<Home> {
        self.home
    }

    #[inline]
    fn is_local(home: NonNull<Home>) -> bool {
        is_local(home)
    }

    #[inline]
    fn schedule(home: NonNull<Home>, task: Task, why: Why) {
        // SAFETY: 1: this thread is a worker, which holds the scheduler, or the
        // caller's reference to the task does.
        unsafe { Scheduler::of(home) }.queue(task, why);
    }

    fn ended(&self) {}

    unsafe fn give_back(home: NonNull<Home>, record: NonNull<Record>) {
        // SAFETY: 1 and 2 are the caller's.
        unsafe { give_back(home, record) }
    }

    fn stray(home: NonNull<Home>, stray: Stray) {
        report(home, Unhandled::from_stray(stray));
    }

    fn futurelock(home: NonNull<Home>, task: TaskInfo, futurelock: Futurelock) {
        report(home, Unhandled::futurelock(task, futurelock));
    }
}

/// Whether this thread works at a desk of the scheduler to which `home` belongs.
fn is_local(home: NonNull<Home>) -> bool {
    // SAFETY: alive, by the reference of whoever asks.
    let owner = unsafe { home.as_ref() }.owner;
    context::with(|cx| cx.is_some_and(|cx| cx.is_of(owner) && cx.desk().is_some()))
}

/// Gives the memory of a task back: to this thread's desk, if it is from there.
///
/// # Safety
///
/// As of [`Schedule::give_back`].
unsafe fn give_back(home: NonNull<Home>, record: NonNull<Record>) {
    context::with(|cx| {
        let tenant = cx.and_then(Context::desk).map(|desk| &desk.tenant);
        match tenant.filter(|tenant| tenant.home() == home) {
            // SAFETY: 1 and 2 are the caller's.
            Some(tenant) => unsafe { tenant.put_back(record) },
            // SAFETY: 1 and 2 are the caller's.
            None => unsafe { Home::give_back(home, record) },
        }
    });
}

fn report(home: NonNull<Home>, what: Unhandled) {
    // SAFETY: the caller runs or owns a task of that home.
    let scheduler = unsafe { Scheduler::of(home) };
    scheduler.config.hooks.report(what);
}

/// A task that one thread runs.
pub(crate) struct Pinned {
    pub(crate) home: NonNull<Home>,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) key: usize,
}

// SAFETY: 1: `make` passes the record's own home. 2: the inbox gives each task to
// its thread, once; a closed one forgets it.
unsafe impl Schedule for Pinned {
    type Route = (NonNull<Home>, NonNull<Inbox>);

    const CLAIMED: bool = false;

    fn home(&self) -> NonNull<Home> {
        self.home
    }

    fn route(&self) -> Self::Route {
        (self.home, NonNull::from(&*self.inbox))
    }

    fn is_local((_, inbox): Self::Route) -> bool {
        let is_own =
            |cx: &Context| cx.inbox.as_ref().is_some_and(|it| NonNull::from(&**it) == inbox);
        context::with(|cx| cx.is_some_and(is_own))
    }

    fn schedule((home, inbox): Self::Route, task: Task, _why: Why) {
        // SAFETY: on its own thread the context holds the inbox; elsewhere the
        // caller's reference keeps the cell, and the cell the inbox.
        let inbox = unsafe { inbox.as_ref() };
        // SAFETY: 1: likewise.
        unsafe { Scheduler::of(home) }.queue_pinned(inbox, task);
    }

    fn ended(&self) {
        self.inbox.strike(self.key);
    }

    unsafe fn give_back(home: NonNull<Home>, record: NonNull<Record>) {
        // SAFETY: 1 and 2 are the caller's.
        unsafe { give_back(home, record) }
    }

    fn stray(home: NonNull<Home>, stray: Stray) {
        report(home, Unhandled::from_stray(stray));
    }

    fn futurelock(home: NonNull<Home>, task: TaskInfo, futurelock: Futurelock) {
        report(home, Unhandled::futurelock(task, futurelock));
    }
}

/// A closure on the blocking pool.
pub(crate) struct OnPool {
    pub(crate) home: NonNull<Home>,
    pub(crate) record: NonNull<Record>,
}

// SAFETY: 1: `make` passes the record's own home. 2: it is queued once, by hand;
// nothing wakes a closure.
unsafe impl Schedule for OnPool {
    type Route = ();

    const CLAIMED: bool = true;

    fn home(&self) -> NonNull<Home> {
        self.home
    }

    fn route(&self) {}

    fn is_local((): ()) -> bool {
        false
    }

    fn schedule((): (), _task: Task, _why: Why) {
        unreachable!("a closure is never idle, so nothing queues it");
    }

    fn ended(&self) {}

    fn withdraw(&self, cancel: impl FnOnce()) {
        // SAFETY: 1: alive as long as the cell in which this lies.
        let scheduler = unsafe { Scheduler::of(self.home) };
        // SAFETY: records live as long as their home.
        let record = unsafe { self.record.as_ref() };
        let (ticket, id) = (Ticket(record.ticket()), record.id());
        let waiting = scheduler.pool.withdraw(ticket, |job| job.is(id));
        cancel();
        // A virtual clock stands still until the closure is gone.
        waiting.into_iter().for_each(BlockingJob::forget);
    }

    unsafe fn give_back(home: NonNull<Home>, record: NonNull<Record>) {
        // SAFETY: 1 and 2 are the caller's.
        unsafe { give_back(home, record) }
    }

    fn stray(home: NonNull<Home>, stray: Stray) {
        report(home, Unhandled::from_stray(stray));
    }
}
