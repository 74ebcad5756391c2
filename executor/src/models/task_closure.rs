//! Models [`crate::task::raw`] for closures of the blocking pool: a real cell that
//! is claimed, not polled.
//!
//! The pool runs the closure or drops the job, which cancels it. Whoever else
//! aborts it, takes its output or lets go of it does so on a thread of its own.

use super::{
    memory::Memory,
    outcomes_within,
    task_cell::{JoinerWaker, Kind, Ledger, Listed, Output, Scheduler, Waits},
};
use crate::task::{
    Birth, Nature, Task, Tenant, cell,
    holders::{Joiner, Reference},
    info::Id,
    join_state::Join,
};
use std::{panic::Location, ptr::NonNull, sync::Arc, task::Waker};
use sync::{
    shim::{
        Lock,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
        thread,
    },
    wait_site::Watched,
};

struct World {
    scheduler: Arc<Scheduler>,
    tenant: Tenant,
    /// What the pool holds.
    job: (Task, Reference),
    joiner: Joiner<Output>,
    ledger: Arc<Ledger>,
}

impl World {
    fn new() -> Self {
        let ledger = Arc::new(Ledger::default());
        let scheduler = Scheduler::new(Kind::Foreign, &ledger);
        let home = NonNull::from(&scheduler.home);
        // SAFETY: 1: the only one. 2: the scheduler outlives it, see `race`.
        let tenant = unsafe { Tenant::new(home) };
        // Ready at once, as a closure is.
        let future = Waits {
            ready: Arc::new(AtomicBool::new(true)),
            waker: Arc::new(Lock::new(None)),
            memory: Memory::new(),
            ledger: ledger.clone(),
        };
        let record = tenant.take(cell::class::<Waits, Listed<true>>(None));
        let spawned_at = Location::caller();
        let (id, nature) = (Id::new(1), Nature::Blocking);
        let birth = Birth { id, nature, is_named: false, spawned_at, watched: Watched::No };
        // SAFETY: 1: taken just now. 2: everything is `Send`. 3: nothing is borrowed.
        let (task, joiner) =
            unsafe { cell::create(future, Listed::<true>, record, &birth, None, 1) };
        // SAFETY: `create` was told to count one.
        let reference = unsafe { task.counted() };
        Self { scheduler, tenant, job: (task, reference), joiner, ledger }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Pool {
    Runs,
    Drops,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Holder {
    Detaches,
    Registers,
    AbortsAndDetaches,
}

/// What became of the closure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Ran,
    Cancelled,
}

/// Runs the pool and the holder of the join handle at once, beside somebody with an
/// abort handle.
fn race(pool: Pool, holder: Holder) -> End {
    let World { scheduler, tenant, job: (task, reference), joiner, ledger } = World::new();
    let aborter = reference.clone();
    let pool = thread::spawn(move || {
        match pool {
            Pool::Runs => task.run(),
            Pool::Drops => reference.abort(None),
        }
        drop(reference);
    });
    let aborter = thread::spawn(move || aborter.abort(None));
    let waker = JoinerWaker(ledger.clone());
    let holder = thread::spawn(move || match holder {
        Holder::Detaches => {
            drop(joiner);
            None
        }
        Holder::AbortsAndDetaches => {
            joiner.abort(None);
            drop(joiner);
            None
        }
        Holder::Registers => {
            let answer = joiner.register(Waker::from(Arc::new(waker)));
            Some((joiner, answer))
        }
    });
    pool.join().unwrap();
    aborter.join().unwrap();
    let kept = holder.join().unwrap();
    if let Some((joiner, answer)) = kept {
        let wakes = ledger.joiner_wakes.load(Relaxed);
        assert_eq!(wakes, u32::from(answer == Join::Pending), "{answer:?}");
        assert_eq!(joiner.take().is_ok(), ledger.polls.load(Relaxed) == 1);
    }
    tenant.close(scheduler);
    let count = |it: &AtomicU32| it.load(Relaxed);
    assert_eq!(count(&ledger.future_drops), 1, "the closure is dropped once");
    assert_eq!(count(&ledger.output_drops), count(&ledger.polls), "so is the output");
    assert_eq!(count(&ledger.ends), 1, "the home ends once");
    match count(&ledger.polls) {
        0 => End::Cancelled,
        _ => End::Ran,
    }
}

/// Bound 2: three threads.
#[test]
fn a_closure_runs_or_is_cancelled() {
    for holder in [Holder::Detaches, Holder::Registers, Holder::AbortsAndDetaches] {
        let seen = outcomes_within(2, move || race(Pool::Runs, holder));
        assert_eq!(seen, [End::Ran, End::Cancelled].into(), "{holder:?}");
    }
}

/// Bound 2: three threads.
#[test]
fn a_job_that_is_dropped_is_cancelled() {
    for holder in [Holder::Detaches, Holder::Registers, Holder::AbortsAndDetaches] {
        let seen = outcomes_within(2, move || race(Pool::Drops, holder));
        assert_eq!(seen, [End::Cancelled].into(), "{holder:?}");
    }
}
