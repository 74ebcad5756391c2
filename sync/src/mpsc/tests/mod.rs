use super::{channel, error::TryRecvError::*, *};
use crate::{
    coop,
    hostile::panicking_clone,
    static_checks::{implements, is_not},
    wait_site::{self, Kind},
};
use futures::{StreamExt, executor::block_on};
use std::{
    cell::Cell,
    future::Future,
    marker::PhantomPinned,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

impl Count {
    fn waker(self: &Arc<Self>) -> Waker {
        self.clone().into()
    }

    fn wakes(&self) -> usize {
        self.0.load(Relaxed)
    }
}

fn counts<const N: usize>() -> [Arc<Count>; N] {
    std::array::from_fn(|_| Arc::default())
}

macro_rules! poll {
    ($future:expr, $count:expr) => {
        $future.as_mut().poll(&mut Context::from_waker(&$count.waker()))
    };
    ($future:expr) => {
        $future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    };
}

// Below the macro, which it uses.
mod against_reference;

#[test]
fn a_capacity_of_zero_is_refused_with_the_way_out() {
    let panic = catch_unwind(|| channel::<u32>(0)).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("channel(0)") && message.contains("unbounded"), "{message}");
}

#[test]
fn the_largest_capacity_is_fine() {
    let (sender, mut receiver) = channel(usize::MAX);
    assert_eq!(sender.try_send(1), Ok(()));
    assert_eq!((sender.capacity(), receiver.try_recv()), (usize::MAX - 1, Ok(1)));
}

#[test]
fn room_goes_to_the_one_who_came_first_and_to_nobody_else() {
    let [first, second] = counts();
    let (sender, mut receiver) = channel(1);
    sender.try_send(0).unwrap();
    let (mut one, mut two) = (pin!(sender.send(1)), pin!(sender.send(2)));
    assert!(poll!(one, first).is_pending() && poll!(two, second).is_pending());
    assert_eq!(receiver.try_recv(), Ok(0));
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
    assert!(poll!(two, second).is_pending());
    assert_eq!(poll!(one), Poll::Ready(Ok(())));
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(poll!(two), Poll::Ready(Ok(())));
}

#[test]
fn a_sender_that_was_promised_room_and_is_dropped_passes_it_on() {
    let [first, second] = counts();
    let (sender, mut receiver) = channel(1);
    sender.try_send(0).unwrap();
    let mut one = Box::pin(sender.send(1));
    let mut two = pin!(sender.send(2));
    assert!(poll!(one, first).is_pending() && poll!(two, second).is_pending());
    assert_eq!(receiver.try_recv(), Ok(0));
    drop(one);
    assert_eq!(second.wakes(), 1);
    assert_eq!(poll!(two), Poll::Ready(Ok(())));
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(2), Err(Empty)));
}

#[test]
fn who_leaves_the_front_lets_the_others_through() {
    let [first, second] = counts();
    let (sender, mut receiver) = channel(3);
    (0..2).for_each(|n| sender.try_send(n).unwrap());
    let mut many = Box::pin(sender.reserve_many(2));
    let mut one = pin!(sender.send(9));
    assert!(poll!(many, first).is_pending() && poll!(one, second).is_pending());
    assert_eq!((sender.capacity(), sender.try_send(8)), (1, Err(TrySendError::Full(8))));
    drop(many);
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
    assert_eq!(poll!(one), Poll::Ready(Ok(())));
    let mut buffer = vec![];
    assert_eq!(block_on(receiver.recv_many(&mut buffer, 8)), 3);
    assert_eq!(buffer, [0, 1, 9]);
}

#[test]
fn nothing_happens_before_the_first_poll() {
    let (sender, mut receiver) = channel(1);
    drop(sender.send(1));
    drop(sender.reserve());
    drop(receiver.recv());
    assert_eq!((sender.capacity(), receiver.try_recv()), (1, Err(Empty)));
}

#[test]
fn the_last_waker_of_recv_is_woken_and_a_dropped_recv_takes_its_waker_back() {
    let [first, second] = counts();
    let (sender, mut receiver) = channel(1);
    let mut recv = Box::pin(receiver.recv());
    assert!(poll!(recv, first).is_pending());
    assert!(poll!(recv, second).is_pending());
    assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 2));
    drop(recv);
    assert_eq!(Arc::strong_count(&second), 1);
    sender.try_send(7).unwrap();
    assert_eq!((second.wakes(), receiver.try_recv()), (0, Ok(7)));
}

