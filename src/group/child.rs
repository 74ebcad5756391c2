//! A child's future: what it does beside what its spawner asked for.
//!
//! It is not polled for the first time unless the group is still open; then it awaits
//! its turn if there is a limit. What it fails of goes to the group; then it aborts its own task,
//! so that whoever awaits the handle hears of a cancellation. It ends where its
//! future is dropped: inside the group, and before its place is given up.

use super::{
    ambient,
    error::{FailureKind, Panic},
    ledger::Ledger,
    roster::{Admission, CheckIn, Member, Roster},
};
use executor::caught;
use pin_project_lite::pin_project;
use reactor::time::{Instant, by_deadline};
use std::{
    any::Any,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use sync::{OwnedSemaphorePermit, semaphore::AcquireOwned};

pin_project! {
    /// The future of a child's task.
    pub(super) struct Child<F, E> {
        #[pin]
        turn: Option<AcquireOwned>,
        #[pin]
        future: Option<F>,
        stage: Stage,
        deadline: Option<Instant>,
        // Dropped in this order: the next one's turn, then the group's.
        permit: Option<OwnedSemaphorePermit>,
        member: Member,
        ledger: Arc<Ledger<E>>,
    }

    impl<F, E> PinnedDrop for Child<F, E> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_none() {
                return;
            }
            if let Err(payload) = drop_future(this.future.as_mut(), this.member) {
                let kind = FailureKind::Panicked(Panic::new(payload));
                report([kind].into_iter(), this.member.roster(), this.ledger);
            }
        }
    }
}

/// Whether the group can abort the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Fresh,
    CheckedIn,
}

impl<F, E> Child<F, E> {
    #[track_caller]
    pub(super) fn new(future: F, admission: Admission, ledger: Arc<Ledger<E>>) -> Self {
        let mut turn = None;
        let Admission { member, limit, deadline } = admission;
        if let Some(limit) = limit {
            // Not in a closure, so that a wait for it names the spawn.
            turn = Some(limit.acquire_owned());
        }
        let (future, stage) = (Some(future), Stage::Fresh);
        Self { turn, future, stage, deadline, permit: None, member, ledger }
    }
}

impl<T, E, F: Future<Output = Result<T, E>>> Future for Child<F, E> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        if self.stage == Stage::Fresh && self.member.roster().closed.is_set() {
            end_this_task(self.member.roster().farewell());
            return Poll::Pending;
        }
        let polled = self.as_mut().run(cx);
        if polled.is_pending() {
            self.check_in();
        }
        polled
    }
}

impl<T, E, F: Future<Output = Result<T, E>>> Child<F, E> {
    /// One poll, whose failure goes to the group.
    fn run(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let mut this = self.project();
        if let Some(turn) = this.turn.as_mut().as_pin_mut() {
            // Nobody closes the semaphore.
            *this.permit = ready!(turn.poll(cx)).ok();
            this.turn.set(None);
        }
        let polled = {
            let _group = ambient::enter(this.member.slot());
            let future = this.future.as_mut().as_pin_mut().expect("polled until it ends");
            caught(|| by_deadline(*this.deadline, || future.poll(cx)))
        };
        let result = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(result)) => result.map_err(FailureKind::Failed),
            Err(payload) => Err(FailureKind::Panicked(Panic::new(payload))),
        };
        let mut panics: Vec<_> = drop_future(this.future, this.member).err().into_iter().collect();
        let failed = match result {
            Ok(value) if panics.is_empty() => return Poll::Ready(value),
            Ok(value) => {
                panics.extend(caught(|| drop(value)).err());
                None
            }
            Err(kind) => Some(kind),
        };
        let panics = panics.into_iter().map(|it| FailureKind::Panicked(Panic::new(it)));
        // Before anything of the user's runs, which might panic.
        end_this_task(match &failed {
            Some(FailureKind::Failed(_)) => "its error went to its group",
            Some(FailureKind::Panicked(_)) | None => "its panic went to its group",
        });
        report(failed.into_iter().chain(panics), this.member.roster(), this.ledger);
        Poll::Pending
    }
}

impl<F, E> Child<F, E> {
    /// From the first wait on, the group can abort the child. One that never waits
    /// needs no abort.
    fn check_in(self: Pin<&mut Self>) {
        let this = self.project();
        if mem::replace(this.stage, Stage::CheckedIn) == Stage::CheckedIn {
            return;
        }
        let handle = executor::current_abort_handle().expect("a child is a task");
        if this.member.check_in(handle) == CheckIn::TooLate {
            end_this_task(this.member.roster().farewell());
        }
    }
}

/// Drops a child's future. What it starts meanwhile belongs to the group.
fn drop_future<F>(
    mut future: Pin<&mut Option<F>>,
    member: &mut Member,
) -> Result<(), Box<dyn Any + Send>> {
    let _group = ambient::enter(member.slot());
    caught(|| future.set(None))
}

/// Tells the group what the child failed of that this thread runs. Without a group, a
/// panic goes on, and the executor tells of it.
fn report<E>(kinds: impl Iterator<Item = FailureKind<E>>, roster: &Roster, ledger: &Ledger<E>) {
    let child = executor::current_task();
    for kind in kinds {
        let recorded = ledger.record_child(roster, child.clone(), kind);
        recorded.unwrap_or_else(FailureKind::go_on_alone);
    }
}

/// The task that this thread runs ends when it next returns `Pending`. Who awaits it
/// is told why.
pub(super) fn end_this_task(reason: impl Into<Arc<str>>) {
    if let Some(handle) = executor::current_abort_handle() {
        handle.abort_with(reason);
    }
}
