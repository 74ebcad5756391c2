//! Models how long [`crate::task::raw`]'s cells keep their scheduler.
//!
//! A stranger, who holds nothing but a waker, an abort handle or a join handle, uses
//! it while the runtime ends. The scheduler's end writes what every use of it reads,
//! so one that comes too early is a race.

use super::{
    outcomes,
    task_cell::{JoinerWaker, Kind, World},
};
use crate::task::{holders, join_state::Join};
use std::{sync::Arc, task::Waker};
use sync::shim::{atomic::Ordering::Relaxed, thread};

/// What a thread that knows nothing of the scheduler does while that ends.
#[derive(Clone, Copy, Debug)]
enum Stranger {
    Wakes,
    WakesByRef,
    Aborts,
    AbortsByHandle,
    Registers,
}

impl Stranger {
    fn body(self, world: &mut World) -> Box<dyn FnOnce() + Send> {
        let waker = world.waker.take().expect("the future left it");
        let reference = world.reference.take().expect("made with the world");
        match self {
            Self::Wakes => Box::new(move || waker.wake()),
            Self::WakesByRef => Box::new(move || {
                waker.wake_by_ref();
                drop(waker);
            }),
            Self::Aborts => Box::new(move || {
                reference.abort(Some("a reason".into()));
                drop(reference);
            }),
            Self::AbortsByHandle => {
                let joiner = world.joiner.take().expect("made with the world");
                Box::new(move || {
                    joiner.abort(Some("a reason".into()));
                    drop(joiner);
                })
            }
            Self::Registers => {
                let joiner = world.joiner.take().expect("made with the world");
                let ledger = world.ledger.clone();
                Box::new(move || {
                    let waker = Waker::from(Arc::new(JoinerWaker(ledger)));
                    if joiner.register(waker) == Join::Done {
                        drop(joiner.take());
                    }
                })
            }
        }
    }
}

/// Rule: a wake that was made elsewhere keeps the scheduler until it has returned,
/// and the last use of the last cell ends it. The stranger holds nothing but its
/// waker, its abort handle or its join handle.
fn the_end_beside(stranger: Stranger) -> u32 {
    let mut world = World::new(Kind::Foreign);
    let ledger = world.ledger.clone();
    let body = stranger.body(&mut world);
    let stranger = thread::spawn(body);
    let closer = thread::spawn(move || {
        let world = world;
        world.scheduler.queue.lock().is_closed = true;
        // SAFETY: 1: it lives, and nobody polls any more. 2: it is `Send`.
        unsafe { holders::cancel_in(world.record, "the end") };
        let World { scheduler, tenant, joiner, .. } = world;
        tenant.close(scheduler);
        drop(joiner);
    });
    stranger.join().unwrap();
    closer.join().unwrap();
    assert_eq!(ledger.future_drops.load(Relaxed), 1);
    ledger.ends.load(Relaxed)
}

#[test]
fn the_scheduler_outlives_a_foreign_wake() {
    assert_eq!(outcomes(|| the_end_beside(Stranger::Wakes)), [1].into());
    assert_eq!(outcomes(|| the_end_beside(Stranger::WakesByRef)), [1].into());
}

#[test]
fn the_scheduler_outlives_a_foreign_abort() {
    assert_eq!(outcomes(|| the_end_beside(Stranger::Aborts)), [1].into());
    assert_eq!(outcomes(|| the_end_beside(Stranger::AbortsByHandle)), [1].into());
}

#[test]
fn the_scheduler_outlives_a_foreign_joiner() {
    assert_eq!(outcomes(|| the_end_beside(Stranger::Registers)), [1].into());
}
