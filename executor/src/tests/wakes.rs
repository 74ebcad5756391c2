//! Nothing sleeps while something is ready, and nothing runs where it must not.

use super::*;

#[test]
fn what_a_hook_wakes_before_sleep_is_run() {
    for is_multi in [true, false] {
        in_time(move || {
            let place = Arc::new(Mutex::new(None::<Waker>));
            let theirs = place.clone();
            let hook = move || {
                let waker = theirs.lock().unwrap().take();
                waker.into_iter().for_each(Waker::wake);
            };
            let builder = match is_multi {
                true => Builder::new_multi_thread().worker_threads(1),
                false => Builder::new_current_thread(),
            };
            let executor = start(builder.on_thread_park(hook));
            let task = executor.handle().spawn(woken_through(place));
            executor.block_on(task).unwrap();
        });
    }
}

#[test]
fn a_local_task_that_a_hook_spawns_before_sleep_is_run() {
    in_time(|| {
        static HAS_RUN: AtomicBool = AtomicBool::new(false);
        static WAKER: Mutex<Option<Waker>> = Mutex::new(None);
        let hook = || {
            let waker = WAKER.lock().unwrap().take();
            if let Some(waker) = waker {
                drop(spawn_local(async move {
                    HAS_RUN.store(true, Relaxed);
                    waker.wake();
                }));
            }
        };
        let executor = start(multi(1).on_thread_park(hook));
        executor.block_on(poll_fn(|cx| {
            if HAS_RUN.load(Relaxed) {
                return Poll::Ready(());
            }
            *WAKER.lock().unwrap() = Some(cx.waker().clone());
            Poll::Pending
        }));
    });
}

#[test]
fn who_awaits_many_is_woken_behind_them() {
    for is_multi in [true, false] {
        in_time(move || {
            let executor = if is_multi { start(multi(1)) } else { single() };
            let polls = executor.handle().spawn(async {
                let children: Vec<_> = (0..100).map(|_| spawn(async {})).collect();
                for child in children {
                    child.await.unwrap();
                }
                current_task().unwrap().polls
            });
            let polls = executor.block_on(polls).unwrap();
            // Its first poll, and one behind them all; some more if the worker was held up
            // and somebody came to help.
            assert!((2..20).contains(&polls), "{polls} polls");
        });
    }
}

#[test]
fn who_is_to_run_next_is_not_forgotten_between_turns() {
    in_time(|| {
        let executor = single();
        let task = executor.handle().spawn(async { spawn(async { 7 }).await.unwrap() });
        for _ in 0..10 {
            let turn = executor.turn(Some(Duration::ZERO));
            assert!(turn.has_more != task.is_finished(), "{turn:?}");
            if task.is_finished() {
                break;
            }
        }
        assert_eq!(executor.block_on(task).unwrap(), 7);
    });
}

#[test]
fn a_join_that_blocks_needs_no_budget() {
    in_time(|| {
        let executor = start(multi(2).budget(1));
        let task = executor.handle().spawn(async {
            let other = spawn(async { 7 });
            coop::consume_budget().await;
            block_in_place(|| other.join_blocking(None).unwrap().unwrap())
        });
        assert_eq!(executor.block_on(task).unwrap(), 7);
    });
}

#[test]
fn block_in_place_has_no_budget() {
    in_time(|| {
        let executor = start(multi(2).budget(1));
        let task = executor.handle().spawn(async {
            let other = spawn(async { 7 });
            coop::consume_budget().await;
            block_in_place(|| futures::executor::block_on(other).unwrap())
        });
        assert_eq!(executor.block_on(task).unwrap(), 7);
    });
}

/// On the stack: a pointer to the cell that says which `Promoted` to clone.
static ON_STACK: RawWakerVTable = RawWakerVTable::new(
    |data| {
        // SAFETY: `data` is the cell of the test below, which outlives the waker.
        let cell = unsafe { &*data.cast::<RefCell<Arc<Promoted>>>() };
        let waker = Waker::from(cell.borrow().clone());
        let raw = RawWaker::new(waker.data(), waker.vtable());
        std::mem::forget(waker);
        raw
    },
    |_| {},
    |_| {},
    |_| {},
);

#[test]
fn the_last_waker_is_woken_though_its_clones_live_elsewhere() {
    in_time(|| {
        let executor = single();
        let place = Arc::new(Mutex::new(None::<Waker>));
        let mut task = executor.handle().spawn(woken_through(place.clone()));
        executor.block_on(async {
            while place.lock().unwrap().is_none() {
                yield_now().await;
            }
        });
        let old = Arc::new(Promoted(AtomicBool::new(false)));
        let new = Arc::new(Promoted(AtomicBool::new(false)));
        let cell = RefCell::new(old.clone());
        let raw = RawWaker::new(std::ptr::from_ref(&cell).cast(), &ON_STACK);
        // SAFETY: the table above keeps the contract on this one thread.
        let waker = unsafe { Waker::from_raw(raw) };
        let mut cx = Context::from_waker(&waker);
        assert!(std::pin::Pin::new(&mut task).poll(&mut cx).is_pending());
        // The same place on the stack, but another waker.
        cell.replace(new.clone());
        assert!(std::pin::Pin::new(&mut task).poll(&mut cx).is_pending());
        executor.block_on(async {
            yield_now().await;
            place.lock().unwrap().take().unwrap().wake();
            yield_now().await;
            yield_now().await;
        });
        assert!(task.is_finished());
        assert!(new.0.load(Acquire), "only the old waker was woken");
    });
}

