//! Shuttle scenarios: the real thing with more threads and more work than a model
//! can bear, under random schedules.
//!
//! A third of the schedules are uniform, the others are PCT's, which change
//! priorities seldom and so find the rare orderings. A failure prints its schedule;
//! replay it with [`shuttle::replay`]. `SHUTTLE_SCHEDULES` sets another number of
//! each. Like a model, a scenario states what it must reach, or it might pass in
//! silence.

mod blocking;
mod clock;
mod ending;
mod instruments;
mod running;
mod stalls;
mod strangers;

use shuttle::rand::{Rng, thread_rng};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};
use sync::shim::thread;

/// Schedules of each kind.
const SCHEDULES: usize = 2_000;

/// How many changes of priority a PCT schedule has: two kinds.
const CHANGES: [usize; 2] = [3, 5];

/// Runs `scenario` under many schedules and collects all that came out of it.
fn explore<T: Ord + Send + 'static>(
    scenario: impl Fn() -> Vec<T> + Send + Sync + 'static,
) -> BTreeSet<T> {
    let wished = std::env::var("SHUTTLE_SCHEDULES").ok();
    let schedules = wished.map_or(SCHEDULES, |it| it.parse().expect("a number"));
    let outcomes = Arc::new(Mutex::new(BTreeSet::new()));
    let sink = outcomes.clone();
    let scenario = Arc::new(move || {
        let outcome = scenario();
        sink.lock().unwrap().extend(outcome);
    });
    for changes in CHANGES {
        let scenario = scenario.clone();
        shuttle::check_pct(move || scenario(), schedules, changes);
    }
    shuttle::check_random(move || scenario(), schedules);
    std::mem::take(&mut *outcomes.lock().unwrap())
}

/// Lets others go first, so many times at most: to be there at any moment.
fn dawdle(times_max: usize) {
    for _ in 0..thread_rng().gen_range(0..times_max) {
        thread::yield_now();
    }
}
