//! The loop of one thread.
//!
//! [`step`] is one turn: it runs one task, or says that there is none and the
//! thread should sleep. It neither loops nor sleeps, so that a simulation can
//! interleave the turns of many workers on one thread, each in its own context.
//! [`thread`](crate::thread) has the loop around it for real threads.
//!
//! ```text
//!              ┌──────────── Polled ◀──────────┐
//!              ▼                               │
//!   at its pace: driver, runtime's queue       │
//!   joiner, next-task slot ─▶ pinned ⇄ own queue ─▶ runtime's queue ─▶ steal
//!              │ nothing                       ▲
//!              ▼                               │
//!   fall asleep, look once more ── something ──┘
//!              │ nothing
//!              ▼
//!            Park
//! ```
//!
//! A thread may also be without a desk: a guest, which only runs its own pinned
//! tasks; a thread whose desk went to a substitute while it blocked; one that
//! waits its turn on a current-thread runtime. It goes through the same loop, with
//! its inbox alone.
//!
//! # Fairness
//!
//! Who waits for whom, counted in polls of this worker. Each line has its test in
//! `tests/fairness.rs`.
//!
//! | what waits              | at most                      | for                    | test |
//! |-------------------------|------------------------------|------------------------|------|
//! | the own queue           | 3 polls                      | the next-task slot     | `a_pair_in_the_slot_runs_three_times_…` |
//! | pinned tasks            | 3 polls and one of the queue | the slot               | `a_pair_in_the_slot_does_not_starve_pinned_tasks` |
//! | pinned tasks, own queue | one poll                     | the other              | `pinned_tasks_and_the_queue_take_turns` |
//! | a task in the queue     | one poll of each before it   | the queue              | `all_that_is_ready_runs_once_…` |
//! | the runtime's queue     | 61 turns, then the own queue | the own queue          | `work_from_outside_is_taken_every_61_turns` |
//! | the own queue           | 30 polls                     | work from outside      | `a_flood_from_outside_does_not_starve_local_work` |
//! | events and timers       | 61 turns                     | tasks that are ready   | `the_driver_is_asked_every_61_turns_…` |
//! | all others              | 128 operations               | a task that never waits | `each_poll_has_the_whole_budget` |
//! | a stuck worker's queue  | until another has nothing    | that worker            | `what_lies_in_the_queue_of_a_stuck_worker_…` |
//!
//! 61 is the longest [`pace`](crate::pace), which is shorter if turns are long; 30 is half
//! of it, and 3 [`SLOT_RUNS_MAX`]; the budget is the builder's. What a turn lasts is the
//! tasks' business: they yield when their budget is spent, and a poll that goes on for
//! long is a matter for `spawn_blocking`. What only a stuck worker would look after, the
//! task in its slot and its timers, the [watcher](crate::watcher) takes from it after some
//! milliseconds.

use crate::{
    config::{BATCH_MAX, HARVEST_BUSY, SLOT_RUNS_MAX},
    context::Context,
    desk::Desk,
    idle::{Asleep, Awake},
    inbox::Inbox,
    profit::WORTH_A_WAKE,
    scheduler::{Scheduler, Worker},
    task::{Task, Why},
};
use std::{sync::Arc, time::Instant};
use sync::{coop, futurelock::Watch, shim::atomic::Ordering::Relaxed};

/// What came of one turn.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something was done: take another turn.
    Polled,
    /// There is nothing to do: sleep until unparked.
    Park,
    /// The runtime is over.
    Closed,
    /// Somebody waits for this desk who has the older right to it.
    Wanted,
}

/// One turn of the thread in `cx`, at the desk it sits at.
#[inline(always)]
pub(crate) fn step(scheduler: &Scheduler, cx: &Context) -> Step {
    let Some(desk) = cx.desk() else {
        return step_without_desk(scheduler, cx);
    };
    rise(scheduler, desk);
    if scheduler.closing.has_begun() {
        return Step::Closed;
    }
    let worker = &scheduler.workers[desk.index];
    // Relaxed: whoever sets it unparks us afterwards.
    if worker.is_wanted.load(Relaxed) {
        return Step::Wanted;
    }
    let (desk, worker) = match desk.pace.is_due() {
        false => (desk, worker),
        true => {
            look_around(scheduler, cx);
            // The driver's wakers are user code: the desk is looked up anew.
            let Some(desk) = cx.desk() else { return Step::Polled };
            (desk, &scheduler.workers[desk.index])
        }
    };
    match next(scheduler, cx, desk, worker) {
        Some(task) => {
            before_poll(scheduler, desk, worker);
            run(scheduler, cx, task);
            Step::Polled
        }
        None => fall_asleep(scheduler, cx, desk),
    }
}

