//! What lies in a waiter's place in the line, and whose is it?
//!
//! Rule 1 of the [parent module](super): by the status.

use crate::shim::{atomic::AtomicU8, cell::UnsafeCell};
use std::{mem, task::Waker};

/// Not waiting.
pub(super) const OUT: u8 = 0;
/// In line.
pub(super) const QUEUED: u8 = 1;
/// Granted, to be woken in a later batch.
pub(super) const LEAVING: u8 = 2;
/// Granted: everything is the waiter's.
pub(super) const GRANTED: u8 = 3;

/// A waiter's place in the line.
pub(super) struct Place<G> {
    pub(super) status: AtomicU8,
    content: UnsafeCell<Content<G>>,
}

pub(super) struct Content<G> {
    /// `None` while OUT.
    pub(super) grant: Option<G>,
    /// `None` also while QUEUED: the waiter has not been polled yet.
    pub(super) waker: Option<Waker>,
}

// SAFETY: rule 1 says which thread touches the content, one at a time: so the
// grant and the waker are sent back and forth, never shared.
unsafe impl<G: Send> Sync for Place<G> {}

impl<G> Place<G> {
    crate::const_fn! {
        pub(super) const fn new() -> Self {
            let content = Content { grant: None, waker: None };
            Self { status: AtomicU8::new(OUT), content: UnsafeCell::new(content) }
        }
    }

    /// # Safety
    ///
    /// By rule 1 the content is the caller's until the reference ends, and the
    /// status is not OUT.
    #[expect(clippy::mut_from_ref, reason = "rule 1 makes it exclusive")]
    pub(super) unsafe fn grant(&self) -> &mut G {
        self.content.with_mut(|content| {
            // SAFETY: the content is the caller's.
            let content = unsafe { &mut *content };
            content.grant.as_mut().expect("only a waiter that is OUT asks for nothing")
        })
    }

    /// # Safety
    ///
    /// By rule 1 the content is the caller's.
    #[inline]
    pub(super) unsafe fn take_grant(&self) -> G {
        self.content.with_mut(|content| {
            // SAFETY: the content is the caller's.
            let content = unsafe { &mut *content };
            content.grant.take().expect("only a waiter that is OUT asks for nothing")
        })
    }

    /// # Safety
    ///
    /// By rule 1 the content is the caller's.
    #[inline]
    pub(super) unsafe fn take_waker(&self) -> Option<Waker> {
        self.content.with_mut(|content| {
            // SAFETY: the content is the caller's.
            let content = unsafe { &mut *content };
            content.waker.take()
        })
    }

    /// # Safety
    ///
    /// By rule 1 the content is the caller's.
    pub(super) unsafe fn empty(&self) -> Content<G> {
        self.content.with_mut(|content| {
            // SAFETY: the content is the caller's.
            let content = unsafe { &mut *content };
            mem::replace(content, Content { grant: None, waker: None })
        })
    }

    /// # Safety
    ///
    /// By rule 1 the content is the caller's.
    #[inline]
    pub(super) unsafe fn fill(&self, new: Content<G>) {
        self.content.with_mut(|content| {
            // SAFETY: the content is the caller's.
            let content = unsafe { &mut *content };
            debug_assert!(content.grant.is_none() && content.waker.is_none());
            *content = new;
        });
    }

    /// Makes `fresh`, if there is one, the waker to be called unless the present
    /// one calls the same task as `waker`. Leaves in `fresh` what is to be dropped.
    ///
    /// # Safety
    ///
    /// By rule 1 the content is the caller's.
    pub(super) unsafe fn renew(&self, waker: &Waker, fresh: &mut Option<Waker>) -> Renewal {
        self.content.with_mut(|content| {
            // SAFETY: the content is the caller's.
            let present = &mut unsafe { &mut *content }.waker;
            if present.as_ref().is_some_and(|it| it.will_wake(waker)) {
                return Renewal::Done;
            }
            match fresh {
                None => Renewal::Clone,
                Some(_) => {
                    mem::swap(present, fresh);
                    Renewal::Done
                }
            }
        })
    }
}

/// What is to be done about the waker of a waiter that is polled again.
pub(super) enum Renewal {
    /// Nothing: the right one is there.
    Done,
    /// Clone it, outside the lock, and come again.
    Clone,
}
