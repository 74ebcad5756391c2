//! Panics, destructors and races with the end.

use super::*;

/// A panic's payload that panics again.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the payload's destructor panics, too");
    }
}

#[test]
fn a_payload_that_panics_when_dropped_kills_no_worker() {
    in_time(|| {
        let executor = start(multi(1));
        for _ in 0..3 {
            drop(executor.handle().spawn(async { panic_any(Bomb) }));
        }
        struct Explosive;
        impl Drop for Explosive {
            fn drop(&mut self) {
                panic_any(Bomb);
            }
        }
        drop(executor.handle().spawn(async { Explosive }));
        drop(executor.handle().spawn(async {
            let _it = Explosive;
        }));
        still_works(&executor);
        drop(executor.handle().spawn(async {
            let _it = Explosive;
            pending::<()>().await
        }));
        still_works(&executor);
        let report = executor.shutdown(Shutdown::default());
        assert!(report.is_clean(), "{report}");
    });
}

#[test]
fn hooks_that_panic_with_a_bomb_kill_no_worker() {
    in_time(|| {
        let builder = Builder::new_multi_thread()
            .worker_threads(1)
            .on_unhandled(|_| panic_any(Bomb))
            .on_thread_park(|| panic_any(Bomb))
            .on_thread_unpark(|| panic_any(Bomb))
            .on_thread_start(|| panic_any(Bomb))
            .on_thread_stop(|| panic_any(Bomb));
        let executor = start(builder);
        drop(executor.handle().spawn(async { panic!("heard by a hook that panics") }));
        still_works(&executor);
        let report = executor.shutdown(Shutdown::default());
        assert!(report.is_clean(), "{report}");
    });
}

/// A driver with one event: whoever parks first after it was armed gets a panic.
struct Panicking {
    inner: ThreadDriver,
    is_armed: AtomicBool,
}

impl Driver for Panicking {
    fn attach(&self, _: Seat) {}
    fn detach(&self, _: Seat) {}
    fn park(&self, seat: Seat, until: Option<Instant>, max: usize) -> usize {
        assert!(!self.is_armed.swap(false, Relaxed), "a waker panics");
        self.inner.park(seat, until, max)
    }
    fn poll(&self, _: Seat, _: usize) -> usize {
        0
    }
    fn unpark(&self, seat: Seat) {
        self.inner.unpark(seat);
    }
    fn next_deadline(&self, _: Seat) -> Option<Instant> {
        None
    }
    fn now(&self) -> Instant {
        self.inner.now()
    }
    fn close(&self) {}
}

#[test]
fn a_waker_that_panics_in_the_driver_kills_no_worker() {
    in_time(|| {
        let builder = multi(1);
        let inner = ThreadDriver::new(builder.seats());
        let driver = Arc::new(Panicking { inner, is_armed: AtomicBool::new(true) });
        let executor = builder.build(driver.clone()).unwrap();
        executor.handle().spawn(async {}).join_blocking(None).unwrap().unwrap();
        while driver.is_armed.load(Relaxed) {
            std::thread::yield_now();
        }
        let task = executor.handle().spawn(async { 7 });
        assert_eq!(task.join_blocking(None).unwrap().unwrap(), 7);
        let report = executor.shutdown(Shutdown::default());
        assert!(report.is_clean(), "{report}");
    });
}

