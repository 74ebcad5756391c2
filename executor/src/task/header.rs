//! The head of a task cell, which is the same for every future, and the counting
//! of its references.
//!
//! Everything here goes through the state word, the split count and the vtable; what
//! the cell holds behind its head is known to [`cell`](super::cell) alone. The rules
//! on which the proofs rest are the tables "Who may touch what" of
//! [`state`](super::state) (rule S) and [`join_state`](super::join_state) (rule J).
//!
//! Whoever knows a task knows it by a pointer to its head. The [record](super::record)
//! lies just before it, so it is not pointed to.

use super::{
    current,
    info::TaskInfo,
    join_state::JoinState,
    record::Record,
    state::{Release, State, Wake},
    stray::Stray,
};
use std::{
    ptr::{self, NonNull},
    sync::Arc,
    task::Waker,
};
use sync::{shim::cell::UnsafeCell, waker_slot::WakerSlot};

/// Why a task is queued: it decides where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It was made.
    Spawned,
    /// Somebody woke it.
    Woken,
    /// The task whose end it awaits is over, and so is that task's poll: whoever ran it
    /// runs no more code of a user's before it looks for the next task.
    Joined,
    /// It woke itself while it was polled.
    Yielded,
    /// It is to be cancelled.
    Cancelled,
}

/// What all cells have behind their record.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Header {
    pub(super) state: State,
    pub(super) vtable: &'static Vtable,
    /// Rule J.
    pub(super) join_waker: WakerSlot,
    pub(super) join: JoinState,
    /// What only few tasks have.
    pub(super) extras: Extras,
    /// What is in the stage. Rules S and J: as the stage.
    pub(super) content: UnsafeCell<Content>,
    /// Woken by itself during this poll. Rule S: as `local_refs`.
    pub(super) self_woken: UnsafeCell<bool>,
    /// The half of the reference count of the polling thread. Rule S.
    pub(super) local_refs: UnsafeCell<i32>,
}

/// What a task has that most have not. It never changes, and a poll looks at it once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extras(u8);

impl Extras {
    pub(super) const NONE: Self = Self(0);
    /// It inherited task-locals, which lie behind the cell.
    pub(super) const LOCALS: Self = Self(1 << 0);
    /// Its runtime is in debug mode.
    pub(super) const WATCHED: Self = Self(1 << 1);

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[inline]
    pub(super) const fn has(self, extra: Self) -> bool {
        self.0 & extra.0 != 0
    }
}

/// What is in the stage of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Future,
    Output,
    Nothing,
}

/// The record of the task with this head.
#[inline]
pub(super) fn record_ptr(header: NonNull<Header>) -> NonNull<Record> {
    // SAFETY: every head lies behind a record, in the same block.
    unsafe { header.cast::<Record>().sub(1) }
}

/// See [`record_ptr`].
///
/// # Safety
///
/// 1. The record's home is alive for `'a`.
#[inline]
pub(super) unsafe fn record_of<'a>(header: NonNull<Header>) -> &'a Record {
    // SAFETY: records live as long as their home, by 1.
    unsafe { record_ptr(header).as_ref() }
}

#[derive(Debug)]
pub(super) struct Vtable {
    pub(super) run: unsafe fn(NonNull<Header>),
    pub(super) schedule: unsafe fn(NonNull<Header>, Why),
    pub(super) wake_and_drop: unsafe fn(NonNull<Header>, Why),
    pub(super) abort: unsafe fn(NonNull<Header>, Option<Arc<str>>),
    pub(super) cancel: unsafe fn(NonNull<Header>, Option<&'static str>),
    pub(super) take_output: unsafe fn(NonNull<Header>, *mut ()),
    pub(super) discard: unsafe fn(NonNull<Header>),
    pub(super) free: unsafe fn(NonNull<Header>),
    pub(super) look: unsafe fn(NonNull<Header>) -> Option<TaskInfo>,
    pub(super) report: unsafe fn(NonNull<Header>, Stray),
}

impl Header {
    /// On the polling thread: notes that the task woke itself.
    pub(super) fn wake_self(&self) {
        // SAFETY: rule S: the caller is the polling thread.
        self.self_woken.with_mut(|it| unsafe { *it = true });
    }

    pub(super) fn take_self_woken(&self) -> bool {
        // SAFETY: rule S: the caller is the polling thread.
        self.self_woken.with_mut(|it| unsafe { it.replace(false) })
    }

    /// On the polling thread: counts there.
    pub(super) fn add_local(&self, n: i32) {
        self.local_refs.with_mut(|it| {
            // SAFETY: rule S: the caller is the polling thread.
            let count = unsafe { &mut *it };
            *count = count.checked_add(n).unwrap_or_else(|| std::process::abort());
        });
    }

    pub(super) fn local(&self) -> i32 {
        // SAFETY: rule S: the caller is the owner of a finished task.
        self.local_refs.with(|it| unsafe { *it })
    }

    /// Takes the waker out of the join's slot.
    ///
    /// # Safety
    ///
    /// 1. Rule J: a waker lies in it, which is the caller's, and taken once.
    pub(super) unsafe fn take_join_waker(&self) -> Waker {
        // SAFETY: 1 is the caller's.
        unsafe { self.join_waker.copy().into_waker() }
    }
}

/// Whether this thread polls that task.
#[inline]
fn is_current(header: NonNull<Header>) -> bool {
    ptr::eq(current::get(), header.as_ptr().cast::<()>())
}

/// The operations of wakers; a waker is one counted reference.
///
/// # Safety
///
/// Of all four: `header` is alive, by a reference that the caller holds; those
/// named `…_and_drop` and `drop_ref` give it up.
pub(super) unsafe fn clone_ref(header: NonNull<Header>) {
    // SAFETY: alive, by the caller's reference.
    let this = unsafe { header.as_ref() };
    match is_current(header) {
        true => this.add_local(1),
        false => this.state.add_ref(),
    }
}

/// See [`clone_ref`].
pub(super) unsafe fn drop_ref(header: NonNull<Header>) {
    // SAFETY: alive, by the caller's reference.
    let this = unsafe { header.as_ref() };
    if is_current(header) {
        return this.add_local(-1);
    }
    let free = this.vtable.free;
    if this.state.drop_ref() == Release::Free {
        // SAFETY: T3: the last reference to a task its owner let go of.
        unsafe { free(header) };
    }
}

/// See [`clone_ref`].
pub(super) unsafe fn wake_by_ref(header: NonNull<Header>) {
    // SAFETY: alive, by the caller's reference.
    let this = unsafe { header.as_ref() };
    if is_current(header) {
        return this.wake_self();
    }
    if this.state.wake() == Wake::Schedule {
        // SAFETY: the caller's reference outlives the call.
        unsafe { (this.vtable.schedule)(header, Why::Woken) };
    }
}

/// See [`clone_ref`].
pub(super) unsafe fn wake_and_drop(header: NonNull<Header>, why: Why) {
    // SAFETY: alive, by the caller's reference.
    let this = unsafe { header.as_ref() };
    if is_current(header) {
        this.wake_self();
        return this.add_local(-1);
    }
    // SAFETY: as above.
    unsafe { (this.vtable.wake_and_drop)(header, why) }
}
