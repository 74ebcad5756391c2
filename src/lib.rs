//! The front door.

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
pub mod gather;

pub use gather::{Gather, TryGather, gather, try_gather};
#[cfg(feature = "macros")]
pub use macros::{main, test};
