//! Tests of [`ReadySet`](super::ReadySet) with wakers called by hand.

use super::*;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    task::Wake,
};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn slots<const N: usize>() -> [Slot; N] {
    std::array::from_fn(|_| Slot::default())
}

fn drain<S: Slots>(set: &mut ReadySet<S>) -> Vec<usize> {
    std::iter::from_fn(|| set.pop()).collect()
}

fn waker<S: Slots>(set: &ReadySet<S>, index: usize) -> Waker {
    set.poll_child(index, |cx| cx.waker().clone())
}

#[test]
fn children_start_in_order_and_come_back_in_the_order_of_their_wakes() {
    let mut set = ReadySet::new(slots::<4>(), Waker::noop());
    assert_eq!(drain(&mut set), [0, 1, 2, 3]);
    for index in [2, 0, 2, 3] {
        waker(&set, index).wake();
    }
    assert!(set.refill());
    assert_eq!(drain(&mut set), [2, 0, 3]);
    assert!(!set.refill());
}

#[test]
fn many_wakes_wake_the_parent_once() {
    let count = Arc::new(Count::default());
    let parent = Waker::from(count.clone());
    let mut set = ReadySet::new(slots::<3>(), Waker::noop());
    drain(&mut set);
    for round in 1..=3 {
        set.register(&parent);
        assert!(set.refill() == (round > 1));
        drain(&mut set);
        (0..3).for_each(|index| waker(&set, index).wake());
        assert_eq!(count.0.load(SeqCst), round);
    }
}

#[test]
fn the_last_parent_wins_and_none_is_kept() {
    let (old, new) = (Arc::new(Count::default()), Arc::new(Count::default()));
    let mut set = ReadySet::new(slots::<1>(), Waker::noop());
    drain(&mut set);
    set.register(&Waker::from(old.clone()));
    set.register(&Waker::from(new.clone()));
    let child = waker(&set, 0);
    child.wake_by_ref();
    assert_eq!((old.0.load(SeqCst), new.0.load(SeqCst)), (0, 1));

    set.register(&Waker::from(new.clone()));
    drop(set);
    assert_eq!(Arc::strong_count(&new), 1, "a child's waker keeps no parent alive");
    child.wake();
}

#[test]
fn a_retired_child_wakes_nobody() {
    let count = Arc::new(Count::default());
    let mut set = ReadySet::new(slots::<2>(), Waker::noop());
    set.register(&Waker::from(count.clone()));
    let child = waker(&set, 0);
    assert_eq!(set.pop(), Some(0));
    set.retire(0);
    child.wake();
    assert_eq!(count.0.load(SeqCst), 0);
    assert_eq!(drain(&mut set), [1]);
    assert!(!set.refill());
}

#[test]
fn a_parent_that_panics_leaves_the_set_whole() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a hostile waker");
        }
    }
    let mut set = ReadySet::new(slots::<1>(), Waker::noop());
    drain(&mut set);
    set.register(&Waker::from(Arc::new(Panics)));
    let child = waker(&set, 0);
    assert!(catch_unwind(AssertUnwindSafe(|| child.wake())).is_err());
    assert!(set.refill());
    assert_eq!(drain(&mut set), [0]);
    assert_eq!(Arc::strong_count(&set.list), 1, "the wake gave its reference back");
}

#[test]
fn an_empty_set_is_empty() {
    let mut set = ReadySet::new(Box::<[Slot]>::default(), Waker::noop());
    assert!(!set.refill());
    assert_eq!(set.pop(), None);
}
