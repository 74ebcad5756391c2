//! What both queues promise, said once and run for each.

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use std::{
    collections::VecDeque,
    sync::{
        Barrier, Mutex,
        mpsc::{Receiver, channel},
    },
};
use sync::shim::thread;

/// A step of a random run over two queues, the victim and the thief.
#[derive(Clone, Copy, Debug)]
enum Step {
    Push,
    Pop,
    PopThief,
    Steal(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let limit = prop_oneof![0..6_usize, Just(usize::MAX)];
    prop_oneof![
        4 => Just(Step::Push),
        1 => Just(Step::Pop),
        1 => Just(Step::PopThief),
        1 => limit.prop_map(Step::Steal),
    ]
}

/// How many values each stress run moves.
const VALUES: usize = 40_000;

/// Every value left its queue exactly once.
fn assert_exactly_once(mut taken: Vec<usize>) {
    taken.sort_unstable();
    assert!(taken.iter().copied().eq(0..VALUES), "{} taken of {VALUES}", taken.len());
}

macro_rules! contract {
    ($name:ident) => {
        mod $name {
            use super::*;
            use crate::deque::$name::{Stealer, Worker};
            use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};

            #[test]
            fn what_is_oldest_comes_first() {
                let worker = Worker::new_fifo();
                assert_eq!((worker.pop(), worker.is_empty()), (None::<u32>, true));
                for it in 0..100 {
                    worker.push(it);
                }
                assert_eq!((worker.len(), worker.stealer().len()), (100, 100));
                assert!((0..100).all(|it| worker.pop() == Some(it)));
                assert!(worker.is_empty() && worker.stealer().is_empty());
            }

            #[test]
            fn a_thief_takes_half_and_no_more_than_the_limit() {
                let (victim, thief) = (Worker::new_fifo(), Worker::new_fifo());
                let stealer = victim.stealer();
                assert_eq!(stealer.steal_batch_and_pop(&thief, 8), None);
                for it in 0..9 {
                    victim.push(it);
                }
                assert_eq!(stealer.steal_batch_and_pop(&thief, 0), None);
                assert_eq!(stealer.steal_batch_and_pop(&thief, 1), Some(0));
                assert_eq!((victim.len(), thief.len()), (8, 0));
                assert_eq!(stealer.steal_batch_and_pop(&thief, 3), Some(1));
                assert_eq!((victim.len(), thief.len()), (5, 2));
                assert_eq!(stealer.clone().steal_batch_and_pop(&thief, 99), Some(4));
                assert_eq!((victim.len(), thief.len()), (2, 4));
                let rest: Vec<_> = std::iter::from_fn(|| thief.pop()).collect();
                assert_eq!(rest, [2, 3, 5, 6]);
            }

            #[test]
            fn the_last_value_can_be_stolen() {
                let (victim, thief) = (Worker::new_fifo(), Worker::new_fifo());
                victim.push(7);
                assert_eq!(victim.stealer().steal_batch_and_pop(&thief, 32), Some(7));
                assert!(victim.is_empty() && thief.is_empty());
            }

            #[test]
            fn stealing_from_oneself_is_a_pop() {
                let worker = Worker::new_fifo();
                (0..4).for_each(|it| worker.push(it));
                assert_eq!(worker.stealer().steal_batch_and_pop(&worker, 4), Some(0));
                assert_eq!(worker.len(), 3);
            }

            #[test]
            fn what_is_left_is_dropped_once() {
                let value = std::sync::Arc::new(());
                let (victim, thief) = (Worker::new_fifo(), Worker::new_fifo());
                (0..100).for_each(|_| victim.push(value.clone()));
                let stealer = victim.stealer();
                drop(stealer.steal_batch_and_pop(&thief, 20));
                drop((victim, thief));
                drop(stealer);
                assert_eq!(std::sync::Arc::strong_count(&value), 1);
            }

            proptest! {
                #[test]
                fn it_does_what_two_plain_queues_do(steps in proptest::collection::vec(step(), 0..200)) {
                    let (victim, thief) = (Worker::new_fifo(), Worker::new_fifo());
                    let (mut left, mut right) = (VecDeque::new(), VecDeque::new());
                    let stealer = victim.stealer();
                    for (number, step) in steps.into_iter().enumerate() {
                        match step {
                            Step::Push => {
                                victim.push(number);
                                left.push_back(number);
                            }
                            Step::Pop => prop_assert_eq!(victim.pop(), left.pop_front()),
                            Step::PopThief => prop_assert_eq!(thief.pop(), right.pop_front()),
                            Step::Steal(limit) => {
                                let mut batch = left.drain(..left.len().div_ceil(2).min(limit));
                                let first = batch.next();
                                right.extend(batch);
                                prop_assert_eq!(stealer.steal_batch_and_pop(&thief, limit), first);
                            }
                        }
                        prop_assert_eq!((victim.len(), thief.len()), (left.len(), right.len()));
                        prop_assert_eq!(stealer.is_empty(), left.is_empty());
                    }
                }

            }

            proptest! {
                #![proptest_config(ProptestConfig::with_cases(32))]
                #[test]
                fn every_value_is_taken_exactly_once(
                    bursts in proptest::collection::vec((1..200_usize, any::<bool>()), 1..8),
                    limit in 1..64_usize,
                ) {
                    ledger(&bursts, limit);
                }
            }

            /// An owner, who pushes in bursts and pops now and then, against thieves
            /// who also rob one another.
            fn ledger(bursts: &[(usize, bool)], limit: usize) {
                let owner = Worker::new_fifo();
                let thieves = [(); 2].map(|()| Worker::new_fifo());
                let victims: Vec<Stealer<usize>> =
                    [owner.stealer()].into_iter().chain(thieves.iter().map(Worker::stealer)).collect();
                let (finished, start) = (Mutex::new(0_usize), Barrier::new(3));
                let taken = thread::scope(|scope| {
                    let (victims, finished, start) = (&victims, &finished, &start);
                    let handles = thieves.map(|mine| {
                        scope.spawn(move || {
                            start.wait();
                            steal_all(&mine, victims, limit, finished)
                        })
                    });
                    start.wait();
                    let mut taken = push_all(&owner, bursts);
                    taken.extend(std::iter::from_fn(|| owner.pop()));
                    *finished.lock().unwrap() += taken.len();
                    for handle in handles {
                        taken.extend(handle.join().unwrap());
                    }
                    taken
                });
                assert_exactly_once(taken);
            }

            fn push_all(owner: &Worker<usize>, bursts: &[(usize, bool)]) -> Vec<usize> {
                let mut taken = Vec::new();
                let (mut values, mut bursts) = (0..VALUES, bursts.iter().cycle());
                while !values.is_empty() {
                    let &(length, pops) = bursts.next().expect("bursts repeat");
                    values.by_ref().take(length).for_each(|it| owner.push(it));
                    if pops {
                        taken.extend((0..length / 2).map_while(|_| owner.pop()));
                    }
                }
                taken
            }

            /// Steals until all values are accounted for.
            fn steal_all(
                mine: &Worker<usize>,
                victims: &[Stealer<usize>],
                limit: usize,
                finished: &Mutex<usize>,
            ) -> Vec<usize> {
                let mut taken = Vec::new();
                while *finished.lock().unwrap() < VALUES {
                    let before = taken.len();
                    for victim in victims {
                        taken.extend(victim.steal_batch_and_pop(mine, limit));
                    }
                    taken.extend(mine.pop());
                    *finished.lock().unwrap() += taken.len() - before;
                    if taken.len() == before {
                        thread::yield_now();
                    }
                }
                taken
            }

            #[test]
            fn a_worker_may_move_between_threads() {
                let (sender, receiver) = channel();
                let worker = Worker::new_fifo();
                worker.push(1);
                sender.send(worker).unwrap();
                let end = move |receiver: Receiver<Worker<i32>>| receiver.recv().unwrap().pop();
                assert_eq!(thread::spawn(move || end(receiver)).join().unwrap(), Some(1));
            }
        }
    };
}

contract!(crossbeam);
contract!(modelled);
