//! Who sits at which desk, and how does a runtime end?
//!
//! # Desks
//!
//! A desk at which nobody sits lies here. A thread that would like to sit at it
//! takes it, or leaves its inbox in the queue and is woken when it is free.
//!
//! # The end
//!
//! "BUSY" means queued or being polled, so nobody can tell from outside whether a
//! future is in use. Therefore futures are dropped only after every thread that
//! polls stealable tasks has stopped doing so:
//!
//! ```text
//!     closer                    pollers                      the last to leave
//!     ──────                    ───────                      ─────────────────
//!     begin: no more polls      see it before the next poll
//!     wake everybody            leave their desk here ─ C1 ─▶ drops the futures of all
//!     wait, with a deadline     drop their pinned tasks       homes, closes them and the
//!       ◀──────────────────────────────────────────── C2 ──── driver: finished
//! ```
//!
//! A *poller* is a thread at a desk, or one that lent its desk in the middle of a
//! poll in order to block. Whoever is the last one to stop, or the closer if there
//! is none, finishes; so a poller that comes back late, long after the closer gave
//! up and reported it, still cleans up.
//!
//! Pinned tasks are no business of this file: each thread drops its own.
//!
//! # Synchronization edges
//!
//! | edge | released by             | acquired by              | what crosses            |
//! |------|-------------------------|--------------------------|-------------------------|
//! | C1   | [`Closing::stand`], [`Closing::leave`] | [`Closing::begin`], the last of these | every future's last poll |
//! | C2   | [`Closing::finish`]     | [`Closing::wait`]        | the end of everything   |
//!
//! Both are carried by the lock.
//!
//! # Rejected
//!
//! * Each worker drops its own tasks after a barrier: faster for millions of
//!   tasks, but then a stuck worker keeps all others waiting in the barrier, and
//!   none of them may leave.
//! * Desks under a lock of their own: the end must find every desk, also one that
//!   is put down while it begins.

use crate::{desk::Desk, inbox::Inbox};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use sync::shim::{
    self, Condvar, Lock,
    atomic::{AtomicBool, Ordering::Relaxed},
};

/// Desks at which nobody sits, each in the box in which it is passed on.
pub(crate) type Desks = Vec<Box<Desk>>;

/// The desks of a runtime, and its end.
#[derive(Debug)]
pub(crate) struct Closing {
    begun: AtomicBool,
    state: Lock<State>,
    changed: Condvar,
}

/// The desk of those that want none.
const NO_DESK: usize = usize::MAX;

#[derive(Debug, Default)]
struct State {
    is_begun: bool,
    /// Threads that may be polling stealable tasks.
    pollers: usize,
    /// Desks at which nobody sits.
    desks: Desks,
    /// Who would like to sit, and at which one, in order; at none who only waits for
    /// the end.
    waiting: Vec<(usize, Arc<Inbox>)>,
    is_finishing: bool,
    is_finished: bool,
    cancelled: usize,
    /// Threads of the runtime that have not ended.
    threads: usize,
}

/// What a thread that leaves, or begins the end, is to do.
#[must_use]
#[derive(Debug)]
pub(crate) enum Duty {
    /// Nothing.
    Go,
    /// Wake these threads: a desk is free.
    Wake(Vec<Arc<Inbox>>),
    /// Finish: drop all futures, with these desks.
    Finish(Desks),
}

/// What a thread gets that asks for a desk.
#[must_use]
#[derive(Debug)]
pub(crate) enum Sit {
    /// The desk. The thread is a poller now.
    Down(Box<Desk>),
    /// Somebody else sits there: it is in the queue.
    Wait,
    /// Nobody sits down any more.
    Closed,
}

impl Closing {
    /// A runtime with these desks.
    pub(crate) fn new(desks: Desks) -> Self {
        let state = State { desks, ..State::default() };
        Self { begun: AtomicBool::new(false), state: Lock::new(state), changed: Condvar::new() }
    }

    /// Whether the end has begun: no poll may start.
    #[inline]
    pub(crate) fn has_begun(&self) -> bool {
        // Relaxed: seen soon; whoever must see it is woken afterwards.
        self.begun.load(Relaxed)
    }

    /// Asks for desk `index`.
    pub(crate) fn sit(&self, index: usize, inbox: &Arc<Inbox>) -> Sit {
        let mut state = self.state.lock();
        if state.is_begun {
            return Sit::Closed;
        }
        let is_waiting = state.waiting.iter().any(|(_, it)| Arc::ptr_eq(it, inbox));
        match state.take(index) {
            Some(desk) => {
                state.waiting.retain(|(_, it)| !Arc::ptr_eq(it, inbox));
                state.pollers += 1;
                Sit::Down(desk)
            }
            None => {
                if !is_waiting {
                    state.waiting.push((index, inbox.clone()));
                }
                Sit::Wait
            }
        }
    }

