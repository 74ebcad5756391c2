//! The operating system's readiness queue, through mio.
//!
//! mio rounds every timeout up to whole milliseconds. So a sleep that ends soon
//! ends by a timerfd in the poll set, and a longer one comes in two steps: whole
//! milliseconds that end early, then, when called again, the timerfd. It is armed
//! only then: 0.4 µs are nothing to a sleep, but much to each of the many that
//! end for another reason. It overshoots by 23 µs at the median, where mio's own
//! timeout overshoots by 985.
//!
//! # Rejected
//!
//! * `epoll_pwait2` on mio's descriptor: as precise only with minimal timer
//!   slack, needs its own event buffer and unsafe code, and a recent kernel.
//! * Spinning for the rest: precise, and a CPU burnt.

use super::{Nap, Poller, Token};
use crate::readiness::{Interest, Ready};
use mio::{event::Event, unix::SourceFd};
use std::{
    io,
    os::fd::{AsFd, BorrowedFd, RawFd},
    time::Duration,
};
use sync::shim::Lock;

#[cfg(target_os = "linux")]
use super::timerfd::TimerFd;

/// Sleeps shorter than this end by the timerfd.
const PRECISE_MAX: Duration = Duration::from_millis(2);

/// How much earlier the first step of a longer sleep ends.
const EARLY: Duration = Duration::from_millis(1);

/// log₂ of the most events one turn takes.
const EVENTS_MAX_LOG2: u32 = 10;

/// mio's queue, its wake-up and the timer.
#[derive(Debug)]
pub(crate) struct System {
    registry: mio::Registry,
    waker: mio::Waker,
    #[cfg(target_os = "linux")]
    timer: TimerFd,
    inside: Lock<Inside>,
}

/// What only the thread inside may touch.
#[derive(Debug)]
struct Inside {
    poll: mio::Poll,
    /// The buffer for 2ⁿ events at index n: mio takes as many as fit in, so the
    /// size of the buffer is the limit of the turn.
    buffers: [Option<mio::Events>; EVENTS_MAX_LOG2 as usize + 1],
}

impl System {
    pub(crate) fn new() -> io::Result<Self> {
        let poll = mio::Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let waker = mio::Waker::new(&registry, mio::Token(Token::WAKE.0))?;
        #[cfg(target_os = "linux")]
        let timer = {
            use std::os::fd::AsRawFd;
            let timer = TimerFd::new()?;
            let token = mio::Token(Token::TIMER.0);
            registry.register(&mut SourceFd(&timer.as_raw_fd()), token, mio::Interest::READABLE)?;
            timer
        };
        let inside = Lock::new(Inside { poll, buffers: Default::default() });
        Ok(Self {
            registry,
            waker,
            #[cfg(target_os = "linux")]
            timer,
            inside,
        })
    }

    /// What to ask of mio so that the sleep ends when it should, or earlier.
    fn timeout(&self, sleep: Nap) -> Option<Duration> {
        match sleep {
            Nap::No => Some(Duration::ZERO),
            Nap::Forever => None,
            Nap::For(left) if left.is_zero() => Some(Duration::ZERO),
            Nap::For(left) if left < PRECISE_MAX => match self.arm(left) {
                Ok(()) => None,
                // No timer: mio's own resolution is better than none.
                Err(_) => Some(left),
            },
            // Whole milliseconds, or mio would round up what we took off.
            Nap::For(left) => Some(whole_millis(left - EARLY)),
        }
    }

    #[cfg(target_os = "linux")]
    fn arm(&self, left: Duration) -> io::Result<()> {
        self.timer.arm(left)
    }

    #[cfg(not(target_os = "linux"))]
    fn arm(&self, _left: Duration) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Rounded down; what is too long for the kernel becomes a day.
fn whole_millis(duration: Duration) -> Duration {
    const DAY_MS: u128 = 24 * 60 * 60 * 1000;
    // At most a day: fits.
    Duration::from_millis(duration.as_millis().min(DAY_MS) as u64)
}

impl Poller for System {
    fn register(&self, fd: RawFd, token: Token, interest: Interest) -> io::Result<()> {
        debug_assert!(!token.is_reserved(), "{token:?} is the poller's own");
        self.registry.register(&mut SourceFd(&fd), mio::Token(token.0), to_mio(interest))
    }

    fn deregister(&self, fd: RawFd) -> io::Result<()> {
        self.registry.deregister(&mut SourceFd(&fd))
    }

    fn wake(&self) {
        // An eventfd: fails only if its counter is full, and then it wakes.
        let _ = self.waker.wake();
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.registry.as_fd())
    }

