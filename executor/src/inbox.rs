//! How is a task queued that only one thread may run?
//!
//! Pinned tasks, which need not be `Send`, belong to a thread: not to a seat, not
//! to a queue. Each thread that may have some owns an [`Inbox`]: whoever wakes a
//! pinned task puts it there and wakes the thread, wherever that sleeps just now.
//! The thread moves what has come to a queue of its own.
//!
//! ```text
//!     any thread                          its own thread
//!     ──────────                          ──────────────
//!     push under the lock                 pending? take all under the lock
//!     first one: pending = true           run them
//!     unpark where it sleeps ───────────▶ park
//! ```
//!
//! The token of the sleeping place is sticky, so a push after the thread looked
//! and before it sleeps ends the sleep at once: no fence is needed here.
//!
//! The inbox also lists the thread's pinned tasks that live, so that the thread
//! can drop them before it leaves: [`leave`](Inbox::close) first closes the inbox,
//! after which a queued task is forgotten, and then drops the futures, one by one,
//! on this thread and with no lock held.
//!
//! Pinned tasks are made by their own thread; or by another one, which then
//! [reserves](Inbox::reserve) a place in that list, makes the task, and has it
//! [admitted](Inbox::admit) when it is whole. The lock decides whether that was before
//! the thread left.
//!
//! # Synchronization edges
//!
//! | edge | released by      | acquired by           | what crosses                  |
//! |------|------------------|-----------------------|-------------------------------|
//! | M1   | [`Inbox::admit`] | [`Inbox::any_living`] | the task that somebody made   |
//!
//! Carried by the lock.

