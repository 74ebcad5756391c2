//! How does a thread take part in a runtime: come, take turns, sleep, leave?
//!
//! Whoever runs something for a runtime enters a [`Presence`]: worker threads, the
//! callers of `run` and `block_on`, substitutes of workers that block. All go
//! through the same loop. They differ in their [`Wish`]: which desk they would
//! like to sit at.
//!
//! ```text
//!     enter ─▶ sit down if there is a desk ─▶ turns … sleep … turns ─▶ leave
//!                        ▲    │                                         │
//!                        │    └─ blocks in the middle of a poll:        │ drops its pinned
//!                        │       lends the desk to a substitute         │ tasks here, puts
//!                        └────── wants it back afterwards               ▼ the desk down
//! ```
//!
//! # Calls inside calls
//!
//! A `block_on` inside a task runs its own future and the local tasks that are spawned
//! in it, not those that the thread has outside: these would be polled in the middle of
//! another one's poll. They wait, and if the inner future waits for one of them it
//! waits for ever. So a thread that would sleep in there looks whether a task outside is
//! ready, and if the same one is for as long as a stall it tells of that, once: no task of
//! the thread can end such a wait without being ready itself at some time. To look again
//! when one becomes ready, the inboxes outside say that they sleep where this call does.
//! That is on a guest's seat; where all of these are taken it looks when it wakes by itself.
//!
//! Leaving is the drop of the presence, so it happens on unwind, too: pinned tasks
//! may borrow from the caller's stack and must be gone by then.

use crate::{
    closing::Sit,
    config::{HARVEST_BUSY, HARVEST_IDLE, Hook, LOOK_MAX},
    contain::{caught, drop_contained},
    context::{self, Context, Entered},
    inbox::{Inbox, Place},
    scheduler::Scheduler,
    task::{Task, holders, info::Id},
    unhandled::Unhandled,
    worker::{self, Step},
};
use std::{cell::Cell, rc::Rc, sync::Arc, time::Instant};
use sync::{
    driver::Seat,
    shim::{self, atomic::Ordering::Relaxed},
};

/// At which desk a thread would like to sit when it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// At its own: who sits there meanwhile has to make room.
    Own(usize),
    /// At this one, until its owner wants it back.
    Lent(usize),
    /// At this one, whenever its turn comes.
    Turn(usize),
    /// At none: a guest.
    None,
}

impl Wish {
    fn desk(self) -> Option<usize> {
        match self {
            Self::Own(index) | Self::Lent(index) | Self::Turn(index) => Some(index),
            Self::None => None,
        }
    }
}

/// Whether pinned tasks stay when their thread leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// They are dropped: the thread may never come back.
    DropPinned,
    /// They stay, for a thread that comes back with the same member.
    KeepPinned,
}

/// What makes a thread the same one when it comes back: its pinned tasks.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    cx: Rc<Context>,
    pub(crate) inbox: Arc<Inbox>,
}

impl Member {
    pub(crate) fn new(scheduler: &Arc<Scheduler>) -> Self {
        let inbox = Arc::new(Inbox::new(Place::Parker));
        Self::with(scheduler, inbox)
    }

    /// The next own thread of this worker, which may have something waiting for it.
    pub(crate) fn of_worker(scheduler: &Arc<Scheduler>, index: usize) -> Self {
        Self::with(scheduler, scheduler.workers[index].roll.come())
    }

    fn with(scheduler: &Arc<Scheduler>, inbox: Arc<Inbox>) -> Self {
        let cx = Rc::new(Context::new(scheduler.clone(), Some(inbox.clone())));
        Self { cx, inbox }
    }
}

/// A thread that takes part in a runtime, until it is dropped.
#[derive(Debug)]
pub(crate) struct Presence {
    entered: Option<Entered>,
    cx: Rc<Context>,
    inbox: Arc<Inbox>,
    scheduler: Arc<Scheduler>,
    wish: Cell<Wish>,
    leave: Cell<Leave>,
    /// The desk is left asleep, for the next turn of this thread.
    is_dozing: Cell<bool>,
    /// The future that [`drive`](Self::drive) is for, if it is for one.
    main: Cell<Option<Id>>,
    /// Which pinned task of this thread waits for the end of this call, and since when.
    holds_up: Cell<Option<(Id, Instant)>>,
    /// Whether that was told.
    has_told: Cell<bool>,
    /// This thread takes part already, and counts as engaged: inside, it sleeps and
    /// gets up for both.
    is_nested: bool,
}

