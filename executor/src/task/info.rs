//! What people are told about a task.

use std::{fmt, panic::Location, sync::Arc};
use sync::wait_site::WaitSite;

/// Names a task of one runtime, for ever: ids are not used again.
///
/// # Examples
///
/// ```
/// # fn check(handle: &bowerbird_executor::Handle) {
/// let task = handle.spawn(async {});
/// assert_ne!(task.id(), handle.spawn(async {}).id());
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u64);

impl Id {
    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }

    pub(crate) const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.0)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What kind of task lives in a record: who may drop its future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Nature {
    /// Any worker may poll it.
    Stealable = 0,
    /// Only its thread may touch the future.
    Pinned = 1,
    /// A closure on the blocking pool.
    Blocking = 2,
}

impl Nature {
    pub(super) const fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Pinned,
            2 => Self::Blocking,
            _ => Self::Stealable,
        }
    }
}

/// One look at a task.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskInfo {
    /// Its id.
    pub id: Id,
    /// The name its builder gave it.
    pub name: Option<Arc<str>>,
    /// The call that spawned it.
    pub spawned_at: Option<&'static Location<'static>>,
    /// What it waits for, as far as the leaf it waits in tells.
    pub waits_for: Option<WaitSite>,
    /// How often it was polled.
    pub polls: u32,
    pub(crate) nature: Nature,
}

impl TaskInfo {
    /// Whether it is a closure on the blocking pool.
    #[must_use]
    pub fn is_blocking(&self) -> bool {
        self.nature == Nature::Blocking
    }

    /// Whether it is bound to one thread.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.nature == Nature::Pinned
    }
}

impl TaskInfo {
    /// Which task it is, without what it does: ``task `name` #7 (src/a.rs:1:2)``.
    pub(crate) fn label(&self) -> Label<'_> {
        Label(self)
    }
}

/// See [`TaskInfo::label`].
pub(crate) struct Label<'a>(&'a TaskInfo);

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("task ")?;
        if let Some(name) = &self.0.name {
            write!(f, "`{name}` ")?;
        }
        write!(f, "#{}", self.0.id)?;
        self.0.spawned_at.map_or(Ok(()), |location| write!(f, " ({location})"))
    }
}

impl fmt::Display for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.label())?;
        match self.waits_for {
            Some(site) => write!(f, ", waits for {site:?}"),
            None => Ok(()),
        }
    }
}
