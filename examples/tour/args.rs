//! What the command line asks for.

use std::{ffi::OsString, fmt, path::PathBuf};

/// What `--help` prints, and what follows a complaint.
pub(crate) const USAGE: &str = "\
usage: tour [OPTIONS] [DIRECTORY]

Serves DIRECTORY (by default the repository's own files) over HTTP on loopback,
crawls it, stores pages and word counts in SQLite, and reports.
Hidden files and folders named target or target-* are left out.

options:
  --quick          one round, a few seconds (by default five rounds)
  --rounds N       how often the whole is crawled, 1 or more
  --clients N      requests in flight at once, 1 to 1000 (by default 32)
  --database FILE  where results are stored; FILE is made anew
                   (by default a temporary file, removed at the end)
  --help           this text

exit codes: 0 done, 1 failed, 2 bad arguments, 130 interrupted by Ctrl-C
";

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) directory: PathBuf,
    pub(crate) rounds: u32,
    pub(crate) clients: usize,
    /// `None`: a temporary file.
    pub(crate) database: Option<PathBuf>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Run(Args),
}

/// Arguments that make no sense, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadArguments(String);

impl fmt::Display for BadArguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, BadArguments> {
    let mut args = args.into_iter();
    let (mut directory, mut rounds, mut clients, mut database) = (None, 5, 32, None);
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--help" | "-h") => return Ok(Command::Help),
            Some("--quick") => rounds = 1,
            Some("--rounds") => rounds = number("--rounds", args.next(), 1, u32::MAX)?,
            Some("--clients") => clients = number("--clients", args.next(), 1, 1000)?,
            Some("--database") => {
                let file = args.next().ok_or_else(|| missing("--database", "a file"))?;
                database = Some(PathBuf::from(file));
            }
            Some(option) if option.starts_with('-') => {
                return Err(BadArguments(format!("unknown option {option}")));
            }
            _ if directory.is_some() => {
                return Err(BadArguments(format!("a second directory: {}", arg.display())));
            }
            _ => directory = Some(PathBuf::from(arg)),
        }
    }
    let directory = directory.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    if !directory.is_dir() {
        return Err(BadArguments(format!("{} is not a directory", directory.display())));
    }
    Ok(Command::Run(Args { directory, rounds, clients: clients as usize, database }))
}

fn number(
    option: &str,
    value: Option<OsString>,
    least: u32,
    most: u32,
) -> Result<u32, BadArguments> {
    let wanted = match most {
        u32::MAX => format!("a number of at least {least}"),
        _ => format!("a number from {least} to {most}"),
    };
    let value = value.ok_or_else(|| missing(option, &wanted))?;
    let parsed = value.to_str().and_then(|it| it.parse::<u32>().ok());
    let complaint = || format!("{option} wants {wanted}, not {}", value.display());
    parsed.filter(|number| (least..=most).contains(number)).ok_or_else(|| BadArguments(complaint()))
}

fn missing(option: &str, wanted: &str) -> BadArguments {
    BadArguments(format!("{option} wants {wanted} after it"))
}
