//! Why are there no permits, and why can there not be more?

use crate::permits::{Closed, Refusal};
use std::{error::Error, fmt};

/// Why permits cannot be acquired, now or ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AcquireError {
    /// The semaphore was closed.
    Closed,
    /// A bounded semaphore can never have so many permits.
    BeyondBound {
        /// How many were asked for.
        wanted: usize,
        /// How many there are at most.
        bound: usize,
    },
}

impl AcquireError {
    pub(super) fn check(wanted: usize, bound: usize) -> Result<(), Self> {
        match wanted <= bound {
            true => Ok(()),
            false => Err(Self::BeyondBound { wanted, bound }),
        }
    }
}

impl From<Closed> for AcquireError {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the semaphore is closed"),
            Self::BeyondBound { wanted, bound } => {
                write!(f, "{wanted} permits were asked for, and there are never more than {bound}")
            }
        }
    }
}

impl Error for AcquireError {}

/// Why permits cannot be acquired at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TryAcquireError {
    /// The semaphore was closed.
    Closed,
    /// There are too few permits, or others wait.
    NoPermits,
}

impl From<Refusal> for TryAcquireError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Closed => Self::Closed,
            Refusal::NotNow => Self::NoPermits,
        }
    }
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the semaphore is closed",
            Self::NoPermits => "too few permits are available",
        })
    }
}

impl Error for TryAcquireError {}

/// More permits than a semaphore may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddPermitsError {
    /// How many were to be added.
    pub added: usize,
    /// How many there were, held ones included.
    pub total: usize,
    /// How many there may be.
    pub bound: usize,
}

impl fmt::Display for AddPermitsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { added, total, bound } = self;
        write!(f, "cannot add {added} permits to {total}: the bound is {bound}")
    }
}

impl Error for AddPermitsError {}
