//! Which task has a key?
//!
//! A key is stored once, beside its task, so that it can be given back with the
//! result. Here is only its hash: a table from hashes to the number of the first task
//! with that hash; the others with the same follow, each naming the next.
//!
//! ```text
//!     hash ─▶ task 7: key, next: 3 ─▶ task 3: another key, next: none
//! ```
//!
//! # Rejected
//!
//! * A `HashMap` from keys: the key would be there twice, or be `Clone`.
//! * A raw hash table, which is what this is in the end: std has none on stable, and
//!   it would be a dependency for one file.

use super::tasks::{Member, Tasks};
use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

/// A key beside its task.
#[derive(Debug)]
pub(super) struct Keyed<K> {
    pub(super) key: K,
    hash: u64,
    /// The number of the next task with the same hash.
    next: Option<usize>,
}

/// The numbers of tasks by the hashes of their keys.
#[derive(Debug, Default)]
pub(super) struct Keys {
    first: HashMap<u64, usize, BuildHasherDefault<Hashed>>,
}

/// Keyed tasks.
pub(super) type KeyedTasks<K, V> = Tasks<V, Keyed<K>>;

impl Keys {
    pub(super) fn with_capacity(tasks: usize) -> Self {
        Self { first: HashMap::with_capacity_and_hasher(tasks, BuildHasherDefault::default()) }
    }

    /// The task with this key, which has this hash.
    pub(super) fn find<K, V, Q>(
        &self,
        tasks: &KeyedTasks<K, V>,
        hash: u64,
        key: &Q,
    ) -> Option<usize>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let mut at = self.first.get(&hash).copied();
        while let Some(index) = at {
            let data = &tasks.get(index)?.data;
            if data.key.borrow() == key {
                break;
            }
            at = data.next;
        }
        at
    }

    /// What a task that is to be added with this key has beside it.
    pub(super) fn link<K>(&self, key: K, hash: u64) -> Keyed<K> {
        Keyed { key, hash, next: self.first.get(&hash).copied() }
    }

    /// A task was added, with what [`link`](Self::link) gave just before.
    pub(super) fn added(&mut self, hash: u64, index: usize) {
        self.first.insert(hash, index);
    }

    /// Task `index` was taken out of `tasks`.
    pub(super) fn removed<K, V>(
        &mut self,
        tasks: &mut KeyedTasks<K, V>,
        index: usize,
        gone: &Member<V, Keyed<K>>,
    ) {
        let (hash, next) = (gone.data.hash, gone.data.next);
        let mut at = match (self.first.get(&hash).copied(), next) {
            (Some(first), Some(next)) if first == index => {
                self.first.insert(hash, next);
                return;
            }
            (Some(first), None) if first == index => {
                self.first.remove(&hash);
                return;
            }
            (first, _) => first,
        };
        while let Some(before) = at.and_then(|it| tasks.get_mut(it)) {
            at = before.data.next;
            if at == Some(index) {
                before.data.next = next;
                return;
            }
        }
        unreachable!("task {index} is among those with its hash");
    }

    pub(super) fn clear(&mut self) {
        self.first.clear();
    }
}

/// A hasher for what is a hash already.
#[derive(Debug, Default)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("only hashes are hashed");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
