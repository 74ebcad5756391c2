//! A TCP connection.

use super::socket::{Socket, WaitReady};
use crate::{
    readiness::{Interest, Ready},
    registry::Wait,
    source::Direction,
};
use std::{
    future::Future,
    io::{self, IoSlice, IoSliceMut, Read, Write},
    net::{self, Shutdown, SocketAddr},
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// A TCP connection.
///
/// It reads and writes through the traits of `futures-io`, and through those of
/// tokio with the feature `tokio-io`. Every operation also works on `&TcpStream`,
/// so one task may read while another writes; of several tasks that read by
/// `poll_read` the last that polled is woken, of those that wait for
/// [`readable`](Self::readable) all are.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::net::{TcpListener, TcpStream};
/// use futures::{AsyncReadExt, AsyncWriteExt};
/// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
///
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let mut caller = TcpStream::connect(listener.local_addr()?).await?;
/// let (mut callee, _) = listener.accept().await?;
/// caller.write_all(b"hello").await?;
/// let mut buffer = [0; 5];
/// callee.read_exact(&mut buffer).await?;
/// assert_eq!(&buffer, b"hello");
/// # std::io::Result::Ok(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct TcpStream {
    socket: Socket<net::TcpStream>,
}

impl TcpStream {
    pub(super) fn new(socket: Socket<net::TcpStream>) -> Self {
        Self { socket }
    }

    /// Takes over a connected std socket.
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
    pub fn from_std(stream: net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let ready = Ready::READABLE | Ready::WRITABLE;
        Socket::new(stream, ready, Location::caller()).map(Self::new)
    }

    /// Gives the std socket back, still in non-blocking mode.
    ///
    /// # Errors
    ///
    /// None at present.
    pub fn into_std(self) -> io::Result<net::TcpStream> {
        Ok(self.socket.into_io())
    }

