//! How does one tell others that something happened, if nobody may be listening
//! yet?
//!
//! A [`Notify`] has no state but this: one permit at most, left by
//! [`notify_one`](Notify::notify_one) when nobody waits, and a count of
//! [`notify_waiters`](Notify::notify_waiters). Both are in one word:
//!
//! ```text
//!     63                              2    1      0
//!     ┌───────────────────────────────┬──────┬────────┐
//!     │ calls of notify_waiters       │ LINE │ PERMIT │
//!     └───────────────────────────────┴──────┴────────┘
//! ```
//!
//! As in `permits`: while LINE is clear, one compare-exchange
//! does it all; while it is set, *the word is written only under the lock of the
//! line*. LINE and PERMIT are never set together, since who waits takes the permit.
//!
//! A [`Notified`] remembers how many calls of `notify_waiters` there were when it
//! was made. If there are more when it is first polled it has been notified, and
//! takes no permit: that is somebody else's.
//!
//! # Synchronization edges
//!
//! | edge | released by                | acquired by             | what crosses              |
//! |------|----------------------------|-------------------------|---------------------------|
//! | N1   | [`Notify::notify_one`] leaves the permit, also onto another | who takes it | what the notifier wrote |
//! | N2   | [`Notify::notify_waiters`] | a [`Notified`] made before and polled after | what the notifier wrote |
//!
//! Who waits already crosses W1 of [`wait_queue`](crate::wait_queue).

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod word;

use self::word::{Arrival, Deliver, LINE, PERMIT, Snapshot, Word};
use crate::{
    site::Site,
    wait_queue::{Decision, Hides, Hold, Locked, OwnerOf, Primitive, WaitQueue, Waiter},
    wait_site::Kind,
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// A notification without a value, for one or for all who wait.
///
/// # Examples
///
/// ```
/// use bowerbird_sync::Notify;
///
/// # futures::executor::block_on(async {
/// let notify = Notify::new();
/// notify.notify_one(); // nobody waits: kept
/// notify.notify_one(); // one is kept at most
/// notify.notified().await;
/// futures::join!(notify.notified(), async { notify.notify_waiters() });
/// # });
/// ```
pub struct Notify {
    news: News,
}

impl Notify {
    crate::const_fn! {
        /// Nothing has happened.
        #[must_use]
        pub const fn new() -> Self {
            Self { news: News { word: Word::new(), queue: WaitQueue::new(()) } }
        }
    }

    /// Notifies the one who has waited longest, or leaves a permit for the next who
    /// comes. Permits do not add up.
    ///
    /// # Panics
    ///
    /// If its waker panics.
    #[inline]
    pub fn notify_one(&self) {
        self.news.notify(Heard::First);
    }

    /// As [`notify_one`](Self::notify_one), but notifies the one who came last.
    #[inline]
    pub fn notify_last(&self) {
        self.news.notify(Heard::Last);
    }

    /// Notifies everybody who waits, and every [`Notified`] that has been made and
    /// not yet polled. Leaves no permit, and takes none.
    ///
    /// # Panics
    ///
    /// If a waker panics, after everybody was woken.
    pub fn notify_waiters(&self) {
        // N2: publishes what the notifier wrote.
        match self.news.word.update(Snapshot::call) {
            Deliver::Done => (),
            Deliver::InLine => self.news.call_in_line(),
        }
    }

    /// Waits to be notified.
    ///
    /// It hears of `notify_waiters` from now on, and stands in line for
    /// `notify_one` from its first poll or [`enable`](Notified::enable) on.
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.** A `notify_one` that was given to it and not seen goes to
    /// the next, or is kept.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let notify = bowerbird_sync::Notify::new();
    /// let notified = notify.notified();
    /// notify.notify_waiters();
    /// notified.await; // it was made before
    /// # });
    /// ```
    #[track_caller]
    #[inline]
    pub fn notified(&self) -> Notified<'_> {
        Notified { listener: Listener::new(&self.news) }
    }

    /// As [`notified`](Self::notified), with a future that owns the `Notify`.
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.** As [`notified`](Self::notified).
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_sync::{Notify, wait_blocking::WaitBlocking};
    /// use std::sync::Arc;
    ///
    /// let notify = Arc::new(Notify::new());
    /// let notified = notify.clone().notified_owned();
    /// let listener = std::thread::spawn(|| notified.wait_blocking());
    /// notify.notify_waiters(); // it was made before
    /// listener.join().unwrap();
    /// assert_eq!(Arc::strong_count(&notify), 1);
    /// ```
    #[track_caller]
    pub fn notified_owned(self: Arc<Self>) -> OwnedNotified {
        OwnedNotified { listener: Listener::new(OwnerOf(self)) }
    }
}

impl Hides for Notify {
    type Primitive = News;

    fn primitive(&self) -> &News {
        &self.news
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_permit = self.news.word.glance().has(PERMIT);
        f.debug_struct("Notify").field("has_permit", &has_permit).finish_non_exhaustive()
    }
}

/// What one waits for: apart from [`Notify`], whose line is nobody's business.
#[derive(Debug)]
pub(crate) struct News {
    word: Word,
    queue: WaitQueue<(), Heard>,
}

/// What one who waits has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Nothing yet.
    Nothing,
    /// A `notify_one`, which must reach somebody: the first in line.
    First,
    /// A `notify_last`, which must reach somebody: the last in line.
    Last,
    /// A `notify_waiters`, or a permit: nobody else's business any more.
    Mine,
}

impl News {
    /// Tells one, or leaves a permit.
    #[inline]
    fn notify(&self, whom: Heard) {
        // N1: publishes what the notifier wrote.
        match self.word.update(Snapshot::notify) {
            Deliver::Done => (),
            Deliver::InLine => self.notify_in_line(whom),
        }
    }

