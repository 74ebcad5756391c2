//! The task's state word: who may poll, who queues, who frees.
//!
//! ```text
//!   63 ─────────────────── 8 7    5 4        3         2        1          0
//!  ┌────────────────────────┬──────┬────────┬─────────┬────────┬──────────┬──────┐
//!  │ wakers elsewhere, ±    │      │ MERGED │ STARTED │ CANCEL │ NOTIFIED │ BUSY │
//!  └────────────────────────┴──────┴────────┴─────────┴────────┴──────────┴──────┘
//! ```
//!
//! BUSY means *queued or being polled*: one bit, so that spawning, queueing and
//! starting a poll write nothing. Who sets it has to queue the task.
//!
//! ```text
//!              wake, cancel                    start_poll: a load
//!      idle ─────────────────▶ BUSY (queued) ────────────────────▶ BUSY (polled)
//!        ▲                       ▲                                    │  │
//!        │ end_poll              │ end_poll, NOTIFIED or CANCEL set   │  │ ready
//!        └───────────────────────┼────────────────────────────────────┘  ▼
//!                                └─────────────────────────────  BUSY for ever
//! ```
//!
//! A finished task stays BUSY: nobody queues it again, so completion writes this
//! word not at all. NOTIFIED remembers a wake that came while the task was BUSY.
//!
//! CANCEL lies in the same word as BUSY, so that the read-modify-write that asks
//! for cancellation also queues an idle task, and the one that ends a poll sees
//! it. A finished output wins over it. STARTED is used by closures on the
//! blocking pool only: the thread that starts one and whoever cancels it decide
//! by one read-modify-write who of them owns the closure.
//!
//! # References
//!
//! Neither queues nor the executor count. What counts are wakers and abort
//! handles, and their number is split in two: `local`, a plain number in the
//! header that only the thread that polls the task touches, and the signed field
//! of this word for everybody else. A waker may be born on one side and die on
//! the other, so each half alone means nothing; [`merge`](State::merge) adds them
//! up when the task is over and its owner lets go. From then on the word alone
//! counts, and whoever brings it to zero frees the cell.
//!
//! # Who may touch what
//!
//! | what          | may be touched by                                             |
//! |---------------|---------------------------------------------------------------|
//! | the future    | the thread that runs the BUSY task, until `end_poll`          |
//! | `local`       | the same thread; after completion the owner, who merges       |
//! | the output    | the completer, then whom the [join word](super::join_state) names |
//! | the cell      | the owner until MERGED, then any holder of a reference         |
//!
//! # Synchronization edges
//!
//! | edge | released by                       | acquired by                 | what crosses             |
//! |------|-----------------------------------|-----------------------------|--------------------------|
//! | T1   | [`State::wake`]                   | [`State::start_poll`]       | what the waker wrote     |
//! | T2   | [`State::end_poll`]               | [`State::start_poll`]       | the future               |
//! | T3   | [`State::drop_ref`], [`State::merge`] | [`State::drop_ref`], [`State::is_last`] | the end of all use |
//! | T4   | [`State::cancel_unclaimed`]       | [`State::claim`]            | who owns the closure     |
//!
//! # Cost in read-modify-writes
//!
//! | spawn | start a poll | end it pending | yield | wake | complete | clone or drop a waker |
//! |-------|--------------|----------------|-------|------|----------|-----------------------|
//! | 0     | 0, woken meanwhile: 1 | 1     | 0     | 1    | 0        | 0 in the task's own poll, else 1 |
//!
//! # Rejected
//!
//! * Separate QUEUED and RUNNING bits: one more write per poll, and the only
//!   question anybody asks is whether the task has to be queued.
//! * Clones that skip the count "because this is the polling thread": `&Waker`
//!   is `Sync`, so a scoped thread may clone at the same time. The split count is
//!   the sound form of that idea.

use sync::shim::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed},
};

/// The atomic word. Transitions are [`Snapshot`]'s; this type publishes them.
#[derive(Debug)]
pub(crate) struct State(AtomicU64);

/// What [`State::start_poll`] tells the worker to do.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartPoll {
    /// The future is ours: poll it.
    Poll,
    /// The future is ours, and is to be dropped.
    Cancel,
}

/// What [`State::end_poll`] tells the worker to do.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndPoll {
    /// Not ours any more: do not touch it.
    Parked,
    /// Woken or cancelled meanwhile: queue it again.
    Reschedule,
}

/// What a wake or a cancel tells its caller to do.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Nothing: somebody else will run the task, or nobody ever will.
    Nothing,
    /// Queue the task.
    Schedule,
    /// Free the cell: that was the last reference to a finished task.
    Free,
}

/// What giving up a reference tells its holder to do.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// Others are left.
    Keep,
    /// Free the cell.
    Free,
}

/// Who owns a closure of the blocking pool.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// The caller.
    Won,
    /// The other side.
    Lost,
}

