//! Waiting for all of several futures, inside one task.
//!
//! [`gather`] and [`try_gather`] take a tuple, an array or a `Vec` of futures and
//! give all their outputs, in order. The futures run inside the calling task,
//! so they may borrow from it and need not be `Send`; to use several cores
//! gather the handles of spawned tasks.
//!
//! | file        | what                                        |
//! |-------------|---------------------------------------------|
//! | `mod.rs`    | the two functions, their futures and traits |
//! | `shapes.rs` | what can be gathered                        |
//! | `macros.rs` | `join!` and `try_join!`                     |
//!
//! Who is polled when is told in `src/many/`.
//!
//! # Rejected
//!
//! * Polling every child at each wake-up, as `join!` of other crates does: with
//!   10,000 children that wake one at a time, 50 million polls instead of 10,000.
//!   For two or three children it would save the one allocation (about 20 ns),
//!   but a child's poll costs more than that as soon as it does anything, and
//!   "a wake-up polls one child" would hold only sometimes.
//! * Polling children with the parent's own waker while few are left: the same.

mod macros;
mod shapes;

use crate::many::{children::Children, poller::Poller};
use pin_project_lite::pin_project;
use std::{
    convert::Infallible,
    fmt,
    future::Future,
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
};

/// What [`gather`] takes: tuples of up to twelve futures, arrays, `Vec`s.
#[diagnostic::on_unimplemented(
    message = "`gather` cannot take `{Self}`",
    note = "give it a tuple of up to twelve futures, an array or a `Vec`",
    note = "an iterator can be collected into a `Vec`, a single future awaited"
)]
pub trait Gather {
    /// All outputs, in the order of the futures.
    type Output;
    /// The future of [`gather`].
    type Future: Future<Output = Self::Output>;

    /// What [`gather`] calls.
    #[doc(hidden)]
    fn into_gathering(self, location: &'static Location<'static>) -> Self::Future;
}

/// What [`try_gather`] takes: as [`Gather`], of futures that give a `Result` with
/// one and the same error type.
#[diagnostic::on_unimplemented(
    message = "`try_gather` cannot take `{Self}`",
    note = "give it a tuple of up to twelve futures that give `Result`s of one type of error, an array or a `Vec`",
    note = "an iterator can be collected into a `Vec`, a single future awaited"
)]
pub trait TryGather {
    /// All values, in the order of the futures.
    type Output;
    /// The error of each future.
    type Error;
    /// The future of [`try_gather`].
    type Future: Future<Output = Result<Self::Output, Self::Error>>;

    /// What [`try_gather`] calls.
    #[doc(hidden)]
    fn into_try_gathering(self, location: &'static Location<'static>) -> Self::Future;
}

/// Waits for all of `futures` and gives their outputs, in order.
///
/// The first poll polls each of them; after that a wake-up polls only the one it
/// is for, so 10,000 futures cost a time linear in their number. Polls spend the
/// task's budget, and a task that runs out of it goes on where it stopped: no
/// future can starve the others, or other tasks.
///
/// For results of which the first error should end the wait, see [`try_gather`].
///
/// # Panics
///
/// The future panics if one of `futures` does, or if it is polled after its end.
///
/// # Cancel safety
///
/// **Lossy.** Dropping it drops the futures that run, and the outputs of those
/// that are done. To keep them, spawn the futures and gather `&mut` handles, or
/// gather futures that leave their results elsewhere.
///
/// # Examples
///
/// ```
/// # futures::executor::block_on(async {
/// let (name, size) = bowerbird::gather((async { "bower" }, async { 7 })).await;
/// assert_eq!((name, size), ("bower", 7));
///
/// let squares = bowerbird::gather((1..=4).map(|n| async move { n * n }).collect::<Vec<_>>()).await;
/// assert_eq!(squares, [1, 4, 9, 16]);
/// # });
/// ```
#[doc(alias = "join")]
#[doc(alias = "join_all")]
#[track_caller]
pub fn gather<G: Gather>(futures: G) -> G::Future {
    futures.into_gathering(Location::caller())
}

/// Waits for all of `futures` to succeed and gives their values, in order; the
/// first error ends the wait.
///
/// As [`gather`] otherwise. When a future fails the rest are dropped, and then
/// the error is returned.
///
/// # Errors
///
/// The first error in time. Futures that fail in the same poll are asked in the
/// order in which they were woken.
///
/// # Panics
///
/// The future panics if one of `futures` does, or if it is polled after its end.
///
/// # Cancel safety
///
/// **Lossy**, as [`gather`].
///
/// # Examples
///
/// ```
/// # futures::executor::block_on(async {
/// let parse = |text: &'static str| async move { text.parse::<u32>() };
/// let sum: u32 = bowerbird::try_gather([parse("1"), parse("2")]).await?.iter().sum();
/// assert_eq!(sum, 3);
/// assert!(bowerbird::try_gather([parse("1"), parse("two")]).await.is_err());
/// # Ok::<(), std::num::ParseIntError>(())
/// # }).unwrap();
/// ```
#[doc(alias = "try_join")]
#[doc(alias = "try_join_all")]
#[track_caller]
pub fn try_gather<G: TryGather>(futures: G) -> G::Future {
    futures.into_try_gathering(Location::caller())
}

pin_project! {
    /// The future of [`gather`].
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** Drops the futures that run, and the outputs of those done.
    #[must_use = "futures do nothing unless polled"]
    pub struct Gathering<C: Children> {
        #[pin]
        poller: Poller<C>,
    }
}

impl<C: Children> Gathering<C> {
    fn new(children: C, location: &'static Location<'static>) -> Self {
        Self { poller: Poller::in_order(children, location) }
    }
}

impl<C: Children<Stop = Infallible>> Future for Gathering<C> {
    type Output = C::Kept;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Kept> {
        self.project().poller.poll(cx).map(|outcome| match outcome {
            Ok(kept) => kept,
            Err(never) => match never {},
        })
    }
}

impl<C: Children> fmt::Debug for Gathering<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gathering").field(&self.poller).finish()
    }
}

pin_project! {
    /// The future of [`try_gather`].
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** Drops the futures that run, and the values of those done.
    #[must_use = "futures do nothing unless polled"]
    pub struct TryGathering<C: Children> {
        #[pin]
        poller: Poller<C>,
    }
}

impl<C: Children> TryGathering<C> {
    fn new(children: C, location: &'static Location<'static>) -> Self {
        Self { poller: Poller::in_order(children, location) }
    }
}

impl<C: Children> Future for TryGathering<C> {
    type Output = Result<C::Kept, C::Stop>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().poller.poll(cx)
    }
}

impl<C: Children> fmt::Debug for TryGathering<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TryGathering").field(&self.poller).finish()
    }
}

#[cfg(test)]
mod tests;
