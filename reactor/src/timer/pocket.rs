//! What does a sleep keep beside its deadline, in one word?
//!
//! ```text
//!     63 ───────────────── 20 19 ── 4   3   2  1  0
//!    ┌───────────────────────┬────────┬───┬───┬────┐
//!    │ turn                  │ leeway │ t │   │ 01 │  idle; t: there is a turn
//!    ├───────────────────────┴────────┴───┴───┼────┤
//!    │ address of a node                      │ 00 │  set: a registration
//!    ├───────────────────────┬────────┬───────┼────┤
//!    │                       │ leeway │       │ 10 │  elapsed
//!    ├───────────────────────┴────────┴───────┼────┤
//!    │ address of a box: leeway and waker     │ 11 │  never
//!    └────────────────────────────────────────┴────┘
//! ```
//!
//! As an `enum` the same takes two words, of which one says which, and a task that sleeps
//! eight bytes more. While a timer is set its leeway is in the node, where there is room
//! for it. Who waits for what never comes is rare and pays with a box.

use super::{leeway::Leeway, timers::Registration, turn::Turn};
use std::{
    fmt,
    mem::{self, ManuallyDrop},
    ptr::{self, NonNull},
    task::Waker,
};

const TAG: usize = 0b11;
const SET: usize = 0b00;
const IDLE: usize = 0b01;
const ELAPSED: usize = 0b10;
const NEVER: usize = 0b11;

const HAS_TURN: usize = 1 << 3;
const LEEWAY_SHIFT: u32 = 4;
const TURN_SHIFT: u32 = 20;

const _: () = assert!(TURN_SHIFT + Turn::BITS <= usize::BITS);
const _: () = assert!(align_of::<Far>() > TAG);

/// What has been done about a deadline.
#[derive(Debug)]
pub(crate) enum Kept {
    /// No timer is set. The turn in which the deadline was still ahead.
    Idle(Leeway, Option<Turn>),
    Set(Registration),
    Elapsed(Leeway),
    /// The deadline is too far away ever to come. Who waits all the same, for another.
    Never(Leeway, Waker),
}

/// A look into a pocket.
#[derive(Debug)]
pub(crate) enum View<'a> {
    Idle(Option<Turn>),
    Set(&'a mut Registration),
    Elapsed,
    Never(&'a mut Waker),
}

/// Whoever waits for what never comes.
struct Far {
    leeway: Leeway,
    waker: Waker,
}

/// One [`Kept`].
#[repr(transparent)]
pub(crate) struct Pocket(*mut ());

// SAFETY: it is a registration, or a box with a waker, or a number: each may move to
// another thread.
unsafe impl Send for Pocket {}

// SAFETY: as above; `&self` allows what it does with each of them.
unsafe impl Sync for Pocket {}

impl Pocket {
    pub(crate) fn new(kept: Kept) -> Self {
        Self(match kept {
            Kept::Set(registration) => registration.into_raw(),
            Kept::Idle(leeway, turn) => ptr::without_provenance_mut(idle(leeway, turn)),
            Kept::Elapsed(leeway) => ptr::without_provenance_mut(shifted(leeway) | ELAPSED),
            Kept::Never(leeway, waker) => Box::into_raw(Box::new(Far { leeway, waker }))
                .cast::<()>()
                .map_addr(|it| it | NEVER),
        })
    }

    /// Takes it out, and leaves that the time is over.
    pub(crate) fn take(&mut self) -> Kept {
        let leeway = self.leeway();
        let taken = ManuallyDrop::new(mem::replace(self, Self::new(Kept::Elapsed(leeway))));
        match taken.tag() {
            SET => {
                // SAFETY: the tag says that it is a registration, which is taken out
                // here and, what was taken being dropped by nobody, nowhere else.
                Kept::Set(unsafe { Registration::from_raw(taken.0) })
            }
            IDLE => Kept::Idle(leeway, turn(taken.0.addr())),
            ELAPSED => Kept::Elapsed(leeway),
            _ => {
                // SAFETY: the tag says that it is a box, which is taken out here and
                // nowhere else, as above.
                let far = unsafe { Box::from_raw(taken.far()) };
                Kept::Never(leeway, far.waker)
            }
        }
    }

    pub(crate) fn leeway(&self) -> Leeway {
        match self.tag() {
            SET => self.registration().leeway(),
            // SAFETY: the tag says that it is a box, which is ours.
            NEVER => unsafe { (*self.far()).leeway },
            _ => Leeway::from_bits((self.0.addr() >> LEEWAY_SHIFT) as u16),
        }
    }

    pub(crate) fn set_leeway(&mut self, leeway: Leeway) {
        match self.tag() {
            SET => self.registration().set_leeway(leeway),
            // SAFETY: the tag says that it is a box, which is ours.
            NEVER => unsafe { (*self.far()).leeway = leeway },
            _ => {
                let rest = self.0.addr() & !(usize::from(u16::MAX) << LEEWAY_SHIFT);
                self.0 = ptr::without_provenance_mut(rest | shifted(leeway));
            }
        }
    }

    #[inline]
    pub(crate) fn view(&mut self) -> View<'_> {
        match self.tag() {
            SET => {
                let set = ptr::from_mut(self).cast::<Registration>();
                // SAFETY: the tag says that it is a registration, of which our word has
                // all bits and no others.
                View::Set(unsafe { &mut *set })
            }
            IDLE => View::Idle(turn(self.0.addr())),
            ELAPSED => View::Elapsed,
            // SAFETY: the tag says that it is a box, which is ours.
            _ => View::Never(unsafe { &mut (*self.far()).waker }),
        }
    }

    /// The timer that is set.
    pub(crate) fn timer(&self) -> Option<&Registration> {
        (self.tag() == SET).then(|| self.registration())
    }

    pub(crate) fn is_elapsed(&self) -> bool {
        self.tag() == ELAPSED
    }

    pub(crate) fn is_never(&self) -> bool {
        self.tag() == NEVER
    }

    fn tag(&self) -> usize {
        self.0.addr() & TAG
    }

    fn registration(&self) -> &Registration {
        debug_assert_eq!(self.tag(), SET);
        let set = ptr::from_ref(self).cast::<Registration>();
        // SAFETY: whoever calls this has seen the tag, which says that it is a
        // registration; our word has all its bits and no others.
        unsafe { &*set }
    }

    /// The box of one that never comes.
    fn far(&self) -> *mut Far {
        self.0.map_addr(|it| it & !TAG).cast()
    }
}

