//! Which of many things has been kept long enough?
//!
//! Values in the order of their deadlines, and one timer, for the first of them. A key
//! is a number that is not used again, so one that is out of date finds nothing.
//!
//! ```text
//!   order   (deadline, number) ─▶ value      the first one is next
//!   keys    number ─▶ deadline               to find it by its key
//! ```
//!
//! # Rejected
//!
//! * A timer for each value: a task that waits for many polls each of them.
//! * A heap of deadlines and a slab of values: some faster with very many of them, but
//!   a removal has to find its place in the heap, and equal deadlines lose their order.

use futures_core::Stream;
use reactor::time::{Instant, Sleep, sleep_until};
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

/// Keeps values until their time has come: for leases, sessions, entries of caches.
///
/// Values whose time has come are given one by one, the earliest first, those of equal
/// deadlines in the order of their insertion. It is also a [`Stream`], which ends when
/// the queue is empty and goes on when it is not.
///
/// # Examples
///
/// ```
/// use bowerbird::{runtime::Builder, time::DelayQueue};
/// use std::time::Duration;
///
/// const SECOND: Duration = Duration::from_secs(1);
///
/// let runtime = Builder::new_current_thread().paused_clock().build()?;
/// runtime.block_on(async {
///     let mut sessions = DelayQueue::new();
///     let ann = sessions.insert("ann", SECOND);
///     let bob = sessions.insert("bob", 2 * SECOND);
///     sessions.reset(ann, 3 * SECOND);
///     assert_eq!(sessions.next().await.unwrap().into_inner(), "bob");
///     assert_eq!(sessions.remove(bob), None, "it is gone");
///     assert_eq!(sessions.remove(ann), Some("ann"));
///     assert!(sessions.next().await.is_none());
/// });
/// # Ok::<(), bowerbird::runtime::BuildError>(())
/// ```
pub struct DelayQueue<T> {
    order: BTreeMap<(Instant, u64), T>,
    keys: HashMap<u64, Instant>,
    /// Of the value inserted next.
    number: u64,
    /// Until the first deadline, or for ever.
    sleep: Sleep,
}

/// A value of a [`DelayQueue`], which it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DelayKey(u64);

impl<T> DelayQueue<T> {
    /// An empty queue. Its timer names this call as what waits.
    #[must_use]
    #[track_caller]
    pub fn new() -> Self {
        let sleep = sleep_until(Instant::now() + Duration::MAX);
        Self { order: BTreeMap::new(), keys: HashMap::new(), number: 0, sleep }
    }

    /// Keeps `value` for `delay` from now.
    pub fn insert(&mut self, value: T, delay: Duration) -> DelayKey {
        self.insert_at(value, Instant::now() + delay)
    }

    /// Keeps `value` until `deadline`.
    pub fn insert_at(&mut self, value: T, deadline: Instant) -> DelayKey {
        let number = self.number;
        self.number += 1;
        self.keys.insert(number, deadline);
        self.order.insert((deadline, number), value);
        self.follow_first();
        DelayKey(number)
    }

    /// Takes a value out before its time. `None` if it is gone.
    pub fn remove(&mut self, key: DelayKey) -> Option<T> {
        let deadline = self.keys.remove(&key.0)?;
        let value = self.order.remove(&(deadline, key.0));
        self.follow_first();
        value
    }

    /// Keeps a value for `delay` from now, instead of what was said before. Returns
    /// whether it was still there.
    pub fn reset(&mut self, key: DelayKey, delay: Duration) -> bool {
        self.reset_at(key, Instant::now() + delay)
    }

    /// Keeps a value until `deadline`, instead of what was said before. Returns whether
    /// it was still there.
    pub fn reset_at(&mut self, key: DelayKey, deadline: Instant) -> bool {
        let Some(before) = self.keys.get_mut(&key.0) else { return false };
        let place = (mem::replace(before, deadline), key.0);
        if let Some(value) = self.order.remove(&place) {
            self.order.insert((deadline, key.0), value);
        }
        self.follow_first();
        true
    }

    /// Until when a value is kept. `None` if it is gone.
    #[must_use]
    pub fn deadline(&self, key: DelayKey) -> Option<Instant> {
        self.keys.get(&key.0).copied()
    }

    /// The value that is next.
    #[must_use]
    pub fn peek(&self) -> Option<(DelayKey, &T)> {
        self.order.first_key_value().map(|((_, number), value)| (DelayKey(*number), value))
    }

    /// How many values it keeps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether it keeps none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Drops all values.
    pub fn clear(&mut self) {
        self.keys.clear();
        // Their destructors may panic, and find the queue in order.
        let values = mem::take(&mut self.order);
        self.follow_first();
        drop(values);
    }

    /// Waits for the next value whose time has come. `None` at once if there is none.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** A value is taken out when this is ready, not before.
    ///
    /// # Panics
    ///
    /// A poll that has to wait panics on a thread without a reactor.
    ///
    /// # Examples
    ///
    /// See [`DelayQueue`].
    #[expect(clippy::should_implement_trait, reason = "the name all streams have for it")]
    pub fn next(&mut self) -> NextExpired<'_, T> {
        NextExpired { queue: self }
    }

    /// As [`next`](Self::next), for those who write futures by hand.
    pub fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<Option<Expired<T>>> {
        if self.order.is_empty() {
            return Poll::Ready(None);
        }
        ready!(Pin::new(&mut self.sleep).poll(cx));
        let Some(((deadline, number), value)) = self.order.pop_first() else {
            return Poll::Ready(None);
        };
        self.keys.remove(&number);
        self.follow_first();
        Poll::Ready(Some(Expired { value, deadline, key: DelayKey(number) }))
    }

    /// Moves the timer to the first deadline. It keeps the waker of who waits, or calls
    /// it if there is nothing to wait for any more.
    fn follow_first(&mut self) {
        let first = match self.order.first_key_value() {
            Some(((deadline, _), _)) => *deadline,
            None => Instant::now() + Duration::MAX,
        };
        if first != self.sleep.deadline() || self.order.is_empty() {
            Pin::new(&mut self.sleep).reset(first);
        }
    }
}

impl<T> Default for DelayQueue<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Unpin for DelayQueue<T> {}

impl<T> Stream for DelayQueue<T> {
    type Item = Expired<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Expired<T>>> {
        self.poll_expired(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl<T> fmt::Debug for DelayQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DelayQueue").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// The future of [`DelayQueue::next`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct NextExpired<'a, T> {
    queue: &'a mut DelayQueue<T>,
}

impl<T> Future for NextExpired<'_, T> {
    type Output = Option<Expired<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.queue.poll_expired(cx)
    }
}

/// A value of a [`DelayQueue`] whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired<T> {
    value: T,
    deadline: Instant,
    key: DelayKey,
}

impl<T> Expired<T> {
    /// The value.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value
    }

    /// The value.
    #[must_use]
    pub fn get_ref(&self) -> &T {
        &self.value
    }

    /// When its time came.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What its key was.
    #[must_use]
    pub fn key(&self) -> DelayKey {
        self.key
    }
}
