//! tokio's multi-threaded runtime.

use crate::{Runtime, pin};
use std::{future::Future, time::Duration};
use tokio::{
    runtime,
    sync::oneshot::{self, Sender},
    task, time,
};

/// tokio's multi-threaded runtime, with everything enabled as by its `main` macro.
#[derive(Debug)]
pub struct Tokio(runtime::Runtime);

impl Runtime for Tokio {
    const NAME: &'static str = "tokio";

    type Sender<T: Send + 'static> = Sender<T>;

    /// The second hook is never called: this runtime's drop waits for blocking
    /// closures, however long they take.
    fn with_hooks(
        workers: usize,
        on_thread_start: impl Fn() + Send + Sync + 'static,
        _on_left_running: impl Fn(usize) + Send + Sync + 'static,
    ) -> Self {
        let mut builder = runtime::Builder::new_multi_thread();
        builder.worker_threads(workers).on_thread_start(on_thread_start).enable_all();
        Self(builder.build().expect("threads can be had"))
    }

    fn run_program<F: Future>(workers: usize, main: F) -> F::Output {
        let pin = pin::in_turn(workers);
        pin();
        Self::with_hooks(workers, pin, |_| ()).block_on(main)
    }

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        self.0.block_on(main)
    }

    fn spawn<T: Send + 'static>(
        task: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send + 'static {
        let handle = tokio::spawn(task);
        async { handle.await.expect("no task panics here") }
    }

    fn spawn_blocking<T: Send + 'static>(
        closure: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send + 'static {
        let handle = task::spawn_blocking(closure);
        async { handle.await.expect("no closure panics here") }
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        task::yield_now()
    }

    fn consume_budget() -> impl Future<Output = ()> + Send {
        task::coop::consume_budget()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        time::sleep(duration)
    }

    fn oneshot<T: Send + 'static>() -> (Sender<T>, impl Future<Output = T> + Send + 'static) {
        let (sender, receiver) = oneshot::channel();
        (sender, async { receiver.await.expect("the sender sends") })
    }

    fn send<T: Send + 'static>(sender: Sender<T>, value: T) {
        assert!(sender.send(value).is_ok(), "the receiver waits");
    }
}
