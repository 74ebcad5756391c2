//! The same work on many items, on all cores, so many at a time.
//!
//! ```text
//!   source ──▶ f(item) ──spawn──▶ ▒▒▒▒ at most `limit` tasks ──▶ next()
//!     ▲                                        │
//!     └── asked only while there is room ◀─────┘ an output was taken
//! ```
//!
//! Room is what is neither running nor done but not taken: a consumer that is slow
//! slows the source down. Tasks are started while the stream is polled, and when an
//! output has been taken, before it is given out; so they run on while the consumer
//! deals with it.
//!
//! In order, only the task in front is awaited, and the others wait for their turn
//! in a queue. Without order all of them are, each with a waker of its own.
//!
//! # Rejected
//!
//! * Futures polled inside the calling task, as `buffered` of other crates does:
//!   one core, and nobody polls them while the consumer is busy.
//! * A task that cancelled itself as an item that is missing: whoever counts items
//!   would never know.

mod collect;
mod running;

pub use crate::many::next::Next;
pub use collect::{Collect, TryCollect};

use executor::{JoinError, TaskBuilder};
use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;
use running::Running;
use std::{
    fmt,
    future::Future,
    panic::{Location, resume_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use sync::coop;

/// Calls `f` with each item and runs the futures it gives as tasks, at most `limit`
/// at a time; the stream gives their outputs, in the order of the items.
///
/// `f` is called in the calling task, when there is room. Room is bounded by what
/// runs and by what is done and not taken, so that neither items nor outputs pile
/// up. [`unordered`](MapConcurrent::unordered) gives outputs as they come: a slow
/// task in front then holds nobody up.
///
/// # Panics
///
/// If `limit` is zero. A poll of the stream panics outside a runtime, and if a task
/// panics, with what it panicked with; in order this is when its turn comes. So it
/// does if a task was cancelled, as by itself.
///
/// # Cancel safety
///
/// Of its [`next`](MapConcurrent::next) **strict**. Dropping the stream aborts what
/// runs.
///
/// # Examples
///
/// ```
/// # let runtime = bowerbird::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
/// # runtime.block_on(async {
/// let mut squares = bowerbird::map_concurrent(1..=100_u64, 8, async |n| n * n);
/// let mut sum = 0;
/// while let Some(square) = squares.next().await {
///     sum += square;
/// }
/// assert_eq!(sum, 338_350);
///
/// let words = ["1", "2", "drei"].map(str::to_owned);
/// let numbers = bowerbird::map_concurrent(words, 2, async |word| word.parse::<u8>());
/// assert!(numbers.try_collect::<Vec<_>>().await.is_err());
/// # });
/// # Ok::<(), bowerbird::runtime::BuildError>(())
/// ```
#[doc(alias = "buffered")]
#[doc(alias = "buffer_unordered")]
#[doc(alias = "Semaphore")]
#[track_caller]
pub fn map_concurrent<I, F, Fut>(
    items: I,
    limit: usize,
    f: F,
) -> MapConcurrent<Items<I::IntoIter>, F, Fut::Output>
where
    I: IntoIterator,
    F: FnMut(I::Item) -> Fut,
    Fut: Future<Output: Send + 'static> + Send + 'static,
{
    MapConcurrent::new(Items { items: items.into_iter() }, limit, f, Location::caller())
}

/// As [`map_concurrent`], of the items of a stream.
///
/// # Panics
///
/// As [`map_concurrent`].
///
/// # Cancel safety
///
/// As [`map_concurrent`].
///
/// # Examples
///
/// ```
/// use bowerbird::{map_concurrent, map_concurrent_stream};
///
/// # let runtime = bowerbird::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let pages = map_concurrent(0..10_usize, 4, |n| async move { "word ".repeat(n) });
/// let counts = map_concurrent_stream(pages, 2, |page| async move { page.len() / 5 });
/// assert_eq!(counts.collect::<Vec<_>>().await, (0..10).collect::<Vec<_>>());
/// # });
/// # Ok::<(), bowerbird::runtime::BuildError>(())
/// ```
#[track_caller]
pub fn map_concurrent_stream<S, F, Fut>(
    stream: S,
    limit: usize,
    f: F,
) -> MapConcurrent<S, F, Fut::Output>
where
    S: Stream,
    F: FnMut(S::Item) -> Fut,
    Fut: Future<Output: Send + 'static> + Send + 'static,
{
    MapConcurrent::new(stream, limit, f, Location::caller())
}

/// The items of an iterator, as a stream.
#[derive(Clone, Debug)]
pub struct Items<I> {
    items: I,
}

/// An iterator is never pinned.
impl<I> Unpin for Items<I> {}

impl<I: Iterator> Stream for Items<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.items.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

pin_project! {
    /// The stream of [`map_concurrent`] and [`map_concurrent_stream`].
    #[must_use = "streams do nothing unless polled"]
    #[project = Projection]
    pub struct MapConcurrent<S, F, T> {
        #[pin]
        source: S,
        f: F,
        running: Running<T>,
        limit: usize,
        is_exhausted: bool,
        // What the tasks are called: made with the first.
        name: Option<Arc<str>>,
        location: &'static Location<'static>,
    }
}

impl<S, F, T> MapConcurrent<S, F, T> {
    #[track_caller]
    fn new(source: S, limit: usize, f: F, location: &'static Location<'static>) -> Self {
        assert!(limit > 0, "the limit of `map_concurrent` must be 1 or more, and is {limit}");
        let running = Running::in_order();
        Self { source, f, running, limit, is_exhausted: false, name: None, location }
    }

    /// Gives outputs in the order in which they come.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::{map_concurrent, time::sleep};
    /// use std::time::Duration;
    ///
    /// # let runtime = bowerbird::runtime::Builder::new_current_thread().paused_clock().build()?;
    /// # runtime.block_on(async {
    /// let late = map_concurrent([30, 10, 20], 3, |secs| async move {
    ///     sleep(Duration::from_secs(secs)).await;
    ///     secs
    /// });
    /// assert_eq!(late.unordered().collect::<Vec<_>>().await, [10, 20, 30]);
    /// # });
    /// # Ok::<(), bowerbird::runtime::BuildError>(())
    /// ```
    pub fn unordered(self) -> Self {
        Self { running: self.running.into_unordered(), ..self }
    }
}

impl<S, F, Fut> MapConcurrent<S, F, Fut::Output>
where
    S: Stream,
    F: FnMut(S::Item) -> Fut,
    Fut: Future<Output: Send + 'static> + Send + 'static,
{
    /// Waits for the next output. `None`: there was one of every item.
    ///
    /// # Panics
    ///
    /// If a task panicked, or was cancelled; outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** An output is taken when this is ready, not before.
    ///
    /// # Examples
    ///
    /// See [`map_concurrent`].
    #[expect(clippy::should_implement_trait, reason = "the name that streams have for it")]
    pub fn next(&mut self) -> Next<'_, Self>
    where
        S: Unpin,
    {
        Next::of(self)
    }

    /// Waits for all outputs and puts them into a collection.
    ///
    /// # Panics
    ///
    /// As [`next`](Self::next), and if it is polled after its end.
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** Dropping it aborts what runs, and drops the outputs collected.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::collections::BTreeSet;
    ///
    /// # let runtime = bowerbird::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let rests = bowerbird::map_concurrent(0..100, 8, |n| async move { n % 3 });
    /// assert_eq!(rests.collect::<BTreeSet<_>>().await, [0, 1, 2].into());
    /// # });
    /// # Ok::<(), bowerbird::runtime::BuildError>(())
    /// ```
    pub fn collect<C: Default + Extend<Fut::Output>>(self) -> Collect<Self, C> {
        Collect::new(self)
    }

    /// Waits for all outputs, which are `Result`s, and puts their values into a
    /// collection; the first error aborts the rest and is returned.
    ///
    /// # Errors
    ///
    /// The first error in the order of the stream.
    ///
    /// # Panics
    ///
    /// As [`next`](Self::next), and if it is polled after its end.
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** Dropping it aborts what runs, and drops the values collected.
    ///
    /// # Examples
    ///
    /// See [`map_concurrent`].
    pub fn try_collect<C>(self) -> TryCollect<Self, C>
    where
        C: Default,
        TryCollect<Self, C>: Future,
    {
        TryCollect::new(self)
    }
}

/// Starts tasks while there is room, items and budget.
fn fill<S, F, Fut>(this: &mut Projection<'_, S, F, Fut::Output>, cx: &mut Context<'_>)
where
    S: Stream,
    F: FnMut(S::Item) -> Fut,
    Fut: Future<Output: Send + 'static> + Send + 'static,
{
    while !*this.is_exhausted && this.running.len() < *this.limit {
        let Poll::Ready(progress) = coop::poll_proceed(cx) else { return };
        match this.source.as_mut().poll_next(cx) {
            Poll::Ready(Some(item)) => {
                let name = this.name.get_or_insert_with(|| "map_concurrent".into()).clone();
                let future = (this.f)(item);
                let builder = TaskBuilder::new().name(name).location(this.location);
                this.running.push(builder.spawn(future));
                progress.made();
            }
            Poll::Ready(None) => *this.is_exhausted = true,
            Poll::Pending => return,
        }
    }
}

impl<S, F, Fut> Stream for MapConcurrent<S, F, Fut::Output>
where
    S: Stream,
    F: FnMut(S::Item) -> Fut,
    Fut: Future<Output: Send + 'static> + Send + 'static,
{
    type Item = Fut::Output;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Fut::Output>> {
        let mut this = self.project();
        fill(&mut this, cx);
        match this.running.poll_next(cx, this.location) {
            Poll::Ready(Some(result)) => {
                let output = output_of(result);
                fill(&mut this, cx);
                Poll::Ready(Some(output))
            }
            Poll::Ready(None) if *this.is_exhausted => Poll::Ready(None),
            // The source will wake us, or the budget has.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let started = self.running.len();
        match self.is_exhausted {
            true => (started, Some(started)),
            false => {
                let (least, most) = self.source.size_hint();
                let most = most.and_then(|most| most.checked_add(started));
                (least.saturating_add(started), most)
            }
        }
    }
}

impl<S, F, Fut> FusedStream for MapConcurrent<S, F, Fut::Output>
where
    S: Stream,
    F: FnMut(S::Item) -> Fut,
    Fut: Future<Output: Send + 'static> + Send + 'static,
{
    fn is_terminated(&self) -> bool {
        self.is_exhausted && self.running.len() == 0
    }
}

/// A panic of a task goes on in who takes its output.
fn output_of<T>(result: Result<T, JoinError>) -> T {
    match result.map_err(JoinError::try_into_panic) {
        Ok(output) => output,
        Err(Ok(payload)) => resume_unwind(payload),
        Err(Err(cancelled)) => panic!("there is no output: {cancelled}"),
    }
}

impl<S, F, T> fmt::Debug for MapConcurrent<S, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapConcurrent")
            .field("started", &self.running.len())
            .field("limit", &self.limit)
            .field("is_exhausted", &self.is_exhausted)
            .finish_non_exhaustive()
    }
}
