//! What becomes of the panics of user code that nobody waits for?
//!
//! They go no further than the call: a thread of a runtime outlives them. The
//! payload is the user's, too, and its destructor may panic in turn; one that does
//! leaves another payload, and there we end: that one is leaked.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};
use sync::shim;

/// Calls user code. Gives what it panicked with.
pub(crate) fn caught<T>(code: impl FnOnce() -> T) -> Result<T, Box<dyn Any + Send>> {
    shim::assert_unlocked("user code");
    catch_unwind(AssertUnwindSafe(code))
}

/// Drops a value of the user's, whatever its destructor does.
pub(crate) fn drop_contained<T>(value: T) {
    if let Err(payload) = caught(|| drop(value))
        && let Err(payload) = caught(|| drop(payload))
    {
        std::mem::forget(payload);
    }
}
