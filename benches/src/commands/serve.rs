//! `serve`: a server of one of the runtimes. It prints where it listens, and ends when
//! its standard input is closed, so that none outlives the program that started it.

use super::Done;
use bowerbird_bench::{
    contender::Contender,
    system,
    workloads::io::{
        protocol::{Address, Kind, LISTENING},
        server::{self, Order},
    },
};
use std::{
    io::{self, Write},
    net::SocketAddr,
    process::ExitCode,
};

/// What is served.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// By which runtime
    runtime: Contender,
    /// What the server does
    kind: Kind,
    /// With how many threads that run tasks
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: u16,
    /// Where it listens; any free port of this machine, or a file of its own, without this
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<Address>,
    /// The echo server behind a proxy
    #[arg(long, value_name = "ADDRESS")]
    upstream: Option<SocketAddr>,
}

pub(crate) fn run(args: &Args) -> Done {
    // One that needs more than it gets will say so when it cannot accept.
    let _ = system::raise_descriptor_limit();
    let &Args { runtime, kind, upstream, .. } = args;
    let workers = usize::from(args.workers);
    let order = Order { kind, workers, listen: args.listen.clone(), upstream };
    let server = server::start(runtime, &order)?;
    let told = writeln!(io::stdout(), "{LISTENING}{}", server.address());
    told.map_err(|error| format!("nobody hears where it listens: {error}"))?;
    io::copy(&mut io::stdin(), &mut io::sink())
        .map_err(|error| format!("standard input: {error}"))?;
    Ok(ExitCode::SUCCESS)
}
