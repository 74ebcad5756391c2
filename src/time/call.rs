//! Closures that are called at some time.
//!
//! A task sleeps and then calls. That it was cancelled in time is decided under a
//! small lock, by whoever comes first of the task and the one that cancels:
//!
//! ```text
//!   WAITING ── its time has come ──▶ RUNNING ── returned or panicked ──▶ DONE
//!      └────── cancel, or the end of the runtime ──▶ CANCELLED
//! ```

use executor::{AbortHandle, spawn};
use reactor::time::{Instant, sleep_until};
use std::{fmt, sync::Arc, time::Duration};
use sync::shim::Lock;

/// Calls `f` once, after `delay`, in a task of its own.
///
/// The closure must not block for long: it runs on a worker. What it panics with goes
/// to [`on_unhandled`](crate::runtime::Builder::on_unhandled). Closures of different
/// deadlines are called in their order if there is one worker; on several they may
/// overlap.
///
/// Dropping the handle changes nothing. When the runtime ends, what has not been
/// called is dropped.
///
/// # Panics
///
/// Outside a runtime.
///
/// # Examples
///
/// ```
/// use bowerbird::{runtime::Builder, time::{Instant, call_later, sleep}};
/// use std::{sync::mpsc, time::Duration};
///
/// const SECOND: Duration = Duration::from_secs(1);
///
/// let runtime = Builder::new_current_thread().paused_clock().build()?;
/// runtime.block_on(async {
///     let (sender, called) = mpsc::channel();
///     let start = Instant::now();
///     call_later(SECOND, move || sender.send(start.elapsed()).unwrap());
///     let never = call_later(SECOND, || unreachable!("it is cancelled"));
///     assert!(never.cancel());
///     sleep(2 * SECOND).await;
///     assert_eq!(called.try_recv(), Ok(SECOND));
/// });
/// # Ok::<(), bowerbird::runtime::BuildError>(())
/// ```
#[track_caller]
pub fn call_later(delay: Duration, f: impl FnOnce() + Send + 'static) -> TimerHandle {
    call_at(Instant::now() + delay, f)
}

/// Calls `f` once, at `deadline`, or as soon as may be if that has passed: in a task of
/// its own, never inside of this call.
///
/// For the rest see [`call_later`].
///
/// # Panics
///
/// Outside a runtime.
///
/// # Examples
///
/// ```
/// use bowerbird::{run, time::{Instant, call_at}};
/// use std::sync::Arc;
///
/// run(async {
///     let event = Arc::new(bowerbird::sync::Event::new());
///     let theirs = event.clone();
///     let timer = call_at(Instant::now(), move || theirs.set());
///     event.wait().await;
///     assert!(!timer.cancel(), "too late");
/// });
/// ```
#[track_caller]
pub fn call_at(deadline: Instant, f: impl FnOnce() + Send + 'static) -> TimerHandle {
    let stage = Arc::new(Lock::new(Stage::Waiting));
    let call = Call { stage: stage.clone() };
    let sleep = sleep_until(deadline);
    let task = spawn(async move {
        sleep.await;
        if call.begin() {
            f();
        }
    });
    TimerHandle { when: deadline, stage, task: task.abort_handle() }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Running,
    Done,
    Cancelled,
}

/// The right to call. It is dropped with the task.
struct Call {
    stage: Arc<Lock<Stage>>,
}

impl Call {
    /// Whether nobody has cancelled it.
    fn begin(&self) -> bool {
        let mut stage = self.stage.lock();
        let may_call = *stage == Stage::Waiting;
        if may_call {
            *stage = Stage::Running;
        }
        may_call
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut stage = self.stage.lock();
        *stage = match *stage {
            Stage::Waiting | Stage::Cancelled => Stage::Cancelled,
            Stage::Running | Stage::Done => Stage::Done,
        };
    }
}

/// A call that is to come: see [`call_later`].
#[derive(Clone)]
pub struct TimerHandle {
    when: Instant,
    stage: Arc<Lock<Stage>>,
    task: AbortHandle,
}

impl TimerHandle {
    /// Takes the call back, and returns whether that came in time: then it will never
    /// be made, and the closure is dropped soon. A call that has begun goes on.
    pub fn cancel(&self) -> bool {
        let mut stage = self.stage.lock();
        if *stage == Stage::Waiting {
            *stage = Stage::Cancelled;
        }
        let is_cancelled = *stage == Stage::Cancelled;
        drop(stage);
        if is_cancelled {
            self.task.abort();
        }
        is_cancelled
    }

    /// Whether it will never be called: somebody cancelled it in time, or the runtime
    /// has ended.
    #[doc(alias = "cancelled")]
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.stage.lock() == Stage::Cancelled
    }

    /// Whether the call has been made and is over; it may have panicked.
    #[must_use]
    pub fn is_done(&self) -> bool {
        *self.stage.lock() == Stage::Done
    }

    /// When it is to be called, or was.
    #[must_use]
    pub fn when(&self) -> Instant {
        self.when
    }
}

impl fmt::Debug for TimerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = *self.stage.lock();
        f.debug_struct("TimerHandle")
            .field("when", &self.when)
            .field("stage", &stage)
            .finish_non_exhaustive()
    }
}