    fn turn(
        &self,
        sleep: Nap,
        may_sleep: &dyn Fn() -> bool,
        max: usize,
        deliver: &mut dyn FnMut(Token, Ready),
    ) -> io::Result<usize> {
        let guard = match sleep {
            Nap::No => self.inside.try_lock(),
            // Only one thread sleeps here; the others stay for a moment.
            Nap::For(_) | Nap::Forever => Some(self.inside.lock()),
        };
        let Some(mut guard) = guard else { return Ok(0) };
        // A thread that only looked may have gathered the event of a wake that came
        // since our caller fell asleep; one that comes from here on is ours.
        let sleep = if may_sleep() { sleep } else { Nap::No };
        let Inside { poll, buffers } = &mut *guard;
        let size = max.max(1).ilog2().min(EVENTS_MAX_LOG2);
        let events =
            buffers[size as usize].get_or_insert_with(|| mio::Events::with_capacity(1 << size));
        match poll.poll(events, self.timeout(sleep)) {
            Ok(()) => {}
            // A signal: as if nothing had come.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(0),
            Err(error) => return Err(error),
        }
        let mut count = 0;
        for event in events.iter() {
            let token = Token(event.token().0);
            if !token.is_reserved() {
                deliver(token, from_mio(event));
                count += 1;
            }
        }
        Ok(count)
    }
}

fn to_mio(interest: Interest) -> mio::Interest {
    let mut wanted = None;
    let mut add = |it: mio::Interest| wanted = Some(wanted.map_or(it, |so_far| it | so_far));
    if interest.is_readable() {
        add(mio::Interest::READABLE);
    }
    if interest.is_writable() {
        add(mio::Interest::WRITABLE);
    }
    #[cfg(target_os = "linux")]
    if interest.is_priority() {
        add(mio::Interest::PRIORITY);
    }
    wanted.unwrap_or(mio::Interest::READABLE)
}

fn from_mio(event: &Event) -> Ready {
    let bits = [
        (event.is_readable(), Ready::READABLE),
        (event.is_writable(), Ready::WRITABLE),
        (event.is_read_closed(), Ready::READ_CLOSED),
        (event.is_write_closed(), Ready::WRITE_CLOSED),
        (event.is_priority(), Ready::PRIORITY),
        // Whoever tries next is told which error it was.
        (event.is_error(), Ready::ERROR | Ready::READABLE | Ready::WRITABLE),
    ];
    bits.into_iter().filter(|(is_set, _)| *is_set).fold(Ready::EMPTY, |ready, (_, bit)| ready | bit)
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::{io::Write, os::fd::AsRawFd, os::unix::net::UnixStream};
    use sync::shim;

    fn turn(system: &System, sleep: Nap, max: usize) -> Vec<(Token, Ready)> {
        let mut events = vec![];
        let count = system
            .turn(sleep, &|| true, max, &mut |token, ready| events.push((token, ready)))
            .unwrap();
        assert_eq!(count, events.len());
        events
    }

    #[test]
    fn an_edge_is_delivered_once() {
        let system = System::new().unwrap();
        let (mine, mut theirs) = UnixStream::pair().unwrap();
        system.register(mine.as_raw_fd(), Token(7), Interest::READABLE).unwrap();
        assert!(turn(&system, Nap::No, 8).is_empty());
        theirs.write_all(b"x").unwrap();
        assert_eq!(turn(&system, Nap::Forever, 8), [(Token(7), Ready::READABLE)]);
        assert!(turn(&system, Nap::No, 8).is_empty());
    }

    #[test]
    fn no_turn_delivers_more_than_its_limit() {
        let system = System::new().unwrap();
        let pairs: Vec<_> = (0..10).map(|_| UnixStream::pair().unwrap()).collect();
        for (index, (mine, _)) in pairs.iter().enumerate() {
            system.register(mine.as_raw_fd(), Token(index), Interest::BOTH).unwrap();
        }
        let mut seen = vec![];
        while seen.len() < 10 {
            let events = turn(&system, Nap::No, 3);
            assert!(!events.is_empty() && events.len() <= 3);
            seen.extend(events.into_iter().map(|(token, _)| token));
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 10);
    }

    #[test]
    fn a_wake_before_the_sleep_ends_it() {
        let system = System::new().unwrap();
        system.wake();
        assert!(turn(&system, Nap::Forever, 8).is_empty());
    }

    #[test]
    fn sleeps_of_any_length_can_be_asked_for() {
        let system = System::new().unwrap();
        let odd = [0, 1, i32::MAX as u64, u64::MAX].map(Duration::from_millis);
        for duration in odd.into_iter().chain([Duration::from_nanos(1), Duration::MAX]) {
            system.wake();
            turn(&system, Nap::For(duration), 8);
        }
    }

    #[test]
    fn a_short_sleep_does_not_wait_for_the_next_millisecond() {
        let system = System::new().unwrap();
        let short = Duration::from_micros(100);
        let shortest = (0..20)
            .map(|_| {
                let start = shim::now();
                turn(&system, Nap::For(short), 8);
                start.elapsed()
            })
            .min();
        assert!(short <= shortest.unwrap() && shortest.unwrap() < Duration::from_micros(900));
    }
}
