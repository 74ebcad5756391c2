//! Scopes: children that borrow, inside one task.

use crate::stage::{Count, Witness, flavors, limited, message, panic_of, single};
use bowerbird::{
    runtime::Builder,
    spawn,
    sync::{Event, Mutex, Semaphore, oneshot},
    task::{Scope, ScopeCancelled, WaitKind, local_scope, scope},
    time::{Duration, Instant, sleep, timeout},
    yield_now,
};
use std::{
    cell::{Cell, RefCell},
    future::{Future, pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
};

#[test]
fn a_scope_is_send_when_it_is_spawned_nested_and_borrows_locals() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let task = runtime.spawn(async {
                let words = [String::from("a"), String::from("b")];
                let inner = scope(async |s| {
                    let one = s.spawn(async {
                        yield_now().await;
                        words.len()
                    });
                    let nested = s.spawn(scope(async |t| {
                        let two = t.spawn(async { words[0].len() });
                        two.await.unwrap()
                    }));
                    one.await.unwrap() + nested.await.unwrap()
                });
                inner.await
            });
            assert_eq!(runtime.block_on(task).unwrap(), 3);
        }
    });
}

#[bowerbird::test(clock = "virtual")]
async fn a_scope_ends_when_all_children_have_ended() {
    let (start, count) = (Instant::now(), Cell::new(0));
    let output = local_scope(async |s| {
        for n in 1..=5 {
            let count = &count;
            drop(s.spawn(async move {
                sleep(Duration::from_secs(n)).await;
                count.set(count.get() + 1);
            }));
        }
        "body"
    });
    assert_eq!(output.await, "body");
    assert_eq!((count.get(), start.elapsed()), (5, Duration::from_secs(5)), "at the same time");
}

#[bowerbird::test]
async fn children_share_what_they_borrow_and_the_scope_gives_it_back() {
    let mut words = vec!["a"];
    let lengths = RefCell::new(vec![]);
    local_scope(async |s| {
        let one = s.spawn(async { words.push("bower") });
        one.await.unwrap();
        for word in ["bower", "bird"] {
            let lengths = &lengths;
            drop(s.spawn(async move { lengths.borrow_mut().push(word.len()) }));
        }
    })
    .await;
    words.push("b");
    assert_eq!((words, lengths.into_inner()), (vec!["a", "bower", "b"], vec![5, 4]));
}

#[bowerbird::test]
async fn children_spawn_siblings() {
    fn spread<'env>(s: &Scope<'env>, count: &'env Semaphore, depth: u32) {
        for _ in 0..2 {
            let siblings = s.clone();
            drop(s.spawn(async move {
                count.add_permits(1).unwrap();
                yield_now().await;
                if depth > 1 {
                    spread(&siblings, count, depth - 1);
                }
            }));
        }
    }
    let count = Semaphore::new(0);
    scope(async |s| spread(&s, &count, 10)).await;
    assert_eq!(count.available_permits(), (1 << 11) - 2);
}

/// Ten thousand children that are woken one at a time.
#[test]
fn a_wake_up_polls_one_child() {
    const CHILDREN: usize = 10_000;
    limited(|| {
        let polls = Cell::new(0);
        let wakers = RefCell::new(vec![None::<Waker>; CHILDREN]);
        let mut is_done = vec![false; CHILDREN];
        let (polls, wakers) = (&polls, &wakers);
        let body_polls = Cell::new(0);
        let mut running = pin!(local_scope(async |s| {
            for (n, done) in is_done.iter_mut().enumerate() {
                drop(s.spawn(poll_fn(move |cx| {
                    polls.set(polls.get() + 1);
                    wakers.borrow_mut()[n] = Some(cx.waker().clone());
                    match std::mem::replace(done, true) {
                        true => Poll::Ready(()),
                        false => Poll::Pending,
                    }
                })));
            }
            poll_fn(|_| {
                body_polls.set(body_polls.get() + 1);
                Poll::Ready(())
            })
            .await;
        }));
        let (count, waker) = Count::waker();
        let mut poll = || running.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        assert!(!poll());
        assert_eq!((polls.get(), count.get()), (CHILDREN, 0));
        for n in 0..CHILDREN {
            let waker = wakers.borrow_mut()[n].take();
            waker.unwrap().wake();
            assert_eq!(count.get(), n + 1);
            assert_eq!(poll(), n + 1 == CHILDREN);
        }
        assert_eq!((polls.get(), body_polls.get()), (2 * CHILDREN, 1));
    });
}

#[test]
fn a_child_is_polled_first_in_the_order_of_the_spawns() {
    limited(|| {
        single().block_on(async {
            let order = RefCell::new(vec![]);
            local_scope(async |s| {
                for n in 0..100 {
                    let order = &order;
                    drop(s.spawn(async move { order.borrow_mut().push(n) }));
                }
            })
            .await;
            assert_eq!(order.into_inner(), (0..100).collect::<Vec<_>>());
        });
    });
}

