//! What wakes a task from outside.
//!
//! ```text
//!   the kernel ──▶ poller ──▶ registry ──▶ source ──▶ wakers ──▶ the executor
//!   the clock  ──▶ timer ────────────────────────────────┘
//! ```
//!
//! [`Reactor`] is the [`Driver`](sync::driver::Driver) of an executor: threads that
//! have nothing to do sleep in it. An event of the kernel finds its source by a
//! token, sets bits in the source's readiness word and wakes who waits for them; a
//! timer that is due wakes its task. Sockets ([`net`]), descriptors of any kind
//! ([`AsyncFd`]) and timers ([`time`]) are each a registration and a std type.
//!
//! How many pollers there are, and which thread sleeps where, is known to nobody
//! outside: `seats.rs` has the protocol.

mod async_fd;
mod block_on;
mod context;
mod driver;
mod metrics;
#[cfg(all(test, loom))]
#[expect(unsafe_code, reason = "models race on plain cells; loom is the referee")]
mod models;
pub mod net;
mod poller;
pub mod process;
mod reactor;
mod readiness;
mod registry;
mod seats;
pub mod signal;
#[expect(unsafe_code, reason = "prctl: std has no door to the timer slack")]
mod slack;
mod source;
pub mod time;
mod timer;
#[cfg(feature = "tokio-io")]
mod tokio_io;
mod wakers;

pub use async_fd::{AsyncFd, AsyncIo, NotReady, Readiness, ReadyGuard};
pub use context::EnterGuard;
pub use poller::{Nap, scripted::Scripted};
pub use reactor::{Config, Reactor};
pub use readiness::{Interest, Ready};
pub use registry::ShuttingDown;
