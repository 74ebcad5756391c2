//! Numbers that make no sense, systems that give nothing, calls in the wrong order.

use crate::stage::{assert_serves, flavors, limited, multi, panic_of, poll_once, single};
use bowerbird::{
    gather,
    runtime::{BuildError, Builder, Runtime, Shutdown},
    spawn, spawn_blocking,
    sync::mpsc,
    time::{Duration, interval, sleep, timeout},
    yield_now,
};
use std::{error::Error, future::ready, io};
use sync::shim::thread::{fail_starts, fail_starts_here};

fn refusal(builder: Builder) -> BuildError {
    builder.build().map(|_: Runtime| ()).unwrap_err()
}

#[test]
fn numbers_that_make_no_sense_are_refused_with_advice() {
    limited(|| {
        let multi = Builder::new_multi_thread;
        let zero = refusal(multi().worker_threads(0));
        assert!(matches!(zero, BuildError::Workers(0)));
        assert!(zero.to_string().contains("Builder::new_current_thread()"), "{zero}");
        for workers in [4_097, usize::MAX / 2, usize::MAX] {
            let many = refusal(multi().worker_threads(workers));
            assert!(matches!(many, BuildError::Workers(n) if n == workers));
            assert!(many.to_string().contains("at most 4096"), "{many}");
        }
        let pool = refusal(multi().max_blocking_threads(0));
        assert!(matches!(pool, BuildError::BlockingThreads), "{pool}");
        let budget = refusal(multi().budget(0));
        assert!(matches!(budget, BuildError::Budget), "{budget}");
        let error = io::Error::from(refusal(multi().worker_threads(0)));
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let run = multi().worker_threads(0).run(async {});
        assert!(matches!(run, Err(BuildError::Workers(0))));
    });
}

#[test]
fn numbers_at_the_edge_work() {
    limited(|| {
        for builder in [
            Builder::new_current_thread().worker_threads(0),
            Builder::new_multi_thread().worker_threads(64),
            Builder::new_multi_thread().worker_threads(1).budget(u32::MAX),
            Builder::new_multi_thread().worker_threads(1).budget(1).max_blocking_threads(1),
            Builder::new_multi_thread().worker_threads(1).max_blocking_threads(usize::MAX),
            Builder::new_multi_thread().worker_threads(2).thread_keep_alive(Duration::ZERO),
            Builder::new_multi_thread().worker_threads(2).thread_keep_alive(Duration::MAX),
            Builder::new_multi_thread().worker_threads(2).thread_stack_size(256 << 10),
            Builder::new_multi_thread().worker_threads(2).thread_name(""),
            Builder::new_multi_thread().worker_threads(2).seed(u64::MAX),
        ] {
            let runtime = builder.build().unwrap();
            assert_serves(&runtime);
            assert!(runtime.shutdown(Shutdown::default()).is_clean());
        }
    });
}

#[test]
fn a_name_no_thread_can_have_is_an_error_or_a_panic_that_says_so() {
    limited(|| {
        let builder = Builder::new_multi_thread().worker_threads(1).thread_name("a\0b");
        let built = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| builder.build()));
        match built {
            Ok(built) => assert!(built.is_err(), "a thread with a zero byte in its name"),
            Err(payload) => {
                let text = crate::stage::message(&*payload);
                assert!(text.contains("name"), "{text}");
            }
        }
    });
}

#[test]
fn no_thread_for_a_worker_is_an_error_and_leaves_nothing_behind() {
    limited(|| {
        for _ in 0..3 {
            let builder = Builder::new_multi_thread().worker_threads(3);
            fail_starts_here(1);
            let error = refusal(builder);
            fail_starts_here(0);
            assert!(matches!(error, BuildError::NoThread(_)), "{error}");
            assert!(error.to_string().contains("raise the limit of threads"), "{error}");
            assert!(error.source().is_some());
            assert_ne!(io::Error::from(error).kind(), io::ErrorKind::InvalidInput);
        }
        assert_serves(&multi(3));
    });
}

