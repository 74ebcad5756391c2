//! smol: async-executor for tasks, async-io for sockets and timers.

mod accepting;
mod behaviours;
mod files;
mod primitives;
mod sockets;
mod timing;
mod waiting;

use crate::Runtime;
use async_channel as channel;
use async_executor::{Executor, Task};
use async_io::Timer;
use futures::channel::oneshot;
use futures_lite::future;
use std::{cell::RefCell, future::Future, sync::Arc, thread, time::Duration};

/// An executor with threads that run it, each in async-io's `block_on`, as smol's own
/// global executor does.
#[derive(Debug)]
pub struct Smol {
    executor: Arc<Executor<'static>>,
    /// Dropped to stop the threads.
    running: Option<channel::Sender<()>>,
    threads: Vec<thread::JoinHandle<()>>,
}

thread_local! {
    /// The executor that this thread runs or waits for: smol has a global one, and a
    /// benchmark needs several.
    static CURRENT: RefCell<Option<Arc<Executor<'static>>>> = const { RefCell::new(None) };
}

/// Makes the executor current until the drop.
struct Entered(Option<Arc<Executor<'static>>>);

impl Entered {
    fn enter(executor: &Arc<Executor<'static>>) -> Self {
        Self(CURRENT.replace(Some(executor.clone())))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        drop(CURRENT.replace(self.0.take()));
    }
}

fn current<T>(call: impl FnOnce(&Executor<'static>) -> T) -> T {
    CURRENT.with_borrow(|it| call(it.as_ref().expect("called from inside of a runtime")))
}

impl Runtime for Smol {
    const NAME: &'static str = "smol";

    type Task<T: Send + 'static> = Task<T>;

    type Sender<T: Send + 'static> = oneshot::Sender<T>;

    /// The second hook is never called: the pool for blocking closures belongs to the
    /// process, and a drop does not look at it.
    fn with_hooks(
        workers: usize,
        on_thread_start: impl Fn() + Send + Sync + 'static,
        _on_left_running: impl Fn(usize) + Send + Sync + 'static,
    ) -> Self {
        let executor = Arc::new(Executor::new());
        let (running, stopped) = channel::bounded::<()>(1);
        let hook = Arc::new(on_thread_start);
        let worker = |number| {
            let (executor, stopped, hook) = (executor.clone(), stopped.clone(), hook.clone());
            let run = move || {
                hook();
                let _entered = Entered::enter(&executor);
                // An error is what a receiver gets when the sender is dropped.
                let _ = async_io::block_on(executor.run(stopped.recv()));
            };
            let builder = thread::Builder::new().name(format!("smol-{number}"));
            builder.spawn(run).expect("threads can be had")
        };
        let threads = (0..workers).map(worker).collect();
        Self { executor, running: Some(running), threads }
    }

    fn workers(&self) -> usize {
        self.threads.len()
    }

    fn run_program<F: Future>(workers: usize, main: F) -> F::Output {
        let pin = crate::pin::in_turn(workers);
        pin();
        Self::with_hooks(workers, pin, |_| ()).block_on(main)
    }

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        let _entered = Entered::enter(&self.executor);
        async_io::block_on(main)
    }

    fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> Task<T> {
        current(|it| it.spawn(task))
    }

    fn spawn_from_outside<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Task<T> {
        self.executor.spawn(task)
    }

    fn join<T: Send + 'static>(task: Task<T>) -> impl Future<Output = T> + Send + 'static {
        task
    }

    fn detach<T: Send + 'static>(task: Task<T>) {
        task.detach();
    }

    async fn cancel<T: Send + 'static>(task: Task<T>) {
        assert!(task.cancel().await.is_none(), "it waits for something");
    }

    async fn gather<T: Send + 'static>(tasks: Vec<Task<T>>) -> Vec<T> {
        let mut outputs = Vec::with_capacity(tasks.len());
        for task in tasks {
            outputs.push(task.await);
        }
        outputs
    }

    fn spawn_blocking<T: Send + 'static>(
        closure: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send + 'static {
        blocking::unblock(closure)
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        future::yield_now()
    }

    /// Has no budget: a poll goes on for as long as something is ready.
    async fn consume_budget() {}

    async fn sleep(duration: Duration) {
        Timer::after(duration).await;
    }

    fn oneshot<T: Send + 'static>() -> (oneshot::Sender<T>, impl Future<Output = T> + Send + 'static)
    {
        let (sender, receiver) = oneshot::channel();
        (sender, async { receiver.await.expect("the sender sends") })
    }

    fn send<T: Send + 'static>(sender: oneshot::Sender<T>, value: T) {
        assert!(sender.send(value).is_ok(), "the receiver waits");
    }
}

impl Drop for Smol {
    fn drop(&mut self) {
        drop(self.running.take());
        for thread in self.threads.drain(..) {
            thread.join().expect("no task panics here");
        }
    }
}