#[test]
fn foreign_wakes_and_aborts_race_the_end() {
    in_time(|| {
        again_and_again(|| {
            let live = Arc::new(AtomicUsize::new(0));
            let builder = multi(2);
            let driver = noted(&builder);
            let weak = Arc::downgrade(&driver);
            let executor = builder.build(driver).unwrap();
            let wakers = Arc::new(Mutex::new(Vec::<Waker>::new()));
            let mut aborts = vec![];
            for n in 0..16 {
                let (counted, wakers) = (Counted::new(&live), wakers.clone());
                let task = executor.handle().spawn(poll_fn(move |cx| {
                    let _it = &counted;
                    wakers.lock().unwrap().push(cx.waker().clone());
                    match n % 4 == 0 {
                        true => Poll::Ready(()),
                        false => Poll::<()>::Pending,
                    }
                }));
                aborts.push(task.abort_handle());
                if n % 2 == 0 {
                    drop(task);
                } else {
                    aborts.push(task.abort_handle());
                }
            }
            let handle = executor.handle().clone();
            let counted = Counted::new(&live);
            let threads = [
                std::thread::spawn(move || {
                    for _ in 0..20 {
                        let some = std::mem::take(&mut *wakers.lock().unwrap());
                        some.into_iter().for_each(Waker::wake);
                    }
                }),
                std::thread::spawn(move || {
                    aborts.iter().for_each(AbortHandle::abort);
                }),
                std::thread::spawn(move || {
                    let counted = Arc::new(counted);
                    for _ in 0..20 {
                        let theirs = counted.clone();
                        drop(handle.spawn(async move { drop(theirs) }));
                        let theirs = counted.clone();
                        drop(handle.spawn_blocking(move || drop(theirs)));
                    }
                }),
            ];
            drop(executor);
            threads.into_iter().for_each(|it| it.join().unwrap());
            while live.load(Acquire) > 0 || weak.upgrade().is_some() {
                std::thread::yield_now();
            }
        });
    });
}

#[test]
fn executors_dropped_in_the_middle_of_everything_end() {
    in_time(|| {
        again_and_again(|| {
            let live = Arc::new(AtomicUsize::new(0));
            let builder = multi(2);
            let driver = noted(&builder);
            let weak = Arc::downgrade(&driver);
            let executor = builder.build(driver).unwrap();
            let handle = executor.handle().clone();
            for _ in 0..4 {
                let counted = Counted::new(&live);
                drop(handle.spawn(async move {
                    let _it = counted;
                    loop {
                        block_in_place(|| ());
                        drop(spawn_local(pending::<()>()));
                        spawn(async { yield_now().await }).await.ok();
                    }
                }));
            }
            let guest = {
                let (handle, counted) = (handle.clone(), Counted::new(&live));
                std::thread::spawn(move || {
                    let _it = counted;
                    let _ = catch_unwind(AssertUnwindSafe(|| {
                        handle.block_on(async {
                            while spawn(async {}).await.is_ok() {
                                yield_now().await;
                            }
                        })
                    }));
                })
            };
            drop(handle.spawn(async move {
                block_in_place(|| drop(executor));
            }));
            drop(handle);
            guest.join().unwrap();
            while live.load(Acquire) > 0 || weak.upgrade().is_some() {
                std::thread::yield_now();
            }
        });
    });
}

#[test]
fn destructors_may_do_anything() {
    struct Busy(Handle, Arc<AtomicUsize>);
    impl Drop for Busy {
        fn drop(&mut self) {
            self.1.fetch_sub(1, Relaxed);
            drop(self.0.spawn(async {}));
            drop(self.0.spawn_blocking(|| ()));
            let _ = catch_unwind(AssertUnwindSafe(|| drop(spawn_local(async {}))));
            block_in_place(|| ());
            let _ = catch_unwind(AssertUnwindSafe(|| self.0.block_on(async {})));
            let entered = self.0.enter();
            KEPT.with_borrow_mut(|it| it.push(entered));
        }
    }
    in_time(|| {
        again_and_again(|| {
            let live = Arc::new(AtomicUsize::new(0));
            for executor in [start(multi(2)), single()] {
                let handle = executor.handle().clone();
                let busy = || {
                    live.fetch_add(1, Relaxed);
                    Busy(handle.clone(), live.clone())
                };
                let (a, b, c, d) = (busy(), busy(), busy(), busy());
                drop(handle.spawn(async move {
                    let _it = a;
                    pending::<()>().await
                }));
                let task = handle.spawn(async move { b });
                executor.block_on(async move {
                    drop(spawn_local(async move {
                        let _it = c;
                        pending::<()>().await
                    }));
                    drop(task.await);
                    drop(spawn_blocking(move || drop(d)));
                    yield_now().await;
                });
                let _ = executor.shutdown(Shutdown::default());
            }
            while live.load(Acquire) > 0 {
                std::thread::yield_now();
            }
        });
    });
}

