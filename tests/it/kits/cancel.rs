//! Dropped at every await, before and after what it waits for has come.

use super::{STEPS_MAX, registry};

/// When steps are made.
#[derive(Clone, Copy, Debug)]
enum Grants {
    /// One, after so many polls.
    Once(usize),
    /// One after each poll, from this on.
    From(usize),
}

impl Grants {
    fn is_due(self, polls: usize) -> bool {
        match self {
            Self::Once(at) => polls == at,
            Self::From(at) => polls >= at,
        }
    }
}

#[test]
fn a_future_may_be_dropped_at_every_await() {
    for case in registry::all() {
        for polls in 0..=STEPS_MAX {
            // The last grant comes between the last poll and the drop; with one more
            // there is none.
            for at in 0..=polls + 1 {
                for grants in [Grants::Once(at), Grants::From(at)] {
                    let mut subject = (case.make)();
                    for done in 0..=polls {
                        if done > 0 && subject.poll().is_ready() {
                            break;
                        }
                        if grants.is_due(done) {
                            (subject.step)();
                        }
                    }
                    subject.end();
                }
            }
        }
    }
}

#[test]
fn nothing_happens_until_polled() {
    for case in registry::all() {
        let subject = (case.make)();
        (subject.step)();
        subject.end();
    }
}
