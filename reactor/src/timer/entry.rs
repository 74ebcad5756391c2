//! Who gets the waker of a timer: the one who fires it or the one who cancels?
//!
//! A timer's [`Node`] lies in a slab of its seat, outside the future that waits
//! (the *sleeper*), so that the future may move, end, and end on any thread. One
//! word decides what became of the timer:
//!
//! ```text
//!                 fire              exchange of the waker (sleeper)
//!   ARMED ──────────────▶ FIRED     ARMED ◀──────▶ ARMED | UPDATING
//!     │  │                                              │ fire
//!     │  └── the seat ends ──▶ ORPHANED                 ▼
//!     └── cancel ──▶ CANCELLED               FIRED | UPDATING ──▶ FIRED
//! ```
//!
//! A timer that fires in the middle of an exchange leaves the waker alone: the
//! sleeper is being polled at that moment and sees FIRED at the end of it. So
//! nobody ever waits for the other.
//!
//! A node at rest, in the free list, is ARMED too: to take it from there and to
//! put it back is the business of whoever holds the seat's lock, and costs no
//! read-modify-write.
//!
//! # Who may touch the waker
//!
//! | state              | who                                                    |
//! |--------------------|--------------------------------------------------------|
//! | at rest            | nobody: there is none                                  |
//! | ARMED              | the sleeper may compare it; the sleeper, holding the   |
//! |                    | lock and with the node still set, may take it          |
//! | UPDATING           | the sleeper                                            |
//! | FIRED, ORPHANED    | the one who fired, until it lets go of the lock        |
//! | CANCELLED          | the sleeper, who cancelled                             |
//!
//! To take is to copy the bits out: the cell is not written, so the sleeper may
//! go on comparing addresses while somebody else fires.
//!
//! # Synchronization edges
//!
//! | edge | released by          | acquired by                | what crosses         |
//! |------|----------------------|----------------------------|----------------------|
//! | Y1   | [`Node::end_update`] | [`Node::fire`]             | the new waker        |
//! | Y2   | [`Node::fire`]       | [`Node::status`]           | what led to the fire |
//!
//! (The first waker crosses to the one who fires by the lock of the seat.)
//!
//! # Rejected
//!
//! * A REST state: two more read-modify-writes, 20 ns, per timer.
//! * The waker under the seat's lock: a poll that only compares wakers would
//!   take a lock that may be another worker's.

use super::leeway::Leeway;
use std::{mem::MaybeUninit, task::Waker};
use sync::shim::{
    atomic::{
        AtomicU8, AtomicU16, AtomicU32,
        Ordering::{AcqRel, Acquire, Relaxed},
    },
    cell::UnsafeCell,
};

const ARMED: u8 = 0;
const FIRED: u8 = 1;
const ORPHANED: u8 = 2;
const CANCELLED: u8 = 3;
const STAGE_MASK: u8 = 0b11;
/// The sleeper exchanges the waker.
const UPDATING: u8 = 0b100;

/// How a sleeper finds its timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// The deadline has not come.
    Armed,
    /// It has.
    Fired,
    /// The seat ended before: nobody will fire this timer any more.
    Orphaned,
}

/// What became of a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Reset {
    /// Done.
    Later,
    /// Done, and the timer is now the earliest of its seat.
    CameFirst,
    /// The timer had ended: set another.
    TooLate,
}

/// What ends a timer from the side of its seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Fired,
    Orphaned,
}

/// What to do about the waker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
enum Take {
    /// It is ours now.
    It,
    /// It is somebody else's.
    Nothing,
}

/// The state word, read once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Snapshot(u8);

impl Snapshot {
    const REST: Self = Self(ARMED);

    fn stage(self) -> u8 {
        self.0 & STAGE_MASK
    }

    fn is_updating(self) -> bool {
        self.0 & UPDATING != 0
    }

    fn with_stage(self, stage: u8) -> Self {
        Self(self.0 & !STAGE_MASK | stage)
    }

