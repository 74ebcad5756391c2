//! One connection of the load generator: a request, its answer, the next request.

use super::super::protocol::{Address, Kind, ONE_REQUEST, pattern};
use mio::{
    Interest, Registry, Token,
    event::Source,
    net::{TcpStream, UdpSocket, UnixStream},
};
use socket2::SockRef;
use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    rc::Rc,
    time::{Duration, Instant},
};

/// How much a transfer asks for at a time.
pub(crate) const TRANSFER: u64 = 16 << 20;

/// A connection, and the request that is under way.
pub(super) struct Client {
    socket: Socket,
    answer: Answer,
    request: Vec<u8>,
    /// How much of the request has been sent.
    sent: usize,
    /// How much of the answer has come.
    received: u64,
    /// Tells requests apart.
    number: u64,
    /// When the request began; none while nothing is asked.
    pub(super) since: Option<Instant>,
}

/// What must come back.
#[derive(Clone)]
enum Answer {
    /// The request.
    Echo,
    /// The request, and then the end of the connection.
    EchoAndEnd,
    /// So much of the pattern, of which this is a block and a little more.
    Pattern(Rc<[u8]>),
}

/// What has become of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Progress {
    /// The socket must be ready again.
    Waits,
    /// The answer is complete.
    Answered,
}

/// What connections of a kind have in common.
pub(super) struct Plan {
    address: Address,
    kind: Kind,
    answer: Answer,
    request: usize,
}

impl Plan {
    pub(super) fn new(kind: Kind, address: Address, size: usize) -> Self {
        let (answer, request) = match kind {
            Kind::TcpConnect => (Answer::EchoAndEnd, ONE_REQUEST),
            Kind::TcpTransfer => (Answer::Pattern(pattern().into()), size_of::<u64>()),
            _ => (Answer::Echo, size),
        };
        Self { address, kind, answer, request }
    }

    /// Begins a connection, which need not be complete.
    pub(super) fn connect(&self, index: usize, registry: &Registry) -> io::Result<Client> {
        let mut socket = match &self.address {
            Address::Path(path) => Socket::Unix(UnixStream::connect(path)?),
            Address::Inet(address) if self.kind == Kind::UdpEcho => {
                let socket = UdpSocket::bind(any(*address))?;
                socket.connect(*address)?;
                Socket::Udp(socket)
            }
            Address::Inet(address) => {
                let stream = TcpStream::connect(*address)?;
                let options = SockRef::from(&stream);
                options.set_tcp_nodelay(true)?;
                options.set_linger(Some(Duration::ZERO))?;
                Socket::Tcp(stream)
            }
        };
        let both = Interest::READABLE | Interest::WRITABLE;
        registry.register(socket.source(), Token(index), both)?;
        // Each connection has bytes of its own.
        let request = (0..self.request).map(|it| (it + index) as u8).collect();
        let answer = self.answer.clone();
        Ok(Client { socket, answer, request, sent: 0, received: 0, number: 0, since: None })
    }
}

fn any(like: SocketAddr) -> SocketAddr {
    match like {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

impl Client {
    /// Begins the next request. Its answer will be an event: the last one was read to
    /// its end, so whatever comes is news.
    pub(super) fn ask(&mut self, now: Instant) -> io::Result<()> {
        (self.sent, self.received, self.since) = (0, 0, Some(now));
        self.number += 1;
        let stamp = match self.answer {
            Answer::Pattern(_) => TRANSFER,
            _ => self.number,
        };
        let length = self.request.len().min(size_of_val(&stamp));
        let stamp = stamp.to_be_bytes();
        self.request[..length].copy_from_slice(&stamp[stamp.len() - length..]);
        self.send()
    }

    fn send(&mut self) -> io::Result<()> {
        while self.sent < self.request.len() {
            match self.socket.write(&self.request[self.sent..]) {
                Ok(sent) => self.sent += sent,
                Err(error) if is_early(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends and receives as much as can be, counting the bytes that came into `bytes`.
    pub(super) fn advance(&mut self, buffer: &mut [u8], bytes: &mut u64) -> io::Result<Progress> {
        self.send()?;
        while !self.is_complete() {
            match self.socket.read(buffer) {
                Ok(0) => return self.ended(),
                Ok(read) => {
                    self.check(&buffer[..read])?;
                    self.received += read as u64;
                    *bytes += read as u64;
                }
                Err(error) if is_early(&error) => return Ok(Progress::Waits),
                Err(error) => return Err(error),
            }
        }
        Ok(Progress::Answered)
    }

    fn length(&self) -> u64 {
        match self.answer {
            Answer::Pattern(_) => TRANSFER,
            _ => self.request.len() as u64,
        }
    }

    fn is_complete(&self) -> bool {
        self.received == self.length() && !matches!(self.answer, Answer::EchoAndEnd)
    }

    fn ended(&self) -> io::Result<Progress> {
        match self.answer {
            Answer::EchoAndEnd if self.received == self.length() => Ok(Progress::Answered),
            _ => Err(wrong(format!(
                "the server closed the connection after {} of {} bytes",
                self.received,
                self.length()
            ))),
        }
    }

    fn check(&self, bytes: &[u8]) -> io::Result<()> {
        let start = usize::try_from(self.received).unwrap_or(usize::MAX);
        let expected = match &self.answer {
            Answer::Pattern(block) => {
                // Every 256 bytes it begins again, and a buffer is half a block at most.
                let start = start % 256;
                block.get(start..start + bytes.len())
            }
            Answer::Echo | Answer::EchoAndEnd => self.request.get(start..start + bytes.len()),
        };
        match expected == Some(bytes) {
            true => Ok(()),
            false => Err(wrong(format!("a wrong answer, after {start} right bytes"))),
        }
    }
}

/// Not connected yet, not ready, or no room.
fn is_early(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, NotConnected, WouldBlock};
    matches!(error.kind(), WouldBlock | NotConnected | Interrupted)
}

fn wrong(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

enum Socket {
    Tcp(TcpStream),
    Udp(UdpSocket),
    Unix(UnixStream),
}

impl Socket {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(it) => it,
            Self::Udp(it) => it,
            Self::Unix(it) => it,
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(it) => it.read(buffer),
            Self::Udp(it) => it.recv(buffer),
            Self::Unix(it) => it.read(buffer),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(it) => it.write(bytes),
            Self::Udp(it) => it.send(bytes),
            Self::Unix(it) => it.write(bytes),
        }
    }
}
