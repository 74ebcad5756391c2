//! What situations need beyond tasks and timers.

use super::{Bowerbird, builder};
use crate::{
    behaviours::{
        blocked::Echo,
        futurelock::{Locks, Site},
    },
    pin,
};
use bowerbird::{
    net::TcpStream,
    runtime::Unhandled,
    sync::{Mutex, OwnedMutexGuard},
};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use std::{future::Future, net, sync::Arc};

impl Echo for Bowerbird {
    async fn echo(connection: net::TcpStream) {
        let mut connection = TcpStream::from_std(connection).expect("it is connected");
        let mut buffer = [0; 64];
        while let Ok(count @ 1..) = connection.read(&mut buffer).await {
            connection.write_all(&buffer[..count]).await.expect("the other end is open");
        }
    }
}

impl Locks for Bowerbird {
    type Lock = Mutex<()>;
    type Guard = OwnedMutexGuard<()>;

    /// In debug mode.
    fn reporting(
        workers: usize,
        on_futurelock: impl Fn(Vec<Site>) + Send + Sync + 'static,
    ) -> Self {
        let builder = builder(workers, pin::in_turn(workers)).debug(true);
        let builder = builder.on_unhandled(move |unhandled| {
            let Unhandled::Futurelock { granted, waiting, .. } = unhandled else {
                panic!("{unhandled}")
            };
            on_futurelock([granted, waiting].iter().filter_map(|it| it.location).collect());
        });
        Self { runtime: builder.build().expect("threads can be had"), workers }
    }

    fn new_lock() -> Arc<Mutex<()>> {
        Arc::new(Mutex::new(()))
    }

    #[track_caller]
    fn lock(lock: &Arc<Mutex<()>>) -> impl Future<Output = Self::Guard> + Send + 'static {
        lock.clone().lock_owned()
    }
}
