//! What a runtime is to a workload.
//!
//! [`Runtime`] is what every workload may use. A group that needs more has a trait
//! of its own on top of it, beside its workloads.

use crate::pin;
use std::{future::Future, time::Duration};

/// A runtime, as far as the work needs one.
///
/// What has no `self` is called from inside: by a task, or by what
/// [`block_on`](Self::block_on) runs.
pub trait Runtime: Sized + Send + Sync + 'static {
    /// Its name in tables.
    const NAME: &'static str;

    /// A task that was spawned, and its output.
    type Task<T: Send + 'static>: Send + 'static;

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

    /// One whose workers, if there are several, have a processor each. One worker stays
    /// where the caller is: see [`pin`].
    #[must_use]
    fn new(workers: usize) -> Self {
        Self::with_hooks(workers, pin::in_turn(workers), |_| ())
    }

    /// How many threads run tasks.
    fn workers(&self) -> usize;

    /// Runs a whole program, as the runtime's attribute macro for `main` does.
    /// Threads are pinned as by [`new`](Self::new), the calling one first.
    fn run_program<F: Future>(workers: usize, main: F) -> F::Output;

    /// Runs `main` to its end, from the outside.
    fn block_on<F: Future>(&self, main: F) -> F::Output;

    /// Starts a task, from inside.
    fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> Self::Task<T>;

    /// Starts a task, from any thread.
    fn spawn_from_outside<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Self::Task<T>;

    /// Waits for the task. The future is its output.
    fn join<T: Send + 'static>(task: Self::Task<T>) -> impl Future<Output = T> + Send + 'static;

    /// Lets the task go on without anybody who waits for it.
    fn detach<T: Send + 'static>(task: Self::Task<T>);

    /// Ends the task wherever it waits, and waits until it is gone.
    fn cancel<T: Send + 'static>(task: Self::Task<T>) -> impl Future<Output = ()> + Send + 'static;

    /// Waits for all the tasks, in the way the runtime's own users do. The future is
    /// their outputs, in order.
    fn gather<T: Send + 'static>(
        tasks: Vec<Self::Task<T>>,
    ) -> impl Future<Output = Vec<T>> + Send + 'static;

    /// Runs a closure that blocks, from inside. The future is its output.
    fn spawn_blocking<T: Send + 'static>(
        closure: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send + 'static;

    /// Lets others run.
    fn yield_now() -> impl Future<Output = ()> + Send;

    /// Lets others run when this poll has done its share, where the runtime counts.
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
        self.block_on(async { Self::join(Self::spawn(work)).await })
    }
}
