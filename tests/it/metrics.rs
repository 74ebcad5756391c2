//! What a runtime says it has done is what it has done.

use crate::stage::{flavors, limited, multi, single};
use bowerbird::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Handle, Metrics},
    spawn, spawn_blocking, spawn_local,
    sync::Notify,
    time::{Duration, sleep, timeout},
    yield_now,
};
use std::{
    future::{Future, pending},
    pin::pin,
    sync::{Arc, Barrier, mpsc},
    task::{Context, Wake, Waker},
    thread,
};

#[test]
fn tasks_are_counted_from_their_spawn_to_their_end() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.on_unhandled(|_| {}).build().unwrap();
            runtime.block_on(async {
                let now = || Handle::current().metrics();
                let start = now();
                assert_eq!(start.tasks_alive, 1, "the main future");
                let waiting: Vec<_> = (0..10).map(|_| spawn(pending::<()>())).collect();
                let local = spawn_local(pending::<()>());
                for _ in 0..5 {
                    spawn(async {}).await.unwrap();
                }
                spawn_blocking(|| {}).await.unwrap();
                let panics = spawn(async { panic!("on purpose") });
                assert!(panics.await.unwrap_err().is_panic());
                let middle = now();
                assert_eq!(middle.tasks_alive, 12);
                assert_eq!(middle.since(&start).tasks_spawned, 10 + 1 + 5 + 1 + 1);
                assert_eq!((middle.tasks_cancelled, middle.tasks_panicked), (0, 1));
                for task in waiting.into_iter().chain([local]) {
                    task.abort();
                    assert!(task.await.unwrap_err().is_cancelled());
                }
                let end = now();
                assert_eq!((end.tasks_alive, end.tasks_cancelled, end.tasks_panicked), (1, 11, 1));
            });
            assert_eq!(runtime.handle().metrics().tasks_alive, 0);
        }
    });
}

#[test]
fn a_join_handle_that_is_kept_keeps_no_task_alive() {
    limited(|| {
        let runtime = single();
        let kept = runtime.spawn(async {});
        runtime.block_on(async {
            while !kept.is_finished() {
                yield_now().await;
            }
        });
        assert_eq!(runtime.handle().metrics().tasks_alive, 0);
    });
}

#[test]
fn a_long_poll_is_seen_and_so_is_who_waited_for_it() {
    limited(|| {
        for builder in
            [Builder::new_current_thread(), Builder::new_multi_thread().worker_threads(1)]
        {
            let runtime = builder.build().unwrap();
            let task = runtime.spawn(async {
                let slow = spawn(async { thread::sleep(Duration::from_millis(20)) });
                let waits = spawn(async {});
                (slow.await.unwrap(), waits.await.unwrap())
            });
            runtime.block_on(task).unwrap();
            // Of the first pushes about each is watched, and one task at a time: which of
            // the two it is depends on what came before.
            let metrics = runtime.handle().metrics();
            let longest = metrics.poll_times().max().max(metrics.latencies().max());
            assert!(longest >= Duration::from_millis(20), "{metrics}");
            assert!(longest <= metrics.uptime, "{metrics}");
        }
    });
}

#[test]
fn samples_are_a_small_part_of_what_is_polled() {
    limited(|| {
        let runtime = multi(1);
        let task = runtime.spawn(async {
            let spinners: Vec<_> = (0..10)
                .map(|_| {
                    spawn(async {
                        for _ in 0..20_000 {
                            yield_now().await;
                        }
                    })
                })
                .collect();
            for task in spinners {
                task.await.unwrap();
            }
        });
        runtime.block_on(task).unwrap();
        let metrics = runtime.handle().metrics();
        let (polls, samples) = (metrics.polls(), metrics.poll_times().count());
        assert!(polls >= 200_000, "{polls}");
        assert!((200..=800).contains(&samples), "{samples} of {polls}");
        assert_eq!(metrics.latencies().count(), samples, "each has both figures");
        assert!(metrics.workers[0].busy() > Duration::ZERO);
        // The mean has no such bound: the system may have interrupted one of those timed.
        let half = metrics.poll_times().quantile(0.5).unwrap() * (polls / 2) as u32;
        assert!(half <= metrics.uptime * 2, "{metrics}");
    });
}

