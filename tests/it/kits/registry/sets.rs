//! Sets of tasks, and scopes.

use super::{Case, Count, Subject, gated};
use bowerbird::{
    join_set::{JoinMap, JoinSet},
    runtime::{Builder, Runtime},
    scope::scope,
    task::{AbortOnDrop, local_scope},
    yield_now,
};
use std::{
    cell::{Cell, RefCell},
    future::{Future, pending},
    rc::Rc,
    sync::Arc,
    task::{Context, Waker},
};
use sync::{Event, oneshot};

pub(super) const ALL: &[Case] = &[
    Case { future: "bowerbird::join_set::futures::JoinNext", make: || joining(By::Result) },
    Case { future: "bowerbird::join_set::futures::JoinNextWithId", make: || joining(By::Id) },
    Case { future: "bowerbird::join_set::futures::JoinAll", make: || joining(By::All) },
    Case { future: "bowerbird::join_set::futures::Shutdown", make: || joining(By::Shutdown) },
    Case { future: "bowerbird::join_set::map::JoinNext", make: || joining(By::Key) },
    Case { future: "bowerbird::join_set::map::Shutdown", make: || joining(By::MapShutdown) },
    Case {
        future: "bowerbird::join_set::abort_on_drop::AbortOnDrop",
        make: || joining(By::AbortOnDrop),
    },
    Case {
        future: "bowerbird::scope::poller::Scoped",
        make: || {
            gated(|gate| async move {
                let (gate, passed) = (&gate, Cell::new(0));
                let pass = || async {
                    gate.pass().await;
                    passed.set(passed.get() + 1);
                };
                local_scope(async |s| {
                    let child = s.spawn(pass());
                    let siblings = s.clone();
                    s.spawn(async move { drop(siblings.spawn(gate.pass())) }).await.unwrap();
                    child.await.unwrap();
                    drop(s.spawn(pass()));
                })
                .await;
                assert_eq!(passed.get(), 2);
            })
        },
    },
    Case { future: "bowerbird::scope::ScopedHandle", make: scoped_handle },
];

/// How the tasks of a set are joined.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Result,
    Id,
    All,
    Shutdown,
    Key,
    MapShutdown,
    AbortOnDrop,
}

/// A runtime on this thread, and tasks that wait there for a gate.
#[derive(Clone)]
struct Stage {
    runtime: Rc<Runtime>,
    is_running: Rc<Cell<bool>>,
    gate: Arc<Event>,
    /// As many references to it as there are tasks and outputs.
    token: Arc<()>,
}

impl Stage {
    fn new() -> Self {
        let runtime = Rc::new(Builder::new_current_thread().on_unhandled(|_| ()).build().unwrap());
        let (gate, token) = (Arc::new(Event::new()), Arc::new(()));
        Self { runtime, is_running: Rc::default(), gate, token }
    }

    fn task(&self) -> impl Future<Output = Arc<()>> + Send + use<> {
        let (gate, token) = (self.gate.clone(), self.token.clone());
        async move {
            gate.wait().await;
            token
        }
    }

    /// Gives everybody who can go on some turns. Does nothing if it does already.
    fn run(&self) {
        struct Running<'a>(&'a Cell<bool>);
        impl Drop for Running<'_> {
            fn drop(&mut self) {
                self.0.set(false);
            }
        }

        if self.is_running.replace(true) {
            return;
        }
        let _running = Running(&self.is_running);
        self.runtime.block_on(async {
            for _ in 0..5 {
                yield_now().await;
            }
        });
    }
}

/// Two tasks, joined by the future that is tested.
fn joining(by: By) -> Subject {
    const TASKS: usize = 2;
    let (stage, joined) = (Stage::new(), Count::default());
    let handle = stage.runtime.handle();
    // What is lost with the future, and what stays: the set is outside.
    let set = Rc::new(RefCell::new(JoinSet::new()));
    let map = Rc::new(RefCell::new(JoinMap::new()));
    let (mut all, mut alone) = (JoinSet::new(), None);
    for n in 0..TASKS {
        match by {
            By::Result | By::Id | By::Shutdown => {
                set.borrow_mut().spawn_on(stage.task(), handle);
            }
            By::Key | By::MapShutdown => map.borrow_mut().spawn_on(n, stage.task(), handle),
            By::All => drop(all.spawn_on(stage.task(), handle)),
            By::AbortOnDrop => alone = Some(AbortOnDrop::new(handle.spawn(stage.task()))),
        }
    }
    let (theirs, keyed, count) = (set.clone(), map.clone(), joined.clone());
    let future = Box::pin(async move {
        // The set is lent to the future, which ends first.
        let (mut set, mut map) = (theirs.borrow_mut(), keyed.borrow_mut());
        match by {
            By::Result => {
                while set.join_next().await.is_some() {
                    count.add(1)
                }
            }
            By::Id => {
                while set.join_next_with_id().await.is_some() {
                    count.add(1)
                }
            }
            By::Key => {
                while map.join_next().await.is_some() {
                    count.add(1)
                }
            }
            By::All => drop(all.join_all().await),
            By::Shutdown => set.shutdown().await,
            By::MapShutdown => map.shutdown().await,
            By::AbortOnDrop => drop(alone.unwrap().await),
        }
    });
    let played = stage.clone();
    let step = Rc::new(move || {
        played.gate.set();
        played.run();
    });
    let check = Box::new(move || {
        let (mut set, mut map) = (set.take(), map.take());
        // Nothing was lost: what was not joined before is now.
        stage.gate.set();
        stage.runtime.block_on(async {
            while set.join_next().await.is_some() {
                joined.add(1)
            }
            while map.join_next().await.is_some() {
                joined.add(1)
            }
        });
        if matches!(by, By::Result | By::Id | By::Key) {
            assert_eq!(joined.get(), TASKS);
        }
        drop((set, map));
        let Stage { runtime, token, .. } = stage;
        drop(runtime);
        assert_eq!(Arc::strong_count(&token), 1, "tasks or outputs left behind");
    });
    Subject { future, step, check }
}

/// A handle of a child whose scope is polled beside it.
fn scoped_handle() -> Subject {
    let (sender, receiver) = oneshot::channel::<u32>();
    let handle = Rc::new(RefCell::new(None));
    let given = handle.clone();
    let mut running = Some(Box::pin(scope(async move |s| {
        given.replace(Some(s.spawn(async move { receiver.await.unwrap() })));
        pending::<()>().await;
    })));
    let mut poll = move || {
        // A waker of the handle that panics does so in the child, and ends the scope.
        let Some(mut scope) = running.take() else { return };
        let polled = scope.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        running = Some(scope);
    };
    poll();
    let child = handle.take().expect("the body has spawned it");
    let world = RefCell::new((Some(sender), poll));
    let step = Rc::new(move || {
        // Called from inside a waker it is at it already.
        if let Ok(mut world) = world.try_borrow_mut() {
            let (sender, poll) = &mut *world;
            sender.take().map_or(Ok(()), |sender| sender.send(7)).unwrap();
            poll();
        }
    });
    let future = Box::pin(async move { assert_eq!(child.await, Ok(7)) });
    Subject { future, step, check: Box::new(|| ()) }
}
