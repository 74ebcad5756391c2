//! What situations need beyond tasks and timers.

use super::Smol;
use crate::{
    Runtime,
    behaviours::{
        blocked::Echo,
        futurelock::{Locks, Site},
    },
};
use async_io::Async;
use async_lock::{Mutex, MutexGuardArc};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use std::{future::Future, net, sync::Arc};

impl Echo for Smol {
    async fn echo(connection: net::TcpStream) {
        let mut connection = Async::new(connection).expect("it is connected");
        let mut buffer = [0; 64];
        while let Ok(count @ 1..) = connection.read(&mut buffer).await {
            connection.write_all(&buffer[..count]).await.expect("the other end is open");
        }
    }
}

impl Locks for Smol {
    type Lock = Mutex<()>;
    type Guard = MutexGuardArc<()>;

    /// Has no debug mode: the hook is never called.
    fn reporting(
        workers: usize,
        _on_futurelock: impl Fn(Vec<Site>) + Send + Sync + 'static,
    ) -> Self {
        Self::new(workers)
    }

    fn new_lock() -> Arc<Mutex<()>> {
        Arc::new(Mutex::new(()))
    }

    fn lock(lock: &Arc<Mutex<()>>) -> impl Future<Output = Self::Guard> + Send + 'static {
        lock.lock_arc()
    }
}
