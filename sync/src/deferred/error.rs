//! Why is there no value, and why could one not be set?

use std::{error::Error, fmt, sync::Arc};

/// Why a [`Deferred`](super::Deferred) has ended without a value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum DeferredError {
    /// Somebody [cancelled](super::Deferred::cancel) it.
    Cancelled,
    /// Whoever was to set it failed, and [said so](super::Deferred::fail).
    Failed(Arc<dyn Error + Send + Sync>),
}

impl DeferredError {
    /// Whether it was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }
}

impl fmt::Display for DeferredError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("the deferred value was cancelled"),
            Self::Failed(_) => f.write_str("the deferred value could not be had"),
        }
    }
}

impl Error for DeferredError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Cancelled => None,
            Self::Failed(error) => Some(&**error),
        }
    }
}

/// A [`Deferred`](super::Deferred) has been set, failed or cancelled before; here is
/// what was to be set.
#[doc(alias = "InvalidStateError")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AlreadySet<T>(pub T);

impl<T> AlreadySet<T> {
    /// What was to be set.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for AlreadySet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AlreadySet").finish_non_exhaustive()
    }
}

impl<T> fmt::Display for AlreadySet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the deferred value is set, failed or cancelled already")
    }
}

impl<T> Error for AlreadySet<T> {}
