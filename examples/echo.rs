//! A TCP server that sends back what it gets, a task per connection.
//!
//! ```text
//! cargo run --release --example echo -- 127.0.0.1:7000
//! nc 127.0.0.1 7000
//! ```
//!
//! Without an address it picks a port. It prints where it listens, and runs until
//! it is killed.

use bowerbird::net::{TcpListener, TcpStream};
use futures::{AsyncReadExt, AsyncWriteExt};
use std::{env, io, net::SocketAddr};

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".into());
    bowerbird::run(async move {
        let listener = TcpListener::bind(address).await?;
        println!("listening on {}", listener.local_addr()?);
        loop {
            // Errors of one connection, and a lack of file descriptors, are retried
            // inside; what comes out here is the end of the listener.
            let (stream, peer) = listener.accept().await?;
            bowerbird::spawn(serve(stream, peer));
        }
    })
}

async fn serve(stream: TcpStream, peer: SocketAddr) {
    if let Err(error) = echo(stream).await {
        eprintln!("{peer}: {error}");
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return stream.close().await,
            read => stream.write_all(&buffer[..read]).await?,
        }
    }
}
