//! What waits for the clock on one seat?
//!
//! [`Timers`] belongs to a seat: its thread sets timers here and cancels them,
//! and it, or whoever looks after it, fires them. A timer that is set is a
//! [`Registration`], which the sleeper keeps and which may end on any thread.
//!
//! ```text
//!   sleeper: Registration ──▶ Node (waker, state word) ◀── ids ── Queue
//!                               └─ chunk ──▶ Ledger { lock: Queue, next, returned }
//!                                                      agenda of deadlines, slab of nodes
//!
//!   the seat's thread      insert, cancel, reset      lock, agenda
//!   another thread         cancel                     state word, then `returned`
//!   whoever fires          drain `returned`, pop      lock, agenda, state words
//! ```
//!
//! The lock guards the agenda and the slab; its holder moves numbers and wakers
//! about and calls nobody. A thread other than the seat's that cancels does not
//! take it, nor does it touch the agenda, whose cache lines are the seat's: it
//! decides the matter on the timer's state word and puts the node on the stack
//! of returned ones, which the next to fire, to run short of nodes or to ask for
//! the earliest deadline drains. Which thread is the seat's is a guess (the last one to set
//! a timer): a wrong one costs time only. For it the lock is a [`HomeLock`]: one RMW.
//!
//! # Who keeps the ledger
//!
//! A registration holds no reference count of the ledger: that would be two
//! read-modify-writes, 17 ns, per timer. It is counted under the lock instead
//! (`live`), which insertion and cancellation take anyway. When the seat ends with
//! registrations alive, the ledger keeps itself (`keep`) until the last of them.
//!
//! # Rules
//!
//! 1. While a registration lives, `live` counts it and so the ledger lives, with
//!    its slab.
//! 2. A node is in the free list, or has one registration, or is on the stack of
//!    returned ones. Only in the first case is it at rest.
//! 3. In the agenda are only nodes that have begun and have not gone to rest.
//!
//! # Synchronization edges
//!
//! | edge | released by              | acquired by          | what crosses          |
//! |------|--------------------------|----------------------|-----------------------|
//! | Y3   | [`Ledger::give_back`]    | [`Ledger::drain`]    | the node, its waker   |
//! |      |                          |                      | taken                 |
//! | Y4   | the lock of [`Queue`]    | the same             | deadlines, first      |
//! |      |                          |                      | wakers, free nodes    |
//!
//! `next`, the earliest deadline, is written under the lock and read as a hint: who
//! is to hear of an earlier one is unparked after it (the sleep's own edge).
//!
//! # Rejected
//!
//! * One `Arc` per registration: 17 ns beside a total of 43.
//! * A mutex: 18 ns more per timer, for two read-modify-writes more, at the unlocks.
//! * Timers that wait in a list of the thread's until the end of its poll, without a
//!   lock: who looks after a thread that is stuck would not see those of the poll in
//!   which it is, and to publish each costs what the lock does.
//! * To take the lock for every cancellation: a timeout whose task has been
//!   stolen would bounce the owner's agenda between two cores.
//! * Everything under the lock, no state word: a second poll of a sleep, which
//!   only compares wakers, would take the lock, too.

