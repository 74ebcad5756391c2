//! In which group does the code run that this thread runs now?
//!
//! A thread-local variable names the innermost group around each poll, and each
//! drop, of a body, a child and a shielded task. [`shield`](super::shield()) and
//! groups that are dropped look here for who waits for what they leave behind.
//!
//! The name is good for the task that is polled, and not for one that an executor
//! inside it polls: so the [number of the task](wait_site::task) lies beside it.
//!
//! The reference count of the group is not touched: who enters lends its own
//! reference to the thread and gets it back from the guard.

use super::roster::Roster;
use std::{cell::Cell, sync::Arc};
use sync::wait_site;

struct Innermost {
    task: usize,
    roster: Arc<Roster>,
}

sync::thread_local! {
    static INNERMOST: Cell<Option<Innermost>> = const { Cell::new(None) };
}

/// What this thread runs belongs to the group in `slot` until the guard is dropped,
/// which puts it back.
pub(super) fn enter(slot: &mut Option<Arc<Roster>>) -> Entered<'_> {
    let task = wait_site::task();
    let before = INNERMOST.try_with(|innermost| {
        innermost.replace(slot.take().map(|roster| Innermost { task, roster }))
    });
    // A thread on its way out has no such variable any more: then there is no group.
    Entered { slot, before: before.ok() }
}

/// The group of the code that runs now.
pub(super) fn current() -> Option<Arc<Roster>> {
    let look = |innermost: &Cell<Option<Innermost>>| {
        let here = innermost.take();
        let is_ours = |it: &&Innermost| it.task == wait_site::task();
        let roster = here.as_ref().filter(is_ours).map(|it| it.roster.clone());
        innermost.set(here);
        roster
    };
    INNERMOST.try_with(look).ok().flatten()
}

/// A group entered.
pub(super) struct Entered<'a> {
    slot: &'a mut Option<Arc<Roster>>,
    before: Option<Option<Innermost>>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let Some(before) = self.before.take() else { return };
        let ours = INNERMOST.try_with(|innermost| innermost.replace(before));
        *self.slot = ours.ok().flatten().map(|it| it.roster);
    }
}
