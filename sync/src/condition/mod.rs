//! How does one wait, under a lock, until the value has become right?
//!
//! A [`Condition`] is a monitor: a [`Mutex`] with a bell. Who holds the lock and
//! does not like the value waits: it stands in the line of the bell *before* it
//! unlocks, and locks again after it has heard the bell.
//!
//! ```text
//!     waiter                          notifier
//!     ──────                          ────────
//!     lock, look at the value
//!     stand in the line of the bell
//!     unlock ───────────────────────▶ lock, change the value
//!                                     ring: grant the one in front
//!     wake  ◀──────────────────────── unlock
//!     lock (wait for it, in turn)
//!     look at the value again
//! ```
//!
//! Ringing needs the lock (it is a method of the guard), so nobody can ring between
//! the look and the standing in line.
//!
//! # What a cancelled wait leaves behind
//!
//! Waiting consumes the guard, so a wait that is dropped leaves no guard without a
//! lock: the lock is simply not held any more. A wait that was notified by
//! `notify_one` or `notify_n` and is dropped before it has the lock passes the
//! notification on to the next in line, as if it had been notified instead. That
//! may wake somebody for nothing, which is why one looks again.
//!
//! The edges are V1 of the permits and W1 of the line.
//!
//! # Rejected
//!
//! * `wait(&mut self)` on the guard: dropped halfway it leaves a guard that cannot
//!   keep its promise, since a destructor cannot wait for the lock.
//! * Moving a notified waiter straight to the line of the lock: saves one wake-up
//!   under contention, and ties two lines together.

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

use crate::{
    mutex::{self, Mutex, MutexGuard, TryLockError},
    site::Site,
    wait_blocking::WaitBlocking,
    wait_queue::{Decision, Primitive, WaitQueue, Waiter},
    wait_site::Kind,
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    ops::{Deref, DerefMut},
    pin::Pin,
    task::{Context, Poll, ready},
};

/// A value under a lock, and a way to wait until it is right: a monitor.
///
/// # Examples
///
/// ```
/// use bowerbird_sync::Condition;
///
/// # futures::executor::block_on(async {
/// let stock = Condition::new(0);
/// let buy = async {
///     let mut count = stock.lock().await.wait_while(|it| *it == 0).await;
///     *count -= 1;
/// };
/// let deliver = async {
///     let mut count = stock.lock().await;
///     *count += 1;
///     count.notify_one();
/// };
/// futures::join!(buy, deliver);
/// assert_eq!(stock.into_inner(), 0);
/// # });
/// ```
#[doc(alias = "Condvar")]
#[doc(alias = "Monitor")]
pub struct Condition<T> {
    mutex: Mutex<T>,
    bell: Bell,
}

impl<T> Condition<T> {
    crate::const_fn! {
        /// Unlocked, and nobody waits.
        pub const fn new(value: T) -> Self {
            Self { mutex: Mutex::new(value), bell: Bell { queue: WaitQueue::new(()) } }
        }
    }

    /// Locks, waiting for its turn.
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.** A lock that was granted and not seen goes to the next
    /// in line.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let condition = bowerbird_sync::Condition::new(1);
    /// *condition.lock().await += 1;
    /// assert_eq!(condition.into_inner(), 2);
    /// # });
    /// ```
    #[doc(alias = "acquire")]
    #[track_caller]
    #[inline]
    pub fn lock(&self) -> Lock<'_, T> {
        Lock { condition: self, lock: self.mutex.lock() }
    }

    /// Locks if it is unlocked and nobody waits for the lock.
    ///
    /// # Errors
    ///
    /// If it is not.
    pub fn try_lock(&self) -> Result<ConditionGuard<'_, T>, TryLockError> {
        Ok(ConditionGuard { condition: self, guard: self.mutex.try_lock()? })
    }

    /// Blocks the thread until it has the lock. Not for use inside tasks: see
    /// [`WaitBlocking`].
    #[track_caller]
    pub fn blocking_lock(&self) -> ConditionGuard<'_, T> {
        match self.try_lock() {
            Ok(guard) => guard,
            Err(_) => self.lock().wait_blocking(),
        }
    }

    /// The value, without locking: nobody else can reach it.
    pub fn get_mut(&mut self) -> &mut T {
        self.mutex.get_mut()
    }

    /// Gives the value back.
    pub fn into_inner(self) -> T {
        self.mutex.into_inner()
    }
}

