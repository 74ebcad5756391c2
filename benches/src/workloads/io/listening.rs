//! Sockets that listen, with the same options for every runtime.

use super::protocol::{Address, Kind};
use socket2::{Domain, SockRef, Socket, Type};
use std::{
    env, fs, io,
    net::{self, SocketAddr},
    os::{fd::AsFd, unix::net as unix},
    path::Path,
    process,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// A socket that listens, or several of them in one place.
#[derive(Debug)]
pub enum Listening {
    /// One, or several that share a port.
    Tcp(Vec<net::TcpListener>),
    /// One.
    Udp(net::UdpSocket),
    /// One.
    Unix(unix::UnixListener),
}

/// Binds what a server of this kind needs, in non-blocking mode, and tells where it is.
/// If `sharers` is more than one, so many TCP sockets share the port.
///
/// # Errors
///
/// If the address is taken or no good; the text names it and the way out.
pub(super) fn bind(
    kind: Kind,
    wanted: Option<&Address>,
    sharers: usize,
) -> Result<(Listening, Address), String> {
    let wanted = wanted.cloned().unwrap_or_else(|| anywhere(kind));
    let bound = match (kind, &wanted) {
        (Kind::UnixEcho, Address::Path(path)) => bind_path(path),
        (Kind::UnixEcho, Address::Inet(_)) => {
            return Err(format!(
                "{wanted}: unix_echo listens on a path, such as --listen ./echo.sock"
            ));
        }
        (_, Address::Path(_)) => {
            return Err(format!(
                "{wanted}: {kind} listens on an address with a port, such as --listen 127.0.0.1:0"
            ));
        }
        (Kind::UdpEcho, Address::Inet(address)) => bind_udp(*address),
        (_, Address::Inet(address)) => bind_tcp(*address, sharers),
    };
    bound.map_err(|error| format!("cannot listen on {wanted}: {error}; {}", way_out(&wanted)))
}

fn anywhere(kind: Kind) -> Address {
    /// So that servers of one process do not meet.
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    if kind != Kind::UnixEcho {
        return Address::Inet(([127, 0, 0, 1], 0).into());
    }
    // Relaxed: a number, and nothing comes with it.
    let name = format!("bowerbird-bench-{}-{}", process::id(), NUMBER.fetch_add(1, Relaxed));
    Address::Path(env::temp_dir().join(name))
}

fn way_out(address: &Address) -> &'static str {
    match address {
        Address::Inet(_) => "--listen 127.0.0.1:0 takes any port that is free",
        Address::Path(_) => "remove the file if nobody listens there, or choose another --listen",
    }
}

fn bind_tcp(address: SocketAddr, sharers: usize) -> io::Result<(Listening, Address)> {
    // Alone at first: sharing succeeds beside a server that shares as well.
    let first = tcp_listener(address, Sharing::No)?;
    let address = first.local_addr()?;
    let listeners = if sharers > 1 {
        drop(first);
        (0..sharers).map(|_| tcp_listener(address, Sharing::Yes)).collect::<io::Result<_>>()?
    } else {
        vec![first]
    };
    Ok((Listening::Tcp(listeners), Address::Inet(address)))
}

/// Whether a port can have more listeners.
#[derive(Clone, Copy, PartialEq)]
enum Sharing {
    No,
    Yes,
}

fn tcp_listener(address: SocketAddr, sharing: Sharing) -> io::Result<net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(sharing == Sharing::Yes)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn bind_udp(address: SocketAddr) -> io::Result<(Listening, Address)> {
    let socket = net::UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    let address = Address::Inet(socket.local_addr()?);
    Ok((Listening::Udp(socket), address))
}

fn bind_path(path: &Path) -> io::Result<(Listening, Address)> {
    let listener = unix::UnixListener::bind(path)?;
    listener.set_nonblocking(true)?;
    Ok((Listening::Unix(listener), Address::Path(path.to_owned())))
}

/// Takes the file of a Unix socket away when its server is gone.
#[derive(Debug)]
pub(super) struct Cleared(pub(super) Address);

impl Drop for Cleared {
    fn drop(&mut self) {
        if let Address::Path(path) = &self.0 {
            // It may be gone already.
            let _ = fs::remove_file(path);
        }
    }
}

/// Sends small answers without waiting for more, as every server here does.
pub(super) fn send_at_once(stream: &impl AsFd) -> io::Result<()> {
    SockRef::from(stream).set_tcp_nodelay(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_named_with_the_way_out() {
        for sharers in [1, 2] {
            let (_first, address) = bind(Kind::TcpEcho, None, sharers).expect("a port is free");
            for sharers in [1, 2] {
                let error = bind(Kind::TcpEcho, Some(&address), sharers).expect_err("it is taken");
                assert!(error.starts_with(&format!("cannot listen on {address}: ")), "{error}");
                assert!(error.ends_with("--listen 127.0.0.1:0 takes any port that is free"));
            }
        }
    }

    #[test]
    fn the_file_of_a_socket_is_taken_away() {
        let (_listener, address) = bind(Kind::UnixEcho, None, 1).expect("there is room");
        let Address::Path(path) = address.clone() else { panic!("{address}: a path is meant") };
        assert!(path.exists());
        drop(Cleared(address));
        assert!(!path.exists());
    }

    #[test]
    fn an_address_of_the_wrong_sort_is_refused() {
        let path = Address::Path("echo.sock".into());
        assert!(bind(Kind::TcpEcho, Some(&path), 1).is_err());
        let inet = Address::Inet(([127, 0, 0, 1], 0).into());
        assert!(bind(Kind::UnixEcho, Some(&inet), 1).is_err());
    }
}
