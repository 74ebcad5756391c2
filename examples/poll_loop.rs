//! An event loop of one's own under the runtime: a driver over poll(2), and futures
//! for it that wait for a descriptor or for a time.
//!
//! ```text
//! cargo run --example poll_loop
//! ```
//!
//! Nothing of Bowerbird's own reactor is in it. A real one would keep the descriptors
//! registered, as epoll does; this one tells the kernel all of them each time. It is
//! for a current-thread runtime: what a task registers is seen when its thread parks.

#![expect(unsafe_code, reason = "std has no door to poll(2)")]

use bowerbird::{
    runtime::Builder,
    spawn, spawn_blocking,
    sync::driver::{Driver, Seat},
};
use std::{
    collections::BTreeMap,
    future::poll_fn,
    io::{self, Read, Write},
    mem,
    net::{TcpListener, TcpStream},
    os::{
        fd::{AsRawFd, RawFd},
        unix::net::UnixStream,
    },
    sync::{Arc, Mutex, PoisonError},
    task::{Poll, Waker},
    time::{Duration, Instant},
};

/// The event loop. Tasks hold it, too: it is what their futures register with.
#[derive(Clone)]
struct PollLoop(Arc<Parts>);

struct Parts {
    /// For each seat a pipe by which its sleep is ended.
    seats: Vec<(UnixStream, UnixStream)>,
    waiting: Mutex<Waiting>,
}

/// Who waits, and for what.
#[derive(Default)]
struct Waiting {
    readers: BTreeMap<RawFd, Waker>,
    timers: BTreeMap<(Instant, u64), Waker>,
    serial: u64,
}

impl PollLoop {
    fn new(seats: usize) -> io::Result<Self> {
        let pipe = |_| {
            let (reader, writer) = UnixStream::pair()?;
            reader.set_nonblocking(true)?;
            writer.set_nonblocking(true)?;
            Ok((reader, writer))
        };
        let seats = (0..seats).map(pipe).collect::<io::Result<_>>()?;
        Ok(Self(Arc::new(Parts { seats, waiting: Mutex::default() })))
    }

    fn with<R>(&self, f: impl FnOnce(&mut Waiting) -> R) -> R {
        f(&mut self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does `io` once the descriptor is readable, as often as it would block.
    async fn when_readable<S: AsRawFd, T>(
        &self,
        source: &S,
        mut io: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        poll_fn(|cx| match io(source) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let waker = cx.waker().clone();
                let old = self.with(|it| it.readers.insert(source.as_raw_fd(), waker));
                drop(old);
                Poll::Pending
            }
            result => Poll::Ready(result),
        })
        .await
    }

    async fn sleep(&self, duration: Duration) {
        let deadline = self.now() + duration;
        let mut key = None;
        poll_fn(|cx| {
            if deadline <= self.now() {
                return Poll::Ready(());
            }
            let waker = cx.waker().clone();
            let old = self.with(|it| {
                it.serial += 1;
                let key = key.get_or_insert((deadline, it.serial));
                it.timers.insert(*key, waker)
            });
            drop(old);
            Poll::Pending
        })
        .await;
    }

    /// Waits in poll(2) as long as told and gives the wakers of whom it is over for.
    fn wait(&self, seat: Seat, timeout: Option<Duration>) -> Vec<Waker> {
        let pipe = seat.index().map(|index| &self.0.seats[index].0);
        let fds = pipe.map(AsRawFd::as_raw_fd).into_iter();
        let fds: Vec<_> =
            fds.chain(self.with(|it| it.readers.keys().copied().collect::<Vec<_>>())).collect();
        let event = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let mut polled: Vec<_> = fds.into_iter().map(event).collect();
        // Rounded up, or it would spin through the last millisecond.
        let millis = |it: Duration| it.as_micros().div_ceil(1000).min(i32::MAX as u128) as i32;
        // SAFETY: the pointer and the length are those of one vector, which outlives the
        // call. A failure (a signal, say) leaves all `revents` zero: nothing is ready.
        unsafe {
            let count = polled.len() as libc::nfds_t;
            libc::poll(polled.as_mut_ptr(), count, timeout.map_or(-1, millis));
        }
        while pipe.is_some_and(|mut it| it.read(&mut [0; 64]).is_ok_and(|read| read > 0)) {}
        let now = self.now();
        self.with(|it| {
            let ready = polled.iter().filter(|it| it.revents != 0);
            let mut wakers: Vec<_> = ready.filter_map(|fd| it.readers.remove(&fd.fd)).collect();
            let later = it.timers.split_off(&(now, u64::MAX));
            wakers.extend(mem::replace(&mut it.timers, later).into_values());
            wakers
        })
    }
}

impl Driver for PollLoop {
    // The futures hold the loop themselves: there is no context to set.
    fn attach(&self, _seat: Seat) {}

    fn detach(&self, _seat: Seat) {}

    fn park(&self, seat: Seat, until: Option<Instant>, _max: usize) -> usize {
        let deadline = self.next_deadline(seat).into_iter().chain(until).min();
        let timeout = deadline.map(|it| it.saturating_duration_since(self.now()));
        let wakers = self.wait(seat, timeout);
        let count = wakers.len();
        wakers.into_iter().for_each(Waker::wake);
        count
    }

    fn poll(&self, seat: Seat, _max: usize) -> usize {
        let wakers = self.wait(seat, Some(Duration::ZERO));
        let count = wakers.len();
        wakers.into_iter().for_each(Waker::wake);
        count
    }

    fn unpark(&self, seat: Seat) {
        if let Some(index) = seat.index() {
            // Full: then the sleep ends anyway.
            let _ = (&self.0.seats[index].1).write(&[1]);
        }
    }

    fn next_deadline(&self, _seat: Seat) -> Option<Instant> {
        self.with(|it| it.timers.keys().next().map(|(deadline, _)| *deadline))
    }

    #[expect(clippy::disallowed_methods, reason = "the driver owns the clock")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn close(&self) {
        let waiting = self.with(mem::take);
        drop(waiting);
    }
}

async fn echo(events: PollLoop, listener: TcpListener) -> io::Result<usize> {
    let (stream, _) = events.when_readable(&listener, TcpListener::accept).await?;
    stream.set_nonblocking(true)?;
    let (mut buffer, mut echoed) = ([0; 64], 0);
    loop {
        match events.when_readable(&stream, |mut it: &TcpStream| it.read(&mut buffer)).await? {
            0 => return Ok(echoed),
            read => (&stream).write_all(&buffer[..read])?,
        }
        echoed += 1;
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let builder = Builder::new_current_thread();
    let events = PollLoop::new(builder.seats())?;
    let runtime = builder.driver(events.clone()).build()?;
    let begin = events.now();
    let (echoed, doubled) = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let client = TcpStream::connect(listener.local_addr()?)?;
        client.set_nonblocking(true)?;
        let server = spawn(echo(events.clone(), listener));
        for n in 0..3_u8 {
            events.sleep(Duration::from_millis(5)).await;
            (&client).write_all(&[n])?;
            let mut answer = [0];
            events.when_readable(&client, |mut it: &TcpStream| it.read_exact(&mut answer)).await?;
            assert_eq!(answer, [n]);
        }
        drop(client);
        // Another thread ends the sleep of this one.
        let doubled = spawn_blocking(|| 21 * 2).await?;
        io::Result::Ok((server.await??, doubled))
    })?;
    let elapsed = events.now() - begin;
    assert!((echoed, doubled) == (3, 42) && elapsed >= Duration::from_millis(15));
    println!("echoed {echoed} messages after 3 timers, and heard of {doubled}: all over poll(2)");
    Ok(())
}
