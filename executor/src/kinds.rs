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
    task::{
        Home, Record, Schedule, Stray, Task, Why,
        info::{Id, TaskInfo},
    },
    unhandled::Unhandled,
};
use std::{ptr::NonNull, sync::Arc};
use sync::{
    futurelock::Futurelock,
    shim::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// A task that any worker may run.
pub(crate) struct Stealable;

// SAFETY: 1: queues give each task to one
// worker, once; closed ones forget it.
unsafe impl Schedule for Stealable {
    type Route = NonNull<Home>;

    const CLAIMED: bool = false;

    #[inline]
    fn route(&self, home: NonNull<Home>) -> NonNull<Home> {
        home
    }

    #[inline]
    fn wake_here(home: NonNull<Home>, why: Why, wake: impl FnOnce() -> Option<Task>) -> bool {
        // SAFETY: alive, by the reference of whoever wakes.
        let owner = unsafe { home.as_ref() }.owner;
        context::with(|cx| {
            let Some(desk) = cx.filter(|cx| cx.is_of(owner)).and_then(Context::desk) else {
                return false;
            };
            if let Some(task) = wake() {
                Scheduler::at(desk).queue_here(desk, task, why);
            }
            true
        })
    }

    #[inline]
    fn schedule(home: NonNull<Home>, task: Task, why: Why) {
        // SAFETY: 1: this thread is a worker, which holds the scheduler, or the
        // caller's reference to the task does.
        unsafe { Scheduler::of(home) }.queue(task, why);
    }

    fn ended(&self, _home: NonNull<Home>) {}

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
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) key: usize,
}

// SAFETY: 1: the inbox gives each task to
// its thread, once; a closed one forgets it.
unsafe impl Schedule for Pinned {
    type Route = (NonNull<Home>, NonNull<Inbox>);

    const CLAIMED: bool = false;

    fn route(&self, home: NonNull<Home>) -> Self::Route {
        (home, NonNull::from(&*self.inbox))
    }

    fn wake_here((_, inbox): Self::Route, _why: Why, wake: impl FnOnce() -> Option<Task>) -> bool {
        let is_own =
            |cx: &&Context| cx.inbox.as_ref().is_some_and(|it| NonNull::from(&**it) == inbox);
        context::with(|cx| {
            let Some(cx) = cx.filter(is_own) else { return false };
            // What holds the inbox is the context, once the reference is gone.
            let task = wake();
            cx.pinned.borrow_mut().extend(task);
            true
        })
    }

    fn schedule((home, inbox): Self::Route, task: Task, _why: Why) {
        // SAFETY: on its own thread the context holds the inbox; elsewhere the
        // caller's reference keeps the cell, and the cell the inbox.
        let inbox = unsafe { inbox.as_ref() };
        // SAFETY: 1: likewise.
        unsafe { Scheduler::of(home) }.queue_pinned(inbox, task);
    }

    fn ended(&self, _home: NonNull<Home>) {
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
    /// Its place in the queue, as a number. A hint, until it has one and after that.
    ticket: AtomicUsize,
}

impl OnPool {
    pub(crate) fn new() -> Self {
        Self { ticket: AtomicUsize::new(Ticket::NONE.0) }
    }

    /// Keeps where in its queue the closure waits for a thread.
    pub(crate) fn keep(&self, ticket: Ticket) {
        // Relaxed: a hint, which whoever acts on it checks under a lock.
        self.ticket.store(ticket.0, Relaxed);
    }
}

// SAFETY: 1: it is queued once, by hand;
// nothing wakes a closure.
unsafe impl Schedule for OnPool {
    type Route = ();

    const CLAIMED: bool = true;

    fn route(&self, _home: NonNull<Home>) {}

    fn wake_here((): (), _why: Why, _wake: impl FnOnce() -> Option<Task>) -> bool {
        false
    }

    fn schedule((): (), _task: Task, _why: Why) {
        unreachable!("a closure is never idle, so nothing queues it");
    }

    fn ended(&self, _home: NonNull<Home>) {}

    fn withdraw(&self, home: NonNull<Home>, id: Id, cancel: impl FnOnce()) {
        // SAFETY: 1: alive as long as the cell in which this lies.
        let scheduler = unsafe { Scheduler::of(home) };
        // Relaxed: as above.
        let ticket = Ticket(self.ticket.load(Relaxed));
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
