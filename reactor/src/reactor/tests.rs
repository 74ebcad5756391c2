use super::*;
use crate::{
    async_fd::AsyncFd,
    poller::scripted::Scripted,
    readiness::{Interest, Ready},
    registry::ShuttingDown,
    time,
};
use std::{
    future::poll_fn,
    io::{Read, Write},
    os::unix::net::UnixStream,
    panic::{self, AssertUnwindSafe},
    sync::{Mutex, mpsc},
    task::{Context, Poll, Wake, Waker},
    thread,
};
use sync::driver::Driver;

const HOUR: Duration = Duration::from_secs(3600);

fn real(seats: usize) -> Reactor {
    Reactor::builder().seats(seats).build().unwrap()
}

fn paused(seats: usize) -> (Reactor, Scripted) {
    let script = Scripted::new();
    (Reactor::builder().seats(seats).paused().scripted(&script).build().unwrap(), script)
}

fn pair() -> (AsyncFd<UnixStream>, UnixStream) {
    let (mine, theirs) = UnixStream::pair().unwrap();
    mine.set_nonblocking(true).unwrap();
    (AsyncFd::new(mine).unwrap(), theirs)
}

/// Counts its wakes, and may panic at each.
#[derive(Default)]
struct Probe {
    wakes: Mutex<usize>,
    panics: bool,
}

impl Probe {
    fn wakes(&self) -> usize {
        *self.wakes.lock().unwrap()
    }
}

impl Wake for Probe {
    fn wake(self: Arc<Self>) {
        *self.wakes.lock().unwrap() += 1;
        assert!(!self.panics, "hostile");
    }
}

/// Polls once, on behalf of `probe`.
fn poll_once<F: Future + Unpin>(future: &mut F, probe: &Arc<Probe>) -> Poll<F::Output> {
    let waker = Waker::from(probe.clone());
    Pin::new(future).poll(&mut Context::from_waker(&waker))
}

/// Waits, without a reactor, until `condition` holds.
fn eventually(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

#[test]
fn a_token_left_before_the_sleep_ends_it() {
    let reactor = real(1);
    reactor.attach(Seat(0));
    reactor.unpark(Seat(0));
    reactor.unpark(Seat(0));
    assert_eq!(reactor.park(Seat(0), None, 8), 0);
    let until = reactor.now() + Duration::from_millis(3);
    while reactor.now() < until {
        reactor.park(Seat(0), Some(until), 8);
    }
    reactor.detach(Seat(0));
}

#[test]
fn every_sleeper_can_be_woken_wherever_it_sleeps() {
    let reactor = real(3);
    let (awake, woken) = mpsc::channel();
    let threads: Vec<_> = (0..3)
        .map(|index| {
            let (reactor, awake) = (reactor.clone(), awake.clone());
            thread::spawn(move || {
                reactor.attach(Seat(index));
                // A sleep may end early: the others' do not end by our token.
                reactor.park(Seat(index), None, 8);
                reactor.detach(Seat(index));
                awake.send(index).unwrap();
            })
        })
        .collect();
    eventually(|| reactor.metrics().sleeps == 3);
    for index in [1, 2, 0] {
        reactor.unpark(Seat(index));
    }
    let mut seen: Vec<u32> = (0..3).map(|_| woken.recv().unwrap()).collect();
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2]);
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Parks until told otherwise; the thread's seat is given up at the end.
fn worker(
    reactor: &Reactor,
    seat: Seat,
    go_on: impl Fn() -> bool + Send + 'static,
) -> thread::JoinHandle<()> {
    let reactor = reactor.clone();
    thread::spawn(move || {
        reactor.attach(seat);
        while go_on() {
            reactor.park(seat, None, 8);
        }
        reactor.detach(seat);
    })
}

