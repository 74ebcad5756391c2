//! Which thread sits down at the desk of a worker that blocks?
//!
//! A *substitute*: one that waits, the most recently idle one first, or a new one. When
//! it stands up again it waits for the next desk; not for long, and only so many of them
//! wait at once.
//!
//! ```text
//!     a worker that blocks               substitute
//!     ────────────────────               ──────────
//!     puts its desk down                 stands up
//!     calls: lock                        lock
//!       one is on its way: nothing         wait, in the list
//!       one waits: here is your desk ◀─Z1─▶ unlock, sleep
//!       none: start one                  lock
//!     unlock, wake it                      called? go there
//!                                          time is up, or the end: leave the list
//!                                        it is there: sit down, if the desk is free
//! ```
//!
//! The call is under the lock on both sides: whoever is called goes, also if its time is
//! up at that moment, and whoever has left the list is not called.
//!
//! # On its way
//!
//! A block may be over before its substitute has come. If the same worker then blocks
//! again, the one on its way will do: it says that it is there *before* it looks for the
//! desk, so who called and was told that somebody comes has put the desk down before
//! that look. Short blocks in a row wake one thread, not one each.
//!
//! # Bounds
//!
//! As many wait as there are desks, since no more ever sit; each for the runtime's
//! keep-alive. How many there are *at* desks or on their way has no bound but that.
//!
//! # Synchronization edges
//!
//! | edge | released by           | acquired by           | what crosses               |
//! |------|-----------------------|-----------------------|----------------------------|
//! | Z1   | [`Substitutes::call`] | [`Substitutes::wait`] | which desk waits           |
//! | Z2   | [`Substitutes::call`] | [`Substitutes::come`] | that the desk is put down  |
//!
//! Both are carried by the lock.
//!
//! # Rejected
//!
//! * A job for the blocking pool: it would be queued behind closures that wait for the
//!   very tasks which the substitute is to run; at the pool's upper bound for ever.
//! * A new thread for each block: 20 µs and more, each time.
//! * To leave the desk lying until the watcher sees it, as blocks are often short: those
//!   behind a long one would wait for milliseconds each time.

use slab::Slab;
use std::{sync::Arc, time::Duration};
use sync::{
    parker::Parker,
    shim::{Lock, now},
};

/// The substitutes of a runtime that wait, and the desks to which some are going.
#[derive(Debug)]
pub(crate) struct Substitutes {
    keep_alive: Duration,
    state: Lock<State>,
}

#[derive(Debug)]
struct State {
    beds: Slab<Bed>,
    /// Who can be called; the most recently idle one is last.
    idle: Vec<usize>,
    /// By desk: whether one is on its way there.
    is_coming: Vec<bool>,
    /// How many were started.
    started: usize,
    has_ended: bool,
}

/// Where a substitute sleeps.
#[derive(Debug)]
struct Bed {
    parker: Arc<Parker>,
    /// To which desk it was called.
    desk: Option<usize>,
}

/// What whoever calls has to do.
#[must_use]
#[derive(Debug)]
pub(crate) enum Call {
    /// Nothing: somebody comes, or the runtime ends and nobody sits down any more.
    Nothing,
    /// Wake the one who sleeps here.
    Wake(Arc<Parker>),
    /// Start the one with this number, and if that fails say so.
    Start(usize),
}

impl Substitutes {
    /// For so many desks.
    pub(crate) fn new(desks: usize, keep_alive: Duration) -> Self {
        let state = State {
            beds: Slab::new(),
            idle: Vec::with_capacity(desks),
            is_coming: vec![false; desks],
            started: 0,
            has_ended: false,
        };
        Self { keep_alive, state: Lock::new(state) }
    }

    /// Calls one to a desk that was put down. Z1, Z2: publishes that.
    pub(crate) fn call(&self, desk: usize) -> Call {
        let mut state = self.state.lock();
        if state.has_ended || std::mem::replace(&mut state.is_coming[desk], true) {
            return Call::Nothing;
        }
        match state.idle.pop() {
            Some(at) => {
                let bed = &mut state.beds[at];
                bed.desk = Some(desk);
                Call::Wake(bed.parker.clone())
            }
            None => {
                state.started += 1;
                Call::Start(state.started - 1)
            }
        }
    }