#[test]
fn a_message_that_woke_a_dropped_recv_is_still_there() {
    let [count] = counts();
    let (sender, mut receiver) = channel(1);
    let mut recv = Box::pin(receiver.recv());
    assert!(poll!(recv, count).is_pending());
    sender.try_send(7).unwrap();
    drop(recv);
    assert_eq!((count.wakes(), block_on(receiver.recv())), (1, Some(7)));
}

#[test]
fn try_recv_leaves_the_waker_alone() {
    let [count] = counts();
    let (sender, mut receiver) = channel(1);
    assert!(receiver.poll_recv(&mut Context::from_waker(&count.waker())).is_pending());
    assert_eq!(receiver.try_recv(), Err(Empty));
    sender.try_send(7).unwrap();
    assert_eq!(count.wakes(), 1);
}

#[test]
fn the_messages_of_all_senders_come_before_the_end() {
    let (sender, mut receiver) = channel(2);
    let senders = (0..4).map(|_| sender.clone()).collect::<Vec<_>>();
    drop(sender);
    let threads: Vec<_> = senders
        .into_iter()
        .enumerate()
        .map(|(n, it)| {
            thread::spawn(move || (0..100).for_each(|k| it.blocking_send((n, k)).unwrap()))
        })
        .collect();
    let mut next = [0; 4];
    while let Some((n, k)) = receiver.blocking_recv() {
        assert_eq!(next[n], k);
        next[n] += 1;
    }
    assert_eq!(next, [100; 4]);
    threads.into_iter().for_each(|it| it.join().unwrap());
}

#[test]
fn after_close_permits_can_still_send_and_the_end_waits_for_them() {
    let [count] = counts();
    let (sender, mut receiver) = channel(3);
    let (one, two) = (sender.try_reserve().unwrap(), sender.try_reserve().unwrap());
    receiver.close();
    assert_eq!(sender.try_send(9), Err(TrySendError::Closed(9)));
    assert_eq!(receiver.try_recv(), Err(Empty));
    let mut recv = Box::pin(receiver.recv());
    assert!(poll!(recv, count).is_pending());
    one.send(1);
    assert_eq!((count.wakes(), poll!(recv)), (1, Poll::Ready(Some(1))));
    assert!(poll!(recv, count).is_pending());
    drop(two);
    assert_eq!((count.wakes(), poll!(recv)), (2, Poll::Ready(None)));
    drop(recv);
    assert_eq!(receiver.try_recv(), Err(Disconnected));
}

#[test]
fn a_promise_dropped_after_close_tells_the_receiver() {
    let [sending, receiving] = counts();
    let (sender, mut receiver) = channel(2);
    (0..2).for_each(|n| sender.try_send(n).unwrap());
    let mut many = Box::pin(sender.reserve_many(2));
    assert!(poll!(many, sending).is_pending());
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(0), Ok(1)));
    assert_eq!(sending.wakes(), 1);
    receiver.close();
    let mut recv = pin!(receiver.recv());
    assert!(poll!(recv, receiving).is_pending());
    drop(many);
    assert_eq!((receiving.wakes(), poll!(recv)), (1, Poll::Ready(None)));
}

#[test]
fn the_last_sender_ends_the_wait_of_the_receiver() {
    let [count] = counts();
    let (sender, mut receiver) = channel::<u32>(1);
    let other = sender.clone();
    let mut recv = pin!(receiver.recv());
    assert!(poll!(recv, count).is_pending());
    drop(sender);
    assert_eq!((count.wakes(), poll!(recv, count)), (0, Poll::Pending));
    drop(other);
    assert_eq!((count.wakes(), poll!(recv)), (1, Poll::Ready(None)));
}

