//! The executor as a whole, over a driver without I/O.
use crate::*;
use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

fn multi(n: usize) -> Executor {
    Builder::new_multi_thread().worker_threads(n).build_with(ThreadDriver::new).unwrap()
}

#[test]
fn many_tasks_all_run() {
    for workers in [1, 2, 4] {
        let executor = multi(workers);
        let sum = executor.block_on(async {
            let tasks: Vec<_> = (0..10_000_u64)
                .map(|n| {
                    spawn(async move {
                        yield_now().await;
                        spawn(async move { n }).await.unwrap()
                    })
                })
                .collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, 49_995_000);
    }
}

#[test]
fn run_with_stealing() {
    let out = Builder::new_multi_thread()
        .worker_threads(3)
        .run_with(Arc::new(ThreadDriver::new(40)), |_| (), async {
            let rc = Rc::new(Cell::new(0));
            let theirs = rc.clone();
            let local = spawn_local(async move {
                for _ in 0..100 {
                    theirs.set(theirs.get() + 1);
                    yield_now().await;
                }
            });
            let tasks: Vec<_> = (0..1000)
                .map(|_| {
                    spawn(async {
                        for _ in 0..10 {
                            yield_now().await
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            local.await.unwrap();
            rc.get()
        })
        .unwrap();
    assert_eq!(out, 100);
}

#[test]
fn create_and_drop() {
    for _ in 0..200 {
        drop(multi(3));
    }
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    struct D;
    impl Drop for D {
        fn drop(&mut self) {
            DROPS.fetch_add(1, Relaxed);
        }
    }
    for _ in 0..100 {
        let executor = multi(2);
        for _ in 0..100 {
            let d = D;
            drop(executor.handle().spawn(async move {
                let _d = d;
                std::future::pending::<()>().await
            }));
        }
        let report = executor.shutdown(Shutdown::default());
        assert!(report.is_clean(), "{report}");
    }
    assert_eq!(DROPS.load(Relaxed), 10_000);
}

#[test]
fn block_in_place_many() {
    let executor = multi(2);
    executor.block_on(async {
        let tasks: Vec<_> = (0..100)
            .map(|n| {
                spawn(async move {
                    let x = block_in_place(|| n * 2);
                    yield_now().await;
                    let y = Handle::current()
                        .block_on(async { spawn(async move { x + 1 }).await.unwrap() });
                    block_in_place(|| block_in_place(|| y))
                })
            })
            .collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), n * 2 + 1);
        }
    });
    let out = Builder::new_multi_thread()
        .worker_threads(2)
        .run_with(Arc::new(ThreadDriver::new(40)), |_| (), async {
            let local = spawn_local(async { 1 });
            let x = block_in_place(|| 5);
            let y = spawn(async { 6 }).await.unwrap();
            x + y + local.await.unwrap()
        })
        .unwrap();
    assert_eq!(out, 12);
}

#[test]
fn blocking_and_abort() {
    let executor = multi(2);
    executor.block_on(async {
        let tasks: Vec<_> = (0..1000).map(|n| spawn_blocking(move || n)).collect();
        for (n, t) in tasks.into_iter().enumerate() {
            assert_eq!(t.await.unwrap(), n);
        }
        let t = spawn(std::future::pending::<()>());
        t.abort();
        assert!(t.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn current_thread_shared() {
    let executor = Arc::new(Builder::new_current_thread().build_with(ThreadDriver::new).unwrap());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let e = executor.clone();
            std::thread::spawn(move || {
                for _ in 0..200 {
                    e.block_on(async {
                        let a = spawn(async {
                            yield_now().await;
                            1
                        });
                        assert_eq!(a.await.unwrap(), 1);
                    });
                }
            })
        })
        .collect();
    for t in threads {
        t.join().unwrap();
    }
}
