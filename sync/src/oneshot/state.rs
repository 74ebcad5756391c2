//! The state word of a oneshot channel: who has ended, who waits, who is gone.
//!
//! ```text
//!       7       6       5      4       3      2      1       0
//!   ┌───────┬───────┬──────┬───────┬──────┬──────┬───────┬──────┐
//!   │ AGAIN │ VALUE │ GONE │ WAKER │ DONE │ GONE │ WAKER │ DONE │
//!   └───────┴───────┴──────┴───────┴──────┴──────┴───────┴──────┘
//!                    └───── receiver ────┘ └────── sender ─────┘
//! ```
//!
//! | bit   | says                                                              |
//! |-------|-------------------------------------------------------------------|
//! | VALUE | the value is there; set with the sender's DONE                    |
//! | DONE  | this half has sent, closed or been dropped: the other's wait ends |
//! | WAKER | this half has left a waker; only this half changes the bit        |
//! | GONE  | this half touches the channel no more                             |
//! | AGAIN | the receiver has taken a waker back: the next is not its first    |
//!
//! Once a half is DONE, a waker that the other half had left by then belongs to
//! the half that is DONE, and it takes it before it is GONE. The half that finds
//! the other one GONE when it leaves frees the channel.
//!
//! A receiver's first waker the sender copies before it is DONE, so it is GONE with the
//! same write: the word with WAKER and without AGAIN does not come back once it was
//! left, hence an exchange from it proves that the copy is whole.

use crate::shim::atomic::{
    AtomicU8,
    Ordering::{AcqRel, Acquire, Relaxed},
};

/// One of the two halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Sender,
    Receiver,
}

impl Side {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Sender => Self::Receiver,
            Self::Receiver => Self::Sender,
        }
    }

    const fn shift(self) -> u8 {
        match self {
            Self::Sender => 0,
            Self::Receiver => 3,
        }
    }

    const fn done(self) -> u8 {
        1 << self.shift()
    }

    const fn waker(self) -> u8 {
        2 << self.shift()
    }

    const fn gone(self) -> u8 {
        4 << self.shift()
    }
}

const VALUE: u8 = 1 << 6;
const AGAIN: u8 = 1 << 7;

/// The atomic word. Transitions are [`Snapshot`]'s; this type only publishes them.
#[derive(Debug)]
pub(super) struct State(AtomicU8);

/// What [`Snapshot::deliver`] tells the sender to do.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deliver {
    /// The receiver is done: take the value back.
    Refuse,
    /// Nobody waits: we are gone.
    Go,
    /// Call the receiver's waker, which was copied: we are gone.
    Call,
    /// Take the receiver's waker, leave, and call it.
    Wake,
}

/// What [`Snapshot::register`] tells a half that wants to wait.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Register {
    /// The waker will be called.
    Wait,
    /// The other half is done: take the waker back.
    Stop,
}

/// What [`Snapshot::retract`] tells a half that wants its waker back.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retract {
    /// It is ours: take it.
    Take,
    /// The other half is done, and takes it.
    Stop,
}

/// What a half that ends has to take out of the channel.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Takings {
    /// The waker it left itself.
    pub(super) mine: bool,
    /// The waker which the other half left, to be called.
    pub(super) theirs: bool,
    /// The value.
    pub(super) value: bool,
}

/// What [`Snapshot::part`] tells a half that goes away.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Nothing to take: we are gone.
    Go(Leave),
    /// Take this, then [`Snapshot::leave`].
    Take(Takings),
}

/// What [`Snapshot::leave`] tells a half.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// The other half frees the channel.
    Forget,
    /// We were the last.
    Free,
}

impl State {
    pub(super) fn new() -> Self {
        Self(AtomicU8::new(0))
    }

    /// O1, O3: sees the value before VALUE, and all that a half did before GONE.
    pub(super) fn load(&self) -> Snapshot {
        Snapshot(self.0.load(Acquire))
    }

