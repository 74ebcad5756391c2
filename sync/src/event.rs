//! Has it happened yet?
//!
//! An [`Event`] is a flag that many may wait for. It is level triggered: who comes
//! while it is set passes, who waits when it is set is let go, whatever becomes of
//! the flag before it runs.
//!
//! The flag is written under the lock of the line, so setting it and letting
//! everybody go is one step; it is an atomic so that looking needs no lock.
//!
//! # Synchronization edges
//!
//! | edge | released by      | acquired by                             | what crosses            |
//! |------|------------------|-----------------------------------------|-------------------------|
//! | E1   | [`Event::set`]   | [`Event::is_set`], or a newcomer's look | what the setter wrote   |
//! | E2   | [`Event::clear`] | [`Event::is_set`]                       | what the clearer wrote  |
//!
//! Who waited already crosses W1 of [`wait_queue`](crate::wait_queue).
//!
//! # Rejected
//!
//! * Returning at once from `set` if the flag is set: two setters would have to
//!   agree without the lock on who lets the line go, and a `clear` in between gives
//!   histories which no order of the three explains.

use crate::{
    shim::atomic::{
        AtomicBool,
        Ordering::{Acquire, Release},
    },
    site::Site,
    wait_queue::{Decision, Hides, Hold, OwnerOf, Primitive, WaitQueue, Waiter},
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

/// A flag to wait for, as `asyncio.Event`: set, clear, wait.
///
/// # Examples
///
/// ```
/// use bowerbird_sync::Event;
///
/// # futures::executor::block_on(async {
/// let ready = Event::new();
/// futures::join!(ready.wait(), ready.wait(), async { ready.set() });
/// ready.wait().await; // still set: at once
/// ready.clear();
/// assert!(!ready.is_set());
/// # });
/// ```
#[doc(alias = "ManualResetEvent")]
pub struct Event {
    flag: Flag,
}

/// What one waits for: apart from [`Event`], whose line is nobody's business.
#[derive(Debug)]
pub(crate) struct Flag {
    is_set: AtomicBool,
    queue: WaitQueue,
}

impl Event {
    crate::const_fn! {
        /// Not set.
        #[must_use]
        pub const fn new() -> Self {
            Self { flag: Flag { is_set: AtomicBool::new(false), queue: WaitQueue::new(()) } }
        }
    }

    /// Sets the flag and lets everybody go who waits.
    ///
    /// What was written before is visible to those who pass.
    ///
    /// # Panics
    ///
    /// If a waker panics, after everybody was woken.
    pub fn set(&self) {
        self.flag.queue.with(|line| {
            // E1: publishes what the setter wrote.
            self.flag.is_set.store(true, Release);
            line.grant_all(|()| ());
        });
    }

    /// Clears the flag: who comes from now on waits. Those who were let go stay so.
    pub fn clear(&self) {
        // E2: publishes what the clearer wrote.
        self.flag.queue.with(|_| self.flag.is_set.store(false, Release));
    }

    /// Whether the flag is set. Out of date at once, where others clear it.
    #[inline]
    #[must_use]
    pub fn is_set(&self) -> bool {
        // E1, E2: sees what was written before.
        self.flag.is_set.load(Acquire)
    }

    /// Waits until the flag is set, or has been since the first poll.
    ///
    /// # Cancel safety
    ///
    /// **Strict.**
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let event = bowerbird_sync::Event::new();
    /// futures::join!(event.wait(), async {
    ///     event.set();
    ///     event.clear(); // who waits was let go all the same
    /// });
    /// assert!(!event.is_set());
    /// # });
    /// ```
    #[track_caller]
    #[inline]
    pub fn wait(&self) -> Wait<'_> {
        let site = Site::new(Kind::Event, &self.flag);
        Wait { site, waiter: Waiter::new(&self.flag) }
    }

    /// As [`wait`](Self::wait), with a future that owns the event.
    ///
    /// # Cancel safety
    ///
    /// **Strict.**
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_sync::{Event, wait_blocking::WaitBlocking};
    /// use std::sync::Arc;
    ///
    /// let event = Arc::new(Event::new());
    /// let wait = event.clone().wait_owned();
    /// let waiter = std::thread::spawn(|| wait.wait_blocking());
    /// event.set();
    /// waiter.join().unwrap();
    /// assert!(event.is_set());
    /// ```
    #[track_caller]
    pub fn wait_owned(self: Arc<Self>) -> WaitOwned {
        let site = Site::new(Kind::Event, &self.flag);
        WaitOwned { site, waiter: Waiter::new(OwnerOf(self)) }
    }
}

