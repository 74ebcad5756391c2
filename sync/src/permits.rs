//! Who gets the next permit, and how is that decided without a lock when nobody
//! waits?
//!
//! The heart of [`Semaphore`](crate::Semaphore) and [`Mutex`](crate::Mutex) and of
//! whatever else hands out a number of equal things in strict order. One word
//! says everything a newcomer and a giver need:
//!
//! ```text
//!     63                              2    1      0
//!     ┌───────────────────────────────┬──────┬────────┐
//!     │ permits nobody holds          │ LINE │ CLOSED │
//!     └───────────────────────────────┴──────┴────────┘
//! ```
//!
//! While LINE is clear, taking and giving are one compare-exchange each. While it
//! is set nobody takes past the line, givers go through the lock of the line, and
//! *the word is written only under that lock*. A newcomer sets it, under the lock,
//! in the same step in which it finds too few permits; so a permit given at the
//! same moment is either seen by that step or sees LINE. Who empties the line
//! clears it.
//!
//! The line is strict: permits are given to the one in front or to nobody, also
//! when it asks for many and those behind for few.
//!
//! # Synchronization edges
//!
//! | edge | released by         | acquired by                  | what crosses           |
//! |------|---------------------|------------------------------|------------------------|
//! | V1   | [`Permits::give`]   | [`Permits::try_take`], or the step of a newcomer or giver under the lock | what the giver did while it held the permit |
//! | V2   | [`Permits::close`]  | who is refused               | what the closer wrote  |
//!
//! A permit that goes through the line crosses V1 to whoever serves the line, and
//! W1 of [`wait_queue`](crate::wait_queue) from there.
//!
//! # Rejected
//!
//! * Giving what there is to the one in front until it has enough: needs no rule
//!   about LINE, but a cancelled big request must give back, and `available` lies.
//! * Letting newcomers take while others wait: more throughput under contention,
//!   and nothing that bounds the wait of the one in front.

use crate::{
    futurelock::{self, Ticket},
    shim::atomic::{
        AtomicUsize,
        Ordering::{AcqRel, Acquire},
    },
    site::Site,
    wait_queue::{Decision, Hold, Locked, Primitive, WaitQueue, Waiter},
    wait_site,
};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Permits, and the line of those who want some.
#[derive(Debug)]
pub(crate) struct Permits {
    word: Word,
    queue: WaitQueue<(), Request>,
}

/// The permits are gone for good: [`Permits::close`] was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed;

/// Why a request could not be met at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There will be no more permits.
    Closed,
    /// Too few, or others wait.
    NotNow,
}

impl Permits {
    /// So many fit into the word.
    pub(crate) const MAX: usize = usize::MAX >> 3;

    crate::const_fn! {
        /// `count` permits that nobody holds; at most [`MAX`](Self::MAX).
        pub(crate) const fn new(count: usize) -> Self {
            Self { word: Word(AtomicUsize::new(Snapshot::new(count).0)), queue: WaitQueue::new(()) }
        }
    }

    /// How many nobody holds.
    pub(crate) fn available(&self) -> usize {
        self.word.load().permits()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.word.load().has(CLOSED)
    }

    /// Takes `wanted` permits if they are there and nobody waits.
    #[inline]
    pub(crate) fn try_take(&self, wanted: usize) -> Result<(), Refusal> {
        // V1: sees what was done under the permits. V2: why it is refused.
        self.word.update(|seen| seen.take(wanted))
    }

    /// Takes `wanted` permits, in turn.
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.**
    #[inline]
    pub(crate) fn take(&self, wanted: usize, site: Site) -> Take<&Self> {
        Take::new(self, wanted, site)
    }

    /// Gives `count` permits, to those in line first. With those there are, at most
    /// [`MAX`](Self::MAX).
    #[inline]
    pub(crate) fn give(&self, count: usize) {
        // V1: publishes what was done under the permits.
        match self.word.update(|seen| seen.give(count)) {
            Give::Done => (),
            Give::Serve => self.give_in_line(count),
        }
    }

    #[cold]
    fn give_in_line(&self, count: usize) {
        self.queue.with(|line| {
            // The line may have emptied before we had the lock. V1: as in `give`.
            match self.word.update(|seen| seen.give(count)) {
                Give::Done => (),
                Give::Serve => self.serve(count, line),
            }
        });
    }

    /// Takes up to `count` permits away from those that nobody holds, past the
    /// line. Returns how many.
    pub(crate) fn withdraw(&self, count: usize) -> usize {
        // Under the lock, since LINE may be set.
        self.queue.with(|_| self.word.update(|seen| seen.withdraw(count)))
    }

    /// From now on every request is refused, and those in line are.
    pub(crate) fn close(&self) {
        self.queue.with(|line| {
            // V2: publishes what the closer wrote to who comes; W1 to who waits.
            self.word.update(|seen| (seen.close(), ()));
            line.grant_all(|request| request.answer = Some(Err(Closed)));
        });
    }