impl<T: Default> Default for Condition<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Condition<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: fmt::Debug> fmt::Debug for Condition<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition").field("mutex", &self.mutex).finish_non_exhaustive()
    }
}

/// What those who wait for the value to change listen for.
#[derive(Debug)]
struct Bell {
    queue: WaitQueue<(), Ring>,
}

/// What one who waits has heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ring {
    /// Nothing yet.
    Silence,
    /// It was for one only, and must reach somebody.
    One,
    /// It was for everybody.
    All,
}

impl Bell {
    /// Rings for those in front, `count` at most.
    fn ring(&self, count: usize) {
        self.queue.with(|line| {
            for _ in 0..count {
                let Some(ring) = line.front() else { break };
                *ring = Ring::One;
                line.grant_front();
            }
        });
    }

    fn ring_for_all(&self) {
        self.queue.with(|line| line.grant_all(|ring| *ring = Ring::All));
    }
}

impl Primitive for Bell {
    type State = ();
    type Grant = Ring;

    fn queue(&self) -> &WaitQueue<(), Ring> {
        &self.queue
    }

    fn pass_on(&self, ring: Ring) {
        if ring == Ring::One {
            self.ring(1);
        }
    }
}

pin_project! {
    /// The future of [`Condition::lock`].
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.**
    #[must_use = "futures do nothing unless polled"]
    pub struct Lock<'a, T> {
        condition: &'a Condition<T>,
        #[pin]
        lock: mutex::Lock<'a, T>,
    }
}

impl<'a, T> Future for Lock<'a, T> {
    type Output = ConditionGuard<'a, T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let guard = ready!(this.lock.poll(cx));
        Poll::Ready(ConditionGuard { condition: this.condition, guard })
    }
}

impl<T> fmt::Debug for Lock<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").finish_non_exhaustive()
    }
}

/// A [`Condition`] locked: access to its value, and to its bell.
///
/// Dropping it unlocks, and panics if the next one's waker does.
#[clippy::has_significant_drop]
#[must_use = "a condition is unlocked at once if its guard is dropped"]
pub struct ConditionGuard<'a, T> {
    condition: &'a Condition<T>,
    guard: MutexGuard<'a, T>,
}

impl<'a, T> ConditionGuard<'a, T> {
    /// Unlocks, waits to be notified, and locks again.
    ///
    /// A notification only says that the value may have changed; look again, or
    /// use [`wait_while`](Self::wait_while).
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.** The lock is not held after the future was dropped. A
    /// notification that it had been given, and with which it had not yet
    /// returned, goes to the next who waits.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let condition = bowerbird_sync::Condition::new(1);
    /// let wait = async {
    ///     let guard = condition.lock().await;
    ///     let guard = guard.wait().await;
    ///     assert_eq!(*guard, 2);
    /// };
    /// let notify = async {
    ///     let mut guard = condition.lock().await;
    ///     *guard = 2;
    ///     guard.notify_all();
    /// };
    /// futures::join!(wait, notify);
    /// # });
    /// ```
    #[track_caller]
    pub fn wait(self) -> Wait<'a, T> {
        let condition = self.condition;
        Wait {
            guard: Some(self),
            condition,
            site: Site::new(Kind::Condition, &condition.bell),
            bell: Waiter::new(&condition.bell),
            heard: Ring::Silence,
            lock: condition.mutex.lock(),
        }
    }

    /// Waits as long as `unfit` says that the value is not right, which it asks
    /// first of all. Returns with the lock held and the value right.
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.** As [`wait`](Self::wait).
    ///
    /// # Panics
    ///
    /// As `unfit` does; the lock is not held after.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let condition = bowerbird_sync::Condition::new(1);
    /// let guard = condition.lock().await.wait_while(|it| *it == 0).await;
    /// assert_eq!(*guard, 1);
    /// # });
    /// ```
    #[doc(alias = "wait_for")]
    #[track_caller]
    pub fn wait_while<F>(self, unfit: F) -> WaitWhile<'a, T, F>
    where
        F: FnMut(&mut T) -> bool,
    {
        WaitWhile { unfit, wait: self.wait() }
    }

    /// Wakes the one who has waited longest.
    ///
    /// If nobody waits, nothing happens: a condition has no memory.
    ///
    /// # Panics
    ///
    /// If its waker panics.
    #[doc(alias = "signal")]
    pub fn notify_one(&self) {
        self.notify_n(1);
    }

    /// Wakes the `count` who have waited longest.
    ///
    /// # Panics
    ///
    /// If a waker panics, after everybody who is due was woken.
    #[doc(alias = "notify")]
    pub fn notify_n(&self, count: usize) {
        self.condition.bell.ring(count);
    }

    /// Wakes everybody who waits.
    ///
    /// # Panics
    ///
    /// If a waker panics, after everybody was woken.
    #[doc(alias = "broadcast")]
    pub fn notify_all(&self) {
        self.condition.bell.ring_for_all();
    }

    /// The condition it locks.
    pub fn condition(this: &Self) -> &'a Condition<T> {
        this.condition
    }
}