impl Presence {
    /// Comes, for once.
    pub(crate) fn enter(scheduler: &Arc<Scheduler>, wish: Wish) -> Self {
        let member = match wish {
            Wish::Own(index) | Wish::Turn(index) => Member::of_worker(scheduler, index),
            Wish::Lent(_) | Wish::None => Member::new(scheduler),
        };
        Self::enter_as(scheduler, member, wish)
    }

    /// Comes as a member that may have been here before.
    pub(crate) fn enter_as(scheduler: &Arc<Scheduler>, member: Member, wish: Wish) -> Self {
        let Member { cx, inbox } = member;
        let address = scheduler.address();
        let is_nested =
            context::any(|it| it.is_of(address) && it.inbox.is_some() && it.desk().is_none());
        // SAFETY: 1: the guard is dropped in `drop`, and the context is shared, so
        // it stays where it is. 2: presences live on the stacks of functions that
        // drop them.
        let entered = Some(unsafe { context::enter(&cx) });
        if !is_nested {
            scheduler.engage();
        }
        scheduler.driver.attach(Seat::SHARED);
        let (wish, leave) = (Cell::new(wish), Cell::new(Leave::DropPinned));
        let scheduler = scheduler.clone();
        let this = Self {
            entered,
            cx,
            inbox,
            scheduler,
            wish,
            leave,
            is_dozing: Cell::new(false),
            main: Cell::new(None),
            holds_up: Cell::new(None),
            has_told: Cell::new(false),
            is_nested,
        };
        this.sit_down();
        if this.cx.desk().is_none() {
            this.take_guest_seat();
        }
        this
    }

    pub(crate) fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    /// Lets this thread's pinned tasks, all of them 'static, wait for its return.
    pub(crate) fn keep_pinned(&self) {
        self.leave.set(Leave::KeepPinned);
    }

    /// Whose end this thread is here for.
    pub(crate) fn drives(&self, main: Option<Id>) {
        self.main.set(main);
    }

    /// Queues a pinned task of this thread.
    pub(crate) fn queue(&self, task: Task) {
        self.cx.pinned.borrow_mut().push_back(task);
    }

    pub(crate) fn has_desk(&self) -> bool {
        self.cx.desk().is_some()
    }

    /// Whether local tasks of this thread live, while the runtime does: a stealable
    /// task that ran here spawned them, and they end when they like.
    pub(crate) fn has_to_linger(&self) -> bool {
        self.wish.set(Wish::None);
        self.inbox.any_living().is_some() && self.scheduler.closing.linger(&self.inbox)
    }

    /// Takes turns until `is_over`, sleeping in between.
    pub(crate) fn drive(&self, mut is_over: impl FnMut() -> bool) {
        let mut turns = 0_u32;
        while !is_over() {
            let has_desk = self.has_desk();
            if !has_desk {
                self.settle();
                self.sit_down();
                // A worker's thread has no more reason to be here at the end.
                if is_over() {
                    return;
                }
            }
            match worker::step(&self.scheduler, &self.cx) {
                // Its desk's turns are counted there.
                Step::Polled if has_desk => {}
                Step::Polled => {
                    turns = turns.wrapping_add(1);
                    if turns.is_multiple_of(LOOK_MAX) {
                        self.look_around_as_guest();
                    }
                }
                Step::Park => {
                    let until = self.look_whom_it_holds_up();
                    self.park(until);
                }
                Step::Closed | Step::Wanted => self.stand_up(),
            }
        }
        self.settle();
    }

    // ── turns ─────────────────────────────────────────────────────────────────

