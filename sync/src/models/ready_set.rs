//! Models [`crate::ready_set`].

use super::outcomes;
use crate::{
    parker::Parker,
    ready_set::{ReadySet, ReadySlab, Slot},
    shim::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        thread,
    },
};
use std::task::{Wake, Waker};

/// The parent of the models: a thread that sleeps until woken.
struct Sleeper(Parker);

impl Wake for Sleeper {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.unpark();
    }
}

fn slots<const N: usize>() -> [Slot; N] {
    std::array::from_fn(|_| Slot::default())
}

/// A set whose children have been polled once, and a waker of each.
fn polled_once<const N: usize>() -> (ReadySet<[Slot; N]>, [Waker; N]) {
    let mut set = ReadySet::new(slots::<N>(), Waker::noop());
    while set.pop().is_some() {}
    let wakers = std::array::from_fn(|index| set.poll_child(index, |cx| cx.waker().clone()));
    (set, wakers)
}

/// Polls with a new waker each time until `is_done` has seen enough.
fn poll_until<const N: usize>(
    set: &mut ReadySet<[Slot; N]>,
    mut is_done: impl FnMut(usize) -> bool,
) {
    loop {
        let sleeper = std::sync::Arc::new(Sleeper(Parker::new()));
        set.register(&Waker::from(sleeper.clone()));
        set.refill();
        let mut done = false;
        while let Some(index) = set.pop() {
            done |= is_done(index);
        }
        if done {
            return;
        }
        sleeper.0.park();
    }
}

/// G1: a wake of a child that is queued already publishes, too. Losing it is a
/// deadlock.
#[test]
fn edge_g1() {
    let seen = outcomes(|| {
        let (mut set, [one]) = polled_once();
        let (two, written) = (one.clone(), Arc::new(AtomicBool::new(false)));
        let flag = written.clone();
        let first = thread::spawn(move || one.wake());
        let second = thread::spawn(move || {
            flag.store(true, Relaxed);
            two.wake();
        });
        let poller = thread::spawn(move || {
            let mut polls = 0;
            poll_until(&mut set, |_| {
                polls += 1;
                written.load(Relaxed)
            });
            polls
        });
        first.join().unwrap();
        second.join().unwrap();
        poller.join().unwrap()
    });
    assert_eq!(seen, [1, 2].into());
}

/// G2: who takes the list may follow it. loom watches the cells of `next`.
#[test]
fn edge_g2() {
    let seen = outcomes(|| {
        let (mut set, [one, two]) = polled_once();
        let first = thread::spawn(move || one.wake());
        let second = thread::spawn(move || two.wake());
        let poller = thread::spawn(move || {
            let mut order = vec![];
            poll_until(&mut set, |index| {
                order.push(index);
                order.len() == 2
            });
            order
        });
        first.join().unwrap();
        second.join().unwrap();
        poller.join().unwrap()
    });
    assert_eq!(seen, [vec![0, 1], vec![1, 0]].into());
}

/// G3: a wake writes `next` only after the poller has read it. loom watches the
/// cell.
#[test]
fn edge_g3() {
    let seen = outcomes(|| {
        let (mut set, [one, two]) = polled_once();
        let waker = thread::spawn(move || {
            one.wake_by_ref();
            two.wake();
            one.wake();
        });
        let poller = thread::spawn(move || {
            let mut polls = [0, 0];
            poll_until(&mut set, |index| {
                polls[index] += 1;
                polls[1] == 1
            });
            polls[0]
        });
        waker.join().unwrap();
        poller.join().unwrap()
    });
    // The second wake of child 0 may come before, or after, its first poll.
    assert_eq!(seen, [1, 2].into());
}

/// Wakers go on after their set: nothing leaks, nothing is touched too late.
#[test]
fn a_waker_outlives_its_set() {
    let seen = outcomes(|| {
        let (mut set, [one, two]) = polled_once();
        let first = thread::spawn(move || one.wake());
        let second = thread::spawn(move || {
            two.wake_by_ref();
            drop(two.clone());
        });
        let poller = thread::spawn(move || {
            let parent = std::sync::Arc::new(Sleeper(Parker::new()));
            set.register(&Waker::from(parent.clone()));
            let any = set.refill();
            drop(set);
            any
        });
        first.join().unwrap();
        second.join().unwrap();
        poller.join().unwrap()
    });
    assert_eq!(seen, [false, true].into());
}

