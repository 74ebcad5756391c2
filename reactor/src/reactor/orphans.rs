//! Who looks after timers whose thread has gone?
//!
//! They are rare: a guest that leaves takes its tasks along. Until somebody sits
//! there again, whoever leads or polls looks after them.

use sync::{
    driver::Seat,
    shim::{
        Lock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// Seats whose thread has gone and left timers behind.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    /// The length of `seats`, to be read without the lock.
    count: AtomicUsize,
    seats: Lock<Vec<Seat>>,
}

impl Orphans {
    pub(super) fn add(&self, seat: Seat) {
        let mut seats = self.seats.lock();
        seats.push(seat);
        // Relaxed: who adds interrupts the leader after this (L1), and whoever
        // leads next has seen it (L3).
        self.count.swap(seats.len(), Relaxed);
    }

    pub(super) fn adopt(&self, seat: Seat) {
        if self.is_empty() {
            return;
        }
        let mut seats = self.seats.lock();
        seats.retain(|it| *it != seat);
        // Relaxed: see `add`; one look too many does no harm.
        self.count.swap(seats.len(), Relaxed);
    }

    pub(super) fn for_each(&self, mut look: impl FnMut(Seat)) {
        if self.is_empty() {
            return;
        }
        // Copied: what is done to timers takes locks of theirs.
        let seats = self.seats.lock().clone();
        for seat in seats {
            look(seat);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        // Relaxed: see `add`.
        self.count.load(Relaxed) == 0
    }
}
