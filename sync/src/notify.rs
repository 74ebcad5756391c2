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
//! As in [`permits`](crate::permits): while LINE is clear, one compare-exchange
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

use crate::{
    shim::atomic::{
        AtomicUsize,
        Ordering::{AcqRel, Acquire, Relaxed},
    },
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
            let word = Word(AtomicUsize::new(Snapshot::START.0));
            Self { news: News { word, queue: WaitQueue::new(()) } }
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
    /// **Loses its place.**
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
        // Relaxed: for the eye only.
        let word = Snapshot(self.news.word.0.load(Relaxed));
        f.debug_struct("Notify").field("has_permit", &word.has(PERMIT)).finish_non_exhaustive()
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
        // Relaxed: too old a count only lets it hear of a call that is under way.
        let calls = Snapshot(news.word.0.load(Relaxed)).calls();
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
            true => this.waiter.as_mut().enter(|news, _| news.word.arrive(calls)),
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
            true => this.waiter.as_mut().poll_with(cx, |news, _| news.word.arrive(calls)),
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

/// A notification nobody has taken.
const PERMIT: usize = 1;
/// Somebody waits: the word is written only under the lock of the line.
const LINE: usize = 2;
/// One call of `notify_waiters`.
const CALL: usize = 4;

/// What the word says, and what may become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Snapshot(usize);

/// What a notifier is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
enum Deliver {
    /// Nothing: the word says it.
    Done,
    /// Tell the line, under its lock.
    InLine,
}

/// What a newcomer finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
enum Arrival {
    /// It was notified.
    Notified,
    /// It is to wait.
    Wait,
}

impl Snapshot {
    /// Calls are compared for equality only, so their count may wrap; under debug
    /// assertions it soon does.
    const START: Self = match cfg!(debug_assertions) {
        true => Self(0_usize.wrapping_sub(2 * CALL)),
        false => Self(0),
    };

    const fn calls(self) -> usize {
        self.0 / CALL
    }

    const fn has(self, flag: usize) -> bool {
        self.0 & flag != 0
    }

    const fn without(self, flag: usize) -> Self {
        Self(self.0 & !flag)
    }

    fn notify(self) -> (Option<Self>, Deliver) {
        match self.has(LINE) {
            true => (None, Deliver::InLine),
            false => (Some(Self(self.0 | PERMIT)), Deliver::Done),
        }
    }

    fn call(self) -> (Option<Self>, Deliver) {
        match self.has(LINE) {
            true => (None, Deliver::InLine),
            false => (Some(Self(self.0.wrapping_add(CALL))), Deliver::Done),
        }
    }

    /// For one who was made after `calls` calls, and does not wait.
    fn take(self, calls: usize) -> (Option<Self>, Arrival) {
        match self.calls() == calls {
            false => (None, Arrival::Notified),
            true if self.has(PERMIT) => (Some(self.without(PERMIT)), Arrival::Notified),
            true => (None, Arrival::Wait),
        }
    }

    /// For one who was made after `calls` calls, and waits if it must.
    fn arrive(self, calls: usize) -> (Option<Self>, Arrival) {
        match self.take(calls) {
            (_, Arrival::Wait) => (Some(Self(self.0 | LINE)), Arrival::Wait),
            other => other,
        }
    }
}

/// The word, shared.
#[derive(Debug)]
struct Word(AtomicUsize);

impl Word {
    /// N1, N2, both ends: the only compare-exchange of this file. It writes also
    /// what is there already: a second permit publishes what its giver wrote.
    #[inline]
    fn update<R>(&self, step: impl Fn(Snapshot) -> (Option<Snapshot>, R)) -> R {
        let mut seen = self.0.load(Acquire);
        loop {
            let (next, result) = step(Snapshot(seen));
            let Some(next) = next else { return result };
            match self.0.compare_exchange_weak(seen, next.0, AcqRel, Acquire) {
                Ok(_) => return result,
                Err(word) => seen = word,
            }
        }
    }

    /// Whether one who was made after `calls` calls has been notified: N1, N2.
    #[inline]
    fn take(&self, calls: usize) -> bool {
        self.update(|seen| seen.take(calls)) == Arrival::Notified
    }

    /// As `take`, under the lock of the line.
    fn arrive(&self, calls: usize) -> Decision<Heard> {
        match self.update(|seen| seen.arrive(calls)) {
            Arrival::Notified => Decision::Pass(Heard::Mine),
            Arrival::Wait => Decision::Wait(Heard::Nothing),
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::wait_blocking::WaitBlocking;
    use proptest::prelude::*;
    use std::{collections::VecDeque, task::Waker, thread};

    type Boxed<'a> = Pin<Box<Notified<'a>>>;

    fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
        future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_permit_meant_for_another_is_left_alone() {
        let notify = Notify::new();
        let mut early = Box::pin(notify.notified());
        notify.notify_waiters();
        notify.notify_one();
        assert!(poll(&mut early).is_ready());
        assert!(poll(&mut Box::pin(notify.notified())).is_ready(), "the permit is still there");
        assert!(poll(&mut Box::pin(notify.notified())).is_pending());
    }

    #[test]
    fn a_notification_not_seen_goes_on_the_way_it_came() {
        let notify = Notify::new();
        let mut line: Vec<_> = (0..4).map(|_| Box::pin(notify.notified())).collect();
        assert!(line.iter_mut().all(|it| poll(it).is_pending()));
        notify.notify_one();
        drop(line.remove(0));
        assert!(poll(&mut line[0]).is_ready());
        notify.notify_last();
        drop(line.pop());
        assert!(poll(&mut line[1]).is_ready());
        drop(line);
        assert!(poll(&mut Box::pin(notify.notified())).is_pending());
        let mut last = Box::pin(notify.notified());
        assert!(poll(&mut last).is_pending());
        notify.notify_one();
        drop(last);
        assert!(poll(&mut Box::pin(notify.notified())).is_ready(), "kept: nobody else waits");
    }

    #[test]
    fn one_who_is_done_stays_done() {
        let notify = Arc::new(Notify::default());
        let mut notified = Box::pin(notify.clone().notified_owned());
        assert!(!notified.as_mut().enable());
        notify.notify_one();
        assert!(notified.as_mut().enable() && notified.as_mut().enable());
        assert!(poll(&mut notified).is_ready() && poll(&mut notified).is_ready());
        drop(notified);
        assert!(poll(&mut Box::pin(notify.notified())).is_pending(), "it took what it saw");
    }

    #[test]
    fn threads_notify_one_another() {
        let pair = Arc::new((Notify::new(), Notify::new()));
        let theirs = pair.clone();
        let thread = thread::spawn(move || {
            for _ in 0..100 {
                theirs.0.notified().wait_blocking();
                theirs.1.notify_one();
            }
        });
        for _ in 0..100 {
            pair.0.notify_one();
            pair.1.notified().wait_blocking();
        }
        thread.join().unwrap();
    }

    /// What a `Notify` should do, in the simplest words.
    #[derive(Debug, Default)]
    struct Reference {
        permit: bool,
        line: VecDeque<usize>,
        /// Told, and by what.
        told: Vec<(usize, Heard)>,
        /// Made, and neither in line nor told.
        fresh: Vec<usize>,
    }

    impl Reference {
        fn notify(&mut self, whom: Heard) {
            let next = match whom {
                Heard::Last => self.line.pop_back(),
                _ => self.line.pop_front(),
            };
            match next {
                Some(id) => self.told.push((id, whom)),
                None => self.permit = true,
            }
        }

        fn notify_waiters(&mut self) {
            let everybody = self.line.drain(..).chain(self.fresh.drain(..));
            self.told.extend(everybody.map(|id| (id, Heard::Mine)));
        }

        fn poll(&mut self, id: usize) -> bool {
            if let Some(at) = self.told.iter().position(|it| it.0 == id) {
                self.told[at].1 = Heard::Mine;
                return true;
            }
            if self.line.contains(&id) {
                return false;
            }
            self.fresh.retain(|&it| it != id);
            if std::mem::take(&mut self.permit) {
                self.told.push((id, Heard::Mine));
                return true;
            }
            self.line.push_back(id);
            false
        }

        fn end(&mut self, id: usize) {
            self.line.retain(|&it| it != id);
            self.fresh.retain(|&it| it != id);
            if let Some(at) = self.told.iter().position(|it| it.0 == id) {
                let (_, heard) = self.told.remove(at);
                if heard != Heard::Mine {
                    self.notify(heard);
                }
            }
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        One,
        Last,
        Waiters,
        Make,
        Poll(usize),
        Enable(usize),
        End(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => Just(Step::One),
            2 => Just(Step::Last),
            2 => Just(Step::Waiters),
            5 => Just(Step::Make),
            6 => (0..6_usize).prop_map(Step::Poll),
            2 => (0..6_usize).prop_map(Step::Enable),
            4 => (0..6_usize).prop_map(Step::End),
        ]
    }

    proptest! {
        #[test]
        fn it_does_what_the_reference_does(steps in prop::collection::vec(step(), 0..80)) {
            let notify = Notify::new();
            let mut reference = Reference::default();
            let mut listeners: Vec<(usize, Boxed<'_>)> = Vec::new();
            for (next, step) in steps.into_iter().enumerate() {
                match step {
                    Step::One => {
                        notify.notify_one();
                        reference.notify(Heard::First);
                    }
                    Step::Last => {
                        notify.notify_last();
                        reference.notify(Heard::Last);
                    }
                    Step::Waiters => {
                        notify.notify_waiters();
                        reference.notify_waiters();
                    }
                    Step::Make => {
                        listeners.push((next, Box::pin(notify.notified())));
                        reference.fresh.push(next);
                    }
                    Step::Poll(which) if which < listeners.len() => {
                        let (id, listener) = &mut listeners[which];
                        prop_assert_eq!(poll(listener).is_ready(), reference.poll(*id));
                    }
                    Step::Enable(which) if which < listeners.len() => {
                        let (id, listener) = &mut listeners[which];
                        prop_assert_eq!(listener.as_mut().enable(), reference.poll(*id));
                    }
                    Step::End(which) if which < listeners.len() => {
                        let (id, listener) = listeners.remove(which);
                        drop(listener);
                        reference.end(id);
                    }
                    _ => (),
                }
            }
            drop(listeners);
        }
    }
}
