//! `measure`: one workload on several runtimes, as a process of `compare`. Prints what
//! was measured as one line of JSON.

use super::{Done, workload};
use bowerbird_bench::{contender::Contender, measure};
use std::{process::ExitCode, time::Duration};

/// What is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The workload's name
    workload: String,
    /// By whom it is done
    #[arg(long, value_delimiter = ',', required = true)]
    contenders: Vec<Contender>,
    #[arg(long)]
    workers: usize,
    #[arg(long)]
    size: u64,
    #[arg(long)]
    budget_ms: u64,
    #[arg(long)]
    sample_us: u64,
    #[arg(long)]
    min_rounds: usize,
    #[arg(long)]
    max_rounds: usize,
}

pub(crate) fn run(args: &Args) -> Done {
    let plan = measure::Plan {
        workers: args.workers,
        size: args.size,
        budget: Duration::from_millis(args.budget_ms),
        min_rounds: args.min_rounds,
        max_rounds: args.max_rounds,
        sample: Duration::from_micros(args.sample_us),
    };
    let measured = measure::measure(workload(&args.workload)?, &args.contenders, &plan);
    let json = serde_json::to_string(&measured).map_err(|error| error.to_string())?;
    println!("{json}");
    Ok(ExitCode::SUCCESS)
}
