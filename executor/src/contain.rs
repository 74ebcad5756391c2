//! What becomes of the panics of user code that nobody waits for?
//!
//! They go no further than the call: a thread of a runtime outlives them. The
//! payload is the user's, too, and its destructor may panic in turn; one that does
//! leaves another payload, and so on: after some of them we end, and leak the last.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};
use sync::shim;

/// Calls user code. Gives what it panicked with.
///
/// Whoever catches sees to it that nobody looks at what the panic left half done.
///
/// # Errors
///
/// The payload of the panic.
pub fn caught<T>(code: impl FnOnce() -> T) -> Result<T, Box<dyn Any + Send>> {
    shim::assert_unlocked("user code");
    catch_unwind(AssertUnwindSafe(code))
}

/// How often a payload may panic when it is dropped, and leave another, before we
/// give up on the last.
const REMAINS_MAX: usize = 8;

/// Drops a value of the user's, whatever its destructor does.
pub(crate) fn drop_contained<T>(value: T) {
    let Err(mut payload) = caught(|| drop(value)) else { return };
    for _ in 0..REMAINS_MAX {
        match caught(|| drop(payload)) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    std::mem::forget(payload);
}
