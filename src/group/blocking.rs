//! A child that is a closure on the blocking pool.
//!
//! It is two tasks: the closure, which nobody can abort once it runs, and a child that
//! waits for it, whose handle the user has. The closure has a place in the group as
//! well, and puts its failure there by itself, since the child may be aborted long
//! before it returns. One that has not started is dropped with the child.

use super::{
    ambient,
    child::end_this_task,
    error::{FailureKind, Panic},
    ledger::Ledger,
    roster::{Member, Roster},
};
use crate::join_set::AbortOnDrop;
use executor::{TaskBuilder, TaskInfo, caught};
use reactor::time::by_deadline;
use std::{future::pending, panic::resume_unwind, sync::Arc};

/// What the child does: starts the closure and waits for it.
pub(super) async fn run<T, E, C>(
    closure: C,
    roster: Arc<Roster>,
    ledger: Arc<Ledger<E>>,
) -> Result<T, E>
where
    T: Send + 'static,
    E: Send + 'static,
    C: FnOnce() -> Result<T, E> + Send + 'static,
{
    // A group has room as long as one of its children runs, and this is one.
    let Some(member) = roster.keep() else {
        end_this_task("its group is over");
        return pending().await;
    };
    let child = executor::current_task();
    let spawned_at = child.as_ref().and_then(|child| child.spawned_at);
    let builder = spawned_at.map_or_else(TaskBuilder::new, |at| TaskBuilder::new().location(at));
    let work = Work { closure: Some(closure), member, ledger, child };
    match AbortOnDrop::new(builder.spawn_blocking(|| work.run())).await {
        Ok(Some(value)) => return Ok(value),
        Ok(None) => end_this_task("its failure went to its group"),
        Err(error) => match error.try_into_panic() {
            Ok(payload) => resume_unwind(payload),
            Err(error) => end_this_task(error.reason().unwrap_or("its closure was dropped")),
        },
    }
    pending().await
}

/// A closure and its place in the group.
struct Work<C, E> {
    // `None`: it was called. The closure first: a place is given up when nothing is left.
    closure: Option<C>,
    member: Member,
    ledger: Arc<Ledger<E>>,
    child: Option<TaskInfo>,
}

impl<T, E, C: FnOnce() -> Result<T, E>> Work<C, E> {
    /// `None`: it failed, and the group knows.
    fn run(mut self) -> Option<T> {
        let closure = self.closure.take().expect("it is called once");
        let result = {
            let deadline = self.member.roster().deadline();
            let _group = ambient::enter(self.member.slot());
            caught(|| by_deadline(deadline, closure))
        };
        let kind = match result {
            Ok(Ok(value)) => return Some(value),
            Ok(Err(error)) => FailureKind::Failed(error),
            Err(payload) => FailureKind::Panicked(Panic::new(payload)),
        };
        self.report(kind);
        None
    }
}

impl<C, E> Work<C, E> {
    fn report(&mut self, kind: FailureKind<E>) {
        let recorded = self.ledger.record_child(self.member.roster(), self.child.take(), kind);
        recorded.unwrap_or_else(FailureKind::go_on_alone);
    }
}

impl<C, E> Drop for Work<C, E> {
    /// One that was not called: its destructor may fail as well.
    fn drop(&mut self) {
        let Some(closure) = self.closure.take() else { return };
        let dropped = {
            let _group = ambient::enter(self.member.slot());
            caught(|| drop(closure))
        };
        if let Err(payload) = dropped {
            self.report(FailureKind::Panicked(Panic::new(payload)));
        }
    }
}
