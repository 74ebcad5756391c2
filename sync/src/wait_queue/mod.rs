//! How do tasks stand in line, and how does one leave the line unharmed?
//!
//! A [`WaitQueue`] is a lock around a primitive's state and the line of those who
//! wait. It knows nothing of permits or flags: a [`Primitive`] decides, under the
//! lock, who passes and who is granted what; the queue keeps the order, carries
//! the grant to the waiter, wakes it outside the lock and sees to it that a grant
//! is never lost.
//!
//! ```text
//!                 poll: decide → Wait                grant
//!        ┌─────┐ ───────────────────▶ ┌────────┐ ──────────────▶ ┌─────────┐
//!        │ OUT │                      │ QUEUED │                 │ GRANTED │
//!        └─────┘ ◀─────────────────── └────────┘ ─┐            ▲ └─────────┘
//!          ▲ ▲       drop: `cancelled`   grant,   │            │      │
//!          │ │                    the batch full  ▼            │      │
//!          │ │                              ┌─────────┐  woken │      │
//!          │ └────────── poll or drop ───── │ LEAVING │ ───────┘      │
//!          │                                └─────────┘               │
//!          └── poll: takes the grant ── drop: `pass_on` ──────────────┘
//! ```
//!
//! However many waiters one operation grants, it grants them in one critical
//! section: nobody can come between the first and the last. Only the waking is
//! done in batches, and who is granted but not yet woken stands in a second list,
//! LEAVING, from which it may depart by itself.
//!
//! # Who may touch what
//!
//! 1. | status  | the grant and the waker belong to     | the node is in    |
//!    |---------|---------------------------------------|-------------------|
//!    | OUT     | the waiter                            | no list           |
//!    | QUEUED  | who holds the lock                    | `waiting`         |
//!    | LEAVING | who holds the lock                    | `leaving`         |
//!    | GRANTED | the waiter                            | no list           |
//!
//! 2. The status is written under the lock, except by the waiter from GRANTED to
//!    OUT. Under the lock it is therefore known; without, OUT and GRANTED are
//!    final until the waiter itself acts.
//! 3. The granter's last access to a node is the store of GRANTED: from then on
//!    the waiter may end.
//! 4. "The waiter" is who holds the [`Waiter`] exclusively, pinned.
//! 5. The queue a waiter stands in outlives the waiter: it hangs from the
//!    [`Primitive`] that the [`Hold`] of the waiter keeps alive, shared and in its
//!    place, so the reference that `Primitive::queue` gave stays good for as long.
//!
//! # Synchronization edges
//!
//! | edge | released by        | acquired by              | what crosses                   |
//! |------|--------------------|--------------------------|--------------------------------|
//! | W1   | a grant            | the waiter's look at its status | the grant, and whatever the granter wrote before |
//!
//! # Rejected
//!
//! * Looking at the own status under the lock: costs every granted waiter a lock
//!   (17 ns) that W1 saves.
//! * Granting in batches with the lock released in between: a `notify_one` that
//!   comes between two batches of a `notify_waiters` would go to somebody who has
//!   been notified already, and be lost.
//! * A waker slot that is locked by itself (`AtomicWaker` per node): saves the lock
//!   when a future is polled again with another waker, which is rare.

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

use crate::{
    list::{List, Node},
    shim::{
        Lock,
        atomic::{
            AtomicU8,
            Ordering::{Acquire, Relaxed, Release},
        },
        cell::UnsafeCell,
    },
    wake_batch::WakeBatch,
};
use pin_project_lite::pin_project;
use std::{
    fmt, mem,
    pin::Pin,
    ptr::NonNull,
    sync::Arc,
    task::{Context, Poll, Waker},
};

/// A lock around the state `S` of a primitive and the line of those who wait for
/// it, each with a grant `G` that is filled in when its time comes.
///
/// The building block of every lock and channel of this crate, open to those who
/// want another one: see [`Primitive`].
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
///             waiter.as_mut().poll_with(cx, |line| match line.state().checked_sub(1) {
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

