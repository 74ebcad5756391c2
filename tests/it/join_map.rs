//! Tasks with keys.

use crate::stage::{Witness, flavors, limited, panic_of, single};
use bowerbird::{
    runtime::Builder,
    spawn,
    sync::{Semaphore, oneshot},
    task::JoinMap,
    time::{Duration, sleep},
    yield_now,
};
use futures::{FutureExt, StreamExt};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::{Future, pending},
    hash::{BuildHasher, Hasher},
    rc::Rc,
};

fn virtually(test: impl Future<Output = ()>) {
    Builder::new_current_thread().paused_clock().build().unwrap().block_on(test);
}

#[test]
fn keys_come_back_with_their_results_in_the_order_of_completion() {
    virtually(async {
        let mut map = JoinMap::new();
        for round in 0..2 {
            for n in [3_u64, 1, 4, 2, 5] {
                map.spawn(format!("{round}.{n}"), async move {
                    sleep(Duration::from_secs(n)).await;
                    n
                });
            }
            assert_eq!(map.len(), 5);
            for n in 1..=5 {
                let (key, result) = map.join_next().await.unwrap();
                assert_eq!((key, result.unwrap()), (format!("{round}.{n}"), n));
            }
            assert!(map.is_empty() && map.join_next().await.is_none());
        }
    });
}

#[test]
fn tasks_may_be_added_while_others_are_joined() {
    limited(|| {
        for builder in flavors() {
            builder.build().unwrap().block_on(async {
                let mut map = JoinMap::new();
                map.spawn(1_000, async {});
                map.spawn(1_001, async {});
                for n in 0..1_000 {
                    map.join_next().await.unwrap().1.unwrap();
                    assert_eq!(map.len(), 1);
                    map.spawn(n, async {});
                    assert_eq!(map.len(), 2);
                }
            });
        }
    });
}

#[test]
fn dropping_a_map_aborts_its_tasks_and_detaching_does_not() {
    limited(|| {
        for builder in flavors() {
            builder.build().unwrap().block_on(async {
                let mut map = JoinMap::new();
                let witness = Witness::default();
                for n in 0..16 {
                    let token = witness.token();
                    map.spawn(n, async move {
                        let _token = token;
                        pending::<()>().await;
                    });
                }
                drop(map);
                while witness.count() < 16 {
                    yield_now().await;
                }

                let (sender, receiver) = oneshot::channel();
                let mut map = JoinMap::new();
                map.spawn((), async move {
                    yield_now().await;
                    sender.send(7).unwrap();
                });
                map.detach_all();
                assert!(map.is_empty() && !map.contains_key(&()));
                assert!(map.join_next().await.is_none());
                assert_eq!(receiver.await, Ok(7));
            });
        }
    });
}

#[test]
fn the_keys_are_those_of_the_tasks_that_were_not_joined() {
    limited(|| {
        single().block_on(async {
            let mut map = JoinMap::with_capacity(2);
            map.spawn("one", async {});
            map.spawn("two", async {});
            assert_eq!(map.keys().copied().collect::<BTreeSet<_>>(), ["one", "two"].into());
            let (key, result) = map.join_next().await.unwrap();
            result.unwrap();
            assert!(!map.contains_key(key) && map.keys().count() == 1);
            map.join_next().await.unwrap().1.unwrap();
            assert_eq!(map.keys().count(), 0);
        });
    });
}

#[test]
fn a_key_or_a_predicate_says_which_tasks_are_aborted() {
    virtually(async {
        for by_key in [true, false] {
            let mut map = JoinMap::new();
            for n in 0..16_u64 {
                map.spawn(n, sleep(Duration::from_secs(n)));
            }
            match by_key {
                true => assert!((1..16).step_by(2).all(|n| map.abort(&n))),
                false => map.abort_matching(|n| n % 2 != 0),
            }
            assert!(!map.abort(&16), "there is none");
            let mut count = 0;
            while let Some((key, result)) = map.join_next().await {
                assert_eq!(result.is_ok(), key % 2 == 0);
                assert!(!map.contains_key(&key));
                count += 1;
            }
            assert_eq!(count, 16);
        }
    });
}

#[test]
fn a_task_that_ended_keeps_its_output_when_all_are_aborted() {
    virtually(async {
        let mut map = JoinMap::new();
        for n in 0..5 {
            map.spawn(n, pending());
            map.spawn(n + 5, sleep(Duration::from_secs(1)));
        }
        sleep(Duration::from_secs(2)).await;
        map.abort_all();
        assert_eq!(map.len(), 10);
        while let Some((key, result)) = map.join_next().await {
            assert_eq!(result.is_ok(), key >= 5);
        }
        map.spawn(1, pending());
        map.shutdown().await;
        assert!(map.is_empty() && map.keys().count() == 0);
    });
}

#[test]
fn tasks_of_a_runtime_that_is_gone_are_cancelled() {
    limited(|| {
        let mut map = JoinMap::new();
        {
            let runtime = single();
            map.spawn_on("key", async { 1 }, runtime.handle());
        }
        let (key, result) = single().block_on(map.join_next()).unwrap();
        assert!(key == "key" && result.unwrap_err().is_cancelled());
    });
}

