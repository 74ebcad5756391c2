//! The servers without a runtime: a loop around `epoll_wait` per thread.
//!
//! What a runtime adds to such a loop is what it costs. The loop does what is known
//! to be cheapest: edge-triggered, one `epoll_ctl` per connection, no read that could
//! only find nothing (fewer bytes than asked for means that there are no more, unless
//! the peer has ended), and an answer is written at once.
//!
//! With several threads each has an epoll of its own, and a TCP listener of its own
//! that shares the port, so that the kernel deals the connections out and no thread
//! has to tell another of anything.
//!
//! It goes through mio, which bowerbird and tokio wait with as well: its `Poll` is
//! epoll with a translation of a few instructions per event, and needs no `unsafe`
//! here. Its one limit, timeouts of whole milliseconds, plays no part in servers
//! without timers.
//!
//! There is no proxy: what it would show beside the echo is the other crates' copying.

use super::{
    listening::{Listening, send_at_once},
    protocol::{BUFFER, Kind, ONE_REQUEST, pattern},
};
use crate::pin;
use mio::{
    Events, Interest, Poll, Token, Waker,
    event::{Event, Source},
    net::{TcpListener, TcpStream, UdpSocket, UnixListener, UnixStream},
};
use slab::Slab;
use std::{
    io::{self, ErrorKind::WouldBlock, Read, Write},
    sync::Arc,
    thread,
};

const STOP: Token = Token(usize::MAX);
const LISTENER: Token = Token(usize::MAX - 1);

/// How many events are asked for at a time.
const EVENTS: usize = 1024;

/// Threads that serve until the drop.
#[derive(Debug)]
pub struct Raw {
    threads: Vec<(Arc<Waker>, thread::JoinHandle<()>)>,
}

impl Raw {
    /// Starts so many threads: with one only, or each on a processor of its own.
    ///
    /// # Errors
    ///
    /// If there is no such server here, or the system refuses what it needs.
    pub fn start(kind: Kind, listening: Listening, workers: usize) -> Result<Self, String> {
        let mut raw = Self { threads: vec![] };
        let pin = Arc::new(pin::in_turn(workers));
        let mut start = |run: Box<dyn FnOnce(Poll) -> io::Result<()> + Send>| -> io::Result<()> {
            let (poll, pin) = (Poll::new()?, pin.clone());
            let waker = Arc::new(Waker::new(poll.registry(), STOP)?);
            let thread = thread::Builder::new().name("raw".to_owned()).spawn(move || {
                pin();
                if let Err(error) = run(poll) {
                    eprintln!("raw has given up {kind}: {error}");
                }
            })?;
            raw.threads.push((waker, thread));
            Ok(())
        };
        let started = match (kind, listening) {
            (Kind::TcpProxy, _) => return Err("raw has no proxy".to_owned()),
            (Kind::UdpEcho, Listening::Udp(socket)) => {
                start(Box::new(|poll| echo_datagrams(poll, UdpSocket::from_std(socket))))
            }
            (_, Listening::Unix(listener)) => (0..workers).try_for_each(|_| {
                let listener = UnixListener::from_std(listener.try_clone()?);
                start(Box::new(|poll| serve::<_, Echo>(poll, listener)))
            }),
            (_, Listening::Tcp(listeners)) => listeners.into_iter().try_for_each(|listener| {
                let listener = TcpListener::from_std(listener);
                start(Box::new(move |poll| match kind {
                    Kind::TcpConnect => serve::<_, EchoOnce>(poll, listener),
                    Kind::TcpTransfer => serve::<_, Transfer>(poll, listener),
                    _ => serve::<_, Echo>(poll, listener),
                }))
            }),
            (_, Listening::Udp(_)) => unreachable!("only `udp_echo` listens there"),
        };
        started.map_err(|error| format!("raw cannot start: {error}"))?;
        Ok(raw)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        for (waker, thread) in self.threads.drain(..) {
            waker.wake().expect("a thread can be told to stop");
            thread.join().expect("no server panics here");
        }
    }
}

