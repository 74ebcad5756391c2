//! Which threads does a runtime start, and who stands in for one that blocks?
//!
//! | thread       | started                          | sits at                    | ends                  |
//! |--------------|----------------------------------|----------------------------|-----------------------|
//! | worker       | with the runtime                 | its own desk               | with the runtime      |
//! | substitute   | when a desk is lent, or the watcher needs one more worker, and none waits for a call | the desk it is called to | when nobody has called it for some time |
//! | the watcher  | with the runtime                 | none                       | with the runtime      |
//!
//! Each counts in [`closing`](crate::closing) from before its start to its last word, so
//! that the end waits for it. How a thread comes, takes turns and leaves is told in
//! [`thread`](crate::thread).

use crate::{
    config::Flavor,
    context,
    inbox::Place,
    scheduler::Scheduler,
    substitutes::Call,
    thread::{Presence, Wish, call},
    worker,
};
use std::{io, sync::Arc};
use sync::{
    coop,
    driver::Seat,
    shim::{self, atomic::Ordering::Relaxed},
};

/// Starts a thread for worker `index`.
///
/// # Errors
///
/// If the system has no thread left.
pub(crate) fn start_worker(scheduler: &Arc<Scheduler>, index: usize) -> io::Result<()> {
    let theirs = scheduler.clone();
    start(scheduler, format!("{}-{index}", scheduler.config.thread_name), move || {
        let presence = Presence::enter(&theirs, Wish::Own(index));
        presence.drive(|| theirs.closing.has_begun() && !presence.has_desk());
    })
}

/// Sends a thread to desk `index`, which sits there until that is wanted back, stays
/// for the local tasks that were spawned on it meanwhile, and goes to the next one.
///
/// # Errors
///
/// If the system has no thread left.
pub(crate) fn call_substitute(scheduler: &Arc<Scheduler>, index: usize) -> io::Result<()> {
    match scheduler.substitutes.call(index) {
        Call::Nothing => Ok(()),
        Call::Wake(parker) => {
            parker.unpark();
            Ok(())
        }
        Call::Start(number) => {
            let name = format!("{}-sub-{number}", scheduler.config.thread_name);
            let theirs = scheduler.clone();
            let started = start(scheduler, name, move || {
                let mut called_to = Some(index);
                while let Some(index) = called_to {
                    substitute(&theirs, index);
                    called_to = theirs.substitutes.wait();
                }
            });
            started.inspect_err(|_| scheduler.substitutes.come(index))
        }
    }
}

/// Sits at desk `index` until somebody wants it who has an older right.
fn substitute(scheduler: &Arc<Scheduler>, index: usize) {
    scheduler.substitutes.come(index);
    let presence = Presence::enter(scheduler, Wish::Lent(index));
    presence.drive(|| !presence.has_desk());
    presence.drive(|| !presence.has_to_linger());
}

fn start(
    scheduler: &Arc<Scheduler>,
    name: String,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let theirs = scheduler.clone();
    start_silently(scheduler, name, move || {
        let hooks = &theirs.config.hooks;
        call(hooks.thread_start.as_ref());
        body();
        call(hooks.thread_stop.as_ref());
    })
}

/// As `start`, for a thread that runs no tasks: users' hooks do not hear of it.
pub(crate) fn start_silently(
    scheduler: &Arc<Scheduler>,
    name: String,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let theirs = scheduler.clone();
    scheduler.closing.thread_started();
    let started = shim::thread::start(name, scheduler.config.thread_stack_size, move || {
        // Dropped last, also when the thread unwinds: the end waits for it.
        let _ended = Ended(theirs);
        body();
    });
    if started.is_err() {
        scheduler.closing.thread_ended();
    }
    started.map(drop)
}

/// A thread of the runtime, until it ends.
struct Ended(Arc<Scheduler>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.closing.thread_ended();
    }
}

/// Runs `body`, which may block this thread, and lets a substitute do this
/// worker's work meanwhile.
pub(crate) fn block_in_place<T>(scheduler: &Arc<Scheduler>, body: impl FnOnce() -> T) -> T {
    let index = context::with_presence(|cx| {
        let is_multi = scheduler.config.flavor == Flavor::MultiThread;
        let cx =
            cx.filter(|cx| is_multi && cx.is_polling.get() && cx.is_of(scheduler.address()))?;
        let inbox = cx.inbox.as_ref()?;
        let desk = cx.take_desk()?;
        let index = desk.index;
        // Relaxed: a hint. What blocks from here on keeps no worker.
        scheduler.workers[index].polled.store(0, Relaxed);
        worker::put_in_order(scheduler, &desk);
        scheduler.driver.detach(desk.seat);
        scheduler.driver.attach(Seat::SHARED);
        cx.place.set(Place::Parker);
        inbox.move_to(Place::Parker);
        cx.has_lent.set(true);
        scheduler.engage();
        scheduler.closing.lend(desk);
        Some(index)
    });
    if let Some(index) = index
        && call_substitute(scheduler, index).is_err()
    {
        sit_down_again(scheduler, index);
    }
    // A leaf without budget would wait for the end of the poll that waits for it.
    let _unlimited = coop::enter(u32::MAX);
    body()
}

/// No substitute is to be had: the work of this worker has to wait for the end
/// of the block, except for what others steal.
#[cold]
fn sit_down_again(scheduler: &Arc<Scheduler>, index: usize) {
    context::with_presence(|cx| {
        let Some(cx) = cx else { return };
        let Some(desk) = scheduler.closing.take_back(index) else { return };
        let place = Place::Worker { seat: desk.seat, index };
        scheduler.driver.detach(Seat::SHARED);
        scheduler.driver.attach(desk.seat);
        cx.place.set(place);
        cx.inbox.as_ref().into_iter().for_each(|it| it.move_to(place));
        cx.has_lent.set(false);
        cx.put_desk(desk);
        scheduler.disengage();
    });
    scheduler.wake_for_work();
}
