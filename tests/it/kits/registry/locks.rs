//! Semaphores, mutexes: what is given must come back, and go to who is next.

use super::{Case, Count, Other, Subject};
use std::{cell::RefCell, future::Future, rc::Rc, sync::Arc};
use sync::{Mutex, Semaphore};

pub(super) const ALL: &[Case] = &[
    Case {
        future: "sync::semaphore::Acquire",
        make: || {
            permits(|semaphore| async move {
                let permits = semaphore.acquire_many(2).await.unwrap();
                assert_eq!(permits.num_permits(), 2);
            })
        },
    },
    Case {
        future: "sync::semaphore::AcquireOwned",
        make: || {
            permits(|semaphore| {
                let acquire = semaphore.acquire_many_owned(2);
                async move { assert_eq!(acquire.await.unwrap().num_permits(), 2) }
            })
        },
    },
    Case {
        future: "sync::mutex::Lock",
        make: || mutex(|mutex| async move { *mutex.lock().await += 1 }),
    },
    Case {
        future: "sync::mutex::LockOwned",
        make: || {
            mutex(|mutex| {
                let lock = mutex.lock_owned();
                async move { *lock.await += 1 }
            })
        },
    },
];

/// A step gives one permit; the subject wants two, the other one.
fn permits<F: Future<Output = ()> + 'static>(make: impl FnOnce(Arc<Semaphore>) -> F) -> Subject {
    let (semaphore, given) = (Arc::new(Semaphore::new(0)), Count::default());
    let theirs = semaphore.clone();
    let other = Other::new(async move { drop(theirs.acquire_owned().await) });
    let step = {
        let (semaphore, given, other) = (semaphore.clone(), given.clone(), other.clone());
        move || {
            other.is_served();
            given.add(1);
            semaphore.add_permits(1).unwrap();
        }
    };
    let future = Box::pin(make(semaphore.clone()));
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
fn mutex<F: Future<Output = ()> + 'static>(make: impl FnOnce(Arc<Mutex<u32>>) -> F) -> Subject {
    let mutex = Arc::new(Mutex::new(0));
    let guard = Rc::new(RefCell::new(Some(mutex.clone().try_lock_owned().unwrap())));
    let theirs = mutex.clone();
    let other = Other::new(async move { *theirs.lock().await += 1 });
    let step = {
        let (guard, other) = (guard.clone(), other.clone());
        move || {
            other.is_served();
            let guard = guard.take();
            drop(guard);
        }
    };
    let future = Box::pin(make(mutex.clone()));
    let check = move || {
        let guard = guard.take();
        drop(guard);
        assert!(other.is_served(), "the next in line is not served");
        assert!(matches!(*mutex.try_lock().unwrap(), 1 | 2));
    };
    Subject { future, step: Rc::new(step), check: Box::new(check) }
}
