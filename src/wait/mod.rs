//! Waiting for some of several futures, and keeping the others.
//!
//! [`wait`] neither raises nor cancels: it says which are done and gives the others
//! back. Every future has a key, its number at the first wait, which it keeps.
//!
//! ```text
//!   wait(tasks, until) ──▶ Waited { done: [(1, output)], pending: [(0, task), (2, task)] }
//!                             ▲                              │
//!                             └───────── again(until) ◀──────┘
//! ```
//!
//! # Rejected
//!
//! * A type of its own for what is pending, which would keep its place in the list
//!   of who was woken: it saves work when one waits again and again for the next
//!   one, and that is what [`as_completed`](crate::as_completed()) is for.
//! * An error when time is up: whoever waits for some with a limit wants those that
//!   are done in any case.

mod until;

pub use until::{AllCompleted, FirstCompleted, FirstError, FirstFailure, FirstMatch, Until};

use crate::many::crowd::{Crowd, Walk};
use reactor::time::{Timeout, timeout};
use std::{
    convert::Infallible,
    fmt,
    future::{Future, Pending, pending},
    mem,
    ops::ControlFlow,
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use sync::coop;

/// Waits until some of `tasks` are done, and gives back both those that are and
/// those that are not.
///
/// `until` says when to stop: [`FirstCompleted`], [`AllCompleted`], [`FirstError`],
/// [`FirstFailure`], [`FirstMatch`], or an [`Until`] of one's own. Whatever it says,
/// the wait ends when all are done, and of no tasks at once. What is done by then is
/// in [`done`](Waited::done), in the order of the wake-ups, also if the first would
/// have been enough; at the first poll all are asked.
///
/// Nothing is raised: a task that failed is one that is done. Nothing is cancelled:
/// what is pending is given back, with its key, and can be waited for again, by
/// [`Waited::again`] or otherwise. Give it `handles.iter_mut()` to keep the handles,
/// and futures that must not move as [`pin!`](std::pin::pin)ned references.
///
/// A wait costs a time linear in the number of tasks. To take many one by one use
/// [`as_completed`](crate::as_completed()), where all of them together cost that.
///
/// # Panics
///
/// The future panics if one of `tasks` does in its poll (a handle gives the panic
/// of its task as an error), or if it is polled after its end.
///
/// # Cancel safety
///
/// **Lossy** in one thing: outputs that were taken in a poll before the last go with
/// it. With [`FirstCompleted`] there are none. What it owns is dropped with it:
/// futures are cancelled, handles let their tasks run on. What it borrows is as it
/// was.
///
/// # Examples
///
/// ```
/// use bowerbird::{FirstCompleted, Waited, spawn, time::sleep, wait};
/// use std::time::Duration;
///
/// # let runtime = bowerbird::runtime::Builder::new_current_thread().paused_clock().build()?;
/// # runtime.block_on(async {
/// let task = |secs| spawn(sleep(Duration::from_secs(secs)));
/// let waited = wait([task(3), task(1), task(2)], FirstCompleted).await;
/// assert_eq!(waited.done_keys(), [1]);
/// assert_eq!(waited.pending_keys(), [0, 2]);
///
/// let waited = waited.again(FirstCompleted).timeout(Duration::from_millis(500)).await;
/// assert_eq!(waited.done_keys(), [1], "nobody else was done in time");
///
/// let Waited { done, pending } = waited.again(FirstCompleted).await;
/// assert_eq!(done[1].0, 2);
/// pending[0].1.abort();
/// # });
/// # Ok::<(), bowerbird::runtime::BuildError>(())
/// ```
#[track_caller]
pub fn wait<I, U>(tasks: I, until: U) -> Wait<I::Item, U>
where
    I: IntoIterator,
    I::Item: Future + Unpin,
    U: Until<<I::Item as Future>::Output>,
{
    let (crowd, done) = (Crowd::new(tasks), vec![]);
    Wait { crowd, keys: vec![], done, until, limit: None, location: Location::caller() }
}

/// The future of [`wait`] and [`Waited::again`].
///
/// # Cancel safety
///
/// **Lossy** in one thing: outputs that were taken in a poll before the last go with
/// it.
#[must_use = "futures do nothing unless polled"]
pub struct Wait<F: Future, U> {
    crowd: Crowd<F>,
    /// The key of the future at each place, if it is another than the place.
    keys: Vec<usize>,
    done: Vec<(usize, F::Output)>,
    until: U,
    limit: Option<Timeout<Pending<()>>>,
    location: &'static Location<'static>,
}

/// Nothing in it is pinned: the futures are `Unpin` themselves.
impl<F: Future, U> Unpin for Wait<F, U> {}

impl<F: Future + Unpin, U: Until<F::Output>> Wait<F, U> {
    /// Waits for `duration` at most, counted from the first poll.
    ///
    /// When time is up the wait ends as it does otherwise: with what is done, which
    /// may be nothing, and what is pending. Every task is asked once, also if
    /// `duration` is zero.
    ///
    /// # Panics
    ///
    /// A poll that has to wait panics on a thread without a reactor.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::{AllCompleted, wait};
    /// use std::{future::{Ready, pending, ready}, pin::{Pin, pin}, time::Duration};
    ///
    /// # futures::executor::block_on(async {
    /// let (mut now, mut never) = (pin!(async { 7 }), pin!(pending()));
    /// let tasks: [Pin<&mut dyn Future<Output = u8>>; 2] = [now.as_mut(), never.as_mut()];
    /// let waited = wait(tasks, AllCompleted).timeout(Duration::ZERO).await;
    /// assert_eq!(waited.done, [(0, 7)]);
    /// assert_eq!(waited.pending_keys(), [1]);
    /// # });
    /// ```
    pub fn timeout(mut self, duration: Duration) -> Self {
        self.limit = Some(timeout(duration, pending()));
        self
    }

    fn key(keys: &[usize], place: usize) -> usize {
        keys.get(place).copied().unwrap_or(place)
    }

    /// Whether it is over.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self { crowd, keys, done, until, limit, location } = self;
        let mut is_enough = false;
        let mut walk = |cx: &mut Context<'_>, is_enough: &mut bool| {
            crowd.walk(cx, |place, output| {
                *is_enough |= until.stop(&output);
                done.push((Self::key(keys, place), output));
                ControlFlow::<Infallible>::Continue(())
            })
        };
        let mut end = walk(cx, &mut is_enough);
        while is_enough && matches!(end, Walk::Interrupted) {
            // The others of this turn may be done as well: what is done must not be
            // called pending. It is one poll for each of them at most, of a task
            // that will yield soon after.
            let _budget = coop::enter(coop::BUDGET_DEFAULT);
            end = walk(cx, &mut is_enough);
        }
        match end {
            Walk::Broken(never) => match never {},
            Walk::Empty => Poll::Ready(()),
            Walk::Through | Walk::Interrupted if is_enough => Poll::Ready(()),
            // Some have not been asked yet whether they are done.
            Walk::Interrupted => Poll::Pending,
            Walk::Through => {
                let limit = limit.as_mut().map(|limit| Pin::new(limit).poll(cx));
                crowd.write_wait_site(location);
                match limit {
                    Some(Poll::Ready(_elapsed)) => Poll::Ready(()),
                    Some(Poll::Pending) | None => Poll::Pending,
                }
            }
        }
    }
}

