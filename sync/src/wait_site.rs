//! What does this task wait for, and where in the program?
//!
//! A leaf future that returns `Pending` says so here: a [`Kind`], an opaque
//! object id and the source location of the call, two relaxed stores into the
//! [`Record`] of the task it runs in. An executor lends its record to the thread
//! around each poll with [`enter`]; outside any task the stores go nowhere.
//!
//! Nothing else is needed for dumps that do not re-poll, for "who waits for this
//! lock", and for the await graph: always on, in release builds too.
//!
//! # Who may touch what
//!
//! | what         | written by                        | read by            |
//! |--------------|-----------------------------------|--------------------|
//! | a `Record`   | the thread that polls its task    | anybody, any time  |
//! | the pointer  | the thread it belongs to          | that thread        |
//!
//! Kind and object share a word, so a record is two words long and a reader sees the
//! two together. It may see the kind of one wait and the location of the next. That
//! makes a dump one glance out of date, never unsound: an object id is a number
//! and is not followed, a location is `'static`.
//!
//! # Rejected
//!
//! * A `&'static` pair of kind and location as one pointer: `#[track_caller]`
//!   gives the location only, so the pair would have to be interned per wait.
//! * A seqlock over plain fields: undefined behaviour in Rust.

use crate::shim::atomic::{AtomicPtr, AtomicU64, Ordering::Relaxed};
use std::{cell::Cell, fmt, marker::PhantomData, panic::Location, ptr, ptr::NonNull};

/// What kind of thing a task waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum Kind {
    /// Something that writes no wait site: a future of a foreign crate.
    #[default]
    Unknown = 0,
    /// A [`Mutex`](crate::Mutex).
    Mutex,
    /// An [`Event`](crate::Event).
    Event,
    /// A [`Condition`](crate::Condition).
    Condition,
    /// A [`Semaphore`](crate::Semaphore).
    Semaphore,
    /// A [`Notify`](crate::Notify).
    Notify,
    /// The value of a [`oneshot`](crate::oneshot) channel.
    OneshotRecv,
    /// The closing of a [`oneshot`](crate::oneshot) channel.
    OneshotClosed,
    /// Room in an [`mpsc`](crate::mpsc) channel.
    MpscSend,
    /// A message of an [`mpsc`](crate::mpsc) channel.
    MpscRecv,
    /// A [`CancellationToken`](crate::CancellationToken) to be cancelled.
    Cancelled,
    /// The value of a [`Deferred`](crate::Deferred).
    Deferred,
    /// A deadline.
    Timer,
    /// Another task's end.
    Join,
    /// A source of I/O events to become readable.
    Readable,
    /// A source of I/O events to become writable.
    Writable,
    /// Its turn, after a yield.
    Yield,
    /// A fresh poll budget.
    Budget,
    /// One of several children of a combinator.
    OneOf,
    /// A call of the file system.
    File,
    /// The addresses of a name.
    Lookup,
    /// A signal of the system.
    Signal,
    /// The end of a child process.
    Process,
    /// The end of all tasks of a group.
    Group,
}

impl Kind {
    /// Every kind, at the index of its number.
    const ALL: &[Self] = &[
        Self::Unknown,
        Self::Mutex,
        Self::Event,
        Self::Condition,
        Self::Semaphore,
        Self::Notify,
        Self::OneshotRecv,
        Self::OneshotClosed,
        Self::MpscSend,
        Self::MpscRecv,
        Self::Cancelled,
        Self::Deferred,
        Self::Timer,
        Self::Join,
        Self::Readable,
        Self::Writable,
        Self::Yield,
        Self::Budget,
        Self::OneOf,
        Self::File,
        Self::Lookup,
        Self::Signal,
        Self::Process,
        Self::Group,
    ];

    fn from_number(number: u8) -> Self {
        Self::ALL.get(usize::from(number)).copied().unwrap_or_default()
    }
}

