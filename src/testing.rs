//! For tests: a clock that stands still.
//!
//! With `#[bowerbird::test(clock = "virtual")]`, or a runtime built with
//! [`Builder::paused_clock`](crate::runtime::Builder::paused_clock), time does not
//! pass while any task can run; when all wait it jumps to the next deadline. An
//! hour of sleeps takes no time, and the order of events is that of the deadlines.

/// The clock of the current runtime.
///
/// Timers, [`Instant::now`](crate::time::Instant::now) and timeouts follow it.
/// `std::time` does not, nor do other crates' timers. A blocking closure that runs
/// keeps the clock from jumping; I/O with the outside world does not.
///
/// # Examples
///
/// ```
/// use bowerbird::{runtime::Builder, testing::clock, time};
/// use std::time::Duration;
///
/// let hour = Duration::from_secs(3600);
/// let runtime = Builder::new_current_thread().paused_clock().build()?;
/// runtime.block_on(async {
///     let start = time::Instant::now();
///     time::sleep(hour).await;
///     assert_eq!(start.elapsed(), hour);
///
///     clock::advance(hour);
///     assert_eq!(start.elapsed(), 2 * hour);
/// });
/// # Ok::<(), bowerbird::runtime::BuildError>(())
/// ```
pub mod clock {
    use reactor::Reactor;
    use std::time::Duration;

    /// Stops the clock of the current runtime.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn pause() {
        Reactor::current().pause();
    }

    /// Lets the clock go on from where it stands.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn resume() {
        Reactor::current().resume();
    }

    /// Moves the clock ahead and wakes everybody whose time has come.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn advance(span: Duration) {
        Reactor::current().advance(span);
    }

    /// Whether the clock stands still.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    #[must_use]
    pub fn is_paused() -> bool {
        Reactor::current().clock().is_paused()
    }
}
