//! Metrics, for people: a line of the whole, a line per worker, the times, the rest.
//! A spare worker has a plus before its number.

use super::{Histogram, Metrics, WorkerMetrics};
use std::{fmt, time::Duration};

impl fmt::Display for Metrics {
    /// ```text
    /// up 2.5s, 40 tasks of 1200 (3 cancelled, 1 panicked), 12 injected, 0 of 2 asleep
    /// worker      polls  queued searches   steals    taken    parks    wakes   yields   events busy
    ///      0     120482       3       17        4       90       12        2        0       31  47%
    ///      1      99120       0       20        9       71       14        1        5       30  40%
    /// polls        p50 512.0ns     p99 8.2µs       max 1.1ms       of 610
    /// latencies    p50 2.0µs       p99 65.5µs      max 80.2µs      of 610
    /// stalls       3 seen, 1 tasks and 0 events rescued, 0 spare workers of 1 started
    /// blocking     2 threads (1 idle, peak 3, 3 started, 0 refused), 1 running, 0 queued (0 cancelled)
    /// driver       60 turns, 26 sleeps, 61 events (0 stale), 12 sources
    /// timers       7 set now of 90 (80 fired, 3 cancelled)
    /// ```
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "up {:.1?}, {} tasks of {} ({} cancelled, {} panicked), {} injected, {} of {} asleep",
            self.uptime,
            self.tasks_alive,
            self.tasks_spawned,
            self.tasks_cancelled,
            self.tasks_panicked,
            self.injected,
            self.asleep,
            self.workers.iter().filter(|it| !it.is_spare).count() + self.spares,
        )?;
        self.write_workers(f)?;
        write_times(f, "polls", &self.poll_times())?;
        write_times(f, "latencies", &self.latencies())?;
        writeln!(
            f,
            "stalls       {} seen, {} tasks and {} events rescued, {} spare workers of {} started",
            self.stalls, self.rescued_tasks, self.rescued_events, self.spares, self.spares_started,
        )?;
        writeln!(
            f,
            "blocking     {} threads ({} idle, peak {}, {} started, {} refused), {} running, \
             {} queued ({} cancelled)",
            self.blocking_threads,
            self.blocking_idle,
            self.blocking_threads_peak,
            self.blocking_threads_started,
            self.blocking_starts_failed,
            self.blocking_running,
            self.blocking_queued,
            self.blocking_cancelled,
        )?;
        write!(f, "{}", self.driver)
    }
}

impl Metrics {
    fn write_workers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "worker {:>10} {:>7} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} busy",
            "polls", "queued", "searches", "steals", "taken", "parks", "wakes", "yields", "events",
        )?;
        self.workers.iter().enumerate().try_for_each(|(i, it)| it.write(f, i, self.uptime))
    }
}

impl WorkerMetrics {
    fn write(&self, f: &mut fmt::Formatter<'_>, index: usize, uptime: Duration) -> fmt::Result {
        let name = format!("{}{index}", if self.is_spare { "+" } else { "" });
        let share = self.busy().as_secs_f64() / uptime.as_secs_f64().max(1e-9);
        writeln!(
            f,
            "{name:>6} {:>10} {:>7} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>3.0}%",
            self.polls,
            self.queued,
            self.searches,
            self.steals,
            self.taken,
            self.parks,
            self.wakes,
            self.budget_yields,
            self.events,
            // An estimate, which may be too high.
            (100.0 * share).min(100.0),
        )
    }
}

fn write_times(f: &mut fmt::Formatter<'_>, name: &str, times: &Histogram) -> fmt::Result {
    let (Some(p50), Some(p99)) = (times.quantile(0.5), times.quantile(0.99)) else {
        return writeln!(f, "{name:<12} none seen");
    };
    writeln!(
        f,
        "{name:<12} p50 {p50:<11.1?} p99 {p99:<11.1?} max {:<11.1?} of {}",
        times.max(),
        times.count(),
    )
}
