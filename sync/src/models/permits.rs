//! Models [`crate::permits`], through the locks that are built on it.

use super::outcomes;
use crate::{
    Mutex, Semaphore,
    semaphore::TryAcquireError,
    shim::{cell::UnsafeCell, thread},
    wait_blocking::WaitBlocking,
};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

/// A semaphore, and a cell that its permits protect.
struct Guarded {
    semaphore: Semaphore,
    cell: UnsafeCell<u32>,
}

// SAFETY: loom itself fails the model if the cell races.
unsafe impl Sync for Guarded {}

impl Guarded {
    fn new(permits: usize) -> Arc<Self> {
        Arc::new(Self { semaphore: Semaphore::new(permits), cell: UnsafeCell::new(0) })
    }

    fn add_one(&self) {
        // SAFETY: loom itself fails the model if this races.
        self.cell.with_mut(|cell| unsafe { *cell += 1 });
    }

    fn read(&self) -> u32 {
        // SAFETY: loom itself fails the model if this races.
        self.cell.with(|cell| unsafe { *cell })
    }
}

fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// V1: who takes the permit sees what its last holder did.
#[test]
fn edge_v1() {
    let seen = outcomes(|| {
        let guarded = Guarded::new(1);
        let actors = [0, 1].map(|_| {
            let guarded = guarded.clone();
            thread::spawn(move || match guarded.semaphore.try_acquire() {
                Ok(_permit) => {
                    guarded.add_one();
                    true
                }
                Err(error) => {
                    assert_eq!(error, TryAcquireError::NoPermits);
                    false
                }
            })
        });
        let [first, second] = actors.map(|it| it.join().unwrap());
        (first, second, guarded.read())
    });
    assert_eq!(seen, [(true, false, 1), (false, true, 1), (true, true, 2)].into());
}

/// V1, through the line: who serves it has seen every giver, so those served have.
#[test]
fn who_is_served_sees_what_every_giver_did() {
    let seen = outcomes(|| {
        let (guarded, other) = (Guarded::new(0), Guarded::new(0));
        let (mine, theirs) = (guarded.clone(), guarded.clone());
        let others = other.clone();
        let giver = thread::spawn(move || {
            mine.add_one();
            mine.semaphore.add_permits(1).unwrap();
        });
        let other_giver = thread::spawn(move || {
            others.add_one();
            theirs.semaphore.add_permits(1).unwrap();
        });
        let taker = thread::spawn(move || {
            let permit = guarded.semaphore.acquire_many(2).wait_blocking().unwrap();
            let sum = guarded.read() + other.read();
            drop(permit);
            (sum, guarded.semaphore.available_permits())
        });
        giver.join().unwrap();
        other_giver.join().unwrap();
        taker.join().unwrap()
    });
    assert_eq!(seen, [(2, 2)].into());
}

/// V1, past the line: a newcomer sees what the giver of that permit did of which the
/// line left it the rest.
#[test]
fn what_the_line_leaves_is_published() {
    let seen = outcomes(|| {
        let guarded = Guarded::new(0);
        let waiter = guarded.clone();
        let mut waiting: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move {
            waiter.semaphore.acquire().await.unwrap().forget();
        });
        assert!(poll(&mut waiting).is_pending());
        let (theirs, mine) = (guarded.clone(), guarded);
        let giver = thread::spawn(move || {
            theirs.add_one();
            theirs.semaphore.add_permits(2).unwrap();
        });
        let taker = thread::spawn(move || match mine.semaphore.try_acquire() {
            Ok(permit) => {
                permit.forget();
                mine.read()
            }
            Err(_) => 0,
        });
        giver.join().unwrap();
        (taker.join().unwrap(), poll(&mut waiting).is_ready())
    });
    assert_eq!(seen, [(0, true), (1, true)].into());
}

/// V2: who is refused sees what the closer wrote.
#[test]
fn edge_v2() {
    let seen = outcomes(|| {
        let guarded = Guarded::new(1);
        let (theirs, mine) = (guarded.clone(), guarded);
        let closer = thread::spawn(move || {
            theirs.add_one();
            theirs.semaphore.close();
        });
        let asker = thread::spawn(move || match mine.semaphore.try_acquire() {
            Ok(_permit) => 0,
            Err(error) => {
                assert_eq!(error, TryAcquireError::Closed);
                mine.read()
            }
        });
        closer.join().unwrap();
        asker.join().unwrap()
    });
    assert_eq!(seen, [0, 1].into());
}

