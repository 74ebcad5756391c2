//! Models [`crate::task::join_state`].
//!
//! Plain cells stand for the slot and for the output. What the real cell does with
//! the word, [`super::task_cell`] models.

use super::{memory::Memory, outcomes};
use crate::task::join_state::{Complete, Join, JoinState};
use std::sync::Arc;
use sync::shim::{
    atomic::{AtomicU32, Ordering::Relaxed},
    thread,
};

struct Pair {
    join: JoinState,
    /// Zero: empty. Otherwise the number of the waker in it, in two halves which a copy
    /// may mix up, as with a real one.
    slot: [AtomicU32; 2],
    /// Zero: none. One: there. Two: taken. Three: dropped.
    output: Memory,
    /// What else the cell holds; its owner frees it.
    cell: Memory,
    frees: AtomicU32,
}

/// Which waker the completer woke; zero for none.
type Woken = u32;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Joiner,
    Completer,
}

impl Pair {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            join: JoinState::new(),
            slot: [AtomicU32::new(0), AtomicU32::new(0)],
            output: Memory::new(),
            cell: Memory::new(),
            frees: AtomicU32::new(0),
        })
    }

    fn free(&self, output: u32) {
        assert_eq!(self.output.read(), 1, "the output is there, and whole");
        self.output.write(output);
        self.cell.add();
        self.frees.fetch_add(1, Relaxed);
    }

    fn complete(&self) -> Woken {
        self.output.write(1);
        let (mut order, mut waker) = self.join.begin(|| self.copy());
        if order == Complete::TakeWaker {
            // The cell is ours to use still.
            self.cell.read();
            waker = Some(self.copy());
            order = self.join.end();
        }
        if order == Complete::Discard {
            self.free(3);
        }
        waker.map_or(0, Self::whole)
    }

    fn copy(&self) -> [u32; 2] {
        // Relaxed: as in the real slot.
        self.slot.each_ref().map(|it| it.load(Relaxed))
    }

    fn put(&self, waker: u32) {
        self.slot.iter().for_each(|it| it.store(waker, Relaxed));
    }

    /// What was copied belongs to whoever asks.
    fn whole(copied: [u32; 2]) -> Woken {
        assert_eq!(copied[0], copied[1], "the waker is whole");
        assert_ne!(copied[0], 0, "a waker lay in the slot");
        copied[0]
    }

    fn take_waker(&self) -> Woken {
        let waker = Self::whole(self.copy());
        self.put(0);
        waker
    }

    /// As the real joiner; also says whether the waker was left in the slot.
    fn register(&self, waker: u32) -> Join {
        match self.empty_slot() {
            Join::Pending => {}
            refusal => return refusal,
        }
        self.put(waker);
        let answer = self.join.register();
        if answer == Join::Done {
            assert_eq!(self.take_waker(), waker, "nobody else took it");
        }
        answer
    }

    /// As the real joiner.
    fn empty_slot(&self) -> Join {
        let answer = match self.join.poll() {
            Join::Registered => self.join.unregister(),
            answer => return answer,
        };
        if answer == Join::Pending {
            self.take_waker();
        }
        answer
    }

    fn take(&self) {
        self.free(2);
    }

    fn detach(&self) {
        self.empty_slot();
        self.cell.read();
        if self.join.detach() == Join::Done {
            self.free(3);
        }
    }
}

/// Runs `joiner` beside the completer. Gives what it gave and who was woken.
fn race<T: 'static>(joiner: fn(&Pair) -> T) -> (T, Woken) {
    let pair = Pair::new();
    let (theirs, completer) = (pair.clone(), pair.clone());
    let joiner = thread::spawn(move || joiner(&theirs));
    let completer = thread::spawn(move || completer.complete());
    let ends = (joiner.join().unwrap(), completer.join().unwrap());
    assert!(pair.frees.load(Relaxed) <= 1, "the output had one owner");
    ends
}

/// J1: a joiner that sees DONE sees the output.
#[test]
fn edge_j1() {
    let seen = outcomes(|| {
        race(|pair| {
            let done = pair.join.poll() == Join::Done;
            if done {
                pair.take();
            }
            done
        })
    });
    assert_eq!(seen, [(true, 0), (false, 0)].into());
}

/// J1, after the waker was taken: the joiner registers and then looks.
#[test]
fn edge_j1_after_the_waker() {
    let seen = outcomes(|| {
        race(|pair| {
            let answer = pair.register(1);
            let done = answer == Join::Done || pair.join.poll() == Join::Done;
            if done {
                pair.take();
            }
            (answer == Join::Done, done)
        })
    });
    // Done at once; in the slot, and done later; in the slot, and still waiting.
    assert_eq!(seen, [((true, true), 0), ((false, true), 1), ((false, false), 1)].into());
}

/// J2: the completer sees the waker which the joiner left, and wakes it unless
/// the joiner knows that the task is done.
#[test]
fn edge_j2() {
    let seen = outcomes(|| race(|pair| pair.register(7) == Join::Done));
    assert_eq!(seen, [(true, 0), (false, 7)].into());
}

/// A joiner that changes its waker: the one it left last is woken, or it was told.
#[test]
fn the_waker_left_last_is_woken() {
    let seen = outcomes(|| {
        let (answers, woken) = race(|pair| [1, 2, 3].map(|it| format!("{:?}", pair.register(it))));
        (answers.join(" "), woken)
    });
    let expected = [
        ("Done Done Done", 0),
        ("Pending Pending Pending", 3),
        // The completer had copied the first one.
        ("Pending Done Done", 1),
        // The completer is at the second one just now, or was.
        ("Pending Pending Locked", 2),
        ("Pending Pending Done", 2),
        // Done after one was taken back, before the next lay there.
        ("Pending Done Done", 0),
        ("Pending Pending Done", 0),
    ];
    assert_eq!(seen, expected.map(|(answers, woken)| (answers.to_owned(), woken)).into());
}

/// J3: whoever is last frees the cell, after the handle's last use of it.
#[test]
fn edge_j3() {
    let seen = outcomes(|| {
        let pair = Pair::new();
        let (theirs, completer) = (pair.clone(), pair.clone());
        let joiner = thread::spawn(move || theirs.detach());
        let completer = thread::spawn(move || completer.complete());
        joiner.join().unwrap();
        completer.join().unwrap();
        assert_eq!(pair.frees.load(Relaxed), 1, "freed once");
        pair.output.read()
    });
    assert_eq!(seen, [3].into(), "dropped, by one of them");
}

/// J3, when the handle goes with a waker in the slot.
#[test]
fn edge_j3_with_a_waker() {
    let seen = outcomes(|| {
        let pair = Pair::new();
        let (theirs, completer) = (pair.clone(), pair.clone());
        let joiner = thread::spawn(move || match theirs.register(1) {
            Join::Done => {
                theirs.take();
                Owner::Joiner
            }
            _ => {
                theirs.detach();
                Owner::Completer
            }
        });
        let completer = thread::spawn(move || completer.complete());
        let ends = (joiner.join().unwrap(), completer.join().unwrap());
        assert_eq!(pair.frees.load(Relaxed), 1, "freed once");
        ends
    });
    // The waker was woken though nobody waits, or taken back in time.
    let expected = [(Owner::Joiner, 0), (Owner::Completer, 0), (Owner::Completer, 1)];
    assert_eq!(seen, expected.into());
}
