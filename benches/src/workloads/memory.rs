//! What it takes of memory.
//!
//! A sample is taken by a process of its own: threads of a runtime may end, and free
//! what they share, after its drop, and that would be counted against the next one.
//!
//! * Heap bytes are those that were asked for and not given back; what an allocator
//!   adds to each allocation is not in it, and in the resident set it is.
//! * The items come in batches, and the first is not counted: what a runtime makes for
//!   the first of them is not theirs. A queue or a table that grows by doubling is
//!   counted for what it grew, spread over all items.
//! * A task counts when it has been polled, so that no queue holds it any more. Its
//!   handle is dropped.
//! * A waiting lock is the mutex's own future in a box, and what it allocates to wait:
//!   all of them wait in one task, because a task is counted elsewhere. A future that is
//!   part of a task instead of boxed makes the task larger by the same number of bytes.
//! * A connection is one that was accepted, with its task, which waits for a read into
//!   64 bytes of its own; what the kernel has for it is not counted.
//!
//! One worker, because more of them change nothing.

use super::{Group, Workers, Workload, accepting::Accepting, waiting::Waiting};
use crate::{
    Runtime,
    column::Outcome,
    heap::{self, Usage},
    on_each,
    reading::{Sample, Unit},
    system,
};
use futures_lite::future::poll_once;
use std::{
    future::{Future, pending},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// The group's part of the table.
pub const WORKLOADS: &[Workload] = &[
    Workload::new(Group::Memory, "heap_task", "a task that waits for nothing", on_each!(heap_task))
        .sizes(&[100_000], &[20_000])
        .apart()
        .workers(Workers::One),
    Workload::new(
        Group::Memory,
        "heap_task_sleeping",
        "a task that sleeps",
        on_each!(heap_task_sleeping),
    )
    .sizes(&[100_000], &[20_000])
    .apart()
    .workers(Workers::One),
    Workload::new(
        Group::Memory,
        "heap_lock_waiter",
        "a boxed future that waits for a mutex, beside its task",
        on_each!(heap_lock_waiter),
    )
    .sizes(&[100_000], &[20_000])
    .apart()
    .workers(Workers::One),
    Workload::new(
        Group::Memory,
        "heap_connection",
        "an accepted connection, with its task that waits for a read",
        |setup| {
            system::allow_files(2 * (setup.size + FIRST_CONNECTIONS))?;
            on_each!(heap_connection)(setup)
        },
    )
    .sizes(&[2_000], &[500])
    .apart()
    .workers(Workers::One),
    #[cfg(target_os = "linux")]
    Workload::new(
        Group::Memory,
        "resident_1m",
        "one of a million tasks that wait for nothing (100,000 in a quick look)",
        on_each!(resident),
    )
    .sizes(&[1_000_000], &[100_000])
    .apart()
    .workers(Workers::One),
];

/// So many are spawned before they may run.
const BATCH: u64 = 1_000;
/// So many connections come before those that are counted.
const FIRST_CONNECTIONS: u64 = 100;
const HOUR: Duration = Duration::from_secs(3_600);

/// Tasks that have been polled, and wait when the next one runs.
static POLLED: AtomicU64 = AtomicU64::new(0);

/// Relaxed, here and below: a count, and no memory comes with it.
fn note_poll() {
    POLLED.fetch_add(1, Relaxed);
}

async fn wait_for_nothing() {
    note_poll();
    pending().await
}

fn heap_task<R: Runtime>(runtime: &R, tasks: u64) -> Outcome {
    heap_per_task(runtime, tasks, wait_for_nothing)
}

fn heap_task_sleeping<R: Runtime>(runtime: &R, tasks: u64) -> Outcome {
    heap_per_task(runtime, tasks, || async {
        note_poll();
        R::sleep(HOUR).await;
    })
}

fn heap_per_task<R: Runtime, F>(runtime: &R, tasks: u64, task: fn() -> F) -> Outcome
where
    F: Future<Output = ()> + Send + 'static,
{
    heap::start_counting();
    let used = runtime.run(async move {
        park::<R, _>(BATCH, task).await;
        let before = Usage::now();
        park::<R, _>(tasks, task).await;
        Usage::since(before)
    });
    per_item(used, tasks)
}

/// Spawns tasks in batches, each when those before it wait.
async fn park<R: Runtime, F>(tasks: u64, task: fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    for number in 0..tasks {
        R::detach(R::spawn(task()));
        if (number + 1) % BATCH == 0 {
            wait_until_polled::<R>(BATCH).await;
        }
    }
    wait_until_polled::<R>(tasks % BATCH).await;
}

/// Waits for so many more tasks than at the last time.
async fn wait_until_polled<R: Runtime>(tasks: u64) {
    while POLLED.load(Relaxed) < tasks {
        R::yield_now().await;
    }
    POLLED.fetch_sub(tasks, Relaxed);
}

/// The mutex is leaked: the process ends soon.
fn heap_lock_waiter<R: Waiting>(runtime: &R, waiters: u64) -> Outcome {
    heap::start_counting();
    let used = runtime.run(async move {
        let mutex: &'static R::Mutex = Box::leak(Box::new(R::mutex()));
        let _guard = R::lock(mutex).await;
        let mut waiting = Vec::with_capacity((BATCH + waiters) as usize);
        let mut before = Usage::now();
        for number in 0..BATCH + waiters {
            if number == BATCH {
                before = Usage::now();
            }
            let mut lock = Box::pin(R::lock(mutex));
            assert!(poll_once(&mut lock).await.is_none(), "the mutex is locked");
            waiting.push(lock);
            // A task whose budget is spent is sent away before it waits for anything.
            if number % 32 == 0 {
                R::yield_now().await;
            }
        }
        Usage::since(before)
    });
    per_item(used, waiters)
}

/// Callers are sockets of std, whose heap is a place in a list that is made before.
fn heap_connection<R: Accepting>(runtime: &R, connections: u64) -> Outcome {
    heap::start_counting();
    let used = runtime.run(async move {
        let (listener, address) = R::listen().await;
        let mut callers = Vec::with_capacity((FIRST_CONNECTIONS + connections) as usize);
        receive::<R>(&listener, address, FIRST_CONNECTIONS, &mut callers).await;
        let before = Usage::now();
        receive::<R>(&listener, address, connections, &mut callers).await;
        Usage::since(before)
    });
    per_item(used, connections)
}

async fn receive<R: Accepting>(
    listener: &R::Listener,
    address: SocketAddr,
    connections: u64,
    callers: &mut Vec<TcpStream>,
) {
    for _ in 0..connections {
        callers.push(TcpStream::connect(address).expect("somebody listens"));
        let mut stream = R::accept(listener).await;
        R::detach(R::spawn(async move {
            note_poll();
            // Zero or an error when the callers go, at the end of it all.
            let _ = R::read(&mut stream, &mut [0; 64]).await;
        }));
        wait_until_polled::<R>(1).await;
    }
}

fn per_item(used: Usage, items: u64) -> Outcome {
    assert!(used.bytes > 0, "this program's allocator does not count");
    let per_item = |amount: f64| amount / items as f64;
    Outcome::Sample(Sample::of([
        (Unit::HeapBytes, per_item(used.bytes as f64)),
        (Unit::Allocations, per_item(used.allocations as f64)),
    ]))
}

#[cfg(target_os = "linux")]
fn resident<R: Runtime>(runtime: &R, tasks: u64) -> Outcome {
    let grown = runtime.run(async move {
        park::<R, _>(BATCH, wait_for_nothing).await;
        let before = system::resident_bytes();
        park::<R, _>(tasks, wait_for_nothing).await;
        system::resident_bytes().saturating_sub(before)
    });
    assert!(grown > 0, "so many tasks need memory");
    Outcome::Sample(Sample::of([(Unit::ResidentBytes, grown as f64 / tasks as f64)]))
}
