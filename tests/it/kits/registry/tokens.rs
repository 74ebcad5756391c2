//! What happens once: tokens that are cancelled, values that are set.

use super::{Case, Flag, Other, Subject, gated};
use std::{
    future::{Future, pending},
    rc::Rc,
};
use sync::{CancellationToken, Deferred};

pub(super) const ALL: &[Case] = &[
    Case {
        future: "sync::cancellation::wait::Cancelled",
        make: || token(|token| async move { token.cancelled().await }),
    },
    Case {
        future: "sync::cancellation::wait::CancelledOwned",
        make: || token(CancellationToken::cancelled_owned),
    },
    Case {
        future: "sync::cancellation::run::RunUntilCancelled",
        make: || {
            gated(|gate| async move {
                let token = CancellationToken::new();
                assert!(token.run_until_cancelled(gate.pass()).await.is_some());
            })
        },
    },
    Case {
        future: "sync::cancellation::run::RunUntilCancelled",
        make: || cancelled_work(|token, work| async move { token.run_until_cancelled(work).await }),
    },
    Case {
        future: "sync::cancellation::run::RunUntilCancelledOwned",
        make: || cancelled_work(CancellationToken::run_until_cancelled_owned),
    },
    Case {
        future: "sync::deferred::wait::Wait",
        make: || deferred(|deferred| async move { deferred.wait().await.copied().unwrap() }),
    },
    Case {
        future: "sync::deferred::wait::WaitOwned",
        make: || deferred(|deferred| async move { deferred.wait_owned().await.unwrap() }),
    },
];

/// A step cancels its parent.
fn token<F: Future<Output = ()> + 'static>(make: impl FnOnce(CancellationToken) -> F) -> Subject {
    let parent = CancellationToken::new();
    let token = parent.child_token();
    let other = Other::new(token.clone().cancelled_owned());
    let step = {
        let (parent, other) = (parent.clone(), other.clone());
        move || {
            other.is_served();
            parent.cancel();
        }
    };
    let future = Box::pin(make(token.clone()));
    let check = move || assert_eq!(other.is_served(), token.is_cancelled());
    Subject { future, step: Rc::new(step), check: Box::new(check) }
}

/// Work without an end. A step cancels it.
fn cancelled_work<F: Future<Output = Option<()>> + 'static>(
    make: impl FnOnce(CancellationToken, std::pin::Pin<Box<dyn Future<Output = ()>>>) -> F,
) -> Subject {
    let token = CancellationToken::new();
    let (held, done) = (Rc::new(()), Flag::default());
    let work = {
        let held = held.clone();
        async move {
            let _held = held;
            pending().await
        }
    };
    let run = make(token.clone(), Box::pin(work));
    let (is_done, is_held) = (done.clone(), held.clone());
    let future = Box::pin(async move {
        assert!(run.await.is_none());
        // This one, and that of the check.
        assert_eq!(Rc::strong_count(&is_held), 2, "work left behind");
        is_done.set();
    });
    let theirs = token.clone();
    let check = move || {
        assert!(token.is_cancelled() || !done.get());
        assert_eq!(Rc::strong_count(&held), 1, "work left behind");
    };
    Subject { future, step: Rc::new(move || theirs.cancel()), check: Box::new(check) }
}

/// A step sets it, if it is the first.
fn deferred<F: Future<Output = u32> + 'static>(make: impl FnOnce(Deferred<u32>) -> F) -> Subject {
    let deferred = Deferred::new();
    let wait = deferred.clone().wait_owned();
    let other = Other::new(async move { assert_eq!(wait.await.unwrap(), 7) });
    let step = {
        let (deferred, other) = (deferred.clone(), other.clone());
        move || {
            other.is_served();
            let was_done = deferred.is_done();
            assert_eq!(deferred.set(7).is_err(), was_done);
        }
    };
    let wait = make(deferred.clone());
    let future = Box::pin(async move { assert_eq!(wait.await, 7) });
    let check = move || assert_eq!(other.is_served(), deferred.is_done());
    Subject { future, step: Rc::new(step), check: Box::new(check) }
}
