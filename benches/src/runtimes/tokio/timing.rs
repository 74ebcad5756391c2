//! `tokio::time`.

use super::Tokio;
use crate::workloads::time::Timing;
use std::{
    future::Future,
    time::{Duration, Instant},
};
use tokio::time::{self, Interval};

impl Timing for Tokio {
    type Interval = Interval;

    async fn timeout<F: Future<Output: Send> + Send>(
        duration: Duration,
        future: F,
    ) -> Option<F::Output> {
        time::timeout(duration, future).await.ok()
    }

    fn interval_at(start: Instant, period: Duration) -> Interval {
        time::interval_at(start.into(), period)
    }

    async fn tick(interval: &mut Interval) -> Instant {
        interval.tick().await.into_std()
    }
}
