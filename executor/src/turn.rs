//! One round of the loop at a time, for a thread whose loop is somebody else's.
//!
//! A window system, a game, a test has a loop of its own and lends its thread to the
//! runtime now and then, for a [`Turn`]. In between nobody sits at the desk, but the
//! worker counts as asleep, as if it slept in the driver: whoever has something for it
//! ends that sleep, and [`Builder::on_wake`](crate::Builder::on_wake) hears of it.
//!
//! ```text
//!     their loop                            others
//!     ──────────                            ──────
//!     turn: run what is ready, doze off
//!     … their own events …                  wake a task ─▶ unpark ─▶ on_wake
//!     woken by on_wake, or next_deadline ◀──────────────────────────────┘
//!     turn: …
//! ```
//!
//! That dozing is the sleep of edge D1 in [`idle`](crate::idle): the thread counts
//! itself asleep, then looks once more, then leaves.

use crate::{
    config::Flavor,
    executor::{Executor, LocalExecutor, refuse_nested},
    locals,
    thread::{Leave, Member, Presence, Wish},
    worker::Step,
};
use std::time::{Duration, Instant};

/// What a turn did, and when the next one is due.
///
/// # Examples
///
/// See [`Executor::turn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "it tells when the next turn is due"]
pub struct Turn {
    /// How often tasks were polled.
    pub polls: usize,
    /// How many events the driver delivered.
    pub events: usize,
    /// Something is ready still: the next turn is due at once.
    pub has_more: bool,
    /// When the next timer is due, by the driver's clock. `None`: there is none.
    pub next_deadline: Option<Instant>,
    /// When the turn was over.
    ended: Instant,
}

impl Turn {
    /// How long, from the end of this turn on, the thread may do other things or sleep
    /// before the next one is due. `None`: until
    /// [`on_wake`](crate::Builder::on_wake) says so, which it may do before in any case.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        match self.has_more {
            true => Some(Duration::ZERO),
            false => self.next_deadline.map(|it| it.saturating_duration_since(self.ended)),
        }
    }
}

impl Executor {
    /// Runs what is ready, once, on this thread, and returns: for a thread with a loop
    /// of its own. If nothing is ready it first waits for events, for `timeout` at
    /// most; `None` is without a limit, zero not at all. It may return earlier.
    ///
    /// Tasks that were ready when the turn began get one poll each, so that a task that
    /// is always ready does not keep the thread. Local tasks that they spawn end with
    /// the turn; those of [`LocalExecutor::turn`] stay. While another thread is in
    /// `block_on`, that one runs the tasks, and a turn does nothing but wait.
    ///
    /// # Panics
    ///
    /// On a multi-thread executor, whose workers need no turns. Inside a task of this
    /// executor.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird_executor::{Builder, ThreadDriver, yield_now};
    /// use std::time::Duration;
    ///
    /// let executor = Builder::new_current_thread().build_with(ThreadDriver::new)?;
    /// let task = executor.handle().spawn(async { yield_now().await });
    /// let turn = executor.turn(Some(Duration::ZERO));
    /// assert!(turn.polls == 1 && turn.has_more);
    /// let turn = executor.turn(Some(Duration::ZERO));
    /// assert!(turn.polls == 1 && !turn.has_more && task.is_finished());
    /// # Ok::<(), bowerbird_executor::BuildError>(())
    /// ```
    #[doc(alias = "run_once")]
    pub fn turn(&self, timeout: Option<Duration>) -> Turn {
        let scheduler = self.handle().scheduler();
        assert!(
            scheduler.config.flavor == Flavor::CurrentThread,
            "turn was called on a multi-thread runtime, whose workers run its tasks: use \
             Builder::new_current_thread()"
        );
        refuse_nested(scheduler, "turn");
        let presence = Presence::enter(scheduler, Wish::Turn(0));
        take_turn(&presence, timeout, Leave::DropPinned)
    }
}

impl LocalExecutor {
    /// Runs what is ready, once, on this thread, and returns. As [`Executor::turn`];
    /// local tasks stay alive between turns.
    ///
    /// # Panics
    ///
    /// Inside a task of this executor.
    pub fn turn(&self, timeout: Option<Duration>) -> Turn {
        let scheduler = self.handle().scheduler();
        refuse_nested(scheduler, "turn");
        let member: Member = self.member();
        let presence = Presence::enter_as(scheduler, member, Wish::Turn(0));
        // From here on also if something unwinds: local tasks are 'static.
        presence.keep_pinned();
        take_turn(&presence, timeout, Leave::KeepPinned)
    }
}

fn take_turn(presence: &Presence, timeout: Option<Duration>, leave: Leave) -> Turn {
    // Tasks have nothing to do with the scopes of whoever calls us.
    let _outside = locals::outside();
    let mut events = presence.look_at_driver();
    let (mut polls, mut step) = presence.run_ready();
    if polls == 0 && step == Step::Park && timeout != Some(Duration::ZERO) {
        // An unrepresentable deadline is none.
        let until = timeout.and_then(|it| presence.now().checked_add(it));
        events += presence.park(until);
        (polls, step) = presence.run_ready();
    }
    if leave == Leave::DropPinned {
        // Their destructors may wake others, who are not to wait for the next wake.
        presence.drop_pinned();
    }
    let next_deadline = presence.next_deadline();
    let has_more = match step {
        Step::Park => presence.has_ready(),
        Step::Polled => true,
        Step::Closed | Step::Wanted => false,
    };
    if step == Step::Park && !has_more {
        presence.doze();
    }
    Turn { polls, events, has_more, next_deadline, ended: presence.now() }
}
