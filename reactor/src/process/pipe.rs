//! The ends of a child's pipes.

use crate::{
    readiness::{Interest, Ready},
    registry::{Registration, Registry},
    source::Direction,
};
use futures_io::{AsyncRead, AsyncWrite};
use mio::unix::pipe::{Receiver, Sender};
use std::{
    io::{self, IoSlice, IoSliceMut, Read, Write},
    os::fd::{AsFd, OwnedFd},
    panic::Location,
    pin::Pin,
    process::{self, Stdio},
    sync::Arc,
    task::{Context, Poll},
};
use sync::shim::Lock;

/// One end and its registration.
#[derive(Debug)]
struct Pipe<T> {
    // The order matters: the registration ends before the descriptor is closed.
    registration: Registration,
    io: T,
}

impl<T: AsFd> Pipe<T> {
    /// `io` must not block.
    fn new(io: T, interest: Interest, registry: &Arc<Registry>) -> io::Result<Self> {
        // To be wrong costs one system call.
        let ready = interest.wanted() & (Ready::READABLE | Ready::WRITABLE);
        let registration = Registration::new(registry, io.as_fd(), interest, ready)?;
        Ok(Self { registration, io })
    }

    /// Ends the registration.
    fn into_io(self) -> T {
        let Self { registration, io } = self;
        drop(registration);
        io
    }
}

impl Pipe<Receiver> {
    fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        location: &'static Location<'static>,
    ) -> Poll<io::Result<usize>> {
        let (wanted, mut io) = (buffer.len(), &self.io);
        let read = || io.read(buffer);
        self.registration.poll_transfer(Direction::Read, cx, location, wanted, read)
    }

    fn poll_read_vectored(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        location: &'static Location<'static>,
    ) -> Poll<io::Result<usize>> {
        let (wanted, mut io) = (buffers.iter().map(|it| it.len()).sum(), &self.io);
        let read = || io.read_vectored(buffers);
        self.registration.poll_transfer(Direction::Read, cx, location, wanted, read)
    }

    fn into_owned_fd(self) -> io::Result<OwnedFd> {
        let io = self.into_io();
        io.set_nonblocking(false)?;
        Ok(io.into())
    }
}

/// What a child reads: its standard input.
///
/// [`close`](futures_io::AsyncWrite::poll_close) or a drop is the end of its input;
/// so is waiting for the child, if this is still in its place there.
#[derive(Debug)]
pub struct ChildStdin {
    /// `None` once it is closed.
    pipe: Lock<Option<Arc<Pipe<Sender>>>>,
}

impl ChildStdin {
    pub(super) fn new(io: process::ChildStdin, registry: &Arc<Registry>) -> io::Result<Self> {
        let io = Sender::from(io);
        io.set_nonblocking(true)?;
        let pipe = Pipe::new(io, Interest::WRITABLE, registry)?;
        Ok(Self { pipe: Lock::new(Some(Arc::new(pipe))) })
    }

    /// The end of the child's input. A second time it does nothing.
    pub(super) fn shut(&self) {
        let pipe = self.pipe.lock().take();
        // It may hold the waker of a write that was given up.
        drop(pipe);
    }

    /// Gives the descriptor back, in blocking mode.
    ///
    /// # Errors
    ///
    /// What the operating system says; `BrokenPipe` if it is closed.
    pub fn into_owned_fd(self) -> io::Result<OwnedFd> {
        let pipe = self.pipe.into_inner().and_then(Arc::into_inner).ok_or_else(closed)?;
        let io = pipe.into_io();
        io.set_nonblocking(false)?;
        Ok(io.into())
    }

    fn poll_write_by(
        &self,
        cx: &mut Context<'_>,
        wanted: usize,
        location: &'static Location<'static>,
        mut write: impl FnMut(&Sender) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let Some(pipe) = self.pipe.lock().clone() else { return Poll::Ready(Err(closed())) };
        let write = || write(&pipe.io);
        pipe.registration.poll_transfer(Direction::Write, cx, location, wanted, write)
    }
}

#[cold]
fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the child's standard input is closed")
}

impl AsyncWrite for ChildStdin {
    #[track_caller]
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_by(cx, bytes.len(), Location::caller(), |mut io| io.write(bytes))
    }

    #[track_caller]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wanted = buffers.iter().map(|it| it.len()).sum();
        self.poll_write_by(cx, wanted, Location::caller(), |mut io| io.write_vectored(buffers))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut();
        Poll::Ready(Ok(()))
    }
}

macro_rules! readers {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name {
            pipe: Pipe<Receiver>,
        }

        impl $name {
            pub(super) fn new(io: process::$name, registry: &Arc<Registry>) -> io::Result<Self> {
                let io = Receiver::from(io);
                io.set_nonblocking(true)?;
                Ok(Self { pipe: Pipe::new(io, Interest::READABLE, registry)? })
            }

            /// Gives the descriptor back, in blocking mode.
            ///
            /// # Errors
            ///
            /// What the operating system says.
            pub fn into_owned_fd(self) -> io::Result<OwnedFd> {
                self.pipe.into_owned_fd()
            }
        }

        impl AsyncRead for $name {
            #[track_caller]
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.pipe.poll_read(cx, buffer, Location::caller())
            }

            #[track_caller]
            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                self.pipe.poll_read_vectored(cx, buffers, Location::caller())
            }
        }
    )*};
}

readers! {
    /// What a child writes: its standard output.
    ChildStdout;
    /// What a child complains: its standard error.
    ChildStderr;
}

/// For the standard streams of another child.
macro_rules! into_stdio {
    ($($name:ident),*) => {$(
        impl TryFrom<$name> for Stdio {
            type Error = io::Error;

            fn try_from(pipe: $name) -> io::Result<Self> {
                pipe.into_owned_fd().map(Self::from)
            }
        }
    )*};
}

into_stdio!(ChildStdin, ChildStdout, ChildStderr);
