//! Who may touch the value, the wakers and the memory of a oneshot channel?
//!
//! All the `unsafe` of the channel is here. A [`Half`] carries the obligations:
//! there is one per side, whoever has it may act for that side, and when it is
//! dropped that side is gone.
//!
//! # Who may touch what
//!
//! 1. The channel lives until both halves are GONE. A half touches it only before
//!    it sets its GONE, except that the one which finds the other GONE frees it.
//! 2. The value belongs to the sender until VALUE is set, then to the receiver,
//!    which takes it once, when it parts.
//! 3. A side's slot belongs to that side's half while its WAKER is clear. While
//!    WAKER is set the slot is full and nobody writes it. When the other half
//!    becomes DONE while WAKER is set, the waker is the other's, which takes it out by
//!    copying; the words stay, so that they can still be compared. The sender copies
//!    the first waker of the receiver before it becomes DONE, and GONE with it: see
//!    [`waker_slot`](crate::waker_slot).
//!
//! # Synchronization edges
//!
//! | edge | released by             | acquired by                | what crosses            |
//! |------|-------------------------|----------------------------|-------------------------|
//! | O1   | [`Half::deliver`]       | the receiver's load        | the value               |
//! | O2   | [`Half::poll_other`]    | the other half's ending    | the waker in the slot   |
//! | O3   | a half that leaves      | the half that frees        | the last access         |

use super::state::{Deliver, Leave, Part, Register, Retract, Side, Snapshot, State, Takings};
use crate::{
    shim::{self, cell::UnsafeCell},
    waker_slot::WakerSlot,
};
use std::{
    fmt,
    marker::PhantomData,
    mem::{self, ManuallyDrop, MaybeUninit},
    ptr::NonNull,
    task::{Context, Poll, Waker},
};

struct Channel<T> {
    state: State,
    value: UnsafeCell<MaybeUninit<T>>,
    /// The slots of the sender and of the receiver.
    wakers: [WakerSlot; 2],
}

/// Which side a [`Half`] is.
pub(super) trait Role {
    const SIDE: Side;
}

/// The side that sends.
#[derive(Debug)]
pub(super) enum Sends {}

/// The side that receives.
#[derive(Debug)]
pub(super) enum Receives {}

impl Role for Sends {
    const SIDE: Side = Side::Sender;
}

impl Role for Receives {
    const SIDE: Side = Side::Receiver;
}

/// One side of a channel: the right to act for it.
pub(super) struct Half<T, R: Role> {
    channel: NonNull<Channel<T>>,
    role: PhantomData<R>,
}

/// What a half that parted took along.
struct Taken<T> {
    mine: Option<Waker>,
    theirs: Option<Waker>,
    value: Option<T>,
}

/// Both halves of a new channel.
pub(super) fn halves<T>() -> (Half<T, Sends>, Half<T, Receives>) {
    let channel = Box::new(Channel {
        state: State::new(),
        value: UnsafeCell::new(MaybeUninit::uninit()),
        wakers: [WakerSlot::new(), WakerSlot::new()],
    });
    let channel = NonNull::from(Box::leak(channel));
    (Half { channel, role: PhantomData }, Half { channel, role: PhantomData })
}

impl<T> Half<T, Sends> {
    /// Hands `value` to the receiver, or gives it back if that one is done.
    pub(super) fn deliver(mut self, value: T) -> Result<(), T> {
        self.forget_waker();
        if self.seen().is_done(Side::Receiver) {
            return Err(value);
        }
        // SAFETY: rule 2: VALUE is not set, or there would be no sender's half.
        self.channel().value.with_mut(|place| unsafe { (*place).write(value) });
        // O1: publishes the value. O2: sees the waker that is copied.
        let slot = &self.channel().wakers[Side::Receiver as usize];
        let (deliver, copied) = self.channel().state.deliver(|| slot.copy());
        let waker = match deliver {
            Deliver::Refuse => {
                // SAFETY: rule 2: VALUE is not set; we wrote the value just now.
                return Err(unsafe { self.read_value() });
            }
            Deliver::Go => None,
            // SAFETY: rule 3: the receiver's WAKER was set when we became DONE, and was
            // its first, so it is what we copied; it is ours.
            Deliver::Call => copied.map(|it| unsafe { it.into_waker() }),
            Deliver::Wake => {
                // SAFETY: rule 3: the receiver's WAKER was set when we became DONE.
                let waker = unsafe { self.read_waker(Side::Receiver) };
                self.leave();
                Some(waker)
            }
        };
        // Rule 1: we are GONE.
        mem::forget(self);
        wake(waker);
        Ok(())
    }
}

