//! A panic ends its task and nothing else, and somebody hears of it.

use crate::stage::{
    Count, Reports, Witness, assert_serves, flavors, limited, lock, multi, panic_of,
};
use bowerbird::{
    runtime::{Builder, Runtime},
    spawn, spawn_blocking, spawn_local,
    sync::Event,
    task, yield_now,
};
use std::{
    future::{Future, pending},
    panic::panic_any,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
};

/// Plays on every flavor, with what it reports.
fn on_all(play: fn(&Runtime, &Reports)) {
    limited(move || {
        for builder in flavors() {
            let reports = Reports::default();
            let runtime = builder.on_unhandled(reports.hook()).build().unwrap();
            play(&runtime, &reports);
            assert_serves(&runtime);
            drop(runtime);
        }
    });
}

/// Panics when it is dropped.
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("{}", self.0);
        }
    }
}

#[test]
fn in_a_poll_it_reaches_the_handle_with_name_and_place() {
    on_all(|runtime, reports| {
        let error = runtime.block_on(async {
            let builder = task::Builder::new().name("glass");
            let task = builder.spawn(async {
                yield_now().await;
                panic!("broken");
            });
            task.await.unwrap_err()
        });
        assert!(error.is_panic() && !error.is_cancelled());
        let text = error.to_string();
        assert!(text.starts_with("task `glass` #"), "{text}");
        assert!(text.contains("panics.rs") && text.ends_with("panicked: broken"), "{text}");
        let info = error.task().unwrap();
        assert_eq!(info.name.as_deref(), Some("glass"));
        assert!(info.spawned_at.unwrap().file().ends_with("panics.rs"));
        assert!(reports.texts().is_empty(), "the handle told");
    });
}

#[test]
fn a_payload_of_any_type_comes_through() {
    on_all(|runtime, _| {
        let error = runtime.block_on(async { spawn(async { panic_any(7_u64) }).await });
        let payload = error.unwrap_err().into_panic();
        assert_eq!(payload.downcast_ref(), Some(&7_u64));
        let error = runtime.block_on(async { spawn_blocking(|| panic_any(8_u64)).await });
        let payload = error.unwrap_err().try_into_panic().unwrap();
        assert_eq!(payload.downcast_ref(), Some(&8_u64));
        let error = runtime.block_on(async { spawn_local(async { panic_any(9_u64) }).await });
        assert_eq!(error.unwrap_err().into_panic().downcast_ref(), Some(&9_u64));
    });
}

#[test]
fn of_a_detached_task_it_is_reported() {
    on_all(|runtime, reports| {
        runtime.block_on(async {
            let builder = task::Builder::new().name("stray");
            drop(builder.spawn(async { panic!("unheard") }));
            while reports.texts().is_empty() {
                yield_now().await;
            }
        });
        let texts = reports.texts();
        assert_eq!(texts.len(), 1, "{texts:?}");
        assert!(
            texts[0].contains("`stray`") && texts[0].contains("panicked: unheard"),
            "{texts:?}"
        );
        assert!(texts[0].ends_with("and nobody awaits it"), "{texts:?}");
    });
}

#[test]
fn of_a_task_whose_handle_is_dropped_later_it_is_reported() {
    on_all(|runtime, reports| {
        runtime.block_on(async {
            let task = spawn(async { panic!("late") });
            while !task.is_finished() {
                yield_now().await;
            }
            assert!(reports.texts().is_empty());
            drop(task);
        });
        assert_eq!(reports.texts().len(), 1, "{:?}", reports.texts());
    });
}

/// Ready at its second poll; its destructor panics.
struct Fragile {
    is_polled: bool,
    _bomb: Bomb,
}

