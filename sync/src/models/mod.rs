//! Loom models, one file per protocol, named after its module.
//!
//! Every actor of a model is a spawned thread, and every model names the
//! outcomes it must reach: loom 0.7 skips interleavings when the main thread
//! races a load that precedes a compare-exchange, and a model that reaches
//! nothing passes in silence.

mod atomic_waker;
mod cancellation;
mod condition;
mod deferred;
mod event;
mod home_lock;
mod milestone;
mod mpsc;
mod notify;
mod oneshot;
mod parker;
mod permits;
mod ready_set;
mod wait_queue;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

/// Runs `model` under every schedule with at most three preemptions and
/// collects what came out of it.
fn outcomes<T: Ord + Send + 'static>(model: impl Fn() -> T + Send + Sync + 'static) -> BTreeSet<T> {
    let outcomes = Arc::new(Mutex::new(BTreeSet::new()));
    let sink = outcomes.clone();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(3));
    builder.check(move || {
        let outcome = model();
        sink.lock().unwrap().insert(outcome);
    });
    Arc::into_inner(outcomes).unwrap().into_inner().unwrap()
}
