//! Of which runtime is this thread, and at which desk does it sit?
//!
//! One thread-local pointer to a [`Context`] on the stack of the function that
//! entered. Contexts nest, also those of different runtimes; the innermost counts.
//! Each points to the one around it, and this chain, from the thread-local on, is
//! all that is ever followed: every context in it is alive.
//!
//! ```text
//!     thread-local ─▶ a guard's ─▶ a presence's ─▶ … ─▶ null
//! ```
//!
//! Presences nest like the functions that enter them, and leaving one also cuts off
//! whatever guards were made inside and kept. Guards of users come and go in any
//! order: one in the middle of the chain is taken out of it, and one that was cut
//! off is in nobody's way.
//!
//! This module lies below the scheduler and knows it by its address only: that
//! is what keeps scheduler and context from needing each other.
//!
//! # Who may touch what
//!
//! | what            | who                                                       |
//! |-----------------|-----------------------------------------------------------|
//! | the pointer     | the thread, through [`enter`] and its guard               |
//! | a context       | its thread; references to it do not outlive [`with`]      |
//! | the desk inside | the same; it is taken out only by [`Context::take_desk`],  |
//! |                 | which nobody calls while a reference to it is in use      |

use crate::{
    desk::Desk,
    inbox::{Inbox, Place},
    task::{Task, info::Id},
};
use std::{
    any::Any,
    cell::{Cell, RefCell},
    collections::VecDeque,
    marker::PhantomData,
    ptr::{self, NonNull},
    rc::Rc,
    sync::Arc,
};

/// What a thread is to a runtime.
pub(crate) struct Context {
    /// The scheduler, which outlives the context.
    pub(crate) scheduler: Arc<dyn Any + Send + Sync>,
    desk: Cell<*mut Desk>,
    /// For threads that run pinned tasks.
    pub(crate) inbox: Option<Arc<Inbox>>,
    /// Pinned tasks that are ready.
    pub(crate) pinned: RefCell<VecDeque<Task>>,
    /// Whether a task of this context is being polled.
    pub(crate) is_polling: Cell<bool>,
    /// Whether the desk was lent in the middle of the poll that runs.
    pub(crate) has_lent: Cell<bool>,
    /// Where the thread sleeps, and which seat of the driver it is attached to.
    pub(crate) place: Cell<Place>,
    /// The context around this one. Followed only while this one is in the chain.
    before: Cell<*const Self>,
}

impl Context {
    /// A thread of the runtime with this scheduler: with an inbox if it runs
    /// pinned tasks.
    pub(crate) fn new(scheduler: Arc<dyn Any + Send + Sync>, inbox: Option<Arc<Inbox>>) -> Self {
        Self {
            scheduler,
            desk: Cell::new(ptr::null_mut()),
            inbox,
            pinned: RefCell::default(),
            is_polling: Cell::new(false),
            has_lent: Cell::new(false),
            place: Cell::new(Place::Parker),
            before: Cell::new(ptr::null()),
        }
    }

    /// Whether this thread belongs to the scheduler at `address`.
    #[inline]
    pub(crate) fn is_of(&self, address: *const ()) -> bool {
        ptr::eq(Arc::as_ptr(&self.scheduler).cast::<()>(), address)
    }

    /// Sits down.
    pub(crate) fn put_desk(&self, desk: Box<Desk>) {
        let before = self.desk.replace(Box::into_raw(desk));
        debug_assert!(before.is_null(), "one desk at a time");
    }

    /// Gets up. Nobody may be using what [`desk`](Self::desk) gave.
    pub(crate) fn take_desk(&self) -> Option<Box<Desk>> {
        let desk = NonNull::new(self.desk.replace(ptr::null_mut()))?;
        // SAFETY: `put_desk` made it of a box, and it is taken out once.
        Some(unsafe { Box::from_raw(desk.as_ptr()) })
    }

    /// The desk at which this thread sits. The reference must not be used after
    /// user code ran: that may have handed the desk on.
    #[inline]
    pub(crate) fn desk(&self) -> Option<&Desk> {
        // SAFETY: a desk in the cell is alive and of this thread; `take_desk` is
        // called only where no such reference is in use, by its contract.
        unsafe { self.desk.get().as_ref() }
    }
}

