//! On which machine, when, and of which versions.

mod date;
mod machine;
mod versions;

use serde::{Deserialize, Serialize};
use std::{env, path::Path, thread};

/// What a reader must know to judge a figure, or to get it again. What is not known is
/// empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Header {
    /// The command that measured.
    pub command: String,
    /// When it began: UTC.
    pub date: String,
    /// The commit that was checked out when the program was built.
    pub commit: String,
    /// The operating system.
    pub kernel: String,
    /// The model of the processors.
    pub cpu: String,
    /// How many of them this process may use.
    pub processors: String,
    /// How much memory there is.
    pub memory: String,
    /// How busy the machine was at the start: over 1, 5 and 15 minutes.
    pub load: String,
    /// The compiler.
    pub rustc: String,
    /// What it was told.
    pub profile: String,
    /// Whose allocator all runtimes use.
    pub allocator: String,
    /// Names and versions of what was compared. Who has rows of something that is not
    /// a crate adds it here.
    pub versions: Vec<(String, String)>,
}

impl Header {
    /// Of this process on this machine, now.
    #[must_use]
    pub fn of_this_run() -> Self {
        let processors = thread::available_parallelism().map(|it| it.to_string());
        Self {
            command: command(env::args()),
            date: date::now(),
            commit: versions::COMMIT.to_owned(),
            kernel: machine::kernel(),
            cpu: machine::cpu(),
            processors: processors.unwrap_or_default(),
            memory: machine::memory(),
            load: machine::load(),
            rustc: versions::RUSTC.to_owned(),
            profile: versions::PROFILE.to_owned(),
            allocator: "the system's".to_owned(),
            versions: versions::of_crates(),
        }
    }

    /// What is known, with names, in the order of reports.
    #[must_use]
    pub fn facts(&self) -> Vec<(&str, String)> {
        let versions = self.versions.iter().map(|(name, version)| format!("{name} {version}"));
        let facts = [
            ("command", self.command.clone()),
            ("date", self.date.clone()),
            ("commit", self.commit.clone()),
            ("kernel", self.kernel.clone()),
            ("processor", self.cpu.clone()),
            ("processors", self.processors.clone()),
            ("memory", self.memory.clone()),
            ("load at the start", self.load.clone()),
            ("compiler", self.rustc.clone()),
            ("profile", self.profile.clone()),
            ("allocator", self.allocator.clone()),
            ("versions", versions.collect::<Vec<_>>().join(", ")),
        ];
        facts.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    /// Adds what another run has to say. Where the two differ, both stand.
    pub fn merge(&mut self, other: Self) {
        for (ours, theirs) in [
            (&mut self.command, other.command),
            (&mut self.date, other.date),
            (&mut self.commit, other.commit),
            (&mut self.kernel, other.kernel),
            (&mut self.cpu, other.cpu),
            (&mut self.processors, other.processors),
            (&mut self.memory, other.memory),
            (&mut self.load, other.load),
            (&mut self.rustc, other.rustc),
            (&mut self.profile, other.profile),
            (&mut self.allocator, other.allocator),
        ] {
            join(ours, &theirs);
        }
        for (name, version) in other.versions {
            match self.versions.iter_mut().find(|it| it.0 == name) {
                Some((_, ours)) => join(ours, &version),
                None => self.versions.push((name, version)),
            }
        }
    }
}

fn join(ours: &mut String, theirs: &str) {
    if ours.is_empty() {
        theirs.clone_into(ours);
    } else if !theirs.is_empty() && ours.split("; ").all(|it| it != theirs) {
        *ours += "; ";
        *ours += theirs;
    }
}

/// As it was typed, but the program without its folder.
fn command(arguments: impl Iterator<Item = String>) -> String {
    let mut words: Vec<String> = arguments.collect();
    if let Some(program) = words.first_mut() {
        let name = Path::new(&*program).file_name().map(|it| it.to_string_lossy().into_owned());
        *program = name.unwrap_or_default();
    }
    let quote = |word: String| match word.contains(char::is_whitespace) {
        true => format!("'{word}'"),
        false => word,
    };
    words.into_iter().map(quote).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_tells_the_command_and_the_compiler() {
        let header = Header::of_this_run();
        assert!(header.command.starts_with("bowerbird_bench-"), "{}", header.command);
        assert!(header.rustc.starts_with("rustc 1."), "{}", header.rustc);
        let facts = header.facts();
        assert!(facts.iter().all(|(_, value)| !value.is_empty()), "{facts:?}");
        assert!(facts.iter().any(|(name, _)| *name == "versions"), "{facts:?}");
    }

    #[test]
    fn a_command_can_be_typed_again() {
        let words = ["/some/where/bench", "compare", "--json", "a file"];
        assert_eq!(command(words.map(str::to_owned).into_iter()), "bench compare --json 'a file'");
    }

    #[test]
    fn what_differs_stands_beside_the_other() {
        let header = |cpu: &str, version: &str| Header {
            cpu: cpu.to_owned(),
            versions: vec![("tokio".to_owned(), version.to_owned())],
            ..Header::default()
        };
        let mut merged = header("abacus", "1");
        merged.merge(header("abacus", "2"));
        assert_eq!((&*merged.cpu, &*merged.versions[0].1), ("abacus", "1; 2"));
    }
}
