//! Outputs in the order in which they come.
//!
//! [`as_completed`] takes any number of futures and gives a stream of their
//! outputs, each with the number of its future. They run inside the calling task,
//! while it polls the stream; to use several cores give it the handles of spawned
//! tasks.

pub use crate::many::next::Next;

use crate::many::crowd::{self, Crowd};
use futures_core::{FusedStream, Stream};
use reactor::time::{Elapsed, Timeout, timeout};
use std::{
    fmt,
    future::{Future, Pending, pending},
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// Gives the outputs of `futures` in the order in which they come, each with its
/// key: the number of its future.
///
/// A wake-up polls only the future that it is for, and all of it costs a time
/// linear in the number of futures.
///
/// # Panics
///
/// A poll of the stream panics if a future does, and ever after.
///
/// # Cancel safety
///
/// Of its [`next`](AsCompleted::next) **strict**. Dropping the stream drops the
/// futures that run; the handle of a task that is dropped lets the task run on. To
/// keep them, give it `&mut` handles.
///
/// # Examples
///
/// ```
/// use bowerbird::{as_completed, time::sleep};
/// use std::time::Duration;
///
/// # let runtime = bowerbird::runtime::Builder::new_current_thread().paused_clock().build()?;
/// # runtime.block_on(async {
/// let delays = [30, 10, 20].map(Duration::from_millis);
/// let mut completed = as_completed(delays.map(sleep));
/// let mut keys = vec![];
/// while let Some((key, ())) = completed.next().await {
///     keys.push(key);
/// }
/// assert_eq!(keys, [1, 2, 0]);
/// # });
/// # Ok::<(), bowerbird::runtime::BuildError>(())
/// ```
#[doc(alias = "FuturesUnordered")]
#[track_caller]
pub fn as_completed<I>(futures: I) -> AsCompleted<I::Item>
where
    I: IntoIterator,
    I::Item: Future,
{
    AsCompleted { crowd: Crowd::new(futures), location: Location::caller() }
}

/// The stream of [`as_completed`]: pairs of key and output.
#[must_use = "streams do nothing unless polled"]
pub struct AsCompleted<F> {
    crowd: Crowd<F>,
    /// Where it was last awaited from: until then, where it was made.
    location: &'static Location<'static>,
}

impl<F: Future> AsCompleted<F> {
    /// Waits for the next output. `None`: there was one of every future.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** An output is taken when this is ready, not before.
    ///
    /// # Examples
    ///
    /// See [`as_completed`].
    #[expect(clippy::should_implement_trait, reason = "the name that streams have for it")]
    #[track_caller]
    pub fn next(&mut self) -> Next<'_, Self> {
        self.location = Location::caller();
        Next::of(self)
    }

    /// How many outputs are to come.
    #[must_use]
    pub fn len(&self) -> usize {
        self.crowd.len()
    }

    /// Whether none is to come.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Limits the time for all of them, counted from the first poll.
    ///
    /// Outputs then come as `Ok`. If time is up before they all have come, there
    /// is one `Err(Elapsed)`, and the stream ends; outputs that are ready come
    /// first, also when the time is up, or zero.
    /// [`into_inner`](AsCompletedWithin::into_inner) gives what still runs back.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::{as_completed, time::sleep};
    /// use std::time::Duration;
    ///
    /// # let runtime = bowerbird::runtime::Builder::new_current_thread().paused_clock().build()?;
    /// # runtime.block_on(async {
    /// let delays = [30, 10].map(Duration::from_secs);
    /// let mut completed = as_completed(delays.map(sleep)).timeout(Duration::from_secs(20));
    /// assert_eq!(completed.next().await, Some(Ok((1, ()))));
    /// assert!(completed.next().await.unwrap().is_err());
    /// assert_eq!(completed.next().await, None);
    ///
    /// let mut rest = completed.into_inner();
    /// assert_eq!(rest.next().await, Some((0, ())));
    /// # });
    /// # Ok::<(), bowerbird::runtime::BuildError>(())
    /// ```
    pub fn timeout(self, duration: Duration) -> AsCompletedWithin<F> {
        let limit = Some(timeout(duration, pending()));
        AsCompletedWithin { completed: self, limit }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> crowd::Next<F::Output> {
        self.crowd.poll_next(cx, self.location)
    }
}

impl<F: Future> Stream for AsCompleted<F> {
    type Item = (usize, F::Output);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx).into_poll()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl<F: Future> FusedStream for AsCompleted<F> {
    fn is_terminated(&self) -> bool {
        self.is_empty()
    }
}

impl<F> fmt::Debug for AsCompleted<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AsCompleted({:?}, awaited at {})", self.crowd, self.location)
    }
}

/// The stream of [`AsCompleted::timeout`]: pairs of key and output, or that time
/// is up.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct AsCompletedWithin<F> {
    completed: AsCompleted<F>,
    /// `None` when time was up.
    limit: Option<Timeout<Pending<()>>>,
}

impl<F: Future> AsCompletedWithin<F> {
    /// Waits for the next output. `None`: there was one of every future, or time
    /// was up.
    ///
    /// # Errors
    ///
    /// [`Elapsed`], once, if time is up.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** An output is taken when this is ready, not before.
    ///
    /// # Panics
    ///
    /// A poll that has to wait panics on a thread without a reactor.
    #[expect(clippy::should_implement_trait, reason = "the name that streams have for it")]
    #[track_caller]
    pub fn next(&mut self) -> Next<'_, Self> {
        self.completed.location = Location::caller();
        Next::of(self)
    }

    /// The stream inside, freed of its limit.
    pub fn into_inner(self) -> AsCompleted<F> {
        self.completed
    }
}

impl<F: Future> Stream for AsCompletedWithin<F> {
    type Item = Result<(usize, F::Output), Elapsed>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { completed, limit: place } = self.get_mut();
        let Some(limit) = place else { return Poll::Ready(None) };
        match completed.poll(cx) {
            crowd::Next::Done(next) => Poll::Ready(Some(Ok(next))),
            crowd::Next::End => Poll::Ready(None),
            // Some have not been asked yet whether they are done.
            crowd::Next::Interrupted => Poll::Pending,
            crowd::Next::Waiting => match Pin::new(limit).poll(cx) {
                Poll::Ready(Ok(())) => unreachable!("what is pending for ever is never ready"),
                Poll::Ready(Err(elapsed)) => {
                    *place = None;
                    Poll::Ready(Some(Err(elapsed)))
                }
                Poll::Pending => {
                    // Over what the timer wrote.
                    completed.crowd.write_wait_site(completed.location);
                    Poll::Pending
                }
            },
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self.limit {
            // Either all of them, or at once that time is up.
            Some(_) => (self.completed.len().min(1), Some(self.completed.len())),
            None => (0, Some(0)),
        }
    }
}

impl<F: Future> FusedStream for AsCompletedWithin<F> {
    fn is_terminated(&self) -> bool {
        self.limit.is_none() || self.completed.is_empty()
    }
}