    /// [`Snapshot::deliver`]. For [`Deliver::Call`] also gives what `copy` copied out of
    /// the receiver's slot.
    #[inline]
    pub(super) fn deliver<W>(&self, copy: impl Fn() -> W) -> (Deliver, Option<W>) {
        // O2: sees the waker that is copied.
        let mut seen = self.0.load(Acquire);
        loop {
            let (next, action) = Snapshot(seen).deliver();
            if action == Deliver::Refuse {
                return (action, None);
            }
            let copied = (action == Deliver::Call).then(&copy);
            // O1, O2, O3: as in `update`, but on failure O2 again.
            match self.0.compare_exchange_weak(seen, next.0, AcqRel, Acquire) {
                Ok(_) => return (action, copied),
                Err(actual) => seen = actual,
            }
        }
    }

    /// With [`deliver`](Self::deliver), the only place that writes the word. What a step leaves as it was is not
    /// written, and synchronizes nothing.
    pub(super) fn update<A>(&self, step: impl Fn(Snapshot) -> (Snapshot, A)) -> A {
        // Relaxed: a first look, which the exchange confirms.
        let mut seen = self.0.load(Relaxed);
        loop {
            let (next, action) = step(Snapshot(seen));
            if next.0 == seen {
                return action;
            }
            // O1, O2, O3: publishes the value, the waker, and our last access;
            // sees those of the other half. Relaxed on failure: as above.
            match self.0.compare_exchange_weak(seen, next.0, AcqRel, Relaxed) {
                Ok(_) => return action,
                Err(actual) => seen = actual,
            }
        }
    }
}

/// One value of the word. Its methods are the whole state machine, and pure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Snapshot(u8);

impl Snapshot {
    /// Whether the value is there, or was before the receiver took it.
    pub(super) const fn has_value(self) -> bool {
        self.has(VALUE)
    }

    /// Whether `side` has sent, closed or been dropped.
    pub(super) const fn is_done(self, side: Side) -> bool {
        self.has(side.done())
    }

    /// Whether `side` has left a waker.
    pub(super) const fn has_waker(self, side: Side) -> bool {
        self.has(side.waker())
    }

    /// Whether `side` touches the channel no more.
    pub(super) const fn is_gone(self, side: Side) -> bool {
        self.has(side.gone())
    }

    /// The sender has written the value, and hands it over.
    pub(super) fn deliver(self) -> (Self, Deliver) {
        debug_assert!(!self.has(Side::Sender.done() | Side::Sender.waker()), "{self:?}");
        if self.is_done(Side::Receiver) {
            return (self, Deliver::Refuse);
        }
        let next = self.with(VALUE | Side::Sender.done());
        match self.has_waker(Side::Receiver) {
            true if self.has(AGAIN) => (next, Deliver::Wake),
            true => (next.with(Side::Sender.gone()), Deliver::Call),
            false => (next.with(Side::Sender.gone()), Deliver::Go),
        }
    }

    /// `side` has written its waker.
    pub(super) fn register(self, side: Side) -> (Self, Register) {
        debug_assert!(!self.has(side.done() | side.waker()), "{self:?}");
        match self.is_done(side.other()) {
            true => (self, Register::Stop),
            false => (self.with(side.waker()), Register::Wait),
        }
    }

    /// `side` wants its waker back.
    pub(super) fn retract(self, side: Side) -> (Self, Retract) {
        debug_assert!(self.has(side.waker()), "{self:?}");
        match self.is_done(side.other()) {
            true => (self, Retract::Stop),
            false => (self.without_waker(side), Retract::Take),
        }
    }

    /// `side` will neither send nor wait any more.
    pub(super) fn end(self, side: Side) -> (Self, Takings) {
        let other = side.other();
        let takings = Takings {
            mine: self.has_waker(side) && !self.is_done(other),
            theirs: self.has_waker(other) && !self.is_done(side),
            value: self.has_value() && side == Side::Receiver,
        };
        let next = self.with(side.done());
        match takings.mine {
            true => (next.without_waker(side), takings),
            false => (next, takings),
        }
    }

