//! What a builder says about tasks that keep their worker.

use crate::runtime::{Builder, Stall};
use std::time::Duration;

/// Tasks that block their thread, or compute for long.
impl Builder {
    /// How many workers may be added, one after the other, while every worker is stuck
    /// in a poll that blocks or computes for long, so that sockets, timers and other
    /// tasks go on. They leave when they are not needed any more. By default as many as
    /// there are workers, at most 8. Set it before [`seats`](Self::seats) is asked for.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::runtime::Builder;
    ///
    /// let runtime = Builder::new_multi_thread().worker_threads(1).spare_workers(2).build()?;
    /// let task = runtime.spawn(async {
    ///     // Blocks the only worker until another task has run.
    ///     bowerbird::spawn(async { 7 }).join_blocking(None).unwrap().unwrap()
    /// });
    /// assert_eq!(runtime.block_on(task).unwrap(), 7);
    /// # Ok::<(), bowerbird::runtime::BuildError>(())
    /// ```
    pub fn spare_workers(self, workers: usize) -> Self {
        self.with(|it| it.spare_workers(workers))
    }

    /// Hears of tasks of a multi-thread runtime that keep their worker in one poll for
    /// longer than [`stall_threshold`](Self::stall_threshold) says, because they block
    /// their thread or compute: on a thread that looks after all workers, so it should be
    /// quick. Without it they are told of in debug mode, as [`Unhandled::Stalled`](crate::runtime::Unhandled::Stalled), and
    /// with the feature `tracing`.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::runtime::Builder;
    /// use std::{sync::mpsc, time::Duration};
    ///
    /// let (tell, told) = mpsc::channel();
    /// let runtime = Builder::new_multi_thread()
    ///     .stall_threshold(Duration::from_millis(5))
    ///     .on_stall(move |stall| tell.send(stall.clone()).unwrap_or(()))
    ///     .build()?;
    /// let (end, ended) = mpsc::channel::<()>();
    /// let task = runtime.spawn(async move { ended.recv().unwrap() });
    /// let stall = told.recv().unwrap();
    /// assert_eq!(Some(stall.task.id), task.id());
    /// assert!(!stall.is_over && stall.duration >= Duration::from_millis(5));
    /// end.send(()).unwrap();
    /// assert!(told.recv().unwrap().is_over);
    /// # Ok::<(), bowerbird::runtime::BuildError>(())
    /// ```
    #[doc(alias = "slow_callback_duration")]
    pub fn on_stall(self, hook: impl Fn(&Stall) + Send + Sync + 'static) -> Self {
        self.with(|it| it.on_stall(hook))
    }

    /// After how long in one poll a task is a [`Stall`]. By default 100 ms. It is told
    /// of a few milliseconds later.
    pub fn stall_threshold(self, threshold: Duration) -> Self {
        self.with(|it| it.stall_threshold(threshold))
    }
}
