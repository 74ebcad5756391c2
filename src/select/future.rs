//! Which branch is polled when, and which is chosen?
//!
//! The branches are the leaves of a balanced tree, numbered from the left. A set of
//! them is a mask, bit *n* for branch *n*; a fork splits it between its two sides.
//!
//! A poll asks the enabled branches in two sweeps: from the one chosen to be first to
//! the last, then those before it. A branch that is ready takes its output, if that
//! matches; if not it is disabled from then on. Polling ends with the first that
//! takes, or when none is enabled any more.
//!
//! # Rejected
//!
//! * Branches side by side in the caller's function, each pinned there, and a closure
//!   that polls them by number: a pointer more per branch, the same code written
//!   anew at each place, and nothing of it documented or tested by itself.
//! * A waker per branch, so that a wake-up polls one: an allocation per `select!`,
//!   and most live for one wake-up only. See `gather` for the other case.
//! * A mask as wide as the number of branches: the eight bytes would be padding
//!   more often than not.

use pin_project_lite::pin_project;
use std::{
    fmt,
    future::{Future, IntoFuture},
    marker::PhantomData,
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
};
use sync::{
    coop,
    wait_site::{self, Kind},
};

/// The set of the branches whose condition holds.
#[must_use]
pub const fn enabled<const N: usize>(conditions: [bool; N]) -> u64 {
    let (mut set, mut index) = (0, 0);
    while index < N {
        set |= (conditions[index] as u64) << index;
        index += 1;
    }
    set
}

/// Waits for the branches of the set `enabled`; each poll begins with any of them.
#[track_caller]
pub fn fair<B: Branches>(enabled: u64, branches: B) -> Select<B, Fair> {
    Select { branches, enabled, location: Location::caller(), order: PhantomData }
}

/// As [`fair`]; each poll begins with the first of them.
#[track_caller]
pub fn biased<B: Branches>(enabled: u64, branches: B) -> Select<B, Biased> {
    Select { branches, enabled, location: Location::caller(), order: PhantomData }
}

/// What `select!` does without `else` when no branch is enabled.
#[cold]
#[track_caller]
pub fn all_disabled() -> ! {
    panic!("all branches of this `select!` are disabled, and there is no `else` branch");
}

/// Which branch is asked first.
pub trait Order {
    /// One of the set `enabled`, which is not empty, of `count` branches.
    fn first(enabled: u64, count: u32) -> u32;
}

/// Any, by chance.
#[derive(Debug)]
pub struct Fair;

impl Order for Fair {
    #[inline]
    fn first(enabled: u64, count: u32) -> u32 {
        if enabled.is_power_of_two() {
            return enabled.trailing_zeros();
        }
        // The rule, and much cheaper: no bits to count, no loop to mispredict.
        if enabled == u64::MAX >> (u64::BITS - count) {
            return executor::random_below(count as usize) as u32;
        }
        let skipped = executor::random_below(enabled.count_ones() as usize);
        // The lowest bit goes as often as one is skipped.
        (0..skipped).fold(enabled, |set, _| set & (set - 1)).trailing_zeros()
    }
}

/// The one that is written first.
#[derive(Debug)]
pub struct Biased;

impl Order for Biased {
    #[inline]
    fn first(enabled: u64, _count: u32) -> u32 {
        enabled.trailing_zeros()
    }
}

pin_project! {
    /// The wait inside of [`select!`](crate::select). Gives `None` once no branch is
    /// enabled.
    ///
    /// # Cancel safety
    ///
    /// That of each branch's future: dropping this drops them all.
    #[must_use = "futures do nothing unless polled"]
    pub struct Select<B, O> {
        #[pin]
        branches: B,
        enabled: u64,
        location: &'static Location<'static>,
        order: PhantomData<O>,
    }
}

impl<B: Branches, O: Order> Future for Select<B, O> {
    type Output = Option<B::Chosen>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Only a look: the branch comes first, or a budget of one would not reach it.
        let Poll::Ready(look) = coop::poll_proceed(cx) else {
            wait_site::waiting(Kind::Budget, 0, this.location);
            return Poll::Pending;
        };
        drop(look);
        let id = std::ptr::from_ref(this.enabled).addr();
        match sweep::<B, O>(this.branches, cx, *this.enabled) {
            Asked::Chosen(chosen) => {
                spend_a_unit(cx);
                Poll::Ready(Some(chosen))
            }
            Asked::Waiting(0) => {
                *this.enabled = 0;
                spend_a_unit(cx);
                Poll::Ready(None)
            }
            Asked::Waiting(set) => {
                *this.enabled = set;
                // What a single branch says is more than we know.
                if 1 < set.count_ones() {
                    wait_site::waiting(Kind::OneOf, id, this.location);
                }
                Poll::Pending
            }
        }
    }
}