use super::{
    agenda::Agenda,
    entry::{End, Node},
    era::Moment,
    leeway::Leeway,
    mark::thread_mark,
    slab::{Slab, owner_of},
    turn::{Turn, Turns},
};
use std::{fmt, ptr::NonNull, task::Waker, time::Instant};
use sync::{
    home_lock::{HomeGuard, HomeLock},
    shim::{
        self, Arc,
        atomic::{
            AtomicU32, AtomicU64, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

pub(crate) use super::entry::{Reset, Status};

/// [`Moment::NEVER`], also of an agenda that is empty.
const NEVER: u64 = Moment::NEVER.0;

/// Timers fired in one holding of the lock, which others want, too.
const BATCH: usize = 256;

/// The stack of returned nodes is empty.
const EMPTY: u32 = u32::MAX;

/// The seat has ended: the stack is not drained.
const CLOSED: u32 = u32::MAX - 1;

/// The timers of one seat.
#[derive(Debug)]
pub(crate) struct Timers {
    ledger: Arc<Ledger>,
}

impl Timers {
    pub(crate) fn new() -> Self {
        Self { ledger: Arc::new(Ledger::new()) }
    }

    /// The seat's thread looks at the driver: all before this was one turn.
    pub(crate) fn end_turn(&self) {
        self.ledger.turns.end();
    }

    pub(crate) fn turn(&self) -> Turn {
        self.ledger.turns.current()
    }

    /// When the earliest timer is due. From any thread, without the lock unless
    /// other threads have cancelled timers: nobody is to wake for those, and a
    /// paused clock is not to jump to them.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        if self.ledger.has_returned() {
            self.ledger.drain(&mut self.ledger.lock());
        }
        match self.ledger.next() {
            NEVER => None,
            at => Some(Moment(at).instant()),
        }
    }

    /// Moves the wakers of all timers due by `now` into `out`, and returns how
    /// many. From any thread; the caller wakes them with no lock held.
    pub(crate) fn fire(&self, now: Instant, out: &mut Vec<Waker>) -> usize {
        self.ledger.fire(Moment::of(now).0, out)
    }

    /// Sets a timer, for a time between `deadline` and `leeway` later, and says
    /// whether it is now the earliest of the seat.
    ///
    /// Gives the waker back if `deadline` never comes.
    pub(crate) fn insert(
        &self,
        deadline: Moment,
        leeway: Leeway,
        waker: Waker,
    ) -> Result<(Registration, bool), Waker> {
        match deadline {
            Moment::NEVER => Err(waker),
            Moment(at) => Ok(self.ledger.insert(at, leeway, waker)),
        }
    }

    /// Whether the timer was set here.
    pub(crate) fn owns(&self, registration: &Registration) -> bool {
        std::ptr::eq(&*self.ledger, registration.ledger())
    }

    /// Nodes there are, at rest or not.
    #[cfg(test)]
    pub(crate) fn nodes(&self) -> usize {
        self.ledger.queue.lock().slab.len()
    }

    /// How many timers are set, and how many ever were.
    pub(crate) fn counts(&self) -> (usize, u64) {
        let mut queue = self.ledger.queue.lock();
        self.ledger.drain(&mut queue);
        (queue.agenda.len(), queue.agenda.inserted())
    }
}

/// The seat ends: its timers will not fire, and their sleepers are told.
impl Drop for Timers {
    fn drop(&mut self) {
        let mut orphans = Vec::new();
        Ledger::close(&self.ledger, &mut orphans);
        shim::assert_unlocked("the waking of orphaned sleepers");
        for waker in orphans {
            // A waker that panics must not keep the others from being called.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| waker.wake()));
        }
    }
}

/// What a seat's thread and its sleepers share.
struct Ledger {
    queue: HomeLock<Queue>,
    /// The earliest deadline in the agenda. Written under the lock only.
    next: AtomicU64,
    /// The topmost of the nodes that other threads have returned.
    returned: AtomicU32,
    /// A mark of the thread that set the last timer.
    owner: AtomicUsize,
    /// How often the seat's thread has looked at the driver.
    turns: Turns,
}

/// What the lock guards.
struct Queue {
    agenda: Agenda,
    slab: Slab,
    /// The topmost of the nodes at rest.
    free: u32,
    /// How many registrations live.
    live: usize,
    /// The ledger itself, once the seat has ended before its registrations.
    keep: Option<Arc<Ledger>>,
}

impl Ledger {
    fn new() -> Self {
        let queue =
            Queue { agenda: Agenda::new(), slab: Slab::new(), free: EMPTY, live: 0, keep: None };
        Self {
            queue: HomeLock::new(queue),
            next: AtomicU64::new(NEVER),
            returned: AtomicU32::new(EMPTY),
            owner: AtomicUsize::new(0),
            turns: Turns::new(),
        }
    }

    /// Relaxed: a hint, as the module says.
    fn next(&self) -> u64 {
        self.next.load(Relaxed)
    }

    /// Makes `next` what the agenda says.
    fn publish_next(&self, queue: &Queue) {
        let next = queue.agenda.next_deadline().unwrap_or(NEVER);
        if next != self.next() {
            // Relaxed: written under the lock; a hint for others.
            self.next.store(next, Relaxed);
        }
    }

    fn insert(&self, at: u64, leeway: Leeway, waker: Waker) -> (Registration, bool) {
        let at = leeway.choose(at, NEVER);
        // Y4: sees, and publishes, deadlines, first wakers and free nodes.
        let mut queue = match self.is_owners_thread() {
            true => self.queue.lock_at_home(),
            false => self.move_in(),
        };
        let (id, registration) = self.take_node(&mut queue);
        let node = registration.node();
        node.set_leeway(leeway);
        // SAFETY: the node comes from the free list, so by rule 2 it is at rest,
        // and we hold the lock, by which alone others could find it.
        unsafe { node.begin(waker) };
        queue.agenda.insert(id, at);
        queue.live += 1;
        let came_first = at < self.next();
        if came_first {
            // Relaxed: written under the lock; a hint for others.
            self.next.store(at, Relaxed);
        }
        (registration, came_first)
    }

    /// A node at rest, no longer in the free list, which has its registration with this,
    /// and its id.
    fn take_node(&self, queue: &mut Queue) -> (u32, Registration) {
        if queue.free == EMPTY {
            self.find_nodes(queue);
        }
        let id = queue.free;
        let registration = Registration { node: queue.slab.node_ptr(id) };
        queue.free = registration.node().unlink(id);
        (id, registration)
    }

    #[cold]
    fn find_nodes(&self, queue: &mut Queue) {
        self.drain(queue);
        if queue.free == EMPTY {
            let owner = NonNull::from(self).cast();
            queue.free = queue.slab.grow(owner, queue.free);
        }
    }

    fn fire(&self, now: u64, out: &mut Vec<Waker>) -> usize {
        let count = out.len();
        if now < self.next() && !self.has_returned() {
            return 0;
        }
        while self.fire_batch(now, out) {}
        out.len() - count
    }

    /// Fires some. Returns whether more may be due.
    fn fire_batch(&self, now: u64, out: &mut Vec<Waker>) -> bool {
        let mut queue = self.lock();
        self.drain(&mut queue);
        for _ in 0..BATCH {
            let Some(id) = queue.agenda.pop_due(now) else { break };
            // SAFETY: by rule 3 the timer has begun; nodes go to rest under the
            // lock, which we hold.
            out.extend(unsafe { queue.node(id).fire(End::Fired) });
        }
        self.publish_next(&queue);
        queue.agenda.next_deadline().is_some_and(|next| next <= now)
    }

    /// Puts a cancelled node, which is that of `id`, on the stack of returned ones. `false`: the seat has
    /// ended, and whoever returns a node must put it to rest by himself.
    ///
    /// Takes pointers, since after `true` both may be gone.
    ///
    /// # Safety
    ///
    /// 1. The node's registration has not ended, and does so if this says `true`.
    /// 2. Its waker has been taken.
    unsafe fn give_back(ledger: NonNull<Self>, node: NonNull<Node>, id: u32) -> bool {
        // SAFETY: by (1) and rule 1 both live until the exchange succeeds, after
        // which neither reference is used.
        let ledger = unsafe { ledger.as_ref() };
        // SAFETY: as above.
        let node = unsafe { node.as_ref() };
        let returned = &ledger.returned;
        // Relaxed: the exchange below checks what we saw.
        let mut top = returned.load(Relaxed);
        loop {
            if top == CLOSED {
                return false;
            }
            node.set_below(top);
            // Y3: publishes that the waker has been taken.
            match returned.compare_exchange_weak(top, id, Release, Relaxed) {
                Ok(_) => return true,
                Err(now) => top = now,
            }
        }
    }

    /// Puts all returned nodes to rest.
    fn drain(&self, queue: &mut Queue) {
        // CLOSED is set under the lock, which shows in `queue`.
        if self.has_returned() {
            self.drain_and_leave(queue, EMPTY);
        }
    }

    /// Whether there is anything to drain.
    fn has_returned(&self) -> bool {
        // Relaxed: a hint, as `next`; the drain looks again.
        !matches!(self.returned.load(Relaxed), EMPTY | CLOSED)
    }

    fn drain_and_leave(&self, queue: &mut Queue, left: u32) {
        // Y3: the wakers of these nodes have been taken.
        let mut top = self.returned.swap(left, Acquire);
        while top != EMPTY {
            let id = top;
            top = queue.node(id).below();
            // SAFETY: by rule 2 a returned node has no registration any more, and
            // its waker was taken before it was returned.
            unsafe { queue.put_to_rest(id) };
        }
        self.publish_next(queue);
    }

    /// Ends the seat: see [`Timers`].
    fn close(ledger: &Arc<Self>, orphans: &mut Vec<Waker>) {
        // Y4: as in `insert`.
        let mut queue = ledger.queue.lock();
        ledger.drain_and_leave(&mut queue, CLOSED);
        while let Some(id) = queue.agenda.pop_due(u64::MAX) {
            // SAFETY: by rule 3 the timer has begun; nodes go to rest under the
            // lock, which we hold.
            orphans.extend(unsafe { queue.node(id).fire(End::Orphaned) });
        }
        ledger.publish_next(&queue);
        if queue.live > 0 {
            queue.keep = Some(ledger.clone());
        }
    }

    fn lock(&self) -> HomeGuard<'_, Queue> {
        match self.is_owners_thread() {
            true => self.queue.lock_at_home(),
            false => self.queue.lock(),
        }
    }

    /// Takes the lock on a thread that was not the seat's so far.
    #[cold]
    fn move_in(&self) -> HomeGuard<'_, Queue> {
        let queue = self.queue.lock();
        // Relaxed: a guess.
        self.owner.store(thread_mark(), Relaxed);
        queue
    }

    fn is_owners_thread(&self) -> bool {
        // Relaxed: a guess.
        self.owner.load(Relaxed) == thread_mark()
    }
}