/// One reading of a [`Record`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct WaitSite {
    /// What kind of thing is waited for.
    pub kind: Kind,
    /// Which one: an opaque number, equal for waits on the same object.
    pub object: usize,
    /// The call that waits, if the leaf told.
    pub location: Option<&'static Location<'static>>,
}

impl fmt::Debug for WaitSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:#x}", self.kind, self.object)?;
        match self.location {
            Some(location) => write!(f, " at {location}"),
            None => Ok(()),
        }
    }
}

/// Whether a task is looked at more closely, at a cost: in debug mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// As in debug mode.
    Yes,
    /// As otherwise.
    No,
}

/// Where the leaves of one task write what they wait for.
#[derive(Debug)]
pub struct Record {
    /// WATCHED, the kind and the object.
    site: AtomicU64,
    location: AtomicPtr<Location<'static>>,
}

/// The object: addresses of user space, and numbers that are small.
const OBJECT: u64 = (1 << KIND_SHIFT) - 1;
const KIND_SHIFT: u32 = 56;
const KIND: u64 = 0x7f;
/// The task is one of a runtime in debug mode.
const WATCHED: u64 = 1 << 63;

const _: () = assert!(Kind::ALL.len() <= KIND as usize, "a kind has seven bits");

impl Record {
    crate::const_fn! {
        /// A task that waits for nothing.
        pub const fn new() -> Self {
            Self { site: AtomicU64::new(0), location: AtomicPtr::new(ptr::null_mut()) }
        }
    }

    /// A task begins, which waits for nothing. Before it is queued.
    #[inline]
    pub fn begin(&self, watched: Watched) {
        let site = match watched {
            Watched::Yes => WATCHED,
            Watched::No => 0,
        };
        // Relaxed: a statistic with one writer.
        self.site.store(site, Relaxed);
    }

    /// Forgets the last wait: before a poll.
    #[inline]
    pub fn clear(&self) {
        // Relaxed, both: a statistic with one writer.
        self.site.store(self.site.load(Relaxed) & WATCHED, Relaxed);
    }

    /// Whether [`futurelock`](crate::futurelock) looks at the task.
    #[inline]
    #[must_use]
    pub fn is_watched(&self) -> bool {
        // Relaxed: written before the task is queued, and read by who polls it.
        self.site.load(Relaxed) & WATCHED != 0
    }

    /// What the task said last. `None`: nothing, or its leaf is a foreign one.
    #[must_use]
    pub fn read(&self) -> Option<WaitSite> {
        // Relaxed, both: statistics; the reader may see a mixture.
        let site = self.site.load(Relaxed);
        let kind = Kind::from_number(((site >> KIND_SHIFT) & KIND) as u8);
        if kind == Kind::Unknown {
            return None;
        }
        let object = (site & OBJECT) as usize;
        let location = NonNull::new(self.location.load(Relaxed));
        // SAFETY: `write` stores nothing but pointers made from `&'static
        // Location`, so whichever store this load saw, the target lives for ever.
        let location = location.map(|it| unsafe { it.as_ref() });
        Some(WaitSite { kind, object, location })
    }

    #[inline]
    fn write(&self, kind: Kind, object: usize, location: &'static Location<'static>) {
        let wait = (u64::from(kind as u8) << KIND_SHIFT) | (object as u64 & OBJECT);
        // Relaxed, all three: statistics with one writer.
        self.location.store(ptr::from_ref(location).cast_mut(), Relaxed);
        self.site.store((self.site.load(Relaxed) & WATCHED) | wait, Relaxed);
    }
}

impl Default for Record {
    fn default() -> Self {
        Self::new()
    }
}

crate::thread_local! {
    static CURRENT: Cell<*const Record> = const { Cell::new(ptr::null()) };
}