    /// The one who was called to this desk is there, and looks whether it is free; or it
    /// could not be started. Z2: sees the desk that was put down before a call which did
    /// nothing.
    pub(crate) fn come(&self, desk: usize) {
        self.state.lock().is_coming[desk] = false;
    }

    /// A substitute waits for the next desk. `None`: it is to end.
    pub(crate) fn wait(&self) -> Option<usize> {
        let (at, parker) = self.lie_down()?;
        let deadline = now().checked_add(self.keep_alive);
        loop {
            let is_over = !parker.park_until(deadline);
            let mut state = self.state.lock();
            // Z1: sees the call.
            let desk = state.beds[at].desk;
            if desk.is_some() || is_over || state.has_ended {
                state.beds.remove(at);
                state.idle.retain(|it| *it != at);
                return desk;
            }
        }
    }

    fn lie_down(&self) -> Option<(usize, Arc<Parker>)> {
        let parker = Arc::new(Parker::new());
        let mut state = self.state.lock();
        if state.has_ended || state.idle.len() == state.is_coming.len() {
            return None;
        }
        let at = state.beds.insert(Bed { parker: parker.clone(), desk: None });
        state.idle.push(at);
        Some((at, parker))
    }

    /// The runtime ends: nobody is called any more, and nobody waits.
    pub(crate) fn end(&self) {
        let beds: Vec<_> = {
            let mut state = self.state.lock();
            state.has_ended = true;
            state.beds.iter().map(|(_, bed)| bed.parker.clone()).collect()
        };
        beds.iter().for_each(|it| it.unpark());
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::thread;

    const FOR_EVER: Duration = Duration::from_secs(3_600);

    fn is_waiting(it: &Substitutes, count: usize) -> bool {
        it.state.lock().idle.len() == count
    }

    /// Waits until so many wait.
    fn until_waiting(it: &Substitutes, count: usize) {
        while !is_waiting(it, count) {
            thread::yield_now();
        }
    }

    #[test]
    fn whoever_waits_is_called_the_last_one_first() {
        let these = Substitutes::new(3, FOR_EVER);
        thread::scope(|scope| {
            let first = scope.spawn(|| these.wait());
            until_waiting(&these, 1);
            let second = scope.spawn(|| these.wait());
            until_waiting(&these, 2);
            for (desk, thread) in [(2, second), (0, first)] {
                match these.call(desk) {
                    Call::Wake(parker) => parker.unpark(),
                    other => panic!("{other:?}"),
                }
                assert_eq!(thread.join().unwrap(), Some(desk));
            }
            assert!(matches!(these.call(1), Call::Start(0)));
        });
    }

    #[test]
    fn one_is_on_its_way_at_a_time() {
        let these = Substitutes::new(2, FOR_EVER);
        assert!(matches!(these.call(0), Call::Start(0)));
        assert!(matches!(these.call(0), Call::Nothing));
        assert!(matches!(these.call(1), Call::Start(1)), "another desk");
        these.come(0);
        assert!(matches!(these.call(0), Call::Start(2)));
    }

    #[test]
    fn they_wait_for_so_long_and_so_many_of_them() {
        let these = Substitutes::new(1, Duration::ZERO);
        assert_eq!(these.wait(), None, "its time is up at once");
        assert!(these.state.lock().beds.is_empty());
        let these = Substitutes::new(1, FOR_EVER);
        thread::scope(|scope| {
            let waits = scope.spawn(|| these.wait());
            until_waiting(&these, 1);
            assert_eq!(these.wait(), None, "there is one for each desk");
            these.end();
            assert_eq!(waits.join().unwrap(), None);
        });
        assert_eq!(these.wait(), None);
        assert!(matches!(these.call(0), Call::Nothing), "nobody sits down any more");
        assert!(these.state.lock().beds.is_empty() && is_waiting(&these, 0));
    }
}
