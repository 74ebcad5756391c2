//! Values that belong to tasks: who sees them, and until when.

use crate::stage::{Witness, flavors, limited, multi, single};
use bowerbird::{
    gather,
    runtime::{Builder, LocalRuntime, Shutdown},
    spawn, spawn_blocking, spawn_local, task, task_local, yield_now,
};
use std::{
    cell::{Cell, RefCell},
    future::{Future, pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    rc::Rc,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    thread,
};

task_local! {
    /// Seen by one future only.
    static OWN: u32;
    static UNSHARED: Rc<Cell<u32>>;

    /// Handed on.
    #[inherit]
    pub(crate) static TRACE: u32;
    #[inherit]
    /// The attribute may come first.
    static USER: Arc<str>;
    static LAST: ()
}

fn own() -> Option<u32> {
    OWN.try_with(|it| *it).ok()
}

fn trace() -> Option<u32> {
    TRACE.try_with(|it| *it).ok()
}

#[test]
fn a_value_is_seen_in_its_scope_and_nowhere_else() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            runtime.block_on(async {
                assert_eq!((own(), trace()), (None, None));
                let inside = async {
                    for _ in 0..3 {
                        assert_eq!((own(), trace()), (Some(1), Some(2)));
                        yield_now().await;
                    }
                    let inner = async {
                        yield_now().await;
                        assert_eq!((own(), trace()), (Some(10), Some(20)));
                    };
                    OWN.scope(10, TRACE.scope(20, inner)).await;
                    assert_eq!((own(), trace()), (Some(1), Some(2)));
                };
                OWN.scope(1, TRACE.scope(2, inside)).await;
                assert_eq!((own(), trace()), (None, None));
            });
        }
    });
}

#[test]
fn futures_side_by_side_see_each_its_own() {
    limited(|| {
        single().block_on(async {
            let count = |from: u32| {
                OWN.scope(
                    from,
                    TRACE.scope(from + 1, async move {
                        for _ in 0..4 {
                            yield_now().await;
                            assert_eq!((own(), trace()), (Some(from), Some(from + 1)));
                        }
                        OWN.get()
                    }),
                )
            };
            assert_eq!(gather(vec![count(0), count(10), count(20)]).await, [0, 10, 20]);
            let beside = gather((count(0), async {
                for _ in 0..4 {
                    yield_now().await;
                    assert_eq!((own(), trace()), (None, None));
                }
            }));
            beside.await;
        });
    });
}

#[test]
fn closures_have_scopes_too() {
    let seen = OWN.sync_scope(1, || {
        TRACE.sync_scope(2, || {
            let inner = OWN.sync_scope(3, || TRACE.sync_scope(4, || (own(), trace())));
            (inner, (own(), trace()))
        })
    });
    assert_eq!(seen, ((Some(3), Some(4)), (Some(1), Some(2))));
    let panicked = catch_unwind(|| OWN.sync_scope(1, || TRACE.sync_scope(2, || panic!("inside"))));
    assert!(panicked.is_err());
    assert_eq!((own(), trace()), (None, None), "a scope is left by a panic, too");
    let cell = Rc::new(Cell::new(1));
    UNSHARED.sync_scope(cell.clone(), || UNSHARED.with(|it| it.set(2)));
    assert_eq!(cell.get(), 2, "a value need not be Send");
    LAST.sync_scope((), || LAST.get());
}

#[test]
fn outside_its_scopes_a_key_says_its_name() {
    let error = OWN.try_with(|it| *it).unwrap_err();
    assert!(error.to_string().contains("`OWN`"), "{error}");
    assert!(TRACE.try_with(|it| *it).unwrap_err().to_string().contains("`TRACE`"));
    let payload = catch_unwind(|| TRACE.get()).unwrap_err();
    assert!(payload.downcast_ref::<String>().unwrap().contains("`TRACE.scope(..)`"));
}

