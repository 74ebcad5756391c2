//! Where does a leaf future of this crate wait, as a dump will show it?

use crate::{
    coop::{self, Progress},
    wait_site::{self, Kind, WaitSite},
};
use std::{
    panic::Location,
    task::{Context, Poll},
};

/// What a leaf waits for, and the call that made it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    kind: Kind,
    object: usize,
    location: &'static Location<'static>,
}

impl Site {
    /// The site of the caller's caller, which waits for `object`.
    #[inline]
    #[track_caller]
    pub(crate) fn new<T>(kind: Kind, object: &T) -> Self {
        Self { kind, object: std::ptr::from_ref(object).addr(), location: Location::caller() }
    }

    /// Spends one unit of the task's budget.
    #[inline]
    pub(crate) fn poll_proceed(&self, cx: &mut Context<'_>) -> Poll<Progress> {
        let proceed = coop::poll_proceed(cx);
        if proceed.is_pending() {
            wait_site::waiting(Kind::Budget, 0, self.location);
        }
        proceed
    }

    /// The same as others read it.
    pub(crate) fn read(&self) -> WaitSite {
        WaitSite { kind: self.kind, object: self.object, location: Some(self.location) }
    }

    /// Says that the task waits here: before `Pending` is returned.
    #[inline]
    pub(crate) fn waiting(&self) {
        wait_site::waiting(self.kind, self.object, self.location);
    }
}
