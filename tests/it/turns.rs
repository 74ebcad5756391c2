//! A runtime inside a loop that is not its own.

use crate::stage::{Witness, limited, multi, panic_of, single};
use bowerbird::{
    io::AsyncFd,
    net::UdpSocket,
    runtime::{Builder, LocalRuntime, Reactor, Runtime, Shutdown},
    spawn, spawn_blocking, spawn_local,
    sync::{Event, mpsc as channel, shim},
    task_local,
    time::sleep,
    yield_now,
};
use std::{
    cell::Cell,
    future::pending,
    rc::Rc,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    task::{Context, Waker},
    thread,
    time::Duration,
};

const NOT_AT_ALL: Option<Duration> = Some(Duration::ZERO);
const LONG: Option<Duration> = Some(Duration::from_secs(40));

/// A current-thread runtime, and what its `on_wake` says.
fn hooked() -> (Builder, mpsc::Receiver<()>) {
    let (wakes, woken) = mpsc::channel();
    let tell = move || {
        // Nobody listens any more at the end.
        let _ = wakes.send(());
    };
    (Builder::new_current_thread().on_wake(tell), woken)
}

/// Takes turns until there is nothing left to run.
fn settle(runtime: &Runtime) {
    while runtime.turn(NOT_AT_ALL).has_more {}
}

#[test]
fn what_is_ready_gets_one_poll() {
    limited(|| {
        let runtime = single();
        let polls = Arc::new(AtomicUsize::new(0));
        for _ in 0..3 {
            let polls = polls.clone();
            drop(runtime.spawn(async move {
                for _ in 0..4 {
                    polls.fetch_add(1, Relaxed);
                    yield_now().await;
                }
            }));
        }
        for n in 1..=4 {
            let turn = runtime.turn(NOT_AT_ALL);
            assert_eq!((turn.polls, turn.has_more), (3, true), "turn {n}");
            assert_eq!(polls.load(Relaxed), 3 * n);
        }
        let last = runtime.turn(NOT_AT_ALL);
        assert_eq!((last.polls, last.has_more, last.next_deadline), (3, false, None));
        assert_eq!(runtime.turn(NOT_AT_ALL).polls, 0);
    });
}

#[test]
fn a_task_that_is_always_ready_does_not_keep_the_thread() {
    limited(|| {
        let runtime = single();
        drop(runtime.spawn(async {
            loop {
                drop(spawn(async {}));
                yield_now().await;
            }
        }));
        for _ in 0..100 {
            let turn = runtime.turn(None);
            assert!(turn.has_more && turn.polls <= 4, "{turn:?}");
        }
    });
}

#[test]
fn a_turn_waits_for_events_and_for_its_timeout_at_most() {
    limited(|| {
        let runtime = single();
        let begin = shim::now();
        let turn = runtime.turn(Some(Duration::from_millis(5)));
        assert!(turn.polls == 0 && begin.elapsed() < Duration::from_secs(30));
        // A timer ends the wait, and its task runs in the same turn.
        let (task, due) = loop {
            let task = runtime.spawn(sleep(Duration::from_millis(3)));
            let first = runtime.turn(LONG);
            // A thread that was held up meanwhile finds the timer due: once more.
            if let Some(due) = first.next_deadline {
                assert!(first.time_left().unwrap() <= Duration::from_millis(3));
                assert!(!task.is_finished());
                break (task, due);
            }
        };
        while !task.is_finished() {
            let _turn = runtime.turn(LONG);
        }
        assert!(due <= shim::now() && begin.elapsed() < Duration::from_secs(30));
        assert_eq!(runtime.turn(NOT_AT_ALL).next_deadline, None);
        // So does a wake from another thread.
        let event = Arc::new(Event::new());
        let theirs = event.clone();
        let task = runtime.spawn(async move { theirs.wait().await });
        settle(&runtime);
        let setter = thread::spawn(move || event.set());
        while !task.is_finished() {
            let _turn = runtime.turn(LONG);
        }
        setter.join().unwrap();
        assert!(begin.elapsed() < Duration::from_secs(30), "it slept on");
    });
}

