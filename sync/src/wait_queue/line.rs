//! Who comes when, and whom does one operation grant?
//!
//! Rules and edges are those of the [parent module](super).

use super::place::{GRANTED, LEAVING, Place};
use crate::{
    list::{List, Node},
    shim::{
        Lock,
        atomic::Ordering::{Relaxed, Release},
    },
    wake_batch::WakeBatch,
};
use std::{fmt, ptr::NonNull};

/// A lock around the state `S` of a primitive and the line of those who wait for
/// it, each with a grant `G` that is filled in when its time comes.
///
/// The building block of every lock and channel of this crate, open to those who
/// want another one: see [`Primitive`](super::Primitive).
///
/// # Examples
///
/// A turnstile that lets one waiter through per push, in order:
///
/// ```
/// use bowerbird_sync::wait_queue::{Decision, Locked, Primitive, WaitQueue, Waiter};
/// use std::{future::poll_fn, pin::pin, sync::Arc};
///
/// struct Turnstile(WaitQueue<u32, ()>); // the state: pushes nobody has used
///
/// impl Primitive for Turnstile {
///     type State = u32;
///     type Grant = ();
///
///     fn queue(&self) -> &WaitQueue<u32, ()> {
///         &self.0
///     }
///
///     fn pass_on(&self, (): ()) {
///         self.push();
///     }
/// }
///
/// impl Turnstile {
///     fn push(&self) {
///         self.0.with(|line| {
///             if !line.grant_front() {
///                 *line.state() += 1;
///             }
///         });
///     }
///
///     async fn pass(&self) {
///         let mut waiter = pin!(Waiter::new(self));
///         poll_fn(|cx| {
///             waiter.as_mut().poll_with(cx, |_, line| match line.state().checked_sub(1) {
///                 Some(left) => {
///                     *line.state() = left;
///                     Decision::Pass(())
///                 }
///                 None => Decision::Wait(()),
///             })
///         })
///         .await;
///     }
/// }
///
/// let turnstile = Turnstile(WaitQueue::new(0));
/// turnstile.push();
/// futures::executor::block_on(async {
///     futures::join!(turnstile.pass(), turnstile.pass(), async { turnstile.push() });
/// });
/// assert_eq!(turnstile.0.with(|line| *line.state()), 0);
/// ```
pub struct WaitQueue<S = (), G = ()> {
    line: Lock<Line<S, G>>,
}

pub(super) struct Line<S, G> {
    state: S,
    /// Those QUEUED, in the order of their coming.
    pub(super) waiting: List<Place<G>>,
    /// Those LEAVING, in the order of their granting.
    pub(super) leaving: List<Place<G>>,
}

impl<S, G> WaitQueue<S, G> {
    crate::const_fn! {
        /// Nobody waits yet.
        pub const fn new(state: S) -> Self {
            Self { line: Lock::new(Line { state, waiting: List::new(), leaving: List::new() }) }
        }
    }

    /// Runs `work` under the lock, then wakes whom it granted.
    ///
    /// `work` is the primitive's own code and short. It must not call code of
    /// others (wakers, clones and destructors of user values), nor enter a queue,
    /// this one included: the thread would deadlock.
    ///
    /// # Panics
    ///
    /// As `work` does; or as a waker does, after all who were granted have been
    /// woken (see [`wake_batch`](crate::wake_batch)).
    #[inline]
    pub fn with<R>(&self, work: impl FnOnce(&mut Locked<'_, S, G>) -> R) -> R {
        // Dropped after the lock, also when `work` unwinds.
        let mut waking = Waking { queue: self, wakes: WakeBatch::new() };
        let result = {
            let mut line = self.line.lock();
            work(&mut Locked { line: &mut line, wakes: &mut waking.wakes })
        };
        waking.finish();
        result
    }

    /// The state, with no lock taken: nobody else can reach it.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.line.get_mut().state
    }
}

/// Those whom one operation granted, to be woken once the lock is free.
struct Waking<'a, S, G> {
    queue: &'a WaitQueue<S, G>,
    wakes: WakeBatch,
}

impl<S, G> Waking<'_, S, G> {
    #[inline]
    fn finish(&mut self) {
        if self.wakes.is_full() {
            self.wake_the_rest();
        }
        self.wakes.finish();
    }

    /// A batch ran full: there may be more who are granted and not yet woken.
    #[cold]
    fn wake_the_rest(&mut self) {
        while self.wakes.is_full() {
            self.wakes.flush();
            let line = &mut self.queue.line.lock();
            Locked { line, wakes: &mut self.wakes }.see_off();
        }
    }
}

