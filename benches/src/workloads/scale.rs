//! The cost of one when there are many.
//!
//! The same work in sizes from few to very many, a line per size. What is measured is
//! one item's share; a cost that does not grow with the number is the promise of every
//! one of these data structures, and caches that are too small for a million of anything
//! are part of the answer.
//!
//! Where a size is small, the work is repeated until a sample is some milliseconds long,
//! so that all sizes are timed alike.

use super::{Group, Workload, accepting::Accepting, waiting::Waiting};
use crate::{
    Runtime,
    clock::{Stopwatch, Took},
    column::Outcome,
    on_each, system,
};
use futures_lite::future::poll_once;
use socket2::SockRef;
use std::{
    net::{SocketAddr, TcpStream},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::AcqRel},
    },
    time::Duration,
};

/// The group's part of the table.
pub const WORKLOADS: &[Workload] = &[
    Workload::new(
        Group::Scale,
        "scale_tasks",
        "spawn so many tasks, then await them: one of them",
        on_each!(tasks),
    )
    .sizes(&[10, 100, 10_000, 1_000_000], &[10, 1_000, 100_000]),
    Workload::new(
        Group::Scale,
        "scale_timers",
        "start and cancel a timer while so many others run",
        on_each!(timers),
    )
    .sizes(&[10, 100, 10_000, 1_000_000], &[10, 1_000, 100_000]),
    Workload::new(
        Group::Scale,
        "scale_waiters",
        "wake so many tasks that wait for a permit of one semaphore, until all wait again: one of them",
        on_each!(waiters),
    )
    .sizes(&[10, 100, 1_000, 10_000, 100_000], &[10, 1_000, 100_000]),
    Workload::new(
        Group::Scale,
        "scale_connections",
        "a round trip on one of so many connections of which the others are idle",
        |setup| {
            system::allow_files(2 * setup.size)?;
            on_each!(connections)(setup)
        },
    )
    .sizes(&[1, 10, 100, 1_000, 5_000], &[1, 100, 1_000]),
];

/// How often work on `size` items is done so that it is done on about `items`.
fn rounds(size: u64, items: u64) -> u64 {
    (items / size).max(1)
}

fn tasks<R: Runtime>(runtime: &R, tasks: u64) -> Outcome {
    let rounds = rounds(tasks, 20_000);
    let took = runtime.run(async move {
        let stopwatch = Stopwatch::start();
        for _ in 0..rounds {
            let handles: Vec<_> =
                (0..tasks).map(|number| R::spawn(async move { number })).collect();
            let mut sum = 0;
            for handle in handles {
                sum += R::join(handle).await;
            }
            assert_eq!(sum, tasks * (tasks - 1) / 2);
        }
        stopwatch.elapsed()
    });
    Outcome::Timed { operations: tasks * rounds, took }
}

/// A task whose budget is spent is sent away before its timer starts: after so many
/// operations it lets others run.
const WITHIN_BUDGET: u64 = 32;

/// Scattered over an hour that begins in an hour. The ones that are cancelled are among
/// the others.
fn scattered(number: u64) -> Duration {
    const HOUR_IN_MILLIS: u64 = 3_600_000;
    Duration::from_millis(HOUR_IN_MILLIS + number.wrapping_mul(2_654_435_761) % HOUR_IN_MILLIS)
}

fn timers<R: Runtime>(runtime: &R, live: u64) -> Outcome {
    const TIMERS: u64 = 20_000;
    let took = runtime.run(async move {
        let mut all = Vec::with_capacity(live as usize);
        for number in 0..live {
            let mut timer = Box::pin(R::sleep(scattered(number)));
            assert!(poll_once(&mut timer).await.is_none(), "it is not over for an hour");
            all.push(timer);
            if number % WITHIN_BUDGET == 0 {
                R::yield_now().await;
            }
        }
        let stopwatch = Stopwatch::start();
        for number in live..live + TIMERS {
            let timer = pin!(R::sleep(scattered(number)));
            assert!(poll_once(timer).await.is_none(), "it is not over for an hour");
            if number % WITHIN_BUDGET == 0 {
                R::yield_now().await;
            }
        }
        let took = stopwatch.elapsed();
        assert_eq!(all.len() as u64, live);
        took
    });
    Outcome::Timed { operations: TIMERS, took }
}

/// Where tasks wait in turn, so that none has two permits of the same round.
struct Gates<R: Waiting> {
    gates: [R::Semaphore; 2],
    /// Tasks that have not passed in this round.
    left: AtomicU64,
    all_passed: R::Semaphore,
}

impl<R: Waiting> Gates<R> {
    fn new() -> Self {
        Self {
            gates: [R::semaphore(), R::semaphore()],
            left: AtomicU64::new(0),
            all_passed: R::semaphore(),
        }
    }

    fn gate(&self, round: u64) -> &R::Semaphore {
        &self.gates[(round % 2) as usize]
    }