#[test]
fn when_the_leader_goes_for_good_a_follower_leads() {
    let reactor = real(2);
    let _here = reactor.enter();
    let (mut fd, mut peer) = pair();
    let probe = Arc::new(Probe::default());
    // That it is writable is the first event, and would end the first sleep.
    assert_eq!(reactor.poll(Seat(0), 8), 1);

    let stop = Arc::new(Mutex::new(false));
    let theirs = stop.clone();
    let leader = worker(&reactor, Seat(0), move || !*theirs.lock().unwrap());
    eventually(|| reactor.metrics().sleeps == 1);
    let mine = probe.clone();
    let follower = worker(&reactor, Seat(1), move || mine.wakes() == 0);
    eventually(|| reactor.metrics().sleeps == 2);

    *stop.lock().unwrap() = true;
    reactor.unpark(Seat(0));
    leader.join().unwrap();
    let mut readable = fd.readable();
    assert!(poll_once(&mut readable, &probe).is_pending());
    peer.write_all(b"x").unwrap();
    follower.join().unwrap();
    drop(readable);
    assert_eq!(fd.get_mut().read(&mut [0; 8]).unwrap(), 1);
}

/// As `worker`, and gives how many events came.
fn delivering(reactor: &Reactor, seat: Seat, stop: &Arc<Mutex<bool>>) -> thread::JoinHandle<usize> {
    let (reactor, stop) = (reactor.clone(), stop.clone());
    thread::spawn(move || {
        reactor.attach(seat);
        let mut events = 0;
        while !*stop.lock().unwrap() {
            events += reactor.park(seat, None, 8);
        }
        reactor.detach(seat);
        events
    })
}

#[test]
fn a_guest_leaves_the_poller_to_a_worker_after_the_first_event_for_it() {
    const EVENTS: usize = 20;
    let (worker, guest) = (Seat(0), Seat(1));
    let reactor = Reactor::builder().seats(2).guests(1).build().unwrap();
    let _here = reactor.enter();
    let (fd, mut peer) = pair();
    assert_eq!(reactor.poll(Seat::SHARED, 8), 1, "it is writable");

    let stop = Arc::new(Mutex::new(false));
    let guests = delivering(&reactor, guest, &stop);
    eventually(|| reactor.parts.seats.leader() == Some(guest));
    let workers = delivering(&reactor, worker, &stop);
    eventually(|| reactor.metrics().sleeps == 2);
    let (woken, waker) = {
        let (woken, reactor) = (Arc::new(Probe::default()), reactor.clone());
        (woken.clone(), Waker::from(Arc::new(Unparks { reactor, seat: worker, woken })))
    };
    for event in 1..=EVENTS {
        assert!(fd.poll_read_ready(&mut Context::from_waker(&waker)).is_pending());
        peer.write_all(b"x").unwrap();
        eventually(|| woken.wakes() == event);
        eventually(|| reactor.parts.seats.leader() == Some(worker));
        let read = |mut it: &UnixStream| it.read(&mut [0; 8]);
        assert_eq!(fd.try_io(Interest::READABLE, read).unwrap(), 1);
        assert!(fd.try_io(Interest::READABLE, read).is_err(), "clears the readiness");
    }
    *stop.lock().unwrap() = true;
    reactor.unpark(worker);
    reactor.unpark(guest);
    assert_eq!((guests.join().unwrap(), workers.join().unwrap()), (1, EVENTS - 1));
}

/// What the waker of a task does that lives on a seat.
struct Unparks {
    reactor: Reactor,
    seat: Seat,
    woken: Arc<Probe>,
}

impl Wake for Unparks {
    fn wake(self: Arc<Self>) {
        self.reactor.unpark(self.seat);
        self.woken.clone().wake();
    }
}

#[test]
fn nobody_counts_on_a_worker_that_sits_elsewhere() {
    // A worker's thread that comes as a guest, too: nobody is on its other seat.
    let reactor = Reactor::builder().seats(2).guests(1).build().unwrap();
    let (worker, guest) = (Seat(0), Seat(1));
    reactor.attach(worker);
    assert!(!reactor.parts.seats.lead(guest));
    reactor.attach(guest);
    assert!(reactor.parts.seats.lead(guest));
    reactor.parts.seats.resign(guest);
    reactor.detach(guest);
    assert!(!reactor.parts.seats.lead(guest), "the worker is back");
    reactor.detach(worker);
    assert!(reactor.parts.seats.lead(guest));
    reactor.parts.seats.resign(guest);
}

