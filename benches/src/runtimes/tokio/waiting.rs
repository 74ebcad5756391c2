use super::Tokio;
use crate::workloads::waiting::Waiting;
use std::future::Future;
use tokio::sync::{Mutex, Semaphore};

impl Waiting for Tokio {
    type Mutex = Mutex<()>;

    type Semaphore = Semaphore;

    fn mutex() -> Mutex<()> {
        Mutex::new(())
    }

    fn lock(mutex: &'static Mutex<()>) -> impl Future<Output: Send> + Send + 'static {
        mutex.lock()
    }

    fn semaphore() -> Semaphore {
        Semaphore::new(0)
    }

    async fn acquire(semaphore: &Semaphore) {
        semaphore.acquire().await.expect("nobody closes it").forget();
    }

    fn release(semaphore: &Semaphore, permits: u64) {
        semaphore.add_permits(permits as usize);
    }
}
