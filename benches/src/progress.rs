//! How far it is: a bar on a terminal, plain lines elsewhere.

use crate::campaign::Set;
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    fmt::{self, Display},
    io::{IsTerminal, stderr},
    time::Duration,
};

/// How far a campaign is, or whatever else takes its time. Goes to the standard error: the standard output is for what
/// was measured.
#[derive(Debug)]
pub enum Progress {
    /// On a terminal.
    Bar(ProgressBar),
    /// Elsewhere: how many are done, of how many.
    Lines(usize, usize),
}

impl Progress {
    /// Of so many parts.
    #[must_use]
    pub fn new(parts: usize) -> Self {
        if !stderr().is_terminal() {
            return Self::Lines(0, parts);
        }
        let bar = ProgressBar::new(parts as u64);
        let template = "{bar:30} {pos}/{len} {elapsed} (left: {eta})  {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self::Bar(bar)
    }

    /// This part is measured now.
    pub fn begin(&self, part: impl Display) {
        if let Self::Bar(bar) = self {
            bar.set_message(part.to_string());
        }
    }

    /// This part is measured.
    pub fn end(&mut self, part: impl Display, took: Duration) {
        match self {
            Self::Bar(bar) => bar.inc(1),
            Self::Lines(done, all) => {
                *done += 1;
                eprintln!("[{done}/{all}] {part}: {:.1} s", took.as_secs_f64());
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

impl Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { workload, workers, size } = self;
        write!(f, "{} {}", workload.group.name(), workload.name)?;
        if workload.sizes.len() > 1 {
            write!(f, ", size {size}")?;
        }
        match workers {
            1 => f.write_str(", 1 worker"),
            _ => write!(f, ", {workers} workers"),
        }
    }
}
