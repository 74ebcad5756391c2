//! A runtime that has nothing to do does nothing.

use crate::stage::{alone, lock};
use bowerbird::{
    net::TcpListener,
    runtime::Builder,
    spawn_blocking,
    time::{Duration, sleep},
};
use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, Mutex},
    thread,
};

/// What the names of the runtime's threads begin with, and no other thread's.
const THREADS: &str = "sleeper";

/// How often each thread of the runtime, by its number and name, has gone to sleep or
/// was put to it.
fn switches() -> BTreeMap<String, u64> {
    let mut threads = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/task").unwrap() {
        let folder = entry.unwrap().path();
        // A thread may end meanwhile.
        let (Ok(name), Ok(status)) =
            (fs::read_to_string(folder.join("comm")), fs::read_to_string(folder.join("status")))
        else {
            continue;
        };
        if !name.starts_with(THREADS) {
            continue;
        }
        let number = |line: &str| line.split_whitespace().last().unwrap().parse::<u64>().unwrap();
        let sum = status.lines().filter(|it| it.contains("ctxt_switches")).map(number).sum();
        threads.insert(format!("{} {}", folder.display(), name.trim()), sum);
    }
    threads
}

/// Waits until all threads sleep for a while, which is soon.
fn settled() -> BTreeMap<String, u64> {
    let mut before = switches();
    for _ in 0..80 {
        thread::sleep(Duration::from_millis(250));
        let now = switches();
        if now == before {
            return now;
        }
        before = now;
    }
    panic!("some thread keeps waking up: {before:?}");
}

#[test]
fn an_idle_runtime_makes_no_system_calls() {
    alone("idle::an_idle_runtime_makes_no_system_calls", || {
        let builder = Builder::new_multi_thread().worker_threads(3);
        // Blocking threads stay: the end of one is not what this is about.
        let builder = builder.thread_name(THREADS).thread_keep_alive(Duration::from_secs(600));
        let runtime = builder.build().unwrap();
        let kept = Arc::new(Mutex::new(None));
        let theirs = kept.clone();
        // All that can wait does: timers near and far, a socket, a closure that is over.
        let task = runtime.spawn(async move {
            drop(bowerbird::spawn(sleep(Duration::from_secs(3_600))));
            sleep(Duration::from_millis(2)).await;
            spawn_blocking(|| {}).await.unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            *lock(&theirs) = Some(listener.local_addr());
            drop(bowerbird::spawn(async move { drop(listener.accept().await) }));
        });
        runtime.block_on(task).unwrap();
        let before = settled();
        assert!(before.len() >= 4, "workers and a blocking thread: {before:?}");
        let parks = || runtime.handle().metrics().workers.iter().map(|it| it.parks).sum::<u64>();
        let (parked, sleeps) = (parks(), runtime.handle().metrics().driver.sleeps);
        thread::sleep(Duration::from_secs(2));
        assert_eq!(switches(), before, "a thread woke up");
        assert_eq!((parks(), runtime.handle().metrics().driver.sleeps), (parked, sleeps));
    });
}
