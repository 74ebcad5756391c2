//! How does one wait for a descriptor of any kind?
//!
//! [`AsyncFd`] ties a descriptor to the reactor of the thread. It hears of
//! *edges*: an operation has to be repeated until it meets `WouldBlock` before the
//! next event can come, and the guards say so: [`ReadyGuard::try_io`] clears the
//! readiness exactly then.

use crate::{
    context,
    readiness::{Interest, Ready, Snapshot},
    registry::{Registration, Wait},
    source::Direction,
};
use std::{
    error::Error,
    fmt,
    future::Future,
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    panic::Location,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// A descriptor whose readiness can be waited for.
///
/// Any number of tasks may wait at the same time, for the same or for different
/// directions. It must be in non-blocking mode, and `T` must go on returning the
/// same open descriptor.
///
/// # Examples
///
/// ```
/// use bowerbird_reactor::{AsyncFd, Interest};
/// use std::{io::{Read, Write}, os::unix::net::UnixStream};
/// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
///
/// let (mine, mut theirs) = UnixStream::pair()?;
/// mine.set_nonblocking(true)?;
/// let fd = AsyncFd::new(mine)?;
/// theirs.write_all(b"hi")?;
/// let mut buffer = [0; 8];
/// let count = fd.async_io(Interest::READABLE, |mut io| io.read(&mut buffer)).await?;
/// assert_eq!(&buffer[..count], b"hi");
/// # std::io::Result::Ok(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct AsyncFd<T: AsFd> {
    // The order matters: the registration ends before the descriptor is closed.
    registration: Registration,
    io: T,
}

impl<T: AsFd> AsyncFd<T> {
    /// Registers `io` with the reactor of this thread, for reading and writing.
    ///
    /// # Errors
    ///
    /// What the operating system says: it may not be pollable (regular files),
    /// be registered already, or memory is short. [`ShuttingDown`] after the end
    /// of the runtime. `io` is dropped; [`try_new`](Self::try_new) gives it back.
    ///
    /// # Panics
    ///
    /// When there is no reactor on this thread.
    ///
    /// [`ShuttingDown`]: crate::ShuttingDown
    #[track_caller]
    pub fn new(io: T) -> io::Result<Self> {
        Self::with_interest(io, Interest::BOTH)
    }

    /// As [`new`](Self::new), for the given interest only.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    ///
    /// # Panics
    ///
    /// When there is no reactor on this thread.
    #[track_caller]
    pub fn with_interest(io: T, interest: Interest) -> io::Result<Self> {
        Self::try_new(io, interest).map_err(|(_, error)| error)
    }

    /// As [`with_interest`](Self::with_interest), giving `io` back on failure.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    ///
    /// # Panics
    ///
    /// When there is no reactor on this thread.
    #[track_caller]
    pub fn try_new(io: T, interest: Interest) -> Result<Self, (T, io::Error)> {
        let registry = context::with_current(|reactor, _| reactor.registry().clone());
        match Registration::new(&registry, io.as_fd(), interest, Ready::EMPTY) {
            Ok(registration) => Ok(Self { registration, io }),
            Err(error) => Err((io, error)),
        }
    }

    /// The descriptor's owner.
    pub fn get_ref(&self) -> &T {
        &self.io
    }

