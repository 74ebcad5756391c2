//! Datagrams.

use super::{
    address::{Bind, Found, Lookup, ToSocketAddrs, no_addresses},
    error::AddressError,
    socket::{Socket, WaitReady},
};
use crate::{
    readiness::{Interest, Ready},
    registry::Wait,
    source::Direction,
};
use socket2::{Domain, Protocol, Type};
use std::{
    future::Future,
    io,
    net::{self, SocketAddr},
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    panic::Location,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// A UDP socket.
///
/// Any number of tasks may send and receive at the same time.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::net::UdpSocket;
/// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
///
/// let here = UdpSocket::bind("127.0.0.1:0").await?;
/// let there = UdpSocket::bind("127.0.0.1:0").await?;
/// here.send_to(b"hello", there.local_addr()?).await?;
/// let mut buffer = [0; 16];
/// let (count, from) = there.recv_from(&mut buffer).await?;
/// assert_eq!((&buffer[..count], from), (&b"hello"[..], here.local_addr()?));
/// # std::io::Result::Ok(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct UdpSocket {
    socket: Socket<net::UdpSocket>,
}

impl UdpSocket {
    /// Binds a new socket to the first of the addresses that can be bound. Port 0
    /// lets the system choose.
    ///
    /// # Errors
    ///
    /// That of the last address, which it names: see
    /// [`AddressError`].
    ///
    /// # Panics
    ///
    /// When it is polled on a thread without a reactor.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** Nothing stays bound.
    #[track_caller]
    pub fn bind(address: impl ToSocketAddrs) -> Bind<Self> {
        Bind::new(Lookup::new(&address, Location::caller()), "bind", bind)
    }

    /// Takes over a std socket.
    ///
    /// # Errors
    ///
    /// What the operating system says; [`ShuttingDown`](crate::ShuttingDown) after
    /// the end of the runtime.
    ///
    /// # Panics
    ///
    /// When there is no reactor on this thread.
    #[track_caller]
    pub fn from_std(socket: net::UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let ready = Ready::READABLE | Ready::WRITABLE;
        Ok(Self { socket: Socket::new(socket, ready, Location::caller())? })
    }

    /// Gives the std socket back, still in non-blocking mode.
    ///
    /// # Errors
    ///
    /// None at present.
    pub fn into_std(self) -> io::Result<net::UdpSocket> {
        Ok(self.socket.into_io())
    }