/// The next task: what is hot, then what is ours, then what nobody owns, then
/// what others can spare.
#[inline(always)]
fn next(scheduler: &Scheduler, cx: &Context, desk: &Desk, worker: &Worker) -> Option<Task> {
    take_letters(cx);
    from_slot(desk, worker)
        .or_else(|| from_queues(cx, desk))
        .or_else(|| from_elsewhere(scheduler, desk))
}

/// Apart, like all that not every turn comes to: what is inlined into the loop has its
/// registers saved in each turn.
#[inline(never)]
fn from_elsewhere(scheduler: &Scheduler, desk: &Desk) -> Option<Task> {
    from_injector(scheduler, desk).or_else(|| steal(scheduler, desk))
}

/// Pinned tasks and the own queue take turns. Each look here counts as one, not
/// each turn of the loop: the slot is empty, or over its limit, in a rhythm of its
/// own, and one that fits into the other would starve one of the two.
#[inline]
fn from_queues(cx: &Context, desk: &Desk) -> Option<Task> {
    let pinned = || cx.pinned.borrow_mut().pop_front();
    let is_pinned_first = desk.is_pinned_first.get();
    desk.is_pinned_first.set(!is_pinned_first);
    let first = is_pinned_first.then(pinned).flatten();
    // The queue in one place: so it is inlined.
    first.or_else(|| desk.local.pop()).or_else(|| (!is_pinned_first).then(pinned).flatten())
}

#[inline]
fn take_letters(cx: &Context) {
    if let Some(inbox) = cx.inbox.as_ref().filter(|it| it.has_letters()) {
        take_letters_of(inbox, cx);
    }
}

#[cold]
fn take_letters_of(inbox: &Inbox, cx: &Context) {
    inbox.take(|task| cx.pinned.borrow_mut().push_back(task));
}

/// At most three times in a row, so that two tasks that wake each other do not
/// starve the queue.
#[inline]
fn from_slot(desk: &Desk, worker: &Worker) -> Option<Task> {
    let runs = desk.slot_runs.replace(0);
    let task = desk.joiner.take().or_else(|| worker.slot.take())?;
    if runs < SLOT_RUNS_MAX {
        desk.slot_runs.set(runs + 1);
        return Some(task);
    }
    desk.local.push(task);
    None
}

fn from_injector(scheduler: &Scheduler, desk: &Desk) -> Option<Task> {
    let workers = scheduler.config.workers;
    let first = scheduler
        .injector
        .take_batch(desk.index, workers, BATCH_MAX, |task| keep(scheduler, desk, task));
    if first.is_some() {
        scheduler.workers[desk.index].counters.taken.add(1);
    }
    first
}

/// A task from the runtime's queue is this worker's from now on, behind its own.
fn keep(scheduler: &Scheduler, desk: &Desk, task: Task) {
    scheduler.workers[desk.index].counters.taken.add(1);
    desk.came_from_outside.set(true);
    desk.local.push(task);
}

/// What others can spare, if we are, or may become, the searcher.
fn steal(scheduler: &Scheduler, desk: &Desk) -> Option<Task> {
    let workers = scheduler.peers();
    if workers.len() == 1 {
        return None;
    }
    if !desk.is_searching.get() {
        if desk.saw_work.take() {
            scheduler.idle.join_search();
        } else if retires(scheduler, desk) || !scheduler.idle.start_search() {
            return None;
        }
        desk.is_searching.set(true);
    }
    workers[desk.index].counters.searches.add(1);
    let first = desk.random_below(workers.len());
    let victims = (first..workers.len()).chain(0..first).filter(|it| *it != desk.index);
    for victim in victims {
        let loot = workers[victim].stealer.steal_batch_and_pop(&desk.local, BATCH_MAX);
        if loot.is_some() {
            let counters = &workers[desk.index].counters;
            counters.steals.add(1);
            desk.raids.robbed(victim, counters.polls.get());
            return loot;
        }
    }
    from_injector(scheduler, desk)
}

/// Whether the last raids were in vain: then this worker sleeps a little.
fn retires(scheduler: &Scheduler, desk: &Desk) -> bool {
    let polls = scheduler.workers[desk.index].counters.polls.get();
    let robbed = desk.raids.are_in_vain(polls, || scheduler.driver.now());
    desk.retires_from.set(robbed);
    robbed.is_some()
}

/// What comes between finding a task and running it: others may be needed.
#[inline]
fn before_poll(scheduler: &Scheduler, desk: &Desk, worker: &Worker) {
    if desk.is_searching.get() {
        found_by_searching(scheduler, desk);
    } else if scheduler.idle.asleep() > 0 && !desk.local.is_empty() {
        share_backlog(scheduler, desk);
    }
    desk.spawns.set(0);
    worker.counters.polls.add(1);
}

