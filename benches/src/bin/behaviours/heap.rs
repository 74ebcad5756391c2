//! How much memory does a task take?

use bowerbird_bench::{Runtime, clock};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    future::{Future, pending},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
    time::Duration,
};

const BATCHES: usize = 100;
/// So many are spawned before they may run: a queue that holds all tasks at once
/// would be counted, too.
const BATCH: usize = 1_000;
const HOUR: Duration = Duration::from_secs(3_600);

/// Bytes that are allocated, as they were asked for.
static LIVE: AtomicUsize = AtomicUsize::new(0);
/// Tasks that have been polled.
static POLLED: AtomicUsize = AtomicUsize::new(0);

/// Bytes per task of a task that waits for nothing.
pub(crate) fn of_empty<R: Runtime>() -> usize {
    per_task::<R, _>(|| async {
        note_poll();
        pending().await
    })
}

/// Bytes per task of a task that sleeps, with what the runtime's timers need.
pub(crate) fn of_sleeping<R: Runtime>() -> usize {
    per_task::<R, _>(|| async {
        note_poll();
        R::sleep(HOUR).await;
    })
}

fn per_task<R: Runtime, F>(task: fn() -> F) -> usize
where
    F: Future<Output = ()> + Send + 'static,
{
    let at_first = LIVE.load(Relaxed);
    let runtime = R::new(2);
    let bytes = runtime.run(async move {
        // What the runtime makes for the first tasks is not theirs.
        spawn_batch::<R, _>(task).await;
        let before = LIVE.load(Relaxed);
        for _ in 0..BATCHES {
            spawn_batch::<R, _>(task).await;
        }
        (LIVE.load(Relaxed) - before) / (BATCHES * BATCH)
    });
    drop(runtime);
    wait_until_freed(at_first);
    bytes
}

/// Threads of a runtime may end, and free what they share, after its drop: what is
/// freed while the next one is measured would be counted against it.
fn wait_until_freed(at_first: usize) {
    let start = clock::now();
    // What std keeps for a program, and the runtimes' own globals, stays.
    while LIVE.load(Relaxed) > at_first + BATCHES * BATCH {
        assert!(start.elapsed() < Duration::from_secs(5), "a runtime's tasks are not freed");
        thread::sleep(Duration::from_millis(1));
    }
}

async fn spawn_batch<R: Runtime, F>(task: fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let polled = POLLED.load(Relaxed);
    for _ in 0..BATCH {
        drop(R::spawn(task()));
    }
    while POLLED.load(Relaxed) < polled + BATCH {
        R::yield_now().await;
    }
}

/// Relaxed, here and above: a count, and no memory comes with it.
fn note_poll() {
    POLLED.fetch_add(1, Relaxed);
}

/// The system's allocator, and a count.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Relaxed);
        // SAFETY: our caller's obligations are those of the callee.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: our caller's obligations are those of the callee.
        unsafe { System.dealloc(ptr, layout) }
    }
}
