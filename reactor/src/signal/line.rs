//! How does a signal get from its handler to those who listen?
//!
//! A handler runs in the middle of anything, so it may do next to nothing: it adds to
//! a count and writes one byte to a socket. Each listener has a descriptor of that
//! socket's other end, registered with the reactor of its runtime. Nobody reads the
//! byte: every write is an edge for every registration, so the kernel tells all
//! listeners of all runtimes, whether or not the others are running.
//!
//! ```text
//!    handler ──▶ count + 1
//!       └──────▶ socket ──┬──▶ reactor A ──▶ listener: has the count changed?
//!                         └──▶ reactor B ──▶ listener
//! ```
//!
//! The count tells a listener what is news to it: an edge may be one of a signal
//! that came before it was made, or of another process after a fork. When the socket
//! is full the handler itself reads some of it away.
//!
//! The descriptors of a line are never closed, since its handler may still be
//! running on some thread when the last listener has gone.
//!
//! # Rejected
//!
//! * `signal-hook-registry`: its handlers cannot be taken away again.
//! * `signalfd`: the signal must be blocked in every thread of the process.
//! * One socket for all signals, with their numbers as bytes: a storm of one signal
//!   fills it, and another is lost.
//! * Calling the handler that was there before ours: two libraries that do so and
//!   come and go call each other for ever.

use super::{
    disposition::{Disposition, keeping_errno},
    kind::{KINDS_MAX, SignalKind},
};
use libc::c_int;
use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    sync::OnceLock,
};
use sync::shim::{
    Lock,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

static LINES: OnceLock<Box<[Line]>> = OnceLock::new();

/// All that is known of one signal.
#[derive(Debug)]
pub(super) struct Line {
    /// How often it came.
    count: AtomicUsize,
    /// Made for the first listener.
    channel: OnceLock<Channel>,
    listeners: Lock<Listeners>,
}

#[derive(Debug)]
struct Channel {
    writer: UnixStream,
    reader: UnixStream,
}

#[derive(Debug, Default)]
struct Listeners {
    count: usize,
    /// `Some` while there are any.
    before: Option<Disposition>,
}

impl Line {
    /// The line of a signal that can be heard.
    pub(super) fn of(kind: SignalKind) -> io::Result<&'static Self> {
        kind.check()?;
        let index = kind.index().ok_or(io::ErrorKind::InvalidInput)?;
        Ok(&LINES.get_or_init(|| (0..KINDS_MAX).map(|_| Self::new()).collect())[index])
    }

    fn new() -> Self {
        Self {
            count: AtomicUsize::new(0),
            channel: OnceLock::new(),
            listeners: Lock::new(Listeners::default()),
        }
    }

    /// How often the signal came while anybody listened.
    pub(super) fn count(&self) -> usize {
        // Relaxed: the handler counts before it writes, and the locks of the kernel
        // order both before the event that makes a listener look.
        self.count.load(Relaxed)
    }

    /// One more listener: the descriptor it is told by.
    pub(super) fn join(&self, kind: SignalKind) -> io::Result<UnixStream> {
        let mut listeners = self.listeners.lock();
        let channel = match self.channel.get() {
            Some(channel) => channel,
            None => {
                let made = Channel::new()?;
                // Under the lock: nobody else does so.
                self.channel.get_or_init(|| made)
            }
        };
        let ear = channel.reader.try_clone()?;
        if listeners.count == 0 {
            listeners.before = Some(Disposition::replace(kind, on_signal)?);
        }
        listeners.count += 1;
        Ok(ear)
    }

    /// One listener less. The last restores what was done before.
    pub(super) fn leave(&self, kind: SignalKind) {
        let mut listeners = self.listeners.lock();
        listeners.count -= 1;
        if listeners.count == 0
            && let Some(before) = listeners.before.take()
        {
            before.put_back(kind);
        }
    }

    /// Called by the handler: nothing but system calls and memory that is there.
    fn ring(&self) {
        // Relaxed: see `count`.
        self.count.fetch_add(1, Relaxed);
        let Some(Channel { writer, reader }) = self.channel.get() else { return };
        let (mut writer, mut reader) = (writer, reader);
        while let Err(error) = writer.write(&[0]) {
            match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock => {
                    let _ = reader.read(&mut [0; 256]);
                }
                // A fork may have closed all descriptors but its own.
                _ => return,
            }
        }
    }
}

impl Channel {
    fn new() -> io::Result<Self> {
        let (writer, reader) = UnixStream::pair()?;
        writer.set_nonblocking(true)?;
        reader.set_nonblocking(true)?;
        Ok(Self { writer, reader })
    }
}

/// What the system calls.
extern "C" fn on_signal(number: c_int) {
    keeping_errno(|| {
        let index = SignalKind::from_raw(number).index();
        let line = index.and_then(|index| LINES.get()?.get(index));
        if let Some(line) = line {
            line.ring();
        }
    });
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_full_socket_still_makes_an_edge() {
        let line = Line::new();
        line.channel.get_or_init(|| Channel::new().unwrap());
        for _ in 0..100_000 {
            line.ring();
        }
        assert_eq!(line.count(), 100_000);
        let mut reader = &line.channel.get().unwrap().reader;
        assert!(reader.read(&mut [0; 8]).unwrap() > 0);
    }
}
