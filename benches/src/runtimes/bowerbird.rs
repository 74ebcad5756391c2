//! bowerbird's multi-threaded runtime.

use crate::{Runtime, pin};
use bowerbird::{
    runtime::{self, Builder, Unhandled},
    sync::oneshot::{self, Sender},
    task, time,
};
use std::{future::Future, time::Duration};

/// bowerbird's multi-threaded runtime.
#[derive(Debug)]
pub struct Bowerbird(runtime::Runtime);

fn builder(workers: usize, on_thread_start: impl Fn() + Send + Sync + 'static) -> Builder {
    Builder::new_multi_thread().worker_threads(workers).on_thread_start(on_thread_start)
}

impl Runtime for Bowerbird {
    const NAME: &'static str = "bowerbird";

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
        Self(builder.build().expect("threads can be had"))
    }

    fn run_program<F: Future>(workers: usize, main: F) -> F::Output {
        let pin = pin::in_turn(workers);
        pin();
        builder(workers, pin).run(main).expect("threads can be had")
    }

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        self.0.block_on(main)
    }

    fn spawn<T: Send + 'static>(
        task: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send + 'static {
        let handle = bowerbird::spawn(task);
        async { handle.await.expect("no task panics here") }
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
