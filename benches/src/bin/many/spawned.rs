//! Children that are tasks: each gives its number, and the sum is checked.

use crate::Contender;
use bowerbird::{
    gather, map_concurrent,
    task::{JoinSet, TaskGroup},
    task_group,
};
use bowerbird_bench::{
    Runtime,
    runtimes::{Bowerbird, Tokio},
};
use futures::{StreamExt, stream::FuturesUnordered};
use std::{convert::Infallible, future::Future, sync::Arc};

/// Spawns so many children and sums their outputs.
async fn spawn_gather(children: usize) -> usize {
    let handles: Vec<_> =
        (0..children).map(|child| bowerbird::spawn(async move { child })).collect();
    gather(handles).await.into_iter().map(|it| it.expect("nobody panics")).sum()
}

async fn join_set(children: usize) -> usize {
    let mut set = JoinSet::new();
    (0..children).for_each(|child| drop(set.spawn(async move { child })));
    let mut sum = 0;
    while let Some(child) = set.join_next().await {
        sum += child.expect("nobody panics");
    }
    sum
}

/// The handles are dropped: a group waits for all children without them.
async fn group(children: usize) -> usize {
    let result = task_group(async |group: TaskGroup<Infallible>| {
        (0..children).for_each(|child| drop(group.spawn(async move { Ok(child) })));
        Ok(())
    });
    result.await.expect("nobody fails");
    sum_below(children)
}

async fn map(children: usize) -> usize {
    let mut outputs = map_concurrent(0..children, 256, |child| async move { child }).unordered();
    let mut sum = 0;
    while let Some(child) = outputs.next().await {
        sum += child;
    }
    sum
}

async fn tokio_join_set(children: usize) -> usize {
    let mut set = tokio::task::JoinSet::new();
    (0..children).for_each(|child| drop(set.spawn(async move { child })));
    let mut sum = 0;
    while let Some(child) = set.join_next().await {
        sum += child.expect("nobody panics");
    }
    sum
}

async fn tokio_unordered(children: usize) -> usize {
    let spawn = |child| tokio::spawn(async move { child });
    let mut handles: FuturesUnordered<_> = (0..children).map(spawn).collect();
    let mut sum = 0;
    while let Some(child) = handles.next().await {
        sum += child.expect("nobody panics");
    }
    sum
}

fn sum_below(children: usize) -> usize {
    children * (children - 1) / 2
}

/// The contenders, on runtimes with so many workers.
pub(crate) fn contenders(workers: usize) -> Vec<Contender> {
    let (ours, theirs) = (Arc::new(Bowerbird::new(workers)), Arc::new(Tokio::new(workers)));
    vec![
        on(&ours, "JoinSet", join_set),
        on(&ours, "task_group", group),
        on(&ours, "gather of handles", spawn_gather),
        on(&ours, "map_concurrent", map),
        on(&theirs, "tokio JoinSet", tokio_join_set),
        on(&theirs, "FuturesUnordered of tokio handles", tokio_unordered),
    ]
}

/// Repeats `work` inside one task: the way in is not part of it.
fn on<R: Runtime, F: Future<Output = usize> + Send + 'static>(
    runtime: &Arc<R>,
    name: &'static str,
    work: fn(usize) -> F,
) -> Contender {
    let runtime = runtime.clone();
    Contender::new(name, move |children, runs| {
        runtime.run(async move {
            for _ in 0..runs {
                assert_eq!(work(children).await, sum_below(children));
            }
        });
    })
}
