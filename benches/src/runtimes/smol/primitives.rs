//! The primitives of smol's ecosystem: async-lock, event-listener, async-channel,
//! async-broadcast. Other runtimes borrow some of them.
//!
//! Its only channel is one for several receivers, which serves for one as well.
//! Nothing in it watches a value.

use super::Smol;
use crate::workloads::sync::primitives::{
    Barrier, Broadcast, Mutex, Primitives, Receiver, RwLock, Semaphore, Sender, Signal,
    UnboundedSender,
};
use async_broadcast as broadcast;
use async_channel as channel;
use async_lock as lock;
use event_listener::Event;
use std::future::Future;

impl Primitives for Smol {
    type Mutex = lock::Mutex<u64>;
    type RwLock = lock::RwLock<u64>;
    type Semaphore = lock::Semaphore;
    type Signal = Event;
    type Bounded = channel::Sender<u64>;
    type Unbounded = channel::Sender<u64>;
    type Mpmc = channel::Sender<u64>;
    type Broadcast = broadcast::Sender<u64>;
    type Barrier = lock::Barrier;
}

impl Mutex for lock::Mutex<u64> {
    type Guard<'a> = lock::MutexGuard<'a, u64>;

    fn zero() -> Self {
        Self::new(0)
    }

    fn lock(&self) -> impl Future<Output = Self::Guard<'_>> + Send {
        self.lock()
    }
}

impl RwLock for lock::RwLock<u64> {
    type ReadGuard<'a> = lock::RwLockReadGuard<'a, u64>;
    type WriteGuard<'a> = lock::RwLockWriteGuard<'a, u64>;

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

impl Semaphore for lock::Semaphore {
    type Permit<'a> = lock::SemaphoreGuard<'a>;

    fn of(permits: usize) -> Self {
        Self::new(permits)
    }

    fn acquire(&self) -> impl Future<Output = Self::Permit<'_>> + Send {
        self.acquire()
    }

    fn available(&self) -> usize {
        self.available_permits()
    }
}

impl Signal for Event {
    fn silent() -> Self {
        Self::new()
    }

    fn listen(&self) -> impl Future<Output = ()> + Send {
        self.listen()
    }

    /// Is lost if nobody listens.
    fn notify(&self) {
        self.notify(1);
    }
}

impl Sender for channel::Sender<u64> {
    type Receiver = channel::Receiver<u64>;

    fn bounded(capacity: usize) -> (Self, Self::Receiver) {
        channel::bounded(capacity)
    }

    async fn send(&self, message: u64) {
        self.send(message).await.expect("a receiver listens");
    }
}

impl UnboundedSender for channel::Sender<u64> {
    type Receiver = channel::Receiver<u64>;

    fn unbounded() -> (Self, Self::Receiver) {
        channel::unbounded()
    }

    fn send(&self, message: u64) {
        self.try_send(message).expect("the receiver listens");
    }
}

impl Receiver for channel::Receiver<u64> {
    async fn receive(&mut self) -> Option<u64> {
        self.recv().await.ok()
    }
}

impl Broadcast for broadcast::Sender<u64> {
    type Receiver = broadcast::Receiver<u64>;

    fn to(receivers: usize, capacity: usize) -> (Self, Vec<Self::Receiver>) {
        let (sender, receiver) = broadcast::broadcast(capacity);
        (sender, vec![receiver; receivers])
    }

    /// By the variant without an allocation.
    async fn send(&self, message: u64) {
        self.broadcast_direct(message).await.expect("the receivers listen");
    }
}

impl Receiver for broadcast::Receiver<u64> {
    /// By the variant without an allocation.
    async fn receive(&mut self) -> Option<u64> {
        match self.recv_direct().await {
            Ok(message) => Some(message),
            Err(broadcast::RecvError::Closed) => None,
            Err(lagged @ broadcast::RecvError::Overflowed(_)) => panic!("{lagged}"),
        }
    }
}

impl Barrier for lock::Barrier {
    fn of(tasks: usize) -> Self {
        Self::new(tasks)
    }

    async fn wait(&self) -> bool {
        self.wait().await.is_leader()
    }
}
