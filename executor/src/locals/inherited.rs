//! The values that a spawn hands on.

use std::{any::Any, fmt, sync::Arc};

/// Which key: the address of its static, which no other one ever has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(usize);

impl Key {
    pub(super) fn of<K>(key: &'static K) -> Self {
        const { assert!(size_of::<K>() > 0, "statics without a size may share an address") };
        Self(std::ptr::from_ref(key).addr())
    }
}

/// A value that tasks on many threads see.
pub(super) type Value = Arc<dyn Any + Send + Sync>;

/// All that is inherited at one point of the program: for each key, the value of its
/// innermost scope.
#[derive(Clone, Default)]
pub(crate) struct Inherited {
    values: Vec<(Key, Value)>,
}

impl Inherited {
    /// As `outer`, with one more value, or another one for its key.
    pub(super) fn with(outer: Option<&Self>, key: Key, value: Value) -> Self {
        let others = outer.into_iter().flat_map(|it| &it.values);
        let values = others.filter(|(it, _)| *it != key).cloned();
        Self { values: values.chain([(key, value)]).collect() }
    }

    pub(super) fn get(&self, key: Key) -> Option<&Value> {
        self.values.iter().find(|(it, _)| *it == key).map(|(_, value)| value)
    }
}

impl fmt::Debug for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inherited").field("values", &self.values.len()).finish()
    }
}
