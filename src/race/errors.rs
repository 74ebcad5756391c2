//! All errors of a race that nobody won.

use std::{error::Error, fmt, slice, vec};

/// Nobody won: the error of each, in the order in which they stood.
///
/// Prints all of them. With `{:#}` each has a line of its own.
///
/// # Examples
///
/// ```
/// use bowerbird::{RaceErrors, race_ok};
/// use std::future::ready;
///
/// # futures::executor::block_on(async {
/// let no = |text: &'static str| ready(Err::<(), _>(text));
/// let errors: RaceErrors<&str> = race_ok((no("refused"), no("timed out"))).await.unwrap_err();
/// assert_eq!(errors.to_string(), "none of 2 succeeded: 0: refused; 1: timed out");
/// assert_eq!(format!("{errors:#}"), "none of 2 succeeded:\n  0: refused\n  1: timed out");
/// assert_eq!(errors.into_vec(), ["refused", "timed out"]);
/// # });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "AggregateError")]
#[doc(alias = "ExceptionGroup")]
pub struct RaceErrors<E> {
    errors: Vec<E>,
}

impl<E> RaceErrors<E> {
    pub(super) fn new(errors: Vec<E>) -> Self {
        Self { errors }
    }

    /// The errors, in the order in which the futures stood.
    #[must_use]
    pub fn as_slice(&self) -> &[E] {
        &self.errors
    }

    /// The errors, in the order in which the futures stood.
    pub fn iter(&self) -> slice::Iter<'_, E> {
        self.errors.iter()
    }

    /// The errors, in the order in which the futures stood.
    #[must_use]
    pub fn into_vec(self) -> Vec<E> {
        self.errors
    }
}

impl<E: fmt::Display> fmt::Display for RaceErrors<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.errors.is_empty() {
            return f.write_str("there was nothing to try");
        }
        write!(f, "none of {} succeeded:", self.errors.len())?;
        for (index, error) in self.errors.iter().enumerate() {
            match (f.alternate(), index) {
                (true, _) => write!(f, "\n  {index}: {error:#}")?,
                (false, 0) => write!(f, " {index}: {error}")?,
                (false, _) => write!(f, "; {index}: {error}")?,
            }
        }
        Ok(())
    }
}

/// It has no one source: it prints all of its own.
impl<E: Error> Error for RaceErrors<E> {}

impl<E> IntoIterator for RaceErrors<E> {
    type Item = E;
    type IntoIter = vec::IntoIter<E>;

    fn into_iter(self) -> Self::IntoIter {
        self.errors.into_iter()
    }
}

impl<'a, E> IntoIterator for &'a RaceErrors<E> {
    type Item = &'a E;
    type IntoIter = slice::Iter<'a, E>;

    fn into_iter(self) -> Self::IntoIter {
        self.errors.iter()
    }
}

/// Errors in the shape of the futures they are of.
#[doc(hidden)]
pub trait Errors {
    /// The type of each.
    type Error;

    /// All of them, in order.
    fn into_errors(self) -> RaceErrors<Self::Error>;
}

impl<E> Errors for Vec<E> {
    type Error = E;

    fn into_errors(self) -> RaceErrors<E> {
        RaceErrors::new(self)
    }
}

impl<E, const N: usize> Errors for [E; N] {
    type Error = E;

    fn into_errors(self) -> RaceErrors<E> {
        RaceErrors::new(self.into())
    }
}
