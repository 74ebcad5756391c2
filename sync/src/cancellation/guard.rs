//! Who cancels a token when whoever holds it is gone?

use super::CancellationToken;
use std::mem;

/// Cancels a token when it is dropped.
///
/// Made by [`CancellationToken::drop_guard`].
///
/// # Panics
///
/// Its drop does, if a waker panics, after everybody was woken.
#[derive(Debug)]
#[must_use = "dropped at once, it cancels at once"]
pub struct DropGuard {
    /// `None` once it is disarmed.
    token: Option<CancellationToken>,
}

impl DropGuard {
    pub(super) fn new(token: CancellationToken) -> Self {
        Self { token: Some(token) }
    }

    /// The token, which this guard does not cancel any more.
    ///
    /// # Examples
    ///
    /// ```
    /// let guard = bowerbird_sync::CancellationToken::new().drop_guard();
    /// assert!(!guard.disarm().is_cancelled());
    /// ```
    pub fn disarm(mut self) -> CancellationToken {
        self.token.take().expect("a guard is disarmed once")
    }
}

impl Drop for DropGuard {
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            token.cancel();
        }
    }
}

/// Cancels a token that somebody else holds when it is dropped.
///
/// Made by [`CancellationToken::drop_guard_ref`].
///
/// # Panics
///
/// Its drop does, if a waker panics, after everybody was woken.
#[derive(Debug)]
#[must_use = "dropped at once, it cancels at once"]
pub struct DropGuardRef<'a> {
    token: &'a CancellationToken,
}

impl<'a> DropGuardRef<'a> {
    pub(super) fn new(token: &'a CancellationToken) -> Self {
        Self { token }
    }

    /// The token, which this guard does not cancel any more.
    pub fn disarm(self) -> &'a CancellationToken {
        let token = self.token;
        // It holds a reference and nothing else.
        mem::forget(self);
        token
    }
}

impl Drop for DropGuardRef<'_> {
    fn drop(&mut self) {
        self.token.cancel();
    }
}
