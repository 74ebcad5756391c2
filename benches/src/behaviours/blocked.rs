//! A task blocks its thread: who else waits for it?
//!
//! R1: another worker must look after the timers. The blocking task was woken by a
//! timer, so its worker is the one that last waited for all of them.
//!
//! R2: another worker must take what the blocked one was about to run next.
//!
//! R5: nobody is left, and somebody must be added. The socket's request comes at the
//! moment when all are blocked, the timer's deadline somewhat later.
//!
//! To block is to sleep here, not to compute: the processors are free.

use super::{Answer, Question, Situation, Unit, worst};
use crate::{Runtime, clock};
use std::{
    future::Future,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// The file's part of the list.
pub(super) const SITUATIONS: &[Situation] = &[
    Situation {
        id: "R1",
        questions: &[Question::new(
            "one of 4 workers blocked for 500 ms: largest gap of a 5 ms ticker, worst of 5",
            Unit::Millis,
        )
        .at_most(8.0)],
        observe: on_runtime!(ticker_beside_blocked),
    },
    Situation {
        id: "R2",
        questions: &[Question::new(
            "a task wakes B, then blocks 300 ms; 3 workers idle: B starts after, worst of 5",
            Unit::Millis,
        )
        .at_most(4.0)],
        observe: on_runtime!(woken_by_blocked),
    },
    Situation {
        id: "R5",
        questions: &[
            Question::new(
                "all workers blocked for 300 ms: a timer is served late by, worst of 5",
                Unit::Millis,
            )
            .at_most(12.0),
            Question::new("… and a request on a socket is answered after", Unit::Millis)
                .at_most(12.0),
        ],
        observe: on_runtime!(all_blocked),
    },
];

const TRIALS: usize = 5;

/// A runtime with sockets.
pub trait Echo: Runtime {
    /// Sends back what comes on the connection, until its end. Called from inside.
    fn echo(connection: TcpStream) -> impl Future<Output = ()> + Send;
}

fn ticker_beside_blocked<R: Runtime>() -> Vec<Answer> {
    let gaps = (0..TRIALS).map(|_| largest_gap::<R>(Duration::from_millis(500)));
    vec![Answer::millis(worst(gaps))]
}

/// The longest time between two ticks, from before a task blocks until after.
fn largest_gap<R: Runtime>(blocked: Duration) -> Duration {
    const MARGIN: Duration = Duration::from_millis(40);
    R::new(4).run(async move {
        let is_over = Arc::new(AtomicBool::new(false));
        let ticker = R::spawn(tick::<R>(is_over.clone()));
        let blocker = R::spawn(async move {
            R::sleep(MARGIN).await;
            thread::sleep(blocked);
            R::sleep(MARGIN).await;
            // Relaxed: a flag that is seen in time.
            is_over.store(true, Relaxed);
        });
        R::join(blocker).await;
        R::join(ticker).await
    })
}

async fn tick<R: Runtime>(is_over: Arc<AtomicBool>) -> Duration {
    let (mut last, mut largest_gap) = (clock::now(), Duration::ZERO);
    while !is_over.load(Relaxed) {
        R::sleep(Duration::from_millis(5)).await;
        let now = clock::now();
        largest_gap = largest_gap.max(now - last);
        last = now;
    }
    largest_gap
}

fn woken_by_blocked<R: Runtime>() -> Vec<Answer> {
    let delays = (0..TRIALS).map(|_| start_after_wake::<R>(Duration::from_millis(300)));
    vec![Answer::millis(worst(delays))]
}

/// How long it takes from when a task wakes another, and blocks, to the other's start.
fn start_after_wake<R: Runtime>(blocked: Duration) -> Duration {
    R::new(4).run(async move {
        let (wake, woken) = R::oneshot::<Instant>();
        let other = R::spawn(async move { woken.await.elapsed() });
        // Until the other waits, and idle workers sleep.
        R::sleep(Duration::from_millis(20)).await;
        R::send(wake, clock::now());
        thread::sleep(blocked);
        R::join(other).await
    })
}

fn all_blocked<R: Echo>() -> Vec<Answer> {
    let trial = || served_while_blocked::<R>(Duration::from_millis(300));
    let (timers, sockets): (Vec<_>, Vec<_>) =
        (0..TRIALS).map(|_| trial()).map(|it| (it.timer, it.socket)).unzip();
    vec![Answer::millis(worst(timers)), Answer::millis(worst(sockets))]
}

/// When things were served that happened while all workers were blocked.
struct Served {
    /// After the deadline.
    timer: Duration,
    /// After the request.
    socket: Duration,
}

/// Repeats the trial until it tells something: on a busy machine the deadline may
/// pass before all are blocked.
fn served_while_blocked<R: Echo>(blocked: Duration) -> Served {
    loop {
        if let Some(served) = try_serve_while_blocked::<R>(blocked) {
            return served;
        }
    }
}

fn try_serve_while_blocked<R: Echo>(blocked: Duration) -> Option<Served> {
    const WORKERS: usize = 2;
    const SLEEP: Duration = Duration::from_millis(40);
    let runtime = R::new(WORKERS);
    let (mut near, far) = connection();
    R::detach(runtime.spawn_from_outside(async move { R::echo(far).await }));
    // The second time, the runtime waits for the socket already.
    round_trip(&mut near);
    let (tell, told) = mpsc::channel();
    R::detach(runtime.spawn_from_outside(async move {
        let due = clock::now() + SLEEP;
        R::sleep(SLEEP).await;
        tell.send((due, clock::now())).expect("the thread outside listens");
    }));
    thread::sleep(SLEEP / 4);
    let all = Arc::new(Barrier::new(WORKERS + 1));
    for _ in 0..WORKERS {
        let all = all.clone();
        R::detach(runtime.spawn_from_outside(async move {
            all.wait();
            thread::sleep(blocked);
        }));
    }
    all.wait();
    let start = clock::now();
    let socket = round_trip(&mut near);
    let (due, served) = told.recv().expect("the sleeping task tells");
    (start < due).then(|| Served { timer: served - due, socket })
}

/// Both ends of a connection.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port can be had");
    let address = listener.local_addr().expect("it is bound");
    let near = TcpStream::connect(address).expect("the port is open");
    let (far, _) = listener.accept().expect("one is connected");
    (near, far)
}

