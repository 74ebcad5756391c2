//! The executor.

#[allow(dead_code, reason = "the scheduler spawns on it")]
mod blocking;
#[allow(dead_code, unused_imports, reason = "the workers run from it")]
mod deque;
#[cfg(all(test, loom))]
#[expect(unsafe_code, reason = "models race on plain cells; loom is the referee")]
mod models;
#[allow(dead_code, reason = "the workers choose their victims with it")]
mod rng;
#[cfg(all(test, shuttle))]
mod scenarios;
