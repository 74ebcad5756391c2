//! A task's waker: std's face of one reference.

use super::header::{self, Header, Why};
use std::{
    ptr::NonNull,
    task::{RawWaker, RawWakerVTable, Waker},
};
use sync::waker_slot::Words;

/// One table for all tasks, so that `will_wake` compares cells.
static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// A waker that stands for one reference to `header`.
///
/// # Safety
///
/// 1. The caller gives up one counted reference, or never drops the waker and
///    keeps the cell alive while it is used.
pub(super) unsafe fn from_header(header: NonNull<Header>) -> Waker {
    let raw = RawWaker::new(header.as_ptr().cast::<()>().cast_const(), &VTABLE);
    // SAFETY: the four functions below keep the contract of `RawWakerVTable`:
    // they count, and may be called from any thread.
    unsafe { Waker::from_raw(raw) }
}

/// Wakes who awaits a task that is over, without a look at the table if it is a task,
/// too: that wake is no user code, and does not panic.
///
/// # Safety
///
/// 1. As of [`Words::into_waker`].
#[inline]
pub(super) unsafe fn wake_joiner(waker: Words, why: Why) {
    match waker.is_of(&VTABLE) {
        // SAFETY: 1: a waker of this table is a reference, which is given up.
        true => unsafe { header::wake_and_drop(cell_of(waker.data()), why) },
        // SAFETY: 1 is the caller's.
        false => unsafe { waker.into_waker() }.wake(),
    }
}

fn cell_of(data: *const ()) -> NonNull<Header> {
    NonNull::new(data.cast_mut().cast()).expect("wakers are made of cells")
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the waker that is cloned holds a reference, or is the poll's own.
    unsafe { header::clone_ref(cell_of(data)) };
    RawWaker::new(data, &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: the waker's reference is given up.
    unsafe { header::wake_and_drop(cell_of(data), Why::Woken) }
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the waker holds a reference, or is the poll's own.
    unsafe { header::wake_by_ref(cell_of(data)) }
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: the waker's reference is given up.
    unsafe { header::drop_ref(cell_of(data)) }
}
