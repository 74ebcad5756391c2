//! Tasks that end together: what was started here is over when this is.
//!
//! [`task_group`] runs a body, which starts children, and gives a result when the body
//! and every child have ended. The first of them that fails ends all the others. So an
//! error never gets lost, and nothing runs on behind anybody's back.
//!
//! | file                 | what                                                      |
//! |----------------------|-----------------------------------------------------------|
//! | `mod.rs`             | the function                                              |
//! | `grouping.rs`        | its future: runs the body, waits for the children         |
//! | `handle.rs`          | `TaskGroup`, what a body and its children hold            |
//! | `roster.rs`          | who belongs to a group, and when is it over               |
//! | `ledger.rs`          | what went wrong                                           |
//! | `child.rs`           | a child's future                                          |
//! | `blocking.rs`        | a child that is a closure on the blocking pool            |
//! | `start.rs`           | a child that says when it is ready                        |
//! | `until_cancelled.rs` | a future that ends with the group                         |
//! | `ambient.rs`         | in which group does the running code run                  |
//! | `shield.rs`          | what a group waits for and does not abort                 |
//! | `error.rs`, `tree.rs` | the error of a group, and how it looks                   |
//!
//! # What a group promises
//!
//! 1. It gives its result when the body was dropped and so was the future of every
//!    child. (An output that nobody takes may be dropped a moment later.)
//! 2. The first failure ends the group: no child starts any more, all are aborted, the
//!    body is dropped. A failure is an error or a panic of the body or of a child, also
//!    of a destructor; being aborted is none.
//! 3. All failures are in the error, in order of happening, those of the end as well.
//! 4. [`TaskGroup::cancel`] aborts the children and is no failure; the body goes on, as
//!    without it there would be no value to give.
//! 5. Cancellation from outside is the drop of the group's future: children are aborted
//!    and end by themselves, each on its worker. If another group is around this one, it
//!    waits for them.
//! 6. A panic of a child whose group is gone goes where that of any other task does.
//! 7. Starting, ending and aborting a child cost the same whatever their number, and
//!    the end of all wakes the group once.
//!
//! # Rejected
//!
//! * A body that takes `&TaskGroup<E>` (`AsyncFnOnce(&TaskGroup<E>)`): the compiler
//!   (1.95) cannot show that the group's future is `Send` if `E` has a lifetime in it,
//!   and `Box<dyn Error + Send + Sync>` has one.
//! * A panic of the body that goes on past the group, as `std::thread::scope` lets it:
//!   the failures of the children would be lost. All are in the error instead, and
//!   [`GroupError::resume_panic`] goes on with a panic.
//! * Children that are polled inside the group's own task: they would share one core.
//! * Waiting in the drop of the group's future: it would block a worker, and for ever if
//!   a child needs that worker.

mod ambient;
mod blocking;
mod child;
mod error;
mod grouping;
mod handle;
mod ledger;
mod roster;
mod shield;
mod start;
mod tree;
mod until_cancelled;

pub use error::{Failure, FailureKind, GroupError, Panic, Report};
pub use grouping::Grouping;
pub use handle::TaskGroup;
pub use shield::{Shield, shield};
pub use start::{NotStarted, Start, Started};
pub use until_cancelled::UntilCancelled;

use std::{future::Future, panic::Location};

/// Runs `body`, which starts tasks in a group, and waits until it and all of them have
/// ended.
///
/// Children are tasks and use all cores. The body runs inside the calling task, so it
/// may borrow. Children can be started as long as the group is not over: by the body,
/// by other children with a clone of the handle, and also after the body has ended.
///
/// The first error or panic, of the body or of a child, ends the group: children are
/// aborted, the body is dropped at the `await` where it stands, and when all have ended
/// the group gives the error. To end it without an error there is
/// [`TaskGroup::cancel`].
///
/// `E` has to be named somewhere: where the body takes its handle, as below, or in what
/// the function returns. With `TaskGroup<Box<dyn Error + Send + Sync>>` the body and the
/// children use `?` on errors of any kind, also on the
/// [`JoinError`](crate::task::JoinError) of a handle.
///
/// A timeout around the group ends its children as well, so they know of it:
/// [`effective_deadline`](crate::task::effective_deadline) gives them the deadline that
/// counted where the group began to run.
///
/// # Errors
///
/// A [`GroupError`] with everything that went wrong in the group, panics included.
///
/// # Panics
///
/// If it is polled after it gave its result.
///
/// # Cancel safety
///
/// **Lossy.** Dropping it drops the body and aborts the children. They end at their
/// next suspension points, on their own workers: a drop cannot wait for that, but a
/// task group around this one does.
///
/// # Examples
///
/// ```
/// use bowerbird::{task::TaskGroup, task_group};
/// use std::num::ParseIntError;
///
/// bowerbird::run(async {
///     let words = ["1", "2", "3"];
///     let sum = task_group(async |g: TaskGroup<ParseIntError>| {
///         let tasks = words.map(|word| g.spawn(async move { word.parse::<u32>() }));
///         let mut sum = 0;
///         for task in tasks {
///             sum += task.await.unwrap();
///         }
///         Ok(sum)
///     });
///     assert_eq!(sum.await.unwrap(), 6);
///
///     let error = task_group(async |g: TaskGroup<ParseIntError>| {
///         g.spawn_named("third", async { "three".parse::<u32>() });
///         std::future::pending::<()>().await; // dropped when the child fails
///         Ok(())
///     })
///     .await
///     .unwrap_err();
///     assert!(error.to_string().ends_with(": invalid digit found in string"));
/// });
/// ```
#[doc(alias = "TaskGroup")]
#[doc(alias = "open_nursery")]
#[doc(alias = "scope")]
#[track_caller]
pub fn task_group<C, B, R, E>(body: C) -> Grouping<C, B, R, E>
where
    C: FnOnce(TaskGroup<E>) -> B,
    B: Future<Output = Result<R, E>>,
{
    Grouping::new(body, Location::caller())
}
