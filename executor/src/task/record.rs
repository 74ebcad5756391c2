//! What can be seen of a task from outside, without touching the task.
//!
//! A dump reads tasks that run, end and are recycled at that moment. So all it
//! reads lies in a record of its own: relaxed atomics in memory which is not
//! freed before the scheduler, under a generation that is odd while a task lives
//! in the record.
//!
//! ```text
//!     writer                                reader
//!     ──────                                ──────
//!     write the fields                      generation odd?
//!     generation: odd   ─── R1 ───────────▶ read the fields
//!     …                                     fence
//!     generation: even                      generation as before? keep it
//!     fence             ◀── R2 ───────────▶
//!     write the next task's fields
//! ```
//!
//! # Synchronization edges
//!
//! | edge | released by         | acquired by      | what crosses                     |
//! |------|---------------------|------------------|----------------------------------|
//! | R1   | [`Record::be_born`] | [`Record::read`] | the fields of one life           |
//! | R2   | [`Record::be_born`], [`Record::mark`] | [`Record::read`] | that a life is over before the next one's fields are seen |
//!
//! # Size
//!
//! Five words, which stay where they are while cells come and go behind them: a
//! record is the head of the block of memory in which its task's [cell](super::cell)
//! lies, and the handle by which that block is recycled.
//!
//! ```text
//!     generation, polls │ id, flags │ spawned at │ wait: object, kind │ wait: location
//! ```
//!
//! What only some tasks have is elsewhere: names under their [home](super::home)'s lock,
//! by id; what is inherited behind the cell, where a dump never looks.

use super::info::{Id, Nature, TaskInfo};
use std::{panic::Location, ptr, sync::Arc};
use sync::{
    shim::atomic::{
        AtomicPtr, AtomicU32, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
        fence,
    },
    wait_site::{self, Watched},
};

/// The first generation. Near wrap-around under debug assertions, so that every
/// test crosses it.
const GENERATION_FIRST: u32 = if cfg!(debug_assertions) { u32::MAX - 5 } else { 0 };

/// What a new task writes into its record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Birth {
    pub(crate) id: Id,
    pub(crate) nature: Nature,
    /// Whether [`Home::add_name`](super::Home::add_name) was told its name.
    pub(crate) is_named: bool,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) watched: Watched,
}

/// One task, seen from outside.
#[derive(Debug)]
pub(crate) struct Record {
    /// Odd while a task lives here.
    generation: AtomicU32,
    polls: AtomicU32,
    /// What does not change in a life, but for the mark: see [`Tag`].
    tag: AtomicU64,
    spawned_at: AtomicPtr<Location<'static>>,
    pub(super) wait: wait_site::Record,
}

/// A task's id, what kind it is of, whether it has a name, and whether its wait for a
/// poll is watched. 52 bits of id last for fourteen years at ten million spawns a second.
#[derive(Clone, Copy, Debug)]
struct Tag(u64);

const NATURE: u64 = 0b11;
const NAMED: u64 = 1 << 2;
/// Written by whoever has the right to run the task, and nobody else meanwhile.
const MARKED: u64 = 1 << 3;
/// The id begins here.
const ID_SHIFT: u32 = 12;

impl Tag {
    const fn new(birth: &Birth) -> Self {
        let named = if birth.is_named { NAMED } else { 0 };
        Self((birth.id.get() << ID_SHIFT) | named | birth.nature as u64)
    }

    const fn id(self) -> Id {
        Id::new(self.0 >> ID_SHIFT)
    }

    const fn nature(self) -> Nature {
        Nature::from_number((self.0 & NATURE) as u8)
    }

    const fn is_named(self) -> bool {
        self.0 & NAMED != 0
    }
}

impl Record {
    pub(crate) fn new() -> Self {
        Self {
            generation: AtomicU32::new(GENERATION_FIRST & !1),
            polls: AtomicU32::new(0),
            tag: AtomicU64::new(0),
            spawned_at: AtomicPtr::new(ptr::null_mut()),
            wait: wait_site::Record::new(),
        }
    }

