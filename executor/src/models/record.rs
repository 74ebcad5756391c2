//! Models [`crate::task::record`].
//!
//! A reader may see a task, or nothing; never half of one and half of the next.

use super::outcomes;
use crate::task::{Birth, Nature, Record, info::Id};
use std::{panic::Location, ptr, sync::Arc};
use sync::{shim::thread, wait_site::Watched};

/// The two fields that are compared: those of task `number`.
fn birth(number: u32) -> Birth {
    let spawned_at = Location::caller();
    let (id, nature) = (Id::new(u64::from(number)), Nature::Stealable);
    let locals = ptr::null();
    Birth { id, nature, name: number, spawned_at, locals, watched: Watched::No }
}

fn record() -> Arc<Record> {
    Arc::new(Record::new(0, ptr::null_mut()))
}

/// What a reader saw: the task's id and its name.
type Look = Option<(u64, u32)>;

fn look(record: &Record) -> Look {
    let mut name = 0;
    let info = record.read(|number| {
        name = number;
        None
    });
    info.map(|info| (info.id.get(), name))
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
    let seen = outcomes(|| race(&record(), |record| record.be_born(birth(1))));
    assert_eq!(seen, [None, Some((1, 1))].into());
}

/// R2: fields of the next life are not taken for those of the one before.
#[test]
fn edge_r2() {
    let seen = outcomes(|| {
        let record = record();
        record.be_born(birth(1));
        race(&record, |record| {
            record.die();
            record.be_born(birth(2));
        })
    });
    assert_eq!(seen, [None, Some((1, 1)), Some((2, 2))].into());
}