#[test]
fn no_thread_for_run_is_an_error() {
    limited(|| {
        fail_starts_here(1);
        let run = Builder::new_multi_thread().worker_threads(2).run(async {});
        fail_starts_here(0);
        assert!(matches!(run, Err(BuildError::NoThread(_))));
        // Alone it needs none.
        fail_starts_here(1);
        let run = Builder::new_multi_thread().worker_threads(1).run(async { 7 });
        fail_starts_here(0);
        assert_eq!(run.unwrap(), 7);
    });
}

#[test]
fn no_thread_for_the_pool_cancels_the_closure_and_is_reported() {
    limited(|| {
        for builder in flavors() {
            let reports = crate::stage::Reports::default();
            let runtime = builder.on_unhandled(reports.hook()).build().unwrap();
            fail_starts_here(1);
            let closure = runtime.spawn_blocking(|| 7);
            fail_starts_here(0);
            assert!(closure.join_blocking(None).unwrap().unwrap_err().is_cancelled());
            let texts = reports.texts();
            assert_eq!(texts.len(), 1, "{texts:?}");
            assert!(texts[0].contains("raise the limit of threads"), "{texts:?}");
            assert_serves(&runtime);
        }
        fail_starts(0);
    });
}

#[test]
fn a_run_inside_a_run_is_refused() {
    limited(|| {
        let told = panic_of(|| bowerbird::run(async { bowerbird::run(async {}) }));
        assert!(told.starts_with("run was called inside a task"), "{told}");
        assert!(told.contains("spawn_blocking"), "it says what to do: {told}");
    });
}

#[test]
fn a_local_runtime_of_many_threads_is_refused() {
    let told = panic_of(|| Builder::new_multi_thread().build_local());
    assert!(told.contains("Builder::new_current_thread()"), "{told}");
}

#[test]
fn a_channel_without_room_is_refused() {
    let told = panic_of(|| mpsc::channel::<u8>(0));
    assert!(told.contains("capacity") || told.contains("room") || told.contains('0'), "{told}");
}

#[test]
fn an_interval_without_a_period_is_refused() {
    let told = panic_of(|| interval(Duration::ZERO));
    assert_eq!(told, "the period of an interval must not be zero");
}

#[test]
fn a_poll_after_the_end_says_so_or_stays_ready() {
    limited(|| {
        let runtime = single();
        runtime.block_on(async {
            let mut done = Box::pin(async {});
            done.as_mut().await;
            assert!(panic_of(|| poll_once(&mut done)).contains("after completion"));
            let mut all = Box::pin(gather((ready(1), ready(2))));
            assert!(poll_once(&mut all).is_ready());
            let told = panic_of(|| poll_once(&mut all));
            assert!(!told.is_empty());
            let mut yielded = yield_now();
            assert!(poll_once(&mut yielded).is_pending());
            assert!(poll_once(&mut yielded).is_ready());
            assert!(poll_once(&mut yielded).is_ready());
            let mut slept = Box::pin(sleep(Duration::ZERO));
            assert!(poll_once(&mut slept).is_ready());
            assert!(poll_once(&mut slept).is_ready());
        });
    });
}

#[test]
fn durations_at_the_edge_overflow_nothing() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.paused_clock().build().unwrap();
            runtime.block_on(async {
                let edges = [
                    Duration::ZERO,
                    Duration::from_nanos(1),
                    Duration::from_millis(1),
                    Duration::from_secs(u64::MAX / 2),
                    Duration::MAX - Duration::from_nanos(1),
                    Duration::MAX,
                ];
                for a in edges {
                    for b in edges {
                        let _ = timeout(Duration::from_secs(1), timeout(a, sleep(b))).await;
                    }
                    let mut interval = interval(a.max(Duration::from_nanos(1)));
                    interval.tick().await;
                    interval.reset_after(a);
                }
            });
        }
        let runtime = multi(1);
        let patient = Shutdown::default().workers(Duration::MAX).blocking(Duration::MAX);
        assert!(runtime.shutdown(patient).is_clean());
    });
}

#[test]
fn a_runtime_can_be_built_on_a_small_stack() {
    limited(|| {
        let thread = std::thread::Builder::new().stack_size(128 << 10).spawn(|| {
            let runtime = multi(2);
            runtime.block_on(async {
                spawn_blocking(|| 1).await.unwrap() + spawn(async { 1 }).await.unwrap()
            })
        });
        assert_eq!(thread.unwrap().join().unwrap(), 2);
    });
}
