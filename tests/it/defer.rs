//! Closures that are called soon: once, in order where there is one, or not at all.

use crate::stage::{Door, Opens, Reports, Witness, flavors, limited, single};
use bowerbird::{
    runtime::Handle,
    task::{current, defer_local},
    task_local, yield_now,
};
use std::{
    cell::RefCell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

#[test]
fn from_any_thread_and_once() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let handle = runtime.handle().clone();
            let calls = Arc::new(AtomicUsize::new(0));
            let threads: Vec<_> = (0..3)
                .map(|_| {
                    let (handle, calls) = (handle.clone(), calls.clone());
                    thread::spawn(move || {
                        for _ in 0..100 {
                            let calls = calls.clone();
                            handle.defer(move || {
                                calls.fetch_add(1, Relaxed);
                            });
                        }
                    })
                })
                .collect();
            runtime.block_on(async {
                while calls.load(Relaxed) < 300 {
                    yield_now().await;
                }
            });
            threads.into_iter().for_each(|it| it.join().unwrap());
            drop(runtime);
            assert_eq!(calls.load(Relaxed), 300);
        }
    });
}

#[test]
fn in_order_on_one_thread_and_in_a_later_turn() {
    limited(|| {
        let runtime = single();
        runtime.block_on(async {
            let order = Rc::new(RefCell::new(vec![]));
            let theirs = order.clone();
            defer_local(move || {
                theirs.borrow_mut().push(0);
                let later = theirs.clone();
                defer_local(move || later.borrow_mut().push(3));
            });
            for n in 1..3 {
                let theirs = order.clone();
                defer_local(move || theirs.borrow_mut().push(n));
            }
            assert!(order.borrow().is_empty(), "not inside the call");
            yield_now().await;
            assert_eq!(*order.borrow(), [0, 1, 2]);
            yield_now().await;
            assert_eq!(*order.borrow(), [0, 1, 2, 3]);
        });
        let (sender, receiver) = mpsc::channel();
        let called = Arc::new(AtomicUsize::new(0));
        let call = |n| {
            let (sender, called) = (sender.clone(), called.clone());
            move || {
                sender.send(n).unwrap();
                called.fetch_add(1, Relaxed);
            }
        };
        for n in 0..100 {
            runtime.handle().defer(call(n));
        }
        runtime.block_on(async {
            for n in 100..200 {
                Handle::current().defer(call(n));
            }
            while called.load(Relaxed) < 200 {
                yield_now().await;
            }
        });
        let mut seen: Vec<_> = receiver.try_iter().collect();
        assert_eq!(seen.len(), 200);
        // Each caller's own order.
        seen.sort_by_key(|it| it / 100);
        assert!(seen.is_sorted(), "{seen:?}");
    });
}

#[test]
fn a_cancelled_one_is_dropped_uncalled() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.worker_threads(1).build().unwrap();
            let (door, witness) = (Door::default(), Witness::default());
            let opens = Opens(door.clone());
            // Keeps the worker of a multi-thread runtime busy.
            let busy = runtime.spawn(async move { door.pass() });
            let token = witness.token();
            let call = runtime.handle().defer(move || {
                drop(token);
                panic!("it was cancelled");
            });
            assert!(!call.is_cancelled());
            call.cancel();
            call.cancel();
            assert!(call.is_cancelled());
            drop(opens);
            runtime.block_on(async {
                busy.await.unwrap();
                while witness.count() == 0 {
                    yield_now().await;
                }
            });
            let done = runtime.handle().defer(|| ());
            runtime.block_on(async {
                while done.id().is_some_and(lives) {
                    yield_now().await;
                }
            });
            done.cancel();
        }
    });

    fn lives(id: bowerbird::task::Id) -> bool {
        Handle::current().tasks().iter().any(|it| it.id == id)
    }
}

#[test]
fn a_panic_is_heard_and_stops_nobody() {
    limited(|| {
        for builder in flavors() {
            let reports = Reports::default();
            let runtime = builder.on_unhandled(reports.hook()).build().unwrap();
            let (sender, receiver) = mpsc::channel();
            runtime.handle().defer(|| panic!("out of berries"));
            runtime.handle().defer(move || sender.send(7).unwrap());
            runtime.block_on(async {
                while reports.texts().is_empty() {
                    yield_now().await;
                }
                while receiver.try_recv().is_err() {
                    yield_now().await;
                }
            });
            let texts = reports.texts();
            assert!(texts.len() == 1 && texts[0].contains("out of berries"), "{texts:?}");
            assert!(texts[0].contains("defer.rs"), "it names the call: {texts:?}");
        }
    });
}

#[test]
fn after_the_end_it_is_dropped() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let (handle, witness) = (runtime.handle().clone(), Witness::default());
            drop(runtime);
            let token = witness.token();
            let call = handle.defer(move || {
                drop(token);
                panic!("its runtime is over");
            });
            assert_eq!(witness.count(), 1);
            assert!(call.is_cancelled() && call.id().is_none());
        }
    });
}

#[test]
fn it_sees_its_callers_inherited_locals() {
    task_local! {
        #[inherit]
        static TRACE: u32;
    }
    limited(|| {
        let runtime = single();
        let (sender, receiver) = mpsc::channel();
        TRACE.sync_scope(7, || {
            runtime.handle().defer(move || {
                assert!(current().is_some(), "it is a task");
                sender.send(TRACE.get()).unwrap();
            });
        });
        let seen = runtime.block_on(async {
            loop {
                match receiver.try_recv() {
                    Ok(seen) => return seen,
                    Err(_) => yield_now().await,
                }
            }
        });
        assert_eq!(seen, 7);
    });
}
