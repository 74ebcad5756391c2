//! The two directions of a connection, apart.

use super::{socket::WaitReady, tcp_stream::TcpStream};
use std::{error::Error, fmt, io, net::Shutdown, sync::Arc};

/// The reading half of a [`TcpStream`], lent out by [`TcpStream::split`].
#[derive(Debug)]
pub struct ReadHalf<'a>(&'a TcpStream);

/// The writing half of a [`TcpStream`], lent out by [`TcpStream::split`].
#[derive(Debug)]
pub struct WriteHalf<'a>(&'a TcpStream);

/// The reading half of a [`TcpStream`], made by [`TcpStream::into_split`].
#[derive(Debug)]
pub struct OwnedReadHalf(Arc<TcpStream>);

/// The writing half of a [`TcpStream`], made by [`TcpStream::into_split`]. Its drop
/// ends that direction of the connection.
#[derive(Debug)]
pub struct OwnedWriteHalf {
    stream: Arc<TcpStream>,
    on_drop: OnDrop,
}

#[derive(Clone, Copy, Debug)]
enum OnDrop {
    Shutdown,
    Nothing,
}

/// Taking a connection apart.
impl TcpStream {
    /// Lends out a half for reading and one for writing.
    ///
    /// Where `futures::AsyncReadExt` is in scope, `stream.split()` means its
    /// method, which takes the stream: write `TcpStream::split(&mut stream)`.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        borrowed(self)
    }

    /// Splits into a half for reading and one for writing, for different tasks.
    /// The write half ends the connection in its direction when it is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_reactor::net::{TcpListener, TcpStream};
    /// use futures::{AsyncReadExt, AsyncWriteExt};
    /// # bowerbird_reactor::Reactor::builder().build()?.block_on(async {
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// let (mut peer, _) = listener.accept().await?;
    /// let (mut reader, writer) = stream.into_split();
    /// drop(writer);
    /// assert_eq!(peer.read(&mut [0; 1]).await?, 0, "the end");
    /// peer.write_all(b"x").await?;
    /// assert_eq!(reader.read(&mut [0; 1]).await?, 1, "the other direction goes on");
    /// # std::io::Result::Ok(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        owned(self)
    }
}

fn borrowed(stream: &mut TcpStream) -> (ReadHalf<'_>, WriteHalf<'_>) {
    (ReadHalf(stream), WriteHalf(stream))
}

fn owned(stream: TcpStream) -> (OwnedReadHalf, OwnedWriteHalf) {
    let stream = Arc::new(stream);
    let writer = OwnedWriteHalf { stream: stream.clone(), on_drop: OnDrop::Shutdown };
    (OwnedReadHalf(stream), writer)
}

macro_rules! as_stream {
    ($($half:ty => $field:tt),*) => {$(
        impl AsRef<TcpStream> for $half {
            fn as_ref(&self) -> &TcpStream {
                &self.$field
            }
        }
    )*};
}

as_stream!(ReadHalf<'_> => 0, WriteHalf<'_> => 0, OwnedReadHalf => 0, OwnedWriteHalf => stream);

macro_rules! reader {
    ($($half:ty),*) => {$(
        impl $half {
            /// As [`TcpStream::readable`].
            ///
            /// # Errors
            ///
            /// As there.
            ///
            /// # Cancel safety
            ///
            /// **Strict.** Readiness is not used up by waiting for it.
            #[track_caller]
            pub fn readable(&self) -> WaitReady<'_> {
                self.as_ref().readable()
            }

            /// As [`TcpStream::try_read`].
            ///
            /// # Errors
            ///
            /// As there.
            pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
                self.as_ref().try_read(buffer)
            }
        }
    )*};
}

reader!(ReadHalf<'_>, OwnedReadHalf);

macro_rules! writer {
    ($($half:ty),*) => {$(
        impl $half {
            /// As [`TcpStream::writable`].
            ///
            /// # Errors
            ///
            /// As there.
            ///
            /// # Cancel safety
            ///
            /// **Strict.** Readiness is not used up by waiting for it.
            #[track_caller]
            pub fn writable(&self) -> WaitReady<'_> {
                self.as_ref().writable()
            }

            /// As [`TcpStream::try_write`].
            ///
            /// # Errors
            ///
            /// As there.
            pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
                self.as_ref().try_write(bytes)
            }
        }
    )*};
}

writer!(WriteHalf<'_>, OwnedWriteHalf);

impl OwnedReadHalf {
    /// Puts the halves of one connection together again.
    ///
    /// # Errors
    ///
    /// Gives both back if they are not of one connection.
    pub fn reunite(self, other: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
        if !Arc::ptr_eq(&self.0, &other.stream) {
            return Err(ReuniteError(self, other));
        }
        other.forget();
        Ok(Arc::into_inner(self.0).expect("there are two halves, and the other is gone"))
    }
}

impl OwnedWriteHalf {
    /// Puts the halves of one connection together again.
    ///
    /// # Errors
    ///
    /// Gives both back if they are not of one connection.
    pub fn reunite(self, other: OwnedReadHalf) -> Result<TcpStream, ReuniteError> {
        other.reunite(self)
    }

    /// Goes without ending its direction of the connection.
    pub fn forget(mut self) {
        self.on_drop = OnDrop::Nothing;
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if let OnDrop::Shutdown = self.on_drop {
            // Fails if the peer was faster.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }
}

/// Halves of different connections, see [`OwnedReadHalf::reunite`].
#[derive(Debug)]
pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are of different connections")
    }
}

impl Error for ReuniteError {}
