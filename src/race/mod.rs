//! The first of several futures.
//!
//! | function           | gives                                                  |
//! |--------------------|--------------------------------------------------------|
//! | [`race`]           | the first output                                       |
//! | [`race_ok`]        | the first success; all errors if there is none         |
//! | [`race_staggered`] | the same, of attempts that are started one after the other |
//!
//! The futures run inside the calling task, so they may borrow from it; those that
//! lose are dropped before the race returns. A task does not end when its handle is
//! dropped: of handles, the losers run on.
//!
//! | file           | what                                     |
//! |----------------|------------------------------------------|
//! | `mod.rs`       | `race` and `race_ok`, their futures and traits |
//! | `shapes.rs`    | what can race                            |
//! | `errors.rs`    | all errors of a race that nobody won     |
//! | `staggered.rs` | attempts that start one after the other  |
//!
//! # Rejected
//!
//! * A permutation drawn for each poll: what is woken is polled in the order of
//!   the wake-ups, which is fair by itself. Only the first poll needs a draw.

mod errors;
mod shapes;
mod staggered;

pub use errors::RaceErrors;
pub use staggered::{Staggering, Won, race_staggered};

use crate::many::{children::Children, poller::Poller};
use errors::Errors;
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
};

/// What can [`race`]: tuples of up to twelve futures with one type of output,
/// arrays, `Vec`s.
#[diagnostic::on_unimplemented(
    message = "`race` cannot take `{Self}`",
    note = "give it a tuple of up to twelve futures with one type of output, an array or a `Vec`",
    note = "an iterator can be collected into a `Vec`, a single future awaited"
)]
pub trait Race {
    /// The output of each future.
    type Output;
    /// The future of [`race`].
    type Future: Future<Output = Self::Output>;

    /// What [`race`] calls.
    #[doc(hidden)]
    fn into_racing(self, location: &'static Location<'static>) -> Self::Future;
}

/// What can [`race_ok`]: as [`Race`], of futures that give a `Result`.
#[diagnostic::on_unimplemented(
    message = "`race_ok` cannot take `{Self}`",
    note = "give it a tuple of up to twelve futures that give `Result`s of one type, an array or a `Vec`",
    note = "an iterator can be collected into a `Vec`, a single future awaited"
)]
pub trait RaceOk {
    /// The value of each future.
    type Output;
    /// The error of each future.
    type Error;
    /// The future of [`race_ok`].
    type Future: Future<Output = Result<Self::Output, RaceErrors<Self::Error>>>;

    /// What [`race_ok`] calls.
    #[doc(hidden)]
    fn into_racing_ok(self, location: &'static Location<'static>) -> Self::Future;
}

/// Waits for the first of `futures` to be done, drops the others, and gives its
/// output.
///
/// The first poll starts at one of them drawn by lot, so that of several that are
/// always ready none always wins; after that, what is woken first is polled first.
/// A wake-up polls only the future it is for.
///
/// For results of which an error should not win, see [`race_ok`]. To keep the
/// others see [`wait`](crate::wait()).
///
/// # Panics
///
/// If there are no futures: nothing could ever come of it. An empty array does not
/// compile. The future panics if one of `futures` does, or if it is polled after
/// its end.
///
/// # Cancel safety
///
/// That of `futures`, all of which are dropped with it; an output is taken only
/// when it is returned. (Of `&mut` futures it is **strict**.)
///
/// # Examples
///
/// ```
/// use bowerbird::{race, time::sleep};
/// use std::time::Duration;
///
/// # let runtime = bowerbird::runtime::Builder::new_current_thread().paused_clock().build()?;
/// # runtime.block_on(async {
/// let answer = |text, secs| async move {
///     sleep(Duration::from_secs(secs)).await;
///     text
/// };
/// assert_eq!(race((answer("far", 3), answer("near", 1))).await, "near");
/// # });
/// # Ok::<(), bowerbird::runtime::BuildError>(())
/// ```
///
/// Nothing cannot race:
///
/// ```compile_fail
/// let nobody: [std::future::Ready<()>; 0] = [];
/// drop(bowerbird::race(nobody));
/// ```
#[doc(alias = "select_all")]
#[doc(alias = "first")]
#[track_caller]
pub fn race<R: Race>(futures: R) -> R::Future {
    futures.into_racing(Location::caller())
}

/// Waits for the first of `futures` to succeed, drops the others, and gives its
/// value.
///
/// As [`race`] otherwise. All start at once; see [`race_staggered`] for attempts
/// that should not.
///
/// # Errors
///
/// If none succeeds, all errors, in the order of the futures. That of no futures
/// is empty, and comes at once.
///
/// # Panics
///
/// The future panics if one of `futures` does, or if it is polled after its end.
///
/// # Cancel safety
///
/// **Lossy.** Dropping it drops the futures that run, and the errors of those that
/// have failed.
///
/// # Examples
///
/// ```
/// use bowerbird::race_ok;
///
/// # futures::executor::block_on(async {
/// let parse = |text: &'static str| async move { text.parse::<u8>() };
/// assert_eq!(race_ok([parse("many"), parse("7")]).await, Ok(7));
///
/// let errors = race_ok([parse("many"), parse("300")]).await.unwrap_err();
/// assert_eq!(
///     errors.to_string(),
///     "none of 2 succeeded: 0: invalid digit found in string; \
///      1: number too large to fit in target type",
/// );
/// # });
/// ```
#[doc(alias = "select_ok")]
#[doc(alias = "any")]
#[track_caller]
pub fn race_ok<R: RaceOk>(futures: R) -> R::Future {
    futures.into_racing_ok(Location::caller())
}

pin_project! {
    /// The future of [`race`].
    ///
    /// # Cancel safety
    ///
    /// That of the futures that race, which are dropped with it.
    #[must_use = "futures do nothing unless polled"]
    pub struct Racing<C: Children> {
        #[pin]
        poller: Poller<C>,
    }
}

impl<C: Children> Racing<C> {
    fn new(first: usize, children: C, location: &'static Location<'static>) -> Self {
        Self { poller: Poller::starting_at(first, children, location) }
    }
}

impl<C: Children> Future for Racing<C> {
    type Output = C::Stop;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Stop> {
        self.project().poller.poll(cx).map(|outcome| match outcome {
            Err(output) => output,
            Ok(_) => unreachable!("there is one at least, and the first that is done stops it"),
        })
    }
}

impl<C: Children> fmt::Debug for Racing<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Racing").field(&self.poller).finish()
    }
}

pin_project! {
    /// The future of [`race_ok`].
    ///
    /// # Cancel safety
    ///
    /// **Lossy.** Drops the futures that run, and the errors of those that failed.
    #[must_use = "futures do nothing unless polled"]
    pub struct RacingOk<C: Children> {
        #[pin]
        poller: Poller<C>,
    }
}

impl<C: Children> RacingOk<C> {
    fn new(first: usize, children: C, location: &'static Location<'static>) -> Self {
        Self { poller: Poller::starting_at(first, children, location) }
    }
}

impl<C: Children<Kept: Errors>> Future for RacingOk<C> {
    type Output = Result<C::Stop, RaceErrors<<C::Kept as Errors>::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().poller.poll(cx).map(|outcome| match outcome {
            Err(value) => Ok(value),
            Ok(errors) => Err(errors.into_errors()),
        })
    }
}

impl<C: Children> fmt::Debug for RacingOk<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RacingOk").field(&self.poller).finish()
    }
}

#[cfg(test)]
mod tests;
