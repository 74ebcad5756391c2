//! A failure that nobody awaits is heard of where its handle was given up for that.

use crate::stage::{Reports, Witness, flavors, limited};
use bowerbird::{
    JoinHandle,
    runtime::{Builder, Runtime, Unhandled},
    spawn, spawn_blocking, spawn_local,
    sync::Event,
    task, yield_now,
};
use std::{
    future::{Future, pending},
    io,
    sync::{Arc, Mutex},
};

/// A runtime of each flavor, and what it reports.
fn reporting() -> impl Iterator<Item = (Runtime, Reports)> {
    flavors().into_iter().map(|builder| {
        let reports = Reports::default();
        (builder.on_unhandled(reports.hook()).build().unwrap(), reports)
    })
}

#[test]
fn an_error_is_heard_with_its_task() {
    let heard = Arc::new(Mutex::new(None));
    let theirs = heard.clone();
    let builder = Builder::new_current_thread().on_unhandled(move |what| {
        let Unhandled::Failed { task: Some(task), error } = what else {
            panic!("something else: {what}")
        };
        let kind = error.downcast_ref::<io::Error>().unwrap().kind();
        *theirs.lock().unwrap() = Some((task.clone(), kind, what.to_string()));
    });
    builder.build().unwrap().block_on(async {
        let fails = async {
            yield_now().await;
            Err::<(), _>(io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads"))
        };
        let task = task::Builder::new().name("writer").spawn(fails);
        task.detach_reporting();
        for _ in 0..4 {
            yield_now().await;
        }
    });
    let (task, kind, text) = heard.lock().unwrap().take().unwrap();
    assert_eq!((task.name.as_deref(), kind), (Some("writer"), io::ErrorKind::BrokenPipe));
    assert!(task.spawned_at.unwrap().file().ends_with("reporting.rs"));
    assert!(text.starts_with("task `writer` #"), "{text}");
    assert!(text.ends_with("failed, and nobody awaits it: nobody reads"), "{text}");
}

#[test]
fn whatever_kind_of_task_it_is_and_whenever_it_fails() {
    limited(|| {
        for (runtime, reports) in reporting() {
            runtime.block_on(async {
                let gate = Arc::new(Event::new());
                let fail = |text: &'static str| {
                    let gate = gate.clone();
                    async move {
                        gate.wait().await;
                        Err::<(), String>(text.to_owned())
                    }
                };
                spawn(fail("later")).detach_reporting();
                spawn_local(fail("local")).detach_reporting();
                // Polled before: a waker lies in its slot.
                let mut awaited = spawn(fail("awaited before"));
                std::future::poll_fn(|cx| {
                    assert!(std::pin::Pin::new(&mut awaited).poll(cx).is_pending());
                    std::task::Poll::Ready(())
                })
                .await;
                awaited.detach_reporting();
                gate.set();
                let early = spawn(fail("before it was given up"));
                while !early.is_finished() {
                    yield_now().await;
                }
                early.detach_reporting();
                spawn_blocking(|| Err::<(), _>("on the pool")).detach_reporting();
                while reports.texts().len() < 5 {
                    yield_now().await;
                }
            });
            let mut ends: Vec<_> = reports
                .texts()
                .iter()
                .map(|it| it.rsplit_once(": ").unwrap().1.to_owned())
                .collect();
            ends.sort();
            let all = ["awaited before", "before it was given up", "later", "local", "on the pool"];
            assert_eq!(ends, all);
        }
    });
}

#[test]
fn a_panic_is_heard_once_and_a_success_or_an_abort_not_at_all() {
    limited(|| {
        for (runtime, reports) in reporting() {
            runtime.block_on(async {
                let panics = async { if true { panic!("broken") } else { Ok::<(), String>(()) } };
                spawn(panics).detach_reporting();
                spawn(async { Ok::<_, String>(7) }).detach_reporting();
                let endless: JoinHandle<Result<(), String>> = spawn(pending());
                let abort = endless.abort_handle();
                endless.detach_reporting();
                abort.abort_with("enough");
                while reports.texts().is_empty() || abort.info().is_some() {
                    yield_now().await;
                }
            });
            drop(runtime);
            let texts = reports.texts();
            assert!(texts.len() == 1 && texts[0].contains("panicked: broken"), "{texts:?}");
        }
    });
}

#[test]
fn what_the_task_gave_or_held_is_dropped_with_it() {
    limited(|| {
        for (runtime, reports) in reporting() {
            let witness = Witness::default();
            let (output, held) = (witness.token(), witness.token());
            let endless = runtime.spawn(async move {
                let _held = held;
                pending::<Result<(), String>>().await
            });
            endless.detach_reporting();
            let task = runtime.spawn(async move { Ok::<_, String>(output) });
            let abort = task.abort_handle();
            task.detach_reporting();
            runtime.block_on(async {
                while abort.info().is_some() || witness.count() == 0 {
                    yield_now().await;
                }
            });
            assert_eq!(witness.count(), 1);
            drop(runtime);
            assert_eq!((witness.count(), reports.texts().len()), (2, 0));
        }
    });
}

/// Threads that give handles up while their tasks end: each failure is heard once.
#[test]
fn giving_up_races_with_the_end() {
    limited(|| {
        let reports = Reports::default();
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .on_unhandled(reports.hook())
            .build()
            .unwrap();
        for n in 0..2000 {
            let task = runtime.spawn(async move { Err::<(), String>(n.to_string()) });
            for _ in 0..n % 50 {
                std::hint::spin_loop();
            }
            task.detach_reporting();
        }
        runtime.block_on(async {
            while reports.texts().len() < 2000 {
                yield_now().await;
            }
        });
        drop(runtime);
        assert_eq!(reports.texts().len(), 2000);
    });
}

#[test]
fn values_and_errors_that_panic_break_nothing() {
    struct Breaks;
    impl Drop for Breaks {
        fn drop(&mut self) {
            panic!("a shard");
        }
    }
    struct Unspeakable;
    impl From<Unspeakable> for Box<dyn std::error::Error + Send + Sync> {
        fn from(_: Unspeakable) -> Self {
            panic!("no words for it")
        }
    }
    limited(|| {
        for (runtime, reports) in reporting() {
            runtime.spawn(async { Ok::<_, String>(Breaks) }).detach_reporting();
            runtime.spawn(async { Err::<(), _>(Unspeakable) }).detach_reporting();
            runtime.block_on(async {
                while reports.texts().len() < 2 {
                    yield_now().await;
                }
            });
            let texts = reports.texts().join("\n");
            assert!(texts.contains("a shard") && texts.contains("no words"), "{texts}");
        }
    });
}

#[test]
fn a_refused_task_has_nothing_to_report() {
    limited(|| {
        for (runtime, reports) in reporting() {
            let handle = runtime.handle().clone();
            drop(runtime);
            handle.spawn(async { Err::<(), _>("never ran") }).detach_reporting();
            assert!(reports.texts().is_empty());
        }
    });
}