    /// Opens a gate for so many tasks, and waits until all have passed.
    async fn open(&self, round: u64, tasks: u64) {
        // AcqRel: a round begins after the one before.
        self.left.fetch_add(tasks, AcqRel);
        R::release(self.gate(round), tasks);
        R::acquire(&self.all_passed).await;
    }

    /// Passes the gate of each round.
    async fn pass_all(&self, rounds: u64) {
        for round in 0..rounds {
            R::acquire(self.gate(round)).await;
            // AcqRel: the last one tells what all have done.
            if self.left.fetch_sub(1, AcqRel) == 1 {
                R::release(&self.all_passed, 1);
            }
        }
    }
}

/// After the first round, which is not timed, all tasks wait.
fn waiters<R: Waiting>(runtime: &R, tasks: u64) -> Outcome {
    let rounds = rounds(tasks, 20_000);
    let took = runtime.run(async move {
        let gates = Arc::new(Gates::<R>::new());
        let waiting: Vec<_> = (0..tasks)
            .map(|_| {
                let gates = gates.clone();
                R::spawn(async move { gates.pass_all(rounds + 1).await })
            })
            .collect();
        gates.open(0, tasks).await;
        let stopwatch = Stopwatch::start();
        for round in 1..=rounds {
            gates.open(round, tasks).await;
        }
        let took = stopwatch.elapsed();
        for task in waiting {
            R::join(task).await;
        }
        took
    });
    Outcome::Timed { operations: tasks * rounds, took }
}

/// The one in the middle is used. Its two ends are tasks of the runtime; the callers of
/// the others are sockets of std that do nothing.
fn connections<R: Accepting>(runtime: &R, connections: u64) -> Outcome {
    const ROUND_TRIPS: u64 = 200;
    let took = runtime.run(async move {
        let (listener, address) = R::listen().await;
        let before = connections / 2;
        let (mut idle, mut servers) = (vec![], vec![]);
        call::<R>(&listener, address, before, &mut idle, &mut servers).await;
        let mut active = R::connect(address).await;
        servers.push(R::spawn(echo::<R>(R::accept(&listener).await)));
        call::<R>(&listener, address, connections - before - 1, &mut idle, &mut servers).await;
        round_trips::<R>(&mut active, ROUND_TRIPS / 10).await;
        let took = round_trips::<R>(&mut active, ROUND_TRIPS).await;
        drop((active, idle));
        let mut echoed = 0;
        for server in servers {
            echoed += R::join(server).await;
        }
        assert_eq!(echoed, ROUND_TRIPS + ROUND_TRIPS / 10, "only one connection is used");
        took
    });
    Outcome::Timed { operations: ROUND_TRIPS, took }
}

async fn call<R: Accepting>(
    listener: &R::Listener,
    address: SocketAddr,
    callers: u64,
    idle: &mut Vec<TcpStream>,
    servers: &mut Vec<R::Task<u64>>,
) {
    for _ in 0..callers {
        let caller = TcpStream::connect(address).expect("somebody listens");
        // Thousands of closed connections that linger would use up the ports.
        SockRef::from(&caller).set_linger(Some(Duration::ZERO)).expect("a socket has this option");
        idle.push(caller);
        servers.push(R::spawn(echo::<R>(R::accept(listener).await)));
    }
}

/// Sends back what comes, until the caller goes. The result is how often.
async fn echo<R: Accepting>(mut stream: R::Stream) -> u64 {
    let (mut buffer, mut times) = ([0; 64], 0);
    // The end of an idle connection is an error: it is reset.
    while let Ok(length @ 1..) = R::read(&mut stream, &mut buffer).await {
        R::write_all(&mut stream, &buffer[..length]).await.expect("the caller waits");
        times += 1;
    }
    times
}

/// All of a message comes in one piece: it is a single one of eight bytes.
async fn round_trips<R: Accepting>(stream: &mut R::Stream, count: u64) -> Took {
    let stopwatch = Stopwatch::start();
    for number in 0..count {
        let mut answer = [0; 64];
        R::write_all(stream, &number.to_be_bytes()).await.expect("the server waits");
        let length = R::read(stream, &mut answer).await.expect("the server answers");
        assert_eq!(answer[..length], number.to_be_bytes());
    }
    stopwatch.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_items_are_worked_on_often() {
        assert_eq!(rounds(10, 20_000), 2_000);
        assert_eq!(rounds(1_000_000, 20_000), 1);
    }

    #[test]
    fn timers_are_scattered_over_an_hour() {
        let mut deadlines: Vec<_> = (0..1_000).map(scattered).collect();
        deadlines.sort();
        deadlines.dedup();
        assert_eq!(deadlines.len(), 1_000);
        let hour = Duration::from_secs(3_600);
        assert!(deadlines[0] >= hour && deadlines[999] < 2 * hour);
        assert!(deadlines[500] > hour * 5 / 4 && deadlines[500] < hour * 7 / 4);
    }
}