use crate::task::{Record, Task, info::Id};
use slab::Slab;
use std::ptr::NonNull;
use sync::{
    driver::Seat,
    parker::Parker,
    shim::{
        Lock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

/// Where a thread sleeps, so that it can be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the driver, as this worker.
    Worker { seat: Seat, index: usize },
    /// In the driver, as a guest.
    Guest(Seat),
    /// On the inbox's own parker: there was no seat for it.
    Parker,
}

impl Place {
    /// The seat of the driver that this is, or the one for those without.
    pub(crate) fn seat(self) -> Seat {
        match self {
            Self::Worker { seat, .. } | Self::Guest(seat) => seat,
            Self::Parker => Seat::SHARED,
        }
    }
}

/// What comes for one thread.
#[derive(Debug)]
pub(crate) struct Inbox {
    letters: Lock<Letters>,
    /// Whether something came, to look at without the lock.
    pending: AtomicBool,
    pub(crate) parker: Parker,
    /// Which worker's thread it belongs to, if that can be told.
    pub(crate) worker: Option<usize>,
}

#[derive(Debug)]
struct Letters {
    tasks: Vec<Task>,
    place: Place,
    is_closed: bool,
    /// The thread sleeps, and nobody has woken it yet.
    is_asleep: bool,
    /// The thread's pinned tasks that live. `None`: one that is being made elsewhere.
    living: Slab<Option<Living>>,
}

#[derive(Clone, Copy, Debug)]
struct Living(NonNull<Record>);

// SAFETY: only the inbox's own thread follows the pointer; others count.
unsafe impl Send for Living {}

impl Inbox {
    pub(crate) fn new(place: Place) -> Self {
        let letters = Letters {
            tasks: vec![],
            place,
            is_closed: false,
            is_asleep: false,
            living: Slab::new(),
        };
        let pending = AtomicBool::new(false);
        Self { letters: Lock::new(letters), pending, parker: Parker::new(), worker: None }
    }

    /// That of a worker's own thread.
    pub(crate) fn of_worker(place: Place, worker: usize) -> Self {
        Self { worker: Some(worker), ..Self::new(place) }
    }

    /// Puts a task in. Gives the place to wake if it is the first to come since
    /// the thread looked; `rouse` is called if that ends its sleep.
    #[must_use]
    pub(crate) fn push(&self, task: Task, rouse: impl FnOnce()) -> Option<Place> {
        let mut letters = self.letters.lock();
        if letters.is_closed {
            // Its future was dropped, or will be, by the thread it belongs to.
            return None;
        }
        let is_first = letters.tasks.is_empty();
        letters.tasks.push(task);
        // Relaxed: a hint; the thread's sleep ends by the place's sticky token.
        self.pending.swap(true, Relaxed);
        if std::mem::take(&mut letters.is_asleep) {
            rouse();
        }
        is_first.then_some(letters.place)
    }

    /// The thread is about to sleep as a guest. `false`: something came.
    pub(crate) fn fall_asleep(&self) -> bool {
        let mut letters = self.letters.lock();
        letters.is_asleep = letters.tasks.is_empty();
        letters.is_asleep
    }

    /// Whether the thread sleeps, or is about to, and nobody has woken it yet.
    pub(crate) fn is_asleep(&self) -> bool {
        self.letters.lock().is_asleep
    }

    /// The thread got up. `false`: somebody who woke it has said so already.
    pub(crate) fn wake_up(&self) -> bool {
        std::mem::take(&mut self.letters.lock().is_asleep)
    }

    /// Where the thread sleeps.
    pub(crate) fn place(&self) -> Place {
        self.letters.lock().place
    }

    /// The thread sleeps elsewhere from now on. It must look once more before it
    /// sleeps there.
    pub(crate) fn move_to(&self, place: Place) {
        self.letters.lock().place = place;
    }

    /// Whether something came.
    pub(crate) fn has_letters(&self) -> bool {
        // Relaxed: a hint, see `push`.
        self.pending.load(Relaxed)
    }

    /// What came first and was not taken.
    pub(crate) fn first(&self) -> Option<Id> {
        self.letters.lock().tasks.first().map(Task::id)
    }

    /// Takes what came, in order.
    pub(crate) fn take(&self, mut keep: impl FnMut(Task)) {
        let tasks = {
            let mut letters = self.letters.lock();
            // Relaxed: under the lock.
            self.pending.swap(false, Relaxed);
            std::mem::take(&mut letters.tasks)
        };
        tasks.into_iter().for_each(&mut keep);
    }

    /// Lists a pinned task that is about to be made. `None`: the thread leaves.
    pub(crate) fn enlist(&self, record: NonNull<Record>) -> Option<usize> {
        let mut letters = self.letters.lock();
        (!letters.is_closed).then(|| letters.living.insert(Some(Living(record))))
    }

    /// A place in the list for a pinned task that another thread is about to make.
    /// `None`: the thread leaves.
    pub(crate) fn reserve(&self) -> Option<usize> {
        let mut letters = self.letters.lock();
        (!letters.is_closed).then(|| letters.living.insert(None))
    }

    /// The task for a reserved place is whole. `false`: the thread leaves, or has left,
    /// and the task remains its maker's.
    #[must_use]
    pub(crate) fn admit(&self, key: usize, record: NonNull<Record>) -> bool {
        // M1: publishes the task.
        let mut letters = self.letters.lock();
        if !letters.is_closed {
            letters.living[key] = Some(Living(record));
        }
        !letters.is_closed
    }

    /// A pinned task is over.
    pub(crate) fn strike(&self, key: usize) {
        self.letters.lock().living.remove(key);
    }

    /// The thread leaves: forgets what is queued, and all that comes.
    pub(crate) fn close(&self) {
        let mut letters = self.letters.lock();
        letters.is_closed = true;
        letters.tasks.clear();
        // Relaxed: under the lock.
        self.pending.swap(false, Relaxed);
    }

    /// One of the pinned tasks that live.
    pub(crate) fn any_living(&self) -> Option<NonNull<Record>> {
        // M1: sees the task that another thread has made.
        let letters = self.letters.lock();
        letters.living.iter().find_map(|(_, it)| it.map(|it| it.0))
    }
}
