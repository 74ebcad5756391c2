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
//!   now and then: driver, runtime's queue      │
//!   next-task slot ─▶ pinned ⇄ own queue ─▶ runtime's queue ─▶ steal
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
//! | what                                | waits at most                              |
//! |-------------------------------------|--------------------------------------------|
//! | the own queue, behind the slot      | 3 polls in a row                           |
//! | pinned tasks and own queue          | one poll of the other                      |
//! | the driver and the runtime's queue  | 61 turns                                   |

use crate::{
    config::{BATCH_MAX, HARVEST_BUSY, LOOK_INTERVAL, SLOT_RUNS_MAX},
    context::Context,
    desk::Desk,
    idle::{Asleep, Awake},
    scheduler::Scheduler,
    task::Task,
};
use std::sync::Arc;
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
pub(crate) fn step(scheduler: &Scheduler, cx: &Context) -> Step {
    let Some(desk) = cx.desk() else {
        return step_without_desk(scheduler, cx);
    };
    rise(scheduler, desk);
    if scheduler.closing.has_begun() {
        return Step::Closed;
    }
    // Relaxed: whoever sets it unparks us afterwards.
    if scheduler.workers[desk.index].is_wanted.load(Relaxed) {
        return Step::Wanted;
    }
    if desk.next_tick() % LOOK_INTERVAL == 0 {
        look_around(scheduler, cx);
    }
    // The driver's wakers are user code: the desk is looked up anew.
    let Some(desk) = cx.desk() else { return Step::Polled };
    match next(scheduler, cx, desk) {
        Some(task) => {
            before_poll(scheduler, desk);
            run(scheduler, cx, task);
            Step::Polled
        }
        None => fall_asleep(scheduler, cx, desk),
    }
}

/// The next task: what is hot, then what is ours, then what nobody owns, then
/// what others can spare.
fn next(scheduler: &Scheduler, cx: &Context, desk: &Desk) -> Option<Task> {
    take_letters(cx);
    from_slot(scheduler, desk)
        .or_else(|| from_queues(cx, desk))
        .or_else(|| from_injector(scheduler, desk))
        .or_else(|| steal(scheduler, desk))
}

/// Pinned tasks and the own queue take turns. Each look here counts as one, not
/// each turn of the loop: the slot is empty, or over its limit, in a rhythm of its
/// own, and one that fits into the other would starve one of the two.
fn from_queues(cx: &Context, desk: &Desk) -> Option<Task> {
    let pinned = || cx.pinned.borrow_mut().pop_front();
    let is_pinned_first = desk.is_pinned_first.get();
    desk.is_pinned_first.set(!is_pinned_first);
    match is_pinned_first {
        true => pinned().or_else(|| desk.local.pop()),
        false => desk.local.pop().or_else(pinned),
    }
}

fn take_letters(cx: &Context) {
    if let Some(inbox) = cx.inbox.as_ref().filter(|it| it.has_letters()) {
        inbox.take(|task| cx.pinned.borrow_mut().push_back(task));
    }
}

/// At most three times in a row, so that two tasks that wake each other do not
/// starve the queue.
fn from_slot(scheduler: &Scheduler, desk: &Desk) -> Option<Task> {
    let runs = desk.slot_runs.get();
    desk.slot_runs.set(0);
    let task = scheduler.workers[desk.index].slot.take()?;
    if runs < SLOT_RUNS_MAX {
        desk.slot_runs.set(runs + 1);
        return Some(task);
    }
    desk.local.push(task);
    None
}

fn from_injector(scheduler: &Scheduler, desk: &Desk) -> Option<Task> {
    let workers = scheduler.config.workers;
    scheduler.injector.take_batch(workers, BATCH_MAX, |task| desk.local.push(task))
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
        } else if !scheduler.idle.start_search() {
            return None;
        }
        desk.is_searching.set(true);
    }
    let first = desk.random_below(workers.len());
    let victims = (first..workers.len()).chain(0..first).filter(|it| *it != desk.index);
    for victim in victims {
        let loot = workers[victim].stealer.steal_batch_and_pop(&desk.local, BATCH_MAX);
        if loot.is_some() {
            workers[desk.index].counters.steals.add(1);
            return loot;
        }
    }
    from_injector(scheduler, desk)
}

/// What comes between finding a task and running it: others may be needed.
fn before_poll(scheduler: &Scheduler, desk: &Desk) {
    if desk.is_searching.replace(false) {
        scheduler.idle.stop_search();
        if scheduler.sees_work() {
            scheduler.share(desk.index);
        }
    } else if scheduler.idle.asleep() > 0 && !desk.local.is_empty() {
        scheduler.share(desk.index);
    }
    scheduler.workers[desk.index].counters.polls.add(1);
}

/// Polls a task with a full budget.
fn run(scheduler: &Scheduler, cx: &Context, task: Task) {
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
    if let Some(desk) = cx.desk().filter(|_| is_spent) {
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
fn look_around(scheduler: &Scheduler, cx: &Context) {
    let Some(desk) = cx.desk() else { return };
    let seat = desk.seat;
    let workers = scheduler.config.workers;
    scheduler.injector.move_batch(workers, BATCH_MAX, |task| desk.local.push(task));
    let events = scheduler.harvest(|driver| driver.poll(seat, HARVEST_BUSY));
    scheduler.restore(cx);
    if let Some(desk) = cx.desk() {
        scheduler.workers[desk.index].counters.events.add(events as u64);
    }
}

/// Counts the worker asleep, and looks once more. D1.
fn fall_asleep(scheduler: &Scheduler, cx: &Context, desk: &Desk) -> Step {
    let was_searching = desk.is_searching.replace(false);
    let asleep = scheduler.idle.fall_asleep(desk.index, was_searching);
    desk.is_asleep.set(true);
    let worker = &scheduler.workers[desk.index];
    desk.saw_work.set(scheduler.sees_work());
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
    Step::Park
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
        let worker = &scheduler.workers[desk.index];
        let in_slot = usize::from(!worker.slot.is_empty());
        in_slot + worker.stealer.len() + scheduler.injector.len()
    });
    pinned + at_desk
}

fn get_up(scheduler: &Scheduler, desk: &Desk) {
    desk.is_asleep.set(false);
    let awake = scheduler.idle.wake_up(desk.index);
    scheduler.vigil.worker_got_up();
    desk.is_searching.set(awake == Awake::Searching);
}

/// Whether something is ready that only this thread sees, or sees first.
pub(crate) fn has_ready(scheduler: &Scheduler, cx: &Context) -> bool {
    let is_ready =
        |desk: &Desk| !desk.local.is_empty() || !scheduler.workers[desk.index].slot.is_empty();
    !cx.pinned.borrow().is_empty() || cx.desk().is_some_and(is_ready)
}

/// A turn of a thread that has only its pinned tasks.
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
    if let Some(task) = scheduler.workers[desk.index].slot.take() {
        desk.local.push(task);
    }
    if scheduler.sees_work() {
        scheduler.wake_for_work();
    }
}
