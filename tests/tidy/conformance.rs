//! The tables of behaviours, and of what went wrong elsewhere, name tests that exist.

use crate::{File, Workspace};

/// Where the tables are, and what the first column is called: other tables in the
/// same file are none of ours.
const TABLES: [(&str, &str); 2] =
    [("docs/conformance.md", "behaviour"), ("docs/reliability.md", "what went wrong")];

/// The last column: our test, or why there is none.
const COLUMNS: usize = 3;

/// What a row without a test has to say.
const REASONS: [&str; 3] = ["differs", "does not apply", "cannot happen"];

#[test]
fn every_behaviour_names_a_test_that_exists() {
    crate::check(breaches);
}

fn breaches(workspace: &Workspace) -> Vec<String> {
    let tests: Vec<_> = workspace
        .rust("")
        .flat_map(|file| functions(file).map(|name| (file.path.as_str(), name)))
        .collect();
    let exists = |place: &str, function: &str| {
        // Where only a module is named, the test may be in any file.
        let is_there = |path: &str| !place.ends_with(".rs") || path.ends_with(place);
        tests.iter().any(|(path, name)| *name == function && is_there(path))
    };
    let mut breaches = vec![];
    for (number, line, path) in rows(workspace) {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").collect();
        let Some(cell) = cells.get(COLUMNS - 1) else {
            breaches.push(format!("{path}:{number}: {} columns of {COLUMNS}", cells.len()));
            continue;
        };
        let named: Vec<_> =
            cell.split('`').skip(1).step_by(2).filter_map(|it| it.rsplit_once("::")).collect();
        if named.is_empty() && !REASONS.iter().any(|it| cell.contains(it)) {
            breaches.push(format!("{path}:{number}: no test, and no reason"));
        }
        for (place, function) in named {
            // A type may be named as well, to say why there is no test.
            if function.starts_with(char::is_lowercase) && !exists(place, function) {
                breaches.push(format!("{path}:{number}: there is no test {place}::{function}"));
            }
        }
    }
    breaches
}

/// The rows of all tables: number of the line, the line, the file.
fn rows(workspace: &Workspace) -> Vec<(usize, &str, &'static str)> {
    let mut rows = vec![];
    for (path, first) in TABLES {
        let mut is_ours = false;
        for (number, line) in workspace.get(path).into_iter().flat_map(File::lines) {
            let Some(cells) = line.strip_prefix("| ") else {
                // The line under the heads of the columns is part of the table.
                is_ours &= line.starts_with('|');
                continue;
            };
            match cells.starts_with(&format!("{first} |")) {
                true => is_ours = true,
                false if is_ours => rows.push((number, line, path)),
                false => (),
            }
        }
    }
    rows
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
    let other = "| means | finds |\n|---|---|\n| a | `it::nothing` |\n\n\
                 | what went wrong | where | our test |\n|---|---|---|\n\
                 | a | x 1 | `it/a.rs::a_works` |\n| b | x 2 | `it/b.rs::a_works` |\n\
                 | c | x 3 | cannot happen: there is no c |\n";
    crate::planted(
        breaches,
        [
            ("docs/conformance.md", table),
            ("docs/reliability.md", other),
            ("tests/it/a.rs", "fn a_works() {}"),
            ("tests/it/b.rs", "fn b_does() {}"),
        ],
        &[
            "docs/conformance.md:4: there is no test it::b_works",
            "docs/conformance.md:5: no test, and no reason",
            "docs/conformance.md:7: 1 columns of 3",
            "docs/reliability.md:8: there is no test it/b.rs::a_works",
        ],
    );
}
