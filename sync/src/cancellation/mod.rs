//! How is everybody told to stop who works on the same thing?
//!
//! A [`CancellationToken`] is cancelled once, with everything below it. Its handles
//! share a branch, which is a flag with a line of those who wait
//! (`milestone`), and the number of a slot in a tree (see `tree`). The tree is under
//! one lock for all tokens that descend from one.
//!
//! To cancel is to cut the branch off under the lock, where all flags of
//! descendants are raised, and to wake those who wait after it. Flags are raised from
//! below, so who sees a token cancelled sees all below it cancelled.
//!
//! # Who keeps whom alive
//!
//! Handles (tokens, owned futures, guards) keep their branch alive, branches their
//! tree. The tree knows its branches weakly: one without a handle can neither be
//! asked nor waited for, so that whoever cancels passes it by. Its slot is its own
//! until its destructor has released it, under the lock, so a number that somebody
//! has is never used for another.
//!
//! The edges are I1 of the milestone and W1 of the line; what is in the tree
//! crosses by its lock.
//!
//! # Rejected
//!
//! * A lock for each branch: whoever goes up meets whoever comes down, so one of
//!   them has to try and give way; and a tree of which a half is cancelled can be
//!   seen.
//! * `new` as a `const fn`: clones share a branch, which therefore has to be
//!   allocated.
//! * Comparing tokens: nobody has needed it, and what is equal once has to stay so.

mod guard;
mod run;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod tree;
mod wait;

pub use self::{
    guard::{DropGuard, DropGuardRef},
    run::{RunUntilCancelled, RunUntilCancelledOwned},
    wait::{Cancelled, CancelledOwned},
};

use self::tree::{Birth, Index, Reason, Tree};
use crate::{milestone::Milestone, shim::Lock, wait_queue::Hides};
use std::{
    fmt,
    future::IntoFuture,
    ptr,
    sync::{Arc, Weak},
};

/// The wish that some work should end, with a reason: to be looked at or waited for
/// by those who do it.
///
/// Clones are handles of the same token. A [child](Self::child_token) is a token of
/// its own, which is cancelled with its parent, while the parent does not mind
/// whether it is.
///
/// Nothing is stopped by force: work ends when it looks, waits for
/// [`cancelled`](Self::cancelled), or was started with
/// [`run_until_cancelled`](Self::run_until_cancelled).
///
/// A token takes about a hundred bytes. They are given back when its last handle is
/// gone, except 32 which wait for the next token of the family.
///
/// # Examples
///
/// ```
/// use bowerbird_sync::CancellationToken;
///
/// # futures::executor::block_on(async {
/// let server = CancellationToken::new();
/// let request = server.child_token();
/// futures::join!(request.cancelled(), async { server.cancel_with("SIGTERM") });
/// assert_eq!(request.reason().as_deref(), Some("SIGTERM"));
/// assert!(server.child_token().is_cancelled());
/// # });
/// ```
#[doc(alias = "CancelScope")]
#[doc(alias = "AbortController")]
#[derive(Clone)]
pub struct CancellationToken {
    branch: Arc<Branch>,
}

/// What the handles of one token share.
struct Branch {
    cancelled: Milestone,
    tree: Arc<Lock<Tree<Weak<Self>>>>,
    /// Its slot.
    index: Index,
}

impl CancellationToken {
    /// A token that nobody else can cancel.
    #[must_use]
    pub fn new() -> Self {
        let branch = Arc::new_cyclic(|branch: &Weak<Branch>| {
            let (tree, index) = Tree::plant(branch.clone());
            Branch { cancelled: Milestone::new(), tree: Arc::new(Lock::new(tree)), index }
        });
        Self { branch }
    }

