//! Every file with unsafe code is known, and why.

use crate::{CRATES, Crate, File, Workspace, tokens};
use proc_macro2::{Delimiter, TokenTree};
use std::collections::BTreeSet;

/// Where the list is: rows ``| `path` | reason |``, a folder with a slash.
const LIST: &str = "docs/decisions.md";

#[test]
fn files_with_unsafe_code_are_listed_with_their_reasons() {
    crate::check(breaches);
}

fn breaches(workspace: &Workspace) -> Vec<String> {
    let mut breaches = vec![];
    let mut doors = BTreeSet::new();
    for member in CRATES.iter().filter(|it| it.is_library()) {
        for file in workspace.rust(&member.sources()).filter(|file| !file.is_test()) {
            let tokens = tokens::without_tests(tokens::tokens(&file.path, &file.text));
            for name in modules_behind_doors(&tokens) {
                doors.insert(file_of(workspace, member, file, &name));
            }
        }
    }
    let list = workspace.get(LIST).map_or("", |file| &file.text);
    let listed: BTreeSet<String> = list.lines().filter_map(listed_file).collect();
    for door in doors.difference(&listed) {
        breaches.push(format!("{door}: unsafe code, but no row with a reason in {LIST}"));
    }
    for row in listed.difference(&doors) {
        breaches.push(format!("{LIST}: {row} has no unsafe code"));
    }
    breaches
}

/// `#[expect(unsafe_code, …)] mod name`, or an empty name for a door that opens
/// something in the file itself.
fn modules_behind_doors(tokens: &[TokenTree]) -> Vec<String> {
    let mut found = vec![];
    for (at, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        if group.delimiter() != Delimiter::Bracket || !opens_unsafe(&tokens::inside(group)) {
            found.extend(modules_behind_doors(&tokens::inside(group)));
            continue;
        }
        let item = tokens[at + 1..].iter().skip_while(|it| !is_mod_or_body(it)).collect::<Vec<_>>();
        let is_mod = tokens::is_ident(item.first().copied(), "mod");
        let is_file = is_mod && tokens::is_punct(item.get(2).copied(), ';');
        let name = tokens::ident(item.get(1).copied()).filter(|_| is_file);
        found.push(name.map(ToString::to_string).unwrap_or_default());
    }
    found
}

fn opens_unsafe(attribute: &[TokenTree]) -> bool {
    let is_level = ["expect", "allow"].iter().any(|it| tokens::is_ident(attribute.first(), it));
    let list = tokens::group(attribute.get(1), Delimiter::Parenthesis).map(tokens::inside);
    let lints = list.unwrap_or_default();
    is_level && lints.iter().any(|it| tokens::is_ident(Some(it), "unsafe_code"))
}

fn is_mod_or_body(token: &TokenTree) -> bool {
    tokens::is_ident(Some(token), "mod")
        || tokens::is_punct(Some(token), ';')
        || tokens::group(Some(token), Delimiter::Brace).is_some()
}

/// The file of module `name`, declared in `file`.
fn file_of(workspace: &Workspace, member: &Crate, file: &File, name: &str) -> String {
    if name.is_empty() {
        return file.path.clone();
    }
    let folder = match file.path.rsplit_once('/') {
        Some((folder, "mod.rs" | "lib.rs")) => folder.to_owned(),
        _ => file.path.trim_end_matches(".rs").to_owned(),
    };
    let plain = format!("{folder}/{name}.rs");
    let in_folder = format!("{folder}/{name}/mod.rs");
    debug_assert!(plain.starts_with(&member.sources()), "{plain}");
    match workspace.get(&in_folder) {
        Some(_) => format!("{folder}/{name}/"),
        None => plain,
    }
}

/// The path of a row that has a reason.
fn listed_file(line: &str) -> Option<String> {
    let mut cells = line.strip_prefix("| `")?.split('|');
    let path = cells.next()?.trim().strip_suffix('`')?;
    let reason = cells.next()?.trim();
    let is_path = path.ends_with(".rs") || path.ends_with('/');
    (is_path && !reason.is_empty()).then(|| path.to_owned())
}

#[test]
fn an_unlisted_door_is_caught() {
    let root = "#[expect(unsafe_code, reason = \"r\")] pub mod raw;
                #[doc(hidden)] #[allow(unsafe_code)] mod list;
                #[cfg(all(test, loom))] #[expect(unsafe_code)] mod models;
                mod safe;";
    let sources = [
        ("sync/src/lib.rs", root),
        ("sync/src/list/mod.rs", "fn f() {}"),
        ("sync/src/safe.rs", "#[expect(unsafe_code, reason = \"r\")]\nfn f() { unsafe {} }"),
    ];
    let [one, two, three] = sources;
    let row = "| `sync/src/raw.rs` | a vtable |\n| `sync/src/list/` | links |\n";
    let all = format!("{row}| `sync/src/safe.rs` | a call |\n");
    crate::planted(breaches, [one, two, three, (LIST, &all)], &[]);
    crate::planted(
        breaches,
        [one, two, three, (LIST, row)],
        &["sync/src/safe.rs: unsafe code, but no row with a reason in docs/decisions.md"],
    );
    let no_reason = all.replace("a vtable", "");
    crate::planted(
        breaches,
        [one, two, three, (LIST, &no_reason)],
        &["sync/src/raw.rs: unsafe code, but no row with a reason in docs/decisions.md"],
    );
    crate::planted(
        breaches,
        [(LIST, "| `sync/src/gone.rs` | once |\n")],
        &["docs/decisions.md: sync/src/gone.rs has no unsafe code"],
    );
}