impl<F: Future + Unpin> Wait<F, FirstCompleted> {
    /// Waits for the first that `is_it` says yes to: as [`FirstMatch`], with a
    /// closure whose argument has its type from the tasks.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::{FirstCompleted, wait};
    /// use std::future::{pending, ready};
    /// # use std::pin::Pin;
    ///
    /// # futures::executor::block_on(async {
    /// # type Boxed = Pin<Box<dyn Future<Output = Result<u8, &'static str>>>>;
    /// let tasks: [Boxed; 3] =
    ///     [Box::pin(ready(Err("no"))), Box::pin(ready(Ok(7))), Box::pin(pending())];
    /// let waited = wait(tasks, FirstCompleted).matching(|answer| answer.is_ok()).await;
    /// assert_eq!(waited.done, [(0, Err("no")), (1, Ok(7))]);
    /// # });
    /// ```
    pub fn matching<P: Fn(&F::Output) -> bool>(self, is_it: P) -> Wait<F, FirstMatch<P>> {
        let Self { crowd, keys, done, until: FirstCompleted, limit, location } = self;
        Wait { crowd, keys, done, until: FirstMatch(is_it), limit, location }
    }
}

impl<F: Future + Unpin, U: Until<F::Output>> Future for Wait<F, U> {
    type Output = Waited<F>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Waited<F>> {
        let this = self.get_mut();
        std::task::ready!(this.poll_end(cx));
        this.limit = None;
        // What is left in its place panics when it is polled.
        let crowd = mem::replace(&mut this.crowd, Crowd::over());
        let (keys, done) = (mem::take(&mut this.keys), mem::take(&mut this.done));
        let rest = crowd.into_rest().map(|(place, task)| (Self::key(&keys, place), task));
        Poll::Ready(Waited { done, pending: rest.collect() })
    }
}

