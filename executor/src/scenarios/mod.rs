//! Shuttle scenarios: the real thing with more threads and more work than a model
//! can bear, under random schedules.
//!
//! Half of the schedules are uniform, half are PCT's, which change priorities
//! seldom and so find the rare orderings. A failure prints its schedule; replay it
//! with [`shuttle::replay`]. `SHUTTLE_SCHEDULES` sets another number of them.

mod blocking;

/// Schedules of either kind.
const SCHEDULES: usize = 2_000;

/// How many changes of priority a PCT schedule has.
const CHANGES: usize = 5;

fn explore(scenario: impl Fn() + Send + Sync + Clone + 'static) {
    let wished = std::env::var("SHUTTLE_SCHEDULES").ok();
    let schedules = wished.map_or(SCHEDULES, |it| it.parse().expect("a number"));
    shuttle::check_random(scenario.clone(), schedules);
    shuttle::check_pct(scenario, schedules, CHANGES);
}