struct Line<S, G> {
    state: S,
    /// Those QUEUED, in the order of their coming.
    waiting: List<Place<G>>,
    /// Those LEAVING, in the order of their granting.
    leaving: List<Place<G>>,
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
        // Dropped after the lock, also when `work` unwinds: wakes.
        let mut wakes = WakeBatch::new();
        let result = {
            let mut line = self.line.lock();
            work(&mut Locked { line: &mut line, wakes: &mut wakes })
        };
        if wakes.is_full() {
            self.wake_the_rest(&mut wakes);
        }
        wakes.wake();
        result
    }

    /// The state, with no lock taken: nobody else can reach it.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.line.get_mut().state
    }

    /// A batch ran full: there may be more who are granted and not yet woken.
    #[cold]
    fn wake_the_rest(&self, wakes: &mut WakeBatch) {
        while wakes.is_full() {
            wakes.flush();
            Locked { line: &mut self.line.lock(), wakes }.see_off();
        }
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
    line: &'a mut Line<S, G>,
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

/// Something tasks wait for: it owns a [`WaitQueue`] and decides who is granted.
///
/// What it needs for that it does in [`WaitQueue::with`] and in the closure given
/// to [`Waiter::poll_with`]. The two methods below are called for waiters who give
/// up.
pub trait Primitive {
    /// What the lock protects besides the line.
    type State;

    /// What a waiter asks for and gets: small, and sent to the granting thread.
    type Grant;

    /// The line in which to wait.
    fn queue(&self) -> &WaitQueue<Self::State, Self::Grant>;

    /// A waiter has left the line without a grant; the lock is held. If it stood in
    /// the way of others, grant them now.
    fn cancelled(&self, line: &mut Locked<'_, Self::State, Self::Grant>) {
        let _ = line;
    }

    /// A waiter ended with a grant it had not seen: take it back or pass it on. No
    /// lock is held.
    fn pass_on(&self, grant: Self::Grant);
}

/// A way to hold on to a [`Primitive`] while waiting: a reference, or an `Arc`.
///
/// # Safety
///
/// Until it is dropped, however often it is moved, [`target`](Self::target) gives
/// the same object, shared and in the same place.
pub unsafe trait Hold {
    /// What is held.
    type Target: ?Sized;

    /// What is held.
    fn target(&self) -> &Self::Target;
}

// SAFETY: a reference points to one object, shared and in its place for 'a.
unsafe impl<P: ?Sized> Hold for &P {
    type Target = P;

    #[inline]
    fn target(&self) -> &P {
        self
    }
}

// SAFETY: an `Arc` keeps one object alive in one place; `Arc::get_mut` fails for
// others while this one is there, and we give nobody access to it.
unsafe impl<P: ?Sized> Hold for Arc<P> {
    type Target = P;

    #[inline]
    fn target(&self) -> &P {
        self
    }
}

/// Something public with a primitive inside, whose line stays private.
pub(crate) trait Hides {
    type Primitive: Primitive;

    fn primitive(&self) -> &Self::Primitive;
}

/// Holds the primitive inside a shared `T`.
#[derive(Debug)]
pub(crate) struct OwnerOf<T>(pub(crate) Arc<T>);

// SAFETY: as for `Arc`. `Hides` is ours: each implementation returns a field.
unsafe impl<T: Hides> Hold for OwnerOf<T> {
    type Target = T::Primitive;

    #[inline]
    fn target(&self) -> &T::Primitive {
        self.0.primitive()
    }
}

/// What a [`Primitive`] decides about a newcomer, under the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<G> {
    /// It need not wait; here is what it gets.
    Pass(G),
    /// It goes to the end of the line; this is what it asks for.
    Wait(G),
}

/// Not waiting.
const OUT: u8 = 0;
/// In line.
const QUEUED: u8 = 1;
/// Granted, to be woken in a later batch.
const LEAVING: u8 = 2;
/// Granted: everything is the waiter's.
const GRANTED: u8 = 3;

/// A waiter's place in the line.
struct Place<G> {
    status: AtomicU8,
    content: UnsafeCell<Content<G>>,
}

struct Content<G> {
    /// `None` while OUT.
    grant: Option<G>,
    /// `None` also while QUEUED: the waiter has not been polled yet.
    waker: Option<Waker>,
}

