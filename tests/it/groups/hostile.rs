//! Groups in the hands of those who do what nobody should.

use super::{Group, OnDrop, endless, ms};
use crate::stage::{Witness, flavors, limited, multi, single};
use bowerbird::{
    runtime::{Builder, Shutdown},
    shield, spawn,
    sync::Event,
    task_group,
    time::timeout,
    yield_now,
};
use std::{
    future::{Future, pending, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex},
    task::Poll,
    thread,
    time::Duration,
};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

async fn poll_once<T>(future: &mut Boxed<T>) -> Poll<T> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

#[test]
fn a_group_dropped_by_its_own_child_waits_for_nobody() {
    limited(|| {
        for builder in flavors() {
            builder.build().unwrap().block_on(async {
                let (slot, witness) = (Arc::new(Mutex::new(None)), Witness::default());
                let (theirs, token) = (slot.clone(), witness.token());
                let (tell, mut group) = (Arc::new(Mutex::new(None)), None);
                let told = tell.clone();
                let mut future: Boxed<()> = Box::pin(async move {
                    let outcome = task_group(async |g: Group| {
                        *told.lock().unwrap() = Some(g.clone());
                        g.spawn(async move {
                            let _token = token;
                            loop {
                                let future: Option<Boxed<()>> = theirs.lock().unwrap().take();
                                drop(future);
                                yield_now().await;
                            }
                        })
                        .await
                        .map_err(|_| "aborted")
                    });
                    outcome.await.unwrap()
                });
                assert!(poll_once(&mut future).await.is_pending());
                group.clone_from(&tell.lock().unwrap());
                *slot.lock().unwrap() = Some(future);
                while witness.count() == 0 {
                    yield_now().await;
                }
                let group = group.unwrap();
                while !group.is_empty() {
                    yield_now().await;
                }
            });
        }
    });
}

#[test]
fn one_that_moves_between_runtimes_outlives_either() {
    limited(|| {
        for survivor in 0..2 {
            let runtimes = [multi(2), single()];
            let (go, witness) = (Arc::new(Event::new()), Witness::default());
            let (theirs, token) = (go.clone(), witness.clone());
            let mut future: Boxed<_> = Box::pin(task_group(async move |g: Group| {
                for _ in 0..4 {
                    for _ in 0..10 {
                        g.spawn(endless(token.token()));
                    }
                    yield_now().await;
                }
                theirs.wait().await;
                g.cancel();
                Ok(7)
            }));
            for turn in 0..4 {
                let moved = Arc::new(Mutex::new(future));
                let theirs = moved.clone();
                let poll = poll_fn(move |cx| {
                    assert!(theirs.lock().unwrap().as_mut().poll(cx).is_pending());
                    Poll::Ready(())
                });
                runtimes[turn % 2].block_on(async { spawn(poll).await.unwrap() });
                future = Arc::into_inner(moved).unwrap().into_inner().unwrap();
            }
            let mut runtimes = Vec::from(runtimes);
            let runtime = runtimes.swap_remove(survivor);
            drop(runtimes);
            assert!(witness.count() >= 20, "those of the runtime that is gone");
            go.set();
            let outcome = runtime.block_on(timeout(Duration::from_secs(10), future));
            assert_eq!(outcome.unwrap().unwrap(), 7);
            assert_eq!(witness.count(), 40);
        }
    });
}

/// Spawns children that spawn siblings while they are dropped.
fn storm(g: &Group, witness: &Witness) {
    for number in 0..200 {
        let (group, token) = (g.clone(), witness.token());
        let farewell = OnDrop::new(move || {
            drop(token);
            drop(group.spawn(async { Ok(()) }));
        });
        let child = g.spawn(async move {
            let _farewell = farewell;
            if number % 3 == 0 {
                yield_now().await;
            }
            match number % 5 {
                0 => pending().await,
                _ => Ok(()),
            }
        });
        if number % 11 == 0 {
            child.abort();
        }
    }
}

#[test]
fn spawns_from_other_threads_in_every_phase_leave_nothing_behind() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            for round in 0..30 {
                let witness = Witness::default();
                let (theirs, handle) = (witness.clone(), runtime.handle().clone());
                let threads = Arc::new(Mutex::new(vec![]));
                let started = threads.clone();
                let outcome = runtime.block_on(task_group(async move |g: Group| {
                    for _ in 0..2 {
                        let (g, witness, handle) = (g.clone(), theirs.clone(), handle.clone());
                        let thread = thread::spawn(move || {
                            let _entered = handle.enter();
                            storm(&g, &witness);
                        });
                        started.lock().unwrap().push(thread);
                    }
                    for _ in 0..round % 20 {
                        yield_now().await;
                    }
                    g.cancel();
                    if round % 2 == 0 { Ok(()) } else { Err("no") }
                }));
                assert_eq!(outcome.is_ok(), round % 2 == 0);
                for thread in threads.lock().unwrap().drain(..) {
                    thread.join().unwrap();
                }
                assert_eq!(witness.count(), 400, "round {round}");
            }
        }
    });
}

/// In which phase a group is when its runtime ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    BodyRuns,
    BodyHasEnded,
    InLine,
    Cancelled,
    Failed,
}

#[test]
fn a_runtime_ends_in_every_phase_of_a_group() {
    use Moment::{BodyHasEnded, BodyRuns, Cancelled, Failed, InLine};
    limited(|| {
        for moment in [BodyRuns, BodyHasEnded, InLine, Cancelled, Failed] {
            for workers in [None, Some(1), Some(4)] {
                let builder = match workers {
                    None => Builder::new_current_thread(),
                    Some(count) => Builder::new_multi_thread().worker_threads(count),
                };
                let (runtime, witness) = (builder.build().unwrap(), Witness::default());
                let theirs = witness.clone();
                let (there, is_there) = bowerbird::sync::oneshot::channel();
                let task = runtime.spawn(task_group(async move |g: Group| {
                    if moment == InLine {
                        g.max_concurrency(1);
                    }
                    for _ in 0..10 {
                        let (group, token) = (g.clone(), theirs.token());
                        let _child = g.spawn(async move {
                            let _farewell = OnDrop::new(move || {
                                drop(token);
                                drop(group.spawn(async { Ok(()) }));
                                drop(shield(async {}));
                            });
                            pending::<Result<(), _>>().await
                        });
                    }
                    // The exit waits for it.
                    drop(shield(pending::<()>()));
                    yield_now().await;
                    there.send(()).unwrap();
                    match moment {
                        BodyRuns | InLine => pending().await,
                        BodyHasEnded => Ok(()),
                        Failed => Err("no"),
                        Cancelled => {
                            g.cancel();
                            pending().await
                        }
                    }
                }));
                runtime.block_on(async {
                    is_there.await.unwrap();
                    yield_now().await;
                });
                let report = runtime.shutdown(Shutdown::default());
                assert!(report.is_clean(), "{moment:?}, {workers:?}: {report:?}");
                assert_eq!(witness.count(), 10, "{moment:?}, {workers:?}");
                drop(task);
            }
        }
    });
}

#[bowerbird::test(clock = "virtual")]
async fn a_limit_that_changes_while_children_are_aborted_loses_no_turn() {
    let ended = timeout(
        ms(60_000),
        task_group(async |g: Group| {
            for round in 1..10 {
                g.max_concurrency(round);
                let children: Vec<_> = (0..50).map(|_| g.spawn(super::naps(10))).collect();
                yield_now().await;
                for child in children.iter().skip(round).step_by(2) {
                    child.abort();
                }
            }
            Ok(())
        }),
    );
    ended.await.unwrap().unwrap();
}