    /// Runs what is ready by now, each task once. Gives how many polls that were and
    /// what to do next.
    pub(crate) fn run_ready(&self) -> (usize, Step) {
        let (scheduler, cx) = (&self.scheduler, &self.cx);
        let limit = worker::ready(scheduler, cx).max(1);
        let before = self.polls();
        let mut turns = 0;
        let step = loop {
            if turns >= limit && worker::ready(scheduler, cx) > 0 {
                break Step::Polled;
            }
            match worker::step(scheduler, cx) {
                Step::Polled => turns += 1,
                step => break step,
            }
        };
        match self.polls() {
            Some(polls) => (polls.saturating_sub(before.unwrap_or(polls)) as usize, step),
            // A guest does nothing else in its turns.
            None => (turns, step),
        }
    }

    /// How often this thread's desk has polled.
    fn polls(&self) -> Option<u64> {
        self.cx.desk().map(|desk| self.scheduler.workers[desk.index].counters.polls.get())
    }

    /// Lets the driver deliver what has come.
    pub(crate) fn look_at_driver(&self) -> usize {
        let seat = self.cx.place.get().seat();
        let events = self.scheduler.harvest(|driver| driver.poll(seat, HARVEST_IDLE));
        self.scheduler.restore(&self.cx);
        events
    }

