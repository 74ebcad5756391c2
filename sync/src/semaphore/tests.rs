use super::{Acquire, AcquireError, AddPermitsError, Semaphore, SemaphorePermit, TryAcquireError};
use crate::static_checks::{implements, is_not};
use crate::{coop, wait_blocking::WaitBlocking};
use proptest::prelude::*;
use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

type Boxed<'a> = Pin<Box<Acquire<'a>>>;

fn poll<'a>(acquire: &mut Boxed<'a>) -> Poll<Result<SemaphorePermit<'a>, AcquireError>> {
    acquire.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_small_request_waits_behind_a_large_one() {
    let semaphore = Semaphore::new(2);
    let mut large = Box::pin(semaphore.acquire_many(3));
    assert!(poll(&mut large).is_pending());
    let mut small = Box::pin(semaphore.acquire());
    assert!(poll(&mut small).is_pending());
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    semaphore.add_permits(1).unwrap();
    let Poll::Ready(Ok(held)) = poll(&mut large) else { panic!("three permits are there") };
    assert!(poll(&mut small).is_pending());
    drop(held);
    assert!(poll(&mut small).is_ready());
}

#[test]
fn who_waits_behind_a_large_request_is_served_when_it_gives_up() {
    let semaphore = Semaphore::new(1);
    let mut large = Box::pin(semaphore.acquire_many(2));
    assert!(poll(&mut large).is_pending());
    let mut small = Box::pin(semaphore.acquire());
    assert!(poll(&mut small).is_pending());
    drop(large);
    assert!(poll(&mut small).is_ready());
    assert!(semaphore.try_acquire().is_ok());
}

#[test]
fn a_grant_that_was_not_seen_goes_to_the_next() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.try_acquire().unwrap();
    let (mut first, mut second) = (Box::pin(semaphore.acquire()), Box::pin(semaphore.acquire()));
    assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
    drop(held);
    drop(first);
    assert!(poll(&mut second).is_ready());
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn closing_refuses_those_who_wait_and_those_who_come() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.try_acquire().unwrap();
    let mut waiting = Box::pin(semaphore.acquire());
    assert!(poll(&mut waiting).is_pending());
    semaphore.close();
    assert_eq!(poll(&mut waiting).map(Result::unwrap_err), Poll::Ready(AcquireError::Closed));
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    drop(held);
    assert_eq!(semaphore.forget_permits(5), 1);
    semaphore.add_permits(2).unwrap();
    assert!(semaphore.is_closed(), "neither forgetting nor adding opens it again");
    assert_eq!(semaphore.acquire_many(0).wait_blocking().unwrap_err(), AcquireError::Closed);
}

#[test]
fn too_many_permits_are_an_error_which_names_the_numbers() {
    let semaphore = Semaphore::new(Semaphore::MAX_PERMITS);
    let held = semaphore.try_acquire_many(7).unwrap();
    let max = Semaphore::MAX_PERMITS;
    let error = AddPermitsError { added: 1, total: max, bound: max };
    assert_eq!(semaphore.add_permits(1), Err(error), "permits that are held count");
    assert!(error.to_string().contains(&max.to_string()));
    assert!(semaphore.add_permits(usize::MAX).is_err());
    held.forget();
    assert_eq!(semaphore.add_permits(7), Ok(()));
    assert_eq!(semaphore.available_permits(), max);
}

#[test]
fn a_bounded_semaphore_refuses_what_it_can_never_give() {
    let semaphore = Arc::new(Semaphore::bounded(2));
    let beyond = AcquireError::BeyondBound { wanted: 3, bound: 2 };
    assert_eq!(semaphore.acquire_many(3).wait_blocking().unwrap_err(), beyond);
    assert_eq!(semaphore.clone().acquire_many_owned(3).wait_blocking().unwrap_err(), beyond);
    assert_eq!(semaphore.blocking_acquire_many(3).unwrap_err(), beyond);
    assert!(semaphore.add_permits(1).is_err());
    assert!(semaphore.add_permits(0).is_ok());
}

