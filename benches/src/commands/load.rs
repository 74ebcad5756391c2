//! `load`: the load generator.

use super::Done;
use bowerbird_bench::workloads::io::{
    load::{self, Load, Report},
    protocol::{Address, Kind},
};
use std::{process::ExitCode, time::Duration};

/// What is asked, of whom.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What the server does
    kind: Kind,
    /// Where it listens
    #[arg(long, value_name = "ADDRESS")]
    connect: Address,
    /// How many requests are under way at a time
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// The bytes of a request, where the kind leaves a choice
    #[arg(long, default_value_t = 64)]
    size: usize,
    /// How long to go on before it counts
    #[arg(long, default_value_t = 100, value_name = "MILLISECONDS")]
    warm_up: u64,
    /// How long it counts
    #[arg(long, default_value_t = 1_000, value_name = "MILLISECONDS")]
    duration: u64,
    /// The server's process, to tell what it uses
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// Print a line of JSON, with all latencies
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Done {
    let load = Load {
        kind: args.kind,
        address: args.connect.clone(),
        connections: args.connections as usize,
        size: args.size.max(1),
        warm_up: Duration::from_millis(args.warm_up),
        window: Duration::from_millis(args.duration),
        server: args.server_pid,
    };
    let report = load::run(&load)?;
    match args.json {
        true => println!("{}", serde_json::to_string(&report).map_err(|it| it.to_string())?),
        false => print(&report),
    }
    Ok(ExitCode::SUCCESS)
}

fn print(report: &Report) {
    let latencies = report.latencies();
    let micros = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
    println!(
        "{} answers in {:.2} s: {:.0} per second, {:.1} MB/s",
        report.answers,
        report.seconds,
        report.answers as f64 / report.seconds,
        report.bytes as f64 / 1e6 / report.seconds,
    );
    println!(
        "latency: p50 {:.1} us, p99 {:.1} us, p99.9 {:.1} us",
        micros(0.5),
        micros(0.99),
        micros(0.999)
    );
    let per_answer = |it: u64| it as f64 / report.answers as f64;
    if let Some(nanos) = report.server_cpu {
        println!("server: {:.2} us of processor time per answer", per_answer(nanos) / 1e3);
    }
    if let Some(switches) = report.server_switches {
        println!("server: {:.3} context switches per answer", per_answer(switches));
    }
}
