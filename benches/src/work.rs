//! The work: one function per workload, each asserting its result.

use crate::{Runtime, clock};
use std::time::Duration;

/// What is compared, with its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// [`spawn_then_join`], 1,000 tasks.
    SpawnThenJoin,
    /// [`spawn_and_await`], 1,000 times.
    SpawnAndAwait,
    /// [`yield_among`] 200 tasks, 50 times each.
    YieldAmong,
    /// [`ping_pong`], 1,000 rounds.
    PingPong,
}

impl Workload {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 4] =
        [Self::SpawnThenJoin, Self::SpawnAndAwait, Self::YieldAmong, Self::PingPong];

    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SpawnThenJoin => "spawn_1000_then_join",
            Self::SpawnAndAwait => "spawn_and_await",
            Self::YieldAmong => "yield_among_200",
            Self::PingPong => "ping_pong",
        }
    }

    /// How many operations one run is.
    #[must_use]
    pub fn operations(self) -> u64 {
        match self {
            Self::YieldAmong => 10_000,
            Self::SpawnThenJoin | Self::SpawnAndAwait | Self::PingPong => 1_000,
        }
    }

    /// Does it once.
    pub fn run<R: Runtime>(self, runtime: &R) {
        let operations = self.operations();
        match self {
            Self::SpawnThenJoin => runtime.run(spawn_then_join::<R>(operations)),
            Self::SpawnAndAwait => runtime.run(spawn_and_await::<R>(operations)),
            Self::YieldAmong => runtime.run(yield_among::<R>(200, operations / 200)),
            Self::PingPong => runtime.run(ping_pong::<R>(operations)),
        }
    }
}

/// A task spawns `tasks` others, then awaits them all.
pub async fn spawn_then_join<R: Runtime>(tasks: u64) {
    let handles: Vec<_> = (0..tasks).map(|number| R::spawn(async move { number })).collect();
    let mut sum = 0;
    for handle in handles {
        sum += handle.await;
    }
    assert_eq!(sum, tasks * (tasks - 1) / 2);
}

/// A task spawns one other and awaits it, `tasks` times.
pub async fn spawn_and_await<R: Runtime>(tasks: u64) {
    let mut sum = 0;
    for number in 0..tasks {
        sum += R::spawn(async move { number }).await;
    }
    assert_eq!(sum, tasks * (tasks - 1) / 2);
}

/// `tasks` tasks yield `rounds` times each.
pub async fn yield_among<R: Runtime>(tasks: u64, rounds: u64) {
    let yields = move || async move {
        let mut done = 0;
        for _ in 0..rounds {
            R::yield_now().await;
            done += 1;
        }
        done
    };
    let handles: Vec<_> = (0..tasks).map(|_| R::spawn(yields())).collect();
    let mut sum = 0;
    for handle in handles {
        sum += handle.await;
    }
    assert_eq!(sum, tasks * rounds);
}

/// `rounds` times: a new task gets a ping and answers with a pong.
pub async fn ping_pong<R: Runtime>(rounds: u64) {
    for number in 0..rounds {
        let (ping, pinged) = R::oneshot();
        let (pong, ponged) = R::oneshot();
        let other = R::spawn(async move { R::send(pong, pinged.await + 1) });
        R::send(ping, number);
        assert_eq!(ponged.await, number + 1);
        other.await;
    }
}

/// The caller and one other task wake each other, `rounds` times. How long that
/// takes, without what is made before and ended after.
pub async fn round_trips<R: Runtime>(rounds: u64) -> Duration {
    let channels = || (0..rounds).map(|_| R::oneshot::<u64>()).unzip::<_, _, Vec<_>, Vec<_>>();
    let (pings, pinged) = channels();
    let (pongs, ponged) = channels();
    let other = R::spawn(async move {
        for (pinged, pong) in pinged.into_iter().zip(pongs) {
            R::send(pong, pinged.await + 1);
        }
    });
    let start = clock::now();
    for ((ping, ponged), number) in pings.into_iter().zip(ponged).zip(0..) {
        R::send(ping, number);
        assert_eq!(ponged.await, number + 1);
    }
    let took = start.elapsed();
    other.await;
    took
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtimes::{Bowerbird, Tokio};

    fn does_all<R: Runtime>() {
        let runtime = R::new(2);
        for workload in Workload::ALL {
            workload.run(&runtime);
        }
        runtime.run(round_trips::<R>(100));
        R::run_program(2, round_trips::<R>(100));
        runtime.run(async {
            R::sleep(Duration::from_millis(1)).await;
            R::consume_budget().await;
            assert_eq!(R::spawn_blocking(|| 7).await, 7);
        });
    }

    #[test]
    fn bowerbird_does_all_the_work() {
        does_all::<Bowerbird>();
    }

    #[test]
    fn tokio_does_all_the_work() {
        does_all::<Tokio>();
    }
}
