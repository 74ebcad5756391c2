//! Tells the program how it was built: see `src/header/versions.rs`.

use std::{env, path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../Cargo.toml");
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    tell("RUSTC", &output(&rustc, &["--version"]));
    tell("PROFILE", &profile());
    tell("COMMIT", &commit());
}

fn tell(name: &str, value: &str) {
    println!("cargo::rustc-env=BOWERBIRD_BENCH_{name}={value}");
}

/// What cargo tells a build script of the profile; and of `release`, what it does not.
fn profile() -> String {
    let of_cargo = |name: &str| env::var(name).unwrap_or_default();
    let name = of_cargo("PROFILE");
    let mut profile = format!("{name}, opt-level {}", of_cargo("OPT_LEVEL"));
    for (key, variable) in [("lto", "LTO"), ("codegen-units", "CODEGEN_UNITS")] {
        let variable = format!("CARGO_PROFILE_{}_{variable}", name.to_uppercase());
        println!("cargo::rerun-if-env-changed={variable}");
        if let Some(value) = env::var(variable).ok().or_else(|| in_manifest(&name, key)) {
            profile += &format!(", {key} {value}");
        }
    }
    if env::var_os("CARGO_CFG_DEBUG_ASSERTIONS").is_some() {
        profile += ", debug assertions";
    }
    let flags = of_cargo("CARGO_ENCODED_RUSTFLAGS").replace('\u{1f}', " ");
    match flags.as_str() {
        "" => profile,
        flags => format!("{profile}, {flags}"),
    }
}

/// The value of a key in the workspace's section for this profile.
fn in_manifest(profile: &str, key: &str) -> Option<String> {
    let manifest = std::fs::read_to_string("../Cargo.toml").ok()?;
    let section = manifest.split(&format!("[profile.{profile}]\n")).nth(1)?;
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    let mut pairs = lines.filter_map(|line| line.split_once('='));
    let value = pairs.find(|(name, _)| name.trim() == key)?.1;
    Some(value.trim().trim_matches('"').to_owned())
}

/// The commit that is checked out; empty where there is no repository.
fn commit() -> String {
    let log = output("git", &["rev-parse", "--git-path", "logs/HEAD"]);
    if Path::new(&log).exists() {
        println!("cargo::rerun-if-changed={log}");
    }
    output("git", &["describe", "--always", "--exclude=*"])
}

/// What a program prints; empty if it fails.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.ok().filter(|it| it.status.success()).map(|it| it.stdout);
    String::from_utf8_lossy(&output.unwrap_or_default()).trim().to_owned()
}
