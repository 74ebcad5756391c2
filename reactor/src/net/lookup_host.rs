//! Names to addresses, for those who want to see them.

use super::address::{Lookup, ToSocketAddrs};
use std::{
    future::Future,
    io,
    net::SocketAddr,
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
};
use sync::wait_site::{self, Kind};

/// The addresses that `host` means: at once if it is a literal, otherwise by the
/// reactor's resolver. There is at least one, in the resolver's order.
///
/// # Errors
///
/// What the resolver says, with the name; `InvalidInput` for what is no address.
///
/// # Panics
///
/// When a name is first polled where there is no reactor on the thread.
///
/// # Cancel safety
///
/// **Strict.** The system goes on looking for nobody.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::{Reactor, net::lookup_host};
/// use std::net::SocketAddr;
///
/// let reactor = Reactor::builder().build()?;
/// reactor.set_resolver(|_, port| async move { Ok(vec![SocketAddr::from(([10, 0, 0, 7], port))]) });
/// let found = reactor.block_on(lookup_host("bower.test:80"))?;
/// assert_eq!(found, ["10.0.0.7:80".parse().unwrap()]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "getaddrinfo")]
#[doc(alias = "gethostbyname")]
#[track_caller]
pub fn lookup_host(host: impl ToSocketAddrs) -> LookupHost {
    let location = Location::caller();
    LookupHost { lookup: Lookup::new(&host, location), location }
}

/// The future of [`lookup_host`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct LookupHost {
    lookup: Lookup,
    location: &'static Location<'static>,
}

impl Future for LookupHost {
    type Output = io::Result<Vec<SocketAddr>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let found = self.lookup.poll(cx);
        if found.is_pending() {
            wait_site::waiting(Kind::Lookup, 0, self.location);
        }
        found.map_ok(Iterator::collect)
    }
}
