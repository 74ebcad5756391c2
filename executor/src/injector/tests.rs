use super::*;
use crate::task::header::Header;
use std::{collections::BTreeSet, ptr, thread};

/// A pointer that nobody follows.
fn task(number: usize) -> Task {
    let header: *mut Header = ptr::without_provenance_mut(number * align_of::<Header>());
    // SAFETY: a task that is never run is not looked into.
    unsafe { Task::from_raw(header) }.expect("numbers begin at one")
}

fn number(task: Task) -> usize {
    task.into_raw().addr() / align_of::<Header>()
}

/// What a look that begins with this shard moves.
fn batch(injector: &Injector, first: usize, workers: usize, limit: usize) -> Vec<usize> {
    let mut taken = vec![];
    injector.move_batch(first, workers, limit, |it| taken.push(number(it)));
    taken
}

#[test]
fn there_is_one_shard_for_four_workers_and_at_most_sixteen() {
    let shards = |workers| Injector::new(workers).shards.len();
    assert_eq!([1, 2, 4, 5, 8, 9, 64, 65, 1024].map(shards), [1, 1, 1, 2, 2, 4, 16, 16, 16]);
}

#[test]
fn what_one_thread_queues_stays_in_order() {
    let injector = Injector::with_shards(8);
    for n in 1..=100 {
        assert!(injector.push(task(n)));
    }
    assert_eq!(injector.len(), 100);
    let mut taken = vec![];
    for first in 0.. {
        let batch = batch(&injector, first, 64, 4);
        if batch.is_empty() {
            break;
        }
        taken.extend(batch);
    }
    assert_eq!(taken, (1..=100).collect::<Vec<_>>());
    assert!(injector.is_empty());
}

#[test]
fn a_batch_is_a_fair_share_within_the_limit() {
    let injector = Injector::with_shards(2);
    for n in 1..=30 {
        assert!(injector.push_in(1, task(n)));
    }
    // Four workers to a shard: a quarter and one.
    assert_eq!(batch(&injector, 1, 8, 32).len(), 8);
    assert_eq!(batch(&injector, 1, 8, 5).len(), 5);
    assert_eq!(injector.len(), 17);
}

/// The bound of the header, by count: nobody empties the shard in front for good.
#[test]
fn a_full_shard_does_not_starve_another() {
    let injector = Injector::with_shards(4);
    assert!(injector.push_in(3, task(1_000)));
    for look in 0..4 {
        for n in 1..=32 {
            assert!(injector.push_in(0, task(n)));
        }
        if batch(&injector, look, 16, 32).contains(&1_000) {
            return;
        }
    }
    panic!("four looks at four shards, and the task is still there");
}

#[test]
fn whoever_has_nothing_finds_what_lies_in_any_shard() {
    let injector = Injector::with_shards(4);
    for shard in 0..4 {
        assert!(injector.push_in(shard, task(shard + 1)));
    }
    let found: BTreeSet<_> =
        (0..4).map(|_| injector.take_batch(2, 16, 32, |_| unreachable!()).map(number)).collect();
    assert_eq!(found, (1..=4).map(Some).collect());
}

#[test]
fn threads_spread_over_the_shards() {
    let injector = Injector::with_shards(8);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..64).map(|_| scope.spawn(|| injector.own_shard() & 7)).collect();
        let shards: BTreeSet<_> = threads.into_iter().map(|it| it.join().unwrap()).collect();
        assert!(shards.len() > 2, "{shards:?}");
    });
}

#[test]
fn every_shard_is_closed() {
    let injector = Injector::with_shards(2);
    assert!(injector.push_in(0, task(1)));
    injector.close();
    assert!(!injector.push_in(0, task(2)) && !injector.push_in(1, task(3)));
    assert_eq!((injector.len(), batch(&injector, 0, 1, 9)), (0, vec![]));
}