#[test]
fn joining_spends_the_budget() {
    static SEMAPHORE: Semaphore = Semaphore::new(0);
    limited(|| {
        single().block_on(async {
            let mut map = JoinMap::new();
            for n in 0..1_000 {
                map.spawn(n, async move {
                    SEMAPHORE.add_permits(1).unwrap();
                    n
                });
            }
            SEMAPHORE.acquire_many(1_000).await.unwrap().forget();
            let (mut count, mut pauses) = (0, 0);
            loop {
                match map.join_next().now_or_never() {
                    Some(Some((key, result))) => assert_eq!(result.unwrap(), key),
                    Some(None) => break,
                    None => {
                        pauses += 1;
                        yield_now().await;
                        continue;
                    }
                }
                count += 1;
            }
            assert!(count == 1_000 && pauses >= 1, "{count}, {pauses}");
        });
    });
}

#[test]
fn a_task_under_a_key_that_is_there_replaces_the_one_before() {
    limited(|| {
        single().block_on(async {
            let mut map = JoinMap::new();
            map.spawn(1, async { 1 });
            map.spawn(1, async { 2 });
            assert_eq!(map.len(), 1);
            let (key, result) = map.join_next().await.unwrap();
            assert_eq!((key, result.unwrap()), (1, 2));
            assert!(map.join_next().await.is_none());

            // One that has ended, and whose number is on the list, too.
            let (sender, receiver) = oneshot::channel::<()>();
            map.spawn(1, async { 1 });
            yield_now().await;
            map.spawn(1, async {
                receiver.await.unwrap();
                2
            });
            assert!(map.join_next().now_or_never().is_none(), "nobody has ended");
            yield_now().await;
            assert!(map.try_join_next().is_none());
            sender.send(()).unwrap();
            let (key, result) = map.join_next().await.unwrap();
            assert_eq!((key, result.unwrap()), (1, 2));
            assert!(map.join_next().await.is_none());
        });
    });
}

#[test]
fn a_replaced_task_is_aborted_even_if_its_key_panics() {
    #[derive(Debug, Hash, PartialEq, Eq)]
    struct Key;
    impl Drop for Key {
        fn drop(&mut self) {
            panic!("drop of a key");
        }
    }
    limited(|| {
        single().block_on(async {
            let (sender, receiver) = oneshot::channel::<()>();
            let mut map = JoinMap::new();
            map.spawn(Key, async { receiver.await.unwrap() });
            assert_eq!(panic_of(|| map.spawn(Key, async {})), "drop of a key");
            let (key, result) = map.join_next().await.unwrap();
            result.unwrap();
            std::mem::forget(key);
            assert!(sender.is_closed() && map.join_next().await.is_none());
        });
    });
}

/// Keys that all have the same hash.
#[derive(Clone, Default)]
struct Same;

impl BuildHasher for Same {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self
    }
}

impl Hasher for Same {
    fn finish(&self) -> u64 {
        7
    }

    fn write(&mut self, _bytes: &[u8]) {}
}

#[test]
fn keys_with_the_same_hash_are_told_apart() {
    limited(|| {
        single().block_on(async {
            let mut map = JoinMap::<u32, u32, Same>::with_hasher(Same);
            let mut tasks = BTreeMap::new();
            for n in 0..100 {
                // Removed at the front, in the middle and at the end of the chain.
                let key = n * 37 % 40;
                map.insert(key, spawn(async move { n }));
                tasks.insert(key, n);
                assert!((0..40).all(|key| map.contains_key(&key) == tasks.contains_key(&key)));
                if n % 3 == 0 {
                    let (key, result) = map.join_next().await.unwrap();
                    assert_eq!(tasks.remove(&key), Some(result.unwrap()));
                }
            }
            while let Some((key, result)) = map.next().await {
                assert_eq!(tasks.remove(&key), Some(result.unwrap()));
            }
            assert!(tasks.is_empty());
        });
    });
}

#[test]
fn tasks_are_found_by_id_and_all_kinds_can_be_spawned() {
    limited(|| {
        single().block_on(async {
            let mut map = JoinMap::new();
            let shared = Rc::new("local");
            map.spawn_local("local", async move { *shared });
            map.spawn_blocking("blocking", || "blocking");
            let task = spawn(async { "inserted" });
            let id = task.id().unwrap();
            map.insert("inserted", task);
            assert!(map.contains_task(id));
            while let Some((key, result)) = map.join_next().await {
                assert_eq!(result.unwrap(), key);
            }
            assert!(!map.contains_task(id));
        });
    });
}

#[test]
fn a_key_that_panics_in_its_hash_leaves_no_task_behind() {
    #[derive(PartialEq, Eq)]
    struct Panics;

    impl std::hash::Hash for Panics {
        fn hash<H: Hasher>(&self, _: &mut H) {
            panic!("no hash");
        }
    }

    limited(|| {
        let witness = Witness::default();
        single().block_on(async {
            let (mut map, token) = (JoinMap::new(), witness.token());
            let task = async move {
                pending::<()>().await;
                drop(token);
            };
            assert_eq!(panic_of(|| map.spawn(Panics, task)), "no hash");
            yield_now().await;
            assert_eq!((map.len(), witness.count()), (0, 1), "it was aborted");
        });
    });
}