    /// Fixes the peer: [`send`](Self::send) goes there, and only what comes from
    /// there is received.
    ///
    /// # Errors
    ///
    /// That of the last address, which it names.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** The peer is set at the end, or not at all.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::net::UdpSocket;
    /// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
    ///
    /// let here = UdpSocket::bind("127.0.0.1:0").await?;
    /// let there = UdpSocket::bind("127.0.0.1:0").await?;
    /// here.connect(there.local_addr()?).await?;
    /// here.send(b"x").await?;
    /// assert_eq!(there.recv(&mut [0; 8]).await?, 1);
    /// # std::io::Result::Ok(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn connect(&self, address: impl ToSocketAddrs) -> UdpConnect<'_> {
        UdpConnect { socket: self, lookup: Lookup::new(&address, Location::caller()) }
    }

    /// Sends a datagram to the peer.
    ///
    /// # Errors
    ///
    /// What the operating system says; [`ShuttingDown`](crate::ShuttingDown) after
    /// the end of the runtime.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** A datagram is sent as a whole, at the end, or not at all.
    #[track_caller]
    pub fn send<'a>(&'a self, bytes: &'a [u8]) -> UdpSend<'a> {
        UdpSend { socket: self, wait: self.wait(Interest::WRITABLE), bytes }
    }

    /// Receives a datagram; what does not fit into `buffer` is lost.
    ///
    /// # Errors
    ///
    /// What the operating system says; [`ShuttingDown`](crate::ShuttingDown) after
    /// the end of the runtime.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** A datagram is taken at the end, or not at all.
    #[track_caller]
    pub fn recv<'a>(&'a self, buffer: &'a mut [u8]) -> UdpRecv<'a> {
        UdpRecv { socket: self, wait: self.wait(Interest::READABLE), buffer }
    }

    /// Sends a datagram to the first of the addresses.
    ///
    /// # Errors
    ///
    /// What the operating system says; [`ShuttingDown`](crate::ShuttingDown) after
    /// the end of the runtime.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** A datagram is sent as a whole, at the end, or not at all.
    #[track_caller]
    pub fn send_to<'a>(&'a self, bytes: &'a [u8], address: impl ToSocketAddrs) -> UdpSendTo<'a> {
        let target = Target::Wanted(Lookup::new(&address, Location::caller()));
        UdpSendTo { socket: self, wait: self.wait(Interest::WRITABLE), bytes, target }
    }

    /// Receives a datagram and says where it came from; what does not fit into
    /// `buffer` is lost.
    ///
    /// # Errors
    ///
    /// What the operating system says; [`ShuttingDown`](crate::ShuttingDown) after
    /// the end of the runtime.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** A datagram is taken at the end, or not at all.
    #[track_caller]
    pub fn recv_from<'a>(&'a self, buffer: &'a mut [u8]) -> UdpRecvFrom<'a> {
        let wait = self.wait(Interest::READABLE);
        UdpRecvFrom { socket: self, wait, buffer, operation: net::UdpSocket::recv_from }
    }

    /// As [`recv_from`](Self::recv_from), leaving the datagram where it is.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Cancel safety
    ///
    /// **Strict.** It takes nothing.
    #[track_caller]
    pub fn peek_from<'a>(&'a self, buffer: &'a mut [u8]) -> UdpRecvFrom<'a> {
        let wait = self.wait(Interest::READABLE);
        UdpRecvFrom { socket: self, wait, buffer, operation: net::UdpSocket::peek_from }
    }

    /// As [`send`](Self::send), for callers with a context: the last task that
    /// polled is woken.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    #[track_caller]
    pub fn poll_send(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.socket.poll_io(Direction::Write, cx, Location::caller(), |io| io.send(bytes))
    }

    /// As [`recv`](Self::recv), for callers with a context: the last task that
    /// polled is woken.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    #[track_caller]
    pub fn poll_recv(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.socket.poll_io(Direction::Read, cx, Location::caller(), |io| io.recv(buffer))
    }

    /// As [`send_to`](Self::send_to), for callers with a context: the last task
    /// that polled is woken.
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to).
    #[track_caller]
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        let location = Location::caller();
        self.socket.poll_io(Direction::Write, cx, location, |io| io.send_to(bytes, target))
    }

    /// As [`recv_from`](Self::recv_from), for callers with a context: the last
    /// task that polled is woken.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    #[track_caller]
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.socket.poll_io(Direction::Read, cx, Location::caller(), |io| io.recv_from(buffer))
    }

    /// As [`send`](Self::send); never waits.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room; what the operating system says.
    pub fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.try_io(Interest::WRITABLE, |io| io.send(bytes))
    }

    /// As [`recv`](Self::recv); never waits.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if nothing is there; what the operating system says.
    pub fn try_recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.try_io(Interest::READABLE, |io| io.recv(buffer))
    }

    /// As [`send_to`](Self::send_to); never waits.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room; what the operating system says.
    pub fn try_send_to(&self, bytes: &[u8], target: SocketAddr) -> io::Result<usize> {
        self.socket.try_io(Interest::WRITABLE, |io| io.send_to(bytes, target))
    }

    /// As [`recv_from`](Self::recv_from); never waits.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if nothing is there; what the operating system says.
    pub fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.try_io(Interest::READABLE, |io| io.recv_from(buffer))
    }

    /// Calls `operation` on the socket if it looks ready; never waits.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if it does not look ready; those of `operation`, of which
    /// `WouldBlock` clears the readiness.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        operation: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        self.socket.try_io(interest, |_| operation())
    }

    /// Waits until a datagram, or an error, is there.
    ///
    /// # Errors
    ///
    /// [`ShuttingDown`](crate::ShuttingDown) after the end of the runtime.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** Readiness is not used up by waiting for it.
    #[track_caller]
    pub fn readable(&self) -> WaitReady<'_> {
        self.ready(Interest::READABLE)
    }

    /// Waits until a datagram can be sent.
    ///
    /// # Errors
    ///
    /// [`ShuttingDown`](crate::ShuttingDown) after the end of the runtime.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** Readiness is not used up by waiting for it.
    #[track_caller]
    pub fn writable(&self) -> WaitReady<'_> {
        self.ready(Interest::WRITABLE)
    }

    /// Waits until anything in `interest` looks possible, and says what.
    ///
    /// # Errors
    ///
    /// [`ShuttingDown`](crate::ShuttingDown) after the end of the runtime.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** Readiness is not used up by waiting for it.
    #[track_caller]
    pub fn ready(&self, interest: Interest) -> WaitReady<'_> {
        self.socket.ready(interest, Location::caller())
    }

    /// As [`readable`](Self::readable), for callers with a context.
    ///
    /// # Errors
    ///
    /// As [`readable`](Self::readable).
    #[track_caller]
    pub fn poll_recv_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_ready(Direction::Read, cx, Location::caller())
    }

    /// As [`writable`](Self::writable), for callers with a context.
    ///
    /// # Errors
    ///
    /// As [`writable`](Self::writable).
    #[track_caller]
    pub fn poll_send_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_ready(Direction::Write, cx, Location::caller())
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io().local_addr()
    }

    /// The address of the peer, if one is set.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io().peer_addr()
    }

    /// The std socket, for its many options. It does not block.
    #[must_use]
    pub fn as_std(&self) -> &net::UdpSocket {
        self.io()
    }

    /// The error of the socket that nobody has heard of yet.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io().take_error()
    }

    fn io(&self) -> &net::UdpSocket {
        self.socket.io()
    }

    #[track_caller]
    fn wait(&self, interest: Interest) -> Wait<'_> {
        self.socket.wait(interest, Location::caller())
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io().as_fd()
    }
}

