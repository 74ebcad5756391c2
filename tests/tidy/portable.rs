//! What must not depend on a machine: the platform, and who built it.

use crate::{Workspace, tokens};
use proc_macro2::{Delimiter, TokenTree};

/// What a `cfg` of sync and executor does not ask: they know no platform and have
/// no features.
const PLATFORM: [&str; 9] = [
    "feature",
    "target_arch",
    "target_env",
    "target_family",
    "target_os",
    "target_pointer_width",
    "target_vendor",
    "unix",
    "windows",
];

/// Folders of one machine. Written in halves: this file is read, too.
const FOLDERS: [&str; 6] = [
    concat!("/", "home/"),
    concat!("/", "root/"),
    concat!("/", "Users/"),
    concat!("/", "work/"),
    concat!("/", "workspace/"),
    concat!("/", "tmp/"),
];

/// Whom a link may lead to. A package registry's mirror is not among them.
const HOSTS: [&str; 12] = [
    "127.0.0.1",
    "crates.io",
    "doc.rust-lang.org",
    "docs.python.org",
    "docs.rs",
    "example.com",
    "example.org",
    "github.com",
    "keepachangelog.com",
    "localhost",
    "semver.org",
    "www.apache.org",
];

#[test]
fn sync_and_executor_know_no_platform() {
    crate::check(platform);
}

#[test]
fn files_name_no_machine() {
    crate::check(machine);
}

fn platform(workspace: &Workspace) -> Vec<String> {
    let mut breaches = vec![];
    for folder in ["sync/src/", "executor/src/"] {
        for file in workspace.rust(folder) {
            let mut found = vec![];
            conditions(&tokens::tokens(&file.path, &file.text), &mut found);
            let lines = found.iter().map(|(line, word)| format!("{}:{line}: {word}", file.path));
            breaches.extend(lines);
        }
    }
    breaches
}

/// The words of [`PLATFORM`] in `cfg(…)`, `cfg!(…)` and `cfg_attr(…)`.
fn conditions(tokens: &[TokenTree], found: &mut Vec<(usize, String)>) {
    for (at, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at));
        let is_cfg = |token| tokens::is_ident(token, "cfg") || tokens::is_ident(token, "cfg_attr");
        let is_condition = group.delimiter() == Delimiter::Parenthesis
            && (is_cfg(before(1)) || tokens::is_punct(before(1), '!') && is_cfg(before(2)));
        match is_condition {
            true => words(&tokens::inside(group), found),
            false => conditions(&tokens::inside(group), found),
        }
    }
}

fn words(tokens: &[TokenTree], found: &mut Vec<(usize, String)>) {
    for token in tokens {
        match token {
            TokenTree::Ident(word) if PLATFORM.iter().any(|it| word == it) => {
                found.push((word.span().start().line, word.to_string()));
            }
            TokenTree::Group(group) => words(&tokens::inside(group), found),
            _ => (),
        }
    }
}

fn machine(workspace: &Workspace) -> Vec<String> {
    let mut breaches = vec![];
    for file in workspace.all() {
        for (number, line) in file.lines() {
            let place = format!("{}:{number}", file.path);
            let names = |folder: &&&str| {
                // Not as the end of a longer word: `src/home/`.
                line.match_indices(**folder).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    !before.is_some_and(|c| c.is_alphanumeric() || ".-_}*".contains(c))
                })
            };
            for folder in FOLDERS.iter().filter(names) {
                breaches.push(format!("{place}: {folder} is a folder of one machine"));
            }
            for host in hosts(line).filter(|host| !HOSTS.contains(host)) {
                breaches.push(format!("{place}: {host} is not a host we link to"));
            }
        }
    }
    breaches
}

/// The hosts of the links in a line.
fn hosts(line: &str) -> impl Iterator<Item = &str> {
    let is_host = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    line.split("://").skip(1).filter_map(move |rest| {
        let host = rest.split(|c| !is_host(c)).next().unwrap_or_default().trim_end_matches('.');
        (!host.is_empty()).then_some(host)
    })
}

#[test]
fn a_condition_on_the_platform_is_caught() {
    let fine = [
        ("sync/src/a.rs", "#[cfg(any(loom, shuttle))] fn unix() {}"),
        ("reactor/src/b.rs", "#[cfg(unix)] fn f() {}"),
    ];
    crate::planted(platform, fine, &[]);
    let text = "#[cfg(all(test, target_os = \"linux\"))] fn f() {\n if cfg!(windows) {} }\n\
                #[cfg_attr(feature = \"x\", inline)] fn g() {}";
    crate::planted(
        platform,
        [("executor/src/a.rs", text)],
        &[
            "executor/src/a.rs:1: target_os",
            "executor/src/a.rs:2: windows",
            "executor/src/a.rs:3: feature",
        ],
    );
}

#[test]
fn a_machine_is_caught() {
    let root = FOLDERS[1];
    let scheme = concat!("https:", "//");
    let fine = format!("see {scheme}docs.rs/mio, src{root}a and {scheme}github.com.");
    crate::planted(machine, [("README.md", &fine)], &[]);
    let text = format!("cd {root}x\nsource = \"registry+{scheme}mirror.local/index\"\n");
    crate::planted(
        machine,
        [("Cargo.lock", &text)],
        &[
            &format!("Cargo.lock:1: {root} is a folder of one machine"),
            "Cargo.lock:2: mirror.local is not a host we link to",
        ],
    );
}
