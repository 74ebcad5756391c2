//! A runtime is dropped while a closure on its blocking pool runs, which nothing can
//! end. The drop need not wait for it, and should say what it left behind.

use super::{Answer, Question, Situation, Unit};
use crate::{Runtime, clock};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::Duration,
};

/// The file's part of the list.
pub(super) const SITUATIONS: &[Situation] = &[Situation {
    id: "R4",
    questions: &[
        Question::new(
            "drop of the runtime while `spawn_blocking(sleep 3 s)` runs: takes",
            Unit::Millis,
        )
        .at_most(100.0),
        Question::new("… closures that it reports as left running", Unit::Count("closures"))
            .at_least(1.0),
    ],
    observe: on_runtime!(drop_under_closure),
}];

fn drop_under_closure<R: Runtime>() -> Vec<Answer> {
    let dropped = drop_while_blocked::<R>(Duration::from_secs(3));
    vec![Answer::millis(dropped.took), Answer::of(dropped.reported as f64)]
}

/// How a drop went.
struct Dropped {
    took: Duration,
    /// Blocking closures that it said it left running.
    reported: usize,
}

fn drop_while_blocked<R: Runtime>(blocked: Duration) -> Dropped {
    let reported = Arc::new(AtomicUsize::new(0));
    let report = reported.clone();
    let runtime = R::with_hooks(2, || (), move |left| report.store(left, Relaxed));
    let (started, has_started) = mpsc::channel();
    R::detach(runtime.spawn_from_outside(async move {
        let closure = move || {
            started.send(()).expect("the thread outside listens");
            thread::sleep(blocked);
        };
        R::spawn_blocking(closure).await;
    }));
    has_started.recv().expect("the closure is started");
    let start = clock::now();
    drop(runtime);
    // Relaxed: the drop called the hook on this thread.
    Dropped { took: start.elapsed(), reported: reported.load(Relaxed) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtimes::{Bowerbird, Smol, Tokio};

    #[test]
    fn bowerbird_does_not_wait_and_reports() {
        let long = Duration::from_secs(5);
        let dropped = drop_while_blocked::<Bowerbird>(long);
        assert!(dropped.took < long, "{:?}", dropped.took);
        assert_eq!(dropped.reported, 1);
    }

    #[test]
    fn tokio_waits_and_smol_does_not_look() {
        let short = Duration::from_millis(50);
        let dropped = drop_while_blocked::<Tokio>(short);
        assert!(dropped.took >= short / 2, "{:?}", dropped.took);
        assert_eq!(dropped.reported, 0);
        assert_eq!(drop_while_blocked::<Smol>(short).reported, 0);
    }
}
