//! Errors that say which address they are about.

use std::{error::Error, fmt, io};

/// What went wrong with an address: the inside of an [`io::Error`] of the same
/// kind as its cause.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::{Reactor, net::TcpListener};
/// use std::io::ErrorKind;
///
/// let result: std::io::Result<()> = Reactor::builder().build()?.block_on(async {
///     let first = TcpListener::bind("127.0.0.1:0").await?;
///     let address = first.local_addr()?;
///     let error = TcpListener::bind(address).await.unwrap_err();
///     assert_eq!(error.kind(), ErrorKind::AddrInUse);
///     assert!(error.to_string().starts_with(&format!("cannot listen on {address}: ")));
///     Ok(())
/// });
/// result?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct AddressError {
    attempt: &'static str,
    address: String,
    cause: io::Error,
}

impl AddressError {
    /// Says what was attempted ("cannot …") and with which address.
    pub(super) fn wrap(
        attempt: &'static str,
        address: impl fmt::Display,
        cause: io::Error,
    ) -> io::Error {
        let kind = cause.kind();
        io::Error::new(kind, Self { attempt, address: address.to_string(), cause })
    }

    /// The error of the operating system.
    #[must_use]
    pub fn cause(&self) -> &io::Error {
        &self.cause
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.attempt, self.address, self.cause)
    }
}

impl Error for AddressError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}
