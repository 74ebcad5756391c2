//! What a runtime must have so that connections can be counted: a listener, and streams.

use crate::Runtime;
use std::{future::Future, io, net::SocketAddr};

/// A runtime with TCP. All of it is called from inside.
pub trait Accepting: Runtime {
    /// A listener.
    type Listener: Send + Sync + 'static;

    /// A connection.
    type Stream: Send + 'static;

    /// A listener on this machine, and where it is.
    fn listen() -> impl Future<Output = (Self::Listener, SocketAddr)> + Send;

    /// The next caller.
    fn accept(listener: &Self::Listener) -> impl Future<Output = Self::Stream> + Send;

    /// Calls.
    fn connect(address: SocketAddr) -> impl Future<Output = Self::Stream> + Send;

    /// Reads what there is, at least a byte; zero at the end.
    fn read(
        stream: &mut Self::Stream,
        buffer: &mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send;

    /// Writes all of it.
    fn write_all(
        stream: &mut Self::Stream,
        bytes: &[u8],
    ) -> impl Future<Output = io::Result<()>> + Send;
}
