//! How does one stand in line, see one's grant, and leave?
//!
//! Rules and edges are those of the [parent module](super).

use super::{
    hold::Hold,
    line::{Locked, WaitQueue},
    place::{Content, GRANTED, OUT, Place, QUEUED, Renewal},
    primitive::{Decision, Primitive},
};
use crate::{
    list::Node,
    shim::atomic::Ordering::{Acquire, Relaxed},
    wake_batch::drop_unneeded,
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    pin::Pin,
    ptr::NonNull,
    task::{Context, Poll, Waker},
};

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

    /// What is waited for.
    ///
    /// # Panics
    ///
    /// After [`take_holder`](Self::take_holder).
    #[inline]
    pub fn target(&self) -> &H::Target {
        self.holder.as_ref().expect("a waiter is not used after its holder left").target()
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
        decide: impl FnOnce(&H::Target, &mut Locked<'_, StateOf<H>, GrantOf<H>>) -> Decision<GrantOf<H>>,
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
        decide: impl FnOnce(&H::Target, &mut Locked<'_, StateOf<H>, GrantOf<H>>) -> Decision<GrantOf<H>>,
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
        decide: impl FnOnce(&H::Target, &mut Locked<'_, StateOf<H>, GrantOf<H>>) -> Decision<GrantOf<H>>,
    ) -> Poll<GrantOf<H>> {
        let this = self.project();
        let holder = this.holder.as_ref().expect("a waiter is not polled after its holder left");
        let primitive = holder.target();
        let queue = primitive.queue();
        let node = NonNull::from(this.node.as_ref().get_ref());
        let slot = &mut waker;
        let poll = queue.with(move |locked| match decide(primitive, locked) {
            Decision::Pass(grant) => Poll::Ready(grant),
            Decision::Wait(grant) => {
                *this.queue = Some(NonNull::from(queue));
                let place = &this.node.item;
                // SAFETY: rule 1: we are the waiter, and OUT.
                unsafe { place.fill(Content { grant: Some(grant), waker: slot.take() }) };
                // Relaxed: under the lock, and nobody else knows the node yet.
                place.status.store(QUEUED, Relaxed);
                // SAFETY: 1: the node is pinned, and `leave` takes it out before it
                // ends. 2: it was OUT.
                unsafe { locked.line.waiting.push_back(node) };
                Poll::Pending
            }
        });
        // Not needed, if it is still there. Outside the lock, and the grant is not
        // lost if its destructor panics.
        drop_unneeded(waker);
        poll
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
                None => {
                    let grant = self.depart();
                    drop_unneeded(fresh);
                    return Poll::Ready(grant);
                }
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
        // Not needed: we are here. Its destructor is somebody else's code, and the
        // grant is not lost if that panics.
        drop_unneeded(waker);
        grant
    }

    #[cold]
    fn leave_line(&self) {
        let place = &self.node.item;
        let primitive = self.target();
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
        self.target().pass_on(self.take_granted());
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
