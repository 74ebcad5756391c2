//! Sockets.
//!
//! Server and clients are processes of their own: `bowerbird-bench serve` and
//! `bowerbird-bench load`, which may also be run by hand. All of a workload's servers
//! are up at the same time, and all but one are idle. One sample is one run of the load
//! generator: a connection per client, a warm-up, then 200 ms that count (60 ms for a
//! quick look); [`load`] says what it promises. `size` is the number of connections,
//! each with one request under way.
//!
//! | reading | whose |
//! |---|---|
//! | `op/s`, `us p50`, `us p99`, `us p99.9` | as the clients see it |
//! | `MB/s` | of a transfer, instead of those |
//! | `us server cpu/op` | processor time of the server's process, kernel included |
//! | `server syscalls/op` | counted once by strace ([`calls`]); not for a quick look |
//! | `server switches/op` | threads that left their processor |
//!
//! An operation is a request with its answer; of a transfer, a MiB.
//!
//! # Where it runs
//!
//! With one worker the server has a processor and the clients have another one, if
//! there are two. With several workers each of them has a processor and the load
//! generator runs wherever it is put. On a machine with two processors it takes its
//! part from the server, then: the server's processor time is the figure to look at,
//! and throughput and latency tell of the pair.
//!
//! # The same for all
//!
//! The listening sockets are made by the same code with the same options; each
//! connection has `TCP_NODELAY`; buffers for reading are of 16 KiB; a task per
//! connection, no other limits. What differs is what each runtime does with a socket
//! it is given, and the raw loop's ways, which [`raw`] tells.

mod calls;
mod listening;
pub mod load;
pub mod observe;
pub mod protocol;
pub mod raw;
mod served;
pub mod server;
pub mod sockets;

use self::protocol::{Kind, ONE_REQUEST};
use super::{Group, Workers, Workload};
use crate::{
    column::{Column, Failure, Setup},
    contender::Contender,
};

const NO_COPY: &[(Contender, &str)] = &[
    (Contender::Bowerbird, "two copies of the futures crate, joined"),
    (Contender::Smol, "two copies of futures-lite, joined"),
];

const NO_UNIX: &[(Contender, &str)] = &[(Contender::Bowerbird, "std's Unix sockets in an AsyncFd")];

/// The group's part of the table.
pub const WORKLOADS: &[Workload] = &[
    workload("tcp_echo_64b", "64 bytes go to a server and come back", |setup| {
        served::open(setup, Kind::TcpEcho, 64)
    })
    .sizes(&[1, 50, 500], &[50]),
    workload("tcp_echo_16k", "16 KiB go to a server and come back", |setup| {
        served::open(setup, Kind::TcpEcho, 16 * 1024)
    })
    .sizes(&[1, 50, 500], &[50]),
    workload(
        "tcp_connect",
        "a connection: 64 bytes there and back, closed by the server",
        |setup| served::open(setup, Kind::TcpConnect, ONE_REQUEST),
    )
    .sizes(&[50], &[50]),
    workload("udp_echo", "a datagram of 64 bytes goes to a server and comes back", |setup| {
        served::open(setup, Kind::UdpEcho, 64)
    })
    .sizes(&[1, 50], &[50])
    // There is one socket, and one task that serves it.
    .workers(Workers::One),
    workload("unix_echo", "64 bytes go through a Unix socket and come back", |setup| {
        served::open(setup, Kind::UnixEcho, 64)
    })
    .sizes(&[1, 50], &[50])
    .notes(NO_UNIX),
    workload("tcp_transfer", "a MiB from a server, in requests of 16", |setup| {
        served::open(setup, Kind::TcpTransfer, 0)
    })
    .sizes(&[1], &[1]),
    workload("tcp_proxy", "64 bytes go through a proxy to a server, and back", |setup| {
        served::open(setup, Kind::TcpProxy, 64)
    })
    .sizes(&[50], &[50])
    .notes(NO_COPY),
];

const fn workload(
    name: &'static str,
    operation: &'static str,
    open: fn(&Setup) -> Result<Box<dyn Column>, Failure>,
) -> Workload {
    Workload::new(Group::Io, name, operation, open)
}
