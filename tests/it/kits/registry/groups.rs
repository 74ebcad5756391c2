//! Task groups and what belongs to them, over children that wait for an event; a step
//! sets it, and lets the tasks run until nobody can go on.

use super::{Case, Subject, tasks::Stage};
use bowerbird::{
    shield,
    task::{FailureKind, Started, TaskGroup},
    task_group,
};
use std::{
    cell::RefCell,
    future::{Future, pending, poll_fn},
    rc::Rc,
    sync::Arc,
};
use sync::Event;

pub(super) const ALL: &[Case] = &[
    Case { future: "bowerbird::group::grouping::Grouping", make: || group(End::Well) },
    Case { future: "bowerbird::group::grouping::Grouping", make: || group(End::ChildFails) },
    Case { future: "bowerbird::group::grouping::Grouping", make: || group(End::ChildPanics) },
    Case { future: "bowerbird::group::grouping::Grouping", make: || group(End::BodyFails) },
    Case { future: "bowerbird::group::grouping::Grouping", make: || group(End::IsCancelled) },
    Case { future: "bowerbird::group::shield::Shield", make: shielded },
    Case { future: "bowerbird::group::start::Start", make: start },
    Case { future: "bowerbird::group::until_cancelled::UntilCancelled", make: until_cancelled },
];

/// How a group ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Well,
    ChildFails,
    ChildPanics,
    BodyFails,
    IsCancelled,
}

type Group = TaskGroup<&'static str>;

/// A stage, the event for which all on it wait, and a token that each of them holds.
#[derive(Clone)]
struct World {
    stage: Rc<Stage>,
    gate: Arc<Event>,
    token: Arc<()>,
}

impl World {
    fn new() -> Self {
        Self { stage: Stage::new(), gate: Arc::default(), token: Arc::default() }
    }

    /// What a child does.
    fn child(
        &self,
        result: Result<u32, &'static str>,
    ) -> impl Future<Output = Result<u32, &'static str>> + Send + use<> {
        let (gate, token) = (self.gate.clone(), self.token.clone());
        async move {
            let _token = token;
            gate.wait().await;
            result
        }
    }

    /// `future` on the stage.
    fn subject(self, future: impl Future<Output = ()> + 'static) -> Subject {
        let (mut future, on_stage) = (Box::pin(future), self.stage.clone());
        let polled = poll_fn(move |cx| {
            let _entered = on_stage.runtime.enter();
            future.as_mut().poll(cx)
        });
        let (stage, gate) = (self.stage.clone(), self.gate.clone());
        let open: Rc<dyn Fn()> = Rc::new(move || {
            gate.set();
            stage.run();
        });
        let step = open.clone();
        let check = Box::new(move || {
            open();
            // Those that nobody shields were aborted, whether or not the event came.
            assert_eq!(Arc::strong_count(&self.token), 1, "tasks left behind");
        });
        Subject { future: Box::pin(polled), step, check }
    }
}

fn group(end: End) -> Subject {
    let world = World::new();
    let inside = world.clone();
    world.subject(async move {
        let outcome = task_group(async move |g: Group| {
            g.max_concurrency(2);
            let children = [1, 2, 3].map(|n| g.spawn(inside.child(Ok(n))));
            match end {
                End::Well => (),
                End::ChildFails => drop(g.spawn(inside.child(Err("a child")))),
                End::ChildPanics => {
                    let child = inside.child(Ok(4));
                    g.spawn(async {
                        child.await?;
                        if true {
                            panic!("on purpose");
                        }
                        Ok(())
                    });
                }
                End::BodyFails => {
                    inside.gate.wait().await;
                    return Err("the body");
                }
                End::IsCancelled => {
                    inside.gate.wait().await;
                    g.cancel();
                    return Ok(6);
                }
            }
            let mut sum = 0;
            for child in children {
                match child.await {
                    Ok(number) => sum += number,
                    Err(_) => pending().await,
                }
            }
            Ok(sum)
        });
        match outcome.await {
            Ok(sum) => assert!(matches!(end, End::Well | End::IsCancelled) && sum == 6),
            Err(error) => match &error.first().kind {
                FailureKind::Failed("a child") => assert!(end == End::ChildFails),
                FailureKind::Failed(_) => assert!(end == End::BodyFails),
                FailureKind::Panicked(_) => assert!(end == End::ChildPanics),
            },
        }
    })
}

fn shielded() -> Subject {
    let world = World::new();
    let child = world.child(Ok(7));
    world.subject(async { assert_eq!(shield(child).await.unwrap(), Ok(7)) })
}

/// A group that is open until it is dropped, and its handle.
fn open_group(stage: &Stage) -> (impl Future<Output = ()> + use<>, Group) {
    let handle = Rc::new(RefCell::new(None));
    let theirs = handle.clone();
    let mut group = Box::pin(async move {
        let never = task_group(async move |g: Group| {
            theirs.replace(Some(g));
            pending::<Result<(), _>>().await
        });
        drop(never.await);
    });
    stage.runtime.block_on(poll_fn(|cx| {
        assert!(group.as_mut().poll(cx).is_pending());
        std::task::Poll::Ready(())
    }));
    let handle = handle.take().expect("the body ran");
    (group, handle)
}

fn start() -> Subject {
    let world = World::new();
    let (group, handle) = open_group(&world.stage);
    let (ready, goes_on) = (world.child(Ok(1)), world.child(Ok(2)));
    world.subject(async move {
        let _group = group;
        let child = handle.start(|started: Started<u32>| async {
            started.set(ready.await?);
            goes_on.await
        });
        let (value, child) = child.await.unwrap();
        assert_eq!(value + child.await.unwrap(), 3);
    })
}

fn until_cancelled() -> Subject {
    let world = World::new();
    let (group, handle) = open_group(&world.stage);
    let (gate, cancels) = (world.gate.clone(), handle.clone());
    drop(world.stage.runtime.spawn(async move {
        gate.wait().await;
        cancels.cancel();
    }));
    let token = world.token.clone();
    world.subject(async move {
        let _group = group;
        let cut = handle.until_cancelled(async {
            let _token = token;
            pending::<()>().await;
        });
        assert_eq!(cut.await, None);
    })
}