impl Queue {
    fn node(&self, id: u32) -> &Node {
        self.slab.node(id)
    }

    /// Puts a node that nobody needs any more into the free list.
    ///
    /// # Safety
    ///
    /// 1. The node's registration has ended; its waker has been taken.
    unsafe fn put_to_rest(&mut self, id: u32) {
        self.agenda.remove(id);
        // SAFETY: that we hold the lock shows in `&mut self`; the node is not in
        // the agenda any more, and the rest is (1).
        unsafe { self.slab.node(id).rest() };
        let below = self.free;
        self.slab.node(id).set_below(below);
        self.end_registration(id);
    }

    /// The node of `id`, at rest and lying on the topmost, becomes that.
    fn end_registration(&mut self, id: u32) {
        self.free = id;
        debug_assert!(self.live > 0, "more registrations ended than began");
        self.live -= 1;
    }

    /// The ledger's hold of itself, if it was for the last registration.
    fn take_keep(&mut self) -> Option<Arc<Ledger>> {
        match self.live {
            0 => self.keep.take(),
            _ => None,
        }
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("next", &Moment(self.next()).instant())
            .finish_non_exhaustive()
    }
}

/// A timer that is set. Cancelled by dropping it, on any thread, at any time.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Registration {
    /// With leave to go from it to its chunk: see [`Slab::node_ptr`].
    pub(super) node: NonNull<Node>,
}

