//! Models [`crate::notify`].

use super::outcomes;
use crate::{
    Notify,
    notify::OwnedNotified,
    shim::{
        atomic::{AtomicBool, Ordering::Relaxed},
        cell::UnsafeCell,
        thread,
    },
    wait_blocking::WaitBlocking,
};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Waker},
};

/// A notifier, and a cell that is written before it notifies.
struct Told {
    notify: Notify,
    cell: UnsafeCell<u32>,
}

// SAFETY: loom itself fails the model if the cell races.
unsafe impl Sync for Told {}

impl Told {
    fn new() -> Arc<Self> {
        Arc::new(Self { notify: Notify::new(), cell: UnsafeCell::new(0) })
    }

    fn write(&self) {
        // SAFETY: loom itself fails the model if this races.
        self.cell.with_mut(|cell| unsafe { *cell = 7 });
    }

    fn read(&self) -> u32 {
        // SAFETY: loom itself fails the model if this races.
        self.cell.with(|cell| unsafe { *cell })
    }
}

type Boxed = Pin<Box<OwnedNotified>>;

fn listen(notify: &Arc<Notify>) -> Boxed {
    Box::pin(notify.clone().notified_owned())
}

fn is_ready<F: Future>(future: &mut Pin<Box<F>>) -> bool {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// N1: who takes the permit sees what its giver wrote.
#[test]
fn edge_n1() {
    let seen = outcomes(|| {
        let told = Told::new();
        let (theirs, mine) = (told.clone(), told);
        let giver = thread::spawn(move || {
            theirs.write();
            theirs.notify.notify_one();
        });
        let taker = thread::spawn(move || {
            let mut notified = Box::pin(mine.notify.notified());
            if is_ready(&mut notified) { Some(mine.read()) } else { None }
        });
        giver.join().unwrap();
        taker.join().unwrap()
    });
    assert_eq!(seen, [None, Some(7)].into());
}

/// N1: a permit left upon a permit publishes as well. The taker learns, by means
/// that order nothing, that the giver had been there first.
#[test]
fn a_second_permit_publishes_too() {
    let seen = outcomes(|| {
        let told = Told::new();
        told.notify.notify_one();
        let given = Arc::new(AtomicBool::new(false));
        let (theirs, mine, is_given) = (told.clone(), told, given.clone());
        let giver = thread::spawn(move || {
            theirs.write();
            theirs.notify.notify_one();
            given.swap(true, Relaxed);
        });
        let taker = thread::spawn(move || {
            let is_given = is_given.load(Relaxed);
            assert!(is_ready(&mut Box::pin(mine.notify.notified())));
            let again = is_ready(&mut Box::pin(mine.notify.notified()));
            if again || is_given { Some((again, mine.read())) } else { None }
        });
        giver.join().unwrap();
        taker.join().unwrap()
    });
    assert_eq!(seen, [None, Some((false, 7)), Some((true, 7))].into());
}

/// N2: who was made before a broadcast and hears of it when it is first polled sees
/// what was written before.
#[test]
fn edge_n2() {
    let seen = outcomes(|| {
        let told = Told::new();
        let (theirs, mine) = (told.clone(), told);
        let caller = thread::spawn(move || {
            theirs.write();
            theirs.notify.notify_waiters();
        });
        let listener = thread::spawn(move || {
            let mut notified = Box::pin(mine.notify.notified());
            if is_ready(&mut notified) { Some(mine.read()) } else { None }
        });
        caller.join().unwrap();
        listener.join().unwrap()
    });
    assert_eq!(seen, [None, Some(7)].into());
}

/// One notification, one listener that comes at the same time: kept, or heard.
#[test]
fn a_notification_is_heard_or_kept() {
    let seen = outcomes(|| {
        let notify = Arc::new(Notify::new());
        let (theirs, mine) = (notify.clone(), notify.clone());
        let notifier = thread::spawn(move || theirs.notify_one());
        let listener = thread::spawn(move || {
            let mut notified = listen(&mine);
            is_ready(&mut notified) || is_ready(&mut notified)
        });
        notifier.join().unwrap();
        let heard = listener.join().unwrap();
        (heard, is_ready(&mut listen(&notify)))
    });
    assert_eq!(seen, [(true, false), (false, true)].into());
}

/// Of two in line the first ends while one is notified: the second is, or (if that
/// ended too) the permit is kept.
#[test]
fn a_notification_for_one_who_ends_reaches_the_next_or_is_kept() {
    let seen = outcomes(|| {
        let notify = Arc::new(Notify::new());
        let (mut first, mut second) = (listen(&notify), listen(&notify));
        assert!(!is_ready(&mut first) && !is_ready(&mut second));
        let theirs = notify.clone();
        let notifier = thread::spawn(move || theirs.notify_one());
        let quitter = thread::spawn(move || drop(first));
        let other = thread::spawn(move || is_ready(&mut second));
        notifier.join().unwrap();
        quitter.join().unwrap();
        let heard = other.join().unwrap();
        (heard, is_ready(&mut listen(&notify)))
    });
    assert_eq!(seen, [(true, false), (false, true)].into());
}

/// `notify_one` against `notify_waiters`, with one in line and one made but not
/// polled. What a counter would say: the broadcast reaches all that were there, and
/// the single notification reaches one of those, or is kept, if the broadcast came
/// first, for a newcomer.
#[test]
fn one_and_all_do_not_eat_each_other() {
    let seen = outcomes(|| {
        let notify = Arc::new(Notify::new());
        let (mut in_line, mut made) = (listen(&notify), listen(&notify));
        assert!(!is_ready(&mut in_line));
        let (one, all) = (notify.clone(), notify.clone());
        let single = thread::spawn(move || one.notify_one());
        let broadcast = thread::spawn(move || all.notify_waiters());
        single.join().unwrap();
        broadcast.join().unwrap();
        (is_ready(&mut in_line), is_ready(&mut made), is_ready(&mut listen(&notify)))
    });
    // First line: one, then all. Second: all, then one.
    assert_eq!(seen, [(true, true, false), (true, true, true)].into());
}

/// One broadcast is heard once by one who listens again at once.
#[test]
fn a_broadcast_is_heard_once() {
    let seen = outcomes(|| {
        let notify = Arc::new(Notify::new());
        let mut first = listen(&notify);
        assert!(!is_ready(&mut first));
        let (theirs, mine) = (notify.clone(), notify);
        let caller = thread::spawn(move || theirs.notify_waiters());
        let listener = thread::spawn(move || {
            if !is_ready(&mut first) {
                return (false, false);
            }
            let mut again = listen(&mine);
            (true, is_ready(&mut again) || is_ready(&mut again))
        });
        caller.join().unwrap();
        listener.join().unwrap()
    });
    assert_eq!(seen, [(false, false), (true, false)].into());
}

/// Two notifications, two blocking listeners: both return.
#[test]
fn as_many_listeners_as_notifications_return() {
    let seen = outcomes(|| {
        let notify = Arc::new(Notify::new());
        let mut early = listen(&notify);
        assert!(!is_ready(&mut early));
        let (theirs, mine) = (notify.clone(), notify.clone());
        let notifier = thread::spawn(move || {
            theirs.notify_last();
            theirs.notify_one();
        });
        let listener = thread::spawn(move || mine.notified().wait_blocking());
        notifier.join().unwrap();
        listener.join().unwrap();
        (is_ready(&mut early), is_ready(&mut listen(&notify)))
    });
    assert_eq!(seen, [(true, false)].into());
}
