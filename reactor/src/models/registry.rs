//! Models [`crate::registry`]: registration against events and the end.

use super::outcomes;
use crate::{
    poller::{Poller, scripted::Scripted},
    readiness::{Interest, Ready},
    registry::{Registration, Registry},
    source::Direction,
    wakers::Wakers,
};
use std::{
    io,
    os::{
        fd::{AsFd, AsRawFd, RawFd},
        unix::net::UnixStream,
    },
    panic::Location,
    sync::Arc as Plain,
    task::{Context, Poll, Waker},
};
use sync::shim::thread;

/// A descriptor for all models: nothing is done with it but telling its number.
fn descriptor() -> &'static UnixStream {
    static DESCRIPTOR: std::sync::OnceLock<UnixStream> = std::sync::OnceLock::new();
    DESCRIPTOR.get_or_init(|| UnixStream::pair().unwrap().0)
}

fn registry() -> (Plain<Registry>, Scripted) {
    let script = Scripted::new();
    (Plain::new(Registry::new(Plain::new(script.clone()))), script)
}

fn register(registry: &Plain<Registry>) -> io::Result<Registration> {
    Registration::new(registry, descriptor().as_fd(), Interest::BOTH, Ready::EMPTY)
}

fn is_ready(registration: &Registration) -> Poll<bool> {
    let mut cx = Context::from_waker(Waker::noop());
    registration.poll_ready(Direction::Read, &mut cx, Location::caller()).map(|it| it.is_ok())
}

/// One turn of a poller, without a reactor: how many events there were, and how
/// many of them belonged to somebody.
fn turn(registry: &Registry, script: &Scripted) -> (usize, usize) {
    let (mut wakers, mut delivered) = (Wakers::new(), 0);
    let nap = crate::poller::Nap::No;
    let turn = script.turn(nap, &|| true, 8, &mut |token, ready| {
        delivered += usize::from(registry.dispatch(token, ready, &mut wakers));
    });
    wakers.wake();
    (turn.unwrap(), delivered)
}

/// K1: an event that comes before the registration has returned finds its source.
#[test]
fn edge_k1() {
    let seen = outcomes(|| {
        let fd: RawFd = descriptor().as_raw_fd();
        let (registry, script) = registry();
        let (mine, theirs) = (registry.clone(), registry);
        let kernel = thread::spawn(move || {
            script.inject(fd, Ready::READABLE);
            (turn(&theirs, &script), script)
        });
        let registrar = thread::spawn(move || register(&mine).unwrap());
        let registration = registrar.join().unwrap();
        let (turn, _script) = kernel.join().unwrap();
        (turn, is_ready(&registration))
    });
    assert_eq!(seen, [((0, 0), Poll::Pending), ((1, 1), Poll::Ready(true))].into());
}

/// An event against the end of its registration and a new one for the same
/// descriptor: it reaches the first or nobody.
#[test]
fn a_stale_event_never_reaches_the_next() {
    let seen = outcomes(|| {
        let fd: RawFd = descriptor().as_raw_fd();
        let (registry, script) = registry();
        let first = register(&registry).unwrap();
        script.inject(fd, Ready::READABLE);
        let (mine, theirs) = (registry.clone(), registry);
        let kernel = thread::spawn(move || turn(&theirs, &script));
        let registrar = thread::spawn(move || {
            drop(first);
            register(&mine).unwrap()
        });
        let next = registrar.join().unwrap();
        (kernel.join().unwrap(), is_ready(&next))
    });
    assert_eq!(seen, [((1, 0), Poll::Pending), ((1, 1), Poll::Pending)].into());
}

/// K2: in a race with the end a registration fails, or what waits for it does:
/// nobody is left pending.
#[test]
fn edge_k2() {
    let seen = outcomes(|| {
        let (registry, _script) = registry();
        let (mine, theirs) = (registry.clone(), registry);
        let closer = thread::spawn(move || {
            let mut wakers = Wakers::new();
            theirs.close(&mut wakers);
            wakers.wake();
        });
        let registrar = thread::spawn(move || register(&mine).ok());
        let registration = registrar.join().unwrap();
        closer.join().unwrap();
        registration.as_ref().map(is_ready)
    });
    assert_eq!(seen, [None, Some(Poll::Ready(false))].into());
}
