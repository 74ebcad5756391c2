//! Wakers as a stranger may write them: for tests.

use std::{
    ptr,
    task::{RawWakerVTable, Waker},
};

/// A waker that cannot be cloned without a panic.
pub(crate) fn panicking_clone() -> Waker {
    const TABLE: RawWakerVTable =
        RawWakerVTable::new(|_| panic!("a hostile clone"), |_| (), |_| (), |_| ());
    // SAFETY: the functions ignore their data, so any pointer will do.
    unsafe { Waker::new(ptr::null(), &TABLE) }
}
