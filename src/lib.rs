//! The front door.

pub mod gather;

pub use gather::{Gather, TryGather, gather, try_gather};
