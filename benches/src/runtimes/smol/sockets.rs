//! smol's sockets: those of async-net, which smol passes on as its `net`.
//!
//! It has no function that copies both ways; its own examples join two copies.

use super::Smol;
use crate::workloads::io::sockets::{Datagrams, Listener, Sockets, Stream};
use async_net::{
    TcpListener, TcpStream, UdpSocket,
    unix::{UnixListener, UnixStream},
};
use futures_lite::{
    AsyncReadExt, AsyncWriteExt,
    future::try_zip,
    io::{self, copy},
};
use std::{
    net::{self, SocketAddr},
    os::unix::net as unix,
};

impl Sockets for Smol {
    type Tcp = TcpListener;
    type Unix = UnixListener;
    type Udp = UdpSocket;

    fn tcp(listener: net::TcpListener) -> io::Result<TcpListener> {
        listener.try_into()
    }

    fn unix(listener: unix::UnixListener) -> io::Result<UnixListener> {
        listener.try_into()
    }

    fn udp(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        socket.try_into()
    }

    async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(address).await
    }

    async fn copy_both_ways(one: TcpStream, other: TcpStream) -> io::Result<()> {
        let there = copy_to_the_end(one.clone(), other.clone());
        try_zip(there, copy_to_the_end(other, one)).await.map(drop)
    }
}

async fn copy_to_the_end(from: TcpStream, mut to: TcpStream) -> io::Result<()> {
    copy(from, &mut to).await?;
    to.close().await
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<TcpStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<UnixStream> {
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

impl Stream for UnixStream {
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        AsyncReadExt::read(self, buffer).await
    }

    async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        AsyncWriteExt::write_all(self, bytes).await
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
