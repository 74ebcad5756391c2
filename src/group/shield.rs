//! What goes on although nobody waits for it any more.

use super::{ambient, roster::Member};
use executor::{AbortHandle, JoinError, JoinHandle, TaskBuilder};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// Starts `future` as a task of its own, which goes on when the one who waits for it
/// is cancelled.
///
/// It starts at the call. Dropping what this returns leaves it running, also when the
/// drop comes from a timeout, an abort, or a group that fails. Use it for what must not
/// be cut in half: a commit, a goodbye.
///
/// No timeout around it ends it, so inside there is no
/// [`effective_deadline`](crate::task::effective_deadline) from outside.
///
/// Inside a [task group](super::task_group), in its body or in a child, the group waits
/// for it, even one that failed or was cancelled, and never aborts it. Of several
/// groups in one another, the innermost does. Outside any, nobody waits; a runtime
/// that ends may cancel it.
///
/// # Errors
///
/// The future gives a [`JoinError`] if `future` panicked, if somebody aborted it through
/// [`Shield::abort_handle`], or the runtime ended. A panic that nobody awaits goes to
/// [`on_unhandled`](crate::runtime::Builder::on_unhandled).
///
/// # Panics
///
/// Outside a runtime.
///
/// # Cancel safety
///
/// **Lossy.** What was shielded runs on, but its output is lost.
///
/// # Examples
///
/// ```
/// use bowerbird::{shield, sync::Event, time::{Duration, timeout}};
/// use std::sync::Arc;
///
/// # bowerbird::run(async {
/// let (go, done) = (Arc::new(Event::new()), Arc::new(Event::new()));
/// let (wait, tell) = (go.clone(), done.clone());
/// let commit = shield(async move {
///     wait.wait().await;
///     tell.set();
/// });
/// assert!(timeout(Duration::from_millis(1), commit).await.is_err());
/// go.set();
/// done.wait().await; // it went on
/// # });
/// ```
#[track_caller]
pub fn shield<F>(future: F) -> Shield<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let member = ambient::current().and_then(|roster| roster.keep());
    Shield { task: TaskBuilder::new().spawn(Shielded { future: Some(future), member }) }
}

/// The future of [`shield`]: waits for the task that was started.
///
/// # Cancel safety
///
/// **Lossy.** What was shielded runs on, but its output is lost.
pub struct Shield<T> {
    task: JoinHandle<T>,
}

impl<T> Shield<T> {
    /// A handle that does end it.
    #[must_use]
    pub fn abort_handle(&self) -> AbortHandle {
        self.task.abort_handle()
    }

    /// Whether it is over: awaiting would not wait.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }
}

impl<T> Future for Shield<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.task).poll(cx)
    }
}

impl<T> fmt::Debug for Shield<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shield").field("task", &self.task).finish()
    }
}

pin_project! {
    /// The future of a shielded task.
    struct Shielded<F> {
        #[pin]
        future: Option<F>,
        member: Option<Member>,
    }

    impl<F> PinnedDrop for Shielded<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _group = this.member.as_mut().map(|it| ambient::enter(it.slot()));
            this.future.set(None);
        }
    }
}

impl<F: Future> Future for Shielded<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _group = this.member.as_mut().map(|it| ambient::enter(it.slot()));
        this.future.as_pin_mut().expect("it is there until the drop").poll(cx)
    }
}
