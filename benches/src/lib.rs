//! The same work on several runtimes.
//!
//! A [`Runtime`] is the little that the work needs; each file of `runtimes/` is
//! one of them. A [`work`] function does one thing, asserts its result and
//! is generic over the runtime, so all do the same. The files of `benches/benches/`
//! are one question each.

pub mod runtimes;
pub mod work;

use std::future::Future;

/// A runtime, as far as the work needs one.
pub trait Runtime: Sized + 'static {
    /// Its name in tables.
    const NAME: &'static str;

    /// The sending half of a channel for one value.
    type Sender<T: Send + 'static>: Send + 'static;

    /// One that runs tasks on `workers` threads, in the configuration its authors
    /// recommend.
    fn new(workers: usize) -> Self;

    /// Runs `main` to its end, from the outside.
    fn block_on<F: Future>(&self, main: F) -> F::Output;

    /// Starts a task, from inside. The future is its output.
    fn spawn<T: Send + 'static>(
        task: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send + 'static;

    /// Lets others run.
    fn yield_now() -> impl Future<Output = ()> + Send;

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