impl<F: Future, U> fmt::Debug for Wait<F, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (crowd, done) = (&self.crowd, self.done.len());
        write!(f, "Wait({done} done, {crowd:?}, called at {})", self.location)
    }
}

/// What [`wait`] gives: what is done, and what is not.
///
/// A key is the number of a task at the first wait.
pub struct Waited<F: Future> {
    /// Keys and outputs of those that are done, the first of them in front.
    pub done: Vec<(usize, F::Output)>,
    /// Keys and futures of those that are not, in order.
    pub pending: Vec<(usize, F)>,
}

impl<F: Future> Waited<F> {
    /// The keys of those that are done, in the order of `done`.
    #[must_use]
    pub fn done_keys(&self) -> Vec<usize> {
        self.done.iter().map(|(key, _)| *key).collect()
    }

    /// The keys of those that are pending, in order.
    #[must_use]
    pub fn pending_keys(&self) -> Vec<usize> {
        self.pending.iter().map(|(key, _)| *key).collect()
    }
}

impl<F: Future + Unpin> Waited<F> {
    /// Waits again, for what is pending.
    ///
    /// Keys stay what they were. What is in `done` stays there, in front of what
    /// comes, and is not shown to `until` again: take it out before if it has been
    /// dealt with. Whoever took both fields out can build a `Waited` anew.
    ///
    /// # Cancel safety
    ///
    /// **Lossy**, as [`wait`]; also what was in `done` goes with it.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::{FirstCompleted, spawn, wait};
    ///
    /// # let runtime = bowerbird::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let mut waited = wait((0..10).map(|n| spawn(async move { n * n })), FirstCompleted).await;
    /// let mut sum = 0;
    /// loop {
    ///     for (key, square) in waited.done.drain(..) {
    ///         assert_eq!(square.unwrap(), key * key);
    ///         sum += key;
    ///     }
    ///     if waited.pending.is_empty() {
    ///         break;
    ///     }
    ///     waited = waited.again(FirstCompleted).await;
    /// }
    /// assert_eq!(sum, 45);
    /// # });
    /// # Ok::<(), bowerbird::runtime::BuildError>(())
    /// ```
    #[track_caller]
    pub fn again<U: Until<F::Output>>(self, until: U) -> Wait<F, U> {
        let Self { done, pending } = self;
        let (keys, tasks): (Vec<_>, Vec<_>) = pending.into_iter().unzip();
        let (crowd, location) = (Crowd::new(tasks), Location::caller());
        Wait { crowd, keys, done, until, limit: None, location }
    }
}

impl<F: Future<Output: fmt::Debug> + fmt::Debug> fmt::Debug for Waited<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waited").field("done", &self.done).field("pending", &self.pending).finish()
    }
}

#[cfg(test)]
mod tests;
