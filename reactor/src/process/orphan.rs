//! Who waits for a child that nobody waits for any more?
//!
//! A process that has ended stays in the system's table until its parent has waited
//! for it. When a [`Child`](super::Child) is dropped before that, its process becomes
//! an *orphan*: it lies in the source that tells of its end, as the waker of whoever
//! waits there, and when it is woken it reaps itself.
//!
//! ```text
//!   source ──▶ waker ──▶ orphan ──▶ process ──▶ watch ──▶ source
//! ```
//!
//! The circle is broken by the wake: of the process's end, or of the runtime's. An
//! orphan that outlives its runtime is waited for by a thread of its own: a rare
//! thing, and a thread that sleeps.

use super::started::{Started, Watch};
use crate::source::{Direction, Place};
use std::{
    panic::Location,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};
use sync::shim::thread;

#[derive(Debug)]
struct Orphan {
    started: Started,
    watch: Arc<Watch>,
}

/// Sees to it that the process is reaped when it ends. Never blocks.
#[track_caller]
pub(super) fn adopt(started: Started) {
    if !matches!(started.try_wait(), Ok(None)) {
        return;
    }
    match started.watch(Location::caller()) {
        Ok(watch) => Arc::new(Orphan { started, watch }).look(),
        // The runtime has ended, or has no descriptor left.
        Err(_) => reap_on_a_thread(move || started.wait_blocking()),
    }
}

impl Orphan {
    fn look(self: Arc<Self>) {
        let waker = Waker::from(self.clone());
        let cx = Context::from_waker(&waker);
        while matches!(self.started.try_wait(), Ok(None)) {
            match self.watch.poll(Place::Slot(Direction::Read), &cx) {
                // The source has the waker, and that has us.
                Poll::Pending => return,
                Poll::Ready(Ok(())) => {}
                // The runtime has ended.
                Poll::Ready(Err(_)) => {
                    return reap_on_a_thread(move || self.started.wait_blocking());
                }
            }
        }
    }
}

impl Wake for Orphan {
    fn wake(self: Arc<Self>) {
        self.look();
    }
}

fn reap_on_a_thread(wait: impl FnOnce() + Send + 'static) {
    /// It calls one function.
    const STACK: usize = 64 * 1024;
    // Without a thread the process stays in the table until this program ends.
    let _ = thread::start("bowerbird-reaper".to_owned(), Some(STACK), wait);
}