#[test]
fn a_future_that_never_sleeps_is_told_of_events() {
    let reactor = real(1);
    let _here = reactor.enter();
    let (fd, mut peer) = pair();
    peer.write_all(b"x").unwrap();
    let mut readable = Box::pin(fd.readable());
    let mut polls = 0;
    let is_ready = reactor.block_on(poll_fn(|cx| {
        polls += 1;
        cx.waker().wake_by_ref();
        match readable.as_mut().poll(cx) {
            Poll::Pending if polls < 10_000 => Poll::Pending,
            polled => Poll::Ready(polled.is_ready()),
        }
    }));
    assert!(is_ready, "not after {polls} polls");
}

#[test]
fn a_timer_that_nobody_sleeps_for_is_told() {
    let reactor = real(1);
    let told = Arc::new(Probe::default());
    let theirs = told.clone();
    reactor.set_alarm(move || {
        // User code: nothing of the reactor's is borrowed or locked.
        drop(Reactor::current().enter());
        theirs.clone().wake();
    });
    let _here = reactor.enter();
    let probe = Arc::new(Probe::default());
    let mut sleeps = [3, 2, 4].map(|hours| time::sleep(hours * HOUR));
    for sleep in &mut sleeps {
        assert!(poll_once(sleep, &probe).is_pending());
    }
    assert_eq!(told.wakes(), 2, "of those that came first");
    let deadline = time::Instant::now() + HOUR;
    Pin::new(&mut sleeps[2]).reset(deadline);
    assert_eq!(told.wakes(), 3, "a reset can come first, too");
}

#[test]
fn a_timer_on_the_shared_seat_wakes_whoever_sleeps_for_longer() {
    let reactor = real(1);
    let probe = Arc::new(Probe::default());
    let mine = probe.clone();
    let leader = worker(&reactor, Seat(0), move || mine.wakes() == 0);
    eventually(|| reactor.metrics().sleeps == 1);
    let guest = reactor.enter();
    let mut sleep = Box::pin(time::sleep(Duration::from_millis(1)));
    assert!(poll_once(&mut sleep, &probe).is_pending());
    leader.join().unwrap();
    drop(guest);
}

#[test]
fn timers_left_behind_on_a_seat_are_looked_after() {
    let (reactor, _) = paused(2);
    let probe = Arc::new(Probe::default());
    reactor.attach(Seat(1));
    let mut sleep = Box::pin(time::sleep(HOUR));
    assert!(poll_once(&mut sleep, &probe).is_pending());
    reactor.detach(Seat(1));
    reactor.parts.clock.advance(HOUR);
    assert_eq!(reactor.poll(Seat(0), 8), 1);
    assert_eq!(probe.wakes(), 1);
    reactor.attach(Seat(1));
    assert!(reactor.parts.orphans.is_empty());
    reactor.detach(Seat(1));
}

#[test]
fn a_paused_clock_jumps_when_all_wait() {
    let (reactor, script) = paused(1);
    let start = reactor.now();
    reactor.block_on(async {
        time::sleep(HOUR).await;
        time::sleep(HOUR).await;
    });
    assert_eq!(reactor.now() - start, 2 * HOUR);
    assert!(script.take_sleeps().is_empty());
}

#[test]
fn a_paused_clock_that_does_not_jump_waits_for_a_hand() {
    let (reactor, script) = paused(2);
    reactor.set_auto_advance(AutoAdvance::Off);
    let sleeper = {
        let reactor = reactor.clone();
        thread::spawn(move || reactor.block_on_seat(Seat(1), async { time::sleep(HOUR).await }))
    };
    eventually(|| reactor.next_deadline(Seat(1)).is_some());
    assert!(!reactor.advance_idle());
    reactor.advance(HOUR);
    sleeper.join().unwrap();
    assert!(script.take_sleeps().iter().all(|nap| !matches!(nap, Nap::For(_))));
}

#[test]
fn a_clock_that_goes_on_is_noticed_by_sleepers() {
    let (reactor, _) = paused(1);
    reactor.set_auto_advance(AutoAdvance::Off);
    let sleeper = {
        let reactor = reactor.clone();
        thread::spawn(move || {
            reactor.block_on(async { time::sleep(Duration::from_millis(1)).await })
        })
    };
    eventually(|| reactor.next_deadline(Seat(0)).is_some());
    reactor.resume();
    sleeper.join().unwrap();
}

