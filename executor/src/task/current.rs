//! Which task does this thread poll at this moment?
//!
//! One thread-local pointer per thread, saved and restored around each poll, so
//! that executors may nest. It is what makes "the polling thread" of the
//! [state word](super::state) a fact: a waker operation whose cell equals the
//! pointer is on the thread that polls it, and everything else takes the shared
//! path. A thread-local that is gone means the shared path, too.

use std::{cell::Cell, ptr, ptr::NonNull};

sync::thread_local! {
    static CURRENT: Cell<*const ()> = const { Cell::new(ptr::null()) };
}

/// The cell that this thread polls.
#[inline]
pub(super) fn get() -> *const () {
    CURRENT.try_with(Cell::get).unwrap_or(ptr::null())
}

/// This thread polls `task` until the guard is dropped.
#[inline]
pub(super) fn enter(task: NonNull<()>) -> Entered {
    let task = task.as_ptr().cast_const();
    let before = CURRENT.try_with(|current| current.replace(task)).unwrap_or(ptr::null());
    Entered { before }
}

#[derive(Debug)]
pub(super) struct Entered {
    before: *const (),
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        let _ = CURRENT.try_with(|current| current.set(self.before));
    }
}
