//! What went wrong in a group, in order of happening.
//!
//! Closed for good when the group's future gives its result, or is dropped: a
//! failure that comes later belongs to a child without a group, and goes back to it.

use super::{
    error::{Failure, FailureKind},
    roster::{Phase, Roster},
};
use executor::{TaskInfo, caught};
use std::{fmt, panic::resume_unwind};
use sync::shim::Lock;

/// The failures of one group.
pub(super) struct Ledger<E> {
    failures: Lock<Option<Vec<Failure<E>>>>,
}

/// Which failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recorded {
    First,
    Later,
}

impl<E> Ledger<E> {
    pub(super) fn new() -> Self {
        Self { failures: Lock::new(Some(vec![])) }
    }

    /// The failure of the body.
    pub(super) fn record_body(&self, roster: &Roster, kind: FailureKind<E>) {
        let failure = Failure { task: None, kind };
        let reason = failure.headline();
        if let Ok(Recorded::First) = self.record(failure) {
            roster.close(Phase::Failed, Some(reason.into()));
        }
    }

    /// The failure of a child. Gives it back if there is no group any more.
    pub(super) fn record_child(
        &self,
        roster: &Roster,
        mut task: Option<TaskInfo>,
        kind: FailureKind<E>,
    ) -> Result<(), FailureKind<E>> {
        if let Some(task) = &mut task {
            // It does so no more.
            task.waits_for = None;
        }
        let failure = Failure { task, kind };
        let reason = failure.headline();
        let recorded = self.record(failure).map_err(|failure| failure.kind)?;
        if recorded == Recorded::First {
            // A waker that panics must not keep the other from being called.
            let closed = caught(|| roster.close(Phase::Failed, Some(reason.into())));
            roster.wake_parent();
            closed.unwrap_or_else(|payload| resume_unwind(payload));
        }
        Ok(())
    }

    fn record(&self, failure: Failure<E>) -> Result<Recorded, Failure<E>> {
        let mut failures = self.failures.lock();
        match &mut *failures {
            Some(list) => {
                list.push(failure);
                Ok(if list.len() == 1 { Recorded::First } else { Recorded::Later })
            }
            None => Err(failure),
        }
    }

    /// All there are; no more come. `None`: they were taken.
    pub(super) fn close(&self) -> Option<Vec<Failure<E>>> {
        self.failures.lock().take()
    }
}

impl<E> fmt::Debug for Ledger<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.failures.lock().as_ref().map(Vec::len);
        f.debug_struct("Ledger").field("failures", &count).finish()
    }
}