#[test]
fn deadlines_of_any_kind_can_be_parked_for() {
    let reactor = real(2);
    reactor.attach(Seat(0));
    let now = reactor.now();
    let past = now.checked_sub(Duration::from_millis(1)).unwrap_or(now);
    assert_eq!(reactor.park(Seat(0), Some(past), 8), 0);
    assert_eq!(reactor.park(Seat(0), Some(now), 0), 0);
    let far = (0..63).rev().find_map(|n| now.checked_add(Duration::from_secs(1 << n))).unwrap();
    reactor.unpark(Seat(0));
    reactor.park(Seat(0), Some(far), usize::MAX);
    // As a follower, too.
    assert!(reactor.parts.seats.lead(Seat(1)));
    assert_eq!(reactor.park(Seat(0), Some(past), 8), 0);
    let soon = reactor.now() + Duration::from_micros(50);
    while reactor.now() < soon {
        reactor.park(Seat(0), Some(soon), 8);
    }
    reactor.parts.seats.resign(Seat(1));
    reactor.detach(Seat(0));
}

#[test]
fn short_sleeps_are_short() {
    let reactor = real(1);
    let least = (0..20).map(|_| {
        let start = reactor.now();
        reactor.block_on(time::sleep(Duration::from_micros(100)));
        reactor.now() - start
    });
    let least = least.min().unwrap();
    assert!(Duration::from_micros(100) <= least, "{least:?}");
    assert!(least < Duration::from_micros(900), "{least:?}");
}

#[test]
fn a_harvest_keeps_to_its_limit() {
    let reactor = real(1);
    let _here = reactor.enter();
    let pairs: Vec<_> = (0..20).map(|_| pair()).collect();
    let probe = Arc::new(Probe::default());
    let mut waits: Vec<_> = pairs.iter().map(|(fd, _)| fd.writable()).collect();
    assert!(waits.iter_mut().all(|wait| poll_once(wait, &probe).is_pending()));
    let mut total = 0;
    while total < 20 {
        let count = reactor.poll(Seat(0), 5);
        assert!(0 < count && count <= 5);
        total += count;
        assert_eq!(probe.wakes(), total);
    }
    let metrics = reactor.metrics();
    assert_eq!((metrics.events, metrics.wakes, metrics.sources), (20, 20, 20));
}

#[test]
fn a_panicking_waker_leaves_a_working_reactor() {
    let (reactor, script) = paused(1);
    let _here = reactor.enter();
    let (fd, other) = (pair().0, pair().0);
    let hostile = Arc::new(Probe { panics: true, ..Probe::default() });
    let friend = Arc::new(Probe::default());
    let (mut first, mut second) = (fd.readable(), other.readable());
    assert!(poll_once(&mut first, &hostile).is_pending());
    assert!(poll_once(&mut second, &friend).is_pending());
    for it in [&fd, &other] {
        script.inject(std::os::fd::AsRawFd::as_raw_fd(it), Ready::READABLE);
    }
    reactor.attach(Seat(0));
    let park = panic::catch_unwind(AssertUnwindSafe(|| reactor.park(Seat(0), None, 8)));
    assert!(park.is_err());
    assert_eq!((hostile.wakes(), friend.wakes()), (1, 1));
    assert_eq!(reactor.parts.seats.leader(), None);
    reactor.unpark(Seat(0));
    reactor.park(Seat(0), None, 8);
    reactor.detach(Seat(0));
}

#[test]
fn a_stale_event_of_the_kernel_wakes_nobody() {
    let (reactor, script) = paused(1);
    let _here = reactor.enter();
    let fd = pair().0;
    let raw = std::os::fd::AsRawFd::as_raw_fd(&fd);
    let stale = script.token(raw).unwrap();
    let io = fd.into_inner();
    assert!(script.registered().is_empty());
    // The same descriptor, and the event of its last life in the same batch.
    let fd = AsyncFd::new(io).unwrap();
    let probe = Arc::new(Probe::default());
    let mut readable = fd.readable();
    assert!(poll_once(&mut readable, &probe).is_pending());
    script.inject_token(stale, Ready::READABLE);
    reactor.poll(Seat(0), 8);
    assert_eq!((probe.wakes(), reactor.metrics().events_stale), (0, 1));
    assert!(poll_once(&mut readable, &probe).is_pending());
}

