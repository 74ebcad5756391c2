//! What the tour says: stages and their times, a line of progress, the sum.

use bowerbird::{runtime::Handle, time::Instant};
use std::{
    fmt,
    io::{self, IsTerminal, Write},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// How far the crawl is.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pages: AtomicU64,
    bytes: AtomicU64,
    left_out: AtomicU64,
}

// Relaxed throughout: statistics.
impl Progress {
    pub(crate) fn fetched(&self, bytes: u64) {
        self.pages.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn left_out(&self) {
        self.left_out.fetch_add(1, Relaxed);
    }

    pub(crate) fn pages(&self) -> u64 {
        self.pages.load(Relaxed)
    }

    /// Pages that were known and not fetched, since the last call.
    pub(crate) fn take_left_out(&self) -> u64 {
        self.left_out.swap(0, Relaxed)
    }

    /// Writes the line of progress over the one before, on a terminal.
    pub(crate) fn show(&self, tick: u64) {
        if !io::stderr().is_terminal() {
            return;
        }
        let sign = ['|', '/', '-', '\\'][(tick % 4) as usize];
        let (pages, bytes) = (self.pages(), Bytes(self.bytes.load(Relaxed)));
        let _ = write!(io::stderr(), "\r{sign} {pages} pages, {bytes}   ");
    }

    /// Takes the line of progress away.
    pub(crate) fn hide(&self) {
        if io::stderr().is_terminal() {
            let _ = write!(io::stderr(), "\r{:40}\r", "");
        }
    }
}

/// Runs one stage, and prints how long it took and what it says of its result.
pub(crate) async fn stage<T, E>(
    name: impl fmt::Display,
    stage: impl Future<Output = Result<(T, String), E>>,
) -> Result<T, E> {
    let began = Instant::now();
    let (value, result) = stage.await?;
    let took = began.elapsed().as_secs_f64() * 1e3;
    say(&format!("{:<10} {took:>8.1} ms   {result}", name.to_string()));
    Ok(value)
}

/// What the runtime has done so far.
pub(crate) fn metrics(handle: &Handle) -> String {
    let metrics = handle.metrics();
    let sum = |each: fn(&bowerbird::runtime::WorkerMetrics) -> u64| {
        metrics.workers.iter().map(each).sum::<u64>()
    };
    format!(
        "{} workers, {} polls, {} steals, {} sleeps, {} I/O events; {} blocking threads at most",
        metrics.workers.len(),
        sum(|it| it.polls),
        sum(|it| it.steals),
        sum(|it| it.parks),
        sum(|it| it.events),
        metrics.blocking_threads_peak,
    )
}

/// Prints a line at once: a reader at the end of a pipe waits for it.
pub(crate) fn say(line: &str) {
    let mut out = io::stdout().lock();
    // Nobody reads any more: that is no reason to stop.
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

/// A number of bytes for people.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..10_000 => write!(f, "{} B", self.0),
            10_000..10_000_000 => write!(f, "{:.1} kB", self.0 as f64 / 1e3),
            _ => write!(f, "{:.1} MB", self.0 as f64 / 1e6),
        }
    }
}
