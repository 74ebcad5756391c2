//! How far it is: a bar on a terminal, plain lines elsewhere.

use crate::campaign::Set;
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    io::{IsTerminal, stderr},
    time::Duration,
};

/// How far a campaign is. Goes to the standard error: the standard output is for what
/// was measured.
#[derive(Debug)]
pub enum Progress {
    /// On a terminal.
    Bar(ProgressBar),
    /// Elsewhere: how many are done, of how many.
    Lines(usize, usize),
}

impl Progress {
    /// Of so many sets.
    #[must_use]
    pub fn new(sets: usize) -> Self {
        if !stderr().is_terminal() {
            return Self::Lines(0, sets);
        }
        let bar = ProgressBar::new(sets as u64);
        let template = "{bar:30} {pos}/{len} {elapsed} (left: {eta})  {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self::Bar(bar)
    }

    /// The set is measured now.
    pub fn begin(&self, set: Set) {
        if let Self::Bar(bar) = self {
            bar.set_message(name(set));
        }
    }

    /// The set is measured.
    pub fn end(&mut self, set: Set, took: Duration) {
        match self {
            Self::Bar(bar) => bar.inc(1),
            Self::Lines(done, all) => {
                *done += 1;
                eprintln!("[{done}/{all}] {}: {:.1} s", name(set), took.as_secs_f64());
            }
        }
    }

    /// All is measured.
    pub fn finish(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn name(set: Set) -> String {
    let Set { workload, workers, size } = set;
    let size = if workload.sizes.len() > 1 { format!(", size {size}") } else { String::new() };
    let workers = if workers == 1 { "1 worker".to_owned() } else { format!("{workers} workers") };
    format!("{} {}{size}, {workers}", workload.group.name(), workload.name)
}
