//! Loom models, one file per protocol, named after its module.
//!
//! Every actor of a model is a spawned thread, and every model names the
//! outcomes it must reach: loom 0.7 skips interleavings when the main thread
//! races a load that precedes a compare-exchange, and a model that reaches
//! nothing passes in silence.

mod blocking;
mod closing;
mod engaged;
mod home;
mod idle;
mod inbox;
mod join_state;
mod memory;
mod profit;
mod queue;
mod record;
mod substitutes;
mod task_cell;
mod task_closure;
mod task_lifetime;
mod task_state;
mod vigil;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

/// Runs `model` under every schedule with at most three preemptions and
/// collects what came out of it.
fn outcomes<T: Ord + Send + 'static>(model: impl Fn() -> T + Send + Sync + 'static) -> BTreeSet<T> {
    outcomes_within(3, model)
}

/// As [`outcomes`], with a bound for models that take too long at three.
/// `LOOM_MAX_PREEMPTIONS` overrides both.
fn outcomes_within<T: Ord + Send + 'static>(
    preemptions_max: usize,
    model: impl Fn() -> T + Send + Sync + 'static,
) -> BTreeSet<T> {
    let outcomes = Arc::new(Mutex::new(BTreeSet::new()));
    let sink = outcomes.clone();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions_max));
    builder.check(move || {
        let outcome = model();
        sink.lock().unwrap().insert(outcome);
    });
    Arc::into_inner(outcomes).unwrap().into_inner().unwrap()
}
