//! The table of behaviours names tests that exist.

use crate::{File, Workspace};
use std::collections::BTreeSet;

const TABLE: &str = "docs/conformance.md";

/// The last column: our test, or why there is none.
const COLUMNS: usize = 3;

#[test]
fn every_behaviour_names_a_test_that_exists() {
    crate::check(breaches);
}

fn breaches(workspace: &Workspace) -> Vec<String> {
    let tests: BTreeSet<&str> = workspace.rust("").flat_map(functions).collect();
    let mut breaches = vec![];
    let lines = workspace.get(TABLE).into_iter().flat_map(File::lines);
    for (number, line) in lines.filter(|(_, line)| line.starts_with('|')) {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").collect();
        if line.starts_with("|---") || line.starts_with("| behaviour ") {
            continue;
        }
        let Some(cell) = cells.get(COLUMNS - 1) else {
            breaches.push(format!("{TABLE}:{number}: {} columns of {COLUMNS}", cells.len()));
            continue;
        };
        let named: Vec<_> =
            cell.split('`').skip(1).step_by(2).filter(|it| it.contains("::")).collect();
        if named.is_empty() && !cell.contains("differs") && !cell.contains("does not apply") {
            breaches.push(format!("{TABLE}:{number}: no test, and no reason"));
        }
        for name in named {
            let function = name.rsplit("::").next().unwrap_or_default();
            // A type may be named as well, to say why there is no test.
            if function.starts_with(char::is_lowercase) && !tests.contains(function) {
                breaches.push(format!("{TABLE}:{number}: there is no test {name}"));
            }
        }
    }
    breaches
}

/// The names of the functions in a file.
fn functions(file: &File) -> impl Iterator<Item = &str> {
    file.lines().filter_map(|(_, line)| {
        let (_, rest) = line.split_once("fn ")?;
        rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next()
    })
}

#[test]
fn a_behaviour_without_a_test_is_caught() {
    let table = "| behaviour | from | our test |\n|---|---|---|\n| a | x | `it::a_works` |\n\
                 | b | x | `it::b_works` |\n| c | x | - |\n| d | x | differs: it is better |\n| e |\n";
    crate::planted(
        breaches,
        [("docs/conformance.md", table), ("tests/it/a.rs", "fn a_works() {}")],
        &[
            "docs/conformance.md:4: there is no test it::b_works",
            "docs/conformance.md:5: no test, and no reason",
            "docs/conformance.md:7: 1 columns of 3",
        ],
    );
}