#[test]
fn a_thread_that_waits_its_turn_is_not_held_up_by_one_that_blocks() {
    in_time(|| {
        let executor = Arc::new(single());
        let (driving, is_driving) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let place = Arc::new(Mutex::new(None::<Waker>));
        // The first thread drives until it is told to end.
        let first = {
            let (executor, place) = (executor.clone(), place.clone());
            std::thread::spawn(move || {
                executor.block_on(async {
                    let end = woken_through(place);
                    let mut end = std::pin::pin!(end);
                    let mut driving = Some(driving);
                    poll_fn(move |cx| {
                        let poll = end.as_mut().poll(cx);
                        driving.take().into_iter().for_each(|it| it.send(()).unwrap());
                        poll
                    })
                    .await;
                })
            })
        };
        is_driving.recv().unwrap();
        // The second waits its turn; its main blocks in the middle of a poll.
        let (blocking, is_blocking) = mpsc::channel();
        let second = {
            let executor = executor.clone();
            std::thread::spawn(move || {
                executor.block_on(async move {
                    yield_now().await;
                    blocking.send(()).unwrap();
                    released.recv().unwrap();
                })
            })
        };
        is_blocking.recv().unwrap();
        // The third waits for a task that somebody has to run.
        let (parked, is_parked) = mpsc::channel();
        let third = {
            let executor = executor.clone();
            std::thread::spawn(move || {
                executor.block_on(async move {
                    let task = spawn(async move { release.send(()).unwrap() });
                    parked.send(()).unwrap();
                    task.await.unwrap();
                })
            })
        };
        is_parked.recv().unwrap();
        let waker = place.lock().unwrap().take().unwrap();
        waker.wake();
        [first, second, third].into_iter().for_each(|it| it.join().unwrap());
    });
}

#[test]
fn a_main_future_sleeps_in_the_driver_after_the_runtime_ended() {
    in_time(|| {
        let builder = Builder::new_current_thread();
        let driver = noted(&builder);
        let executor = builder.build(driver.clone()).unwrap();
        let handle = executor.handle().clone();
        let (theirs, began) = (driver.clone(), Arc::new(Parker::new()));
        let begin = began.clone();
        let thread = std::thread::spawn(move || {
            handle.block_on(async {
                begin.unpark();
                // Woken by the end, and then only by a park in the driver.
                let cancelled = spawn(pending::<()>());
                assert!(cancelled.await.unwrap_err().is_cancelled());
                while !theirs.is_closed.load(Relaxed) {
                    yield_now().await;
                }
                sleep_on(&theirs).await;
            });
        });
        began.park();
        drop(executor);
        thread.join().unwrap();
        assert!(!driver.parks.lock().unwrap().is_empty());
    });
}

#[test]
fn a_virtual_clock_jumps_under_a_nested_block_on() {
    for depth in [1, 2, 3] {
        in_time(move || {
            fn nest(driver: &Arc<Noting>, depth: usize) {
                Handle::current().block_on(async {
                    match depth {
                        0 => sleep_on(driver).await,
                        _ => nest(driver, depth - 1),
                    }
                });
            }
            let builder = multi(2);
            let driver = noted(&builder);
            let executor = builder.build(driver.clone()).unwrap();
            let theirs = driver.clone();
            let task = executor.handle().spawn(async move { nest(&theirs, depth) });
            executor.block_on(task).unwrap();
            // The count is in balance: the clock still jumps.
            executor.block_on(sleep_on(&driver));
        });
    }
}

#[test]
fn local_tasks_of_a_substitute_outlive_its_turn() {
    in_time(|| {
        let executor = start(multi(1));
        let handle = executor.handle().clone();
        let (unblock, blocked) = mpsc::channel::<()>();
        let owner = handle.spawn(async move { block_in_place(|| blocked.recv().unwrap()) });
        // This one runs on the substitute.
        let place = Arc::new(Mutex::new(None::<Waker>));
        let theirs = place.clone();
        let task = handle.spawn(async move {
            let local = spawn_local(woken_through(theirs));
            yield_now().await;
            yield_now().await;
            unblock.send(()).unwrap();
            local.await
        });
        owner.join_blocking(None).unwrap().unwrap();
        // The owner has its desk back when it runs this.
        handle.spawn(async {}).join_blocking(None).unwrap().unwrap();
        let waker = place.lock().unwrap().take();
        waker.into_iter().for_each(Waker::wake);
        assert!(task.join_blocking(None).unwrap().unwrap().is_ok(), "it was cancelled");
        let report = executor.shutdown(Shutdown::default());
        assert!(report.is_clean(), "{report}");
    });
}

