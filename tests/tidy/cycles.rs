//! The modules of a crate form no cycle.
//!
//! Looked at are the children of each module, by what their files name of each
//! other through `crate`, `super` and `self`, also by a name that the parent
//! re-exports. That a parent names its children and they it is no cycle: one
//! cannot exist without the other.

use crate::{CRATES, Crate, File, Workspace, tokens};
use proc_macro2::{Delimiter, TokenTree};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn modules_have_no_cycles() {
    crate::check(breaches);
}

fn breaches(workspace: &Workspace) -> Vec<String> {
    let libraries = CRATES.iter().filter(|it| it.is_library());
    libraries.flat_map(|it| Modules::of(workspace, it).cycles()).collect()
}

type Module = Vec<String>;

/// The modules of one crate.
#[derive(Default)]
struct Modules {
    name: &'static str,
    /// What each names, by absolute paths.
    names: BTreeMap<Module, Vec<Module>>,
    /// Where a name really comes from.
    exports: BTreeMap<Module, Module>,
}

impl Modules {
    fn of(workspace: &Workspace, member: &Crate) -> Self {
        let mut modules = Self { name: member.name, ..Self::default() };
        for file in workspace.rust(&member.sources()).filter(|file| !file.is_test()) {
            let tokens = tokens::without_tests(tokens::tokens(&file.path, &file.text));
            modules.read(module_of(file, member), &tokens);
        }
        modules
    }

    /// Reads the tokens of one module, and of the modules written inside it.
    fn read(&mut self, module: Module, tokens: &[TokenTree]) {
        let mut own = vec![];
        let mut at = 0;
        while at < tokens.len() {
            let name = tokens::ident(tokens.get(at + 1));
            let body = tokens::group(tokens.get(at + 2), Delimiter::Brace);
            match (tokens::is_ident(tokens.get(at), "mod"), name, body) {
                (true, Some(name), Some(body)) => {
                    let inner = [&module[..], &[name.to_string()]].concat();
                    self.read(inner, &tokens::inside(body));
                    at += 3;
                }
                _ => {
                    self.note_exported_macro(&module, &tokens[at..]);
                    own.push(tokens[at].clone());
                    at += 1;
                }
            }
        }
        let found = tokens::paths(&own);
        let absolute: Vec<Module> =
            found.iter().filter_map(|it| resolve(&module, &it.segments)).collect();
        // Every import may be a re-export: `pub` only decides who sees it.
        for path in found.iter().filter(|it| it.segments.len() > 1) {
            let target = resolve(&module, &path.segments)
                .unwrap_or_else(|| [&module[..], &path.segments[..]].concat());
            let name = path.segments.last().cloned().unwrap_or_default();
            self.exports.entry([&module[..], &[name]].concat()).or_insert(target);
        }
        self.names.entry(module).or_default().extend(absolute);
    }

    /// `#[macro_export] macro_rules! name`: known at the root, defined here.
    fn note_exported_macro(&mut self, module: &Module, rest: &[TokenTree]) {
        let is_macro = tokens::is_ident(rest.first(), "macro_rules");
        if let Some(name) = tokens::ident(rest.get(2)).filter(|_| is_macro) {
            let target = [&module[..], &[name.to_string()]].concat();
            self.exports.insert(vec![name.to_string()], target);
        }
    }

    /// Follows re-exports down to a module that exists.
    fn origin(&self, path: &Module) -> Module {
        let mut path = path.clone();
        for _ in 0..8 {
            let longest = (1..=path.len()).rev().find_map(|length| {
                let target = self.exports.get(&path[..length])?;
                let is_module = self.names.contains_key(&path[..length]);
                (!is_module && *target != path[..length]).then_some((length, target))
            });
            match longest {
                Some((length, target)) => path = [&target[..], &path[length..]].concat(),
                None => break,
            }
        }
        path
    }

    /// For each parent, which child names which.
    fn arrows(&self) -> BTreeMap<Module, BTreeMap<String, BTreeSet<String>>> {
        let mut arrows: BTreeMap<_, BTreeMap<_, BTreeSet<_>>> = BTreeMap::new();
        for (module, names) in &self.names {
            for target in names.iter().map(|it| self.origin(it)) {
                let common = module.iter().zip(&target).take_while(|(one, two)| one == two).count();
                let (Some(from), Some(to)) = (module.get(common), target.get(common)) else {
                    continue;
                };
                if self.names.contains_key(&target[..=common]) {
                    let parent = module[..common].to_vec();
                    let from = arrows.entry(parent).or_default().entry(from.clone()).or_default();
                    from.insert(to.clone());
                }
            }
        }
        arrows
    }

