//! The harness: compares runtimes on the same work, and shows what came out.
//!
//! ```text
//! cargo run --release -p bowerbird-bench -- compare --quick
//! ```
//!
//! Each command is a file of `commands/`. All of them end with 0 if they did what they
//! were asked, with 1 if a part of it failed (the rest was done), and with 2 if they
//! were asked for something that there is not.

mod commands;

use bowerbird_bench::heap::Counting;
use clap::{Parser, Subcommand};
use commands::{behave, behaviours, compare, list, load, measure, report, sample, scale, serve};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// bowerbird and other runtimes, on the same work.
#[derive(Debug, Parser)]
#[command(name = "bowerbird-bench")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure workloads on several runtimes, and print ratios with what they are worth
    Compare(compare::Args),
    /// Measure whether the cost of one grows with the number of tasks, timers, waiters or
    /// connections
    Scale(scale::Args),
    /// Look at what runtimes do in bad moments
    Behaviours(behaviours::Args),
    /// List the workloads
    List(list::Args),
    /// Show the file of a run again, or compare two runs
    Report(report::Args),
    /// Run a server on a runtime, until standard input is closed
    Serve(serve::Args),
    /// Ask a server for as much as it answers, and tell how that went
    Load(load::Args),
    /// One bad moment of one runtime, as a process of `behaviours`
    #[command(hide = true)]
    Behave(behave::Args),
    /// One workload on several runtimes, as a process of `compare`
    #[command(hide = true)]
    Measure(measure::Args),
    /// One sample of one runtime, as a process of `measure`
    #[command(hide = true)]
    Sample(sample::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Compare(args) => compare::run(&args),
        Command::Scale(args) => scale::run(&args),
        Command::Behaviours(args) => behaviours::run(&args),
        Command::Behave(args) => behave::run(&args),
        Command::List(args) => list::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Load(args) => load::run(&args),
        Command::Measure(args) => measure::run(&args),
        Command::Sample(args) => sample::run(&args),
    };
    done.unwrap_or_else(|error| {
        eprintln!("bowerbird-bench: {error}");
        ExitCode::from(2)
    })
}
