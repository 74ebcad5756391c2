//! Two clocks, and when to read which.
//!
//! Processor time does not run while another program has the processor, so it is
//! the better clock for one worker. With several workers it hides what matters:
//! one that waits for the other costs nothing.

use std::time::{Duration, Instant};

/// How long a piece of work took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Took {
    /// Processor time of all threads of this process.
    pub cpu: Duration,
    /// Time on the wall.
    pub wall: Duration,
}

impl Took {
    /// By the clock that tells with so many workers: see
    /// [`is_telling`](crate::reading::Unit::is_telling).
    #[must_use]
    pub fn by_workers(self, workers: usize) -> Duration {
        match workers {
            1 => self.cpu,
            _ => self.wall,
        }
    }
}

/// Both clocks, started.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    cpu: Duration,
    wall: Instant,
}

impl Stopwatch {
    /// Starts.
    #[must_use]
    pub fn start() -> Self {
        Self { cpu: cpu_time(), wall: now() }
    }

    /// How long it is since the start.
    #[must_use]
    pub fn elapsed(self) -> Took {
        Took { wall: self.wall.elapsed(), cpu: cpu_time() - self.cpu }
    }
}

/// How long `work` takes.
pub fn time(work: impl FnOnce()) -> Took {
    let stopwatch = Stopwatch::start();
    work();
    stopwatch.elapsed()
}

/// The time on the wall.
#[expect(clippy::disallowed_methods, reason = "real time is what is measured")]
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one `timespec`, and `time` is one.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(status, 0, "this system tells no processor time");
    let seconds = u64::try_from(time.tv_sec).expect("processor time does not begin below zero");
    let nanos = u32::try_from(time.tv_nsec).expect("nanoseconds are less than a second");
    Duration::new(seconds, nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_runs_while_something_is_computed() {
        let took = time(|| {
            let start = cpu_time();
            while cpu_time() == start {}
        });
        assert!(took.cpu > Duration::ZERO);
    }
}
