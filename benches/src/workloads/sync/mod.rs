//! Locks, signals and channels.
//!
//! Each runtime does it with what its own users wait with ([`primitives`]):
//!
//! | runtime   | with                                                             |
//! |-----------|------------------------------------------------------------------|
//! | bowerbird | `bowerbird::sync`; what is not there yet it borrows, noted in the row |
//! | tokio     | `tokio::sync`; `async-channel` for several receivers, noted in the row |
//! | smol      | `async-lock`, `event-listener`, `async-channel`, `async-broadcast`, and `futures` for one value |
//!
//! What to know when reading the rows:
//!
//! * All tasks of a row are spawned, so that they are peers. What is made for them,
//!   and they themselves, is made in the time that is measured, and is little beside
//!   the thousands of operations.
//! * `mutex_contended` unlocks before it yields. One worker never finds the lock
//!   taken then, and several do by chance. In `mutex_held`, `rwlock_read_mostly` and
//!   `semaphore` a task yields with what it has, so others stand in line always.
//! * A row with tasks that yield is at least as dear as the yield: `yield_among_200`
//!   among the tasks' rows tells how much of it is that.
//! * bowerbird's locks and channels, and tokio's on tokio, make a task that is never
//!   held up yield after a while (a budget). Those of smol do not, nor do tokio's
//!   elsewhere than on tokio. So each row ends after so many operations on one
//!   worker, without anybody who makes a task yield.
//! * A sender that never waits (unbounded, broadcast, watch) yields by itself, for it
//!   would send everything before anybody hears of it.
//! * Order among those who wait differs: in tokio and bowerbird first come is first
//!   served, async-lock's mutex lets newcomers past for half a millisecond.
//! * Nobody misses a message of `broadcast_1to8`: there is room for all of them,
//!   since tokio's channel drops what is too old and async-broadcast's waits.
//! * Nothing of smol's ecosystem watches a value, so `watch` has no row of it.

mod channels;
mod locks;
pub mod primitives;
mod signals;

use self::{
    channels::{
        broadcast_1to8, mpmc_4to4, mpsc_bounded_1to1, mpsc_bounded_8to1, mpsc_round_trip,
        mpsc_unbounded_1to1, mpsc_unbounded_8to1,
    },
    locks::{mutex_contended, mutex_held, mutex_uncontended, rwlock_read_mostly, semaphore},
    primitives::{Primitives, Watches},
    signals::{barrier, oneshot, oneshot_round_trip, signal_round_trip, watch_1to4},
};
use super::{Group, Workers, Workload};
use crate::{
    column::{Column, Failure, Inside, Setup},
    contender::Contender,
    on_each,
    runtimes::{Bowerbird, Tokio},
};

/// The group's part of the table.
pub const WORKLOADS: &[Workload] = &[
    workload("mutex_uncontended", "one task locks, adds, unlocks", on_each!(mutex_uncontended))
        .sizes(&[100_000], &[20_000])
        .workers(Workers::One),
    workload(
        "mutex_contended",
        "one of 8 tasks locks, adds, unlocks, then yields",
        on_each!(mutex_contended),
    ),
    workload(
        "mutex_held",
        "one of 8 tasks locks, yields while the others wait, unlocks",
        on_each!(mutex_held),
    ),
    workload(
        "rwlock_read_mostly",
        "one of 8 tasks locks, yields, unlocks: 15 times to read, then to write",
        on_each!(rwlock_read_mostly),
    )
    .notes(&[(Contender::Bowerbird, Bowerbird::RW_LOCK_NOTE)]),
    workload(
        "semaphore",
        "one of 8 tasks has one of 2 permits, yields, gives it back",
        on_each!(semaphore),
    ),
    workload(
        "signal_round_trip",
        "two tasks notify each other, without a value",
        on_each!(signal_round_trip),
    )
    .sizes(&[2_000], &[500]),
    workload("oneshot", "one task makes one, sends and receives", on_each!(oneshot))
        .sizes(&[20_000], &[5_000])
        .workers(Workers::One),
    workload(
        "oneshot_round_trip",
        "two tasks send each other a value, by oneshots that are there",
        on_each!(oneshot_round_trip),
    )
    .sizes(&[2_000], &[500]),
    workload(
        "mpsc_bounded_1to1",
        "a message to another task, room for 64",
        on_each!(mpsc_bounded_1to1),
    ),
    workload(
        "mpsc_unbounded_1to1",
        "a message to another task, in bursts of 64",
        on_each!(mpsc_unbounded_1to1),
    ),
    workload(
        "mpsc_bounded_8to1",
        "a message of one of 8 tasks, room for 64",
        on_each!(mpsc_bounded_8to1),
    ),
    workload(
        "mpsc_unbounded_8to1",
        "a message of one of 8 tasks, in bursts of 64",
        on_each!(mpsc_unbounded_8to1),
    ),
    workload(
        "mpsc_round_trip",
        "two tasks send each other a message, by channels with room for one",
        on_each!(mpsc_round_trip),
    )
    .sizes(&[2_000], &[500]),
    workload("mpmc_4to4", "a message of 4 tasks to one of 4, room for 64", on_each!(mpmc_4to4))
        .notes(&[
            (Contender::Bowerbird, Bowerbird::MPMC_NOTE),
            (Contender::Tokio, Tokio::MPMC_NOTE),
        ]),
    workload(
        "broadcast_1to8",
        "a message to each of 8 tasks, in bursts of 16",
        on_each!(broadcast_1to8),
    )
    .sizes(&[2_048], &[512])
    .notes(&[(Contender::Bowerbird, Bowerbird::BROADCAST_NOTE)]),
    workload("watch_1to4", "a value that 4 tasks wait for, then a yield", open_watch)
        .sizes(&[4_000], &[1_000])
        .notes(&[(Contender::Bowerbird, Bowerbird::WATCH_NOTE)]),
    workload("barrier", "8 tasks meet", on_each!(barrier))
        .sizes(&[1_000], &[250])
        .notes(&[(Contender::Bowerbird, Bowerbird::BARRIER_NOTE)]),
];