    /// Waits until there is something to read, were it the end.
    ///
    /// # Errors
    ///
    /// [`ShuttingDown`](crate::ShuttingDown) after the end of the runtime.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** Readiness is not used up by waiting for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::net::{TcpListener, TcpStream};
    /// use std::io::Write;
    /// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let mut peer = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// let (stream, _) = listener.accept().await?;
    /// peer.write_all(b"hi")?;
    /// let mut buffer = [0; 8];
    /// let count = loop {
    ///     stream.readable().await?;
    ///     match stream.try_read(&mut buffer) {
    ///         Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
    ///         result => break result?,
    ///     }
    /// };
    /// assert_eq!(&buffer[..count], b"hi");
    /// # std::io::Result::Ok(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn readable(&self) -> WaitReady<'_> {
        self.ready(Interest::READABLE)
    }

    /// Waits until something can be written.
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
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_ready(Direction::Read, cx, Location::caller())
    }

    /// As [`writable`](Self::writable), for callers with a context.
    ///
    /// # Errors
    ///
    /// As [`writable`](Self::writable).
    #[track_caller]
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_ready(Direction::Write, cx, Location::caller())
    }

    /// Reads what is there; never waits.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if nothing is; what the operating system says.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.try_io(Interest::READABLE, || self.io().read(buffer))
    }

    /// As [`try_read`](Self::try_read), into several buffers.
    ///
    /// # Errors
    ///
    /// As [`try_read`](Self::try_read).
    pub fn try_read_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.try_io(Interest::READABLE, || self.io().read_vectored(buffers))
    }

    /// Writes what there is room for; never waits.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none; what the operating system says.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.try_io(Interest::WRITABLE, || self.io().write(bytes))
    }

    /// As [`try_write`](Self::try_write), from several buffers.
    ///
    /// # Errors
    ///
    /// As [`try_write`](Self::try_write).
    pub fn try_write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_io(Interest::WRITABLE, || self.io().write_vectored(buffers))
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

    /// Reads bytes and leaves them where they are.
    ///
    /// # Errors
    ///
    /// What the operating system says; [`ShuttingDown`](crate::ShuttingDown) after
    /// the end of the runtime.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** It takes nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::net::{TcpListener, TcpStream};
    /// use std::io::Write;
    /// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let mut peer = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// let (stream, _) = listener.accept().await?;
    /// peer.write_all(b"hi")?;
    /// let mut buffer = [0; 8];
    /// for _ in 0..2 {
    ///     assert_eq!(stream.peek(&mut buffer).await?, 2);
    /// }
    /// # std::io::Result::Ok(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn peek<'a>(&'a self, buffer: &'a mut [u8]) -> Peek<'a> {
        let wait = self.socket.wait(Interest::READABLE, Location::caller());
        Peek { stream: self, wait, buffer }
    }

    /// As [`peek`](Self::peek), for callers with a context.
    ///
    /// # Errors
    ///
    /// As [`peek`](Self::peek).
    #[track_caller]
    pub fn poll_peek(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.socket.poll_io(Direction::Read, cx, Location::caller(), |io| io.peek(buffer))
    }

    /// Ends the connection in one or both directions.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.io().shutdown(how)
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io().peer_addr()
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io().local_addr()
    }

    /// Whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.io().nodelay()
    }

    /// Sets [`nodelay`](Self::nodelay).
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.io().set_nodelay(nodelay)
    }

    /// The time-to-live of its packets.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn ttl(&self) -> io::Result<u32> {
        self.io().ttl()
    }

    /// Sets [`ttl`](Self::ttl).
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io().set_ttl(ttl)
    }

    /// How long closing goes on sending what was written (`SO_LINGER`).
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        socket2::SockRef::from(self.io()).linger()
    }

    /// Sets [`linger`](Self::linger). Zero makes closing reset the connection;
    /// more than that makes closing block the thread.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        socket2::SockRef::from(self.io()).set_linger(linger)
    }

    /// The error of the socket that nobody has heard of yet.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io().take_error()
    }

    fn io(&self) -> &net::TcpStream {
        self.socket.io()
    }

    pub(super) fn poll_read_some(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        location: &'static Location<'static>,
    ) -> Poll<io::Result<usize>> {
        let wanted = buffer.len();
        let read = |mut io: &net::TcpStream| io.read(buffer);
        self.socket.poll_transfer(Direction::Read, cx, location, wanted, read)
    }

    pub(super) fn poll_read_many(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        location: &'static Location<'static>,
    ) -> Poll<io::Result<usize>> {
        let wanted = buffers.iter().map(|it| it.len()).sum();
        let read = |mut io: &net::TcpStream| io.read_vectored(buffers);
        self.socket.poll_transfer(Direction::Read, cx, location, wanted, read)
    }

    pub(super) fn poll_write_some(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        location: &'static Location<'static>,
    ) -> Poll<io::Result<usize>> {
        let write = |mut io: &net::TcpStream| io.write(bytes);
        self.socket.poll_transfer(Direction::Write, cx, location, bytes.len(), write)
    }

    pub(super) fn poll_write_many(
        &self,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
        location: &'static Location<'static>,
    ) -> Poll<io::Result<usize>> {
        let wanted = buffers.iter().map(|it| it.len()).sum();
        let write = |mut io: &net::TcpStream| io.write_vectored(buffers);
        self.socket.poll_transfer(Direction::Write, cx, location, wanted, write)
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io().as_fd()
    }
}

impl AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> RawFd {
        self.io().as_raw_fd()
    }
}

impl TryFrom<net::TcpStream> for TcpStream {
    type Error = io::Error;

    #[track_caller]
    fn try_from(stream: net::TcpStream) -> io::Result<Self> {
        Self::from_std(stream)
    }
}

/// The future of [`TcpStream::peek`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Peek<'a> {
    stream: &'a TcpStream,
    wait: Wait<'a>,
    buffer: &'a mut [u8],
}

impl Future for Peek<'_> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Self { stream, wait, buffer } = &mut *self;
        wait.poll_io(cx, || stream.io().peek(buffer))
    }
}