#[test]
fn a_task_is_watched_wherever_it_goes() {
    limited(|| {
        // Woken and spawned from outside only: all goes through the runtime's queue.
        let runtime = multi(2);
        for _ in 0..50 {
            let (task, barrier) = (Arc::new(Notify::new()), Arc::new(Barrier::new(2)));
            let (theirs, met) = (task.clone(), barrier.clone());
            let waits = runtime.spawn(async move {
                met.wait();
                theirs.notified().await;
            });
            barrier.wait();
            task.notify_one();
            runtime.block_on(waits).unwrap();
        }
        let metrics = runtime.handle().metrics();
        let taken: u64 = metrics.workers.iter().map(|it| it.taken).sum();
        assert!(taken >= 50, "{metrics}");
        assert!(metrics.latencies().count() >= 10, "{metrics}");
    });
}

#[test]
fn a_local_task_that_is_dropped_in_the_queue_does_not_blind_the_worker() {
    limited(|| {
        let runtime = single();
        for round in 0..200 {
            // Spawned, ready, and dropped with the end of `block_on`.
            runtime.block_on(async { drop(spawn_local(async {})) });
            let samples = || runtime.handle().metrics().latencies().count();
            let before = samples();
            runtime.block_on(async {
                for _ in 0..3_000 {
                    yield_now().await;
                }
            });
            assert!(samples() > before, "round {round}");
        }
    });
}

#[test]
fn stalls_and_what_is_rescued_from_them_are_counted() {
    limited(|| {
        let builder = Builder::new_multi_thread().worker_threads(1).spare_workers(1);
        let runtime = builder.build().unwrap();
        let task = runtime.spawn(async {
            let (woken, has_begun) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
            let (waits, begins) = (woken.clone(), has_begun.clone());
            let (say, said) = mpsc::channel();
            let waiter = spawn(async move {
                begins.notify_one();
                waits.notified().await;
                say.send(()).unwrap();
            });
            has_begun.notified().await;
            // It lies in the slot of this worker, and is waited for in a blocking way.
            woken.notify_one();
            said.recv().unwrap();
            waiter.await.unwrap();
        });
        runtime.block_on(task).unwrap();
        // The watcher counts a thread when it has been started.
        while runtime.handle().metrics().spares_started == 0 {
            thread::yield_now();
        }
        let metrics = runtime.handle().metrics();
        assert!(metrics.stalls >= 1 && metrics.rescued_tasks >= 1, "{metrics}");
        let is_spare: Vec<_> = metrics.workers.iter().map(|it| it.is_spare).collect();
        assert_eq!(is_spare, [false, true]);
        assert!(metrics.workers[1].polls >= 1, "{metrics}");
        assert!(metrics.to_string().contains("\n    +1 "), "{metrics}");
        // It goes when it is not needed, and what it has counted stays.
        while runtime.handle().metrics().spares > 0 {
            thread::yield_now();
        }
        let later = runtime.handle().metrics();
        assert!(later.workers[1].is_spare && later.workers[1].polls >= metrics.workers[1].polls);
    });
}

#[test]
fn timers_that_the_watcher_fires_are_counted() {
    struct Call(mpsc::Sender<()>);

    impl Wake for Call {
        fn wake(self: Arc<Self>) {
            // Nobody listens any more at the end.
            let _ = self.0.send(());
        }
    }

    limited(|| {
        let builder = Builder::new_multi_thread().worker_threads(1).spare_workers(0);
        let runtime = builder.build().unwrap();
        let (done, is_done) = mpsc::channel();
        drop(runtime.spawn(async move {
            let (call, called) = mpsc::channel();
            let waker = Waker::from(Arc::new(Call(call)));
            let mut nap = pin!(sleep(Duration::from_millis(1)));
            assert!(nap.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            called.recv().unwrap();
            done.send(()).unwrap();
        }));
        // Not in `block_on`: a guest may fire the timers of others.
        is_done.recv().unwrap();
        // They are counted when their wakers have been called.
        while runtime.handle().metrics().rescued_events == 0 {
            thread::yield_now();
        }
        let metrics = runtime.handle().metrics();
        assert_eq!((metrics.spares_started, metrics.workers.len()), (0, 1));
    });
}

#[test]
fn the_driver_counts_its_timers_and_sources() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let task = runtime.spawn(async {
                let before = Handle::current().metrics().driver;
                assert_eq!((before.timers, before.sources), (0, 0));
                let far = spawn(sleep(Duration::from_secs(3_600)));
                for _ in 0..3 {
                    sleep(Duration::from_millis(1)).await;
                }
                for _ in 0..5 {
                    timeout(Duration::from_secs(60), yield_now()).await.unwrap();
                }
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
                let during = Handle::current().metrics().driver;
                assert_eq!((during.timers, during.sources), (1, 2), "{during}");
                assert_eq!(during.timers_fired, 3, "{during}");
                assert_eq!(
                    during.timers_set,
                    during.timers as u64 + during.timers_fired + during.timers_cancelled
                );
                drop((listener, stream));
                far.abort();
                assert!(far.await.unwrap_err().is_cancelled());
                let after = Handle::current().metrics().driver;
                assert_eq!((after.timers, after.sources), (0, 0), "{after}");
            });
            runtime.block_on(task).unwrap();
        }
    });
}

