//! What this machine is. What it does not tell is empty.

use std::{fs, process::Command};

/// Name and release of the kernel, and the architecture.
pub(super) fn kernel() -> String {
    let output = Command::new("uname").arg("-srm").output().map(|it| it.stdout);
    String::from_utf8_lossy(&output.unwrap_or_default()).trim().to_owned()
}

/// The model of the first processor, and whether it is one of a virtual machine.
pub(super) fn cpu() -> String {
    cpu_of(&read("/proc/cpuinfo"))
}

/// How much memory there is.
pub(super) fn memory() -> String {
    memory_of(&read("/proc/meminfo"))
}

/// How many threads wanted to run, over 1, 5 and 15 minutes.
pub(super) fn load() -> String {
    read("/proc/loadavg").split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn cpu_of(info: &str) -> String {
    let model = value(info, "model name").unwrap_or_default();
    let is_virtual =
        value(info, "flags").is_some_and(|it| it.split(' ').any(|it| it == "hypervisor"));
    match (model, is_virtual) {
        ("", _) | (_, false) => model.to_owned(),
        (_, true) => format!("{model} (virtual machine)"),
    }
}

fn memory_of(info: &str) -> String {
    let kibibytes = value(info, "MemTotal").and_then(|it| it.strip_suffix(" kB"));
    let kibibytes = kibibytes.and_then(|it| it.parse::<f64>().ok());
    kibibytes.map(|it| format!("{:.1} GiB", it / 1024.0 / 1024.0)).unwrap_or_default()
}

/// What stands behind the first `name:`.
fn value<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = info.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_told_and_whether_it_is_virtual() {
        let info = "processor\t: 0\nmodel name\t: Abacus 3000\nflags\t\t: fpu hypervisor sse\n";
        assert_eq!(cpu_of(info), "Abacus 3000 (virtual machine)");
        assert_eq!(cpu_of("model name: Abacus\nflags: fpu"), "Abacus");
        assert_eq!(cpu_of(""), "");
    }

    #[test]
    fn memory_is_told_in_gibibytes() {
        assert_eq!(memory_of("MemTotal:       24646460 kB\nMemFree: 1 kB\n"), "23.5 GiB");
        assert_eq!(memory_of("MemFree: 1 kB"), "");
    }
}
