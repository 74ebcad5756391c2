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
//! | R2   | [`Record::be_born`] | [`Record::read`] | that a life is over before the next one's fields are seen |
//!
//! The record is also the handle by which the memory of a task is recycled: it is
//! what lies in the free lists of a [home](super::home), with the cell's memory
//! attached.

use super::info::{Id, Nature, TaskInfo};
use crate::locals::Inherited;
use std::{mem::ManuallyDrop, panic::Location, ptr, sync::Arc};
use sync::{
    shim::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64,
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
    /// What [`Home::add_name`](super::Home::add_name) gave.
    pub(crate) name: u32,
    pub(crate) spawned_at: &'static Location<'static>,
    /// What it inherits: the pointer of an `Arc`, or null. The task's from now on.
    pub(crate) locals: *const Inherited,
    pub(crate) watched: Watched,
}

/// One task, seen from outside.
#[derive(Debug)]
pub(crate) struct Record {
    /// Odd while a task lives here.
    generation: AtomicU32,
    polls: AtomicU32,
    id: AtomicU64,
    nature: AtomicU8,
    /// Whether its wait for a poll is watched: written by who queues or runs it.
    is_marked: AtomicBool,
    /// One more than the index of its name in the home's list; zero is none.
    name: AtomicU32,
    spawned_at: AtomicPtr<Location<'static>>,
    /// As in [`Birth`]; of use to whoever runs the task.
    locals: AtomicPtr<Inherited>,
    pub(crate) wait: wait_site::Record,
    /// The cell of the task, or the memory for the next one.
    pub(super) memory: AtomicPtr<u8>,
    /// The next record in a free list or a return stack.
    pub(super) next: AtomicPtr<Self>,
    /// Which free list it belongs to.
    pub(super) class: u8,
}

impl Record {
    pub(crate) fn new(class: u8, memory: *mut u8) -> Self {
        Self {
            generation: AtomicU32::new(GENERATION_FIRST & !1),
            polls: AtomicU32::new(0),
            id: AtomicU64::new(0),
            nature: AtomicU8::new(0),
            is_marked: AtomicBool::new(false),
            name: AtomicU32::new(0),
            spawned_at: AtomicPtr::new(ptr::null_mut()),
            locals: AtomicPtr::new(ptr::null_mut()),
            wait: wait_site::Record::new(),
            memory: AtomicPtr::new(memory),
            next: AtomicPtr::new(ptr::null_mut()),
            class,
        }
    }

    /// A task moves in. R1, R2: the reader sees all of its fields or none.
    pub(crate) fn be_born(&self, birth: Birth) {
        // R2: whoever sees a field below also sees the generation above it.
        fence(Release);
        // Relaxed, all fields: published by the generation.
        self.id.store(birth.id.get(), Relaxed);
        self.nature.store(birth.nature as u8, Relaxed);
        self.name.store(birth.name, Relaxed);
        self.spawned_at.store(ptr::from_ref(birth.spawned_at).cast_mut(), Relaxed);
        self.polls.store(0, Relaxed);
        self.locals.store(birth.locals.cast_mut(), Relaxed);
        self.wait.clear();
        self.wait.set_watched(birth.watched);
        // R1: publishes the fields. Relaxed load: the owner is the only writer.
        let generation = self.generation.load(Relaxed);
        debug_assert!(generation.is_multiple_of(2), "two tasks in one record");
        self.generation.store(generation.wrapping_add(1), Release);
    }

    /// What the task inherits, to whoever runs it, which must not drop it.
    #[inline]
    pub(super) fn locals(&self) -> Option<ManuallyDrop<Arc<Inherited>>> {
        // Relaxed: came with the task.
        let locals = self.locals.load(Relaxed);
        // SAFETY: `be_born` was given the pointer of an `Arc`, whose count is not
        // given up before `take_locals`, and here not at all.
        (!locals.is_null()).then(|| ManuallyDrop::new(unsafe { Arc::from_raw(locals) }))
    }

    /// Whether the task inherits anything.
    #[inline]
    pub(super) fn has_locals(&self) -> bool {
        // Relaxed: came with the task.
        !self.locals.load(Relaxed).is_null()
    }

    /// The task is over, and so is its use of what it inherited.
    pub(super) fn take_locals(&self) -> Option<Arc<Inherited>> {
        let locals = self.locals().map(ManuallyDrop::into_inner)?;
        // Relaxed: the owner is the only writer.
        self.locals.store(ptr::null_mut(), Relaxed);
        Some(locals)
    }

    /// The task is over. Its owner may still read what it was.
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
    pub(super) fn is_marked(&self) -> bool {
        // Relaxed, here and below: goes with the right to run the task.
        self.is_marked.load(Relaxed)
    }

    /// It is.
    pub(super) fn mark(&self) {
        self.is_marked.store(true, Relaxed);
    }

    /// It is not any more.
    pub(super) fn unmark(&self) {
        self.is_marked.store(false, Relaxed);
    }

    /// What kind of task lives here, for its home: `None` if none does.
    pub(super) fn living(&self) -> Option<Nature> {
        // Relaxed, both: asked by the home's owner when nobody else runs tasks.
        let alive = self.generation.load(Relaxed) % 2 == 1;
        alive.then(|| Nature::from_number(self.nature.load(Relaxed)))
    }

    /// A look from any thread, at any time. `None`: nobody lives here, or the
    /// tenant changed meanwhile.
    pub(crate) fn read(&self, name: impl FnOnce(u32) -> Option<Arc<str>>) -> Option<TaskInfo> {
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
    pub(super) fn fields(&self, name: impl FnOnce(u32) -> Option<Arc<str>>) -> TaskInfo {
        // Relaxed, all: checked by the generation, or by ownership.
        let spawned_at = self.spawned_at.load(Relaxed);
        TaskInfo {
            id: self.id(),
            name: name(self.name()),
            // SAFETY: `be_born` stores nothing but pointers made from `&'static
            // Location`; null is a record in which no task lived yet.
            spawned_at: unsafe { spawned_at.as_ref() },
            waits_for: self.wait.read(),
            polls: self.polls.load(Relaxed),
            nature: Nature::from_number(self.nature.load(Relaxed)),
        }
    }

    /// The number of its name.
    pub(super) fn name(&self) -> u32 {
        // Relaxed: as the other fields.
        self.name.load(Relaxed)
    }

    /// The id of the task that lives here, or lived here last.
    pub(crate) fn id(&self) -> Id {
        // Relaxed: asked by somebody who owns the task.
        Id::new(self.id.load(Relaxed))
    }
}
