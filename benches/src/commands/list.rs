//! `list`: the workloads.

use super::Done;
use bowerbird_bench::workloads::{self, Group};
use std::process::ExitCode;

/// What is listed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these groups
    #[arg(long, value_delimiter = ',', value_name = "GROUPS")]
    group: Vec<Group>,
}

pub(crate) fn run(args: &Args) -> Done {
    for group in Group::ALL {
        if !args.group.is_empty() && !args.group.contains(&group) {
            continue;
        }
        println!("{}", group.name());
        for workload in workloads::all().filter(|it| it.group == group) {
            println!("  {:24} {}", workload.name, workload.operation);
        }
    }
    Ok(ExitCode::SUCCESS)
}
