//! tokio's primitives: [`tokio::sync`]. Other runtimes borrow some of them.

use super::Tokio;
use crate::workloads::sync::primitives::{
    Barrier, Broadcast, Mutex, Primitives, Receiver, RwLock, Semaphore, Sender, Signal,
    UnboundedSender, Watch, Watcher, Watches,
};
use std::future::{Future, ready};
use tokio::sync::{self, broadcast, mpsc, watch};

impl Primitives for Tokio {
    type Mutex = sync::Mutex<u64>;
    type RwLock = sync::RwLock<u64>;
    type Semaphore = sync::Semaphore;
    type Signal = sync::Notify;
    type Bounded = mpsc::Sender<u64>;
    type Unbounded = mpsc::UnboundedSender<u64>;
    type Mpmc = async_channel::Sender<u64>;
    const MPMC_NOTE: &'static str = "async-channel: tokio has none of its own";
    type Broadcast = broadcast::Sender<u64>;
    type Barrier = sync::Barrier;
}

impl Watches for Tokio {
    type Watch = watch::Sender<u64>;
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

impl RwLock for sync::RwLock<u64> {
    type ReadGuard<'a> = sync::RwLockReadGuard<'a, u64>;
    type WriteGuard<'a> = sync::RwLockWriteGuard<'a, u64>;

    fn zero() -> Self {
        Self::new(0)
    }

    fn read(&self) -> impl Future<Output = Self::ReadGuard<'_>> + Send {
        self.read()
    }

    fn write(&self) -> impl Future<Output = Self::WriteGuard<'_>> + Send {
        self.write()
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

impl Broadcast for broadcast::Sender<u64> {
    type Receiver = broadcast::Receiver<u64>;

    fn to(receivers: usize, capacity: usize) -> (Self, Vec<Self::Receiver>) {
        let sender = Self::new(capacity);
        let receivers = (0..receivers).map(|_| sender.subscribe()).collect();
        (sender, receivers)
    }

    /// Never waits: what is too old is overwritten.
    fn send(&self, message: u64) -> impl Future<Output = ()> + Send {
        self.send(message).expect("the receivers listen");
        ready(())
    }
}

impl Receiver for broadcast::Receiver<u64> {
    async fn receive(&mut self) -> Option<u64> {
        match self.recv().await {
            Ok(message) => Some(message),
            Err(broadcast::error::RecvError::Closed) => None,
            Err(lagged @ broadcast::error::RecvError::Lagged(_)) => panic!("{lagged}"),
        }
    }
}

impl Watch for watch::Sender<u64> {
    type Watcher = watch::Receiver<u64>;

    fn zero() -> (Self, Self::Watcher) {
        watch::channel(0)
    }

    fn set(&self, value: u64) {
        self.send(value).expect("somebody watches");
    }
}

impl Watcher for watch::Receiver<u64> {
    async fn changed(&mut self) -> u64 {
        self.changed().await.expect("the writer goes last");
        *self.borrow_and_update()
    }
}

impl Barrier for sync::Barrier {
    fn of(tasks: usize) -> Self {
        Self::new(tasks)
    }

    async fn wait(&self) -> bool {
        self.wait().await.is_leader()
    }
}