// SAFETY: rule 1 says which thread touches the content, one at a time: so the
// grant and the waker are sent back and forth, never shared.
unsafe impl<G: Send> Sync for Place<G> {}

impl<G> Place<G> {
    crate::const_fn! {
        const fn new() -> Self {
            let content = Content { grant: None, waker: None };
            Self { status: AtomicU8::new(OUT), content: UnsafeCell::new(content) }
        }
    }

    /// # Safety
    ///
    /// By rule 1 the content is the caller's until the reference ends, and the
    /// status is not OUT.
    #[expect(clippy::mut_from_ref, reason = "rule 1 makes it exclusive")]
    unsafe fn grant(&self) -> &mut G {
        self.content.with_mut(|content| {
            // SAFETY: the content is the caller's.
            let content = unsafe { &mut *content };
            content.grant.as_mut().expect("only a waiter that is OUT asks for nothing")
        })
    }

    /// # Safety
    ///
    /// By rule 1 the content is the caller's.
    #[inline]
    unsafe fn take_grant(&self) -> G {
        self.content.with_mut(|content| {
            // SAFETY: the content is the caller's.
            let content = unsafe { &mut *content };
            content.grant.take().expect("only a waiter that is OUT asks for nothing")
        })
    }

    /// # Safety
    ///
    /// By rule 1 the content is the caller's.
    #[inline]
    unsafe fn take_waker(&self) -> Option<Waker> {
        self.content.with_mut(|content| {
            // SAFETY: the content is the caller's.
            let content = unsafe { &mut *content };
            content.waker.take()
        })
    }

    /// # Safety
    ///
    /// By rule 1 the content is the caller's.
    unsafe fn empty(&self) -> Content<G> {
        self.content.with_mut(|content| {
            // SAFETY: the content is the caller's.
            let content = unsafe { &mut *content };
            mem::replace(content, Content { grant: None, waker: None })
        })
    }

    /// # Safety
    ///
    /// By rule 1 the content is the caller's.
    #[inline]
    unsafe fn fill(&self, new: Content<G>) {
        self.content.with_mut(|content| {
            // SAFETY: the content is the caller's.
            let content = unsafe { &mut *content };
            debug_assert!(content.grant.is_none() && content.waker.is_none());
            *content = new;
        });
    }

    /// Makes `fresh`, if there is one, the waker to be called unless the present
    /// one calls the same task as `waker`. Leaves in `fresh` what is to be dropped.
    ///
    /// # Safety
    ///
    /// By rule 1 the content is the caller's.
    unsafe fn renew(&self, waker: &Waker, fresh: &mut Option<Waker>) -> Renewal {
        self.content.with_mut(|content| {
            // SAFETY: the content is the caller's.
            let present = &mut unsafe { &mut *content }.waker;
            if present.as_ref().is_some_and(|it| it.will_wake(waker)) {
                return Renewal::Done;
            }
            match fresh {
                None => Renewal::Clone,
                Some(_) => {
                    mem::swap(present, fresh);
                    Renewal::Done
                }
            }
        })
    }
}

/// What is to be done about the waker of a waiter that is polled again.
enum Renewal {
    /// Nothing: the right one is there.
    Done,
    /// Clone it, outside the lock, and come again.
    Clone,
}

type StateOf<H> = <<H as Hold>::Target as Primitive>::State;
type GrantOf<H> = <<H as Hold>::Target as Primitive>::Grant;

pin_project! {
    /// One who waits: the part of a future that stands in the line.
    ///
    /// Dropping it leaves the line, and gives a grant it has not seen to
    /// [`Primitive::pass_on`].
    pub struct Waiter<H>
    where
        H: Hold,
        H::Target: Primitive,
    {
        holder: Option<H>,
        // The line it stands in. By rule 5 good while the waiter is not OUT.
        queue: Option<NonNull<WaitQueue<StateOf<H>, GrantOf<H>>>>,
        #[pin]
        node: Node<Place<GrantOf<H>>>,
    }

    impl<H> PinnedDrop for Waiter<H>
    where
        H: Hold,
        H::Target: Primitive,
    {
        fn drop(this: Pin<&mut Self>) {
            this.leave();
        }
    }
}

