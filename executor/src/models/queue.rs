//! Models [`crate::queue`] and [`crate::injector`].
//!
//! The tasks are no tasks: queues only carry them. A plain cell is written before
//! one is queued and read when it was taken.

use super::{memory::Memory, outcomes};
use crate::{
    idle::Idle,
    injector::Injector,
    queue::Slot,
    task::{Task, header::Header},
};
use std::{ptr, sync::Arc};
use sync::shim::thread;

/// A pointer that nobody follows.
fn task(number: usize) -> Task {
    let header: *mut Header = ptr::without_provenance_mut(number * align_of::<Header>());
    // SAFETY: a task that is never run is not looked into.
    unsafe { Task::from_raw(header) }.expect("numbers begin at one")
}

fn number(task: Task) -> usize {
    task.into_raw().addr() / align_of::<Header>()
}

/// Q1: a thief that takes the task sees what was written before.
#[test]
fn edge_q1() {
    let seen = outcomes(|| {
        let (slot, memory) = (Arc::new(Slot::new()), Memory::new());
        let owner = {
            let (slot, memory) = (slot.clone(), memory.clone());
            thread::spawn(move || {
                memory.write(7);
                assert!(slot.put(task(1)).is_none());
                slot.take().is_some()
            })
        };
        let thief = thread::spawn(move || slot.take().map(|_| memory.read()));
        (owner.join().unwrap(), thief.join().unwrap())
    });
    assert_eq!(seen, [(true, None), (false, Some(7))].into());
}

/// Q1 of a newcomer, which displaces by a swap.
#[test]
fn edge_q1_of_a_newcomer() {
    let seen = outcomes(|| {
        let (slot, memory) = (Arc::new(Slot::new()), Memory::new());
        assert!(slot.put(task(1)).is_none());
        let owner = {
            let (slot, memory) = (slot.clone(), memory.clone());
            thread::spawn(move || {
                memory.write(7);
                slot.put(task(2)).is_some()
            })
        };
        let thief = thread::spawn(move || {
            let stolen = slot.take().map(number);
            (stolen, stolen.filter(|it| *it == 2).map(|_| memory.read()))
        });
        (owner.join().unwrap(), thief.join().unwrap())
    });
    // The one that lay there, before the owner displaces it; or the newcomer.
    assert_eq!(seen, [(false, (Some(1), None)), (true, (Some(2), Some(7)))].into());
}

/// A slot that a thief emptied, late or twice, is filled by a store: nothing is lost,
/// and nothing is there twice.
#[test]
fn a_slot_that_was_emptied_is_filled_again() {
    let seen = outcomes(|| {
        let slot = Arc::new(Slot::new());
        let theirs = slot.clone();
        let owner = thread::spawn(move || {
            let mut all: Vec<_> = (1..=2).filter_map(|n| theirs.put(task(n))).collect();
            all.extend(theirs.take());
            all.extend(theirs.put(task(3)));
            all.into_iter().map(number).collect::<Vec<_>>()
        });
        let thief = {
            let slot = slot.clone();
            thread::spawn(move || {
                [slot.take(), slot.take()].into_iter().flatten().map(number).collect::<Vec<_>>()
            })
        };
        let (mut all, stolen) = (owner.join().unwrap(), thief.join().unwrap());
        let count = stolen.len();
        all.extend(stolen);
        all.extend(slot.take().map(number));
        all.sort_unstable();
        (all, count)
    });
    assert_eq!(seen, [0, 1, 2].map(|stolen| (vec![1, 2, 3], stolen)).into());
}

/// What a newcomer displaces goes to one of owner and thief.
#[test]
fn a_displaced_task_is_not_lost() {
    let seen = outcomes(|| {
        let slot = Arc::new(Slot::new());
        let theirs = slot.clone();
        let owner = thread::spawn(move || {
            let none = theirs.put(task(1)).map_or(0, number);
            let displaced = theirs.put(task(2)).map_or(0, number);
            (none, displaced, theirs.take().map_or(0, number))
        });
        let thief = thread::spawn(move || slot.take().map_or(0, number));
        (owner.join().unwrap(), thief.join().unwrap())
    });
    assert_eq!(seen, [((0, 1, 2), 0), ((0, 0, 2), 1), ((0, 1, 0), 2)].into());
}

