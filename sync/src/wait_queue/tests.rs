use super::{Decision, Primitive, WaitQueue, Waiter};
use crate::static_checks::{implements, is_not};
use crate::wake_batch::WakeBatch;
use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};

/// Hands out numbers, one per waiter; takes back what was not seen.
#[derive(Default)]
struct Numbers {
    queue: WaitQueue<(), Option<u32>>,
    returned: Mutex<Vec<u32>>,
    cancelled: AtomicUsize,
}

impl Primitive for Numbers {
    type State = ();
    type Grant = Option<u32>;

    fn queue(&self) -> &WaitQueue<(), Option<u32>> {
        &self.queue
    }

    fn cancelled(&self, _: &mut super::Locked<'_, (), Option<u32>>) {
        self.cancelled.fetch_add(1, SeqCst);
    }

    fn pass_on(&self, grant: Option<u32>) {
        self.returned.lock().unwrap().push(grant.unwrap());
    }
}

impl Numbers {
    fn give(&self, numbers: impl IntoIterator<Item = u32>) {
        self.queue.with(|line| {
            for number in numbers {
                *line.front().unwrap() = Some(number);
                assert!(line.grant_front());
            }
        });
    }
}

type Boxed = Pin<Box<Waiter<Arc<Numbers>>>>;

fn waiter(numbers: &Arc<Numbers>) -> Boxed {
    Box::pin(Waiter::new(numbers.clone()))
}

fn poll_with(waiter: &mut Boxed, waker: &Waker) -> Poll<Option<u32>> {
    waiter.as_mut().poll_with(&mut Context::from_waker(waker), |_, _| Decision::Wait(None))
}

fn poll(waiter: &mut Boxed) -> Poll<Option<u32>> {
    poll_with(waiter, Waker::noop())
}

fn line(numbers: &Arc<Numbers>, count: usize) -> Vec<Boxed> {
    let mut waiters: Vec<_> = (0..count).map(|_| waiter(numbers)).collect();
    assert!(waiters.iter_mut().all(|it| poll(it).is_pending()));
    waiters
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn grants_go_out_in_the_order_of_coming() {
    let numbers = Arc::default();
    let mut waiters = line(&numbers, 3);
    numbers.give([0, 1]);
    assert_eq!(poll(&mut waiters[1]), Poll::Ready(Some(1)));
    assert_eq!(poll(&mut waiters[0]), Poll::Ready(Some(0)));
    assert_eq!(poll(&mut waiters[2]), Poll::Pending);
    numbers.give([2]);
    assert_eq!(poll(&mut waiters[2]), Poll::Ready(Some(2)));
    assert!(numbers.queue.with(|line| line.is_empty()));
}

#[test]
fn an_unseen_grant_is_passed_on_and_an_ungranted_place_is_given_up() {
    let numbers = Arc::default();
    let mut waiters = line(&numbers, 3);
    drop(waiters.remove(1));
    assert_eq!(numbers.cancelled.load(SeqCst), 1);
    numbers.give([7, 8]);
    drop(waiters.remove(0));
    assert_eq!(*numbers.returned.lock().unwrap(), [7]);
    assert_eq!(poll(&mut waiters[0]), Poll::Ready(Some(8)));
    drop(waiters);
    assert_eq!(*numbers.returned.lock().unwrap(), [7]);
}

#[test]
fn a_waiter_can_leave_and_come_again() {
    let numbers = Arc::default();
    let mut waiters = line(&numbers, 2);
    waiters[0].as_mut().leave();
    assert!(!waiters[0].is_waiting());
    assert_eq!(poll(&mut waiters[0]), Poll::Pending);
    numbers.give([1, 2]);
    assert_eq!(poll(&mut waiters[0]), Poll::Ready(Some(2)));
    assert_eq!(poll(&mut waiters[0]), Poll::Pending);
    assert_eq!(poll(&mut waiters[1]), Poll::Ready(Some(1)));
    let holder = waiters[0].as_mut().take_holder().unwrap();
    assert_eq!(Arc::strong_count(&holder), 3);
    assert!(numbers.queue.with(|line| line.is_empty()));
}

#[test]
fn only_the_last_waker_is_called_and_the_others_are_dropped() {
    let numbers = Arc::default();
    let mut waiter = waiter(&numbers);
    let (first, last) = (Arc::new(Count::default()), Arc::new(Count::default()));
    assert!(poll_with(&mut waiter, &first.clone().into()).is_pending());
    assert_eq!(Arc::strong_count(&first), 2);
    assert!(poll_with(&mut waiter, &last.clone().into()).is_pending());
    assert!(poll_with(&mut waiter, &last.clone().into()).is_pending());
    assert_eq!((Arc::strong_count(&first), Arc::strong_count(&last)), (1, 2));
    numbers.give([1]);
    assert_eq!((first.0.load(SeqCst), last.0.load(SeqCst)), (0, 1));
    assert_eq!(Arc::strong_count(&last), 1);
}

#[test]
fn who_entered_without_a_waker_finds_the_grant() {
    let numbers = Arc::default();
    let mut waiters = [waiter(&numbers), waiter(&numbers)];
    for it in &mut waiters {
        assert!(it.as_mut().enter(|_, _| Decision::Wait(None)).is_pending());
    }
    let count = Arc::new(Count::default());
    assert!(poll_with(&mut waiters[1], &count.clone().into()).is_pending());
    numbers.give([1, 2]);
    assert_eq!(waiters[0].as_mut().enter(|_, _| Decision::Wait(None)), Poll::Ready(Some(1)));
    assert_eq!(count.0.load(SeqCst), 1);
    assert_eq!(poll(&mut waiters[1]), Poll::Ready(Some(2)));
}

#[test]
fn more_than_a_batch_is_granted_at_once_and_everybody_is_woken() {
    const MANY: usize = 3 * WakeBatch::CAPACITY + 1;
    let numbers = Arc::default();
    let mut waiters: Vec<_> = (0..MANY).map(|_| waiter(&numbers)).collect();
    let count = Arc::new(Count::default());
    for it in &mut waiters {
        assert!(poll_with(it, &count.clone().into()).is_pending());
    }
    numbers.queue.with(|line| line.grant_all(|it| *it = Some(9)));
    assert_eq!(count.0.load(SeqCst), MANY);
    assert!(waiters.iter_mut().all(|it| poll(it) == Poll::Ready(Some(9))));
}

/// A waker that polls or drops other waiters while it is called: those granted
/// with it may leave before they are woken.
struct Meddler {
    victims: Mutex<Vec<Boxed>>,
    keep: usize,
    seen: Mutex<Vec<Poll<Option<u32>>>>,
}

impl Wake for Meddler {
    fn wake(self: Arc<Self>) {
        let mut victims = self.victims.lock().unwrap();
        let dropped = victims.split_off(self.keep);
        self.seen.lock().unwrap().extend(victims.iter_mut().map(poll));
        drop(dropped);
    }
}

#[test]
fn who_is_granted_but_not_yet_woken_can_depart_or_end() {
    const MANY: usize = 2 * WakeBatch::CAPACITY;
    let numbers: Arc<Numbers> = Arc::default();
    let meddler =
        Arc::new(Meddler { victims: Mutex::default(), keep: MANY / 2, seen: Mutex::default() });
    let mut first = waiter(&numbers);
    assert!(poll_with(&mut first, &meddler.clone().into()).is_pending());
    *meddler.victims.lock().unwrap() = line(&numbers, MANY);
    numbers.give(0..=MANY as u32);
    let seen = meddler.seen.lock().unwrap();
    assert_eq!(*seen, (1..=MANY as u32 / 2).map(|it| Poll::Ready(Some(it))).collect::<Vec<_>>());
    let returned: Vec<_> = (MANY as u32 / 2 + 1..=MANY as u32).collect();
    assert_eq!(*numbers.returned.lock().unwrap(), returned);
}

#[test]
fn a_panicking_waker_costs_nobody_a_grant() {
    struct Bomb;
    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {
            std::panic::panic_any("bomb");
        }
    }
    const MANY: usize = 2 * WakeBatch::CAPACITY;
    let numbers: Arc<Numbers> = Arc::default();
    let count = Arc::new(Count::default());
    let mut bomb = waiter(&numbers);
    assert!(poll_with(&mut bomb, &Arc::new(Bomb).into()).is_pending());
    let mut others: Vec<_> = (0..MANY).map(|_| waiter(&numbers)).collect();
    for it in &mut others {
        assert!(poll_with(it, &count.clone().into()).is_pending());
    }
    let caller = numbers.clone();
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        caller.queue.with(|line| line.grant_all(|it| *it = Some(1)));
    }));
    assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"bomb"));
    assert_eq!(count.0.load(SeqCst), MANY);
    assert_eq!(poll(&mut bomb), Poll::Ready(Some(1)));
}

