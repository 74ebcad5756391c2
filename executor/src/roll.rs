//! Which thread is worker *n*, for those who have something for it alone?
//!
//! Desks are lent and taken in turn; pinned tasks belong to threads. Whoever gives a
//! worker a pinned task from outside means the thread whose desk it is by right:
//!
//! | runtime                   | worker *n*                                               |
//! |---------------------------|----------------------------------------------------------|
//! | multi-thread              | the thread started for it; of `run`, worker 0 is its caller |
//! | current-thread            | whoever is in `block_on` or `turn`, the first to come if several are |
//! | current-thread, local     | the thread of the `LocalExecutor`                        |
//!
//! It may not be there yet: a thread takes its time to start, and between two calls of
//! `block_on` nobody is. Then the *expected* [inbox](crate::inbox) takes what comes, and
//! the next thread to come has it for its own.
//!
//! ```text
//!     anybody                              the thread
//!     ───────                              ──────────
//!     who is here, or expected?
//!     reserve a place among its tasks      come: the expected inbox is ours
//!     make the task                        …
//!     admit it, unless the inbox closed    leave: nobody finds us any more
//!     queue it                             close the inbox, drop the tasks admitted
//! ```
//!
//! A task is made in several steps, and its thread may leave meanwhile: it must find
//! either a whole task or none. So the task is *admitted* under the inbox's lock when it
//! is whole. One that comes too late is cancelled by its maker: as long as it was not
//! polled it is a closure, which is `Send`. For the same reason may the thread that ends
//! the runtime cancel what lies in an expected inbox.
//!
//! # Rejected
//!
//! * A letter with a boxed closure, of which the thread makes the task: a second
//!   allocation, and a handle that would have to wait for its task to exist.
//! * An error while nobody is in `block_on`: every user would have to write the loop that
//!   waits for somebody.

use crate::inbox::{Inbox, Place};
use std::sync::Arc;
use sync::shim::Lock;

/// The threads of one worker.
#[derive(Debug)]
pub(crate) struct Roll {
    worker: usize,
    /// Where a thread sleeps that has not come yet.
    place: Place,
    state: Lock<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Those who are here, in the order in which they came.
    here: Vec<Arc<Inbox>>,
    /// What waits for the next one.
    expected: Option<Arc<Inbox>>,
}

impl Roll {
    /// Nobody is here.
    pub(crate) fn new(worker: usize, place: Place) -> Self {
        Self { worker, place, state: Lock::default() }
    }

    /// A place among the tasks of whoever is this worker.
    pub(crate) fn reserve(&self) -> (Arc<Inbox>, usize) {
        loop {
            let inbox = self.inbox();
            if let Some(key) = inbox.reserve() {
                return (inbox, key);
            }
            // It left, and was struck off before it closed its inbox: this one is another.
        }
    }

    fn inbox(&self) -> Arc<Inbox> {
        let mut state = self.state.lock();
        if let Some(inbox) = state.here.first() {
            return inbox.clone();
        }
        let expected = || Arc::new(Inbox::of_worker(self.place, self.worker));
        state.expected.get_or_insert_with(expected).clone()
    }

    /// A thread comes as this worker: its inbox.
    pub(crate) fn come(&self) -> Arc<Inbox> {
        let mut state = self.state.lock();
        let expected = state.expected.take();
        let inbox =
            expected.unwrap_or_else(|| Arc::new(Inbox::of_worker(Place::Parker, self.worker)));
        // It has no place yet, and looks for letters when it has.
        inbox.move_to(Place::Parker);
        state.here.push(inbox.clone());
        inbox
    }

    /// The thread of this inbox leaves.
    pub(crate) fn leave(&self, inbox: &Arc<Inbox>) {
        self.state.lock().here.retain(|it| !Arc::ptr_eq(it, inbox));
    }

    /// Nobody comes any more: what would have been the next one's.
    pub(crate) fn end(&self) -> Option<Arc<Inbox>> {
        self.state.lock().expected.take()
    }
}