/// What is inherited by each kind of spawn, from a task or from a plain thread.
#[test]
fn all_that_is_spawned_inherits() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let handle = runtime.handle().clone();
            let elsewhere = multi(1);
            let other = elsewhere.handle().clone();
            let look = || (own(), trace());
            let inside = async move {
                let seen = [
                    spawn(async move { look() }).await.unwrap(),
                    spawn_local(async move { look() }).await.unwrap(),
                    spawn_blocking(look).await.unwrap(),
                    handle.spawn(async move { look() }).await.unwrap(),
                    handle.spawn_blocking(look).await.unwrap(),
                    other.spawn(async move { look() }).await.unwrap(),
                    task::Builder::new().name("n").spawn(async move { look() }).await.unwrap(),
                    task::Builder::new().spawn_local(async move { look() }).await.unwrap(),
                    task::Builder::new().spawn_blocking(look).await.unwrap(),
                ];
                assert_eq!(seen, [(None, Some(7)); 9]);
                let none = task::Builder::new().inherit_none();
                let seen = [
                    none.clone().spawn(async move { look() }).await.unwrap(),
                    none.clone().spawn_local(async move { look() }).await.unwrap(),
                    none.spawn_blocking(look).await.unwrap(),
                ];
                assert_eq!(seen, [(None, None); 3]);
            };
            runtime.block_on(OWN.scope(1, TRACE.scope(7, inside)));
            let task = TRACE.sync_scope(8, || runtime.spawn(async { trace() }));
            assert_eq!(runtime.block_on(task).unwrap(), Some(8), "from a plain thread");
        }
    });
}

#[test]
fn what_is_inherited_is_what_was_there_at_the_spawn() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let task = async {
                let child = TRACE.sync_scope(2, || spawn(grandparent()));
                assert_eq!(trace(), Some(1), "the child's scope is not ours");
                child.await.unwrap()
            };
            assert_eq!(runtime.block_on(TRACE.scope(1, task)), [Some(2), Some(3), Some(2)]);
        }
    });

    async fn grandparent() -> [Option<u32>; 3] {
        let first = trace();
        let second = TRACE.scope(3, async { spawn(async { trace() }).await.unwrap() }).await;
        [first, second, spawn(async { trace() }).await.unwrap()]
    }
}

#[test]
fn several_keys_are_inherited_together() {
    limited(|| {
        multi(2).block_on(async {
            let both = || (trace(), USER.try_with(|it| it.to_string()).ok());
            let inside = async move {
                assert_eq!(
                    spawn(async move { both() }).await.unwrap(),
                    (Some(1), Some("ada".into()))
                );
                let user: Arc<str> = "bob".into();
                let shadowed = USER.scope(user, async move { spawn(async move { both() }).await });
                assert_eq!(shadowed.await.unwrap(), (Some(1), Some("bob".into())));
            };
            USER.scope("ada".into(), TRACE.scope(1, inside)).await;
        });
    });
}

/// A future made in one scope sees the values of the scopes in which it is polled.
#[test]
fn scopes_count_where_a_future_is_polled() {
    let user = async { (trace(), USER.get().to_string()) };
    let mut made = TRACE.sync_scope(1, || Box::pin(USER.scope("ada".into(), user)));
    let mut cx = Context::from_waker(Waker::noop());
    let polled = TRACE.sync_scope(2, || made.as_mut().poll(&mut cx));
    assert_eq!(polled, Poll::Ready((Some(2), "ada".into())));

    let looks = Rc::new(RefCell::new(vec![]));
    let theirs = looks.clone();
    let forever = poll_fn(move |_| {
        theirs.borrow_mut().push(trace());
        Poll::<()>::Pending
    });
    let mut moved = Box::pin(USER.scope("ada".into(), forever));
    for n in [1, 1, 2] {
        assert!(TRACE.sync_scope(n, || moved.as_mut().poll(&mut cx)).is_pending());
    }
    assert!(moved.as_mut().poll(&mut cx).is_pending());
    assert_eq!(*looks.borrow(), [Some(1), Some(1), Some(2), None]);
}

/// Notes what it sees when it is dropped.
struct Looks(Arc<Mutex<Vec<Seen>>>);

/// The values of `OWN` and `TRACE`.
type Seen = (Option<u32>, Option<u32>);

impl Drop for Looks {
    fn drop(&mut self) {
        self.0.lock().unwrap().push((own(), trace()));
    }
}