/// What accepts connections.
trait Accept: Source {
    type Stream: Source + Read + Write;

    fn accept(&self) -> io::Result<Self::Stream>;
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    fn accept(&self) -> io::Result<TcpStream> {
        let (stream, _) = self.accept()?;
        // A connection that is gone already has no options, and its turn will show.
        let _ = send_at_once(&stream);
        Ok(stream)
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;

    fn accept(&self) -> io::Result<UnixStream> {
        self.accept().map(|(stream, _)| stream)
    }
}

/// What a server does with a connection.
trait Turn: Default {
    /// Goes on for as long as the connection is ready. `buffer` holds the pattern
    /// until somebody reads into it.
    fn turn<S: Read + Write>(
        &mut self,
        stream: &mut S,
        buffer: &mut [u8],
        peer: Peer,
    ) -> io::Result<Then>;
}

/// What is known of the other end.
#[derive(Clone, Copy, PartialEq)]
enum Peer {
    Open,
    /// It sends no more, so no event will tell that: the next read must.
    Ended,
}

/// What a connection waits for after its turn.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Read,
    Write,
    Close,
}

struct Connection<S, T> {
    stream: S,
    work: T,
    peer: Peer,
    /// Whether it has ever waited for room, and hears of it from then on.
    has_waited_to_write: bool,
}

fn serve<A: Accept, T: Turn>(mut poll: Poll, mut listener: A) -> io::Result<()> {
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut connections: Slab<Connection<A::Stream, T>> = Slab::new();
    let mut buffer = pattern();
    let mut events = Events::with_capacity(EVENTS);
    loop {
        wait(&mut poll, &mut events)?;
        for event in &events {
            match event.token() {
                STOP => return Ok(()),
                LISTENER => accept(&poll, &listener, &mut connections)?,
                token => serve_one(&poll, &mut connections, token, event, &mut buffer),
            }
        }
    }
}

fn wait(poll: &mut Poll, events: &mut Events) -> io::Result<()> {
    match poll.poll(events, None) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        polled => polled,
    }
}

fn accept<A: Accept, T: Turn>(
    poll: &Poll,
    listener: &A,
    connections: &mut Slab<Connection<A::Stream, T>>,
) -> io::Result<()> {
    loop {
        let mut stream = match listener.accept() {
            Ok(stream) => stream,
            Err(error) if error.kind() == WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => return Err(error),
        };
        let entry = connections.vacant_entry();
        poll.registry().register(&mut stream, Token(entry.key()), Interest::READABLE)?;
        let work = T::default();
        entry.insert(Connection { stream, work, peer: Peer::Open, has_waited_to_write: false });
    }
}

fn serve_one<S: Source + Read + Write, T: Turn>(
    poll: &Poll,
    connections: &mut Slab<Connection<S, T>>,
    Token(key): Token,
    event: &Event,
    buffer: &mut [u8],
) {
    // It may have been closed by an event before this one.
    let Some(it) = connections.get_mut(key) else { return };
    if event.is_read_closed() {
        it.peer = Peer::Ended;
    }
    let mut then = it.work.turn(&mut it.stream, buffer, it.peer);
    if matches!(then, Ok(Then::Write)) && !it.has_waited_to_write {
        it.has_waited_to_write = true;
        let both = Interest::READABLE | Interest::WRITABLE;
        let registered = poll.registry().reregister(&mut it.stream, Token(key), both);
        then = registered.map(|()| Then::Write);
    }
    // A client that breaks off is gone as is one that closes. The kernel forgets a
    // descriptor that is closed.
    if matches!(then, Ok(Then::Close) | Err(_)) {
        drop(connections.remove(key));
    }
}

#[derive(Default)]
struct Echo {
    unsent: Vec<u8>,
}