#[test]
fn spurious_readiness_is_seen_through() {
    let (reactor, script) = paused(1);
    let _here = reactor.enter();
    let (fd, mut peer) = pair();
    let raw = std::os::fd::AsRawFd::as_raw_fd(&fd);
    let probe = Arc::new(Probe::default());
    let mut read = fd.async_io(Interest::READABLE, |mut io| io.read(&mut [0; 8]));
    assert!(poll_once(&mut read, &probe).is_pending());
    for ready in [Ready::READABLE, Ready::READ_CLOSED, Ready::ERROR, Ready::ALL] {
        script.inject(raw, ready);
        reactor.poll(Seat(0), 8);
        assert!(poll_once(&mut read, &probe).is_pending());
    }
    peer.write_all(b"x").unwrap();
    script.inject(raw, Ready::READABLE);
    reactor.poll(Seat(0), 8);
    assert!(matches!(poll_once(&mut read, &probe), Poll::Ready(Ok(1))));
}

#[test]
fn the_end_reaches_everybody_who_waits() {
    let reactor = real(1);
    let closer = reactor.clone();
    let error = reactor.block_on(async move {
        let (fd, _peer) = pair();
        let mut closer = Some(closer);
        let mut readable = fd.readable();
        poll_fn(move |cx| {
            let poll = Pin::new(&mut readable).poll(cx).map_ok(drop);
            if let Some(closer) = closer.take() {
                assert!(poll.is_pending());
                thread::spawn(move || closer.close());
            }
            poll
        })
        .await
        .unwrap_err()
    });
    assert!(ShuttingDown::is_cause_of(&error));
    // Timers and sleeps go on.
    reactor.block_on(time::sleep(Duration::from_millis(1)));
}

#[test]
fn contexts_nest_and_end_in_any_order() {
    let (outer, inner) = (real(1), real(1));
    let first = outer.enter();
    let second = inner.enter();
    assert!(Reactor::current().is_same(&inner));
    outer.block_on(async { assert!(Reactor::current().is_same(&outer)) });
    assert!(Reactor::current().is_same(&inner));
    drop(first);
    assert!(Reactor::current().is_same(&inner));
    drop(second);
    assert!(Reactor::try_current().is_none());
}

#[test]
fn outside_a_reactor_the_panic_names_the_call() {
    let panic = panic::catch_unwind(|| AsyncFd::new(UnixStream::pair().unwrap().0)).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("reactor/src/reactor/tests.rs"), "{message}");
    assert!(message.contains("there is no reactor on this thread"), "{message}");
    assert!(message.contains("`Handle::enter()`"), "{message}");
}

#[test]
fn many_threads_share_one_poller() {
    const SEATS: u32 = 4;
    let reactor = real(SEATS as usize);
    let threads: Vec<_> = (0..SEATS)
        .map(|index| {
            let reactor = reactor.clone();
            thread::spawn(move || reactor.block_on_seat(Seat(index), ping_pong(500)))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap().unwrap();
    }
    assert_eq!(reactor.metrics().sources, 0);
}

/// One byte to and fro, over a thread that knows no reactor.
async fn ping_pong(rounds: usize) -> io::Result<()> {
    let (fd, mut peer) = pair();
    let echo = thread::spawn(move || {
        let mut byte = [0];
        while peer.read(&mut byte).is_ok_and(|count| count == 1) {
            peer.write_all(&byte).unwrap();
        }
    });
    for _ in 0..rounds {
        fd.async_io(Interest::WRITABLE, |mut io| io.write(b"x")).await?;
        let count = fd.async_io(Interest::READABLE, |mut io| io.read(&mut [0; 1])).await?;
        assert_eq!(count, 1);
    }
    drop(fd);
    echo.join().unwrap();
    Ok(())
}