#[test]
fn values_are_seen_when_a_future_is_dropped() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let seen = Arc::new(Mutex::new(vec![]));
            let looking = |is_endless: bool| {
                let looks = Looks(seen.clone());
                let inside = async move {
                    let _looks = looks;
                    yield_now().await;
                    if is_endless {
                        pending::<()>().await;
                    }
                };
                OWN.scope(1, TRACE.scope(2, inside))
            };
            runtime.block_on(async {
                spawn(looking(false)).await.unwrap();
                let aborted = spawn(looking(true));
                yield_now().await;
                aborted.abort();
                aborted.await.unwrap_err();
                let unpolled = spawn(looking(true));
                unpolled.abort();
                unpolled.await.unwrap_err();
                drop(looking(true));
                looking(false).await;
                // Inherited, and dropped with its task.
                let looks = Looks(seen.clone());
                let inherits = TRACE.sync_scope(2, || {
                    spawn(async move {
                        let _looks = looks;
                        pending::<()>().await;
                    })
                });
                inherits.abort();
                inherits.await.unwrap_err();
            });
            let left = runtime.spawn(looking(true));
            let _report = runtime.shutdown(Shutdown::default());
            left.join_blocking(None).unwrap().unwrap_err();
            let mut expected = vec![(Some(1), Some(2)); 7];
            expected[5].0 = None;
            assert_eq!(*seen.lock().unwrap(), expected);
        }
    });
}

#[test]
fn an_output_is_dropped_outside_the_scope() {
    limited(|| {
        let seen = Arc::new(Mutex::new(vec![]));
        let theirs = seen.clone();
        single().block_on(async move {
            let output = OWN.scope(1, TRACE.scope(2, async move { Looks(theirs) })).await;
            drop(output);
        });
        assert_eq!(*seen.lock().unwrap(), [(None, None)]);
    });
}

#[test]
fn a_value_may_be_taken_out_and_ends_the_future() {
    let mut cx = Context::from_waker(Waker::noop());
    let mut scoped = pin!(OWN.scope(42, async { OWN.get() }));
    assert_eq!(scoped.as_mut().poll(&mut cx), Poll::Ready(42));
    assert_eq!(scoped.as_mut().take_value(), Some(42));
    assert_eq!(scoped.as_mut().take_value(), None);

    let mut taken = pin!(OWN.scope(42, async { OWN.get() }));
    assert_eq!(taken.as_mut().take_value(), Some(42));
    let polled = catch_unwind(AssertUnwindSafe(|| taken.as_mut().poll(&mut cx)));
    assert!(polled.unwrap_err().downcast_ref::<&str>().unwrap().contains("was taken"));
}

/// A value lives as long as somebody may look at it, and no longer.
#[test]
fn an_inherited_value_ends_with_the_last_who_sees_it() {
    task_local! {
        #[inherit]
        static TOKEN: crate::stage::Token;
    }
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let witness = Witness::default();
            runtime.block_on(async {
                let token = witness.token();
                let child = TOKEN.sync_scope(token, || spawn(pending::<()>()));
                assert_eq!(witness.count(), 0, "the child sees it");
                child.abort();
                child.await.unwrap_err();
                assert_eq!(witness.count(), 1, "gone before the handle tells");
                let refused = TOKEN.scope(witness.token(), async { spawn_blocking(|| ()).await });
                refused.await.unwrap();
                assert_eq!(witness.count(), 2);
            });
            let handle = runtime.handle().clone();
            drop(runtime);
            TOKEN
                .sync_scope(witness.token(), || handle.spawn(async {}))
                .join_blocking(None)
                .unwrap()
                .unwrap_err();
            assert_eq!(witness.count(), 3, "a refused task keeps nothing");
        }
    });
}

/// A chain of tasks, each of which sets the key and spawns the next, keeps one value.
#[test]
fn successors_do_not_pile_up_values() {
    fn next(n: u32) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            assert_eq!(trace(), n.checked_sub(1));
            if n < 1000 {
                drop(TRACE.sync_scope(n, || spawn(next(n + 1))));
            }
        })
    }
    limited(|| {
        let runtime = single();
        runtime.block_on(async {
            spawn(next(0)).await.unwrap();
            for _ in 0..2000 {
                yield_now().await;
            }
        });
        assert_eq!(runtime.handle().tasks().len(), 0);
    });
}