    /// When this thread's next timer is due, or one that is nobody's.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let driver = &self.scheduler.driver;
        let seats = [self.cx.place.get().seat(), Seat::SHARED];
        seats.into_iter().filter_map(|it| driver.next_deadline(it)).min()
    }

    pub(crate) fn now(&self) -> Instant {
        self.scheduler.driver.now()
    }

    /// Whether something is ready that only this thread sees.
    pub(crate) fn has_ready(&self) -> bool {
        worker::has_ready(&self.scheduler, &self.cx)
    }

    /// This thread's sleep goes on elsewhere: the desk is left asleep.
    pub(crate) fn doze(&self) {
        self.is_dozing.set(true);
    }

    /// Puts the desk down as it is: whoever has work for its worker calls the hook.
    fn leave_asleep(&self) {
        let Some(desk) = self.cx.take_desk() else { return };
        self.move_to(Place::Parker);
        self.scheduler.do_duty(self.scheduler.closing.stand(desk));
        self.scheduler.restore(&self.cx);
    }

    /// Lets whoever wakes a pinned task of this thread call the hook. It takes turns on
    /// a current-thread runtime, which has one desk.
    fn doze_off(&self) {
        let place = Place::Worker { seat: Seat(0), index: 0 };
        self.inbox.move_to(place);
        if self.inbox.has_letters() {
            // They came while the inbox named another place.
            self.scheduler.wake_at(place, &self.inbox.parker);
        }
    }

    /// A guest that is busy looks at its own seat; workers do so in their turns.
    fn look_around_as_guest(&self) {
        if let Place::Guest(seat) = self.cx.place.get() {
            self.scheduler.harvest(|driver| driver.poll(seat, HARVEST_BUSY));
            self.scheduler.restore(&self.cx);
        }
    }

    // ── seats ─────────────────────────────────────────────────────────────────

    /// Changes the seat of the driver, and lets wakers know where we sleep.
    fn move_to(&self, place: Place) {
        let driver = &self.scheduler.driver;
        driver.detach(self.cx.place.get().seat());
        if let Place::Guest(seat) = self.cx.place.replace(place) {
            self.scheduler.guest_seats.lock().push(seat);
        }
        driver.attach(place.seat());
        self.inbox.move_to(place);
        self.redirect(place);
    }

    /// Has those who wake pinned tasks that wait for the end of this call end its sleep, so
    /// that it [looks](Self::look_whom_it_holds_up).
    fn redirect(&self, place: Place) {
        let mut innermost = Some(place).filter(|it| matches!(it, Place::Guest(_)));
        self.outside(|cx, inbox| {
            let own = cx.place.get();
            let place = *innermost.get_or_insert(own);
            inbox.move_to(if let Place::Guest(_) = place { place } else { own });
            false
        });
    }

    /// Whether `is_it` says so of one of the contexts of the same runtime from which this
    /// thread came here, and in which it has no desk.
    fn outside(&self, mut is_it: impl FnMut(&Context, &Inbox) -> bool) -> bool {
        let address = self.scheduler.address();
        context::any(|cx| {
            let is_outside = !std::ptr::eq(cx, &*self.cx) && cx.is_of(address);
            let inbox = cx.inbox.as_deref().filter(|_| is_outside && cx.desk().is_none());
            inbox.is_some_and(|inbox| is_it(cx, inbox))
        })
    }

    fn take_guest_seat(&self) {
        let seat = self.scheduler.guest_seats.lock().pop();
        if let Some(seat) = seat {
            self.move_to(Place::Guest(seat));
        }
    }

    /// Sits down at the desk wished for, if it is free.
    fn sit_down(&self) {
        let Some(index) = self.wish.get().desk() else { return };
        let worker = &self.scheduler.workers[index];
        let is_owner = self.wish.get() == Wish::Own(index);
        match self.scheduler.closing.sit(index, &self.inbox) {
            Sit::Down(desk) => {
                if is_owner {
                    // Relaxed: a request between threads that the lock orders.
                    worker.is_wanted.swap(false, Relaxed);
                }
                self.move_to(Place::Worker { seat: desk.seat, index });
                self.scheduler.sat_down(index);
                // After a doze: one who is asleep would be woken by what follows.
                worker::rise(&self.scheduler, &desk);
                self.cx.put_desk(desk);
                self.scheduler.disengage();
            }
            Sit::Wait if is_owner => {
                // Relaxed: the unpark below carries it.
                worker.is_wanted.swap(true, Relaxed);
                self.scheduler.idle.get_up(index);
                self.scheduler.unpark(index);
            }
            Sit::Wait | Sit::Closed => {}
        }
    }

    /// Puts the desk down, because the end has begun or it is wanted.
    fn stand_up(&self) {
        let Some(desk) = self.cx.take_desk() else { return };
        self.scheduler.engage();
        worker::put_in_order(&self.scheduler, &desk);
        self.scheduler.stands_up(&desk);
        // This thread's main future may go on, and its timers with it.
        let seat = self.scheduler.guest_seats.lock().pop();
        self.move_to(seat.map_or(Place::Parker, Place::Guest));
        self.scheduler.do_duty(self.scheduler.closing.stand(desk));
        self.scheduler.restore(&self.cx);
    }

    /// The poll is over in which the desk was lent.
    fn settle(&self) {
        if !self.cx.has_lent.replace(false) {
            return;
        }
        self.take_guest_seat();
        self.scheduler.do_duty(self.scheduler.closing.leave());
    }

    // ── sleep ─────────────────────────────────────────────────────────────────

    /// Sleeps, until the deadline at most. Gives how many events came.
    pub(crate) fn park(&self, until: Option<Instant>) -> usize {
        let scheduler = &self.scheduler;
        call(scheduler.config.hooks.thread_park.as_ref());
        self.scheduler.restore(&self.cx);
        let events = match self.cx.desk() {
            // The hook spawned or woke something here, where nobody else sees it.
            _ if worker::has_ready(scheduler, &self.cx) => 0,
            Some(desk) => {
                let (seat, counters) = (desk.seat, &scheduler.workers[desk.index].counters);
                counters.parks.add(1);
                // Somebody relies on a look by then.
                let until = until.into_iter().chain(desk.doze_until.take()).min();
                let events = scheduler.harvest(|driver| driver.park(seat, until, HARVEST_IDLE));
                self.scheduler.restore(&self.cx);
                let desk = self.cx.desk();
                desk.into_iter().for_each(|it| worker::came_from_driver(scheduler, it, events));
                events
            }
            None => self.park_without_desk(until),
        };
        self.scheduler.restore(&self.cx);
        call(scheduler.config.hooks.thread_unpark.as_ref());
        events
    }

    /// Before sleep, inside a task: whether one of this thread's pinned tasks is ready,
    /// which nobody else may run. One that stays so for long is told of. Gives when to
    /// look again, by the driver's clock.
    fn look_whom_it_holds_up(&self) -> Option<Instant> {
        if self.has_told.get() || self.cx.desk().is_some() {
            return None;
        }
        let mut first = None;
        self.outside(|cx, _| {
            first = cx.next_pinned();
            first.is_some()
        });
        let now = shim::now();
        let before = self.holds_up.get().filter(|(task, _)| first == Some(*task));
        self.holds_up.set(before.or(first.map(|task| (task, now))));
        let (task, since) = self.holds_up.get()?;
        let patience = self.scheduler.config.stall_threshold;
        let left = patience.saturating_sub(now.saturating_duration_since(since));
        if left.is_zero() {
            self.has_told.set(true);
            self.tell_that_it_holds_up(task);
        }
        // After the report once more: it is user code, which may have woken something.
        self.now().checked_add(left)
    }

    fn tell_that_it_holds_up(&self, task: Id) {
        let look = |id| self.scheduler.task(id);
        let infos = self.main.get().and_then(look).zip(look(task));
        if let Some((block_on, task)) = infos {
            shim::assert_unlocked("a report of a task that is held up");
            self.scheduler.config.hooks.report(Unhandled::HeldUp { block_on, task });
            self.scheduler.restore(&self.cx);
        }
    }

    fn park_without_desk(&self, until: Option<Instant>) -> usize {
        let scheduler = &self.scheduler;
        if !self.inbox.fall_asleep() {
            return 0;
        }
        // If everybody is asleep now, this lets a worker look at the clock.
        scheduler.disengage();
        let events = match (self.cx.place.get(), until) {
            (Place::Guest(seat), _) => {
                scheduler.harvest(|driver| driver.park(seat, until, HARVEST_IDLE))
            }
            (Place::Parker | Place::Worker { .. }, None) => {
                self.inbox.parker.park();
                0
            }
            (Place::Parker | Place::Worker { .. }, Some(until)) => {
                let left = until.saturating_duration_since(self.now());
                self.inbox.parker.park_timeout(left);
                0
            }
        };
        if self.inbox.wake_up() {
            scheduler.engage();
        }
        scheduler.vigil.guest_got_up();
        events
    }

    // ── the way out ───────────────────────────────────────────────────────────

    /// Drops the pinned tasks of this thread, on it.
    pub(crate) fn drop_pinned(&self) {
        if let Some(index) = self.inbox.worker {
            self.scheduler.workers[index].roll.leave(&self.inbox);
        }
        self.inbox.close();
        self.forget_pinned();
        let reason = self.scheduler.why_pinned_end();
        while let Some(record) = self.inbox.any_living() {
            // SAFETY: 1: it lives, it is pinned to this thread, which is here and
            // not in its poll. 2: this is its thread.
            unsafe { holders::cancel_in(record, reason) };
        }
        self.forget_pinned();
    }

    /// Empties the queue of this thread's pinned tasks, which never run again.
    fn forget_pinned(&self) {
        self.cx.pinned.borrow_mut().drain(..).for_each(|task| self.scheduler.forget(&task));
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        if self.leave.get() == Leave::DropPinned {
            self.drop_pinned();
        }
        self.settle();
        let is_asleep = self.is_dozing.get() && self.has_desk();
        match self.cx.desk() {
            Some(_) if is_asleep => self.leave_asleep(),
            Some(_) => self.stand_up(),
            None => self.scheduler.do_duty(self.scheduler.closing.forget(&self.inbox)),
        }
        self.move_to(Place::Parker);
        self.scheduler.driver.detach(Seat::SHARED);
        if self.is_dozing.get() {
            self.doze_off();
        }
        // At a desk, also one that is left asleep, a thread does not count as engaged.
        if !self.is_nested && !is_asleep {
            self.scheduler.disengage();
        }
        drop(self.entered.take());
    }
}

/// Calls a user's hook; what it panics with goes no further.
pub(crate) fn call(hook: Option<&Hook>) {
    if let Some(Err(payload)) = hook.map(|hook| caught(|| hook())) {
        drop_contained(payload);
    }
}
