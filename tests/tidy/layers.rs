//! The arrows between crates point one way.

use crate::{CRATES, Crate, Workspace, tokens};

/// Crates that speak to the operating system: no business of those that do not.
const SYSTEM: [&str; 6] = ["libc", "mio", "nix", "rustix", "socket2", "tokio"];

#[test]
fn layers_point_one_way() {
    crate::check(breaches);
}

fn breaches(workspace: &Workspace) -> Vec<String> {
    let mut breaches = vec![];
    for member in &CRATES {
        manifest(workspace, member, &mut breaches);
        sources(workspace, member, &mut breaches);
    }
    breaches
}

/// All kinds of dependencies, those of tests too.
fn manifest(workspace: &Workspace, member: &Crate, breaches: &mut Vec<String>) {
    let path = member.file("Cargo.toml");
    let Some(file) = workspace.get(&path) else { return };
    let mut section = "";
    for (number, line) in file.lines() {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']');
        }
        let is_own = section != "workspace.dependencies" && section.ends_with("dependencies");
        let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
        let known = name.strip_prefix("bowerbird-").unwrap_or(name);
        if is_own && is_forbidden(member, known) {
            breaches.push(format!("{path}:{number}: {} must not depend on {known}", member.name));
        }
        let has_no_features = ["sync", "executor"].contains(&member.name);
        if has_no_features && line == "[features]" {
            breaches.push(format!("{path}:{number}: {} has no features", member.name));
        }
    }
}

fn sources(workspace: &Workspace, member: &Crate, breaches: &mut Vec<String>) {
    for file in workspace.rust(&member.sources()) {
        for path in tokens::paths(&tokens::tokens(&file.path, &file.text)) {
            let first = path.segments[0].trim_start_matches("bowerbird_");
            // A module of its own may have the name of a crate above it.
            let is_crate = path.is_absolute || !has_module(workspace, member, first);
            if is_crate && is_forbidden(member, first) {
                let place = format!("{}:{}", file.path, path.line);
                breaches.push(format!("{place}: {} must not name {first}", member.name));
            }
        }
    }
}

fn has_module(workspace: &Workspace, member: &Crate, name: &str) -> bool {
    let sources = member.sources();
    [format!("{sources}{name}.rs"), format!("{sources}{name}/mod.rs")]
        .iter()
        .any(|path| workspace.get(path).is_some())
}

fn is_forbidden(member: &Crate, name: &str) -> bool {
    let is_ours = CRATES.iter().any(|it| it.name == name && it.name != member.name);
    let is_system = SYSTEM.contains(&name) && ["sync", "executor"].contains(&member.name);
    is_ours && !member.may_name.contains(&name) || is_system
}

#[test]
fn an_arrow_the_wrong_way_is_caught() {
    let good = ("executor/Cargo.toml", "[dependencies]\nsync.workspace = true\nslab = \"1\"\n");
    crate::planted(breaches, [good, ("executor/src/a.rs", "use sync::driver::Driver;")], &[]);

    let manifests = [
        ("sync/Cargo.toml", "[target.'cfg(loom)'.dependencies]\nexecutor.workspace = true\n"),
        ("reactor/Cargo.toml", "[dev-dependencies]\nbowerbird-executor = { path = \"..\" }\n"),
        ("executor/Cargo.toml", "[features]\n[dependencies]\nmio = \"1\"\n"),
    ];
    crate::planted(
        breaches,
        manifests,
        &[
            "sync/Cargo.toml:2: sync must not depend on executor",
            "reactor/Cargo.toml:2: reactor must not depend on executor",
            "executor/Cargo.toml:1: executor has no features",
            "executor/Cargo.toml:3: executor must not depend on mio",
        ],
    );

    let uses = [
        ("sync/src/a.rs", "use {std::fmt, reactor::net};"),
        ("reactor/src/b.rs", "fn f() {\n m!(executor::spawn()) }"),
        ("executor/src/c.rs", "fn f() -> ::bowerbird_reactor::Reactor {}"),
        ("executor/src/d.rs", "use libc::c_int;"),
    ];
    crate::planted(
        breaches,
        uses,
        &[
            "sync/src/a.rs:1: sync must not name reactor",
            "reactor/src/b.rs:2: reactor must not name executor",
            "executor/src/c.rs:1: executor must not name reactor",
            "executor/src/d.rs:1: executor must not name libc",
        ],
    );
}
