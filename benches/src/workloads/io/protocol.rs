//! What clients and servers agree on.

use std::{convert::Infallible, fmt, net::SocketAddr, path::PathBuf, str::FromStr};

/// What a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Kind {
    /// Sends back what comes.
    TcpEcho,
    /// Sends the first [`ONE_REQUEST`] bytes of a connection back, and closes it.
    TcpConnect,
    /// Sends each datagram back.
    UdpEcho,
    /// Sends back what comes through a Unix socket.
    UnixEcho,
    /// Is told a number, eight bytes with the highest first, and sends so many bytes
    /// of the [`pattern`]; again and again.
    TcpTransfer,
    /// Opens a connection to an echo server for each that it accepts, and copies both
    /// ways.
    TcpProxy,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::TcpEcho,
        Self::TcpConnect,
        Self::UdpEcho,
        Self::UnixEcho,
        Self::TcpTransfer,
        Self::TcpProxy,
    ];

    /// As it stands on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TcpEcho => "tcp_echo",
            Self::TcpConnect => "tcp_connect",
            Self::UdpEcho => "udp_echo",
            Self::UnixEcho => "unix_echo",
            Self::TcpTransfer => "tcp_transfer",
            Self::TcpProxy => "tcp_proxy",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How many bytes a server of [`Kind::TcpConnect`] waits for.
pub const ONE_REQUEST: usize = 64;

/// How much a server reads and writes at a time, whatever it runs on.
pub const BUFFER: usize = 16 * 1024;

/// What a server's first line begins with; its address follows.
pub const LISTENING: &str = "listening on ";

/// The block of which a transfer is made: byte `i` of a transfer is `i`, as far as a
/// byte can tell.
#[must_use]
pub fn pattern() -> Vec<u8> {
    (0..4 * BUFFER).map(|it| it as u8).collect()
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An address with a port.
    Inet(SocketAddr),
    /// The path of a Unix socket.
    Path(PathBuf),
}

impl FromStr for Address {
    type Err = Infallible;

    /// What is no address with a port is a path.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.parse().map_or_else(|_| Self::Path(text.into()), Self::Inet))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => write!(f, "{address}"),
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn a_kind_has_one_name() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_str(kind.name(), false), Ok(kind));
        }
        assert_eq!(Kind::value_variants(), Kind::ALL);
    }

    #[test]
    fn an_address_is_read_as_it_is_written() {
        let inet = Address::Inet(([127, 0, 0, 1], 80).into());
        let path = Address::Path("/tmp/echo.sock".into());
        for address in [inet, path] {
            assert_eq!(address.to_string().parse(), Ok(address));
        }
    }
}