impl<T> Half<T, Receives> {
    /// The value, if one was sent. The receiver is gone.
    pub(super) fn take(self) -> Option<T> {
        let mut half = ManuallyDrop::new(self);
        // O1, O3: sees the value, and the sender's last access.
        let seen = half.seen();
        if seen.has_value() && seen.is_gone(Side::Sender) {
            // Who sends has taken its waker back, and ours is its to call.
            debug_assert!(!seen.has_waker(Side::Sender), "{seen:?}");
            // SAFETY: rule 2: VALUE is set, and we part.
            let value = unsafe { half.read_value() };
            half.obey(Leave::Free);
            return Some(value);
        }
        // SAFETY: the half is not touched any more, nor dropped.
        let Taken { mine, theirs, value } = unsafe { half.part() };
        wake(theirs);
        drop(mine);
        value
    }

    /// Refuses whatever has not been sent by now. Wakes a sender that waits for it.
    pub(super) fn close(&mut self) {
        let Takings { mine, theirs, value: _ } =
            self.channel().state.update(|it| it.end(Side::Receiver));
        // SAFETY: rule 3: `end` cleared our WAKER, and the sender was not DONE.
        let mine = mine.then(|| unsafe { self.read_waker(Side::Receiver) });
        // SAFETY: rule 3: the sender's WAKER was set when we became DONE.
        let theirs = theirs.then(|| unsafe { self.read_waker(Side::Sender) });
        wake(theirs);
        drop(mine);
    }
}

impl<T, R: Role> Half<T, R> {
    /// The state of the channel now.
    pub(super) fn seen(&self) -> Snapshot {
        self.channel().state.load()
    }

    /// An opaque number, the same for both halves.
    pub(super) fn id(&self) -> usize {
        self.channel.addr().get()
    }

    /// Waits until the other half is done. Of several wakers the last is called.
    pub(super) fn poll_other(&mut self, cx: &Context<'_>) -> Poll<()> {
        let seen = self.seen();
        if seen.is_done(R::SIDE.other()) {
            return Poll::Ready(());
        }
        let mut old = None;
        if seen.has_waker(R::SIDE) && self.will_wake(cx.waker()) {
            return Poll::Pending;
        }
        // Before anything changes: the clone may panic.
        let new = cx.waker().clone();
        if seen.has_waker(R::SIDE) {
            match self.channel().state.update(|it| it.retract(R::SIDE)) {
                Retract::Stop => return Poll::Ready(()),
                // SAFETY: rule 3: our WAKER was set, and is now clear.
                Retract::Take => old = Some(unsafe { self.read_waker(R::SIDE) }),
            }
        }
        let result = self.leave_waker(new);
        drop(old);
        result
    }

    /// Takes back the waker that [`poll_other`](Self::poll_other) left, if any.
    pub(super) fn forget_waker(&mut self) {
        if !self.seen().has_waker(R::SIDE) {
            return;
        }
        if self.channel().state.update(|it| it.retract(R::SIDE)) == Retract::Take {
            // SAFETY: rule 3: our WAKER was set, and is now clear.
            drop(unsafe { self.read_waker(R::SIDE) });
        }
    }

    fn leave_waker(&mut self, waker: Waker) -> Poll<()> {
        // Rule 3: our WAKER is clear, so the slot is ours.
        self.channel().wakers[R::SIDE as usize].put(waker);
        // O2: publishes the waker.
        match self.channel().state.update(|it| it.register(R::SIDE)) {
            Register::Wait => Poll::Pending,
            Register::Stop => {
                // SAFETY: rule 3: our WAKER is clear still; we wrote it just now.
                drop(unsafe { self.read_waker(R::SIDE) });
                Poll::Ready(())
            }
        }
    }

