//! `measure`: one workload on several runtimes, as a process of `compare`. Prints what
//! was measured as one line of JSON.

use super::{Done, workload};
use bowerbird_bench::{campaign::Pace, contender::Contender, measure, system};
use std::process::ExitCode;

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
    pace: Pace,
}

pub(crate) fn run(args: &Args) -> Done {
    system::end_with_parent();
    let plan = args.pace.plan(args.workers, args.size);
    let measured = measure::measure(workload(&args.workload)?, &args.contenders, &plan);
    let json = serde_json::to_string(&measured).map_err(|error| error.to_string())?;
    println!("{json}");
    Ok(ExitCode::SUCCESS)
}
