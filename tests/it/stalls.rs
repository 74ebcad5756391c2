//! Tasks that block their thread: nobody waits for them. Each test would hang if
//! somebody did.

use crate::stage::{Door, assert_serves, limited, multi};
use bowerbird::{
    JoinHandle,
    net::TcpStream,
    runtime::{Builder, Handle, Runtime, Shutdown},
    spawn, spawn_local,
    sync::Notify,
    time::{Duration, Instant, sleep},
    yield_now,
};
use futures::future::Either;
use std::{
    future::Future,
    io::Write,
    net::{Ipv4Addr, TcpListener},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    task::{Context, Wake, Waker},
    thread,
};
use sync::shim::thread::fail_starts_here;

/// A waker which a thread waits for.
struct Call(mpsc::Sender<()>);

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        // Whoever waited may have gone.
        let _ = self.0.send(());
    }
}

fn call() -> (Waker, mpsc::Receiver<()>) {
    let (call, called) = mpsc::channel();
    (Waker::from(Arc::new(Call(call))), called)
}

/// Tasks that wait for `go`, and then say so.
async fn waiters(
    runtime: &Runtime,
    count: usize,
) -> (Vec<Arc<Notify>>, mpsc::Receiver<()>, Vec<JoinHandle<()>>) {
    let (say, said) = mpsc::channel();
    let (notifies, tasks) = (0..count)
        .map(|_| {
            let (go, say) = (Arc::new(Notify::new()), say.clone());
            let theirs = go.clone();
            let task = runtime.spawn(async move {
                theirs.notified().await;
                say.send(()).unwrap();
            });
            (go, task)
        })
        .unzip();
    while runtime.handle().tasks().iter().filter(|it| it.waits_for.is_some()).count() < count {
        yield_now().await;
    }
    (notifies, said, tasks)
}

#[test]
fn whom_a_task_wakes_before_it_blocks_runs_elsewhere() {
    limited(|| {
        for workers in [2, 4] {
            let runtime = multi(workers);
            runtime.block_on(async {
                for _ in 0..5 {
                    let (mut go, woken, tasks) = waiters(&runtime, 1).await;
                    let go = go.remove(0);
                    let blocked = spawn(async move {
                        go.notify_one();
                        woken.recv().unwrap();
                    });
                    blocked.await.unwrap();
                    for task in tasks {
                        task.await.unwrap();
                    }
                }
            });
            assert_serves(&runtime);
        }
    });
}