#[test]
fn permits_are_split_and_merged() {
    let semaphore = Arc::new(Semaphore::new(5));
    let mut permit = semaphore.try_acquire_many(4).unwrap();
    assert!(permit.split(5).is_none());
    assert_eq!(permit.num_permits(), 4);
    let half = permit.split(3).unwrap();
    assert_eq!((permit.num_permits(), half.num_permits()), (1, 3));
    drop(permit);
    assert_eq!(semaphore.available_permits(), 2);
    let mut owned = semaphore.clone().try_acquire_many_owned(2).unwrap();
    let part = owned.split(1).unwrap();
    owned.merge(part);
    assert_eq!(owned.num_permits(), 2);
    drop((owned, half));
    assert_eq!(semaphore.available_permits(), 5);
}

#[test]
fn an_owned_request_returns_the_share_it_held() {
    let semaphore = Arc::new(Semaphore::new(1));
    let mut first = Box::pin(semaphore.clone().acquire_owned());
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(permit)) = first.as_mut().poll(&mut cx) else { panic!("there is one") };
    drop(first);
    assert_eq!(Arc::strong_count(&semaphore), 2);
    drop(permit);
    assert_eq!((Arc::strong_count(&semaphore), semaphore.available_permits()), (1, 1));
}

#[test]
fn a_ready_semaphore_spends_the_budget() {
    let semaphore = Semaphore::new(1);
    let _budget = coop::enter(2);
    for _ in 0..2 {
        assert!(poll(&mut Box::pin(semaphore.acquire())).is_ready());
    }
    assert!(poll(&mut Box::pin(semaphore.acquire())).is_pending());
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn threads_wait_in_the_same_line() {
    let semaphore = Arc::new(Semaphore::new(0));
    let theirs = semaphore.clone();
    let thread = thread::spawn(move || theirs.blocking_acquire_many(2).map(|it| it.num_permits()));
    semaphore.add_permits(1).unwrap();
    semaphore.add_permits(1).unwrap();
    assert_eq!(thread.join().unwrap(), Ok(2));
    let all = semaphore.try_acquire_many(2).unwrap();
    assert!(semaphore.acquire().wait_blocking_timeout(Duration::ZERO).is_none());
    drop(all);
    assert!(semaphore.acquire().wait_blocking_timeout(Duration::ZERO).is_some());
}

/// A waker that takes and gives on the semaphore it is woken by, then panics.
struct Hostile {
    semaphore: Arc<Semaphore>,
    woken: AtomicUsize,
}

impl Wake for Hostile {
    fn wake(self: Arc<Self>) {
        self.woken.fetch_add(1, SeqCst);
        drop(self.semaphore.try_acquire());
        self.semaphore.add_permits(1).unwrap();
        std::panic::panic_any("hostile");
    }
}

#[test]
fn a_hostile_waker_neither_deadlocks_nor_costs_a_permit() {
    let semaphore = Arc::new(Semaphore::new(0));
    let hostile = Arc::new(Hostile { semaphore: semaphore.clone(), woken: AtomicUsize::new(0) });
    let mut first = Box::pin(semaphore.acquire());
    let mut second = Box::pin(semaphore.acquire());
    let waker = hostile.clone().into();
    assert!(first.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert!(poll(&mut second).is_pending());
    let caller = semaphore.clone();
    assert!(thread::spawn(move || caller.add_permits(1)).join().is_err());
    assert_eq!(hostile.woken.load(SeqCst), 1);
    assert!(matches!(poll(&mut first), Poll::Ready(Ok(_))));
    assert!(matches!(poll(&mut second), Poll::Ready(Ok(_))));
    assert_eq!(semaphore.available_permits(), 2);
}

/// What a semaphore should do, in the simplest words.
#[derive(Debug)]
struct Reference {
    available: usize,
    total: usize,
    closed: bool,
    line: VecDeque<(usize, usize)>,
    granted: Vec<usize>,
    refused: Vec<usize>,
}

impl Reference {
    fn new(permits: usize) -> Self {
        let (line, granted, refused) = Default::default();
        Self { available: permits, total: permits, closed: false, line, granted, refused }
    }

    fn serve(&mut self) {
        while let Some(&(id, wanted)) = self.line.front() {
            if self.available < wanted {
                break;
            }
            self.available -= wanted;
            self.granted.push(id);
            self.line.pop_front();
        }
    }

    fn give(&mut self, count: usize) {
        self.available += count;
        self.serve();
    }

    fn take(&mut self, wanted: usize) -> Result<(), TryAcquireError> {
        match () {
            () if self.closed => Err(TryAcquireError::Closed),
            () if wanted == 0 => Ok(()),
            () if !self.line.is_empty() || self.available < wanted => {
                Err(TryAcquireError::NoPermits)
            }
            () => {
                self.available -= wanted;
                Ok(())
            }
        }
    }

    fn poll(&mut self, id: usize, wanted: usize) -> Poll<Result<(), AcquireError>> {
        if let Some(at) = self.granted.iter().position(|&it| it == id) {
            self.granted.remove(at);
            return Poll::Ready(Ok(()));
        }
        if self.refused.contains(&id) {
            return Poll::Ready(Err(AcquireError::Closed));
        }
        if self.line.iter().any(|it| it.0 == id) {
            return Poll::Pending;
        }
        match self.take(wanted) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(TryAcquireError::Closed) => Poll::Ready(Err(AcquireError::Closed)),
            Err(TryAcquireError::NoPermits) => {
                self.line.push_back((id, wanted));
                Poll::Pending
            }
        }
    }

    fn cancel(&mut self, id: usize, wanted: usize) {
        self.line.retain(|it| it.0 != id);
        if let Some(at) = self.granted.iter().position(|&it| it == id) {
            self.granted.remove(at);
            self.available += wanted;
        }
        self.serve();
    }

    fn close(&mut self) {
        self.closed = true;
        self.refused.extend(self.line.drain(..).map(|it| it.0));
    }
}

#[derive(Clone, Debug)]
enum Step {
    TryAcquire(u32),
    Begin(u32),
    Poll(usize),
    Cancel(usize),
    Release(usize),
    Forget(usize),
    Split(usize, usize),
    Merge(usize, usize),
    Add(usize),
    ForgetPermits(usize),
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..5_u32).prop_map(Step::TryAcquire),
        6 => (0..5_u32).prop_map(Step::Begin),
        1 => Just(Step::Begin(u32::MAX)),
        8 => (0..8_usize).prop_map(Step::Poll),
        3 => (0..8_usize).prop_map(Step::Cancel),
        5 => (0..8_usize).prop_map(Step::Release),
        1 => (0..8_usize).prop_map(Step::Forget),
        1 => (0..8_usize, 0..4_usize).prop_map(|(which, count)| Step::Split(which, count)),
        1 => (0..8_usize, 0..8_usize).prop_map(|(into, from)| Step::Merge(into, from)),
        3 => (0..4_usize).prop_map(Step::Add),
        1 => prop_oneof![Just(usize::MAX), Just(Semaphore::MAX_PERMITS)].prop_map(Step::Add),
        1 => (0..4_usize).prop_map(Step::ForgetPermits),
        1 => Just(Step::Close),
    ]
}

