//! What a program sees of the closures that it gives to the blocking pool.

use super::*;

/// An executor with this many threads for closures, each of which is held up until
/// what is returned beside it is dropped.
fn held_up(threads: usize) -> (Executor, mpsc::Sender<()>) {
    let executor = start(multi(1).max_blocking_threads(threads));
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let (begun, begins) = mpsc::channel();
    for _ in 0..threads {
        let (released, begun) = (released.clone(), begun.clone());
        executor.handle().spawn_blocking(move || {
            begun.send(()).unwrap();
            let _ = released.lock().unwrap().recv();
        });
    }
    (0..threads).for_each(|_| begins.recv().unwrap());
    (executor, release)
}

/// Tells that it was dropped.
struct Told(mpsc::Sender<std::thread::ThreadId>);

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.0.send(std::thread::current().id());
    }
}

#[test]
fn an_aborted_closure_gives_up_its_place_at_once() {
    in_time(|| {
        let (executor, release) = held_up(1);
        let handle = executor.handle();
        let (told, tells) = mpsc::channel();
        let guard = Told(told);
        let first = handle.spawn_blocking(|| 1);
        let second = handle.spawn_blocking(move || {
            drop(guard);
            unreachable!("it was aborted");
        });
        let third = handle.spawn_blocking(|| 3);
        assert_eq!(handle.metrics().blocking_queued, 3);
        second.abort_with("not needed");
        // Here and now, though the pool's only thread is busy.
        assert_eq!(tells.try_recv().unwrap(), std::thread::current().id());
        assert_eq!(handle.metrics().blocking_queued, 2);
        assert_eq!(handle.metrics().blocking_cancelled, 1);
        let error = executor.block_on::<JoinHandle<()>>(second).unwrap_err();
        assert!(error.is_cancelled() && error.reason() == Some("not needed"));
        drop(release);
        assert_eq!(executor.block_on(first).unwrap(), 1);
        assert_eq!(executor.block_on(third).unwrap(), 3);
    });
}

#[test]
fn a_hundred_thousand_are_aborted_in_any_order() {
    in_time(|| {
        let (executor, release) = held_up(1);
        let handle = executor.handle();
        let mut tasks: Vec<_> = (0..100_000).map(|_| handle.spawn_blocking(|| ())).collect();
        assert_eq!(handle.metrics().blocking_queued, 100_000);
        // From the middle, where a search would take longest.
        tasks.rotate_left(50_000);
        tasks.iter().step_by(2).for_each(JoinHandle::abort);
        assert_eq!(handle.metrics().blocking_queued, 50_000);
        tasks.iter().for_each(JoinHandle::abort);
        let metrics = handle.metrics();
        assert_eq!((metrics.blocking_queued, metrics.blocking_threads_started), (0, 1));
        assert!(tasks.iter().all(JoinHandle::is_finished));
        drop(release);
    });
}

/// As many as there are threads for run, the others wait; neither keeps tasks waiting.
#[test]
fn a_hundred_thousand_queued_closures_keep_no_task_waiting() {
    in_time(|| {
        let (executor, release) = held_up(2);
        let handle = executor.handle().clone();
        let ran = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..100_000)
            .map(|_| {
                let ran = ran.clone();
                handle.spawn_blocking(move || ran.fetch_add(1, Relaxed))
            })
            .collect();
        still_works(&executor);
        assert_eq!((handle.metrics().blocking_queued, ran.load(Relaxed)), (100_000, 0));
        drop(release);
        executor.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(ran.load(Relaxed), 100_000);
        assert_eq!(handle.metrics().blocking_threads_peak, 2);
    });
}

#[test]
fn a_named_closure_is_seen_while_it_waits_and_while_it_runs() {
    in_time(|| {
        let (executor, release) = held_up(1);
        let handle = executor.handle().clone();
        let (begun, begins) = mpsc::channel();
        let (end, ends) = mpsc::channel::<()>();
        let entered = handle.enter();
        let task = {
            TaskBuilder::new().name("reindex").spawn_blocking(move || {
                begun.send(()).unwrap();
                let _ = ends.recv();
            })
        };
        drop(entered);
        let named = |it: &&TaskInfo| it.name.as_deref() == Some("reindex");
        let is_seen =
            |tasks: &[TaskInfo]| tasks.iter().find(named).is_some_and(|it| it.is_blocking());
        assert!(is_seen(&handle.tasks()));
        drop(release);
        begins.recv().unwrap();
        assert!(is_seen(&handle.tasks()));
        let report = executor.shutdown(Shutdown::default().blocking(Duration::ZERO));
        assert!(report.abandoned_blocking == 1 && is_seen(&report.unfinished));
        assert!(report.to_string().contains("`reindex`"), "{report}");
        drop(end);
        task.join_blocking(None).unwrap().unwrap();
    });
}

/// Runs until it should stop, and says when it has begun.
fn until_it_should_stop(begun: mpsc::Sender<()>) -> impl FnOnce() -> u32 + Send {
    move || {
        assert!(!should_stop());
        begun.send(()).unwrap();
        while !should_stop() {
            std::thread::yield_now();
        }
        7
    }
}

#[test]
fn a_closure_is_told_of_its_abort_and_of_no_other() {
    in_time(|| {
        let executor = start(multi(1));
        let (begun, begins) = mpsc::channel();
        let one = executor.handle().spawn_blocking(until_it_should_stop(begun.clone()));
        let other = executor.handle().spawn_blocking(until_it_should_stop(begun));
        (0..2).for_each(|_| begins.recv().unwrap());
        one.abort();
        assert_eq!(executor.block_on(one).unwrap(), 7);
        assert!(!other.is_finished());
        other.abort_handle().abort();
        assert_eq!(executor.block_on(other).unwrap(), 7);
    });
}

#[test]
fn a_closure_is_told_of_the_end() {
    in_time(|| {
        let executor = start(multi(1));
        let (begun, begins) = mpsc::channel();
        let task = executor.handle().spawn_blocking(until_it_should_stop(begun));
        begins.recv().unwrap();
        let report = executor.shutdown(Shutdown::default().blocking(LIMIT));
        assert!(report.is_clean(), "{report}");
        assert_eq!(task.join_blocking(None).unwrap().unwrap(), 7);
    });
}

#[test]
fn a_block_in_place_is_told_of_its_tasks_abort() {
    in_time(|| {
        assert!(!should_stop(), "outside a runtime nobody asks");
        let executor = start(multi(1));
        let (begun, begins) = mpsc::channel();
        let task =
            executor.handle().spawn(async move { block_in_place(until_it_should_stop(begun)) });
        begins.recv().unwrap();
        task.abort();
        assert_eq!(executor.block_on(task).unwrap(), 7);
    });
}
