use super::*;
use crate::{
    coop,
    static_checks::{implements, is_not},
    wait_blocking::WaitBlocking,
};
use std::{
    cell::RefCell,
    future::Future,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::Rc,
    sync::{
        Barrier, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Counts its wakes, and panics if it is to.
#[derive(Default)]
struct Counter {
    wakes: AtomicUsize,
    is_hostile: bool,
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Relaxed);
        assert!(!self.is_hostile, "a hostile waker");
    }
}

#[test]
fn many_get_one_value() {
    let deferred = Deferred::new();
    let counter = Arc::new(Counter::default());
    let waker = Waker::from(counter.clone());
    let mut cx = Context::from_waker(&waker);
    let mut waits: Vec<_> = (0..100).map(|_| Box::pin(deferred.wait())).collect();
    assert!(waits.iter_mut().all(|it| it.as_mut().poll(&mut cx).is_pending()));
    assert!(!deferred.is_done() && deferred.try_get().is_none());
    deferred.set("value".to_owned()).unwrap();
    assert_eq!(counter.wakes.load(Relaxed), 100);
    let first = deferred.try_get().unwrap().unwrap();
    for wait in &mut waits {
        let Poll::Ready(Ok(value)) = poll(wait) else { panic!("it is set") };
        assert!(std::ptr::eq(value, first), "the same, not a clone");
        assert!(poll(wait).is_ready(), "ready for ever");
    }
    assert!(poll(&mut Box::pin(deferred.wait())).is_ready(), "who comes later passes");
}

#[test]
fn who_came_first_is_woken_first() {
    struct Scribe(usize, Arc<Mutex<Vec<usize>>>);
    impl Wake for Scribe {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }
    let (deferred, order) = (Deferred::new(), Arc::default());
    let mut waits: Vec<_> = (0..100).map(|_| Box::pin(deferred.wait())).collect();
    for (number, wait) in waits.iter_mut().enumerate() {
        let waker = Waker::from(Arc::new(Scribe(number, Arc::clone(&order))));
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    drop(waits.remove(7));
    deferred.set(()).unwrap();
    assert_eq!(*order.lock().unwrap(), (0..100).filter(|it| *it != 7).collect::<Vec<_>>());
}

#[test]
fn the_first_outcome_counts() {
    type Set = fn(&Deferred<u32>) -> bool;
    let sets: [Set; 3] = [|it| it.set(7).is_ok(), |it| it.fail("broken").is_ok(), |it| it.cancel()];
    for first in sets {
        let deferred = Deferred::default();
        assert!(!deferred.is_done());
        assert!(first(&deferred));
        let outcome = format!("{deferred:?}");
        assert!(deferred.is_done());
        for second in sets {
            assert!(!second(&deferred));
        }
        assert_eq!(format!("{deferred:?}"), outcome);
    }
}

#[test]
fn what_comes_too_late_is_given_back() {
    let deferred = Deferred::new();
    deferred.set(Box::new(1)).unwrap();
    let error = deferred.set(Box::new(2)).unwrap_err();
    assert_eq!(error.to_string(), "the deferred value is set, failed or cancelled already");
    assert_eq!(*error.into_inner(), 2);
    let error = deferred.fail(io::Error::from(io::ErrorKind::NotFound)).unwrap_err();
    let error = error.into_inner();
    assert_eq!(error.downcast_ref::<io::Error>().unwrap().kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_failure_reaches_everybody_with_its_cause() {
    let deferred = Deferred::<u32>::new();
    let mut waits = [(); 2].map(|()| Box::pin(deferred.wait()));
    assert!(waits.iter_mut().all(|it| poll(it).is_pending()));
    deferred.fail(io::Error::from(io::ErrorKind::TimedOut)).unwrap();
    for wait in &mut waits {
        let Poll::Ready(Err(error)) = poll(wait) else { panic!("it has failed") };
        assert!(!error.is_cancelled());
        assert_eq!(error.to_string(), "the deferred value could not be had");
        let cause = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!(cause.kind(), io::ErrorKind::TimedOut);
    }
}

#[test]
fn a_cancellation_reaches_everybody() {
    let deferred = Deferred::<u32>::new();
    let mut wait = Box::pin(deferred.clone().wait_owned());
    assert!(poll(&mut wait).is_pending());
    assert!(deferred.cancel());
    let Poll::Ready(Err(error)) = poll(&mut wait) else { panic!("it is cancelled") };
    assert!(error.is_cancelled() && error.source().is_none());
    assert_eq!(error.to_string(), "the deferred value was cancelled");
}

#[test]
fn who_might_not_come_to_set_it_cancels_it() {
    let deferred = Deferred::<u32>::new();
    let guard = deferred.cancel_on_drop();
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _guard = guard;
        panic!("on the way");
    }));
    assert!(unwound.is_err());
    assert!(deferred.try_get().unwrap().unwrap_err().is_cancelled());

    let deferred = Deferred::new();
    let guard = deferred.cancel_on_drop();
    assert_eq!(format!("{guard:?}"), "CancelOnDrop(Deferred(None))");
    guard.deferred().set(7).unwrap();
    drop(guard);
    assert_eq!(deferred.try_get().unwrap().unwrap(), &7);
}

