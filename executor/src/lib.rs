//! A work-stealing executor that knows no operating system.
//!
//! It makes tasks, decides who runs them and where, and sleeps through a
//! [`Driver`](sync::driver::Driver): that is all it knows of the world outside.
//!
//! # The life of a task
//!
//! 1. [`spawn()`] takes memory from the worker's free list, writes the cell and puts
//!    the task at the end of the worker's queue.
//! 2. The worker, or one that steals it, polls it with a fresh budget.
//! 3. A leaf future returns `Pending` and notes what it waits for.
//! 4. The poll ends; one read-modify-write makes the task idle.
//! 5. A wake makes it BUSY again and queues it, in the next-task slot if the wake
//!    comes from another task's poll.
//! 6. The last poll drops the future and stores the output.
//! 7. The join word decides whose the output is; the joiner is woken.
//! 8. Whoever gets it lets go of the cell; the last waker frees it.
//! 9. The memory goes back to the free list it came from.
//!
//! # Map
//!
//! ```text
//!   builder ─▶ executor ─▶ spawn ─▶ make ─▶ kinds ─▶ scheduler
//!                            └───▶ threads ─▶ thread ─▶ worker ─▶ scheduler
//!   turn ─▶ executor, thread;  defer ─▶ executor, spawn
//!   scheduler ─▶ closing ─▶ context ─▶ desk, inbox ─▶ task;  desk ─▶ pace, raids ─▶ profit
//!             └▶ roll ─▶ inbox;  substitutes
//!             └▶ blocking, injector, queue, idle, profit, engaged, metrics, unhandled, config
//!   worker, thread ─▶ sampling ─▶ scheduler;  executor ─▶ look ─▶ scheduler
//!   task ─▶ locals
//! ```

mod blocking;
mod builder;
mod chance;
mod closing;
mod config;
mod contain;
#[expect(unsafe_code, reason = "a pointer to the context in a thread-local, and a desk in it")]
mod context;
mod defer;
mod deque;
mod desk;
mod engaged;
#[expect(unsafe_code, reason = "runs a main future that borrows as a pinned task")]
mod executor;
mod idle;
#[expect(unsafe_code, reason = "a list of records that only one thread follows")]
mod inbox;
mod injector;
mod jump;
#[expect(unsafe_code, reason = "follows a home to its scheduler")]
mod kinds;
mod locals;
mod look;
#[expect(unsafe_code, reason = "makes cells in memory that it took")]
mod make;
mod metrics;
#[cfg(all(test, loom))]
#[expect(unsafe_code, reason = "models race on plain cells; loom is the referee")]
mod models;
mod pace;
mod profit;
#[expect(unsafe_code, reason = "a task in a slot is a pointer")]
mod queue;
mod raids;
mod rng;
mod roll;
mod sampling;
#[cfg(all(test, shuttle))]
mod scenarios;
#[expect(unsafe_code, reason = "makes homes and their tenants, drops what is left at the end")]
mod scheduler;
mod share;
mod shutdown;
mod spare;
mod spawn;
mod stall;
mod substitutes;
mod task;
#[cfg(all(test, not(any(loom, shuttle))))]
#[expect(unsafe_code, reason = "a waker made by hand")]
mod tests;
#[expect(unsafe_code, reason = "drops pinned tasks on their thread, and enters contexts")]
mod thread;
mod threads;
mod turn;
mod unhandled;
mod vigil;
mod watcher;
mod worker;

pub use builder::{BuildError, Builder};
pub use chance::random_below;
pub use config::Flavor;
#[doc(hidden)]
pub use contain::caught;
pub use defer::{DeferHandle, defer_local};
pub use executor::{EnterGuard, Executor, Handle, LocalExecutor, WeakHandle};
pub use locals::{AccessError, InheritedFuture, InheritedKey, LocalKey, TaskLocalFuture};
pub use metrics::{Histogram, Metrics, WorkerMetrics};
pub use shutdown::{Shutdown, ShutdownReport};
pub use spawn::{
    TaskBuilder, YieldNow, block_in_place, current_abort_handle, current_task, should_stop, spawn,
    spawn_blocking, spawn_local, yield_now,
};
pub use stall::Stall;
pub use sync::driver::ThreadDriver;
pub use task::{
    error::JoinError,
    info::{Id, TaskInfo},
    join::{AbortHandle, JoinHandle},
};
pub use turn::Turn;
pub use unhandled::Unhandled;
