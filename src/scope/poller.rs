//! Who is polled when?
//!
//! A poll takes what was woken since the one before and polls each of it once, then
//! those who were spawned meanwhile. What these spawn, and whoever woke itself, waits
//! for the next poll. Each poll of a member spends a unit of the task's budget, if it
//! left one; when it is spent the rest stays, in its order.

use super::{
    Scope,
    gate::{Gate, Look},
};
use crate::many::turn::{self, Next, Turn};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    mem,
    panic::Location,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use sync::{
    ready_set::ReadySlab,
    wait_site::{self, Kind},
};

/// Who is polled inside a scope.
enum Member<C: ?Sized> {
    Body,
    /// Newcomers knock here.
    Door,
    Child(Pin<Box<C>>),
}

/// The members of a scope and the list of those to poll, without the body itself.
struct Poller<C: ?Sized> {
    gate: Arc<Gate<C>>,
    members: ReadySlab<Member<C>>,
    /// A list to exchange for that of the newcomers.
    spare: Vec<Pin<Box<C>>>,
    /// Whether the children are gone that were to be cancelled.
    has_obeyed: bool,
    location: &'static Location<'static>,
}

impl<C: Future<Output = ()> + ?Sized> Poller<C> {
    fn new(location: &'static Location<'static>) -> Self {
        let mut members = ReadySlab::new();
        members.insert(Member::Body);
        let door = members.insert_idle(Member::Door);
        let door = members.poll_child(door, |_, cx| cx.waker().clone());
        let (gate, spare) = (Arc::new(Gate::new(door)), Vec::new());
        Self { gate, members, spare, has_obeyed: false, location }
    }

    /// Makes members of the newcomers.
    fn take_in(&mut self) {
        self.gate.swap_newcomers(&mut self.spare);
        if self.has_obeyed {
            // They came between the two steps of `cancel`, after the others had gone.
            return self.spare.clear();
        }
        for child in self.spare.drain(..) {
            self.members.insert(Member::Child(child));
        }
    }

    /// Drops the children.
    fn drop_children(&mut self) {
        for index in 0..self.members.numbers_end() {
            if let Some(Member::Child(_)) = self.members.get(index) {
                let child = self.members.remove(index);
                drop(child);
            }
        }
    }

    /// Whether the door is the only one left.
    fn is_deserted(&self) -> bool {
        self.members.len() == 1
    }

    /// Drops the children if that was asked for.
    fn obey(&mut self) {
        if !self.has_obeyed && self.gate.is_cancelled() {
            self.has_obeyed = true;
            self.drop_children();
        }
    }
}

impl<C: ?Sized> Drop for Poller<C> {
    fn drop(&mut self) {
        // Before the children: what their destructors spawn is dropped, or it would
        // be in a gate that its own handle keeps.
        self.gate.close();
    }
}

pin_project! {
    /// The future of [`scope`](fn@super::scope) and
    /// [`local_scope`](super::local_scope): children of type `C`, made by the body `B`
    /// that `F` makes.
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** Dropping it drops the children, then the body.
    #[must_use = "futures do nothing unless polled"]
    pub struct Scoped<C: ?Sized, F, B: Future> {
        // Until the first poll.
        make_body: Option<F>,
        // Before the body: it is dropped in this order.
        poller: Option<Poller<C>>,
        #[pin]
        body: Option<B>,
        output: Option<B::Output>,
        // Also while a poll is under way, so that a panic of a member ends it all.
        is_over: bool,
        location: &'static Location<'static>,
    }
}

impl<C: ?Sized, F, B: Future> Scoped<C, F, B> {
    pub(super) fn new(make_body: F, location: &'static Location<'static>) -> Self {
        let make_body = Some(make_body);
        Self { make_body, poller: None, body: None, output: None, is_over: false, location }
    }
}

impl<'env, C, F, B> Future for Scoped<C, F, B>
where
    C: Future<Output = ()> + ?Sized + 'env,
    F: FnOnce(Scope<'env, C>) -> B,
    B: Future,
{
    type Output = B::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<B::Output> {
        let mut this = self.project();
        assert!(!mem::replace(this.is_over, true), "`scope` polled after its end");
        let poller = this.poller.get_or_insert_with(|| Poller::new(this.location));
        if let Some(make_body) = this.make_body.take() {
            this.body.set(Some(make_body(Scope::through(poller.gate.clone()))));
        }
        let polled = Running { poller, body: this.body.as_mut(), output: this.output }.poll(cx);
        *this.is_over = polled.is_ready();
        if polled.is_ready() {
            *this.poller = None;
        }
        polled
    }
}

impl<C: ?Sized, F, B: Future> fmt::Debug for Scoped<C, F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = self.poller.as_ref().map_or(0, |poller| poller.members.len());
        let mut out = f.debug_struct("Scoped");
        out.field("members", &members).field("location", &self.location).finish_non_exhaustive()
    }
}

/// A scope in a poll.
struct Running<'a, C: ?Sized, B: Future> {
    poller: &'a mut Poller<C>,
    /// `None` after its end.
    body: Pin<&'a mut Option<B>>,
    output: &'a mut Option<B::Output>,
}

impl<C: Future<Output = ()> + ?Sized, B: Future> Running<'_, C, B> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<B::Output> {
        self.poller.members.register(cx.waker());
        self.poller.take_in();
        let turn = Turn::whole(&mut self.poller.members);
        // Those who were woken, then those who were spawned meanwhile.
        for _ in 0..2 {
            loop {
                self.poller.obey();
                match turn.next(&mut self.poller.members, cx) {
                    Next::Child(index) => self.poll_member(index),
                    Next::Through => break,
                    Next::Interrupted => return Poll::Pending,
                }
                turn::spend_a_unit(cx);
            }
            self.poller.take_in();
            if !self.poller.members.has_batch() {
                break;
            }
        }
        self.end_poll(cx)
    }

    fn poll_member(&mut self, index: usize) {
        let (mut body, output) = (self.body.as_mut(), &mut *self.output);
        let polled = self.poller.members.poll_child(index, |member, cx| match member {
            Member::Body => poll_body(body.as_mut(), cx).map(|it| *output = Some(it)),
            Member::Door => Poll::Pending,
            Member::Child(child) => child.as_mut().poll(cx),
        });
        if polled.is_ready() {
            let ended = self.poller.members.remove(index);
            drop(ended);
            if self.output.is_some() {
                self.body.set(None);
            }
        }
    }

    fn end_poll(&mut self, cx: &mut Context<'_>) -> Poll<B::Output> {
        let look = match self.is_done() {
            true => self.poller.gate.close_if_empty(),
            false => self.poller.gate.fall_asleep(),
        };
        if look == Look::Cancelled {
            self.poller.obey();
        }
        if look == Look::Newcomers || self.poller.members.has_batch() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.is_done() {
            return self.output.take().map_or(Poll::Pending, Poll::Ready);
        }
        wait_site::waiting(Kind::OneOf, self.poller.members.id(), self.poller.location);
        Poll::Pending
    }

    fn is_done(&self) -> bool {
        self.output.is_some() && self.poller.is_deserted()
    }
}

fn poll_body<B: Future>(body: Pin<&mut Option<B>>, cx: &mut Context<'_>) -> Poll<B::Output> {
    match body.as_pin_mut() {
        Some(body) => body.poll(cx),
        None => unreachable!("the body is a member until its end"),
    }
}