impl<T> Deref for ConditionGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for ConditionGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

impl<T: fmt::Debug> fmt::Debug for ConditionGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for ConditionGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

pin_project! {
    /// The future of [`ConditionGuard::wait`].
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.**
    #[must_use = "futures do nothing unless polled"]
    pub struct Wait<'a, T> {
        // The lock, until the first poll has stood in line.
        guard: Option<ConditionGuard<'a, T>>,
        condition: &'a Condition<T>,
        site: Site,
        #[pin]
        bell: Waiter<&'a Bell>,
        // What we owe to others until we have the lock.
        heard: Ring,
        #[pin]
        lock: mutex::Lock<'a, T>,
    }

    impl<T> PinnedDrop for Wait<'_, T> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.condition.bell.pass_on(*this.heard);
        }
    }
}

impl<T> Wait<'_, T> {
    fn poll_bell(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ring> {
        let this = self.project();
        let poll = this.bell.poll_with(cx, |_, _| Decision::Wait(Ring::Silence));
        if poll.is_pending() {
            this.site.waiting();
        }
        poll
    }
}

impl<'a, T> Future for Wait<'a, T> {
    type Output = ConditionGuard<'a, T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(guard) = self.as_mut().project().guard.take() {
            // In line first, unlocked after: whoever rings has locked in between.
            let heard = self.as_mut().poll_bell(cx);
            debug_assert!(heard.is_pending(), "nobody rings without the lock");
            drop(guard);
            return Poll::Pending;
        }
        if self.heard == Ring::Silence {
            let heard = ready!(self.as_mut().poll_bell(cx));
            *self.as_mut().project().heard = heard;
        }
        let this = self.project();
        let guard = ready!(this.lock.poll(cx));
        // We return with it: it has reached somebody.
        *this.heard = Ring::Silence;
        Poll::Ready(ConditionGuard { condition: this.condition, guard })
    }
}

impl<T> fmt::Debug for Wait<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("heard", &self.heard).finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`ConditionGuard::wait_while`].
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.**
    #[must_use = "futures do nothing unless polled"]
    pub struct WaitWhile<'a, T, F> {
        unfit: F,
        #[pin]
        wait: Wait<'a, T>,
    }
}

impl<'a, T, F> Future for WaitWhile<'a, T, F>
where
    F: FnMut(&mut T) -> bool,
{
    type Output = ConditionGuard<'a, T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            // Whoever has the lock has not asked yet. If asking panics, unlocks.
            if let Some(mut guard) = this.wait.as_mut().project().guard.take() {
                if !(this.unfit)(&mut guard) {
                    return Poll::Ready(guard);
                }
                *this.wait.as_mut().project().guard = Some(guard);
            }
            let guard = ready!(this.wait.as_mut().poll(cx));
            *this.wait.as_mut().project().guard = Some(guard);
        }
    }
}

impl<T, F> fmt::Debug for WaitWhile<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitWhile").field("wait", &self.wait).finish_non_exhaustive()
    }
}
