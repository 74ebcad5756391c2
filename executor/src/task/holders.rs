//! Who holds a task, and what each may do with it.
//!
//! | holder        | holds                            | may                             |
//! |---------------|----------------------------------|---------------------------------|
//! | [`Task`]      | the right to poll, once          | run it, or forget it at the end |
//! | [`Joiner`]    | the other end of the join word   | take the output                 |
//! | [`Reference`] | one count, as wakers do          | wake, cancel                    |
//! | the *owner*   | the cell: the executor until completion, then whom the join word names | let go of it |
//!
//! The rules on which the proofs below rest are the tables "Who may touch what" of
//! [`state`](super::state) (rule S) and [`join_state`](super::join_state) (rule J).

use super::{
    current,
    error::JoinError,
    header::{Header, clone_ref, drop_ref, record_of},
    info::{Id, TaskInfo},
    join_state::Join,
    record::Record,
    stray::Stray,
};
use std::{marker::PhantomData, ptr::NonNull, sync::Arc, task::Waker};
use sync::shim;

/// The right to run a task once. Dropping it leaves the task unrun.
#[derive(Debug)]
#[must_use = "a task that is not run stays where it is until the runtime ends"]
pub(crate) struct Task(NonNull<Header>);

// SAFETY: where a task may run is decided by its `Schedule`, not by who carries
// the right to run it.
unsafe impl Send for Task {}

impl Task {
    /// Made by whoever sets BUSY.
    pub(super) fn new(header: NonNull<Header>) -> Self {
        Self(header)
    }

    /// Polls the future, or starts the closure, or cancels it if that was asked.
    pub(crate) fn run(self) {
        // SAFETY: BUSY is ours: this value is made once per queueing.
        let this = unsafe { self.0.as_ref() };
        // SAFETY: as above.
        unsafe { (this.vtable.run)(self.0) }
    }

    /// Its id, for whoever is about to run it.
    pub(crate) fn id(&self) -> Id {
        self.record().id()
    }

    /// Whether somebody watches how long it waits for its poll.
    #[inline]
    pub(crate) fn is_marked(&self) -> bool {
        self.record().is_marked()
    }

    /// Somebody does.
    pub(crate) fn mark(&self) {
        self.record().mark();
    }

    /// Nobody does any more.
    pub(crate) fn unmark(&self) {
        self.record().unmark();
    }

    /// A number that no other task has that is to be run.
    pub(crate) fn address(&self) -> usize {
        self.0.as_ptr().addr()
    }

    #[inline]
    fn record(&self) -> &Record {
        // SAFETY: BUSY is ours, so the cell is alive, and with it its home.
        unsafe { record_of(self.0) }
    }

    /// For a slot that holds it as a pointer.
    pub(crate) fn into_raw(self) -> *mut Header {
        self.0.as_ptr()
    }

    /// Back from a slot.
    ///
    /// # Safety
    ///
    /// 1. `header` came from [`into_raw`](Self::into_raw), and comes back once.
    pub(crate) unsafe fn from_raw(header: *mut Header) -> Option<Self> {
        NonNull::new(header).map(Self)
    }

    /// The reference that `create` counted for this task's holder.
    ///
    /// # Safety
    ///
    /// 1. `create` was told to count it, and this is called once.
    pub(crate) unsafe fn counted(&self) -> Reference {
        Reference(self.0)
    }
}

/// Cancels the task that lives in `record`: drops its future here and now. Its
/// error says `reason`, unless somebody gave another before.
///
/// # Safety
///
/// 1. A task lives in `record`, and nobody polls it, nor ever will.
/// 2. The calling thread may drop its future.
pub(crate) unsafe fn cancel_in(record: NonNull<Record>, reason: &'static str) {
    // SAFETY: by 1 a cell lies behind the record.
    let header = unsafe { record.add(1) }.cast::<Header>();
    // SAFETY: alive: it has not completed.
    let this = unsafe { header.as_ref() };
    // SAFETY: 1 gives the right to poll, 2 that to drop.
    unsafe { (this.vtable.cancel)(header, Some(reason)) }
}

/// One counted reference to a task: what an abort handle holds.
#[derive(Debug)]
pub(crate) struct Reference(NonNull<Header>);

// SAFETY: all it does is through the atomic words and `Schedule`.
unsafe impl Send for Reference {}
// SAFETY: as above.
unsafe impl Sync for Reference {}

impl Reference {
    fn header(&self) -> &Header {
        // SAFETY: a counted reference keeps the cell.
        unsafe { self.0.as_ref() }
    }

    fn record(&self) -> &Record {
        // SAFETY: a counted reference keeps the cell, and the cell its home.
        unsafe { record_of(self.0) }
    }

    pub(crate) fn abort(&self, reason: Option<Arc<str>>) {
        // SAFETY: as above.
        unsafe { (self.header().vtable.abort)(self.0, reason) }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.header().state.is_cancelled()
    }

    pub(crate) fn id(&self) -> Id {
        self.record().id()
    }

    /// Reports what no handle tells of the task.
    pub(crate) fn report(&self, stray: Stray) {
        // SAFETY: a counted reference keeps the cell.
        unsafe { (self.header().vtable.report)(self.0, stray) }
    }

    /// What can be seen of the task, while it lives.
    pub(crate) fn look(&self) -> Option<TaskInfo> {
        // SAFETY: a counted reference keeps the cell.
        unsafe { (self.header().vtable.look)(self.0) }
    }
}

impl Clone for Reference {
    fn clone(&self) -> Self {
        self.header().state.add_ref();
        Self(self.0)
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // SAFETY: our count is given up here.
        unsafe { drop_ref(self.0) }
    }
}

