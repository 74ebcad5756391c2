//! Who belongs to a group, and when is it over?
//!
//! ```text
//!             first failure                    all have ended
//!   ┌──────────────────────────▶ Failed ─────────────────────────┐
//!   │              ▲                                             ▼
//!  Open ──cancel──▶ Cancelled ───────────────────────────────▶ Over
//!   │                             the body, too, has ended,      ▲
//!   └────────────────────────────  or the group was dropped ─────┘
//! ```
//!
//! Only an open group takes children. Each has a place in a slab from its spawn
//! until its future is dropped, so that joining, leaving and aborting cost the same
//! whatever their number. When it first waits it leaves its abort handle there, and
//! learns whether the group has closed meanwhile; one that was not polled by then
//! never is.
//!
//! Two kinds of members are *kept*: nobody aborts them, and the group waits for them
//! all the same. One is a shielded task; the other stands for the children of a group
//! that was dropped inside this one (its *heir*), since a drop cannot wait.
//!
//! # Who may touch what
//!
//! Everything lies under one lock, except the flag and the waker, which have their
//! own protocols. What is user code, or may lead to it (aborts, wakers), runs after
//! the lock was released.

use executor::{AbortHandle, caught};
use reactor::time::Instant;
use slab::Slab;
use std::{
    fmt, mem,
    panic::resume_unwind,
    sync::Arc,
    task::{Poll, Waker},
};
use sync::{Event, Semaphore, atomic_waker::AtomicWaker, shim::Lock};

/// The members of one group.
pub(super) struct Roster {
    book: Lock<Book>,
    /// Set when the group takes no more children.
    pub(super) closed: Event,
    /// The task in which the group's future is polled.
    parent: AtomicWaker,
}

struct Book {
    phase: Phase,
    body: Body,
    /// Why it left the phase `Open`, if anybody said.
    reason: Option<Arc<str>>,
    /// By when it has to be done, as far as was known when it began.
    deadline: Option<Instant>,
    members: Slab<Place>,
    limit: Option<Arc<Semaphore>>,
    /// Where the group that waits for what this one left behind counts us.
    heir: Option<Member>,
}

/// How far the group has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// It takes children.
    Open,
    /// Told to end; the body goes on.
    Cancelled,
    /// Somebody failed; the body is dropped.
    Failed,
    /// Its future gave its result, or was dropped.
    Over,
}

/// Whether anybody waits for the last member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Runs,
    HasEnded,
}

/// What is known of one member.
enum Place {
    /// Has not waited yet.
    Fresh,
    Running(AbortHandle),
    /// Told to end.
    Aborted,
    /// Never told.
    Kept,
}

/// The right of a child to come in: its place, and whose turn it has to await.
pub(super) struct Admission {
    pub(super) member: Member,
    pub(super) limit: Option<Arc<Semaphore>>,
    pub(super) deadline: Option<Instant>,
}

/// What a child learns when it first waits.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CheckIn {
    /// Go on.
    Welcome,
    /// The group has closed meanwhile: end.
    TooLate,
}

impl Roster {
    pub(super) fn new() -> Arc<Self> {
        let book = Book {
            phase: Phase::Open,
            body: Body::Runs,
            reason: None,
            deadline: None,
            members: Slab::new(),
            limit: None,
            heir: None,
        };
        Arc::new(Self { book: Lock::new(book), closed: Event::new(), parent: AtomicWaker::new() })
    }

    pub(super) fn phase(&self) -> Phase {
        self.book.lock().phase
    }

    /// Why it takes no more children, if anybody said.
    pub(super) fn reason(&self) -> Option<Arc<str>> {
        self.book.lock().reason.clone()
    }

    /// What those are told whom it ends, or does not take.
    pub(super) fn farewell(&self) -> Arc<str> {
        self.book.lock().farewell()
    }

    /// Children know from now on by when the group has to be done.
    pub(super) fn limit_time(&self, deadline: Option<Instant>) {
        self.book.lock().deadline = deadline;
    }

