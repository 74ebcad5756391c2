//! One door to what is concurrent: nothing of std's that a model cannot see.

use crate::{Workspace, tokens};

/// Paths that library code does not name, and what to name instead.
const BANNED: [(&str, &str); 8] = [
    ("std::sync::atomic", "sync::shim::atomic, so that models see it"),
    ("core::sync::atomic", "sync::shim::atomic, so that models see it"),
    ("std::thread", "sync::shim::thread, so that models see it"),
    ("std::sync::Mutex", "sync::shim::Lock: no poison, counted in debug builds"),
    ("std::sync::Condvar", "sync::shim::Condvar"),
    ("std::sync::RwLock", "sync::shim::Lock"),
    ("std::cell::UnsafeCell", "sync::shim::cell, so that models see it"),
    ("core::cell::UnsafeCell", "sync::shim::cell, so that models see it"),
];

/// The door itself.
const SHIM: &str = "sync/src/shim.rs";

#[test]
fn concurrency_comes_through_the_shim() {
    crate::check(breaches);
}

fn breaches(workspace: &Workspace) -> Vec<String> {
    let mut breaches = vec![];
    for file in workspace.library().filter(|it| !it.is_test() && it.path != SHIM) {
        let tokens = tokens::without_tests(tokens::tokens(&file.path, &file.text));
        let paths = tokens::paths(&tokens);
        // A clock of our own may be called `Instant`, too.
        let has_stds = paths.iter().any(|it| it.segments == ["std", "time", "Instant"]);
        for path in paths {
            let mut written = path.segments.join("::");
            if written == "Instant::now" && has_stds {
                written = "std::time::Instant::now".into();
            }
            for instead in instead_of(&written) {
                breaches.push(format!("{}:{}: {written}: use {instead}", file.path, path.line));
            }
        }
    }
    breaches
}

fn instead_of(written: &str) -> Vec<&'static str> {
    let is_below = |banned: &str| {
        let rest = written.strip_prefix(banned);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let mut found: Vec<_> =
        BANNED.iter().filter(|(banned, _)| is_below(banned)).map(|(_, instead)| *instead).collect();
    if ["std::time::Instant::now", "time::Instant::now"].contains(&written) {
        found.push("Driver::now: tests own the time");
    }
    // A whole module by name hides what is used of it.
    if ["std::sync", "std::sync::*", "std::cell::*", "std::cell"].contains(&written) {
        found.push("the items by name, so that this check sees them");
    }
    found
}

#[test]
fn a_way_around_the_shim_is_caught() {
    let fine = [
        (SHIM, "pub use std::sync::atomic;"),
        (
            "sync/src/a.rs",
            "use std::{sync::Arc, cell::Cell}; std::thread_local! {}\n/// `std::thread`\nfn f() {}",
        ),
        ("sync/src/b.rs", "#[cfg(test)] mod tests { use std::thread; }"),
        ("sync/src/models/b.rs", "use std::sync::Mutex;"),
        ("benches/src/lib.rs", "use std::thread;"),
        ("reactor/src/c.rs", "use crate::time::Instant; fn f() { Instant::now(); }"),
    ];
    crate::planted(breaches, fine, &[]);

    let around = [
        ("sync/src/a.rs", "use std::{sync::{Arc, atomic::{AtomicU8, Ordering}}};"),
        ("executor/src/b.rs", "fn f() {\n std::thread::spawn(|| ()); }"),
        ("reactor/src/c.rs", "use std::{cell::UnsafeCell, sync::{Mutex as M, Condvar, RwLock}};"),
        (
            "src/d.rs",
            "use std::time::Instant; fn f() { std::time::Instant::now(); m!(Instant::now()) }",
        ),
        ("src/e.rs", "use std::sync;"),
    ];
    crate::planted(
        breaches,
        around,
        &[
            "sync/src/a.rs:1: std::sync::atomic::AtomicU8: use sync::shim::atomic, so that models see it",
            "sync/src/a.rs:1: std::sync::atomic::Ordering: use sync::shim::atomic, so that models see it",
            "reactor/src/c.rs:1: std::cell::UnsafeCell: use sync::shim::cell, so that models see it",
            "reactor/src/c.rs:1: std::sync::Mutex: use sync::shim::Lock: no poison, counted in debug builds",
            "reactor/src/c.rs:1: std::sync::Condvar: use sync::shim::Condvar",
            "reactor/src/c.rs:1: std::sync::RwLock: use sync::shim::Lock",
            "executor/src/b.rs:2: std::thread::spawn: use sync::shim::thread, so that models see it",
            "src/d.rs:1: std::time::Instant::now: use Driver::now: tests own the time",
            "src/d.rs:1: std::time::Instant::now: use Driver::now: tests own the time",
            "src/e.rs:1: std::sync: use the items by name, so that this check sees them",
        ],
    );
}
