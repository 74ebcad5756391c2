//! Whatever is called in whatever order, and wherever a future is dropped, the
//! channel does what a queue would do.

use super::*;
use proptest::prelude::*;
use std::{collections::VecDeque, pin::Pin};

type SendFuture<'a> = Pin<Box<Send<'a, u32>>>;
type ReserveFuture<'a> = Pin<Box<ReserveMany<'a, u32>>>;

#[derive(Clone, Copy, Debug)]
enum Step {
    TrySend,
    StartSend,
    PollSend(usize),
    DropSend(usize),
    StartReserve(usize),
    PollReserve(usize),
    DropReserve(usize),
    UsePermit(usize),
    DropPermits(usize),
    TryRecv,
    /// Polls a `recv` once, and drops it.
    Recv,
    RecvMany(usize),
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..4_usize;
    prop_oneof![
        2 => Just(Step::TrySend),
        4 => Just(Step::StartSend),
        4 => which.clone().prop_map(Step::PollSend),
        2 => which.clone().prop_map(Step::DropSend),
        2 => which.clone().prop_map(Step::StartReserve),
        3 => which.clone().prop_map(Step::PollReserve),
        1 => which.clone().prop_map(Step::DropReserve),
        2 => which.clone().prop_map(Step::UsePermit),
        1 => which.clone().prop_map(Step::DropPermits),
        2 => Just(Step::TryRecv),
        4 => Just(Step::Recv),
        2 => (0..4_usize).prop_map(Step::RecvMany),
        1 => Just(Step::Close),
    ]
}

struct World<'a> {
    sender: &'a Sender<u32>,
    receiver: Receiver<u32>,
    next: u32,
    sends: Vec<(u32, Arc<Count>, SendFuture<'a>)>,
    reserves: Vec<(Arc<Count>, ReserveFuture<'a>)>,
    permits: Vec<Permits<'a, u32>>,
    /// What is in the channel, as we think.
    queue: VecDeque<u32>,
    open: bool,
}

impl World<'_> {
    fn message(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn poll_send(&mut self, index: usize) {
        let Some((message, count, future)) = self.sends.get_mut(index) else { return };
        match poll!(future, count) {
            Poll::Ready(Ok(())) => self.queue.push_back(*message),
            Poll::Ready(Err(error)) => assert_eq!((error.0, self.open), (*message, false)),
            Poll::Pending => return,
        }
        drop(self.sends.remove(index));
    }

    fn poll_reserve(&mut self, index: usize) {
        let Some((count, future)) = self.reserves.get_mut(index) else { return };
        match poll!(future, count) {
            Poll::Ready(Ok(permits)) => self.permits.push(permits),
            Poll::Ready(Err(_)) => (),
            Poll::Pending => return,
        }
        drop(self.reserves.remove(index));
    }

    fn receive(&mut self, received: Option<u32>) {
        assert_eq!(received, self.queue.pop_front());
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::TrySend => {
                let message = self.message();
                match self.sender.try_send(message) {
                    Ok(()) => self.queue.push_back(message),
                    Err(error) => assert_eq!(error.into_inner(), message),
                }
            }
            Step::StartSend => {
                let message = self.message();
                self.sends.push((message, Arc::default(), Box::pin(self.sender.send(message))));
                self.poll_send(self.sends.len() - 1);
            }
            Step::PollSend(index) => self.poll_send(index),
            Step::DropSend(index) if index < self.sends.len() => drop(self.sends.remove(index)),
            Step::StartReserve(count) => {
                self.reserves.push((Arc::default(), Box::pin(self.sender.reserve_many(count))));
                self.poll_reserve(self.reserves.len() - 1);
            }
            Step::PollReserve(index) => self.poll_reserve(index),
            Step::DropReserve(index) if index < self.reserves.len() => {
                drop(self.reserves.remove(index));
            }
            Step::UsePermit(index) => {
                let message = self.message();
                let Some(permits) = self.permits.get_mut(index) else { return };
                if let Some(permit) = permits.next() {
                    permit.send(message);
                    self.queue.push_back(message);
                }
            }
            Step::DropPermits(index) if index < self.permits.len() => {
                drop(self.permits.remove(index));
            }
            Step::TryRecv => {
                let received = self.receiver.try_recv().ok();
                self.receive(received);
            }
            Step::Recv => {
                let received = poll!(pin!(self.receiver.recv()));
                self.receive(match received {
                    Poll::Ready(message) => message,
                    Poll::Pending => None,
                });
            }
            Step::RecvMany(limit) => {
                let mut buffer = vec![];
                let count = poll!(pin!(self.receiver.recv_many(&mut buffer, limit)));
                assert!(count.is_pending() || count == Poll::Ready(buffer.len()));
                assert!(buffer.len() == limit.min(self.queue.len()), "{buffer:?}");
                buffer.into_iter().for_each(|it| self.receive(Some(it)));
            }
            Step::Close => {
                self.receiver.close();
                self.open = false;
            }
            Step::DropSend(_) | Step::DropReserve(_) | Step::DropPermits(_) => (),
        }
    }

    fn check(&self) {
        assert_eq!(self.receiver.len(), self.queue.len());
        let held: usize = self.permits.iter().map(|it| it.len()).sum();
        let max = self.sender.max_capacity();
        assert!(self.sender.capacity() + self.queue.len() + held <= max);
    }

    /// Polls only who was woken: everybody ends, and the last message is received.
    fn finish(mut self) {
        self.permits.clear();
        loop {
            while let Ok(message) = self.receiver.try_recv() {
                self.receive(Some(message));
            }
            let send = self.sends.iter().position(|it| it.1.wakes() > 0);
            let reserve = self.reserves.iter().position(|it| it.0.wakes() > 0);
            match (send, reserve) {
                (Some(index), _) => self.poll_send(index),
                (None, Some(index)) => self.poll_reserve(index),
                (None, None) => break,
            }
            self.permits.clear();
        }
        assert!(self.sends.is_empty() && self.reserves.is_empty(), "somebody waits for ever");
        assert_eq!((self.queue.len(), self.sender.capacity()), (0, self.sender.max_capacity()));
    }
}

proptest! {
    #[test]
    fn a_channel_is_a_queue_wherever_futures_are_dropped(
        capacity in 1..4_usize,
        steps in prop::collection::vec(step(), 0..40),
    ) {
        let (sender, receiver) = channel(capacity);
        let mut world = World {
            sender: &sender,
            receiver,
            next: 0,
            sends: vec![],
            reserves: vec![],
            permits: vec![],
            queue: VecDeque::new(),
            open: true,
        };
        for step in steps {
            world.take(step);
            world.check();
        }
        world.finish();
    }
}
