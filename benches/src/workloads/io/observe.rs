//! What another process has used: its processor time and its context switches.

use crate::system;
use std::{fs, io, time::Duration};

/// What a process has used since its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Processor time of all its threads.
    pub cpu: Duration,
    /// How often a thread of those it has now was taken off its processor, or left
    /// it to wait.
    pub switches: u64,
}

impl Usage {
    /// Of the process with that number.
    ///
    /// # Errors
    ///
    /// If there is no such process, or the system does not tell.
    pub fn of(pid: u32) -> io::Result<Self> {
        Ok(Self { cpu: system::cpu_time_of(pid)?, switches: switches(pid)? })
    }

    /// What was used between `then` and this.
    #[must_use]
    pub fn since(self, then: Self) -> Self {
        // The count sinks when a thread ends.
        let switches = self.switches.saturating_sub(then.switches);
        Self { cpu: self.cpu.saturating_sub(then.cpu), switches }
    }
}

fn switches(pid: u32) -> io::Result<u64> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // One that has ended since it was listed counts as it will from now on.
        let status = fs::read_to_string(thread?.path().join("status")).unwrap_or_default();
        sum += switches_in(&status);
    }
    Ok(sum)
}

fn switches_in(status: &str) -> u64 {
    let lines = status.lines().filter_map(|it| it.split_once("ctxt_switches:"));
    lines.filter_map(|(_, number)| number.trim().parse::<u64>().ok()).sum()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::process;

    #[test]
    fn switches_of_both_sorts_are_counted() {
        let status = "Name:\tx\nvoluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t5\n";
        assert_eq!(switches_in(status), 155);
    }

    #[test]
    fn a_process_that_works_uses_time() {
        let then = Usage::of(process::id()).expect("this process is there");
        let used = || Usage::of(process::id()).expect("this process is there").since(then);
        while used().cpu == Duration::ZERO {}
    }

    #[test]
    fn nobody_uses_nothing() {
        assert!(Usage::of(u32::MAX).is_err());
    }
}