impl Future for Fragile {
    type Output = u32;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
        if std::mem::replace(&mut self.is_polled, true) {
            return Poll::Ready(7);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[test]
fn in_the_destructor_of_a_future_that_is_done() {
    on_all(|runtime, reports| {
        let result = runtime.block_on(async {
            spawn(Fragile { is_polled: false, _bomb: Bomb("the future's end") }).await
        });
        // The output was there before the destructor ran.
        assert_eq!(result.unwrap(), 7);
        let texts = reports.texts();
        assert_eq!(texts.len(), 1, "{texts:?}");
        assert!(texts[0].contains("the future's end"), "{texts:?}");
    });
}

#[test]
fn in_the_destructor_of_a_future_that_is_aborted() {
    on_all(|runtime, reports| {
        let error = runtime.block_on(async {
            let task = spawn(async {
                let _bomb = Bomb("the abort's end");
                pending::<()>().await;
            });
            yield_now().await;
            yield_now().await;
            task.abort();
            task.await.unwrap_err()
        });
        let told = format!("{error} {:?}", reports.texts());
        // Before its first poll there was no bomb yet.
        let is_polled = error.is_panic() || !reports.texts().is_empty();
        assert!(!is_polled || told.contains("the abort's end"), "{told}");
    });
}

#[test]
fn in_the_destructor_of_an_output_nobody_takes() {
    on_all(|runtime, reports| {
        runtime.block_on(async {
            drop(spawn(async { Bomb("the output's end") }));
            while reports.texts().is_empty() {
                yield_now().await;
            }
        });
        assert!(reports.texts()[0].contains("the output's end"), "{:?}", reports.texts());
        // The other way: the handle goes when the output is there.
        let told = runtime.block_on(async {
            let task = spawn(async { Bomb("too late") });
            while !task.is_finished() {
                yield_now().await;
            }
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(task)))
        });
        let texts = reports.texts();
        let is_told = told.is_err() || texts.iter().any(|it| it.contains("too late"));
        assert!(is_told, "{texts:?}");
    });
}

/// A waker that panics.
struct Hostile(AtomicUsize);

impl Wake for Hostile {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
        panic!("the waker's turn");
    }
}

#[test]
fn in_the_waker_of_whoever_joins() {
    on_all(|runtime, reports| {
        let event = Arc::new(Event::new());
        let theirs = event.clone();
        let mut task = runtime.spawn(async move {
            theirs.wait().await;
            7
        });
        let hostile = Arc::new(Hostile(AtomicUsize::new(0)));
        let waker = Waker::from(hostile.clone());
        let poll = Pin::new(&mut task).poll(&mut Context::from_waker(&waker));
        assert!(poll.is_pending());
        event.set();
        runtime.block_on(async {
            while reports.texts().is_empty() {
                yield_now().await;
            }
            assert_eq!(task.await.unwrap(), 7, "the output is not lost");
        });
        assert_eq!(hostile.0.load(Relaxed), 1);
        assert!(reports.texts()[0].contains("the waker's turn"), "{:?}", reports.texts());
    });
}

#[test]
fn in_a_waker_of_a_timer() {
    on_all(|runtime, reports| {
        let hostile = Arc::new(Hostile(AtomicUsize::new(0)));
        let waker = Waker::from(hostile.clone());
        runtime.block_on(async {
            let mut sleep = Box::pin(bowerbird::time::sleep(std::time::Duration::from_millis(1)));
            assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            let behind: Vec<_> = (0..100)
                .map(|_| spawn(bowerbird::time::sleep(std::time::Duration::from_millis(1))))
                .collect();
            for task in behind {
                task.await.unwrap();
            }
            while hostile.0.load(Relaxed) == 0 {
                bowerbird::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        });
        assert_eq!(hostile.0.load(Relaxed), 1);
        assert!(reports.texts()[0].contains("the waker's turn"), "{:?}", reports.texts());
    });
}

#[test]
fn in_a_blocking_closure() {
    on_all(|runtime, reports| {
        let error = runtime.block_on(async {
            let builder = task::Builder::new().name("reader");
            builder.spawn_blocking(|| panic!("no such page")).await.unwrap_err()
        });
        assert!(error.to_string().contains("`reader`"), "{error}");
        assert!(error.to_string().ends_with("panicked: no such page"), "{error}");
        drop(runtime.spawn_blocking(|| panic!("nobody listens")));
        runtime.block_on(async {
            while reports.texts().is_empty() {
                yield_now().await;
            }
        });
        assert!(reports.texts()[0].contains("nobody listens"), "{:?}", reports.texts());
        assert_eq!(runtime.handle().metrics().blocking_queued, 0);
    });
}

#[test]
fn of_main_it_comes_out_of_run_and_block_on_with_its_payload() {
    limited(|| {
        let caught = std::panic::catch_unwind(|| {
            bowerbird::run(async {
                yield_now().await;
                panic_any(7_u64)
            })
        });
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&7_u64));
        for builder in flavors() {
            let reports = Reports::default();
            let runtime = builder.on_unhandled(reports.hook()).build().unwrap();
            let told = panic_of(|| {
                runtime.block_on(async {
                    yield_now().await;
                    panic!("main is over");
                })
            });
            assert_eq!(told, "main is over");
            assert!(reports.texts().is_empty(), "{:?}", reports.texts());
            assert_serves(&runtime);
        }
    });
}

