//! Closures that run soon, on a thread of the runtime.
//!
//! Each is a task that is done at its first poll, so all that is true of tasks is true
//! of it: it may be cancelled until it starts, a panic stays in it, it inherits
//! task-locals, and the end of the runtime drops it.

use crate::{
    executor::Handle,
    spawn,
    task::{Once, info::Id, join::AbortHandle},
};
use std::fmt;

impl Handle {
    /// Runs a closure soon, once, on a worker of this runtime. From any thread.
    ///
    /// It is for what takes no longer than a poll should; what blocks goes to
    /// [`spawn_blocking`](Self::spawn_blocking). On a current-thread runtime closures
    /// that one thread defers run in their order; on many workers they may run at the
    /// same time. If it panics, [`on_unhandled`](crate::Builder::on_unhandled) hears
    /// of it. A runtime that has shut down drops it.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_executor::{Builder, ThreadDriver};
    /// use std::sync::mpsc;
    ///
    /// let executor = Builder::new_multi_thread().worker_threads(1).build_with(ThreadDriver::new)?;
    /// let (sender, receiver) = mpsc::channel();
    /// executor.handle().defer(move || sender.send(7).unwrap());
    /// assert_eq!(receiver.recv(), Ok(7));
    /// # Ok::<(), bowerbird_executor::BuildError>(())
    /// ```
    #[doc(alias = "call_soon")]
    #[doc(alias = "call_soon_threadsafe")]
    #[track_caller]
    pub fn defer(&self, closure: impl FnOnce() + Send + 'static) -> DeferHandle {
        DeferHandle { abort: self.spawn(Once::new(closure)).abort_handle() }
    }
}

/// Runs a closure soon, once, on this thread: it need not be `Send`. As
/// [`Handle::defer`] otherwise; closures run in the order in which they were deferred.
///
/// # Panics
///
/// As [`spawn_local`](crate::spawn_local).
///
/// # Examples
///
/// ```
/// use bowerbird_executor::{Builder, ThreadDriver, defer_local, yield_now};
/// use std::{cell::RefCell, rc::Rc};
///
/// let executor = Builder::new_current_thread().build_with(ThreadDriver::new)?;
/// executor.block_on(async {
///     let calls = Rc::new(RefCell::new(vec![]));
///     for n in 0..3 {
///         let calls = calls.clone();
///         defer_local(move || calls.borrow_mut().push(n));
///     }
///     assert!(calls.borrow().is_empty());
///     yield_now().await;
///     assert_eq!(*calls.borrow(), [0, 1, 2]);
/// });
/// # Ok::<(), bowerbird_executor::BuildError>(())
/// ```
#[doc(alias = "call_soon")]
#[track_caller]
pub fn defer_local(closure: impl FnOnce() + 'static) -> DeferHandle {
    DeferHandle { abort: spawn::spawn_local(Once::new(closure)).abort_handle() }
}

/// A closure on its way. Dropping this lets it run.
///
/// # Examples
///
/// ```
/// use bowerbird_executor::{Builder, ThreadDriver, yield_now};
///
/// let executor = Builder::new_current_thread().build_with(ThreadDriver::new)?;
/// let call = executor.handle().defer(|| panic!("it was cancelled"));
/// call.cancel();
/// assert!(call.is_cancelled());
/// executor.block_on(yield_now());
/// # Ok::<(), bowerbird_executor::BuildError>(())
/// ```
#[derive(Clone)]
pub struct DeferHandle {
    abort: AbortHandle,
}

impl DeferHandle {
    /// Drops the closure instead of calling it, if it has not been called.
    pub fn cancel(&self) {
        self.abort.abort();
    }

    /// Whether anybody cancelled it, or the runtime refused it.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.abort.is_aborted()
    }

    /// The id of the task that calls it. `None` if the runtime refused it.
    #[must_use]
    pub fn id(&self) -> Option<Id> {
        self.abort.id()
    }
}

impl fmt::Debug for DeferHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeferHandle").field("id", &self.id()).finish_non_exhaustive()
    }
}