    /// Gives to those in front, with `count` permits more than there were. The
    /// line's lock is held and LINE set: the word is ours.
    fn serve(&self, count: usize, line: &mut Locked<'_, (), Request>) {
        // V1: sees what was done under all the permits we give.
        let mut word = self.word.load();
        debug_assert!(word.has(LINE), "served without a line: {word:?}");
        word = word.add(count);
        while let Some(request) = line.front() {
            let Some(rest) = word.serve(request.wanted) else { break };
            word = rest;
            request.answer = Some(Ok(()));
            line.grant_front();
        }
        if line.is_empty() {
            word = word.without(LINE);
        }
        // V1: what is left is for newcomers.
        self.word.replace(word);
    }
}

impl Primitive for Permits {
    type State = ();
    type Grant = Request;

    fn queue(&self) -> &WaitQueue<(), Request> {
        &self.queue
    }

    fn cancelled(&self, line: &mut Locked<'_, (), Request>) {
        // Those behind may want less; and the line may be empty now.
        self.serve(0, line);
    }

    fn pass_on(&self, request: Request) {
        if request.answer == Some(Ok(())) {
            self.give(request.wanted);
        }
    }
}

/// What one in line wants, and what it is told.
#[derive(Debug)]
pub(crate) struct Request {
    wanted: usize,
    answer: Option<Result<(), Closed>>,
    /// Of a task in debug mode.
    #[expect(dead_code, reason = "kept until it is dropped, with the request")]
    ticket: Option<Box<Ticket>>,
}

pin_project! {
    /// The future of [`Permits::take`]: the permits are the caller's once it is
    /// ready, and must be given back.
    pub(crate) struct Take<H>
    where
        H: Hold<Target = Permits>,
    {
        wanted: usize,
        site: Site,
        #[pin]
        waiter: Waiter<H>,
    }
}

impl<H: Hold<Target = Permits>> Take<H> {
    #[inline]
    pub(crate) fn new(holder: H, wanted: usize, site: Site) -> Self {
        Self { wanted, site, waiter: Waiter::new(holder) }
    }

    /// The holder, once the future was ready.
    pub(crate) fn take_holder(self: Pin<&mut Self>) -> Option<H> {
        self.project().waiter.take_holder()
    }
}

impl<H: Hold<Target = Permits>> Future for Take<H> {
    type Output = Result<(), Closed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let progress = ready!(this.site.poll_proceed(cx));
        let wanted = *this.wanted;
        if !this.waiter.is_waiting() {
            match this.waiter.target().try_take(wanted) {
                Err(Refusal::NotNow) => (),
                Ok(()) => {
                    progress.made();
                    return Poll::Ready(Ok(()));
                }
                Err(Refusal::Closed) => return Poll::Ready(Err(Closed)),
            }
        }
        let polled = match wait_site::is_watched() {
            false => poll_in_line(this.waiter, cx, wanted, None),
            true => poll_watched(this.waiter, cx, wanted, this.site),
        };
        match polled {
            Poll::Pending => {
                this.site.waiting();
                Poll::Pending
            }
            Poll::Ready(answer) => {
                progress.made();
                Poll::Ready(answer)
            }
        }
    }
}

/// The part of a poll for which there were no permits at once.
#[inline]
fn poll_in_line<H: Hold<Target = Permits>>(
    mut waiter: Pin<&mut Waiter<H>>,
    cx: &mut Context<'_>,
    wanted: usize,
    ticket: Option<Box<Ticket>>,
) -> Poll<Result<(), Closed>> {
    let request = ready!(waiter.as_mut().poll_with(cx, |permits, _| {
        // V1, V2: as in `try_take`.
        match permits.word.update(|seen| seen.arrive(wanted)) {
            Ok(()) => Decision::Pass(Request { wanted, answer: Some(Ok(())), ticket }),
            Err(Refusal::Closed) => {
                Decision::Pass(Request { wanted, answer: Some(Err(Closed)), ticket })
            }
            Err(Refusal::NotNow) => Decision::Wait(Request { wanted, answer: None, ticket }),
        }
    }));
    Poll::Ready(request.answer.expect("nobody leaves the line without an answer"))
}

/// As [`poll_in_line`], in debug mode: with a waker that tells when it has woken.
#[cold]
fn poll_watched<H: Hold<Target = Permits>>(
    waiter: Pin<&mut Waiter<H>>,
    cx: &mut Context<'_>,
    wanted: usize,
    site: &Site,
) -> Poll<Result<(), Closed>> {
    let address = std::ptr::from_ref(waiter.as_ref().get_ref()).addr();
    let (ticket, waker) = match waiter.is_waiting() {
        true => (None, futurelock::poll(address, cx.waker())),
        false => futurelock::arrive(address, site, cx.waker()).unzip(),
    };
    match waker {
        Some(waker) => poll_in_line(waiter, &mut Context::from_waker(&waker), wanted, ticket),
        None => poll_in_line(waiter, cx, wanted, ticket),
    }
}

/// No more requests.
const CLOSED: usize = 1;
/// Somebody waits: the word is written only under the lock of the line.
const LINE: usize = 2;
/// One permit.
const PERMIT: usize = 4;

/// What the word says, and what may become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Snapshot(usize);