impl State {
    /// A task on its way to its first poll, with `refs` counted references.
    pub(crate) fn spawned(refs: i64) -> Self {
        Self(AtomicU64::new(Snapshot(BUSY).add_refs(refs).0))
    }

    /// Takes the future for polling.
    pub(crate) fn start_poll(&self) -> StartPoll {
        // T1, T2: the queue brought us the task; this load, or the
        // read-modify-write below, brings what its wakers wrote.
        let seen = Snapshot(self.0.load(Acquire));
        match seen.has(NOTIFIED) || seen.has(CANCEL) {
            false => StartPoll::Poll,
            true => self.update(Snapshot::start_poll),
        }
    }

    /// Gives a pending future back. T2: publishes the poll.
    pub(crate) fn end_poll(&self) -> EndPoll {
        self.update(Snapshot::end_poll)
    }

    /// Asks for another poll. T1: publishes what the caller wrote, even when the
    /// task was woken already, which is why the word is always written.
    pub(crate) fn wake(&self) -> Wake {
        self.update(Snapshot::wake)
    }

    /// As [`wake`](Self::wake), and gives the caller's reference up.
    pub(crate) fn wake_and_drop(&self) -> Wake {
        self.update(Snapshot::wake_and_drop)
    }

    /// Asks for the end of the task.
    pub(crate) fn cancel(&self) -> Wake {
        self.update(Snapshot::cancel)
    }

    /// Starts a closure, unless it was cancelled. T4: then it is ours.
    pub(crate) fn claim(&self) -> Claim {
        self.update(Snapshot::claim)
    }

    /// Cancels a closure, unless it was started. T4: then it is the caller's.
    pub(crate) fn cancel_unclaimed(&self) -> Claim {
        self.update(Snapshot::cancel_unclaimed)
    }

    /// Counts one more reference.
    pub(crate) fn add_ref(&self) {
        // Relaxed: the caller's own reference keeps the cell.
        let before = Snapshot(self.0.fetch_add(ONE, Relaxed));
        if before.refs() >= REFS_MAX {
            std::process::abort();
        }
    }

    /// Counts one reference less. T3: publishes the end of this one's use, and
    /// the last one sees the end of all.
    pub(crate) fn drop_ref(&self) -> Release {
        let before = Snapshot(self.0.fetch_sub(ONE, AcqRel));
        before.add_refs(-1).release()
    }

    /// Whether no reference is left, given the owner's `local` half. T3: then all
    /// use of them is over.
    pub(crate) fn is_last(&self, local: i32) -> bool {
        let seen = Snapshot(self.0.load(Acquire));
        debug_assert!(!seen.has(MERGED), "the owner lets go once");
        seen.refs() + i64::from(local) == 0
    }

    /// The owner lets go: from now on this word alone counts.
    pub(crate) fn merge(&self, local: i32) -> Release {
        self.update(|state| {
            let next = state.add_refs(i64::from(local)).with(MERGED);
            (next, next.release())
        })
    }

    /// Whether cancellation was asked for.
    pub(crate) fn is_cancelled(&self) -> bool {
        // Relaxed: a hint for code that looks whether it should stop.
        Snapshot(self.0.load(Relaxed)).has(CANCEL)
    }

    /// The only compare-exchange of the file.
    fn update<A>(&self, step: impl Fn(Snapshot) -> (Snapshot, A)) -> A {
        // Relaxed: a guess, which the exchange below checks.
        let mut seen = self.0.load(Relaxed);
        loop {
            let (next, order) = step(Snapshot(seen));
            match self.0.compare_exchange_weak(seen, next.0, AcqRel, Relaxed) {
                Ok(_) => return order,
                Err(actual) => seen = actual,
            }
        }
    }
}

/// One value of the word. Its methods are the whole state machine, and pure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot(u64);

const BUSY: u64 = 1 << 0;
const NOTIFIED: u64 = 1 << 1;
const CANCEL: u64 = 1 << 2;
const STARTED: u64 = 1 << 3;
const MERGED: u64 = 1 << 4;
/// One reference.
const ONE: u64 = 1 << 8;
/// Far from an overflow, and more references than memory can hold.
const REFS_MAX: i64 = 1 << 54;

impl Snapshot {
    fn start_poll(self) -> (Self, StartPoll) {
        debug_assert!(self.has(BUSY), "a poll of a task that nobody queued: {self:?}");
        let next = self.without(NOTIFIED);
        match next.has(CANCEL) {
            true => (next, StartPoll::Cancel),
            false => (next, StartPoll::Poll),
        }
    }

    fn end_poll(self) -> (Self, EndPoll) {
        debug_assert!(self.has(BUSY), "the end of a poll that never began: {self:?}");
        match self.has(NOTIFIED) || self.has(CANCEL) {
            true => (self, EndPoll::Reschedule),
            false => (self.without(BUSY), EndPoll::Parked),
        }
    }