    /// By when it has to be done.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.book.lock().deadline
    }

    /// How many have not ended.
    pub(super) fn len(&self) -> usize {
        self.book.lock().members.len()
    }

    /// A number that no other living group has.
    pub(super) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Children that join from now on take turns.
    pub(super) fn limit(&self, semaphore: Semaphore) {
        let limit = Some(Arc::new(semaphore));
        let before = mem::replace(&mut self.book.lock().limit, limit);
        drop(before);
    }

    /// A new child. `None`: the group takes no more.
    pub(super) fn admit(self: &Arc<Self>) -> Option<Admission> {
        let mut book = self.book.lock();
        if book.phase != Phase::Open {
            return None;
        }
        let key = book.members.insert(Place::Fresh);
        let (limit, deadline) = (book.limit.clone(), book.deadline);
        drop(book);
        Some(Admission { member: Member::new(self, key), limit, deadline })
    }

    /// A member that nobody aborts. `None`: nobody is left who would wait for it.
    pub(super) fn keep(self: &Arc<Self>) -> Option<Member> {
        let mut book = self.book.lock();
        if book.phase == Phase::Over && book.members.is_empty() {
            return None;
        }
        let key = book.members.insert(Place::Kept);
        drop(book);
        Some(Member::new(self, key))
    }

    /// Whether `other` waits for what this group leaves, or is this group. A group that
    /// waited for itself, since one of its own children dropped its future, would never
    /// be free.
    pub(super) fn is_left_to(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        let mut next = Some(self.clone());
        while let Some(roster) = next {
            if Arc::ptr_eq(&roster, other) {
                return true;
            }
            next = roster.book.lock().heir.as_ref().map(|heir| heir.roster().clone());
        }
        false
    }

    fn check_in(&self, key: usize, handle: AbortHandle) -> CheckIn {
        let mut book = self.book.lock();
        let (answer, place) = match book.phase {
            Phase::Open => (CheckIn::Welcome, Place::Running(handle)),
            Phase::Cancelled | Phase::Failed | Phase::Over => (CheckIn::TooLate, Place::Aborted),
        };
        let before = mem::replace(&mut book.members[key], place);
        drop(book);
        drop(before);
        answer
    }

    fn leave(&self, key: usize) {
        let mut book = self.book.lock();
        let place = book.members.remove(key);
        let is_last = book.members.is_empty();
        let heir = is_last.then(|| book.heir.take()).flatten();
        let is_awaited = is_last && book.body == Body::HasEnded && book.phase != Phase::Over;
        drop(book);
        drop((place, heir));
        if is_awaited {
            self.parent.wake();
        }
    }

    /// Ends the children and takes no more, since the group was cancelled or failed.
    /// The first reason counts.
    pub(super) fn close(&self, phase: Phase, reason: Option<Arc<str>>) {
        let mut book = self.book.lock();
        // A group goes forward only.
        if phase <= book.phase {
            return;
        }
        if book.phase == Phase::Open {
            book.reason = reason;
        }
        book.phase = phase;
        let (running, farewell) = (book.take_running(), book.farewell());
        drop(book);
        end(&running, &farewell);
        self.closed.set();
    }

    /// The future of the group is gone: ends the children, for which `heir` waits.
    pub(super) fn abandon(&self, heir: Option<Member>) {
        let mut book = self.book.lock();
        if book.phase == Phase::Open {
            book.reason = Some("the group's future was dropped".into());
        }
        book.phase = Phase::Over;
        let (running, farewell) = (book.take_running(), book.farewell());
        let unneeded = match book.members.is_empty() {
            true => heir,
            false => mem::replace(&mut book.heir, heir),
        };
        drop(book);
        end(&running, &farewell);
        let (set, left) = (caught(|| self.closed.set()), caught(|| drop(unneeded)));
        if let Err(payload) = set.and(left) {
            resume_unwind(payload);
        }
    }

    /// The one who polls the group, before it looks.
    pub(super) fn register(&self, waker: &Waker) {
        self.parent.register(waker);
    }

    /// Drops the waker of the group's future, which is over.
    pub(super) fn forget_parent(&self) {
        drop(self.parent.take());
    }

    /// Lets the group's future see that something has changed.
    pub(super) fn wake_parent(&self) {
        self.parent.wake();
    }

    /// The body is over; ready when the members are, too. Then nobody comes any more.
    pub(super) fn poll_over(&self) -> Poll<()> {
        let mut book = self.book.lock();
        book.body = Body::HasEnded;
        if !book.members.is_empty() {
            return Poll::Pending;
        }
        book.phase = Phase::Over;
        drop(book);
        self.closed.set();
        Poll::Ready(())
    }
}

fn end(running: &[AbortHandle], farewell: &Arc<str>) {
    running.iter().for_each(|child| child.abort_with(farewell.clone()));
}

impl Book {
    fn farewell(&self) -> Arc<str> {
        let plain = match self.phase {
            Phase::Over => "the group is over",
            Phase::Open | Phase::Cancelled | Phase::Failed => "the group was cancelled",
        };
        self.reason.clone().unwrap_or_else(|| plain.into())
    }

    /// The abort handles of all that may be aborted, each once.
    fn take_running(&mut self) -> Vec<AbortHandle> {
        let places = self.members.iter_mut().map(|(_, place)| place);
        places.filter_map(Place::take_handle).collect()
    }
}

impl Place {
    fn take_handle(&mut self) -> Option<AbortHandle> {
        match mem::replace(self, Self::Aborted) {
            Self::Running(handle) => Some(handle),
            other => {
                *self = other;
                None
            }
        }
    }
}

impl fmt::Debug for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let book = self.book.lock();
        let (phase, members) = (book.phase, book.members.len());
        drop(book);
        f.debug_struct("Roster").field("phase", &phase).field("members", &members).finish()
    }
}

/// One place in a group, until it is dropped: then the group has one less to wait for.
#[derive(Debug)]
pub(super) struct Member {
    /// Lent to the thread while it runs code of the member.
    roster: Option<Arc<Roster>>,
    key: usize,
}

impl Member {
    fn new(roster: &Arc<Roster>, key: usize) -> Self {
        Self { roster: Some(roster.clone()), key }
    }

    pub(super) fn roster(&self) -> &Arc<Roster> {
        self.roster.as_ref().expect("it is lent only while the member runs")
    }

    /// The first wait of a child, which `handle` aborts.
    pub(super) fn check_in(&self, handle: AbortHandle) -> CheckIn {
        self.roster().check_in(self.key, handle)
    }

    /// Where the reference lies that is lent while code of the member runs.
    pub(super) fn slot(&mut self) -> &mut Option<Arc<Roster>> {
        &mut self.roster
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(roster) = &self.roster {
            roster.leave(self.key);
        }
    }
}
