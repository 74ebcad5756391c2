//! Models [`crate::atomic_waker`].

use super::outcomes;
use crate::{
    atomic_waker::AtomicWaker,
    hostile::panicking_clone,
    shim::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        cell::UnsafeCell,
        thread,
    },
};
use std::{
    sync::{Arc as StdArc, atomic::AtomicUsize},
    task::{Wake, Waker},
};

/// Counts wakes. Not a loom atomic: what is counted crosses no edge.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: StdArc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

impl Count {
    fn waker(self: &StdArc<Self>) -> Waker {
        self.clone().into()
    }

    fn wakes(&self) -> usize {
        self.0.load(Relaxed)
    }
}

/// A1: the one who wakes calls a waker that was registered on another thread.
///
/// The slot itself is the cell that loom watches.
#[test]
fn edge_a1() {
    let seen = outcomes(|| {
        let slot = Arc::new(AtomicWaker::new());
        let count = StdArc::new(Count::default());
        let (mine, theirs, waker) = (slot.clone(), slot, count.waker());
        let registering = thread::spawn(move || mine.register(&waker));
        let waking = thread::spawn(move || theirs.wake());
        registering.join().unwrap();
        waking.join().unwrap();
        count.wakes()
    });
    assert_eq!(seen, [0, 1].into());
}

/// A2: the slot can be filled again after it was emptied on another thread.
#[test]
fn edge_a2() {
    let seen = outcomes(|| {
        let slot = Arc::new(AtomicWaker::new());
        let count = StdArc::new(Count::default());
        slot.register(&count.waker());
        let (mine, theirs, waker) = (slot.clone(), slot.clone(), count.waker());
        let waking = thread::spawn(move || theirs.wake());
        let registering = thread::spawn(move || {
            mine.register(&waker);
            mine.register(&waker);
        });
        waking.join().unwrap();
        registering.join().unwrap();
        (count.wakes(), slot.take().is_some())
    });
    // Woken by the waker in the slot, and once more by each registration that
    // met it being taken.
    assert_eq!(seen, [(1, false), (1, true), (2, false), (2, true), (3, false)].into());
}

/// A3: who registers and then looks sees what was written, or is woken.
#[test]
fn edge_a3() {
    let seen = outcomes(|| {
        let shared = Arc::new((AtomicWaker::new(), AtomicBool::new(false)));
        let count = StdArc::new(Count::default());
        let (mine, theirs, waker) = (shared.clone(), shared, count.waker());
        let waiting = thread::spawn(move || {
            mine.0.register(&waker);
            mine.1.load(Relaxed)
        });
        let waking = thread::spawn(move || {
            theirs.1.store(true, Relaxed);
            theirs.0.wake();
        });
        waking.join().unwrap();
        (waiting.join().unwrap(), count.wakes())
    });
    assert_eq!(seen, [(false, 1), (true, 0), (true, 1)].into());
}

/// A3: a wake-up sees what was written before it, whichever side makes the call.
#[test]
fn edge_a3_of_the_woken() {
    /// Reads, when woken, what the one who wakes has written.
    struct Reader(Arc<UnsafeCell<u32>>, StdArc<Count>);
    // SAFETY: loom itself fails the model if the cell races.
    unsafe impl Send for Reader {}
    // SAFETY: as above.
    unsafe impl Sync for Reader {}
    impl Wake for Reader {
        fn wake(self: StdArc<Self>) {
            // SAFETY: loom itself fails the model if this races.
            self.0.with(|cell| assert_eq!(unsafe { *cell }, 7));
            self.1.clone().wake();
        }
    }
    let seen = outcomes(|| {
        let shared = Arc::new((AtomicWaker::new(), Arc::new(UnsafeCell::new(0))));
        let count = StdArc::new(Count::default());
        let waker = Waker::from(StdArc::new(Reader(shared.1.clone(), count.clone())));
        let (mine, theirs) = (shared.clone(), shared);
        let waiting = thread::spawn(move || mine.0.register(&waker));
        let waking = thread::spawn(move || {
            // SAFETY: loom itself fails the model if this races.
            theirs.1.with_mut(|cell| unsafe { *cell = 7 });
            theirs.0.wake();
        });
        waking.join().unwrap();
        waiting.join().unwrap();
        count.wakes()
    });
    assert_eq!(seen, [0, 1].into());
}

/// A3, with two who wake: both are heard.
#[test]
fn two_who_wake_are_both_heard() {
    let seen = outcomes(|| {
        let shared =
            Arc::new((AtomicWaker::new(), [AtomicBool::new(false), AtomicBool::new(false)]));
        let count = StdArc::new(Count::default());
        let waking = [0, 1].map(|index| {
            let theirs = shared.clone();
            thread::spawn(move || {
                theirs.1[index].store(true, Relaxed);
                theirs.0.wake();
            })
        });
        let (mine, waker) = (shared, count.waker());
        let waiting = thread::spawn(move || {
            mine.0.register(&waker);
            mine.1.iter().all(|it| it.load(Relaxed))
        });
        waking.into_iter().for_each(|it| it.join().unwrap());
        waiting.join().unwrap() || count.wakes() > 0
    });
    assert_eq!(seen, [true].into());
}

/// A task that moves: two register, one wakes, and the waiter who came last, or
/// both, hear of it.
#[test]
fn two_who_register_leave_nobody_waiting() {
    let seen = outcomes(|| {
        let shared = Arc::new((AtomicWaker::new(), AtomicBool::new(false)));
        let counts = [0, 1].map(|_| StdArc::new(Count::default()));
        let waiting = [0, 1].map(|index| {
            let (mine, waker) = (shared.clone(), counts[index].waker());
            thread::spawn(move || {
                mine.0.register(&waker);
                mine.1.load(Relaxed)
            })
        });
        let theirs = shared.clone();
        let waking = thread::spawn(move || {
            theirs.1.store(true, Relaxed);
            theirs.0.wake();
        });
        waking.join().unwrap();
        let saw = waiting.map(|it| it.join().unwrap());
        // Who was replaced is not woken: the last one, who replaced it, is.
        saw.contains(&true) || counts.iter().any(|it| it.wakes() > 0)
    });
    assert_eq!(seen, [true].into());
}

/// A waker of which the clone panics leaves the slot usable, and the wake-up
/// that came meanwhile goes to the waker which was there before.
#[test]
fn panicky_waker() {
    let seen = outcomes(|| {
        let slot = Arc::new(AtomicWaker::new());
        let count = StdArc::new(Count::default());
        slot.register(&count.waker());
        let (mine, theirs) = (slot.clone(), slot.clone());
        let registering = thread::spawn(move || {
            std::panic::catch_unwind(|| mine.register(&panicking_clone())).is_err()
        });
        let waking = thread::spawn(move || theirs.wake());
        waking.join().unwrap();
        // `false`: the slot was being woken, and nothing was cloned.
        let panicked = registering.join().unwrap();
        slot.wake();
        (panicked, count.wakes())
    });
    assert_eq!(seen, [(false, 1), (true, 1)].into());
}
