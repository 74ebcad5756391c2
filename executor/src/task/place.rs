//! Where in a block of memory do the parts of a task lie?
//!
//! ```text
//!     Cell<S>: record, header, schedule │ stage, or a box of it │ inherited locals
//! ```
//!
//! [`cell`](super::cell) says what becomes of them, and who may touch what.
//!
//! A stage too large for a block, or too aligned, is a box of its own. Inherited
//! task-locals lie behind the stage of those few tasks that have any, whose block is a
//! word longer: [`Extras`](super::header::Extras) tells.
//!
//! # Size
//!
//! 88 bytes for a stealable task whose future and output take eight: five words of
//! record, five of header, one of stage. What a word would say that is the same for a
//! whole chunk, or that few tasks have, is not in it.

use super::{
    error::JoinError,
    header::{Content, Header, record_ptr},
    home::{self, Home},
    info::TaskInfo,
    record::Record,
};
use crate::locals::Inherited;
use std::{
    alloc::Layout,
    future::Future,
    marker::PhantomData,
    mem::{ManuallyDrop, offset_of},
    ptr::NonNull,
};
use sync::shim::cell::UnsafeCell;

/// What lies at the head of a block in which a task lives, before its stage.
#[repr(C)]
pub(super) struct Cell<S> {
    pub(super) record: Record,
    pub(super) header: Header,
    pub(super) schedule: S,
}

const _: () = assert!(offset_of!(Cell<()>, header) == size_of::<Record>());
/// What the header of this file promises.
#[cfg(not(any(loom, shuttle)))]
const _: () = assert!(size_of::<Cell<()>>() == 80 || size_of::<usize>() != 8);

/// [`Content`] says which.
#[repr(C)]
pub(super) union Stage<F: Future> {
    pub(super) future: ManuallyDrop<F>,
    pub(super) output: ManuallyDrop<Result<F::Output, JoinError>>,
}

/// A pointer to the cell of a future and a kind. Copies of it are all alike.
pub(super) struct Place<F, S> {
    cell: NonNull<Cell<S>>,
    future: PhantomData<F>,
}

impl<F, S> Clone for Place<F, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F, S> Copy for Place<F, S> {}

/// A layout, or the end of the compilation.
const fn laid_out(head: Layout, stage: Layout) -> (Layout, usize) {
    match head.extend(stage) {
        Ok((layout, offset)) => (layout.pad_to_align(), offset),
        Err(_) => panic!("a future of half the address space"),
    }
}

impl<F: Future, S> Place<F, S> {
    const INLINE: (Layout, usize) =
        laid_out(Layout::new::<Cell<S>>(), Layout::new::<UnsafeCell<Stage<F>>>());
    const BOXED: (Layout, usize) =
        laid_out(Layout::new::<Cell<S>>(), Layout::new::<*mut UnsafeCell<Stage<F>>>());
    /// Whether the stage is a box of its own.
    pub(super) const IS_BOXED: bool = Self::INLINE.0.align() > home::ALIGN_MAX
        || Self::INLINE.0.size() + size_of::<*const Inherited>() > home::SIZE_MAX;
    pub(super) const LAYOUT: Layout = if Self::IS_BOXED { Self::BOXED.0 } else { Self::INLINE.0 };
    const OFFSET: usize = if Self::IS_BOXED { Self::BOXED.1 } else { Self::INLINE.1 };

    /// The layout of a cell behind which a pointer to inherited locals lies.
    pub(super) const fn with_locals() -> Layout {
        laid_out(Self::LAYOUT, Layout::new::<*const Inherited>()).0
    }

    /// The place of a cell in a block that was taken for it.
    pub(super) fn at(record: NonNull<Record>) -> Self {
        Self { cell: record.cast(), future: PhantomData }
    }

    #[inline]
    pub(super) fn of(header: NonNull<Header>) -> Self {
        Self { cell: record_ptr(header).cast(), future: PhantomData }
    }

    pub(super) fn record(self) -> NonNull<Record> {
        self.cell.cast()
    }

    #[inline]
    pub(super) fn header(self) -> NonNull<Header> {
        // SAFETY: inside of the cell.
        unsafe { self.cell.byte_add(offset_of!(Cell<S>, header)) }.cast()
    }

    pub(super) fn schedule(self) -> NonNull<S> {
        // SAFETY: inside of the cell.
        unsafe { self.cell.byte_add(offset_of!(Cell<S>, schedule)) }.cast()
    }

    /// Where the stage is, or the pointer to it.
    pub(super) fn spot(self) -> NonNull<UnsafeCell<Stage<F>>> {
        // SAFETY: inside of the block, by `LAYOUT`.
        unsafe { self.cell.byte_add(Self::OFFSET) }.cast()
    }

    /// Where the inherited locals of a task lie that has some.
    pub(super) fn locals(self) -> NonNull<*const Inherited> {
        // SAFETY: inside of the block, by `with_locals`.
        unsafe { self.cell.byte_add(Self::LAYOUT.size()) }.cast()
    }

    /// # Safety
    ///
    /// 1. Of all below: the cell is alive for `'a`.
    #[inline]
    pub(super) unsafe fn get<'a>(self) -> &'a Cell<S> {
        // SAFETY: by 1.
        unsafe { self.cell.as_ref() }
    }

    #[inline]
    pub(super) unsafe fn home(self) -> NonNull<Home> {
        // SAFETY: the home is alive as long as the cell, and `create` was given the
        // pointer that `take` gave.
        unsafe { home::home_of(self.record()) }
    }

    #[inline]
    pub(super) unsafe fn home_ref<'a>(self) -> &'a Home {
        // SAFETY: as above.
        let home = unsafe { self.home() };
        // SAFETY: as above.
        unsafe { home.as_ref() }
    }

    #[inline]
    pub(super) unsafe fn stage<'a>(self) -> &'a UnsafeCell<Stage<F>> {
        let stage = match Self::IS_BOXED {
            // SAFETY: `create` put the pointer there.
            true => unsafe { self.spot().cast::<NonNull<UnsafeCell<Stage<F>>>>().read() },
            false => self.spot(),
        };
        // SAFETY: made with the cell, and freed with it.
        unsafe { stage.as_ref() }
    }

    /// Says what is in the stage from now on, and gives what was.
    ///
    /// # Safety
    ///
    /// 2. The stage is the caller's.
    pub(super) unsafe fn set(self, content: Content) -> Content {
        // SAFETY: by 1.
        let this = unsafe { self.get() };
        // SAFETY: by 2.
        this.header.content.with_mut(|it| unsafe { it.replace(content) })
    }

    /// What is known of the task, for an error.
    pub(super) unsafe fn info(self) -> TaskInfo {
        // SAFETY: by 1.
        let this = unsafe { self.get() };
        // SAFETY: by 1.
        unsafe { self.home_ref() }.info(&this.record)
    }
}
