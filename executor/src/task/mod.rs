//! One spawned future and everything needed to run, await, cancel and see it.
//!
//! ```text
//!   state, join_state   who may do what: pure transitions        no unsafe
//!   current             which task this thread polls
//!   header, waker       the head of the cell, its references     unsafe
//!   holders, cell       who holds it; future and output          unsafe
//!   schedule            what a kind of task is to its cell       unsafe
//!   place               where in its memory the parts lie        unsafe
//!   record, info        what others see of a task
//!   home                where memory comes from and goes
//!   join, error         what users hold
//!   stray, reporting    what is reported instead
//! ```
//!
//! Nothing here knows a scheduler: how a task is queued is [`Schedule`]'s, a trait
//! that this module defines and the scheduler implements.

#[expect(unsafe_code, reason = "the cell, behind the vtable that only this file fills")]
pub(crate) mod cell;
pub(crate) mod current;
#[expect(unsafe_code, reason = "a panic's payload is shared only by value")]
pub(crate) mod error;
#[expect(unsafe_code, reason = "the head of a cell, and the counts of its references")]
pub(crate) mod header;
#[expect(unsafe_code, reason = "a task, a reference and a joiner are pointers to a cell")]
pub(crate) mod holders;
#[expect(unsafe_code, reason = "memory: chunks, free lists, the return stack")]
pub(crate) mod home;
pub(crate) mod info;
pub(crate) mod join;
pub(crate) mod join_state;
#[expect(unsafe_code, reason = "where the parts of a cell lie in its block")]
mod place;
#[expect(unsafe_code, reason = "reads back a pointer to a static location")]
pub(crate) mod record;
mod reporting;
#[expect(unsafe_code, reason = "a trait on whose word the cell relies")]
mod schedule;
pub(crate) mod state;
mod stray;
#[expect(unsafe_code, reason = "std builds wakers from raw parts")]
mod waker;

pub(crate) use header::Why;
pub(crate) use holders::Task;
#[cfg(all(test, loom))]
pub(crate) use home::Class;
pub(crate) use home::{Home, Tenant};
pub(crate) use info::Nature;
pub(crate) use record::{Birth, Record};
pub(crate) use schedule::Schedule;
pub(crate) use stray::{Stray, StrayPanic};

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// A closure in the shape of a future, for the blocking pool: done at its first
/// poll.
#[derive(Debug)]
pub(crate) struct Once<C>(Option<C>);

impl<C> Once<C> {
    pub(crate) fn new(closure: C) -> Self {
        Self(Some(closure))
    }
}

// The closure is never pinned: it is moved out before it is called.
impl<C> Unpin for Once<C> {}

impl<C: FnOnce() -> T, T> Future for Once<C> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<T> {
        let closure = self.0.take().expect("a closure is started once");
        Poll::Ready(closure())
    }
}
