//! What was compiled, and by what.

/// The compiler, told by `build.rs`.
pub(super) const RUSTC: &str = env!("BOWERBIRD_BENCH_RUSTC");
/// The profile, told by `build.rs`.
pub(super) const PROFILE: &str = env!("BOWERBIRD_BENCH_PROFILE");
/// The commit, told by `build.rs`.
pub(super) const COMMIT: &str = env!("BOWERBIRD_BENCH_COMMIT");

/// The workspace's lock file, as it was when this was compiled.
const LOCK_FILE: &str = include_str!("../../../Cargo.lock");

/// Whose versions a reader wants to know: the runtimes, and what they stand on.
const CRATES: [&str; 11] = [
    "bowerbird",
    "tokio",
    "mio",
    "async-executor",
    "async-io",
    "polling",
    "async-lock",
    "async-channel",
    "async-broadcast",
    "blocking",
    "futures",
];

/// Names and versions.
pub(super) fn of_crates() -> Vec<(String, String)> {
    let all = CRATES.iter().map(|name| ((*name).to_owned(), versions(LOCK_FILE, name)));
    all.filter(|(_, version)| !version.is_empty()).collect()
}

/// All versions of one crate; usually it is one.
fn versions(lock_file: &str, name: &str) -> String {
    let packages = lock_file.split("[[package]]");
    let ours = packages.filter(|it| value(it, "name") == Some(name));
    ours.filter_map(|it| value(it, "version")).collect::<Vec<_>>().join(" and ")
}

/// The string in the line `key = "…"`.
fn value<'a>(package: &'a str, key: &str) -> Option<&'a str> {
    let mut pairs = package.lines().filter_map(|line| line.split_once(" = "));
    pairs.find(|(name, _)| *name == key).map(|(_, value)| value.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_lock_file() {
        let file = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0\"\n\n\
                    [[package]]\nname = \"b\"\nversion = \"2.0\"\n\n\
                    [[package]]\nname = \"a\"\nversion = \"3.0\"\n";
        assert_eq!(versions(file, "a"), "1.0 and 3.0");
        assert_eq!(versions(file, "b"), "2.0");
        assert_eq!(versions(file, "c"), "");
    }

    #[test]
    fn all_that_is_compared_has_a_version() {
        assert_eq!(of_crates().len(), CRATES.len());
    }
}
