//! `compare`: workloads on several runtimes.

use super::Done;
use bowerbird_bench::{
    campaign::{Campaign, Pace},
    contender::Contender,
    document::Document,
    header::Header,
    languages,
    progress::Progress,
    report::{
        html,
        table::{self, Style},
    },
    workloads::{self, Group},
};
use std::{
    fs::OpenOptions,
    path::{Path, PathBuf},
    process::ExitCode,
};

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
    let document = measure(against, groups, only, common)?;
    println!("{}", table::of(&document, Style::of_stdout()));
    keep(&document, common)
}

/// Measures.
///
/// # Errors
///
/// If nothing is meant, or a file could not be written when all is over.
pub(crate) fn measure(
    against: &[Contender],
    groups: Vec<Group>,
    only: Vec<String>,
    common: &Common,
) -> Result<Document, String> {
    let campaign = campaign(against, groups, only, common)?;
    let sets = campaign.sets();
    if sets.is_empty() {
        return Err("no workload is meant: `bowerbird-bench list` prints all of them".to_owned());
    }
    if cfg!(debug_assertions) {
        eprintln!("this program is not optimized, so its figures mean nothing: use --release");
    }
    [&common.json, &common.html].into_iter().flatten().try_for_each(|it| can_be_written(it))?;
    let mut document = Document::new(Header::of_this_run());
    let is_asked = |name: &str| campaign.against.iter().any(|it| it.name() == name);
    let versions = languages::versions().into_iter().filter(|(name, _)| is_asked(name));
    document.header.versions.extend(versions);
    let mut progress = Progress::new(sets.len());
    for set in sets {
        progress.begin(set);
        let (part, took) = campaign.measure(set);
        progress.end(set, took);
        document.add(part);
    }
    progress.finish();
    Ok(document)
}

/// Writes the files that were asked for. The code tells whether something was missed.
pub(crate) fn keep(document: &Document, common: &Common) -> Done {
    if let Some(path) = &common.json {
        document.write(path).map_err(|error| error.to_string())?;
    }
    if let Some(path) = &common.html {
        let error = |error| format!("{} cannot be written: {error}", path.display());
        html::write(document, path).map_err(error)?;
    }
    Ok(if document.missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Asked before anything is measured, so that minutes are not lost.
fn can_be_written(path: &Path) -> Result<(), String> {
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.map(drop).map_err(|error| format!("{} cannot be written: {error}", path.display()))
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
    let has_workload = |name: &&String| workloads::all().any(|it| it.name.contains(name.as_str()));
    if let Some(name) = only.iter().find(|it| !has_workload(it)) {
        return Err(format!(
            "--only {name}: `bowerbird-bench list` prints the workloads there are"
        ));
    }
    let mut against = match against {
        [] => here(),
        some => some.to_vec(),
    };
    against.retain(|it| *it != Contender::Bowerbird);
    let pace = if common.quick { Pace::Quick } else { Pace::Full };
    Ok(Campaign {
        against: once(against),
        groups,
        only,
        workers: once(common.workers.clone()),
        pace,
    })
}

/// Each of them once, where it stands first: a row that is there twice answers nothing.
fn once<T: PartialEq>(all: Vec<T>) -> Vec<T> {
    let mut seen = vec![];
    for it in all {
        if !seen.contains(&it) {
            seen.push(it);
        }
    }
    seen
}

/// All that can be asked on this machine.
fn here() -> Vec<Contender> {
    let mut all = vec![Contender::Tokio, Contender::Smol, Contender::Raw];
    all.extend(languages::installed());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_twice_is_measured_once() {
        let common = Common { workers: vec![2, 1, 2], quick: true, json: None, html: None };
        let against = [Contender::Smol, Contender::Bowerbird, Contender::Tokio, Contender::Smol];
        let campaign = campaign(&against, vec![], vec![], &common).expect("all of it is there");
        assert_eq!(campaign.workers, [2, 1]);
        assert_eq!(campaign.against, [Contender::Smol, Contender::Tokio]);
    }
}