#[test]
fn a_panic_of_a_child_comes_out_and_drops_the_rest() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let witness = Witness::default();
            let text = panic_of(|| {
                runtime.block_on(scope(async |s| {
                    for n in 0..10 {
                        let token = witness.token();
                        drop(s.spawn(async move {
                            let _token = token;
                            yield_now().await;
                            assert!(n != 3, "child {n} fell");
                            pending::<()>().await;
                        }));
                    }
                    pending::<()>().await;
                }))
            });
            assert_eq!((text.as_str(), witness.count()), ("child 3 fell", 10));
            crate::stage::assert_serves(&runtime);
        }
    });
}

#[test]
fn a_panic_of_the_body_comes_out_and_drops_the_children() {
    limited(|| {
        let witness = Witness::default();
        let text = panic_of(|| {
            single().block_on(scope(async |s| {
                let token = witness.token();
                drop(s.spawn(async move {
                    let _token = token;
                    pending::<()>().await;
                }));
                yield_now().await;
                panic!("the body fell");
            }))
        });
        assert_eq!((text.as_str(), witness.count()), ("the body fell", 1));
    });
}

#[test]
fn a_scope_that_panicked_is_over() {
    limited(|| {
        let mut running = Box::pin(scope(async |s| {
            drop(s.spawn(async { panic!("a child fell") }));
        }));
        let mut cx = Context::from_waker(Waker::noop());
        let mut poll = || catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(&mut cx)));
        assert_eq!(message(&*poll().unwrap_err()), "a child fell");
        assert_eq!(message(&*poll().unwrap_err()), "`scope` polled after its end");
    });
}

#[bowerbird::test(clock = "virtual")]
async fn dropping_a_scope_drops_body_and_children() {
    let witness = Witness::default();
    let running = scope(async |s| {
        for _ in 0..10 {
            let token = witness.token();
            drop(s.spawn(async move {
                let _token = token;
                pending::<()>().await;
            }));
        }
        let _token = witness.token();
        pending::<()>().await;
    });
    assert!(timeout(Duration::from_secs(1), running).await.is_err());
    assert_eq!(witness.count(), 11);

    let unpolled = scope(async |_| unreachable!("nothing happens until polled"));
    drop(unpolled);
}

#[bowerbird::test]
async fn cancelling_drops_the_children_and_not_the_body() {
    let witness = Witness::default();
    let output = scope(async |s| {
        let token = witness.token();
        let slow = s.spawn(async move {
            let _token = token;
            pending::<()>().await;
        });
        let fast = s.spawn(async { 7 });
        assert_eq!(fast.await, Ok(7));
        assert!(!s.is_cancelled());
        s.cancel();
        assert!(s.is_cancelled());
        let late = s.spawn(async { 7 });
        assert_eq!((slow.await, late.await.is_err()), (Err(cancelled().await), true));
        assert_eq!(witness.count(), 1);
        "goes on"
    });
    assert_eq!(output.await, "goes on");
}

/// What a handle says of a child that was cancelled.
async fn cancelled() -> ScopeCancelled {
    scope(async |s| {
        s.cancel();
        s.spawn(async {}).await.unwrap_err()
    })
    .await
}

#[bowerbird::test]
async fn a_child_that_cancels_goes_on_until_it_waits_and_no_other_is_polled() {
    let polls = &Cell::new(0);
    local_scope(async |s| {
        let siblings = s.clone();
        let first = s.spawn(async move {
            siblings.cancel();
            polls.set(polls.get() + 1);
            "done"
        });
        let second = s.spawn(async { polls.set(polls.get() + 100) });
        assert_eq!((first.await, second.await.is_err()), (Ok("done"), true));

        let third = s.spawn(async { polls.set(polls.get() + 100) });
        assert!(third.await.is_err());
    })
    .await;
    assert_eq!(polls.get(), 1);

    local_scope(async |s| {
        let siblings = s.clone();
        let child = s.spawn(async move {
            siblings.cancel();
            yield_now().await;
            unreachable!("it was dropped where it waited");
        });
        child.await.unwrap_err();
    })
    .await;
}

#[test]
fn another_task_may_spawn_into_a_scope_and_cancel_it() {
    limited(|| {
        for builder in flavors() {
            builder.build().unwrap().block_on(async {
                let (sender, receiver) = oneshot::channel();
                let stop = Arc::new(Event::new());
                let theirs = stop.clone();
                let task = spawn(scope(async move |s| {
                    assert!(sender.send(s).is_ok());
                    theirs.wait().await;
                }));
                let s: Scope<'static> = receiver.await.unwrap();
                for n in 0..100 {
                    assert_eq!(s.spawn(async move { n }).await, Ok(n));
                }
                let slow = s.spawn(pending::<()>());
                yield_now().await;
                s.cancel();
                assert!(slow.await.is_err());
                stop.set();
                task.await.unwrap();
                assert!(s.spawn(async {}).await.is_err(), "it has ended");
            });
        }
    });
}

