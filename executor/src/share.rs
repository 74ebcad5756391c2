//! When does a worker wake another for its own backlog? Why so, [`idle`](crate::idle)
//! knows.

use crate::{desk::Desk, idle::Awake, profit::BURST, scheduler::Scheduler};

impl Scheduler {
    /// Wakes a sleeper for a worker's own backlog, if nobody searches, unless somebody
    /// has said that it will look soon enough.
    #[inline]
    pub(crate) fn share(&self, desk: &Desk) {
        let profit = &self.workers[desk.index].profit;
        if !profit.is_vouched() || self.is_too_long_to_wait(desk) {
            self.wake_to_help(desk.index, Awake::ToShare(desk.index));
        }
    }

    /// The same for what came from outside or from the driver, whoever looks when.
    #[inline]
    pub(crate) fn share_outside(&self, index: usize) {
        self.wake_to_help(index, Awake::ForWork);
    }

    fn wake_to_help(&self, index: usize, why: Awake) {
        if let Some(sleeper) = self.idle.share(why) {
            self.workers[index].counters.wakes.add(1);
            self.unpark(sleeper);
        }
    }

    /// Shares in the middle of a poll that spawns: `idle` tells when.
    #[inline]
    pub(crate) fn share_spawned(&self, desk: &Desk) {
        if self.idle.asleep() > 0 {
            self.share_burst(desk);
        }
    }

    #[inline(never)]
    fn share_burst(&self, desk: &Desk) {
        let spawns = desk.spawns.get() + 1;
        desk.spawns.set(spawns);
        if spawns == BURST {
            desk.doubt.renew();
        }
        let profit = &self.workers[desk.index].profit;
        let is_due = match spawns {
            1 => profit.is_likely(),
            // Doubts come between polls: this one may go on spawning for long.
            spawns => spawns.is_power_of_two() && !profit.is_vouched(),
        };
        if is_due {
            self.wake_to_help(desk.index, Awake::ToShare(desk.index));
        }
    }

    /// Whether what is queued here takes so long, as far as this worker's last polls
    /// tell, that nobody's word is good enough.
    #[inline]
    fn is_too_long_to_wait(&self, desk: &Desk) -> bool {
        let worker = &self.workers[desk.index];
        let polls = worker.counters.polls.get();
        desk.doubt.is_due(polls)
            && desk.doubt.looked(self.driver.now(), polls, worker.stealer.len())
    }
}
