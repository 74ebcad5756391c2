//! Checks of the code itself: what rustfmt and clippy cannot see.
//!
//! A file per rule. Each rule is one function over a [`Workspace`], which one test
//! runs on this workspace and another on small ones with a breach planted, so that
//! a rule which sees nothing is noticed. A rule prints every breach at once.

mod conformance;
mod cycles;
mod doors;
mod edges;
mod futures;
mod layers;
mod paths;
mod portable;
mod size;
mod tokens;
mod words;
mod workspace;

pub(crate) use workspace::{File, Workspace};

/// The crates, and what each may name of the others: the arrows of
/// `docs/architecture.md`.
pub(crate) const CRATES: [Crate; 6] = [
    Crate { name: "sync", folder: "sync", may_name: &[] },
    Crate { name: "reactor", folder: "reactor", may_name: &["sync"] },
    Crate { name: "executor", folder: "executor", may_name: &["sync"] },
    Crate { name: "macros", folder: "macros", may_name: &[] },
    Crate { name: "bowerbird", folder: "", may_name: &["sync", "reactor", "executor", "macros"] },
    Crate { name: "bench", folder: "benches", may_name: &["bowerbird"] },
];

/// One crate of the workspace, by the name it has in code.
pub(crate) struct Crate {
    pub(crate) name: &'static str,
    pub(crate) folder: &'static str,
    pub(crate) may_name: &'static [&'static str],
}

impl Crate {
    /// The folder of its sources, with a slash at the end.
    pub(crate) fn sources(&self) -> String {
        self.file("src/")
    }

    /// A file of the crate, by its path inside.
    pub(crate) fn file(&self, path: &str) -> String {
        match self.folder {
            "" => path.to_owned(),
            folder => format!("{folder}/{path}"),
        }
    }

    /// Whether programs are built from it; benchmarks are not.
    pub(crate) fn is_library(&self) -> bool {
        self.name != "bench"
    }
}

/// Fails with every breach of a rule in this workspace.
pub(crate) fn check(rule: fn(&Workspace) -> Vec<String>) {
    let breaches = rule(&Workspace::read());
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

/// Fails unless `rule` finds exactly `expected` breaches in these files.
pub(crate) fn planted<const N: usize>(
    rule: fn(&Workspace) -> Vec<String>,
    files: [(&str, &str); N],
    expected: &[&str],
) {
    let breaches = rule(&Workspace::of(files));
    assert_eq!(breaches, expected);
}
