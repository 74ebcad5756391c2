use super::*;
use crate::static_checks::{implements, is_not};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    task::Waker,
    thread,
};

fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn the_lock_is_handed_over_in_order_and_nobody_barges_in() {
    let mutex = Mutex::new(0);
    let held = mutex.try_lock().unwrap();
    let (mut first, mut second) = (Box::pin(mutex.lock()), Box::pin(mutex.lock()));
    assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
    drop(held);
    assert!(mutex.try_lock().is_err(), "it belongs to the first");
    assert!(poll(&mut second).is_pending());
    let Poll::Ready(guard) = poll(&mut first) else { panic!("it is the first's turn") };
    drop(guard);
    assert!(poll(&mut second).is_ready());
}

#[test]
fn a_lock_that_was_granted_and_not_seen_goes_on() {
    let mutex = Mutex::new(0);
    let held = mutex.try_lock().unwrap();
    let (mut first, mut second) = (Box::pin(mutex.lock()), Box::pin(mutex.lock()));
    assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
    drop(held);
    drop(first);
    assert!(poll(&mut second).is_ready());
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn a_mapping_that_panics_unlocks() {
    let mutex = Arc::new(Mutex::new(7));
    let guard = mutex.try_lock().unwrap();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let _ = MutexGuard::map(guard, |_| -> &mut u8 { std::panic::panic_any("part") });
    }));
    assert!(panic.is_err());
    let guard = mutex.clone().try_lock_owned().unwrap();
    assert!(OwnedMutexGuard::filter_map(guard, |_| None::<&mut u8>).is_err());
    assert!(!mutex.is_locked());
}

#[test]
fn a_mapped_guard_holds_the_lock_until_it_is_dropped() {
    let mutex = Arc::new(Mutex::new(vec![1, 2, 3]));
    let slice = MutexGuard::map(mutex.try_lock().unwrap(), |it| &mut it[..]);
    let mut last = MappedMutexGuard::map(slice, |it| it.last_mut().unwrap());
    *last = 4;
    assert!(mutex.is_locked());
    drop(last);
    let owned = OwnedMutexGuard::map(mutex.clone().try_lock_owned().unwrap(), |it| &mut it[..]);
    let first = OwnedMappedMutexGuard::map(owned, |it| &mut it[0]);
    thread::spawn(move || drop(first)).join().unwrap();
    assert_eq!(*mutex.try_lock().unwrap(), [1, 2, 4]);
}

#[test]
fn a_panicking_holder_unlocks_and_does_not_poison() {
    let mutex = Mutex::new(1);
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let _guard = mutex.try_lock().unwrap();
        std::panic::panic_any("holder");
    }));
    assert!(panic.is_err());
    assert_eq!(*mutex.try_lock().unwrap(), 1);
}

#[test]
fn threads_and_tasks_share_it() {
    const EACH: usize = 1000;
    let mutex = Arc::new(Mutex::new(0));
    let threads: Vec<_> = (0..4)
        .map(|which| {
            let mutex = mutex.clone();
            thread::spawn(move || {
                for _ in 0..EACH {
                    match which % 2 {
                        0 => *mutex.blocking_lock() += 1,
                        _ => *mutex.clone().lock_owned().wait_blocking() += 1,
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(*mutex.try_lock().unwrap(), 4 * EACH);
}

#[test]
fn it_shows_its_value_unless_it_is_locked() {
    let mutex = Mutex::from(5);
    assert_eq!(format!("{mutex:?}"), "Mutex { value: 5 }");
    let guard = mutex.try_lock().unwrap();
    assert_eq!(format!("{mutex:?} {guard} {guard:?}"), "Mutex { value: <locked> } 5 5");
    assert_eq!(mutex.try_lock().unwrap_err().to_string(), "the mutex is locked");
}

#[test]
fn a_mutex_shares_what_can_be_sent_and_a_guard_what_can_be_shared() {
    use std::{cell::Cell, marker::PhantomPinned, rc::Rc};
    type Lonely = Cell<u8>;
    implements!(Mutex<Lonely>: Send, Sync, Unpin);
    is_not!(Mutex<Rc<u8>>: Send);
    is_not!(Mutex<Rc<u8>>: Sync);
    // `Sync` without `Send`: to share the mutex would be to send the value.
    is_not!(Mutex<std::sync::MutexGuard<'static, u8>>: Sync);
    implements!(MutexGuard<'static, Lonely>: Send, Unpin);
    is_not!(MutexGuard<'static, Lonely>: Sync);
    is_not!(MutexGuard<'static, Rc<u8>>: Send);
    implements!(MutexGuard<'static, u8>: Send, Sync);
    implements!(OwnedMutexGuard<Lonely>: Send, Unpin);
    is_not!(OwnedMutexGuard<Lonely>: Sync);
    is_not!(OwnedMutexGuard<Rc<u8>>: Send);
    implements!(OwnedMutexGuard<u8>: Send, Sync);
    implements!(OwnedMutexGuard<PhantomPinned>: Unpin);
    implements!(MappedMutexGuard<'static, Lonely>: Send, Unpin);
    is_not!(MappedMutexGuard<'static, Lonely>: Sync);
    is_not!(MappedMutexGuard<'static, Rc<u8>>: Send);
    implements!(OwnedMappedMutexGuard<Lonely, u8>: Send, Sync, Unpin);
    is_not!(OwnedMappedMutexGuard<u8, Lonely>: Sync);
    is_not!(OwnedMappedMutexGuard<u8, Rc<u8>>: Send);
    // The last share of the mutex drops the whole value.
    is_not!(OwnedMappedMutexGuard<Rc<u8>, u8>: Send);
    implements!(Lock<'static, Lonely>: Send, Sync);
    implements!(LockOwned<Lonely>: Send, Sync);
    is_not!(Lock<'static, Rc<u8>>: Send);
    is_not!(LockOwned<Rc<u8>>: Send);
    is_not!(Lock<'static, u8>: Unpin);
    is_not!(LockOwned<u8>: Unpin);
    implements!(TryLockError: Send, Sync, Unpin, Error);
}
