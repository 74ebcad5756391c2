//! `bowerbird::time`.

use super::Bowerbird;
use crate::workloads::time::Timing;
use bowerbird::time::{self, Interval};
use std::{
    future::Future,
    time::{Duration, Instant},
};

impl Timing for Bowerbird {
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
