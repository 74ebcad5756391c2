//! What does an address mean?
//!
//! A [`ToSocketAddrs`] tells at once what it knows: addresses, or a host to be
//! resolved. Resolving may block, so the reactor leaves it to a resolver that the
//! runtime installs; literals never get there.

use super::error::AddressError;
use crate::{context, reactor::Resolving};
use std::{
    fmt,
    future::Future,
    io, iter,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    panic::Location,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Something that means one or more socket addresses.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::net::{Addresses, ToSocketAddrs};
///
/// struct Backend(u8);
///
/// impl ToSocketAddrs for Backend {
///     fn to_addresses(&self) -> Addresses {
///         ([10, 0, 0, self.0], 80).to_addresses()
///     }
/// }
///
/// assert_eq!(format!("{}", Backend(7).to_addresses()), "10.0.0.7:80");
/// ```
pub trait ToSocketAddrs {
    /// The addresses, or how to find them. Must not block.
    fn to_addresses(&self) -> Addresses;
}

/// Addresses, or the name of a host that has some.
#[derive(Debug)]
pub struct Addresses(Meaning);

#[derive(Debug)]
enum Meaning {
    One(SocketAddr),
    Many(Vec<SocketAddr>),
    Host(String, u16),
    Nothing(io::Error),
}

impl Addresses {
    /// Addresses that are known, to be tried in order.
    pub fn known(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self(Meaning::Many(addresses.into_iter().collect()))
    }

    /// A host to be resolved, unless it is the literal of an address.
    #[must_use]
    pub fn host(host: &str, port: u16) -> Self {
        let literal = host.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(host);
        match literal.parse::<IpAddr>() {
            Ok(ip) => Self(Meaning::One(SocketAddr::new(ip, port))),
            Err(_) => Self(Meaning::Host(host.to_owned(), port)),
        }
    }

    /// No address, for this reason.
    #[must_use]
    pub fn invalid(reason: io::Error) -> Self {
        Self(Meaning::Nothing(reason))
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Meaning::One(address) => write!(f, "{address}"),
            Meaning::Many(addresses) => {
                for (index, address) in addresses.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{address}")?;
                }
                Ok(())
            }
            Meaning::Host(host, port) => write!(f, "{host}:{port}"),
            Meaning::Nothing(reason) => write!(f, "no address ({reason})"),
        }
    }
}

macro_rules! one_address {
    ($($t:ty),*) => {$(
        impl ToSocketAddrs for $t {
            fn to_addresses(&self) -> Addresses {
                Addresses(Meaning::One((*self).into()))
            }
        }
    )*};
}

one_address!(SocketAddr, SocketAddrV4, SocketAddrV6);
one_address!((IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16), ([u8; 4], u16), ([u16; 8], u16));

impl ToSocketAddrs for (&str, u16) {
    fn to_addresses(&self) -> Addresses {
        Addresses::host(self.0, self.1)
    }
}

impl ToSocketAddrs for (String, u16) {
    fn to_addresses(&self) -> Addresses {
        Addresses::host(&self.0, self.1)
    }
}

impl ToSocketAddrs for str {
    fn to_addresses(&self) -> Addresses {
        if let Ok(address) = self.parse() {
            return Addresses(Meaning::One(address));
        }
        let parts = self.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        match parts {
            Some((host, port)) if !host.is_empty() => Addresses::host(host, port),
            _ => Addresses::invalid(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("`{self}` is not of the form host:port"),
            )),
        }
    }
}

impl ToSocketAddrs for String {
    fn to_addresses(&self) -> Addresses {
        self.as_str().to_addresses()
    }
}

impl ToSocketAddrs for [SocketAddr] {
    fn to_addresses(&self) -> Addresses {
        Addresses::known(self.iter().copied())
    }
}

impl<const N: usize> ToSocketAddrs for [SocketAddr; N] {
    fn to_addresses(&self) -> Addresses {
        self.as_slice().to_addresses()
    }
}

