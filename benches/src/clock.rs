//! Two clocks, and when to read which.
//!
//! Processor time does not run while another program has the processor, so it is
//! the better clock for one worker. With several workers it hides what matters:
//! one that waits for the other costs nothing.

use std::time::{Duration, Instant};

/// What a piece of work is timed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Processor time of all threads of this process.
    Cpu,
    /// The clock on the wall.
    Wall,
}

impl Clock {
    /// The one to read for so many workers.
    #[must_use]
    pub fn for_workers(workers: usize) -> Self {
        match workers {
            1 => Self::Cpu,
            _ => Self::Wall,
        }
    }

    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Wall => "wall",
        }
    }

    /// How long `work` takes.
    pub fn time(self, work: impl FnOnce()) -> Duration {
        match self {
            Self::Cpu => {
                let before = cpu_time();
                work();
                cpu_time() - before
            }
            Self::Wall => {
                let start = now();
                work();
                start.elapsed()
            }
        }
    }
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
        let took = Clock::Cpu.time(|| {
            let start = cpu_time();
            while cpu_time() == start {}
        });
        assert!(took > Duration::ZERO);
    }
}
