use super::*;
use crate::static_checks::{implements, is_not};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::Waker,
    thread,
};

fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

type Boxed<'a> = Pin<Box<Wait<'a, u32>>>;

/// `count` waits, in line in this order.
fn line(condition: &Condition<u32>, count: usize) -> Vec<Boxed<'_>> {
    let wait = |_| {
        let mut wait = Box::pin(condition.try_lock().unwrap().wait());
        assert!(poll(&mut wait).is_pending());
        wait
    };
    (0..count).map(wait).collect()
}

fn ready(waits: &mut [Boxed<'_>]) -> Vec<bool> {
    waits.iter_mut().map(|it| poll(it).is_ready()).collect()
}

#[test]
fn so_many_are_woken_in_order() {
    let condition = Condition::new(0);
    let mut waits = line(&condition, 5);
    condition.try_lock().unwrap().notify_one();
    assert_eq!(ready(&mut waits), [true, false, false, false, false]);
    condition.try_lock().unwrap().notify_n(2);
    assert_eq!(ready(&mut waits[1..]), [true, true, false, false]);
    condition.try_lock().unwrap().notify_n(usize::MAX);
    assert_eq!(ready(&mut waits[3..]), [true, true]);
    condition.try_lock().unwrap().notify_one();
    assert_eq!(ready(&mut line(&condition, 1)), [false], "a condition has no memory");
}

#[test]
fn a_notification_not_returned_with_is_passed_on() {
    let condition = Condition::new(0);
    let mut waits = line(&condition, 3);
    condition.try_lock().unwrap().notify_one();
    drop(waits.remove(0)); // never polled since

    let lock = condition.try_lock().unwrap();
    assert!(poll(&mut waits[0]).is_pending(), "it heard, and waits for the lock");
    drop(waits.remove(0));
    drop(lock);
    assert_eq!(ready(&mut waits), [true]);
}

#[test]
fn a_notification_for_all_is_not_passed_on() {
    let condition = Condition::new(0);
    let mut waits = line(&condition, 2);
    condition.try_lock().unwrap().notify_all();
    let mut late = line(&condition, 1);
    drop(waits.remove(0));
    assert_eq!(ready(&mut late), [false]);
    assert_eq!(ready(&mut waits), [true]);
}

#[test]
fn a_wait_that_ends_while_it_locks_leaves_the_lock_free() {
    let condition = Condition::new(0);
    let mut waits = line(&condition, 1);
    let lock = condition.try_lock().unwrap();
    lock.notify_one();
    assert_eq!(ready(&mut waits), [false]);
    drop(lock); // handed to the wait, which ends without seeing it
    drop(waits);
    assert!(condition.try_lock().is_ok());
}

#[test]
fn a_wait_that_was_never_polled_unlocks() {
    let condition = Condition::new(0);
    let wait = condition.try_lock().unwrap().wait();
    assert!(condition.try_lock().is_err());
    drop(wait);
    assert!(condition.try_lock().is_ok());
}

#[test]
fn the_predicate_is_asked_first_and_after_each_wake() {
    let condition = Condition::new(0);
    let mut asked = 0;
    let mut wait = Box::pin(condition.try_lock().unwrap().wait_while(|it| {
        asked += 1;
        *it < 2
    }));
    assert!(poll(&mut wait).is_pending());
    for fits in [false, true] {
        let mut guard = condition.try_lock().unwrap();
        *guard += 1;
        guard.notify_all();
        drop(guard);
        assert_eq!(poll(&mut wait).is_ready(), fits);
    }
    drop(wait);
    assert_eq!(asked, 3);
}

#[test]
fn a_predicate_that_panics_unlocks() {
    let condition = Condition::new(0);
    let mut wait =
        Box::pin(condition.try_lock().unwrap().wait_while(|_| std::panic::panic_any("predicate")));
    assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut wait).is_ready())).is_err());
    assert!(condition.try_lock().is_ok());
}

#[test]
fn threads_wait_for_one_another() {
    let condition = Arc::new(Condition::new(0));
    let theirs = condition.clone();
    let thread = thread::spawn(move || {
        for expected in 0..100 {
            let wait = theirs.blocking_lock().wait_while(|it| *it != 2 * expected + 1);
            let mut turn = wait.wait_blocking();
            *turn += 1;
            turn.notify_one();
        }
    });
    for expected in 0..100 {
        let wait = condition.blocking_lock().wait_while(|it| *it != 2 * expected);
        let mut turn = wait.wait_blocking();
        *turn += 1;
        turn.notify_one();
    }
    thread.join().unwrap();
    assert_eq!(*condition.blocking_lock(), 200);
}

#[test]
fn a_condition_shares_what_can_be_sent_and_a_guard_what_can_be_shared() {
    use std::{cell::Cell, rc::Rc};
    type Lonely = Cell<u8>;
    type Ask<T> = fn(&mut T) -> bool;
    implements!(Condition<Lonely>: Send, Sync, Unpin);
    is_not!(Condition<Rc<u8>>: Sync);
    implements!(ConditionGuard<'static, Lonely>: Send, Unpin);
    is_not!(ConditionGuard<'static, Lonely>: Sync);
    is_not!(ConditionGuard<'static, Rc<u8>>: Send);
    implements!(Lock<'static, Lonely>: Send, Sync);
    implements!(Wait<'static, Lonely>: Send);
    implements!(Wait<'static, u8>: Send, Sync);
    implements!(WaitWhile<'static, Lonely, Ask<Lonely>>: Send);
    is_not!(Wait<'static, Lonely>: Sync);
    is_not!(Wait<'static, Rc<u8>>: Send);
    is_not!(Wait<'static, u8>: Unpin);
    is_not!(Lock<'static, u8>: Unpin);
    is_not!(WaitWhile<'static, u8, Ask<u8>>: Unpin);
}