    fn status(self) -> Status {
        match self.stage() {
            FIRED => Status::Fired,
            ORPHANED => Status::Orphaned,
            _ => Status::Armed,
        }
    }

    /// The deadline has come, or the seat ends.
    fn end(self, end: End) -> (Self, Take) {
        let stage = match end {
            End::Fired => FIRED,
            End::Orphaned => ORPHANED,
        };
        match (self.stage(), self.is_updating()) {
            (ARMED, false) => (self.with_stage(stage), Take::It),
            // The sleeper sees it at the end of the exchange.
            (ARMED, true) => (self.with_stage(stage), Take::Nothing),
            _ => (self, Take::Nothing),
        }
    }

    fn cancel(self) -> (Self, Take) {
        match self.0 {
            ARMED => (Self(CANCELLED), Take::It),
            _ => (self, Take::Nothing),
        }
    }

    fn begin_update(self) -> (Self, Take) {
        match self.0 {
            ARMED => (Self(ARMED | UPDATING), Take::It),
            _ => (self, Take::Nothing),
        }
    }

    fn end_update(self) -> (Self, Status) {
        let next = Self(self.0 & !UPDATING);
        (next, next.status())
    }
}

/// One timer. 24 bytes where a pointer has eight: there are millions.
#[derive(Debug)]
pub(super) struct Node {
    waker: UnsafeCell<MaybeUninit<Waker>>,
    state: AtomicU8,
    /// The sleeper's, who keeps it here.
    leeway: AtomicU16,
    /// While it has a registration: its own id. On the stack of returned nodes and in
    /// the free list: the id of the one below.
    link: AtomicU32,
}

#[cfg(not(any(loom, shuttle)))]
const _: () = assert!(size_of::<Node>() == size_of::<Waker>() + size_of::<u64>());

// SAFETY: `waker`, the one field that is not atomic or constant, is touched as
// "Who may touch the waker" says, which the obligations of the functions below
// and the state word's transitions see to.
unsafe impl Sync for Node {}

impl Node {
    /// A node at rest, in a list.
    pub(super) fn new(below: u32) -> Self {
        Self {
            waker: UnsafeCell::new(MaybeUninit::uninit()),
            state: AtomicU8::new(Snapshot::REST.0),
            leeway: AtomicU16::new(Leeway::NONE.to_bits()),
            link: AtomicU32::new(below),
        }
    }

    /// Its id, as long as its registration has not begun to give it back.
    pub(super) fn id(&self) -> u32 {
        // Relaxed: whoever has the registration has it by way of who took the node.
        self.link.load(Relaxed)
    }

    /// Takes it out of its list, of which the caller knows that it is the top.
    /// Returns the one below.
    pub(super) fn unlink(&self, id: u32) -> u32 {
        let below = self.below();
        // Relaxed: under the lock.
        self.link.store(id, Relaxed);
        below
    }

    pub(super) fn below(&self) -> u32 {
        // Relaxed: the stack's own edge carries it, or the lock.
        self.link.load(Relaxed)
    }

    pub(super) fn set_below(&self, id: u32) {
        // Relaxed: the stack's own edge carries it, or the lock.
        self.link.store(id, Relaxed);
    }

    pub(super) fn leeway(&self) -> Leeway {
        // Relaxed: the sleeper's own.
        Leeway::from_bits(self.leeway.load(Relaxed))
    }

    /// By the sleeper.
    pub(super) fn set_leeway(&self, leeway: Leeway) {
        // Relaxed: the sleeper's own.
        self.leeway.store(leeway.to_bits(), Relaxed);
    }

    /// Y2: sees what led to the fire.
    pub(super) fn status(&self) -> Status {
        Snapshot(self.state.load(Acquire)).status()
    }