    /// A new token, which is cancelled when this one is: at once, with the same
    /// reason, if this one is cancelled already. It may be cancelled by itself.
    ///
    /// Costs the same however many there are, and nothing is left of it when it is
    /// dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_sync::CancellationToken;
    ///
    /// let parent = CancellationToken::new();
    /// let (child, sibling) = (parent.child_token(), parent.child_token());
    /// child.cancel();
    /// assert!(!parent.is_cancelled() && !sibling.is_cancelled());
    /// parent.cancel();
    /// assert!(sibling.is_cancelled());
    /// ```
    #[must_use]
    pub fn child_token(&self) -> Self {
        let parent = &self.branch;
        let (mut held, mut birth) = (None, Birth::Growing);
        let branch = Arc::new_cyclic(|branch| {
            // Held until there is a branch: whoever cancels then finds it alive.
            let mut tree = parent.tree.lock();
            let (index, is_born) = tree.grow(parent.index, branch.clone());
            (held, birth) = (Some(tree), is_born);
            Branch { cancelled: Milestone::new(), tree: parent.tree.clone(), index }
        });
        drop(held);
        if birth == Birth::Cut {
            branch.cancelled.reach();
        }
        Self { branch }
    }

    /// Cancels this token and all below it, without a reason. The first call
    /// counts.
    ///
    /// When it returns, they are all cancelled, and all who waited have been woken,
    /// unless another call is about to wake them.
    ///
    /// # Panics
    ///
    /// If a waker panics, after everybody was woken.
    pub fn cancel(&self) {
        self.cancel_for(&None);
    }

    /// As [`cancel`](Self::cancel), with a reason for [`reason`](Self::reason).
    ///
    /// # Panics
    ///
    /// If a waker panics, after everybody was woken.
    ///
    /// # Examples
    ///
    /// ```
    /// let token = bowerbird_sync::CancellationToken::new();
    /// token.cancel_with("out of time");
    /// token.cancel_with(format!("attempt {}", 2)); // too late
    /// assert_eq!(token.reason().as_deref(), Some("out of time"));
    /// ```
    pub fn cancel_with(&self, reason: impl Into<Arc<str>>) {
        self.cancel_for(&Some(reason.into()));
    }

    fn cancel_for(&self, reason: &Reason) {
        if self.is_cancelled() {
            return;
        }
        let mut felled = Felled(vec![]);
        let own = &self.branch;
        own.tree.lock().cut(own.index, reason, |branch| {
            // I1: whoever sees this flag sees those of all descendants, which were
            // raised before.
            match branch.upgrade() {
                Some(branch) if ptr::eq(&*branch, &**own) => own.cancelled.reach(),
                Some(branch) => {
                    branch.cancelled.reach();
                    felled.0.push(branch);
                }
                // Its last handle is gone, and it waits for the lock.
                None => (),
            }
        });
        own.cancelled.let_go();
        felled.let_go();
    }

    /// Whether it has been cancelled: one load.
    #[inline]
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.branch.cancelled.is_reached()
    }

    /// Why it was cancelled, if it was, and if somebody said why.
    #[must_use]
    pub fn reason(&self) -> Option<Arc<str>> {
        self.branch.tree.lock().reason(self.branch.index)
    }
}

