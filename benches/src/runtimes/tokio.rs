//! tokio's multi-threaded runtime.

use crate::Runtime;
use std::future::Future;
use tokio::{
    runtime,
    sync::oneshot::{self, Sender},
    task,
};

/// tokio's multi-threaded runtime.
#[derive(Debug)]
pub struct Tokio(runtime::Runtime);

impl Runtime for Tokio {
    const NAME: &'static str = "tokio";

    type Sender<T: Send + 'static> = Sender<T>;

    fn new(workers: usize) -> Self {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(workers).build();
        Self(runtime.expect("threads can be had"))
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

    fn yield_now() -> impl Future<Output = ()> + Send {
        task::yield_now()
    }

    fn oneshot<T: Send + 'static>() -> (Sender<T>, impl Future<Output = T> + Send + 'static) {
        let (sender, receiver) = oneshot::channel();
        (sender, async { receiver.await.expect("the sender sends") })
    }

    fn send<T: Send + 'static>(sender: Sender<T>, value: T) {
        assert!(sender.send(value).is_ok(), "the receiver waits");
    }
}
