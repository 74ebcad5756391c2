//! Models [`crate::task::record`].
//!
//! A reader may see a task, or nothing; never half of one and half of the next.

use super::{outcomes, outcomes_within};
use crate::task::{Birth, Nature, Record, info::Id};
use std::{panic::Location, sync::Arc};
use sync::{
    shim::{
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Release},
        },
        thread,
    },
    wait_site::Watched,
};

/// Where task 1 and task 2 were spawned.
fn places() -> [&'static Location<'static>; 2] {
    [Location::caller(), Location::caller()]
}

/// The two fields that are compared, which are words of their own: those of task
/// `number`.
fn birth(number: usize) -> Birth {
    let (id, nature) = (Id::new(number as u64), Nature::Stealable);
    let spawned_at = places()[number - 1];
    Birth { id, nature, is_named: false, spawned_at, watched: Watched::No }
}

fn record() -> Arc<Record> {
    Arc::new(Record::new())
}

/// What a reader saw: the task's id, and that of the task that was spawned there.
type Look = Option<(u64, usize)>;

fn look(record: &Record) -> Look {
    let info = record.read(|_| None)?;
    let spawned_at = info.spawned_at.expect("it was written before the id");
    let place = places().iter().position(|it| *it == spawned_at).expect("one of the two");
    Some((info.id.get(), place + 1))
}

/// Runs `writer` beside a reader.
fn race(record: &Arc<Record>, writer: fn(&Record)) -> Look {
    let (theirs, record) = (record.clone(), record.clone());
    let writer = thread::spawn(move || writer(&theirs));
    let reader = thread::spawn(move || look(&record));
    writer.join().unwrap();
    reader.join().unwrap()
}

/// R1: whoever sees that a task lives here sees its fields.
#[test]
fn edge_r1() {
    let seen = outcomes(|| race(&record(), |record| record.be_born(&birth(1))));
    assert_eq!(seen, [None, Some((1, 1))].into());
}

/// R2: fields of the next life are not taken for those of the one before.
#[test]
fn edge_r2() {
    let seen = outcomes(|| {
        let record = record();
        record.be_born(&birth(1));
        race(&record, |record| {
            record.die();
            record.be_born(&birth(2));
        })
    });
    assert_eq!(seen, [None, Some((1, 1)), Some((2, 2))].into());
}

/// R2: nor are they where the next task is marked, by another thread, to which it went.
/// Gives whether it was marked, and the look.
#[test]
fn a_mark_shows_no_life_too_early() {
    let seen = outcomes_within(2, || {
        let record = record();
        record.be_born(&birth(1));
        let queued = Arc::new(AtomicBool::new(false));
        let (theirs, queue) = (record.clone(), queued.clone());
        let writer = thread::spawn(move || {
            theirs.die();
            theirs.be_born(&birth(2));
            queue.store(true, Release);
        });
        let theirs = record.clone();
        let thief = thread::spawn(move || {
            let is_ours = queued.load(Acquire);
            if is_ours {
                theirs.mark();
            }
            is_ours
        });
        let reader = thread::spawn(move || look(&record));
        writer.join().unwrap();
        (thief.join().unwrap(), reader.join().unwrap())
    });
    let looks = [None, Some((1, 1)), Some((2, 2))];
    let all = [false, true].into_iter().flat_map(|marked| looks.map(|look| (marked, look)));
    assert_eq!(seen, all.collect());
}
