//! Children that are done one by one, and may be joined by others.
//!
//! A place is one slot of a [`ReadySet`] and the child that stands there. In a
//! *closed* crowd a place is left for good; in an *open* one it is taken again by
//! a child that joins later. When all places are taken their number doubles: the
//! children move to new slots, and the next turn polls each of them once more, so
//! that they leave their new wakers. That is one more poll per child, on average,
//! however many join.
//!
//! # Rejected
//!
//! * A list of ready sets, each twice as long as the one before, so that nobody
//!   is polled once more: every poll of the crowd would register its waker with
//!   each of them.
//! * Queueing a child that joins by waking it: the task would be woken with it, and
//!   polled once more for each.

use super::{
    pinned,
    turn::{self, Step, Turn},
};
use std::{
    fmt,
    future::Future,
    mem,
    ops::ControlFlow,
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
};
use sync::{
    ready_set::{ReadySet, Slot},
    wait_site::{self, Kind},
};

/// Children that are done one by one.
pub(crate) struct Crowd<F> {
    places: Pin<Box<[Option<F>]>>,
    /// Made by the first walk, and by the first after the places have doubled.
    ready: Option<ReadySet<Box<[Slot]>>>,
    left: usize,
    admission: Admission,
    /// While a walk is under way, so that a panic of a child ends it all.
    is_over: bool,
}

/// Whether children may join.
enum Admission {
    Closed,
    Open {
        /// Places where nobody stands.
        free: Vec<usize>,
        /// Places of those who joined since the last walk.
        fresh: Vec<usize>,
    },
}

/// How a walk ended.
pub(crate) enum Walk<B> {
    /// The closure broke it off.
    Broken(B),
    /// No child is left.
    Empty,
    /// All that were woken have been polled: the next wake wakes the task.
    Through,
    /// The budget is spent: the task is woken and goes on where it stopped.
    Interrupted,
}

/// How many places an open crowd has at first.
const PLACES_MIN: usize = 4;

impl<F: Future> Crowd<F> {
    /// A crowd that nobody can join.
    pub(crate) fn closed(children: impl IntoIterator<Item = F>) -> Self {
        let places: Box<[_]> = children.into_iter().map(Some).collect();
        let left = places.len();
        let places = Box::into_pin(places);
        Self { places, ready: None, left, admission: Admission::Closed, is_over: false }
    }

    /// What is left when a crowd was given away: a walk panics.
    pub(crate) fn over() -> Self {
        Self { is_over: true, ..Self::closed([]) }
    }

    /// How many children are not done.
    pub(crate) fn len(&self) -> usize {
        self.left
    }

    /// Makes one turn: polls the children that were woken, each once, and gives
    /// the place and the output of each that is done to `each`.
    pub(crate) fn walk<B>(
        &mut self,
        cx: &mut Context<'_>,
        mut each: impl FnMut(usize, F::Output) -> ControlFlow<B>,
    ) -> Walk<B> {
        assert!(!self.is_over, "polled after its end, or after a child of it has panicked");
        if self.left == 0 {
            return Walk::Empty;
        }
        let turn = self.begin(cx);
        self.is_over = true;
        let end = loop {
            match self.step(&turn, cx) {
                Step::Done(place, output) => {
                    if let ControlFlow::Break(value) = each(place, output) {
                        break Walk::Broken(value);
                    }
                    if self.left == 0 {
                        break Walk::Empty;
                    }
                }
                Step::Through => break Walk::Through,
                Step::Interrupted => break Walk::Interrupted,
            }
        };
        self.is_over = false;
        end
    }

    fn begin(&mut self, cx: &Context<'_>) -> Turn {
        let ready = match &mut self.ready {
            Some(ready) => {
                ready.register(cx.waker());
                ready
            }
            None => {
                let slots = self.places.iter().map(|_| Slot::default()).collect();
                self.ready.insert(ReadySet::new(slots, cx.waker()))
            }
        };
        Turn::begin(ready)
    }

