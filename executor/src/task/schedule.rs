//! What a kind of task is to the cell it lives in.
//!
//! The cell knows how to poll, end and free a task. Where it waits for its turn, and
//! who hears of its panics, its kind says: see [`kinds`](crate::kinds).

use super::{
    header::Why,
    holders::Task,
    home::Home,
    info::{Id, TaskInfo},
    record::Record,
    stray::Stray,
};
use std::ptr::NonNull;
use sync::futurelock::Futurelock;

/// How a kind of task is queued, and where its memory goes.
///
/// # Safety
///
/// 1. `schedule` gives the task to somebody who runs it at most once, or keeps
///    it unrun until nobody polls any more.
pub(crate) unsafe trait Schedule: 'static {
    /// What `schedule` needs, copied out of the cell: once the task is queued
    /// the cell may end at any moment.
    type Route: Copy;

    /// Closures of the blocking pool are claimed instead of started.
    const CLAIMED: bool;

    /// The route of a task whose memory came from `home`.
    fn route(&self, home: NonNull<Home>) -> Self::Route;

    /// If the calling thread keeps what the route leads to alive by itself: calls `wake`
    /// and queues the task that this gives. Gives whether it did.
    fn wake_here(route: Self::Route, why: Why, wake: impl FnOnce() -> Option<Task>) -> bool;

    fn schedule(route: Self::Route, task: Task, why: Why);

    /// The future is gone. On the thread that dropped it.
    fn ended(&self, home: NonNull<Home>);

    /// A closure is cancelled which nobody has begun: takes it off its queue, and calls
    /// `cancel`, which drops it. Others are never asked.
    fn withdraw(&self, home: NonNull<Home>, id: Id, cancel: impl FnOnce()) {
        let _ = (home, id);
        cancel();
    }

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