    /// Gives a node at rest its waker: the timer begins.
    ///
    /// # Safety
    ///
    /// 1. The node is at rest, and the caller alone knows of it.
    pub(super) unsafe fn begin(&self, waker: Waker) {
        debug_assert_eq!(self.state.load(Relaxed), Snapshot::REST.0);
        // SAFETY: by (1) nobody else touches the cell.
        self.waker.with_mut(|cell| unsafe { cell.write(MaybeUninit::new(waker)) });
    }

    /// Ends the timer from the side of its seat. Returns the waker to call.
    ///
    /// Y1: sees the waker of the last exchange.
    ///
    /// # Safety
    ///
    /// 1. The timer has begun, and its node does not go to rest before the
    ///    caller lets go of the seat's lock.
    pub(super) unsafe fn fire(&self, end: End) -> Option<Waker> {
        match self.update(|seen| seen.end(end)) {
            // SAFETY: there is a waker by (1), and our transition made it ours.
            Take::It => Some(unsafe { self.take() }),
            Take::Nothing => None,
        }
    }

    /// Cancels the timer, without the lock. Returns the waker, if it was not
    /// fired before.
    ///
    /// # Safety
    ///
    /// 1. The caller is the sleeper, and does not touch the waker again.
    pub(super) unsafe fn cancel(&self) -> Option<Waker> {
        match self.update(Snapshot::cancel) {
            // SAFETY: the timer has begun, since by (1) it has a sleeper, and our
            // transition made the waker ours.
            Take::It => Some(unsafe { self.take() }),
            Take::Nothing => None,
        }
    }

    /// Takes the waker of a timer that nobody can fire any more.
    ///
    /// # Safety
    ///
    /// 1. The caller is the sleeper and holds the seat's lock.
    /// 2. It has itself just taken the node out of the agenda.
    pub(super) unsafe fn take_unfired(&self) -> Waker {
        debug_assert_eq!(self.state.load(Relaxed), ARMED);
        // SAFETY: only what is in the agenda is fired, so by (2) this never was and
        // by (1) never will be: the waker is there, and ours by rule ARMED.
        unsafe { self.take() }
    }

    /// Whether the timer would wake the same as `other` does.
    ///
    /// # Safety
    ///
    /// 1. The caller is the sleeper.
    pub(super) unsafe fn will_wake(&self, other: &Waker) -> bool {
        self.waker.with(|cell| {
            // SAFETY: the timer has begun since by (1) it has a sleeper, who
            // alone writes the cell; another thread can only copy it.
            let bits = unsafe { &*cell };
            // SAFETY: as above, the bits are those of a waker. It may be somebody
            // else's by now, or dropped; `will_wake` compares two addresses and
            // follows neither.
            unsafe { bits.assume_init_ref() }.will_wake(other)
        })
    }

    /// Puts another waker in place of the one before, unless the timer has
    /// ended. Returns how the timer stands and the waker that is left over.
    ///
    /// # Safety
    ///
    /// 1. The caller is the sleeper.
    pub(super) unsafe fn exchange(&self, waker: Waker) -> (Status, Waker) {
        match self.update(Snapshot::begin_update) {
            Take::Nothing => return (self.status(), waker),
            Take::It => (),
        }
        // SAFETY: by (1) the timer has begun, and UPDATING makes the waker ours.
        let before = unsafe { self.take() };
        // SAFETY: as above; what was in the cell has been taken.
        self.waker.with_mut(|cell| unsafe { cell.write(MaybeUninit::new(waker)) });
        match self.end_update() {
            Status::Armed => (Status::Armed, before),
            ended => {
                // SAFETY: who ended the timer during the exchange has left the
                // waker to us.
                let unused = unsafe { self.take() };
                drop(before);
                (ended, unused)
            }
        }
    }

    /// Y1: publishes the new waker.
    fn end_update(&self) -> Status {
        self.update(Snapshot::end_update)
    }

