//! What the work with timers needs of a runtime.

use crate::Runtime;
use std::{
    future::Future,
    time::{Duration, Instant},
};

/// A runtime with timeouts and intervals.
pub trait Timing: Runtime {
    /// Something that ticks.
    type Interval: Send + 'static;

    /// Runs `future` for `duration` at most. The future is its output, or none if the
    /// time is up first.
    fn timeout<F: Future<Output: Send> + Send>(
        duration: Duration,
        future: F,
    ) -> impl Future<Output = Option<F::Output>> + Send;

    /// Ticks at `start`, and then every `period`, from inside. Late ticks are made up
    /// for, one right after the other.
    fn interval_at(start: Instant, period: Duration) -> Self::Interval;

    /// Waits for the next tick. The future is when it was due.
    fn tick(interval: &mut Self::Interval) -> impl Future<Output = Instant> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock,
        runtimes::{Bowerbird, Smol, Tokio},
    };
    use std::future::{pending, ready};

    #[test]
    fn a_timeout_ends_what_takes_too_long_and_nothing_else() {
        fn check<R: Timing>() {
            let outputs = R::new(1).run(async {
                let ended = R::timeout(Duration::from_millis(1), pending::<()>()).await;
                (ended, R::timeout(Duration::from_secs(3_600), ready(7)).await)
            });
            assert_eq!(outputs, (None, Some(7)), "{}", R::NAME);
        }
        check::<Bowerbird>();
        check::<Tokio>();
        check::<Smol>();
    }

    #[test]
    fn ticks_are_due_a_period_apart_from_the_start_also_when_they_are_late() {
        fn check<R: Timing>() {
            let period = Duration::from_millis(1);
            let start = clock::now() - 2 * period;
            let due = R::new(1).run(async move {
                let mut interval = R::interval_at(start, period);
                [
                    R::tick(&mut interval).await,
                    R::tick(&mut interval).await,
                    R::tick(&mut interval).await,
                ]
            });
            assert_eq!(due, [start, start + period, start + 2 * period], "{}", R::NAME);
        }
        check::<Bowerbird>();
        check::<Tokio>();
        check::<Smol>();
    }
}
