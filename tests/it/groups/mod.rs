//! Task groups: nothing runs on behind anybody's back, and no failure is lost.

mod cancels;
mod drops;
mod errors;
mod failures;
mod hostile;
mod inheritance;
mod lifetimes;
mod limits;
mod model;
mod panics;
mod shields;
mod starts;

use crate::stage::{Token, Witness};
use bowerbird::{
    sync::Event,
    task::{GroupError, TaskGroup},
    time::{Duration, sleep},
    yield_now,
};
use std::{future::pending, sync::Arc};

/// What most groups here fail of.
type Group = TaskGroup<&'static str>;
type Failed = GroupError<&'static str>;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A child that never ends by itself, and tells the witness when it does.
async fn endless(token: Token) -> Result<(), &'static str> {
    let _token = token;
    pending().await
}

/// A child that ends well after a while.
async fn naps(milliseconds: u64) -> Result<(), &'static str> {
    sleep(ms(milliseconds)).await;
    Ok(())
}

/// A child that ends well when the event has happened.
async fn awaits(event: Arc<Event>) -> Result<(), &'static str> {
    event.wait().await;
    Ok(())
}

/// A child that ends well in its second poll.
async fn yields<E>() -> Result<(), E> {
    yield_now().await;
    Ok(())
}

/// A child that fails after a while.
async fn fails(after: u64, error: &'static str) -> Result<(), &'static str> {
    sleep(ms(after)).await;
    Err(error)
}

/// So many endless children.
fn spawn_endless(g: &Group, count: usize, witness: &Witness) {
    for _ in 0..count {
        g.spawn(endless(witness.token()));
    }
}

/// All errors, in order, without panics.
fn errors(error: &Failed) -> Vec<&'static str> {
    error.failures().iter().filter_map(|it| it.error().copied()).collect()
}

/// Runs a closure when it is dropped.
struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> OnDrop<F> {
    fn new(run: F) -> Self {
        Self(Some(run))
    }
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(|run| run());
    }
}