    /// Gets up from a desk. C1: this thread's polls are over.
    pub(crate) fn stand(&self, desk: Box<Desk>) -> Duty {
        let mut state = self.state.lock();
        state.pollers -= 1;
        state.desks.push(desk);
        state.duty()
    }

    /// Puts a desk down in the middle of a poll: the thread remains a poller.
    pub(crate) fn lend(&self, desk: Box<Desk>) {
        self.state.lock().desks.push(desk);
    }

    /// Takes a lent desk back that nobody has taken.
    pub(crate) fn take_back(&self, index: usize) -> Option<Box<Desk>> {
        self.state.lock().take(index)
    }

    /// The poll is over in which the desk was lent. C1.
    pub(crate) fn leave(&self) -> Duty {
        let mut state = self.state.lock();
        state.pollers -= 1;
        state.duty()
    }

    /// A thread stays without a desk, and wants to be woken when the end begins.
    /// `false`: it has begun.
    pub(crate) fn linger(&self, inbox: &Arc<Inbox>) -> bool {
        let mut state = self.state.lock();
        if !state.is_begun && !state.waiting.iter().any(|(_, it)| Arc::ptr_eq(it, inbox)) {
            state.waiting.push((NO_DESK, inbox.clone()));
        }
        !state.is_begun
    }

    /// A thread gives up waiting for a desk, or for the end.
    pub(crate) fn forget(&self, inbox: &Arc<Inbox>) -> Duty {
        let mut state = self.state.lock();
        state.waiting.retain(|(_, it)| !Arc::ptr_eq(it, inbox));
        state.duty()
    }

    /// No poll starts from now on. C1: sees the polls of threads that left. Also
    /// gives those that wait for a desk, to be woken.
    pub(crate) fn begin(&self) -> (Duty, Vec<Arc<Inbox>>) {
        self.begun.swap(true, Relaxed);
        let mut state = self.state.lock();
        state.is_begun = true;
        let waiting = std::mem::take(&mut state.waiting);
        (state.duty(), waiting.into_iter().map(|(_, it)| it).collect())
    }

    /// All futures are dropped. C2: publishes that.
    pub(crate) fn finish(&self, cancelled: usize) {
        let mut state = self.state.lock();
        state.is_finished = true;
        state.cancelled = cancelled;
        drop(state);
        self.changed.notify_all();
    }

    /// A thread of the runtime is about to be started.
    pub(crate) fn thread_started(&self) {
        self.state.lock().threads += 1;
    }

    /// It is about to end, or could not be started.
    pub(crate) fn thread_ended(&self) {
        self.state.lock().threads -= 1;
        self.changed.notify_all();
    }

    /// Waits until all is finished and every thread has ended, for `patience` at
    /// most. Gives how many tasks were cancelled, and how many pollers are left.
    /// C2: if there are none, sees all that was done.
    pub(crate) fn wait(&self, patience: Duration) -> (usize, usize) {
        let deadline = shim::now().checked_add(patience);
        let mut state = self.state.lock();
        while !(state.is_finished && state.threads == 0) {
            let Some(left) = time_left(deadline) else { break };
            state = self.changed.wait_timeout(state, left);
        }
        (state.cancelled, state.pollers)
    }
}

impl State {
    fn take(&mut self, index: usize) -> Option<Box<Desk>> {
        let place = self.desks.iter().position(|it| it.index == index)?;
        Some(self.desks.swap_remove(place))
    }

    fn duty(&mut self) -> Duty {
        if !self.is_begun {
            let next = self.next_to_sit();
            return if next.is_empty() { Duty::Go } else { Duty::Wake(next) };
        }
        if self.pollers > 0 || self.is_finishing {
            return Duty::Go;
        }
        self.is_finishing = true;
        Duty::Finish(std::mem::take(&mut self.desks))
    }

    /// Those in the queue whose desk is free, up to the first that sleeps: the others
    /// come by themselves, but may be in a poll that waits for whoever sits there.
    fn next_to_sit(&self) -> Vec<Arc<Inbox>> {
        let is_free = |index: usize| self.desks.iter().any(|desk| desk.index == index);
        let waiting = self.waiting.iter().filter(|(index, _)| is_free(*index));
        let mut next = vec![];
        for (_, inbox) in waiting {
            next.push(inbox.clone());
            if inbox.is_asleep() {
                break;
            }
        }
        next
    }
}

/// `None`: the time is up. No deadline is a very long time.
fn time_left(deadline: Option<Instant>) -> Option<Duration> {
    let left = deadline.map_or(Duration::MAX, |it| it.saturating_duration_since(shim::now()));
    (!left.is_zero()).then_some(left)
}
