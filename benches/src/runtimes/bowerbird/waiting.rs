use super::Bowerbird;
use crate::workloads::waiting::Waiting;
use bowerbird::sync::{Mutex, Semaphore};
use std::future::Future;

impl Waiting for Bowerbird {
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
        semaphore.add_permits(permits as usize).expect("it has no bound");
    }
}