    /// `side` ends, and leaves at once if it has nothing to take.
    pub(super) fn part(self, side: Side) -> (Self, Part) {
        let (next, takings) = self.end(side);
        match takings {
            Takings { mine: false, theirs: false, value: false } => {
                let (next, leave) = next.leave(side);
                (next, Part::Go(leave))
            }
            takings => (next, Part::Take(takings)),
        }
    }

    /// `side` has taken all it had to take, and touches the channel no more.
    pub(super) fn leave(self, side: Side) -> (Self, Leave) {
        debug_assert!(self.is_done(side) && !self.is_gone(side), "{self:?}");
        let next = self.with(side.gone());
        match self.is_gone(side.other()) {
            true => (next, Leave::Free),
            false => (next, Leave::Forget),
        }
    }

    /// `side` has taken its waker back.
    const fn without_waker(self, side: Side) -> Self {
        let again = match side {
            Side::Sender => 0,
            Side::Receiver => AGAIN,
        };
        self.without(side.waker()).with(again)
    }

    /// Whether any of `bits` is set.
    const fn has(self, bits: u8) -> bool {
        self.0 & bits != 0
    }

    const fn with(self, bits: u8) -> Self {
        Self(self.0 | bits)
    }

    const fn without(self, bits: u8) -> Self {
        Self(self.0 & !bits)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// A half as its owner sees it: what it may do next.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    enum Half {
        Alive,
        /// Has to take these, and then to leave.
        Taking,
        Gone,
    }

