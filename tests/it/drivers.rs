//! Event loops of one's own.

use crate::stage::limited;
use bowerbird::{
    JoinHandle,
    net::{TcpListener, TcpStream},
    runtime::{Builder, Reactor, Runtime},
    spawn, spawn_blocking,
    sync::driver::{Driver, DriverMetrics, Seat, ThreadDriver},
    time::sleep,
    yield_now,
};
use futures::{AsyncReadExt, AsyncWriteExt};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

fn builders() -> [Builder; 3] {
    [
        Builder::new_current_thread(),
        Builder::new_multi_thread().worker_threads(1),
        Builder::new_multi_thread().worker_threads(3),
    ]
}

#[test]
fn without_a_reactor_tasks_run_and_timers_say_what_is_missing() {
    limited(|| {
        for builder in builders() {
            let driver = ThreadDriver::new(builder.seats());
            let runtime = builder.driver(driver).build().unwrap();
            let sum = runtime.block_on(async {
                let tasks: Vec<_> = (0..100)
                    .map(|n| {
                        spawn(async move {
                            yield_now().await;
                            n
                        })
                    })
                    .collect();
                let mut sum = spawn_blocking(|| 1).await.unwrap();
                for task in tasks {
                    sum += task.await.unwrap();
                }
                sum
            });
            assert_eq!(sum, 4951);
            let error = runtime.block_on(sleeping(&runtime)).unwrap_err();
            assert!(error.to_string().contains("no reactor"), "{error}");
        }
    });
}

fn sleeping(runtime: &Runtime) -> JoinHandle<()> {
    // Long: it has to wait, however late its first poll is.
    runtime.spawn(sleep(Duration::from_secs(3600)))
}

/// A reactor, and how often it was called.
struct Wrapping {
    reactor: Reactor,
    calls: Arc<AtomicUsize>,
}

impl Driver for Wrapping {
    fn attach(&self, seat: Seat) {
        self.reactor.attach(seat);
    }

    fn detach(&self, seat: Seat) {
        self.reactor.detach(seat);
    }

    fn park(&self, seat: Seat, until: Option<Instant>, max: usize) -> usize {
        self.calls.fetch_add(1, Relaxed);
        self.reactor.park(seat, until, max)
    }

    fn poll(&self, seat: Seat, max: usize) -> usize {
        self.reactor.poll(seat, max)
    }

    fn unpark(&self, seat: Seat) {
        self.reactor.unpark(seat);
    }

    fn next_deadline(&self, seat: Seat) -> Option<Instant> {
        self.reactor.next_deadline(seat)
    }

    fn now(&self) -> Instant {
        self.reactor.now()
    }

    fn advance_idle(&self) -> bool {
        self.reactor.advance_idle()
    }

    fn metrics(&self) -> DriverMetrics {
        self.reactor.metrics()
    }

    fn close(&self) {
        self.reactor.close();
    }
}

#[test]
fn a_driver_around_a_reactor_serves_sockets_and_timers() {
    limited(|| {
        for builder in builders() {
            let reactor = Reactor::builder().seats(builder.seats()).build().unwrap();
            let calls = Arc::new(AtomicUsize::new(0));
            let runtime =
                builder.driver(Wrapping { reactor, calls: calls.clone() }).build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                let server = spawn(async move {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    let mut buffer = [0; 5];
                    stream.read_exact(&mut buffer).await.unwrap();
                    sleep(Duration::from_millis(2)).await;
                    stream.write_all(&buffer).await.unwrap();
                });
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.write_all(b"hello").await.unwrap();
                let mut buffer = [0; 5];
                stream.read_exact(&mut buffer).await.unwrap();
                assert_eq!(&buffer, b"hello");
                server.await.unwrap();
            });
            assert!(calls.load(Relaxed) > 0, "the runtime sleeps in the driver");
        }
    });
}

#[test]
fn a_driver_brings_its_own_clock() {
    limited(|| {
        let builder = Builder::new_current_thread();
        let reactor = Reactor::builder().seats(builder.seats()).paused().build().unwrap();
        let calls = Arc::new(AtomicUsize::new(0));
        let runtime = builder.driver(Wrapping { reactor, calls }).build().unwrap();
        let elapsed = runtime.block_on(async {
            let begin = bowerbird::time::Instant::now();
            sleep(Duration::from_secs(86_400)).await;
            begin.elapsed()
        });
        assert_eq!(elapsed, Duration::from_secs(86_400));
    });
}