    /// Goes on to the next child that is done.
    fn step(&mut self, turn: &Turn, cx: &mut Context<'_>) -> Step<F::Output> {
        let Self { places, ready, admission, .. } = self;
        let Some(ready) = ready else { unreachable!("a turn has begun") };
        let mut poll = |place, cx: &mut Context<'_>| {
            match pinned::element(places.as_mut(), place).as_pin_mut() {
                Some(child) => child.poll(cx).map(Some),
                // A late wake-up of a child that has gone.
                None => Poll::Ready(None),
            }
        };
        let (place, output) = loop {
            let step = match admission.fresh() {
                Some(fresh) if turn::may_go_on(cx) => {
                    let Some(place) = fresh.pop() else { continue };
                    match turn::poll_one(ready, place, cx, &mut poll) {
                        Poll::Ready(output) => Step::Done(place, output),
                        Poll::Pending => continue,
                    }
                }
                Some(_) => Step::Interrupted,
                None => turn.step(ready, cx, &mut poll),
            };
            match step {
                Step::Done(place, Some(output)) => break (place, output),
                Step::Done(place, None) => admission.ignore(ready, place),
                Step::Through => return Step::Through,
                Step::Interrupted => return Step::Interrupted,
            }
        };
        admission.leave(ready, place);
        self.left -= 1;
        pinned::element(self.places.as_mut(), place).set(None);
        Step::Done(place, output)
    }

    /// The next child that is done, with its place; `None` when there is none
    /// left. Notes that the task waits at `location` if it does.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Next<F::Output> {
        match self.walk(cx, |place, output| ControlFlow::Break((place, output))) {
            Walk::Broken(next) => Next::Done(next),
            Walk::Empty => Next::End,
            Walk::Through => {
                self.write_wait_site(location);
                Next::Waiting
            }
            Walk::Interrupted => Next::Interrupted,
        }
    }

    /// Notes that the task waits for one of these.
    pub(crate) fn write_wait_site(&self, location: &'static Location<'static>) {
        let id = self.ready.as_ref().map_or(0, ReadySet::id);
        wait_site::waiting(Kind::OneOf, id, location);
    }
}

/// What [`Crowd::poll_next`] gives.
pub(crate) enum Next<O> {
    Done((usize, O)),
    /// No child is left.
    End,
    /// The task waits for a child.
    Waiting,
    /// The budget is spent, and the task is woken.
    Interrupted,
}

impl<O> Next<O> {
    /// As a stream says it.
    pub(crate) fn into_poll(self) -> Poll<Option<(usize, O)>> {
        match self {
            Self::Done(next) => Poll::Ready(Some(next)),
            Self::End => Poll::Ready(None),
            Self::Waiting | Self::Interrupted => Poll::Pending,
        }
    }
}

impl<F: Future + Unpin> Crowd<F> {
    /// A crowd that others can join, without a child yet.
    pub(crate) fn open() -> Self {
        let admission = Admission::Open { free: vec![], fresh: vec![] };
        let places = Box::into_pin(Box::default());
        Self { places, ready: None, left: 0, admission, is_over: false }
    }

    /// Lets a child into an open crowd; the next walk polls it. Returns its place,
    /// which is its own until it is done.
    pub(crate) fn insert(&mut self, child: F) -> usize {
        let Admission::Open { free, .. } = &self.admission else {
            unreachable!("nobody joins a closed crowd");
        };
        if free.is_empty() {
            self.double();
        }
        let Admission::Open { free, fresh } = &mut self.admission else {
            unreachable!("it was open before it grew");
        };
        let Some(place) = free.pop() else { unreachable!("there is room now") };
        // A new ready set has all its slots queued.
        if self.ready.is_some() {
            fresh.push(place);
        }
        self.places.as_mut().get_mut()[place] = Some(child);
        self.left += 1;
        place
    }

    fn double(&mut self) {
        let before = self.places.len();
        let after = (2 * before).max(PLACES_MIN);
        let places = mem::replace(&mut self.places, Box::into_pin(Box::default()));
        let mut places = Pin::into_inner(places).into_vec();
        places.resize_with(after, || None);
        self.places = Box::into_pin(places.into_boxed_slice());
        self.ready = None;
        if let Admission::Open { free, fresh } = &mut self.admission {
            fresh.clear();
            free.extend((before..after).rev());
        }
    }

    /// Those that are not done, with their places, in order.
    pub(crate) fn into_rest(mut self) -> impl Iterator<Item = (usize, F)> {
        // By itself: the task's waker is dropped with it, which may panic, and what
        // a function has made to return leaks when it then unwinds.
        self.ready = None;
        let places = Pin::into_inner(self.places).into_vec().into_iter().enumerate();
        places.filter_map(|(place, child)| Some((place, child?)))
    }
}

impl Admission {
    /// Those who joined since the last walk, if there are any.
    fn fresh(&mut self) -> Option<&mut Vec<usize>> {
        match self {
            Self::Open { fresh, .. } if !fresh.is_empty() => Some(fresh),
            Self::Open { .. } | Self::Closed => None,
        }
    }

    /// The child at `place` is done.
    fn leave(&mut self, ready: &ReadySet<Box<[Slot]>>, place: usize) {
        match self {
            Self::Closed => drop(ready.retire(place)),
            // A late wake-up of who stood there may poll who will: no harm.
            Self::Open { free, .. } => free.push(place),
        }
    }

    /// A wake-up for a place where nobody stands.
    fn ignore(&self, ready: &ReadySet<Box<[Slot]>>, place: usize) {
        match self {
            Self::Closed => drop(ready.retire(place)),
            Self::Open { .. } => (),
        }
    }
}

