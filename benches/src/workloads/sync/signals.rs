//! News without a queue: signals, single values, the newest value, a meeting.

use super::primitives::{Barrier, Primitives, Signal, Watch, Watcher, Watches};
use crate::{Runtime, column::Outcome, workloads::scheduler::round_trips};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// Each listens before it notifies the other, so that no signal is given to nobody:
/// event-listener's would be lost.
pub(super) fn signal_round_trip<R: Primitives>(runtime: &R, rounds: u64) -> Outcome {
    runtime.run(async move {
        let ping = Arc::new(R::Signal::silent());
        let pong = Arc::new(R::Signal::silent());
        let turn = Arc::new(AtomicU64::new(0));
        let ready = pong.listen();
        let other = R::spawn(answer::<R>(ping.clone(), pong.clone(), turn.clone(), rounds));
        ready.await;
        for round in 0..rounds {
            let ponged = pong.listen();
            // Relaxed, here and in the answer: what comes with a signal is the turn.
            turn.store(2 * round + 1, Relaxed);
            ping.notify();
            ponged.await;
            assert_eq!(turn.load(Relaxed), 2 * round + 2, "a pong without a ping");
        }
        R::join(other).await;
    });
    Outcome::Operations(rounds)
}

async fn answer<R: Primitives>(
    ping: Arc<R::Signal>,
    pong: Arc<R::Signal>,
    turn: Arc<AtomicU64>,
    rounds: u64,
) {
    let mut pinged = ping.listen();
    pong.notify();
    for round in 0..rounds {
        pinged.await;
        assert_eq!(turn.load(Relaxed), 2 * round + 1, "a ping without a pong");
        turn.store(2 * round + 2, Relaxed);
        pinged = ping.listen();
        pong.notify();
    }
}

pub(super) fn oneshot<R: Runtime>(runtime: &R, times: u64) -> Outcome {
    runtime.run(async move {
        let mut sum = 0;
        for number in 0..times {
            let (sender, receiver) = R::oneshot();
            R::send(sender, number);
            sum += receiver.await;
        }
        assert_eq!(sum, (0..times).sum::<u64>());
    });
    Outcome::Operations(times)
}

pub(super) fn oneshot_round_trip<R: Runtime>(runtime: &R, rounds: u64) -> Outcome {
    Outcome::Timed { operations: rounds, took: runtime.run(round_trips::<R>(rounds)) }
}

/// How many tasks watch.
const WATCHERS: usize = 4;

pub(super) fn watch_1to4<R: Watches>(runtime: &R, writes: u64) -> Outcome {
    async fn watch_until(mut watcher: impl Watcher, end: u64) {
        let mut seen = 0;
        while seen < end {
            let value = watcher.changed().await;
            assert!(value > seen, "{value} after {seen} is not news");
            seen = value;
        }
        assert_eq!(seen, end);
    }
    runtime.run(async move {
        let (value, watcher) = R::Watch::zero();
        let watchers = vec![watcher; WATCHERS];
        let tasks = watchers.into_iter().map(|it| R::spawn(watch_until(it, writes))).collect();
        for number in 1..=writes {
            value.set(number);
            R::yield_now().await;
        }
        R::gather(tasks).await;
    });
    Outcome::Operations(writes)
}

/// How many tasks meet.
const PARTIES: usize = 8;

pub(super) fn barrier<R: Primitives>(runtime: &R, meetings: u64) -> Outcome {
    async fn meet<R: Primitives>(barrier: Arc<R::Barrier>, meetings: u64) -> u64 {
        let mut led = 0;
        for _ in 0..meetings {
            led += u64::from(barrier.wait().await);
        }
        led
    }
    runtime.run(async move {
        let barrier = Arc::new(R::Barrier::of(PARTIES));
        let tasks = (0..PARTIES).map(|_| R::spawn(meet::<R>(barrier.clone(), meetings))).collect();
        let led: u64 = R::gather(tasks).await.into_iter().sum();
        assert_eq!(led, meetings, "each meeting has one who leads");
    });
    Outcome::Operations(meetings)
}
