//! Every happens-before edge has a name of its own, both ends marked in the code,
//! and a model that fails without it.

use crate::{File, Workspace};
use std::collections::BTreeMap;

#[test]
fn every_edge_has_both_ends_and_a_model() {
    crate::check(breaches);
}

fn breaches(workspace: &Workspace) -> Vec<String> {
    let mut breaches = vec![];
    let mut homes: BTreeMap<String, &str> = BTreeMap::new();
    for file in workspace.library().filter(|it| !it.is_test()) {
        for edge in edges(file) {
            match homes.insert(edge.clone(), &file.path) {
                Some(home) if home == file.path => {
                    breaches.push(format!("{}: edge {edge} has two rows", file.path));
                }
                Some(home) => {
                    breaches.push(format!("{}: edge {edge} is in {home} already", file.path));
                }
                None => (),
            }
            let module = module_of(file);
            let files = workspace.rust(&module).filter(|it| !it.is_test());
            let marks = files.flat_map(File::lines).filter(|(_, line)| marks(line, &edge)).count();
            if marks < 2 {
                breaches.push(format!("{}: edge {edge} is marked {marks} times", file.path));
            }
        }
    }
    models(workspace, &homes, &mut breaches);
    breaches
}

fn models(workspace: &Workspace, homes: &BTreeMap<String, &str>, breaches: &mut Vec<String>) {
    let files: Vec<_> = workspace.library().filter(|it| it.is_model()).collect();
    let models: Vec<(String, &File)> = files
        .iter()
        .flat_map(|file| {
            let names = file.lines().filter_map(|(_, line)| {
                let rest = line.trim_start().strip_prefix("fn edge_")?;
                Some(rest.split('(').next().unwrap_or_default().to_uppercase())
            });
            names.map(|name| (name, *file)).collect::<Vec<_>>()
        })
        .collect();
    for (edge, home) in homes {
        let model = format!("fn edge_{}()", edge.to_lowercase());
        match models.iter().filter(|(name, _)| name == edge).count() {
            0 => breaches.push(format!("{home}: edge {edge} has no model `{model}`")),
            1 => (),
            count => breaches.push(format!("{home}: edge {edge} has {count} models `{model}`")),
        }
    }
    // More models of an edge may follow: `edge_s1_from_a_foreign_thread`.
    let edge_of = |name: &String| name.split('_').next().unwrap_or_default().to_owned();
    for (name, file) in models.iter().filter(|(name, _)| !homes.contains_key(&edge_of(name))) {
        breaches.push(format!("{}: a model of edge {name}, which has no row", file.path));
    }
}

/// The names in rows of the header's table: `//! | S1 | …`.
fn edges(file: &File) -> Vec<String> {
    let rows = file.lines().filter_map(|(_, line)| line.strip_prefix("//! |"));
    let names = rows.map(|row| row.split('|').next().unwrap_or_default().trim());
    names.filter(|name| is_edge(name)).map(str::to_owned).collect()
}

fn is_edge(name: &str) -> bool {
    let digits = name.trim_start_matches(|c: char| c.is_ascii_uppercase());
    let is_short = (1..=2).contains(&(name.len() - digits.len()));
    is_short && !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit())
}

/// The top-level module that a file belongs to, as the start of its files' paths.
fn module_of(file: &File) -> String {
    let after_src = file.path.find("src/").map_or(0, |at| at + "src/".len());
    let end = file.path[after_src..].find('/').map(|at| after_src + at + 1);
    file.path[..end.unwrap_or(file.path.len())].to_owned()
}

/// Whether a comment that is not the file's header names `edge`.
fn marks(line: &str, edge: &str) -> bool {
    let Some((_, comment)) = line.split_once("//") else { return false };
    let is_header = comment.starts_with('!');
    let mut words = comment.split(|c: char| !c.is_ascii_alphanumeric());
    !is_header && words.any(|word| word == edge)
}

#[test]
fn an_edge_without_its_model_is_caught() {
    let header = "//! | edge | released by |\n//! |------|---|\n//! | S1 | a | b | c |\n";
    let source = format!("{header}a(); // S1: publishes\n/// S1: sees\n");
    let model = ("sync/src/models/a.rs", "fn edge_s1() {}");
    crate::planted(breaches, [("sync/src/a.rs", &source), model], &[]);

    let no_model = "sync/src/a.rs: edge S1 has no model `fn edge_s1()`";
    crate::planted(breaches, [("sync/src/a.rs", &source)], &[no_model]);
    let commented = ("sync/src/models/a.rs", "// fn edge_s1() {}");
    crate::planted(breaches, [("sync/src/a.rs", &source), commented], &[no_model]);

    let no_row = "sync/src/models/a.rs: a model of edge S1, which has no row";
    crate::planted(breaches, [model], &[no_row]);

    let marked_once = format!("{header}a(); // S1: publishes\n// S10, not it\n");
    let once = "sync/src/a.rs: edge S1 is marked 1 times";
    crate::planted(breaches, [("sync/src/a.rs", &marked_once), model], &[once]);

    let twin = ("reactor/src/b.rs", &*source);
    let again = "reactor/src/b.rs: edge S1 is in sync/src/a.rs already";
    crate::planted(breaches, [("sync/src/a.rs", &source), model, twin], &[again]);

    let more = "fn edge_s1() {}\nfn edge_s1_again() {}";
    crate::planted(breaches, [("sync/src/a.rs", &source), ("sync/src/models/a.rs", more)], &[]);

    let in_folder = [("sync/src/a/mod.rs", header), ("sync/src/a/b.rs", "// S1: a\n// S1: b\n")];
    crate::planted(breaches, [in_folder[0], in_folder[1], model], &[]);
    let elsewhere = [("sync/src/a.rs", header), ("sync/src/b.rs", "// S1: a\n// S1: b\n")];
    let none = "sync/src/a.rs: edge S1 is marked 0 times";
    crate::planted(breaches, [elsewhere[0], elsewhere[1], model], &[none]);
}
