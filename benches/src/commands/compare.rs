//! `compare`: workloads on several runtimes.

use super::Done;
use bowerbird_bench::{
    campaign::{Campaign, Pace},
    contender::Contender,
    document::Part,
    progress::Progress,
    workloads::Group,
};
use std::{path::PathBuf, process::ExitCode};

/// What is compared.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// With whom; without this, with all that can be asked here
    #[arg(long, value_delimiter = ',', value_name = "RUNTIMES")]
    against: Vec<Contender>,
    /// Only these groups
    #[arg(long, value_delimiter = ',', value_name = "GROUPS")]
    group: Vec<Group>,
    /// Only workloads whose names contain one of these
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    only: Vec<String>,
    #[command(flatten)]
    common: Common,
}

/// What commands that measure have in common.
#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    /// With how many threads that run tasks
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS", default_values_t = [1, 2])]
    workers: Vec<usize>,
    /// Smaller sizes and fewer rounds: a first look, in minutes
    #[arg(long)]
    quick: bool,
    /// Write all rows to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a report with plots to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Done {
    let groups = if args.group.is_empty() { Group::ALL.to_vec() } else { args.group.clone() };
    compare(&args.against, groups, args.only.clone(), &args.common)
}

/// Measures, shows and keeps.
pub(crate) fn compare(
    against: &[Contender],
    groups: Vec<Group>,
    only: Vec<String>,
    common: &Common,
) -> Done {
    let campaign = campaign(against, groups, only, common)?;
    let sets = campaign.sets();
    if sets.is_empty() {
        return Err("no workload is meant: `bowerbird-bench list` prints all of them".to_owned());
    }
    let mut progress = Progress::new(sets.len());
    let mut all = Part::default();
    for set in sets {
        progress.begin(set);
        let (part, took) = campaign.measure(set);
        progress.end(set, took);
        all.rows.extend(part.rows);
        all.distributions.extend(part.distributions);
        all.missed.extend(part.missed);
    }
    progress.finish();
    for row in &all.rows {
        println!("{}", serde_json::to_string(row).expect("a row can be written"));
    }
    for missed in &all.missed {
        println!("{}", serde_json::to_string(missed).expect("a row can be written"));
    }
    Ok(if all.missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn campaign(
    against: &[Contender],
    groups: Vec<Group>,
    only: Vec<String>,
    common: &Common,
) -> Result<Campaign, String> {
    if let Some(workers) = common.workers.iter().find(|it| !(1..=1024).contains(*it)) {
        return Err(format!("--workers {workers}: a runtime has 1 to 1024 of them"));
    }
    let mut against = match against {
        [] => vec![Contender::Tokio, Contender::Smol, Contender::Raw],
        some => some.to_vec(),
    };
    against.retain(|it| *it != Contender::Bowerbird);
    let pace = if common.quick { Pace::Quick } else { Pace::Full };
    Ok(Campaign { against, groups, only, workers: common.workers.clone(), pace })
}