    /// A task moves in. R1, R2: the reader sees all of its fields or none.
    #[inline]
    pub(crate) fn be_born(&self, birth: &Birth) {
        // R2: whoever sees a field below also sees the generation above it.
        fence(Release);
        // Relaxed, all fields: published by the generation.
        self.tag.store(Tag::new(birth).0, Relaxed);
        self.spawned_at.store(ptr::from_ref(birth.spawned_at).cast_mut(), Relaxed);
        self.polls.store(0, Relaxed);
        self.wait.begin(birth.watched);
        // R1: publishes the fields. Relaxed load: the owner is the only writer.
        let generation = self.generation.load(Relaxed);
        debug_assert!(generation.is_multiple_of(2), "two tasks in one record");
        self.generation.store(generation.wrapping_add(1), Release);
    }

    /// The task is over. Its owner may still read what it was.
    #[inline]
    pub(crate) fn die(&self) {
        // Relaxed: the owner is the only writer; R2's fence follows in `be_born`.
        let generation = self.generation.load(Relaxed);
        debug_assert!(generation % 2 == 1, "a task died twice");
        self.generation.store(generation.wrapping_add(1), Relaxed);
    }

    /// A poll begins: counts it and forgets what the task waited for.
    #[inline]
    pub(crate) fn begin_poll(&self) {
        // Relaxed: a statistic with one writer.
        self.polls.store(self.polls.load(Relaxed).wrapping_add(1), Relaxed);
        self.wait.clear();
    }

    /// Whether the task's wait for its poll is watched.
    #[inline]
    pub(crate) fn is_marked(&self) -> bool {
        self.tag().0 & MARKED != 0
    }

    /// It is. The caller has the right to run the task.
    pub(crate) fn mark(&self) {
        self.set_tag(self.tag().0 | MARKED);
    }

    /// It is not any more. As [`mark`](Self::mark).
    pub(crate) fn unmark(&self) {
        self.set_tag(self.tag().0 & !MARKED);
    }

    fn set_tag(&self, tag: u64) {
        // R2: another thread than that of `be_born` writes the id here once more. Who
        // sees it has to see the generation that is above it, too.
        self.tag.store(tag, Release);
    }

    /// What kind of task lives here, for its home: `None` if none does.
    pub(super) fn living(&self) -> Option<Nature> {
        // Relaxed, both: asked by the home's owner when nobody else runs tasks, or for a
        // count, which is of no moment in particular.
        let alive = self.generation.load(Relaxed) % 2 == 1;
        alive.then(|| self.tag().nature())
    }

    /// A look from any thread, at any time. `None`: nobody lives here, or the
    /// tenant changed meanwhile.
    pub(crate) fn read(&self, name: impl FnOnce(Id) -> Option<Arc<str>>) -> Option<TaskInfo> {
        // R1: sees the fields of this life.
        let before = self.generation.load(Acquire);
        if before.is_multiple_of(2) {
            return None;
        }
        let info = self.fields(name);
        // R2: if a field was of the next life, so is the generation below.
        fence(Acquire);
        let after = self.generation.load(Relaxed);
        (before == after).then_some(info)
    }

    /// What the record says, to somebody who owns the task.
    pub(super) fn fields(&self, name: impl FnOnce(Id) -> Option<Arc<str>>) -> TaskInfo {
        // Relaxed, all: checked by the generation, or by ownership.
        let spawned_at = self.spawned_at.load(Relaxed);
        let tag = self.tag();
        TaskInfo {
            id: tag.id(),
            name: tag.is_named().then(|| name(tag.id())).flatten(),
            // SAFETY: `be_born` stores nothing but pointers made from `&'static
            // Location`; null is a record in which no task lived yet.
            spawned_at: unsafe { spawned_at.as_ref() },
            waits_for: self.wait.read(),
            polls: self.polls.load(Relaxed),
            nature: tag.nature(),
        }
    }

    /// Whether the task that lives here, or lived here last, has a name.
    #[inline]
    pub(super) fn is_named(&self) -> bool {
        self.tag().is_named()
    }

    /// The id of the task that lives here, or lived here last.
    pub(crate) fn id(&self) -> Id {
        self.tag().id()
    }

    #[inline]
    fn tag(&self) -> Tag {
        // Relaxed: as the other fields.
        Tag(self.tag.load(Relaxed))
    }
}