impl Context {
    /// The pinned task of this thread that is to run next.
    pub(crate) fn next_pinned(&self) -> Option<Id> {
        let own = self.pinned.borrow().front().map(Task::id);
        own.or_else(|| self.inbox.as_ref()?.first())
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        debug_assert!(self.desk.get().is_null(), "a desk was left behind");
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("desk", &self.desk()).finish_non_exhaustive()
    }
}

sync::thread_local! {
    static CURRENT: Cell<*const Context> = const { Cell::new(ptr::null()) };
}

/// This thread is in `context` until the guard is dropped.
///
/// # Safety
///
/// 1. The guard is dropped before `context` ends or moves.
/// 2. Guards of one thread are dropped in the reverse order of their making,
///    except for those of [`enter_shared`].
/// 3. The thread is not in `context` already.
pub(crate) unsafe fn enter(context: &Context) -> Entered {
    push(context);
    Entered { context, not_send: PhantomData }
}

fn push(context: &Context) {
    let before = CURRENT.try_with(|current| current.replace(context)).unwrap_or(ptr::null());
    context.before.set(before);
}

/// The chain of this thread's contexts, from the innermost outwards.
fn chain<'a>() -> impl Iterator<Item = &'a Context> {
    let innermost = CURRENT.try_with(Cell::get).unwrap_or(ptr::null());
    // SAFETY: what is in the chain is alive: a guard's context leaves it before it
    // is freed, in `EnteredShared::drop`, and that of a presence by obligation 1 of
    // `enter`. The callers let no reference outlive their look.
    let follow = |it: *const Context| unsafe { it.as_ref() };
    std::iter::successors(follow(innermost), move |it| follow(it.before.get()))
}

/// Whether this thread is, somewhere in its chain, in a context like that.
pub(crate) fn any(is_like_that: impl FnMut(&Context) -> bool) -> bool {
    chain().any(is_like_that)
}

/// A thread in a context.
#[derive(Debug)]
pub(crate) struct Entered {
    context: *const Context,
    not_send: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        // SAFETY: alive, by obligation 1 of `enter`.
        let before = unsafe { &*self.context }.before.get();
        // Guards that were made inside and are still there are cut off.
        let _ = CURRENT.try_with(|current| current.set(before));
    }
}

/// This thread is in `context` until the guard is dropped, in whatever order.
pub(crate) fn enter_shared(context: Rc<Context>) -> EnteredShared {
    push(&context);
    EnteredShared { context }
}

/// A thread in a context that the guard owns: an `Rc`, which stays where it is when
/// the guard moves, and keeps the guard on its thread.
#[derive(Debug)]
pub(crate) struct EnteredShared {
    context: Rc<Context>,
}

impl Drop for EnteredShared {
    fn drop(&mut self) {
        let this = Rc::as_ptr(&self.context);
        let before = self.context.before.get();
        let _ = CURRENT.try_with(|current| match ptr::eq(current.get(), this) {
            true => current.set(before),
            // Somebody in the chain points to it, or it was cut off.
            false => chain()
                .filter(|it| ptr::eq(it.before.get(), this))
                .take(1)
                .for_each(|it| it.before.set(before)),
        });
    }
}

/// Makes `context` the innermost one again: user code may have kept the guard of
/// another one beyond its poll. Returns whether it had.
#[inline]
#[must_use]
pub(crate) fn restore(context: &Context) -> bool {
    let replaced = CURRENT.try_with(|current| !ptr::eq(current.replace(context), context));
    replaced.unwrap_or(false)
}

/// Calls `look` with the innermost context in which this thread runs tasks, past
/// guards that a task holds.
pub(crate) fn with_presence<T>(look: impl FnOnce(Option<&Context>) -> T) -> T {
    look(chain().find(|cx| cx.inbox.is_some()))
}

/// Calls `look` with the innermost context of this thread.
#[inline]
pub(crate) fn with<T>(look: impl FnOnce(Option<&Context>) -> T) -> T {
    let context = CURRENT.try_with(Cell::get).unwrap_or(ptr::null());
    // SAFETY: alive while its guard is, by the obligations of `enter`.
    look(unsafe { context.as_ref() })
}