#[test]
fn local_tasks_of_a_substitute_end_with_the_runtime() {
    in_time(|| {
        let executor = start(multi(1));
        let handle = executor.handle().clone();
        let (unblock, blocked) = mpsc::channel::<()>();
        let owner = handle.spawn(async move { block_in_place(|| blocked.recv().unwrap()) });
        let task = handle.spawn(async move {
            let local = spawn_local(pending::<()>());
            unblock.send(()).unwrap();
            local.await
        });
        owner.join_blocking(None).unwrap().unwrap();
        let report = executor.shutdown(Shutdown::default().workers(Duration::from_secs(2)));
        assert!(report.is_clean(), "{report}");
        let joined = task.join_blocking(None).unwrap();
        assert!(joined.is_err() || joined.unwrap().is_err());
        assert_eq!(handle.tasks().len(), 0);
    });
}

#[test]
fn a_pinned_future_is_polled_and_dropped_on_its_thread() {
    struct Here(std::thread::ThreadId, Cell<u32>);
    impl Here {
        fn check(&self) {
            assert_eq!(self.0, std::thread::current().id());
            self.1.set(self.1.get() + 1);
        }
    }
    impl Drop for Here {
        fn drop(&mut self) {
            if self.0 != std::thread::current().id() {
                std::process::abort();
            }
        }
    }
    in_time(|| {
        again_and_again(|| {
            let executor = start(multi(2));
            let tasks: Vec<_> = (0..8)
                .map(|n| {
                    executor.handle().spawn(async move {
                        let here = Here(std::thread::current().id(), Cell::new(0));
                        let local = spawn_local(async move {
                            for _ in 0..5 {
                                here.check();
                                yield_now().await;
                                spawn(async {}).await.ok();
                            }
                            if n % 2 == 0 {
                                pending::<()>().await;
                            }
                        });
                        let abort = local.abort_handle();
                        drop(local);
                        if n % 3 == 0 {
                            block_in_place(|| ());
                        }
                        abort
                    })
                })
                .collect();
            executor.block_on(async {
                for task in tasks {
                    task.await.unwrap().abort();
                }
            });
        });
    });
}

#[test]
fn no_wake_is_lost_between_workers_and_foreign_threads() {
    for workers in [1, 2, 4] {
        in_time(move || {
            let executor = start(multi(workers));
            let handle = executor.handle().clone();
            again_and_again(|| {
                let place = Arc::new(Mutex::new(None::<Waker>));
                let task = handle.spawn(woken_through(place.clone()));
                let other = handle.spawn(async { spawn(async {}).await.unwrap() });
                let waker = loop {
                    if let Some(waker) = place.lock().unwrap().take() {
                        break waker;
                    }
                    std::hint::spin_loop();
                };
                waker.wake();
                task.join_blocking(None).unwrap().unwrap();
                other.join_blocking(None).unwrap().unwrap();
            });
        });
    }
}

#[test]
fn no_wake_is_lost_on_its_way_to_a_pinned_task() {
    in_time(|| {
        let executor = start(multi(1));
        let handle = executor.handle().clone();
        again_and_again(|| {
            // A guest's main, a local task of a worker that blocks, and one of a guest.
            let place = Arc::new(Mutex::new(None::<Waker>));
            let theirs = place.clone();
            let task = handle.spawn(async move {
                let local = spawn_local(woken_through(theirs));
                yield_now().await;
                block_in_place(|| ());
                local.await.unwrap();
            });
            let waking = handle.spawn(async move {
                loop {
                    if let Some(waker) = place.lock().unwrap().take() {
                        return waker.wake();
                    }
                    yield_now().await;
                }
            });
            executor.block_on(async {
                let local = spawn_local(async { spawn(async {}).await.unwrap() });
                waking.await.unwrap();
                local.await.unwrap();
                task.await.unwrap();
            });
        });
    });
}

#[test]
fn a_block_on_that_ends_wakes_no_worker() {
    in_time(|| {
        let executor = start(multi(1));
        let parks = || {
            loop {
                let metrics = executor.handle().metrics();
                if metrics.asleep == 1 && metrics.workers[0].parks > 0 {
                    return metrics.workers[0].parks;
                }
                std::thread::yield_now();
            }
        };
        let before = parks();
        for _ in 0..100 {
            executor.block_on(async {});
            parks();
        }
        assert_eq!(parks(), before, "with a clock that cannot jump there is nothing to look at");
    });
}