#[test]
fn close_wakes_all_who_wait_and_gives_their_messages_back() {
    let [first, second, third] = counts();
    let (sender, mut receiver) = channel(1);
    sender.try_send(0).unwrap();
    let (mut one, mut two) = (pin!(sender.send(1)), pin!(sender.reserve()));
    let mut closed = pin!(sender.closed());
    assert!(poll!(one, first).is_pending() && poll!(two, second).is_pending());
    assert!(poll!(closed, third).is_pending());
    receiver.close();
    assert_eq!([first.wakes(), second.wakes(), third.wakes()], [1; 3]);
    assert_eq!(poll!(one), Poll::Ready(Err(SendError(1))));
    assert!(matches!(poll!(two), Poll::Ready(Err(SendError(())))));
    assert!(poll!(closed).is_ready() && sender.is_closed() && receiver.is_closed());
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(0), Err(Disconnected)));
}

#[test]
fn many_permits_are_taken_at_once_or_not_at_all() {
    let (sender, mut receiver) = channel(3);
    assert_eq!(sender.try_reserve_many(4).unwrap_err(), TrySendError::Full(()));
    assert!(block_on(sender.reserve_many(4)).is_err());
    assert_eq!(block_on(sender.reserve_many(0)).unwrap().count(), 0);
    let mut permits = sender.try_reserve_many(3).unwrap();
    assert_eq!((permits.len(), sender.capacity()), (3, 0));
    permits.next().unwrap().send(1);
    drop(permits.next());
    assert_eq!(sender.capacity(), 1);
    drop(permits);
    assert_eq!((sender.capacity(), receiver.len(), receiver.try_recv()), (2, 1, Ok(1)));
}

#[test]
fn an_owned_permit_keeps_the_channel_open() {
    let (sender, mut receiver) = channel(1);
    let permit = block_on(sender.reserve_owned()).unwrap();
    assert_eq!((receiver.try_recv(), receiver.sender_strong_count()), (Err(Empty), 1));
    let sender = permit.send(1);
    let TrySendError::Full(sender) = sender.try_reserve_owned().unwrap_err() else {
        panic!("the room is taken")
    };
    assert_eq!(receiver.try_recv(), Ok(1));
    let permit = sender.try_reserve_owned().unwrap();
    let sender = permit.release();
    assert_eq!(sender.capacity(), 1);
    drop(block_on(sender.reserve_owned()).unwrap());
    assert_eq!((receiver.try_recv(), receiver.capacity()), (Err(Disconnected), 1));
}

#[test]
fn a_dropped_reservation_drops_its_sender() {
    let [count] = counts();
    let (sender, mut receiver) = channel(1);
    sender.try_send(1).unwrap();
    let mut reserve = Box::pin(sender.reserve_owned());
    assert!(poll!(reserve, count).is_pending());
    drop(reserve);
    assert_eq!((Arc::strong_count(&count), receiver.is_closed()), (1, true));
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(1), Err(Disconnected)));
}

/// Looks at the channel when it is dropped: what a lock held then would not bear.
struct Nosy(Arc<Mutex<Option<UnboundedSender<Nosy>>>>, Arc<AtomicUsize>);

impl Drop for Nosy {
    fn drop(&mut self) {
        if let Some(sender) = &*self.0.lock().unwrap() {
            assert!(sender.is_closed());
        }
        self.1.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_dropped_receiver_drops_what_is_left_outside_the_lock() {
    let (own, drops) = (Arc::new(Mutex::new(None)), Arc::new(AtomicUsize::new(0)));
    let (sender, receiver) = unbounded_channel();
    *own.lock().unwrap() = Some(sender.clone());
    (0..3).for_each(|_| assert!(sender.send(Nosy(own.clone(), drops.clone())).is_ok()));
    drop(receiver);
    assert_eq!(drops.load(Relaxed), 3);
    assert!(sender.send(Nosy(own.clone(), drops.clone())).is_err());
    assert_eq!(drops.load(Relaxed), 4);
    own.lock().unwrap().take();
}

#[test]
fn a_permit_used_after_the_receiver_is_gone_drops_its_message_at_once() {
    let message = Arc::new(());
    let (sender, receiver) = channel(3);
    let (one, two) = (sender.try_reserve().unwrap(), sender.try_reserve().unwrap());
    sender.try_send(message.clone()).unwrap();
    drop(receiver);
    assert_eq!((Arc::strong_count(&message), sender.capacity()), (1, 1));
    one.send(message.clone());
    assert_eq!((Arc::strong_count(&message), sender.capacity()), (1, 2));
    drop(two);
    assert_eq!(sender.capacity(), 3);
}

#[test]
fn weak_senders_do_not_keep_the_channel_open() {
    let (sender, mut receiver) = channel(1);
    let weak = sender.downgrade();
    let other = weak.clone();
    let strong = weak.upgrade().unwrap();
    assert!(strong.same_channel(&sender));
    assert_eq!((sender.strong_count(), sender.weak_count()), (2, 2));
    drop((sender, other));
    assert_eq!((weak.strong_count(), weak.weak_count()), (1, 1));
    strong.try_send(1).unwrap();
    drop(strong);
    assert!(weak.upgrade().is_none());
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(1), Err(Disconnected)));
    assert_eq!((receiver.sender_strong_count(), receiver.sender_weak_count()), (0, 1));
}

