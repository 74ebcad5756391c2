//! A task that waits for what it was given.
//!
//! ```text
//! first = lock()                        stands in line behind another task
//! select! {
//!     _ = &mut first => …
//!     _ = sleep => lock().await         stands behind `first`, which nobody polls
//! }
//! ```
//!
//! When the other task unlocks, `first` is given the lock, and keeps it. Nothing is
//! wrong with any one line, so a runtime can only tell whoever looks for it: in its
//! debug mode, where it has one. The two calls of `lock` are what a reader needs.

use super::{Answer, Question, Situation, Unit};
use crate::Runtime;
use futures::future::{Either, select};
use std::{
    collections::BTreeSet,
    future::Future,
    panic::Location,
    pin::pin,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

/// The file's part of the list.
pub(super) const SITUATIONS: &[Situation] = &[Situation {
    id: "R7",
    questions: &[Question::new(
        "`select!` keeps `&mut lock()`, its other branch locks: calls named in debug mode",
        Unit::Count("sites"),
    )
    .at_least(2.0)],
    observe: on_runtime!(lock_behind_oneself),
}];

/// A place in a source file.
pub type Site = &'static Location<'static>;

/// A runtime with a lock.
pub trait Locks: Runtime {
    /// The lock.
    type Lock: Send + Sync + 'static;
    /// Unlocks when it is dropped.
    type Guard: Send + 'static;

    /// One with so many workers that reports tasks which wait for what they were
    /// given, if it can: the hook hears the calls of each.
    fn reporting(workers: usize, on_futurelock: impl Fn(Vec<Site>) + Send + Sync + 'static)
    -> Self;

    /// An open lock.
    fn new_lock() -> Arc<Self::Lock>;

    /// Locks, waiting for its turn.
    #[track_caller]
    fn lock(lock: &Arc<Self::Lock>) -> impl Future<Output = Self::Guard> + Send + 'static;
}

/// What became of the task.
#[derive(Debug)]
struct Outcome {
    went_on: bool,
    /// The calls that were reported.
    sites: BTreeSet<Site>,
}

fn lock_behind_oneself<R: Locks>() -> Vec<Answer> {
    let Outcome { went_on, sites } = futurelock::<R>(Duration::from_millis(300));
    let text = match (went_on, sites.len()) {
        (true, _) => "no deadlock".to_owned(),
        (false, 0) => "silent deadlock".to_owned(),
        (false, count) => format!("reported, {count} sites"),
    };
    vec![Answer::said(sites.len() as f64, text)]
}

/// Locks behind oneself, and looks whether that goes on within `patience`.
fn futurelock<R: Locks>(patience: Duration) -> Outcome {
    let sites = Arc::new(Mutex::new(BTreeSet::new()));
    let heard = sites.clone();
    let runtime = R::reporting(2, move |calls| heard.lock().expect("nobody panics").extend(calls));
    let lock = R::new_lock();
    let (hold, is_held) = mpsc::channel();
    let (release, released) = R::oneshot();
    let theirs = lock.clone();
    R::detach(runtime.spawn_from_outside(async move {
        let guard = R::lock(&theirs).await;
        hold.send(()).expect("the thread outside listens");
        released.await;
        // Until the task that releases it stands in line again.
        R::sleep(Duration::from_millis(20)).await;
        drop(guard);
    }));
    is_held.recv().expect("the lock is open");
    let (tell, told) = mpsc::channel();
    R::detach(runtime.spawn_from_outside(async move {
        let first = pin!(R::lock(&lock));
        let sleep = pin!(R::sleep(Duration::from_millis(5)));
        let Either::Right(((), _first)) = select(first, sleep).await else {
            panic!("the lock is held")
        };
        R::send(release, ());
        drop(R::lock(&lock).await);
        // Nobody listens any more if it took too long.
        let _ = tell.send(());
    }));
    let went_on = told.recv_timeout(patience).is_ok();
    drop(runtime);
    let sites = std::mem::take(&mut *sites.lock().expect("nobody panics"));
    Outcome { went_on, sites }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtimes::{Bowerbird, Smol, Tokio};

    #[test]
    fn bowerbird_names_both_calls() {
        let outcome = futurelock::<Bowerbird>(Duration::from_millis(300));
        assert!(!outcome.went_on);
        assert_eq!(outcome.sites.len(), 2, "{outcome:?}");
        assert!(outcome.sites.iter().all(|it| it.file().ends_with("futurelock.rs")), "{outcome:?}");
    }

    #[test]
    fn others_are_silent() {
        for outcome in [
            futurelock::<Tokio>(Duration::from_millis(200)),
            futurelock::<Smol>(Duration::from_millis(200)),
        ] {
            assert!(!outcome.went_on && outcome.sites.is_empty(), "{outcome:?}");
        }
    }
}
