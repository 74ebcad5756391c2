//! tokio's multi-threaded runtime.

mod accepting;
mod behaviours;
mod files;
mod primitives;
mod sockets;
mod timing;
mod waiting;

use crate::{Runtime, pin};
use std::{future::Future, time::Duration};
use tokio::{
    runtime,
    sync::oneshot::{self, Sender},
    task::{self, JoinHandle},
    time,
};

/// tokio's multi-threaded runtime, with everything enabled as by its `main` macro.
#[derive(Debug)]
pub struct Tokio {
    runtime: runtime::Runtime,
    workers: usize,
}

impl Runtime for Tokio {
    const NAME: &'static str = "tokio";

    type Task<T: Send + 'static> = JoinHandle<T>;

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
        Self { runtime: builder.build().expect("threads can be had"), workers }
    }

    fn workers(&self) -> usize {
        self.workers
    }

    fn run_program<F: Future>(workers: usize, main: F) -> F::Output {
        let pin = pin::in_turn(workers);
        pin();
        Self::with_hooks(workers, pin, |_| ()).block_on(main)
    }

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        self.runtime.block_on(main)
    }

    fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        tokio::spawn(task)
    }

    fn spawn_from_outside<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.runtime.spawn(task)
    }

    async fn join<T: Send + 'static>(task: JoinHandle<T>) -> T {
        task.await.expect("no task panics here")
    }

    fn detach<T: Send + 'static>(task: JoinHandle<T>) {
        drop(task);
    }

    async fn cancel<T: Send + 'static>(task: JoinHandle<T>) {
        task.abort();
        assert!(task.await.is_err_and(|it| it.is_cancelled()), "it waits for something");
    }

    async fn gather<T: Send + 'static>(tasks: Vec<JoinHandle<T>>) -> Vec<T> {
        // Awaiting them one by one is what tokio's own documents show for an ordered
        // result, and faster than `join_all`.
        let mut outputs = Vec::with_capacity(tasks.len());
        for task in tasks {
            outputs.push(task.await.expect("no task panics here"));
        }
        outputs
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
