//! The same work on several runtimes.
//!
//! A [`Runtime`] is the little that the work needs; each file of `runtimes/` is
//! one of them. A [`work`] function does one thing, asserts its result and
//! is generic over the runtime, so all do the same.
//!
//! | to                                      | there is                            |
//! |-----------------------------------------|-------------------------------------|
//! | time one question, with history         | `benches/benches/`, one file each   |
//! | see ratios, and what they are worth     | `src/bin/versus.rs`                 |
//! | see what waiting for many costs         | `src/bin/many/`                     |
//! | see how long things take in bad moments | `src/bin/behaviours/`               |
//!
//! How to run and read them: `docs/performance.md`.

#[expect(unsafe_code, reason = "the processor time of the process is a system call")]
pub mod clock;
#[expect(unsafe_code, reason = "where a thread may run is a system call")]
pub mod pin;
pub mod runtimes;
pub mod spread;
pub mod work;

use std::{future::Future, time::Duration};

/// A runtime, as far as the work needs one.
pub trait Runtime: Sized + 'static {
    /// Its name in tables.
    const NAME: &'static str;

    /// The sending half of a channel for one value.
    type Sender<T: Send + 'static>: Send + 'static;

    /// One that runs tasks on `workers` threads, in the configuration its authors
    /// recommend. The first hook is called on each of its threads. The second hears
    /// how many blocking closures a drop left running, where a drop tells that.
    fn with_hooks(
        workers: usize,
        on_thread_start: impl Fn() + Send + Sync + 'static,
        on_left_running: impl Fn(usize) + Send + Sync + 'static,
    ) -> Self;

    /// One whose workers, if there are several, have a processor each.
    #[must_use]
    fn new(workers: usize) -> Self {
        Self::with_hooks(workers, pin::in_turn(workers), |_| ())
    }

    /// Runs a whole program, as the runtime's attribute macro for `main` does.
    /// Threads are pinned as by [`new`](Self::new), the calling one first.
    fn run_program<F: Future>(workers: usize, main: F) -> F::Output;

    /// Runs `main` to its end, from the outside.
    fn block_on<F: Future>(&self, main: F) -> F::Output;

    /// Starts a task, from inside. The future is its output.
    fn spawn<T: Send + 'static>(
        task: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send + 'static;

    /// Runs a closure that blocks, from inside. The future is its output.
    fn spawn_blocking<T: Send + 'static>(
        closure: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send + 'static;

    /// Lets others run.
    fn yield_now() -> impl Future<Output = ()> + Send;

    /// Lets others run when this poll has done its share.
    fn consume_budget() -> impl Future<Output = ()> + Send;

    /// Waits.
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static;

    /// A channel for one value. The future is the value.
    fn oneshot<T: Send + 'static>() -> (Self::Sender<T>, impl Future<Output = T> + Send + 'static);

    /// Sends the value.
    fn send<T: Send + 'static>(sender: Self::Sender<T>, value: T);

    /// Runs `work` as a task, so that what is measured is tasks among themselves
    /// and not the way in.
    fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        self.block_on(async { Self::spawn(work).await })
    }
}
