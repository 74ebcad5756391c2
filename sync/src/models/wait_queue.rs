//! Models [`crate::wait_queue`].

use super::outcomes;
use crate::{
    shim::{cell::UnsafeCell, thread},
    wait_queue::{Decision, Primitive, WaitQueue, Waiter},
    wake_batch::WakeBatch,
};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

/// Grants numbers; an unseen one goes to the next in line, or back.
struct Numbers {
    queue: WaitQueue<Vec<u32>, u32>,
    witness: UnsafeCell<u32>,
    /// What `pass_on` saw in `witness`; used by the one thread that drops.
    passed_on: UnsafeCell<u32>,
}

// SAFETY: loom itself fails the model if the cell races.
unsafe impl Send for Numbers {}
// SAFETY: as above.
unsafe impl Sync for Numbers {}

impl Primitive for Numbers {
    type State = Vec<u32>;
    type Grant = u32;

    fn queue(&self) -> &WaitQueue<Vec<u32>, u32> {
        &self.queue
    }

    fn pass_on(&self, number: u32) {
        let seen = self.read();
        // SAFETY: loom itself fails the model if this races.
        self.passed_on.with_mut(|cell| unsafe { *cell = seen });
        self.give([number]);
    }
}

impl Numbers {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            queue: WaitQueue::new(Vec::new()),
            witness: UnsafeCell::new(0),
            passed_on: UnsafeCell::new(0),
        })
    }

    fn read(&self) -> u32 {
        // SAFETY: loom itself fails the model if this races.
        self.witness.with(|cell| unsafe { *cell })
    }

    fn give<const N: usize>(&self, numbers: [u32; N]) {
        self.queue.with(|line| {
            for number in numbers {
                match line.front() {
                    Some(front) => {
                        *front = number;
                        line.grant_front();
                    }
                    None => line.state().push(number),
                }
            }
        });
    }

    fn left(&self) -> usize {
        self.queue.with(|line| {
            assert!(line.is_empty());
            line.state().len()
        })
    }
}

type Boxed = Pin<Box<Waiter<Arc<Numbers>>>>;

fn waiter(numbers: &Arc<Numbers>) -> Boxed {
    Box::pin(Waiter::new(numbers.clone()))
}

fn poll(waiter: &mut Boxed) -> Poll<u32> {
    waiter.as_mut().poll_with(&mut Context::from_waker(Waker::noop()), |_, line| {
        match line.state().pop() {
            Some(number) => Decision::Pass(number),
            None => Decision::Wait(0),
        }
    })
}

/// W1: who looks at its status without the lock sees the grant, and what the
/// granter wrote before: in a poll, and (in `pass_on`) at its end.
#[test]
fn edge_w1() {
    for look in [by_entering, by_polling, by_ending] {
        let seen = outcomes(move || {
            let numbers = Numbers::new();
            let mut waiter = waiter(&numbers);
            assert!(poll(&mut waiter).is_pending());
            let theirs = numbers.clone();
            let granter = thread::spawn(move || {
                // SAFETY: loom itself fails the model if this races.
                theirs.witness.with_mut(|cell| unsafe { *cell = 7 });
                theirs.give([3]);
            });
            let looker = thread::spawn(move || look(waiter, &numbers));
            granter.join().unwrap();
            looker.join().unwrap().0
        });
        assert_eq!(seen, [0, 7].into());
    }
}

fn by_entering(mut waiter: Boxed, numbers: &Arc<Numbers>) -> (u32, Option<Boxed>) {
    let seen = waiter.as_mut().enter(|_, _| unreachable!());
    (if seen.is_ready() { numbers.read() } else { 0 }, Some(waiter))
}

fn by_polling(mut waiter: Boxed, numbers: &Arc<Numbers>) -> (u32, Option<Boxed>) {
    let seen = poll(&mut waiter);
    (if seen.is_ready() { numbers.read() } else { 0 }, Some(waiter))
}

fn by_ending(waiter: Boxed, numbers: &Arc<Numbers>) -> (u32, Option<Boxed>) {
    drop(waiter);
    // SAFETY: loom itself fails the model if this races.
    (numbers.passed_on.with(|cell| unsafe { *cell }), None)
}

/// A grant races the end of the first of two waiters: it reaches the first, and
/// is passed on, or the second. It is never lost and never doubled.
#[test]
fn a_grant_to_one_who_ends_reaches_the_next() {
    let seen = outcomes(|| {
        let numbers = Numbers::new();
        let (mut first, mut second) = (waiter(&numbers), waiter(&numbers));
        assert!(poll(&mut first).is_pending());
        assert!(poll(&mut second).is_pending());
        let theirs = numbers.clone();
        let granter = thread::spawn(move || theirs.give([1]));
        let quitter = thread::spawn(move || drop(first));
        granter.join().unwrap();
        quitter.join().unwrap();
        assert_eq!(poll(&mut second), Poll::Ready(1));
        numbers.left()
    });
    assert_eq!(seen, [0].into());
}