    /// The descriptor's owner.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.io
    }

    /// Ends the registration and gives the owner back.
    pub fn into_inner(self) -> T {
        let Self { registration, io } = self;
        drop(registration);
        io
    }

    /// Waits until reading looks possible.
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
    /// use bowerbird_reactor::AsyncFd;
    /// use std::{io::{Read, Write}, os::unix::net::UnixStream};
    /// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
    ///
    /// let (mine, mut theirs) = UnixStream::pair()?;
    /// mine.set_nonblocking(true)?;
    /// let fd = AsyncFd::new(mine)?;
    /// theirs.write_all(b"x")?;
    /// let mut guard = fd.readable().await?;
    /// let byte = guard.try_io(|mut io| io.read(&mut [0; 1]));
    /// assert_eq!(byte.unwrap()?, 1);
    /// # std::io::Result::Ok(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn readable(&self) -> Readiness<'_, T> {
        self.ready(Interest::READABLE)
    }

    /// Waits until writing looks possible.
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
    /// use bowerbird_reactor::AsyncFd;
    /// use std::{io::Write, os::unix::net::UnixStream};
    /// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
    ///
    /// let fd = AsyncFd::new(UnixStream::pair()?.0)?;
    /// assert!(fd.writable().await?.ready().is_writable());
    /// # std::io::Result::Ok(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn writable(&self) -> Readiness<'_, T> {
        self.ready(Interest::WRITABLE)
    }

    /// Waits until anything in `interest` looks possible.
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
    /// use bowerbird_reactor::{AsyncFd, Interest};
    /// use std::os::unix::net::UnixStream;
    /// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
    ///
    /// let (mine, _theirs) = UnixStream::pair()?;
    /// let fd = AsyncFd::new(mine)?;
    /// let guard = fd.ready(Interest::READABLE | Interest::WRITABLE).await?;
    /// assert!(guard.ready().is_writable() && !guard.ready().is_readable());
    /// # std::io::Result::Ok(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn ready(&self, interest: Interest) -> Readiness<'_, T> {
        let wait = Wait::new(&self.registration, interest, Location::caller());
        Readiness { fd: self, wait }
    }

    /// Calls `operation` whenever the descriptor looks ready, until it does not
    /// meet `WouldBlock`.
    ///
    /// # Errors
    ///
    /// Those of `operation`; [`ShuttingDown`](crate::ShuttingDown) after the end
    /// of the runtime.
    ///
    /// # Cancel safety
    ///
    /// **Strict**, if `operation` does nothing when it meets `WouldBlock`.
    #[track_caller]
    pub fn async_io<R, F>(&self, interest: Interest, operation: F) -> AsyncIo<'_, T, F>
    where
        F: FnMut(&T) -> io::Result<R>,
    {
        let wait = Wait::new(&self.registration, interest, Location::caller());
        AsyncIo { io: &self.io, wait, operation }
    }

    /// Calls `operation` if the descriptor looks ready; never waits.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if it does not look ready; those of `operation`.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        operation: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.registration.try_io(interest.wanted(), || operation(&self.io))
    }

    /// As [`readable`](Self::readable), for callers with a context: the last task
    /// that polled is woken.
    ///
    /// # Errors
    ///
    /// As [`readable`](Self::readable).
    #[track_caller]
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<ReadyGuard<'_, T>>> {
        self.poll_ready(Direction::Read, cx)
    }

    /// As [`writable`](Self::writable), for callers with a context: the last task
    /// that polled is woken.
    ///
    /// # Errors
    ///
    /// As [`writable`](Self::writable).
    #[track_caller]
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<ReadyGuard<'_, T>>> {
        self.poll_ready(Direction::Write, cx)
    }

    #[track_caller]
    fn poll_ready(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<ReadyGuard<'_, T>>> {
        let seen = ready!(self.registration.poll_ready(direction, cx, Location::caller()))?;
        Poll::Ready(Ok(ReadyGuard { fd: self, seen, wanted: direction.wanted() }))
    }
}

impl<T: AsFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

impl<T: AsFd> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_fd().as_raw_fd()
    }
}

/// The future of [`AsyncFd::readable`] and its siblings.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Readiness<'a, T: AsFd> {
    fd: &'a AsyncFd<T>,
    wait: Wait<'a>,
}

impl<'a, T: AsFd> Future for Readiness<'a, T> {
    type Output = io::Result<ReadyGuard<'a, T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let seen = ready!(self.wait.poll(cx))?;
        Poll::Ready(Ok(ReadyGuard { fd: self.fd, seen, wanted: self.wait.wanted() }))
    }
}

/// The future of [`AsyncFd::async_io`].
#[must_use = "futures do nothing unless polled"]
pub struct AsyncIo<'a, T, F> {
    io: &'a T,
    wait: Wait<'a>,
    operation: F,
}

// The operation is called, never pinned.
impl<T, F> Unpin for AsyncIo<'_, T, F> {}

impl<T, R, F> Future for AsyncIo<'_, T, F>
where
    F: FnMut(&T) -> io::Result<R>,
{
    type Output = io::Result<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<R>> {
        let Self { io, wait, operation } = &mut *self;
        wait.poll_io(cx, || operation(io))
    }
}

impl<T, F> fmt::Debug for AsyncIo<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncIo").field("wait", &self.wait).finish_non_exhaustive()
    }
}

/// The descriptor looked ready when this was made.
#[derive(Debug)]
#[must_use = "readiness stays until it is cleared: use `try_io`"]
pub struct ReadyGuard<'a, T: AsFd> {
    fd: &'a AsyncFd<T>,
    seen: Snapshot,
    wanted: Ready,
}

impl<'a, T: AsFd> ReadyGuard<'a, T> {
    /// What the descriptor looked ready for.
    #[must_use]
    pub fn ready(&self) -> Ready {
        self.seen.ready()
    }

    /// The descriptor's owner.
    #[must_use]
    pub fn get_inner(&self) -> &'a T {
        self.fd.get_ref()
    }

    /// Calls `operation`; if it meets `WouldBlock` the readiness is cleared, so
    /// that the next wait waits for an event.
    ///
    /// # Errors
    ///
    /// [`NotReady`] if `operation` met `WouldBlock`; its own errors are inside.
    pub fn try_io<R>(
        &mut self,
        operation: impl FnOnce(&'a T) -> io::Result<R>,
    ) -> Result<io::Result<R>, NotReady> {
        match operation(self.get_inner()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.fd.registration.clear(self.seen, self.wanted);
                Err(NotReady)
            }
            result => Ok(result),
        }
    }

    /// Clears the readiness that was seen: the descriptor's buffers are known to
    /// be used up. An event that came since stays, and so does the peer's end.
    pub fn clear_ready(&mut self) {
        self.fd.registration.drain(self.seen, self.wanted);
    }
}

/// An operation met `WouldBlock`, see [`ReadyGuard::try_io`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotReady;

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the descriptor was not ready")
    }
}

impl Error for NotReady {}

impl From<NotReady> for io::Error {
    fn from(error: NotReady) -> Self {
        Self::new(io::ErrorKind::WouldBlock, error)
    }
}
