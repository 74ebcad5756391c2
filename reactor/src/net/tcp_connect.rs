//! Connecting: one address after the other, until one answers.

use super::{
    address::{Found, Lookup, ToSocketAddrs, no_addresses},
    error::AddressError,
    socket::Socket,
    tcp_stream::TcpStream,
};
use crate::{readiness::Ready, source::Direction};
use socket2::{Domain, Protocol, Type};
use std::{
    future::Future,
    io,
    net::{self, SocketAddr},
    panic::Location,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Making a connection.
impl TcpStream {
    /// Connects to the first of the addresses that answers.
    ///
    /// # Errors
    ///
    /// That of the last address, which it names: see [`AddressError`].
    ///
    /// # Panics
    ///
    /// When it is polled on a thread without a reactor, or after its end.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** A half-open connection is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::net::{TcpListener, TcpStream};
    /// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    /// # std::io::Result::Ok(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "open_connection")]
    #[track_caller]
    pub fn connect(address: impl ToSocketAddrs) -> Connect {
        let location = Location::caller();
        Connect::new(Lookup::new(&address, location), location)
    }
}

/// The future of [`TcpStream::connect`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Connect {
    state: State,
    last: Option<io::Error>,
    location: &'static Location<'static>,
}

#[derive(Debug)]
enum State {
    LookingUp(Lookup),
    Choosing(Found),
    Connecting(Socket<net::TcpStream>, SocketAddr, Found),
    Done,
}

impl Connect {
    fn new(lookup: Lookup, location: &'static Location<'static>) -> Self {
        Self { state: State::LookingUp(lookup), last: None, location }
    }

    fn choose(&mut self, mut addresses: Found) -> Option<io::Error> {
        let Some(address) = addresses.next() else {
            return Some(self.last.take().unwrap_or_else(no_addresses));
        };
        match start(address).and_then(|io| Socket::new(io, Ready::EMPTY, self.location)) {
            Ok(socket) => self.state = State::Connecting(socket, address, addresses),
            Err(error) => self.fail(address, error, addresses),
        }
        None
    }

    fn fail(&mut self, address: SocketAddr, error: io::Error, addresses: Found) {
        self.last = Some(AddressError::wrap("connect to", address, error));
        self.state = State::Choosing(addresses);
    }
}

impl Future for Connect {
    type Output = io::Result<TcpStream>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        let location = self.location;
        loop {
            match &mut self.state {
                State::LookingUp(lookup) => self.state = State::Choosing(ready!(lookup.poll(cx))?),
                State::Connecting(socket, ..) => {
                    let result = ready!(socket.poll_io(Direction::Write, cx, location, finish));
                    let State::Connecting(socket, address, addresses) = self.take() else {
                        unreachable!("it was connecting")
                    };
                    match result {
                        Ok(()) => return Poll::Ready(Ok(TcpStream::new(socket))),
                        Err(error) => self.fail(address, error, addresses),
                    }
                }
                State::Choosing(_) => {
                    let State::Choosing(addresses) = self.take() else {
                        unreachable!("it was choosing")
                    };
                    if let Some(error) = self.choose(addresses) {
                        return Poll::Ready(Err(error));
                    }
                }
                State::Done => panic!("`connect` at {location} was polled after its end"),
            }
        }
    }
}

impl Connect {
    fn take(&mut self) -> State {
        std::mem::replace(&mut self.state, State::Done)
    }
}

/// A socket that is about to be connected.
fn start(address: SocketAddr) -> io::Result<net::TcpStream> {
    let socket =
        socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Err(error) if !is_in_progress(&error) => Err(error),
        _ => Ok(socket.into()),
    }
}

/// A signal does not end the attempt: it goes on behind our back.
fn is_in_progress(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR))
}

/// Whether the attempt is over. Readiness alone does not say so: it may be a
/// wake-up for no reason.
fn finish(io: &net::TcpStream) -> io::Result<()> {
    if let Some(error) = io.take_error()? {
        return Err(error);
    }
    match io.peer_addr() {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        result => result.map(drop),
    }
}
