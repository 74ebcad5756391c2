//! TCP and UDP sockets.
//!
//! Each is a std socket in non-blocking mode and a registration with the reactor
//! of the thread on which it was made. They can be read, written and waited for
//! from any thread.
//!
//! ```text
//!   address    what a name means ──▶ the reactor's resolver
//!   TcpListener ──▶ TcpStream ──▶ halves
//!   UdpSocket
//! ```

mod address;
mod error;
mod lookup_host;
mod socket;
mod split;
mod tcp_connect;
mod tcp_listener;
mod tcp_stream;
mod traits;
mod udp_socket;

pub use address::{Addresses, Bind, ToSocketAddrs};
pub use error::AddressError;
pub use lookup_host::{LookupHost, lookup_host};
pub use socket::WaitReady;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use tcp_connect::Connect;
pub use tcp_listener::{Accept, Incoming, TcpListener};
pub use tcp_stream::{Peek, TcpStream};
pub use udp_socket::{UdpConnect, UdpRecv, UdpRecvFrom, UdpSend, UdpSendTo, UdpSocket};

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