#[test]
fn a_value_need_not_be_clone_or_send_and_is_dropped_once() {
    let held = Rc::new(RefCell::new(7));
    let deferred = Deferred::new();
    deferred.set(held.clone()).unwrap();
    deferred.set(held.clone()).unwrap_err();
    *deferred.try_get().unwrap().unwrap().borrow_mut() += 1;
    assert_eq!(Rc::strong_count(&held), 2);
    drop(deferred.clone());
    drop(deferred);
    assert_eq!((Rc::strong_count(&held), *held.borrow()), (1, 8));
}

#[test]
fn awaiting_is_waiting() {
    futures::executor::block_on(async {
        let deferred = Deferred::new();
        deferred.set(7).unwrap();
        assert_eq!((&deferred).await.unwrap(), &7);
        assert_eq!(deferred.clone().await.unwrap(), 7);
        assert_eq!(deferred.await.unwrap(), 7);
    });
}

#[test]
fn a_wait_may_be_dropped() {
    let deferred = Deferred::new();
    let mut wait = Box::pin(deferred.wait());
    assert!(poll(&mut wait).is_pending());
    drop(wait);
    deferred.set(7).unwrap();
    assert!(poll(&mut Box::pin(deferred.wait_owned())).is_ready());
}

#[test]
fn everybody_hears_though_wakers_panic_and_the_value_is_set() {
    let deferred = Deferred::new();
    let counters = [true, false, true, false]
        .map(|is_hostile| Arc::new(Counter { is_hostile, ..Counter::default() }));
    let mut waits: Vec<_> = (0..100).map(|_| Box::pin(deferred.wait())).collect();
    for (wait, counter) in waits.iter_mut().zip(counters.iter().cycle()) {
        let waker = Waker::from(counter.clone());
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert!(catch_unwind(AssertUnwindSafe(|| deferred.set(7))).is_err());
    assert_eq!(counters.map(|it| it.wakes.load(Relaxed)), [25; 4]);
    assert!(waits.iter_mut().all(|it| poll(it).is_ready()));
    assert_eq!(deferred.try_get().unwrap().unwrap(), &7);
}

#[test]
fn a_clone_that_panics_leaves_the_value() {
    struct Fickle(AtomicUsize);
    impl Clone for Fickle {
        fn clone(&self) -> Self {
            assert!(self.0.fetch_add(1, Relaxed) > 0, "not yet");
            Self(AtomicUsize::new(0))
        }
    }
    let deferred = Deferred::new();
    deferred.set(Fickle(AtomicUsize::new(0))).unwrap_or_else(|_| unreachable!());
    let mut wait = Box::pin(deferred.clone().wait_owned());
    assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut wait).is_ready())).is_err());
    assert!(poll(&mut wait).is_ready());
}

#[test]
fn of_several_threads_one_sets_it() {
    let deferred = Deferred::new();
    let start = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let (deferred, start) = (deferred.clone(), start.clone());
            thread::spawn(move || {
                start.wait();
                let is_ours = deferred.set(number).is_ok();
                assert!(deferred.is_done(), "who comes too late finds it done");
                (number, is_ours)
            })
        })
        .collect();
    let value = deferred.clone().wait_owned().wait_blocking().unwrap();
    let set: Vec<_> = threads.into_iter().map(|it| it.join().unwrap()).filter(|it| it.1).collect();
    assert_eq!(set, [(value, true)]);
    assert!(Deferred::<u32>::new().wait().wait_blocking_timeout(Duration::ZERO).is_none());
}

#[test]
fn a_wait_spends_budget() {
    let deferred = Deferred::new();
    deferred.set(7).unwrap();
    let _budget = coop::enter(1);
    assert!(poll(&mut Box::pin(deferred.wait())).is_ready());
    assert!(poll(&mut Box::pin(deferred.wait())).is_pending(), "nothing is left");
}

#[test]
fn a_deferred_goes_where_its_value_goes() {
    implements!(Deferred<u32>: Send, Sync, Unpin);
    implements!(CancelOnDrop<u32>: Send, Sync, Unpin);
    implements!(DeferredError: Send, Sync, Clone, Error);
    implements!(Wait<'static, u32>: Send, Sync);
    implements!(WaitOwned<u32>: Send, Sync);
    is_not!(Deferred<Rc<u32>>: Send);
    is_not!(Deferred<std::cell::Cell<u32>>: Sync);
    is_not!(Deferred<std::cell::Cell<u32>>: Send);
    is_not!(Wait<'static, u32>: Unpin);
    is_not!(WaitOwned<u32>: Unpin);
}