impl<F> fmt::Debug for Crowd<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} left", self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::many::tests::{bench, polls, probe, probes};
    use proptest::prelude::*;
    use std::{collections::BTreeMap, future::poll_fn};

    type Members = Crowd<Pin<Box<dyn Future<Output = usize>>>>;

    /// The next that is done, or none of them now.
    fn next(crowd: &mut Members, cx: &mut Context<'_>) -> Option<(usize, usize)> {
        match crowd.poll_next(cx, Location::caller()).into_poll() {
            Poll::Ready(next) => next,
            Poll::Pending => None,
        }
    }

    #[test]
    fn many_may_join_one_by_one_and_cost_a_time_linear_in_their_number() {
        const COUNT: usize = 10_000;
        let (steerings, futures) = probes(COUNT);
        let mut crowd = Members::open();
        let mut futures = futures.into_iter();
        let mut joining = bench(poll_fn(|cx| {
            if let Some(future) = futures.next() {
                crowd.insert(Box::pin(future));
            }
            assert_eq!(next(&mut crowd, cx), None);
            Poll::<()>::Pending
        }));
        for _ in 0..COUNT {
            assert!(joining.poll().is_pending());
            assert_eq!(joining.woken(), 0, "who joins does not wake the task");
        }
        drop(joining);
        assert!(polls(&steerings) <= 3 * COUNT, "{} polls", polls(&steerings));
        assert_eq!(crowd.len(), COUNT);
        assert!(crowd.into_rest().map(|(place, _)| place).eq(0..COUNT));
    }

    #[test]
    fn places_are_taken_again() {
        let mut crowd = Members::open();
        for round in 0..100 {
            for n in 0..3 {
                let place = crowd.insert(Box::pin(async move { n }));
                assert!(place < PLACES_MIN, "{place} in round {round}");
            }
            let mut cx = Context::from_waker(std::task::Waker::noop());
            let mut outputs: Vec<_> =
                std::iter::from_fn(|| next(&mut crowd, &mut cx)).map(|(_, n)| n).collect();
            outputs.sort_unstable();
            assert_eq!(outputs, [0, 1, 2]);
        }
    }

    #[test]
    fn a_late_wake_of_who_left_polls_the_next_one_there_and_nobody_else() {
        let (old, future) = probe(1);
        let mut crowd = Members::open();
        let place = crowd.insert(Box::pin(future));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert_eq!(next(&mut crowd, &mut cx), None);
        let late = old.waker.borrow().clone().expect("polled");
        old.finish();
        assert_eq!(next(&mut crowd, &mut cx), Some((place, 1)));
        let (new, future) = probe(2);
        let (other, bystander) = probe(3);
        assert_eq!(crowd.insert(Box::pin(future)), place);
        crowd.insert(Box::pin(bystander));
        assert_eq!(next(&mut crowd, &mut cx), None);
        late.wake();
        assert_eq!(next(&mut crowd, &mut cx), None);
        assert_eq!((new.polls.get(), other.polls.get()), (2, 1));
    }

    #[derive(Clone, Copy, Debug)]
    enum Deed {
        Join,
        Finish(usize),
        Poll(u32),
    }

    fn deeds() -> impl Strategy<Value = Vec<Deed>> {
        let deed = prop_oneof![
            Just(Deed::Join),
            (0..20_usize).prop_map(Deed::Finish),
            (1..5_u32).prop_map(Deed::Poll),
        ];
        proptest::collection::vec(deed, 0..80)
    }

    proptest! {
        /// Whatever the order of joins, ends, polls and budgets: a task that polls
        /// when it was woken, or let somebody join, gets the output of each member
        /// once, with the place it was given.
        #[test]
        fn everybody_who_joined_comes_out_once(deeds in deeds()) {
            let mut crowd = Members::open();
            let mut members = vec![];
            let mut inside = BTreeMap::new();
            let (mut joined, mut came) = (vec![], vec![]);
            let mut is_due = true;
            let count = std::sync::Arc::new(crate::many::tests::Count::default());
            let waker = std::task::Waker::from(count.clone());
            let ends = (0..100).map(Deed::Finish).chain((0..200).map(|_| Deed::Poll(4)));
            for deed in deeds.into_iter().chain(ends) {
                match deed {
                    Deed::Join => {
                        let number = members.len();
                        let (steering, future) = probe(number);
                        let place = crowd.insert(Box::pin(future));
                        prop_assert_eq!(inside.insert(place, number), None);
                        members.push(steering);
                        joined.push(number);
                        is_due = true;
                    }
                    Deed::Finish(number) => if let Some(steering) = members.get(number) {
                        steering.ready.set(true);
                        let waker = steering.waker.borrow().clone();
                        waker.into_iter().for_each(std::task::Waker::wake);
                    },
                    Deed::Poll(budget) => if is_due || count.take() > 0 {
                        let _budget = sync::coop::enter(budget);
                        let mut cx = Context::from_waker(&waker);
                        is_due = false;
                        while let Some((place, number)) = next(&mut crowd, &mut cx) {
                            prop_assert_eq!(inside.remove(&place), Some(number));
                            came.push(number);
                        }
                    },
                }
            }
            came.sort_unstable();
            prop_assert_eq!(came, joined);
            prop_assert!(members.iter().all(|it| it.drops.get() == 1));
        }
    }
}
