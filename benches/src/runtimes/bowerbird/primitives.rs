//! bowerbird's primitives, and those of others for what it has not.

use super::Bowerbird;
use crate::workloads::sync::primitives::{
    Mutex, Primitives, Receiver, Semaphore, Sender, Signal, UnboundedSender, Watches,
};
use bowerbird::sync::{self, mpsc};
use std::future::Future;

impl Primitives for Bowerbird {
    type Mutex = sync::Mutex<u64>;
    type RwLock = tokio::sync::RwLock<u64>;
    const RW_LOCK_NOTE: &'static str = "tokio::sync::RwLock: bowerbird has none of its own yet";
    type Semaphore = sync::Semaphore;
    type Signal = sync::Notify;
    type Bounded = mpsc::Sender<u64>;
    type Unbounded = mpsc::UnboundedSender<u64>;
    type Mpmc = async_channel::Sender<u64>;
    const MPMC_NOTE: &'static str = "async-channel: bowerbird has none of its own yet";
    type Broadcast = tokio::sync::broadcast::Sender<u64>;
    const BROADCAST_NOTE: &'static str =
        "tokio::sync::broadcast: bowerbird has none of its own yet";
    type Barrier = tokio::sync::Barrier;
    const BARRIER_NOTE: &'static str = "tokio::sync::Barrier: bowerbird has none of its own yet";
}

impl Watches for Bowerbird {
    type Watch = tokio::sync::watch::Sender<u64>;
    const WATCH_NOTE: &'static str = "tokio::sync::watch: bowerbird has none of its own yet";
}

impl Mutex for sync::Mutex<u64> {
    type Guard<'a> = sync::MutexGuard<'a, u64>;

    fn zero() -> Self {
        Self::new(0)
    }

    fn lock(&self) -> impl Future<Output = Self::Guard<'_>> + Send {
        self.lock()
    }
}

impl Semaphore for sync::Semaphore {
    type Permit<'a> = sync::SemaphorePermit<'a>;

    fn of(permits: usize) -> Self {
        Self::new(permits)
    }

    async fn acquire(&self) -> Self::Permit<'_> {
        self.acquire().await.expect("nobody closes it")
    }

    fn available(&self) -> usize {
        self.available_permits()
    }
}

impl Signal for sync::Notify {
    fn silent() -> Self {
        Self::new()
    }

    /// A signal that comes before the future is polled is kept for it.
    fn listen(&self) -> impl Future<Output = ()> + Send {
        self.notified()
    }

    fn notify(&self) {
        self.notify_one();
    }
}

impl Sender for mpsc::Sender<u64> {
    type Receiver = mpsc::Receiver<u64>;

    fn bounded(capacity: usize) -> (Self, Self::Receiver) {
        mpsc::channel(capacity)
    }

    async fn send(&self, message: u64) {
        self.send(message).await.expect("the receiver listens");
    }
}

impl Receiver for mpsc::Receiver<u64> {
    fn receive(&mut self) -> impl Future<Output = Option<u64>> + Send {
        self.recv()
    }
}

impl UnboundedSender for mpsc::UnboundedSender<u64> {
    type Receiver = mpsc::UnboundedReceiver<u64>;

    fn unbounded() -> (Self, Self::Receiver) {
        mpsc::unbounded_channel()
    }

    fn send(&self, message: u64) {
        self.send(message).expect("the receiver listens");
    }
}

impl Receiver for mpsc::UnboundedReceiver<u64> {
    fn receive(&mut self) -> impl Future<Output = Option<u64>> + Send {
        self.recv()
    }
}
