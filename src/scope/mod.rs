//! Children that borrow: concurrency inside one task.
//!
//! [`scope`] runs a body and the children that it, or they, spawn, and ends when all
//! have ended. They are polled by the task that awaits the scope, so they may borrow
//! from everything that outlives the scope's future, need no lock to share it, and
//! never run at the same time. For children that use several cores there are tasks,
//! which borrow nothing.
//!
//! ```text
//!   scope's future ── owns ─▶ body            ╮
//!     (one task)   ── owns ─▶ children: slab  ├ each with a waker of its own:
//!         │                   door            ╯ one wake-up polls one of them
//!         ╰─ shares ─▶ gate ◀── Scope handles: in the body, in children, elsewhere
//!                      newcomers, until the next poll takes them in
//! ```
//!
//! | file        | what                                                    |
//! |-------------|---------------------------------------------------------|
//! | `mod.rs`    | [`scope`], [`Scope`], [`ScopedHandle`]                  |
//! | `gate.rs`   | where newcomers wait: what handles and the future share |
//! | `child.rs`  | one child, with where its output goes                   |
//! | `poller.rs` | who is polled when                                      |
//!
//! # Why it is sound
//!
//! Nothing but ownership is needed. A child is `'env`, it is a part of the scope's
//! future (or of the gate, which the future empties when it ends), and so that future
//! is `'env`, too: the compiler keeps it from outliving what a child borrows. A future
//! that is forgotten is never polled or dropped, and then nor are the children. What a
//! body has in its own variables does not live for `'env`, so no child can borrow it.
//!
//! # Rejected
//!
//! * Children that borrow and run on other threads: to be sound, either the drop of
//!   the future blocks its thread until they have ended, or the future cannot be
//!   forgotten, which Rust does not offer.
//! * Children in the future's own type, as a tuple: they could not be spawned by one
//!   another.
//! * The panic of a child as an output of its handle: the state it shared with the
//!   others by borrowing may be half changed. So it comes out of the scope, as from a
//!   call, and everything is dropped.
//! * `cancel` that ends the body, too: there would be no output.
//! * A body that takes `&Scope`, as an `AsyncFnOnce`: its future cannot be named, and
//!   the compiler does not see that it is `Send` when `'env` is a lifetime of the task
//!   that is spawned (`implementation of AsyncFnOnce is not general enough`).

mod child;
mod gate;
mod poller;