    /// The word, both halves, and whether the channel has been freed.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    struct World {
        word: Snapshot,
        sender: Half,
        receiver: Half,
        freed: bool,
        value_taken: bool,
        /// How many wakers each half has left and nobody has taken yet.
        wakers: [u8; 2],
    }

    impl World {
        fn half(&mut self, side: Side) -> &mut Half {
            match side {
                Side::Sender => &mut self.sender,
                Side::Receiver => &mut self.receiver,
            }
        }

        fn take(&mut self, side: Side, takings: Takings) {
            for (taken, of) in [(takings.mine, side), (takings.theirs, side.other())] {
                if taken {
                    assert_eq!(self.wakers[of as usize], 1, "{self:?}");
                    self.wakers[of as usize] = 0;
                }
            }
            if takings.value {
                assert!(!self.value_taken, "{self:?}");
                self.value_taken = true;
            }
        }

        fn go(&mut self, side: Side, leave: Leave) {
            *self.half(side) = Half::Gone;
            assert!(!self.freed, "{self:?}");
            self.freed = leave == Leave::Free;
        }

        /// All that `side` can do now.
        fn steps(self, side: Side) -> Vec<Self> {
            let mut worlds = Vec::new();
            let mut step = |step: &dyn Fn(&mut Self)| {
                let mut world = self;
                step(&mut world);
                worlds.push(world);
            };
            let (word, mut half) = (self.word, self);
            match *half.half(side) {
                Half::Gone => (),
                Half::Taking => step(&|world| {
                    let (word, leave) = world.word.leave(side);
                    world.word = word;
                    world.go(side, leave);
                }),
                Half::Alive => {
                    if word.has_waker(side) {
                        step(&|world| {
                            let (word, retract) = word.retract(side);
                            world.word = word;
                            if retract == Retract::Take {
                                let mine = Takings { mine: true, theirs: false, value: false };
                                world.take(side, mine);
                            }
                        });
                    } else if !word.is_done(side) {
                        step(&|world| {
                            let (word, register) = word.register(side);
                            world.word = word;
                            world.wakers[side as usize] += u8::from(register == Register::Wait);
                        });
                        if side == Side::Sender {
                            step(&World::deliver);
                        }
                    }
                    step(&|world| world.part(side));
                    if side == Side::Receiver && !word.is_done(side) {
                        step(&|world| {
                            let (word, takings) = word.end(side);
                            world.word = word;
                            world.take(side, Takings { value: false, ..takings });
                        });
                    }
                }
            }
            worlds
        }

        fn deliver(&mut self) {
            let (word, deliver) = self.word.deliver();
            self.word = word;
            match deliver {
                Deliver::Refuse => assert!(!word.has_value()),
                Deliver::Go => self.go(Side::Sender, Leave::Forget),
                Deliver::Call => {
                    let theirs = Takings { mine: false, theirs: true, value: false };
                    self.take(Side::Sender, theirs);
                    self.go(Side::Sender, Leave::Forget);
                }
                Deliver::Wake => {
                    let theirs = Takings { mine: false, theirs: true, value: false };
                    self.take(Side::Sender, theirs);
                    self.sender = Half::Taking;
                }
            }
        }

        fn part(&mut self, side: Side) {
            let (word, part) = self.word.part(side);
            self.word = word;
            match part {
                Part::Go(leave) => self.go(side, leave),
                Part::Take(takings) => {
                    self.take(side, takings);
                    *self.half(side) = Half::Taking;
                }
            }
        }
    }

    /// Every world that can be reached by single steps of the two halves.
    fn worlds() -> HashSet<World> {
        let mut open = vec![World {
            word: Snapshot(0),
            sender: Half::Alive,
            receiver: Half::Alive,
            freed: false,
            value_taken: false,
            wakers: [0, 0],
        }];
        let mut seen = HashSet::new();
        while let Some(world) = open.pop() {
            if seen.insert(world) {
                open.extend(world.steps(Side::Sender));
                open.extend(world.steps(Side::Receiver));
            }
        }
        seen
    }

    #[test]
    fn the_channel_is_freed_once_and_nothing_stays_in_it() {
        let worlds = worlds();
        assert!(30 < worlds.len(), "{} worlds: hardly any", worlds.len());
        for world in worlds {
            let both_gone = world.sender == Half::Gone && world.receiver == Half::Gone;
            assert_eq!(world.freed, both_gone, "{world:?}");
            if world.freed {
                assert_eq!(world.wakers, [0, 0], "{world:?}");
                assert_eq!(world.value_taken, world.word.has_value(), "{world:?}");
            }
        }
    }

    #[test]
    fn who_waits_has_a_waker_with_the_one_it_waits_for() {
        for world in worlds() {
            for side in [Side::Sender, Side::Receiver] {
                let word = world.word;
                if word.has_waker(side) && !word.is_done(side.other()) {
                    assert_eq!(world.wakers[side as usize], 1, "{world:?}");
                }
                if word.is_done(side.other()) {
                    assert_eq!(world.wakers[side as usize], 0, "{world:?}");
                }
            }
        }
    }

    #[test]
    fn done_gone_and_value_are_final() {
        let final_bits =
            [Side::Sender, Side::Receiver].iter().fold(VALUE, |it, s| it | s.done() | s.gone());
        for world in worlds() {
            for next in [Side::Sender, Side::Receiver].into_iter().flat_map(|it| world.steps(it)) {
                assert_eq!(world.word.0 & final_bits & !next.word.0, 0, "{world:?} {next:?}");
            }
        }
    }

    #[test]
    fn the_word_from_which_a_waker_is_copied_never_comes_back() {
        let is_first =
            |it: &Snapshot| it.has_waker(Side::Receiver) && !it.has(AGAIN | Side::Sender.done());
        for world in worlds().into_iter().filter(|it| it.word.has(AGAIN)) {
            assert!(!is_first(&world.word), "{world:?}");
            for next in [Side::Sender, Side::Receiver].into_iter().flat_map(|it| world.steps(it)) {
                assert!(next.word.has(AGAIN), "{world:?} {next:?}");
            }
        }
        assert!(worlds().iter().any(|it| is_first(&it.word)));
    }

    #[test]
    fn after_close_nothing_is_delivered() {
        for world in worlds() {
            if world.word.is_done(Side::Receiver) && !world.word.has_value() {
                for next in world.steps(Side::Sender) {
                    assert!(!next.word.has_value(), "{world:?}");
                }
            }
        }
    }
}
