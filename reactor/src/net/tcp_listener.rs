//! Waiting for callers.

use super::{
    address::{Bind, Lookup, ToSocketAddrs},
    socket::{Socket, WaitReady},
    tcp_stream::TcpStream,
};
use crate::{
    context,
    readiness::{Interest, Ready},
    registry::{ShuttingDown, Wait},
    source::Direction,
    time::{self, Sleep},
};
use futures_core::Stream;
use socket2::{Domain, Protocol, Type};
use std::{
    future::Future,
    io,
    net::{self, SocketAddr},
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    panic::Location,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use sync::{
    shim::Lock,
    wait_site::{self, Kind},
};

/// Callers the kernel keeps waiting; it lowers this to its own limit.
const BACKLOG: i32 = 1024;

const REST_MIN: Duration = Duration::from_millis(5);
const REST_MAX: Duration = Duration::from_millis(500);

/// A TCP socket that waits for callers.
///
/// # When accepting fails
///
/// An error of one connection (it was reset while it waited, say) says nothing
/// about the next: it is passed over. When the system is out of descriptors or
/// memory (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`) the caller stays in the queue,
/// and trying again at once would burn a CPU, starving the very tasks that would
/// free what is short. So accepting rests before it tries again: 5 ms, doubled
/// each time up to 500 ms, until it succeeds. Everything else is returned.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::net::{TcpListener, TcpStream};
/// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
///
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let caller = TcpStream::connect(listener.local_addr()?).await?;
/// let (callee, address) = listener.accept().await?;
/// assert_eq!(address, caller.local_addr()?);
/// assert_eq!(callee.local_addr()?, listener.local_addr()?);
/// # std::io::Result::Ok(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct TcpListener {
    socket: Socket<mio::net::TcpListener>,
    /// The rest of [`poll_accept`](Self::poll_accept), between two calls.
    rest: Lock<Rest>,
}

impl TcpListener {
    /// Binds a new socket to the first of the addresses that can be bound and
    /// listens there, with `SO_REUSEADDR`. Port 0 lets the system choose.
    ///
    /// # Errors
    ///
    /// That of the last address, which it names: see
    /// [`AddressError`](super::AddressError).
    ///
    /// # Panics
    ///
    /// When it is polled on a thread without a reactor.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** Nothing stays bound.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::net::TcpListener;
    /// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
    ///
    /// let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    /// assert_ne!(listener.local_addr()?.port(), 0);
    /// # std::io::Result::Ok(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "start_server")]
    #[track_caller]
    pub fn bind(address: impl ToSocketAddrs) -> Bind<Self> {
        Bind::new(Lookup::new(&address, Location::caller()), "listen on", listen)
    }

    /// Takes over a listening std socket.
    ///
    /// # Errors
    ///
    /// What the operating system says; [`ShuttingDown`] after the end of the
    /// runtime.
    ///
    /// # Panics
    ///
    /// When there is no reactor on this thread.
    #[track_caller]
    pub fn from_std(listener: net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let io = mio::net::TcpListener::from_std(listener);
        let socket = Socket::new(io, Ready::EMPTY, Location::caller())?;
        Ok(Self { socket, rest: Lock::new(Rest::default()) })
    }

    /// Gives the std socket back, still in non-blocking mode.
    ///
    /// # Errors
    ///
    /// None at present.
    pub fn into_std(self) -> io::Result<net::TcpListener> {
        Ok(self.socket.into_io().into())
    }

