//! The first of several futures, some of them, one after the other.

use super::{Case, Flag, Subject, gated, tasks, timers};
use bowerbird::{
    AllCompleted, FirstCompleted, as_completed, map_concurrent, race, race_ok, race_staggered,
    sync::Event, time::Duration, wait,
};
use std::{cell::Cell, future::Future, rc::Rc, sync::Arc};

pub(super) const ALL: &[Case] = &[
    Case {
        future: "bowerbird::race::Racing",
        make: || {
            gated(|gate| async move {
                race((gate.pass(), race(vec![gate.pass(), gate.pass()]))).await;
            })
        },
    },
    Case {
        future: "bowerbird::race::RacingOk",
        make: || {
            gated(|gate| async move {
                let fails = |text| {
                    let pass = gate.pass();
                    async move {
                        pass.await;
                        Err::<(), &str>(text)
                    }
                };
                let errors = race_ok([fails("a"), fails("b")]).await.unwrap_err();
                assert_eq!(errors.into_vec(), ["a", "b"]);
            })
        },
    },
    Case { future: "bowerbird::race::staggered::Staggering", make: staggered },
    Case {
        future: "bowerbird::wait::Wait",
        make: || {
            gated(|gate| async move {
                let waited = wait([(); 4].map(|()| gate.pass()), FirstCompleted).await;
                let (done, pending) = (waited.done.len(), waited.pending.len());
                assert!(done >= 1 && done + pending == 4);
                let waited = waited.again(AllCompleted).await;
                assert_eq!((waited.done.len(), waited.pending.len()), (4, 0));
            })
        },
    },
    Case { future: "bowerbird::wait::Wait", make: wait_with_a_limit },
    Case {
        future: "bowerbird::many::next::Next",
        make: || {
            gated(|gate| async move {
                let mut completed = as_completed((0..3).map(|_| gate.pass()));
                while completed.next().await.is_some() {}
            })
        },
    },
    Case {
        future: "bowerbird::many::next::Next",
        make: || working(|mut items| async move { while items.next().await.is_some() {} }),
    },
    Case {
        future: "bowerbird::many::next::Next",
        make: || {
            working(|items| async move {
                let mut items = items.unordered();
                while items.next().await.is_some() {}
            })
        },
    },
    Case {
        future: "bowerbird::map_concurrent::collect::Collect",
        make: || {
            working(|items| async move {
                let values: Vec<_> = items.collect().await;
                assert_eq!(values.len(), ITEMS);
            })
        },
    },
    Case {
        future: "bowerbird::map_concurrent::collect::TryCollect",
        make: || {
            working(|items| async move {
                assert_eq!(items.try_collect::<Vec<_>>().await, Err("the last"));
            })
        },
    },
];

const MS: Duration = Duration::from_millis(1);

/// A step lets one attempt through, to fail, and moves the clock.
fn staggered() -> Subject {
    let stage = timers::Stage::enter();
    let Subject { future, step, check } = gated(|gate| async move {
        let attempts = (0..3).map(|n| {
            let gate = gate.clone();
            move || async move {
                gate.pass().await;
                Err::<(), usize>(n)
            }
        });
        let errors = race_staggered(attempts, 10 * MS).await.unwrap_err();
        assert_eq!(errors.into_vec(), [0, 1, 2]);
    });
    timed(stage, future, step, check)
}

/// Nobody passes: time is up.
fn wait_with_a_limit() -> Subject {
    let stage = timers::Stage::enter();
    let Subject { future, check, .. } = gated(|gate| async move {
        let waited = wait([gate.pass(), gate.pass()], AllCompleted).timeout(10 * MS).await;
        assert_eq!(waited.pending_keys(), [0, 1]);
    });
    timed(stage, future, Rc::new(|| ()), check)
}

fn timed(
    stage: Rc<timers::Stage>,
    future: std::pin::Pin<Box<dyn Future<Output = ()>>>,
    step: Rc<dyn Fn()>,
    check: Box<dyn FnOnce()>,
) -> Subject {
    let theirs = stage.clone();
    Subject {
        future,
        step: Rc::new(move || {
            theirs.0.advance(4 * MS);
            step();
        }),
        check: Box::new(move || {
            check();
            stage.check();
        }),
    }
}

const ITEMS: usize = 5;

type Outputs = std::pin::Pin<Box<dyn Future<Output = Result<Token, &'static str>> + Send>>;

type Working = bowerbird::MapConcurrent<
    map_concurrent::Items<std::ops::Range<usize>>,
    Box<dyn FnMut(usize) -> Outputs>,
    Result<Token, &'static str>,
>;

/// Counted while it lives.
#[derive(Debug, PartialEq)]
struct Token(Arc<()>);

/// Work on items in tasks, two at a time; a step lets those who have started end,
/// and the last one fails.
fn working<F: Future<Output = ()> + 'static>(
    consume: impl FnOnce(Working) -> F + 'static,
) -> Subject {
    let (stage, tokens, is_done) = (tasks::Stage::new(), Arc::new(()), Flag::default());
    let event = Rc::new(Cell::new(Arc::new(Event::new())));
    let (gate, theirs) = (event.clone(), tokens.clone());
    let work: Box<dyn FnMut(usize) -> Outputs> = Box::new(move |n| {
        let token = Token(theirs.clone());
        let event = gate.take();
        gate.set(event.clone());
        Box::pin(async move {
            event.wait().await;
            if n + 1 == ITEMS { Err("the last") } else { Ok(token) }
        })
    });
    let (entered, done) = (stage.clone(), is_done.clone());
    let consumed = consume(map_concurrent(0..ITEMS, 2, work));
    let mut consumed = Box::pin(async move {
        consumed.await;
        done.set();
    });
    let future = Box::pin(std::future::poll_fn(move |cx| {
        // Tasks are spawned on the runtime of the thread.
        let _entered = entered.runtime.enter();
        consumed.as_mut().poll(cx)
    }));
    let theirs = stage.clone();
    let step = Rc::new(move || {
        event.take().set();
        event.set(Arc::new(Event::new()));
        theirs.run();
    });
    let run = step.clone();
    let check = Box::new(move || {
        run();
        drop(run);
        let Ok(stage) = Rc::try_unwrap(stage).map_err(drop) else { panic!("it is held") };
        drop(stage.runtime);
        assert_eq!(Arc::strong_count(&tokens), 1, "tasks or outputs left behind");
    });
    Subject { future, step, check }
}
