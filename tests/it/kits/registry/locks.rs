//! Semaphores, mutexes: what is given must come back, and go to who is next.

use super::{Case, Company, Count, Other, Subject};
use std::{cell::RefCell, future::Future, rc::Rc, sync::Arc};
use sync::{Mutex, Semaphore};

pub(super) const ALL: &[Case] = &[
    Case { future: "sync::semaphore::Acquire", make: || permits(Company::Other, acquire) },
    Case { future: "sync::semaphore::Acquire", make: || permits(Company::None, acquire) },
    Case {
        future: "sync::semaphore::AcquireOwned",
        make: || permits(Company::Other, acquire_owned),
    },
    Case {
        future: "sync::semaphore::AcquireOwned",
        make: || permits(Company::None, acquire_owned),
    },
    Case { future: "sync::mutex::Lock", make: || mutex(Company::Other, lock) },
    Case { future: "sync::mutex::Lock", make: || mutex(Company::None, lock) },
    Case { future: "sync::mutex::LockOwned", make: || mutex(Company::Other, Mutex::lock_owned) },
    Case { future: "sync::mutex::LockOwned", make: || mutex(Company::None, Mutex::lock_owned) },
];

async fn acquire(semaphore: Arc<Semaphore>, count: u32) {
    drop(semaphore.acquire_many(count).await.unwrap());
}

fn acquire_owned(semaphore: Arc<Semaphore>, count: u32) -> impl Future<Output = ()> {
    let acquire = semaphore.acquire_many_owned(count);
    async { drop(acquire.await.unwrap()) }
}

async fn lock(mutex: Arc<Mutex<()>>) {
    drop(mutex.lock().await);
}

/// A step gives one permit, which is all that is wanted, but in company half of it.
fn permits<F: Future<Output = ()> + 'static>(
    company: Company,
    make: fn(Arc<Semaphore>, u32) -> F,
) -> Subject {
    let (semaphore, given) = (Arc::new(Semaphore::new(0)), Count::default());
    let (wanted, other) = match company {
        Company::None => (1, Other::nobody()),
        Company::Other => (2, Other::new(acquire(semaphore.clone(), 1))),
    };
    let step = {
        let (semaphore, given, other) = (semaphore.clone(), given.clone(), other.clone());
        move || {
            other.is_served();
            given.add(1);
            semaphore.add_permits(1).unwrap();
        }
    };
    let future = Box::pin(make(semaphore.clone(), wanted));
    let check = move || {
        assert!(other.is_served() || given.get() == 0, "the next in line is not served");
        other.leave();
        assert_eq!(semaphore.available_permits(), given.get(), "permits are lost");
        let all = u32::try_from(given.get()).unwrap();
        assert!(semaphore.try_acquire_many(all).is_ok(), "a line without anybody in it");
    };
    Subject { future, step: Rc::new(step), check: Box::new(check) }
}

/// It is locked until the first step.
fn mutex<F: Future + 'static>(company: Company, make: fn(Arc<Mutex<()>>) -> F) -> Subject {
    let mutex = Arc::new(Mutex::new(()));
    let guard = Rc::new(RefCell::new(Some(mutex.clone().try_lock_owned().unwrap())));
    let other = match company {
        Company::None => Other::nobody(),
        Company::Other => Other::new(lock(mutex.clone())),
    };
    let step = {
        let (guard, other) = (guard.clone(), other.clone());
        move || {
            other.is_served();
            let guard = guard.take();
            drop(guard);
        }
    };
    let locked = make(mutex.clone());
    let future = Box::pin(async { drop(locked.await) });
    let check = move || {
        let guard = guard.take();
        drop(guard);
        assert!(other.is_served(), "the next in line is not served");
        assert!(mutex.try_lock().is_ok(), "it stays locked");
    };
    Subject { future, step: Rc::new(step), check: Box::new(check) }
}