/// Sends a byte, and waits until it is back.
fn round_trip(connection: &mut TcpStream) -> Duration {
    let start = clock::now();
    let mut byte = [7];
    connection.write_all(&byte).expect("the other end is open");
    connection.read_exact(&mut byte).expect("the other end answers");
    assert_eq!(byte, [7]);
    start.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtimes::{Bowerbird, Smol, Tokio};

    const BLOCKED: Duration = Duration::from_millis(80);

    /// Longer than a blocked worker explains.
    const FOR_EVER: Duration = Duration::from_secs(5);

    fn is_served<R: Echo>() {
        let gap = largest_gap::<R>(BLOCKED);
        assert!((Duration::from_millis(5)..FOR_EVER).contains(&gap), "{gap:?}");
        let delay = start_after_wake::<R>(BLOCKED);
        assert!(delay < FOR_EVER, "{delay:?}");
        let Served { timer, socket } = served_while_blocked::<R>(BLOCKED);
        assert!(timer < FOR_EVER && socket < FOR_EVER, "{timer:?}, {socket:?}");
    }

    #[test]
    fn bowerbird_goes_on_when_the_blocked_do() {
        is_served::<Bowerbird>();
    }

    #[test]
    fn others_do() {
        is_served::<Tokio>();
        is_served::<Smol>();
    }

    /// tokio's workers do not take from the slot of what runs next, and nobody is
    /// there to serve when all are blocked: what is measured is there.
    #[test]
    fn a_runtime_that_waits_for_the_blocked_is_found_out() {
        let delay = start_after_wake::<Tokio>(BLOCKED);
        assert!(delay >= BLOCKED, "{delay:?}");
        let socket = served_while_blocked::<Tokio>(BLOCKED).socket;
        assert!(socket >= BLOCKED / 2, "{socket:?}");
    }
}