/// A task is queued and taken, queued and forgotten, or refused.
#[test]
fn a_closed_injector_forgets_what_it_does_not_refuse() {
    let seen = outcomes(|| {
        let injector = Arc::new(Injector::new(1));
        let (taker, closer) = (injector.clone(), injector.clone());
        let pusher = injector.clone();
        let pusher = thread::spawn(move || pusher.push(task(1)));
        let taker = thread::spawn(move || taker.take_batch(0, 1, 4, |_| unreachable!()).is_some());
        let closer = thread::spawn(move || closer.close());
        closer.join().unwrap();
        let ends = (pusher.join().unwrap(), taker.join().unwrap());
        assert!(injector.is_empty());
        ends
    });
    assert_eq!(seen, [(true, true), (true, false), (false, false)].into());
}

/// Two takers share what there is.
#[test]
fn a_batch_is_taken_once() {
    let seen = outcomes(|| {
        let injector = Arc::new(Injector::new(1));
        for n in 1..=3 {
            assert!(injector.push(task(n)));
        }
        let takers: Vec<_> = (0..2)
            .map(|_| {
                let injector = injector.clone();
                thread::spawn(move || {
                    let mut all = vec![];
                    let first = injector.take_batch(0, 2, 4, |it| all.push(number(it)));
                    all.extend(first.map(number));
                    all
                })
            })
            .collect();
        let mut all: Vec<_> = takers.into_iter().flat_map(|it| it.join().unwrap()).collect();
        all.sort_unstable();
        all
    });
    assert_eq!(seen, [vec![1, 2, 3]].into());
}

/// A thief moves the task of an owner who goes on at that moment, and runs out of
/// work: the owner runs it, or sees it before it sleeps, or is woken for it.
#[test]
fn a_task_that_is_rescued_from_a_slot_is_found() {
    let seen = outcomes(|| {
        let (slot, injector) = (Arc::new(Slot::new()), Arc::new(Injector::new(1)));
        let idle = Arc::new(Idle::new(1));
        assert!(slot.put(task(1)).is_none());
        let owner = {
            let (slot, injector, idle) = (slot.clone(), injector.clone(), idle.clone());
            thread::spawn(move || {
                if slot.take().is_some() {
                    return "run";
                }
                let _ = idle.fall_asleep(0, false);
                if injector.is_empty() { "asleep" } else { "seen" }
            })
        };
        let thief = thread::spawn(move || {
            let stolen = slot.take().is_some_and(|task| injector.push(task));
            stolen && idle.work_pushed().is_some()
        });
        (owner.join().unwrap(), thief.join().unwrap())
    });
    // Asleep for good and not woken would be a lost task.
    let expected = [("run", false), ("seen", false), ("seen", true), ("asleep", true)];
    assert_eq!(seen, expected.into());
}

/// Threads queue in a shard each while the only worker falls asleep: whoever sees nothing
/// is woken by one of them. Says whether the worker saw nothing, and whether it was woken.
fn falls_asleep_beside_pushes_to(shards: &[usize]) -> (bool, bool) {
    let (injector, idle) = (Arc::new(Injector::with_shards(2)), Arc::new(Idle::new(1)));
    let worker = {
        let (injector, idle) = (injector.clone(), idle.clone());
        thread::spawn(move || {
            let _ = idle.fall_asleep(0, false);
            injector.is_empty()
        })
    };
    let pushers: Vec<_> = shards
        .iter()
        .map(|&shard| {
            let (injector, idle) = (injector.clone(), idle.clone());
            thread::spawn(move || {
                injector.push_in(shard, task(shard + 1)) && idle.work_pushed().is_some()
            })
        })
        .collect();
    let wakes = pushers.into_iter().map(|it| it.join().unwrap()).filter(|it| *it).count();
    (worker.join().unwrap(), wakes > 0)
}

/// D1, with more than one length to look at. Each shard alone, too: with both, whoever
/// pushes to the one hides that the other was overlooked.
#[test]
fn no_shard_is_overlooked_before_sleep() {
    for shards in [&[0][..], &[1], &[0, 1]] {
        let seen = outcomes(move || falls_asleep_beside_pushes_to(shards));
        // Asleep for good, and nobody woke it, would be lost tasks.
        assert_eq!(seen, [(false, false), (false, true), (true, true)].into(), "{shards:?}");
    }
}
