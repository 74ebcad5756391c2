//! `sample`: one sample of one runtime, as a process of `measure`. Prints its readings
//! as one line of JSON.

use super::{Done, workload};
use bowerbird_bench::{column::Setup, contender::Contender, system};
use std::{process::ExitCode, time::Duration};

/// What is sampled.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The workload's name
    workload: String,
    /// By whom it is done
    contender: Contender,
    #[arg(long)]
    workers: usize,
    #[arg(long)]
    size: u64,
}

pub(crate) fn run(args: &Args) -> Done {
    system::end_with_parent();
    let &Args { contender, workers, size, .. } = args;
    let setup = Setup { contender, workers, size, sample: Duration::from_millis(5) };
    let open = workload(&args.workload)?.open;
    let sample = open(&setup).and_then(|mut column| column.sample());
    let readings = sample.map_err(|failure| failure.to_string())?.readings;
    println!("{}", serde_json::to_string(&readings).map_err(|error| error.to_string())?);
    Ok(ExitCode::SUCCESS)
}
