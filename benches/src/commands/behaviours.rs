//! `behaviours`: what runtimes do in bad moments. Each observes each situation in a
//! process of its own.
//!
//! A target that is not met is a line of the table and no failure of the command. One
//! that hangs or dies is.

use super::Done;
use bowerbird_bench::{
    behaviours::{
        self, RUNTIMES, Situation,
        finding::{self, Finding},
        table::{self, Medium},
    },
    clock,
    contender::Contender,
    program,
    progress::Progress,
};
use std::{
    fs::File,
    io::{IsTerminal, Write, stdout},
    path::PathBuf,
    process::ExitCode,
};

/// What is observed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Beside whom
    #[arg(long, value_delimiter = ',', value_name = "RUNTIMES", default_value = "tokio,smol")]
    against: Vec<Contender>,
    /// Only these situations, such as R1
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    only: Vec<String>,
    /// Write what was found to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Done {
    let (situations, runtimes) = (situations(&args.only)?, runtimes(&args.against)?);
    // Opened before anything takes its time.
    let file = args.json.as_ref().map(|path| {
        File::create(path).map_err(|error| format!("{} cannot be written: {error}", path.display()))
    });
    let file = file.transpose()?;
    let findings = observe(&situations, &runtimes);
    let medium = if stdout().is_terminal() { Medium::Terminal } else { Medium::Text };
    println!("{}", table::table(&findings, &runtimes, medium));
    let troubles = table::troubles(&findings);
    eprint!("{troubles}");
    if let Some(mut file) = file {
        let json = serde_json::to_string_pretty(&findings).map_err(|error| error.to_string())?;
        writeln!(file, "{json}").map_err(|error| format!("the file cannot be written: {error}"))?;
    }
    Ok(if troubles.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A situation on all runtimes, then the next: neighbours see the same machine.
fn observe(situations: &[Situation], runtimes: &[Contender]) -> Vec<Finding> {
    let mut progress = Progress::new(situations.len() * runtimes.len());
    let mut all = vec![];
    for situation in situations {
        for &runtime in runtimes {
            let name = format!("{} on {}", situation.id, runtime.name());
            progress.begin(&name);
            let start = clock::now();
            let mut process = program::this_program();
            process.args(["behave", situation.id, runtime.name()]);
            let answers = finding::ask(&mut process, finding::LIMIT);
            all.extend(finding::findings(situation, runtime, answers));
            progress.end(&name, start.elapsed());
        }
    }
    progress.finish();
    all
}

fn situations(only: &[String]) -> Result<Vec<Situation>, String> {
    let all = behaviours::all();
    if let Some(name) = only.iter().find(|it| behaviours::named(it).is_none()) {
        let names: Vec<_> = all.iter().map(|it| it.id).collect();
        return Err(format!("--only {name}: the situations are {}", names.join(", ")));
    }
    let is_meant =
        |it: &Situation| only.is_empty() || only.iter().any(|id| it.id.eq_ignore_ascii_case(id));
    Ok(all.into_iter().filter(is_meant).collect())
}

/// bowerbird and those beside it, in the order of tables.
fn runtimes(against: &[Contender]) -> Result<Vec<Contender>, String> {
    if let Some(other) = against.iter().find(|it| !RUNTIMES.contains(it)) {
        let names = RUNTIMES.map(Contender::name).join(", ");
        let other = other.name();
        return Err(format!("--against {other}: only {names} get into these situations"));
    }
    let is_meant = |it: &Contender| *it == Contender::Bowerbird || against.contains(it);
    Ok(RUNTIMES.into_iter().filter(is_meant).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn situations_are_named_in_any_order_and_come_in_theirs() {
        let ids = |only: &[&str]| {
            let only: Vec<_> = only.iter().map(|it| (*it).to_owned()).collect();
            situations(&only).map(|all| all.iter().map(|it| it.id).collect::<Vec<_>>())
        };
        assert_eq!(ids(&["r4", "R1"]), Ok(vec!["R1", "R4"]));
        assert_eq!(ids(&[]).map(|it| it.len()), Ok(8));
        assert!(ids(&["R1", "R9"]).is_err_and(|it| it.contains("R9") && it.contains("R8")));
    }

    #[test]
    fn bowerbird_is_always_there_once() {
        let some = [Contender::Tokio, Contender::Bowerbird];
        assert_eq!(runtimes(&some), Ok(vec![Contender::Bowerbird, Contender::Tokio]));
        assert_eq!(runtimes(&[]), Ok(vec![Contender::Bowerbird]));
        assert!(runtimes(&[Contender::Raw]).is_err_and(|it| it.contains("raw")));
    }
}