#[test]
fn wakers_counted_on_both_sides_of_a_poll_add_up() {
    in_time(|| {
        let live = Arc::new(AtomicUsize::new(0));
        let builder = multi(2);
        let driver = noted(&builder);
        let weak = Arc::downgrade(&driver);
        let executor = builder.build(driver).unwrap();
        let wakers = Arc::new(Mutex::new(Vec::<Waker>::new()));
        let mut round = 0;
        again_and_again(|| {
            round += 1;
            let (wakers, counted) = (wakers.clone(), Counted::new(&live));
            let mut polls = 0;
            let task = executor.handle().spawn(poll_fn(move |cx| {
                let _it = &counted;
                polls += 1;
                let old = std::mem::take(&mut *wakers.lock().unwrap());
                let waker = cx.waker();
                std::thread::scope(|scope| {
                    if polls == 1 {
                        scope.spawn(|| {
                            let mine: Vec<_> = (0..3).map(|_| waker.clone()).collect();
                            wakers.lock().unwrap().extend(mine);
                        });
                    }
                    let mine: Vec<_> = (0..3).map(|_| waker.clone()).collect();
                    drop(old);
                    wakers.lock().unwrap().extend(mine);
                });
                waker.wake_by_ref();
                if polls < 3 { Poll::Pending } else { Poll::Ready(()) }
            }));
            if round % 2 == 0 {
                drop(task);
            } else {
                task.join_blocking(None).unwrap().unwrap();
            }
        });
        drop(executor);
        wakers.lock().unwrap().clear();
        assert_eq!(live.load(Acquire), 0);
        drop(wakers);
        while weak.upgrade().is_some() {
            std::thread::yield_now();
        }
    });
}

#[test]
fn a_join_races_with_completion_and_abort() {
    in_time(|| {
        let live = Arc::new(AtomicUsize::new(0));
        let builder = multi(2);
        let driver = noted(&builder);
        let weak = Arc::downgrade(&driver);
        let executor = builder.build(driver).unwrap();
        let mut round = 0;
        again_and_again(|| {
            round += 1;
            let counted = Counted::new(&live);
            let mut task = match round % 3 {
                0 => executor.handle().spawn(async move { counted }),
                1 => executor.handle().spawn_blocking(move || counted),
                _ => executor.handle().spawn(async move {
                    let _it = counted;
                    pending().await
                }),
            };
            let abort = task.abort_handle();
            let aborting = std::thread::spawn(move || abort.abort());
            for n in 0..round % 7 {
                let waker = Waker::from(Arc::new(Promoted(AtomicBool::new(false))));
                let mut cx = Context::from_waker(&waker);
                let polled = std::pin::Pin::new(&mut task).poll(&mut cx);
                if polled.is_ready() {
                    break;
                }
                if n == 5 {
                    let _ = task.join_blocking(None).unwrap();
                    break;
                }
            }
            aborting.join().unwrap();
        });
        let _ = executor.shutdown(Shutdown::default().blocking(Duration::from_secs(2)));
        while live.load(Acquire) > 0 || weak.upgrade().is_some() {
            std::thread::yield_now();
        }
    });
}

#[test]
fn a_system_without_threads_blocks_but_does_not_break() {
    in_time(|| {
        let executor = start(multi(1));
        let task = executor.handle().spawn(async {
            let local = spawn_local(async { yield_now().await });
            sync::shim::thread::fail_starts_here(1);
            let seven = block_in_place(|| {
                drop(spawn(async {}));
                7
            });
            local.await.unwrap();
            spawn(async move { seven }).await.unwrap()
        });
        assert_eq!(task.join_blocking(None).unwrap().unwrap(), 7);
        still_works(&executor);
        assert!(executor.shutdown(Shutdown::default()).is_clean());
        sync::shim::thread::fail_starts_here(1);
        assert!(multi(3).build_with(ThreadDriver::new).is_err());
    });
}
