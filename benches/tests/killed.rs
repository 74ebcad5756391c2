//! Who is killed in the middle leaves nothing behind.

#![cfg(target_os = "linux")]

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// What `/proc` says of a process: its parent, and whether it still runs.
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may have any; the state and the parent follow.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut words = rest.split(' ');
    let state = words.next()?;
    (state != "Z").then(|| words.next()?.parse().ok()).flatten()
}

fn children(of: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").expect("there is a /proc");
    let pids = all.filter_map(|it| it.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| parent(*pid) == Some(of)).collect()
}

#[expect(clippy::disallowed_methods, reason = "real time is what a process needs to end")]
fn within<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(start.elapsed() < limit, "it does not happen");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn nothing_outlives_a_comparison_that_is_killed() {
    let mut compare = Command::new(env!("CARGO_BIN_EXE_bowerbird-bench"));
    compare.args(["compare", "--only", "tcp_echo_64b", "--against", "tokio"]);
    compare.stdout(Stdio::null()).stderr(Stdio::null());
    let mut compare = compare.spawn().expect("the program is there");
    let all = within(Duration::from_secs(60), || {
        let measure = *children(compare.id()).first()?;
        let servers = children(measure);
        (servers.len() >= 2).then(|| [vec![measure], servers].concat())
    });
    compare.kill().expect("it runs");
    compare.wait().expect("it ends");
    // It would have gone on for four seconds at least.
    let is_over = || all.iter().all(|it| parent(*it).is_none());
    within(Duration::from_secs(3), || is_over().then_some(()));
}
