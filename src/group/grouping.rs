//! The future of a group: runs the body, then waits for the children.
//!
//! Whoever changes something that this future looks at, wakes it afterwards; it leaves
//! its waker before it looks. So it hears of a failure while it polls the body, and of
//! the last child's end while it goes to sleep.

use super::{
    ambient,
    error::{Failure, FailureKind, GroupError, Panic},
    handle::TaskGroup,
    roster::{Phase, Roster},
};
use executor::caught;
use pin_project_lite::pin_project;
use reactor::time::effective_deadline;
use std::{
    fmt,
    future::Future,
    panic::Location,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use sync::{
    coop,
    wait_site::{self, Kind},
};

pin_project! {
    /// The future of [`task_group`](super::task_group).
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** Dropping it drops the body and aborts the children, which end at
    /// their next suspension points: a drop cannot wait for that.
    #[must_use = "futures do nothing unless polled"]
    pub struct Grouping<C, B, R, E> {
        #[pin]
        body: Body<C, B>,
        value: Option<R>,
        group: TaskGroup<E>,
        // Lent to the thread while it runs code of the body.
        roster: Option<Arc<Roster>>,
        location: &'static Location<'static>,
    }

    impl<C, B, R, E> PinnedDrop for Grouping<C, B, R, E> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let roster = this.group.roster();
            if roster.phase() == Phase::Over {
                return;
            }
            // First, for a waker that panics below: later failures go on alone.
            let failures = this.group.ledger().close();
            // Those who do not end at once are left to the group around us, if any.
            let enclosing = ambient::current().filter(|it| !it.is_left_to(roster));
            roster.abandon(enclosing.and_then(|it| it.keep()));
            drop(failures);
        }
    }
}

pin_project! {
    #[project = BodyProjection]
    enum Body<C, B> {
        /// Not called yet.
        Fresh { call: Option<C> },
        Running { #[pin] future: B },
        Ended,
    }
}

impl<C, B> Body<C, B> {
    fn poll<E>(
        mut self: Pin<&mut Self>,
        group: &TaskGroup<E>,
        cx: &mut Context<'_>,
    ) -> Poll<B::Output>
    where
        C: FnOnce(TaskGroup<E>) -> B,
        B: Future,
    {
        if let BodyProjection::Fresh { call } = self.as_mut().project() {
            let call = call.take().expect("a body that panicked is not polled again");
            group.roster().limit_time(effective_deadline());
            let future = call(group.clone());
            self.set(Self::Running { future });
        }
        match self.project() {
            BodyProjection::Running { future } => future.poll(cx),
            _ => unreachable!("a body is polled until it ends"),
        }
    }
}

impl<C, B, R, E> Grouping<C, B, R, E> {
    pub(super) fn new(body: C, location: &'static Location<'static>) -> Self {
        let group = TaskGroup::new();
        let roster = Some(group.roster().clone());
        Self { body: Body::Fresh { call: Some(body) }, value: None, group, roster, location }
    }
}

impl<C, B, R, E> Grouping<C, B, R, E>
where
    C: FnOnce(TaskGroup<E>) -> B,
    B: Future<Output = Result<R, E>>,
{
    /// Runs the body, which is dropped when it is done or somebody fails.
    fn poll_body(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if matches!(*this.body, Body::Ended) {
            return Poll::Ready(());
        }
        let roster = this.group.roster();
        roster.register(cx.waker());
        let mut failures = vec![];
        if roster.phase() != Phase::Failed {
            let polled = {
                let _group = ambient::enter(this.roster);
                caught(|| this.body.as_mut().poll(this.group, cx))
            };
            match polled {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(Ok(value))) => *this.value = Some(value),
                Ok(Poll::Ready(Err(error))) => failures.push(FailureKind::Failed(error)),
                Err(payload) => failures.push(FailureKind::Panicked(Panic::new(payload))),
            }
        }
        let dropped = {
            let _group = ambient::enter(this.roster);
            caught(|| this.body.set(Body::Ended))
        };
        failures.extend(dropped.err().map(|payload| FailureKind::Panicked(Panic::new(payload))));
        for kind in failures {
            this.group.ledger().record_body(roster, kind);
        }
        Poll::Ready(())
    }
}

impl<C, B, R, E> Future for Grouping<C, B, R, E>
where
    C: FnOnce(TaskGroup<E>) -> B,
    B: Future<Output = Result<R, E>>,
{
    type Output = Result<R, GroupError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(self.as_mut().poll_body(cx));
        let progress = ready!(coop::poll_proceed(cx));
        let this = self.project();
        let roster = this.group.roster();
        roster.register(cx.waker());
        if roster.poll_over().is_pending() {
            wait_site::waiting(Kind::Group, roster.address(), this.location);
            return Poll::Pending;
        }
        progress.made();
        // Now, where a destructor that panics takes nothing with it: the waker is not left
        // to our own drop, in which the result would be lost.
        roster.forget_parent();
        let failures = this.group.ledger().close();
        let mut failures = failures.expect("a task group was polled after it gave its result");
        if failures.is_empty() {
            return Poll::Ready(Ok(this
                .value
                .take()
                .expect("a body that did not fail has a value")));
        }
        let dropped = caught(|| drop(this.value.take()));
        let kind = dropped.err().map(|payload| FailureKind::Panicked(Panic::new(payload)));
        failures.extend(kind.map(|kind| Failure { task: None, kind }));
        Poll::Ready(Err(GroupError::new(failures, this.location)))
    }
}

impl<C, B, R, E> fmt::Debug for Grouping<C, B, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grouping").field("group", &self.group).finish_non_exhaustive()
    }
}
