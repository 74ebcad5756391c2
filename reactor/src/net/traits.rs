//! Reading and writing by the traits of `futures-io`, and of tokio if wanted.
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

#[cfg(feature = "tokio-io")]
mod tokio_io {
    use super::{close, stream};
    use crate::net::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, TcpStream, WriteHalf};
    use std::{
        io::{self, IoSlice},
        panic::Location,
        pin::Pin,
        task::{Context, Poll, ready},
    };
    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    macro_rules! tokio_read {
        ($($t:ty),*) => {$(
            impl AsyncRead for $t {
                #[track_caller]
                fn poll_read(
                    self: Pin<&mut Self>,
                    cx: &mut Context<'_>,
                    buffer: &mut ReadBuf<'_>,
                ) -> Poll<io::Result<()>> {
                    // Zeroes what was never initialized: once per buffer, no
                    // unsafe code.
                    let room = buffer.initialize_unfilled();
                    let location = Location::caller();
                    let count = ready!(stream(&*self).poll_read_some(cx, room, location))?;
                    buffer.advance(count);
                    Poll::Ready(Ok(()))
                }
            }
        )*};
    }

    macro_rules! tokio_write {
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

                fn is_write_vectored(&self) -> bool {
                    true
                }

                fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                    Poll::Ready(Ok(()))
                }

                fn poll_shutdown(
                    self: Pin<&mut Self>,
                    _: &mut Context<'_>,
                ) -> Poll<io::Result<()>> {
                    Poll::Ready(close(stream(&*self)))
                }
            }
        )*};
    }

    tokio_read!(TcpStream, &TcpStream, ReadHalf<'_>, OwnedReadHalf);
    tokio_write!(TcpStream, &TcpStream, WriteHalf<'_>, OwnedWriteHalf);
}

#[cfg(all(test, not(any(loom, shuttle)), feature = "tokio-io"))]
mod tests {
    use crate::{
        net::{TcpListener, TcpStream},
        reactor::Reactor,
    };
    use futures::future::{poll_fn, try_join};
    use std::{io, pin::Pin};
    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    #[test]
    fn the_traits_of_tokio_do_the_same() {
        let reactor = Reactor::builder().build().unwrap();
        let result: io::Result<()> = reactor.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let caller = TcpStream::connect(listener.local_addr()?);
            let (mut caller, (mut callee, _)) = try_join(caller, listener.accept()).await?;
            let count = poll_fn(|cx| Pin::new(&mut caller).poll_write(cx, b"hello")).await?;
            assert_eq!(count, 5);
            poll_fn(|cx| Pin::new(&mut caller).poll_shutdown(cx)).await?;
            let mut memory = [0; 16];
            let mut buffer = ReadBuf::new(&mut memory);
            for filled in [5, 5] {
                poll_fn(|cx| Pin::new(&mut callee).poll_read(cx, &mut buffer)).await?;
                assert_eq!(buffer.filled().len(), filled);
            }
            Ok(())
        });
        result.unwrap();
    }
}
