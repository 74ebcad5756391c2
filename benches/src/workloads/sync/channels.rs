//! Queues between tasks.
//!
//! Messages are numbers from zero on. They are added up where they arrive, so one that
//! is lost, doubled or made up is seen.

use super::primitives::{Broadcast, Primitives, Receiver, Sender, UnboundedSender};
use crate::{Runtime, column::Outcome};
use std::ops::Range;

/// How many messages wait in a channel at most.
const ROOM: usize = 64;

/// How many messages a sender that never waits sends until it lets others run.
const BURST: u64 = 64;

pub(super) fn mpsc_bounded_1to1<R: Primitives>(runtime: &R, messages: u64) -> Outcome {
    bounded(runtime, 1, messages)
}

pub(super) fn mpsc_bounded_8to1<R: Primitives>(runtime: &R, messages: u64) -> Outcome {
    bounded(runtime, 8, messages)
}

fn bounded<R: Primitives>(runtime: &R, producers: u64, messages: u64) -> Outcome {
    runtime.run(async move {
        let (sender, receiver) = R::Bounded::bounded(ROOM);
        let consumer = R::spawn(take_all(receiver));
        for share in shares(messages, producers) {
            R::detach(R::spawn(put_all(sender.clone(), share)));
        }
        drop(sender);
        assert_eq!(R::join(consumer).await, Got::all(messages));
    });
    Outcome::Operations(messages)
}

pub(super) fn mpsc_unbounded_1to1<R: Primitives>(runtime: &R, messages: u64) -> Outcome {
    unbounded(runtime, 1, messages)
}

pub(super) fn mpsc_unbounded_8to1<R: Primitives>(runtime: &R, messages: u64) -> Outcome {
    unbounded(runtime, 8, messages)
}

fn unbounded<R: Primitives>(runtime: &R, producers: u64, messages: u64) -> Outcome {
    async fn put_bursts<R: Runtime>(sender: impl UnboundedSender, share: Range<u64>) {
        for message in share {
            sender.send(message);
            if message % BURST == BURST - 1 {
                R::yield_now().await;
            }
        }
    }
    runtime.run(async move {
        let (sender, receiver) = R::Unbounded::unbounded();
        let consumer = R::spawn(take_all(receiver));
        for share in shares(messages, producers) {
            R::detach(R::spawn(put_bursts::<R>(sender.clone(), share)));
        }
        drop(sender);
        assert_eq!(R::join(consumer).await, Got::all(messages));
    });
    Outcome::Operations(messages)
}

pub(super) fn mpsc_round_trip<R: Primitives>(runtime: &R, rounds: u64) -> Outcome {
    runtime.run(async move {
        let (ping, mut pinged) = R::Bounded::bounded(1);
        let (pong, mut ponged) = R::Bounded::bounded(1);
        let other = R::spawn(async move {
            while let Some(message) = pinged.receive().await {
                pong.send(message + 1).await;
            }
        });
        for round in 0..rounds {
            ping.send(round).await;
            assert_eq!(ponged.receive().await, Some(round + 1));
        }
        drop(ping);
        R::join(other).await;
    });
    Outcome::Operations(rounds)
}

pub(super) fn mpmc_4to4<R: Primitives>(runtime: &R, messages: u64) -> Outcome {
    const EACH: usize = 4;
    runtime.run(async move {
        let (sender, receiver) = R::Mpmc::bounded(ROOM);
        let receivers = vec![receiver; EACH];
        let consumers = receivers.into_iter().map(|it| R::spawn(take_all(it))).collect();
        for share in shares(messages, EACH as u64) {
            R::detach(R::spawn(put_all(sender.clone(), share)));
        }
        drop(sender);
        let got = R::gather(consumers).await.into_iter().fold(Got::default(), Got::and);
        assert_eq!(got, Got::all(messages));
    });
    Outcome::Operations(messages)
}

/// The channel keeps all messages, and the sender lets the others run in between.
pub(super) fn broadcast_1to8<R: Primitives>(runtime: &R, messages: u64) -> Outcome {
    const RECEIVERS: usize = 8;
    const A_FEW: u64 = 16;
    runtime.run(async move {
        let (sender, receivers) = R::Broadcast::to(RECEIVERS, messages as usize);
        let tasks = receivers.into_iter().map(|it| R::spawn(take_all(it))).collect();
        for message in 0..messages {
            sender.send(message).await;
            if message % A_FEW == A_FEW - 1 {
                R::yield_now().await;
            }
        }
        drop(sender);
        assert_eq!(R::gather(tasks).await, [Got::all(messages); RECEIVERS]);
    });
    Outcome::Operations(messages)
}

/// What arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Got {
    count: u64,
    sum: u64,
}

impl Got {
    /// Every message below this one, once.
    fn all(messages: u64) -> Self {
        Self { count: messages, sum: (0..messages).sum() }
    }

    fn and(self, other: Self) -> Self {
        Self { count: self.count + other.count, sum: self.sum + other.sum }
    }
}

/// Receives until all senders are gone.
async fn take_all(mut receiver: impl Receiver) -> Got {
    let mut got = Got::default();
    while let Some(message) = receiver.receive().await {
        got = got.and(Got { count: 1, sum: message });
    }
    got
}

async fn put_all(sender: impl Sender, share: Range<u64>) {
    for message in share {
        sender.send(message).await;
    }
}

/// The messages of each producer.
fn shares(messages: u64, producers: u64) -> impl Iterator<Item = Range<u64>> {
    (0..producers)
        .map(move |number| messages * number / producers..messages * (number + 1) / producers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_are_all_messages() {
        for (messages, producers) in [(64, 8), (10, 4), (3, 8)] {
            assert!(shares(messages, producers).flatten().eq(0..messages));
        }
    }
}