/// Asks all of the set `enabled` once: those from the first on, then those before.
fn sweep<B: Branches, O: Order>(
    mut branches: Pin<&mut B>,
    cx: &mut Context<'_>,
    enabled: u64,
) -> Asked<B::Chosen> {
    if enabled == 0 {
        return Asked::Waiting(0);
    }
    let before = !(u64::MAX << O::first(enabled, B::COUNT));
    let mut waiting = 0;
    for set in [enabled & !before, enabled & before] {
        match branches.as_mut().ask(cx, set) {
            Asked::Chosen(chosen) => return Asked::Chosen(chosen),
            Asked::Waiting(some) => waiting |= some,
        }
    }
    Asked::Waiting(waiting)
}

/// Spends a unit for the choice, unless a branch spent the last.
fn spend_a_unit(cx: &mut Context<'_>) {
    if coop::has_budget_remaining()
        && let Poll::Ready(progress) = coop::poll_proceed(cx)
    {
        progress.made();
    }
}

impl<B, O> fmt::Debug for Select<B, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Select({} enabled, called at {})", self.enabled.count_ones(), self.location)
    }
}

/// What came of asking some branches.
#[derive(Debug)]
pub enum Asked<C> {
    /// One has taken its output.
    Chosen(C),
    /// None has; those of this set may, later.
    Waiting(u64),
}

/// One branch or several, numbered from zero.
pub trait Branches {
    /// What a branch makes of an output that matches.
    type Chosen;
    /// How many they are.
    const COUNT: u32;

    /// Polls those of `set`, in order, until one takes its output.
    fn ask(self: Pin<&mut Self>, cx: &mut Context<'_>, set: u64) -> Asked<Self::Chosen>;
}

/// One branch: its future, and what takes the output if the pattern matches.
pub fn branch<F, T, C>(future: F, take: T) -> Branch<F::IntoFuture, T>
where
    F: IntoFuture,
    T: FnMut(F::Output) -> Option<C>,
{
    Branch { future: future.into_future(), take }
}

pin_project! {
    /// One branch.
    pub struct Branch<F, T> {
        #[pin]
        future: F,
        take: T,
    }
}

impl<F: Future, T, C> Branches for Branch<F, T>
where
    T: FnMut(F::Output) -> Option<C>,
{
    type Chosen = C;
    const COUNT: u32 = 1;

    #[inline]
    fn ask(self: Pin<&mut Self>, cx: &mut Context<'_>, set: u64) -> Asked<C> {
        if set == 0 {
            return Asked::Waiting(0);
        }
        let this = self.project();
        match this.future.poll(cx) {
            Poll::Pending => Asked::Waiting(1),
            Poll::Ready(output) => (this.take)(output).map_or(Asked::Waiting(0), Asked::Chosen),
        }
    }
}

impl<F, T> fmt::Debug for Branch<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Branch").finish_non_exhaustive()
    }
}

/// The branches of `left`, then those of `right`.
pub fn fork<L: Branches, R: Branches<Chosen = L::Chosen>>(left: L, right: R) -> Fork<L, R> {
    Fork { left, right }
}

pin_project! {
    /// Two halves of the branches.
    #[derive(Debug)]
    pub struct Fork<L, R> {
        #[pin]
        left: L,
        #[pin]
        right: R,
    }
}

impl<L: Branches, R: Branches<Chosen = L::Chosen>> Branches for Fork<L, R> {
    type Chosen = L::Chosen;
    const COUNT: u32 = L::COUNT + R::COUNT;

    #[inline]
    fn ask(self: Pin<&mut Self>, cx: &mut Context<'_>, set: u64) -> Asked<L::Chosen> {
        let this = self.project();
        let of_left = set & !(u64::MAX << L::COUNT);
        let left = match this.left.ask(cx, of_left) {
            Asked::Waiting(left) => left,
            chosen @ Asked::Chosen(_) => return chosen,
        };
        match this.right.ask(cx, set >> L::COUNT) {
            Asked::Waiting(right) => Asked::Waiting(left | right << L::COUNT),
            chosen @ Asked::Chosen(_) => chosen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_a_bit_for_each_condition() {
        assert_eq!(enabled([]), 0);
        assert_eq!(enabled([true, false, true]), 0b101);
        assert_eq!(enabled([true; 64]), u64::MAX);
    }

    #[test]
    fn whoever_is_enabled_is_equally_often_first() {
        let mut hits = [0; 64];
        for _ in 0..3_000 {
            hits[Fair::first(1 << 63 | 0b101, 64) as usize] += 1;
        }
        assert_eq!(hits.iter().sum::<u32>(), hits[0] + hits[2] + hits[63]);
        assert!([0, 2, 63].iter().all(|&it| hits[it] > 800), "{hits:?}");
        let mut hits = [0; 3];
        for _ in 0..3_000 {
            hits[Fair::first(0b111, 3) as usize] += 1;
        }
        assert!(hits.iter().all(|it| *it > 800), "{hits:?}");
        assert_eq!(Fair::first(1 << 63, 64), 63);
        assert_eq!(Biased::first(0b1100, 4), 2);
    }
}