impl CancellationToken {
    /// Waits until the token is cancelled.
    ///
    /// Costs no allocation.
    ///
    /// # Cancel safety
    ///
    /// **Strict.**
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let token = bowerbird_sync::CancellationToken::new();
    /// futures::join!(token.cancelled(), token.cancelled(), async { token.cancel() });
    /// token.cancelled().await; // still: at once
    /// assert!(token.is_cancelled());
    /// # });
    /// ```
    #[track_caller]
    #[inline]
    pub fn cancelled(&self) -> Cancelled<'_> {
        Cancelled::new(&self.branch)
    }

    /// As [`cancelled`](Self::cancelled), with a future that is a handle itself.
    ///
    /// # Cancel safety
    ///
    /// **Strict.**
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_sync::{CancellationToken, wait_blocking::WaitBlocking};
    ///
    /// let token = CancellationToken::new();
    /// let cancelled = token.clone().cancelled_owned();
    /// let waiter = std::thread::spawn(|| cancelled.wait_blocking());
    /// token.cancel();
    /// waiter.join().unwrap();
    /// assert!(token.is_cancelled());
    /// ```
    #[track_caller]
    pub fn cancelled_owned(self) -> CancelledOwned {
        CancelledOwned::new(self.branch)
    }

    /// Runs `future` to its end, unless the token is cancelled: then drops it and
    /// gives `None`.
    ///
    /// A future that is done in the same moment in which the token is cancelled wins:
    /// its output is never lost. If the token is cancelled before the first poll, the
    /// future is not polled at all. A future that is always ready for more, and
    /// spends the task's whole budget in each poll, is cancelled all the same.
    ///
    /// # Cancel safety
    ///
    /// That of `future`: dropping this drops it, as the cancellation does.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_sync::CancellationToken;
    /// use std::future::{pending, ready};
    ///
    /// # futures::executor::block_on(async {
    /// let token = CancellationToken::new();
    /// assert_eq!(token.run_until_cancelled(ready(7)).await, Some(7));
    /// let (output, ()) = futures::join!(
    ///     token.run_until_cancelled(pending::<u32>()),
    ///     async { token.cancel() },
    /// );
    /// assert_eq!(output, None);
    /// # });
    /// ```
    pub fn run_until_cancelled<F: IntoFuture>(
        &self,
        future: F,
    ) -> RunUntilCancelled<'_, F::IntoFuture> {
        RunUntilCancelled::new(&self.branch, future.into_future())
    }

    /// As [`run_until_cancelled`](Self::run_until_cancelled), with a future that is
    /// a handle itself.
    ///
    /// # Cancel safety
    ///
    /// That of `future`: dropping this drops it, as the cancellation does.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_sync::{CancellationToken, wait_blocking::WaitBlocking};
    /// use std::future::pending;
    ///
    /// let token = CancellationToken::new();
    /// let work = token.clone().run_until_cancelled_owned(pending::<u32>());
    /// let worker = std::thread::spawn(|| work.wait_blocking());
    /// token.cancel();
    /// assert_eq!(worker.join().unwrap(), None);
    /// ```
    pub fn run_until_cancelled_owned<F: IntoFuture>(
        self,
        future: F,
    ) -> RunUntilCancelledOwned<F::IntoFuture> {
        RunUntilCancelledOwned::new(self.branch, future.into_future())
    }

    /// A guard that cancels the token when it is dropped, also by a panic.
    ///
    /// # Examples
    ///
    /// ```
    /// let token = bowerbird_sync::CancellationToken::new();
    /// drop(token.clone().drop_guard());
    /// assert!(token.is_cancelled());
    /// ```
    pub fn drop_guard(self) -> DropGuard {
        DropGuard::new(self)
    }

    /// As [`drop_guard`](Self::drop_guard), for a token that somebody else holds.
    ///
    /// # Examples
    ///
    /// ```
    /// let token = bowerbird_sync::CancellationToken::new();
    /// let guard = token.drop_guard_ref();
    /// guard.disarm();
    /// assert!(!token.is_cancelled());
    /// drop(token.drop_guard_ref());
    /// assert!(token.is_cancelled());
    /// ```
    pub fn drop_guard_ref(&self) -> DropGuardRef<'_> {
        DropGuardRef::new(self)
    }
}

impl Default for CancellationToken {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CancellationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("CancellationToken");
        debug.field("is_cancelled", &self.is_cancelled());
        if let Some(reason) = self.reason() {
            debug.field("reason", &reason);
        }
        debug.finish()
    }
}

impl Drop for Branch {
    fn drop(&mut self) {
        self.tree.lock().release(self.index);
    }
}

impl Hides for Branch {
    type Primitive = Milestone;

    fn primitive(&self) -> &Milestone {
        &self.cancelled
    }
}

/// Tokens that are cancelled, and whose waiters do not know yet. Descendants come
/// before their ancestors.
struct Felled(Vec<Arc<Branch>>);

impl Felled {
    fn let_go(&mut self) {
        while let Some(branch) = self.0.pop() {
            branch.cancelled.let_go();
        }
    }
}

/// One waker's panic costs nobody else a wake-up: while it unwinds, the others are
/// woken, and of what they panic with nothing is heard (see `wake_batch`).
impl Drop for Felled {
    fn drop(&mut self) {
        self.let_go();
    }
}
