//! Why a task was aborted: kept as long as its cell, and no longer.

use super::*;

#[test]
fn a_reason_is_kept_no_longer_than_the_task() {
    in_time(|| {
        let executor = start(multi(2));
        let handle = executor.handle().clone();
        again_and_again(|| {
            let tasks: Vec<_> = (0..8)
                .map(|n| {
                    handle.spawn(async move {
                        for _ in 0..n {
                            yield_now().await;
                        }
                    })
                })
                .collect();
            let aborts: Vec<_> = tasks.iter().map(JoinHandle::abort_handle).collect();
            let aborting = std::thread::spawn(move || {
                aborts.iter().for_each(|it| it.abort_with("a race"));
            });
            for (n, task) in tasks.into_iter().enumerate() {
                if n % 2 == 0 {
                    task.abort_with("another");
                    drop(task);
                } else if let Err(error) = task.join_blocking(None).unwrap() {
                    assert_eq!(error.reason(), Some("a race"));
                }
            }
            aborting.join().unwrap();
        });
        let closure = handle.spawn_blocking(|| {});
        closure.abort_with("whether it runs or not");
        drop(closure);
        // Cells are freed where their tasks end: a moment later.
        let scheduler = handle.scheduler();
        while scheduler.reasons_count() > 0 {
            std::thread::yield_now();
        }
    });
}
