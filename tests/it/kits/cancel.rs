//! Dropped at every await, before and after what it waits for has come.

use super::{STEPS_MAX, registry};

#[test]
fn a_future_may_be_dropped_at_every_await() {
    for case in registry::ALL {
        for polls in 0..=STEPS_MAX {
            // With the step of the last poll, and without.
            for is_granted in [false, true] {
                let mut subject = (case.make)();
                for poll in 1..=polls {
                    let is_done = subject.poll().is_ready();
                    if is_done {
                        break;
                    }
                    if poll < polls || is_granted {
                        (subject.step)();
                    }
                }
                subject.end();
            }
        }
    }
}

#[test]
fn nothing_happens_until_polled() {
    for case in registry::ALL {
        let subject = (case.make)();
        (subject.step)();
        subject.end();
    }
}