impl ToSocketAddrs for Vec<SocketAddr> {
    fn to_addresses(&self) -> Addresses {
        self.as_slice().to_addresses()
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {
    fn to_addresses(&self) -> Addresses {
        (**self).to_addresses()
    }
}

/// The addresses of an [`Addresses`], once they are known.
pub(super) type Found =
    iter::Chain<std::option::IntoIter<SocketAddr>, std::vec::IntoIter<SocketAddr>>;

/// A search for addresses: at once, or by the reactor's resolver.
pub(super) struct Lookup {
    addresses: Addresses,
    resolving: Option<Resolving>,
    location: &'static Location<'static>,
}

impl Lookup {
    pub(super) fn new(
        address: &(impl ToSocketAddrs + ?Sized),
        location: &'static Location<'static>,
    ) -> Self {
        Self { addresses: address.to_addresses(), resolving: None, location }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Found>> {
        let found = match &mut self.addresses.0 {
            Meaning::One(address) => {
                return Poll::Ready(Ok(Some(*address).into_iter().chain(vec![])));
            }
            Meaning::Many(addresses) => std::mem::take(addresses),
            Meaning::Nothing(reason) => {
                let nothing = io::Error::from(reason.kind());
                return Poll::Ready(Err(std::mem::replace(reason, nothing)));
            }
            Meaning::Host(..) => {
                let found = ready!(self.poll_resolve(cx));
                self.resolving = None;
                found.map_err(|cause| AddressError::wrap("resolve", &self.addresses, cause))?
            }
        };
        match found.is_empty() {
            true => Poll::Ready(Err(no_addresses())),
            false => Poll::Ready(Ok(None.into_iter().chain(found))),
        }
    }

    fn poll_resolve(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Vec<SocketAddr>>> {
        let Meaning::Host(host, port) = &self.addresses.0 else {
            unreachable!("only hosts are resolved")
        };
        if self.resolving.is_none() {
            let reactor = context::with_current_at(self.location, |reactor, _| reactor.clone());
            self.resolving = reactor.resolve(host, *port);
        }
        match &mut self.resolving {
            Some(resolving) => resolving.as_mut().poll(cx),
            None => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this reactor has no resolver for names: use an address, or `set_resolver`",
            ))),
        }
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

/// An address that means none.
pub(super) fn no_addresses() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "no addresses to try")
}

/// The future of `bind`: the first address that can be bound.
///
/// # Cancel safety
///
/// **Strict.** Nothing stays bound when it is dropped.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Bind<T> {
    lookup: Lookup,
    attempt: &'static str,
    bind: fn(SocketAddr, &'static Location<'static>) -> io::Result<T>,
}

impl<T> Bind<T> {
    pub(super) fn new(
        lookup: Lookup,
        attempt: &'static str,
        bind: fn(SocketAddr, &'static Location<'static>) -> io::Result<T>,
    ) -> Self {
        Self { lookup, attempt, bind }
    }
}

impl<T> Future for Bind<T> {
    type Output = io::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let addresses = ready!(self.lookup.poll(cx))?;
        let mut last = None;
        for address in addresses {
            match (self.bind)(address, self.lookup.location) {
                Ok(socket) => return Poll::Ready(Ok(socket)),
                Err(error) => last = Some(AddressError::wrap(self.attempt, address, error)),
            }
        }
        Poll::Ready(Err(last.unwrap_or_else(no_addresses)))
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn shown(address: &(impl ToSocketAddrs + ?Sized)) -> String {
        address.to_addresses().to_string()
    }

    #[test]
    fn literals_need_no_resolver() {
        let v4 = "127.0.0.1:80";
        assert!(matches!(v4.to_addresses().0, Meaning::One(_)));
        assert!(matches!("[::1]:80".to_addresses().0, Meaning::One(_)));
        assert!(matches!(("::1", 80).to_addresses().0, Meaning::One(_)));
        assert!(matches!(("[::1]", 80).to_addresses().0, Meaning::One(_)));
        assert_eq!(shown(v4), "127.0.0.1:80");
        assert_eq!(shown(&([127, 0, 0, 1], 80)), "127.0.0.1:80");
    }

    #[test]
    fn names_wait_for_one() {
        assert!(matches!("localhost:80".to_addresses().0, Meaning::Host(_, 80)));
        assert_eq!(shown(&("localhost".to_owned(), 80)), "localhost:80");
    }

    #[test]
    fn nonsense_is_told_apart() {
        for nonsense in ["", ":", ":80", "localhost", "localhost:", "localhost:99999", "::1"] {
            let meaning = nonsense.to_addresses().0;
            let is_refused = matches!(meaning, Meaning::Nothing(_));
            // `::1` reads as the host `:` and the port 1, as std reads it.
            assert!(is_refused || nonsense == "::1", "{nonsense}: {meaning:?}");
        }
    }
}