const fn workload(
    name: &'static str,
    operation: &'static str,
    open: fn(&Setup) -> Result<Box<dyn Column>, Failure>,
) -> Workload {
    Workload::new(Group::Sync, name, operation, open).sizes(&[8_000], &[2_000])
}

/// [`on_each!`] of those who offer it.
fn open_watch(setup: &Setup) -> Result<Box<dyn Column>, Failure> {
    Ok(match setup.contender {
        Contender::Bowerbird => Box::new(Inside::new(setup, watch_1to4::<Bowerbird>)),
        Contender::Tokio => Box::new(Inside::new(setup, watch_1to4::<Tokio>)),
        _ => return Err(Failure::NotOffered),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtimes::Smol;
    use std::any::type_name;

    fn is_of<T>(crates: &[&str]) -> bool {
        crates.iter().any(|it| type_name::<T>().starts_with(it))
    }

    /// Whether each kind that others are asked for is noted, if and only if it is.
    fn check<R: Primitives>(own: &[&str]) {
        assert!(is_of::<R::Mutex>(own) && is_of::<R::Semaphore>(own) && is_of::<R::Signal>(own));
        assert!(is_of::<R::Bounded>(own) && is_of::<R::Unbounded>(own));
        assert_eq!(is_of::<R::RwLock>(own), R::RW_LOCK_NOTE.is_empty());
        assert_eq!(is_of::<R::Mpmc>(own), R::MPMC_NOTE.is_empty());
        assert_eq!(is_of::<R::Broadcast>(own), R::BROADCAST_NOTE.is_empty());
        assert_eq!(is_of::<R::Barrier>(own), R::BARRIER_NOTE.is_empty());
    }

    #[test]
    fn what_is_borrowed_is_noted_and_nothing_else() {
        const BOWERBIRD: &[&str] = &["bowerbird"];
        const TOKIO: &[&str] = &["tokio::"];
        check::<Bowerbird>(BOWERBIRD);
        check::<Tokio>(TOKIO);
        check::<Smol>(&["async_", "event_listener::"]);
        let is_noted = |note: &str| !note.is_empty();
        assert_ne!(
            is_of::<<Bowerbird as Watches>::Watch>(BOWERBIRD),
            is_noted(Bowerbird::WATCH_NOTE)
        );
        assert_ne!(is_of::<<Tokio as Watches>::Watch>(TOKIO), is_noted(Tokio::WATCH_NOTE));
    }

    #[test]
    fn a_note_that_is_empty_is_none() {
        let workload = WORKLOADS.iter().find(|it| it.name == "mpmc_4to4").expect("it is there");
        assert_eq!(workload.note(Contender::Tokio), Some(Tokio::MPMC_NOTE));
        assert_eq!(workload.notes(&[(Contender::Tokio, "")]).note(Contender::Tokio), None);
    }

    #[test]
    fn smol_has_no_row_for_watch() {
        let setup = Setup {
            contender: Contender::Smol,
            workers: 1,
            size: 1,
            sample: std::time::Duration::ZERO,
        };
        assert_eq!(open_watch(&setup).err(), Some(Failure::NotOffered));
    }
}