impl Hides for Event {
    type Primitive = Flag;

    fn primitive(&self) -> &Flag {
        &self.flag
    }
}

impl Primitive for Flag {
    type State = ();
    type Grant = ();

    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    /// Everybody was let go: there is nothing to pass on.
    fn pass_on(&self, (): ()) {}
}

impl Default for Event {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("is_set", &self.is_set()).finish()
    }
}

pin_project! {
    /// The future of [`Event::wait`].
    ///
    /// # Cancel safety
    ///
    /// **Strict.**
    #[must_use = "futures do nothing unless polled"]
    pub struct Wait<'a> {
        site: Site,
        #[pin]
        waiter: Waiter<&'a Flag>,
    }
}

impl Future for Wait<'_> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        poll_set(this.waiter, *this.site, cx)
    }
}

impl fmt::Debug for Wait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`Event::wait_owned`].
    ///
    /// # Cancel safety
    ///
    /// **Strict.**
    #[must_use = "futures do nothing unless polled"]
    pub struct WaitOwned {
        site: Site,
        #[pin]
        waiter: Waiter<OwnerOf<Event>>,
    }
}

impl Future for WaitOwned {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        poll_set(this.waiter, *this.site, cx)
    }
}

impl fmt::Debug for WaitOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitOwned").finish_non_exhaustive()
    }
}

#[inline]
fn poll_set<H: Hold<Target = Flag>>(
    mut waiter: Pin<&mut Waiter<H>>,
    site: Site,
    cx: &mut Context<'_>,
) -> Poll<()> {
    let progress = ready!(site.poll_proceed(cx));
    let poll = match waiter.is_waiting() || !waiter.target().look() {
        false => Poll::Ready(()),
        true => waiter.as_mut().poll_with(cx, |flag, _| match flag.look() {
            true => Decision::Pass(()),
            false => Decision::Wait(()),
        }),
    };
    match poll {
        Poll::Ready(()) => progress.made(),
        Poll::Pending => site.waiting(),
    }
    poll
}

impl Flag {
    fn look(&self) -> bool {
        // E1: sees what the setter wrote.
        self.is_set.load(Acquire)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::wait_blocking::WaitBlocking;
    use std::{task::Waker, thread, time::Duration};

    fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
        future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn who_waits_when_it_is_set_goes_even_if_it_is_cleared_at_once() {
        let event = Event::new();
        let mut waits: Vec<_> = (0..100).map(|_| Box::pin(event.wait())).collect();
        let mut unpolled = Box::pin(event.wait());
        assert!(waits.iter_mut().all(|it| poll(it).is_pending()));
        event.set();
        event.clear();
        assert!(waits.iter_mut().all(|it| poll(it).is_ready()));
        assert!(poll(&mut unpolled).is_pending(), "nothing happens until it is polled");
    }

    #[test]
    fn who_comes_while_it_is_set_passes() {
        let event = Arc::new(Event::default());
        event.set();
        event.set();
        assert!(poll(&mut Box::pin(event.wait())).is_ready());
        assert!(poll(&mut Box::pin(event.clone().wait_owned())).is_ready());
        event.clear();
        assert!(event.wait().wait_blocking_timeout(Duration::ZERO).is_none());
        assert_eq!(format!("{event:?}"), "Event { is_set: false }");
    }

    #[test]
    fn a_waiter_may_leave() {
        let event = Event::new();
        let mut wait = Box::pin(event.wait());
        assert!(poll(&mut wait).is_pending());
        drop(wait);
        event.set();
        assert!(event.is_set());
    }

    #[test]
    fn a_thread_waits_for_another() {
        let event = Arc::new(Event::new());
        let theirs = event.clone();
        let waiter = thread::spawn(move || theirs.wait_owned().wait_blocking());
        event.set();
        waiter.join().unwrap();
    }

    #[test]
    fn an_event_goes_anywhere_and_futures_stay_pinned() {
        use crate::static_checks::{implements, is_not};
        use std::panic::{RefUnwindSafe, UnwindSafe};
        implements!(Event: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
        implements!(Wait<'static>: Send, Sync);
        implements!(WaitOwned: Send, Sync);
        is_not!(Wait<'static>: Unpin);
        is_not!(WaitOwned: Unpin);
    }
}