// SAFETY: it stands for a place in a ledger, which is made for many threads; the
// sleeper's rights at the node go with the one registration it has.
unsafe impl Send for Registration {}

// SAFETY: `&self` allows no more than to read and write words that are atomic.
unsafe impl Sync for Registration {}

impl Registration {
    /// How the timer stands.
    pub(crate) fn status(&self) -> Status {
        self.node().status()
    }

    /// How the timer stands; while it is armed, `waker` is the one it will wake.
    pub(crate) fn poll(&mut self, waker: &Waker) -> Status {
        match self.status() {
            // SAFETY: we are the sleeper.
            Status::Armed if !unsafe { self.node().will_wake(waker) } => {
                self.exchange(waker.clone())
            }
            status => status,
        }
    }

    /// A number for this timer, for wait sites.
    pub(crate) fn object(&self) -> usize {
        self.node.as_ptr().addr()
    }

    /// Moves the timer to another deadline, which is not [`Moment::NEVER`]. To be called
    /// on the thread of the seat.
    pub(crate) fn reset(&mut self, deadline: Moment, leeway: Leeway) -> Reset {
        debug_assert!(deadline != Moment::NEVER, "what never comes is not set");
        let (ledger, id) = (self.ledger(), self.node().id());
        let at = leeway.choose(deadline.0, NEVER);
        self.node().set_leeway(leeway);
        let mut queue = ledger.lock();
        if !queue.agenda.update(id, at) {
            return Reset::TooLate;
        }
        let came_first = at < ledger.next();
        ledger.publish_next(&queue);
        match came_first {
            true => Reset::CameFirst,
            false => Reset::Later,
        }
    }

