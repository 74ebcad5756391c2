use super::*;
use crate::poller::scripted::Scripted;
use std::{
    collections::BTreeMap,
    os::{fd::AsFd, unix::net::UnixStream},
    task::Waker,
};

fn registry() -> (Arc<Registry>, Scripted) {
    let script = Scripted::new();
    (Arc::new(Registry::new(Arc::new(script.clone()))), script)
}

fn register(registry: &Arc<Registry>, fd: &impl AsFd) -> io::Result<Registration> {
    Registration::new(registry, fd.as_fd(), Interest::BOTH, Ready::EMPTY)
}

fn dispatch(registry: &Registry, token: Token, ready: Ready) -> bool {
    let mut wakers = Wakers::new();
    let belongs = registry.dispatch(token, ready, &mut wakers);
    wakers.wake();
    belongs
}

#[test]
fn a_stale_token_reaches_nobody() {
    let (registry, _script) = registry();
    let fd = UnixStream::pair().unwrap().0;
    let first = register(&registry, &fd).unwrap();
    let stale = first.token;
    drop(first);
    // The same descriptor at the same place, through a wrap of the generation.
    for _ in 0..4 {
        let next = register(&registry, &fd).unwrap();
        assert_eq!(next.token.0 & INDEX_MASK, stale.0 & INDEX_MASK);
        assert!(!dispatch(&registry, stale, Ready::READABLE));
        assert!(next.source.read().ready().is_empty());
        assert!(dispatch(&registry, next.token, Ready::READABLE));
        assert!(next.source.read().ready().is_readable());
    }
}

#[test]
fn any_token_may_come_from_the_kernel() {
    let (registry, _script) = registry();
    let fd = UnixStream::pair().unwrap().0;
    let held = register(&registry, &fd).unwrap();
    for token in [0, 1, INDEX_MASK, INDEX_MASK + 1, usize::MAX].map(Token) {
        assert_eq!(dispatch(&registry, token, Ready::ALL), token == held.token);
    }
}

#[test]
fn a_failed_registration_leaves_nothing_behind() {
    let (registry, script) = registry();
    let fd = UnixStream::pair().unwrap().0;
    for _ in 0..100 {
        script.fail_registration(io::ErrorKind::OutOfMemory);
        let error = register(&registry, &fd).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
    }
    assert_eq!(registry.sources_count(), 0);
    assert_eq!(registry.table.lock().entries.len(), 1);
    assert!(script.registered().is_empty());
}

#[test]
fn after_the_end_nobody_registers_and_nobody_waits() {
    let (registry, _script) = registry();
    let fd = UnixStream::pair().unwrap().0;
    let held = register(&registry, &fd).unwrap();
    let mut wakers = Wakers::new();
    registry.close(&mut wakers);
    drop(wakers);
    assert!(ShuttingDown::is_cause_of(&register(&registry, &fd).unwrap_err()));
    let mut cx = Context::from_waker(Waker::noop());
    let error = held.poll_ready(Direction::Read, &mut cx, Location::caller());
    let Poll::Ready(Err(error)) = error else { panic!("{error:?}") };
    assert!(ShuttingDown::is_cause_of(&error));
    let error = held.try_io(Ready::ALL, || Ok(())).unwrap_err();
    assert_eq!(error.to_string(), "the runtime is shutting down");
}

#[test]
fn try_io_leaves_wakers_alone() {
    let (registry, _script) = registry();
    let fd = UnixStream::pair().unwrap().0;
    let held = register(&registry, &fd).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(held.poll_ready(Direction::Read, &mut cx, Location::caller()).is_pending());
    assert_eq!(held.source.waiters_count(), 1);
    dispatch(&registry, held.token, Ready::WRITABLE);
    let wanted = Direction::Write.wanted();
    let error = held.try_io(wanted, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(held.source.waiters_count(), 1);
    // What met `WouldBlock` is not tried again until the next event.
    let again = held.try_io::<()>(wanted, || panic!("not ready"));
    assert_eq!(again.unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn a_short_transfer_waits_for_the_next_event() {
    let (registry, _script) = registry();
    let fd = UnixStream::pair().unwrap().0;
    let held = register(&registry, &fd).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    let mut transfer = |moved: usize| {
        let at = Location::caller();
        held.poll_transfer(Direction::Read, &mut cx, at, 10, || Ok(moved)).map(Result::unwrap)
    };
    dispatch(&registry, held.token, Ready::READABLE);
    assert_eq!(transfer(10), Poll::Ready(10));
    assert_eq!(transfer(3), Poll::Ready(3));
    assert_eq!(transfer(3), Poll::Pending);
    // Who has closed is heard at once, however short the transfer.
    dispatch(&registry, held.token, Ready::READ_CLOSED | Ready::READABLE);
    assert_eq!(transfer(3), Poll::Ready(3));
    assert_eq!(transfer(0), Poll::Ready(0));
}

#[test]
fn an_event_during_the_operation_is_not_cleared_by_it() {
    let (registry, _script) = registry();
    let fd = UnixStream::pair().unwrap().0;
    let held = register(&registry, &fd).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    dispatch(&registry, held.token, Ready::READABLE);
    let mut attempts = 0;
    let result = held.poll_io(Direction::Read, &mut cx, Location::caller(), || {
        attempts += 1;
        match attempts {
            1 => {
                dispatch(&registry, held.token, Ready::READABLE);
                Err(io::ErrorKind::WouldBlock.into())
            }
            _ => Ok(attempts),
        }
    });
    assert!(matches!(result, Poll::Ready(Ok(2))));
}

#[test]
fn a_waiter_that_is_dropped_leaves_no_place() {
    let (registry, _script) = registry();
    let fd = UnixStream::pair().unwrap().0;
    let held = register(&registry, &fd).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    let mut waits = [(); 3].map(|()| Wait::new(&held, Interest::READABLE, Location::caller()));
    assert!(waits.iter_mut().all(|wait| wait.poll(&mut cx).is_pending()));
    assert_eq!(held.source.waiters_count(), 3);
    drop(waits);
    assert_eq!(held.source.waiters_count(), 0);
}

/// An operation on the table, made of random numbers.
fn step(table: &mut Table, live: &mut BTreeMap<Token, Arc<Source>>, dead: &mut Vec<Token>, n: u16) {
    match n % 3 {
        0 => {
            let source = Arc::new(Source::new(Ready::EMPTY));
            let token = table.fill(source.clone()).unwrap();
            assert!(live.insert(token, source).is_none());
        }
        1 if !live.is_empty() => {
            let token = *live.keys().nth(usize::from(n / 3) % live.len()).unwrap();
            let source = live.remove(&token).unwrap();
            assert!(Arc::ptr_eq(&table.empty(token).unwrap(), &source));
            dead.push(token);
        }
        _ => {
            for (token, source) in &*live {
                assert!(Arc::ptr_eq(table.find(*token).unwrap(), source));
            }
        }
    }
    assert!(dead.iter().all(|token| live.contains_key(token) || table.find(*token).is_none()));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn every_token_finds_its_own_source(steps: Vec<u16>) {
        let mut table = Table { entries: vec![], free: vec![], is_closed: false };
        let (mut live, mut dead) = (BTreeMap::new(), vec![]);
        for n in steps {
            step(&mut table, &mut live, &mut dead, n);
        }
    }
}