/// What only a pocket asks for.
impl Registration {
    /// With what it was set, or last reset.
    pub(crate) fn leeway(&self) -> Leeway {
        self.node().leeway()
    }

    /// To be known by the next [`reset`](Self::reset); the timer that is set has what it
    /// was set with.
    fn set_leeway(&self, leeway: Leeway) {
        self.node().set_leeway(leeway);
    }

    /// As an address, whose lowest two bits are zero, for [`from_raw`](Self::from_raw).
    fn into_raw(self) -> *mut () {
        ManuallyDrop::new(self).node.as_ptr().cast()
    }

    /// # Safety
    ///
    /// 1. `raw` is what [`into_raw`](Self::into_raw) gave, and this is the one
    ///    registration made of it that is used.
    unsafe fn from_raw(raw: *mut ()) -> Self {
        // SAFETY: by (1) it was a pointer that is not null.
        Self { node: unsafe { NonNull::new_unchecked(raw.cast()) } }
    }
}

fn idle(leeway: Leeway, turn: Option<Turn>) -> usize {
    let turn = turn.map_or(0, |Turn(it)| (it as usize) << TURN_SHIFT | HAS_TURN);
    turn | shifted(leeway) | IDLE
}

fn shifted(leeway: Leeway) -> usize {
    usize::from(leeway.to_bits()) << LEEWAY_SHIFT
}

fn turn(idle: usize) -> Option<Turn> {
    (idle & HAS_TURN != 0).then_some(Turn((idle >> TURN_SHIFT) as u32))
}

impl Drop for Pocket {
    #[inline]
    fn drop(&mut self) {
        if matches!(self.tag(), SET | NEVER) {
            drop(self.take());
        }
    }
}

impl fmt::Debug for Pocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tag() {
            SET => f.debug_tuple("Set").field(self.registration()).finish(),
            IDLE => f.debug_tuple("Idle").field(&turn(self.0.addr())).finish(),
            ELAPSED => f.write_str("Elapsed"),
            _ => f.write_str("Never"),
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::timer::{Moment, Timers};
    use std::{sync::Arc, task::Wake, time::Duration};
    use sync::shim;

    struct Nobody;

    impl Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }

    fn leeways() -> [Leeway; 3] {
        [0, 12_345, u64::MAX].map(|it| Leeway::at_most(Duration::from_micros(it)))
    }

    #[test]
    fn what_is_put_in_comes_out() {
        for leeway in leeways() {
            for turn in [None, Some(Turn(0)), Some(Turn(u32::MAX >> (32 - Turn::BITS)))] {
                let mut pocket = Pocket::new(Kept::Idle(leeway, turn));
                assert!(matches!(pocket.view(), View::Idle(it) if it == turn));
                assert_eq!(pocket.leeway(), leeway);
                assert!(matches!(pocket.take(), Kept::Idle(a, b) if (a, b) == (leeway, turn)));
                assert!(matches!(pocket.take(), Kept::Elapsed(it) if it == leeway));
                assert!(pocket.is_elapsed() && pocket.timer().is_none());
            }
        }
    }

    #[test]
    fn a_leeway_may_change_in_every_state() {
        let waker = || Waker::from(Arc::new(Nobody));
        let timers = Timers::new();
        let at = Moment::of(shim::now());
        let set = timers.insert(at, Leeway::NONE, waker()).unwrap().0;
        let kept = [
            Kept::Idle(Leeway::NONE, Some(Turn(7))),
            Kept::Set(set),
            Kept::Elapsed(Leeway::NONE),
            Kept::Never(Leeway::NONE, waker()),
        ];
        for mut pocket in kept.map(Pocket::new) {
            for leeway in leeways() {
                pocket.set_leeway(leeway);
                assert_eq!(pocket.leeway(), leeway);
            }
            if let View::Idle(turn) = pocket.view() {
                assert_eq!(turn, Some(Turn(7)));
            }
        }
        assert_eq!(timers.counts().0, 0);
    }

    #[test]
    fn a_waker_that_waits_for_ever_is_dropped_once() {
        let nobody = Arc::new(Nobody);
        let never = || Pocket::new(Kept::Never(Leeway::NONE, nobody.clone().into()));
        let (dropped, mut taken) = (never(), never());
        assert!(dropped.is_never());
        drop(dropped);
        let Kept::Never(_, waker) = taken.take() else { panic!("it is what was put in") };
        drop(taken);
        assert_eq!(Arc::strong_count(&nobody), 2);
        drop(waker);
        assert_eq!(Arc::strong_count(&nobody), 1);
    }
}
