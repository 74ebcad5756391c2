//! One spawned future and everything needed to run, await, cancel and see it.
//!
//! ```text
//!   state, join_state   who may do what: pure transitions        no unsafe
//!   current             which task this thread polls
//!   raw, waker          the cell, its vtable, its wakers         all the unsafe
//!   record, info        what others see of a task
//!   home                where memory comes from and goes
//!   join, error         what users hold
//! ```
//!
//! Nothing here knows a scheduler: how a task is queued is [`Schedule`]'s, a trait
//! that this module defines and the scheduler implements.

pub(crate) mod current;
#[expect(unsafe_code, reason = "a panic's payload is shared only by value")]
pub(crate) mod error;
#[expect(unsafe_code, reason = "memory: chunks, free lists, the return stack")]
pub(crate) mod home;
pub(crate) mod info;
pub(crate) mod join;
pub(crate) mod join_state;
#[expect(unsafe_code, reason = "the cell and its vtable: one file, reviewed as a whole")]
pub(crate) mod raw;
#[expect(unsafe_code, reason = "reads back a pointer to a static location")]
pub(crate) mod record;
pub(crate) mod state;
#[expect(unsafe_code, reason = "std builds wakers from raw parts")]
mod waker;

pub(crate) use home::{Home, Tenant};
pub(crate) use info::Nature;
pub(crate) use raw::{Schedule, Stray, StrayPanic, Task, Why};
pub(crate) use record::{Birth, Record};

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
