use super::Smol;
use crate::workloads::accepting::Accepting;
use async_net::{TcpListener, TcpStream};
use futures::{AsyncReadExt, AsyncWriteExt};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

impl Accepting for Smol {
    type Listener = TcpListener;

    type Stream = TcpStream;

    async fn listen() -> (TcpListener, SocketAddr) {
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = bound.expect("there is a free port");
        let address = listener.local_addr().expect("a listener is somewhere");
        (listener, address)
    }

    async fn accept(listener: &TcpListener) -> TcpStream {
        listener.accept().await.expect("a caller can be accepted").0
    }

    async fn connect(address: SocketAddr) -> TcpStream {
        TcpStream::connect(address).await.expect("somebody listens")
    }

    async fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        stream.read(buffer).await
    }

    async fn write_all(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes).await
    }
}
