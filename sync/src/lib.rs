//! The ways in which tasks and threads wait for one another.
//!
//! Everything here works under any executor and from plain threads.

pub mod coop;
pub mod driver;
#[cfg(all(test, loom))]
#[expect(unsafe_code, reason = "models race on plain cells; loom is the referee")]
mod models;
pub mod parker;
#[doc(hidden)]
#[expect(unsafe_code, reason = "one allocation for the wakers of all children")]
pub mod ready_set;
#[doc(hidden)]
pub mod shim;
#[expect(unsafe_code, reason = "a pointer to the current record in a thread-local")]
pub mod wait_site;
