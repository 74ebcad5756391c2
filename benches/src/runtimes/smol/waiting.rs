use super::Smol;
use crate::workloads::waiting::Waiting;
use async_lock::{Mutex, Semaphore};
use std::future::Future;

impl Waiting for Smol {
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
        semaphore.acquire().await.forget();
    }

    fn release(semaphore: &Semaphore, permits: u64) {
        semaphore.add_permits(permits as usize);
    }
}