#[test]
fn an_unbounded_channel_never_fills_and_gives_its_memory_back() {
    let (sender, mut receiver) = unbounded_channel();
    let weak = sender.downgrade();
    for n in 0..100_000_u64 {
        sender.send(n).unwrap();
    }
    assert_eq!((receiver.len(), receiver.is_empty()), (100_000, false));
    let mut buffer = vec![];
    assert_eq!(block_on(receiver.recv_many(&mut buffer, 99_999)), 99_999);
    assert_eq!((receiver.len(), receiver.blocking_recv()), (1, Some(99_999)));
    assert!(sender.strong_count() == 1 && weak.upgrade().is_some());
    drop(sender);
    assert_eq!((receiver.blocking_recv_many(&mut buffer, 9), receiver.is_closed()), (0, true));
    assert!(buffer.into_iter().eq(0..99_999));
}

#[test]
fn a_limit_of_zero_returns_at_once() {
    let (_sender, mut receiver) = channel::<u32>(1);
    assert_eq!(block_on(receiver.recv_many(&mut vec![], 0)), 0);
}

#[test]
fn a_receiver_is_a_stream() {
    let (sender, receiver) = channel(3);
    (0..3).for_each(|n| sender.try_send(n).unwrap());
    drop(sender);
    assert_eq!(block_on(receiver.collect::<Vec<_>>()), [0, 1, 2]);
    let (sender, receiver) = unbounded_channel();
    (0..3).for_each(|n| sender.send(n).unwrap());
    drop(sender);
    assert_eq!(block_on(receiver.collect::<Vec<_>>()), [0, 1, 2]);
}

#[test]
fn a_panicking_waker_leaves_a_channel_that_works() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("wake");
        }
    }
    let (sender, mut receiver) = channel(1);
    let panics = Waker::from(Arc::new(Panics));
    assert!(receiver.poll_recv(&mut Context::from_waker(&panics)).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| sender.try_send(1))).is_err());
    let mut send = pin!(sender.send(2));
    assert!(send.as_mut().poll(&mut Context::from_waker(&panics)).is_pending());
    let [count] = counts();
    let mut closed = pin!(sender.closed());
    assert!(poll!(closed, count).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(receiver))).is_err());
    assert_eq!((count.wakes(), poll!(send)), (1, Poll::Ready(Err(SendError(2)))));
}

#[test]
fn a_panicking_clone_loses_neither_message_nor_place() {
    let [count] = counts();
    let (sender, mut receiver) = channel(1);
    let hostile = panicking_clone();
    let mut cx = Context::from_waker(&hostile);
    let mut recv = Box::pin(receiver.recv());
    assert!(poll!(recv, count).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| recv.as_mut().poll(&mut cx))).is_err());
    sender.try_send(1).unwrap();
    assert_eq!((count.wakes(), poll!(recv)), (1, Poll::Ready(Some(1))));
    drop(recv);
    sender.try_send(2).unwrap();
    let mut send = pin!(sender.send(3));
    assert!(poll!(send, count).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| send.as_mut().poll(&mut cx))).is_err());
    assert_eq!((receiver.try_recv(), count.wakes()), (Ok(2), 2));
    assert_eq!(poll!(send), Poll::Ready(Ok(())));
    assert_eq!(receiver.try_recv(), Ok(3));
}

