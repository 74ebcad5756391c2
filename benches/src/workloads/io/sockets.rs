//! What the servers need of a runtime: its sockets.
//!
//! A listener is bound and told its options before a runtime gets it, so all of them
//! have the same; what a runtime does with a connection is its own.

use crate::Runtime;
use std::{
    future::Future,
    io,
    net::{self, SocketAddr},
    os::{fd::AsFd, unix::net as unix},
};

/// A runtime with sockets. What is asked here is asked from inside.
pub trait Sockets: Runtime {
    /// What accepts TCP connections.
    type Tcp: Listener<Stream: AsFd>;
    /// What accepts connections of a Unix socket.
    type Unix: Listener;
    /// What datagrams go through.
    type Udp: Datagrams;

    /// Takes a listening socket over.
    ///
    /// # Errors
    ///
    /// If it cannot be watched.
    fn tcp(listener: net::TcpListener) -> io::Result<Self::Tcp>;

    /// Takes a listening socket over.
    ///
    /// # Errors
    ///
    /// If it cannot be watched.
    fn unix(listener: unix::UnixListener) -> io::Result<Self::Unix>;

    /// Takes a bound socket over.
    ///
    /// # Errors
    ///
    /// If it cannot be watched.
    fn udp(socket: net::UdpSocket) -> io::Result<Self::Udp>;

    /// Opens a connection.
    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<TcpStream<Self>>> + Send;

    /// Copies what comes from one to the other, both ways, until both have ended.
    fn copy_both_ways(
        one: TcpStream<Self>,
        other: TcpStream<Self>,
    ) -> impl Future<Output = io::Result<()>> + Send;
}

/// A runtime's TCP connection.
pub type TcpStream<R> = <<R as Sockets>::Tcp as Listener>::Stream;

/// What accepts connections.
pub trait Listener: Send + Sync + 'static {
    /// A connection.
    type Stream: Stream;

    /// Waits for the next one.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// A connection.
pub trait Stream: Send + 'static {
    /// Waits for bytes. None come at the end.
    fn read(&mut self, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;

    /// Sends all of them.
    fn write_all(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send;
}

/// What datagrams go through.
pub trait Datagrams: Send + Sync + 'static {
    /// Waits for the next one, and tells how long it is and whose.
    fn recv_from(
        &self,
        buffer: &mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + Send;

    /// Sends one.
    fn send_to(
        &self,
        bytes: &[u8],
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<usize>> + Send;
}
