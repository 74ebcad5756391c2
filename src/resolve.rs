//! Names to addresses: the system's resolver, on the blocking pool.
//!
//! `getaddrinfo` blocks and cannot be told to stop, so it runs where that does not
//! matter.

use executor::WeakHandle;
use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
};

/// Asks the system for the addresses of `host`.
pub(crate) async fn resolve(
    handle: WeakHandle,
    host: String,
    port: u16,
) -> io::Result<Vec<SocketAddr>> {
    let Some(handle) = handle.upgrade() else {
        return Err(io::Error::other("the runtime has shut down: no name is resolved any more"));
    };
    let lookup = handle.spawn_blocking(move || match (host.as_str(), port).to_socket_addrs() {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => Err(io::Error::new(error.kind(), format!("{host}: {error}"))),
    });
    drop(handle);
    lookup.await?
}
