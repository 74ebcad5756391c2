//! `behave`: one situation on one runtime, as a process of `behaviours`. Prints the
//! answers as one line of JSON.

use super::Done;
use bowerbird_bench::{behaviours, contender::Contender, system};
use std::process::ExitCode;

/// What is observed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The situation's name
    situation: String,
    /// Who gets into it
    runtime: Contender,
}

pub(crate) fn run(args: &Args) -> Done {
    system::end_with_parent();
    let Args { situation, runtime } = args;
    let found = behaviours::named(situation);
    let found = found.ok_or_else(|| format!("there is no situation {situation:?}"))?;
    let answers = (found.observe)(*runtime);
    let answers = answers.ok_or_else(|| format!("{} is no such runtime", runtime.name()))?;
    println!("{}", serde_json::to_string(&answers).map_err(|error| error.to_string())?);
    Ok(ExitCode::SUCCESS)
}