/// The task that this thread polls.
pub(crate) fn current() -> Option<Reference> {
    let header = NonNull::new(current::get().cast_mut().cast::<Header>())?;
    // SAFETY: a task in its poll is alive; this thread is the one that polls it,
    // so it counts on its own side.
    unsafe { clone_ref(header) };
    Some(Reference(header))
}

/// Whether the task that this thread polls was asked to end.
pub(crate) fn is_current_cancelled() -> bool {
    let header = NonNull::new(current::get().cast_mut().cast::<Header>());
    // SAFETY: a task in its poll is alive.
    header.is_some_and(|it| unsafe { it.as_ref() }.state.is_cancelled())
}

/// The other end of the join word: the right to the output.
#[derive(Debug)]
pub(crate) struct Joiner<T> {
    header: NonNull<Header>,
    output: PhantomData<T>,
}

// SAFETY: it gives the output to the thread that takes it, hence `T: Send`.
unsafe impl<T: Send> Send for Joiner<T> {}
// SAFETY: through a shared reference it only aborts and looks.
unsafe impl<T: Send> Sync for Joiner<T> {}

impl<T> Joiner<T> {
    /// Made once, with the cell.
    pub(super) fn new(header: NonNull<Header>) -> Self {
        Self { header, output: PhantomData }
    }

    fn header(&self) -> &Header {
        // SAFETY: rule J: the cell stays until this end was used up.
        unsafe { self.header.as_ref() }
    }

    fn record(&self) -> &Record {
        // SAFETY: rule J: likewise, and the cell keeps its home.
        unsafe { record_of(self.header) }
    }

    /// The output, if it is there. Uses this end up if it is.
    pub(crate) fn is_done(&self) -> bool {
        self.header().join.poll() == Join::Done
    }

    /// What there is: a waker, or the output.
    #[inline]
    pub(crate) fn look_at_slot(&self) -> Join {
        self.header().join.poll()
    }

    /// The output of a finished task.
    pub(crate) fn take(self) -> Result<T, JoinError> {
        debug_assert!(self.is_done(), "the output is not there");
        let header = self.header;
        let take_output = self.header().vtable.take_output;
        std::mem::forget(self);
        let mut output = None::<Result<T, JoinError>>;
        // SAFETY: DONE: the output is ours, and `output` has its type.
        unsafe { take_output(header, (&raw mut output).cast()) };
        output.expect("`take_output` writes it")
    }

    /// Puts `waker` into the slot, in place of what was there. `Pending`: it is
    /// in the slot and will be woken; otherwise it was dropped.
    pub(crate) fn register(&self, waker: Waker) -> Join {
        let old = match self.empty_slot() {
            (Join::Pending, old) => old,
            // The completer is at the slot, or was: it is not ours to write.
            (refusal, _) => return refusal,
        };
        let answer = self.register_first(waker);
        shim::assert_unlocked("the drop of a waker");
        drop(old);
        answer
    }

    /// Puts `waker` into the slot, which the caller has seen empty. `Pending`: likewise;
    /// otherwise the task is over.
    #[inline]
    pub(crate) fn register_first(&self, waker: Waker) -> Join {
        let header = self.header();
        header.join_waker.put(waker);
        let answer = header.join.register();
        if answer == Join::Done {
            self.drop_unused();
        }
        answer
    }

    /// The task was over before the waker was left.
    #[cold]
    #[inline(never)]
    fn drop_unused(&self) {
        // SAFETY: 1: finished meanwhile, and nobody took what we put into the slot.
        let unused = unsafe { self.header().take_join_waker() };
        shim::assert_unlocked("the drop of a waker");
        drop(unused);
    }

    /// Takes the waker out of the slot, if there is one. `Pending`: the slot is empty,
    /// and stays so, since nobody else puts anything in.
    #[inline]
    fn empty_slot(&self) -> (Join, Option<Waker>) {
        let header = self.header();
        match header.join.poll() {
            Join::Registered => match header.join.unregister() {
                Join::Pending => {
                    // SAFETY: 1: it was there, and is not the completer's any more.
                    (Join::Pending, Some(unsafe { header.take_join_waker() }))
                }
                refusal => (refusal, None),
            },
            answer => (answer, None),
        }
    }

    pub(crate) fn abort(&self, reason: Option<Arc<str>>) {
        // SAFETY: this end keeps the cell.
        unsafe { (self.header().vtable.abort)(self.header, reason) }
    }

    pub(crate) fn reference(&self) -> Reference {
        self.header().state.add_ref();
        Reference(self.header)
    }

    pub(crate) fn id(&self) -> Id {
        self.record().id()
    }

    /// A number that no other living task has.
    pub(crate) fn address(&self) -> usize {
        self.header.as_ptr().addr()
    }

    /// Which task it is or, nameless, was.
    pub(crate) fn identity(&self) -> TaskInfo {
        let info = self.look().unwrap_or_else(|| self.record().fields(|_| None));
        TaskInfo { waits_for: None, ..info }
    }

    /// What can be seen of the task, while it lives.
    pub(crate) fn look(&self) -> Option<TaskInfo> {
        // SAFETY: this end keeps the cell.
        unsafe { (self.header().vtable.look)(self.header) }
    }
}

impl<T> Drop for Joiner<T> {
    fn drop(&mut self) {
        let header = self.header();
        let (answer, old) = self.empty_slot();
        if answer == Join::Done || header.join.detach() == Join::Done {
            let discard = header.vtable.discard;
            // SAFETY: rule J: DONE: output and cell are ours.
            unsafe { discard(self.header) };
        }
        shim::assert_unlocked("the drop of a waker");
        drop(old);
    }
}