/// A semaphore under test, its reference, and what both handed out.
struct Duel<'a> {
    real: &'a Semaphore,
    reference: Reference,
    waiting: Vec<(usize, usize, Boxed<'a>)>,
    held: Vec<SemaphorePermit<'a>>,
    next: usize,
}

impl Duel<'_> {
    fn play(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::TryAcquire(count) => {
                let real = self.real.try_acquire_many(count);
                let expected = self.reference.take(count as usize);
                prop_assert_eq!(real.as_ref().map(|_| ()), expected.as_ref().map(|_| ()));
                self.held.extend(real);
            }
            Step::Begin(count) => {
                let acquire = Box::pin(self.real.acquire_many(count));
                self.waiting.push((self.next, count as usize, acquire));
                self.next += 1;
                self.poll(self.waiting.len() - 1)?;
            }
            Step::Poll(which) if which < self.waiting.len() => self.poll(which)?,
            Step::Cancel(which) if which < self.waiting.len() => {
                let (id, wanted, acquire) = self.waiting.remove(which);
                drop(acquire);
                self.reference.cancel(id, wanted);
            }
            Step::Release(which) if which < self.held.len() => {
                let permit = self.held.remove(which);
                self.reference.give(permit.num_permits());
                drop(permit);
            }
            Step::Forget(which) if which < self.held.len() => {
                let permit = self.held.remove(which);
                self.reference.total -= permit.num_permits();
                permit.forget();
            }
            Step::Split(which, count) if which < self.held.len() => {
                let split = self.held[which].split(count);
                self.held.extend(split);
            }
            Step::Merge(into, from) if into.max(from) < self.held.len() && into != from => {
                let other = self.held.remove(from);
                self.held[into - usize::from(from < into)].merge(other);
            }
            Step::Add(count) => self.add(count)?,
            Step::ForgetPermits(count) => {
                let expected = count.min(self.reference.available);
                prop_assert_eq!(self.real.forget_permits(count), expected);
                self.reference.available -= expected;
                self.reference.total -= expected;
            }
            Step::Close => {
                self.real.close();
                self.reference.close();
            }
            _ => (),
        }
        prop_assert_eq!(self.real.available_permits(), self.reference.available);
        prop_assert_eq!(self.real.is_closed(), self.reference.closed);
        Ok(())
    }

    fn poll(&mut self, which: usize) -> Result<(), TestCaseError> {
        let (id, wanted, acquire) = &mut self.waiting[which];
        let expected = self.reference.poll(*id, *wanted);
        let real = poll(acquire);
        match real {
            Poll::Pending => prop_assert_eq!(expected, Poll::Pending),
            Poll::Ready(result) => {
                prop_assert_eq!(
                    Poll::Ready(result.as_ref().map(|_| ()).map_err(|it| *it)),
                    expected
                );
                self.held.extend(result);
                drop(self.waiting.remove(which));
            }
        }
        Ok(())
    }

    fn add(&mut self, count: usize) -> Result<(), TestCaseError> {
        let fits = self.reference.total.checked_add(count);
        let fits = fits.is_some_and(|sum| sum <= Semaphore::MAX_PERMITS);
        prop_assert_eq!(self.real.add_permits(count).is_ok(), fits);
        if fits {
            self.reference.total += count;
            self.reference.give(count);
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn it_does_what_the_reference_does(
        start in prop_oneof![0..4_usize, Just(Semaphore::MAX_PERMITS)],
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let real = Semaphore::new(start);
        let reference = Reference::new(start);
        let (waiting, held) = Default::default();
        let mut duel = Duel { real: &real, reference, waiting, held, next: 0 };
        for step in steps {
            duel.play(step)?;
        }
        let total = duel.reference.total;
        let Duel { waiting, held, .. } = duel;
        drop((waiting, held));
        prop_assert_eq!(real.available_permits(), total, "every permit came back");
    }
}

#[test]
fn semaphores_and_permits_go_anywhere_and_futures_stay_pinned() {
    use super::{AcquireOwned, OwnedSemaphorePermit};
    use std::panic::{RefUnwindSafe, UnwindSafe};
    implements!(Semaphore: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
    implements!(SemaphorePermit<'static>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
    implements!(OwnedSemaphorePermit: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
    implements!(Acquire<'static>: Send, Sync);
    implements!(AcquireOwned: Send, Sync);
    is_not!(Acquire<'static>: Unpin);
    is_not!(AcquireOwned: Unpin);
    implements!(AcquireError: Send, Sync, std::error::Error);
    implements!(TryAcquireError: Send, Sync, std::error::Error);
    implements!(AddPermitsError: Send, Sync, std::error::Error);
}
