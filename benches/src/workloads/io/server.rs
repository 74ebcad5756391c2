//! The servers, written once for all runtimes: a task per connection.

use super::{
    listening::{self, Cleared, Listening, send_at_once},
    protocol::{Address, BUFFER, Kind, ONE_REQUEST, pattern},
    raw::Raw,
    sockets::{Datagrams, Listener, Sockets, Stream, TcpStream},
};
use crate::{
    contender::Contender,
    runtimes::{Bowerbird, Smol, Tokio},
};
use std::{any::Any, fmt, future::Future, io, net::SocketAddr, sync::Arc};

/// What a server is to be.
#[derive(Clone, Debug)]
pub struct Order {
    /// What it does.
    pub kind: Kind,
    /// With how many threads.
    pub workers: usize,
    /// Where; somewhere on this machine if it does not matter.
    pub listen: Option<Address>,
    /// The echo server behind a proxy.
    pub upstream: Option<SocketAddr>,
}

/// A server that runs until it is dropped.
pub struct Running {
    /// Dropped first: there is nobody any more when the address goes.
    _runtime: Box<dyn Any>,
    address: Cleared,
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address.0
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("address", &self.address.0).finish_non_exhaustive()
    }
}

/// Starts a server in this process.
///
/// # Errors
///
/// If `contender` has no such server, or it cannot listen there.
pub fn start(contender: Contender, order: &Order) -> Result<Running, String> {
    let sharers = if contender == Contender::Raw { order.workers } else { 1 };
    let (listening, address) = listening::bind(order.kind, order.listen.as_ref(), sharers)?;
    let address = Cleared(address);
    let runtime: Box<dyn Any> = match contender {
        Contender::Bowerbird => Box::new(start_on::<Bowerbird>(order, listening)?),
        Contender::Tokio => Box::new(start_on::<Tokio>(order, listening)?),
        Contender::Smol => Box::new(start_on::<Smol>(order, listening)?),
        Contender::Raw => Box::new(Raw::start(order.kind, listening, order.workers)?),
        other => return Err(format!("{}: its servers are programs of their own", other.name())),
    };
    Ok(Running { _runtime: runtime, address })
}

fn start_on<R: Sockets>(order: &Order, listening: Listening) -> Result<R, String> {
    let (kind, upstream) = (order.kind, order.upstream);
    if kind == Kind::TcpProxy && upstream.is_none() {
        return Err("a proxy needs --upstream, the address of an echo server".to_owned());
    }
    let runtime = R::new(order.workers);
    let server = runtime.spawn_from_outside(async move {
        if let Err(error) = serve::<R>(kind, listening, upstream).await {
            // It no longer listens, so whoever calls is refused and hears of it too.
            eprintln!("{} has given up {kind}: {error}", R::NAME);
        }
    });
    R::detach(server);
    Ok(runtime)
}

async fn serve<R: Sockets>(
    kind: Kind,
    listening: Listening,
    upstream: Option<SocketAddr>,
) -> io::Result<()> {
    let listener = match listening {
        Listening::Udp(socket) => return echo_datagrams(R::udp(socket)?).await,
        Listening::Unix(socket) => return accept_all::<R, _, _>(R::unix(socket)?, echo).await,
        Listening::Tcp(mut sockets) => R::tcp(sockets.remove(0))?,
    };
    match (kind, upstream) {
        (Kind::TcpProxy, Some(upstream)) => {
            accept_tcp::<R, _>(listener, move |stream| proxy::<R>(stream, upstream)).await
        }
        (Kind::TcpConnect, _) => accept_tcp::<R, _>(listener, echo_once).await,
        (Kind::TcpTransfer, _) => {
            let block: Arc<[u8]> = pattern().into();
            accept_tcp::<R, _>(listener, move |stream| send_pattern(stream, block.clone())).await
        }
        _ => accept_tcp::<R, _>(listener, echo).await,
    }
}

async fn accept_tcp<R, F>(
    listener: R::Tcp,
    serve: impl Fn(TcpStream<R>) -> F + Send,
) -> io::Result<()>
where
    R: Sockets,
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    accept_all::<R, _, _>(listener, move |stream| {
        // A connection that is gone already has no options, and its server will see.
        let _ = send_at_once(&stream);
        serve(stream)
    })
    .await
}

async fn accept_all<R, L, F>(listener: L, serve: impl Fn(L::Stream) -> F + Send) -> io::Result<()>
where
    R: Sockets,
    L: Listener,
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    loop {
        let serving = serve(listener.accept().await?);
        // A client that breaks off is gone as is one that closes.
        R::detach(R::spawn(async { drop(serving.await) }));
    }
}

async fn echo<S: Stream>(mut stream: S) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            read => stream.write_all(&buffer[..read]).await?,
        }
    }
}

async fn echo_once<S: Stream>(mut stream: S) -> io::Result<()> {
    let mut request = [0; ONE_REQUEST];
    fill(&mut stream, &mut request).await?;
    stream.write_all(&request).await
}

async fn send_pattern<S: Stream>(mut stream: S, block: Arc<[u8]>) -> io::Result<()> {
    loop {
        let mut wanted = [0; 8];
        fill(&mut stream, &mut wanted).await?;
        let mut left = usize::try_from(u64::from_be_bytes(wanted)).unwrap_or(usize::MAX);
        while left > 0 {
            let part = left.min(block.len());
            stream.write_all(&block[..part]).await?;
            left -= part;
        }
    }
}

async fn fill<S: Stream>(stream: &mut S, buffer: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    while filled < buffer.len() {
        match stream.read(&mut buffer[filled..]).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => filled += read,
        }
    }
    Ok(())
}

async fn proxy<R: Sockets>(client: TcpStream<R>, upstream: SocketAddr) -> io::Result<()> {
    let server = R::connect(upstream).await?;
    send_at_once(&server)?;
    R::copy_both_ways(client, server).await
}

async fn echo_datagrams<D: Datagrams>(socket: D) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await?;
        socket.send_to(&buffer[..length], from).await?;
    }
}