    /// Waits for the next caller. Several tasks may wait at the same time.
    ///
    /// # Errors
    ///
    /// Those that concern the listener itself; for the others see
    /// [above](TcpListener#when-accepting-fails). [`ShuttingDown`] after the end of
    /// the runtime.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** A caller who was not accepted stays in the queue.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::net::TcpListener;
    /// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let caller = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// let (_stream, address) = listener.accept().await?;
    /// assert_eq!(address, caller.local_addr()?);
    /// # std::io::Result::Ok(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn accept(&self) -> Accept<'_> {
        let wait = self.socket.wait(Interest::READABLE, Location::caller());
        Accept { listener: self, wait, rest: Rest::default() }
    }

    /// As [`accept`](Self::accept), for callers with a context: the last task that
    /// polled is woken.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    #[track_caller]
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let location = Location::caller();
        // Taken out: to poll a timer under the lock would run user code there.
        let mut rest = std::mem::take(&mut *self.rest.lock());
        let result = self.poll_with(&mut rest, cx, location, |cx| {
            self.socket.poll_io(Direction::Read, cx, location, mio::net::TcpListener::accept)
        });
        let other = std::mem::replace(&mut *self.rest.lock(), rest);
        drop(other);
        result
    }

    /// The callers as a stream without end.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::net::TcpListener;
    /// use futures::StreamExt;
    /// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let caller = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// let stream = listener.incoming().next().await.expect("without end")?;
    /// assert_eq!(stream.peer_addr()?, caller.local_addr()?);
    /// # std::io::Result::Ok(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { accept: self.accept() }
    }

    /// Waits until a caller seems to be there.
    ///
    /// # Errors
    ///
    /// [`ShuttingDown`] after the end of the runtime.
    ///
    /// # Cancel safety
    ///
    /// **Strict.** Readiness is not used up by waiting for it.
    #[track_caller]
    pub fn readable(&self) -> WaitReady<'_> {
        self.socket.ready(Interest::READABLE, Location::caller())
    }

    /// The address it listens on.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.io().local_addr()
    }

    /// The time-to-live of packets sent from accepted sockets.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket.io().ttl()
    }

    /// Sets [`ttl`](Self::ttl).
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket.io().set_ttl(ttl)
    }

    /// The error of the socket that nobody has heard of yet.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.io().take_error()
    }

    /// Accepts by `accept`, with rests between failures for want of resources.
    fn poll_with(
        &self,
        rest: &mut Rest,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
        mut accept: impl FnMut(&mut Context<'_>) -> Poll<io::Result<(mio::net::TcpStream, SocketAddr)>>,
    ) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        loop {
            ready!(rest.poll(cx, location));
            let accepted = ready!(accept(cx)).and_then(|(io, address)| self.adopt(io, address));
            match accepted {
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) if is_shortage(&error) && rest.start() => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(accepted) => {
                    *rest = Rest::default();
                    return Poll::Ready(Ok(accepted));
                }
            }
        }
    }

    /// An accepted socket starts out ready: its first bytes are usually there.
    fn adopt(
        &self,
        io: mio::net::TcpStream,
        address: SocketAddr,
    ) -> io::Result<(TcpStream, SocketAddr)> {
        let ready = Ready::READABLE | Ready::WRITABLE;
        let socket = Socket::in_registry(self.socket.registry(), io.into(), ready)?;
        Ok((TcpStream::new(socket), address))
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.io().as_fd()
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.io().as_raw_fd()
    }
}

fn listen(address: SocketAddr, location: &'static Location<'static>) -> io::Result<TcpListener> {
    let socket =
        socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let io = mio::net::TcpListener::from_std(socket.into());
    let socket = Socket::new(io, Ready::EMPTY, location)?;
    Ok(TcpListener { socket, rest: Lock::new(Rest::default()) })
}

/// accept(2) hands on errors that are already pending on the new socket, and says
/// that they be treated like "try again".
fn is_of_one_connection(error: &io::Error) -> bool {
    let retried = [
        libc::ECONNABORTED,
        libc::ECONNRESET,
        libc::EPROTO,
        libc::ENETDOWN,
        libc::ENOPROTOOPT,
        libc::EHOSTDOWN,
        libc::EHOSTUNREACH,
        libc::ENETUNREACH,
        #[cfg(target_os = "linux")]
        libc::ENONET,
        libc::EPERM,
    ];
    error.raw_os_error().is_some_and(|code| retried.contains(&code))
}

/// What is short may come back. `ENOSPC` is the limit of descriptors in pollers.
fn is_shortage(error: &io::Error) -> bool {
    let short = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM, libc::ENOSPC];
    error.raw_os_error().is_some_and(|code| short.contains(&code))
        && !ShuttingDown::is_cause_of(error)
}

/// The pause after a shortage.
#[derive(Debug, Default)]
struct Rest {
    sleep: Option<Pin<Box<Sleep>>>,
    last: Duration,
}

impl Rest {
    /// Rests twice as long as the last time. `false`: there is no reactor on this
    /// thread whose clock could say when it is over.
    #[must_use]
    fn start(&mut self) -> bool {
        if context::try_with_current(|_, _| ()).is_none() {
            return false;
        }
        self.last = (self.last * 2).clamp(REST_MIN, REST_MAX);
        self.sleep = Some(Box::pin(time::sleep(self.last)));
        true
    }

    fn poll(&mut self, cx: &mut Context<'_>, location: &'static Location<'static>) -> Poll<()> {
        if let Some(sleep) = &mut self.sleep {
            if sleep.as_mut().poll(cx).is_pending() {
                // The timer's own is a line of this file.
                wait_site::waiting(Kind::Timer, 0, location);
                return Poll::Pending;
            }
            self.sleep = None;
        }
        Poll::Ready(())
    }
}

/// The future of [`TcpListener::accept`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Accept<'a> {
    listener: &'a TcpListener,
    wait: Wait<'a>,
    rest: Rest,
}

impl Accept<'_> {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let Self { listener, wait, rest } = self;
        let location = wait.location();
        listener
            .poll_with(rest, cx, location, |cx| wait.poll_io(cx, || listener.socket.io().accept()))
    }
}

impl Future for Accept<'_> {
    type Output = io::Result<(TcpStream, SocketAddr)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_accept(cx)
    }
}

/// The stream of [`TcpListener::incoming`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Incoming<'a> {
    accept: Accept<'a>,
}

impl Stream for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.accept.poll_accept(cx).map_ok(|(stream, _)| stream).map(Some)
    }
}