/// The only waiter ends: the grant is kept by the primitive, exactly once.
#[test]
fn a_grant_nobody_waits_for_any_more_is_kept() {
    let seen = outcomes(|| {
        let numbers = Numbers::new();
        let mut only = waiter(&numbers);
        assert!(poll(&mut only).is_pending());
        let theirs = numbers.clone();
        let granter = thread::spawn(move || theirs.give([1]));
        let poller = thread::spawn(move || poll(&mut only).is_ready());
        granter.join().unwrap();
        (poller.join().unwrap(), numbers.left())
    });
    assert_eq!(seen, [(true, 0), (false, 1)].into());
}

/// Two granters, two waiters: the one who came first is granted first.
#[test]
fn first_come_first_granted() {
    let seen = outcomes(|| {
        let numbers = Numbers::new();
        let (mut first, mut second) = (waiter(&numbers), waiter(&numbers));
        assert!(poll(&mut first).is_pending());
        assert!(poll(&mut second).is_pending());
        let theirs = numbers.clone();
        let granter = thread::spawn(move || {
            theirs.give([1]);
            theirs.give([2]);
        });
        let looker = thread::spawn(move || (poll(&mut second), poll(&mut first)));
        granter.join().unwrap();
        let (second, first) = looker.join().unwrap();
        (first.is_ready(), second.is_ready())
    });
    // Looked at after the second, the first may have been granted since; the
    // second never before the first.
    assert_eq!(seen, [(false, false), (true, false), (true, true)].into());
}

/// One operation grants more than a batch; who is granted but not yet woken may
/// depart or end while the granter goes on waking.
#[test]
fn who_is_leaving_departs_or_ends_by_itself() {
    let seen = outcomes(|| {
        let numbers = Numbers::new();
        let mut waiters: Vec<_> = (0..WakeBatch::CAPACITY + 2).map(|_| waiter(&numbers)).collect();
        assert!(waiters.iter_mut().all(|it| poll(it).is_pending()));
        let (mut last, before) = (waiters.pop().unwrap(), waiters.pop().unwrap());
        let theirs = numbers.clone();
        let granter = thread::spawn(move || theirs.give([1, 2, 3, 4]));
        let looker = thread::spawn(move || {
            let seen = poll(&mut last);
            drop(before);
            seen
        });
        granter.join().unwrap();
        let last = looker.join().unwrap();
        for (mut waiter, number) in waiters.into_iter().zip(1..) {
            assert_eq!(poll(&mut waiter), Poll::Ready(number));
        }
        let left = numbers.queue.with(|line| line.state().clone());
        (last, left)
    });
    let seen: Vec<_> = seen.into_iter().map(|(last, left)| (last.is_ready(), left)).collect();
    // The third: the one before the last ended before anything was granted, so
    // that the last got its number, and ended unseeing as well.
    assert_eq!(seen, [(true, vec![3]), (false, vec![3, 4]), (false, vec![4, 3])]);
}

/// A waiter is polled with another waker while it is granted: one of the two is
/// called, or the poll itself sees the grant.
#[test]
fn a_grant_finds_the_new_waker_or_the_poll_finds_the_grant() {
    let seen = outcomes(|| {
        let numbers = Numbers::new();
        let mut waiter = waiter(&numbers);
        assert!(poll(&mut waiter).is_pending());
        let theirs = numbers.clone();
        let granter = thread::spawn(move || theirs.give([1]));
        let poller = thread::spawn(move || {
            let flag = Arc::new(Flag(loom::sync::atomic::AtomicBool::new(false)));
            let waker = Waker::from(flag.clone());
            let seen =
                waiter.as_mut().poll_with(&mut Context::from_waker(&waker), |_, _| unreachable!());
            (seen.is_ready(), flag, waiter)
        });
        granter.join().unwrap();
        let (ready, flag, waiter) = poller.join().unwrap();
        drop(waiter);
        (ready, flag.0.load(std::sync::atomic::Ordering::Relaxed))
    });
    assert_eq!(seen, [(false, true), (true, false)].into());
}

struct Flag(loom::sync::atomic::AtomicBool);

impl std::task::Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.swap(true, std::sync::atomic::Ordering::Relaxed);
    }
}
