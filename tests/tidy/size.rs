//! A file fits in the head.

use crate::{File, Workspace};

/// Without tests. Above it, look for the noun along which the file splits.
const LINES_MAX: usize = 600;

/// Files that may be longer, and why.
const EXCEPTIONS: [(&str, &str); 0] = [];

#[test]
fn files_fit_in_the_head() {
    crate::check(|workspace| breaches(workspace, &EXCEPTIONS));
}

fn breaches(workspace: &Workspace, exceptions: &[(&str, &str)]) -> Vec<String> {
    let mut breaches = vec![];
    let is_ours = |file: &&File| file.path.ends_with(".rs") && !file.path.ends_with("/tests.rs");
    for file in workspace.all().filter(is_ours) {
        let lines = lines_without_tests(file);
        let exception = exceptions.iter().find(|(path, _)| *path == file.path);
        match (lines > LINES_MAX, exception) {
            (true, None) => {
                breaches.push(format!("{}: {lines} lines, at most {LINES_MAX}", file.path));
            }
            (false, Some(_)) => {
                breaches.push(format!("{}: {lines} lines need no exception", file.path));
            }
            _ => (),
        }
    }
    let gone = exceptions.iter().filter(|(path, _)| workspace.get(path).is_none());
    breaches.extend(gone.map(|(path, _)| format!("{path}: an exception for a file that is gone")));
    breaches
}

fn lines_without_tests(file: &File) -> usize {
    let is_start = |line: &str| line.starts_with("mod tests {");
    file.lines().take_while(|(_, line)| !is_start(line)).count()
}

#[test]
fn a_long_file_is_caught() {
    let long = "fn f() {}\n".repeat(601);
    let tests = format!("{}mod tests {{\n{long}}}\n", "fn f() {}\n".repeat(500));
    let files = [("src/a.rs", &*long), ("src/b.rs", &*tests), ("src/c/tests.rs", &*long)];
    let plain = |workspace: &Workspace| breaches(workspace, &[]);
    crate::planted(plain, files, &["src/a.rs: 601 lines, at most 600"]);
    let excepted = |workspace: &Workspace| breaches(workspace, &[("src/a.rs", "a table")]);
    crate::planted(excepted, files, &[]);
    let stale = |workspace: &Workspace| breaches(workspace, &[("src/b.rs", ""), ("src/c.rs", "")]);
    crate::planted(
        stale,
        [("src/b.rs", &*tests)],
        &[
            "src/b.rs: 500 lines need no exception",
            "src/c.rs: an exception for a file that is gone",
        ],
    );
}