#[test]
fn what_is_spawned_into_a_scope_from_all_sides_is_polled() {
    limited(|| {
        let runtime = crate::stage::multi(4);
        for _ in 0..50 {
            runtime.block_on(async {
                let (sender, receiver) = oneshot::channel();
                let (stop, count) = (Arc::new(Event::new()), Arc::new(Semaphore::new(0)));
                let theirs = stop.clone();
                let task = spawn(scope(async move |s| {
                    assert!(sender.send(s).is_ok());
                    theirs.wait().await;
                }));
                let s: Scope<'static> = receiver.await.unwrap();
                for _ in 0..4 {
                    let (s, count) = (s.clone(), count.clone());
                    drop(spawn(async move {
                        for _ in 0..50 {
                            let count = count.clone();
                            drop(s.spawn(async move { count.add_permits(1).unwrap() }));
                            yield_now().await;
                        }
                    }));
                }
                count.acquire_many(200).await.unwrap().forget();
                stop.set();
                task.await.unwrap();
            });
        }
    });
}

#[test]
fn a_scope_spends_the_budget() {
    limited(|| {
        single().block_on(async {
            let other = spawn(async {});
            let event = Event::new();
            event.set();
            let last = Cell::new(false);
            local_scope(async |s| {
                for _ in 0..10_000 {
                    drop(s.spawn(async {
                        event.wait().await;
                        last.set(other.is_finished());
                    }));
                }
            })
            .await;
            assert!(last.get(), "the other task had its turn in between");
        });
    });
}

/// Each child spawns the next one: nobody else would ever run.
#[test]
fn children_that_spawn_without_end_let_others_run() {
    fn spawn_next<'env>(s: &Scope<'env>, stop: &'env Event) {
        let siblings = s.clone();
        drop(s.spawn(async move {
            if !stop.is_set() {
                spawn_next(&siblings, stop);
            }
        }));
    }
    limited(|| {
        let stop = Event::new();
        let mut running = pin!(scope(async |s| spawn_next(&s, &stop)));
        let (count, waker) = Count::waker();
        let mut cx = Context::from_waker(&waker);
        // Here is no budget at all.
        for polls in 1..100 {
            assert!(running.as_mut().poll(&mut cx).is_pending());
            assert_eq!(count.get(), polls, "it goes on by itself");
        }
        stop.set();
        while running.as_mut().poll(&mut cx).is_pending() {}
    });
}

#[test]
fn a_destructor_may_spawn_into_its_scope() {
    struct Spawns(Scope<'static>, Witness);
    impl Drop for Spawns {
        fn drop(&mut self) {
            let token = self.1.token();
            drop(self.0.spawn(async move {
                let _token = token;
                pending::<()>().await;
            }));
            self.0.cancel();
        }
    }
    limited(|| {
        let witness = Witness::default();
        let theirs = witness.clone();
        let mut running = Box::pin(scope(async move |s: Scope<'static>| {
            let spawns = Spawns(s.clone(), theirs.clone());
            drop(s.spawn(async move {
                let _spawns = spawns;
                pending::<()>().await;
            }));
            drop(Spawns(s, theirs));
            pending::<()>().await;
        }));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(running.as_mut().poll(&mut cx).is_pending());
        drop(running);
        assert_eq!(witness.count(), 2, "nothing is kept by its own handle");
    });
}

#[test]
fn a_lock_may_be_held_across_children() {
    limited(|| {
        single().block_on(async {
            let sum = Mutex::new(0);
            scope(async |s| {
                for n in 1..=100 {
                    let sum = &sum;
                    drop(s.spawn(async move {
                        let mut sum = sum.lock().await;
                        let before = *sum;
                        yield_now().await;
                        *sum = before + n;
                    }));
                }
            })
            .await;
            assert_eq!(sum.into_inner(), 5_050);
        });
    });
}

#[test]
fn a_local_scope_takes_what_is_not_send() {
    limited(|| {
        let shared = Rc::new(Cell::new(0));
        let theirs = shared.clone();
        single().block_on(local_scope(async |s| {
            for n in 0..5 {
                let shared = theirs.clone();
                drop(s.spawn(async move {
                    yield_now().await;
                    shared.set(shared.get() + n);
                }));
            }
        }));
        assert_eq!((shared.get(), Rc::strong_count(&shared)), (10, 2));
    });
}

#[test]
fn a_dump_says_where_a_scope_was_made() {
    limited(|| {
        Builder::new_current_thread().build().unwrap().block_on(async {
            let stop = Arc::new(Event::new());
            let theirs = stop.clone();
            let task = spawn(async move {
                scope(async |s| drop(s.spawn(theirs.wait()))).await;
            });
            yield_now().await;
            let site = task.info().and_then(|it| it.waits_for).unwrap();
            assert_eq!(site.kind, WaitKind::OneOf);
            assert!(site.location.is_some_and(|it| it.file().ends_with("it/scope.rs")));
            stop.set();
            task.await.unwrap();
        });
    });
}