/// What a giver is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
enum Give {
    /// Nothing: the permits are in the word.
    Done,
    /// Serve the line, under its lock.
    Serve,
}

impl Snapshot {
    const fn new(permits: usize) -> Self {
        Self(permits * PERMIT)
    }

    const fn permits(self) -> usize {
        self.0 / PERMIT
    }

    const fn has(self, flag: usize) -> bool {
        self.0 & flag != 0
    }

    const fn without(self, flag: usize) -> Self {
        Self(self.0 & !flag)
    }

    fn add(self, count: usize) -> Self {
        debug_assert!(count <= Permits::MAX - self.permits(), "{count} more than {self:?}");
        Self(self.0 + count * PERMIT)
    }

    /// For a newcomer that does not wait. Nothing wanted is always there.
    fn take(self, wanted: usize) -> (Self, Result<(), Refusal>) {
        if self.has(CLOSED) {
            return (self, Err(Refusal::Closed));
        }
        if wanted == 0 {
            return (self, Ok(()));
        }
        match self.serve(wanted) {
            Some(rest) if !self.has(LINE) => (rest, Ok(())),
            _ => (self, Err(Refusal::NotNow)),
        }
    }

    /// For a newcomer that waits if it must.
    fn arrive(self, wanted: usize) -> (Self, Result<(), Refusal>) {
        match self.take(wanted) {
            (_, Err(Refusal::NotNow)) => (Self(self.0 | LINE), Err(Refusal::NotNow)),
            other => other,
        }
    }

    /// For the one in front.
    fn serve(self, wanted: usize) -> Option<Self> {
        (wanted <= self.permits()).then(|| Self(self.0 - wanted * PERMIT))
    }

    fn give(self, count: usize) -> (Self, Give) {
        match self.has(LINE) {
            true => (self, Give::Serve),
            false => (self.add(count), Give::Done),
        }
    }

    fn withdraw(self, count: usize) -> (Self, usize) {
        let count = count.min(self.permits());
        (Self(self.0 - count * PERMIT), count)
    }

    fn close(self) -> Self {
        Self(self.0 | CLOSED).without(LINE)
    }
}

/// The word, shared.
#[derive(Debug)]
struct Word(AtomicUsize);

impl Word {
    /// V1, V2: sees what was done under the permits, and before a close.
    fn load(&self) -> Snapshot {
        Snapshot(self.0.load(Acquire))
    }

    /// V1, V2, both ends: the only compare-exchange of this file.
    #[inline]
    fn update<R>(&self, step: impl Fn(Snapshot) -> (Snapshot, R)) -> R {
        let mut seen = self.load();
        loop {
            let (next, result) = step(seen);
            if next == seen {
                return result;
            }
            match self.0.compare_exchange_weak(seen.0, next.0, AcqRel, Acquire) {
                Ok(_) => return result,
                Err(word) => seen = Snapshot(word),
            }
        }
    }

    /// V1: publishes what is left. For who alone may write the word.
    fn replace(&self, next: Snapshot) {
        self.0.swap(next.0, AcqRel);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn words() -> impl Iterator<Item = Snapshot> {
        [0, 1, 2, 3, Permits::MAX - 1, Permits::MAX].into_iter().flat_map(|permits| {
            [0, LINE, CLOSED].map(|flags| Snapshot(Snapshot::new(permits).0 | flags))
        })
    }

    #[test]
    fn closed_is_final() {
        for word in words().map(Snapshot::close) {
            assert!(word.has(CLOSED) && !word.has(LINE));
            for count in 0..4 {
                assert_eq!(word.take(count), (word, Err(Refusal::Closed)));
                assert_eq!(word.arrive(count), (word, Err(Refusal::Closed)));
                assert!(word.withdraw(count).0.has(CLOSED));
            }
        }
    }

    #[test]
    fn nobody_passes_a_line() {
        for word in words().filter(|it| it.has(LINE)) {
            for count in 1..4 {
                assert_eq!(word.take(count), (word, Err(Refusal::NotNow)));
                assert_eq!(word.arrive(count), (word, Err(Refusal::NotNow)));
                assert_eq!(word.give(count), (word, Give::Serve));
            }
        }
    }

    #[test]
    fn taking_and_giving_are_inverse_and_touch_no_flag() {
        for word in words().filter(|it| !it.has(CLOSED)) {
            for count in 0..=4 {
                match word.serve(count) {
                    None => assert!(word.permits() < count),
                    Some(rest) => {
                        assert_eq!(rest.permits(), word.permits() - count);
                        assert_eq!(rest.add(count), word);
                        assert_eq!(word.withdraw(count), (rest, count));
                    }
                }
            }
        }
    }

    #[test]
    fn a_newcomer_waits_exactly_if_it_cannot_take() {
        for word in words() {
            for count in 0..4 {
                let (next, answer) = word.arrive(count);
                assert_eq!(answer, word.take(count).1);
                match answer {
                    Err(Refusal::NotNow) => assert_eq!(next, Snapshot(word.0 | LINE)),
                    _ => assert_eq!(next, word.take(count).0),
                }
            }
        }
    }
}