    fn cycles(&self) -> Vec<String> {
        let mut breaches = vec![];
        for (parent, arrows) in self.arrows() {
            for start in arrows.keys() {
                if let Some(way) = way_back(&arrows, start) {
                    // Each cycle once: where its least name starts it.
                    if way.iter().all(|it| start <= it) {
                        let inside = [&[self.name.to_owned()][..], &parent].concat().join("::");
                        breaches.push(format!("{inside}: {start} → {}", way.join(" → ")));
                    }
                }
            }
        }
        breaches
    }
}

/// The shortest way from `start` back to it.
fn way_back(arrows: &BTreeMap<String, BTreeSet<String>>, start: &str) -> Option<Vec<String>> {
    let mut ways = vec![vec![]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = vec![];
        for way in ways {
            let last = way.last().map_or(start, String::as_str);
            for next in arrows.get(last).into_iter().flatten() {
                let mut way: Vec<String> = way.clone();
                way.push(next.clone());
                if next == start {
                    return Some(way);
                }
                if seen.insert(next.clone()) {
                    longer.push(way);
                }
            }
        }
        ways = longer;
    }
    None
}

/// `executor/src/task/raw.rs` is `task::raw`, `task/mod.rs` is `task`.
fn module_of(file: &File, member: &Crate) -> Module {
    let inside = file.path.trim_start_matches(&member.sources()).trim_end_matches(".rs");
    let mut module: Module = inside.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|it| it == "mod" || it == "lib" || it == "main") {
        module.pop();
    }
    module
}

/// A path from the root of the crate. `None`: another crate's, or a child's.
fn resolve(module: &Module, path: &[String]) -> Option<Module> {
    let rest = match path[0].as_str() {
        "crate" => return Some(path[1..].to_vec()),
        "self" => return Some([module, &path[1..]].concat()),
        "super" => path,
        _ => return None,
    };
    let ups = rest.iter().take_while(|it| *it == "super").count();
    let base = module.get(..module.len().checked_sub(ups)?)?;
    Some([base, &rest[ups..]].concat())
}

#[test]
fn a_cycle_is_caught() {
    let line = [
        ("executor/src/lib.rs", "pub mod worker; mod task; pub use task::Task;"),
        ("executor/src/worker.rs", "use crate::{Task, task::raw};"),
        ("executor/src/task/mod.rs", "mod raw; use self::raw::Header; pub struct Task;"),
        ("executor/src/task/raw.rs", "use super::Task; use std::fmt;"),
    ];
    crate::planted(breaches, line, &[]);

    let plain = [
        ("sync/src/a.rs", "use std::{fmt}; use crate::{c::X, b::{self, Y}};"),
        ("sync/src/b.rs", "fn f() { crate::c::g::<u8>() }"),
        ("sync/src/c.rs", "mod inner { use super::super::a; }"),
    ];
    crate::planted(breaches, plain, &["sync: a → c → a"]);

    let by_re_export = [
        ("sync/src/lib.rs", "mod mutex; mod queue; pub use mutex::{Guard, Mutex};"),
        ("sync/src/mutex.rs", "use crate::queue::Queue;"),
        ("sync/src/queue.rs", "use crate::Mutex;"),
    ];
    crate::planted(breaches, by_re_export, &["sync: mutex → queue → mutex"]);

    let by_macro = [
        (
            "sync/src/shim.rs",
            "use crate::list::List; #[macro_export] macro_rules! lock { () => {} }",
        ),
        ("sync/src/list.rs", "crate::lock! {}"),
    ];
    crate::planted(breaches, by_macro, &["sync: list → shim → list"]);

    let deep = [
        ("executor/src/task/mod.rs", "mod join; mod state;"),
        ("executor/src/task/join.rs", "use super::state::State;"),
        ("executor/src/task/state.rs", "use crate::task::join::Join;"),
    ];
    crate::planted(breaches, deep, &["executor::task: join → state → join"]);

    let only_in_tests = [
        ("sync/src/a.rs", "use crate::b::X;"),
        (
            "sync/src/b.rs",
            "#[cfg(all(test, not(any(loom, shuttle))))] mod tests { use crate::a::Y; }",
        ),
        ("sync/src/models/b.rs", "use crate::{a, b};"),
    ];
    crate::planted(breaches, only_in_tests, &[]);
}