    #[cold]
    fn notify_in_line(&self, whom: Heard) {
        self.queue.with(|line| {
            // The line may have emptied before we had the lock. N1: as above.
            if self.word.update(Snapshot::notify) == Deliver::Done {
                return;
            }
            let place = if whom == Heard::Last { line.back() } else { line.front() };
            *place.expect("LINE says that somebody waits") = whom;
            let _ = if whom == Heard::Last { line.grant_back() } else { line.grant_front() };
            self.settle(line);
        });
    }

    #[cold]
    fn call_in_line(&self) {
        self.queue.with(|line| {
            // Counted first: who is told now may listen again at once, and is not to
            // hear of this call a second time. N2: as in `notify_waiters`.
            let deliver = self.word.update(|seen| seen.without(LINE).call());
            debug_assert_eq!(deliver, Deliver::Done);
            line.grant_all(|heard| *heard = Heard::Mine);
        });
    }

    /// Clears LINE if the line, whose lock is held, is empty.
    fn settle(&self, line: &Locked<'_, (), Heard>) {
        if line.is_empty() {
            self.word.update(|seen| (Some(seen.without(LINE)), ()));
        }
    }
}

impl News {
    /// What becomes of a newcomer that was made after `calls` calls, and for which
    /// nothing was there. The line's lock is held. N1, N2: as without the lock.
    fn arrive(&self, calls: usize) -> Decision<Heard> {
        match self.word.update(|seen| seen.arrive(calls)) {
            Arrival::Notified => Decision::Pass(Heard::Mine),
            Arrival::Wait => Decision::Wait(Heard::Nothing),
        }
    }
}

impl Primitive for News {
    type State = ();
    type Grant = Heard;

    fn queue(&self) -> &WaitQueue<(), Heard> {
        &self.queue
    }

    fn cancelled(&self, line: &mut Locked<'_, (), Heard>) {
        self.settle(line);
    }

    fn pass_on(&self, heard: Heard) {
        match heard {
            Heard::First | Heard::Last => self.notify(heard),
            Heard::Nothing | Heard::Mine => (),
        }
    }
}

pin_project! {
    /// What both futures of [`Notify`] are.
    struct Listener<H>
    where
        H: Hold<Target = News>,
    {
        site: Site,
        // The calls there had been when this was made.
        calls: usize,
        is_done: bool,
        #[pin]
        waiter: Waiter<H>,
    }
}

impl<H: Hold<Target = News>> Listener<H> {
    #[track_caller]
    #[inline]
    fn new(holder: H) -> Self {
        let news = holder.target();
        // Too old a count only lets it hear of a call that is under way.
        let calls = news.word.glance().calls();
        let site = Site::new(Kind::Notify, news);
        Self { site, calls, is_done: false, waiter: Waiter::new(holder) }
    }

    fn enable(self: Pin<&mut Self>) -> bool {
        let mut this = self.project();
        if *this.is_done {
            return true;
        }
        let calls = *this.calls;
        let poll = match this.waiter.is_waiting() || !this.waiter.target().word.take(calls) {
            false => Poll::Ready(Heard::Mine),
            true => this.waiter.as_mut().enter(|news, _| news.arrive(calls)),
        };
        *this.is_done = poll.is_ready();
        *this.is_done
    }

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if *this.is_done {
            return Poll::Ready(());
        }
        let progress = ready!(this.site.poll_proceed(cx));
        let calls = *this.calls;
        let poll = match this.waiter.is_waiting() || !this.waiter.target().word.take(calls) {
            false => Poll::Ready(Heard::Mine),
            true => this.waiter.as_mut().poll_with(cx, |news, _| news.arrive(calls)),
        };
        match poll {
            Poll::Ready(_) => {
                progress.made();
                *this.is_done = true;
                Poll::Ready(())
            }
            Poll::Pending => {
                this.site.waiting();
                Poll::Pending
            }
        }
    }
}

pin_project! {
    /// The future of [`Notify::notified`].
    ///
    /// Polled again after it was ready, it is ready again.
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.**
    #[must_use = "futures do nothing unless polled"]
    pub struct Notified<'a> {
        #[pin]
        listener: Listener<&'a News>,
    }
}

impl Notified<'_> {
    /// Stands in line without being polled, or takes the permit. Returns whether it
    /// has been notified, in which case it is ready.
    ///
    /// For those who want to look at something else between standing in line and
    /// waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::pin;
    ///
    /// # futures::executor::block_on(async {
    /// let notify = bowerbird_sync::Notify::new();
    /// let mut notified = pin!(notify.notified());
    /// assert!(!notified.as_mut().enable());
    /// notify.notify_one();
    /// assert!(notified.as_mut().enable());
    /// notified.await;
    /// # });
    /// ```
    pub fn enable(self: Pin<&mut Self>) -> bool {
        self.project().listener.enable()
    }
}

impl Future for Notified<'_> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().listener.poll(cx)
    }
}

impl fmt::Debug for Notified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notified").field("is_done", &self.listener.is_done).finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`Notify::notified_owned`].
    ///
    /// Polled again after it was ready, it is ready again.
    ///
    /// # Cancel safety
    ///
    /// **Loses its place.**
    #[must_use = "futures do nothing unless polled"]
    pub struct OwnedNotified {
        #[pin]
        listener: Listener<OwnerOf<Notify>>,
    }
}

impl OwnedNotified {
    /// As [`Notified::enable`].
    pub fn enable(self: Pin<&mut Self>) -> bool {
        self.project().listener.enable()
    }
}

impl Future for OwnedNotified {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().listener.poll(cx)
    }
}

impl fmt::Debug for OwnedNotified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedNotified")
            .field("is_done", &self.listener.is_done)
            .finish_non_exhaustive()
    }
}