use child::Child;
use gate::Gate;
pub use poller::Scoped;
use std::{
    error::Error,
    fmt,
    future::Future,
    marker::PhantomData,
    panic::Location,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use sync::oneshot::{self, Receiver};

/// A child of a [`Scope`] that stays `Send`.
pub type SendChild<'env> = dyn Future<Output = ()> + Send + 'env;

/// A child of a [`LocalScope`].
pub type LocalChild<'env> = dyn Future<Output = ()> + 'env;

/// Runs `body` and the children that it spawns through the [`Scope`], inside the
/// calling task, and gives the body's output when all have ended.
///
/// Children may borrow from what outlives the scope: variables of the caller, but not
/// those of the body. A wake-up polls the one it is for. The future is `Send` if the
/// body is; children always are. For children that are not, see [`local_scope`].
///
/// # Panics
///
/// The future panics with what the body or a child panics with. It drops the others
/// when it is dropped.
///
/// # Cancel safety
///
/// **Lossy.** Dropping it drops the children, then the body.
///
/// # Examples
///
/// ```
/// use bowerbird::task::scope;
/// use std::sync::Mutex;
///
/// bowerbird::run(async {
///     let words = ["bower", "bird"];
///     let letters = Mutex::new(0);
///     let count = scope(async |s| {
///         for word in &words {
///             s.spawn(async { *letters.lock().unwrap() += word.len() });
///         }
///         let handle = s.spawn(async { words.len() });
///         handle.await.unwrap()
///     });
///     assert_eq!(count.await, 2);
///     assert_eq!(letters.into_inner().unwrap(), 9);
/// });
/// ```
///
/// A child may not borrow what lives in the body:
///
/// ```compile_fail,E0373
/// bowerbird::run(bowerbird::task::scope(async |s| {
///     let word = String::from("bower");
///     s.spawn(async { println!("{word}") });
/// }));
/// ```
///
/// nor may the scope's future outlive what a child borrows:
///
/// ```compile_fail,E0597
/// let future = {
///     let word = String::from("bower");
///     bowerbird::task::scope(async |s| {
///         s.spawn(async { println!("{word}") });
///     })
/// };
/// bowerbird::run(future);
/// ```
///
/// nor two children what only one may have:
///
/// ```compile_fail,E0499
/// let mut word = String::from("bower");
/// bowerbird::run(bowerbird::task::scope(async |s| {
///     s.spawn(async { word.push('b') });
///     s.spawn(async { word.push('i') });
/// }));
/// ```
///
/// nor may a child be spawned that is not `Send`:
///
/// ```compile_fail,E0277
/// let word = std::rc::Rc::new("bower");
/// bowerbird::run(bowerbird::task::scope(async |s| {
///     s.spawn(async { println!("{word}") });
/// }));
/// ```
#[doc(alias = "async_scope")]
#[doc(alias = "nursery")]
#[track_caller]
pub fn scope<'env, F, B>(body: F) -> Scoped<SendChild<'env>, F, B>
where
    F: FnOnce(Scope<'env>) -> B,
    B: Future,
{
    Scoped::new(body, Location::caller())
}

/// As [`scope`], with children that need not be `Send`. Nor is the future.
///
/// # Panics
///
/// As [`scope`].
///
/// # Cancel safety
///
/// **Lossy**, as [`scope`].
///
/// # Examples
///
/// ```
/// use std::cell::Cell;
///
/// let sum = Cell::new(0);
/// bowerbird::run(bowerbird::task::local_scope(async |s| {
///     for n in 1..=4 {
///         let sum = &sum;
///         s.spawn(async move { sum.set(sum.get() + n) });
///     }
/// }));
/// assert_eq!(sum.get(), 10);
/// ```
#[track_caller]
pub fn local_scope<'env, F, B>(body: F) -> Scoped<LocalChild<'env>, F, B>
where
    F: FnOnce(LocalScope<'env>) -> B,
    B: Future,
{
    Scoped::new(body, Location::caller())
}

/// Spawns children into a scope.
///
/// Clones may be given to children, and with `'env` being `'static` to other tasks.
/// After the scope has ended, or was cancelled, what is spawned is dropped, and its
/// handle says so.
///
/// # Examples
///
/// ```
/// use bowerbird::task::{Scope, scope};
///
/// fn walk<'env>(s: Scope<'env>, tree: &'env [&'env [u32]], sum: &'env std::sync::Mutex<u32>) {
///     for leaves in tree {
///         let siblings = s.clone();
///         s.spawn(async move {
///             for leaf in *leaves {
///                 siblings.spawn(async move { *sum.lock().unwrap() += leaf });
///             }
///         });
///     }
/// }
///
/// let (tree, sum) = ([&[1, 2][..], &[3]], Default::default());
/// bowerbird::run(scope(async |s| walk(s, &tree, &sum)));
/// assert_eq!(sum.into_inner().unwrap(), 6);
/// ```
pub struct Scope<'env, C: ?Sized = SendChild<'env>> {
    gate: Arc<Gate<C>>,
    environment: PhantomData<fn(&'env ()) -> &'env ()>,
}

/// A [`Scope`] whose children need not be `Send`: see [`local_scope`].
pub type LocalScope<'env> = Scope<'env, LocalChild<'env>>;

impl<'env> Scope<'env> {
    /// Adds a child, which is polled after those that wait for their turn already.
    ///
    /// It runs whether or not the handle is awaited, or kept.
    pub fn spawn<F>(&self, future: F) -> ScopedHandle<F::Output>
    where
        F: Future + Send + 'env,
        F::Output: Send + 'env,
    {
        let (sender, receiver) = oneshot::channel();
        self.gate.enter(Box::pin(Child::new(future, sender)));
        ScopedHandle { receiver }
    }
}

impl<'env> LocalScope<'env> {
    /// Adds a child, which is polled after those that wait for their turn already.
    ///
    /// It runs whether or not the handle is awaited, or kept.
    pub fn spawn<F>(&self, future: F) -> ScopedHandle<F::Output>
    where
        F: Future + 'env,
        F::Output: 'env,
    {
        let (sender, receiver) = oneshot::channel();
        self.gate.enter(Box::pin(Child::new(future, sender)));
        ScopedHandle { receiver }
    }
}

impl<C: ?Sized> Scope<'_, C> {
    fn through(gate: Arc<Gate<C>>) -> Self {
        Self { gate, environment: PhantomData }
    }

    /// Drops all children that have not ended, and those that are still to come. The
    /// body goes on.
    ///
    /// A child that calls this is dropped when it next waits. The others are not polled
    /// any more, and are gone when the poll in which this was called is over.
    ///
    /// # Examples
    ///
    /// ```
    /// bowerbird::run(bowerbird::task::scope(async |s| {
    ///     let slow = s.spawn(std::future::pending::<()>());
    ///     s.cancel();
    ///     assert!(slow.await.is_err());
    /// }));
    /// ```
    pub fn cancel(&self) {
        self.gate.cancel();
    }

    /// Whether [`cancel`](Self::cancel) was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.gate.is_cancelled()
    }
}

impl<C: ?Sized> Clone for Scope<'_, C> {
    fn clone(&self) -> Self {
        Self::through(self.gate.clone())
    }
}

impl<C: ?Sized> fmt::Debug for Scope<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Scope");
        out.field("is_cancelled", &self.is_cancelled()).finish_non_exhaustive()
    }
}

/// The output of a child to be. Dropping it lets the child run on.
///
/// # Errors
///
/// Awaiting it gives [`ScopeCancelled`] if the child was dropped before it ended: by
/// [`Scope::cancel`], or together with the scope.
///
/// # Cancel safety
///
/// **Strict.** Awaited by reference it may be dropped and awaited again.
///
/// # Examples
///
/// ```
/// bowerbird::run(bowerbird::task::scope(async |s| {
///     let seven = s.spawn(async { 7 });
///     assert_eq!(seven.await, Ok(7));
/// }));
/// ```
pub struct ScopedHandle<T> {
    receiver: Receiver<T>,
}

impl<T> Future for ScopedHandle<T> {
    type Output = Result<T, ScopeCancelled>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.receiver).poll(cx).map_err(|_| ScopeCancelled(()))
    }
}

impl<T> fmt::Debug for ScopedHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedHandle").finish_non_exhaustive()
    }
}

/// A child has no output: it was dropped with its scope, or by [`Scope::cancel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeCancelled(());

impl fmt::Display for ScopeCancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the child was cancelled with its scope")
    }
}

impl Error for ScopeCancelled {}
