//! Reading and writing by the traits of `futures-io`.
//!
//! Writing reaches the kernel at once, so flushing has nothing to do. Closing ends
//! the direction of the connection; the descriptor is closed by the drop.

use super::{
    split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf},
    tcp_stream::TcpStream,
};
use futures_io::{AsyncRead, AsyncWrite};
use std::{
    io::{self, IoSlice, IoSliceMut},
    net::Shutdown,
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
};

impl AsRef<Self> for TcpStream {
    fn as_ref(&self) -> &Self {
        self
    }
}

macro_rules! futures_read {
    ($($t:ty),*) => {$(
        impl AsyncRead for $t {
            #[track_caller]
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                stream(&*self).poll_read_some(cx, buffer, Location::caller())
            }

            #[track_caller]
            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                stream(&*self).poll_read_many(cx, buffers, Location::caller())
            }
        }
    )*};
}

macro_rules! futures_write {
    ($($t:ty),*) => {$(
        impl AsyncWrite for $t {
            #[track_caller]
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                stream(&*self).poll_write_some(cx, bytes, Location::caller())
            }

            #[track_caller]
            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                stream(&*self).poll_write_many(cx, buffers, Location::caller())
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(close(stream(&*self)))
            }
        }
    )*};
}

fn stream(it: &impl AsRef<TcpStream>) -> &TcpStream {
    it.as_ref()
}

/// A connection that the peer has ended is closed, too.
fn close(stream: &TcpStream) -> io::Result<()> {
    match stream.shutdown(Shutdown::Write) {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        result => result,
    }
}

futures_read!(TcpStream, &TcpStream, ReadHalf<'_>, OwnedReadHalf);
futures_write!(TcpStream, &TcpStream, WriteHalf<'_>, OwnedWriteHalf);