/// Others may be needed, too. D2.
#[cold]
#[inline(never)]
fn found_by_searching(scheduler: &Scheduler, desk: &Desk) {
    desk.is_searching.set(false);
    scheduler.idle.stop_search();
    if let Some(pusher) = desk.looks_for.take() {
        desk.woken_for.set(Some((pusher, scheduler.driver.now())));
    }
    if scheduler.sees_work() {
        share_backlog(scheduler, desk);
    }
}

/// There is more than this worker can run at once.
#[inline(never)]
fn share_backlog(scheduler: &Scheduler, desk: &Desk) {
    // Whoever pushed from outside may have relied on us.
    match desk.came_from_outside.take() || !scheduler.injector.is_empty() {
        true => scheduler.share_outside(desk.index),
        false => scheduler.share(desk),
    }
}

/// Polls a task with a full budget.
#[inline(always)]
fn run(scheduler: &Scheduler, cx: &Context, task: Task) {
    match task.is_marked() {
        false => poll(scheduler, cx, task),
        true => run_marked(scheduler, cx, task),
    }
}

/// It is known how long this one has waited.
#[cold]
#[inline(never)]
fn run_marked(scheduler: &Scheduler, cx: &Context, task: Task) {
    scheduler.run_watched(cx, task, |task| poll(scheduler, cx, task));
}

#[inline(always)]
fn poll(scheduler: &Scheduler, cx: &Context, task: Task) {
    cx.is_polling.set(true);
    if scheduler.stalls_reported.is_some() {
        note(scheduler, cx, task.id().get());
    }
    let budget = coop::enter(scheduler.config.budget);
    match &scheduler.watch {
        None => task.run(),
        Some(watch) => run_watched(watch, task),
    }
    let is_spent = budget.is_spent();
    drop(budget);
    cx.is_polling.set(false);
    scheduler.restore(cx);
    if scheduler.stalls_reported.is_some() {
        note(scheduler, cx, 0);
    }
    if is_spent {
        count_budget_yield(scheduler, cx);
    }
}

#[cold]
fn count_budget_yield(scheduler: &Scheduler, cx: &Context) {
    if let Some(desk) = cx.desk() {
        scheduler.workers[desk.index].counters.budget_yields.add(1);
    }
}

/// Lets the watcher know whom it would have to report; zero: nobody.
#[cold]
fn note(scheduler: &Scheduler, cx: &Context, task: u64) {
    if let Some(desk) = cx.desk() {
        // Relaxed: what is reported is as good as a look from another thread can be.
        scheduler.workers[desk.index].polled.store(task, Relaxed);
    }
}

/// In debug mode.
#[cold]
fn run_watched(watch: &Arc<Watch>, task: Task) {
    let _polling = watch.begin_poll();
    task.run();
}

/// A busy worker's look at the driver and at the runtime's queue.
#[cold]
#[inline(never)]
fn look_around(scheduler: &Scheduler, cx: &Context) {
    let Some(desk) = cx.desk() else { return };
    let seat = desk.seat;
    // The driver's wakers are user code, and may block.
    show_joiner(scheduler, desk);
    let (workers, limit) = (scheduler.config.workers, desk.pace.batch());
    scheduler.injector.move_batch(desk.next_shard(), workers, limit, |task| {
        keep(scheduler, desk, task);
    });
    desk.pace.looked(scheduler.driver.now());
    let events = scheduler.harvest(|driver| driver.poll(seat, HARVEST_BUSY));
    scheduler.restore(cx);
    if let Some(desk) = cx.desk() {
        came_from_driver(scheduler, desk, events);
    }
}

/// So many events came, with what they woke.
pub(crate) fn came_from_driver(scheduler: &Scheduler, desk: &Desk, events: usize) {
    scheduler.workers[desk.index].counters.events.add(events as u64);
    if events > 1 {
        desk.came_from_outside.set(true);
    }
}

/// Puts the task that is to run at once where others can rescue it.
fn show_joiner(scheduler: &Scheduler, desk: &Desk) {
    if let Some(task) = desk.joiner.take() {
        scheduler.queue_here(desk, task, Why::Woken);
    }
}

