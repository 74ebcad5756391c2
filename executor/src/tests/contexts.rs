//! Contexts, guards and nesting, in whatever order programs think of.

use super::*;

#[test]
fn a_local_executor_refuses_to_be_entered_twice() {
    in_time(|| {
        static DEPTH: AtomicUsize = AtomicUsize::new(0);
        let local = Builder::new_current_thread()
            .on_thread_park(|| {
                if DEPTH.fetch_add(1, Relaxed) == 0 {
                    let local = LOCAL.with_borrow(|it| it.clone().unwrap());
                    local.block_on(async {});
                }
            })
            .build_local_with(ThreadDriver::new)
            .unwrap();
        let local = Rc::new(local);
        LOCAL.set(Some(local.clone()));
        let waker = Arc::new(Mutex::new(None::<Waker>));
        let theirs = waker.clone();
        let thread = std::thread::spawn(move || {
            while DEPTH.load(Relaxed) == 0 {
                std::thread::yield_now();
            }
            loop {
                if let Some(waker) = theirs.lock().unwrap().take() {
                    return waker.wake();
                }
                std::thread::yield_now();
            }
        });
        let mut is_first = true;
        local.block_on(poll_fn(|cx| {
            if std::mem::take(&mut is_first) {
                *waker.lock().unwrap() = Some(cx.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(())
        }));
        thread.join().unwrap();
        LOCAL.set(None);
        drop(local);
        assert!(Handle::try_current().is_none(), "the thread is in a runtime that is gone");
    });
}

#[test]
fn a_main_future_that_panics_leaves_local_tasks_alone() {
    in_time(|| {
        let local = Builder::new_current_thread().build_local_with(ThreadDriver::new).unwrap();
        let task = local.spawn_local(async {
            yield_now().await;
            yield_now().await;
            7
        });
        let main = catch_unwind(AssertUnwindSafe(|| local.block_on(async { panic!("main") })));
        assert!(main.is_err());
        assert_eq!(local.block_on(task).unwrap(), 7);
    });
}

#[test]
fn an_executor_dropped_by_its_own_worker_waits_for_nobody() {
    in_time(|| {
        let executor = start(multi(1));
        let handle = executor.handle().clone();
        let (done, result) = mpsc::channel();
        drop(handle.clone().spawn(async move {
            let _entered = handle.enter();
            drop(executor);
            done.send(()).unwrap();
        }));
        result.recv_timeout(Duration::from_secs(2)).expect("it waited for itself");
    });
    in_time(|| {
        let executor = start(multi(1));
        let handle = executor.handle().clone();
        let other = single();
        let (done, result) = mpsc::channel();
        drop(handle.spawn(async move {
            other.block_on(async move { drop(executor) });
            done.send(()).unwrap();
        }));
        result.recv_timeout(Duration::from_secs(2)).expect("it waited for itself");
    });
}

#[test]
fn a_nested_block_on_of_a_current_thread_runtime_is_refused_wherever_it_hides() {
    fn refuses(executor: &Executor) {
        let handle = executor.handle().clone();
        let result = catch_unwind(AssertUnwindSafe(|| {
            handle.block_on(async { spawn(async {}).await.unwrap() });
        }));
        assert!(result.is_err(), "it was let in");
    }
    in_time(|| {
        let executor = single();
        executor.block_on(async {
            let _entered = executor.handle().enter();
            refuses(&executor);
        });
    });
    in_time(|| {
        let (executor, other) = (single(), single());
        executor.block_on(async { other.block_on(async { refuses(&executor) }) });
    });
    in_time(|| {
        let executor = Arc::new(single());
        struct Nests(Weak<Executor>, Arc<AtomicBool>);
        impl Drop for Nests {
            fn drop(&mut self) {
                refuses(&self.0.upgrade().unwrap());
                self.1.store(true, Relaxed);
            }
        }
        let dropped = Arc::new(AtomicBool::new(false));
        let nests = Nests(Arc::downgrade(&executor), dropped.clone());
        executor.block_on(async {
            drop(spawn_local(async move {
                let _it = nests;
                pending::<()>().await
            }));
            yield_now().await;
        });
        assert!(dropped.load(Relaxed));
    });
}

#[test]
fn attachments_are_in_balance() {
    in_time(|| {
        let builder = multi(2);
        let driver = noted(&builder);
        let executor = builder.build(driver.clone()).unwrap();
        let handle = executor.handle().clone();
        executor.block_on(async {
            let _entered = handle.enter();
            let task = spawn(async {
                block_in_place(|| Handle::current().block_on(async { yield_now().await }));
                yield_now().await;
                spawn_blocking(|| ()).await.unwrap();
            });
            task.await.unwrap();
        });
        let report = executor.shutdown(Shutdown::default().blocking(Duration::from_secs(2)));
        assert!(report.is_clean(), "{report}");
        assert!(driver.balance.lock().unwrap().is_empty());
    });
}

#[test]
fn guards_dropped_in_any_order_keep_no_runtime_alive() {
    in_time(|| {
        let builder = Builder::new_current_thread();
        let driver = noted(&builder);
        let weak = Arc::downgrade(&driver);
        let executor = builder.build(driver).unwrap();
        let other = single();
        // Across an await, out of block_on, and crosswise.
        let kept = executor.block_on(async {
            let entered = Handle::current().enter();
            yield_now().await;
            let foreign = other.handle().enter();
            yield_now().await;
            drop(spawn_local(async move {
                yield_now().await;
                drop(foreign);
            }));
            yield_now().await;
            entered
        });
        let (a, b) = (executor.handle().enter(), other.handle().enter());
        let c = executor.handle().enter();
        drop(a);
        assert_eq!(Handle::current().id(), executor.handle().id());
        drop(c);
        assert_eq!(Handle::current().id(), other.handle().id());
        drop(b);
        drop(kept);
        assert!(Handle::try_current().is_none());
        drop(executor);
        assert!(weak.upgrade().is_none(), "something holds the scheduler");
    });
}

#[test]
fn a_guard_of_its_own_runtime_changes_nothing_for_a_task() {
    in_time(|| {
        let executor = start(multi(1));
        let task = executor.handle().spawn(async {
            let handle = Handle::current();
            let before = handle.tasks().len();
            let other = spawn(async {});
            {
                let _entered = handle.enter();
                drop(spawn_local(async {}));
                block_in_place(|| other.join_blocking(None).unwrap().unwrap());
            }
            before
        });
        executor.block_on(task).unwrap();
    });
}

#[test]
fn a_main_future_of_run_may_do_anything_with_its_runtime() {
    in_time(|| {
        again_and_again(|| {
            let builder = multi(2);
            let driver = noted(&builder);
            let weak = Arc::downgrade(&driver);
            let borrowed = String::from("on the caller's stack");
            let result = catch_unwind(AssertUnwindSafe(|| {
                builder.run_with(driver, |_| (), async {
                    let local = spawn_local(pending::<()>());
                    let entered = Handle::current().enter();
                    block_in_place(|| Handle::current().block_on(async { yield_now().await }));
                    spawn(async { block_in_place(|| ()) }).await.unwrap();
                    drop(entered);
                    local.abort();
                    assert!(local.await.unwrap_err().is_cancelled());
                    assert_eq!(borrowed.len(), 0, "unwinds");
                })
            }));
            assert!(result.is_err());
            while weak.upgrade().is_some() {
                std::thread::yield_now();
            }
        });
    });
}

#[test]
fn a_worker_that_entered_another_runtime_still_lends_its_desk() {
    in_time(|| {
        let (executor, other) = (start(multi(1)), start(multi(1)));
        let handle = executor.handle().clone();
        let task = handle.clone().spawn(async move {
            let _entered = other.handle().enter();
            other.block_on(async { handle.spawn(async { 7 }).await.unwrap() })
        });
        assert_eq!(task.join_blocking(None).unwrap().unwrap(), 7);
    });
}
