//! How often does what allocate, and how much? Counted, not timed.

#![expect(unsafe_code, reason = "a global allocator that counts")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        let _ = BYTES.try_with(|bytes| bytes.set(bytes.get().wrapping_add(layout.size())));
        // SAFETY: our caller's obligations are those of the callee.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        let _ = BYTES.try_with(|bytes| bytes.set(bytes.get().wrapping_sub(layout.size())));
        // SAFETY: our caller's obligations are those of the callee.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

/// Pending once, with a clone of its waker kept and called.
fn pending_once() -> impl Future<Output = ()> {
    let mut is_polled = false;
    poll_fn(move |cx| match std::mem::replace(&mut is_polled, true) {
        true => Poll::Ready(()),
        false => {
            let waker = cx.waker().clone();
            waker.wake_by_ref();
            Poll::Pending
        }
    })
}

fn finish<F: Future>(future: F) {
    let mut future = pin!(future);
    while future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {}
}

#[test]
fn a_gather_of_a_tuple_or_an_array_allocates_once() {
    let tuple = allocations(|| finish(bowerbird::gather((pending_once(), pending_once()))));
    let array = allocations(|| finish(bowerbird::gather([(); 8].map(|()| pending_once()))));
    assert_eq!((tuple, array), (1, 1));
}

#[test]
fn a_gather_of_many_allocates_no_more_often_than_one_of_few() {
    let gather_of = |count: usize| {
        let futures: Vec<_> = (0..count).map(|_| pending_once()).collect();
        allocations(move || finish(bowerbird::gather(futures)))
    };
    let (few, many) = (gather_of(10), gather_of(10_000));
    assert_eq!(few, many);
    assert!(many <= 5, "{many} allocations");
}

/// Slots and handles grow by doubling, and wakers share one count.
#[test]
fn a_set_of_tasks_does_not_allocate_for_each() {
    let runtime = bowerbird::runtime::Builder::new_current_thread().build().expect("descriptors");
    runtime.block_on(async {
        let tasks: Vec<_> = (0..10_000).map(|n| bowerbird::spawn(async move { n })).collect();
        let mut set = bowerbird::JoinSet::new();
        let inserted = allocations(|| tasks.into_iter().for_each(|task| drop(set.insert(task))));
        assert!(inserted <= 30, "{inserted} allocations");
        let mut sum = 0;
        let before = COUNT.get();
        while let Some(output) = set.join_next().await {
            sum += output.expect("a task that does nothing wrong");
        }
        // Those of the queues through which the tasks go.
        let joined = COUNT.get() - before;
        assert!(sum == 49_995_000 && joined <= 100, "{joined} allocations");
    });
}

/// A box and a channel for each child.
#[test]
fn a_scope_allocates_twice_for_each_child() {
    let scope_of = |count: usize| {
        allocations(move || {
            finish(bowerbird::task::scope(async move |s| {
                (0..count).for_each(|_| drop(s.spawn(pending_once())));
            }));
        })
    };
    let (few, many) = (scope_of(1_000), scope_of(2_000));
    assert!(many - few <= 2_010, "{few}, {many}");
}

fn block_on(main: impl Future<Output = ()>) {
    let runtime = bowerbird::runtime::Builder::new_current_thread().build().expect("descriptors");
    runtime.block_on(main);
}

/// Of each kind of step that a task takes, all at once: spawned, polled, woken, awaited.
async fn all_steps(tasks: usize) {
    let mut handles = Vec::with_capacity(tasks);
    handles.extend((0..tasks).map(|n| {
        bowerbird::spawn(async move {
            pending_once().await;
            bowerbird::yield_now().await;
            n
        })
    }));
    for (n, handle) in handles.into_iter().enumerate() {
        assert_eq!(handle.await.expect("it ends"), n);
    }
}

#[test]
fn a_task_takes_the_memory_of_one_that_is_over() {
    block_on(async {
        all_steps(1_000).await;
        let before = COUNT.get();
        for _ in 0..10 {
            all_steps(1_000).await;
        }
        // The list of handles each time, and the queue that grows and shrinks by doubling.
        let count = COUNT.get() - before;
        assert!(count <= 10 * 30, "{count} allocations for 10,000 tasks");
    });
}

/// Spawns tasks fifty at a time, so that no queue grows.
async fn park<F>(tasks: usize, task: fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    for _ in 0..tasks / 50 {
        (0..50).for_each(|_| drop(bowerbird::spawn(task())));
        // It runs after the others: the queue is empty again.
        bowerbird::spawn(async {}).await.expect("it ends");
    }
}

#[test]
fn a_task_that_waits_for_nothing_takes_at_most_96_bytes() {
    block_on(async {
        park(10_000, std::future::pending::<()>).await;
        let before = BYTES.get();
        park(100_000, std::future::pending::<()>).await;
        let bytes = BYTES.get() - before;
        assert!(bytes <= 96 * 100_000, "{} bytes", bytes / 100_000);
    });
}

/// 112 of them are its own, the others its timer's, whatever the number of timers.
#[test]
fn a_task_that_sleeps_takes_at_most_160_bytes() {
    const HOUR: Duration = Duration::from_secs(3_600);
    let sleeping = || async { bowerbird::time::sleep(HOUR).await };
    block_on(async move {
        park(10_000, sleeping).await;
        for tasks in [50_000, 70_000, 90_000] {
            let before = BYTES.get();
            park(tasks, sleeping).await;
            let bytes = BYTES.get() - before;
            assert!(bytes <= 160 * tasks, "{bytes} bytes for {tasks} tasks");
        }
    });
}

/// Random deadlines go into a heap, which may not double.
#[test]
fn a_timer_in_disorder_takes_at_most_48_bytes() {
    const TIMERS: u32 = 131_100;
    block_on(async {
        let mut sleeps = Vec::with_capacity(TIMERS as usize);
        for number in 0..TIMERS {
            let seconds = 3_600 + u64::from(number.wrapping_mul(2_654_435_761) >> 8);
            sleeps.push(bowerbird::time::sleep(Duration::from_secs(seconds)));
        }
        let before = BYTES.get();
        for sleep in &mut sleeps {
            assert!(futures::poll!(sleep).is_pending());
        }
        let bytes = (BYTES.get() - before) / TIMERS as usize;
        assert!(bytes <= 48, "{bytes} bytes");
    });
}

/// The stage of a cell that is too large for a block of memory is a box.
#[test]
fn a_task_of_any_size_ends_and_gives_its_memory_back() {
    #[repr(align(64))]
    struct Aligned(u8);

    block_on(async {
        let large = [7_u8; 10_000];
        let aligned = Aligned(7);
        let before = BYTES.get();
        for _ in 0..100 {
            let by_size = bowerbird::spawn(async move {
                bowerbird::yield_now().await;
                large
            });
            let by_alignment = bowerbird::spawn({
                let aligned = Aligned(aligned.0);
                async move {
                    bowerbird::yield_now().await;
                    (std::ptr::from_ref(&aligned).addr(), aligned)
                }
            });
            let dropped = bowerbird::spawn(async move {
                std::future::pending::<()>().await;
                large
            });
            dropped.abort();
            assert_eq!(by_size.await.expect("it ends"), large);
            let (address, aligned) = by_alignment.await.expect("it ends");
            assert!(address.is_multiple_of(64) && aligned.0 == 7);
            assert!(dropped.await.expect_err("it was aborted").is_cancelled());
        }
        let kept = BYTES.get().wrapping_sub(before);
        // The blocks that the pointers to the boxes lie in, and what an error keeps.
        assert!(kept <= 64 * 1024, "{kept} bytes");
    });
}
