//! When is a wait over?

use executor::JoinError;
use std::any::Any;

/// When a [`wait`](fn@crate::wait) is over, told output by output.
///
/// # Examples
///
/// ```
/// use bowerbird::{Until, wait};
/// use std::future::ready;
///
/// /// Until somebody finds more than so many.
/// struct MoreThan(usize);
///
/// impl Until<usize> for MoreThan {
///     fn stop(&self, found: &usize) -> bool {
///         *found > self.0
///     }
/// }
///
/// # futures::executor::block_on(async {
/// let waited = wait([ready(3), ready(30)], MoreThan(10)).await;
/// assert_eq!(waited.done, [(0, 3), (1, 30)]);
/// # });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot say when a wait for outputs of type `{O}` is over",
    note = "`FirstError` needs a `Result`; `FirstFailure` handles of tasks that give a `Result`",
    note = "a closure needs the type of its argument: `FirstMatch(|output: &u32| ..)`"
)]
pub trait Until<O: ?Sized> {
    /// Whether this output ends the wait. Called once for each task that is done.
    fn stop(&self, output: &O) -> bool;
}

/// Until one is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[doc(alias = "FIRST_COMPLETED")]
pub struct FirstCompleted;

impl<O> Until<O> for FirstCompleted {
    fn stop(&self, _: &O) -> bool {
        true
    }
}

/// Until all are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[doc(alias = "ALL_COMPLETED")]
pub struct AllCompleted;

impl<O> Until<O> for AllCompleted {
    fn stop(&self, _: &O) -> bool {
        false
    }
}

/// Until one gives an `Err`, or all are done.
///
/// A task that was cancelled has not failed: a [`JoinError`] that
/// [is cancelled](JoinError::is_cancelled) does not end the wait. Of tasks that
/// give a `Result` themselves see [`FirstFailure`].
///
/// # Examples
///
/// ```
/// use bowerbird::{FirstError, spawn, wait};
///
/// # let builder = bowerbird::runtime::Builder::new_current_thread();
/// # builder.build()?.block_on(async {
/// let tasks = [spawn(async {}), spawn(std::future::pending()), spawn(async { panic!("no") })];
/// tasks[0].abort();
/// let waited = wait(tasks, FirstError).await;
/// assert_eq!(waited.pending_keys(), [1]);
/// # });
/// # Ok::<(), bowerbird::runtime::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[doc(alias = "FIRST_EXCEPTION")]
pub struct FirstError;

impl<T, E: 'static> Until<Result<T, E>> for FirstError {
    fn stop(&self, output: &Result<T, E>) -> bool {
        let Err(error) = output else { return false };
        let error: &dyn Any = error;
        !error.downcast_ref().is_some_and(JoinError::is_cancelled)
    }
}

/// Until a task that gives a `Result` fails, by an `Err` of its own or by a panic,
/// or all are done.
///
/// A task that was cancelled has not failed.
///
/// # Examples
///
/// ```
/// use bowerbird::{FirstFailure, spawn, wait};
///
/// # let builder = bowerbird::runtime::Builder::new_current_thread();
/// # builder.build()?.block_on(async {
/// let task = |text: &'static str| spawn(async move { text.parse::<u8>() });
/// let waited = wait([task("1"), spawn(std::future::pending()), task("one")], FirstFailure).await;
/// assert_eq!(waited.pending_keys(), [1]);
/// # });
/// # Ok::<(), bowerbird::runtime::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FirstFailure;

impl<T, E> Until<Result<Result<T, E>, JoinError>> for FirstFailure {
    fn stop(&self, output: &Result<Result<T, E>, JoinError>) -> bool {
        match output {
            Ok(result) => result.is_err(),
            Err(error) => !error.is_cancelled(),
        }
    }
}

/// Until the closure says yes to one, or all are done.
///
/// The closure has to say what it takes;
/// [`wait(tasks, FirstCompleted).matching(..)`](super::Wait::matching) does without.
///
/// # Examples
///
/// ```
/// use bowerbird::{FirstMatch, wait};
/// use std::future::ready;
///
/// # futures::executor::block_on(async {
/// let waited = wait([ready(3), ready(30)], FirstMatch(|found: &u32| *found > 10)).await;
/// assert_eq!(waited.done_keys(), [0, 1]);
/// # });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FirstMatch<P>(
    /// Whether this output ends the wait.
    pub P,
);

impl<O, P: Fn(&O) -> bool> Until<O> for FirstMatch<P> {
    fn stop(&self, output: &O) -> bool {
        (self.0)(output)
    }
}