impl Turn for Echo {
    fn turn<S: Read + Write>(
        &mut self,
        stream: &mut S,
        buffer: &mut [u8],
        peer: Peer,
    ) -> io::Result<Then> {
        // As much at a time as everybody else.
        let buffer = &mut buffer[..BUFFER];
        loop {
            let sent = send(stream, &self.unsent)?;
            drop(self.unsent.drain(..sent));
            if !self.unsent.is_empty() {
                return Ok(Then::Write);
            }
            let read = match stream.read(buffer) {
                Ok(0) => return Ok(Then::Close),
                Ok(read) => read,
                Err(error) if error.kind() == WouldBlock => return Ok(Then::Read),
                Err(error) => return Err(error),
            };
            let sent = send(stream, &buffer[..read])?;
            self.unsent.extend_from_slice(&buffer[sent..read]);
            if self.unsent.is_empty() && read < buffer.len() && peer == Peer::Open {
                return Ok(Then::Read);
            }
        }
    }
}

/// Sends as much as there is room for.
fn send(stream: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
    let mut sent = 0;
    while sent < bytes.len() {
        match stream.write(&bytes[sent..]) {
            Ok(more) => sent += more,
            Err(error) if error.kind() == WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}

#[derive(Default)]
struct EchoOnce {
    received: usize,
}

impl Turn for EchoOnce {
    /// An empty buffer of a new connection takes such a short answer.
    fn turn<S: Read + Write>(
        &mut self,
        stream: &mut S,
        buffer: &mut [u8],
        _peer: Peer,
    ) -> io::Result<Then> {
        while self.received < ONE_REQUEST {
            match stream.read(&mut buffer[..ONE_REQUEST - self.received]) {
                Ok(0) => return Ok(Then::Close),
                Ok(read) => {
                    self.received += read;
                    stream.write_all(&buffer[..read])?;
                }
                Err(error) if error.kind() == WouldBlock => return Ok(Then::Read),
                Err(error) => return Err(error),
            }
        }
        Ok(Then::Close)
    }
}

#[derive(Default)]
struct Transfer {
    request: Vec<u8>,
    /// How much was sent of what the last request asked for.
    sent: u64,
    left: u64,
}

impl Turn for Transfer {
    fn turn<S: Read + Write>(
        &mut self,
        stream: &mut S,
        buffer: &mut [u8],
        _peer: Peer,
    ) -> io::Result<Then> {
        loop {
            while self.left > 0 {
                let start = (self.sent % buffer.len() as u64) as usize;
                let part = self.left.min((buffer.len() - start) as u64) as usize;
                let sent = send(stream, &buffer[start..start + part])?;
                self.sent += sent as u64;
                self.left -= sent as u64;
                if sent < part {
                    return Ok(Then::Write);
                }
            }
            let mut bytes = [0; 8];
            let wanted = bytes.len() - self.request.len();
            match stream.read(&mut bytes[..wanted]) {
                Ok(0) => return Ok(Then::Close),
                Ok(read) => self.request.extend_from_slice(&bytes[..read]),
                Err(error) if error.kind() == WouldBlock => return Ok(Then::Read),
                Err(error) => return Err(error),
            }
            if let Ok(request) = self.request.as_slice().try_into() {
                (self.sent, self.left) = (0, u64::from_be_bytes(request));
                self.request.clear();
            }
        }
    }
}

fn echo_datagrams(mut poll: Poll, mut socket: UdpSocket) -> io::Result<()> {
    poll.registry().register(&mut socket, LISTENER, Interest::READABLE)?;
    let mut buffer = pattern();
    let mut events = Events::with_capacity(EVENTS);
    loop {
        wait(&mut poll, &mut events)?;
        if events.iter().any(|it| it.token() == STOP) {
            return Ok(());
        }
        loop {
            match socket.recv_from(&mut buffer) {
                // Where there is no room the datagram is lost, as anywhere on its way.
                Ok((length, from)) => drop(socket.send_to(&buffer[..length], from)),
                Err(error) if error.kind() == WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
    }
}