/// A thread that waits in `block_on` runs tasks that are nothing to its own.
#[test]
fn a_block_on_carries_its_callers_values_into_its_future_only() {
    limited(|| {
        let runtime = single();
        let waiting = runtime.spawn(async {
            let seen = (own(), trace());
            (seen, spawn(async { (own(), trace()) }).await.unwrap())
        });
        let seen = OWN.sync_scope(1, || {
            TRACE.sync_scope(2, || {
                runtime.block_on(async {
                    yield_now().await;
                    let child = spawn(async { (own(), trace()) }).await.unwrap();
                    ((own(), trace()), child, waiting.await.unwrap())
                })
            })
        });
        let (mine, child, stranger) = seen;
        assert_eq!(mine, (Some(1), Some(2)));
        assert_eq!(child, (None, Some(2)));
        assert_eq!(stranger, ((None, None), (None, None)));
    });
}

#[test]
fn runtimes_nest_in_tasks() {
    limited(|| {
        let outer = multi(2);
        let handle = outer.handle().clone();
        let inside = async move {
            let inner = single();
            let seen = inner.block_on(OWN.scope(10, async {
                let child = spawn(TRACE.scope(20, async { (own(), trace()) }));
                ((own(), trace()), child.await.unwrap())
            }));
            assert_eq!(seen, ((Some(10), Some(2)), (None, Some(20))));
            let same = handle.block_on(async {
                yield_now().await;
                (own(), trace(), spawn(async { (own(), trace()) }).await.unwrap())
            });
            assert_eq!(same, (Some(1), Some(2), (None, Some(2))));
            assert_eq!((own(), trace()), (Some(1), Some(2)), "as it was before");
        };
        let task = outer.spawn(OWN.scope(1, TRACE.scope(2, inside)));
        outer.block_on(task).unwrap();
    });
}

#[test]
fn local_tasks_keep_what_they_inherited_between_calls() {
    limited(|| {
        let runtime = LocalRuntime::new().unwrap();
        let task = TRACE.sync_scope(1, || {
            runtime.spawn_local(async {
                let before = trace();
                yield_now().await;
                yield_now().await;
                (before, trace())
            })
        });
        TRACE.sync_scope(2, || runtime.block_on(async { assert_eq!(trace(), Some(2)) }));
        assert_eq!(runtime.block_on(task).unwrap(), (Some(1), Some(1)));
    });
}

#[test]
fn a_value_that_panics_when_dropped_breaks_nothing() {
    struct Breaks;
    impl Drop for Breaks {
        fn drop(&mut self) {
            panic!("a shard");
        }
    }
    task_local! {
        #[inherit]
        static FRAGILE: Breaks;
    }
    limited(|| {
        let reports = crate::stage::Reports::default();
        let builder = Builder::new_current_thread().on_unhandled(reports.hook());
        let runtime = builder.build().unwrap();
        let open = Arc::new(bowerbird::sync::Event::new());
        let theirs = open.clone();
        let task = FRAGILE.sync_scope(Breaks, || {
            runtime.spawn(async move {
                theirs.wait().await;
                7
            })
        });
        open.set();
        assert_eq!(runtime.block_on(task).unwrap(), 7);
        let texts = reports.texts();
        assert!(
            texts.len() == 1 && texts[0].contains("task-local") && texts[0].contains("a shard")
        );
    });
}

/// A scope that moves elsewhere lets go of what it saw where it was, which may panic:
/// it sees what is there all the same.
#[test]
fn a_value_that_panics_when_a_scope_moves_on_breaks_nothing() {
    struct Breaks(bool);
    impl Drop for Breaks {
        fn drop(&mut self) {
            assert!(!self.0, "a shard");
        }
    }
    task_local! {
        #[inherit]
        static FRAGILE: Breaks;
    }
    let seen = RefCell::new(vec![]);
    let mut future = pin!(FRAGILE.scope(
        Breaks(false),
        poll_fn(|_| {
            seen.borrow_mut().push(trace());
            Poll::<()>::Pending
        })
    ));
    let mut poll = || future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending();
    assert!(FRAGILE.sync_scope(Breaks(true), &mut poll));
    TRACE.sync_scope(1, || {
        catch_unwind(AssertUnwindSafe(&mut poll)).unwrap_err();
        assert!(poll());
    });
    assert_eq!(*seen.borrow(), [None, Some(1)]);
}

#[test]
fn plain_threads_have_scopes_of_their_own() {
    TRACE.sync_scope(1, || {
        let there = thread::spawn(|| (trace(), TRACE.sync_scope(2, trace)));
        assert_eq!(there.join().unwrap(), (None, Some(2)));
        assert_eq!(trace(), Some(1));
    });
}