    /// Whether the waker in our slot is `waker`. Our WAKER is set.
    fn will_wake(&self, waker: &Waker) -> bool {
        // Rule 3: it is full, and nobody writes it. The other half may be calling the
        // waker just now: its two words are compared with ours, and neither followed.
        self.channel().wakers[R::SIDE as usize].holds(waker)
    }

    /// Ends, takes what is ours to take, leaves, and frees the channel if we are
    /// the last.
    ///
    /// # Safety
    ///
    /// The half is not used after this, not even dropped.
    unsafe fn part(&mut self) -> Taken<T> {
        let seen = self.seen();
        if seen.is_gone(R::SIDE.other()) {
            // Nobody else is here to read the word, so it need not be written.
            let (_, takings) = seen.end(R::SIDE);
            // SAFETY: this is what the state told us to take.
            let taken = unsafe { self.take_out(takings) };
            self.obey(Leave::Free);
            return taken;
        }
        match self.channel().state.update(|it| it.part(R::SIDE)) {
            Part::Go(leave) => {
                self.obey(leave);
                Taken { mine: None, theirs: None, value: None }
            }
            Part::Take(takings) => {
                // SAFETY: this is what the state told us to take.
                let taken = unsafe { self.take_out(takings) };
                self.leave();
                taken
            }
        }
    }

    /// # Safety
    ///
    /// The state has told us so, and we do it once.
    unsafe fn take_out(&mut self, takings: Takings) -> Taken<T> {
        Taken {
            // SAFETY: rule 3: the state has cleared our WAKER.
            mine: takings.mine.then(|| unsafe { self.read_waker(R::SIDE) }),
            // SAFETY: rule 3: we are DONE, and their WAKER was set by then.
            theirs: takings.theirs.then(|| unsafe { self.read_waker(R::SIDE.other()) }),
            // SAFETY: rule 2: we are the receiver, VALUE is set, and we part.
            value: takings.value.then(|| unsafe { self.read_value() }),
        }
    }

    /// O3: publishes our last access.
    fn leave(&mut self) {
        let leave = self.channel().state.update(|it| it.leave(R::SIDE));
        self.obey(leave);
    }

    fn obey(&mut self, leave: Leave) {
        if leave == Leave::Forget {
            return;
        }
        // SAFETY: rule 1: the other half is GONE, and we are the one that found it
        // so; the box is the one that `halves` leaked.
        let channel = unsafe { Box::from_raw(self.channel.as_ptr()) };
        // O3: a model sees that nobody else is at the cells any more.
        channel.value.with_mut(|_| ());
    }

    fn channel(&self) -> &Channel<T> {
        // SAFETY: rule 1: this half is not GONE, so the channel lives. It is only
        // ever shared: what changes in it lies in cells.
        unsafe { self.channel.as_ref() }
    }

    /// # Safety
    ///
    /// The value is ours by rule 2, and will not be read again.
    unsafe fn read_value(&self) -> T {
        self.channel().value.with_mut(|place| {
            // SAFETY: it is ours.
            let place = unsafe { &*place };
            // SAFETY: by rule 2 there is one, and it is read once.
            unsafe { place.assume_init_read() }
        })
    }

    /// # Safety
    ///
    /// The waker of `side` is ours by rule 3, and will not be taken again.
    unsafe fn read_waker(&self, side: Side) -> Waker {
        let words = self.channel().wakers[side as usize].copy();
        // SAFETY: by rule 3 the slot is full, and its waker is ours and taken once.
        unsafe { words.into_waker() }
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        shim::assert_unlocked("a waker");
        waker.wake();
    }
}

impl<T, R: Role> Drop for Half<T, R> {
    fn drop(&mut self) {
        // SAFETY: it is being dropped.
        let Taken { mine: _mine, theirs, value: _value } = unsafe { self.part() };
        // First, so that a panic of a destructor cannot keep the other half asleep.
        wake(theirs);
    }
}

// SAFETY: what a half can reach is a value, moved from one side to the other, and
// wakers, which are `Send`; O1 to O3 order the accesses.
unsafe impl<T: Send, R: Role> Send for Half<T, R> {}
// SAFETY: a shared half only loads the word.
unsafe impl<T: Send, R: Role> Sync for Half<T, R> {}

impl<T, R: Role> fmt::Debug for Half<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.seen().fmt(f)
    }
}