/// Says that the current task waits: for what kind of thing, which one, and at
/// which call. Leaves call it just before they return `Pending`.
#[inline]
pub fn waiting(kind: Kind, object: usize, location: &'static Location<'static>) {
    let record = CURRENT.try_with(Cell::get).unwrap_or(ptr::null());
    // SAFETY: `Entered` holds a borrow of the record for as long as the pointer
    // stands here, and puts the one before it back.
    if let Some(record) = unsafe { record.as_ref() } {
        record.write(kind, object, location);
    }
}

/// Which task this thread polls at this moment: the address of its record, 0
/// outside any.
///
/// What a combinator leaves in a thread-local variable around the poll of its
/// child is meant for that task only; another that is polled inside it, by an
/// executor within the executor, has another number.
#[inline]
#[must_use]
pub fn task() -> usize {
    CURRENT.try_with(Cell::get).unwrap_or(ptr::null()).addr()
}

/// Whether the task that this thread polls is one in debug mode.
#[inline]
pub(crate) fn is_watched() -> bool {
    let record = CURRENT.try_with(Cell::get).unwrap_or(ptr::null());
    // SAFETY: as in `waiting`.
    unsafe { record.as_ref() }.is_some_and(Record::is_watched)
}

/// Lends `record` to this thread until the guard is dropped: around one poll.
///
/// The guard must be dropped, not forgotten, before `record` ends; that is what
/// its obligation says.
///
/// # Safety
///
/// 1. The returned guard is dropped before `record` is freed or moved.
/// 2. Guards of one thread are dropped in the reverse order of their making.
#[inline]
pub unsafe fn enter<'a>(record: &'a Record) -> Entered<'a> {
    let before = CURRENT.try_with(|current| current.replace(record)).unwrap_or(ptr::null());
    Entered { before, record: PhantomData }
}

/// A [`Record`] lent to this thread.
#[derive(Debug)]
pub struct Entered<'a> {
    before: *const Record,
    record: PhantomData<&'a Record>,
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        let _ = CURRENT.try_with(|current| current.set(self.before));
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_written_to_the_innermost_record() {
        let (outer, inner) = (Record::new(), Record::new());
        // SAFETY: both guards end inside this function, the inner one first.
        let outer_guard = unsafe { enter(&outer) };
        {
            // SAFETY: as above.
            let _inner_guard = unsafe { enter(&inner) };
            assert_eq!(task(), ptr::from_ref(&inner).addr());
            waiting(Kind::Mutex, 7, Location::caller());
        }
        waiting(Kind::Event, 8, Location::caller());
        assert_eq!(task(), ptr::from_ref(&outer).addr());
        drop(outer_guard);
        assert_eq!(task(), 0);
        waiting(Kind::Timer, 9, Location::caller());

        assert_eq!(inner.read().map(|site| (site.kind, site.object)), Some((Kind::Mutex, 7)));
        assert_eq!(outer.read().map(|site| (site.kind, site.object)), Some((Kind::Event, 8)));
    }

    #[test]
    fn a_cleared_record_waits_for_nothing() {
        let record = Record::new();
        record.write(Kind::Join, 1, Location::caller());
        record.clear();
        assert_eq!(record.read(), None);
    }

    #[test]
    fn a_wait_leaves_it_alone_whether_the_task_is_watched() {
        let record = Record::new();
        for (watched, is_watched) in [(Watched::Yes, true), (Watched::No, false)] {
            record.begin(watched);
            record.write(Kind::Group, usize::MAX, Location::caller());
            assert_eq!(record.is_watched(), is_watched);
            let object = record.read().map(|site| (site.kind, site.object));
            assert_eq!(object, Some((Kind::Group, OBJECT as usize)));
            record.clear();
            assert_eq!((record.is_watched(), record.read()), (is_watched, None));
        }
    }

    #[test]
    fn every_kind_survives_its_number() {
        for &kind in Kind::ALL {
            assert_eq!(Kind::from_number(kind as u8), kind);
        }
        assert_eq!(Kind::from_number(u8::MAX), Kind::Unknown);
    }
}