impl AsRawFd for UdpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.io().as_raw_fd()
    }
}

fn bind(address: SocketAddr, location: &'static Location<'static>) -> io::Result<UdpSocket> {
    let socket =
        socket2::Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    // There is room to send; whether anything has come, an event will say.
    Ok(UdpSocket { socket: Socket::new(socket.into(), Ready::WRITABLE, location)? })
}

/// The future of [`UdpSocket::connect`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct UdpConnect<'a> {
    socket: &'a UdpSocket,
    lookup: Lookup,
}

impl Future for UdpConnect<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let addresses = ready!(self.lookup.poll(cx))?;
        let mut last = None;
        for address in addresses {
            match self.socket.io().connect(address) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(error) => last = Some(AddressError::wrap("connect to", address, error)),
            }
        }
        Poll::Ready(Err(last.unwrap_or_else(no_addresses)))
    }
}

/// The future of [`UdpSocket::send`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct UdpSend<'a> {
    socket: &'a UdpSocket,
    wait: Wait<'a>,
    bytes: &'a [u8],
}

impl Future for UdpSend<'_> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Self { socket, wait, bytes } = &mut *self;
        wait.poll_io(cx, || socket.io().send(bytes))
    }
}

/// The future of [`UdpSocket::recv`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct UdpRecv<'a> {
    socket: &'a UdpSocket,
    wait: Wait<'a>,
    buffer: &'a mut [u8],
}

impl Future for UdpRecv<'_> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Self { socket, wait, buffer } = &mut *self;
        wait.poll_io(cx, || socket.io().recv(buffer))
    }
}

/// The future of [`UdpSocket::send_to`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct UdpSendTo<'a> {
    socket: &'a UdpSocket,
    wait: Wait<'a>,
    bytes: &'a [u8],
    target: Target,
}

#[derive(Debug)]
enum Target {
    Wanted(Lookup),
    Known(SocketAddr),
}

impl Future for UdpSendTo<'_> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Self { socket, wait, bytes, target } = &mut *self;
        let address = match target {
            Target::Known(address) => *address,
            Target::Wanted(lookup) => {
                let mut found: Found = ready!(lookup.poll(cx))?;
                let address = found.next().ok_or_else(no_addresses)?;
                *target = Target::Known(address);
                address
            }
        };
        wait.poll_io(cx, || socket.io().send_to(bytes, address))
    }
}

type RecvOperation = fn(&net::UdpSocket, &mut [u8]) -> io::Result<(usize, SocketAddr)>;

/// The future of [`UdpSocket::recv_from`] and [`UdpSocket::peek_from`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct UdpRecvFrom<'a> {
    socket: &'a UdpSocket,
    wait: Wait<'a>,
    buffer: &'a mut [u8],
    operation: RecvOperation,
}

impl Future for UdpRecvFrom<'_> {
    type Output = io::Result<(usize, SocketAddr)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { socket, wait, buffer, operation } = &mut *self;
        wait.poll_io(cx, || operation(socket.io(), buffer))
    }
}
