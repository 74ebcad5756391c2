//! Models [`crate::task::home`].
//!
//! A plain cell stands for the memory of a task: its last user reads it, the next
//! one writes it. What `keep` holds writes a cell that every use of the home has
//! read, so an end that comes too early is a race.

use super::{memory::Memory, outcomes};
use crate::task::{Class, Home, Record, Tenant};
use std::{alloc::Layout, ptr, ptr::NonNull, sync::Arc};
use sync::shim::{
    atomic::{AtomicU32, Ordering::Relaxed},
    thread,
};

/// A record on its way to another thread.
struct Sent(NonNull<Record>);

// SAFETY: records may be touched from anywhere.
unsafe impl Send for Sent {}

/// Small enough for a chunk, and large enough for a record and a link.
fn size() -> Class {
    Class::of(Layout::new::<(Record, *mut Record)>())
}

fn home() -> Arc<Home> {
    Arc::new(Home::new(ptr::null(), 0, 1))
}

fn tenant(home: &Arc<Home>) -> Tenant {
    // SAFETY: 1: each model calls this once. 2: and keeps the home in an `Arc`.
    unsafe { Tenant::new(NonNull::from(&**home)) }
}

/// Ends the use of a task's memory on another thread than the tenant's.
fn give_back(home: &Arc<Home>, record: &Sent) {
    // SAFETY: the `Arc` keeps the home; the record is its, and given up here.
    unsafe { Home::give_back(NonNull::from(&**home), record.0) }
}

/// H1: memory that comes back is used again after its last use.
#[test]
fn edge_h1() {
    let seen = outcomes(|| {
        let home = home();
        let tenant = tenant(&home);
        // The whole of the first chunk, so that the next one asks the stack first.
        let (mine, theirs) = (tenant.take(size()), tenant.take(size()));
        let memory = Memory::new();
        let actor = {
            let (home, memory, record) = (home.clone(), memory.clone(), Sent(theirs));
            thread::spawn(move || {
                memory.read();
                give_back(&home, &record);
            })
        };
        let owner = thread::spawn(move || {
            let record = tenant.take(size());
            assert_ne!(record, mine);
            let is_used_again = record == theirs;
            if is_used_again {
                memory.write(1);
            }
            is_used_again
        });
        actor.join().unwrap();
        owner.join().unwrap()
    });
    assert_eq!(seen, [false, true].into());
}

/// What keeps the scheduler: its drop is the end of the home.
struct Kept {
    memory: Memory,
    ends: Arc<AtomicU32>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.memory.write(1);
        self.ends.fetch_add(1, Relaxed);
    }
}

/// Closes a home beside threads that give `out` cells back. Says how often it
/// ended.
fn close_beside(out: usize) -> u32 {
    let home = home();
    let tenant = tenant(&home);
    let (memory, ends) = (Memory::new(), Arc::new(AtomicU32::new(0)));
    let actors: Vec<_> = (0..out)
        .map(|_| {
            let record = Sent(tenant.take(size()));
            let (home, memory) = (home.clone(), memory.clone());
            thread::spawn(move || {
                memory.read();
                give_back(&home, &record);
            })
        })
        .collect();
    let keep = Arc::new(Kept { memory, ends: ends.clone() });
    let closer = thread::spawn(move || {
        keep.memory.read();
        tenant.close(keep);
    });
    actors.into_iter().for_each(|it| it.join().unwrap());
    closer.join().unwrap();
    ends.load(Relaxed)
}

/// H2: the home ends once, after the last use of every cell.
#[test]
fn edge_h2() {
    assert_eq!(outcomes(|| close_beside(2)), [1].into());
}

/// H2 without others, and against one.
#[test]
fn a_home_ends_once_however_many_cells_are_out() {
    assert_eq!(outcomes(|| close_beside(0)), [1].into());
    assert_eq!(outcomes(|| close_beside(1)), [1].into());
}
