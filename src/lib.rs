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
//! | end things together       | [`task_group`], [`task::scope`], [`JoinSet`], [`shield`] |
//! | wait for all of many      | [`gather`](fn@gather), [`try_gather`], [`join!`], [`try_join!`] |
//! | wait for the first        | [`select!`], [`race`](fn@race), [`race_ok`], [`race_staggered`] |
//! | wait for some of many     | [`wait`](fn@wait), [`as_completed`](fn@as_completed)   |
//! | work on many items        | [`map_concurrent`](fn@map_concurrent)                  |
//! | wait for many things      | [`gather`](fn@gather), [`try_gather`]                  |
//! | own many tasks            | [`JoinSet`], [`task::JoinMap`]                         |
//! | borrow in what runs beside | [`task::scope`]                                       |
//! | wait for a time           | [`time`]                                              |
//! | wait for one another      | [`sync`]                                              |
//! | talk to others            | [`net`], [`io`]                                        |
//! | use the machine           | [`fs`], [`process`], [`signal`]                        |
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
pub mod as_completed;
pub mod fs;
pub mod gather;
mod group;
pub mod join_set;
mod many;
pub mod map_concurrent;
#[cfg(feature = "serde")]
mod metrics;
pub mod race;
mod report;
mod resolve;
pub mod runtime;
pub mod scope;
mod select;
mod stalls;
pub mod testing;
pub mod time;
pub mod wait;

pub use ::sync::coop::{consume_budget, unconstrained};
pub use as_completed::{AsCompleted, as_completed};
pub use executor::{
    JoinHandle, block_in_place, spawn, spawn_blocking, spawn_local, task_local, yield_now,
};
pub use gather::{Gather, TryGather, gather, try_gather};
pub use group::{shield, task_group};
pub use join_set::JoinSet;
#[cfg(feature = "macros")]
pub use macros::{main, test};
pub use map_concurrent::{MapConcurrent, map_concurrent, map_concurrent_stream};
pub use race::{Race, RaceErrors, RaceOk, race, race_ok, race_staggered};
pub use reactor::{net, process, signal};
pub use wait::{
    AllCompleted, FirstCompleted, FirstError, FirstFailure, FirstMatch, Until, Wait, Waited, wait,
};

use std::future::Future;

/// Tasks: handles, errors, names, values of their own.
pub mod task {
    pub use crate::group::{
        Failure, FailureKind, GroupError, Grouping, NotStarted, Panic, Report, Shield, Start,
        Started, TaskGroup, UntilCancelled,
    };
    pub use crate::join_set::{AbortOnDrop, JoinMap, JoinSet};
    pub use crate::scope::{LocalScope, Scope, ScopeCancelled, ScopedHandle, local_scope, scope};
    pub use crate::time::join::{AbortAndJoin, StillRunning, abort_and_join};
    pub use executor::{
        AbortHandle, AccessError, DeferHandle, Id, InheritedFuture, InheritedKey, JoinError,
        JoinHandle, LocalKey, TaskBuilder as Builder, TaskInfo, TaskLocalFuture, YieldNow,
        current_abort_handle, current_task as current, defer_local, should_stop, spawn,
        spawn_blocking, spawn_local, yield_now,
    };
    pub use reactor::time::effective_deadline;
    pub use sync::coop::{ConsumeBudget, Unconstrained, consume_budget, unconstrained};
    pub use sync::wait_site::{Kind as WaitKind, WaitSite};
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
