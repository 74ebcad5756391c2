//! Errors that say what was attempted, and with which path.

use std::{
    error::Error,
    fmt, io,
    path::{Path, PathBuf},
};

/// What went wrong with a path: the inside of an [`io::Error`] of the same kind as
/// its cause.
///
/// # Examples
///
/// ```
/// use bowerbird::fs::{self, PathError};
///
/// let error = bowerbird::run(fs::read("/no/such/file")).unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
/// assert!(error.to_string().starts_with("cannot read /no/such/file: "));
/// let inside: &PathError = error.get_ref().unwrap().downcast_ref().unwrap();
/// assert_eq!(inside.path(), std::path::Path::new("/no/such/file"));
/// ```
#[derive(Debug)]
pub struct PathError {
    attempt: &'static str,
    path: PathBuf,
    other: Option<PathBuf>,
    cause: io::Error,
}

impl PathError {
    /// Says what was attempted ("cannot …") and with which path.
    pub(super) fn wrap(attempt: &'static str, path: &Path, cause: io::Error) -> io::Error {
        Self::with(attempt, path, None, cause)
    }

    /// As [`wrap`](Self::wrap), where something goes from one path to another.
    pub(super) fn wrap_two(
        attempt: &'static str,
        from: &Path,
        to: &Path,
        cause: io::Error,
    ) -> io::Error {
        Self::with(attempt, from, Some(to.to_owned()), cause)
    }

    fn with(
        attempt: &'static str,
        path: &Path,
        other: Option<PathBuf>,
        cause: io::Error,
    ) -> io::Error {
        io::Error::new(cause.kind(), Self { attempt, path: path.to_owned(), other, cause })
    }

    /// The path that the operation was given; of two, the first.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the operation would have led, if it was given two paths.
    #[must_use]
    pub fn other_path(&self) -> Option<&Path> {
        self.other.as_deref()
    }

    /// The error of the operating system, with its number.
    #[must_use]
    pub fn cause(&self) -> &io::Error {
        &self.cause
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}", self.attempt, self.path.display())?;
        if let Some(other) = &self.other {
            write!(f, " to {}", other.display())?;
        }
        write!(f, ": {}", self.cause)
    }
}

impl Error for PathError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}