/// Several times in one poll: the second block is no new stall to who counts polls.
#[test]
fn a_task_may_block_many_times_in_one_poll() {
    limited(|| {
        let runtime = multi(2);
        runtime.block_on(async {
            let (go, woken, tasks) = waiters(&runtime, 20).await;
            let blocked = spawn(async move {
                for it in go {
                    it.notify_one();
                    woken.recv().unwrap();
                }
            });
            blocked.await.unwrap();
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_serves(&runtime);
    });
}

#[test]
fn timers_of_a_worker_that_is_blocked_fire() {
    limited(|| {
        for workers in [1, 2, 4] {
            let runtime = multi(workers);
            let blocked = runtime.spawn(async {
                for millis in [0, 1, 10, 30] {
                    let (waker, called) = call();
                    let mut nap = pin!(sleep(Duration::from_millis(millis)));
                    let is_over = nap.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
                    if !is_over {
                        // The timer is this worker's, which does not look.
                        called.recv().unwrap();
                    }
                }
            });
            runtime.block_on(blocked).unwrap();
            assert_serves(&runtime);
        }
    });
}

#[test]
fn a_socket_is_served_while_all_workers_are_blocked() {
    limited(|| {
        for workers in [1, 3] {
            let runtime = multi(workers);
            let blocked = (0..workers).map(|_| {
                runtime.spawn(async {
                    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                    let address = listener.local_addr().unwrap();
                    let stream = TcpStream::connect(address).await.unwrap();
                    let (mut theirs, _) = listener.accept().unwrap();
                    for _ in 0..3 {
                        let (waker, called) = call();
                        let mut byte = [0];
                        let mut peek = pin!(stream.peek(&mut byte));
                        assert!(peek.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
                        theirs.write_all(&[7]).unwrap();
                        called.recv().unwrap();
                        assert_eq!(peek.await.unwrap(), 1);
                        futures::AsyncReadExt::read_exact(&mut &stream, &mut [0]).await.unwrap();
                    }
                })
            });
            let blocked: Vec<_> = blocked.collect();
            for task in blocked {
                runtime.block_on(task).unwrap();
            }
            assert_serves(&runtime);
        }
    });
}

/// The only worker is blocked: somebody has to be added.
#[test]
fn what_a_task_spawns_before_it_blocks_the_only_worker_runs() {
    limited(|| {
        let runtime = multi(1);
        for _ in 0..5 {
            let blocked = runtime.spawn(async {
                let (say, said) = mpsc::channel();
                drop(spawn(async move {
                    sleep(Duration::from_millis(1)).await;
                    say.send(()).unwrap();
                }));
                said.recv().unwrap();
            });
            runtime.block_on(blocked).unwrap();
        }
        assert_serves(&runtime);
    });
}

/// A chain of tasks each of which blocks until the next has run.
#[test]
fn all_workers_and_some_spare_ones_may_be_blocked() {
    fn chain(left: usize) -> JoinHandle<usize> {
        spawn(async move {
            if left == 0 {
                sleep(Duration::from_millis(1)).await;
                return 1;
            }
            chain(left - 1).join_blocking(None).unwrap().unwrap() + 1
        })
    }
    limited(|| {
        for workers in [1, 3] {
            let runtime = Builder::new_multi_thread()
                .worker_threads(workers)
                .spare_workers(4)
                .build()
                .unwrap();
            let blocked = runtime.spawn(async move { chain(workers + 2).await.unwrap() });
            assert_eq!(runtime.block_on(blocked).unwrap(), workers + 3);
            assert_serves(&runtime);
        }
    });
}

/// Each thread that starts waits in its hook, for longer than a look of the watcher.
#[test]
fn a_spare_worker_that_is_slow_to_come_is_called_once() {
    limited(|| {
        let started = Arc::new(AtomicUsize::new(0));
        let theirs = started.clone();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .spare_workers(1)
            .on_thread_start(move || {
                if theirs.fetch_add(1, Relaxed) > 0 {
                    thread::sleep(Duration::from_millis(60));
                }
            })
            .build()
            .unwrap();
        let (say, said) = mpsc::channel();
        let task = runtime.spawn(async move {
            let other = spawn(async move { say.send(()).unwrap() });
            said.recv().unwrap();
            other.await.unwrap();
        });
        runtime.block_on(task).unwrap();
        drop(runtime);
        assert_eq!(started.load(Relaxed), 2, "the worker and the spare one");
    });
}

/// Spare workers and what they leave: timers on their seats, local tasks, sockets.
#[test]
fn what_a_spare_worker_has_begun_goes_on_after_it() {
    limited(|| {
        let runtime = multi(1);
        let (begun, has_begun) = mpsc::channel();
        let task = runtime.spawn(async move {
            let other = spawn(async move {
                let home = thread::current().id();
                let nap = spawn(async {
                    sleep(Duration::from_millis(150)).await;
                });
                let local = spawn_local(async move {
                    sleep(Duration::from_millis(120)).await;
                    thread::current().id() == home
                });
                begun.send(()).unwrap();
                nap.await.unwrap();
                local.await.unwrap()
            });
            has_begun.recv().unwrap();
            other.await.unwrap()
        });
        assert!(runtime.block_on(task).unwrap(), "a local task stays on its thread");
        assert_serves(&runtime);
    });
}

#[test]
fn a_runtime_ends_while_spare_workers_are_there() {
    limited(|| {
        for _ in 0..10 {
            let runtime = multi(1);
            let task = runtime.spawn(async {
                let (say, said) = mpsc::channel();
                drop(spawn(async move {
                    say.send(()).unwrap();
                    std::future::pending::<()>().await;
                }));
                said.recv().unwrap();
            });
            runtime.block_on(task).unwrap();
            let report = runtime.shutdown(Shutdown::default());
            assert!(report.is_clean(), "{report}");
        }
    });
}

/// A watcher that the system refuses is done without.
#[test]
fn a_runtime_without_a_watcher_works() {
    limited(|| {
        // The only thread that it starts.
        fail_starts_here(1);
        let out = Builder::new_multi_thread().worker_threads(1).run(async {
            fail_starts_here(0);
            spawn(async { 7 }).await.unwrap()
        });
        assert_eq!(out.unwrap(), 7);
    });
}

/// Blocks its worker until the door opens, under a name of its own.
fn block_at(runtime: &Runtime, door: &Door) -> JoinHandle<()> {
    let door = door.clone();
    let _entered = runtime.handle().enter();
    bowerbird::task::Builder::new().name("the one").spawn(async move { door.pass() })
}

#[test]
fn a_stall_is_told_of_with_the_task_and_again_when_it_is_over() {
    limited(|| {
        for workers in [1, 2] {
            let (tell, told) = mpsc::channel();
            let runtime = Builder::new_multi_thread()
                .worker_threads(workers)
                .stall_threshold(Duration::from_millis(20))
                .on_stall(move |it| tell.send(it.clone()).unwrap())
                .build()
                .unwrap();
            let door = Door::default();
            let task = block_at(&runtime, &door);
            let begun = told.recv().unwrap();
            assert_eq!((Some(begun.task.id), begun.is_over), (task.id(), false));
            assert_eq!(begun.task.name.as_deref(), Some("the one"));
            assert!(begun.task.spawned_at.is_some_and(|it| it.file().ends_with("stalls.rs")));
            assert!(begun.worker < workers && begun.duration >= Duration::from_millis(20));
            let text = begun.to_string();
            assert!(text.contains("`the one`") && text.contains("spawn_blocking"), "{text}");
            door.open();
            let ended = told.recv().unwrap();
            assert_eq!((ended.task.id, ended.is_over), (begun.task.id, true));
            assert!(ended.duration >= begun.duration);
            runtime.block_on(task).unwrap();
            assert_serves(&runtime);
        }
    });
}

#[test]
fn in_debug_mode_a_stall_is_an_unhandled_mistake() {
    limited(|| {
        let (tell, told) = mpsc::channel();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .debug(true)
            .on_unhandled(move |it| tell.send(it.to_string()).unwrap())
            .build()
            .unwrap();
        let door = Door::default();
        let task = block_at(&runtime, &door);
        let text = told.recv().unwrap();
        assert!(text.contains("`the one`") && text.contains("in one poll"), "{text}");
        door.open();
        runtime.block_on(task).unwrap();
        assert!(told.try_recv().is_err(), "that it is over is told to who asked for it");
    });
}

#[test]
fn a_hook_that_panics_ends_no_watcher() {
    limited(|| {
        let (tell, told) = mpsc::channel();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .stall_threshold(Duration::from_millis(5))
            .on_stall(move |it| {
                tell.send(it.is_over).unwrap();
                std::panic::resume_unwind(Box::new(()));
            })
            .build()
            .unwrap();
        for _ in 0..3 {
            let door = Door::default();
            let task = block_at(&runtime, &door);
            assert!(!told.recv().unwrap());
            door.open();
            assert!(told.recv().unwrap());
            runtime.block_on(task).unwrap();
        }
    });
}

#[test]
fn tasks_that_yield_are_not_told_of() {
    limited(|| {
        let (tell, told) = mpsc::channel();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .stall_threshold(Duration::from_secs(1))
            .on_stall(move |it| tell.send(it.clone()).unwrap())
            .build()
            .unwrap();
        let task = runtime.spawn(async {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(1_200) {
                yield_now().await;
            }
        });
        runtime.block_on(task).unwrap();
        assert!(told.try_recv().is_err());
    });
}

/// Tells what nobody handles, of a runtime that reports soon.
fn told_soon(builder: Builder) -> (Runtime, mpsc::Receiver<String>) {
    let (tell, told) = mpsc::channel();
    let runtime = builder
        .stall_threshold(Duration::from_millis(5))
        .on_unhandled(move |it| tell.send(it.to_string()).unwrap())
        .build()
        .unwrap();
    (runtime, told)
}

/// A `block_on` that waits for `local`, which cannot run meanwhile, or for the door.
fn wait_in_vain(local: JoinHandle<()>, door: Arc<Notify>) -> u32 {
    let called_at = line!() + 1;
    Handle::current().block_on(async {
        let opened = pin!(door.notified());
        match futures::future::select(local, opened).await {
            Either::Left(_) => panic!("nobody ran it"),
            Either::Right(_) => called_at,
        }
    })
}

/// That `text` names both calls.
#[track_caller]
fn assert_names(text: &str, block_on: u32, spawned: u32) {
    let at = |line| format!("stalls.rs:{line}:");
    assert!(text.starts_with("block_on inside a task, task #"), "{text}");
    assert!(text.contains(&at(block_on)) && text.contains(&at(spawned)), "{text}");
}

#[test]
fn a_block_on_that_waits_for_its_own_thread_is_told_of() {
    limited(|| {
        let (runtime, told) = told_soon(Builder::new_multi_thread().worker_threads(2));
        for is_ready in [true, false] {
            let door = Arc::new(Notify::new());
            let theirs = door.clone();
            let task = runtime.spawn(async move {
                let first = Arc::new(Notify::new());
                let go = first.clone();
                let local = spawn_local(async move { first.notified().await });
                let spawned = line!() - 1;
                if !is_ready {
                    // It becomes ready when nobody is there to see that.
                    yield_now().await;
                    drop(spawn(async move { go.notify_one() }));
                }
                (wait_in_vain(local, theirs), spawned)
            });
            let text = told.recv().unwrap();
            door.notify_one();
            let (block_on, spawned) = runtime.block_on(task).unwrap();
            assert_names(&text, block_on, spawned);
            assert!(text.contains("it waits for ever"), "{text}");
        }
        assert_serves(&runtime);
        assert!(told.try_recv().is_err(), "once for each call");
    });
}

/// Wherever a thread may have tasks of its own: of a worker's right, of a guest, behind
/// another `block_on`.
#[test]
fn other_threads_that_wait_for_themselves_are_told_of() {
    /// Gives where it called `block_on`, and where it spawned whom it waits for.
    type Way = fn(Handle, Arc<Notify>) -> (u32, u32);

    async fn waits(door: Arc<Notify>) -> (u32, u32) {
        let (local, spawned) = (spawn_local(async {}), line!());
        (wait_in_vain(local, door), spawned)
    }
    limited(|| {
        let (runtime, told) = told_soon(Builder::new_multi_thread().worker_threads(2));
        let ways: [Way; 3] = [
            |handle, door| {
                handle.spawn_pinned(1, || waits(door)).join_blocking(None).unwrap().unwrap()
            },
            |handle, door| handle.block_on(waits(door)),
            |handle, door| {
                let inner = handle.clone();
                handle.block_on(async move {
                    let (local, spawned) = (spawn_local(async {}), line!());
                    // The outermost thread's task, two calls inside.
                    (inner.block_on(async move { wait_in_vain(local, door) }), spawned)
                })
            },
        ];
        for way in ways {
            let (door, handle) = (Arc::new(Notify::new()), runtime.handle().clone());
            let theirs = door.clone();
            let thread = thread::spawn(move || way(handle, theirs));
            let text = told.recv().unwrap();
            door.notify_one();
            let (_, spawned) = thread.join().unwrap();
            assert!(text.contains(&format!("stalls.rs:{spawned}:")), "{text}");
        }
        assert_serves(&runtime);
    });
}

/// The one who blocks waits for others, and its own tasks for nothing that is ready.
#[test]
fn a_block_on_that_holds_nobody_up_is_not_told_of() {
    limited(|| {
        let (runtime, told) = told_soon(Builder::new_multi_thread().worker_threads(2));
        let task = runtime.spawn(async {
            let polled = Arc::new(Notify::new());
            let theirs = polled.clone();
            let local = spawn_local(async move {
                theirs.notify_one();
                std::future::pending::<()>().await;
            });
            polled.notified().await;
            Handle::current().block_on(sleep(Duration::from_millis(50)));
            local.abort();
        });
        runtime.block_on(task).unwrap();
        assert!(told.try_recv().is_err());
    });
}

/// What the poll has found pending before it blocked is told, too.
#[test]
fn a_stall_is_told_of_with_where_the_task_waits() {
    limited(|| {
        let (tell, told) = mpsc::channel();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .stall_threshold(Duration::from_millis(5))
            .on_stall(move |it| tell.send(it.clone()).unwrap())
            .build()
            .unwrap();
        let door = Door::default();
        let theirs = door.clone();
        let task = runtime.spawn(async move {
            let mut nap = pin!(sleep(Duration::from_secs(60)));
            assert!(futures::poll!(nap.as_mut()).is_pending());
            theirs.pass();
        });
        let stall = told.recv().unwrap();
        let site = stall.task.waits_for.unwrap();
        assert_eq!(site.kind, sync::wait_site::Kind::Timer);
        assert!(site.location.is_some_and(|it| it.file().ends_with("stalls.rs")));
        door.open();
        runtime.block_on(task).unwrap();
    });
}

/// A worker is kept by the waker of a timer, between two polls.
#[test]
fn a_task_is_not_told_of_for_what_comes_after_its_poll() {
    struct Keep(Door, mpsc::Sender<()>);

    impl Wake for Keep {
        fn wake(self: Arc<Self>) {
            self.1.send(()).unwrap();
            // The watcher fires what others leave for long, and is needed.
            if thread::current().name().is_some_and(|it| !it.ends_with("watcher")) {
                self.0.pass();
            }
        }
    }

    limited(|| {
        let (tell, told) = mpsc::channel();
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .stall_threshold(Duration::from_millis(5))
            .on_stall(move |it| tell.send(it.clone()).unwrap())
            .build()
            .unwrap();
        let (kept, other) = (Door::default(), Door::default());
        let (tell_kept, is_kept) = mpsc::channel();
        let waker = Waker::from(Arc::new(Keep(kept.clone(), tell_kept)));
        let busy = runtime.spawn(async move {
            let mut nap = pin!(sleep(Duration::from_millis(1)));
            while nap.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                yield_now().await;
            }
        });
        is_kept.recv().unwrap();
        // This one is kept for a shorter time than that one, and told of.
        let task = block_at(&runtime, &other);
        let begun = told.recv().unwrap();
        assert_eq!(Some(begun.task.id), task.id(), "{begun}");
        other.open();
        kept.open();
        runtime.block_on(task).unwrap();
        runtime.block_on(busy).unwrap();
    });
}
