//! What one task has and others wait for.

use super::primitives::{Mutex, Primitives, RwLock, Semaphore};
use crate::column::Outcome;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// How many tasks want the same.
const TASKS: u64 = 8;

pub(super) fn mutex_uncontended<R: Primitives>(runtime: &R, turns: u64) -> Outcome {
    runtime.run(async move {
        let mutex = R::Mutex::zero();
        for _ in 0..turns {
            *mutex.lock().await += 1;
        }
        assert_eq!(*mutex.lock().await, turns);
    });
    Outcome::Operations(turns)
}

pub(super) fn mutex_contended<R: Primitives>(runtime: &R, turns: u64) -> Outcome {
    async fn add<R: Primitives>(mutex: Arc<R::Mutex>, turns: u64) {
        for _ in 0..turns {
            *mutex.lock().await += 1;
            R::yield_now().await;
        }
    }
    let turns = turns / TASKS;
    runtime.run(async move {
        let mutex = Arc::new(R::Mutex::zero());
        let tasks = (0..TASKS).map(|_| R::spawn(add::<R>(mutex.clone(), turns))).collect();
        R::gather(tasks).await;
        assert_eq!(*mutex.lock().await, turns * TASKS);
    });
    Outcome::Operations(turns * TASKS)
}

/// An addition is lost if two tasks have the lock.
pub(super) fn mutex_held<R: Primitives>(runtime: &R, turns: u64) -> Outcome {
    async fn add_slowly<R: Primitives>(mutex: Arc<R::Mutex>, turns: u64) {
        for _ in 0..turns {
            let mut value = mutex.lock().await;
            let seen = *value;
            R::yield_now().await;
            *value = seen + 1;
        }
    }
    let turns = turns / TASKS;
    runtime.run(async move {
        let mutex = Arc::new(R::Mutex::zero());
        let tasks = (0..TASKS).map(|_| R::spawn(add_slowly::<R>(mutex.clone(), turns))).collect();
        R::gather(tasks).await;
        assert_eq!(*mutex.lock().await, turns * TASKS);
    });
    Outcome::Operations(turns * TASKS)
}

/// Each task writes in one of so many turns, and not all in the same.
const WRITE_EVERY: u64 = 16;

/// An addition is lost if two tasks may write, and a reader sees one if it reads
/// beside a writer.
pub(super) fn rwlock_read_mostly<R: Primitives>(runtime: &R, turns: u64) -> Outcome {
    async fn read_mostly<R: Primitives>(lock: Arc<R::RwLock>, first: u64, turns: u64) -> u64 {
        let mut writes = 0;
        for turn in first..first + turns {
            if turn % WRITE_EVERY == 0 {
                let mut value = lock.write().await;
                let seen = *value;
                R::yield_now().await;
                *value = seen + 1;
                writes += 1;
            } else {
                let value = lock.read().await;
                let seen = *value;
                R::yield_now().await;
                assert_eq!(*value, seen, "somebody writes while others read");
            }
        }
        writes
    }
    let turns = turns / TASKS;
    runtime.run(async move {
        let lock = Arc::new(R::RwLock::zero());
        let apart = WRITE_EVERY / TASKS;
        let task = |number| R::spawn(read_mostly::<R>(lock.clone(), number * apart, turns));
        let writes: u64 = R::gather((0..TASKS).map(task).collect()).await.into_iter().sum();
        assert_eq!(*lock.read().await, writes);
        let expected = turns * TASKS / WRITE_EVERY;
        assert!(writes.abs_diff(expected) <= TASKS, "{writes} writes instead of {expected}");
    });
    Outcome::Operations(turns * TASKS)
}

/// How many tasks may have a permit.
const PERMITS: usize = 2;

/// Of so many turns of a task, one counts who has a permit: a count for every turn
/// would cost as much as some semaphores.
const COUNT_EVERY: u64 = 16;

pub(super) fn semaphore<R: Primitives>(runtime: &R, turns: u64) -> Outcome {
    let turns = turns / TASKS;
    runtime.run(async move {
        let semaphore = Arc::new(R::Semaphore::of(PERMITS));
        let holders = Arc::new(AtomicUsize::new(0));
        let task = |_| R::spawn(take_permits::<R>(semaphore.clone(), holders.clone(), turns));
        R::gather((0..TASKS).map(task).collect()).await;
        assert_eq!(semaphore.available(), PERMITS);
    });
    Outcome::Operations(turns * TASKS)
}

async fn take_permits<R: Primitives>(
    semaphore: Arc<R::Semaphore>,
    holders: Arc<AtomicUsize>,
    turns: u64,
) {
    for turn in 0..turns {
        let permit = semaphore.acquire().await;
        let is_counted = turn % COUNT_EVERY == 0;
        // Relaxed: one who has a permit after another hears of the other's count with
        // the permit.
        if is_counted {
            assert!(holders.fetch_add(1, Relaxed) < PERMITS, "more tasks than permits");
        }
        R::yield_now().await;
        if is_counted {
            holders.fetch_sub(1, Relaxed);
        }
        drop(permit);
    }
}
