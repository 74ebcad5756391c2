//! bowerbird's multi-threaded runtime.

mod accepting;
mod behaviours;
mod files;
mod primitives;
mod sockets;
mod timing;
mod waiting;

use crate::{Runtime, pin};
use bowerbird::{
    runtime::{self, Builder, Unhandled},
    sync::oneshot::{self, Sender},
    task::{self, JoinHandle},
    time,
};
use std::{future::Future, time::Duration};

/// bowerbird's multi-threaded runtime.
#[derive(Debug)]
pub struct Bowerbird {
    runtime: runtime::Runtime,
    workers: usize,
}

fn builder(workers: usize, on_thread_start: impl Fn() + Send + Sync + 'static) -> Builder {
    Builder::new_multi_thread().worker_threads(workers).on_thread_start(on_thread_start)
}

impl Runtime for Bowerbird {
    const NAME: &'static str = "bowerbird";

    type Task<T: Send + 'static> = JoinHandle<T>;

    type Sender<T: Send + 'static> = Sender<T>;

    fn with_hooks(
        workers: usize,
        on_thread_start: impl Fn() + Send + Sync + 'static,
        on_left_running: impl Fn(usize) + Send + Sync + 'static,
    ) -> Self {
        let builder = builder(workers, on_thread_start).on_unhandled(move |unhandled| {
            let Unhandled::Shutdown(report) = unhandled else { panic!("{unhandled}") };
            on_left_running(report.abandoned_blocking);
        });
        Self { runtime: builder.build().expect("threads can be had"), workers }
    }

    fn workers(&self) -> usize {
        self.workers
    }

    fn run_program<F: Future>(workers: usize, main: F) -> F::Output {
        let pin = pin::in_turn(workers);
        pin();
        builder(workers, pin).run(main).expect("threads can be had")
    }

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        self.runtime.block_on(main)
    }

    fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        bowerbird::spawn(task)
    }

    fn spawn_from_outside<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.runtime.handle().spawn(task)
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
        let outputs = bowerbird::gather(tasks).await;
        outputs.into_iter().map(|it| it.expect("no task panics here")).collect()
    }

    fn spawn_blocking<T: Send + 'static>(
        closure: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send + 'static {
        let handle = bowerbird::spawn_blocking(closure);
        async { handle.await.expect("no closure panics here") }
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        task::yield_now()
    }

    fn consume_budget() -> impl Future<Output = ()> + Send {
        task::consume_budget()
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