#[test]
fn of_main_it_ends_the_tasks_of_run() {
    limited(|| {
        let witness = Witness::default();
        let told = panic_of(|| {
            bowerbird::run(async {
                for _ in 0..10 {
                    let token = witness.token();
                    drop(spawn(async move {
                        let _token = token;
                        pending::<()>().await;
                    }));
                }
                yield_now().await;
                panic!("main is over");
            })
        });
        assert_eq!((told.as_str(), witness.count()), ("main is over", 10));
    });
}

#[test]
fn in_hooks_of_threads_it_goes_no_further() {
    limited(|| {
        let calls: Arc<[AtomicUsize; 4]> = Arc::default();
        let hook = |n: usize| {
            let calls = calls.clone();
            move || {
                calls[n].fetch_add(1, Relaxed);
                panic!("a hook fell");
            }
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            // To print a panic can take a hook so long that one comes.
            .spare_workers(0)
            .on_thread_start(hook(0))
            .on_thread_stop(hook(1))
            .on_thread_park(hook(2))
            .on_thread_unpark(hook(3))
            .build()
            .unwrap();
        assert_serves(&runtime);
        drop(runtime);
        // Two workers and a thread of the pool.
        assert_eq!((calls[0].load(Relaxed), calls[1].load(Relaxed)), (3, 3));
        assert!(calls[2].load(Relaxed) > 0 && calls[3].load(Relaxed) > 0);
    });
}

#[test]
fn in_the_hook_for_unhandled_errors_it_goes_no_further() {
    limited(|| {
        for builder in flavors() {
            let calls = Arc::new(AtomicUsize::new(0));
            let theirs = calls.clone();
            let runtime = builder
                .on_unhandled(move |_| {
                    theirs.fetch_add(1, Relaxed);
                    panic!("the hook fell, too");
                })
                .build()
                .unwrap();
            drop(runtime.spawn(async { panic!("one") }));
            runtime.block_on(async {
                while calls.load(Relaxed) == 0 {
                    yield_now().await;
                }
            });
            assert_serves(&runtime);
        }
    });
}

/// A panic whose payload panics when it is dropped.
#[test]
fn in_the_destructor_of_a_payload() {
    limited(|| {
        for builder in flavors() {
            let log = Arc::new(Mutex::new(vec![]));
            let theirs = log.clone();
            let runtime =
                builder.on_unhandled(move |it| lock(&theirs).push(it.to_string())).build().unwrap();
            drop(runtime.spawn(async { panic_any(Bomb("the payload's end")) }));
            runtime.block_on(async {
                while lock(&log).is_empty() {
                    yield_now().await;
                }
            });
            let error = runtime.block_on(async {
                spawn(async { panic_any(Bomb("the second payload's end")) }).await
            });
            let told = panic_of(|| drop(error));
            assert_eq!(told, "the second payload's end", "it is the caller's now");
            assert_serves(&runtime);
        }
    });
}

#[test]
fn in_one_task_leaves_the_results_of_others_alone() {
    limited(|| {
        let runtime = multi(4);
        let reports = Reports::default();
        let tasks: Vec<_> = (0..1_000_u32)
            .map(|n| {
                runtime.spawn(async move {
                    yield_now().await;
                    assert!(n % 10 != 3, "task {n}");
                    n
                })
            })
            .collect();
        runtime.block_on(async {
            for (n, task) in (0..).zip(tasks) {
                match task.await {
                    Ok(output) => assert_eq!(output, n),
                    Err(error) => assert!(error.to_string().ends_with(&format!("task {n}"))),
                }
            }
        });
        assert!(reports.texts().is_empty());
        assert_serves(&runtime);
    });
}

#[test]
fn a_waker_that_outlives_a_panicked_task_is_harmless() {
    on_all(|runtime, _| {
        let kept = Arc::new(Mutex::new(None::<Waker>));
        let theirs = kept.clone();
        let task = runtime.spawn(std::future::poll_fn(move |cx| {
            *lock(&theirs) = Some(cx.waker().clone());
            panic!("gone");
            #[expect(unreachable_code, reason = "gives the type")]
            Poll::Ready(())
        }));
        assert!(runtime.block_on(task).unwrap_err().is_panic());
        let waker = lock(&kept).take().unwrap();
        let (_, other) = Count::waker();
        assert!(!waker.will_wake(&other));
        waker.wake_by_ref();
        waker.wake();
    });
}
