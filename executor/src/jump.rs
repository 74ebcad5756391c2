//! When does a virtual clock jump? When every worker sleeps and nobody is
//! [engaged](crate::engaged).

use crate::{engaged::Engaged, idle::Idle, scheduler::Scheduler};

/// Who may let the clock jump.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// The caller, who is engaged from now on.
    Ours,
    /// The caller is engaged from now on, but somebody was woken, or came, after it had
    /// found itself the last: that one will be the last in its turn.
    SomebodyIsAwake,
    /// Nobody: whoever is engaged lets a worker look when that is over.
    SomebodyIsEngaged,
}

/// The last worker that fell asleep asks for the clock.
pub(crate) fn hold(engaged: &Engaged, idle: &Idle) -> Hold {
    match engaged.try_hold() {
        false => Hold::SomebodyIsEngaged,
        true if idle.all_asleep() => Hold::Ours,
        true => Hold::SomebodyIsAwake,
    }
}

impl Scheduler {
    /// Something is going on outside the workers: a virtual clock must not jump.
    pub(crate) fn engage(&self) {
        self.engaged.engage();
    }

    /// It is over. Whoever disengages last lets a sleeping worker look whether a
    /// virtual clock may jump now.
    pub(crate) fn disengage(&self) {
        if self.engaged.disengage() && self.driver.may_advance() && self.idle.all_asleep() {
            self.idle.get_up(0);
            self.unpark(0);
        }
    }

    /// How many are engaged, and how often anybody has been.
    pub(crate) fn engagements(&self) -> (usize, usize) {
        self.engaged.counts()
    }

    /// Every worker sleeps: lets a virtual clock jump if nothing else goes on.
    ///
    /// `true`: it has jumped, and must not again before the caller, who still counts
    /// as asleep, has got up and called [`end_jump`](Self::end_jump): what was woken
    /// runs at the time for which it was woken.
    pub(crate) fn begin_jump(&self) -> bool {
        while self.driver.may_advance() {
            let total = self.engaged.total();
            match hold(&self.engaged, &self.idle) {
                Hold::Ours => {}
                Hold::SomebodyIsEngaged => return false,
                Hold::SomebodyIsAwake => {
                    self.disengage();
                    return false;
                }
            }
            // A waker that panics comes after the jump: somebody else may have been
            // woken, and if not, there is the next deadline to jump to.
            let mut has_panicked = true;
            let has_jumped = self.harvest(|driver| {
                let has_jumped = driver.advance_idle();
                has_panicked = false;
                usize::from(has_jumped)
            });
            if has_jumped > 0 || has_panicked {
                return true;
            }
            // If it was the last, this loop looks again.
            let _ = self.engaged.disengage();
            // Somebody who came and went meanwhile did not find that it was last.
            if self.engaged.total() == total {
                return false;
            }
        }
        false
    }

    /// The worker that let the clock jump is awake.
    pub(crate) fn end_jump(&self) {
        // If it was the last, it is awake, and nobody need be woken.
        let _ = self.engaged.disengage();
    }
}