impl<S, G> Drop for Waking<'_, S, G> {
    #[inline]
    fn drop(&mut self) {
        self.finish();
    }
}

impl<S: Default, G> Default for WaitQueue<S, G> {
    fn default() -> Self {
        Self::new(S::default())
    }
}

impl<S: fmt::Debug, G> fmt::Debug for WaitQueue<S, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitQueue").finish_non_exhaustive()
    }
}

/// A [`WaitQueue`] with its lock held: the state, and the line.
pub struct Locked<'a, S, G> {
    pub(super) line: &'a mut Line<S, G>,
    wakes: &'a mut WakeBatch,
}

impl<S, G> Locked<'_, S, G> {
    /// The state of the primitive.
    #[inline]
    pub fn state(&mut self) -> &mut S {
        &mut self.line.state
    }

    /// Whether nobody waits for a grant.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.line.waiting.is_empty()
    }

    /// The grant of the waiter who came first: what it asked for, and the place
    /// for what it gets.
    #[inline]
    pub fn front(&mut self) -> Option<&mut G> {
        self.line.waiting.front().map(|place| {
            // SAFETY: rule 1: the place is QUEUED, and we hold the lock; the
            // reference ends before `self` can be used again.
            unsafe { place.grant() }
        })
    }

    /// The grant of the waiter who came last.
    #[inline]
    pub fn back(&mut self) -> Option<&mut G> {
        self.line.waiting.back().map(|place| {
            // SAFETY: rule 1: the place is QUEUED, and we hold the lock; the
            // reference ends before `self` can be used again.
            unsafe { place.grant() }
        })
    }

    /// Grants the waiter who came first what its [`front`](Self::front) says.
    /// Returns whether there was one.
    #[inline]
    pub fn grant_front(&mut self) -> bool {
        match self.line.waiting.pop_front() {
            Some(node) => {
                self.grant(node);
                true
            }
            None => false,
        }
    }

    /// Grants the waiter who came last what its [`back`](Self::back) says.
    /// Returns whether there was one.
    #[inline]
    pub fn grant_back(&mut self) -> bool {
        match self.line.waiting.pop_back() {
            Some(node) => {
                self.grant(node);
                true
            }
            None => false,
        }
    }

    /// Grants everybody who waits, after `decide` has filled in what.
    pub fn grant_all(&mut self, mut decide: impl FnMut(&mut G)) {
        while let Some(grant) = self.front() {
            decide(grant);
            self.grant_front();
        }
    }

    /// `node` has just been taken out of `waiting`, and is still QUEUED.
    fn grant(&mut self, node: NonNull<Node<Place<G>>>) {
        if !self.wakes.is_full() {
            return self.hand_over(node);
        }
        // SAFETY: rule 1: its waiter cannot end before it has had the lock.
        let place = &unsafe { node.as_ref() }.item;
        // Relaxed: under the lock; without it LEAVING says no more than QUEUED.
        place.status.store(LEAVING, Relaxed);
        // SAFETY: 1: a LEAVING waiter takes itself out before it ends. 2: it is out
        // of `waiting`.
        unsafe { self.line.leaving.push_back(node) };
    }

    /// Fills the batch with those who are granted and not yet woken.
    fn see_off(&mut self) {
        while !self.wakes.is_full() {
            let Some(node) = self.line.leaving.pop_front() else { break };
            self.hand_over(node);
        }
    }

    /// Makes the grant in `node`, which is in no list, the waiter's own.
    #[inline]
    fn hand_over(&mut self, node: NonNull<Node<Place<G>>>) {
        // SAFETY: it is QUEUED or LEAVING: its waiter cannot end without the lock.
        let place = &unsafe { node.as_ref() }.item;
        // SAFETY: rule 1: it is QUEUED or LEAVING, and we hold the lock.
        let waker = unsafe { place.take_waker() };
        // W1: the grant, and all we did before it. Rule 3: our last access.
        place.status.store(GRANTED, Release);
        if let Some(waker) = waker {
            self.wakes.push(waker);
        }
    }
}

impl<S: fmt::Debug, G> fmt::Debug for Locked<'_, S, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locked").field("state", &self.line.state).finish_non_exhaustive()
    }
}
