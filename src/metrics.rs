//! Metrics in serde's terms.
//!
//! The executor has no features, so its types know nothing of serde; this one wraps a
//! look at them. Durations are whole nanoseconds, with `_ns` in their names; a histogram
//! has the buckets that are not empty, each as where it ends and how many are in it.
//! Fields may be added, none changes its meaning.

use executor::{Histogram, Metrics, WorkerMetrics};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use std::time::Duration;
use sync::driver::DriverMetrics;

/// A look at a runtime that `serde` can serialize. With the feature `serde`.
///
/// Its fields are those of [`Metrics`], with the same names. Durations are in
/// nanoseconds, and their names end in `_ns`. A histogram has `count`, `sum_ns`,
/// `max_ns`, `p50_ns`, `p99_ns` and `buckets`: pairs of the end of a bucket, `null` for
/// the last one, and the number of times in it, without buckets that are empty.
///
/// # Examples
///
/// ```
/// use bowerbird::runtime::{Runtime, SerializableMetrics};
///
/// let runtime = Runtime::new()?;
/// runtime.block_on(async {});
/// let metrics = runtime.handle().metrics();
/// let json = serde_json::to_value(SerializableMetrics(&metrics)).unwrap();
/// assert_eq!(json["tasks_spawned"], 1);
/// assert_eq!(json["workers"].as_array().unwrap().len(), metrics.workers.len());
/// # Ok::<(), bowerbird::runtime::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SerializableMetrics<'a>(pub &'a Metrics);

/// Serializes named fields of `$from`, and whatever else is given a name.
macro_rules! fields {
    ($serializer:expr, $name:literal, $from:expr, [$($field:ident),* $(,)?],
     { $($extra:literal: $value:expr),* $(,)? }) => {{
        let names: &[&str] = &[$(stringify!($field),)* $($extra,)*];
        let mut record = $serializer.serialize_struct($name, names.len())?;
        $(record.serialize_field(stringify!($field), &$from.$field)?;)*
        $(record.serialize_field($extra, &$value)?;)*
        record.end()
    }};
}

impl Serialize for SerializableMetrics<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let it = self.0;
        fields!(
            serializer,
            "Metrics",
            it,
            [
                tasks_spawned,
                tasks_alive,
                tasks_cancelled,
                tasks_panicked,
                injected,
                spares,
                asleep,
                stalls,
                rescued_tasks,
                rescued_events,
                spares_started,
                blocking_threads,
                blocking_idle,
                blocking_queued,
                blocking_running,
                blocking_threads_peak,
                blocking_threads_started,
                blocking_cancelled,
                blocking_starts_failed,
            ],
            {
                "uptime_ns": nanos(it.uptime),
                "workers": it.workers.iter().map(Worker).collect::<Vec<_>>(),
                "driver": Driver(&it.driver),
            }
        )
    }
}

struct Worker<'a>(&'a WorkerMetrics);

impl Serialize for Worker<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let it = self.0;
        fields!(
            serializer,
            "WorkerMetrics",
            it,
            [
                polls,
                searches,
                steals,
                taken,
                parks,
                wakes,
                budget_yields,
                events,
                queued,
                is_spare,
            ],
            {
                "busy_ns": nanos(it.busy()),
                "poll_times": Times(&it.poll_times),
                "latencies": Times(&it.latencies),
            }
        )
    }
}

struct Driver<'a>(&'a DriverMetrics);

impl Serialize for Driver<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fields!(
            serializer,
            "DriverMetrics",
            self.0,
            [
                turns,
                sleeps,
                events,
                events_stale,
                wakes,
                sources,
                timers,
                timers_set,
                timers_fired,
                timers_cancelled,
            ],
            {}
        )
    }
}

struct Times<'a>(&'a Histogram);

impl Serialize for Times<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let it = self.0;
        let end = |end: Duration| (end != Duration::MAX).then(|| nanos(end));
        let buckets: Vec<_> =
            it.buckets().filter(|it| it.1 > 0).map(|it| (end(it.0), it.1)).collect();
        fields!(serializer, "Histogram", it, [], {
            "count": it.count(),
            "sum_ns": nanos(it.sum()),
            "max_ns": nanos(it.max()),
            "p50_ns": it.quantile(0.5).map(nanos),
            "p99_ns": it.quantile(0.99).map(nanos),
            "buckets": buckets,
        })
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
