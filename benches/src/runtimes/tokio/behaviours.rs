//! What situations need beyond tasks and timers.

use super::Tokio;
use crate::{
    Runtime,
    behaviours::{
        blocked::Echo,
        futurelock::{Locks, Site},
    },
};
use std::{future::Future, net, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Mutex, OwnedMutexGuard},
};

impl Echo for Tokio {
    async fn echo(connection: net::TcpStream) {
        connection.set_nonblocking(true).expect("it is a socket");
        let mut connection = TcpStream::from_std(connection).expect("it is connected");
        let mut buffer = [0; 64];
        while let Ok(count @ 1..) = connection.read(&mut buffer).await {
            connection.write_all(&buffer[..count]).await.expect("the other end is open");
        }
    }
}

impl Locks for Tokio {
    type Lock = Mutex<()>;
    type Guard = OwnedMutexGuard<()>;

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
        lock.clone().lock_owned()
    }
}
