//! bowerbird's sockets.
//!
//! It has no Unix sockets of its own yet, so those are std's in an `AsyncFd`: an
//! accepted one costs a system call more, which makes it non-blocking. Nor has it a
//! function that copies both ways: two copies of the `futures` crate are joined, with
//! buffers as large as those of tokio's.

use super::Bowerbird;
use crate::workloads::io::sockets::{Datagrams, Listener, Sockets, Stream};
use bowerbird::{
    io::{AsyncFd, AsyncRead, AsyncWrite, Interest},
    net::{TcpListener, TcpStream, UdpSocket},
};
use futures::{AsyncReadExt, AsyncWriteExt, future::try_join, io::copy};
use std::{
    io::{self, Read, Write},
    net::{self, SocketAddr},
    os::unix::net as unix,
};

impl Sockets for Bowerbird {
    type Tcp = TcpListener;
    type Unix = AsyncFd<unix::UnixListener>;
    type Udp = UdpSocket;

    fn tcp(listener: net::TcpListener) -> io::Result<TcpListener> {
        TcpListener::from_std(listener)
    }

    fn unix(listener: unix::UnixListener) -> io::Result<AsyncFd<unix::UnixListener>> {
        AsyncFd::with_interest(listener, Interest::READABLE)
    }

    fn udp(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        UdpSocket::from_std(socket)
    }

    async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(address).await
    }

    async fn copy_both_ways(mut one: TcpStream, mut other: TcpStream) -> io::Result<()> {
        let (from_one, to_one) = TcpStream::split(&mut one);
        let (from_other, to_other) = TcpStream::split(&mut other);
        let there = copy_to_the_end(from_one, to_other);
        try_join(there, copy_to_the_end(from_other, to_one)).await.map(drop)
    }
}

async fn copy_to_the_end(from: impl AsyncRead, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    copy(from, &mut to).await?;
    to.close().await
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<TcpStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

impl Stream for TcpStream {
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        AsyncReadExt::read(self, buffer).await
    }

    async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        AsyncWriteExt::write_all(self, bytes).await
    }
}

impl Listener for AsyncFd<unix::UnixListener> {
    type Stream = AsyncFd<unix::UnixStream>;

    async fn accept(&self) -> io::Result<AsyncFd<unix::UnixStream>> {
        let (stream, _) = self.async_io(Interest::READABLE, |it| it.accept()).await?;
        stream.set_nonblocking(true)?;
        AsyncFd::new(stream)
    }
}

impl Stream for AsyncFd<unix::UnixStream> {
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.async_io(Interest::READABLE, |mut it| it.read(buffer)).await
    }

    async fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = self.async_io(Interest::WRITABLE, |mut it| it.write(bytes)).await?;
            bytes = &bytes[written..];
        }
        Ok(())
    }
}

impl Datagrams for UdpSocket {
    async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.recv_from(buffer).await
    }

    async fn send_to(&self, bytes: &[u8], address: SocketAddr) -> io::Result<usize> {
        self.send_to(bytes, address).await
    }
}