/// Counts the worker asleep, and looks once more. D1.
#[inline(never)]
fn fall_asleep(scheduler: &Scheduler, cx: &Context, desk: &Desk) -> Step {
    let was_searching = desk.is_searching.replace(false);
    let asleep = scheduler.idle.fall_asleep(desk.index, was_searching);
    desk.is_asleep.set(true);
    let worker = &scheduler.workers[desk.index];
    let doze = desk.retires_from.take().and_then(|robbed| vouch(scheduler, desk, robbed));
    desk.saw_work.set(match doze {
        None => scheduler.sees_work(),
        // The rest is for those who have it.
        Some(_) => !scheduler.injector.is_empty(),
    });
    let has_work = desk.saw_work.get()
        || cx.inbox.as_ref().is_some_and(|it| it.has_letters())
        || worker.is_wanted.load(Relaxed)
        || scheduler.closing.has_begun();
    if has_work {
        return Step::Polled;
    }
    if asleep == Asleep::TheLast && scheduler.begin_jump() {
        get_up(scheduler, desk);
        scheduler.end_jump();
        return Step::Polled;
    }
    desk.pace.sleep();
    desk.doubt.renew();
    desk.raids.sleep();
    desk.looks_for.set(None);
    desk.doze_until.set(doze.or_else(|| answer(scheduler, desk)));
    Step::Park
}

/// What it was worth to be woken for another worker's backlog, if this one was: if
/// too little, until when it sleeps before it looks by itself.
fn answer(scheduler: &Scheduler, desk: &Desk) -> Option<Instant> {
    let (pusher, since) = desk.woken_for.take()?;
    if scheduler.driver.now().saturating_duration_since(since) < WORTH_A_WAKE {
        return vouch(scheduler, desk, pusher);
    }
    scheduler.workers[pusher].profit.was_worth_it();
    None
}

/// It was in vain to help this one. Until when the worker sleeps before it looks by
/// itself.
fn vouch(scheduler: &Scheduler, desk: &Desk, pusher: usize) -> Option<Instant> {
    desk.woken_for.set(None);
    if scheduler.driver.may_advance() {
        // By such a clock nothing takes any time, and no sleep ends while it stands.
        return None;
    }
    let doze = scheduler.workers[pusher].profit.vouch()?;
    desk.vouched_for.set(Some(pusher));
    Some(scheduler.driver.now() + doze)
}

/// Counts the worker awake, if it counts as asleep.
pub(crate) fn rise(scheduler: &Scheduler, desk: &Desk) {
    if desk.is_asleep.get() {
        get_up(scheduler, desk);
    }
}

/// How many tasks are ready for this thread.
pub(crate) fn ready(scheduler: &Scheduler, cx: &Context) -> usize {
    take_letters(cx);
    let pinned = cx.pinned.borrow().len();
    let at_desk = cx.desk().map_or(0, |desk| {
        show_joiner(scheduler, desk);
        let worker = &scheduler.workers[desk.index];
        let in_slot = usize::from(!worker.slot.is_empty());
        in_slot + worker.stealer.len() + scheduler.injector.len()
    });
    pinned + at_desk
}

#[cold]
#[inline(never)]
fn get_up(scheduler: &Scheduler, desk: &Desk) {
    desk.is_asleep.set(false);
    let vouched_for = desk.vouched_for.take();
    if let Some(pusher) = vouched_for {
        scheduler.workers[pusher].profit.redeem();
    }
    let awake = scheduler.idle.wake_up(desk.index);
    scheduler.vigil.worker_got_up();
    desk.is_searching.set(awake != Awake::ByItself);
    match awake {
        Awake::ByItself => desk.looks_for.set(vouched_for),
        Awake::ForWork => {}
        Awake::ToShare(pusher) => desk.woken_for.set(Some((pusher, scheduler.driver.now()))),
    }
}

/// Whether something is ready that only this thread sees, or sees first.
pub(crate) fn has_ready(scheduler: &Scheduler, cx: &Context) -> bool {
    let is_ready = |desk: &Desk| {
        show_joiner(scheduler, desk);
        !desk.local.is_empty() || !scheduler.workers[desk.index].slot.is_empty()
    };
    !cx.pinned.borrow().is_empty() || cx.desk().is_some_and(is_ready)
}

/// A turn of a thread that has only its pinned tasks.
#[inline(never)]
fn step_without_desk(scheduler: &Scheduler, cx: &Context) -> Step {
    take_letters(cx);
    let task = cx.pinned.borrow_mut().pop_front();
    match task {
        Some(task) => {
            run(scheduler, cx, task);
            Step::Polled
        }
        None => Step::Park,
    }
}

/// Leaves a desk as the next one expects it: awake, not searching, and with what
/// is queued where others can steal it.
pub(crate) fn put_in_order(scheduler: &Scheduler, desk: &Desk) {
    rise(scheduler, desk);
    if desk.is_searching.replace(false) {
        scheduler.idle.stop_search();
    }
    show_joiner(scheduler, desk);
    if let Some(task) = scheduler.workers[desk.index].slot.take() {
        desk.local.push(task);
    }
    if scheduler.sees_work() {
        scheduler.wake_for_work();
    }
}