    /// Puts the node to rest.
    ///
    /// # Safety
    ///
    /// 1. The caller holds the seat's lock; the timer has no sleeper any more, is
    ///    not in the agenda, and its waker has been taken.
    pub(super) unsafe fn rest(&self) {
        // Relaxed: the next to look comes by the lock.
        self.state.swap(Snapshot::REST.0, Relaxed);
    }

    /// # Safety
    ///
    /// 1. There is a waker in the cell, and it belongs to the caller.
    /// 2. Nobody takes it again.
    unsafe fn take(&self) -> Waker {
        self.waker.with(|cell| {
            // SAFETY: by (1) nobody writes to the cell meanwhile.
            let bits = unsafe { &*cell };
            // SAFETY: by (1) the bits are those of a waker; by (2) this is the
            // one copy that is used as one.
            unsafe { bits.assume_init_read() }
        })
    }

    /// The one place that changes the word while others may.
    ///
    /// Y1, Y2: an end and an exchange each publish what their thread wrote, and
    /// see what the other's did.
    fn update<A>(&self, transition: impl Fn(Snapshot) -> (Snapshot, A)) -> A {
        let mut seen = self.state.load(Acquire);
        loop {
            let (next, action) = transition(Snapshot(seen));
            if next.0 == seen {
                return action;
            }
            match self.state.compare_exchange_weak(seen, next.0, AcqRel, Acquire) {
                Ok(_) => return action,
                Err(now) => seen = now,
            }
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        debug_assert_eq!(self.state.load(Relaxed), Snapshot::REST.0);
        // Nothing is left in the cell; a model sees here who still looks at it.
        self.waker.with_mut(|_| ());
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    const STAGES: [u8; 4] = [ARMED, FIRED, ORPHANED, CANCELLED];

    /// Every word there can be.
    fn words() -> impl Iterator<Item = Snapshot> {
        STAGES.into_iter().flat_map(|stage| [Snapshot(stage), Snapshot(stage | UPDATING)])
    }

    #[test]
    fn exactly_one_takes_the_waker() {
        // All orders of one end, one cancel and one exchange: an exchange that is
        // under way keeps the waker, otherwise the first to end the timer has it.
        for word in words() {
            let is_free = word.0 == ARMED;
            for end in [End::Fired, End::Orphaned] {
                let (ended, taken) = word.end(end);
                assert_eq!(taken == Take::It, is_free, "{word:?}");
                assert_eq!(ended.end(End::Fired), (ended, Take::Nothing), "ends once");
                assert_eq!(ended.cancel(), (ended, Take::Nothing), "{word:?}");
                assert_eq!(ended.begin_update(), (ended, Take::Nothing), "{word:?}");
            }
            let (cancelled, taken) = word.cancel();
            assert_eq!(taken == Take::It, is_free, "{word:?}");
            if taken == Take::It {
                assert_eq!(cancelled.end(End::Fired), (cancelled, Take::Nothing));
                assert_eq!(cancelled.begin_update(), (cancelled, Take::Nothing));
            }
        }
    }

    #[test]
    fn an_exchange_learns_of_an_end_in_its_middle() {
        let (updating, took) = Snapshot::REST.begin_update();
        assert_eq!(took, Take::It);
        assert_eq!(updating.end_update(), (Snapshot::REST, Status::Armed));
        for (end, status) in [(End::Fired, Status::Fired), (End::Orphaned, Status::Orphaned)] {
            let (ended, taken) = updating.end(end);
            assert_eq!(taken, Take::Nothing, "the sleeper has it");
            let (after, seen) = ended.end_update();
            assert_eq!((after.status(), seen), (status, status));
            assert!(!after.is_updating());
        }
    }

    #[test]
    fn an_end_is_final_and_keeps_the_exchange() {
        for word in words() {
            let (ended, _) = word.end(End::Fired);
            assert_eq!(ended.is_updating(), word.is_updating());
            if word.stage() != ARMED {
                assert_eq!(ended, word);
            }
        }
    }
}