/// A permit is given while a newcomer stands in line: it is not overlooked.
#[test]
fn a_permit_given_while_one_comes_is_not_overlooked() {
    let seen = outcomes(|| {
        let guarded = Guarded::new(0);
        let (theirs, mine) = (guarded.clone(), guarded.clone());
        let giver = thread::spawn(move || theirs.semaphore.add_permits(1).unwrap());
        let taker = thread::spawn(move || {
            mine.semaphore.acquire().wait_blocking().unwrap().forget();
        });
        giver.join().unwrap();
        taker.join().unwrap();
        guarded.semaphore.available_permits()
    });
    assert_eq!(seen, [0].into());
}

/// A permit is given while the first in line ends: the second gets it.
#[test]
fn a_permit_for_one_who_ends_reaches_the_next() {
    let seen = outcomes(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut first = Box::pin(semaphore.clone().acquire_owned());
        let mut second = Box::pin(semaphore.clone().acquire_owned());
        assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
        let theirs = semaphore.clone();
        let giver = thread::spawn(move || theirs.add_permits(1).unwrap());
        let quitter = thread::spawn(move || drop(first));
        giver.join().unwrap();
        quitter.join().unwrap();
        let Poll::Ready(Ok(permit)) = poll(&mut second) else { panic!("a permit was lost") };
        permit.forget();
        semaphore.available_permits()
    });
    assert_eq!(seen, [0].into());
}

/// A large request ends while a permit is given: the small one behind it is served
/// by whichever comes second, and the line is left empty.
#[test]
fn a_large_request_that_ends_makes_room() {
    let seen = outcomes(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut large = Box::pin(semaphore.clone().acquire_many_owned(3));
        let mut small = Box::pin(semaphore.clone().acquire_many_owned(1));
        assert!(poll(&mut large).is_pending() && poll(&mut small).is_pending());
        let theirs = semaphore.clone();
        let giver = thread::spawn(move || theirs.add_permits(2).unwrap());
        let quitter = thread::spawn(move || drop(large));
        giver.join().unwrap();
        quitter.join().unwrap();
        let Poll::Ready(Ok(permit)) = poll(&mut small) else { panic!("it is overlooked") };
        permit.forget();
        // Were LINE left behind, this would fail.
        semaphore.try_acquire().is_ok()
    });
    assert_eq!(seen, [true].into());
}

/// Closing races a permit: the one in line gets the one or the other.
#[test]
fn who_waits_is_served_or_refused_but_not_left() {
    let seen = outcomes(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut waiting = Box::pin(semaphore.clone().acquire_owned());
        assert!(poll(&mut waiting).is_pending());
        let (one, two) = (semaphore.clone(), semaphore.clone());
        let giver = thread::spawn(move || one.add_permits(1).unwrap());
        let closer = thread::spawn(move || two.close());
        giver.join().unwrap();
        closer.join().unwrap();
        let Poll::Ready(answer) = poll(&mut waiting) else { panic!("it is left in line") };
        (answer.map(|permit| permit.forget()).is_ok(), semaphore.available_permits())
    });
    assert_eq!(seen, [(true, 0), (false, 1)].into());
}

/// Three tasks, one of them given up halfway, share a mutex: nobody is in it with
/// another, nobody is left out.
#[test]
fn a_mutex_is_handed_over_past_one_who_ends() {
    let seen = outcomes(|| {
        let mutex = Arc::new(Mutex::new(0));
        let held = mutex.clone().try_lock_owned().unwrap();
        let mut quits = Box::pin(mutex.clone().lock_owned());
        assert!(poll(&mut quits).is_pending());
        let theirs = mutex.clone();
        let holder = thread::spawn(move || {
            let mut held = held;
            *held += 1;
        });
        let quitter = thread::spawn(move || drop(quits));
        let waiter = thread::spawn(move || *theirs.lock_owned().wait_blocking() += 1);
        holder.join().unwrap();
        quitter.join().unwrap();
        waiter.join().unwrap();
        Arc::into_inner(mutex).unwrap().into_inner()
    });
    assert_eq!(seen, [2].into());
}