    /// Cancels the timer. Returns its waker, unless it has ended before.
    pub(crate) fn cancel(self) -> Option<Waker> {
        let mut this = std::mem::ManuallyDrop::new(self);
        // SAFETY: `ManuallyDrop` keeps the registration from ending again.
        unsafe { this.end() }
    }

    fn exchange(&mut self, waker: Waker) -> Status {
        // SAFETY: we are the sleeper.
        let (status, unused) = unsafe { self.node().exchange(waker) };
        shim::assert_unlocked("the drop of a waker");
        drop(unused);
        status
    }

    fn ledger(&self) -> &Ledger {
        // SAFETY: the slab lives by rule 1, and by rule 2 the node has a registration.
        let owner = unsafe { owner_of(self.node) };
        // SAFETY: the owner is the ledger, and by rule 1 that lives as long as `self`.
        unsafe { owner.cast::<Ledger>().as_ref() }
    }

    pub(super) fn node(&self) -> &Node {
        // SAFETY: by rule 1 the slab lives as long as `self`.
        unsafe { self.node.as_ref() }
    }

    /// # Safety
    ///
    /// 1. The registration is not used again.
    unsafe fn end(&mut self) -> Option<Waker> {
        if self.ledger().is_owners_thread() {
            // SAFETY: (1).
            return unsafe { self.end_here() };
        }
        let (ledger, id) = (NonNull::from(self.ledger()), self.node().id());
        // SAFETY: we are the sleeper and, by (1), never touch the waker again.
        let waker = unsafe { self.node().cancel() };
        // SAFETY: by (1) the registration ends now; the waker has been taken, by us
        // or by whoever ended the timer.
        if !unsafe { Ledger::give_back(ledger, self.node, id) } {
            // SAFETY: by rule 1 it lives as long as the registration. (The node does not
            // lead to it any more: it has lost its id.)
            let queue = unsafe { ledger.as_ref() }.queue.lock();
            // SAFETY: the waker has been taken, by us or by whoever ended the
            // timer, and by (1) the registration ends with this.
            unsafe { put_to_rest_and_leave(queue, id) };
        }
        waker
    }

    /// Ends the registration under the lock: no other thread is in the way.
    ///
    /// # Safety
    ///
    /// 1. The registration is not used again.
    unsafe fn end_here(&mut self) -> Option<Waker> {
        let (ledger, id) = (self.ledger(), self.node().id());
        let mut queue = ledger.queue.lock_at_home();
        let Some(at) = queue.agenda.remove(id) else {
            // SAFETY: the timer has ended, so its waker has been taken, and by (1)
            // the registration ends with this.
            unsafe { put_to_rest_and_leave(queue, id) };
            return None;
        };
        // SAFETY: we are the sleeper, hold the lock, and have just taken the node
        // out of the agenda. With that the node is at rest: its word says ARMED.
        let waker = unsafe { self.node().take_unfired() };
        self.node().set_below(queue.free);
        queue.end_registration(id);
        if at <= ledger.next() {
            ledger.publish_next(&queue);
        }
        Some(waker)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: nobody uses a registration after its drop.
        let waker = unsafe { self.end() };
        shim::assert_unlocked("the drop of a waker");
        drop(waker);
    }
}

/// Puts a node to rest and lets go of the lock, and of the ledger if this was the
/// last registration of a seat that has ended.
///
/// # Safety
///
/// 1. The node's registration ends with this; its waker has been taken.
unsafe fn put_to_rest_and_leave(mut queue: HomeGuard<'_, Queue>, id: u32) {
    // SAFETY: (1).
    unsafe { queue.put_to_rest(id) };
    let keep = queue.take_keep();
    drop(queue);
    // Only now: the lock is part of it.
    drop(keep);
}