// SAFETY: the queue pointer is a reference that `holder` keeps good: to send or
// share it is to send or share the holder. The node's content is a grant and a
// waker, used by one thread at a time.
unsafe impl<H> Send for Waiter<H>
where
    H: Hold + Send,
    H::Target: Primitive<Grant: Send>,
{
}
// SAFETY: as above; a shared waiter can only be asked whether it waits.
unsafe impl<H> Sync for Waiter<H>
where
    H: Hold + Sync,
    H::Target: Primitive<Grant: Send>,
{
}

impl<H> Waiter<H>
where
    H: Hold,
    H::Target: Primitive,
{
    /// Does not wait yet.
    #[inline]
    pub fn new(holder: H) -> Self {
        Self { holder: Some(holder), queue: None, node: Node::new(Place::new()) }
    }

    /// What is waited for. `None` after [`take_holder`](Self::take_holder).
    #[inline]
    pub fn holder(&self) -> Option<&H> {
        self.holder.as_ref()
    }

    /// Leaves the line and returns the holder: for futures that hand it on.
    pub fn take_holder(mut self: Pin<&mut Self>) -> Option<H> {
        self.as_mut().leave();
        self.project().holder.take()
    }

    /// Whether it is in line, or has been granted and does not know yet.
    #[inline]
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        // Relaxed: only the waiter itself changes OUT and makes OUT.
        self.node.item.status.load(Relaxed) != OUT
    }

    /// Asks `decide` under the lock, and stands in line if told to; once granted,
    /// returns the grant, without asking again.
    ///
    /// Of several wakers the last one polled with is called.
    ///
    /// # Panics
    ///
    /// After [`take_holder`](Self::take_holder), or as `decide` does.
    #[inline]
    pub fn poll_with(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        decide: impl FnOnce(&mut Locked<'_, StateOf<H>, GrantOf<H>>) -> Decision<GrantOf<H>>,
    ) -> Poll<GrantOf<H>> {
        // W1: sees the grant. Otherwise only OUT is acted on, which is our own.
        match self.node.item.status.load(Acquire) {
            OUT => self.arrive(Some(cx.waker().clone()), decide),
            GRANTED => Poll::Ready(self.take_granted()),
            _ => self.poll_in_line(cx.waker()),
        }
    }

    /// As [`poll_with`](Self::poll_with), but leaves no waker: stands in line from
    /// now on, to be polled later.
    pub fn enter(
        self: Pin<&mut Self>,
        decide: impl FnOnce(&mut Locked<'_, StateOf<H>, GrantOf<H>>) -> Decision<GrantOf<H>>,
    ) -> Poll<GrantOf<H>> {
        // W1: sees the grant. Otherwise only OUT is acted on, which is our own.
        match self.node.item.status.load(Acquire) {
            OUT => self.arrive(None, decide),
            GRANTED => Poll::Ready(self.take_granted()),
            _ => Poll::Pending,
        }
    }

    /// Leaves the line, as dropping does; may then be polled afresh.
    pub fn leave(self: Pin<&mut Self>) {
        // W1: sees the grant that is to be passed on.
        match self.node.item.status.load(Acquire) {
            OUT => (),
            GRANTED => self.give_back(),
            _ => self.leave_line(),
        }
    }

    fn arrive(
        self: Pin<&mut Self>,
        mut waker: Option<Waker>,
        decide: impl FnOnce(&mut Locked<'_, StateOf<H>, GrantOf<H>>) -> Decision<GrantOf<H>>,
    ) -> Poll<GrantOf<H>> {
        let this = self.project();
        let holder = this.holder.as_ref().expect("a waiter is not polled after its holder left");
        let queue = holder.target().queue();
        let node = NonNull::from(this.node.as_ref().get_ref());
        // A waker that was not needed is dropped outside the lock, by this frame.
        let waker = &mut waker;
        queue.with(move |locked| match decide(locked) {
            Decision::Pass(grant) => Poll::Ready(grant),
            Decision::Wait(grant) => {
                *this.queue = Some(NonNull::from(queue));
                let place = &this.node.item;
                // SAFETY: rule 1: we are the waiter, and OUT.
                unsafe { place.fill(Content { grant: Some(grant), waker: waker.take() }) };
                // Relaxed: under the lock, and nobody else knows the node yet.
                place.status.store(QUEUED, Relaxed);
                // SAFETY: 1: the node is pinned, and `leave` takes it out before it
                // ends. 2: it was OUT.
                unsafe { locked.line.waiting.push_back(node) };
                Poll::Pending
            }
        })
    }

    #[inline]
    fn take_granted(&self) -> GrantOf<H> {
        let place = &self.node.item;
        // SAFETY: rule 1: we are the waiter, and GRANTED.
        let grant = unsafe { place.take_grant() };
        // Relaxed: from GRANTED on the status is ours alone.
        place.status.store(OUT, Relaxed);
        grant
    }

    #[cold]
    fn poll_in_line(&self, waker: &Waker) -> Poll<GrantOf<H>> {
        let (place, queue) = (&self.node.item, self.queue());
        // What is in here when we return is dropped outside the lock.
        let mut fresh = None;
        loop {
            let renewal = queue.with(|_| {
                // Relaxed: under the lock.
                match place.status.load(Relaxed) {
                    // SAFETY: rule 1: QUEUED, and we hold the lock.
                    QUEUED => Some(unsafe { place.renew(waker, &mut fresh) }),
                    _ => None,
                }
            });
            match renewal {
                Some(Renewal::Done) => return Poll::Pending,
                Some(Renewal::Clone) => fresh = Some(waker.clone()),
                None => return Poll::Ready(self.depart()),
            }
        }
    }

    /// Takes the grant, wherever it is: we are LEAVING or GRANTED.
    fn depart(&self) -> GrantOf<H> {
        let place = &self.node.item;
        let waker = self.queue().with(|locked| {
            // Relaxed: under the lock.
            if place.status.load(Relaxed) == GRANTED {
                return None;
            }
            // SAFETY: not QUEUED, and not OUT, so LEAVING: it is in this list.
            unsafe { locked.line.leaving.remove(NonNull::from(&self.node)) };
            // Relaxed: under the lock, and from GRANTED on it is ours alone.
            place.status.store(GRANTED, Relaxed);
            // SAFETY: rule 1: it was LEAVING, and we hold the lock.
            unsafe { place.take_waker() }
        });
        let grant = self.take_granted();
        // Not needed: we are here. Its destructor is somebody else's code.
        drop(waker);
        grant
    }

    #[cold]
    fn leave_line(&self) {
        let place = &self.node.item;
        let primitive = self.holder.as_ref().expect("who is in line holds on").target();
        let left = self.queue().with(|locked| {
            // Relaxed: under the lock.
            if place.status.load(Relaxed) != QUEUED {
                return None;
            }
            // SAFETY: QUEUED means that it is in this list.
            unsafe { locked.line.waiting.remove(NonNull::from(&self.node)) };
            // Relaxed: under the lock, and nobody else knows the node any more.
            place.status.store(OUT, Relaxed);
            // SAFETY: rule 1: we are the waiter, and OUT.
            let content = unsafe { place.empty() };
            primitive.cancelled(locked);
            Some(content)
        });
        match left {
            // Outside the lock: destructors.
            Some(content) => drop(content),
            None => primitive.pass_on(self.depart()),
        }
    }

    #[cold]
    fn give_back(&self) {
        let primitive = self.holder.as_ref().expect("who is granted holds on").target();
        primitive.pass_on(self.take_granted());
    }

    /// The line it stands in.
    fn queue(&self) -> &WaitQueue<StateOf<H>, GrantOf<H>> {
        let queue = self.queue.as_ref().expect("who is in line knows which");
        // SAFETY: rule 5, for as long as `holder` is there: it is taken from a
        // waiter that is OUT only, or dropped with the waiter.
        unsafe { queue.as_ref() }
    }
}

impl<H> fmt::Debug for Waiter<H>
where
    H: Hold,
    H::Target: Primitive,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiter").field("is_waiting", &self.is_waiting()).finish_non_exhaustive()
    }
}
