//! asyncio's comfort on a multithreaded work-stealing executor.
//!
//! ```
//! use bowerbird::{gather, spawn, time::sleep};
//! use std::time::Duration;
//!
//! let sum = bowerbird::run(async {
//!     let task = spawn(async {
//!         sleep(Duration::from_millis(1)).await;
//!         40
//!     });
//!     let (a, b) = gather((async { task.await.unwrap() }, async { 2 })).await;
//!     a + b
//! });
//! assert_eq!(sum, 42);
//! ```
//!
//! # Map
//!
//! | to                        | there is                                              |
//! |---------------------------|-------------------------------------------------------|
//! | run a program             | [`run`], [`#[main]`](main), [`runtime`]                |
//! | start something beside    | [`spawn`], [`spawn_local`], [`spawn_blocking`], [`task`] |
//! | wait for many things      | [`gather`](fn@gather), [`try_gather`]                  |
//! | own many tasks            | [`JoinSet`], [`task::JoinMap`]                         |
//! | borrow in what runs beside | [`task::scope`]                                       |
//! | wait for a time           | [`time`]                                              |
//! | wait for one another      | [`sync`]                                              |
//! | talk to others            | [`net`], [`io`]                                        |
//! | test                      | [`#[test]`](test), [`testing`]                         |
//!
//! # Against tokio and asyncio
//!
//! * The caller of [`run`] is a worker, so the main future is woken as cheaply as
//!   any task, and may be `!Send`.
//! * The names are those of std and tokio; where only asyncio has a name, asyncio's.
//! * Every pending leaf future tells what it waits for, and where in the program:
//!   see [`runtime::Handle::tasks`].

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
pub mod gather;
pub mod join_set;
mod report;
mod resolve;
pub mod runtime;
pub mod scope;
pub mod testing;

pub use ::sync::coop::{consume_budget, unconstrained};
pub use executor::{JoinHandle, block_in_place, spawn, spawn_blocking, spawn_local, yield_now};
pub use gather::{Gather, TryGather, gather, try_gather};
pub use join_set::JoinSet;
#[cfg(feature = "macros")]
pub use macros::{main, test};
pub use reactor::net;

use std::future::Future;

/// Tasks: handles, errors, names.
pub mod task {
    pub use crate::join_set::{AbortOnDrop, JoinMap, JoinSet};
    pub use crate::scope::{LocalScope, Scope, ScopeCancelled, ScopedHandle, local_scope, scope};
    pub use executor::{
        AbortHandle, Id, JoinError, JoinHandle, TaskBuilder as Builder, TaskInfo, YieldNow,
        current_abort_handle, current_task as current, spawn, spawn_blocking, spawn_local,
        yield_now,
    };
    pub use sync::coop::{ConsumeBudget, Unconstrained, consume_budget, unconstrained};
    pub use sync::wait_site::{Kind as WaitKind, WaitSite};
}

/// Sleeping, intervals, timeouts, and an `Instant` that tests can hold still.
pub mod time {
    pub use reactor::time::*;
    pub use std::time::Duration;
}

/// Locks, events, conditions, semaphores and channels: for tasks of any runtime
/// and for plain threads.
pub mod sync {
    pub use sync::*;
}

/// Reading and writing: the traits of `futures-io`, and descriptors of any kind.
pub mod io {
    pub use futures_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};
    pub use reactor::{AsyncFd, Interest, Readiness, Ready, ReadyGuard, ShuttingDown};
}

/// Runs a program: sets a runtime up on all cores, runs `main` on this thread as
/// worker 0, and ends the runtime.
///
/// `main` need not be `Send`. When it is done, tasks that still run are cancelled.
///
/// # Panics
///
/// If `main` panics; if the system has no thread or file descriptor left; inside a
/// task, which has a runtime already. [`Builder::run`](runtime::Builder::run) gives
/// an error instead of the second.
///
/// # Examples
///
/// ```
/// let greeting = bowerbird::run(async { "hello" });
/// assert_eq!(greeting, "hello");
/// ```
#[doc(alias = "block_on")]
#[track_caller]
pub fn run<F: Future>(main: F) -> F::Output {
    match runtime::Builder::new_multi_thread().run(main) {
        Ok(output) => output,
        Err(error) => panic!("{error}"),
    }
}

/// The README's example is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