#[test]
fn a_receiver_learns_whether_it_waits() {
    let mut guess = channel::Guess::new();
    assert!(guess.nothing());
    // It was wrong: the messages come first.
    guess.found(true);
    assert!(!guess.nothing());
    guess.found(true);
    assert!(!guess.nothing());
    // Now the receiver does, and again after it has been woken.
    guess.found_nothing();
    assert!(!guess.nothing());
    guess.found(true);
    assert!(guess.nothing());
    // More than one came: the next poll finds something for sure.
    guess.found(false);
    assert!(!guess.nothing());
}

#[test]
fn a_waker_may_send_and_receive_in_its_wake() {
    struct Sends(Sender<u32>);
    impl Wake for Sends {
        fn wake(self: Arc<Self>) {
            self.0.try_send(2).unwrap();
        }
    }
    let (sender, mut receiver) = channel(2);
    let waker = Waker::from(Arc::new(Sends(sender.clone())));
    assert!(receiver.poll_recv(&mut Context::from_waker(&waker)).is_pending());
    sender.try_send(1).unwrap();
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(1), Ok(2)));
}

#[test]
fn waits_and_spent_budgets_are_told() {
    let (sender, mut receiver) = channel(1);
    let record = wait_site::Record::new();
    let seen = || record.read().map(|it| (it.kind, it.location.map(|it| it.file())));
    let _budget = coop::enter(2);
    #[expect(unsafe_code, reason = "lends a record to this thread")]
    // SAFETY: the guard is dropped before the record, which was made before it.
    let _guard = unsafe { wait_site::enter(&record) };
    assert!(poll!(pin!(receiver.recv())).is_pending());
    assert_eq!(seen(), Some((Kind::MpscRecv, Some(file!()))));
    assert!(poll!(pin!(sender.send(1))).is_ready());
    assert!(poll!(pin!(sender.send(2))).is_pending());
    assert_eq!(seen(), Some((Kind::MpscSend, Some(file!()))));
    assert!(poll!(pin!(receiver.recv())).is_ready());
    assert!(poll!(pin!(receiver.recv())).is_pending());
    assert_eq!(seen(), Some((Kind::Budget, Some(file!()))));
}

#[test]
fn handles_and_futures_are_send_and_sync_as_the_message_is_send() {
    type Message = Cell<u8>;
    implements!(Sender<Message>: std::marker::Send, Sync, Unpin);
    implements!(WeakSender<Message>: std::marker::Send, Sync, Unpin);
    implements!(UnboundedSender<Message>: std::marker::Send, Sync, Unpin);
    implements!(Receiver<Message>: std::marker::Send, Sync, Unpin);
    implements!(UnboundedReceiver<Message>: std::marker::Send, Sync, Unpin);
    implements!(Permit<'static, Message>: std::marker::Send, Sync, Unpin);
    implements!(Permits<'static, Message>: std::marker::Send, Sync, Unpin);
    implements!(OwnedPermit<Message>: std::marker::Send, Sync, Unpin);
    implements!(Send<'static, Message>: std::marker::Send);
    implements!(Reserve<'static, Message>: std::marker::Send, Sync);
    implements!(ReserveMany<'static, Message>: std::marker::Send, Sync);
    implements!(ReserveOwned<Message>: std::marker::Send, Sync);
    implements!(Closed<'static>: std::marker::Send, Sync);
    implements!(Recv<'static, Message>: std::marker::Send, Sync, Unpin);
    implements!(RecvMany<'static, Message>: std::marker::Send, Unpin);
    implements!(Receiver<PhantomPinned>: Unpin);
    implements!(Sender<PhantomPinned>: Unpin);
    is_not!(Sender<Rc<u8>>: std::marker::Send);
    is_not!(Sender<Rc<u8>>: Sync);
    is_not!(Receiver<Rc<u8>>: std::marker::Send);
    is_not!(UnboundedReceiver<Rc<u8>>: Sync);
    is_not!(Send<'static, Rc<u8>>: std::marker::Send);
    is_not!(Permit<'static, Rc<u8>>: std::marker::Send);
    is_not!(Send<'static, u8>: Unpin);
    is_not!(Reserve<'static, u8>: Unpin);
    is_not!(ReserveOwned<u8>: Unpin);
}
