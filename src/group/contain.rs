//! What becomes of a panic in a body or a child?
//!
//! It is caught where user code is called, goes to the group, and no further.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};
use sync::shim;

/// Calls user code. Gives what it panicked with.
///
/// Nobody sees what a panic left half done: the future is dropped next.
pub(super) fn caught<T>(code: impl FnOnce() -> T) -> Result<T, Box<dyn Any + Send>> {
    shim::assert_unlocked("user code");
    catch_unwind(AssertUnwindSafe(code))
}