#[test]
fn sockets_work_in_turns() {
    limited(|| {
        let runtime = single();
        let task = runtime.spawn(async {
            let (mine, theirs) =
                (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
            let address = mine.local_addr()?;
            let sender = spawn(async move {
                yield_now().await;
                theirs.send_to(b"berries", address).await
            });
            let mut buffer = [0; 16];
            let (length, _) = mine.recv_from(&mut buffer).await?;
            assert_eq!(&buffer[..length], b"berries");
            sender.await?
        });
        let mut events = 0;
        while !task.is_finished() {
            events += runtime.turn(LONG).events;
        }
        assert!(events > 0, "the driver delivered");
        assert_eq!(runtime.block_on(task).unwrap().unwrap(), 7);
    });
}

#[test]
fn between_turns_a_wake_from_elsewhere_is_told() {
    limited(|| {
        let (builder, woken) = hooked();
        let runtime = builder.build_local().unwrap();
        let (event, other) = (Arc::new(Event::new()), Arc::new(Event::new()));
        let (theirs, its) = (event.clone(), other.clone());
        let local = runtime.spawn_local(async move { theirs.wait().await });
        let task = runtime.handle().spawn(async move { its.wait().await });
        while runtime.turn(NOT_AT_ALL).has_more {}
        for _ in 0..3 {
            assert_eq!(runtime.turn(NOT_AT_ALL).polls, 0);
        }
        while woken.try_recv().is_ok() {}
        assert_eq!(runtime.turn(NOT_AT_ALL).polls, 0);
        assert!(woken.try_recv().is_err(), "nothing happened: nobody is woken");

        let handle = runtime.handle().clone();
        let spawned = thread::spawn(move || handle.spawn(async {})).join().unwrap();
        woken.recv().unwrap();
        while runtime.turn(NOT_AT_ALL).has_more {}
        assert!(spawned.is_finished());

        thread::spawn(move || event.set()).join().unwrap();
        woken.recv().unwrap();
        while runtime.turn(NOT_AT_ALL).has_more {}
        assert!(local.is_finished(), "a local task counts, too");

        thread::spawn(move || other.set()).join().unwrap();
        woken.recv().unwrap();
        while runtime.turn(NOT_AT_ALL).has_more {}
        assert!(task.is_finished());

        let blocking = runtime.spawn_local(async { spawn_blocking(|| 7).await.unwrap() });
        while !blocking.is_finished() {
            if !runtime.turn(NOT_AT_ALL).has_more && !blocking.is_finished() {
                woken.recv().unwrap();
            }
        }
        assert_eq!(runtime.block_on(blocking).unwrap(), 7);
    });
}

/// A loop that turns only when it is told to, while others wake its tasks.
#[test]
fn no_wake_is_lost_between_turns() {
    limited(|| {
        for _ in 0..5 {
            let (builder, woken) = hooked();
            let runtime = builder.build_local().unwrap();
            let (sender, mut receiver) = channel::channel::<u32>(4);
            let (local_sender, mut local_receiver) = channel::channel::<u32>(4);
            let task = runtime.handle().spawn(async move {
                let mut sum = 0;
                while let Some(n) = receiver.recv().await {
                    sum += n;
                }
                sum
            });
            let local = runtime.spawn_local(async move {
                let mut sum = 0;
                while let Some(n) = local_receiver.recv().await {
                    sum += n;
                }
                sum
            });
            let threads = [sender, local_sender].map(|sender| {
                thread::spawn(move || {
                    (0..500).for_each(|n| sender.blocking_send(n).unwrap());
                })
            });
            let is_over = || task.is_finished() && local.is_finished();
            while !is_over() {
                let turn = runtime.turn(NOT_AT_ALL);
                if !turn.has_more && !is_over() {
                    woken.recv_timeout(Duration::from_secs(30)).expect("a wake was lost");
                }
            }
            threads.into_iter().for_each(|it| it.join().unwrap());
            let sum = (0..500).sum::<u32>();
            assert_eq!(runtime.block_on(task).unwrap(), sum);
            assert_eq!(runtime.block_on(local).unwrap(), sum);
        }
    });
}

#[test]
fn a_hook_that_panics_breaks_nothing() {
    limited(|| {
        let builder = Builder::new_current_thread().on_wake(|| panic!("no window"));
        let runtime = builder.build().unwrap();
        settle(&runtime);
        let handle = runtime.handle().clone();
        let task = thread::spawn(move || handle.spawn(async { 7 })).join().unwrap();
        settle(&runtime);
        assert_eq!(runtime.block_on(task).unwrap(), 7);
    });
}

#[test]
fn local_tasks_end_with_the_turn_or_stay_with_a_local_runtime() {
    limited(|| {
        let runtime = single();
        let witness = Witness::default();
        let token = witness.token();
        drop(runtime.spawn(async move {
            drop(spawn_local(async move {
                let _token = token;
                pending::<()>().await;
            }));
        }));
        settle(&runtime);
        assert_eq!(witness.count(), 1);

        let local = LocalRuntime::new().unwrap();
        let count = Rc::new(Cell::new(0));
        let theirs = count.clone();
        drop(local.spawn_local(async move {
            for _ in 0..3 {
                theirs.set(theirs.get() + 1);
                yield_now().await;
            }
        }));
        for n in 1..=3 {
            assert!(local.turn(NOT_AT_ALL).polls > 0);
            assert_eq!(count.get(), n);
        }
    });
}

#[test]
fn turns_and_block_on_take_turns() {
    limited(|| {
        let (builder, _woken) = hooked();
        let runtime = builder.build_local().unwrap();
        let event = Arc::new(Event::new());
        let theirs = event.clone();
        let task = runtime.spawn_local(async move { theirs.wait().await });
        for _ in 0..10 {
            while runtime.turn(NOT_AT_ALL).has_more {}
            runtime.block_on(async { spawn(yield_now()).await.unwrap() });
            runtime.block_on(sleep(Duration::from_micros(10)));
        }
        event.set();
        while runtime.turn(NOT_AT_ALL).has_more {}
        assert!(task.is_finished());
    });
}

/// A thread that comes between two turns takes the sleeping worker's desk: whatever it
/// leaves ready, and the timers it leaves, the loop is told of.
#[test]
fn what_a_block_on_leaves_behind_is_told() {
    limited(|| {
        let (builder, woken) = hooked();
        let runtime = builder.build().unwrap();
        settle(&runtime);
        while woken.try_recv().is_ok() {}
        let task = thread::scope(|scope| {
            let visitor = scope.spawn(|| {
                let sleeper = async { sleep(Duration::from_micros(1)).await };
                runtime.block_on(async { Some(spawn(sleeper)) })
            });
            visitor.join().unwrap().unwrap()
        });
        while !task.is_finished() {
            let turn = runtime.turn(NOT_AT_ALL);
            if turn.time_left().is_none() && !task.is_finished() {
                woken.recv_timeout(Duration::from_secs(30)).expect("nobody told the loop");
            }
        }
        while woken.try_recv().is_ok() {}
        // In the middle of a sleep of its own, too.
        thread::scope(|scope| {
            let visitor = scope.spawn(|| {
                runtime.block_on(async { drop(spawn(async {})) });
            });
            woken.recv_timeout(Duration::from_secs(30)).expect("nobody told the loop");
            visitor.join().unwrap();
        });
        settle(&runtime);
        let panicked = thread::scope(|scope| {
            let visitor = scope.spawn(|| runtime.block_on(async { panic!("on purpose") }));
            visitor.join().is_err()
        });
        assert!(panicked && woken.recv_timeout(Duration::from_secs(30)).is_ok());
    });
}

#[test]
fn while_another_thread_runs_the_tasks_a_turn_only_waits() {
    limited(|| {
        let runtime = single();
        let (event, arrived) = (Arc::new(Event::new()), Arc::new(Barrier::new(2)));
        thread::scope(|scope| {
            let (runtime, theirs, here) = (&runtime, event.clone(), arrived.clone());
            scope.spawn(move || {
                runtime.block_on(async {
                    here.wait();
                    theirs.wait().await;
                });
            });
            arrived.wait();
            let task = runtime.spawn(async { thread::current().id() });
            let begin = shim::now();
            assert_eq!(runtime.turn(Some(Duration::from_millis(2))).polls, 0);
            assert!(begin.elapsed() < Duration::from_secs(30));
            assert_ne!(task.join_blocking(None).unwrap().unwrap(), thread::current().id());
            event.set();
        });
        // Nobody drives any more.
        let task = runtime.spawn(async { thread::current().id() });
        settle(&runtime);
        assert_eq!(task.join_blocking(None).unwrap().unwrap(), thread::current().id());
    });
}

#[test]
fn under_a_paused_clock_time_jumps_from_turn_to_turn() {
    limited(|| {
        let runtime = Builder::new_current_thread().paused_clock().build().unwrap();
        let task = runtime.spawn(async {
            let begin = bowerbird::time::Instant::now();
            sleep(Duration::from_secs(3600)).await;
            sleep(Duration::from_secs(3600)).await;
            begin.elapsed()
        });
        let mut turns = 0;
        while !task.is_finished() {
            let _turn = runtime.turn(LONG);
            turns += 1;
        }
        assert!(turns < 10, "{turns} turns");
        assert_eq!(runtime.block_on(task).unwrap(), Duration::from_secs(7200));
        assert_eq!(runtime.turn(None).polls, 0, "it does not wait for ever");
    });
}

#[test]
fn where_no_turn_can_be_taken_it_says_so() {
    limited(|| {
        let runtime = multi(1);
        let text = panic_of(|| runtime.turn(NOT_AT_ALL));
        assert!(text.contains("multi-thread") && text.contains("new_current_thread"), "{text}");
        let runtime = Arc::new(single());
        let theirs = runtime.clone();
        let text = runtime.block_on(async move { panic_of(|| theirs.turn(NOT_AT_ALL)) });
        assert!(text.contains("turn was called inside a task"), "{text}");
        let theirs = runtime.clone();
        let task = runtime.spawn(async move { panic_of(|| theirs.turn(NOT_AT_ALL)) });
        settle(&runtime);
        assert!(runtime.block_on(task).unwrap().contains("inside a task"));
    });
}

#[test]
fn a_task_of_another_runtime_may_take_turns() {
    limited(|| {
        let outer = single();
        outer.block_on(async {
            let inner = single();
            let task = inner.spawn(async { 7 });
            settle(&inner);
            assert!(task.is_finished());
            yield_now().await;
        });
    });
}

#[test]
fn a_runtime_may_end_between_turns() {
    limited(|| {
        let (builder, _woken) = hooked();
        let runtime = builder.build().unwrap();
        let witness = Witness::default();
        let token = witness.token();
        let task = runtime.spawn(async move {
            let _token = token;
            pending::<()>().await;
        });
        settle(&runtime);
        let report = runtime.shutdown(Shutdown::default());
        assert!(report.is_clean() && report.cancelled == 1, "{report}");
        assert!(task.is_finished() && witness.count() == 1);
    });
}

#[test]
fn tasks_see_nothing_of_the_turns_scopes() {
    task_local! {
        static OWN: u32;
        #[inherit]
        static TRACE: u32;
    }
    limited(|| {
        let runtime = single();
        let look = || (OWN.try_with(|it| *it).ok(), TRACE.try_with(|it| *it).ok());
        let task = runtime.spawn(async move { look() });
        OWN.sync_scope(1, || TRACE.sync_scope(2, || settle(&runtime)));
        assert_eq!(runtime.block_on(task).unwrap(), (None, None));
    });
}

/// A foreign loop may wait for the reactor's own descriptor: here another runtime.
#[test]
fn the_reactors_descriptor_tells_when_a_turn_is_due() {
    limited(|| {
        let builder = Builder::new_current_thread();
        let reactor = Reactor::builder().seats(builder.seats()).build().unwrap();
        let waker = reactor.clone();
        let runtime = builder
            .driver(reactor.clone())
            .on_wake(move || waker.make_readable())
            .build_local()
            .unwrap();
        let (event, is_set) = (Arc::new(Event::new()), Arc::new(AtomicUsize::new(0)));
        let (theirs, seen) = (event.clone(), is_set.clone());
        let task = runtime.spawn_local(async move {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let address = socket.local_addr().unwrap();
            thread::spawn(move || {
                std::net::UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"x", address).unwrap();
            });
            socket.recv_from(&mut [0; 4]).await.unwrap();
            seen.fetch_add(1, Relaxed);
            thread::spawn(move || theirs.set());
            event.wait().await;
        });
        let descriptor = reactor.poll_fd().unwrap().try_clone_to_owned().unwrap();
        single().block_on(async {
            let descriptor = AsyncFd::new(descriptor).unwrap();
            while !task.is_finished() {
                if !runtime.turn(NOT_AT_ALL).has_more && !task.is_finished() {
                    let mut ready = descriptor.readable().await.unwrap();
                    ready.clear_ready();
                }
            }
        });
        assert_eq!(is_set.load(Relaxed), 1);
    });
}

#[test]
fn a_timer_set_by_a_foreign_thread_says_that_a_turn_is_due() {
    limited(|| {
        let (builder, woken) = hooked();
        let runtime = builder.build().unwrap();
        settle(&runtime);
        assert_eq!(runtime.turn(NOT_AT_ALL).next_deadline, None);
        while woken.try_recv().is_ok() {}
        let handle = runtime.handle().clone();
        let foreign = thread::spawn(move || {
            let _here = handle.enter();
            let mut sleep = Box::pin(sleep(Duration::from_secs(3600)));
            let mut cx = Context::from_waker(Waker::noop());
            assert!(sleep.as_mut().poll(&mut cx).is_pending());
            sleep
        });
        let sleep = foreign.join().unwrap();
        woken.recv().unwrap();
        assert!(runtime.turn(NOT_AT_ALL).next_deadline.is_some());
        drop(sleep);
    });
}
