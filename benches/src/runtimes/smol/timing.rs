//! async-io's `Timer`, for all of it.

use super::Smol;
use crate::workloads::time::Timing;
use async_io::Timer;
use futures_lite::{StreamExt, future};
use std::{
    future::Future,
    time::{Duration, Instant},
};

impl Timing for Smol {
    type Interval = Timer;

    /// As async-io's documents show it: the future, or else a timer.
    async fn timeout<F: Future<Output: Send> + Send>(
        duration: Duration,
        future: F,
    ) -> Option<F::Output> {
        let time_is_up = async {
            Timer::after(duration).await;
            None
        };
        future::or(async { Some(future.await) }, time_is_up).await
    }

    fn interval_at(start: Instant, period: Duration) -> Timer {
        Timer::interval_at(start, period)
    }

    async fn tick(interval: &mut Timer) -> Instant {
        interval.next().await.expect("an interval has no end")
    }
}