    fn wake(self) -> (Self, Wake) {
        match self.has(BUSY) {
            // Whoever has the task sees NOTIFIED when it starts or ends a poll.
            true => (self.with(NOTIFIED), Wake::Nothing),
            false => (self.with(BUSY), Wake::Schedule),
        }
    }

    fn wake_and_drop(self) -> (Self, Wake) {
        let (next, order) = self.wake();
        let next = next.add_refs(-1);
        match next.release() {
            Release::Free => (next, Wake::Free),
            Release::Keep => (next, order),
        }
    }

    fn cancel(self) -> (Self, Wake) {
        let (next, order) = self.wake();
        (next.with(CANCEL), order)
    }

    fn claim(self) -> (Self, Claim) {
        match self.has(CANCEL) {
            true => (self, Claim::Lost),
            false => (self.with(STARTED), Claim::Won),
        }
    }

    fn cancel_unclaimed(self) -> (Self, Claim) {
        match self.has(STARTED) || self.has(CANCEL) {
            true => (self.with(CANCEL), Claim::Lost),
            false => (self.with(CANCEL), Claim::Won),
        }
    }

    const fn release(self) -> Release {
        match self.has(MERGED) && self.refs() == 0 {
            true => Release::Free,
            false => Release::Keep,
        }
    }

    /// The signed count: an arithmetic shift.
    const fn refs(self) -> i64 {
        (self.0 as i64) >> ONE.trailing_zeros()
    }

    const fn add_refs(self, n: i64) -> Self {
        Self(self.0.wrapping_add((n << ONE.trailing_zeros()) as u64))
    }

    const fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    const fn with(self, flag: u64) -> Self {
        Self(self.0 | flag)
    }

    const fn without(self, flag: u64) -> Self {
        Self(self.0 & !flag)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    /// Every combination of flags with counts around zero and at the limits.
    fn all() -> impl Iterator<Item = Snapshot> {
        let counts = [-REFS_MAX, -2, -1, 0, 1, 2, REFS_MAX];
        (0..ONE).flat_map(move |flags| counts.map(|n| Snapshot(flags).add_refs(n)))
    }

    #[test]
    fn a_wake_is_never_lost() {
        for state in all() {
            let (next, order) = state.wake();
            match state.has(BUSY) {
                true => assert!(next.has(NOTIFIED) && order == Wake::Nothing),
                false => assert!(next.has(BUSY) && order == Wake::Schedule),
            }
            assert_eq!(next.refs(), state.refs());
        }
    }

    #[test]
    fn a_wake_during_a_poll_ends_in_another_poll() {
        for state in all().filter(|s| s.has(BUSY)) {
            let (woken, _) = state.wake();
            assert_eq!(woken.end_poll(), (woken, EndPoll::Reschedule));
        }
    }

    #[test]
    fn only_an_idle_task_is_queued() {
        for state in all().filter(|s| s.has(BUSY)) {
            assert_ne!(state.wake().1, Wake::Schedule);
            assert_ne!(state.cancel().1, Wake::Schedule);
            assert_ne!(state.wake_and_drop().1, Wake::Schedule);
        }
    }

    #[test]
    fn cancellation_is_seen_by_the_next_poll() {
        for state in all() {
            let (next, order) = state.cancel();
            assert_eq!(order == Wake::Schedule, !state.has(BUSY));
            assert_eq!(next.start_poll().1, StartPoll::Cancel);
            assert_eq!(next.end_poll().1, EndPoll::Reschedule);
        }
    }

    #[test]
    fn a_closure_is_either_started_or_cancelled() {
        for state in all().filter(|s| !s.has(STARTED) && !s.has(CANCEL)) {
            let (started, claim) = state.claim();
            assert_eq!(claim, Claim::Won);
            assert_eq!(started.cancel_unclaimed().1, Claim::Lost);
            let (cancelled, claim) = state.cancel_unclaimed();
            assert_eq!(claim, Claim::Won);
            assert_eq!(cancelled.claim().1, Claim::Lost);
            assert_eq!(cancelled.cancel_unclaimed().1, Claim::Lost);
        }
    }

    #[test]
    fn the_count_keeps_its_sign_and_leaves_the_flags_alone() {
        for state in all().filter(|s| s.refs().abs() < REFS_MAX) {
            for n in [-2, -1, 0, 1, 2] {
                let next = state.add_refs(n);
                assert_eq!(next.refs(), state.refs() + n);
                assert_eq!(next.0 & (ONE - 1), state.0 & (ONE - 1));
            }
        }
    }

    #[test]
    fn only_the_last_reference_to_a_merged_task_frees_it() {
        for state in all() {
            let free = state.has(MERGED) && state.refs() == 0;
            assert_eq!(state.release() == Release::Free, free);
        }
    }
}