#[test]
fn what_was_counted_since_is_the_difference() {
    limited(|| {
        let runtime = multi(2);
        let round = || {
            runtime.block_on(async {
                for _ in 0..100 {
                    spawn(async { yield_now().await }).await.unwrap();
                }
            });
            runtime.handle().metrics()
        };
        let (first, second) = (round(), round());
        let since = second.since(&first);
        assert_eq!(since.tasks_spawned, 101);
        assert_eq!(since.polls(), second.polls() - first.polls());
        assert_eq!(since.uptime, second.uptime - first.uptime);
        assert_eq!(since.tasks_alive, second.tasks_alive, "what is true of a moment stays");
        let nothing = second.since(&second);
        assert_eq!((nothing.polls(), nothing.latencies().count()), (0, 0));
        assert_eq!(nothing.driver.turns, 0);
        assert_eq!(second.since(&Metrics::default()).polls(), second.polls());
    });
}

#[test]
fn the_table_has_a_line_for_each_worker_and_every_figure() {
    limited(|| {
        let builder = Builder::new_multi_thread().worker_threads(3).spare_workers(0);
        let runtime = builder.build().unwrap();
        runtime.block_on(async {
            spawn(async {}).await.unwrap();
            spawn_blocking(|| {}).await.unwrap();
        });
        let text = runtime.handle().metrics().to_string();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].starts_with("up ") && lines[0].contains("tasks of 3"), "{text}");
        assert!(lines[1].starts_with("worker"), "{text}");
        for worker in 0..3 {
            let line = lines[2 + worker].trim_start();
            assert!(line.starts_with(&worker.to_string()) && line.ends_with('%'), "{text}");
            assert_eq!(lines[1].len(), lines[2 + worker].len(), "columns:\n{text}");
        }
        let starts = ["polls", "latencies", "stalls", "blocking", "driver", "timers"];
        for (line, start) in lines[5..].iter().zip(starts) {
            assert!(line.starts_with(start), "{text}");
        }
        assert_eq!(lines.len(), 5 + starts.len(), "{text}");
        let empty = Metrics::default().to_string();
        assert!(empty.contains("none seen"), "{empty}");
    });
}

#[cfg(feature = "serde")]
#[test]
fn serde_gets_every_figure() {
    use bowerbird::runtime::SerializableMetrics;
    limited(|| {
        let runtime = multi(2);
        runtime.block_on(async {
            for _ in 0..20 {
                spawn(sleep(Duration::from_micros(100))).await.unwrap();
            }
        });
        let metrics = runtime.handle().metrics();
        let json = serde_json::to_value(SerializableMetrics(&metrics)).unwrap();
        assert_eq!(json["tasks_spawned"], 21);
        assert_eq!(json["driver"]["timers_fired"], metrics.driver.timers_fired);
        let workers = json["workers"].as_array().unwrap();
        let polls: u64 = workers.iter().map(|it| it["polls"].as_u64().unwrap()).sum();
        assert_eq!(polls, metrics.polls());
        let times = &json["workers"][0]["poll_times"];
        let sum: u64 =
            times["buckets"].as_array().unwrap().iter().map(|it| it[1].as_u64().unwrap()).sum();
        assert_eq!(times["count"], sum);
        // Each field of the record, by its name in `Debug`, is in the document.
        let debug = format!("{metrics:#?}");
        let fields = debug.lines().filter_map(|it| it.strip_prefix("    ")?.split_once(": "));
        for (field, _) in fields.filter(|it| !it.0.starts_with(' ')) {
            let name = if field == "uptime" { "uptime_ns" } else { field };
            assert!(json.get(name).is_some(), "{field} is missing in {json}");
        }
    });
}