#[test]
fn a_queue_shares_what_can_be_sent() {
    use std::{cell::Cell, rc::Rc};
    implements!(WaitQueue<Cell<u8>, Cell<u8>>: Send, Sync, Unpin);
    is_not!(WaitQueue<Rc<u8>, ()>: Sync);
    is_not!(WaitQueue<(), Rc<u8>>: Sync);
    is_not!(WaitQueue<(), Rc<u8>>: Send);

    struct Holds<T>(T, WaitQueue<(), T>);
    impl<T> Primitive for Holds<T> {
        type State = ();
        type Grant = T;

        fn queue(&self) -> &WaitQueue<(), T> {
            let _ = &self.0;
            &self.1
        }

        fn pass_on(&self, _: T) {}
    }
    implements!(Waiter<&'static Holds<u8>>: Send, Sync);
    implements!(Waiter<Arc<Holds<u8>>>: Send, Sync);
    is_not!(Waiter<&'static Holds<u8>>: Unpin);
    // The primitive itself cannot be shared, nor its grants sent.
    is_not!(Waiter<&'static Holds<Cell<u8>>>: Send);
    is_not!(Waiter<&'static Holds<Rc<u8>>>: Send);
    implements!(WakeBatch: Send, Unpin);
}

#[test]
fn a_primitive_that_panics_still_wakes_whom_it_granted() {
    const MANY: usize = 2 * WakeBatch::CAPACITY;
    let numbers: Arc<Numbers> = Arc::default();
    let count = Arc::new(Count::default());
    let mut waiters: Vec<_> = (0..MANY).map(|_| waiter(&numbers)).collect();
    for it in &mut waiters {
        assert!(poll_with(it, &count.clone().into()).is_pending());
    }
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        numbers.queue.with(|line| {
            line.grant_all(|it| *it = Some(1));
            std::panic::panic_any("primitive");
        });
    }));
    assert!(panic.is_err());
    assert_eq!(count.0.load(SeqCst), MANY);
    assert!(waiters.iter_mut().all(|it| poll(it).is_ready()));
}
