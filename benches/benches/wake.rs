//! What does a wake cost, from the same task, from another task, from another thread?
//!
//! From the same task there are two lines: waking what is woken already, and a wake with
//! the poll that follows. In `ring_1000` a task wakes the next one; in
//! `wake_from_thread` a thread and a task wake each other.

mod column;
mod operation;

use bowerbird_bench::{
    Runtime,
    runtimes::{Bowerbird, Smol, Tokio},
};
use criterion::{Criterion, criterion_group, criterion_main};
use std::{future::poll_fn, mem, task::Poll};

/// Wakes a task that is woken already.
async fn again(times: u64) {
    poll_fn(|cx| {
        (0..times).for_each(|_| cx.waker().wake_by_ref());
        Poll::Ready(())
    })
    .await;
}

/// Wakes the task that runs, and waits for its next poll.
async fn itself(times: u64) {
    for _ in 0..times {
        let mut is_woken = false;
        poll_fn(|cx| match mem::replace(&mut is_woken, true) {
            true => Poll::Ready(()),
            false => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        })
        .await;
    }
}

fn wake_on<R: Runtime>(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("wake/{}", R::NAME));
    operation::line::<R, _>(&mut group, "woken already", again);
    operation::line::<R, _>(&mut group, "itself", itself);
    group.finish();
}

fn wake(criterion: &mut Criterion) {
    wake_on::<Bowerbird>(criterion);
    wake_on::<Tokio>(criterion);
    wake_on::<Smol>(criterion);
    column::compare(criterion, "ring_1000");
    column::compare(criterion, "wake_from_thread");
}

criterion_group!(benches, wake);
criterion_main!(benches);