/// A child that is done while its waker is called is polled no more than once
/// again, and the parent hears of it.
#[test]
fn retiring_races_a_wake() {
    let seen = outcomes(|| {
        let mut set = ReadySet::new(slots::<1>(), Waker::noop());
        let child = set.poll_child(0, |cx| cx.waker().clone());
        let waker = thread::spawn(move || child.wake());
        let poller = thread::spawn(move || {
            assert_eq!(set.pop(), Some(0));
            set.retire(0);
            let again = set.refill();
            while set.pop().is_some() {}
            again
        });
        waker.join().unwrap();
        poller.join().unwrap()
    });
    assert_eq!(seen, [false, true].into());
}

/// A slot gets a new child while a waker of the one before is called: the wake comes
/// before the child's first poll, or leads to another one. Losing it is a deadlock;
/// loom watches the cells of `next`, which poller and waker both write.
#[test]
fn a_slot_is_used_again() {
    let seen = outcomes(|| {
        let (mut set, [late]) = polled_once();
        let written = Arc::new(AtomicBool::new(false));
        let flag = written.clone();
        let waker = thread::spawn(move || {
            flag.store(true, Relaxed);
            late.wake();
        });
        let poller = thread::spawn(move || {
            set.requeue(0);
            let mut polls = 0;
            poll_until(&mut set, |_| {
                polls += 1;
                written.load(Relaxed)
            });
            polls
        });
        waker.join().unwrap();
        poller.join().unwrap()
    });
    assert_eq!(seen, [1, 2].into());
}

/// Children that were added while wakers of others were out are woken like those: a
/// wake that is lost here is a deadlock.
#[test]
fn a_slab_grows_while_wakers_are_out() {
    let seen = outcomes(|| {
        let mut slab = ReadySlab::new();
        let one = slab.insert_idle(1);
        let first = slab.poll_child(one, |_, cx| cx.waker().clone());
        let first = thread::spawn(move || first.wake());
        let poller = thread::spawn(move || {
            let two = slab.insert_idle(2);
            let second = slab.poll_child(two, |_, cx| cx.waker().clone());
            let second = thread::spawn(move || second.wake());
            let mut order = vec![];
            while order.len() < 2 {
                let sleeper = std::sync::Arc::new(Sleeper(Parker::new()));
                slab.register(&Waker::from(sleeper.clone()));
                slab.refill();
                let before = order.len();
                order.extend(std::iter::from_fn(|| slab.remove_front()));
                if order.len() == before {
                    sleeper.0.park();
                }
            }
            second.join().unwrap();
            order
        });
        first.join().unwrap();
        poller.join().unwrap()
    });
    assert_eq!(seen, [vec![1, 2], vec![2, 1]].into());
}

/// A child is taken out while it is woken: its slot is free at once, or when it is
/// popped, and the next child in it can be woken.
#[test]
fn removing_races_a_wake() {
    let seen = outcomes(|| {
        let mut slab = ReadySlab::new();
        let old = slab.insert_idle("old");
        let late = slab.poll_child(old, |_, cx| cx.waker().clone());
        let waker = thread::spawn(move || late.wake());
        let poller = thread::spawn(move || {
            assert_eq!(slab.remove(old), Some("old"));
            let new = slab.insert("new");
            slab.refill();
            let polls = std::iter::from_fn(|| slab.pop()).count();
            assert_eq!(slab.remove(new), Some("new"));
            (new == old, polls)
        });
        waker.join().unwrap();
        poller.join().unwrap()
    });
    // Woken before it was removed, the slot was on the list; late, on a free slot or
    // on one in the batch, it does nothing.
    assert_eq!(seen, [(false, 1), (true, 1)].into());
}
