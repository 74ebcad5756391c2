//! Each test has a real-time signal of its own: dispositions belong to the process.

use super::{SignalKind, ctrl_c, signal};
use crate::{reactor::Reactor, registry::ShuttingDown};
use futures::{
    FutureExt, StreamExt,
    future::{Either, select},
};
use std::{
    any::Any,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    ptr,
    task::{Context, Poll, Waker},
};
use sync::{driver::Driver, shim::thread};

fn realtime(number: i32) -> SignalKind {
    SignalKind::from_raw(libc::SIGRTMIN() + number)
}

fn raise(kind: SignalKind) {
    // SAFETY: a number; the signal's disposition is a handler that returns.
    assert_eq!(unsafe { libc::raise(kind.as_raw()) }, 0);
}

/// What the process does: the address of a handler, or one of the two constants.
fn disposition(kind: SignalKind) -> libc::sighandler_t {
    // SAFETY: all zeros is a value of it.
    let mut now: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: nothing is set, and `now` is ours to write.
    assert_eq!(unsafe { libc::sigaction(kind.as_raw(), ptr::null(), &raw mut now) }, 0);
    now.sa_sigaction
}

fn set_disposition(kind: SignalKind, to: libc::sighandler_t) {
    // SAFETY: `to` is a constant of the system or the address of a handler.
    assert_ne!(unsafe { libc::signal(kind.as_raw(), to) }, libc::SIG_ERR);
}

fn reactor() -> Reactor {
    Reactor::builder().build().unwrap()
}

#[test]
fn a_signal_is_heard_each_time() {
    reactor().block_on(async {
        let mut listener = signal(realtime(1)).unwrap();
        assert_eq!(listener.kind(), realtime(1));
        for _ in 0..3 {
            raise(realtime(1));
            assert_eq!(listener.recv().await, Some(()));
            assert_eq!(listener.next().now_or_never(), None, "heard already");
        }
        raise(realtime(1));
        assert_eq!(StreamExt::next(&mut listener).await, Some(()));
    });
}

#[test]
fn every_listener_of_every_runtime_hears() {
    let (here, there) = (reactor(), reactor());
    let mut ours = here.block_on(async { [0; 3].map(|_| signal(realtime(2)).unwrap()) });
    let mut theirs = there.block_on(async { signal(realtime(2)).unwrap() });
    raise(realtime(2));
    here.block_on(async {
        for listener in &mut ours {
            assert_eq!(listener.recv().await, Some(()));
        }
    });
    drop((ours, here));
    assert_eq!(there.block_on(theirs.recv()), Some(()));
    raise(realtime(2));
    assert_eq!(there.block_on(theirs.recv()), Some(()), "after another runtime has gone");
}

#[test]
fn signals_that_were_not_waited_for_are_heard_once() {
    reactor().block_on(async {
        let mut listener = signal(realtime(3)).unwrap();
        for _ in 0..1000 {
            raise(realtime(3));
        }
        assert_eq!(listener.recv().await, Some(()));
        assert_eq!(listener.recv().now_or_never(), None);
    });
}

#[test]
fn what_was_done_before_is_done_again_after_the_last_listener() {
    let _here = reactor().enter();
    for before in [libc::SIG_DFL, libc::SIG_IGN] {
        set_disposition(realtime(4), before);
        let (one, two) = (signal(realtime(4)).unwrap(), signal(realtime(4)).unwrap());
        let handler = disposition(realtime(4));
        assert!(handler != libc::SIG_DFL && handler != libc::SIG_IGN);
        drop(one);
        assert_eq!(disposition(realtime(4)), handler);
        drop(two);
        assert_eq!(disposition(realtime(4)), before);
    }
}

#[test]
fn a_handler_that_came_meanwhile_stays() {
    extern "C" fn foreign(_: i32) {}
    let address = foreign as extern "C" fn(i32) as *const () as usize;
    let _here = reactor().enter();
    let listener = signal(realtime(5)).unwrap();
    set_disposition(realtime(5), address);
    drop(listener);
    assert_eq!(disposition(realtime(5)), address);
    let listener = signal(realtime(5)).unwrap();
    assert_ne!(disposition(realtime(5)), address);
    drop(listener);
    assert_eq!(disposition(realtime(5)), address);
}

#[test]
fn a_listener_hears_nothing_from_before_its_time() {
    reactor().block_on(async {
        let mut early = signal(realtime(6)).unwrap();
        raise(realtime(6));
        let mut late = signal(realtime(6)).unwrap();
        assert_eq!(early.recv().await, Some(()));
        assert_eq!(late.recv().now_or_never(), None);
        raise(realtime(6));
        assert_eq!(late.recv().await, Some(()));
    });
}

#[test]
fn a_wait_that_is_dropped_loses_nothing() {
    let reactor = reactor();
    reactor.block_on(async {
        let mut listener = signal(realtime(7)).unwrap();
        {
            let mut waiting = pin!(listener.recv());
            assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            raise(realtime(7));
        }
        assert_eq!(listener.recv().await, Some(()));
    });
    assert_eq!(reactor.metrics().sources, 0);
}

#[test]
fn the_end_of_the_runtime_ends_the_stream() {
    let reactor = reactor();
    let _here = reactor.enter();
    let mut listener = signal(realtime(8)).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(listener.poll_recv(&mut cx), Poll::Pending);
    reactor.close();
    assert_eq!(listener.poll_recv(&mut cx), Poll::Ready(None));
    drop(listener);
    let error = signal(realtime(8)).unwrap_err();
    assert!(ShuttingDown::is_cause_of(&error));
    assert_eq!(disposition(realtime(8)), libc::SIG_DFL, "a failure leaves nothing behind");
    let error = ctrl_c().now_or_never().expect("it cannot wait").unwrap_err();
    assert!(ShuttingDown::is_cause_of(&error));
}

#[test]
fn outside_a_runtime_the_panic_says_where() {
    let message = |panic: Box<dyn Any + Send>| *panic.downcast::<String>().unwrap();
    let panic = catch_unwind(|| signal(realtime(11))).unwrap_err();
    assert!(message(panic).contains("signal/tests.rs"));
    let pressed = ctrl_c();
    let panic = catch_unwind(AssertUnwindSafe(|| pressed.now_or_never())).unwrap_err();
    assert!(message(panic).contains("signal/tests.rs"));
    assert_eq!(disposition(realtime(11)), libc::SIG_DFL);
}

#[test]
fn a_storm_drowns_nobody() {
    let (listeners, signals) = (8, 10_000);
    let storms: Vec<_> = (0..listeners)
        .map(|_| {
            let reactor = reactor();
            let mut listener = reactor.block_on(async { signal(realtime(9)).unwrap() });
            let mut last = reactor.block_on(async { signal(realtime(10)).unwrap() });
            thread::spawn(move || {
                reactor.block_on(async {
                    let mut heard = 0;
                    // The first comes first, if both have come.
                    while let Either::Left(_) = select(listener.recv(), last.recv()).await {
                        heard += 1;
                    }
                    heard
                })
            })
        })
        .collect();
    for _ in 0..signals {
        raise(realtime(9));
    }
    raise(realtime(10));
    for storm in storms {
        let heard = storm.join().unwrap();
        assert!((1..=signals).contains(&heard), "{heard}");
    }
}
